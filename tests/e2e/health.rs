//! How the extractors are, for people and for Prometheus.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use harness::{Environment, Gate, Origin, Ran, Reply, under};

use crate::environment;
use crate::named::extractor;
use crate::systemd::installed;

/// Two extractors, of which one fails, and one that was never run.
fn some() -> (Environment, Origin) {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a\n1\n"));
    let all = [("good", "/a.csv"), ("bad", "/none"), ("unborn", "/a.csv")];
    environment.write("host.toml", all.map(|(name, path)| extractor(name, &origin, path)).concat());
    environment.host(["run", "good"]).exits(0);
    environment.host(["run", "bad"]).exits(1);
    (environment, origin)
}

/// Have all that is recorded be so many hours older.
fn age(environment: &Environment, hours: u32) {
    for column in ["started_at", "finished_at"] {
        let sql =
            format!("UPDATE extraction_runs SET {column} = strftime('%Y-%m-%dT%H:%M:%SZ', {column}, '-{hours} hours')");
        environment.state().execute(&sql, []).expect("SQL");
    }
}

fn conditions(environment: &Environment, arguments: &[&str], code: i32) -> Vec<String> {
    let json = environment.host([&["status", "--json"], arguments].concat()).exits(code).json();
    assert_eq!(json["healthy"], code == 0);
    let all = json["extractors"].as_array().expect("an array");
    all.iter().map(|one| format!("{} {}", one["extractor"], one["condition"]).replace('"', "")).collect()
}

#[test]
fn status_tells_who_is_well_and_who_is_not() {
    let (environment, origin) = some();
    let ran = environment.host(["status"]).exits(1);
    let text = harness::unwrapped(&ran.stdout);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("extractor"), "{ran:?}");
    assert!(lines[1].starts_with("bad        failing  never"), "{ran:?}");
    assert!(lines[2].starts_with("  run 2, ") && lines[2].contains("404"), "{ran:?}");
    assert!(lines.iter().any(|line| line.starts_with("good       ok ") && line.contains("1 new, ")), "{ran:?}");
    assert!(lines.iter().any(|line| line.starts_with("unborn     new ")), "{ran:?}");
    assert_eq!(conditions(&environment, &[], 1), ["bad failing", "good ok", "unborn new"]);
    // It recovers.
    origin.route("/none", Reply::new("a\n"));
    environment.host(["run", "bad"]).exits(0);
    assert_eq!(conditions(&environment, &[], 0), ["bad ok", "good ok", "unborn new"]);
    // And is stale after a while, by the flag or by the configuration.
    age(&environment, 27);
    assert_eq!(conditions(&environment, &[], 0), ["bad ok", "good ok", "unborn new"]);
    assert_eq!(conditions(&environment, &["--stale-after", "26h"], 1), ["bad stale", "good stale", "unborn new"]);
    let text = fs::read_to_string(environment.path().join("host.toml")).expect("a file");
    environment.write("host.toml", format!("[defaults]\nstale-after = \"26h\"\n{text}"));
    let ran = environment.host(["status"]).exits(1);
    assert!(ran.stdout.contains("  stale: its last success is more than 1d 2h ago\n"), "{ran:?}");
    // One that was due twice and did not start is stale as well.
    environment.write("host.toml", text.replace("[extractor.good]", "[extractor.good]\nschedule = \"0 * * * *\""));
    assert_eq!(conditions(&environment, &[], 1), ["bad ok", "good stale", "unborn new"]);
    // Who is not in the configuration any more is not expected to run.
    environment.write("host.toml", extractor("good", &origin, "/a.csv"));
    assert_eq!(conditions(&environment, &["--stale-after", "30h"], 0), ["bad retired", "good ok"]);
}

#[test]
fn status_of_nothing_is_no_error() {
    let environment = environment();
    let mut command = environment.command(["status"]);
    let ran = Ran::new(command.env_remove("LANDING_DIR").output().expect("the program")).exits(0);
    assert!(ran.stdout.contains("nothing has run in data/landing yet"), "{ran:?}");
    assert_eq!(std::fs::read_dir(environment.path()).expect("a directory").count(), 0);
}

