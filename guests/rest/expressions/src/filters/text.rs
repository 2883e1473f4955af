//! Filters of text.

use crate::call::{Context, Given, need, size, text as need_text, whole};
use crate::error::{EvalError, Result};
use crate::methods::{padded, replace, strip};
use crate::value::{Value, type_name};
use crate::{quote, text};

pub(super) fn apply(context: &Context<'_>, name: &'static str, value: Value, given: Given) -> Result<Value> {
    let own = value.to_text();
    context.budget.make(own.len() * 2)?;
    match name {
        "replace" => {
            let [old, new, count] = given.bind(name, ["old", "new", "count?"])?;
            let count = match count {
                None | Some(Value::None) => -1,
                Some(count) => whole(&count, "count")?,
            };
            return replace(context, &own, &need(old).to_text(), &need(new).to_text(), count);
        }
        "trim" => {
            let [letters] = given.bind(name, ["chars?"])?;
            return strip(&own, "strip", letters.as_ref());
        }
        "center" => {
            let [width] = given.bind(name, ["width?"])?;
            let width = size(width.map_or(Ok(80), |width| whole(&width, "width"))?);
            context.budget.make(width)?;
            return Ok(padded(&own, "center", width, ' ').into());
        }
        "truncate" => return truncate(&value, given),
        "indent" => return indent(context, &value, given),
        "format" => {
            if !given.named.is_empty() && !given.positional.is_empty() {
                let message = "can't handle positional and keyword arguments at the same time";
                return Err(EvalError::raised("FilterArgumentError", message));
            }
            let values = if given.named.is_empty() {
                Value::Tuple(std::rc::Rc::new(given.positional))
            } else {
                given.named.into_iter().collect::<crate::value::Map>().into()
            };
            return crate::percent::format(&context.budget, &own, &values);
        }
        "urlencode" => {
            let [] = given.plain(name, [])?;
            return urlencode(&value);
        }
        "xmlattr" => {
            let [space] = given.bind(name, ["autospace?"])?;
            return xml_attributes(&value, space.is_none_or(|space| space.is_true()));
        }
        _ => {}
    }
    let [] = given.plain(name, [])?;
    Ok(match name {
        "lower" => own.to_lowercase().into(),
        "upper" => own.to_uppercase().into(),
        "title" => title(&own).into(),
        "capitalize" => text::capitalize(&own).into(),
        "wordcount" => {
            let words = own.split(|letter: char| letter != '_' && !letter.is_alphanumeric());
            Value::Int(words.filter(|word| !word.is_empty()).count() as i128)
        }
        "striptags" => quote::without_tags(&own).into(),
        "safe" => Value::Str(own),
        _ => quote::html(&own).into(),
    })
}

/// Jinja's own way of it: capitals behind white space, `-`, `(`, `{`, `[` and `<`.
fn title(own: &str) -> String {
    let mut out = String::with_capacity(own.len());
    let mut first = true;
    for letter in own.chars() {
        let between = matches!(letter, '-' | '(' | '{' | '[' | '<') || text::is_space(letter);
        if first && !between {
            out.extend(letter.to_uppercase());
        } else {
            out.extend(letter.to_lowercase());
        }
        first = between;
    }
    out
}

fn truncate(value: &Value, given: Given) -> Result<Value> {
    let [length, kill, end, leeway] = given.bind("truncate", ["length?", "killwords?", "end?", "leeway?"])?;
    let length = length.map_or(Ok(255), |length| whole(&length, "length"))?;
    let end = end.map_or(Ok("...".into()), |end| need_text(&end, "end"))?;
    let leeway = match leeway {
        None | Some(Value::None) => 5,
        Some(leeway) => whole(&leeway, "leeway")?,
    };
    let shown = length - end.chars().count() as i128;
    if shown < 0 || leeway < 0 {
        let message = format!("expected length >= {}, got {length}", end.chars().count());
        return Err(EvalError::raised("AssertionError", message));
    }
    let count = value.length()? as i128;
    if count <= length.saturating_add(leeway) {
        return Ok(value.clone());
    }
    let kill = kill.is_some_and(|kill| kill.is_true());
    if let (Value::List(_), false) = (value, kill) {
        return Err(EvalError::raised("AttributeError", "'list' object has no attribute 'rsplit'"));
    }
    let own = need_text(value, "what is truncated")?;
    let kept: String = own.chars().take(size(shown)).collect();
    let kept = match kept.rsplit_once(' ') {
        Some((words, _)) if !kill => words,
        _ => &kept,
    };
    Ok(format!("{kept}{end}").into())
}

