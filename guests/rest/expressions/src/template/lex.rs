//! A template's text to tokens, as Jinja's lexer has them.

use crate::error::SyntaxError;
use crate::{float, text};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// Text outside.
    Data(String),
    /// `{{`.
    PrintBegin,
    /// `}}`.
    PrintEnd,
    /// `{%`.
    TagBegin,
    /// `%}`.
    TagEnd,
    Name(String),
    Text(String),
    Int(i128),
    Float(f64),
    Op(&'static str),
    End,
}

/// How long a template may be.
const LONG: usize = 1 << 20;

/// The operators, longer ones before those that they begin with.
const OPERATORS: [&str; 26] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".",
    ":", "|", ",", ";",
];

pub(super) fn tokens(source: &str) -> Result<Vec<(Token, usize)>, SyntaxError> {
    if source.len() > LONG {
        return Err(SyntaxError::new(1, format!("a template has at most {LONG} bytes")));
    }
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    // Trap 14: one final newline is dropped.
    let source = source.strip_suffix('\n').unwrap_or(&source);
    let mut lexer = Lexer { source, at: 0, line: 1, out: Vec::new() };
    lexer.outside()?;
    let line = lexer.line;
    lexer.out.push((Token::End, line));
    Ok(lexer.out)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: usize,
    out: Vec<(Token, usize)>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn skip(&mut self, length: usize) {
        self.line += self.rest()[..length].matches('\n').count();
        self.at += length;
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.skip(rest.len() - rest.trim_start_matches(text::is_space).len());
    }

    fn push(&mut self, token: Token) {
        self.out.push((token, self.line));
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, SyntaxError> {
        Err(SyntaxError::new(self.line, message))
    }

    fn outside(&mut self) -> Result<(), SyntaxError> {
        loop {
            let rest = self.rest();
            let found =
                rest.match_indices('{').find(|(at, _)| matches!(rest.as_bytes().get(at + 1), Some(b'{' | b'%' | b'#')));
            let Some((at, _)) = found else {
                self.data(rest);
                return Ok(());
            };
            let kind = rest.as_bytes()[at + 1];
            let sign = rest.as_bytes().get(at + 2).copied().filter(|sign| matches!(sign, b'-' | b'+'));
            let before = &rest[..at];
            self.data(if sign == Some(b'-') { before.trim_end_matches(text::is_space) } else { before });
            self.skip(at + 2 + usize::from(sign.is_some()));
            match kind {
                b'#' => self.comment()?,
                b'{' => {
                    self.push(Token::PrintBegin);
                    self.inside("}}", Token::PrintEnd)?;
                }
                _ if self.raw()? => {}
                _ => {
                    self.push(Token::TagBegin);
                    self.inside("%}", Token::TagEnd)?;
                }
            }
        }
    }

    fn data(&mut self, data: &str) {
        if !data.is_empty() {
            self.push(Token::Data(data.to_owned()));
        }
    }

    fn comment(&mut self) -> Result<(), SyntaxError> {
        let rest = self.rest();
        if rest.is_empty() {
            // At the very end Jinja does not ask for it.
            return Ok(());
        }
        let Some(end) = rest.find("#}") else { return self.error("a comment has no end: '#}' is missing") };
        let strip = rest[..end].ends_with('-');
        self.skip(end + 2);
        if strip {
            self.skip_space();
        }
        Ok(())
    }

    /// `{% raw %}…{% endraw %}`, from behind the `{%`.
    fn raw(&mut self) -> Result<bool, SyntaxError> {
        let Some(rest) = self.rest().trim_start_matches(text::is_space).strip_prefix("raw") else { return Ok(false) };
        let rest = rest.trim_start_matches(text::is_space);
        let (strip, Some(body)) = (rest.starts_with('-'), rest.strip_prefix('-').unwrap_or(rest).strip_prefix("%}"))
        else {
            return Ok(false);
        };
        let body = if strip { body.trim_start_matches(text::is_space) } else { body };
        let mut from = 0;
        while let Some(at) = body[from..].find("{%").map(|at| at + from) {
            let tag = body[at + 2..].trim_start_matches(['-', '+']).trim_start_matches(text::is_space);
            let tag = tag.strip_prefix("endraw").map(|tag| tag.trim_start_matches(text::is_space));
            if let Some(end) =
                tag.and_then(|tag| tag.trim_start_matches(['-', '+']).strip_prefix("%}").map(|end| (tag, end)))
            {
                let inside = &body[..at];
                let strip = body[at + 2..].starts_with('-');
                self.data(if strip { inside.trim_end_matches(text::is_space) } else { inside });
                self.skip(self.rest().len() - end.1.len());
                if end.0.starts_with('-') {
                    self.skip_space();
                }
                return Ok(true);
            }
            from = at + 2;
        }
        self.error("'raw' has no end: '{% endraw %}' is missing")
    }

    /// What is between `{{` and `}}`, or `{%` and `%}`.
    fn inside(&mut self, close: &str, end: Token) -> Result<(), SyntaxError> {
        let mut open: Vec<&str> = Vec::new();
        loop {
            self.skip_space();
            let rest = self.rest();
            if open.is_empty() {
                let bare = rest.strip_prefix(['-', '+']).filter(|rest| rest.starts_with(close));
                if rest.starts_with(close) {
                    self.push(end);
                    self.skip(close.len());
                    return Ok(());
                }
                if bare.is_some() && (rest.starts_with('-') || close == "%}") {
                    self.push(end);
                    self.skip(close.len() + 1);
                    if rest.starts_with('-') {
                        self.skip_space();
                    }
                    return Ok(());
                }
            }
            let Some(first) = rest.chars().next() else {
                return self.error(format!("the template ends where '{close}' is missing"));
            };
            let length = if first.is_ascii_digit() {
                self.number(rest)?
            } else if first == '_' || first.is_alphabetic() {
                let end = rest.find(|letter: char| letter != '_' && !letter.is_alphanumeric()).unwrap_or(rest.len());
                self.push(Token::Name(rest[..end].to_owned()));
                end
            } else if matches!(first, '\'' | '"') {
                self.string(rest, first)?
            } else {
                let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) else {
                    return self.error(format!("unexpected character '{first}'"));
                };
                self.balance(operator, &mut open)?;
                self.push(Token::Op(operator));
                operator.len()
            };
            self.skip(length);
        }
    }

    fn balance(&self, operator: &'static str, open: &mut Vec<&'static str>) -> Result<(), SyntaxError> {
        match operator {
            "{" => open.push("}"),
            "(" => open.push(")"),
            "[" => open.push("]"),
            "}" | ")" | "]" if open.pop() != Some(operator) => return self.error(format!("unexpected '{operator}'")),
            _ => {}
        }
        Ok(())
    }

    fn string(&mut self, rest: &str, quote: char) -> Result<usize, SyntaxError> {
        let mut escaped = false;
        for (at, letter) in rest.char_indices().skip(1) {
            if escaped {
                escaped = false;
            } else if letter == '\\' {
                escaped = true;
            } else if letter == quote {
                let Some(string) = text::unescape(&rest[1..at], false) else {
                    return self.error("a string has an escape that cannot be read");
                };
                self.push(Token::Text(string));
                return Ok(at + 1);
            }
        }
        self.error("a string has no end")
    }

    fn number(&mut self, rest: &str) -> Result<usize, SyntaxError> {
        let before = self.source[..self.at].ends_with('.');
        if let Some(length) = float_length(rest).filter(|_| !before) {
            let number = rest[..length].replace('_', "").parse().unwrap_or(f64::INFINITY);
            self.push(Token::Float(number));
            return Ok(length);
        }
        let length = int_length(rest);
        match float::parse_int(&rest[..length], 0) {
            Ok(number) => self.push(Token::Int(number)),
            Err(_) => return self.error("a whole number needs more than 128 bits"),
        }
        Ok(length)
    }
}

