//! [`Pictures`]: files of pictures in a folder for each class.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use autograd::{Float, Tensor};
use png::{ColorType, Transformations};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::dataset::Dataset;
use crate::error::{Error, Result, damaged, list, room};

/// Pictures (PNG or JPEG) in folders that are named after their classes, with the feature `images`.
///
/// The folders are listed at once, in the order of their names; pictures are read when they are asked for. They have the
/// shape (channels, height, width) and values from 0 to 1.
///
/// ```
/// use mlp::{Pictures, Splitter, Stream};
/// # let folder = tempfile::tempdir().unwrap();
/// # for (i, class) in ["cat", "cat", "cow", "cow"].iter().enumerate() {
/// #     std::fs::create_dir_all(folder.path().join(class)).unwrap();
/// #     let mut encoder = png::Encoder::new(std::fs::File::create(folder.path().join(format!("{class}/{i}.png"))).unwrap(), 2, 1);
/// #     encoder.set_color(png::ColorType::Grayscale);
/// #     encoder.write_header().unwrap().write_image_data(&[0, 51 * i as u8]).unwrap();
/// # }
/// let pictures = Pictures::grey(folder.path())?;
/// assert_eq!(pictures.classes(), ["cat", "cow"]);
/// let split = Splitter::stratified(pictures.labels(), 7).split(0.5)?;
/// let held_out = pictures.dataset::<f64>(&split.held_out)?;
/// assert_eq!(held_out.inputs().shape(), &[2, 1, 1, 2].into());
/// // A few at a time, where memory does not hold them all.
/// for batch in Stream::batches(pictures.datasets::<f32>(&split.train, 100), 32).shuffle(1000, 0) {
///     assert_eq!(batch?.len(), 2);
/// }
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pictures {
    files: Vec<PathBuf>,
    labels: Vec<usize>,
    classes: Vec<String>,
    channels: usize,
}

/// More pixels than any picture of a data set: a damaged file may claim any number.
const MOST: usize = 1 << 26;

impl Pictures {
    /// Lists a folder, for pictures of one channel: colours become their luminance, 0.299 r + 0.587 g + 0.114 b
    /// ([BT.601](https://www.itu.int/rec/R-REC-BT.601)).
    ///
    /// ```
    /// let error = mlp::Pictures::grey("no/such/folder").unwrap_err();
    /// assert!(error.to_string().starts_with("no/such/folder: "));
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if a folder cannot be listed; [`Error::File`] for what is neither a folder of a class nor a picture in
    /// one, and for names that are not UTF-8; [`Error::Empty`] for a class without pictures, or no classes. Hidden files are
    /// passed over.
    pub fn grey(folder: impl AsRef<Path>) -> Result<Self> {
        Self::list(folder.as_ref(), 1)
    }

    /// Lists a folder, for pictures of the three channels red, green and blue.
    ///
    /// ```
    /// let error = mlp::Pictures::rgb("no/such/folder").unwrap_err();
    /// assert!(error.to_string().starts_with("no/such/folder: "));
    /// ```
    ///
    /// # Errors
    /// As [`grey`](Self::grey).
    pub fn rgb(folder: impl AsRef<Path>) -> Result<Self> {
        Self::list(folder.as_ref(), 3)
    }