#[test]
fn a_run_that_was_killed_is_failing_though_its_row_says_otherwise() {
    let (environment, _origin) = some();
    environment
        .state()
        .execute("UPDATE extraction_runs SET status = 'running', finished_at = NULL WHERE run_id = 1", [])
        .expect("SQL");
    assert_eq!(conditions(&environment, &[], 1), ["bad failing", "good failing", "unborn new"]);
}

#[test]
fn numbers_are_what_prometheus_reads() {
    let (environment, _origin) = some();
    let text = environment.host(["metrics"]).exits(0).stdout;
    for line in [
        "host_extractor_failing{extractor=\"bad\"} 1\n",
        "host_extractor_failing{extractor=\"good\"} 0\n",
        "host_extractor_streak{extractor=\"bad\"} -1\n",
        "host_extractor_files_7d{extractor=\"good\"} 1\n",
        "# TYPE host_extractor_last_success_timestamp_seconds gauge\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    environment.host(["metrics", "--textfile", "x.prom"]).exits(0);
    assert_eq!(fs::read_to_string(environment.path().join("x.prom")).expect("a file"), text);
    environment
        .host(["metrics", "--textfile", "none/x.prom"])
        .exits(1)
        .says("cannot write the metrics into none/x.prom");
    // Prometheus' own judge.
    if installed("promtool") {
        let mut promtool = Command::new("promtool");
        promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut promtool = promtool.spawn().expect("promtool");
        std::io::Write::write_all(&mut promtool.stdin.take().expect("a pipe"), text.as_bytes()).expect("a reader");
        let judged = promtool.wait_with_output().expect("promtool");
        assert!(judged.status.success() && judged.stderr.is_empty(), "{judged:?}");
    }
}

#[test]
fn a_file_of_metrics_is_renewed_after_each_run() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a\n1\n"));
    let both = extractor("a", &origin, "/a.csv") + &extractor("b", &origin, "/none");
    environment.write("host.toml", format!("[metrics]\ntextfile = \"x.prom\"\n{both}"));
    let path = environment.path().join("x.prom");
    environment.host(["run", "a"]).exits(0);
    assert!(fs::read_to_string(&path).expect("a file").contains("host_extractor_streak{extractor=\"a\"} 1\n"));
    environment.host(["run", "--all"]).exits(1);
    let text = fs::read_to_string(&path).expect("a file");
    assert!(
        text.contains("{extractor=\"a\"} 2\n") && text.contains("host_extractor_streak{extractor=\"b\"} -1\n"),
        "{text}"
    );
    // node_exporter is another user. Who changed the mode meant it.
    let mode = || fs::metadata(&path).expect("a file").permissions().mode() & 0o777;
    fs::remove_file(&path).expect("a file");
    for expected in [0o644, 0o640] {
        let metrics = environment.command(["metrics", "--textfile", "x.prom"]);
        let mut shell = Command::new("sh");
        shell.args(["-c", "umask 0077; exec \"$0\" \"$@\""]);
        Ran::new(under(shell, &metrics).output().expect("sh")).exits(0);
        assert_eq!(mode(), expected);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
    }
    // One that cannot be written harms no run.
    environment.write("host.toml", format!("[metrics]\ntextfile = \"none/x.prom\"\n{both}"));
    environment.host(["run", "a"]).exits(0).says("warning: cannot write the metrics into none/x.prom");
}

#[test]
fn the_file_of_metrics_knows_the_end_of_every_run_however_many_end_at_once() {
    let (environment, origin) = (environment(), Origin::start());
    let names = ["a", "b", "c", "d"];
    let table = |name| extractor(name, &origin, &format!("/{name}.csv"));
    environment.write("host.toml", format!("[metrics]\ntextfile = \"x.prom\"\n{}", names.map(table).concat()));
    for _ in 0..30 {
        let hold = Gate::default();
        let runs = names.map(|name| {
            let reached = Gate::default();
            origin.route(&format!("/{name}.csv"), Reply::new("a\n").gated(&reached, &hold));
            (environment.command(["run", name]).spawn().expect("the program"), reached)
        });
        assert!(runs.iter().all(|(_, reached)| reached.wait()), "the runs never asked");
        hold.open();
        for (run, _) in runs {
            Ran::new(run.wait_with_output().expect("the program")).exits(0);
        }
        let now = environment.host(["metrics"]).exits(0).stdout;
        assert_eq!(fs::read_to_string(environment.path().join("x.prom")).expect("a file"), now);
    }
}
