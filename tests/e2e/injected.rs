//! Faults of the machine, injected by `strace` into the real program: a call that fails, a process killed at a call.
//!
//! Whatever happens, nothing torn is visible, and the next run ends as if nothing had happened.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use harness::soak::{Numbers, times};
use harness::{Environment, Origin, Ran, Reply, guest, skip, under};

use crate::environment;

/// The calls that write, make, name, sync or remove something, of the landing zone and of SQLite. Both write at
/// positions, so that `write` is left to the runtime, which wakes its threads by it.
pub(crate) const CALLS: [&str; 8] =
    ["fsync", "fdatasync", "linkat", "mkdirat", "pwrite64", "unlink", "openat2", "ftruncate"];
/// Calls of the commands that settle something, beside those of a run.
const SETTLING: [&str; 2] = ["renameat2", "unlinkat"];
/// Most calls of one kind that a run makes.
pub(crate) const MOST: usize = 60;

/// The errors that a call fails with: one of them in its turn, or each of them in `cargo soak`.
fn errors(turn: usize) -> impl Iterator<Item = &'static str> {
    const ERRORS: [&str; 4] = ["EIO", "ENOSPC", "EDQUOT", "EFBIG"];
    ERRORS.into_iter().cycle().skip(turn % ERRORS.len()).take(times(1, ERRORS.len()))
}

pub(crate) fn strace() -> bool {
    let found = Command::new("strace").arg("-V").output().is_ok_and(|output| output.status.success());
    if !found {
        skip::missing("the program strace is not installed");
    }
    found
}

fn origin() -> Origin {
    let origin = Origin::start();
    origin.route("/tagged.csv", Reply::new("a,b\n1,2\n").etag("\"one\""));
    origin.route("/plain.csv", Reply::new("c,d\n3,4\n"));
    origin.route("/large.csv", Reply::lines(30_000));
    origin
}

fn arguments(origin: &Origin) -> [String; 7] {
    let urls = ["/tagged.csv", "/plain.csv", "/large.csv"].map(|path| origin.url(path)).join(" ");
    // One at a time, so that the calls come in one order.
    let url = format!("url={urls}");
    [
        "--allow-http".into(),
        origin.grant(),
        "--param".into(),
        url,
        "--param".into(),
        "concurrency=1".into(),
        "--json".into(),
    ]
}

/// `host run` of mirror under strace with an injection; whether it happened.
fn injected(environment: &Environment, origin: &Origin, injection: &str) -> (Ran, bool) {
    injected_into(environment, &command(environment, origin), injection)
}

pub(crate) fn injected_into(environment: &Environment, command: &Command, injection: &str) -> (Ran, bool) {
    let mut strace = Command::new("strace");
    let log = environment.path().join("strace.log");
    strace.args(["-f", "-qq", "-o"]).arg(&log).args(["-e", "signal=none", "-e", &format!("inject={injection}")]);
    strace.args(["-e", &format!("trace={}", injection.split(':').next().expect("a call"))]);
    let output = under(strace, command).output().expect("strace");
    let log = std::fs::read_to_string(log).unwrap_or_default();
    // strace ends as its child did.
    let happened = log.contains("(INJECTED)") || output.status.code().is_none();
    (Ran::new(output), happened)
}

/// Try a command with each call failing, or killed at it, that it makes; how often that was.
pub(crate) fn at_every_call(
    prepare: &dyn Fn() -> Environment,
    act: &dyn Fn(&Environment) -> std::process::Command,
    check: &dyn Fn(&Environment, &str),
) -> usize {
    let mut faults = 0;
    for call in CALLS.into_iter().chain(SETTLING) {
        for fault in ["signal=KILL", "error=EIO"] {
            for number in 1..=MOST {
                let injection = format!("{call}:{fault}:when={number}");
                let environment = prepare();
                let (ran, happened) = injected_into(&environment, &act(&environment), &injection);
                if !happened {
                    break;
                }
                assert!(fault == "signal=KILL" || matches!(ran.code, Some(0 | 1)), "{injection}: {ran:?}");
                faults += 1;
                check(&environment, &injection);
            }
        }
    }
    faults
}

fn command(environment: &Environment, origin: &Origin) -> Command {
    let mut command = environment.command(["run"]);
    command.arg(guest("mirror")).args(arguments(origin));
    command
}

fn rerun(environment: &Environment, origin: &Origin) -> Ran {
    Ran::new(command(environment, origin).output().expect("the program"))
}

/// After a fault: nothing is wrong but what the next run mends, and after that run all is as it would have been.
#[track_caller]
fn recovers(environment: &Environment, origin: &Origin, clean: &BTreeMap<String, Vec<u8>>, what: &str) {
    for finding in
        environment.host(["verify", "--read-data", "--json"]).json()["findings"].as_array().expect("findings")
    {
        let kind = finding["kind"].as_str().expect("a kind");
        assert!(["unrecorded", "stale", "leftover"].contains(&kind), "{what}: {finding}");
    }
    rerun(environment, origin).exits(0);
    assert_eq!(&environment.stored(), clean, "{what}");
    let found = environment.host(["verify", "--read-data"]).stdout;
    assert!(found.ends_with("nothing wrong\n"), "{what}: {found}");
}

fn clean(origin: &Origin) -> BTreeMap<String, Vec<u8>> {
    let environment = environment();
    rerun(&environment, origin).exits(0);
    environment.stored()
}

