//! The unit of the book: how systemd rates it, and the program under what it forbids, as far as that can be had
//! without systemd. The calls that it refuses are refused by `strace`, the rest of the machine is shut by `unshare`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use harness::{Environment, Origin, Ran, Reply, guest, under};

use crate::{environment, mirror};

/// Tenths of the exposure that `systemd-analyze security` may find at most.
const THRESHOLD: &str = "15";
const UNIT: &str = "padelnomics.service";

fn installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found || std::env::var_os("CI").is_none(), "CI has no {program}");
    if !found {
        eprintln!("skipped: the program {program} is not installed");
    }
    found
}

/// The unit, as the book shows it.
fn unit() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src/schedule.md");
    let page = fs::read_to_string(page).expect("the page");
    let start = format!("```ini\n# /etc/systemd/system/{UNIT}\n");
    let (_, rest) = page.split_once(&start).expect("the unit in the book");
    rest.split("```").next().unwrap_or_default().to_owned()
}

/// The values of a setting, in their order.
fn values<'a>(unit: &'a str, setting: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(setting)?.strip_prefix('=')).collect()
}

/// The calls of a group such as `@system-service`, or the one call that is named.
fn calls(name: &str) -> BTreeSet<String> {
    if !name.starts_with('@') {
        return BTreeSet::from([name.to_owned()]);
    }
    let output = Command::new("systemd-analyze").args(["syscall-filter", "--no-pager", name]).output().expect(name);
    assert!(output.status.success(), "systemd knows no group {name}");
    let listed = String::from_utf8(output.stdout).expect("names");
    listed.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| !line.starts_with('#')).fold(
        BTreeSet::new(),
        |mut all, line| {
            all.extend(calls(line.trim()));
            all
        },
    )
}

/// The calls that the unit leaves: to `@default`, lists add up, and those with `~` take away (systemd.exec(5)).
fn allowed(unit: &str) -> BTreeSet<String> {
    let mut allowed = calls("@default");
    for value in values(unit, "SystemCallFilter") {
        let (taken, list) = value.strip_prefix('~').map_or((false, value), |list| (true, list));
        for call in list.split_whitespace().flat_map(calls) {
            if taken {
                allowed.remove(&call)
            } else {
                allowed.insert(call)
            };
        }
    }
    allowed
}

fn run_twice(environment: &Environment, wrap: impl Fn(&Command) -> Command) -> [Ran; 2] {
    let origin = Origin::start();
    origin.route("/courts.csv", Reply::new("city,courts\nMalaga,41\n").etag("\"one\""));
    let cache = environment.path().join("cache");
    // The first run compiles, with a cache of its own; the second maps what the first one kept.
    [0, 1].map(|_| {
        let mut command = environment.command(["run"]);
        command.arg(guest("mirror")).arg("--json").args(mirror(&origin, "/courts.csv")).env("XDG_CACHE_HOME", &cache);
        Ran::new(wrap(&command).output().expect("the program")).exits(0)
    })
}

#[track_caller]
fn landed_once(environment: &Environment, runs: [Ran; 2]) {
    let [first, second] = runs.map(|ran| ran.json());
    assert_eq!((&first["files_written"], &second["files_written"]), (&1.into(), &0.into()));
    assert_eq!(environment.paths().len(), 1);
    let kept = fs::read_dir(environment.path().join("cache/host/compiled")).expect("the store").count();
    assert_eq!(kept, 1, "the compiled component was not kept");
}

#[test]
fn systemd_finds_little_exposed() {
    if !installed("systemd-analyze") {
        return;
    }
    let environment = environment();
    let path = environment.write(UNIT, unit());
    let threshold = format!("--threshold={THRESHOLD}");
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--no-pager", &threshold])
        .arg(path)
        .output()
        .expect("systemd-analyze");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{table}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_run_makes_no_call_that_the_unit_refuses() {
    if !installed("systemd-analyze") || !installed("strace") {
        return;
    }
    let allowed = allowed(&unit());
    assert!(allowed.contains("openat2") && !allowed.contains("setpriority"), "{allowed:?}");
    // Groups name calls of all machines; those that this one does not have are marked so that strace passes over them.
    let names: Vec<_> = allowed.iter().map(|call| format!("?{call}")).collect();
    let injection = format!("inject=!{}:error=EPERM", names.join(","));
    let environment = environment();
    let log = environment.path().join("strace.log");
    let runs = run_twice(&environment, |command| {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-A", "-o"]).arg(&log);
        strace.args(["-e", "signal=none", "-e", "trace=all", "-e", &injection]);
        under(strace, command)
    });
    landed_once(&environment, runs);
    let log = fs::read_to_string(log).expect("a log");
    let refused: BTreeSet<_> = log.lines().filter(|line| line.contains("(INJECTED)")).filter_map(called).collect();
    // SQLite gives its files to the owner of the database where it runs as root; the unit has a user.
    let refused: Vec<_> = refused.into_iter().filter(|call| *call != "fchown").collect();
    assert_eq!(refused, [""; 0]);
    assert!(log.lines().any(|line| called(line) == Some("execve")), "strace saw nothing");
}

/// The call of a line such as `1234  openat(…`, or of its end where another thread came between: `1234  <... openat resumed>…`.
fn called(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip(1);
    match words.next()? {
        "<..." => words.next(),
        word => word.split('(').next(),
    }
}

/// What the unit's settings leave of the machine, for a program behind it: a read-only tree, `/proc` with processes
/// alone, empty homes and `/tmp`, no capability. `$1` is the place that stays.
const SHUT: &str = r#"set -e
place=$1; shift
mount --make-rprivate /
mount --bind "$place" "$place"
mount -o remount,bind,ro /
mount -t proc -o hidepid=invisible,subset=pid proc /proc
test ! -e /proc/meminfo && test ! -w /usr
cd "$place"
exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs -- "$@"
"#;

#[test]
fn a_run_needs_nothing_of_the_machine_that_the_unit_hides() {
    let unit = unit();
    for (setting, value) in [
        ("ProtectSystem", "strict"),
        ("ProtectProc", "invisible"),
        ("ProcSubset", "pid"),
        ("CapabilityBoundingSet", ""),
        ("NoNewPrivileges", "yes"),
        ("PrivateIPC", "yes"),
    ] {
        assert_eq!(values(&unit, setting), [value], "{setting}");
    }
    let shut = |place: &Path| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--pid", "--fork", "--ipc", "--", "bash", "-c", SHUT, "shut"]).arg(place);
        unshare
    };
    let environment = environment();
    let able = shut(environment.path()).arg("true").output();
    if !able.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: namespaces, which root may make where it has all rights, cannot be made");
        return;
    }
    let runs = run_twice(&environment, |command| under(shut(environment.path()), command));
    landed_once(&environment, runs);
}
