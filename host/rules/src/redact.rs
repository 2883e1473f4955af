//! Takes secrets out of text, however they come back: as they are, escaped as in a URL or in JSON, in Base64, and in
//! any two of these on top of each other.
//!
//! Pure.

mod pattern;
#[cfg(test)]
mod properties;
mod readings;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use pattern::{Counts, Pattern};
use readings::{Chain, LONG, LONGEST};

use crate::text;

/// Most bytes that are read at once. They cost 7 to 100 ns each, on the thread that also hears the clock and the signals.
const MAX_READ: usize = 64 * 1024;
/// Longest text that is cleaned whole, in bytes.
const MAX_TEXT: usize = MAX_READ / 2;

/// Knows all secrets of a run, and shows none.
#[derive(Default)]
pub struct Redactor(RwLock<Arc<Patterns>>);

/// What is looked for.
#[derive(Clone)]
struct Patterns {
    /// With each, what stands in its place.
    patterns: Vec<(Pattern, String)>,
    /// For each byte, the patterns that it ends.
    endings: Vec<Vec<usize>>,
}

impl Default for Patterns {
    fn default() -> Self {
        Self { patterns: Vec::new(), endings: vec![Vec::new(); 256] }
    }
}

/// A part of a text that stands for a pattern.
struct Found {
    range: Range<usize>,
    pattern: usize,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// Know these secrets: their names, and the texts in which they are sent.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, Vec<String>)>) -> Self {
        let mut known = Patterns::default();
        secrets.into_iter().for_each(|(name, texts)| known.add(name, &texts));
        Self(RwLock::new(Arc::new(known)))
    }

    /// Know one more from now on, or other texts of one.
    pub fn learn(&self, name: &str, texts: &[String]) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut known).add(name, texts);
    }

    fn known(&self) -> Arc<Patterns> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a text holds a secret.
    pub fn finds(&self, text: &str) -> bool {
        !self.known().found(text.as_bytes()).is_empty()
    }

    /// A text without secrets, cut where it is longer than any that is shown or kept.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.known().head(text, MAX_TEXT)
    }

    /// A line that is fit to be shown, without secrets.
    pub fn line(&self, line: &str) -> String {
        text::line(&self.known().head(line, text::MAX_LINE))
    }

    /// Bytes without secrets; `None` where they hold none.
    pub fn bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.known().clean(bytes, bytes.len())
    }
}

impl Patterns {
    fn add(&mut self, name: &str, texts: &[String]) {
        for text in texts {
            let Some(last) = text.as_bytes().last() else { continue };
            self.endings[usize::from(last.to_ascii_lowercase())].push(self.patterns.len());
            if last.is_ascii_alphabetic() {
                self.endings[usize::from(last.to_ascii_uppercase())].push(self.patterns.len());
            }
            self.patterns.push((Pattern::new(text.as_bytes()), format!("[secret {name}]")));
        }
    }

