//! [`replace`]: a file is written beside and renamed, and so whole, whatever happens.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// What the names of files that are being written begin and end with.
const PREFIX: &str = ".mlp-";
const SUFFIX: &str = ".saving";

/// Writes `bytes` to `path`, or to what a symbolic link there points to; a file that stands there keeps its mode.
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
    // The rename itself is on disk only once the folder is. The file is saved, even if the folder cannot be read.
    if cfg!(unix)
        && let Ok(folder) = File::open(folder)
    {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// `Ok` if [`replace`] would find a file, or a folder to write one to.
pub(super) fn check(path: &Path) -> io::Result<()> {
    let Place { path, .. } = Place::of(path)?;
    beside(folder(&path), true).map(drop)
}

/// Where a file is written to, and what stands there.
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
        fs::metadata(folder(&path))?; // one that is not there is said without the name of the file beside
        Ok(Place { path, old })
    }
}

/// What a chain of symbolic links points to, be it there or not: renaming onto a link would replace the link.
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

/// A file of its own in `folder`, locked as long as it is open. It is `private` until it gets the mode of another.
fn beside(folder: &Path, private: bool) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    if !private {
        // As readable as any other new file.
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    loop {
        let file = builder.tempfile_in(folder)?;
        // Where files cannot be locked, none is cleaned up.
        let _ = file.as_file().lock();
        // Between its making and its locking another process may have taken it for left over.
        if file.path().try_exists()? {
            return Ok(file);
        }
    }
}

/// Removes what was being written when a process was killed: the lock of a file ends with the process that holds it.
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
            let _ = fs::remove_file(&path); // while it is locked
        }
    }
}

/// Gives a file the owner, the group and the mode of an old one, as far as this process may.
#[cfg(unix)]
fn keep_mode(file: &File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let _ = fchown(file, Some(old.uid()), None);
    // What another group could read this one shall not.
    let kept = if fchown(file, None, Some(old.gid())).is_ok() { 0o7777 } else { 0o7707 };
    file.set_permissions(fs::Permissions::from_mode(old.mode() & kept))
}

#[cfg(not(unix))]
fn keep_mode(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}
