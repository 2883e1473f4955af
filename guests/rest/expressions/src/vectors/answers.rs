//! `answers.jsonl`: what is done, with what, and what comes out of it as Python's `repr` shows it. `-` is no literal,
//! `!` an error, with its name where Python's matters.

use crate::path::{delete, extract, get, set, values};
use crate::reshape::{self, Lift};
use crate::time::{self, DateTime, TimeError};
use crate::{Map, Value, json, literal};

const TABLE: &str = include_str!("answers.jsonl");

fn moment(time: Result<DateTime, TimeError>) -> String {
    time.map_or_else(|error| format!("!{}", error.python()), |time| Value::Time(time).to_repr())
}

fn in_time(kind: &str, given: &[&str]) -> String {
    match kind {
        "strptime" => moment(time::strptime(given[0], given[1])),
        "parse" => moment(time::parse(given[0], given[1])),
        "isoparse" => moment(time::isoparse(given[0])),
        "format" => Value::from(time::format(time::isoparse(given[0]).unwrap(), given[1])).to_repr(),
        "duration" => time::parse_span(given[0])
            .map_or_else(|error| format!("!{}", error.python()), |span| Value::from(span).to_repr()),
        _ => match (time::isoparse(given[0]), time::parse_span(given[1])) {
            (Ok(time), Ok(span)) => format!("{} {}", moment(time.plus(&span, 1)), moment(time.plus(&span, -1))),
            _ => "!X".to_owned(),
        },
    }
}

fn in_path(kind: &str, given: &[&str]) -> String {
    let mut value = json::read(given[0].as_bytes()).unwrap();
    let path = json::read(given[1].as_bytes()).unwrap();
    let path = path.as_list().unwrap();
    let shown = |value: Result<Value, _>| {
        value.map_or_else(|_: crate::path::PathError| "!".to_owned(), |value| value.to_repr())
    };
    match kind {
        "dget" => get(&value, path)
            .map_or_else(|_| "!".to_owned(), |found| found.map_or("None!".to_owned(), |found| found.to_repr())),
        "dvalues" => shown(values(&value, path).map(Value::from)),
        "extract" => shown(extract(&value, path).map(Value::from)),
        "dnew" => shown(set(&mut value, path, "NEW".into()).map(|()| value)),
        _ => match delete(&mut value, path) {
            Ok(0) => "none".to_owned(),
            Ok(_) => value.to_repr(),
            Err(_) => "!".to_owned(),
        },
    }
}

fn in_shape(kind: &str, given: &[&str]) -> String {
    let record = json::read(given[0].as_bytes()).unwrap().as_dict().unwrap().clone();
    let shown = |record: Map| Value::from(record).to_repr();
    match kind {
        "snake" => reshape::keys_to_snake_case(record).map_or("!".to_owned(), shown),
        "flat" | "flat0" => shown(reshape::flatten(record, kind == "flat")),
        "keysrep" => shown(reshape::keys_replace(record, given[1], given[2])),
        _ => {
            let path = json::read(given[1].as_bytes()).unwrap();
            let flags: Vec<bool> = given[2].chars().map(|flag| flag == '1').collect();
            let how = Lift {
                delete_origin: flags[0],
                replace_record: flags[1],
                prefix: flags[2].then(|| "p_".to_owned()),
                suffix: flags[3].then(|| "_s".to_owned()),
            };
            reshape::lift(record, path.as_list().unwrap(), &how).map_or("!".to_owned(), shown)
        }
    }
}

fn outcome(kind: &str, given: &[&str]) -> String {
    match kind {
        "literal" => literal::read(given[0]).map_or("-".to_owned(), |value| value.to_repr()),
        "json" => json::read(given[0].as_bytes()).map_or("!".to_owned(), |value| value.to_repr()),
        "dumps" => {
            let mut out = Vec::new();
            json::write(&json::read(given[0].as_bytes()).unwrap(), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        }
        "dget" | "dvalues" | "extract" | "dnew" | "ddel" => in_path(kind, given),
        "snake" | "flat" | "flat0" | "keysrep" | "lift" => in_shape(kind, given),
        _ => in_time(kind, given),
    }
}

#[test]
fn literals_json_times_paths_and_forms_are_as_in_the_reference() {
    let mut wrong = Vec::new();
    for line in TABLE.lines() {
        let line = json::read(line.as_bytes()).unwrap();
        let parts: Vec<&str> = line.as_list().unwrap().iter().map(|part| part.as_str().unwrap()).collect();
        let (Some((kind, given)), Some(expected)) = (parts[..parts.len() - 1].split_first(), parts.last()) else {
            continue;
        };
        let found = outcome(kind, given);
        if found != *expected {
            wrong.push(format!("{kind} {given:?}\n   is {found}\n  not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{} of the table differ:\n{}", wrong.len(), wrong.join("\n"));
}