    /// The first `limit` bytes of a text, without secrets. Little more than them is read, however long the text is: as
    /// much as a secret takes that begins in them, so that no part of it is left at the cut.
    fn head<'a>(&self, text: &'a str, limit: usize) -> Cow<'a, str> {
        let kept = text.floor_char_boundary(limit);
        let read = text.floor_char_boundary(limit.saturating_add(self.reach()).min(MAX_READ.max(limit)));
        let clean = self.clean(&text.as_bytes()[..read], kept);
        let mut head = match clean {
            Some(clean) => Cow::Owned(String::from_utf8_lossy(&clean).into_owned()),
            None => Cow::Borrowed(&text[..kept]),
        };
        if kept < text.len() {
            head.to_mut().push('…');
        }
        head
    }

    /// How many bytes the longest secret may take, in the longest escapes.
    fn reach(&self) -> usize {
        self.patterns.iter().map(|(pattern, _)| pattern.length()).max().unwrap_or_default().saturating_mul(LONGEST)
    }

    /// The first bytes of these without secrets that begin in them; `None` where none does.
    fn clean(&self, bytes: &[u8], kept_to: usize) -> Option<Vec<u8>> {
        let mut found = self.found(bytes);
        found.retain(|found| found.range.start < kept_to);
        if found.is_empty() {
            return None;
        }
        found.sort_by_key(|found| (found.range.start, Reverse(found.range.end)));
        let (mut clean, mut kept) = (Vec::new(), 0);
        for Found { range, pattern } in found {
            // What begins inside another one goes with it.
            if range.start >= kept {
                clean.extend_from_slice(&bytes[kept..range.start]);
                clean.extend_from_slice(self.patterns[pattern].1.as_bytes());
            }
            kept = kept.max(range.end);
        }
        clean.extend_from_slice(bytes.get(kept..kept_to).unwrap_or_default());
        Some(clean)
    }

    /// All that is to be taken out of a text, in no order.
    fn found(&self, text: &[u8]) -> Vec<Found> {
        let mut found = Vec::new();
        if self.patterns.is_empty() {
            return found;
        }
        self.find(&Chain::Text(text), &mut |range, pattern| found.push(Found { range, pattern }));
        for (at, piece) in readings::pieces(text) {
            let mut add = |range: Range<usize>, pattern| {
                let range = at + range.start..behind_padding(text, at + range.end);
                found.push(Found { range, pattern });
            };
            if let Some(once) = piece.base64() {
                self.find(&once, &mut add);
                if let Some(twice) = once.base64() {
                    self.find(&twice, &mut add);
                }
            }
        }
        found
    }

    /// The ranges of a text that stand for patterns. Ranges of the same pattern that overlap are one.
    fn find(&self, chain: &Chain<'_>, each: &mut dyn FnMut(Range<usize>, usize)) {
        for (index, mut starts) in self.starts(chain).into_iter().enumerate() {
            let pattern = &self.patterns[index].0;
            if pattern.length() < LONG {
                let is_long = |start: usize, ends: &[usize]| ends.last().is_some_and(|end| chain.is_long(start, *end));
                starts.retain(|start| is_long(*start, &ends(pattern, chain, &[*start])));
            }
            let mut rest = &starts[..];
            while let Some(first) = rest.first() {
                let begin = chain.start(*first);
                let mut range = begin..begin + 1;
                // They are followed together: one by one, each might go through the same part of the text again.
                while let overlapping @ 1.. = rest.partition_point(|start| chain.start(*start) < range.end) {
                    let ends = ends(pattern, chain, &rest[..overlapping]);
                    range.end = ends.iter().map(|end| chain.end(*end)).fold(range.end, usize::max);
                    rest = &rest[overlapping..];
                }
                each(range, index);
            }
        }
    }

    /// The places where each pattern begins.
    fn starts(&self, chain: &Chain<'_>) -> Vec<Vec<usize>> {
        let (mut starts, reach) = (vec![Vec::new(); self.patterns.len()], chain.reach());
        // It goes from the end to the begin, so that it is known which places behind a pattern may go on from. Those
        // that no reading leads to any more are let go.
        let mut behind: VecDeque<(usize, Vec<(usize, Counts)>)> = VecDeque::new();
        for place in (0..chain.places()).rev() {
            let mut here: Vec<(usize, Counts)> = Vec::new();
            chain.read(place, |bytes, next| {
                let mut add = |index: usize, counts: &[u64]| {
                    let Some(counts) = self.patterns[index].0.before(counts, bytes) else { return };
                    match here.iter_mut().find(|(known, _)| *known == index) {
                        Some((_, known)) => pattern::add(known, &counts),
                        None => here.push((index, counts)),
                    }
                };
                let last = usize::from(bytes[bytes.len() - 1]);
                self.endings[last].iter().for_each(|index| add(*index, &self.patterns[*index].0.end()));
                if let Ok(at) = behind.binary_search_by_key(&next, |(place, _)| *place) {
                    behind[at].1.iter().for_each(|(index, counts)| add(*index, counts));
                }
            });
            if here.is_empty() {
                continue;
            }
            let begins = here.iter().filter(|(_, counts)| Pattern::begins(counts));
            begins.for_each(|(index, _)| starts[*index].push(place));
            behind.push_front((place, here));
            while behind.pop_back_if(|(behind, _)| *behind > place + reach).is_some() {}
        }
        starts.iter_mut().for_each(|starts| starts.reverse());
        starts
    }
}

/// The places behind a pattern that begins at one of these, the first one first.
fn ends(pattern: &Pattern, chain: &Chain<'_>, starts: &[usize]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut ahead: BTreeMap<usize, Counts> = starts.iter().map(|start| (*start, pattern.begin())).collect();
    while let Some((place, counts)) = ahead.pop_first() {
        if pattern.ends(&counts) {
            ends.push(place);
        }
        chain.read(place, |bytes, next| {
            let Some(counts) = pattern.after(&counts, bytes) else { return };
            match ahead.get_mut(&next) {
                Some(known) => pattern::add(known, &counts),
                None => drop(ahead.insert(next, counts)),
            }
        });
    }
    ends
}

