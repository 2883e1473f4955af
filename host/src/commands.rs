//! Commands of the operator's: run within a time, with an environment that is said, and with ears that never fill up.

use std::ffi::OsString;
use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::run::Signals;
use rules::text;

/// Variables of the host's own environment that every command gets.
const PASSED: [&str; 10] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR"];
/// Most bytes of standard error that are kept: its end tells most.
const SAID: usize = 1024;
/// How long the rest of what a command wrote is waited for, once it has ended: what it left running may hold on to it.
const REST: Duration = Duration::from_millis(200);

/// A command, and what it gets.
pub struct Program<'a> {
    /// The program and its arguments.
    pub words: &'a [String],
    /// Where it runs.
    pub directory: &'a Path,
    /// Variables of the environment beside the usual ones.
    pub variables: Vec<(OsString, OsString)>,
    /// What it can read from standard input.
    pub input: Vec<u8>,
    /// How long it may take.
    pub timeout: Duration,
    /// How many bytes of standard output are kept.
    pub kept: usize,
}

impl Program<'_> {
    /// Run it to its end; the beginning of its standard output. Signals are heeded where this process listened for some
    /// before, since they would be lost otherwise; elsewhere they do what they always do.
    pub fn run(&self, heed_signals: bool) -> Result<Vec<u8>, String> {
        let shown = || text::quoted(self.words.first().map_or("", String::as_str));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
        let mut child = self.spawn().map_err(|error| format!("cannot run {}: {error}", shown()))?;
        let (output, errors) = self.ears(&mut child);
        let group = Pid::from_child(&child);
        let ended = runtime.block_on(async {
            let mut signals = heed_signals.then(Signals::listen).transpose().map_err(|error| error.to_string())?;
            let mut waiting = tokio::task::spawn_blocking(move || child.wait());
            let signal = async {
                match &mut signals {
                    Some(signals) => signals.next().await,
                    None => std::future::pending().await,
                }
            };
            let reason = tokio::select! {
                done = &mut waiting => return done.map_err(|error| error.to_string())?.map_err(|error| error.to_string()),
                caught = signal => caught.to_string(),
                () = tokio::time::sleep(self.timeout) => format!("it took longer than {}", text::span(self.timeout)),
            };
            // All that it started with it. What has ended meanwhile needs no signal.
            let _ = kill_process_group(group, Signal::KILL);
            let _ = waiting.await;
            Err(reason)
        });
        let said = errors.recv_timeout(REST).unwrap_or_default();
        match ended {
            Ok(status) if status.success() => Ok(output.recv_timeout(REST).unwrap_or_default()),
            Ok(status) => Err(format!("{} failed: {status}{}", shown(), told(&said))),
            Err(reason) => Err(format!("{} was ended: {reason}{}", shown(), told(&said))),
        }
    }

    fn spawn(&self) -> io::Result<Child> {
        let Some((program, arguments)) = self.words.split_first() else {
            return Err(io::Error::other("there is no program"));
        };
        let usual = PASSED.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
        let directory = if self.directory.as_os_str().is_empty() { Path::new(".") } else { self.directory };
        Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(usual)
            .envs(self.variables.iter().cloned())
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
    }

    /// Give it what it can read, and listen to what it writes: the beginning of one, the end of the other.
    fn ears(&self, child: &mut Child) -> (Receiver<Vec<u8>>, Receiver<Vec<u8>>) {
        let (input, kept) = (self.input.clone(), self.kept);
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read is none the worse.
            std::thread::spawn(move || drop(stdin.write_all(&input)));
        }
        let ((first, output), (last, errors)) = (mpsc::channel(), mpsc::channel());
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || drop(first.send(beginning(stdout, kept))));
        }
        if let Some(stderr) = child.stderr.take() {
            std::thread::spawn(move || drop(last.send(end(stderr))));
        }
        (output, errors)
    }
}

/// What it said last, to be put behind a reason.
fn told(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    match said.trim().lines().next_back() {
        Some(line) => format!(": {}", text::cut(&text::line(line), 300)),
        None => String::new(),
    }
}

/// The first `most` bytes; the rest is read and left out.
fn beginning(mut from: impl Read, most: usize) -> Vec<u8> {
    let mut kept = Vec::new();
    // What cannot be read any more is over.
    let _ = from.by_ref().take(most as u64).read_to_end(&mut kept);
    let _ = io::copy(&mut from, &mut io::sink());
    kept
}

/// The last bytes.
fn end(mut from: impl Read) -> Vec<u8> {
    let (mut kept, mut buffer) = (Vec::new(), [0; 8192]);
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..read]);
        kept.drain(..kept.len().saturating_sub(SAID));
    }
    kept
}
