//! Others read the state with what they have, also those who may not write: while a run goes on, and at rest.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use harness::{Environment, Gate, Origin, Ran, Reply, python, skip};

use crate::{environment, mirror, with};

const QUERY: &str = "SELECT status FROM extraction_runs ORDER BY run_id DESC LIMIT 1";
/// Python's own SQLite, in the way that asks for reading alone.
const BY_PYTHON: &str = "import sqlite3, sys
print(sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True).execute(sys.argv[2]).fetchone()[0])";
/// DuckDB by its extension, which its package brings along.
const BY_DUCKDB: &str = "import duckdb, glob, os, sys, duckdb_extension_sqlite_scanner as extension
found, = glob.glob(os.path.dirname(extension.__file__) + '/extensions/*/*.duckdb_extension')
duckdb.execute(f\"LOAD '{found}'\")
duckdb.execute(f\"ATTACH '{sys.argv[1]}' AS state (TYPE sqlite, READ_ONLY)\")
print(duckdb.execute('USE state').execute(sys.argv[2]).fetchone()[0])";

/// A command of a user who owns nothing; `None` where there is no way to become one.
fn as_nobody(program: &Path) -> Option<Command> {
    if !crate::others::is_root() {
        skip::not_allowed("only root can become another user");
        return None;
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    Some(command)
}

/// What each reader reads, one of them after the other, as somebody who may not write.
fn read(environment: &Environment, programs: &Path) -> Option<Vec<String>> {
    let database = environment.landing().join(".state.sqlite");
    let mut read = Vec::new();
    // The users' own program first: what it leaves behind must not shut out the others.
    for command in [Some(Command::new("sqlite3")), as_nobody(Path::new("sqlite3"))] {
        let output = command?.arg(&database).arg(QUERY).output().expect("sqlite3");
        read.push(Ran::new(output).exits(0).stdout.trim().to_owned());
    }
    for script in [BY_PYTHON, BY_DUCKDB] {
        let mut command = as_nobody(&programs.join("python"))?;
        command.env("HOME", "/nonexistent").args(["-c", script]).arg(&database).arg(QUERY);
        read.push(Ran::new(command.output().expect("python")).exits(0).stdout.trim().to_owned());
    }
    Some(read)
}

#[test]
fn who_may_only_read_can_read_while_a_run_goes_on_and_at_rest() {
    let Some(programs) = python::programs() else { return };
    let Some(mut may_run) = as_nobody(&programs.join("python")) else { return };
    if !may_run.args(["-c", ""]).status().is_ok_and(|status| status.success()) {
        skip::not_allowed("nobody else may run the programs of this directory");
        return;
    }
    let (environment, origin) = (environment(), Origin::start());
    for directory in [environment.path(), &environment.landing()] {
        fs::create_dir_all(directory).expect("a directory");
        fs::set_permissions(directory, Permissions::from_mode(0o755)).expect("a mode");
    }
    origin.route("/courts.csv", Reply::new("a,b\n1,2\n").etag("\"one\""));
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    let Some(at_rest) = read(&environment, &programs) else { return };
    assert_eq!(at_rest, ["success"; 4]);

    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/courts.csv", Reply::new("a,b\n3,4\n").etag("\"two\"").gated(&reached, &hold));
    let running = environment.spawn("mirror", &with(&arguments, &[]));
    assert!(reached.wait());
    assert_eq!(read(&environment, &programs).expect("as before"), ["running"; 4]);
    hold.open();
    Ran::new(running.wait_with_output().expect("the program")).exits(0);
    assert_eq!(read(&environment, &programs).expect("as before"), ["success"; 4]);
    // Nor did any of them leave something beside the one file.
    let side: Vec<_> = fs::read_dir(environment.landing()).expect("a directory").flatten().collect();
    assert_eq!(side.iter().filter(|entry| entry.file_name().to_string_lossy().starts_with(".state")).count(), 1);
}