/// The place behind what fills up Base64, if that is at this place.
fn behind_padding(text: &[u8], mut place: usize) -> usize {
    for _ in 0..2 {
        Chain::Text(text).read(place, |bytes, next| {
            if bytes == b"=" {
                place = next;
            }
        });
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        Redactor::new([
            ("token", vec!["s3cr&t/ value+".to_owned()]),
            ("other", vec!["s3cr&t".to_owned(), String::new()]),
            ("name", vec!["K3Y".to_owned()]),
        ])
    }

    #[test]
    fn secrets_are_found_however_they_are_written() {
        let redactor = redactor();
        for (text, clean) in [
            ("nothing", "nothing"),
            ("", ""),
            ("a s3cr&t/ value+ b", "a [secret token] b"),
            ("q=s3cr%26t%2F%20value%2B", "q=[secret token]"),
            ("q=s3cr%26t%2f%20value%2b", "q=[secret token]"),
            ("q=s3cr%26t%2F+value%2B", "q=[secret token]"),
            ("q=S3CR%26t/%20value%2b", "q=[secret token]"),
            ("{\"s3cr&t\\/ value+\"}", "{\"[secret token]\"}"),
            ("Basic czNjciZ0LyB2YWx1ZSs=", "Basic [secret token]"),
            ("Basic czNjciZ0LyB2YWx1ZSs", "Basic [secret token]"),
            ("Basic czNjciZ0LyB2YWx1ZSs%3D&a=b", "Basic [secret token]&a=b"),
            // `user:` before it, `;a` behind it.
            ("Basic dXNlcjpzM2NyJnQvIHZhbHVlKzth", "Basic dXNlcj[secret token]th"),
            // `me:` before it, and `u:` with `;` behind it.
            ("Basic bWU6czNjciZ0LyB2YWx1ZSs=", "Basic bWU6[secret token]"),
            ("Basic dTpzM2NyJnQvIHZhbHVlKzs=", "Basic dT[secret token]s="),
            ("s3cr&t/ value+s3cr&t/ value+", "[secret token][secret token]"),
            ("s3cr&t", "[secret other]"),
            ("x-key-k3y", "x-key-[secret name]"),
            // Three bytes are four characters, which may be in any word.
            ("x-key-SzNZ", "x-key-SzNZ"),
            ("x-key-JTRCJTMzJTU5", "x-key-[secret name]"),
        ] {
            assert_eq!(redactor.text(text), clean);
            assert_eq!(redactor.finds(text), text != clean, "{text}");
        }
        assert_eq!(Redactor::default().text("s3cr&t"), "s3cr&t");
        assert_eq!(format!("{redactor:?}"), "Redactor");
    }

    #[test]
    fn a_secret_that_looks_escaped_is_found_escaped() {
        let redactor = Redactor::new([("a", vec!["p%ssw0rd-Long".into()]), ("b", vec!["ab\\cd-ef-ghij".into()])]);
        for (text, clean) in [
            ("https://a.example/?key=p%25ssw0rd-Long&x=1", "https://a.example/?key=[secret a]&x=1"),
            ("p%ssw0rd-Long, p%2525ssw0rd-Long", "[secret a], [secret a]"),
            ("{\"key\":\"ab\\\\cd-ef-ghij\"}", "{\"key\":\"[secret b]\"}"),
            ("ab\\cd-ef-ghij, ab\\\\\\\\cd-ef-ghij, ab%5C%5Ccd-ef-ghij", "[secret b], [secret b], [secret b]"),
        ] {
            assert_eq!(redactor.text(text), clean);
        }
    }

    /// What Python's `quote`, `quote_plus`, `json.dumps` and `base64` make of a text, and again of that.
    #[test]
    fn two_encodings_on_top_of_each_other_are_seen_through() {
        let redactor = Redactor::new([("k", vec!["k%y\\ é\"/+😀".to_owned()])]);
        for text in [
            r#"k%y\ é"/+😀"#,
            "k%25y%5C%20%C3%A9%22%2F%2B%F0%9F%98%80",
            "k%25y%5C+%C3%A9%22%2F%2B%F0%9F%98%80",
            r#"k%y\\ \u00e9\"/+\ud83d\ude00"#,
            r#"k%y\\ é\"\/+😀"#,
            r"\u006b\u0025\u0079\u005C\u0020\u00E9\u0022\u002F\u002B\uD83D\uDE00",
            "k%2525y%255C%2520%25C3%25A9%2522%252F%252B%25F0%259F%2598%2580",
            "k%2525y%255C%2B%25C3%25A9%2522%252F%252B%25F0%259F%2598%2580",
            "k%25y%5C%5C%20%5Cu00e9%5C%22%2F%2B%5Cud83d%5Cude00",
            "k%25y%5C%5C+%5Cu00e9%5C%22%5C%2F%2B%5Cud83d%5Cude00",
            r#"k%y\\\\ \\u00e9\\\"\\\/+\\ud83d\\ude00"#,
            r"\u006b\u0025\u0032\u0035\u0079%5C\u0025\u0032\u0030\u0025\u0043\u0033%A9%22%2F+%F0%9F%98%80",
            r"\u006b\u0025\u0079\u005c\u005c\u0020\u005cu00e9\u005c\u0022\u002f\u002b\u005cud83d\u005c\u0075de00",
            "ayV5XCDDqSIvK_CfmIA",
            "ayV5XCDDqSIvK/CfmIA=",
            "ayV5XCDDqSIvK%2FCfmIA%3D",
            r"ayV5XCDDqSIvK\/CfmIA=",
            r"ayV5XCDDqSIvK\u002fCfmIA\u003D",
            "ayUyNXklNUMlMjAlQzMlQTklMjIlMkYlMkIlRjAlOUYlOTglODA=",
            "ayUyNXklNUMrJUMzJUE5JTIyJTJGJTJCJUYwJTlGJTk4JTgw",
            "ayV5XFwgXHUwMGU5XCJcLytcdWQ4M2RcdWRlMDA=",
            "ayV5XFwgw6lcIi8r8J-YgA",
            "YXlWNVhDRERxU0l2S19DZm1JQQ==",
        ] {
            assert_eq!(redactor.text(text), "[secret k]", "{text}");
            assert_eq!(redactor.text(&format!("{{\"a\": \"{text}\", ")), "{\"a\": \"[secret k]\", ", "{text}");
        }
        // What fills up the Base64 inside is in characters of its own.
        assert_eq!(redactor.text("YXlWNVhDRERxU0l2Sy9DZm1JQT0="), "[secret k]0=");
    }

    #[test]
    fn nothing_is_left_of_secrets_that_overlap() {
        let names = [("a", "abcdef"), ("b", "defghi"), ("c", "bc"), ("d", "xyx"), ("e", "defghijk")];
        let redactor = Redactor::new(names.map(|(name, text)| (name, vec![text.to_owned()])));
        for (text, clean) in [
            ("-abcdefghi-", "-[secret a]-"),
            ("-abcdefghijk-", "-[secret a]-"),
            ("-defghijk-defghij-", "-[secret e]-[secret b]j-"),
            ("-abcde-", "-a[secret c]de-"),
            ("-xyxyxyx-xyxxyx-", "-[secret d]-[secret d][secret d]-"),
        ] {
            assert_eq!(redactor.text(text), clean);
        }
    }

    #[test]
    fn a_secret_that_is_learned_later_is_known_from_then_on() {
        let redactor = redactor();
        assert_eq!(redactor.text("minted-42 and s3cr&t"), "minted-42 and [secret other]");
        redactor.learn("token", &["minted-42".to_owned()]);
        assert_eq!(redactor.text("minted-42 and s3cr&t"), "[secret token] and [secret other]");
        assert!(redactor.finds("bWludGVkLTQy"), "in Base64");
    }

    #[test]
    fn bytes_of_any_kind_are_cleaned() {
        let redactor = redactor();
        assert_eq!(redactor.bytes(b"\"\xffplain\""), None);
        assert_eq!(redactor.bytes(b"\"\xff-s3cr&t-\xe9\""), Some(b"\"\xff-[secret other]-\xe9\"".to_vec()));
    }

    #[test]
    fn nothing_is_left_of_a_secret_at_the_cut() {
        const LIMIT: usize = 200;
        let redactor = Redactor::new([("t", vec!["hush-42".to_owned()])]);
        let json: String = "hush-42".bytes().map(|byte| format!("\\\\u{byte:04x}")).collect();
        for secret in ["hush-42", "%68%75%73%68%2d%34%32", "aHVzaC00Mg==", &json] {
            for at in LIMIT - secret.len() - 1..=LIMIT + 1 {
                let text = "<".repeat(at) + secret + &">".repeat(100);
                let expected = match at {
                    ..LIMIT => "<".repeat(at) + "[secret t]" + &">".repeat(LIMIT.saturating_sub(at + secret.len())),
                    _ => "<".repeat(LIMIT),
                };
                assert_eq!(redactor.known().head(&text, LIMIT), expected + "…", "{secret} at {at}");
            }
        }
        // What is left of many is shorter than they were, and does not make room for half of one.
        let clean = redactor.known().head(&"hush-42 ".repeat(1000), LIMIT).into_owned();
        assert_eq!(clean, "[secret t] ".repeat(LIMIT / 8) + "…");
    }

    #[test]
    fn no_more_of_a_text_is_kept_than_is_shown() {
        let redactor = Redactor::new([("t", vec!["abc".to_owned()])]);
        assert_eq!(redactor.line(&"abc".repeat(1_000_000)).len(), text::MAX_LINE + '…'.len_utf8());
        assert_eq!(redactor.line(&"x\n".repeat(MAX_TEXT)).len(), text::MAX_LINE - 1 + '…'.len_utf8());
        assert_eq!(redactor.text(&"é".repeat(MAX_TEXT)).len(), MAX_TEXT + '…'.len_utf8());
        assert_eq!(redactor.text(&"é".repeat(MAX_TEXT / 2)).len(), MAX_TEXT);
        assert_eq!(Redactor::default().line("a\u{1b}b"), "a\\u{1b}b");
    }
}
