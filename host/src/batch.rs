//! Several extractors at once, each a process of its own: its own sandbox, lock and row. One that fails stops no other.

mod display;
mod outcome;

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::num::NonZeroUsize;
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};

use rustix::process::{Pid, Signal, kill_process};

use crate::console::{LogFormat, Verbosity};
use crate::error::{Error, Kind};
use crate::events::Told;
use crate::program;
use crate::run::{Caught, Signals, lock};
use clock::Stopwatch;
use display::Display;

pub(crate) use outcome::{Outcome, Outcomes, heaviest};

/// Most bytes of standard error that are kept of each process.
const MAX_SAID: u64 = 64 * 1024;

/// What is to be run, and how.
#[derive(Debug)]
pub struct Batch {
    /// Names of the configuration, or paths of components, none of them twice.
    pub extractors: Vec<String>,
    /// How many at once, at most.
    pub jobs: NonZeroUsize,
    /// Flags for each of them.
    pub flags: Vec<OsString>,
    /// How much of their logs is shown.
    pub verbosity: Verbosity,
    /// How it is written.
    pub log_format: LogFormat,
    /// Whether a line tells of each as it ends.
    pub told: bool,
}

/// What comes from the processes.
enum Message {
    Started(String),
    Told(String, Told),
    Ended(Outcome),
    Signal(Caught),
}

/// The processes that are going on.
#[derive(Default)]
struct Processes {
    waiting: VecDeque<String>,
    running: BTreeSet<i32>,
    signal: Option<Caught>,
}

impl Batch {
    /// Run all of them; what became of each, in the order in which they were named.
    pub fn run(&self) -> Result<Outcomes, Error> {
        let stopwatch = Stopwatch::start();
        let failed = |error: std::io::Error| Error::new(Kind::Failed, format!("cannot start: {error}"));
        let program = std::env::current_exe().map_err(failed)?;
        let waiting = self.extractors.iter().cloned().collect();
        let processes = Mutex::new(Processes { waiting, ..Processes::default() });
        let (tell, messages) = mpsc::channel();
        listen(tell.clone()).map_err(failed)?;
        let workers = self.jobs.get().min(self.extractors.len());
        let mut display = Display::new(self);
        let mut outcomes = Outcomes::default();
        std::thread::scope(|scope| {
            for _ in 0..workers {
                let (tell, program, processes) = (tell.clone(), &program, &processes);
                scope.spawn(move || self.work(program, processes, &tell));
            }
            for message in &messages {
                match message {
                    Message::Started(name) => display.started(&name),
                    Message::Told(name, told) => display.told(&name, told),
                    Message::Ended(outcome) => {
                        display.ended(&outcome);
                        outcomes.all.push(outcome);
                    }
                    Message::Signal(caught) => end(&processes, caught),
                }
                if outcomes.all.len() == self.extractors.len() {
                    break;
                }
            }
        });
        display.finish();
        let place = |outcome: &Outcome| self.extractors.iter().position(|name| *name == outcome.extractor);
        outcomes.all.sort_by_key(place);
        outcomes.signal = lock(&processes).signal.map(Caught::kind);
        outcomes.elapsed = stopwatch.elapsed();
        Ok(outcomes)
    }

    /// Run one after the other, until nothing waits any more.
    fn work(&self, program: &std::path::Path, processes: &Mutex<Processes>, tell: &Sender<Message>) {
        loop {
            let (name, stopped) = {
                let mut processes = lock(processes);
                let Some(name) = processes.waiting.pop_front() else { return };
                (name, processes.signal)
            };
            let outcome = match stopped {
                Some(caught) => Outcome::not_run(name, caught.kind(), format!("not started: {caught}")),
                None => self.one(program, name, processes, tell),
            };
            if tell.send(Message::Ended(outcome)).is_err() {
                return;
            }
        }
    }

    fn one(
        &self,
        program: &std::path::Path,
        name: String,
        processes: &Mutex<Processes>,
        tell: &Sender<Message>,
    ) -> Outcome {
        let spawned = Command::new(program)
            .arg0(program::name())
            .args(["run", &name, "--part-of", &std::process::id().to_string()])
            .args(&self.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A terminal's signals come through this process alone, so that none comes twice.
            .process_group(0)
            .spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => return Outcome::not_run(name, Kind::Failed, format!("cannot start a process: {error}")),
        };
        let pid = child.id().cast_signed();
        let caught = {
            let mut processes = lock(processes);
            processes.running.insert(pid);
            processes.signal
        };
        if let Some(caught) = caught {
            send(pid, caught);
        }
        let _ = tell.send(Message::Started(name.clone()));
        let errors = child.stderr.take();
        let (report, said) = std::thread::scope(|scope| {
            let errors = scope.spawn(move || errors.map(text).unwrap_or_default());
            let report = child.stdout.take().and_then(|output| events(output, &name, tell));
            (report, errors.join().unwrap_or_default())
        });
        // From here on its number may become another process's.
        lock(processes).running.remove(&pid);
        Outcome::of(name, child.wait().ok(), report, said)
    }
}

/// The report of a run, once everything that it told was passed on.
fn events(output: ChildStdout, name: &str, tell: &Sender<Message>) -> Option<serde_json::Value> {
    let mut report = None;
    for line in BufReader::new(output).lines() {
        let Ok(line) = line else { break };
        match serde_json::from_str(&line) {
            Ok(Told::Ended(value)) => report = Some(value),
            Ok(told) => drop(tell.send(Message::Told(name.to_owned(), told))),
            // The host's own program says nothing else.
            Err(_) => {}
        }
    }
    report
}

/// The beginning of a text; the rest is read and left out, since its writer waits for a reader.
fn text(mut from: impl std::io::Read) -> String {
    let mut kept = Vec::new();
    // What cannot be read any more is over.
    let _ = from.by_ref().take(MAX_SAID).read_to_end(&mut kept);
    let _ = std::io::copy(&mut from, &mut std::io::sink());
    String::from_utf8_lossy(&kept).into_owned()
}

/// Have nothing more started, and everything that is going on end.
fn end(processes: &Mutex<Processes>, caught: Caught) {
    let mut processes = lock(processes);
    processes.signal.get_or_insert(caught);
    processes.running.iter().for_each(|pid| send(*pid, caught));
}

fn send(pid: i32, caught: Caught) {
    let signal = match caught {
        Caught::Interrupt => Signal::INT,
        Caught::Terminate => Signal::TERM,
    };
    if let Some(pid) = Pid::from_raw(pid) {
        // One that ended by itself meanwhile needs no signal.
        let _ = kill_process(pid, signal);
    }
}

/// Pass on the signals that come, from now until the program ends.
fn listen(tell: Sender<Message>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _inside = runtime.enter();
        Signals::listen()?
    };
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async { while tell.send(Message::Signal(signals.next().await)).is_ok() {} });
    })?;
    Ok(())
}
