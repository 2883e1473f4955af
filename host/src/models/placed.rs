//! Where the texts are written: beside somebody's own files, of which none is replaced.
#![expect(clippy::disallowed_methods, reason = "these files are a project's, far from any landing zone")]

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use super::Text;
use crate::error::{Error, Kind};
use crate::{files, program};

/// So much of a file shows whether the host wrote it.
const HEAD: u64 = 1024;
/// What the mark has whatever the program was called as that wrote it.
const MARKED: &str = " models`, and replaced when that is run again.";

/// Write the texts into a directory, and say which files. All are looked at before the first is written.
pub(crate) fn write<'a>(directory: &Path, texts: &'a [Text]) -> Result<Vec<&'a str>, Error> {
    let mut wanted = Vec::new();
    for text in texts {
        let path = directory.join(&text.path);
        match text.own {
            Some(own) if own.iter().any(|name| fs::symlink_metadata(directory.join(name)).is_ok()) => continue,
            Some(_) => {}
            None => {
                let head = head(&path).map_err(|error| failed("read", &path, &error))?;
                if head.is_some_and(|head| !head.contains(MARKED)) {
                    return Err(Error::usage(format!(
                        "{} was not written by {}, and stays",
                        path.display(),
                        program::typed("`host models`")
                    ))
                    .hint("move it away, or name another directory with `--into`"));
                }
            }
        }
        wanted.push((path, text));
    }
    for (path, text) in &wanted {
        let directory = path.parent().unwrap_or(directory);
        fs::create_dir_all(directory).map_err(|error| failed("make", directory, &error))?;
        files::replace(path, program::typed(&text.text).as_bytes()).map_err(|error| failed("write", path, &error))?;
    }
    Ok(wanted.into_iter().map(|(_, text)| text.path.as_str()).collect())
}

/// How a file begins; `None` where there is none. What is no text has no mark.
fn head(path: &Path) -> io::Result<Option<String>> {
    let opened = fs::OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path);
    let file = match opened {
        Ok(file) => file,
        // A link that leads nowhere is somebody's too.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(fs::symlink_metadata(path).is_ok().then(String::new));
        }
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Ok(Some(String::new()));
    }
    let mut bytes = Vec::new();
    file.take(HEAD).read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default().to_owned()))
}

fn failed(to_do: &str, path: &Path, error: &io::Error) -> Error {
    Error::new(Kind::Failed, format!("cannot {to_do} {}: {error}", path.display()))
        .hint("`--into` names a directory that you may write to")
}
