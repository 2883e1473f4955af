//! `host install` and `host uninstall`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::allow::{said_yes, somebody_is_there};
use super::zone::ZoneArgs;
use crate::config::Configuration;
use crate::error::Error;
use crate::install::files::{self, Change};
use crate::install::managers::{self, Systemctl};
use crate::install::places::{self, Wishes};
use crate::install::{Setup, cron, systemd};

/// Where the system's units and crontabs are.
const UNITS: &str = "/etc/systemd/system";
const CRONTAB: &str = "/etc/cron.d/host";
/// What the user's crontab is called.
const USERS_CRONTAB: &str = "crontab";

/// Have systemd or cron run the extractors of the configuration by their schedules
///
/// It shows what changes and asks first. Files that it did not write stay as they are, and a second call changes
/// nothing.
#[derive(Debug, clap::Args)]
pub(super) struct InstallArgs {
    /// What is to start them
    #[arg(value_enum)]
    scheduler: Scheduler,
    #[command(flatten)]
    how: How,
    /// The user that extractors run as [default: whose the landing directory is; with systemd, where there is none in
    /// /var/lib yet, one that systemd makes]
    #[arg(long, value_name = "USER", conflicts_with = "user")]
    run_as: Option<String>,
    #[command(flatten)]
    zone: ZoneArgs,
}

/// Take away what `host install` wrote for the configuration, and nothing else
///
/// What landed stays.
#[derive(Debug, clap::Args)]
pub(super) struct UninstallArgs {
    /// From which scheduler
    #[arg(value_enum)]
    scheduler: Scheduler,
    #[command(flatten)]
    how: How,
    /// The configuration file [default: the first of host.toml, ~/.config/host/host.toml and /etc/host/host.toml]
    #[arg(long, value_name = "FILE", env = "HOST_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Scheduler {
    /// Services and timers, which make up for what was missed while the machine was off
    Systemd,
    /// Lines of a crontab
    Cron,
}

#[derive(Debug, clap::Args)]
struct How {
    /// Use the scheduler of the user who calls, not the system's
    #[arg(long)]
    user: bool,
    /// Write below this directory, as for an image of a machine, and start nothing
    #[arg(long, value_name = "DIR", conflicts_with = "user")]
    root: Option<PathBuf>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Change it without asking
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn execute(arguments: &InstallArgs) -> Result<ExitCode, Error> {
    let InstallArgs { scheduler, how, .. } = arguments;
    check_system(std::env::consts::OS, *scheduler, how, "install")?;
    let configuration = arguments.zone.configuration()?;
    let wishes = Wishes {
        user: how.user,
        run_as: arguments.run_as.as_deref(),
        landing: arguments.zone.landing.as_deref(),
        systemd: *scheduler == Scheduler::Systemd,
    };
    let (setup, warnings) = places::setup(&configuration, wishes)?;
    for warning in warnings {
        // Nobody is left to tell that standard error is closed.
        let _ = writeln!(std::io::stderr(), "warning: {warning}");
    }
    let changes = match (scheduler, how.user) {
        (Scheduler::Systemd, _) => unit_changes(&setup, &how.units()?)?,
        (Scheduler::Cron, false) => vec![files::change(how.below(CRONTAB), &setup.config, cron::file(&setup))?],
        (Scheduler::Cron, true) => {
            let before = managers::crontab()?;
            let after = cron::merged(&before, &setup).map_err(torn)?;
            vec![crontab_change(before, after)]
        }
    };
    done(*scheduler, how, changes, "installed already; nothing to change")
}

pub(super) fn undo(arguments: &UninstallArgs) -> Result<ExitCode, Error> {
    let UninstallArgs { scheduler, how, config } = arguments;
    check_system(std::env::consts::OS, *scheduler, how, "uninstall")?;
    let config = places::absolute(&Configuration::place(config.as_deref()))?;
    let changes = match (scheduler, how.user) {
        (Scheduler::Systemd, _) => files::removals(&how.units()?, &config, systemd::is_unit, &[])?,
        (Scheduler::Cron, false) => {
            let path = how.below(CRONTAB);
            let directory = path.parent().unwrap_or(Path::new("/"));
            files::removals(directory, &config, |name| path.file_name() == Some(name.as_ref()), &[])?
        }
        (Scheduler::Cron, true) => {
            let before = managers::crontab()?;
            let after = cron::without(&before, &config).map_err(torn)?;
            vec![crontab_change(before, after)]
        }
    };
    done(*scheduler, how, changes, &format!("nothing is installed for {config}"))
}

/// Refuse a scheduler that this system does not have. A user's crontab is everywhere.
fn check_system(system: &str, scheduler: Scheduler, how: &How, verb: &str) -> Result<(), Error> {
    let missing = match scheduler {
        Scheduler::Cron if how.user => return Ok(()),
        Scheduler::Cron => "/etc/cron.d",
        Scheduler::Systemd => "systemd",
    };
    if system == "linux" || how.root.is_some() {
        return Ok(());
    }
    Err(Error::usage(format!("there is no {missing} on {system}"))
        .hint(format!("`host {verb} cron --user` uses the crontab of the user who calls")))
}

impl How {
    fn below(&self, path: &str) -> PathBuf {
        match &self.root {
            Some(root) => root.join(path.trim_start_matches('/')),
            None => path.into(),
        }
    }

