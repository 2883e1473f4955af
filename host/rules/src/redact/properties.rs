//! What holds for any secret in any encoding, tried with random ones. The encoders here know nothing of the readings.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};

use super::*;

const SECRET: &str = "%%\\\\++//==\"' 0123456789abcdefuntxyzABCDEFUNTXYZ-_é漢😀";
/// What no encoding of a secret has in it, and what no escape begins or ends with.
const QUIET: &str = "<>#|;!";
const NEIGHBOURS: &str = "%\\+/= \"25cCfFuz<é";
/// Shortest piece of Base64 that is looked for, in characters that nothing beside it has a part in.
const WHOLE: usize = 8;

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end.max(1)
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    /// So many characters of these.
    fn text(&mut self, alphabet: &str, range: std::ops::RangeInclusive<usize>) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        let count = range.start() + self.below(range.end() - range.start() + 1);
        (0..count).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Encoding {
    Raw,
    PercentAll,
    Percent,
    Form,
    Json,
    JsonSlash,
    JsonAll,
    Mixed,
    Base64(usize),
}

use Encoding::{Base64, Form, Json, JsonAll, JsonSlash, Mixed, Percent, PercentAll, Raw};

const ALL: [Encoding; 11] =
    [Raw, PercentAll, Percent, Form, Json, JsonSlash, JsonAll, Mixed, Base64(0), Base64(1), Base64(2)];

fn percent(character: char, upper: bool) -> String {
    let bytes = character.to_string().into_bytes();
    bytes.iter().map(|byte| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") }).collect()
}

fn json(character: char, upper: bool) -> String {
    let units = character.encode_utf16(&mut [0; 2]).to_vec();
    units.iter().map(|unit| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") }).collect()
}

impl Encoding {
    /// One character, in all encodings that have them one by one.
    fn character(self, character: char, upper: bool, random: &mut Random) -> String {
        let unreserved = character.is_ascii_alphanumeric() || "-_.~".contains(character);
        match (self, character) {
            (PercentAll, _) => percent(character, upper),
            (Percent | Form, _) if unreserved => character.into(),
            (Form, ' ') => "+".into(),
            (Percent | Form, _) => percent(character, upper),
            (Json | JsonSlash, '"' | '\\') | (JsonSlash, '/') => format!("\\{character}"),
            (JsonSlash, _) if !character.is_ascii() => json(character, upper),
            (JsonAll, _) => json(character, upper),
            (Mixed, _) => {
                random.of(&[&Raw, &PercentAll, &Form, &Json, &JsonSlash, &JsonAll]).character(character, upper, random)
            }
            _ => character.into(),
        }
    }

    /// A text in this encoding, alone; in Base64, with neighbours in the first and in the last group.
    fn encode(self, text: &str, random: &mut Random) -> String {
        let upper = random.below(2) == 0;
        let Base64(before) = self else {
            return text.chars().map(|character| self.character(character, upper, random)).collect();
        };
        let before = before + 3 * random.below(3);
        let neighbour = |random: &mut Random, length| (0..length).map(|_| random.below(8) as u8).collect::<Vec<u8>>();
        let (before, behind) = (neighbour(random, before), random.below(4));
        let whole = [&before, text.as_bytes(), &neighbour(random, behind)].concat();
        match random.below(4) {
            0 => BASE64_STANDARD.encode(whole),
            1 => BASE64_STANDARD_NO_PAD.encode(whole),
            2 => BASE64_URL_SAFE.encode(whole),
            _ => BASE64_URL_SAFE_NO_PAD.encode(whole),
        }
    }

    /// All that must not be left of a text in this encoding; none where it is not to be recognised.
    fn traces(self, text: &str) -> Vec<String> {
        let Base64(before) = self else {
            let form = |upper| text.chars().map(|c| self.character(c, upper, &mut Random(1))).collect();
            return if self == Mixed { Vec::new() } else { vec![form(true), form(false)] };
        };
        let whole = [&vec![0; before], text.as_bytes()].concat();
        let characters = (before * 8).div_ceil(6)..whole.len() * 8 / 6;
        let trace = |engine: &base64::engine::GeneralPurpose| {
            Some(engine.encode(&whole).get(characters.clone())?.to_owned()).filter(|trace| trace.len() >= WHOLE)
        };
        [trace(&BASE64_STANDARD), trace(&BASE64_URL_SAFE)].into_iter().flatten().collect()
    }

    /// Whether a text in this encoding is long enough to be recognised.
    fn shows(self, text: &str) -> bool {
        !matches!(self, Base64(_)) || text.len() >= WHOLE * 6 / 8
    }
}

fn redactor(secret: &str) -> Redactor {
    Redactor::new([("@", vec![secret.to_owned()])])
}

/// Encode a secret once and twice in all ways, and give each to a check.
fn each_encoding(times: usize, mut check: impl FnMut(&str, (Encoding, Encoding), &str, &mut Random)) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..times {
        let secret = random.text(SECRET, 1..=40);
        for inner in ALL {
            for outer in ALL {
                let once = inner.encode(&secret, &mut random);
                let twice = outer.encode(&once, &mut random);
                if inner.shows(&secret) && outer.shows(&once) {
                    check(&secret, (inner, outer), &twice, &mut random);
                }
            }
        }
    }
}

#[test]
fn a_secret_is_found_in_any_two_encodings() {
    each_encoding(12, |secret, encodings, encoded, random| {
        let redactor = redactor(secret);
        for alphabet in [QUIET, NEIGHBOURS] {
            let text = random.text(alphabet, 0..=4) + encoded + &random.text(alphabet, 0..=4);
            assert!(redactor.finds(&text), "{secret:?} as {encodings:?} in {text:?}");
        }
    });
}

#[test]
fn nothing_but_the_secret_is_taken_out() {
    each_encoding(20, |secret, encodings, encoded, random| {
        if let (Base64(_), _) | (_, Base64(_)) = encodings {
            return;
        }
        let (before, behind) = (random.text(QUIET, 0..=4), random.text(QUIET, 0..=4));
        let clean = redactor(secret).text(&format!("{before}{encoded}{behind}")).into_owned();
        assert_eq!(clean, format!("{before}[secret @]{behind}"), "{secret:?} as {encodings:?}: {encoded:?}");
    });
}

#[test]
fn every_character_with_a_bit_of_a_secret_is_taken_out_of_base64() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for times in 0..2000 {
        let secret = random.text(SECRET, 6..=40);
        let (before, behind) = (times % 7, random.below(4));
        let whole = [&vec![1; before], secret.as_bytes(), &vec![2; behind]].concat();
        let text = random.of(&[&BASE64_STANDARD, &BASE64_URL_SAFE_NO_PAD]).encode(&whole);
        let (start, end) = (before * 8 / 6, ((before + secret.len()) * 8).div_ceil(6));
        let clean = format!("{}[secret @]{}", &text[..start], text[end..].trim_start_matches('='));
        assert_eq!(redactor(&secret).text(&text), clean, "{secret:?} in {text:?}");
    }
}

