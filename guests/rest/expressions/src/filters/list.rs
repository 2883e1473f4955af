//! Filters of lists and dicts.

use std::rc::Rc;

use super::{find, member_of, without_case};
use crate::call::{Context, Given, need, size, text, whole};
use crate::error::{EvalError, Result};
use crate::functions::best;
use crate::tests;
use crate::value::{Arith, Iter, Value, arith, sort, type_name};

pub(super) fn apply(context: &Context<'_>, name: &'static str, value: Value, given: Given) -> Result<Value> {
    context.budget.work(value.length().unwrap_or_default())?;
    match name {
        "join" => join(context, &value, given),
        "first" | "last" | "list" | "reverse" | "items" => plain(name, &value, given),
        "sort" | "dictsort" => sorted(name, &value, given),
        "min" | "max" => {
            let [case, attribute] = given.bind(name, ["case_sensitive?", "attribute?"])?;
            let (attribute, case) = (attribute.unwrap_or(Value::None), truth(case));
            let key = |item: &Value| Ok(folded(member_of(item, &attribute)?, case));
            Ok(best(value.items()?, name == "max", key)?.unwrap_or_default())
        }
        "unique" => {
            let [case, attribute] = given.bind(name, ["case_sensitive?", "attribute?"])?;
            let (attribute, case) = (attribute.unwrap_or(Value::None), truth(case));
            let (mut seen, mut kept) = (Vec::new(), Vec::new());
            for item in value.items()? {
                let key = folded(member_of(&item, &attribute)?, case);
                key.check_hashable()?;
                context.budget.work(seen.len() / 8 + 1)?;
                if !seen.contains(&key) {
                    seen.push(key);
                    kept.push(item);
                }
            }
            Ok(Value::generator(kept))
        }
        "sum" => {
            let [attribute, start] = given.bind(name, ["attribute?", "start?"])?;
            let attribute = attribute.unwrap_or(Value::None);
            let mut sum = start.unwrap_or(Value::Int(0));
            if matches!(sum, Value::Str(_)) {
                return Err(EvalError::Type("sum() can't sum strings [use ''.join(seq) instead]".to_owned()));
            }
            for item in value.items()? {
                sum = arith(&context.budget, Arith::Add, &sum, &member_of(&item, &attribute)?)?;
            }
            Ok(sum)
        }
        "batch" | "slice" => portions(context, name, &value, given),
        "groupby" => group(&value, given),
        "map" => map(context, &value, given),
        _ => select(context, name, &value, given),
    }
}

fn truth(value: Option<Value>) -> bool {
    value.is_some_and(|value| value.is_true())
}

fn folded(value: Value, case_sensitive: bool) -> Value {
    if case_sensitive { value } else { without_case(value) }
}

fn join(context: &Context<'_>, value: &Value, given: Given) -> Result<Value> {
    let [separator, attribute] = given.bind("join", ["d?", "attribute?"])?;
    let (separator, attribute) = (separator.unwrap_or_else(|| "".into()).to_text(), attribute.unwrap_or(Value::None));
    let mut out = String::new();
    for (index, item) in value.items()?.iter().enumerate() {
        let part = member_of(item, &attribute)?.to_text();
        context.budget.make(part.len() + separator.len())?;
        out.push_str(if index == 0 { "" } else { &separator });
        out.push_str(&part);
    }
    Ok(out.into())
}

