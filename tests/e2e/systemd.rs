//! The unit that `host install` writes, and the program under what it forbids, as far as that can be had without systemd. The calls that it refuses are refused by `strace`, the rest of the machine is shut by `unshare`.

mod booted;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use harness::{Environment, Origin, Ran, Reply, guest, skip, under};

use crate::{environment, mirror};

pub(crate) fn installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        skip::missing(format_args!("the program {program} is not installed"));
    }
    found
}

/// The service.
fn unit() -> String {
    let environment = environment();
    let schedule = format!("[extractor.prices]\ncomponent = {:?}\nschedule = \"@daily\"\n", guest("mirror"));
    environment.write("host.toml", schedule);
    fs::create_dir(environment.landing()).expect("a directory");
    let user = crate::install::user();
    environment.host(["install", "systemd", "--run-as", &user, "--root", "root", "--yes"]).exits(0);
    fs::read_to_string(environment.path().join("root/etc/systemd/system/host-prices.service")).expect("a unit")
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
    // With it goes the call whose flags no filter can see (systemd's src/shared/seccomp-util.c).
    if values(unit, "RestrictSUIDSGID") == ["yes"] {
        allowed.remove("openat2");
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
fn a_run_makes_no_call_that_the_unit_refuses() {
    if !installed("systemd-analyze") || !installed("strace") {
        return;
    }
    let allowed = allowed(&unit());
    assert!(allowed.contains("openat") && !allowed.contains("setpriority"), "{allowed:?}");
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
    // Asked for once, to learn that it is not to be had.
    assert_eq!(refused, ["openat2"]);
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
        skip::not_allowed("namespaces, which root may make where it has all rights, cannot be made");
        return;
    }
    let runs = run_twice(&environment, |command| under(shut(environment.path()), command));
    landed_once(&environment, runs);
}