#[test]
fn no_encoding_of_a_secret_is_left() {
    each_encoding(3, |secret, encodings, encoded, random| {
        let text = random.text(NEIGHBOURS, 0..=4) + encoded + &random.text(NEIGHBOURS, 0..=4) + encoded;
        let clean = redactor(secret).text(&text).into_owned();
        let traces = ALL.iter().flat_map(|inner| inner.traces(secret));
        let traces = traces.flat_map(|once| ALL.map(|outer| outer.traces(&once)).concat());
        for trace in traces {
            let is_left = clean.split("[secret @]").any(|left| left.contains(&trace));
            assert!(!is_left, "{trace:?} of {secret:?} as {encodings:?} in {text:?}: {clean:?}");
        }
    });
}

#[test]
fn a_text_that_holds_none_stays_as_it_is() {
    let mut random = Random(0x1234_5678_9abc_def1);
    for _ in 0..2000 {
        // Long enough that chance does not make it, in whatever way the text is read.
        let redactor_of_long = redactor(&random.text(SECRET, 10..=40));
        let text = random.text(SECRET, 0..=200);
        assert_eq!(redactor_of_long.bytes(text.as_bytes()), None, "{text:?}");
        // Not one byte in common, and no escapes.
        let redactor_of_others = redactor(&random.text("aBcd01?& é", 1..=40));
        let text = random.text("xYz89/=<>ü", 0..=200);
        assert_eq!(redactor_of_others.bytes(text.as_bytes()), None, "{text:?}");
    }
}

/// All places behind a secret that is read from this place on.
fn walk(chain: &Chain<'_>, place: usize, secret: &[u8], ends: &mut Vec<usize>) {
    if secret.is_empty() {
        return ends.push(place);
    }
    chain.read(place, |bytes, next| {
        if secret.get(..bytes.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(bytes)) {
            walk(chain, next, &secret[bytes.len()..], ends);
        }
    });
}

#[test]
fn what_is_found_is_what_a_plain_search_finds() {
    let mut random = Random(0xdead_beef_cafe_f00d);
    for _ in 0..4000 {
        let alphabet = random.of(&["%25\\", "\\u05cC", "a%61\\", "+ %2b", "aA", "\\/"]);
        let secrets = [1, 2, 3].map(|_| random.text(alphabet, 1..=5));
        let mut text = random.text(alphabet, 0..=24);
        for _ in 0..random.below(3) {
            text = BASE64_STANDARD.encode(text);
        }
        let redactor = Redactor::new(secrets.iter().map(|secret| ("", vec![secret.clone()])));
        let mut covered = vec![[false; 2]; text.len()];
        for Found { range, .. } in redactor.known().found(text.as_bytes()) {
            covered[range].iter_mut().for_each(|covered| covered[0] = true);
        }
        let raw = Chain::Text(text.as_bytes());
        let once = raw.base64();
        let twice = once.as_ref().and_then(Chain::base64);
        let mut plain = Vec::new();
        for chain in [Some(&raw), once.as_ref(), twice.as_ref()].into_iter().flatten() {
            for (start, secret) in
                (0..chain.places()).flat_map(|start| secrets.iter().map(move |secret| (start, secret)))
            {
                let mut ends = Vec::new();
                walk(chain, start, secret.as_bytes(), &mut ends);
                let ends = ends.iter().filter(|end| chain.is_long(start, **end));
                plain.extend(ends.map(|end| chain.start(start)..chain.end(*end)));
            }
        }
        for range in plain {
            covered[range].iter_mut().for_each(|covered| covered[1] = true);
        }
        let padding = |covered: &[bool; 2], byte: u8| byte == b'=' && covered[0];
        let same =
            covered.iter().zip(text.bytes()).all(|(covered, byte)| covered[0] == covered[1] || padding(covered, byte));
        assert!(same, "{secrets:?} in {text:?}: {covered:?}");
    }
}
