//! Whether a store keeps the conditions that everything here rests on: tried before it is used for the first time.

use objects::{Objects, ObjectsError, Put, Tag};

use crate::error::{Error, Kind};
use crate::landing::unreachable;

/// The object that it is tried with. It stays.
const MARKER: &str = ".state/.conditions";

/// Refuse a store that gives a name twice, or replaces another version than the one that was named.
pub(super) fn check(objects: &Objects) -> Result<(), Error> {
    if keeps(objects).map_err(|error| unreachable(&error))? {
        return Ok(());
    }
    let message = format!(
        "{} does not keep conditions on writes, so that one run could replace what another wrote",
        objects.shown()
    );
    Err(Error::new(Kind::Failed, message)
        .hint("use a store that answers `If-None-Match: *` and `If-Match` as S3 does, or a directory"))
}

/// Whether it does neither.
pub(crate) fn keeps(objects: &Objects) -> Result<bool, ObjectsError> {
    let content = b"host\n".to_vec().into();
    objects.create(MARKER, &content)?;
    if let Put::Done(_) = objects.create(MARKER, &content)? {
        return Ok(false);
    }
    Ok(matches!(objects.replace(MARKER, &content, &Tag::of_nothing())?, Put::Taken(_)))
}