    fn units(&self) -> Result<PathBuf, Error> {
        if self.user { Ok(places::user_folder()?.join("systemd/user")) } else { Ok(self.below(UNITS)) }
    }
}

/// The units that are to be there, and those that are no longer.
fn unit_changes(setup: &Setup, directory: &Path) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    for (name, text) in systemd::units(setup) {
        changes.push(files::change(directory.join(name), &setup.config, text)?);
    }
    let wanted: Vec<PathBuf> = changes.iter().map(|change| change.path.clone()).collect();
    changes.extend(files::removals(directory, &setup.config, systemd::is_unit, &wanted)?);
    Ok(changes)
}

fn crontab_change(before: String, after: String) -> Change {
    let there = |text: String| (!text.is_empty()).then_some(text);
    Change { path: USERS_CRONTAB.into(), before: there(before), after: there(after) }
}

fn torn(reason: String) -> Error {
    Error::usage(format!("the crontab stays as it is: {reason}")).hint("`crontab -e` mends it")
}

/// Show the changes, ask, and make them.
fn done(scheduler: Scheduler, how: &How, changes: Vec<Change>, nothing: &str) -> Result<ExitCode, Error> {
    let changes: Vec<Change> = changes.into_iter().filter(|change| !change.is_none()).collect();
    if changes.is_empty() {
        super::print(&format!("{nothing}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let side = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
    let mut shown = String::new();
    for change in &changes {
        let name = change.path.display().to_string();
        shown += &crate::diff::unified(&name, "", side(&change.before).as_deref(), side(&change.after).as_deref());
    }
    super::print(&shown)?;
    if how.dry_run {
        super::print("nothing was changed, since this is a dry run\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    if !how.yes {
        if !somebody_is_there() {
            return Err(Error::usage("there is no terminal to ask at, and nothing was changed")
                .hint("the same with `--yes` changes it without asking"));
        }
        if !said_yes("Change this? [y/N] ")? {
            return Err(Error::usage("nothing was changed"));
        }
    }
    files::with_usual_modes();
    match (scheduler, how.user) {
        (Scheduler::Cron, true) => {
            let crontab = changes.iter().find_map(|change| change.after.as_deref());
            managers::set_crontab(crontab.unwrap_or_default())?;
            super::print("changed the crontab\n")?;
        }
        (Scheduler::Cron, false) => apply(&changes)?,
        (Scheduler::Systemd, _) => with_systemd(how, &changes)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn apply(changes: &[Change]) -> Result<(), Error> {
    for change in changes {
        change.apply()?;
        let did = if change.after.is_some() { "wrote" } else { "removed" };
        super::print(&format!("{did} {}\n", change.path.display()))?;
    }
    Ok(())
}

/// Timers that go are stopped before their files do, and those that are there are started.
fn with_systemd(how: &How, changes: &[Change]) -> Result<(), Error> {
    let systemctl = Systemctl { user: how.user };
    let timers = |there: bool| {
        let some = changes.iter().filter(move |change| change.after.is_some() == there);
        some.map(Change::name).filter(|name| systemd::is_timer(name)).collect::<Vec<_>>()
    };
    let (gone, there) = (timers(false), timers(true));
    let command = |verb: &'static str, timers: &[String]| -> Vec<String> {
        let all = [verb, "--now"].into_iter().map(str::to_owned);
        all.chain(timers.iter().cloned()).collect()
    };
    let is_there = how.root.is_none() && systemctl.is_there();
    if is_there && !gone.is_empty() {
        told(systemctl, &command("disable", &gone))?;
    }
    apply(changes)?;
    let mut next = vec![vec!["daemon-reload".to_owned()]];
    if !there.is_empty() {
        next.push(command("enable", &there));
    }
    if is_there {
        return next.iter().try_for_each(|words| told(systemctl, words));
    }
    let shown: Vec<String> =
        next.iter().map(|words| systemctl.shown(&words.iter().map(String::as_str).collect::<Vec<_>>())).collect();
    super::print(&format!("systemd was told nothing; where it runs, type: {}\n", shown.join(" && ")))
}

fn told(systemctl: Systemctl, words: &[String]) -> Result<(), Error> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let shown = systemctl.shown(&words);
    systemctl.run(&words).map_err(|error| error.hint(format!("type `{shown}` once that is mended, or start over")))?;
    super::print(&format!("did `{shown}`\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_users_crontab_is_on_every_system() {
        use Scheduler::{Cron, Systemd};
        let refused = |system: &str, scheduler, user, root: Option<&str>| {
            let how = How { user, root: root.map(PathBuf::from), dry_run: false, yes: true };
            check_system(system, scheduler, &how, "install").err().map(|error| error.to_string())
        };
        let hint = "hint: `host install cron --user` uses the crontab of the user who calls";
        let said = |missing: &str| Some(format!("error: there is no {missing} on macos\n{hint}"));
        for (scheduler, user, missing) in
            [(Systemd, false, said("systemd")), (Systemd, true, said("systemd")), (Cron, false, said("/etc/cron.d"))]
        {
            assert_eq!(refused("macos", scheduler, user, None), missing);
            assert_eq!(refused("linux", scheduler, user, None), None);
            assert_eq!(refused("macos", scheduler, user, Some("image")), None);
        }
        assert_eq!(refused("macos", Cron, true, None), None);
    }
}
