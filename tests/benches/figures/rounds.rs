//! Measures programs in turn, so that whatever the machine does besides slows all of them alike.

use std::env;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use harness::under;

use crate::programs;
use crate::table::Unit;

/// Gives the command for the round of that number, and prepares what it needs. The time for that does not count.
pub(crate) type Prepare<'a> = Box<dyn FnMut(usize) -> Result<Command> + 'a>;

/// A program that the host is compared with.
pub(crate) struct Peer<'a> {
    name: String,
    /// `None` where it is not installed.
    prepare: Option<Prepare<'a>>,
    weighed: bool,
}

impl<'a> Peer<'a> {
    /// A peer, if its program is installed.
    pub(crate) fn new(
        name: &str,
        program: Option<PathBuf>,
        mut prepare: impl FnMut(&mut Command, usize) -> Result<()> + 'a,
    ) -> Self {
        let prepare = program.map(|program| -> Prepare<'a> {
            Box::new(move |round| {
                let mut command = Command::new(&program);
                // What measures memory starts it with nothing but what it is told.
                command.envs(env::vars_os());
                prepare(&mut command, round)?;
                Ok(command)
            })
        });
        Self { name: name.to_owned(), prepare, weighed: false }
    }

    /// The host itself, in another way.
    pub(crate) fn of(name: String, prepare: impl FnMut(usize) -> Result<Command> + 'a) -> Self {
        Self { name, prepare: Some(Box::new(prepare)), weighed: false }
    }

    /// With its memory measured as well, in a round of its own.
    pub(crate) fn weighed(mut self) -> Self {
        self.weighed = true;
        self
    }
}

/// How long each round took, the shortest first.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn new(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    pub(crate) fn median(&self) -> Duration {
        self.0[self.0.len() / 2]
    }

    /// This median divided by another.
    pub(crate) fn ratio(&self, other: &Self) -> f64 {
        self.median().as_secs_f64() / other.median().as_secs_f64()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (min, max) = (self.0[0], self.0[self.0.len() - 1]);
        let unit = Unit::of(self.median());
        let number = |time| unit.number(time);
        write!(formatter, "{} ({}–{}) {}", number(self.median()), number(min), number(max), unit.name)
    }
}

/// What came of all rounds.
pub(crate) struct Measured {
    pub(crate) host: Times,
    /// In the order in which they were given; `None` where one is not installed.
    pub(crate) peers: Vec<(String, Option<Times>)>,
    /// The most memory that the host held at once, in MiB; `None` where it cannot be measured.
    pub(crate) peak: Option<f64>,
    pub(crate) peer_peaks: Vec<Option<f64>>,
}

/// Run the host and then each peer, that many times.
pub(crate) fn in_turn(
    rounds: usize,
    mut host: impl FnMut(usize) -> Result<Command>,
    mut peers: Vec<Peer<'_>>,
) -> Result<Measured> {
    let mut times = Vec::new();
    let mut peer_times = vec![Vec::new(); peers.len()];
    for round in 0..rounds {
        times.push(timed(&mut host(round)?)?);
        for (peer, times) in peers.iter_mut().zip(&mut peer_times) {
            if let Some(prepare) = &mut peer.prepare {
                times.push(timed(&mut prepare(round)?)?);
            }
        }
    }
    // One round more, since the program that measures memory takes time itself.
    let peak = peak(&host(rounds)?)?;
    let mut peer_peaks = Vec::new();
    for peer in &mut peers {
        peer_peaks.push(match &mut peer.prepare {
            Some(prepare) if peer.weighed => self::peak(&prepare(rounds)?)?,
            _ => None,
        });
    }
    let named = |(peer, times): (Peer<'_>, Vec<Duration>)| (peer.name, peer.prepare.map(|_| Times::new(times)));
    let peers = peers.into_iter().zip(peer_times).map(named).collect();
    Ok(Measured { host: Times::new(times), peers, peak, peer_peaks })
}

/// How long a program takes from its start to its end.
pub(crate) fn timed(command: &mut Command) -> Result<Duration> {
    // What others have written must not make this one wait for the disk.
    let _ = Command::new("sync").status();
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output();
    let took = start.elapsed();
    succeeded(command, &output.with_context(|| format!("cannot run {command:?}"))?)?;
    Ok(took)
}

/// Run a program that has to succeed; what it printed.
pub(crate) fn run(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    succeeded(command, &output)?;
    Ok(output.stdout)
}

fn succeeded(command: &Command, output: &std::process::Output) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let program = command.get_program().to_string_lossy().into_owned();
    bail!("failed: {program} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim())
}

/// The most memory that a program, or the largest of those that it starts, holds at once, in MiB: what the kernel
/// reports at its end. GNU time asks the kernel, and is small: a process starts with the size of its parent.
fn peak(command: &Command) -> Result<Option<f64>> {
    let Some(program) = programs::find("time") else { return Ok(None) };
    let report = tempfile::NamedTempFile::new()?;
    let mut time = Command::new(program);
    time.args(["-q", "-f", "%M", "-o"]).arg(report.path());
    let mut command = under(time, command);
    command.stdin(Stdio::null());
    run(&mut command)?;
    let text = fs::read_to_string(report.path())?;
    let kib: Option<f64> = text.trim().parse().ok();
    ensure!(kib.is_some(), "failed: GNU time says {text:?}");
    Ok(kib.map(|kib| kib / 1024.0))
}
