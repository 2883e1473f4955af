//! Which characters are not what they look like.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Characters that have a shape, which is blank: a Braille pattern without dots, a note without a head, a filler. No
/// property of Unicode says so.
const BLANK: [char; 3] = ['\u{2800}', '\u{1d159}', '\u{16fe4}'];

/// Whether a character turns text around, is not seen, or speaks to a terminal (Unicode UAX #9 and UAX #44, UTS #39). Spaces
/// are not among them.
pub(super) fn is_unsafe(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control() && character != '\t';
    }
    let category = CodePointMapData::<GeneralCategory>::new().get(character);
    let acts = matches!(
        category,
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    );
    acts || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character) || BLANK.contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_unsafe() {
        for character in [
            '\0',
            '\u{1b}',
            '\r',
            '\n',
            '\u{7f}',
            '\u{9b}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{17b4}',
            '\u{180b}',
            '\u{180e}',
            '\u{200b}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{1d159}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e0100}',
        ] {
            assert!(is_unsafe(character), "{character:?}");
        }
        for character in " \tazé漢字हिन्दीعربية😀…\u{301}\u{a0}".chars() {
            assert!(!is_unsafe(character), "{character:?}");
        }
    }

    /// The same asked of another implementation, with tables of its own.
    #[test]
    fn no_code_point_is_judged_otherwise_than_by_regular_expressions() {
        let unseen =
            regex::Regex::new(r"^[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Zl}\p{Zp}]$").expect("a pattern");
        for character in '\0'..=char::MAX {
            let expected = unseen.is_match(character.encode_utf8(&mut [0; 4])) && character != '\t';
            assert_eq!(is_unsafe(character), expected || BLANK.contains(&character), "{character:?}");
        }
    }
}
