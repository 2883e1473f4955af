//! Checking and repairing a landing zone, and runs that meet in one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command};

use harness::{Environment, Gate, Origin, Ran, Reply, gzip, under};
use serde_json::Value;

use crate::{environment, kernels, mirror, rich_and_lean, with};

/// A zone with one tagged and one hashed file, and the origin that they came from.
fn landed() -> (Environment, Origin) {
    let environment = environment();
    let origin = landed_in(&environment);
    (environment, origin)
}

fn landed_in(environment: &Environment) -> Origin {
    let origin = Origin::start();
    origin.route("/tagged.csv", Reply::new("a,b\n1,2\n").etag("\"one\""));
    origin.route("/plain.csv", Reply::new("c,d\n3,4\n"));
    run(environment, &origin).exits(0);
    origin
}

fn run(environment: &Environment, origin: &Origin) -> Ran {
    let url = format!("url={} {}", origin.url("/tagged.csv"), origin.url("/plain.csv"));
    environment.run("mirror", &["--allow-http", &origin.grant(), "--param", &url])
}

/// The findings as `kind path`, of both ways to verify.
fn findings(environment: &Environment) -> [Vec<String>; 2] {
    [&["verify", "--json"][..], &["verify", "--json", "--read-data"]].map(|arguments| {
        let ran = environment.host(arguments);
        let found = ran.json()["findings"].as_array().expect("findings").clone();
        assert_eq!(ran.code, Some(i32::from(!found.is_empty())), "{ran:?}");
        let text = |finding: &Value, key: &str| finding[key].as_str().expect("a text").to_owned();
        found.iter().map(|finding| format!("{} {}", text(finding, "kind"), text(finding, "path"))).collect()
    })
}

#[track_caller]
fn finds(environment: &Environment, by_name: &[&str], by_reading: &[&str]) {
    assert_eq!(
        findings(environment),
        [by_name, by_reading].map(|found| found.iter().map(|text| text.to_string()).collect::<Vec<_>>())
    );
}

/// The paths of the tagged and the hashed file.
fn paths(environment: &Environment) -> (String, String) {
    let paths = environment.paths();
    let tagged = paths.iter().find(|path| path.ends_with("/one.csv.gz")).expect("a tagged file");
    let hashed = paths.iter().find(|path| *path != tagged).expect("a hashed file");
    (tagged.clone(), hashed.clone())
}

#[test]
fn a_sound_zone_has_no_findings() {
    let (environment, _origin) = landed();
    finds(&environment, &[], &[]);
    let text = environment.host(["verify"]).exits(0).stdout;
    assert_eq!(text, "2 files looked at, not read, nothing wrong\n");
    environment.host(["verify", "--landing", "nowhere"]).exits(2).says("there is no landing directory nowhere");
}

#[test]
fn every_fault_of_a_zone_is_found_and_none_is_touched() {
    let (environment, _origin) = landed();
    let (tagged, _) = paths(&environment);
    let at = |path: &str| environment.landing().join(path);

    fs::remove_file(at(&tagged)).expect("a file");
    finds(&environment, &[&format!("missing {tagged}")], &[&format!("missing {tagged}")]);
    fs::write(at(&tagged), gzip(b"another content\n")).expect("a file");
    finds(&environment, &[&format!("altered {tagged}")], &[&format!("altered {tagged}"), &format!("altered {tagged}")]);
    fs::write(at(&tagged), "torn").expect("a file");
    finds(&environment, &[&format!("altered {tagged}")], &[&format!("torn {tagged}"), &format!("altered {tagged}")]);
}

#[test]
fn what_only_reading_shows_and_what_is_not_the_hosts_is_found_on_every_kernel() {
    for environment in kernels() {
        // A byte that changed and a size that did not: only reading shows it.
        let _origin = landed_in(&environment);
        let (_, hashed) = paths(&environment);
        let packed = fs::read(environment.landing().join(&hashed)).expect("a file");
        let at = |path: &str| environment.landing().join(path);
        let mut bent = packed.clone();
        bent[14] ^= 1;
        fs::write(at(&hashed), bent).expect("a file");
        finds(&environment, &[], &[&format!("torn {hashed}")]);
        fs::write(at(&hashed), &packed).expect("a file");

        let copy = hashed.replace(hashed.split(['_', '.']).nth(1).expect("digits"), "00000000");
        fs::write(at(&copy), &packed).expect("a file");
        let (unrecorded, misnamed) = (format!("unrecorded {copy}"), format!("misnamed {copy}"));
        finds(&environment, &[&unrecorded], &[&misnamed, &format!("duplicate {hashed}"), &unrecorded]);
        fs::remove_file(at(&copy)).expect("a file");

        fs::write(at("notes.txt"), "mine").expect("a file");
        fs::write(at("mirror/.tmp-0123456789abcdef"), "left").expect("a file");
        std::os::unix::fs::symlink("/etc/passwd", at("mirror/link.csv.gz")).expect("a link");
        let by_name = ["foreign mirror/link.csv.gz", "foreign notes.txt", "leftover mirror/.tmp-0123456789abcdef"];
        assert_eq!(findings(&environment)[0], by_name);
        assert_eq!(fs::read(at("notes.txt")).expect("a file"), b"mine");
    }
}

