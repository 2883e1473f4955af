//! `text.format(…)`.

use crate::access::{attribute, item};
use crate::call::{Context, Given, size};
use crate::error::{EvalError, Result};
use crate::methods::padded;
use crate::numbers;
use crate::time;
use crate::value::{Value, type_name};

pub(crate) fn format(context: &Context<'_>, format: &str, given: Given) -> Result<Value> {
    let mut work = Work { context, given: &given, next: Some(0) };
    Ok(work.run(format, 0)?.into())
}

struct Work<'a> {
    context: &'a Context<'a>,
    given: &'a Given,
    /// The next argument without a number; nothing where numbers are written out.
    next: Option<usize>,
}

impl Work<'_> {
    fn run(&mut self, format: &str, depth: usize) -> Result<String> {
        if depth > 1 {
            return Err(EvalError::value("Max string recursion exceeded"));
        }
        let mut out = String::new();
        let mut rest = format;
        while let Some(at) = rest.find(['{', '}']) {
            out.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                out.push_str(brace);
                rest = after;
                continue;
            }
            if brace == "}" {
                return Err(EvalError::value("Single '}' encountered in format string"));
            }
            let end = closing(rest).ok_or_else(|| EvalError::value("expected '}' before end of string"))?;
            let shown = self.field(&rest[..end], depth)?;
            self.context.budget.make(shown.len())?;
            out.push_str(&shown);
            rest = &rest[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn field(&mut self, field: &str, depth: usize) -> Result<String> {
        // The name ends at the first `!` or `:` that is not in brackets.
        let mut inside = false;
        let end = field.find(|letter| {
            inside = (inside || letter == '[') && letter != ']';
            !inside && matches!(letter, '!' | ':')
        });
        let (name, rest) = field.split_at(end.unwrap_or(field.len()));
        let value = self.value(name)?;
        let (conversion, spec) = match rest.strip_prefix('!') {
            Some(rest) => {
                let letter = rest
                    .chars()
                    .next()
                    .ok_or_else(|| EvalError::value("end of string while looking for conversion specifier"))?;
                let rest = &rest[letter.len_utf8()..];
                match rest.strip_prefix(':') {
                    Some(spec) => (Some(letter), spec),
                    None if rest.is_empty() => (Some(letter), ""),
                    None => return Err(EvalError::value("expected ':' after conversion specifier")),
                }
            }
            None => (None, rest.strip_prefix(':').unwrap_or_default()),
        };
        let value = match conversion {
            None => value,
            Some('s') => Value::Str(value.to_text()),
            Some('r') => value.to_repr().into(),
            Some('a') => return Err(EvalError::Unsupported("the conversion '!a'".to_owned())),
            Some(letter) => return Err(EvalError::value(format!("Unknown conversion specifier {letter}"))),
        };
        let spec = if spec.contains('{') { self.run(spec, depth + 1)? } else { spec.to_owned() };
        show(self.context, &value, &spec)
    }

    /// `0.name[key]`.
    fn value(&mut self, name: &str) -> Result<Value> {
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let (first, mut rest) = name.split_at(end);
        let mixed = || EvalError::value("cannot switch from manual field specification to automatic field numbering");
        let index = if first.is_empty() {
            let index = self.next.ok_or_else(mixed)?;
            self.next = Some(index + 1);
            Some(index)
        } else if let Ok(index) = first.parse::<usize>() {
            if self.next.is_some_and(|next| next > 0) {
                return Err(mixed());
            }
            self.next = None;
            Some(index)
        } else {
            None
        };
        let mut value = match index {
            Some(index) => self.given.positional.get(index).cloned().ok_or_else(|| {
                EvalError::raised(
                    "IndexError",
                    format!("Replacement index {index} out of range for positional args tuple"),
                )
            })?,
            None => {
                let named = self.given.named.iter().find(|(known, _)| **known == *first);
                named
                    .map(|(_, value)| value.clone())
                    .ok_or_else(|| EvalError::raised("KeyError", format!("'{first}'")))?
            }
        };
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let end = after.find(']').ok_or_else(|| EvalError::value("Missing ']' in format string"))?;
                let key = after[..end].parse().map_or_else(|_| after[..end].into(), Value::Int);
                value = item(&value, &key)?;
                rest = &after[end + 1..];
            } else {
                let after = rest.strip_prefix('.').unwrap_or(rest);
                let end = after.find(['.', '[']).unwrap_or(after.len());
                if end == 0 {
                    return Err(EvalError::value("Empty attribute in format string"));
                }
                if matches!(value, Value::Undefined) {
                    return Err(EvalError::Undefined("an attribute of something undefined is formatted".to_owned()));
                }
                value = attribute(&value, &after[..end]);
                rest = &after[end..];
            }
        }
        Ok(value)
    }
}

