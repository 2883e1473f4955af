//! The command line: parse, hand over, print, exit code. It must not decide anything else.

mod compile;
mod repair;
mod run;
mod runs;
mod verify;

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use crate::error::{Error, Kind};

/// Runs sandboxed data extractors into an append-only landing zone.
#[derive(Debug, clap::Parser)]
#[command(name = "host", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    success
  1    the run failed, or `verify` found something
  2    the command line or the configuration is wrong; nothing was started
  3    the sandbox stopped the extractor: a trap, or a limit
  75   another run of the extractor holds its lock, or a repair is going on
  77   the run failed, and a grant is missing
  130  interrupted by SIGINT
  143  ended by SIGTERM";

#[derive(Debug, clap::Subcommand)]
enum Command {
    Run(Box<run::RunArgs>),
    Runs(runs::RunsArgs),
    Verify(verify::VerifyArgs),
    Repair(repair::RepairArgs),
    /// Compile a component from standard input to standard output, within limits
    #[command(hide = true)]
    Compile,
}

/// The whole program.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(arguments) => run::execute(&arguments),
        Command::Runs(arguments) => runs::execute(&arguments),
        Command::Verify(arguments) => verify::execute(&arguments),
        Command::Repair(arguments) => repair::execute(&arguments),
        Command::Compile => compile::execute(),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.kind.exit_code())
        }
    }
}

fn complain(error: &Error) {
    // Nobody is left to tell that standard error is closed.
    let _ = writeln!(std::io::stderr(), "{error}");
}

/// Write a command's result to standard output. A reader that went away is no failure of the command.
fn print(text: &str) -> Result<(), Error> {
    let mut output = std::io::stdout();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new(Kind::Failed, format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
