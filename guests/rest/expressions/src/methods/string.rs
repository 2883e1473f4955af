//! Methods of text.

use std::rc::Rc;

use crate::call::{Context, Given, need, size, text as need_text, whole};
use crate::error::{EvalError, Result};
use crate::text;
use crate::value::{Value, type_name};

/// All that Python's strings have.
pub(super) const NAMES: [&str; 47] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];

pub(super) fn call(context: &Context<'_>, own: &Rc<str>, name: &'static str, given: Given) -> Result<Value> {
    context.budget.make(own.len())?;
    match name {
        "split" | "rsplit" => split(own, name, given),
        "startswith" | "endswith" => edge(own, name, given),
        "strip" | "lstrip" | "rstrip" => {
            let [letters] = given.plain(name, ["chars?"])?;
            strip(own, name, letters.as_ref())
        }
        "find" | "rfind" | "index" | "rindex" | "count" => find(own, name, given),
        "replace" => {
            let [old, new, count] = given.plain(name, ["old", "new", "count?"])?;
            let (old, new) = (need_text(&need(old), "old")?, need_text(&need(new), "new")?);
            let count = count.map_or(Ok(-1), |count| whole(&count, "count"))?;
            replace(context, own, &old, &new, count)
        }
        "join" => {
            let [items] = given.plain(name, ["iterable"])?;
            let mut out = String::new();
            for (index, item) in need(items).items()?.iter().enumerate() {
                let Value::Str(item) = item else {
                    let message = format!("sequence item {index}: expected str instance, {} found", type_name(item));
                    return Err(EvalError::Type(message));
                };
                out.push_str(if index == 0 { "" } else { own });
                out.push_str(item);
                context.budget.make(item.len() + own.len())?;
            }
            Ok(out.into())
        }
        "partition" | "rpartition" => {
            let [separator] = given.plain(name, ["sep"])?;
            partition(own, name, &need_text(&need(separator), "sep")?)
        }
        "removeprefix" | "removesuffix" => {
            let [part] = given.plain(name, ["part"])?;
            let part = need_text(&need(part), "what is removed")?;
            let rest = if name == "removeprefix" { own.strip_prefix(&*part) } else { own.strip_suffix(&*part) };
            Ok(rest.unwrap_or(own).into())
        }
        "zfill" | "center" | "ljust" | "rjust" => pad(context, own, name, given),
        "format" => crate::percent::braces(context, own, given),
        "splitlines" => {
            let [keep] = given.bind(name, ["keepends?"])?;
            if keep.is_some_and(|keep| keep.is_true()) {
                return Err(EvalError::Unsupported("splitlines with keepends".to_owned()));
            }
            Ok(text::lines(own).into_iter().map(Value::from).collect::<Vec<_>>().into())
        }
        "encode" => {
            let [encoding, _] = given.bind(name, ["encoding?", "errors?"])?;
            let encoding = encoding.map_or(Ok("utf-8".into()), |encoding| need_text(&encoding, "encoding"))?;
            match encoding.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
                "utf8" => Ok(Value::Bytes(own.as_bytes().into())),
                "ascii" | "latin1" | "iso88591" if own.is_ascii() => Ok(Value::Bytes(own.as_bytes().into())),
                _ => Err(EvalError::Unsupported(format!("the encoding '{encoding}' of this text"))),
            }
        }
        _ => plain(own, name, given),
    }
}

/// Methods without arguments.
fn plain(own: &str, name: &'static str, given: Given) -> Result<Value> {
    let [] = given.plain(name, [])?;
    let all = |test: fn(char) -> bool| Value::Bool(!own.is_empty() && own.chars().all(test));
    Ok(match name {
        "lower" | "casefold" => own.to_lowercase().into(),
        "upper" => own.to_uppercase().into(),
        "title" => text::title(own).into(),
        "capitalize" => text::capitalize(own).into(),
        "swapcase" => own
            .chars()
            .flat_map(|letter| {
                let (upper, lower) = (letter.to_uppercase(), letter.to_lowercase());
                if letter.is_uppercase() { lower.collect::<Vec<_>>() } else { upper.collect() }
            })
            .collect::<String>()
            .into(),
        "isdigit" | "isdecimal" => all(|letter| letter.is_numeric() && text::digit(letter).is_some()),
        "isnumeric" => all(char::is_numeric),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isspace" => all(text::is_space),
        "isascii" => Value::Bool(own.is_ascii()),
        "islower" => Value::Bool(text::is_lower(own)),
        "isupper" => Value::Bool(text::is_upper(own)),
        "istitle" => Value::Bool(own.chars().any(char::is_alphabetic) && text::title(own) == own),
        "isidentifier" => {
            let first = own.chars().next().is_some_and(|first| first == '_' || first.is_alphabetic());
            Value::Bool(first && own.chars().all(|letter| letter == '_' || letter.is_alphanumeric()))
        }
        _ => return Err(EvalError::Unsupported(format!("the method '{name}' of str"))),
    })
}

fn split(own: &str, name: &'static str, given: Given) -> Result<Value> {
    let [separator, limit] = given.bind(name, ["sep?", "maxsplit?"])?;
    let limit = limit.map_or(Ok(-1), |limit| whole(&limit, "maxsplit"))?;
    let limit = if limit < 0 { usize::MAX } else { size(limit) };
    let parts: Vec<&str> = match separator {
        None | Some(Value::None) if name == "split" => text::words(own, limit),
        None | Some(Value::None) => text::words_from_end(own, limit),
        Some(separator) => {
            let separator = need_text(&separator, "sep")?;
            if separator.is_empty() {
                return Err(EvalError::value("empty separator"));
            }
            if name == "split" {
                own.splitn(limit.saturating_add(1), &*separator).collect()
            } else {
                let mut parts: Vec<_> = own.rsplitn(limit.saturating_add(1), &*separator).collect();
                parts.reverse();
                parts
            }
        }
    };
    Ok(parts.into_iter().map(Value::from).collect::<Vec<_>>().into())
}

