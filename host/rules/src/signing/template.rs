//! Texts with the parts of a request in them: `{timestamp}{method}{target}{body}`. A brace of its own is written twice.

use http::HeaderName;

use crate::text;

/// Longest template, in bytes.
const MAX_TEMPLATE: usize = 2048;

/// What a template may name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Word {
    Method,
    Scheme,
    Host,
    Port,
    Path,
    Query,
    Target,
    Body,
    Timestamp,
    Date,
    Nonce,
    Digest,
    Signature,
    /// A part of the secret.
    Part(&'static str),
    /// A field of the request.
    Header(HeaderName),
    /// A value of a form in the body.
    Form(String),
}

/// A text with words in it.
pub(super) struct Template(Vec<Piece>);

enum Piece {
    Text(String),
    Word(Word),
}

impl Template {
    /// Read a template in which any of the words may be but those that `refused` names.
    pub(super) fn parse(text: &str, refused: &[Word]) -> Result<Self, String> {
        let shown = || text::quoted(text);
        if text.len() > MAX_TEMPLATE {
            return Err(format!("a template of it is longer than {MAX_TEMPLATE} bytes"));
        }
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            plain.push_str(before);
            if let Some(after) = brace.strip_prefix("{{").or(brace.strip_prefix("}}")) {
                plain.push_str(&brace[..1]);
                rest = after;
                continue;
            }
            let inner = brace.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let (name, after) = inner.ok_or_else(|| format!("a brace of its template `{}` stands alone", shown()))?;
            let word = Word::parse(name).filter(|word| !refused.contains(word));
            let word =
                word.ok_or_else(|| format!("its template `{}` cannot have `{}`", shown(), text::quoted(name)))?;
            pieces.extend([Piece::Text(std::mem::take(&mut plain)), Piece::Word(word)]);
            rest = after;
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Ok(Self(pieces))
    }

    /// Whether it has this word.
    pub(super) fn has(&self, word: &Word) -> bool {
        self.words().any(|own| own == word)
    }

    /// The words in it.
    pub(super) fn words(&self) -> impl Iterator<Item = &Word> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Word(word) => Some(word),
            Piece::Text(_) => None,
        })
    }

    /// Give it piece by piece, with what the words stand for.
    pub(super) fn give<'a>(&self, value: &impl Fn(&Word) -> &'a [u8], take: super::mac::Take<'_>) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => take(text.as_bytes()),
                Piece::Word(word) => take(value(word)),
            }
        }
    }

    /// All of it.
    pub(super) fn filled<'a>(&self, value: &impl Fn(&Word) -> &'a [u8]) -> Vec<u8> {
        let mut all = Vec::new();
        self.give(value, &mut |bytes| all.extend_from_slice(bytes));
        all
    }
}

impl Word {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "method" => Self::Method,
            "scheme" => Self::Scheme,
            "host" => Self::Host,
            "port" => Self::Port,
            "path" => Self::Path,
            "query" => Self::Query,
            "target" => Self::Target,
            "body" => Self::Body,
            "timestamp" => Self::Timestamp,
            "date" => Self::Date,
            "nonce" => Self::Nonce,
            "digest" => Self::Digest,
            "signature" => Self::Signature,
            "id" => Self::Part("id"),
            "token" => Self::Part("token"),
            "passphrase" => Self::Part("passphrase"),
            name => match name.split_once('.')? {
                ("header", field) => Self::Header(HeaderName::from_bytes(field.as_bytes()).ok()?),
                ("form", field) if !field.is_empty() => Self::Form(field.to_owned()),
                _ => return None,
            },
        })
    }
}
