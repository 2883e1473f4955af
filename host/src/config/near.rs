//! What was probably meant: a key in the place of a list of all that there are, or a component that is there.

use std::path::{Path, PathBuf};

/// Most letters that a slip of the pen gets wrong.
const MOST: usize = 2;
/// Most entries of a folder that are looked at.
const MAX_ENTRIES: usize = 1000;

/// What serde says of a key that is not known, with the key that is nearest to it instead of the list of all.
pub(super) fn suggested(message: &str) -> String {
    let meant = message.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, expected ")).and_then(
        |(said, expected)| {
            // Between the backticks, every other piece.
            let known = expected.split('`').skip(1).step_by(2);
            nearest(said, known).map(|key| format!("unknown field `{said}`, did you mean `{key}`?"))
        },
    );
    meant.unwrap_or_else(|| message.to_owned())
}

/// The nearest of what is known to what was said, where one is near.
fn nearest<'a>(said: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|key| (distance(said, key), key)).filter(|(wrong, key)| {
        // Of a short key, two letters are most of it.
        *wrong <= MOST && wrong * 2 < key.len()
    });
    near.min().map(|(_, key)| key)
}

/// The component that was probably meant by a path where there is nothing: one of a near name in the same folder.
pub fn component(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let read = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    #[expect(clippy::disallowed_methods, reason = "the operator's folder of components, not the landing zone")]
    let entries = std::fs::read_dir(read).ok()?.take(MAX_ENTRIES).flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let stems: Vec<String> = names.filter_map(|name| name.strip_suffix(".wasm").map(str::to_owned)).collect();
    let said = path.file_name()?.to_str()?;
    let said = said.strip_suffix(".wasm").unwrap_or(said);
    let meant = nearest(said, stems.iter().map(String::as_str))?;
    Some(folder.join(format!("{meant}.wasm")))
}

/// How many letters are to be added, left out or changed; more than [`MOST`] are not counted where the lengths tell.
fn distance(one: &str, other: &str) -> usize {
    let lengths = one.len().abs_diff(other.len());
    if lengths > MOST {
        return lengths;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (to, wanted) in other.bytes().enumerate() {
            let changed = diagonal + usize::from(letter != wanted);
            diagonal = row[to + 1];
            row[to + 1] = changed.min(diagonal + 1).min(row[to] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_suggested_and_no_other() {
        let list = "expected one of `http`, `schedule`, `stale-after`, `ca`";
        for (said, meant) in [
            ("shedule", Some("schedule")),
            ("schedlue", Some("schedule")),
            ("stale_after", Some("stale-after")),
            ("htpp", Some("http")),
            ("hpptt", None),
            ("cb", None),
            ("interval", None),
            ("", None),
        ] {
            let message = format!("unknown field `{said}`, {list}");
            let expected = meant.map(|key| format!("unknown field `{said}`, did you mean `{key}`?"));
            assert_eq!(suggested(&message), expected.unwrap_or(message));
        }
        assert_eq!(
            suggested("unknown field `orign`, expected `origin`"),
            "unknown field `orign`, did you mean `origin`?"
        );
        assert_eq!(suggested("missing field `origin`"), "missing field `origin`");
    }
}
