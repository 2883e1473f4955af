//! The operator's own files, apart from the landing zone: replaced whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Give a file new content: written beside it, synced, and renamed over it. A link is followed, and modes are kept.
#[expect(clippy::disallowed_methods, reason = "these files are not the landing zone's")]
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = directory.join(format!(".{name}.{}", std::process::id()));
    let write = || {
        let mut file = File::create_new(&temporary)?;
        file.write_all(content)?;
        if let Ok(metadata) = fs::metadata(&path) {
            file.set_permissions(metadata.permissions())?;
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
