//! The files beside a manifest that it needs: the schemas of its streams. A stranger says which, so none is read that is not
//! below the manifest's own directory.

use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::Error;

/// Largest of them, in bytes.
const MAX_FILE: u64 = 4 << 20;
/// Most of them together, in bytes.
const MAX_ALL: usize = 16 << 20;
/// Most of them.
const MAX_FILES: usize = 1_000;
/// How many may refer to the next.
const MAX_ROUNDS: usize = 16;
/// How each ends.
const ENDING: &str = ".json";

/// What was read of them.
pub(super) struct Beside<'a> {
    manifest: &'a Path,
    texts: Map<String, Value>,
    bytes: usize,
    rounds: usize,
}

impl<'a> Beside<'a> {
    /// Nothing yet.
    pub(super) fn of(manifest: &'a Path) -> Self {
        Self { manifest, texts: Map::new(), bytes: 0, rounds: 0 }
    }

    /// All texts by their paths, as JSON, null where there is no such file; nothing where none is wanted.
    pub(super) fn as_json(&self) -> Option<String> {
        (!self.texts.is_empty()).then(|| Value::Object(self.texts.clone()).to_string())
    }

    /// Read what is wanted as well.
    pub(super) fn read(&mut self, wanted: &[String]) -> Result<(), Error> {
        self.rounds += 1;
        if self.rounds > MAX_ROUNDS {
            return Err(self.error(format!("its schemas lead over more than {MAX_ROUNDS} files")));
        }
        for path in wanted {
            if self.texts.len() >= MAX_FILES {
                return Err(self.error(format!("it has more than {MAX_FILES} schemas in files")));
            }
            let text = self.text(path)?;
            self.bytes += text.as_ref().map_or(0, String::len);
            if self.bytes > MAX_ALL {
                return Err(self.error(format!("its schemas are larger than {} MiB together", MAX_ALL >> 20)));
            }
            self.texts.insert(path.clone(), text.map_or(Value::Null, Value::String));
        }
        Ok(())
    }

    /// The text of a file; nothing where it is not there.
    fn text(&self, path: &str) -> Result<Option<String>, Error> {
        let refused = |reason: &dyn std::fmt::Display| self.error(format!("its schema {path} {reason}"));
        if !is_below(path) {
            return Err(refused(&"is no .json file below the manifest's directory"));
        }
        let Some(file) = self.found(path).map_err(|reason| refused(&reason))? else { return Ok(None) };
        let mut bytes = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "the author's file, not the landing zone's")]
        let read = std::fs::File::open(&file).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
        read.map_err(|error| refused(&format!("cannot be read: {error}")))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(refused(&format!("is larger than {} MiB", MAX_FILE >> 20)));
        }
        String::from_utf8(bytes).map(Some).map_err(|_| refused(&"is no UTF-8"))
    }

    /// Where a file really is; nothing where it is not there.
    fn found(&self, path: &str) -> Result<Option<PathBuf>, String> {
        let directory = self.manifest.parent().filter(|directory| !directory.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new(".")).canonicalize();
        let directory = directory.map_err(|error| format!("cannot be looked for: {error}"))?;
        let file = match directory.join(path).canonicalize() {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(format!("cannot be read: {error}")),
        };
        let below = file.strip_prefix(&directory).ok().and_then(Path::to_str);
        match (below, file.is_file()) {
            (None, _) => Err("is a link out of the manifest's directory".to_owned()),
            (_, false) => Err("is no file".to_owned()),
            (Some(below), true) if is_below(below) => Ok(Some(file)),
            (Some(_), true) => Err("is a link to what is hidden, or no .json file".to_owned()),
        }
    }

    fn error(&self, reason: String) -> Error {
        Error::usage(format!("cannot make an extractor of {}: {reason}", self.manifest.display()))
            .hint("the page \"Sources without code\" of the book says which files beside a manifest are read")
    }
}

/// Whether a path leads downwards to a `.json` file, and through nothing that is hidden.
fn is_below(path: &str) -> bool {
    let plain =
        |part: Component<'_>| matches!(part, Component::Normal(name) if !name.to_string_lossy().starts_with('.'));
    path.ends_with(ENDING) && !path.contains('\0') && Path::new(path).components().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_below_is_read() {
        for (path, expected) in [
            ("schemas/a.json", true),
            ("a.json", true),
            ("schemas//a.json", true),
            ("schemas/./a.json", true),
            ("./a.json", false),
            ("../a.json", false),
            ("schemas/../../a.json", false),
            ("/etc/a.json", false),
            (".config/a.json", false),
            ("schemas/.a.json", false),
            ("a.yaml", false),
            ("a.json\0.json", false),
            ("", false),
        ] {
            assert_eq!(is_below(path), expected, "{path}");
        }
    }
}
