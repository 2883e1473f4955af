//! The state as this machine sent it last, so that a run on the same machine need not get it again. It is used under the
//! condition that it is still the newest version, so that one that is old costs a request and nothing else.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use objects::Tag;
use rules::domain::Digest;

/// How the file begins, with the version of its form.
const MAGIC: &[u8] = b"host state 1\n";
/// Longest tag, in bytes.
const MAX_TAG: usize = 1024;

/// Most files that are kept; beyond it the oldest ones go.
const MAX_FILES: usize = 1000;

/// A file for one object of one place.
#[derive(Debug, Clone)]
pub(super) struct Cached(PathBuf);

impl Cached {
    /// The file in a cache.
    pub(super) fn of(cache: &Path, place: &str, object: &str) -> Self {
        let name = Digest::of([place.as_bytes(), b"\0", object.as_bytes()]).to_string();
        Self(cache.join("states").join(name))
    }

    /// The version, and the database behind it; nothing where there is none that can be used.
    #[expect(clippy::disallowed_methods, reason = "the user's cache, far from any landing zone")]
    pub(super) fn load(&self) -> Option<(Tag, File)> {
        let mut file = File::open(&self.0).ok()?;
        let mut head = vec![0; MAGIC.len() + 2];
        file.read_exact(&mut head).ok()?;
        let (magic, length) = head.split_last_chunk::<2>()?;
        let length = usize::from(u16::from_le_bytes(*length));
        let mut tag = vec![0; length.min(MAX_TAG)];
        file.read_exact(&mut tag).ok()?;
        (magic == MAGIC).then(|| Tag::from_text(std::str::from_utf8(&tag).ok()?)).flatten().map(|tag| (tag, file))
    }

    /// Keep what was sent last. That it does not work is no failure.
    pub(super) fn keep(&self, tag: &Tag, packed: &mut impl io::Read) {
        if self.write(tag, packed).is_err() {
            self.forget();
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the user's cache, far from any landing zone")]
    fn write(&self, tag: &Tag, packed: &mut impl io::Read) -> io::Result<()> {
        let tag = tag.to_text();
        let length = u16::try_from(tag.len()).ok().filter(|length| usize::from(*length) <= MAX_TAG);
        let length = length.ok_or(io::ErrorKind::InvalidData)?;
        let directory = self.0.parent().ok_or(io::ErrorKind::NotFound)?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let temporary = self.0.with_extension(std::process::id().to_string());
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(&[MAGIC, &length.to_le_bytes(), tag.as_bytes()].concat())?;
        io::copy(packed, &mut file)?;
        fs::rename(&temporary, &self.0)?;
        tidy(directory);
        Ok(())
    }

    /// It is not the newest any more.
    #[expect(clippy::disallowed_methods, reason = "the user's cache, far from any landing zone")]
    pub(super) fn forget(&self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Remove the oldest files where there are too many. Other processes do the same, so what is gone already is no failure.
#[expect(clippy::disallowed_methods, reason = "the user's cache, far from any landing zone")]
fn tidy(directory: &Path) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let dated = entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())));
    let mut files: Vec<_> = dated.collect();
    files.sort_unstable();
    for (_, path) in files.iter().take(files.len().saturating_sub(MAX_FILES)) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_found_and_the_oldest_go() {
        let cache = tempfile::tempdir().expect("a directory");
        let cached = |number: usize| Cached::of(cache.path(), "s3://lake", &number.to_string());
        let tag = Tag::of_nothing();
        for number in 0..MAX_FILES + 3 {
            cached(number).keep(&tag, &mut &b"packed"[..]);
        }
        let (found, mut file) = cached(MAX_FILES + 2).load().expect("the newest");
        let mut content = Vec::new();
        file.read_to_end(&mut content).expect("a file");
        assert_eq!((found, &content[..]), (tag, &b"packed"[..]));
        let kept = (0..MAX_FILES + 3).filter(|number| cached(*number).load().is_some());
        assert_eq!(kept.count(), MAX_FILES);
        std::thread::scope(|scope| {
            // Each tidies up behind the others, and none is forgotten for that.
            for name in ["a", "b", "c"] {
                let cached = Cached::of(cache.path(), "s3://lake", name);
                scope.spawn(move || {
                    for _ in 0..100 {
                        cached.keep(&Tag::of_nothing(), &mut &b"packed"[..]);
                        assert!(cached.load().is_some(), "{name}");
                    }
                });
            }
        });
        cached(MAX_FILES + 2).forget();
        assert!(cached(MAX_FILES + 2).load().is_none());
    }
}
