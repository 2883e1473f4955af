//! A landing directory that is only looked at.

use std::path::Path;

use rustix::fs::{CWD, Mode, openat};
use rustix::io::Errno;

use super::{DIRECTORY, DiskError, Root, failed};

impl Root {
    /// Open the landing directory as it is; `None` where there is none. Nothing is made.
    pub fn open_to_read(path: &Path) -> Result<Option<Self>, DiskError> {
        let shown = path.display().to_string();
        let handle = match openat(CWD, path, DIRECTORY, Mode::empty()) {
            Ok(handle) => handle,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(failed("open the landing directory", &shown)(errno)),
        };
        let error = |source| DiskError { action: "open the landing directory", path: shown.clone(), source };
        Self::of(handle, std::fs::canonicalize(path).map_err(error)?).map(Some)
    }
}
