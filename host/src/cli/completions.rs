//! `host completions` and `host man`.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;
use clap::builder::Resettable;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::error::{Error, Kind};
use crate::program;

/// Print what completes commands and flags in a shell
///
/// For bash they go into ~/.local/share/bash-completion/completions, into a file named as the program is called.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Write man pages into a directory, one for each command
///
/// The directory is made if only the last part of its path is missing.
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// The directory
    directory: PathBuf,
}

pub(super) fn execute(arguments: &CompletionsArgs) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut shown(&super::command()), program::name(), &mut script);
    super::print_with(|output| output.write_all(&script))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(arguments: &ManArgs) -> Result<ExitCode, Error> {
    let directory = &arguments.directory;
    write_pages(directory).map_err(|error| {
        Error::new(Kind::Failed, format!("cannot write man pages into {}: {error}", directory.display()))
            .hint("the directory above it must be there, and it must be writable")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The command without what is hidden: shells offer whatever they are told of.
fn shown(command: &Command) -> Command {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let commands = command.get_subcommands().filter(|command| !command.is_hide_set());
    let shown = Command::new(command.get_name().to_owned())
        .about(Resettable::from(command.get_about().cloned()))
        .args(arguments)
        .subcommands(commands.map(shown));
    match command.get_version() {
        Some(version) => shown.version(version.to_owned()),
        None => shown,
    }
}

#[expect(clippy::disallowed_methods, reason = "the user's own directory, not the landing zone")]
fn write_pages(directory: &Path) -> io::Result<()> {
    match fs::create_dir(directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let mut command = super::command().disable_help_subcommand(true);
    command.build();
    write_page(&command, directory)
}

/// Write the page of a command, and those of the commands below it.
#[expect(clippy::disallowed_methods, reason = "the user's own directory, not the landing zone")]
fn write_page(command: &Command, directory: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        write_page(below, directory)?;
    }
    // As the help has it; made of all options, it would leave out their values.
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim().to_owned();
    let page = Man::new(command.clone().override_usage(usage));
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if command.get_subcommands().any(|command| !command.is_hide_set()) {
        page.render_subcommands_section(&mut text)?;
    }
    if let Some(codes) = command.get_after_help() {
        let mut section = Roff::new();
        section.control("SH", ["EXIT STATUS"]);
        for line in codes.to_string().lines().filter(|line| line.starts_with(' ')) {
            let (code, meaning) = line.trim().split_once(' ').unwrap_or((line, ""));
            section.control("TP", []).text([bold(code)]).text([roman(meaning.trim())]);
        }
        section.to_writer(&mut text)?;
    }
    if command.get_version().is_some() {
        page.render_version_section(&mut text)?;
    }
    fs::write(directory.join(page.get_filename()), text)
}
