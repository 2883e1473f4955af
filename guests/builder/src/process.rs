//! Runs a program and takes what it says, for as long as a limit allows.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a running program is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// What the program wrote to stdout; or why there is nothing: it is not there, failed, or was stopped at the limit.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot start {program}: {error}"))?;
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let started = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if started.elapsed() < limit => thread::sleep(PAUSE),
            Ok(None) => {
                // It may have ended in the meantime, and then there is nothing to stop.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{program} was stopped after {} s", limit.as_secs()));
            }
            Err(error) => return Err(format!("cannot wait for {program}: {error}")),
        }
    };
    if status.success() {
        return Ok(stdout.join().unwrap_or_default());
    }
    let said = stderr.join().unwrap_or_default();
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(format!("{program} failed: {}", last.trim()))
}

/// Reads to the end beside the waiting, so that a full pipe never holds the program up.
fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before an error is still worth quoting.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_failures_and_limits() {
        let shell = |script: &str, limit| output(Command::new("sh").args(["-c", script]), Duration::from_millis(limit));
        assert_eq!(shell("echo fine", 60_000), Ok("fine\n".to_owned()));
        assert_eq!(shell("echo first >&2; echo last >&2; exit 3", 60_000), Err("sh failed: last".to_owned()));
        assert_eq!(shell("exec sleep 600", 40), Err("sh was stopped after 0 s".to_owned()));
        let missing = output(&mut Command::new("no-such-program-here"), Duration::from_secs(60));
        assert!(missing.is_err_and(|error| error.starts_with("cannot start no-such-program-here: ")));
    }
}