    /// Numbers the classes as another folder does, usually that of the training.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # for class in ["cat", "cow"] {
    /// #     std::fs::create_dir(folder.path().join(class)).unwrap();
    /// #     let mut encoder = png::Encoder::new(std::fs::File::create(folder.path().join(class).join("1.png")).unwrap(), 2, 1);
    /// #     encoder.set_color(png::ColorType::Grayscale);
    /// #     encoder.write_header().unwrap().write_image_data(&[0, 255]).unwrap();
    /// # }
    /// let pictures = mlp::Pictures::grey(folder.path())?;
    /// assert_eq!(pictures.known_classes(&["cow".into(), "cat".into()])?.labels(), [1, 0]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if a class of this folder is not among `classes`, or one is named twice.
    pub fn known_classes(self, classes: &[String]) -> Result<Self> {
        if let Some((i, class)) = classes.iter().enumerate().find(|(i, class)| classes[..*i].contains(class)) {
            return Err(Error::invalid(
                "classes",
                format!("class {i}, `{class}`, is given twice; give each class once"),
            ));
        }
        let place = |class: &String| {
            classes.iter().position(|known| known == class).ok_or_else(|| {
                let why = format!("`{class}` is none of the classes {}; remove its folder", list(classes));
                Error::invalid("classes", why)
            })
        };
        let places: Vec<usize> = self.classes.iter().map(place).collect::<Result<_>>()?;
        let labels = self.labels.iter().map(|&label| places[label]).collect();
        Ok(Pictures { labels, classes: classes.to_vec(), ..self })
    }

    /// The classes, in the order of their indices.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # for class in ["cat", "cow"] {
    /// #     std::fs::create_dir(folder.path().join(class)).unwrap();
    /// #     let mut encoder = png::Encoder::new(std::fs::File::create(folder.path().join(class).join("1.png")).unwrap(), 2, 1);
    /// #     encoder.set_color(png::ColorType::Grayscale);
    /// #     encoder.write_header().unwrap().write_image_data(&[0, 255]).unwrap();
    /// # }
    /// let pictures = mlp::Pictures::grey(folder.path())?;
    /// assert_eq!(pictures.classes(), ["cat", "cow"]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The class of each picture, for a [`Splitter`](crate::Splitter).
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # for class in ["cat", "cow"] {
    /// #     std::fs::create_dir(folder.path().join(class)).unwrap();
    /// #     let mut encoder = png::Encoder::new(std::fs::File::create(folder.path().join(class).join("1.png")).unwrap(), 2, 1);
    /// #     encoder.set_color(png::ColorType::Grayscale);
    /// #     encoder.write_header().unwrap().write_image_data(&[0, 255]).unwrap();
    /// # }
    /// let pictures = mlp::Pictures::grey(folder.path())?;
    /// assert_eq!(pictures.labels(), [0, 1]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The file of each picture.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # for class in ["cat", "cow"] {
    /// #     std::fs::create_dir(folder.path().join(class)).unwrap();
    /// #     let mut encoder = png::Encoder::new(std::fs::File::create(folder.path().join(class).join("1.png")).unwrap(), 2, 1);
    /// #     encoder.set_color(png::ColorType::Grayscale);
    /// #     encoder.write_header().unwrap().write_image_data(&[0, 255]).unwrap();
    /// # }
    /// let pictures = mlp::Pictures::grey(folder.path())?;
    /// assert!(pictures.files()[1].ends_with("cow/1.png"));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Reads pictures by index, in the given order: inputs of shape (samples, channels, height, width), and their classes.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # for class in ["cat", "cow"] {
    /// #     std::fs::create_dir(folder.path().join(class)).unwrap();
    /// #     let mut encoder = png::Encoder::new(std::fs::File::create(folder.path().join(class).join("1.png")).unwrap(), 2, 1);
    /// #     encoder.set_color(png::ColorType::Grayscale);
    /// #     encoder.write_header().unwrap().write_image_data(&[0, 255]).unwrap();
    /// # }
    /// let pictures = mlp::Pictures::grey(folder.path())?;
    /// assert_eq!(pictures.dataset::<f64>(&[1])?.inputs().to_vec(), [0.0, 1.0]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read; [`Error::File`] if it is no PNG or JPEG, is damaged, has transparent pixels,
    /// or another size than the first; [`Error::Empty`] without indices; [`Error::Invalid`] if a picture does not exist.
    pub fn dataset<T: Float>(&self, pictures: &[usize]) -> Result<Dataset<T>> {
        if pictures.is_empty() {
            return Err(Error::Empty { what: "pictures".to_string() });
        }
        let (mut values, mut first): (Vec<T>, Option<Size>) = (Vec::new(), None);
        for (i, &picture) in pictures.iter().enumerate() {
            let Some(path) = self.files.get(picture) else {
                let why = format!("picture {picture} does not exist; there are {}", self.files.len());
                return Err(Error::invalid("pictures", why));
            };
            let bytes = fs::read(path).map_err(Error::io(path))?;
            let check = |size: Size| match first {
                Some(first) if size != first => Err(format!(
                    "it has {size} pixels, unlike {}, which has {first}; bring all to one size",
                    self.files[pictures[0]].display()
                )),
                _ => Ok(()),
            };
            let decoded = decode(&bytes, self.channels, check);
            let (size, pixels) = decoded.map_err(|problem| Error::File { path: path.clone(), problem })?;
            if i == 0 {
                let shape = [pictures.len(), self.channels, size.height, size.width];
                values.reserve_exact(room("pictures", &shape)?);
                first = Some(size);
            }
            // Pixel by pixel becomes channel by channel.
            for channel in 0..self.channels {
                let channel = pixels[channel..].iter().step_by(self.channels);
                values.extend(channel.map(|&value| T::from_f64(f64::from(value) / 255.0)));
            }
        }
        let size = first.unwrap_or(Size { width: 0, height: 0 });
        let inputs = Tensor::try_new([pictures.len(), self.channels, size.height, size.width], values)?;
        Dataset::new(inputs, pictures.iter().map(|&picture| self.labels[picture]).collect::<Vec<_>>())
    }

