//! What the pages list is all that there is: budgets, codes, findings, messages, keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use harness::{Origin, Reply, guest};
use regex::Regex;
use serde_json::Value;

use super::{BOOK, block, page, root, rows};
use crate::environment;
use crate::named::extractor;
use crate::systemd::installed;

/// The flags below a heading of `host run --help`, each with its default.
fn flags(help: &str, heading: &str) -> BTreeMap<String, String> {
    let (_, rest) = help.split_once(heading).expect(heading);
    let text = rest.split("\n\n").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let flag = Regex::new(r"(--[a-z-]+) <[A-Z]+> .*?\[default: ([^\]]+)\]").expect("a pattern");
    flag.captures_iter(&text).map(|found| (found[1].to_owned(), found[2].to_owned())).collect()
}

#[test]
fn the_page_of_budgets_has_all_of_them() {
    let help = environment().host(["run", "--help"]).exits(0).stdout;
    let mut known = flags(&help, "Budgets of the run:");
    known.extend(flags(&help, "Limits of each request:"));
    known.insert("--max-rate".to_owned(), "none".to_owned());
    let shown = rows(&format!("{BOOK}/budgets.md")).into_iter().filter(|row| row[0].starts_with("`--"));
    let shown: BTreeMap<String, String> = shown.map(|row| (row[0].replace('`', ""), row[1].replace('`', ""))).collect();
    assert_eq!(shown, known);
}

#[test]
fn the_page_of_exit_codes_has_all_of_them() {
    let help = environment().host(["--help"]).exits(0).stdout;
    let (_, list) = help.split_once("Exit codes:\n").expect("exit codes");
    let code = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
    let known: Vec<String> = list.lines().map(code).collect();
    let shown = rows(&format!("{BOOK}/exit-codes.md")).into_iter().map(|row| row[0].clone());
    let shown: Vec<String> = shown.filter(|code| code.parse::<u8>().is_ok()).collect();
    assert_eq!(shown, known);
}

#[test]
fn the_findings_are_those_of_the_specification() {
    let finding = Regex::new(r"^`[a-z]+`$").expect("a pattern");
    let kinds = |path: &str, between: [&str; 2]| {
        let text = page(path);
        let (_, rest) = text.split_once(between[0]).expect(path);
        let part = rest.split(between[1]).next().unwrap_or_default();
        let first = |line: &str| line.trim_matches('|').split('|').next().unwrap_or_default().trim().to_owned();
        part.lines()
            .filter(|line| line.starts_with('|'))
            .map(first)
            .filter(|cell| finding.is_match(cell))
            .collect::<Vec<String>>()
    };
    let specified = kinds("host/FORMAT.md", ["## Checking and repairing", "**`host repair`**"]);
    assert!(specified.len() > 5, "{specified:?}");
    assert_eq!(kinds(&format!("{BOOK}/upkeep.md"), ["## Check", "## Repair"]), specified);
}

/// All text of the sources of the host, its tests included.
fn sources(directory: &Path, into: &mut String) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn the_messages_that_are_explained_exist() {
    let mut code = String::new();
    sources(Path::new(env!("CARGO_MANIFEST_DIR")), &mut code);
    let page = page(&format!("{BOOK}/troubleshooting.md"));
    let messages: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    assert!(messages.len() > 30, "{messages:?}");
    let lost: Vec<_> =
        messages.iter().filter(|message| !message.split('…').map(str::trim).all(|part| code.contains(part))).collect();
    assert!(lost.is_empty(), "no message has the words of {lost:#?}");
}

