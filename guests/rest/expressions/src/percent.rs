//! `text % values`, and what `text.format(…)` is in `braces`.

mod braces;

use crate::call::size;
use crate::error::{Budget, EvalError, Result};
use crate::numbers;
use crate::value::{Value, type_name};

pub(crate) use braces::format as braces;

/// `format % values`.
pub(crate) fn format(budget: &Budget, format: &str, values: &Value) -> Result<Value> {
    let mut work = Work { budget, values, taken: 0, out: String::new(), letters: format.chars().peekable() };
    work.run()?;
    let left = match values {
        Value::Tuple(items) => work.taken < items.len(),
        // What has members by name, or is undefined, may be left over.
        Value::Dict(_) | Value::Table(_) | Value::Undefined | Value::List(_) | Value::Bytes(_) => false,
        _ => work.taken == 0,
    };
    if left {
        return Err(EvalError::Type("not all arguments converted during string formatting".to_owned()));
    }
    Ok(work.out.into())
}

struct Work<'a> {
    budget: &'a Budget,
    values: &'a Value,
    taken: usize,
    out: String,
    letters: std::iter::Peekable<std::str::Chars<'a>>,
}

/// What stands between `%` and the letter.
#[derive(Default)]
struct Style {
    left: bool,
    zero: bool,
    plus: bool,
    space: bool,
    other: bool,
    width: usize,
    precision: Option<usize>,
}

impl Work<'_> {
    fn run(&mut self) -> Result<()> {
        while let Some(letter) = self.letters.next() {
            self.budget.make(1)?;
            if letter == '%' {
                self.directive()?;
            } else {
                self.out.push(letter);
            }
        }
        Ok(())
    }

    fn directive(&mut self) -> Result<()> {
        if self.letters.next_if_eq(&'%').is_some() {
            self.out.push('%');
            return Ok(());
        }
        let mut named = None;
        if self.letters.next_if_eq(&'(').is_some() {
            let mut name = String::new();
            loop {
                match self.letters.next() {
                    Some(')') => break,
                    Some(letter) => name.push(letter),
                    None => return Err(EvalError::value("incomplete format key")),
                }
            }
            named = Some(self.member(&name)?);
        }
        let mut style = Style::default();
        while let Some(flag) = self.letters.next_if(|flag| matches!(flag, '-' | '0' | '+' | ' ' | '#')) {
            match flag {
                '-' => style.left = true,
                '0' => style.zero = true,
                '+' => style.plus = true,
                ' ' => style.space = true,
                _ => style.other = true,
            }
        }
        if let Some(width) = self.number()? {
            style.left |= width < 0;
            style.width = size(width.abs());
        }
        if self.letters.next_if_eq(&'.').is_some() {
            style.precision = Some(size(self.number()?.unwrap_or(0)).min(500));
        }
        self.letters.next_if(|letter| matches!(letter, 'h' | 'l' | 'L'));
        let Some(letter) = self.letters.next() else { return Err(EvalError::value("incomplete format")) };
        let value = match named {
            Some(value) => value,
            None => self.value()?,
        };
        self.budget.make(style.width)?;
        let (sign, body) = shown(&value, letter, &style)?;
        self.pad(&style, sign, &body, !matches!(letter, 's' | 'r' | 'a' | 'c'));
        Ok(())
    }

    fn number(&mut self) -> Result<Option<i128>> {
        if self.letters.next_if_eq(&'*').is_some() {
            let value = self.value()?;
            let number = value.as_int().ok_or_else(|| EvalError::Type("* wants int".to_owned()))?;
            return Ok(Some(number));
        }
        let mut found = None;
        while let Some(digit) = self.letters.peek().and_then(|letter| letter.to_digit(10)) {
            self.letters.next();
            found = Some((found.unwrap_or(0_i128) * 10 + i128::from(digit)).min(1 << 40));
        }
        Ok(found)
    }

    fn member(&self, name: &str) -> Result<Value> {
        match self.values {
            Value::Dict(members) => {
                members.get(name).cloned().ok_or_else(|| EvalError::raised("KeyError", format!("'{name}'")))
            }
            Value::Undefined => Err(EvalError::Undefined("what is formatted is undefined".to_owned())),
            _ => Err(EvalError::Type("format requires a mapping".to_owned())),
        }
    }

    fn value(&mut self) -> Result<Value> {
        let at = self.taken;
        self.taken += 1;
        let found = match self.values {
            Value::Tuple(items) => items.get(at).cloned(),
            single => (at == 0).then(|| single.clone()),
        };
        found.ok_or_else(|| EvalError::Type("not enough arguments for format string".to_owned()))
    }

    fn pad(&mut self, style: &Style, sign: &str, body: &str, number: bool) {
        let missing = style.width.saturating_sub(sign.chars().count() + body.chars().count());
        let zero = style.zero && !style.left && number;
        let fill = |out: &mut String, letter: char| out.extend(std::iter::repeat_n(letter, missing));
        if !zero && !style.left {
            fill(&mut self.out, ' ');
        }
        self.out.push_str(sign);
        if zero {
            fill(&mut self.out, '0');
        }
        self.out.push_str(body);
        if style.left {
            fill(&mut self.out, ' ');
        }
    }
}