    /// Reads pictures by index, `size` at a time, for a [`Stream`](crate::Stream); an error is an item of the iterator.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # for class in ["cat", "cow"] {
    /// #     std::fs::create_dir(folder.path().join(class)).unwrap();
    /// #     let mut encoder = png::Encoder::new(std::fs::File::create(folder.path().join(class).join("1.png")).unwrap(), 2, 1);
    /// #     encoder.set_color(png::ColorType::Grayscale);
    /// #     encoder.write_header().unwrap().write_image_data(&[0, 255]).unwrap();
    /// # }
    /// let pictures = mlp::Pictures::grey(folder.path())?;
    /// assert_eq!(pictures.datasets::<f64>(&[1, 0], 1).count(), 2);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `size` is 0.
    #[track_caller]
    pub fn datasets<T: Float>(
        &self,
        pictures: &[usize],
        size: usize,
    ) -> impl Iterator<Item = Result<Dataset<T>>> + use<T> {
        assert!(size > 0, "pictures: 0 at a time would never pass over the data; choose at least 1");
        let (all, pictures) = (self.clone(), pictures.to_vec());
        (0..pictures.len())
            .step_by(size)
            .map(move |start| all.dataset(&pictures[start..pictures.len().min(start.saturating_add(size))]))
    }

    fn list(folder: &Path, channels: usize) -> Result<Self> {
        let mut pictures = Pictures { files: vec![], labels: vec![], classes: vec![], channels };
        for (class, path) in entries(folder)? {
            if !path.is_dir() {
                let problem = "it lies beside the folders of classes; move it into one, or out";
                return Err(Error::File { path, problem: problem.to_string() });
            }
            let files = entries(&path)?;
            if files.is_empty() {
                return Err(Error::Empty { what: path.display().to_string() });
            }
            for (name, path) in files {
                let end = name.rsplit_once('.').map(|(_, end)| end.to_lowercase());
                if !path.is_file() || !matches!(end.as_deref(), Some("png" | "jpg" | "jpeg")) {
                    let problem = "it is no picture (.png, .jpg, .jpeg); move it out of the folder of a class";
                    return Err(Error::File { path, problem: problem.to_string() });
                }
                pictures.files.push(path);
                pictures.labels.push(pictures.classes.len());
            }
            pictures.classes.push(class);
        }
        if pictures.files.is_empty() {
            return Err(Error::Empty { what: folder.display().to_string() });
        }
        Ok(pictures)
    }
}

