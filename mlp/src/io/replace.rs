//! [`replace`]: atomic replacement of a file, by a temporary file and a rename.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// The prefix and the suffix of temporary files.
const PREFIX: &str = ".mlp-";
const SUFFIX: &str = ".saving";

/// Writes `bytes` to `path`, or to the target of a symbolic link there; an existing file keeps its mode.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let Place { path, old } = Place::of(path)?;
    let folder = folder(&path);
    clean(folder);
    let mut file = beside(folder, old.is_some())?;
    file.write_all(bytes)?;
    if let Some(old) = &old {
        keep_mode(file.as_file(), old)?;
    }
    file.as_file().sync_all()?;
    file.persist(&path)?;
    // The rename is durable only after the folder is flushed. If the folder cannot be opened, the file is saved
    // nevertheless.
    if cfg!(unix)
        && let Ok(folder) = File::open(folder)
    {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// `Ok` if [`replace`] can write to the folder, and `path` is free or a file.
pub(super) fn check(path: &Path) -> io::Result<()> {
    let Place { path, .. } = Place::of(path)?;
    beside(folder(&path), true).map(drop)
}

/// The resolved path of a file, and the existing file there.
struct Place {
    path: PathBuf,
    old: Option<Metadata>,
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        let path = follow(path)?;
        let old = match fs::metadata(&path) {
            Ok(old) => Some(old),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Some(old) = old.as_ref().filter(|old| !old.is_file()) {
            let problem = format!("not a file but a {}; name a file to save to", kind(old));
            return Err(io::Error::new(ErrorKind::InvalidInput, problem));
        }
        fs::metadata(folder(&path))?; // a missing folder is reported here, without the name of a temporary file
        Ok(Place { path, old })
    }
}

/// Resolves a chain of symbolic links, whether or not the target exists: a rename onto a link would replace the link.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..40 {
        if !fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink()) {
            return Ok(path);
        }
        let target = fs::read_link(&path)?;
        path = folder(&path).join(target);
    }
    Err(io::Error::other("a circle of symbolic links; name a file to save to"))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn kind(found: &Metadata) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = found.file_type();
        if kind.is_fifo() {
            return "pipe";
        } else if kind.is_socket() {
            return "socket";
        }
    }
    if found.is_dir() { "folder" } else { "device" }
}

/// Creates a temporary file in `folder`, locked while it is open. A `private` file is readable by its owner only, until
/// it gets its final mode.
fn beside(folder: &Path, private: bool) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    if !private {
        // The mode of any other new file.
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    loop {
        let file = builder.tempfile_in(folder)?;
        // Without file locks, `clean` removes nothing.
        let _ = file.as_file().lock();
        // Before the lock, another process may have removed the file as a leftover.
        if file.path().try_exists()? {
            return Ok(file);
        }
    }
}

/// Removes the temporary files of killed processes: the lock of a file ends with the process that holds it.
fn clean(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let own = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        if !own || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path();
        let file = OpenOptions::new().write(true).open(&path).or_else(|_| File::open(&path));
        if let Ok(file) = file
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(&path); // while this process holds the lock
        }
    }
}

/// Copies owner, group and mode from the old file, as far as this process is permitted.
#[cfg(unix)]
fn keep_mode(file: &File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let _ = fchown(file, Some(old.uid()), None);
    // If the group cannot be kept, the new group gets no permissions.
    let kept = if fchown(file, None, Some(old.gid())).is_ok() { 0o7777 } else { 0o7707 };
    file.set_permissions(fs::Permissions::from_mode(old.mode() & kept))
}

#[cfg(not(unix))]
fn keep_mode(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}
