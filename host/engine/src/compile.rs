//! Compiling a component that was not seen before, in a process of its own and within limits.
//!
//! It owns both ends: [`compile`] asks, [`serve`] is the other process, which is this program again. A component that
//! takes the compiler down, or all memory, or for ever, takes down that process.

use std::io::{self, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use super::fit::{self, Fit, ImportedInterface, Misfit};
use super::{LoadError, MAX_COMPONENT, engine, flat, processes};
use rules::text;

/// What the compiler is called on the command line.
const COMMAND: &str = "compile";
/// Most bytes that the compiler may hold: its data, not its address space, much of which allocators never touch.
const MEMORY: u64 = 2 << 30;
/// Seconds that it may compute, all its threads together.
const CPU: u64 = 5 * 60;
/// How long it may take, on a busy machine as well.
const WALL: Duration = Duration::from_secs(10 * 60);
/// Largest machine code, in bytes.
const MAX_CODE: u64 = 512 << 20;
/// Most bytes of its last words that are heard.
const MAX_REASON: u64 = 16 * 1024;
/// Most of that which is shown, in characters: it quotes the component.
const MAX_SAID: usize = 1000;
/// Most threads; each takes memory of its own.
const MAX_THREADS: usize = 4;
/// Most files that it may have open.
const FILES: u64 = 16;
/// What it exits with where the component is at fault.
const INVALID: i32 = 2;
/// What it exits with where the component does not fit, and what it imports is on standard output instead of code.
const MISFIT: i32 = 3;
/// What it exits with where the component was made for another version of the contract, which it then names.
const OTHER_VERSION: i32 = 4;

/// Machine code for this program's engine.
pub(super) fn compile(component: &[u8]) -> Result<Vec<u8>, LoadError> {
    let failed = |error: io::Error| LoadError::Engine(format!("the compiler cannot be run: {error}"));
    let mut compiler = command().and_then(|mut command| command.spawn()).map_err(failed)?;
    let heard = converse(&mut compiler, component);
    if !matches!(heard, Ok(Some(_))) {
        // Whatever it is doing, nobody waits for it any more. It may have ended by itself.
        let _ = compiler.kill();
    }
    let status = compiler.wait().map_err(failed)?;
    let Some((code, reason)) = heard.map_err(failed)? else {
        return Err(LoadError::Compiling(format!("{} minutes", WALL.as_secs() / 60)));
    };
    if !status.success() {
        return Err(verdict(status, &code, &reason));
    }
    match code.len() as u64 {
        0..=MAX_CODE => Ok(code),
        _ => Err(LoadError::Compiling(format!("{} MiB of code", MAX_CODE >> 20))),
    }
}

fn command() -> io::Result<Command> {
    let mut command = processes::this_program()?;
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    command
        .arg0("host")
        .arg(COMMAND)
        .env_clear()
        .env("RAYON_NUM_THREADS", threads.to_string())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}

/// Send the component and hear the answer: code, and last words. `None` where it took too long.
fn converse(compiler: &mut Child, component: &[u8]) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let (Some(mut input), Some(output), Some(words)) =
        (compiler.stdin.take(), compiler.stdout.take(), compiler.stderr.take())
    else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    thread::scope(|scope| {
        // One that does not read to the end says why itself.
        let send = move || drop(input.write_all(component));
        thread::Builder::new().spawn_scoped(scope, send).inspect_err(|_| drop(compiler.kill()))?;
        let (answer, answered) = mpsc::channel();
        let hear = move || {
            let heard = up_to(output, MAX_CODE + 1).and_then(|code| Ok((code, up_to(words, MAX_REASON)?)));
            // Nobody listens where it took too long.
            let _ = answer.send(heard);
        };
        thread::Builder::new().spawn_scoped(scope, hear).inspect_err(|_| drop(compiler.kill()))?;
        match answered.recv_timeout(WALL) {
            Ok(heard) => heard.map(Some),
            Err(_) => {
                // Else the threads of this scope would wait for it.
                let _ = compiler.kill();
                Ok(None)
            }
        }
    })
}