/// How many digits there are, with single underscores between them.
fn run(text: &str, digit: impl Fn(u8) -> bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let joined =
            byte == b'_' && at > 0 && bytes[at - 1] != b'_' && bytes.get(at + 1).is_some_and(|next| digit(*next));
        if !digit(byte) && !joined {
            break;
        }
        at += 1;
    }
    at
}

fn float_length(text: &str) -> Option<usize> {
    let decimal = |byte: u8| byte.is_ascii_digit();
    let mut at = run(text, decimal);
    let mut is_float = false;
    if text[at..].starts_with('.') {
        let fraction = run(&text[at + 1..], decimal);
        if fraction > 0 {
            is_float = true;
            at += 1 + fraction;
        }
    }
    if text[at..].starts_with(['e', 'E']) {
        let sign = usize::from(text[at + 1..].starts_with(['+', '-']));
        let exponent = run(&text[at + 1 + sign..], decimal);
        if exponent > 0 {
            return Some(at + 1 + sign + exponent);
        }
    }
    is_float.then_some(at)
}

fn int_length(text: &str) -> usize {
    let lower = text.get(..2).unwrap_or_default().to_ascii_lowercase();
    let digit = |base: u32| move |byte: u8| char::from(byte).is_digit(base);
    let base = match lower.as_str() {
        "0x" => 16,
        "0o" => 8,
        "0b" => 2,
        _ if text.starts_with('0') => return run(text, |byte| byte == b'0'),
        _ => return run(text, digit(10)),
    };
    let gap = usize::from(text[2..].starts_with('_'));
    let digits = run(&text[2 + gap..], digit(base));
    if digits == 0 { 1 } else { 2 + gap + digits }
}