/// The part of the text between two indices of characters, as slices have them.
fn between<'a>(own: &'a str, from: Option<&Value>, to: Option<&Value>) -> Result<Option<(&'a str, usize)>> {
    let length = own.chars().count() as i128;
    let bound = |value: Option<&Value>, open: i128| match value {
        None | Some(Value::None) => Ok(open),
        Some(value) => {
            let bound = whole(value, "slice indices")?;
            Ok::<_, EvalError>(if bound < 0 { (bound + length).max(0) } else { bound })
        }
    };
    let (from, to) = (bound(from, 0)?, bound(to, length)?.min(length));
    if from > to {
        return Ok(None);
    }
    let byte = |at: i128| own.char_indices().nth(size(at)).map_or(own.len(), |(byte, _)| byte);
    Ok(Some((&own[byte(from)..byte(to)], size(from))))
}

fn edge(own: &str, name: &'static str, given: Given) -> Result<Value> {
    let [part, from, to] = given.plain(name, ["part", "start?", "end?"])?;
    let parts = match need(part) {
        Value::Tuple(parts) => parts.to_vec(),
        part => vec![part],
    };
    let own = between(own, from.as_ref(), to.as_ref())?.map(|(own, _)| own);
    for part in parts {
        let Value::Str(part) = &part else {
            let message = format!("{name} first arg must be str or a tuple of str, not {}", type_name(&part));
            return Err(EvalError::Type(message));
        };
        let found =
            own.is_some_and(|own| if name == "startswith" { own.starts_with(&**part) } else { own.ends_with(&**part) });
        if found {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

/// `strip` and its kin, with the characters that go.
pub(crate) fn strip(own: &str, name: &str, letters: Option<&Value>) -> Result<Value> {
    let letters = match letters {
        None | Some(Value::None) => None,
        Some(letters) => Some(need_text(letters, "what is stripped")?),
    };
    let goes =
        |letter: char| letters.as_ref().map_or_else(|| text::is_space(letter), |letters| letters.contains(letter));
    Ok(match name {
        "lstrip" => own.trim_start_matches(goes),
        "rstrip" => own.trim_end_matches(goes),
        _ => own.trim_matches(goes),
    }
    .into())
}

fn find(own: &str, name: &'static str, given: Given) -> Result<Value> {
    let [part, from, to] = given.plain(name, ["sub", "start?", "end?"])?;
    let part = need_text(&need(part), "what is looked for")?;
    let inside = between(own, from.as_ref(), to.as_ref())?;
    if name == "count" {
        let count = inside.map_or(0, |(own, _)| own.matches(&*part).count());
        return Ok(Value::Int(count as i128));
    }
    let found = inside.and_then(|(own, before)| {
        let byte = if name.starts_with('r') { own.rfind(&*part) } else { own.find(&*part) }?;
        Some(before + own[..byte].chars().count())
    });
    match found {
        Some(at) => Ok(Value::Int(at as i128)),
        None if name.ends_with("find") => Ok(Value::Int(-1)),
        None => Err(EvalError::value("substring not found")),
    }
}

/// `replace`, at most so often where the count is not negative.
pub(crate) fn replace(context: &Context<'_>, own: &str, old: &str, new: &str, count: i128) -> Result<Value> {
    let found = own.matches(old).count();
    context.budget.make(own.len() + found.saturating_mul(new.len()))?;
    Ok(if count < 0 { own.replace(old, new) } else { own.replacen(old, new, size(count)) }.into())
}

fn partition(own: &str, name: &str, separator: &str) -> Result<Value> {
    if separator.is_empty() {
        return Err(EvalError::value("empty separator"));
    }
    let first = name == "partition";
    let parts = match if first { own.split_once(separator) } else { own.rsplit_once(separator) } {
        Some((before, after)) => [before, separator, after],
        None if first => [own, "", ""],
        None => ["", "", own],
    };
    Ok(Value::Tuple(Rc::new(parts.into_iter().map(Value::from).collect())))
}

fn pad(context: &Context<'_>, own: &str, name: &'static str, given: Given) -> Result<Value> {
    let [width, fill] = given.plain(name, ["width", "fillchar?"])?;
    let fill = match fill {
        None => ' ',
        Some(fill) => {
            let fill = need_text(&fill, "fillchar")?;
            let mut letters = fill.chars();
            match (letters.next(), letters.next()) {
                (Some(fill), None) => fill,
                _ => return Err(EvalError::Type("The fill character must be exactly one character long".to_owned())),
            }
        }
    };
    let width = size(whole(&need(width), "width")?);
    context.budget.make(width)?;
    Ok(padded(own, name, width, fill).into())
}

/// The text made as long as that.
pub(crate) fn padded(own: &str, name: &str, width: usize, fill: char) -> String {
    let length = own.chars().count();
    let missing = width.saturating_sub(length);
    let repeat = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    match name {
        "ljust" => own.to_owned() + &repeat(missing),
        "rjust" => repeat(missing) + own,
        "zfill" => {
            let (sign, digits) = own.split_at(usize::from(own.starts_with(['+', '-'])));
            format!("{sign}{}{digits}", "0".repeat(missing))
        }
        _ => {
            // Which side has one more depends on both lengths, as in CPython.
            let left = missing / 2 + (missing & width & 1);
            repeat(left) + own + &repeat(missing - left)
        }
    }
}
