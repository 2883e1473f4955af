//! The operator's own files, apart from the landing zone: replaced whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Give a file new content: written beside it, synced, and renamed over it. A link is followed, and modes are kept.
#[expect(clippy::disallowed_methods, reason = "these files are not the landing zone's")]
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = directory.join(format!(".{name}.{}", std::process::id()));
    let write = || {
        let before = fs::metadata(&path).ok();
        // No moment in which more people can read it than before.
        let mode = if before.is_some() { 0o600 } else { 0o666 };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(content)?;
        if let Some(before) = before {
            // Root may have edited somebody else's file. Others cannot give files away, and need not.
            let _ = std::os::unix::fs::fchown(&file, Some(before.uid()), Some(before.gid()));
            file.set_permissions(before.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(directory)?.sync_all()
    };
    write().inspect_err(|_| {
        // What could not be written is of no use.
        let _ = fs::remove_file(&temporary);
    })
}