fn indent(context: &Context<'_>, value: &Value, given: Given) -> Result<Value> {
    let [width, first, blank] = given.bind("indent", ["width?", "first?", "blank?"])?;
    let indention = match width.unwrap_or(Value::Int(4)) {
        Value::Str(text) => text,
        width => {
            let width = size(whole(&width, "width")?);
            context.budget.make(width)?;
            " ".repeat(width).into()
        }
    };
    if matches!(value, Value::Undefined) {
        return Err(EvalError::Undefined("what is indented is undefined".to_owned()));
    }
    if matches!(value, Value::List(_)) {
        // Python's `+=` makes it longer, and then looks for lines in it.
        return Err(EvalError::raised("AttributeError", "'list' object has no attribute 'splitlines'"));
    }
    let Value::Str(own) = value else {
        return Err(EvalError::Type(format!("unsupported operand type(s) for +=: '{}' and 'str'", type_name(value))));
    };
    let (first, blank) = (first.is_some_and(|first| first.is_true()), blank.is_some_and(|blank| blank.is_true()));
    // With an end of the line behind it, so that an empty last line counts.
    let whole = format!("{own}\n");
    let mut out = String::new();
    for (index, line) in text::lines(&whole).into_iter().enumerate() {
        context.budget.make(line.len() + indention.len() + 1)?;
        out.push_str(if index == 0 { "" } else { "\n" });
        if if index == 0 { first } else { blank || !line.is_empty() } {
            out.push_str(&indention);
        }
        out.push_str(line);
    }
    Ok(out.into())
}

fn urlencode(value: &Value) -> Result<Value> {
    let pairs = match value {
        Value::Str(text) => return Ok(quote::percent(text, b"/").into()),
        Value::Dict(_) | Value::Table(_) => value.pairs().unwrap_or_default(),
        _ => match value.items() {
            Err(_) => return Ok(quote::percent(&value.to_text(), b"/").into()),
            Ok(items) => items
                .iter()
                .map(|item| match &item.items()?[..] {
                    [key, value] => Ok((key.clone(), value.clone())),
                    parts => Err(EvalError::value(format!("expected 2 values to unpack, got {}", parts.len()))),
                })
                .collect::<Result<_>>()?,
        },
    };
    let quoted = |value: &Value| quote::percent(&value.to_text(), b"").replace("%20", "+");
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{}={}", quoted(key), quoted(value))).collect();
    Ok(pairs.join("&").into())
}

fn xml_attributes(value: &Value, space: bool) -> Result<Value> {
    let Some(pairs) = value.pairs() else {
        return Err(match value {
            Value::Undefined => EvalError::Undefined("what 'xmlattr' is asked of is undefined".to_owned()),
            _ => EvalError::raised("AttributeError", format!("'{}' object has no attribute 'items'", type_name(value))),
        });
    };
    let mut parts = Vec::new();
    for (key, value) in pairs {
        if !value.is_given() {
            continue;
        }
        let key = need_text(&key, "the name of an attribute")?;
        if key.contains(|letter: char| letter.is_ascii_whitespace() || matches!(letter, '\u{b}' | '/' | '>' | '=')) {
            return Err(EvalError::value(format!("Invalid character in attribute name: '{key}'")));
        }
        parts.push(format!("{}=\"{}\"", quote::html(&key), quote::html(&value.to_text())));
    }
    let text = parts.join(" ");
    Ok(if space && !text.is_empty() { format!(" {text}") } else { text }.into())
}
