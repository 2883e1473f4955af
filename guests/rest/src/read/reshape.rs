//! Changes to the names of a record's members. Pure.

use std::rc::Rc;

use any_ascii::any_ascii;
use expressions::{Map, Value};

/// The record's own names in lower case; of two that become one, the later counts.
pub(crate) fn keys_to_lower(record: &mut Value) {
    rename(record, &|name| name.to_lowercase(), false);
}

/// All names with one text in the place of another.
pub(crate) fn keys_replace(record: &mut Value, old: &str, new: &str) {
    rename(record, &|name| if old.is_empty() { name.to_owned() } else { name.replace(old, new) }, true);
}

/// All names as `words_in_lower_case`.
pub(crate) fn keys_to_snake_case(record: &mut Value) {
    rename(record, &snake_case, true);
}

fn rename(record: &mut Value, name: &dyn Fn(&str) -> String, deep: bool) {
    let Value::Dict(members) = record else { return };
    let mut renamed = Map::with_capacity(members.len());
    for (key, value) in members.iter() {
        let mut value = value.clone();
        if deep {
            rename(&mut value, name, deep);
        }
        renamed.insert(name(key).into(), value);
    }
    *record = Value::from(renamed);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Letter {
    Upper,
    Lower,
    Digit,
    Other,
}

fn kind(letter: char) -> Letter {
    match letter {
        'A'..='Z' => Letter::Upper,
        'a'..='z' => Letter::Lower,
        '0'..='9' => Letter::Digit,
        _ => Letter::Other,
    }
}

/// The words of a name in the letters of ASCII: capitals with the small letters behind them, small letters, digits, and an
/// empty one for what is none of these. Empty ones in the middle do not count; before digits that come first stands one.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = any_ascii(name).chars().collect();
    let run = |from: usize, of: Letter| letters[from..].iter().take_while(|letter| kind(**letter) == of).count();
    let (mut words, mut at): (Vec<String>, usize) = (Vec::new(), 0);
    while let Some(first) = letters.get(at) {
        let mut taken = run(at, kind(*first));
        if kind(*first) == Letter::Upper {
            taken += run(at + taken, Letter::Lower);
        }
        let is_word = kind(*first) != Letter::Other;
        words.push(if is_word { letters[at..at + taken].iter().collect() } else { String::new() });
        at += taken;
    }
    let last = words.len().saturating_sub(1);
    let mut kept: Vec<String> = Vec::with_capacity(words.len() + 1);
    if words.first().is_some_and(|word| word.starts_with(|first: char| first.is_ascii_digit())) {
        kept.push(String::new());
    }
    kept.extend(
        words
            .into_iter()
            .enumerate()
            .filter(|(at, word)| *at == 0 || *at == last || !word.is_empty())
            .map(|(_, word)| word),
    );
    kept.join("_").to_lowercase()
}

/// The values in a record under their own names; under their path where a name is taken, or where a list was before it.
pub(crate) fn flatten(record: &mut Value, lists: bool) {
    let (mut flat, mut stack, mut forced) = (Map::new(), vec![(record.clone(), "_".to_owned())], false);
    while let Some((value, name)) = stack.pop() {
        match &value {
            Value::Dict(members) => {
                for (key, member) in members.iter() {
                    let taken = forced || flat.contains_key(key);
                    stack.push((member.clone(), if taken { format!("{name}.{key}") } else { key.to_string() }));
                }
            }
            Value::List(items) if lists => {
                for (at, item) in items.iter().enumerate() {
                    forced = true;
                    stack.push((item.clone(), format!("{name}.{at}")));
                }
            }
            _ => {
                flat.insert(Rc::from(name), value);
            }
        }
    }
    *record = Value::from(flat);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What airbyte-cdk 7.39.1 makes of these.
    #[test]
    fn names_become_words() {
        for (name, expected) in [
            ("OrderID", "order_id"),
            ("HTTPStatusCode", "httpstatus_code"),
            ("order date", "order_date"),
            ("Größe", "grosse"),
            ("1stOrder", "_1_st_order"),
            ("a1", "a_1"),
            ("__x__", "_x_"),
            ("a-b", "a_b"),
            ("Ab1C", "ab_1_c"),
            ("日本x", "ri_benx"),
            ("", ""),
        ] {
            assert_eq!(snake_case(name), expected, "{name}");
        }
    }
}
