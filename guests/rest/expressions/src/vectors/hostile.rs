//! What no table of the reference has: limits, and texts that nobody wrote.

use crate::{EvalError, Scope, Shape, Template, Value, json, time};

fn eval(text: &str) -> Result<Value, EvalError> {
    let long = Value::from((0..20_000).map(Value::from).collect::<Vec<_>>());
    let config: crate::Map = [("long".into(), long)].into();
    Template::parse(text).unwrap().eval(&Scope::new(0).with("config", config))
}

#[test]
fn a_list_without_an_order_is_an_error_and_nothing_worse() {
    let mixed = "[3, 'a', none, 2.5, [1], {}, 'b', 1, true, 'A', none, 7, (1, 2), 0, 'zz', 5, 9, 8, 4, 6, 11, 10, 'c']";
    assert!(matches!(
        Template::parse(&format!("{{{{ {mixed} | sort }}}}")).unwrap().render(&Scope::new(0)),
        Err(EvalError::Type(_))
    ));
    let numbers =
        "[3, 1, 2, 'nan' | float, 5, 4, 'nan' | float, 9, 8, 7, 0, 6, 11, 14, 12, 13, 10, 19, 18, 17, 16, 15, 20, 22]";
    assert!(Template::parse(&format!("{{{{ {numbers} | sort }}}}")).unwrap().render(&Scope::new(0)).is_ok());
}

#[test]
fn a_template_that_does_too_much_is_stopped() {
    let nested = "{% for a in 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' %}".repeat(6) + "x" + &"{% endfor %}".repeat(6);
    let large = [
        "{{ 'x' * 1000000000 }}",
        "{{ [1] * 100000000 }}",
        "{{ 'x' | center(1000000000) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ 'x'.zfill(1000000000) }}",
        "{{ ('x' * 1000000).replace('x', 'y' * 1000) }}",
        "{{ [1] | batch(1000000000, 1) | list }}",
        "{{ ('a' * 3000) | regex_search('(a*)*(a*)*b') }}",
        "{% set ns = namespace(t='xxxxxxxx') %}{% for a in 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}",
        "{% for a in config.long %}{% if a in config.long %}{% endif %}{% endfor %}",
        "{% for a in config.long %}{{ config.long.index(19999) }}{% endfor %}",
        "{% for a in config.long %}{{ max(config.long) }}{% endfor %}",
        "{% for a in config.long %}{{ config.long | string | length }}{% endfor %}",
        &nested,
    ];
    for text in large {
        assert!(matches!(eval(text), Err(EvalError::Budget(_))), "{text}: {:?}", eval(text));
    }
    assert!(matches!(eval("{{ 10 ** 100 }}"), Err(EvalError::Raised { kind: "OverflowError", .. })));
}

#[test]
fn a_template_that_is_nested_too_deeply_is_refused() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{'a':", "}"), ("-", ""), ("not ", ""), ("x if y else ", "")] {
        let text = format!("{{{{ {}1{} }}}}", open.repeat(5_000), close.repeat(5_000));
        assert!(Template::parse(&text).is_err(), "{open}");
    }
    for tail in [" + 1", ".a", "[0]", "|int", "()", " or 1", " and 1", " ~ 1", " == 1", " is defined"] {
        let text = format!("{{{{ config{} }}}}", tail.repeat(5_000));
        assert!(Template::parse(&text).is_err(), "{tail}");
    }
    assert!(Template::parse(&"{% if config %}".repeat(5_000)).is_err());
    // As deep as can be, and evaluated.
    let text = format!("{{{{ {}1{} }}}}", "(".repeat(35), ")".repeat(35));
    assert_eq!(eval(&text).unwrap(), Value::Int(1));
    let text = format!("{{{{ 1{} }}}}", " + 1".repeat(249));
    assert_eq!(eval(&text).unwrap(), Value::Int(250));
}

#[test]
fn what_is_not_there_is_refused_by_name() {
    let refused = [
        ("{{ 1 | nope }}", "there is no filter 'nope'"),
        ("{{ 1 | pprint }}", "the filter 'pprint' is not supported"),
        ("{{ 1 is nope }}", "there is no test 'nope'"),
        ("{{ nope(1) }}", "there is no function 'nope'"),
        ("{{ range(3) }}", "the function 'range' is taken away by the reference"),
        ("{{ lipsum() }}", "the function 'lipsum' is not supported"),
        ("{% include 'x' %}", "the tag 'include' is not supported"),
        ("{% nope %}", "there is no tag 'nope'"),
        ("{{ config.list.append(1) }}", "the method 'append' changes a value, and is not supported"),
        ("{{ config.pop('x') }}", "the method 'pop' changes a value, and is not supported"),
        ("{{ today_with_timezone('Europe/Berlin') }}", "the time zone 'Europe/Berlin' is not supported"),
        ("x\n{{ stream_state }}", "'stream_state' is no longer supported in a template: use 'stream_interval' instead"),
    ];
    for (text, message) in refused {
        assert_eq!(Template::parse(text).unwrap_err().message, message, "{text}");
    }
    assert_eq!(Template::parse("a\n\n{{ 1 | nope }}").unwrap_err().line, 3);
    assert_eq!(eval("{{ nope }}").unwrap_err().to_string(), "the template reads 'nope', which has no value here");
    let error = Template::parse("{{ config.a.b }}").unwrap().render(&Scope::new(0).with("config", crate::Map::new()));
    assert_eq!(error.unwrap_err(), EvalError::Undefined("'config.a' is undefined".to_owned()));
}