#[test]
fn the_codes_of_errors_that_are_listed_are_all() {
    let code = Regex::new(r#"=> "([a-z-]+)""#).expect("a pattern");
    let source =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/src/domain/errors.rs")).expect("a source");
    let parts = source.split("pub fn code(").skip(1).map(|rest| rest.split("    }\n\n").next().unwrap_or_default());
    let mut known: BTreeSet<String> =
        parts.flat_map(|part| code.captures_iter(part)).map(|found| found[1].to_owned()).collect();
    let source =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/src/expectation.rs")).expect("a source");
    let code = Regex::new(r#"Broken::new\(\s*"([a-z-]+)""#).expect("a pattern");
    known.extend(code.captures_iter(&source).map(|found| found[1].to_owned()));
    let cell = Regex::new(r"`([a-z-]+)`").expect("a pattern");
    let shown = rows(&format!("{BOOK}/recipes.md")).into_iter().filter(|row| row[0] == "`http`" || row[0] == "`zone`");
    let shown: BTreeSet<String> = shown
        .flat_map(|row| cell.captures_iter(&row[1]).map(|found| found[1].to_owned()).collect::<Vec<_>>())
        .filter(|word| word != "http" && word != "fetch")
        .collect();
    assert_eq!(shown, known);
}

/// The keys of a value, and of all values in it.
fn all_keys(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(table) => table.iter().for_each(|(key, inner)| {
            into.insert(key.clone());
            all_keys(inner, into);
        }),
        Value::Array(items) => items.iter().for_each(|inner| all_keys(inner, into)),
        _ => {}
    }
}

#[test]
fn the_page_of_notifications_has_all_that_is_told() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a\n1\n"));
    let events = ["success", "failure", "recovery", "stale", "landed"];
    let notify = format!(
        "[defaults]\nstale-after = \"26h\"\n[notify.x]\non = {events:?}\n\
         command = [\"sh\", \"-c\", \"cat > $HOST_EVENT.json; env > $HOST_EVENT.env\"]\n"
    );
    environment.write("host.toml", extractor("a", &origin, "/a.csv") + &notify);
    environment.host(["run", "a"]).exits(0);
    environment.state().execute("UPDATE extraction_runs SET started_at = '2025-01-01T00:00:00Z'", []).expect("SQL");
    environment.host(["watch"]).exits(0);
    environment.host(["run", "a"]).exits(0);
    origin.route("/a.csv", Reply::status(404));
    environment.host(["run", "a"]).exits(1);
    let rows = rows(&format!("{BOOK}/notify.md"));
    let shown = |column: usize| -> BTreeSet<String> {
        let cells =
            rows.iter().filter_map(|row| row.get(column)?.strip_prefix('`')?.strip_suffix('`').map(str::to_owned));
        cells.collect()
    };
    let (mut keys, mut variables) = (BTreeSet::new(), BTreeSet::new());
    for event in events {
        let read = |kind: &str| fs::read_to_string(environment.path().join(format!("{event}.{kind}"))).expect(event);
        all_keys(&serde_json::from_str(&read("json")).expect("JSON"), &mut keys);
        let env = read("env");
        variables.extend(env.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name.to_owned()));
    }
    variables.retain(|name| name.starts_with("HOST_"));
    assert_eq!(shown(0), keys.into_iter().chain(events.map(str::to_owned)).collect());
    assert_eq!(shown(1), variables);
}

/// The numbers or texts between the brackets behind a piece of a source of the host.
fn listed(path: &str, behind: &str) -> Vec<String> {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path);
    let (_, list) = source.split_once(behind).expect(behind);
    let list = list.split(']').next().unwrap_or_default();
    list.split(',').map(|item| item.trim().trim_matches('"').to_owned()).filter(|item| !item.is_empty()).collect()
}

#[test]
fn the_page_of_several_has_the_codes_in_the_order_of_their_weight() {
    let code = Regex::new("^[0-9]+(, [0-9]+)*$").expect("a pattern");
    let shown = rows(&format!("{BOOK}/several.md")).into_iter().map(|row| row[0].clone());
    let shown: Vec<String> = shown.filter(|cell| code.is_match(cell)).collect();
    let mut known = listed("src/batch/outcome.rs", "BY_WEIGHT: [u8; 7] = [");
    known.push("0".to_owned());
    assert_eq!(shown.join(", "), known.join(", "));
}

#[test]
fn the_page_of_notifications_has_all_variables_that_are_passed() {
    let page = page(&format!("{BOOK}/notify.md"));
    let (_, passed) = page.split_once("Of the host's own environment it gets ").expect("a sentence");
    let passed = passed.split(", and what").next().unwrap_or_default();
    let variable = Regex::new("`([A-Z_]+)`").expect("a pattern");
    let shown: Vec<String> = variable.captures_iter(passed).map(|found| found[1].to_owned()).collect();
    assert_eq!(shown, listed("src/commands.rs", "PASSED: [&str; 10] =\n    ["));
}