#[test]
fn every_call_that_fails_fails_the_run_and_nothing_else() {
    if !strace() {
        return;
    }
    let origin = origin();
    let clean = clean(&origin);
    let mut faults = 0;
    for (at, call) in CALLS.into_iter().enumerate() {
        for (number, error) in (1..=MOST).flat_map(|number| errors(at + number).map(move |error| (number, error))) {
            let injection = format!("{call}:error={error}:when={number}");
            let environment = environment();
            std::fs::create_dir(environment.landing()).expect("a directory");
            let (ran, happened) = injected(&environment, &origin, &injection);
            if !happened {
                break;
            }
            faults += 1;
            assert!(matches!(ran.code, Some(0 | 1)), "{injection}: {ran:?}");
            if ran.code == Some(1) {
                assert!(ran.stderr.starts_with("error: "), "{injection}: {ran:?}");
            }
            recovers(&environment, &origin, &clean, &injection);
        }
    }
    assert!(faults > 30, "only {faults} faults were injected");
}

#[test]
fn a_kill_at_any_moment_leaves_nothing_torn() {
    let origin = origin();
    let clean = clean(&origin);
    let mut numbers = Numbers::new(1);
    let mut killed = 0;
    for number in 0..times(300, 10_000) {
        let environment = environment();
        std::fs::create_dir(environment.landing()).expect("a directory");
        let mut child = command(&environment, &origin).spawn().expect("the program");
        // The moment is the fault: anywhere in a run, and past its end now and then.
        std::thread::sleep(Duration::from_micros(numbers.below(40_000)));
        child.kill().expect("a kill");
        killed += usize::from(child.wait().expect("the program").code().is_none());
        recovers(&environment, &origin, &clean, &format!("kill {number}"));
    }
    assert!(killed > times(300, 10_000) / 4, "only {killed} runs were killed in time");
}

#[test]
fn a_kill_at_every_call_leaves_nothing_torn() {
    killed_at(&CALLS, &|| Some(environment()), &|_, _| ());
}

#[test]
fn a_kill_at_every_call_on_a_lean_kernel_leaves_nothing_torn() {
    // What has a name from its first byte, and gets another one.
    let calls = ["fsync", "pwrite64", "linkat", "renameat2", "unlinkat"];
    // It has both for a moment, and keeps the first one until somebody repairs, or writes in that directory again.
    let mend = |environment: &Environment, origin: &Origin| {
        rerun(environment, origin).exits(0);
        environment.host(["repair"]).exits(0);
    };
    killed_at(&calls, &|| environment().on_a_lean_kernel(), &mend);
}

fn killed_at(calls: &[&str], place: &dyn Fn() -> Option<Environment>, mend: &dyn Fn(&Environment, &Origin)) {
    if !strace() {
        return;
    }
    let origin = origin();
    let clean = clean(&origin);
    let mut kills = 0;
    for call in calls {
        for number in 1..=MOST {
            let injection = format!("{call}:signal=KILL:when={number}");
            let Some(environment) = place() else { return };
            std::fs::create_dir(environment.landing()).expect("a directory");
            let (_, happened) = injected(&environment, &origin, &injection);
            if !happened {
                break;
            }
            kills += 1;
            mend(&environment, &origin);
            recovers(&environment, &origin, &clean, &injection);
        }
    }
    assert!(kills > 30, "only {kills} kills happened");
}

#[test]
fn a_kill_never_lets_what_was_made_of_a_response_count_too_early() {
    if !strace() {
        return;
    }
    let origin = Origin::start();
    origin.route("/cities.txt", Reply::new("Malaga\nMadrid\nLisboa").etag("\"one\""));
    let (grant, url) = (origin.grant(), format!("url={}", origin.url("/cities.txt")));
    let derive = |environment: &Environment| {
        // With a checkpoint in the middle of the run; it fails after that.
        let how = ["-v", "--allow-http", &grant, "--param", "do=derive", "--param", "how=checkpoint", "--param", &url];
        environment.run_command("probe", &how)
    };
    let again = |environment: &Environment| Ran::new(derive(environment).output().expect("the program"));
    let whole = environment();
    again(&whole).exits(1);
    let whole = whole.stored();
    assert_eq!(whole.len(), 3);
    let (mut kills, mut early, mut late) = (0, 0, 0);
    for call in CALLS {
        for number in 1..=MOST {
            let injection = format!("{call}:signal=KILL:when={number}");
            let environment = environment();
            std::fs::create_dir(environment.landing()).expect("a directory");
            let (_, happened) = injected_into(&environment, &derive(&environment), &injection);
            if !happened {
                break;
            }
            kills += 1;
            // Either it is asked for and made again, or all of it is there.
            let stored = environment.stored();
            origin.forget();
            let ran = again(&environment);
            match ran.stderr.contains("nothing to make") {
                true => {
                    late += 1;
                    assert_eq!(stored, whole, "{injection}");
                }
                false => early += 1,
            }
            assert_eq!(environment.stored(), whole, "{injection}");
            again(&environment).says("nothing to make");
            let found = environment.host(["verify", "--read-data"]).stdout;
            assert!(found.ends_with("nothing wrong\n"), "{injection}: {found}");
        }
    }
    assert!(kills > 30 && early > 0 && late > 0, "{kills} kills, {early} before it counted, {late} after");
}
