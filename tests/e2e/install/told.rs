//! What systemd makes of the units, and what it is told.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use harness::{Environment, Ran, guest, skip, under};

use super::{UNITS, host, prepared, tree, user};
use crate::systemd::installed;

/// Tenths of the exposure that `systemd-analyze security` may find at most.
const THRESHOLD: &str = "--threshold=13";

#[test]
fn systemd_finds_the_units_sound_and_little_exposed() {
    if !installed("systemd-analyze") {
        return;
    }
    let environment = prepared();
    host(&environment, "install", &["systemd", "--yes"]).exits(0);
    sound(&environment);
    // By a user that systemd makes. It would not rely on a configuration that is not root's.
    let arguments = ["--landing", "/var/lib/host-of-a-test/landing", "--root", "root", "--yes"];
    let ran = environment.host([&["install", "systemd"], &arguments[..]].concat());
    if fs::metadata(environment.path().join("host.toml")).expect("a file").uid() != 0 {
        ran.exits(2).says("and extractors would run as a user that systemd makes, who does not trust it");
        return;
    }
    ran.exits(0);
    let service = &tree(&environment, UNITS)["host-rates.service"];
    assert!(
        service.contains("\nDynamicUser=yes\nStateDirectory=host-of-a-test/landing host-extractors-tokens\n"),
        "{service}"
    );
    sound(&environment);
}

#[track_caller]
fn sound(environment: &Environment) {
    let units = environment.path().join(UNITS);
    let names: Vec<String> = tree(environment, UNITS).into_keys().collect();
    let analyze = |arguments: &[&str], names: &[String]| {
        let mut command = Command::new("systemd-analyze");
        command.args(arguments).args(names.iter().map(|name| units.join(name)));
        let output = command.output().expect("systemd-analyze");
        let said = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    };
    // It speaks only of what is wrong.
    let said = analyze(&["verify"], &names);
    assert!(!said.contains("host-"), "{said}");
    for service in names.iter().filter(|name| name.ends_with(".service")) {
        analyze(&["security", "--offline=yes", "--no-pager", THRESHOLD], std::slice::from_ref(service));
    }
}

/// A schedule and a time zone, a moment in UTC, and the next moment at which systemd starts it, in UTC.
const DUE: [(&str, &str, &str, &str); 9] = [
    ("*/15 * * * *", "UTC", "2026-11-24 13:24:09", "2026-11-24 13:30:00"),
    ("7 * * * *", "UTC", "2026-11-24 13:24:09", "2026-11-24 14:07:00"),
    ("0 6 * * 0,mon", "Europe/Berlin", "2026-11-24 05:00:00", "2026-11-29 05:00:00"),
    ("0 6 13 * fri", "UTC", "2026-11-07 00:00:00", "2026-11-13 06:00:00"),
    ("0 6 13 * fri", "UTC", "2026-11-28 00:00:00", "2026-12-04 06:00:00"),
    ("0 0 29 2 *", "UTC", "2026-11-24 00:00:00", "2028-02-29 00:00:00"),
    ("0 9-17/4 */2 */3 *", "UTC", "2026-11-24 00:00:00", "2027-01-01 09:00:00"),
    // The clock passes over 2:30, and shows it twice.
    ("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00:00", "2026-03-30 00:30:00"),
    ("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00:00", "2026-10-25 00:30:00"),
];

#[test]
fn systemd_reads_the_five_fields_as_they_are_meant() {
    if !installed("systemd-analyze") {
        return;
    }
    let environment = prepared();
    let extractors = DUE.iter().enumerate().map(|(number, (schedule, zone, ..))| {
        let component = guest("mirror");
        format!("[extractor.e{number}]\ncomponent = {component:?}\nschedule = {schedule:?}\ntime-zone = {zone:?}\n")
    });
    environment.write("host.toml", extractors.collect::<String>());
    host(&environment, "install", &["systemd", "--yes"]).exits(0);
    let units = tree(&environment, UNITS);
    for (number, (schedule, _, after, next)) in DUE.iter().enumerate() {
        let timer = &units[&format!("host-e{number}.timer")];
        let calendars = timer.lines().filter_map(|line| line.strip_prefix("OnCalendar="));
        // It is due where any of its lines is.
        let found = calendars.map(|calendar| next_elapse(calendar, after)).min();
        assert_eq!(found.as_deref(), Some(*next), "{schedule}: {timer}");
    }
}

