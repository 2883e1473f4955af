//! What a text may stand for: every way to read it at every place, through escapes and Base64.
//!
//! Pure.

/// How many escapes may be on top of each other.
const DEPTH: usize = 2;
/// How many bytes one reading takes at most: two escapes of UTF-16, each of their characters escaped in the same way.
pub const LONGEST: usize = 12 * 6;
/// Shortest piece of Base64, in characters: shorter ones are in many words.
const MIN_BASE64: usize = 8;
/// How many bytes that is. A secret that has as many is long enough however it is written.
pub const LONG: usize = MIN_BASE64 * 6 / 8;

/// A text as a chain of bytes: at each place there is one at most, and it leads to the place behind it.
pub enum Chain<'a> {
    /// The text itself.
    Text(&'a [u8]),
    /// What it stands for in Base64. There are three places for each one below: all bits of the character there are to
    /// be read, or four, or two. So it does not matter where in a group of four characters a piece begins.
    Base64 {
        /// The text in Base64.
        below: &'a Chain<'a>,
        /// The character at each place below: its six bits, and the place behind it.
        characters: Vec<Option<(u8, usize)>>,
        /// Longest way from one place to the next.
        longest: usize,
    },
}

impl Chain<'_> {
    /// What this stands for in Base64, if it holds a piece that is long enough.
    pub fn base64(&self) -> Option<Chain<'_>> {
        let characters: Vec<_> = (0..self.places()).map(|place| self.character(place)).collect();
        let (mut lengths, mut longest) = (vec![0; characters.len() + 1], 0);
        for (place, character) in characters.iter().enumerate().rev() {
            if let Some((_, next)) = character {
                lengths[place] = lengths[*next] + 1;
                longest = longest.max(next - place);
            }
        }
        let holds = lengths.iter().any(|length| *length >= MIN_BASE64);
        holds.then_some(Chain::Base64 { below: self, characters, longest: 6 * longest })
    }

    /// How many places there are.
    pub fn places(&self) -> usize {
        match self {
            Chain::Text(text) => text.len(),
            Chain::Base64 { characters, .. } => 3 * characters.len(),
        }
    }

    /// How far a reading may lead.
    pub fn reach(&self) -> usize {
        match self {
            Chain::Text(_) => LONGEST,
            Chain::Base64 { longest, .. } => LONGEST * longest,
        }
    }

    /// Where in the text a piece begins that is read from this place on.
    pub fn start(&self, place: usize) -> usize {
        match self {
            Chain::Text(_) => place,
            Chain::Base64 { below, .. } => below.start(place / 3),
        }
    }

    /// Where in the text a piece ends that is read up to this place: behind a character that has a part in it.
    pub fn end(&self, place: usize) -> usize {
        match self {
            Chain::Text(_) => place,
            Chain::Base64 { below, characters, .. } => match (place % 3, characters.get(place / 3)) {
                (1 | 2, Some(Some((_, next)))) => below.end(*next),
                _ => below.end(place / 3),
            },
        }
    }

    /// Whether what is read between two places is long enough to count.
    pub fn is_long(&self, start: usize, end: usize) -> bool {
        match self {
            Chain::Text(_) => true,
            Chain::Base64 { .. } => {
                (0..LONG).try_fold(start, |place, _| Some(self.step(place)?.1)).is_some_and(|least| least <= end)
            }
        }
    }

    /// The byte at a place, and the place behind it.
    fn step(&self, place: usize) -> Option<(u8, usize)> {
        match self {
            Chain::Text(text) => Some((*text.get(place)?, place + 1)),
            Chain::Base64 { characters, .. } => {
                let character = |place: usize| *characters.get(place)?;
                let (first, next) = character(place / 3)?;
                let (second, behind) = character(next)?;
                Some(match place % 3 {
                    0 => (first << 2 | second >> 4, 3 * next + 1),
                    1 => (first << 4 | second >> 2, 3 * next + 2),
                    _ => (first << 6 | second, 3 * behind),
                })
            }
        }
    }

    /// The six bits of the character of Base64 at a place, escaped or not, and the place behind it.
    fn character(&self, place: usize) -> Option<(u8, usize)> {
        let mut character = None;
        // None of these characters begins an escape, so that a place has one of them. But an escaped `u` may be part of
        // another escape, which no encoder makes of it; so the shorter one counts.
        self.read(place, |bytes, next| {
            if let [byte] = bytes
                && let Some(bits) = bits(*byte)
                && character.is_none_or(|(_, known)| next < known)
            {
                character = Some((bits, next));
            }
        });
        character
    }

    /// Every reading of a place: the bytes of a character or one byte, and the place behind it.
    pub fn read(&self, place: usize, mut each: impl FnMut(&[u8], usize)) {
        match self.step(place) {
            Some((byte, next)) if !begins_escape(byte) => each(&[byte], next),
            Some(_) => self.read_through(DEPTH, place, &mut each),
            None => {}
        }
    }

    /// The same, through so many escapes on top of each other.
    fn read_through(&self, depth: usize, place: usize, each: &mut dyn FnMut(&[u8], usize)) {
        let Some((byte, next)) = self.step(place) else { return };
        if depth == 0 || !begins_escape(byte) {
            return each(&[byte], next);
        }
        let below = depth - 1;
        self.read_through(below, place, &mut |bytes, next| {
            each(bytes, next);
            match bytes {
                b"+" => each(b" ", next),
                b"%" => self.number(below, next, (2, 0), &mut |value, next| each(&[value as u8], next)),
                b"\\" => self.escaped(below, next, each),
                _ => {}
            }
        });
    }

    /// What is behind a backslash, as in JSON. Any sign may be there, for others escape more than JSON does.
    fn escaped(&self, depth: usize, place: usize, each: &mut dyn FnMut(&[u8], usize)) {
        self.read_through(depth, place, &mut |bytes, next| match bytes {
            b"u" => self.number(depth, next, (4, 0), &mut |unit, next| self.utf16(depth, next, unit, each)),
            b"b" => each(b"\x08", next),
            b"f" => each(b"\x0c", next),
            b"n" => each(b"\n", next),
            b"r" => each(b"\r", next),
            b"t" => each(b"\t", next),
            [byte] if byte.is_ascii_alphanumeric() => {}
            _ => each(bytes, next),
        });
    }

    /// The character that begins with this unit of UTF-16, and may need another escape.
    fn utf16(&self, depth: usize, place: usize, unit: u32, each: &mut dyn FnMut(&[u8], usize)) {
        if let Some(character) = char::from_u32(unit) {
            return each(character.encode_utf8(&mut [0; 4]).as_bytes(), place);
        }
        self.literal(depth, place, b"\\u", &mut |next| {
            self.number(depth, next, (4, 0), &mut |second, next| {
                if let Some(Ok(character)) = char::decode_utf16([unit as u16, second as u16]).next() {
                    each(character.encode_utf8(&mut [0; 4]).as_bytes(), next);
                }
            });
        });
    }

    /// The places behind these bytes.
    fn literal(&self, depth: usize, place: usize, wanted: &[u8], each: &mut dyn FnMut(usize)) {
        let Some((first, rest)) = wanted.split_first() else { return each(place) };
        self.read_through(depth, place, &mut |bytes, next| {
            if bytes == [*first] {
                self.literal(depth, next, rest, each);
            }
        });
    }

    /// The number that goes on with so many hexadecimal digits.
    fn number(&self, depth: usize, place: usize, (left, value): (u32, u32), each: &mut dyn FnMut(u32, usize)) {
        if left == 0 {
            return each(value, place);
        }
        self.read_through(depth, place, &mut |bytes, next| {
            if let [byte] = bytes
                && let Some(digit) = char::from(*byte).to_digit(16)
            {
                self.number(depth, next, (left - 1, value * 16 + digit), each);
            }
        });
    }
}

