//! The traps of the reference that this crate holds, by their numbers in its notes, each with an example or two. The
//! tables have many more.

use crate::path::{delete, extract, set};
use crate::{EvalError, Map, Mapping, Nested, Scope, Template, Value, Wanted, json, time};

fn read(text: &str) -> Value {
    json::read(text.as_bytes()).unwrap()
}

fn scope() -> Scope<'static> {
    Scope::new(1_700_000_000_000_000)
        .with("config", read(r#"{"n": 5, "zip": "00123", "none": null, "empty": ""}"#))
        .with("response", read(r#"{"items": [1], "next": null, "cursor": "7e2"}"#))
        .with("stream_slice", read(r#"{"start": "2024-01-01"}"#))
}

fn string(text: &str) -> Result<Value, EvalError> {
    Template::parse(text).unwrap().eval_string(&scope())
}

fn shown(text: &str) -> String {
    string(text).unwrap().to_repr()
}

#[test]
fn what_is_rendered_becomes_a_literal() {
    // 1 to 3: of expressions, of constants and of cursors.
    for (text, value) in [
        ("00", "0"),
        ("1.10", "1.1"),
        ("1e3", "1000.0"),
        ("1_000", "1000"),
        ("0x10", "16"),
        ("1,2", "(1, 2)"),
        (" 5", "5"),
        ("'q'", "'q'"),
        ("007", "'007'"),
        ("true", "'true'"),
        ("nan", "'nan'"),
        ("5j", "'5j'"),
        ("2022.10", "2022.1"),
        ("{{ response.cursor }}", "700.0"),
        ("{{ config.zip }}", "'00123'"),
        // 11: `string` keeps text.
        ("{{ config.n | string }}", "'5'"),
        // 14: one final newline is dropped.
        ("5\n", "5"),
        ("a\n\n", "'a\\n'"),
    ] {
        assert_eq!(shown(text), value, "{text}");
    }
}

#[test]
fn what_is_not_there_has_three_ways() {
    // 5 and 6: in a string, in a mapping, in a condition.
    assert_eq!(shown("{{ config.missing }}"), "''");
    assert!(matches!(string("{{ config.missing.deep }}"), Err(EvalError::Undefined(_))));
    let members: Map = [("a".into(), "{{ config.missing.deep }}".into()), ("b".into(), "{{ config.n }}".into())].into();
    let mapping = Mapping::parse(&members).unwrap().eval(&scope(), Wanted::Any).unwrap();
    assert_eq!(Value::from(mapping).to_repr(), "{'a': None, 'b': 5}");
    let nested = Nested::parse(&members.into()).unwrap().eval(&scope()).unwrap();
    assert_eq!(nested.to_repr(), "{'b': 5}");
    let condition = |text: &str| Template::parse(text).unwrap().eval_bool(&scope()).unwrap();
    assert!(!condition("{{ config.missing.deep }}"));
    // 7: a TypeError gives the text, which is true.
    assert_eq!(shown("{{ config.none > 5 }}"), "'{{ config.none > 5 }}'");
    assert!(condition("{{ config.none > 5 }}"));
    // 8: names that nothing gives.
    assert!(matches!(string("{{ nope }}"), Err(EvalError::Undeclared(_))));
    // 9: what is false, and what is not.
    for text in ["False", "false", "{}", "[]", "()", "", "0", "0.0", "{{ 0 }}", "{{ none }}", "{{ 0.0 }}"] {
        assert!(!condition(text), "{text}");
    }
    for text in ["no", "null", "00.5", "{{ 0.5 }}", " ", "{{ 'off' }}"] {
        assert!(condition(text), "{text}");
    }
    // 10 and 13.
    assert_eq!(shown("{{ stream_interval.start ~ stream_partition['start'] }}"), "'2024-01-012024-01-01'");
    assert!(shown("{{ response.items }}").contains("built-in method"));
    assert_eq!(shown("{{ response['items'] }}"), "[1]");
}

#[test]
fn times_have_formats_of_their_own() {
    // 12.
    assert_eq!(shown("{{ format_datetime(now_utc(), '%Y-%m-%d') }}"), "'2023-11-14'");
    assert_eq!(shown("{{ format_datetime(1700000000, '%Y') }}"), "2023");
    assert_eq!(shown("{{ format_datetime('2024-01-31', '%s') }}"), "1706659200");
    // 39 and 40.
    let parse = |text: &str, format: &str| time::parse(text, format).map(time::DateTime::micros).ok();
    assert_eq!(parse("1700000000", "%s"), Some(1_700_000_000_000_000));
    assert_eq!(parse("1700000000.5", "%s_as_float"), Some(1_700_000_000_500_000));
    assert_eq!(parse("1700000000123", "%ms"), Some(1_700_000_000_123_000));
    assert_eq!(parse("1700000000123456", "%epoch_microseconds"), Some(1_700_000_000_123_456));
    assert_eq!(parse("2024-01-31 00:00:00.123", "%Y-%m-%d %H:%M:%S.%_ms"), Some(1_706_659_200_123_000));
    assert_eq!(parse("x1700000000", "x%s"), None);
    for zone in ["Z", "+00:00", "+0000"] {
        assert_eq!(parse(&format!("2024-01-31{zone}"), "%Y-%m-%d%z"), Some(1_706_659_200_000_000));
    }
    // 42: months by the calendar, the day clipped.
    let moved = |from: &str, by: &str, sign: i64| {
        time::isoparse(from).unwrap().plus(&time::parse_span(by).unwrap(), sign).unwrap().date().iso()
    };
    assert_eq!(moved("2024-01-31", "P1M", 1), "2024-02-29");
    assert_eq!(moved("2024-03-31", "P1M", -1), "2024-02-29");
    assert_eq!(moved("2024-02-29", "P1Y", 1), "2025-02-28");
}

#[test]
fn paths_collect_make_and_delete() {
    let path = |text: &str| read(text).as_list().unwrap().to_vec();
    // 61.
    let body = read(r#"{"data": [{"a": 1}, {"a": 2}], "one": {"x": 0}, "none": null}"#);
    let found = |text: &str| Value::from(extract(&body, &path(text)).unwrap()).to_repr();
    assert_eq!(found(r#"["data", "*", "a"]"#), "[1, 2]");
    assert_eq!(found(r#"["data"]"#), "[{'a': 1}, {'a': 2}]");
    assert_eq!(found(r#"["one"]"#), "[{'x': 0}]");
    assert_eq!(found(r#"["none"]"#), "[]");
    assert_eq!(found(r#"["nope"]"#), "[]");
    // 62.
    let mut record = read("{}");
    set(&mut record, &path(r#"["a", "1", "b"]"#), "".into()).unwrap();
    assert_eq!(record.to_repr(), "{'a': [None, {'b': ''}]}");
    // 65.
    let mut record = read(r#"{"a_x": 1, "a_y": {"z": 2}, "b": [1, 2, 3]}"#);
    assert_eq!(delete(&mut record, &path(r#"["a_*"]"#)), Ok(2));
    assert_eq!(delete(&mut record, &path(r#"["b", 0]"#)), Ok(1));
    assert_eq!(delete(&mut record, &path(r#"["b", 2]"#)), Ok(1));
    assert_eq!(delete(&mut record, &path(r#"["nope"]"#)), Ok(0));
    assert_eq!(record.to_repr(), "{'b': [None, 2]}");
    // 63 and 64: what cannot be read is an error, and whole numbers are exact.
    assert!(json::read(b"<html>").is_err());
    assert_eq!(read("123456789012345678901234567890").to_repr(), "123456789012345678901234567890");
}
