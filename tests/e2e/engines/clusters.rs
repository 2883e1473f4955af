//! Slurm and Kubernetes.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness::{Environment, Gate, Ran, Reply, python, skip, soak};

use super::{example, outcome, with_host, written};
use crate::others::is_root;
use crate::shards;

/// How long a cluster may take for what is done in seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Wait for something of a cluster, which tells nobody.
#[track_caller]
fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn there(program: &str) -> bool {
    let found = Command::new(program).arg("-V").output().is_ok_and(|output| output.status.success());
    if !found {
        skip::missing(format_args!("the program {program} is not installed; the package is slurm-wlm"));
    }
    found
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

/// A cluster of this machine alone: its two services, which end with it.
struct Slurm<'a> {
    environment: &'a Environment,
    services: Vec<Child>,
}

impl<'a> Slurm<'a> {
    fn start(environment: &'a Environment) -> Self {
        let host = Ran::new(Command::new("uname").arg("-n").output().expect("uname")).stdout;
        let (host, place) = (host.trim(), environment.path().display());
        for directory in ["slurm/state", "slurm/spool"] {
            std::fs::create_dir_all(environment.path().join(directory)).expect("a directory");
        }
        let text = format!(
            "ClusterName=tests\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser=root\nSlurmdUser=root\n\
             AuthType=auth/none\nCredType=cred/none\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n\
             SelectType=select/cons_tres\nSelectTypeParameters=CR_Core\nReturnToService=2\nRequeueExit=75\n\
             StateSaveLocation={place}/slurm/state\nSlurmdSpoolDir={place}/slurm/spool\n\
             SlurmctldPidFile={place}/slurm/controller.pid\nSlurmdPidFile={place}/slurm/node.pid\n\
             SlurmctldPort={}\nSlurmdPort={}\nSchedulerParameters=sched_interval=1\n\
             NodeName={host} NodeAddr=127.0.0.1 CPUs=1 State=UNKNOWN\n\
             PartitionName=main Nodes={host} Default=YES MaxTime=5 State=UP OverSubscribe=FORCE:16\n",
            free_port(),
            free_port()
        );
        environment.write("slurm/slurm.conf", text);
        let mut slurm = Self { environment, services: Vec::new() };
        for service in ["slurmctld", "slurmd"] {
            let mut command = slurm.command(service);
            command.arg("-D").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            slurm.services.push(command.spawn().expect(service));
        }
        wait_for("the node is not there", || slurm.says("sinfo", &["-h", "-o", "%T"]).trim() == "idle");
        slurm
    }

    fn command(&self, program: &str) -> Command {
        let mut command = with_host(self.environment, Command::new(program));
        command.env("SLURM_CONF", self.environment.path().join("slurm/slurm.conf"));
        command
    }

    fn says(&self, program: &str, arguments: &[&str]) -> String {
        Ran::new(self.command(program).args(arguments).output().expect(program)).stdout
    }

    /// The jobs that are not done, each by its task and its state.
    fn jobs(&self) -> String {
        self.says("squeue", &["-h", "-r", "-o", "%K %t %r"])
    }
}

impl Drop for Slurm<'_> {
    fn drop(&mut self) {
        for service in &mut self.services {
            let _ = service.kill();
            let _ = service.wait();
        }
    }
}

#[test]
fn an_array_of_slurm_runs_the_shards_and_requeues_one_whose_days_are_taken() {
    if !soak::is_on() || !["slurmctld", "slurmd", "sbatch"].into_iter().all(there) {
        return;
    }
    if !is_root() {
        return skip::not_allowed("only root can be a cluster");
    }
    let (environment, origin) = shards::prepared();
    shards::plan(&environment, "2025-01-01..2025-01-06");
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/2025-01-03", Reply::new("3\n").gated(&reached, &hold));
    let window = ["run", "days", "--backfill", "2025-01-03..2025-01-04"];
    let other = environment.command(window).spawn().expect("the program");
    assert!(reached.wait(), "the run never asked");
    let slurm = Slurm::start(&environment);
    let script = written(&environment, "slurm.sh");
    let sent = slurm.command("sbatch").arg("--parsable").arg("--array=0-4%16").arg(script).output().expect("sbatch");
    let job = Ran::new(sent).exits(0).stdout;
    // The four others are done, and the third one waits for its next turn.
    wait_for("the shard was not requeued", || slurm.jobs().trim() == "2 PD BeginTime");
    hold.open();
    Ran::new(other.wait_with_output().expect("the program")).exits(0);
    let now = format!("jobid={}", job.trim());
    Ran::new(slurm.command("scontrol").args(["update", &now, "StartTime=now"]).output().expect("scontrol")).exits(0);
    wait_for("the array does not end", || slurm.jobs().is_empty());
    let log = std::fs::read_to_string(environment.path().join("shard-2.log")).expect("a log");
    assert!(log.contains("holds the lock of that window") && log.contains("nothing new, 1 unchanged"), "{log}");
    assert_eq!(outcome(&environment), ["6", "0", "5"]);
}

/// The arguments of the container, and the exit codes that are said to be final or not to be counted.
const SAID: &str = "import json, sys, yaml
job, cron = yaml.safe_load_all(open(sys.argv[1]))
codes = lambda spec: {rule['action']: rule['onExitCodes']['values'] for rule in spec['podFailurePolicy']['rules'] if 'onExitCodes' in rule}
arguments = lambda spec: spec['template']['spec']['containers'][0]['args']
specs = [job['spec'], cron['spec']['jobTemplate']['spec']]
print(json.dumps([[arguments(spec), codes(spec)] for spec in specs]))";

#[test]
fn the_resources_of_kubernetes_are_valid_and_their_arguments_are_taken() {
    let Some(programs) = python::kubernetes() else { return };
    let (environment, _origin) = shards::prepared();
    let file = environment.write("kubernetes.yaml", example("kubernetes.yaml"));
    let validate = |file: &Path| {
        let mut command = Command::new(programs.join("python"));
        command.arg(programs.join("kubernetes-validate")).arg("--strict").arg(file);
        Ran::new(command.output().expect("kubernetes-validate"))
    };
    validate(&file).exits(0);
    let wrong = example("kubernetes.yaml").replace("backoffLimitPerIndex", "backoffLimitPerShard");
    assert_ne!(validate(&environment.write("wrong.yaml", wrong)).code, Some(0), "whatever it says is valid");

    let said = python::script(&programs, SAID, &[&file.display().to_string()]);
    let said: Vec<(Vec<String>, serde_json::Value)> = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said[0].1, serde_json::json!({ "FailIndex": [2, 77], "Ignore": [75] }));
    assert_eq!(said[1].1, serde_json::json!({ "FailJob": [2, 77], "Ignore": [75] }));
    shards::plan(&environment, "2025-01-01..2025-01-06");
    // As a pod of each index would, but for where its files are.
    let place = |arguments: &[String]| -> Vec<String> {
        arguments.iter().map(|argument| argument.replace("/etc/host/", "")).collect()
    };
    for index in 0..5 {
        let mut command = environment.command(place(&said[0].0));
        Ran::new(command.env("JOB_COMPLETION_INDEX", index.to_string()).output().expect("the program")).exits(0);
    }
    assert_eq!(outcome(&environment), ["5", "0", "5"]);
    // `days` of this configuration asks for `now`, which is not there.
    environment.host(place(&said[1].0)).exits(1);
}