/// The sign and what follows it.
fn shown(value: &Value, letter: char, style: &Style) -> Result<(&'static str, String)> {
    let cut = |text: &str| match style.precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text.to_owned(),
    };
    let sign = |negative: bool| match (negative, style.plus, style.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    };
    match letter {
        's' => Ok(("", cut(&value.to_text()))),
        'r' => Ok(("", cut(&value.to_repr()))),
        'c' => match value {
            Value::Str(text) if text.chars().count() == 1 => Ok(("", text.to_string())),
            _ => {
                let code = value.as_int().and_then(|code| u32::try_from(code).ok()).and_then(char::from_u32);
                let letter = code.ok_or_else(|| EvalError::Type("%c requires int or char".to_owned()))?;
                Ok(("", letter.to_string()))
            }
        },
        'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
            let number = match value {
                Value::Undefined if matches!(letter, 'd' | 'i' | 'u') => {
                    return Err(EvalError::Undefined("what is formatted is undefined".to_owned()));
                }
                Value::Float(number) if matches!(letter, 'd' | 'i' | 'u') => crate::functions::float_to_int(*number)?,
                _ => value.as_int().ok_or_else(|| {
                    let kind = if matches!(letter, 'd' | 'i' | 'u') { "a real number" } else { "an integer" };
                    EvalError::Type(format!("%{letter} format: {kind} is required, not {}", type_name(value)))
                })?,
            };
            let mut digits = numbers::whole(number, letter);
            if let Some(precision) = style.precision {
                digits = format!("{digits:0>precision$}");
            }
            let prefix = match letter {
                'x' | 'X' | 'o' if style.other => format!("0{letter}"),
                _ => String::new(),
            };
            Ok((sign(number < 0), prefix + &digits))
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            let number = match value {
                Value::Undefined => return Err(EvalError::Undefined("what is formatted is undefined".to_owned())),
                _ => value
                    .as_float()
                    .ok_or_else(|| EvalError::Type(format!("must be real number, not {}", type_name(value))))?,
            };
            let digits = style.precision.unwrap_or(6);
            let text = match letter.to_ascii_lowercase() {
                'e' => numbers::exponent(number.abs(), digits),
                'f' => numbers::fixed(number.abs(), digits),
                _ => numbers::general(number.abs(), digits, style.other),
            };
            let text = if letter.is_ascii_uppercase() { text.to_uppercase() } else { text };
            Ok((sign(number.is_sign_negative() && !number.is_nan()), text))
        }
        'a' => Err(EvalError::Unsupported("'%a' of a string".to_owned())),
        _ => Err(EvalError::value(format!("unsupported format character '{letter}'"))),
    }
}