/// Where the brace closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[derive(Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    /// A zero stands before the width.
    zero: bool,
    other: bool,
    width: usize,
    group: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

impl Spec {
    fn parse(spec: &str) -> Result<Self> {
        let letters: Vec<char> = spec.chars().collect();
        let mut found = Self::default();
        let is_align = |letter: Option<&char>| letter.is_some_and(|letter| matches!(letter, '<' | '>' | '=' | '^'));
        let mut at = 0;
        if is_align(letters.get(1)) {
            (found.fill, found.align, at) = (Some(letters[0]), Some(letters[1]), 2);
        } else if is_align(letters.first()) {
            (found.align, at) = (Some(letters[0]), 1);
        }
        if let Some(sign @ ('+' | '-' | ' ')) = letters.get(at) {
            found.sign = Some(*sign);
            at += 1;
        }
        if letters.get(at) == Some(&'#') {
            found.other = true;
            at += 1;
        }
        if letters.get(at) == Some(&'0') {
            found.fill = found.fill.or(Some('0'));
            found.zero = found.align.is_none();
            found.align = found.align.or(Some('='));
            at += 1;
        }
        let number = |at: &mut usize| {
            let mut number = None;
            while let Some(digit) = letters.get(*at).and_then(|letter| letter.to_digit(10)) {
                number = Some((number.unwrap_or(0_i128) * 10 + i128::from(digit)).min(1 << 40));
                *at += 1;
            }
            number
        };
        found.width = size(number(&mut at).unwrap_or(0));
        if let Some(group @ (',' | '_')) = letters.get(at) {
            found.group = Some(*group);
            at += 1;
        }
        if letters.get(at) == Some(&'.') {
            at += 1;
            let precision = number(&mut at).ok_or_else(|| EvalError::value("Format specifier missing precision"))?;
            found.precision = Some(size(precision).min(500));
        }
        found.kind = letters.get(at).copied();
        if letters.len() > at + 1 {
            return Err(EvalError::value("Invalid format specifier"));
        }
        Ok(found)
    }
}