#[test]
fn a_template_tells_what_it_reads() {
    let reads = |text: &str| {
        let template = Template::parse(text).unwrap();
        template.reads().iter().map(|path| path.join(".")).collect::<Vec<_>>()
    };
    assert_eq!(reads("x {{ config.auth['token'] }} {{ config.get('a').b }}"), ["config.auth.token", "config.a.b"]);
    assert_eq!(reads("{{ config[parameters.name] | base64encode }}"), ["config", "parameters.name"]);
    assert_eq!(
        reads("{% set a = config.b %}{{ a.c }}{% for x in record.list %}{{ x.y }}{% endfor %}"),
        ["config.b", "record.list"]
    );
    assert_eq!(
        reads("{{ now_utc().strftime(config.format) if config.list[0].x else max(1, config.n) }}"),
        ["config.list", "config.format", "config.n"]
    );
    assert_eq!(reads("{{ config.name.upper() }}{{ (config.a ~ ':').x }}"), ["config.name", "config.a"]);
    let shape = |text: &str| Template::parse(text).unwrap().shape();
    assert_eq!(shape("https://x"), Shape::Constant("https://x".into()));
    let path = vec!["config".into(), "a".into(), "b".into()];
    let found = shape("OAuth {{ config['a'].b }}!");
    assert_eq!(found, Shape::Path { prefix: "OAuth ".into(), path, suffix: "!".into() });
    for other in
        ["{{ config.a | string }}", "{{ config.a }}{{ config.b }}", "{{ config.a[0] }}", "{{ 'x' }}", "{{ now_utc }}"]
    {
        assert_eq!(shape(other), Shape::Other, "{other}");
    }
    assert!(Template::parse("a {# b #}").unwrap().is_constant());
    assert_eq!(Template::parse("2022.10\n").unwrap().constant(), Some("2022.10"));
}

/// Numbers that look random and are always the same.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap()
    }
}

/// What templates, literals and times are made of.
const PIECES: [&str; 64] = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "-",
    "+",
    " ",
    "\n",
    "'",
    "\"",
    "\\",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    ",",
    ":",
    "|",
    "~",
    "*",
    "/",
    "%",
    "=",
    "<",
    ">",
    "!",
    "0",
    "1",
    "9",
    "_",
    "e",
    "x",
    "a",
    "config",
    "if",
    "else",
    "for",
    "in",
    "is",
    "not",
    "set",
    "endif",
    "endfor",
    "defined",
    "length",
    "%Y",
    "%s",
    "T",
    "Z",
    "W",
    "P",
    "é",
    "\u{1F600}",
    "\0",
    "raw",
    "endraw",
    "map",
    "'a'",
    "now_utc()",
];

#[test]
fn no_text_makes_it_panic() {
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    for _ in 0..12_000 {
        let count = numbers.next() % 14;
        let text: String = (0..count).map(|_| PIECES[numbers.next() % PIECES.len()]).collect();
        crate::invariants::expressions(text.as_bytes());
    }
}

#[test]
fn json_has_limits_and_keeps_numbers() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(json::read(deep(200).as_bytes()).is_ok());
    assert!(json::read(deep(100_000).as_bytes()).is_err());
    assert!(json::read(b"\xff").is_err());
    for (text, shown) in [
        ("170141183460469231731687303715884105727", "170141183460469231731687303715884105727"),
        ("1701411834604692317316873037158841057271234567890", "1701411834604692317316873037158841057271234567890"),
        ("[1.10, 1e2, 0.1, 1e-7, -0.0]", "[1.1,100.0,0.1,1e-7,-0.0]"),
        ("[NaN, -Infinity]", "[null,null]"),
        (r#"{"b": 1, "a": "\u00e9\u0007\/", "b": 2}"#, "{\"b\":2,\"a\":\"é\\u0007/\"}"),
        (r#""\ud83d\ude00 \ud83d x""#, "\"😀 \u{fffd} x\""),
        ("\u{feff}1", "1"),
    ] {
        let mut out = Vec::new();
        json::write(&json::read(text.as_bytes()).unwrap(), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), shown);
    }
    let error = json::read(b"{\"a\": 1,}").unwrap_err().to_string();
    assert_eq!(error, "the name of a member is expected at byte 8");
    let date = time::isoparse("2024-01-01").unwrap();
    assert!(json::write(&Value::Time(date), &mut Vec::new()).is_err());
}

#[test]
fn random_bytes_are_asked_of_the_scope() {
    let template = Template::parse("{{ generate_uuid() }}").unwrap();
    let random = |bytes: &mut [u8]| bytes.fill(0xab);
    let found = template.eval(&Scope::new(0).with_random(&random)).unwrap();
    assert_eq!(found.as_str(), Some("abababab-abab-4bab-abab-abababababab"));
    assert!(matches!(template.eval(&Scope::new(0)), Err(EvalError::Unsupported(_))));
}
