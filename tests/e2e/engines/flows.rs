//! Dagster, Prefect and Airflow.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness::{Environment, Gate, Ran, Reply, python, soak};

use super::{outcome, with_host, written};
use crate::shards;

/// How long a backfill of Dagster may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Each partition in its turn, and what is recorded of it.
const MATERIALIZE: &str = "import json, dagster as dg, dagster_assets as example
with dg.DagsterInstance.get() as instance:
    for key in example.shards:
        result = dg.materialize([example.landed], partition_key=key, instance=instance, raise_on_error=False)
        found = result.asset_materializations_for_node('landed') if result.success else []
        metadata = {one.asset_key.to_user_string(): {name: value.value for name, value in one.metadata.items()} for one in found}
        print(json.dumps([key, result.success, metadata]))";

/// Python with the environment of a run, nothing of which may ask beyond this machine.
fn python(environment: &Environment, programs: &Path) -> Command {
    let mut command = with_host(environment, Command::new(programs.join("python")));
    command
        .env("HOME", environment.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("EXTRACTOR", "days")
        .env("SOURCES", "days")
        .env("WINDOW", "2025-01-01..2025-01-06")
        .env("DO_NOT_TRACK", "1")
        .stdin(Stdio::null());
    command
}

#[test]
fn dagster_materialises_a_partition_for_each_shard_and_waits_for_days_that_are_taken() {
    let Some(programs) = Some(()).filter(|()| soak::is_on()).and_then(|()| python::dagster()) else { return };
    let (environment, origin) = shards::prepared();
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/2025-01-02", Reply::new("2\n").gated(&reached, &hold));
    origin.route("/2025-01-04", Reply::status(404));
    let window = ["run", "days", "--backfill", "2025-01-02..2025-01-03"];
    let other = environment.command(window).spawn().expect("the program");
    assert!(reached.wait(), "the run never asked");
    written(&environment, "dagster_assets.py");
    environment.write("dagster/dagster.yaml", "telemetry:\n  enabled: false\n");
    let mut command = python(&environment, &programs);
    command.env("DAGSTER_HOME", environment.path().join("dagster")).args(["-c", MATERIALIZE]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("python");
    let mut log = String::new();
    for line in BufReader::new(child.stderr.take().expect("a pipe")).lines() {
        let line = line.expect("a line");
        if line.contains("STEP_UP_FOR_RETRY") {
            hold.open();
        }
        log += &(line + "\n");
    }
    let ran = Ran::new(child.wait_with_output().expect("python")).exits(0);
    Ran::new(other.wait_with_output().expect("the program")).exits(0);
    let lines: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let succeeded: Vec<bool> = lines.iter().map(|line| line[1] == true).collect();
    assert_eq!(succeeded, [true, true, true, false, true], "{ran:?}\n{log}");
    let counts = |line: usize| [&lines[line][2]["days"]["new"], &lines[line][2]["days"]["unchanged"]];
    assert_eq!((counts(0), counts(1)), ([1, 0].map(Into::into).each_ref(), [0, 1].map(Into::into).each_ref()));
    // The run of the other days, four shards, and the one that failed with each of its three repetitions.
    assert_eq!(outcome(&environment), ["5", "4", "4"], "{log}");
}

/// Ends a service and the processes that it started, which are a group.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).status();
        let _ = self.0.wait();
    }
}

#[test]
fn a_backfill_of_dagster_runs_each_partition() {
    let Some(programs) = Some(()).filter(|()| soak::is_on()).and_then(|()| python::dagster()) else { return };
    let (environment, _origin) = shards::prepared();
    let file = written(&environment, "dagster_assets.py");
    environment.write("dagster/dagster.yaml", "telemetry:\n  enabled: false\n");
    let command = |program: &str, arguments: &[&str]| {
        let mut command = python(&environment, &programs);
        command.env("DAGSTER_HOME", environment.path().join("dagster")).arg(programs.join(program)).args(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    // Whoever comes first makes the tables, and two at once are in each other's way.
    assert!(command("dagster", &["instance", "info"]).status().expect("dagster").success());
    let file = file.display().to_string();
    let daemon = command("dagster-daemon", &["run", "-f", &file]).process_group(0).spawn();
    let mut daemon = Service(daemon.expect("dagster-daemon"));
    let backfill = ["job", "backfill", "--noprompt", "-f", &file, "-j", "__ASSET_JOB", "--all=all"];
    assert!(command("dagster", &backfill).status().expect("dagster").success());
    let landed = || environment.landing().join(".state.sqlite").exists() && outcome(&environment) == ["5", "0", "5"];
    let start = Instant::now();
    while !landed() {
        assert!(daemon.0.try_wait().expect("dagster-daemon").is_none(), "it ended");
        assert!(start.elapsed() < PATIENCE, "the backfill does not end");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn prefect_maps_a_task_over_the_shards() {
    let Some(programs) = Some(()).filter(|()| soak::is_on()).and_then(|()| python::prefect()) else { return };
    let (environment, _origin) = shards::prepared();
    let flow = written(&environment, "prefect_flow.py");
    let mut command = python(&environment, &programs);
    command
        .arg(flow)
        .env("PREFECT_HOME", environment.path().join("prefect"))
        .env("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        .env("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "true")
        .env("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120");
    let ran = Ran::new(command.output().expect("python")).exits(0);
    assert!(ran.stdout.contains("\"files_written\""), "{ran:?}");
    assert_eq!(outcome(&environment), ["5", "0", "5"], "{ran:?}");
}

#[test]
fn airflow_maps_a_task_over_the_shards() {
    let Some(programs) = Some(()).filter(|()| soak::is_on()).and_then(|()| python::airflow()) else { return };
    let (environment, _origin) = shards::prepared();
    let dag = written(&environment, "airflow_dag.py");
    let airflow = |arguments: &[&str]| {
        let mut command = python(&environment, &programs);
        command
            .arg(programs.join("airflow"))
            .args(arguments)
            .env("AIRFLOW_HOME", environment.path().join("airflow"))
            .env("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
            .env("AIRFLOW__CORE__DAGS_FOLDER", dag.parent().expect("a directory"))
            .env("AIRFLOW__USAGE_DATA_COLLECTION__ENABLED", "False");
        Ran::new(command.output().expect("airflow"))
    };
    airflow(&["db", "migrate"]).exits(0);
    let ran = airflow(&["dags", "test", "backfill", "--dagfile-path", &dag.display().to_string()]).exits(0);
    assert_eq!(outcome(&environment), ["5", "0", "5"], "{ran:?}");
}