#[test]
fn the_page_of_metrics_has_all_of_them_and_rules_for_alerts() {
    let printed = environment().host(["metrics"]).exits(0).stdout;
    let names = printed.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let known: BTreeSet<String> = names.map(|name| format!("`{name}`")).collect();
    let path = format!("{BOOK}/watch.md");
    let shown = rows(&path).into_iter().map(|row| row[0].clone()).filter(|cell| cell.starts_with("`host_"));
    assert_eq!(shown.collect::<BTreeSet<String>>(), known);
    let rules = block(&path, "yaml", "alert:");
    let used = Regex::new("host_extractor_[a-z0-9_]+").expect("a pattern");
    for found in used.find_iter(&rules) {
        assert!(known.contains(&format!("`{}`", found.as_str())), "there is no {}", found.as_str());
    }
    // Prometheus' own judge.
    let environment = environment();
    let file = environment.write("rules.yaml", rules);
    if installed("promtool") {
        let judged = Command::new("promtool").args(["check", "rules"]).arg(file).output().expect("promtool");
        assert!(judged.status.success(), "{judged:?}");
    }
}

#[test]
fn the_page_of_json_names_every_key() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("name,value\na,1\n"));
    let url = format!("url={}", origin.url("/a.csv"));
    environment.run("mirror", &["--allow-http", &origin.grant(), "--param", &url]).exits(0);
    origin.route("/empty.csv", Reply::new(""));
    let empty = format!("url={}", origin.url("/empty.csv"));
    environment.run("mirror", &["--allow-http", &origin.grant(), "--param", &empty]).exits(1);
    let mirror = guest("mirror").display().to_string();
    let run = ["run", &mirror, "--json", "--allow-http", &origin.grant(), "--param", &url];
    let page = page(&format!("{BOOK}/json.md"));
    let notify = "[notify.down]\non = [\"success\", \"failure\"]\ncommand = [\"false\"]\n";
    environment.write("host.toml", extractor("a", &origin, "/a.csv") + &extractor("b", &origin, "/none") + notify);
    for (arguments, code) in [(&["run", "a", "b", "--json"][..], 1), (&["status", "--json"], 1)] {
        let printed = environment.host(arguments).exits(code).json();
        let mut keys = BTreeSet::new();
        all_keys(&printed, &mut keys);
        for key in keys.iter().filter(|key| !["down", "used", "allowed", "unit"].contains(&key.as_str())) {
            let named = page.contains(&format!("`{key}`")) || page.contains(&format!("\"{key}\":"));
            assert!(
                named || key.starts_with("max-") || key == "timeout",
                "json.md does not name `{key}` of {arguments:?}"
            );
        }
    }
    environment.host(["cursor", "set", "mirror", "x"]).exits(0);
    for arguments in [
        &run[..],
        &["inspect", &mirror, "--json"],
        &["cursor", "--json"],
        &["quarantine", "list", "--json"],
        &["runs", "--json"],
        &["show", "1", "--json"],
        &["files", "--current", "--json"],
        &["config", "--json"],
        &["prune", "--runs-older-than", "9d", "--json"],
        &["verify", "--json"],
        &["repair", "--json"],
        &["erase", "--yes", "--reason", "request 17", &environment.paths()[0], "--json"],
        &["files", "--erased", "--json"],
    ] {
        let printed = environment.host(arguments).exits(0).json();
        let one = if printed.is_array() { printed[0].clone() } else { printed };
        for key in one.as_object().into_iter().flatten().map(|(key, _)| key) {
            let named = page.contains(&format!("`{key}`")) || page.contains(&format!("\"{key}\":"));
            assert!(named, "json.md does not name `{key}` of `host {}`", arguments[0]);
        }
    }
}

#[test]
fn the_pages_that_hints_name_exist() {
    let mut code = String::new();
    sources(Path::new(env!("CARGO_MANIFEST_DIR")), &mut code);
    let named = Regex::new(r"host/book/src/[a-z-]+[.]md").expect("a pattern");
    let named: BTreeSet<&str> = named.find_iter(&code).map(|found| found.as_str()).collect();
    assert!(named.len() >= 2 && named.iter().all(|path| root().join(path).exists()), "{named:?}");
    assert!(!code.contains("README.md shows"), "the README is a page, and shows little: name a page of the book");
}