fn begins_escape(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\' | b'+')
}

/// The parts of a text that may stand for something in Base64, and where they begin.
pub fn pieces(text: &[u8]) -> impl Iterator<Item = (usize, Chain<'_>)> {
    let may_be = |byte: &u8| bits(*byte).is_some() || begins_escape(*byte);
    let mut behind = 0;
    let pieces = text.chunk_by(move |one, other| may_be(one) == may_be(other)).map(move |piece| {
        behind += piece.len();
        (behind - piece.len(), piece)
    });
    pieces.filter(|(_, piece)| piece.len() >= MIN_BASE64).map(|(at, piece)| (at, Chain::Text(piece)))
}

/// What a character of Base64 stands for, in the standard alphabet or in the one that is safe in a URL.
fn bits(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    /// What is read at the begin of a text, with the length of each.
    fn readings(text: &str) -> BTreeSet<(String, usize)> {
        let mut readings = BTreeSet::new();
        Chain::Text(text.as_bytes()).read(0, |bytes, next| {
            readings.insert((String::from_utf8_lossy(bytes).into_owned(), next));
        });
        readings
    }

    #[test]
    fn a_place_is_read_in_every_way() {
        for (text, expected) in [
            ("", &[][..]),
            ("ab", &[("a", 1)]),
            ("+", &[("+", 1), (" ", 1)]),
            ("%", &[("%", 1)]),
            ("%4", &[("%", 1)]),
            ("%4g", &[("%", 1)]),
            ("%41", &[("%", 1), ("A", 3)]),
            ("%2B", &[("%", 1), ("+", 3), (" ", 3)]),
            ("%2541", &[("%", 1), ("%", 3), ("A", 5)]),
            ("%252541", &[("%", 1), ("%", 3), ("%", 5)]),
            ("%%34%31", &[("%", 1), ("A", 7)]),
            (r"\a", &[("\\", 1)]),
            (r"\n", &[("\\", 1), ("\n", 2)]),
            (r"\/", &[("\\", 1), ("/", 2)]),
            (r"\\/", &[("\\", 1), ("\\", 2), ("/", 3)]),
            (r"\\\/", &[("\\", 1), ("\\", 2), ("\\", 3), ("/", 4)]),
            ("%5c/", &[("%", 1), ("\\", 3), ("/", 4)]),
            ("%5Ct", &[("%", 1), ("\\", 3), ("\t", 4)]),
            (r"\u00e9", &[("\\", 1), ("é", 6)]),
            (r"\u002541", &[("\\", 1), ("%", 6), ("A", 8)]),
            (r"\uD83D\uDE00", &[("\\", 1), ("😀", 12)]),
            (r"\\ud83d\\ude00", &[("\\", 1), ("\\", 2), ("😀", 14)]),
            (r"\uD83D\u0041", &[("\\", 1)]),
            (r"\uDE00\uD83D", &[("\\", 1)]),
        ] {
            let expected = expected.iter().map(|(bytes, next)| ((*bytes).to_owned(), *next)).collect();
            assert_eq!(readings(text), expected, "{text}");
        }
    }

    #[test]
    fn no_reading_leads_further_than_expected() {
        let escaped = |text: &str| -> String { text.bytes().map(|byte| format!("\\u{byte:04x}")).collect() };
        let longest = escaped("\\ud83d\\ude00");
        assert!(readings(&longest).contains(&("😀".to_owned(), LONGEST)));
        for text in [longest.clone(), BASE64_STANDARD.encode(&longest), escaped(&BASE64_STANDARD.encode(&longest))] {
            let raw = Chain::Text(text.as_bytes());
            let once = raw.base64();
            for chain in [Some(&raw), once.as_ref()].into_iter().flatten() {
                for place in 0..chain.places() {
                    chain.read(place, |_, next| assert!(next > place && next - place <= chain.reach(), "{text}"));
                }
            }
        }
    }

    #[test]
    fn base64_is_read_by_its_characters() {
        for (text, expected) in [
            ("A", Some((0, 1))),
            ("-", Some((62, 1))),
            ("+", Some((62, 1))),
            ("%2F", Some((63, 3))),
            ("%252f", Some((63, 5))),
            (r"\\/", Some((63, 3))),
            (r"\u005cu0041", Some((0, 11))),
            // And not a slash whose escape has an escaped `u`.
            (r"\\u0075002f", Some((46, 7))),
            ("%", None),
            ("=", None),
            ("é", None),
        ] {
            assert_eq!(Chain::Text(text.as_bytes()).character(0), expected, "{text}");
        }
    }
}
