//! Records that came in parts, each with some of their properties, made whole. Pure.

use std::rc::Rc;

use expressions::{Map, Value};

/// Add records to those of their keys. One that lacks a key is whole as it is.
pub(crate) fn add(records: Vec<Value>, keys: &[Rc<str>], merged: &mut Map, whole: &mut Vec<Value>) {
    for record in records {
        let parts = keys.iter().map(|key| record.member(key)).map(|part| part.is_true().then(|| part.to_text()));
        match parts.collect::<Option<Vec<_>>>() {
            Some(parts) => match merged.get_mut(&*parts.join(",")) {
                Some(there) => merge(there, record),
                None => drop(merged.insert(parts.join(",").into(), record)),
            },
            None => whole.push(record),
        }
    }
}

/// Members of both that have members themselves are merged too; of others the newer one counts.
fn merge(there: &mut Value, more: Value) {
    match (there, more) {
        (Value::Dict(there), Value::Dict(more)) => {
            let there = Rc::make_mut(there);
            for (name, value) in Rc::unwrap_or_clone(more) {
                match there.get_mut(&name) {
                    Some(inner) => merge(inner, value),
                    None => drop(there.insert(name, value)),
                }
            }
        }
        (there, more) => *there = more,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expressions::json;

    #[test]
    fn records_of_one_key_become_one() {
        let read = |text: &str| json::read(text.as_bytes()).expect("JSON");
        let list = |text: &str| read(text).as_list().expect("a list").to_vec();
        let (mut merged, mut whole) = (Map::new(), Vec::new());
        for part in [
            r#"[{"id": 1, "p": {"a": 1, "x": {"k": 1}}}, {"id": 2, "p": {"a": 2}}, {"p": {"a": 3}}]"#,
            r#"[{"id": 2, "p": {"b": 2}, "q": 1}, {"id": "1", "p": {"b": 1, "x": {"l": [2]}, "a": null}}]"#,
        ] {
            add(list(part), &["id".into()], &mut merged, &mut whole);
        }
        let expected = r#"[{"id": "1", "p": {"a": null, "x": {"k": 1, "l": [2]}, "b": 1}}, {"id": 2, "p": {"a": 2, "b": 2}, "q": 1}]"#;
        assert_eq!(Value::from(merged.into_values().collect::<Vec<_>>()), read(expected));
        assert_eq!(Value::from(whole), read(r#"[{"p": {"a": 3}}]"#));
    }
}