fn plain(name: &'static str, value: &Value, given: Given) -> Result<Value> {
    let [] = given.plain(name, [])?;
    match name {
        "first" => Ok(value.items()?.into_iter().next().unwrap_or_default()),
        "last" => match value {
            Value::Iter(iter) if !iter.is_view() => {
                Err(EvalError::Type(format!("'{}' object is not reversible", iter.kind)))
            }
            Value::Set(_) => Err(EvalError::Type("'set' object is not reversible".to_owned())),
            _ => Ok(value.items()?.pop().unwrap_or_default()),
        },
        "list" => Ok(value.items()?.into()),
        "items" => match value {
            Value::Undefined => Ok(Value::generator(Vec::new())),
            _ => {
                let pairs = value.pairs();
                let pairs =
                    pairs.ok_or_else(|| EvalError::Type("Can only get item pairs from a mapping.".to_owned()))?;
                let tuple = |(key, value)| Value::Tuple(Rc::new(vec![key, value]));
                Ok(Value::generator(pairs.into_iter().map(tuple).collect()))
            }
        },
        _ => {
            if let Value::Str(text) = value {
                return Ok(text.chars().rev().collect::<String>().into());
            }
            let mut items =
                value.items().map_err(|_| EvalError::raised("FilterArgumentError", "argument must be iterable"))?;
            items.reverse();
            let kind = match value {
                Value::List(_) => "list_reverseiterator",
                Value::Dict(_) | Value::Table(_) => "dict_reversekeyiterator",
                Value::Set(_) | Value::Iter(_) => return Ok(items.into()),
                _ => "reversed",
            };
            Ok(Value::Iter(Rc::new(Iter { kind, items })))
        }
    }
}

fn sorted(name: &'static str, value: &Value, given: Given) -> Result<Value> {
    if name == "dictsort" {
        let [case, by, reverse] = given.bind(name, ["case_sensitive?", "by?", "reverse?"])?;
        let by = by.unwrap_or_else(|| "key".into());
        let (case, by_key) = (truth(case), by == Value::from("key"));
        if !by_key && by != Value::from("value") {
            let message = "You can only sort by either \"key\" or \"value\"";
            return Err(EvalError::raised("FilterArgumentError", message));
        }
        let Some(pairs) = value.pairs() else {
            return Err(match value {
                Value::Undefined => EvalError::Undefined("what 'dictsort' is asked of is undefined".to_owned()),
                _ => EvalError::raised(
                    "AttributeError",
                    format!("'{}' object has no attribute 'items'", type_name(value)),
                ),
            });
        };
        let keyed = pairs.into_iter().map(|(key, value)| {
            let by = if by_key { key.clone() } else { value.clone() };
            (folded(by, case), Value::Tuple(Rc::new(vec![key, value])))
        });
        return Ok(sort(keyed.collect(), truth(reverse))?.into());
    }
    let [reverse, case, attribute] = given.bind(name, ["reverse?", "case_sensitive?", "attribute?"])?;
    let attributes: Vec<Value> = match attribute {
        Some(Value::Str(names)) => names.split(',').map(Value::from).collect(),
        attribute => vec![attribute.unwrap_or(Value::None)],
    };
    let case = truth(case);
    let keyed = value.items()?.into_iter().map(|item| {
        let key = attributes.iter().map(|attribute| Ok(folded(member_of(&item, attribute)?, case)));
        Ok((key.collect::<Result<Vec<_>>>()?.into(), item))
    });
    Ok(sort(keyed.collect::<Result<_>>()?, truth(reverse))?.into())
}

fn portions(context: &Context<'_>, name: &'static str, value: &Value, given: Given) -> Result<Value> {
    let [count, fill] = given.bind(name, ["count", "fill_with?"])?;
    let count = whole(&need(count), "count")?;
    let fill = fill.filter(|fill| !matches!(fill, Value::None));
    let items = value.items()?;
    let mut portions: Vec<Vec<Value>> = Vec::new();
    if name == "batch" {
        for item in items {
            match portions.last_mut() {
                Some(last) if last.len() as i128 != count => last.push(item),
                _ => portions.push(vec![item]),
            }
        }
        if let (Some(last), Some(fill)) = (portions.last_mut(), fill) {
            context.budget.make(size(count).saturating_mul(32))?;
            last.resize(last.len().max(size(count)), fill);
        }
    } else {
        if count == 0 {
            return Err(EvalError::raised("ZeroDivisionError", "integer division or modulo by zero"));
        }
        let slices = size(count);
        context.budget.make(slices.saturating_mul(32))?;
        let each = items.len().checked_div(slices).unwrap_or_default();
        let extra = items.len().checked_rem(slices).unwrap_or_default();
        let mut rest = items.into_iter();
        for number in 0..slices {
            let mut portion: Vec<_> = rest.by_ref().take(each + usize::from(number < extra)).collect();
            if number >= extra {
                portion.extend(fill.clone());
            }
            portions.push(portion);
        }
    }
    Ok(Value::generator(portions.into_iter().map(Value::from).collect()))
}