#[test]
fn a_dead_run_and_a_damaged_database_are_found() {
    let (environment, _origin) = landed();
    environment
        .state()
        .execute("INSERT INTO extraction_runs (extractor, started_at, status) VALUES ('gone', '2025-01-01T00:00:00Z', 'running')", [])
        .expect("a row");
    finds(&environment, &["stale .state.sqlite"], &["stale .state.sqlite"]);
    fs::write(environment.landing().join(".state.sqlite"), [b"SQLite format 3\0".as_slice(), &[7; 5000]].concat())
        .expect("a file");
    assert!(findings(&environment)[0].contains(&"database .state.sqlite".to_owned()));
}

#[test]
fn a_lost_database_is_rebuilt_and_the_next_run_carries_on() {
    let (environment, origin) = landed();
    let before = environment.landed();
    fs::remove_file(environment.landing().join(".state.sqlite")).expect("a database");
    let repaired: Value = serde_json::from_str(&environment.host(["repair", "--json"]).exits(0).stdout).expect("JSON");
    assert_eq!((&repaired["recorded"], &repaired["moved_to"]), (&2.into(), &Value::Null));
    finds(&environment, &[], &[]);
    assert_eq!(run(&environment, &origin).exits(0).json()["files_skipped"], 2);
    assert_eq!(environment.landed(), before);
}

#[test]
fn a_lost_database_is_told_by_the_next_run_and_found() {
    let (environment, origin) = landed();
    let lost = "had no state database, so runs are counted from 1; `host repair` records the files";
    assert!(!run(&environment, &origin).exits(0).stderr.contains(lost));
    fs::remove_file(environment.landing().join(".state.sqlite")).expect("a database");
    environment.host(["verify"]).exits(1);
    assert!(findings(&environment)[0].contains(&"database .state.sqlite".to_owned()), "{:?}", findings(&environment));
    run(&environment, &origin).exits(0).says(lost);
    assert!(!run(&environment, &origin).exits(0).stderr.contains(lost));
    // An empty directory has lost nothing.
    let empty = crate::environment();
    fs::create_dir(empty.landing()).expect("a directory");
    empty.host(["verify"]).exits(0);
    // One that is named has to be there: it may be mistyped, or not mounted.
    for command in [&["status"][..], &["report", "--html", "report.html"]] {
        let ran = empty.host([command, &["--landing", "elsewhere"]].concat()).exits(2);
        assert!(ran.stderr.starts_with("error: there is no landing directory elsewhere\n"), "{ran:?}");
    }
}

#[test]
fn a_damaged_database_is_set_aside_and_what_can_be_read_of_it_is_kept() {
    rich_and_lean().iter().for_each(set_aside);
}

fn set_aside(environment: &Environment) {
    let origin = landed_in(environment);
    environment.run("probe", &["--param", "do=cursor", "--param", "cursor=2025-03"]).exits(0);
    let database = environment.landing().join(".state.sqlite");
    // Damage an index: the tables can still be read.
    let state = environment.state();
    let sql = "SELECT rootpage FROM sqlite_master WHERE name = 'landed_files_by_digest'";
    let page: usize = state.query_row(sql, [], |row| row.get(0)).expect("a page");
    let size: usize = state.query_row("PRAGMA page_size", [], |row| row.get(0)).expect("a size");
    drop(state);
    let mut bytes = fs::read(&database).expect("a database");
    bytes[(page - 1) * size..page * size].fill(0xff);
    fs::write(&database, &bytes).expect("a database");
    assert!(
        findings(environment)[0].iter().all(|finding| finding == "database .state.sqlite"),
        "nothing but the database"
    );

    let repaired: Value = serde_json::from_str(&environment.host(["repair", "--json"]).exits(0).stdout).expect("JSON");
    assert_eq!((&repaired["recorded"], &repaired["salvaged"]), (&2.into(), &2.into()));
    let aside = repaired["moved_to"].as_str().expect("a path");
    assert_eq!(fs::read(aside).expect("the damaged database"), bytes);
    finds(environment, &[], &[]);
    assert_eq!(environment.query("SELECT extractor FROM extraction_runs ORDER BY run_id"), ["mirror", "probe"]);
    environment.run("probe", &["--param", "do=cursor", "--param", "cursor=x", "-v"]).exits(0).says("2025-03");
    assert_eq!(run(environment, &origin).exits(0).json()["files_skipped"], 2);
}

