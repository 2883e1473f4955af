//! Hostile sources: hundreds of answers that bend or break HTTP. Each lands whole, or nothing of it is ever visible.

use std::collections::BTreeSet;

use harness::hostile::{self, CSV, Case, Comes, answer, framed};
use harness::{Environment, Gate, Origin, Part, Ran, Reply};

use crate::environment;

/// The arguments of a run of the probe that lands each of these paths in a way, and logs what came of it.
fn each(origin: &Origin, paths: &[String], how: &str, more: &[&str]) -> Vec<String> {
    let urls: Vec<String> = paths.iter().map(|path| origin.url(path)).collect();
    let fixed = ["-v", "--retries", "0", "--allow-http", &origin.grant(), "--param", "do=each"].map(str::to_owned);
    let params = [format!("how={how}"), format!("url={}", urls.join(" "))];
    let params = params.into_iter().flat_map(|param| ["--param".to_owned(), param]);
    fixed.into_iter().chain(params).chain(more.iter().map(|more| (*more).to_owned())).collect()
}

fn run(environment: &Environment, arguments: &[String]) -> Ran {
    environment.run("probe", &arguments.iter().map(String::as_str).collect::<Vec<_>>()).exits(0)
}

/// What came of a URL: the content of its file, or what the extractor was told.
fn outcome(environment: &Environment, ran: &Ran, url: &str) -> Result<Vec<u8>, String> {
    let failed = format!("{url} failed: ");
    if let Some((_, says)) = ran.stderr.lines().find_map(|line| line.split_once(&failed)) {
        return Err(says.to_owned());
    }
    assert!(ran.stderr.contains(&format!("{url} landed")), "nothing came of {url}:\n{}", ran.stderr);
    let files = ran.json()["files"].as_array().cloned().unwrap_or_default();
    let file = files.iter().find(|file| file["url"] == url).unwrap_or_else(|| panic!("no file is of {url}"));
    Ok(environment.landed().remove(file["path"].as_str().expect("a path")).expect("a file"))
}

/// Ask for all of these, and compare what comes of each. Nothing is below the landing directory but what landed.
fn judge(origin: &Origin, cases: &[Case], how: &str, more: &[&str]) {
    let environment = environment();
    let paths: Vec<String> = (0..cases.len()).map(|number| format!("/case-{number}")).collect();
    for (path, case) in paths.iter().zip(cases) {
        origin.route(path, case.reply.clone());
    }
    let ran = run(&environment, &each(origin, &paths, how, more));
    let landed = environment.landed();
    let files = ran.json()["files"].as_array().cloned().unwrap_or_default();
    let mut wrong = Vec::new();
    for (path, case) in paths.iter().zip(cases) {
        let url = origin.url(path);
        let failed = format!("{url} failed: ");
        let says = ran.stderr.lines().find_map(|line| Some(line.split_once(&failed)?.1));
        let file = files.iter().find(|file| file["url"] == *url || (how != "mirror" && says.is_none()));
        let content = file.and_then(|file| landed.get(file["path"].as_str()?));
        let right = match (&case.comes, says, content) {
            (Comes::Whole(expected), None, Some(content)) => how != "mirror" || content == expected,
            (Comes::Nothing(expected), Some(says), None) => says.contains(expected),
            _ => false,
        };
        if !right {
            let shown = content.map(|content| String::from_utf8_lossy(&content[..content.len().min(80)]).into_owned());
            wrong.push(format!("{}: {says:?}, {shown:?}", case.what));
        }
    }
    assert!(wrong.is_empty(), "{} of {}, by {how}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let visible: BTreeSet<String> = files.iter().filter_map(|file| Some(file["path"].as_str()?.to_owned())).collect();
    assert_eq!(environment.everything(), visible.into_iter().collect::<Vec<_>>());
}

#[test]
fn framing_is_right_or_nothing_lands() {
    judge(&Origin::start(), &hostile::framing(), "mirror", &["--param", "count=1"]);
}

#[test]
fn status_lines_are_right_or_nothing_lands() {
    judge(&Origin::start(), &hostile::status_lines(), "mirror", &["--param", "count=1"]);
}

#[test]
fn fields_are_right_or_nothing_lands() {
    judge(&Origin::start(), &hostile::fields(), "mirror", &["--param", "count=1"]);
}

#[test]
fn bodies_are_right_or_nothing_lands() {
    judge(&Origin::start(), &hostile::bodies(), "mirror", &["--param", "count=1"]);
}

#[test]
fn redirects_are_right_or_nothing_lands() {
    let (origin, other) = (Origin::start(), Origin::start());
    judge(&origin, &hostile::redirects(&origin, &other), "mirror", &["--param", "count=1"]);
    assert_eq!(other.asked(), []);
}
