//! Long texts that an extractor passes: whatever they are, the run keeps to its memory and hears the clock and signals.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harness::{Environment, Origin, Ran, Reply, memory};
use rusqlite::{Connection, OpenFlags};

use crate::signals::signal;
use crate::{environment, until};

/// What a run may hold beside its `--max-memory`, in KiB.
const BESIDE: u64 = 64 * 1024;

/// An environment in which the probe is granted two secrets, one of them short, and an origin.
fn granted(origin: &Origin) -> Environment {
    let (environment, grant) = (environment(), origin.grant());
    let secret = |name: &str, variable: &str| {
        format!(
            "[extractor.probe.secret.{name}]\nfrom = {{ env = \"{variable}\" }}\nas = \"bearer\"\norigins = [\"{grant}\"]\n"
        )
    };
    let table = format!("[extractor.probe]\nhttp = [\"{grant}\"]\n");
    environment.write("host.toml", table + &secret("token", "TOKEN") + &secret("other", "OTHER"));
    environment
}

fn command(environment: &Environment, origin: &Origin, act: &str, how: &str, more: &[&str]) -> Command {
    let params = [format!("do={act}"), format!("how={how}"), format!("url={}", origin.url("/a"))];
    let params = params.iter().flat_map(|param| ["--param", param]);
    let arguments: Vec<&str> = params.chain(["--max-log", "1GiB"]).chain(more.iter().copied()).collect();
    let mut command = environment.run_command("probe", &arguments);
    command.env("TOKEN", "abc").env("OTHER", "hush-hush-42");
    command
}

/// What a run left, and the most memory that it held, in KiB. It is kept from ending, by standard output that takes no
/// more, until that was read.
fn measured(environment: &Environment, mut command: Command) -> (Ran, u64) {
    let (mut output, mut full) = std::io::pipe().expect("a pipe");
    // As much as a pipe holds. JSON may begin with spaces.
    full.write_all(&[b' '; 64 * 1024]).expect("a pipe");
    let mut child = command.stdout(full).spawn().expect("the program");
    drop(command);
    let mut errors = child.stderr.take().expect("standard error");
    let errors = std::thread::spawn(move || {
        let mut said = String::new();
        errors.read_to_string(&mut said).expect("UTF-8");
        said
    });
    until(&mut child, |_| has_ended(environment));
    let peak = memory::held(&child).expect("a program that runs");
    let mut stdout = String::new();
    output.read_to_string(&mut stdout).expect("UTF-8");
    let code = child.wait().expect("the program").code();
    stdout = stdout.trim_start().to_owned();
    (Ran { code, stdout, stderr: errors.join().expect("a thread") }, peak)
}

/// Whether the last run has its verdict.
fn has_ended(environment: &Environment) -> bool {
    let database = environment.landing().join(".state.sqlite");
    let state = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let sql = "SELECT status <> 'running' FROM extraction_runs ORDER BY run_id DESC LIMIT 1";
    state.and_then(|state| state.query_row(sql, [], |row| row.get(0))).unwrap_or(false)
}

fn origin() -> Origin {
    let origin = Origin::start();
    origin.route("/a", Reply::new("a"));
    origin
}

/// Each function that takes a text, how a run ends that passes a long one, and what it says.
const FUNCTIONS: [(&str, i32, &str); 15] = [
    ("log", 0, "[secret token]"),
    ("url", 1, "is longer than 16384 bytes"),
    ("method", 1, "`(60000000 bytes)` is no valid method"),
    ("field-name", 1, "more than 100 fields, or more than 65536 bytes of them"),
    ("field-value", 1, "more than 100 fields, or more than 65536 bytes of them"),
    ("body", 0, ""),
    ("secret", 1, "does not ask for a secret `(60000000 bytes)`"),
    ("answer", 0, ""),
    ("param", 0, ""),
    ("source", 1, "`(60000000 bytes)` is not a valid name"),
    ("cursor", 1, "the cursor is 60000000 bytes long, and the limit is 4096"),
    ("bytes", 0, ""),
    ("extension", 1, "`(60000000 bytes)` is not a valid extension"),
    ("verdict", 3, "it said in more than 8192 bytes why its content is not whole"),
    ("error", 1, "error: [secret token][secret token]"),
];

#[test]
fn a_long_text_takes_no_more_memory_than_the_run_may_hold() {
    let origin = origin();
    for (how, code, says) in FUNCTIONS {
        let environment = granted(&origin);
        let more = ["--param", "size=60000000", "--param", "text=abc"];
        let (ran, peak) = measured(&environment, command(&environment, &origin, "huge", how, &more));
        assert!(peak < 256 * 1024 + BESIDE, "{how}: {peak} KiB");
        ran.exits(code).says(says);
    }
}

#[test]
fn what_is_passed_counts_as_memory_before_it_is_copied() {
    let origin = origin();
    for (how, ..) in FUNCTIONS {
        let environment = granted(&origin);
        let more = ["--param", "size=150000000"];
        let (ran, peak) = measured(&environment, command(&environment, &origin, "huge", how, &more));
        assert!(peak < 256 * 1024 + BESIDE, "{how}: {peak} KiB");
        // What the guest itself makes of this text is too much for it already.
        ran.exits(3).says("the run spent its budget `max-memory` of 256.0 MiB");
    }
}

/// A run that passes a long text without end.
fn endless(environment: &Environment, origin: &Origin, how: &str, more: &[&str]) -> Child {
    let size = ["--max-memory", "512MiB", "--param", "size=100000000", "--param", "text=abc"];
    let mut command = command(environment, origin, "huge-without-end", how, &[&size, more].concat());
    command.stdout(Stdio::null()).spawn().expect("the program")
}

/// Its exit code, once it ended.
fn code(mut child: Child) -> Option<i32> {
    until(&mut child, |child| child.try_wait().expect("the program").is_some());
    child.wait().expect("the program").code()
}

/// The functions in which a text that is too long does not end the run.
fn lenient() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.into_iter().map(|(how, ..)| how).filter(|how| !["cursor", "verdict", "error"].contains(how))
}

#[test]
fn no_text_keeps_the_clock_from_being_heard() {
    let origin = origin();
    for how in lenient() {
        let environment = granted(&origin);
        assert_eq!(code(endless(&environment, &origin, how, &["--timeout", "1s"])), Some(3), "{how}");
    }
}

#[test]
fn no_text_keeps_a_signal_from_being_heard() {
    let origin = origin();
    for how in lenient() {
        let environment = granted(&origin);
        let mut child = endless(&environment, &origin, how, &[]);
        let mut errors = BufReader::new(child.stderr.take().expect("standard error"));
        errors.read_line(&mut String::new()).expect("UTF-8");
        // Most likely it is inside the call by then. Nothing from outside would tell.
        std::thread::sleep(Duration::from_millis(300));
        signal("TERM", child.id());
        let rest = std::thread::spawn(move || errors.read_to_end(&mut Vec::new()));
        assert_eq!(code(child), Some(143), "{how}");
        rest.join().expect("a thread").expect("standard error");
    }
}