#[test]
fn repair_brings_a_sound_database_up_to_date_and_removes_no_data() {
    let (environment, _origin) = landed();
    let (tagged, hashed) = paths(&environment);
    let at = |path: &str| environment.landing().join(path);
    fs::remove_file(at(&tagged)).expect("a file");
    fs::write(at("mirror/2025-torn.csv.gz"), "foreign").expect("a file");
    let torn = hashed.replace(".csv.gz", "00.csv.gz");
    fs::write(at(&torn), "torn").expect("a file");
    fs::write(at("mirror/.tmp-0123456789abcdef"), "left").expect("a file");
    environment
        .state()
        .execute("INSERT INTO extraction_runs (extractor, started_at, status) VALUES ('gone', '2025-01-01T00:00:00Z', 'running')", [])
        .expect("a row");
    let repaired: Value = serde_json::from_str(&environment.host(["repair", "--json"]).exits(0).stdout).expect("JSON");
    assert_eq!((&repaired["forgotten"], &repaired["swept"], &repaired["ended"]), (&1.into(), &1.into(), &1.into()));
    assert_eq!(repaired["torn"], serde_json::json!([torn]));
    assert!(at(&torn).exists() && at("mirror/2025-torn.csv.gz").exists());
    assert_eq!(findings(&environment)[0], ["foreign mirror/2025-torn.csv.gz", &format!("unrecorded {torn}")]);
}

#[test]
fn after_a_repair_an_altered_file_stands_for_nothing_it_is_not() {
    let (environment, origin) = landed();
    let (tagged, _) = paths(&environment);
    fs::write(environment.landing().join(&tagged), gzip(b"another content\n")).expect("a file");
    environment.host(["repair"]).exits(0);
    finds(&environment, &[], &[]);
    // The server still says 304 to the old tag, so that it must not be asked with it.
    let ran = run(&environment, &origin).exits(0).says("holds other content").json();
    assert_eq!((&ran["files_written"], &ran["files_skipped"]), (&1.into(), &1.into()));
    assert!(environment.landed().values().any(|content| content == b"a,b\n1,2\n"));
}

