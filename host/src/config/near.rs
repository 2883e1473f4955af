//! A key that was probably meant, in the place of a list of all that there are.

/// Most letters that a slip of the pen gets wrong.
const MOST: usize = 2;

/// What serde says of a key that is not known, with the key that is nearest to it instead of the list of all.
pub(super) fn suggested(message: &str) -> String {
    let meant = message.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, expected ")).and_then(
        |(said, expected)| {
            // Between the backticks, every other piece.
            let known = expected.split('`').skip(1).step_by(2);
            let near = known.map(|key| (distance(said, key), key)).filter(|(wrong, key)| {
                // Of a short key, two letters are most of it.
                *wrong <= MOST && wrong * 2 < key.len()
            });
            near.min().map(|(_, key)| format!("unknown field `{said}`, did you mean `{key}`?"))
        },
    );
    meant.unwrap_or_else(|| message.to_owned())
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
