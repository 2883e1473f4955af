//! Two texts compared line by line, as `diff -u` writes it.

use std::fmt::Write as _;

use rules::text;

/// Lines around a change.
const CONTEXT: usize = 3;
/// Most comparisons of lines; what differs more is told as a whole.
const MOST: usize = 4_000_000;
/// Most lines of a difference that are shown.
const MAX_LINES: usize = 400;
/// Longest line that is shown, in characters.
const MAX_LINE: usize = 400;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Kept,
    Gone,
    New,
}

/// What is in `new` in the place of what is in `old`; `None` is a file that is not there. The new one is called `mark`
/// and the name.
pub(crate) fn unified(name: &str, mark: &str, old: Option<&[u8]>, new: Option<&[u8]>) -> String {
    let side = |there: bool, mark: &str| if there { format!("{mark}{name}") } else { "/dev/null".to_owned() };
    let head = format!("--- {}\n+++ {}\n", side(old.is_some(), ""), side(new.is_some(), mark));
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let (Ok(old), Ok(new)) = (std::str::from_utf8(old), std::str::from_utf8(new)) else {
        let sizes = [old, new].map(|bytes| text::counted(bytes.len() as u64, "byte"));
        return format!("{head}no text: {} and {}\n", sizes[0], sizes[1]);
    };
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    head + &hunks(&changes(&old, &new))
}

/// All lines of both, with what became of them.
fn changes<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(Change, &'a str)> {
    let start = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let end = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(one, other)| one == other).count();
    let (old_mid, new_mid) = (&old_rest[..old_rest.len() - end], &new_rest[..new_rest.len() - end]);
    let mut changes: Vec<(Change, &str)> = old[..start].iter().map(|line| (Change::Kept, *line)).collect();
    if old_mid.len().saturating_mul(new_mid.len()) > MOST {
        changes.extend(old_mid.iter().map(|line| (Change::Gone, *line)));
        changes.extend(new_mid.iter().map(|line| (Change::New, *line)));
    } else {
        middle(old_mid, new_mid, &mut changes);
    }
    changes.extend(old_rest[old_rest.len() - end..].iter().map(|line| (Change::Kept, *line)));
    changes
}

/// The shortest way from one to the other, by the longest common subsequence.
fn middle<'a>(old: &[&'a str], new: &[&'a str], changes: &mut Vec<(Change, &'a str)>) {
    let width = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for row in (0..old.len()).rev() {
        for column in (0..new.len()).rev() {
            common[row * width + column] = match old[row] == new[column] {
                true => common[(row + 1) * width + column + 1] + 1,
                false => common[(row + 1) * width + column].max(common[row * width + column + 1]),
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    while row < old.len() || column < new.len() {
        if row < old.len() && column < new.len() && old[row] == new[column] {
            changes.push((Change::Kept, old[row]));
            (row, column) = (row + 1, column + 1);
        } else if column == new.len()
            || row < old.len() && common[(row + 1) * width + column] >= common[row * width + column + 1]
        {
            changes.push((Change::Gone, old[row]));
            row += 1;
        } else {
            changes.push((Change::New, new[column]));
            column += 1;
        }
    }
}

/// The changes with a few lines around them.
fn hunks(changes: &[(Change, &str)]) -> String {
    let (mut text, mut shown, mut at) = (String::new(), 0, 0);
    let (mut old_line, mut new_line) = (1, 1);
    while at < changes.len() {
        let Some(ahead) = changes[at..].iter().position(|(change, _)| *change != Change::Kept) else { break };
        let begin = (at + ahead).saturating_sub(CONTEXT).max(at);
        (old_line, new_line) = (old_line + begin - at, new_line + begin - at);
        let mut end = at + ahead;
        let mut quiet = 0;
        while end < changes.len() && quiet <= 2 * CONTEXT {
            quiet = if changes[end].0 == Change::Kept { quiet + 1 } else { 0 };
            end += 1;
        }
        let end = end - quiet.saturating_sub(CONTEXT);
        let hunk = &changes[begin..end];
        let count = |other: Change| hunk.iter().filter(|(change, _)| *change != other).count();
        let (olds, news) = (count(Change::New), count(Change::Gone));
        let range = |line: usize, count: usize| format!("{},{count}", if count == 0 { line - 1 } else { line });
        let _ = writeln!(text, "@@ -{} +{} @@", range(old_line, olds), range(new_line, news));
        for (change, line) in hunk {
            shown += 1;
            if shown > MAX_LINES {
                let _ = writeln!(text, "… and more");
                return text;
            }
            let mark = match change {
                Change::Kept => ' ',
                Change::Gone => '-',
                Change::New => '+',
            };
            let _ = writeln!(text, "{mark}{}", text::cut(&text::line(line.trim_end_matches('\n')), MAX_LINE));
            if !line.ends_with('\n') {
                let _ = writeln!(text, "\\ No newline at end of file");
            }
        }
        (old_line, new_line, at) = (old_line + olds, new_line + news, end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(old: &str, new: &str) -> String {
        let text = unified("a", "landed: ", Some(old.as_bytes()), Some(new.as_bytes()));
        text.strip_prefix("--- a\n+++ landed: a\n").expect("a head").to_owned()
    }

    #[test]
    fn what_differs_is_shown_with_what_is_around_it() {
        assert_eq!(diff("a\nb\nc\n", "a\nx\nc\n"), "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
        assert_eq!(diff("", "a\n"), "@@ -0,0 +1,1 @@\n+a\n");
        assert_eq!(diff("a\n", "a"), "@@ -1,1 +1,1 @@\n-a\n+a\n\\ No newline at end of file\n");
        let many: Vec<String> = (1..=20).map(|number| format!("{number}\n")).collect();
        let changed = many.concat().replace("\n3\n", "\nthree\n").replace("\n18\n", "\n");
        assert_eq!(
            diff(&many.concat(), &changed),
            "@@ -1,6 +1,6 @@\n 1\n 2\n-3\n+three\n 4\n 5\n 6\n@@ -15,6 +15,5 @@\n 15\n 16\n 17\n-18\n 19\n 20\n"
        );
    }

    #[test]
    fn what_is_no_text_is_told_by_its_size() {
        assert_eq!(
            unified("a", "landed: ", None, Some(b"\xff")),
            "--- /dev/null\n+++ landed: a\nno text: 0 bytes and 1 byte\n"
        );
    }

    #[test]
    fn texts_that_have_nothing_in_common_are_told_as_a_whole() {
        let text = |mark: &str| (0..3000).map(|number| format!("{mark}{number}\n")).collect::<String>();
        assert!(diff(&text("a"), &text("b")).ends_with("-a398\n-a399\n… and more\n"));
    }
}
