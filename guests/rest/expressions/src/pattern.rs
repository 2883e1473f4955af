//! Regular expressions as Python's `re` has them: leftmost, the first alternative first, with groups, looking around and
//! references back. A search counts its steps, so that a pattern that takes for ever is stopped.
//!
//! What `re` has and this has not is refused by name: conditional groups, and looking behind at what has no fixed width.

mod compile;
mod machine;
mod parse;

use std::rc::Rc;

use crate::call::Context;
use crate::error::{EvalError, Result};
use crate::value::{Value, type_name};
use compile::Program;
use machine::Machine;

fn failed(message: impl Into<String>) -> EvalError {
    EvalError::raised("error", message)
}

/// The text to search in, and the pattern.
fn both(context: &Context<'_>, value: &Value, pattern: &Value) -> Result<(Vec<char>, Program)> {
    let Value::Str(pattern) = pattern else {
        return Err(EvalError::Type("first argument must be string or compiled pattern".to_owned()));
    };
    context.budget.make(pattern.len() * 16)?;
    let program = Program::new(pattern)?;
    let Value::Str(text) = value else {
        return Err(EvalError::Type(format!("expected string or bytes-like object, got '{}'", type_name(value))));
    };
    context.budget.make(text.len() * 4)?;
    Ok((text.chars().collect(), program))
}

/// `regex_search`: the first group of the first match. "" where there is no match or no group.
pub(crate) fn search(context: &Context<'_>, value: &Value, pattern: &Value) -> Result<Value> {
    let (text, program) = both(context, value, pattern)?;
    let found = Machine::new(&context.budget, &program, &text).search(0, false)?;
    Ok(match found {
        Some(slots) if program.groups > 0 => match group(&text, &slots, 1) {
            Some(letters) => letters.iter().collect::<String>().into(),
            None => Value::None,
        },
        _ => "".into(),
    })
}

fn group<'t>(text: &'t [char], slots: &[Option<usize>], number: usize) -> Option<&'t [char]> {
    let from = slots.get(number * 2).copied().flatten()?;
    let to = slots.get(number * 2 + 1).copied().flatten()?;
    text.get(from..to)
}

/// `regex_replace`: `re.sub` for all matches.
pub(crate) fn replace(context: &Context<'_>, value: &Value, pattern: &Value, with: &Value) -> Result<Value> {
    let (text, program) = both(context, value, pattern)?;
    let Value::Str(with) = with else {
        let message = format!("decoding to str: need a bytes-like object, {} found", type_name(with));
        return Err(EvalError::Type(message));
    };
    let parts = template(with, &program)?;
    let machine = Machine::new(&context.budget, &program, &text);
    let mut out = String::new();
    // Behind an empty match the next one may not be empty at the same place.
    let (mut at, mut last, mut advance) = (0, 0, false);
    while let Some(slots) = machine.search(at, advance)? {
        let (from, to) = (slots[0].unwrap_or(at), slots[1].unwrap_or(at));
        out.extend(&text[last..from]);
        for part in &parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Group(number) => out.extend(group(&text, &slots, *number).unwrap_or_default()),
            }
        }
        context.budget.make(out.len() / 16 + 1)?;
        (at, last, advance) = (to, to, from == to);
    }
    out.extend(&text[last..]);
    context.budget.make(out.len())?;
    Ok(out.into())
}

enum Part {
    Text(String),
    Group(usize),
}

/// What a replacement is made of: text, `\1`, `\g<name>` and the escapes of strings.
fn template(with: &Rc<str>, program: &Program) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut letters = with.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        let Some(escaped) = letters.next() else { return Err(failed("bad escape (end of pattern)")) };
        let number = match escaped {
            'g' => {
                if letters.next() != Some('<') {
                    return Err(failed("missing <"));
                }
                let mut name = String::new();
                loop {
                    match letters.next() {
                        Some('>') => break,
                        Some(letter) => name.push(letter),
                        None => return Err(failed("missing >, unterminated name")),
                    }
                }
                match name.parse() {
                    Ok(number) => number,
                    Err(_) => program
                        .named(&name)
                        .ok_or_else(|| EvalError::raised("IndexError", format!("unknown group name '{name}'")))?,
                }
            }
            '1'..='9' => {
                let mut number = escaped.to_digit(10).unwrap_or_default() as usize;
                if let Some(digit) = letters.peek().and_then(|next| next.to_digit(10)) {
                    number = number * 10 + digit as usize;
                    letters.next();
                }
                number
            }
            _ => {
                text.push(plain_escape(escaped)?);
                continue;
            }
        };
        if number > program.groups {
            return Err(failed(format!("invalid group reference {number}")));
        }
        parts.push(Part::Text(std::mem::take(&mut text)));
        parts.push(Part::Group(number));
    }
    parts.push(Part::Text(text));
    Ok(parts)
}

fn plain_escape(escaped: char) -> Result<char> {
    Ok(match escaped {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        '0' => '\0',
        '\\' => '\\',
        _ if escaped.is_ascii_alphabetic() => return Err(failed(format!("bad escape \\{escaped}"))),
        _ => return Err(EvalError::Unsupported(format!("'\\{escaped}' in a replacement"))),
    })
}
