use super::*;

const SAMPLE: Sample<'_> =
    Sample { extension: "csv", size: 1000, head: b"id,name\n1,a\n", content_type: None, last: None };

fn said(text: &str) -> Expectations {
    toml::from_str(text).expect(text)
}

fn code(text: &str, sample: &Sample<'_>) -> Option<&'static str> {
    said(text).all.check(sample).err().map(|broken| broken.code)
}

#[test]
fn pages_are_told_by_their_first_bytes() {
    let page = Some("unexpected-page");
    for (extension, head, expected) in [
        ("csv", &b"<!DOCTYPE html><html>"[..], page),
        ("csv", b"<!doctype HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\">", page),
        ("csv", b"\xef\xbb\xbf\r\n\t <HTML lang=en>", page),
        ("csv", b"<!-- a --> <!-- b --><html>", page),
        ("csv", b"<head><title>503</title>", page),
        ("csv.sdmx", b"<html>", page),
        ("json", b"<html>", page),
        ("ndjson", b"<html>", page),
        ("zip", b"<html>", page),
        ("parquet", b"<html>", page),
        ("xml", b"<?xml version=\"1.0\"?>\n<!DOCTYPE html>\n<html>", page),
        ("xml", b"<?xml version=\"1.0\"?><title>of a feed</title>", None),
        ("xml", b"<htmlish/>", None),
        ("csv", b"<html", page),
        ("csv", b"<htm", None),
        ("csv", b"", None),
        ("csv", b"<", None),
        ("csv", b"<!-- never ends <html>", None),
        ("csv", b"city,<html>", None),
        ("html", b"<html>", None),
        ("geojson", b"<html>", None),
    ] {
        let sample = Sample { extension, head, ..SAMPLE };
        assert_eq!(code("", &sample), expected, "{extension} {}", String::from_utf8_lossy(head));
        assert_eq!(code("html = true", &sample), None);
    }
    assert_eq!(code("html = false", &Sample { extension: "geojson", head: b"<html>", ..SAMPLE }), page);
}

#[test]
fn sizes_are_judged_alone_and_against_the_last() {
    for (text, size, last, expected) in [
        ("", 0, None, Some("unexpected-empty")),
        ("empty = false", 0, None, Some("unexpected-empty")),
        ("empty = true\nmin-size = 10\njson = \"array\"", 0, Some(9), None),
        ("min-size = 10", 10, None, None),
        ("min-size = \"1KiB\"", 1023, None, Some("unexpected-size")),
        ("max-size = 10", 10, None, None),
        ("max-size = 10", 11, None, Some("unexpected-size")),
        ("max-shrink = \"50%\"", 50, Some(100), None),
        ("max-shrink = \"50%\"", 49, Some(100), Some("unexpected-shrink")),
        ("max-shrink = \"0%\"", 99, Some(100), Some("unexpected-shrink")),
        ("max-shrink = \"50%\"", 1, None, None),
        ("max-grow = \"10x\"", 1000, Some(100), None),
        ("max-grow = \"10x\"", 1001, Some(100), Some("unexpected-growth")),
        ("max-grow = \"1.5x\"", 150, Some(100), None),
        ("max-grow = \"50%\"", 151, Some(100), Some("unexpected-growth")),
        ("max-grow = \"10x\"", u64::MAX, Some(u64::MAX), None),
        ("max-grow = \"10x\"", 1, Some(0), Some("unexpected-growth")),
    ] {
        assert_eq!(code(text, &Sample { size, last, ..SAMPLE }), expected, "{text} {size} {last:?}");
    }
}

#[test]
fn types_first_lines_and_shapes_are_judged() {
    let json = Sample { extension: "json", head: b"\xef\xbb\xbf\n{\"a\":[{\"b\":\"}\\\"\"}],\"\\u0063\":1}", ..SAMPLE };
    let typed = |kind| Sample { content_type: Some(kind), ..SAMPLE };
    let marked = Sample { head: b"\xef\xbb\xbfid,name\r\n", ..SAMPLE };
    for (text, sample, expected) in [
        ("content-type = [\"text/csv\"]", typed(Some("Text/CSV; charset=utf-8")), None),
        ("content-type = \"text/*\"", typed(Some("text/plain")), None),
        ("content-type = [\"text/csv\"]", typed(Some("text/csvx")), Some("unexpected-content-type")),
        ("content-type = [\"text/csv\"]", typed(None), Some("unexpected-content-type")),
        ("content-type = [\"text/csv\"]", SAMPLE, None),
        ("first-line = \"id,name\"", SAMPLE, None),
        ("first-line = \"id,name\"", marked, None),
        ("first-line = \"id*\"", SAMPLE, None),
        ("first-line = \"id\"", SAMPLE, Some("unexpected-first-line")),
        ("first-line = \"id,name,more*\"", SAMPLE, Some("unexpected-first-line")),
        ("json = \"object\"", json, None),
        ("json = \"array\"", json, Some("unexpected-json")),
        ("json = [\"a\", \"c\"]", json, None),
        ("json = [\"b\"]", json, Some("unexpected-json")),
        ("json = \"array\"", Sample { head: b" [1", ..SAMPLE }, None),
        ("json = \"object\"", SAMPLE, Some("unexpected-json")),
        ("json = [\"a\"]", Sample { head: b"{]}\"a", ..SAMPLE }, Some("unexpected-json")),
    ] {
        assert_eq!(code(text, &sample), expected, "{text}");
    }
    let cut = said("json = [\"z\"]").all.check(&Sample { head: b"{\"a\":\"", ..SAMPLE }).expect_err("no key");
    assert!(cut.sentence().ends_with("in its first 64 KiB"), "{cut:?}");
}

#[test]
fn what_is_told_quotes_nothing_of_the_content() {
    let sample = Sample { content_type: Some(Some("text/\u{1b}[2Jsecret")), head: b"secret\x1b[2J\n", ..SAMPLE };
    for text in ["content-type = \"text/csv\"", "first-line = \"id\""] {
        let broken = said(text).all.check(&sample).expect_err("broken");
        assert!(!broken.what.contains("secret"), "{broken:?}");
        assert!(broken.sentence().contains("secret") && !broken.sentence().contains('\u{1b}'), "{broken:?}");
    }
}

#[test]
fn whoever_is_asked_first_wins_key_by_key() {
    let operator = said("max-age = \"3d\"\njson = false\n[source.a]\nmin-size = 7\nhtml = false");
    let author =
        said("min-size = 1\nmax-size = 9\njson = \"array\"\nhtml = true\n[source.a]\nmax-size = 8\nmax-age = \"9d\"");
    let both = operator.of("a", &author);
    assert_eq!(both, said("min-size = 7\nmax-size = 8\njson = false\nhtml = false\nmax-age = \"3d\"").all);
    assert_eq!(
        operator.of("b", &author),
        said("min-size = 1\nmax-size = 9\njson = false\nhtml = true\nmax-age = \"3d\"").all
    );
    assert_eq!(both.json.as_ref().and_then(Key::value), None);
    assert!(both.max_age().is_some() && !both.compares());
}

#[test]
fn heads_that_anybody_sent_are_only_looked_at() {
    let seeds: [&[u8]; 6] = [
        b"\xef\xbb\xbf<!-- a --><?xml a?><!DOCTYPE html><html>",
        b"{\"a\\\"\":[{\"b\":{}}],\"c\":\"\\u0063\"}",
        b"[[[[{{{{\"\\\\\"}}]]",
        b"id,name\r\n1,2\r\n",
        b"]}\"\":,\"",
        b"<<!--<?",
    ];
    let expected = said("html = false\nfirst-line = \"id,*\"\njson = [\"a\", \"c\"]").all;
    let only_json = said("json = [\"c\"]").all;
    crate::fuzzing::bent(&seeds, 20_000, |head| {
        let sample = Sample { head, size: head.len() as u64, ..SAMPLE };
        for expected in [&expected, &only_json] {
            if let Err(broken) = expected.check(&sample) {
                assert!(!text::is_tricky(&broken.sentence()), "{broken:?}");
            }
        }
    });
}

#[test]
fn what_is_said_can_be_shown() {
    let text = "json = [\"a\", \"b\"]\nmax-age = \"36h\"\nmax-grow = \"10x\"\nhtml = true\nmin-size = false\n\
                [source.x]\ncontent-type = \"text/*\"\nmax-age = \"3d\"\nmax-shrink = \"5%\"\nfirst-line = \"a,*\"";
    let shown: Vec<String> = said(text).said().into_iter().map(|(key, text)| format!("{key}={text}")).collect();
    assert_eq!(
        shown.join(" "),
        "min-size=false max-grow=900% json=a, b max-age=36h html=true source.x.content-type=text/* \
         source.x.max-shrink=5% source.x.first-line=a,* source.x.max-age=3d"
    );
}

#[test]
fn mistakes_are_refused() {
    for (text, expected) in [
        ("min-size = \"lots\"", "no size"),
        ("min-size = true", "`false` switches it off"),
        ("max-size = [\"1\"]", "a list is not expected"),
        ("max-shrink = \"100%\"", "no share"),
        ("max-shrink = 5", "no share"),
        ("max-grow = \"0.5x\"", "no growth"),
        ("max-grow = \"1.55x\"", "no growth"),
        ("max-grow = \"99999999999999999999x\"", "no growth"),
        ("max-grow = \"18446744073709551615.9x\"", "no growth"),
        ("content-type = [\"csv\"]", "no media type"),
        ("content-type = []", "empty"),
        ("first-line = \"*\"", "says nothing"),
        ("first-line = \"a\\nb\"", "more than one line"),
        ("json = \"number\"", "neither"),
        ("json = []", "empty"),
        ("json = 1.5", "a text, a number"),
        ("max-age = \"soon\"", "no duration"),
        ("html = \"yes\"", "expected a boolean"),
        ("min-sise = 1", "unknown field"),
        ("[source.\"../x\"]", "not a valid name"),
        ("[source.x]\nmin-sise = 1", "unknown field"),
        ("[source.x.source.y]", "unknown field"),
    ] {
        let error = toml::from_str::<Expectations>(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let many = format!("json = [{}]", "\"a\",".repeat(51));
    assert!(toml::from_str::<Expectations>(&many).is_err());
}