/// What is in a folder and not hidden, by name: the order of the system differs between machines.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let entry = entry.map_err(Error::io(folder))?;
        let path = entry.path();
        let name = entry.file_name().into_string().map_err(|_| {
            let problem = "its name is not UTF-8; rename it".to_string();
            Error::File { path: path.clone(), problem }
        })?;
        if !name.starts_with('.') {
            entries.push((name, path));
        }
    }
    entries.sort();
    Ok(entries)
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Size {
    width: usize,
    height: usize,
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} × {}", self.width, self.height)
    }
}

/// The size of a picture, and its pixels row by row, each of `channels` values; `check` is asked before they are decoded.
fn decode(
    bytes: &[u8],
    channels: usize,
    check: impl Fn(Size) -> Result<(), String>,
) -> Result<(Size, Vec<u8>), String> {
    let check = |width: usize, height: usize| match width.checked_mul(height) {
        Some(pixels) if pixels <= MOST => check(Size { width, height }).map(|()| Size { width, height }),
        _ => {
            Err(format!("it claims {width} × {height} pixels, more than {MOST}; it is damaged, or to be made smaller"))
        }
    };
    let (size, pixels, found) = match bytes {
        [0x89, b'P', b'N', b'G', ..] => decode_png(bytes, check)?,
        [0xff, 0xd8, ..] => decode_jpeg(bytes, check)?,
        _ => return Err("it is neither a PNG nor a JPEG; convert it".to_string()),
    };
    // Of two or four channels the last one says how opaque a pixel is.
    if matches!(found, 2 | 4) && pixels.iter().skip(found - 1).step_by(found).any(|&alpha| alpha < 255) {
        return Err("it has transparent pixels; put it on a background".to_string());
    }
    let pixels = match (found, channels) {
        (1, 1) | (3, 3) => pixels,
        (3 | 4, 1) => pixels.chunks_exact(found).map(|pixel| luminance(pixel[0], pixel[1], pixel[2])).collect(),
        (4, _) => pixels.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
        _ => pixels.iter().step_by(found).flat_map(|&grey| std::iter::repeat_n(grey, channels)).collect(),
    };
    Ok((size, pixels))
}

fn luminance(red: u8, green: u8, blue: u8) -> u8 {
    (0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue)).round() as u8
}

/// The size, the pixels, and the number of channels.
type Decoded = (Size, Vec<u8>, usize);

fn decode_png(bytes: &[u8], check: impl Fn(usize, usize) -> Result<Size, String>) -> Result<Decoded, String> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(damaged)?;
    let size = check(reader.info().width as usize, reader.info().height as usize)?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or_else(|| damaged("it is too large"))?];
    let frame = reader.next_frame(&mut pixels).map_err(damaged)?;
    reader.finish().map_err(damaged)?;
    let channels = match frame.color_type {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        ColorType::Indexed => return Err(damaged("its palette is missing")),
    };
    Ok((size, pixels, channels))
}

fn decode_jpeg(bytes: &[u8], check: impl Fn(usize, usize) -> Result<Size, String>) -> Result<Decoded, String> {
    // Strict: a file that is cut short is no picture.
    let options = DecoderOptions::default().set_strict_mode(true).set_max_width(MOST).set_max_height(MOST);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let space = if grey { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let (width, height) = decoder.dimensions().ok_or_else(|| damaged("its size is missing"))?;
    let size = check(width, height)?;
    let pixels = decoder.decode().map_err(damaged)?;
    let channels = if grey { 1 } else { 3 };
    if pixels.len() != width * height * channels {
        return Err(damaged("pixels are missing"));
    }
    Ok((size, pixels, channels))
}