fn group(value: &Value, given: Given) -> Result<Value> {
    let [attribute, default, case] = given.bind("groupby", ["attribute", "default?", "case_sensitive?"])?;
    let (attribute, case) = (need(attribute), truth(case));
    let default = default.unwrap_or(Value::None);
    let own = |item: &Value| {
        let found = member_of(item, &attribute)?;
        let absent = matches!(found, Value::Undefined) && !matches!(default, Value::None);
        Ok::<_, EvalError>(if absent { default.clone() } else { found })
    };
    let mut keyed = Vec::new();
    for item in value.items()? {
        keyed.push((folded(own(&item)?, case), item));
    }
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for item in sort(keyed, false)? {
        let key = folded(own(&item)?, case);
        match groups.last_mut() {
            Some((known, items)) if *known == key => items.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let mut out = Vec::new();
    for (key, items) in groups {
        // The key as it is written first.
        let key = if case { key } else { own(&items[0])? };
        out.push(Value::Tuple(Rc::new(vec![key, items.into()])));
    }
    Ok(out.into())
}

fn map(context: &Context<'_>, value: &Value, mut given: Given) -> Result<Value> {
    let argument = |message: &str| EvalError::raised("FilterArgumentError", message.to_owned());
    if !value.is_true() {
        return Ok(Value::generator(Vec::new()));
    }
    let mut out = Vec::new();
    if given.positional.is_empty() && given.named.iter().any(|(name, _)| &**name == "attribute") {
        let [attribute, default] =
            given.bind("map", ["attribute", "default?"]).map_err(|_| argument("Unexpected keyword argument"))?;
        let attribute = need(attribute);
        for item in value.items()? {
            let found = member_of(&item, &attribute)?;
            let absent = matches!(found, Value::Undefined);
            out.push(match &default {
                Some(default) if absent && !matches!(default, Value::None) => default.clone(),
                _ => found,
            });
        }
        return Ok(Value::generator(out));
    }
    if given.positional.is_empty() {
        return Err(argument("map requires a filter argument"));
    }
    let name = text(&given.positional.remove(0), "the name of a filter")?;
    let filter = find(&name).ok_or_else(|| unknown("filter", &name))?;
    for item in value.items()? {
        context.budget.work(1)?;
        out.push(super::apply(context, filter, item, given.clone())?);
    }
    Ok(Value::generator(out))
}

fn unknown(what: &str, name: &str) -> EvalError {
    EvalError::raised("TemplateRuntimeError", format!("No {what} named '{name}'."))
}

/// `select`, `reject`, `selectattr` and `rejectattr`.
fn select(context: &Context<'_>, name: &'static str, value: &Value, mut given: Given) -> Result<Value> {
    if !value.is_true() {
        return Ok(Value::generator(Vec::new()));
    }
    let attribute = if name.ends_with("attr") {
        if given.positional.is_empty() {
            return Err(EvalError::raised("FilterArgumentError", "Missing parameter for attribute name"));
        }
        given.positional.remove(0)
    } else {
        Value::None
    };
    let test = if given.positional.is_empty() {
        None
    } else {
        let name = text(&given.positional.remove(0), "the name of a test")?;
        Some(tests::find(&name).ok_or_else(|| unknown("test", &name))?)
    };
    let wanted = name.starts_with("select");
    let mut kept = Vec::new();
    for item in value.items()? {
        context.budget.work(1)?;
        let tested = member_of(&item, &attribute)?;
        let holds = match test {
            Some(test) => tests::apply(context, test, &tested, given.clone())?,
            None => tested.is_true(),
        };
        if holds == wanted {
            kept.push(item);
        }
    }
    Ok(Value::generator(kept))
}
