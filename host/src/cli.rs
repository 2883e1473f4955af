//! The command line: parse, hand over, print, exit code. It must not decide anything else.

mod add;
mod allow;
mod auth;
mod build;
mod cat;
mod compile;
mod completions;
mod config;
mod copy;
mod cursor;
mod erase;
mod files;
mod inspect;
mod install;
mod metrics;
mod models;
mod new;
mod pack;
mod plan;
mod prune;
mod pull;
mod push;
mod quarantine;
mod repair;
mod report;
mod run;
mod runs;
mod show;
mod state;
mod status;
mod test;
mod token;
mod verify;
mod watch;
mod wit;
mod zone;

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::builder::{Resettable, StyledStr};
use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _};

use crate::config::{Configuration, near_component};
use crate::error::{Error, Kind, WriteError};
use crate::{program, shipping};
use engine::{LoadError, ManifestError, Package};
use rules::text;

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
  1    the run failed, or `verify` or `test` found something
  2    the command line or the configuration is wrong; nothing was started
  3    the sandbox stopped the extractor: a trap, or a limit
  75   another run of the extractor has its lock or lease, or a repair goes on: try again later
  77   a grant is missing
  130  interrupted by SIGINT
  143  ended by SIGTERM";

#[derive(Debug, clap::Subcommand)]
enum Command {
    Run(Box<run::RunArgs>),
    Plan(plan::PlanArgs),
    Add(add::AddArgs),
    Allow(allow::AllowArgs),
    Auth(auth::AuthArgs),
    Inspect(inspect::InspectArgs),
    New(new::NewArgs),
    Build(build::BuildArgs),
    Pack(pack::PackArgs),
    Push(push::PushArgs),
    Pull(pull::PullArgs),
    Wit(wit::WitArgs),
    Runs(runs::RunsArgs),
    Status(status::StatusArgs),
    Metrics(metrics::MetricsArgs),
    Report(report::ReportArgs),
    Watch(watch::WatchArgs),
    Show(show::ShowArgs),
    Files(files::FilesArgs),
    Cat(cat::CatArgs),
    Models(models::ModelsArgs),
    Cursor(cursor::CursorArgs),
    State(state::StateArgs),
    Copy(copy::CopyArgs),
    Config(config::ConfigArgs),
    Test(test::TestArgs),
    Verify(verify::VerifyArgs),
    Repair(repair::RepairArgs),
    Quarantine(quarantine::QuarantineArgs),
    Erase(erase::EraseArgs),
    Prune(prune::PruneArgs),
    Install(install::InstallArgs),
    Uninstall(install::UninstallArgs),
    Completions(completions::CompletionsArgs),
    Man(completions::ManArgs),
    /// Compile a component from standard input to standard output, within limits
    #[command(hide = true)]
    Compile,
    /// Get the token that is ordered on standard input
    #[command(hide = true)]
    Token,
}

/// Compile the component, or get the token, that is ordered on standard input, where this process was started for that;
/// what to exit with then.
///
/// A program that runs extractors calls this before anything else: it is started again for each component that it does
/// not know, and for tokens.
pub fn serve_if_asked() -> Option<i32> {
    let asked = std::env::args_os().nth(1)?;
    let served = match asked.to_str()? {
        "compile" => compile::execute(),
        "token" => token::execute(),
        _ => return None,
    };
    Some(match served {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            error.kind.exit_code().into()
        }
    })
}

/// The whole program.
pub fn main() -> ExitCode {
    program::believe_the_call();
    let done = match parsed() {
        Command::Run(arguments) => run::execute(&arguments),
        Command::Plan(arguments) => plan::execute(&arguments),
        Command::Add(arguments) => add::execute(&arguments),
        Command::Allow(arguments) => allow::execute(&arguments),
        Command::Auth(arguments) => auth::execute(&arguments),
        Command::Inspect(arguments) => inspect::execute(&arguments),
        Command::New(arguments) => new::execute(&arguments),
        Command::Build(arguments) => build::execute(&arguments),
        Command::Pack(arguments) => pack::execute(&arguments),
        Command::Push(arguments) => push::execute(&arguments),
        Command::Pull(arguments) => pull::execute(&arguments),
        Command::Wit(arguments) => wit::execute(&arguments),
        Command::Runs(arguments) => runs::execute(&arguments),
        Command::Status(arguments) => status::execute(&arguments),
        Command::Report(arguments) => report::execute(&arguments),
        Command::Metrics(arguments) => metrics::execute(&arguments),
        Command::Watch(arguments) => watch::execute(&arguments),
        Command::Show(arguments) => show::execute(&arguments),
        Command::Files(arguments) => files::execute(&arguments),
        Command::Cat(arguments) => cat::execute(&arguments),
        Command::Models(arguments) => models::execute(&arguments),
        Command::Config(arguments) => config::execute(&arguments),
        Command::Cursor(arguments) => cursor::execute(&arguments),
        Command::State(arguments) => state::execute(&arguments),
        Command::Copy(arguments) => copy::execute(&arguments),
        Command::Test(arguments) => test::execute(&arguments),
        Command::Verify(arguments) => verify::execute(&arguments),
        Command::Repair(arguments) => repair::execute(&arguments),
        Command::Quarantine(arguments) => quarantine::execute(&arguments),
        Command::Erase(arguments) => erase::execute(&arguments),
        Command::Prune(arguments) => prune::execute(&arguments),
        Command::Install(arguments) => install::execute(&arguments),
        Command::Uninstall(arguments) => install::undo(&arguments),
        Command::Completions(arguments) => completions::execute(&arguments),
        Command::Man(arguments) => completions::man(&arguments),
        Command::Compile => compile::execute().map(exit),
        Command::Token => token::execute().map(exit),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.kind.exit_code())
        }
    }
}

