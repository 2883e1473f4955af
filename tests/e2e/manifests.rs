//! Declarative manifests, carried out as their reference does: each of `tests/manifests` is made an extractor, which has to ask
//! for the same and read the same records, in a second run too. `expected.json` is what airbyte-cdk did.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{Asked, Environment, Gate, Origin, Ran, Reply, guest, soak};
use serde_json::{Value, json};

use crate::environment;

/// What the server is called in manifests; the run has it answered on loopback.
const BASE: &str = "https://api.example";
/// Fields that every client sends, or sends otherwise.
const LEFT_OUT: [&str; 6] = ["host", "user-agent", "accept", "accept-encoding", "connection", "content-length"];
/// The cases that are run every time; `cargo soak` runs them all.
const SAMPLE: &[&str] = &["page-increment"];

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/manifests")
}

/// A case, with the server's name in it.
fn read(case: &Path, file: &str) -> String {
    let path = case.join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.replace("BASE", BASE)
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The values of a configuration by the names that they have on a command line.
fn flat(config: &Value, name: &str, values: &mut Vec<(String, String)>) {
    match config {
        Value::Object(members) if name.is_empty() || members.values().any(|value| !value.is_null()) => {
            for (key, value) in members {
                let name = if name.is_empty() { key.clone() } else { format!("{name}-{key}") };
                flat(value, &name, values);
            }
        }
        Value::String(text) => values.push((name.to_owned(), text.clone())),
        other => values.push((name.to_owned(), other.to_string())),
    }
}

/// What was asked, as `expected.json` has it.
fn noted(asked: &Asked) -> Value {
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    let pairs: Vec<Value> = url_pairs(query).into_iter().map(|(name, value)| json!([name, value])).collect();
    let mut headers = serde_json::Map::new();
    for (name, value) in asked.headers.iter().filter(|(name, _)| !LEFT_OUT.contains(&&**name)) {
        headers.insert(name.clone(), value.clone().into());
    }
    let mut noted = json!({ "method": asked.method, "path": path, "query": pairs, "headers": headers });
    if !asked.body.is_empty() {
        let text = String::from_utf8_lossy(&asked.body).into_owned();
        let is_json = asked.header("content-type") == Some("application/json");
        noted["body"] = if is_json { parsed(&text) } else { text.into() };
    }
    noted
}

fn url_pairs(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let (mut bytes, mut rest) = (Vec::new(), text.bytes());
        while let Some(byte) = rest.next() {
            let code: Option<String> = (byte == b'%').then(|| rest.by_ref().take(2).map(char::from).collect());
            let code = code.and_then(|code| u8::from_str_radix(&code, 16).ok());
            bytes.push(code.unwrap_or(if byte == b'+' { b' ' } else { byte }));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// Does a request get this answer?
fn matches(answer: &Value, asked: &Asked) -> bool {
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    let pairs = url_pairs(query);
    let has = |(name, value): (&String, &Value)| {
        pairs.iter().any(|(key, text)| key == name && Some(&**text) == value.as_str())
    };
    let lacks = |name: &Value| !pairs.iter().any(|(key, _)| Some(&**key) == name.as_str());
    answer["times"].as_i64().unwrap_or(1) > 0
        && answer["method"].as_str().is_none_or(|method| method == asked.method)
        && answer["path"] == path
        && answer["query"].as_object().into_iter().flatten().all(has)
        && answer["without"].as_array().into_iter().flatten().all(lacks)
        && answer["body"].as_str().is_none_or(|part| String::from_utf8_lossy(&asked.body).contains(part))
}

/// The answer of a script to a request.
fn answer(answers: &mut [Value], asked: &Asked) -> Reply {
    let Some(answer) = answers.iter_mut().find(|answer| matches(answer, asked)) else {
        return Reply::new("{}").with_status(404).header("content-type", "application/json");
    };
    if let Some(times) = answer["times"].as_i64() {
        answer["times"] = (times - 1).into();
    }
    let content = match answer["text"].as_str() {
        Some(text) => text.chars().map(|letter| u32::from(letter) as u8).collect(),
        None => answer.get("json").unwrap_or(&json!({})).to_string().into_bytes(),
    };
    let status = answer["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
    let headers = answer["headers"].as_object().cloned().unwrap_or_default();
    headers.iter().fold(Reply::new(content).with_status(status), |reply, (name, value)| {
        reply.header(name, value.as_str().unwrap_or_default())
    })
}

/// Copy a directory of a case, where it has one.
fn copy(directory: &Path, name: &str, environment: &Environment) {
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let entry = entry.expect("an entry");
        let name = format!("{name}/{}", entry.file_name().display());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &name, environment),
            false => drop(environment.write(&name, fs::read(entry.path()).expect("a file"))),
        }
    }
}

/// Make an extractor of a case's manifest, with all that it asks for granted.
fn prepare(environment: &Environment, case: &Path, description: &Value) -> Vec<String> {
    environment.write("manifest.yaml", read(case, "manifest.yaml"));
    copy(&case.join("schemas"), "schemas", environment);
    let component = guest("rest").display().to_string();
    environment.host(["add", "api", "manifest.yaml", "--component", &component]).exits(0);
    let asks = environment.host(["inspect", "api.wasm", "--json"]).exits(0).json();
    let mut values = Vec::new();
    flat(&description["config"], "", &mut values);
    let mut allow = vec!["allow".to_owned(), "api.wasm".to_owned(), "--yes".to_owned()];
    let secrets = asks["manifest"]["secrets"].as_object().cloned().unwrap_or_default();
    for name in secrets.keys() {
        let way = name.trim_end_matches(|letter: char| letter.is_ascii_digit()).trim_end_matches('-');
        let found = values.iter().find(|(key, _)| key == name).or_else(|| values.iter().find(|(key, _)| key == way));
        if let Some((_, value)) = found {
            environment.write(&format!("{name}.secret"), value);
            allow.extend(["--secret".to_owned(), format!("{name}=file:{name}.secret")]);
        }
    }
    // What a secret is made of, by the names of its parts.
    for (part, key) in description["parts"].as_object().into_iter().flatten() {
        let (_, value) = values.iter().find(|(name, _)| key == name).unwrap_or_else(|| panic!("no {key}"));
        environment.write(&format!("{part}.secret"), value);
        allow.extend(["--secret".to_owned(), format!("{part}=file:{part}.secret")]);
    }
    for source in description["sources"].as_array().into_iter().flatten() {
        allow.extend(["--source".to_owned(), source.as_str().unwrap_or_default().to_owned()]);
    }
    environment.host(&allow).exits(0);
    let takes = asks["manifest"]["params"].as_object().cloned().unwrap_or_default();
    let params = values.into_iter().filter(|(name, _)| takes.contains_key(name));
    params.flat_map(|(name, value)| ["--param".to_owned(), format!("{name}={value}")]).collect()
}

/// The records that a run landed, in the order of their files.
fn landed(environment: &Environment, report: &Value) -> Vec<Value> {
    let files = environment.landed();
    let mut records = Vec::new();
    for file in report["files"].as_array().into_iter().flatten() {
        let content = &files[file["path"].as_str().expect("a path")];
        records.extend(String::from_utf8_lossy(content).lines().map(parsed));
    }
    records
}

/// The requests to the place of tokens, whose order in itself says nothing, and the others.
fn apart(requests: Vec<Value>, place: &Value) -> (Vec<Value>, Vec<Value>) {
    let (mut tokens, others): (Vec<Value>, Vec<Value>) =
        requests.into_iter().partition(|request| request["path"] == *place);
    for token in &mut tokens {
        if let Some(body) = token["body"].as_str() {
            let mut pairs = url_pairs(body);
            pairs.sort();
            token["body"] = json!(pairs);
        }
        let query = token["query"].as_array().cloned().unwrap_or_default();
        token["query"] = sorted(query).into();
    }
    (tokens, others)
}

fn sorted(values: impl IntoIterator<Item = Value>) -> Vec<String> {
    let mut texts: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    texts.sort();
    texts
}

/// Run a case twice; what differs from what is expected.
fn check(case: &Path) {
    let (description, expected) = (parsed(&read(case, "case.json")), parsed(&read(case, "expected.json")));
    let (environment, name) = (environment(), case.file_name().unwrap_or_default().display().to_string());
    let params = prepare(&environment, case, &description);
    let landing = environment.landing().display().to_string();
    let second = description["second"]["answers"].as_array().or(description["answers"].as_array());
    let scripts = [description["answers"].as_array(), second];
    for (run, (script, expected)) in scripts.into_iter().zip(expected.as_array().expect("runs")).enumerate() {
        let mut script = script.expect("answers").clone();
        let origin = Origin::answering(move |asked| answer(&mut script, asked));
        let map = format!("{BASE}={}", origin.grant());
        let stream = format!("streams={}", description["stream"].as_str().expect("a stream"));
        let mut order: Vec<&str> = vec!["run", "api.wasm", "--json", "--landing", &landing, "--map", &map];
        order.extend(["--param", "records=true", "--param", &stream]);
        order.extend(params.iter().map(String::as_str));
        let failed = expected["failed"].as_bool().unwrap_or(false);
        let mut command = environment.command(&order);
        command.env("XDG_STATE_HOME", environment.path().join("state"));
        let ran = Ran::new(command.output().expect("the program"));
        assert_eq!(ran.code, Some(i32::from(failed)), "{name}, run {run}: {}\n{}", ran.stdout, ran.stderr);
        let report = ran.json();
        let requests = origin.asked().iter().map(noted).collect::<Vec<_>>();
        let wanted = expected["requests"].as_array().expect("requests").clone();
        let place = &description["token_path"];
        let ((tokens, requests), (wanted_tokens, wanted)) = (apart(requests, place), apart(wanted, place));
        // The host has the token of the first run in the second one.
        if run == 0 {
            assert_eq!(json!(tokens.first()), json!(wanted_tokens.first()), "{name}: how the token is got");
        }
        let in_order = description["any_order"].as_bool() != Some(true);
        if in_order {
            assert_eq!(json!(requests), json!(wanted), "{name}, run {run}: the requests");
        } else {
            assert_eq!(sorted(requests), sorted(wanted), "{name}, run {run}: the requests");
        }
        let (records, wanted) =
            (landed(&environment, &report), expected["records"].as_array().expect("records").clone());
        if !failed {
            assert_eq!(sorted(records), sorted(wanted), "{name}, run {run}: the records");
        }
    }
}

#[test]
fn a_sample_is_read_as_the_reference_does() {
    SAMPLE.iter().for_each(|name| check(&cases().join(name)));
}

#[test]
fn all_are_read_as_the_reference_does() {
    if !soak::is_on() {
        return;
    }
    let only = std::env::var("HOST_CASE").ok();
    let mut failed = Vec::new();
    let mut names: Vec<_> =
        fs::read_dir(cases()).expect("cases").map(|entry| entry.expect("an entry").path()).collect();
    names.retain(|path| path.join("case.json").is_file());
    names.sort();
    for case in names {
        let name = case.file_name().unwrap_or_default().display().to_string();
        if only.as_ref().is_some_and(|only| !name.contains(&**only)) {
            continue;
        }
        if std::panic::catch_unwind(|| check(&case)).is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{} differ: {}", failed.len(), failed.join(", "));
}

/// The manifests of public APIs that the repository has, by the directories that they are in.
fn examples() -> Vec<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/manifests");
    let entries = fs::read_dir(all).expect("manifests").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// It becomes an extractor, and all its cases are as expected and no failures.
fn passes(example: &Path) {
    let name = example.file_name().unwrap_or_default().display().to_string();
    let file = ["yaml", "toml"].map(|extension| example.join(format!("{name}.{extension}")));
    let file = file.iter().find(|file| file.is_file()).unwrap_or_else(|| panic!("{name} has no manifest"));
    let (environment, component) = (environment(), guest("rest").display().to_string());
    let file = file.display().to_string();
    environment.host(["add", &name, &file, "--component", &component]).exits(0);
    let cases = example.join("cases").display().to_string();
    environment.host(["test", &format!("{name}.wasm"), "--cases", &cases]).exits(0);
    for case in fs::read_dir(example.join("cases")).expect("cases") {
        let case = case.expect("an entry").path();
        assert!(!case.join("expected/error").exists(), "{} expects a failure", case.display());
    }
}

#[test]
fn examples_of_public_apis_pass_their_cases() {
    let all = examples();
    assert!(all.len() >= 10, "{all:?}");
    let sample = if soak::is_on() { &all[..] } else { &all[..2] };
    sample.iter().for_each(|example| passes(example));
}

/// Two partitions, each in slices of a day.
const DAYS: &str = r#"
type: DeclarativeSource
streams:
  - type: DeclarativeStream
    name: items
    incremental_sync:
      {type: DatetimeBasedCursor, cursor_field: day, datetime_format: "%Y-%m-%d", start_datetime: "2025-01-01",
       end_datetime: "2025-01-05", step: P1D, cursor_granularity: P1D,
       start_time_option: {type: RequestOption, inject_into: request_parameter, field_name: day}}
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: https://api.example, path: items, http_method: GET}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
      partition_router:
        {type: ListPartitionRouter, values: [a, b], cursor_field: kind,
         request_option: {type: RequestOption, inject_into: request_parameter, field_name: kind}}
"#;
const SLICES: usize = 8;
/// The slice that takes so long that what came before it is kept.
const SLOW: usize = 3;

/// A server of [`DAYS`], which holds back its answer to the request of that number.
fn days(held: Option<(usize, Gate, Gate)>) -> Origin {
    let mut number = 0;
    Origin::answering(move |asked| {
        let (_, query) = asked.target.split_once('?').unwrap_or_default();
        let pairs = url_pairs(query);
        let of = |name: &str| pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let reply = Reply::new(json!([{ "kind": of("kind"), "day": of("day") }]).to_string());
        let reply = reply.header("content-type", "application/json");
        number += 1;
        match &held {
            Some((at, reached, hold)) if *at == number => reply.gated(reached, hold),
            Some(_) if number == SLOW => reply.dripping(Duration::from_millis(40)),
            _ => reply,
        }
    })
}

/// What was asked for, as `kind day`.
fn slices(origin: &Origin) -> Vec<String> {
    let asked = origin.asked();
    let values = asked.iter().map(|asked| url_pairs(asked.target.split_once('?').unwrap_or_default().1));
    values.map(|pairs| pairs.into_iter().map(|(_, value)| value).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let place = || {
        let (environment, component) = (environment(), guest("rest").display().to_string());
        environment.write("days.yaml", DAYS);
        environment.host(["add", "days", "days.yaml", "--component", &component]).exits(0);
        environment.host(["allow", "days.wasm", "--yes"]).exits(0);
        environment
    };
    let command = |environment: &Environment, origin: &Origin| {
        let landing = environment.landing().display().to_string();
        let map = format!("{BASE}={}", origin.grant());
        environment.command(["run", "days.wasm", "--landing", &landing, "--map", &map])
    };
    let run = |environment: &Environment, origin: &Origin| {
        Ran::new(command(environment, origin).output().expect("the program")).exits(0);
    };
    let (undisturbed, origin) = (place(), days(None));
    run(&undisturbed, &origin);
    let all = slices(&origin);
    assert_eq!(all.len(), SLICES);
    let numbers = if soak::is_on() { 1..=SLICES } else { SLOW + 2..=SLOW + 2 };
    for number in numbers {
        let (environment, reached, hold) = (place(), Gate::default(), Gate::default());
        let origin = days(Some((number, reached.clone(), hold.clone())));
        let mut child = command(&environment, &origin).spawn().expect("the program");
        assert!(reached.wait(), "killed at {number}");
        child.kill().expect("a signal");
        child.wait().expect("an end");
        hold.open();
        let origin = days(None);
        run(&environment, &origin);
        assert_eq!(environment.landed(), undisturbed.landed(), "killed at {number}");
        let again = slices(&origin);
        assert_eq!(again.last(), all.last(), "killed at {number}");
        if number > SLOW + 1 {
            // A slice is read again from the newest record that was kept.
            assert!(!again.contains(&all[0]), "killed at {number}: {again:?}");
        }
    }
}