/// `format(value, spec)`.
fn show(context: &Context<'_>, value: &Value, spec: &str) -> Result<String> {
    match value {
        Value::Date(date) if !spec.is_empty() => return Ok(time::strftime_date(*date, spec)),
        Value::Time(time) if !spec.is_empty() => return Ok(time::strftime(*time, spec)),
        _ if spec.is_empty() => return Ok(value.to_text().to_string()),
        _ => {}
    }
    let number = matches!(value, Value::Int(_) | Value::Bool(_) | Value::Float(_) | Value::Digits(_));
    if !number && !matches!(value, Value::Str(_)) {
        let message = format!("unsupported format string passed to {}.__format__", type_name(value));
        return Err(EvalError::Type(message));
    }
    let spec = Spec::parse(spec)?;
    context.budget.make(spec.width)?;
    let unknown = |kind: char| {
        EvalError::value(format!("Unknown format code '{kind}' for object of type '{}'", type_name(value)))
    };
    if let Value::Str(text) = value {
        if let Some(kind) = spec.kind.filter(|kind| *kind != 's') {
            return Err(unknown(kind));
        }
        let aligned_number = spec.align == Some('=') && !spec.zero;
        if aligned_number || spec.group.is_some() || spec.sign.is_some() || spec.other {
            return Err(EvalError::value("a sign, '#', '=' or a separator is not allowed in string format specifier"));
        }
        let cut: String = text.chars().take(spec.precision.unwrap_or(usize::MAX)).collect();
        return Ok(aligned(&spec, "", &cut, '<'));
    }
    let (negative, body) = match (value.as_int(), spec.kind) {
        (Some(number), None | Some('b' | 'd' | 'n' | 'o' | 'x' | 'X')) => {
            let kind = spec.kind.unwrap_or('d');
            if spec.precision.is_some() {
                return Err(EvalError::value("Precision not allowed in integer format specifier"));
            }
            let mut digits = numbers::whole(number, kind);
            if let Some(group) = spec.group {
                digits = numbers::grouped(&digits, group, if matches!(kind, 'd' | 'n') { 3 } else { 4 });
            }
            let prefix = if spec.other && !matches!(kind, 'd' | 'n') { format!("0{kind}") } else { String::new() };
            (number < 0, prefix + &digits)
        }
        (Some(number), Some('c')) => {
            let letter = u32::try_from(number).ok().and_then(char::from_u32);
            let letter = letter.ok_or_else(|| EvalError::raised("OverflowError", "%c arg not in range(0x110000)"))?;
            return Ok(aligned(&spec, "", &letter.to_string(), '<'));
        }
        _ => {
            let number = value.as_float().unwrap_or_default();
            let text = float(number.abs(), &spec).ok_or_else(|| unknown(spec.kind.unwrap_or(' ')))?;
            let text = if spec.group.is_some() { numbers::grouped(&text, spec.group.unwrap_or(','), 3) } else { text };
            (number.is_sign_negative() && !number.is_nan(), text)
        }
    };
    let sign = match (negative, spec.sign) {
        (true, _) => "-",
        (_, Some('+')) => "+",
        (_, Some(' ')) => " ",
        _ => "",
    };
    Ok(aligned(&spec, sign, &body, '>'))
}

fn float(number: f64, spec: &Spec) -> Option<String> {
    let digits = spec.precision.unwrap_or(6);
    Some(match spec.kind {
        None => match spec.precision {
            None => crate::float::repr(number),
            Some(digits) => {
                let text = numbers::general(number, digits, false);
                if text.contains(['.', 'e', 'n']) { text } else { text + ".0" }
            }
        },
        Some('f' | 'F') => numbers::fixed(number, digits),
        Some('e') => numbers::exponent(number, digits),
        Some('E') => numbers::exponent(number, digits).to_uppercase(),
        Some('g' | 'n') => numbers::general(number, digits, spec.other),
        Some('G') => numbers::general(number, digits, spec.other).to_uppercase(),
        Some('%') => numbers::fixed(number * 100.0, digits) + "%",
        Some(_) => return None,
    })
}

fn aligned(spec: &Spec, sign: &str, body: &str, align: char) -> String {
    let fill = spec.fill.unwrap_or(' ');
    let whole = format!("{sign}{body}");
    match spec.align.unwrap_or(align) {
        '<' => padded(&whole, "ljust", spec.width, fill),
        '>' => padded(&whole, "rjust", spec.width, fill),
        '=' if sign.is_empty() && align == '<' => padded(body, "ljust", spec.width, fill),
        '=' => {
            let width = spec.width.saturating_sub(sign.len());
            format!("{sign}{}", padded(body, "rjust", width, fill))
        }
        _ => {
            // One more on the right.
            let missing = spec.width.saturating_sub(whole.chars().count());
            let repeat = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
            repeat(missing / 2) + &whole + &repeat(missing - missing / 2)
        }
    }
}