/// A command as a user to whom modes mean something: root can read everything.
fn without_privileges(command: &Command) -> Command {
    let mut setpriv = Command::new("setpriv");
    if rustix::process::geteuid().is_root() {
        setpriv.args(["--bounding-set=-all", "--inh-caps=-all"]);
    }
    under(setpriv, command)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn what_cannot_be_read_is_found_and_everything_recorded_of_it_stays() {
    let (environment, _origin) = landed();
    let (tagged, hashed) = paths(&environment);
    let at = |path: &str| environment.landing().join(path);
    let month = tagged.rsplit_once('/').expect("a directory").0;
    environment.write("landing/lost+found/mine", "mine");
    environment.write("landing/other/2025/03/new.csv.gz", gzip(b"a\n"));
    environment.write("landing/other/2025/04/hidden.csv.gz", gzip(b"b\n"));
    let shut = [month, "lost+found", "other/2025/04"];
    shut.iter().for_each(|path| set_mode(&at(path), 0));
    // Its size is another one as well, so that a repair wants to read it.
    fs::write(at(&hashed), "other").expect("a file");
    set_mode(&at(&hashed), 0);

    let host = |arguments: &[&str]| {
        let output = without_privileges(&environment.command(arguments)).output().expect("setpriv");
        Ran::new(output)
    };
    let known = environment.query("SELECT path || hex(sha256) || stored_size FROM landed_files");
    let sees = |arguments: &[&str], expected: &[String]| {
        let found = host(arguments).exits(1).json()["findings"].as_array().expect("findings").clone();
        let text = |finding: &Value, key: &str| finding[key].as_str().expect("a text").to_owned();
        let found: Vec<_> = found.iter().map(|it| format!("{} {}", text(it, "kind"), text(it, "path"))).collect();
        assert_eq!(found, expected);
    };
    let unreadable = |path: &str| format!("unreadable {path}");
    let altered = format!("altered {hashed}");
    let new = "unrecorded other/2025/03/new.csv.gz".to_owned();
    let (lost, month, other) = (unreadable("lost+found"), unreadable(month), unreadable("other/2025/04"));
    sees(&["verify", "--json"], &[altered.clone(), lost.clone(), month.clone(), other.clone(), new.clone()]);
    sees(&["verify", "--json", "--read-data"], &[altered, lost, month.clone(), unreadable(&hashed), other, new]);

    let repaired = host(&["repair", "--json"]).exits(0).json();
    assert_eq!((&repaired["recorded"], &repaired["forgotten"]), (&1.into(), &0.into()));
    assert_eq!(repaired["unreadable"].as_array().map(Vec::len), Some(4), "{repaired}");
    let mut expected = known;
    expected.extend(
        environment.query("SELECT path || hex(sha256) || stored_size FROM landed_files WHERE source = 'other'"),
    );
    expected.sort();
    assert_eq!(environment.query("SELECT path || hex(sha256) || stored_size FROM landed_files ORDER BY 1"), expected);
    // What is hidden may be content of this source.
    assert_eq!(environment.query("SELECT source FROM indexed_sources"), ["mirror"]);
    let text = host(&["repair"]).exits(0).stdout;
    assert_eq!(text.lines().nth(3), Some("4 paths that cannot be read, left as recorded"));
    shut.iter().for_each(|path| set_mode(&at(path), 0o755));
}

/// A run that waits at the origin.
fn waiting(environment: &Environment, origin: &Origin) -> (Child, Gate) {
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/slow.csv", Reply::new("a\n").gated(&reached, &hold));
    let arguments = mirror(origin, "/slow.csv");
    let child = environment.spawn("mirror", &with(&arguments, &[]));
    assert!(reached.wait(), "the run never asked");
    (child, hold)
}

#[test]
fn a_run_waits_for_another_if_asked() {
    let (environment, origin) = (environment(), Origin::start());
    let (child, hold) = waiting(&environment, &origin);
    let arguments = mirror(&origin, "/slow.csv");
    environment.run("mirror", &with(&arguments, &["--wait=100ms"])).exits(75).says("another run of mirror");
    environment.host(["repair"]).exits(75).says("is going on");
    environment.host(["repair", "--wait=100ms"]).exits(75).says("`--wait`");
    let repair = environment.command(["repair", "--wait"]).spawn().expect("the program");
    let patient = environment.spawn("mirror", &with(&arguments, &["--wait"]));
    hold.open();
    Ran::new(repair.wait_with_output().expect("the program")).exits(0);
    Ran::new(child.wait_with_output().expect("the program")).exits(0);
    let patient = Ran::new(patient.wait_with_output().expect("the program")).exits(0).json();
    assert_eq!((&patient["run_id"], &patient["files_skipped"]), (&2.into(), &1.into()));
}

#[test]
fn of_a_hundred_starts_one_runs() {
    let (environment, origin) = (environment(), Origin::start());
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/slow.csv", Reply::new("a\n").gated(&reached, &hold));
    let arguments = mirror(&origin, "/slow.csv");
    let mut starts: Vec<Child> = (0..100).map(|_| environment.spawn("mirror", &with(&arguments, &[]))).collect();
    assert!(reached.wait(), "no run asked");
    let mut codes = Vec::new();
    // All but one end by themselves; the one that runs is waited for last.
    while codes.len() < 99 {
        starts.retain_mut(|start| match start.try_wait().expect("the program") {
            Some(status) => {
                codes.push(status.code());
                false
            }
            None => true,
        });
        std::thread::yield_now();
    }
    hold.open();
    let last = starts.pop().expect("one that runs");
    Ran::new(last.wait_with_output().expect("the program")).exits(0);
    assert!(codes.iter().all(|code| *code == Some(75)), "{codes:?}");
    assert_eq!(environment.query("SELECT count(*) FROM extraction_runs"), ["1"]);
}

#[test]
fn twenty_extractors_at_once_all_succeed() {
    let (environment, origin) = (environment(), Origin::start());
    let starts: Vec<Child> = (0..20)
        .map(|number| {
            let path = format!("/{number}.csv");
            origin.route(&path, Reply::new(format!("n\n{number}\n")).etag("\"same\""));
            let arguments = mirror(&origin, &path);
            // All of them into one source, too, so that they meet in its directory.
            let name = format!("e{number}");
            let more = ["--name", &name, "--allow-source", "shared", "--param", "source=shared"];
            environment.spawn("mirror", &with(&arguments, &more))
        })
        .collect();
    for start in starts {
        Ran::new(start.wait_with_output().expect("the program")).exits(0);
    }
    assert_eq!(environment.landed().len(), 20);
    assert_eq!(environment.query("SELECT count(*) FROM extraction_runs WHERE status = 'success'"), ["20"]);
    finds(&environment, &[], &[]);
}
