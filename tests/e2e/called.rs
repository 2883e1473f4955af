//! The program under another name, as where another `host` is the one of the system: all that it tells people to type
//! begins with the name that it was called as.

use std::fs;
use std::os::unix::process::CommandExt as _;

use harness::{Environment, Origin, Ran, Reply, guest};
use regex::Regex;

use crate::{environment, mirror};

const NAME: &str = "landing-host";

fn called<A: AsRef<std::ffi::OsStr>>(environment: &Environment, arguments: impl IntoIterator<Item = A>) -> Ran {
    Ran::new(environment.command(arguments).arg0(format!("/usr/bin/{NAME}")).output().expect("the program"))
}

/// The commands that the help lists.
fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    listed
        .filter_map(|line| Some(line.strip_prefix("  ")?.split(' ').next()?.to_owned()))
        .filter(|command| !command.is_empty() && command != "help")
        .collect()
}

/// Insist that nothing in the text is to be typed as `host`.
#[track_caller]
fn has_no_other_name(text: &str, commands: &[String]) {
    let typed =
        Regex::new(&format!(r"(?m)(`host |^host |(?:Usage:|\$\(|\||run) *host |^host-({}))", commands.join("|")));
    if let Some(found) = typed.expect("a pattern").find(text) {
        panic!("{:?} in:\n{text}", found.as_str());
    }
}

#[test]
fn what_it_tells_people_to_type_begins_with_the_name_that_it_was_called_as() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a", Reply::new("a,b\n"));
    let help = called(&environment, ["--help"]).exits(0).stdout;
    assert!(help.contains(&format!("Usage: {NAME} <COMMAND>")), "{help}");
    let commands = commands(&help);
    assert!(commands.len() > 20 && commands.contains(&"run".to_owned()), "{commands:?}");
    for command in &commands {
        let help = called(&environment, [command, "--help"]).exits(0).stdout;
        has_no_other_name(&help, &commands);
    }
    let said = called(&environment, ["--version"]).exits(0).stdout;
    assert!(said.starts_with("landing-host "), "{said}");

    let mirror_guest = guest("mirror").display().to_string();
    environment
        .write("host.toml", format!("[extractor.prices]\ncomponent = {mirror_guest:?}\nschedule = \"@daily\"\n"));
    environment.write("module.wasm", b"\0asm\x01\0\0\0");
    let url = format!("url={}", origin.url("/a"));
    for (arguments, hint) in [
        (&["run", &mirror_guest, "--param", &url][..], "run `landing-host allow "),
        (&["run", "prices", "prices2", "--param", &url], "hint: "),
        (&["run", "module.wasm"], "`landing-host pack` makes"),
        (&["show", "77"], "`landing-host runs` lists"),
        (&["cat", "x/2026/y.csv.gz"], "`landing-host files` lists"),
        (&["config", "nobody"], "`landing-host config` shows"),
        (&["erase", "x", "--reason", "y"], "hint: "),
        (&["models", "duckdb"], "`landing-host files` shows"),
        (&["quarantine", "show", "nothing"], "hint: "),
        (&["allow", "prices", "--http", &origin.grant()], "hint: "),
        (&["runs", "--bad"], "--help"),
    ] {
        let ran = called(&environment, arguments);
        assert!(ran.code != Some(0) && ran.stderr.contains(hint), "{arguments:?}: {ran:?}");
        has_no_other_name(&format!("{}{}", ran.stdout, ran.stderr), &commands);
    }
}

#[test]
fn what_it_writes_has_that_name_as_well() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a", Reply::new("a,b\n").etag("\"1\""));
    environment.run("mirror", &crate::with(&mirror(&origin, "/a"), &[])).exits(0);
    let component = guest("mirror");
    environment.write("host.toml", format!("[extractor.prices]\ncomponent = {component:?}\nschedule = \"@daily\"\n"));
    let user = crate::install::user();
    let commands = commands(&called(&environment, ["--help"]).stdout);
    fs::create_dir(environment.path().join("man")).expect("a directory");
    for arguments in [
        &["new", "padel"][..],
        &["new", "courts", "--lang", "python"],
        &["install", "systemd", "--run-as", &user, "--root", "units", "--yes"],
        &["install", "cron", "--run-as", &user, "--root", "crontab", "--yes"],
        &["models", "duckdb", "--into", "models"],
        // What was written under one name is its own under another.
        &["models", "duckdb", "--into", "models"],
        &["man", "man"],
    ] {
        let ran = called(&environment, arguments).exits(0);
        has_no_other_name(&format!("{}{}", ran.stdout, ran.stderr), &commands);
    }
    environment.host(["models", "duckdb", "--into", "models"]).exits(0);
    called(&environment, ["models", "duckdb", "--into", "models"]).exits(0);
    let mut written = String::new();
    for folder in ["padel", "courts", "units/etc/systemd/system", "crontab/etc/cron.d", "models", "man"] {
        for entry in fs::read_dir(environment.path().join(folder)).expect(folder) {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                written += &fs::read_to_string(&path).expect("a text");
            }
        }
    }
    has_no_other_name(&written, &commands);
    for says in ["\nlanding-host build ", "`landing-host install`", "`landing-host models`", "landing\\-host\\-run"] {
        assert!(written.contains(says), "{says}");
    }
    assert!(environment.path().join("man/landing-host-run.1").is_file());
    for (shell, says) in
        [("bash", " landing-host\n"), ("zsh", "#compdef landing-host"), ("fish", "complete -c landing-host")]
    {
        let script = called(&environment, ["completions", shell]).exits(0).stdout;
        assert!(script.contains(says), "{shell}");
        has_no_other_name(&script, &commands);
    }
}

#[test]
fn a_name_that_cannot_be_typed_is_not_believed() {
    let environment = environment();
    for name in ["", "-x", "a b", "x`id`", "..", "\u{1b}[31m"] {
        let ran = Ran::new(environment.command(["test"]).arg0(name).output().expect("the program")).exits(2);
        assert!(ran.stderr.contains("`host test x.wasm`"), "{name:?}: {}", ran.stderr);
    }
}
