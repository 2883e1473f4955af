//! The line before a chunk: its size, and extensions that say nothing (RFC 9112, 7.1).

use super::Lax;

/// A chunk's line as it comes: `1*HEXDIG *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ) CRLF`.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    size: u64,
    at: At,
}

/// What the next byte may be.
#[derive(Debug, Clone, Copy, Default)]
enum At {
    #[default]
    FirstDigit,
    Digit,
    /// Blanks, and then another extension.
    Semicolon,
    NameStart,
    Name,
    /// Blanks, and then a value or another extension.
    AfterName,
    ValueStart,
    Value,
    Quoted,
    Escaped,
    AfterQuoted,
    LineFeed,
}

impl Chunk {
    /// Take one byte; the chunk's size, where it was the line's last.
    pub(super) fn take(&mut self, byte: u8) -> Result<Option<u64>, Lax> {
        self.at = match (self.at, byte) {
            (At::LineFeed, b'\n') => return Ok(Some(self.size)),
            (At::LineFeed, _) => return Err(Lax::CarriageReturn),
            (At::FirstDigit | At::Digit, digit) if digit.is_ascii_hexdigit() => {
                let digit = u64::from(char::from(digit).to_digit(16).unwrap_or(0));
                let size = self.size.checked_mul(16).and_then(|size| size.checked_add(digit));
                self.size = size.ok_or(Lax::ChunkLine)?;
                At::Digit
            }
            (At::Digit | At::Name | At::Value | At::AfterQuoted, b'\r') => At::LineFeed,
            (At::Digit | At::Name | At::Value | At::AfterQuoted | At::Semicolon | At::AfterName, b';') => At::NameStart,
            (At::Name | At::AfterName, b'=') => At::ValueStart,
            (At::Digit | At::Value | At::AfterQuoted | At::Semicolon, b' ' | b'\t') => At::Semicolon,
            (At::Name | At::AfterName, b' ' | b'\t') => At::AfterName,
            (at @ (At::NameStart | At::ValueStart), b' ' | b'\t') => at,
            (At::NameStart | At::Name, byte) if is_token(byte) => At::Name,
            (At::ValueStart, b'"') => At::Quoted,
            (At::ValueStart | At::Value, byte) if is_token(byte) => At::Value,
            (At::Quoted, b'\\') => At::Escaped,
            (At::Quoted, b'"') => At::AfterQuoted,
            (At::Quoted | At::Escaped, b'\t' | b' '..=b'~' | 0x80..) => At::Quoted,
            (_, b'\n') => return Err(Lax::LineFeed),
            _ => return Err(Lax::ChunkLine),
        };
        Ok(None)
    }
}

/// RFC 9110, 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