/// The next moment after another one, both in UTC, that systemd finds for an `OnCalendar=`.
fn next_elapse(calendar: &str, after: &str) -> String {
    let mut command = Command::new("systemd-analyze");
    command.args(["calendar", &format!("--base-time={after} UTC"), calendar]).env("TZ", "UTC");
    let ran = Ran::new(command.output().expect("systemd-analyze")).exits(0);
    let line = ran.stdout.lines().find_map(|line| line.trim().strip_prefix("Next elapse: ")).unwrap_or_default();
    let words: Vec<&str> = line.split(' ').collect();
    words[1..3].join(" ")
}

/// What stands in for systemd: `/run` says that it manages the machine, and a `systemctl` writes down what it is told.
const STAND_IN: &str = r#"set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
exec "$@"
"#;

#[test]
fn timers_are_started_when_they_come_and_stopped_before_they_go() {
    let environment = prepared();
    let stand_in = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--", "bash", "-c", STAND_IN, "stand-in"]);
        unshare
    };
    if !stand_in().arg("true").output().is_ok_and(|output| output.status.success()) {
        skip::not_allowed("namespaces, which root may make where it has all rights, cannot be made");
        return;
    }
    let program = "#!/bin/sh\necho \"$* $(ls config/systemd/user | grep -c timer)\" >>told\ntest ! -e broken\n";
    let program = environment.write("bin/systemctl", program);
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("a mode");
    let place = environment.path().to_owned();
    let host = |arguments: &[&str]| {
        let mut command = environment.command(arguments);
        let path = format!("{}:{}", place.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        command.env("PATH", path).env("XDG_CONFIG_HOME", place.join("config"));
        Ran::new(under(stand_in(), &command).output().expect("unshare"))
    };
    let told = |place: &Path| {
        let told = fs::read_to_string(place.join("told")).unwrap_or_default();
        let _ = fs::remove_file(place.join("told"));
        told.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let count = |place: &Path| fs::read_dir(place.join("config/systemd/user")).expect("a directory").count() / 2;
    let ran = host(&["install", "systemd", "--user", "--yes"]).exits(0);
    let all = 3;
    let expected = ["--user daemon-reload", "--user enable --now host-prices.timer host-rates.timer host-watch.timer"];
    assert_eq!(told(&place), expected.map(|line| format!("{line} {all}")), "{ran:?}");
    assert!(ran.stdout.contains("did `systemctl --user daemon-reload`\n"), "{ran:?}");
    host(&["install", "systemd", "--user", "--yes"]).exits(0);
    assert_eq!(told(&place), [""; 0], "a second call changes nothing");

    fs::write(place.join("broken"), "").expect("a file");
    host(&["uninstall", "systemd", "--user", "--yes"])
        .exits(1)
        .says("`systemctl --user disable --now host-prices.timer host-rates.timer host-watch.timer")
        .says("hint: ");
    assert_eq!((count(&place), told(&place).len()), (all, 1), "what still runs is not taken away");
    fs::remove_file(place.join("broken")).expect("a file");
    host(&["uninstall", "systemd", "--user", "--yes"]).exits(0);
    let disabled = format!("--user disable --now host-prices.timer host-rates.timer host-watch.timer {all}");
    assert_eq!(told(&place), [disabled, "--user daemon-reload 0".into()]);
    assert_eq!(count(&place), 0);
}

#[test]
fn who_lands_in_an_object_store_is_named_and_no_directory_is_opened_for_it() {
    let environment = prepared();
    let landing = ["--landing", "s3://lake/raw"];
    let ran = host(&environment, "install", &["systemd", "--dry-run", landing[0], landing[1]]).exits(0);
    assert!(ran.stdout.contains("--landing s3://lake/raw"), "{}", ran.stdout);
    assert!(ran.stdout.contains(&format!("+User={}\n", user())), "{}", ran.stdout);
    assert!(!ran.stdout.contains("ReadWritePaths="), "{}", ran.stdout);
    ran.says("s3://lake/raw: what is scheduled has none of your variables");
    environment.host(["install", "systemd", "--root", "root", "--dry-run", landing[0], landing[1]]).exits(2).says(
        "s3://lake/raw belongs to no user of this machine\n\
         hint: `--run-as USER` says who runs the extractors; `--user` schedules them for yourself",
    );
}
