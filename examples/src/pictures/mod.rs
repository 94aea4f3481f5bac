//! Pictures: of the depth laboratory, where the theory predicts what networks do, of what they learn, and of trainings.
//!
//! Whatever tells curves apart is a marker, a dash or a shade of grey besides the colour, so that print in black and white
//! keeps it.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use plotters::prelude::*;
use plotters::style::register_font;

mod attention;
mod chart;
mod curves;
mod depth;
mod edge;
mod flow;
mod history;
mod images;
mod labels;
mod logs;
mod points;
mod theory;
mod wide;

pub use attention::attention;
use chart::{Area, Drawn, FINE, px};
pub use curves::curves;
pub use depth::{Gradients, gradients, profiles, singular_values, trained};
pub use edge::{Descent, edge};
pub use flow::outputs;
pub use history::history;
pub use images::images;
pub use labels::labels;
pub use logs::{Panel, coordinates, logs};
pub use points::points;
pub use theory::{activations, phases};
pub use wide::{Beside, Law, wide};

/// DejaVu Sans with Latin, Greek, superscripts and the commonest signs: PNG and the layout do not depend on what is installed.
/// Its licence lies beside it.
const FONT: &[u8] = include_bytes!("DejaVuSans.ttf");

/// A drawing, as SVG and as PNG; a notebook of the evcxr kernel shows it by itself.
///
/// ```
/// use examples::pictures::singular_values;
///
/// let picture = singular_values("Singular values", &[("of a matrix".into(), vec![3.0, 1.0, 0.1])], 1);
/// assert!(picture.svg().starts_with("<svg"));
/// assert!(picture.png().starts_with(b"\x89PNG"));
/// assert!(picture.save("picture.gif").unwrap_err().to_string().contains(".svg or .png"));
/// ```
pub struct Picture {
    width: u32,
    height: u32,
    svg: String,
    png: Vec<u8>,
}

/// What can be drawn on any backend.
trait Figure {
    /// Width and height in pixels, as the drawing is meant to be seen.
    fn size(&self) -> (u32, u32);
    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B>;
}

impl Picture {
    fn of(figure: &impl Figure) -> Self {
        const SURE: &str = "drawing in memory, with a font given, does not fail";
        register_font("sans-serif", FontStyle::Normal, FONT).ok().expect("a font");
        let (width, height) = figure.size();
        let fine = (width * FINE, height * FINE);

        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, fine).into_drawing_area();
            area.fill(&WHITE).and_then(|()| figure.draw(&inside(&area))).and_then(|()| area.present()).expect(SURE);
        }
        // The backend knows whole pixels only. So it draws large, and the head of the file says how large to show it.
        let drawn = format!(r#"width="{}" height="{}""#, fine.0, fine.1);
        let svg = svg.replacen(&drawn, &format!(r#"width="{width}" height="{height}""#), 1);

        let mut pixels = vec![255; 3 * (fine.0 * fine.1) as usize];
        {
            let area = BitMapBackend::with_buffer(&mut pixels, fine).into_drawing_area();
            figure.draw(&inside(&area)).and_then(|()| area.present()).expect(SURE);
        }
        Self { width, height, svg, png: halved(&pixels, fine).expect(SURE) }
    }

    /// As SVG; its text is set in the viewer's sans-serif font.
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// As PNG, with twice the pixels in each direction.
    pub fn png(&self) -> &[u8] {
        &self.png
    }

    /// Writes `path`, whose ending says how: `.svg` or `.png`.
    ///
    /// ```no_run
    /// examples::pictures::activations()?.save("activations.png")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the ending is another, or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("svg") => fs::write(path, &self.svg),
            Some("png") => fs::write(path, &self.png),
            _ => {
                let why = format!("{}: a picture is saved as .svg or .png", path.display());
                Err(io::Error::new(io::ErrorKind::InvalidInput, why))
            }
        }
    }

    /// Writes `NAME.svg` and `NAME.png` to the folder given as the program's argument, else beside the program, and says so.
    ///
    /// ```no_run
    /// examples::pictures::activations()?.publish("activations")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn publish(&self, name: &str) -> io::Result<()> {
        let beside = std::env::current_exe()?.with_file_name("pictures");
        let folder = std::env::args().nth(1).map_or(beside, PathBuf::from);
        fs::create_dir_all(&folder)?;
        for ending in ["svg", "png"] {
            self.save(folder.join(name).with_extension(ending))?;
        }
        println!("drawn: {} and .png", folder.join(name).with_extension("svg").display());
        Ok(())
    }

    /// Shows the drawing in a notebook of the evcxr kernel, which calls this.
    ///
    /// ```
    /// examples::pictures::activations()?.evcxr_display();
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn evcxr_display(&self) {
        // One write: what other threads print cannot come between.
        crate::show("image/svg+xml", &self.svg);
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({} × {})", self.width, self.height)
    }
}

/// Within a margin.
fn inside<B: DrawingBackend>(area: &Area<B>) -> Area<B> {
    area.margin(px(9.0), px(3.0), px(3.0), px(3.0))
}

/// PNG of half the size, four pixels averaged into one: the backend leaves edges jagged.
fn halved(pixels: &[u8], (width, height): (u32, u32)) -> Result<Vec<u8>, png::EncodingError> {
    let row = 3 * width as usize;
    let mut small = Vec::with_capacity(pixels.len() / 4);
    for rows in pixels.chunks_exact(2 * row) {
        for at in (0..row).step_by(6) {
            for channel in at..at + 3 {
                let sum: u16 =
                    [channel, channel + 3, channel + row, channel + row + 3].map(|i| u16::from(rows[i])).iter().sum();
                small.push((sum / 4) as u8);
            }
        }
    }
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, width / 2, height / 2);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(&small)?;
    Ok(bytes)
}