fn exit(code: i32) -> ExitCode {
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The component of a path, or of a reference into a registry.
fn opened(to_do: &str, configuration: &Configuration, path: &Path) -> Result<Package, Error> {
    match shipping::reference(path) {
        Some(reference) => Ok(shipping::read(configuration, &reference?)?.package),
        None => Package::read(path).map_err(|error| unusable(to_do, path, &error)),
    }
}

/// What to say of a component that cannot be used.
fn unusable(to_do: &str, path: &Path, error: &LoadError) -> Error {
    let unreadable;
    let hint = match error {
        LoadError::Unreadable(_) => {
            unreadable = instead_of(path);
            &unreadable
        }
        LoadError::Manifest(ManifestError::CoreModule) => "`host pack` makes a component of it",
        LoadError::Manifest(ManifestError::Manifest(_)) => "its author has to mend it; `host pack` puts in another one",
        LoadError::Misfit { .. } => "build it against the interface that `host wit` prints",
        LoadError::OtherVersion { .. } => {
            "build it anew, against the interface that `host wit` prints or with the SDK of that version"
        }
        _ => "host runs WebAssembly components that export `extract` of wit/extractor.wit",
    };
    let unusable = Error::usage(format!("cannot {to_do} {}: {error}", path.display())).hint(hint);
    match error {
        LoadError::Manifest(ManifestError::Manifest(_) | ManifestError::NotWasm(_)) | LoadError::Invalid(_) => {
            unusable.wrapped()
        }
        _ => unusable,
    }
}

/// What to do where a component cannot be read.
fn instead_of(path: &Path) -> String {
    if let Some(meant) = near_component(path).filter(|_| !path.exists()) {
        return format!("did you mean {}?", text::quoted(&meant.display().to_string()));
    }
    // What is not built yet can be missing in the repository of the host alone.
    match Path::new("guests").is_dir() && Path::new("Cargo.toml").is_file() {
        true => "check the path; `cargo guests` builds the extractors of this repository".into(),
        false => "check the path".into(),
    }
}

/// What can be said on the command line. The help says the program's name as it was called, in its commands too.
fn command() -> clap::Command {
    typed(Cli::command().name(program::name()))
}

fn typed(command: clap::Command) -> clap::Command {
    fn said(text: Option<&StyledStr>) -> Resettable<StyledStr> {
        text.map(|text| program::typed(&text.ansi().to_string()).into_owned().into()).into()
    }
    let (about, long) = (said(command.get_about()), said(command.get_long_about()));
    let command = command.about(about).long_about(long);
    let command = command.mut_args(|argument| {
        let (help, long) = (said(argument.get_help()), said(argument.get_long_help()));
        argument.help(help).long_help(long)
    });
    command.mut_subcommands(typed)
}

/// The command line. What stands in the environment for every run is told from what is said for this one.
fn parsed() -> Command {
    let matches = command().get_matches();
    let mut cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let (Command::Run(arguments), Some(("run", said))) = (&mut cli.command, matches.subcommand()) {
        arguments.flags.landing_from_environment = said.value_source("landing") == Some(ValueSource::EnvVariable);
    }
    cli.command
}

fn complain(error: &Error) {
    let (said, terminal) = (error.to_string(), std::io::stderr().is_terminal());
    for line in said.lines() {
        let line = text::line(line);
        // A hint is for copying, and what it quotes has no spaces. An error may be what an extractor says.
        let line = if terminal && !line.starts_with("hint: ") { text::wrapped(&line) } else { line };
        // Nobody is left to tell that standard error is closed.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// Write a command's result to standard output.
fn print(text: &str) -> Result<(), Error> {
    print_with(|output| output.write_all(text.as_bytes()))
}

/// Write a command's result to standard output, piece by piece. A reader that went away is no failure of the command.
fn print_with<E: Into<WriteError>>(
    write: impl FnOnce(&mut std::io::BufWriter<std::io::StdoutLock<'_>>) -> Result<(), E>,
) -> Result<(), Error> {
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    match write(&mut output).map_err(Into::into).and_then(|()| Ok(output.flush()?)) {
        Err(WriteError::Other(error)) => Err(error),
        Err(WriteError::Output(error)) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new(Kind::Failed, format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