fn up_to(source: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Why there is no code.
fn verdict(status: ExitStatus, output: &[u8], reason: &[u8]) -> LoadError {
    let reason = String::from_utf8_lossy(reason);
    let imports = || String::from_utf8_lossy(output).lines().map(ImportedInterface::from_line).collect();
    match status.code() {
        Some(MISFIT) => return LoadError::Misfit { reason: text::line(&reason), imports: imports() },
        Some(OTHER_VERSION) => return LoadError::OtherVersion { made: text::line(&reason), imports: imports() },
        _ => {}
    }
    let reason = text::cut(&reason, MAX_SAID);
    let limits = Bounds::of_this_process();
    if status.code() == Some(INVALID) {
        return LoadError::Invalid(reason.strip_prefix("error: ").unwrap_or(&reason).to_owned());
    }
    if status.signal() == Some(Signal::XCPU.as_raw()) {
        return LoadError::Compiling(format!("{} s of computing", limits.cpu));
    }
    // The words of Rust's allocator, which aborts then.
    if reason.contains("memory allocation of") {
        return LoadError::Compiling(format!("{} MiB of memory", limits.memory >> 20));
    }
    match status.signal() {
        Some(signal) if signal == Signal::KILL.as_raw() => {
            LoadError::Crashed("it was killed, perhaps since the machine has no more memory".to_owned())
        }
        // A panic is one, too, and says where.
        Some(signal) if reason.is_empty() => LoadError::Crashed(format!("signal {signal}")),
        Some(signal) => LoadError::Crashed(format!("signal {signal}: {reason}")),
        None => LoadError::Crashed(reason),
    }
}

/// The limits of the other process: those of this file, or what the operator set for this one, if that is less.
struct Bounds {
    memory: u64,
    cpu: u64,
}

impl Bounds {
    fn of_this_process() -> Self {
        // The limit that kills comes a second after the one that can be told apart.
        Self { memory: within(Resource::Data, MEMORY), cpu: within(Resource::Cpu, CPU + 1).saturating_sub(1).max(1) }
    }

    fn apply(&self) -> io::Result<()> {
        let set = |resource, current, maximum| {
            setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) }).map_err(io::Error::from)
        };
        processes::limit_memory(self.memory)?;
        set(Resource::Cpu, self.cpu, within(Resource::Cpu, self.cpu + 1))?;
        let files = within(Resource::Nofile, FILES);
        set(Resource::Nofile, files, files)?;
        set(Resource::Fsize, 0, 0)?;
        set(Resource::Core, 0, 0)
    }
}

/// What a resource is limited to, at most `ours`.
fn within(resource: Resource, ours: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(resource);
    [current, maximum].into_iter().flatten().fold(ours, u64::min)
}

/// The other process: compile what comes on standard input to standard output, if it fits. Its exit code; an error is
/// the component's.
pub fn serve() -> Result<i32, String> {
    let words = |error: io::Error| format!("the compiler cannot work: {error}");
    confine().map_err(words)?;
    let component = up_to(io::stdin().lock(), MAX_COMPONENT + 1).map_err(words)?;
    let Fit { imports, misfit } = fit::fit(&component)?;
    if let Some(misfit) = misfit {
        let (code, said) = match misfit {
            Misfit::Differs(sentence) => (MISFIT, sentence),
            Misfit::Version(made) => (OTHER_VERSION, made),
        };
        let lines: String = imports.iter().map(|import| import.to_line() + "\n").collect();
        io::stdout().lock().write_all(lines.as_bytes()).map_err(words)?;
        io::stderr().lock().write_all(said.as_bytes()).map_err(words)?;
        return Ok(code);
    }
    let engine = engine().map_err(|error| flat(&error))?;
    let code = engine.precompile_component(&component).map_err(|error| error.root_cause().to_string())?;
    let mut output = io::stdout().lock();
    output.write_all(&code).and_then(|()| output.flush()).map_err(words)?;
    Ok(0)
}

/// Give up all that compiling does not need, before a byte of the component is read.
fn confine() -> io::Result<()> {
    processes::close_inherited()?;
    processes::end_with_parent(Signal::KILL)?;
    Bounds::of_this_process().apply()
}
