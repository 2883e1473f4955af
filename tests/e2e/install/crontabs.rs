//! Crontabs: the system's file, and the user's, in which others write.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use harness::{Environment, Ran};

use super::{configuration, host, prepared, tree, user};

const FOLDER: &str = "root/etc/cron.d";

/// A text without the delays, which differ from machine to machine.
fn without_delays(text: &str) -> String {
    let mut parts = text.split("sleep ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(" && ").map_or(part, |(_, rest)| rest))
}

#[test]
fn a_systems_crontab_is_a_file_of_its_own() {
    let environment = prepared();
    host(&environment, "install", &["cron", "--yes"]).exits(0);
    let place = environment.path().display().to_string();
    let text = without_delays(&tree(&environment, FOLDER)["host"]);
    let line = |schedule: &str, name: &str| {
        let user = user();
        let arguments = format!("--config {place}/host.toml --landing {place}/landing --quiet");
        (format!("{schedule} {user} cd {place} && exec "), format!(" run {name} {arguments}\n"))
    };
    for (start, end) in [line("0 0 * * *", "rates"), line("*/15 6-22 * * mon-fri", "prices")] {
        assert!(text.split_inclusive('\n').any(|it| it.starts_with(&start) && it.ends_with(&end)), "{text}");
    }
    // A time zone counts for all lines behind it.
    let at = |part: &str| text.find(part).expect(part);
    assert!(at("run rates") < at("\nCRON_TZ=Europe/Berlin\n") && at("CRON_TZ") < at("run prices"), "{text}");
    let again = host(&environment, "install", &["cron", "--yes"]).exits(0).stdout;
    assert_eq!(again, "installed already; nothing to change\n");

    environment.write(&format!("{FOLDER}/other"), "5 4 * * * root true\n");
    host(&environment, "uninstall", &["cron", "--yes"]).exits(0);
    assert_eq!(tree(&environment, FOLDER).keys().collect::<Vec<_>>(), ["other"]);

    environment.write(&format!("{FOLDER}/host"), "# mine\n");
    host(&environment, "install", &["cron", "--yes"]).exits(2).says("was not written by `host install`, and stays");
    host(&environment, "uninstall", &["cron", "--yes"]).exits(0);
    assert_eq!(tree(&environment, FOLDER)["host"], "# mine\n");
}

/// A program `crontab` that keeps what it is given in a file, and counts.
const CRONTAB: &str = r#"#!/bin/sh
case "$1" in
-l) cat kept 2>/dev/null || { echo "no crontab for me" >&2; exit 1; } ;;
-) cat >kept.new && mv kept.new kept && echo set >>calls ;;
esac
"#;

fn with_crontab(environment: &Environment) {
    let program = environment.write("bin/crontab", CRONTAB);
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("a mode");
}

fn user_host(environment: &Environment, arguments: &[&str]) -> Ran {
    let mut command = environment.command(arguments);
    let path = format!("{}:{}", environment.path().join("bin").display(), std::env::var("PATH").unwrap_or_default());
    Ran::new(command.env("PATH", path).env("TZ", "UTC").output().expect("the program"))
}

#[test]
fn other_lines_of_a_users_crontab_stay_byte_for_byte() {
    for others in ["", "MAILTO=me\n\n# a comment\n5 4\t* * *   backup \\%d\n"] {
        let environment = prepared();
        with_crontab(&environment);
        if !others.is_empty() {
            environment.write("kept", others);
        }
        let kept = || fs::read_to_string(environment.path().join("kept")).unwrap_or_default();
        let calls = || fs::read_to_string(environment.path().join("calls")).unwrap_or_default().lines().count();
        let install = ["install", "cron", "--user", "--yes"];
        user_host(&environment, &install).exits(0).says(
            "warning: prices: the time zone Europe/Berlin counts for some crons; Debian's goes by the machine's\n",
        );
        let installed = kept();
        let block = installed.strip_prefix(others).expect("what was there is there");
        assert!(block.contains(" run prices ") && block.contains("\n0 0 * * * cd "), "{block}");
        let again = user_host(&environment, &install).exits(0).stdout;
        assert_eq!((again.as_str(), calls()), ("installed already; nothing to change\n", 1));

        environment.write("kept", format!("{installed}1 2 3 4 * behind\n"));
        environment.write("host.toml", configuration().replace("@daily", "@weekly"));
        user_host(&environment, &install).exits(0);
        assert!(kept().starts_with(others) && kept().ends_with("\n1 2 3 4 * behind\n"), "{}", kept());
        assert!(kept().contains("\n0 0 * * 0 cd "), "{}", kept());

        user_host(&environment, &["uninstall", "cron", "--user", "--yes"]).exits(0);
        assert_eq!(kept(), format!("{others}1 2 3 4 * behind\n"));
        let calls_before = calls();
        user_host(&environment, &["uninstall", "cron", "--user", "--yes"]).exits(0);
        assert_eq!(calls(), calls_before);
    }
}

#[test]
fn a_crontab_that_cannot_be_read_or_mended_stays_as_it_is() {
    let environment = prepared();
    let mut command = environment.command(["install", "cron", "--user", "--yes"]);
    let ran = Ran::new(command.env("PATH", "/nowhere").output().expect("the program"));
    ran.exits(1).says("`crontab -l` failed: there is no such program");
    with_crontab(&environment);
    let cut = format!("# host install: {}/host.toml\n5 4 * * * mine\n", environment.path().display());
    environment.write("kept", &cut);
    for command in ["install", "uninstall"] {
        user_host(&environment, &[command, "cron", "--user", "--yes"]).exits(2).says("the crontab stays as it is: ");
        assert_eq!(fs::read_to_string(environment.path().join("kept")).expect("a file"), cut);
    }
}
