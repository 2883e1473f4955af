//! Copies are what values would give.

use super::super::read;
use super::*;

/// The same by way of values.
fn by_values(text: &str, path: &[&str], member: Option<&str>) -> Option<Copied> {
    let whole = read(text.as_bytes()).ok()?;
    let list = path.iter().fold(whole.clone(), |value, name| value.member(name));
    let records = list.as_list().expect("a list");
    let mut lines = Vec::new();
    for record in records {
        write::write(record, &mut lines).expect("JSON");
        lines.push(b'\n');
    }
    let members = member.map(|name| records.iter().map(|record| record.member(name)).collect()).unwrap_or_default();
    let mut around = whole;
    if path.is_empty() {
        around = records[0].clone();
    } else {
        let steps: Vec<Value> = path.iter().map(|name| Value::from(*name)).collect();
        crate::path::set(&mut around, &steps, Value::from(Vec::new())).expect("a path");
    }
    Some(Copied { lines, count: records.len(), around, last: records.last()?.clone(), members })
}

#[test]
fn what_is_copied_is_what_values_give() {
    for (text, path, member) in [
        (r#"{"items": [{"id": 1, "a": "b"}, {"id": 2}], "next": "n"}"#, &["items"][..], Some("id")),
        (r#" [ {"x" : [ ] , "y" : { } } , {"x": [1, [2, {"z": null}]], "y": true, "w": false} ] "#, &[], Some("y")),
        (
            r#"{"a": {"n": 1.50, "b": [{"t": "2025", "q": "\u00e9\n\"\ud83d\ude00"}], "c": {"items": []}}}"#,
            &["a", "b"],
            Some("t"),
        ),
        (
            r#"[{"n": [0, -0, -0.0, 1.0, 1e5, 1.25, 123456789012345678901234567890, 1E-7, 12345678901234567890]}]"#,
            &[],
            None,
        ),
        (
            r#"[{"n": [1234567890123456789012345678901234567890123, 0.1, -17, 5e-324]}, {"nn": {"n": 1}}]"#,
            &[],
            Some("n"),
        ),
        ("[{\"e\":\"\u{7f}ü\u{2028}\"}]", &[], None),
        (r#"[{"n": [0.0, -0.0, 0.1, 0.0001, 0.00001, 0.00012, 1.50, 1.0, 10.0, 100.00, 0.10]}]"#, &[], None),
        (
            r#"[{"n": [123456789012.345, 999999999999999.9, 99999999999999.9, 0.1234567890123456789, 1.5e3, 1.5E-3]}]"#,
            &[],
            None,
        ),
        (
            r#"[{"s": "12345678", "t": "1234567\"", "u": "123456789\\ 01234567\t", "v": "ä\u0001äääääääää\u0000"}]"#,
            &[],
            None,
        ),
    ] {
        let copied = copy(text.as_bytes(), path, member);
        assert!(copied.is_some(), "{text}");
        assert_eq!(copied, by_values(text, path, member), "{text}");
    }
}

/// A text of JSON, from one number to the next.
fn made(seed: &mut u64, depth: usize) -> String {
    let mut next = |most: u64| {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 4) % most
    };
    let space = ["", "", " ", "\n\t"][next(4) as usize];
    match next(if depth > 3 { 6 } else { 8 }) {
        0 => ["true", "false", "null"][next(3) as usize].to_owned(),
        1 => {
            let bits = next(60) + 1;
            format!("{}{}", ["", "-"][next(2) as usize], next(1 << bits))
        }
        2 => format!("{}.{:0width$}", next(1000), next(100_000), width = next(8) as usize),
        3 => format!("{}.{}e{}{}", next(10), next(100), ["", "-", "+"][next(3) as usize], next(20)),
        4 | 5 => {
            let parts = ["a", "12345678", "\\n", "\\u00fc", "ü", "\\\"", "/", "\\/", "\u{7f}"];
            let count = next(6);
            let text: String = (0..count).map(|_| parts[next(9) as usize]).collect();
            format!("\"{text}\"")
        }
        6 => {
            let count = next(4);
            let items: Vec<String> = (0..count).map(|_| made(seed, depth + 1)).collect();
            format!("[{space}{}{space}]", items.join(&format!("{space},")))
        }
        _ => {
            let count = next(5);
            let members: Vec<String> =
                (0..count).map(|at| format!("\"m{at}\"{space}:{}", made(seed, depth + 1))).collect();
            format!("{{{space}{}{space}}}", members.join(&format!(",{space}")))
        }
    }
}

#[test]
fn copies_of_whatever_there_may_be_are_what_values_give() {
    let (mut seed, mut copied) = (7, 0);
    for _ in 0..3_000 {
        let records: Vec<String> =
            (0..3).map(|at| format!("{{\"id\": {at}, \"v\": {}}}", made(&mut seed, 0))).collect();
        let text = format!("{{\"a\": {{\"items\": [{}]}}, \"b\": {}}}", records.join(", "), made(&mut seed, 0));
        let path = ["a", "items"];
        let copy = copy(text.as_bytes(), &path, Some("v"));
        copied += usize::from(copy.is_some());
        assert!(copy.is_none() || copy == by_values(&text, &path, Some("v")), "{text}");
    }
    assert!(copied > 2_900, "{copied}");
}

#[test]
fn what_is_more_than_that_is_left_to_values() {
    let wide: Vec<String> = (0..300).map(|at| format!("\"m{at}\":1")).collect();
    let wide = format!("[{{{}}}]", wide.join(","));
    let deep = format!("[{{\"a\":{}{}}}]", "[".repeat(400), "]".repeat(400));
    for (text, path) in [
        (r#"{"items": {}}"#, &["items"][..]),
        (r#"{"items": []}"#, &["items"]),
        (r#"{"other": [{"a": 1}]}"#, &["items"]),
        (r#"{"items": [{"a": 1}], "items": [{"a": 2}]}"#, &["items"]),
        (r#"[{"a": 1}, {}]"#, &[]),
        (r#"[{"a": 1}, 2]"#, &[]),
        (r#"[{"a": 1, "a": 2}]"#, &[]),
        (r#"[{"b": {"a": 1, "a": 2}}]"#, &[]),
        (r#"[{"\u0061": 1}]"#, &[]),
        (r#"[{"a": NaN}]"#, &[]),
        (r#"[{"a": 01}]"#, &[]),
        (r#"[{"a": 01.5}]"#, &[]),
        (r#"[{"a": 1.}]"#, &[]),
        (r#"[{"a": nul}]"#, &[]),
        (r#"[{"a": -}]"#, &[]),
        ("[{\"a\": \"12345678\u{1}\"}]", &[]),
        (r#"[{"a": 1}] x"#, &[]),
        (r#"[{"a": 1},]"#, &[]),
        (r#"[{"a": "x}]"#, &[]),
        (r#"{"a": 1}"#, &[]),
        ("", &[]),
        (&wide, &[]),
        (&deep, &[]),
    ] {
        assert_eq!(copy(text.as_bytes(), path, None), None, "{text}");
    }
    assert_eq!(copy(b"[{\"a\": \"\xff\"}]", &[], None), None);
}
