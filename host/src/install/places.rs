//! What a setup speaks of, found out on this machine: where things are, and as whom extractors run.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Account, Setup, WATCH};
use crate::config::{Configuration, Scheduled, is_reference};
use crate::error::Error;
use crate::landing::Landing;
use crate::shipping;
use rules::text;

/// Where systemd keeps the directories of the users that it makes, and where they are seen.
const STATE: &str = "/var/lib";
const PRIVATE: &str = "/var/lib/private";
/// What a unit does not see unless it is told so, and what it has one of its own of.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];
/// Most bytes of a file of the machine's that are read.
const MAX_MACHINE_FILE: u64 = 1024 * 1024;

/// What the operator said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wishes<'a> {
    /// Whether the user's own scheduler is meant.
    pub(crate) user: bool,
    /// As whom extractors run.
    pub(crate) run_as: Option<&'a str>,
    /// The landing directory.
    pub(crate) landing: Option<&'a Path>,
    /// Whether it is systemd that starts them.
    pub(crate) systemd: bool,
}

/// The setup, and what to warn about.
pub(crate) fn setup(configuration: &Configuration, wishes: Wishes<'_>) -> Result<(Setup, Vec<String>), Error> {
    let jobs = jobs(configuration)?;
    check_secrets(&jobs, wishes.systemd)?;
    let config = absolute(&configuration.path)?;
    let (landing, directory) = match configuration.landing(wishes.landing)? {
        Landing::Directory(path) => absolute(&path).map(|path| (path.clone(), Some(path)))?,
        Landing::Store(place) => (place.address.to_string(), None),
    };
    let account = match &directory {
        _ if wishes.user => Account::Own,
        Some(directory) => account(directory, wishes)?,
        None => account_of_a_store(&landing, wishes)?,
    };
    check_owner(&config, &account)?;
    let program =
        std::env::current_exe().map_err(|error| Error::usage(format!("cannot find this program: {error}")))?;
    let program = checked(&program)?;
    let folder = parent(&config);
    let (shipped, files): (Vec<_>, Vec<_>) = jobs.iter().partition(|job| is_reference(&job.component));
    let lacking = configuration.without_component();
    let mut warnings: Vec<String> = lacking.iter().map(|name| format!("{}, and is left out", lacks(name))).collect();
    for reference in shipped.into_iter().filter_map(|job| shipping::reference(&job.component)) {
        let reference = reference?;
        // So that it is told now, and not when it is due.
        shipping::locked(configuration, &reference)?;
        if wishes.systemd && !wishes.user {
            warnings.push(format!(
                "{reference}: what is scheduled gets it by itself when it is due, without your credentials"
            ));
        }
    }
    let components = files.iter().map(|job| absolute(&job.component)).collect::<Result<Vec<_>, _>>()?;
    let all = || components.iter().chain([&program, &config]).chain(&directory);
    if wishes.systemd && !wishes.user {
        let temporary = all().filter(|path| below(path, &TEMPORARY));
        warnings.extend(temporary.map(|path| {
            format!("{path}: the units have a directory for temporary files of their own, and will not find it")
        }));
    }
    if directory.is_none() {
        warnings.push(format!(
            "{landing}: what is scheduled has none of your variables, so that its credentials have to be those of a profile \
             or of the machine's role"
        ));
    }
    let own_zone = clock::local_zone();
    for job in &jobs {
        if let Some(zone) = job.zone.as_deref().filter(|zone| !wishes.systemd && own_zone.iana_name() != Some(zone)) {
            warnings.push(format!(
                "{}: the time zone {zone} counts for some crons; Debian's goes by the machine's",
                job.name
            ));
        }
        let unset = job.variables.iter();
        warnings.extend(unset.map(|variable| {
            format!("{}: a secret is in the variable {variable}, which nobody sets for what is scheduled", job.name)
        }));
    }
    let metrics = configuration.textfile().map(|path| absolute(&path)).transpose()?.map(|path| parent(&path));
    let in_homes = all().any(|path| below(path, &HOMES));
    let credentials = match wishes.user && wishes.systemd {
        true => format!("{}/credstore", absolute(&user_folder()?)?),
        false => "/etc/credstore".into(),
    };
    let setup = Setup {
        tell_landing: wishes.landing.is_some_and(|path| !path.as_os_str().is_empty()) || !configuration.says_landing(),
        program,
        config,
        folder,
        landing,
        directory,
        account,
        in_homes,
        credentials,
        jobs,
        metrics,
        told_credentials: configuration.told_credentials(),
        seed: seed(),
    };
    Ok((setup, warnings))
}

/// What is to be scheduled.
fn jobs(configuration: &Configuration) -> Result<Vec<Scheduled>, Error> {
    let jobs = configuration.scheduled();
    let shown = configuration.path.display();
    if let (true, [name, ..]) = (jobs.is_empty(), &configuration.without_component()[..]) {
        return Err(Error::usage(format!("{shown}: {}", lacks(name)))
            .hint(format!("`component = \"FILE.wasm\"` under [extractor.{name}] says what is started")));
    }
    if jobs.is_empty() {
        return Err(Error::usage(format!("no extractor in {shown} has a schedule"))
            .hint("`schedule = \"0 6 * * *\"` under [extractor.NAME], beside `component`, gives it one"));
    }
    if jobs.iter().any(|job| job.name == WATCH) {
        return Err(Error::usage(format!(
            "the extractor `{WATCH}` cannot be installed: the units of that name are the host's own"
        ))
        .hint(format!("give it another name in {shown}")));
    }
    Ok(jobs)
}

fn lacks(name: &str) -> String {
    format!("the extractor `{name}` has a schedule and no component")
}

/// Where a user's configuration is.
pub(crate) fn user_folder() -> Result<PathBuf, Error> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    folder
        .ok_or_else(|| Error::usage("there is no home, since HOME is not set").hint("leave `--user` out, or set HOME"))
}

/// A path from the root, as a text that can stand in a unit and in a crontab.
pub(crate) fn absolute(path: &Path) -> Result<String, Error> {
    let absolute = std::path::absolute(path)
        .map_err(|error| Error::usage(format!("cannot tell where {} is: {error}", path.display())))?;
    checked(&absolute)
}

fn checked(path: &Path) -> Result<String, Error> {
    match path.to_str() {
        Some(path) if !text::is_tricky(path) => Ok(path.to_owned()),
        _ => Err(Error::usage(format!("{}: a scheduler cannot be told of such a path", path.display()))
            .hint("use a path without control characters, in UTF-8")),
    }
}

fn parent(path: &str) -> String {
    Path::new(path).parent().and_then(Path::to_str).unwrap_or("/").to_owned()
}

fn below(path: &str, directories: &[&str]) -> bool {
    directories.iter().any(|directory| Path::new(path).starts_with(directory))
}

/// A secret that the scheduler cannot pass keeps each run from starting.
fn check_secrets(jobs: &[Scheduled], systemd: bool) -> Result<(), Error> {
    match jobs.iter().find(|job| !systemd && !job.credentials.is_empty()) {
        None => Ok(()),
        Some(job) => Err(Error::usage(format!(
            "cron passes no credentials, and {} has a secret in `{}`",
            job.name,
            job.credentials.join("`, `")
        ))
        .hint("`from = { file = \"PATH\" }` works everywhere; systemd passes credentials")),
    }
}

/// As whom extractors run that land in an object store: as who was named, since no directory tells.
fn account_of_a_store(landing: &str, wishes: Wishes<'_>) -> Result<Account, Error> {
    let Some(user) = wishes.run_as else {
        return Err(Error::usage(format!("{landing} belongs to no user of this machine"))
            .hint("`--run-as USER` says who runs the extractors; `--user` schedules them for yourself"));
    };
    run_as(user)
}

/// The user that was named.
fn run_as(user: &str) -> Result<Account, Error> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if user.is_empty() || user.len() > 64 || user.starts_with('-') || !user.bytes().all(plain) {
        return Err(Error::usage(format!("`{}` is no name of a user", text::quoted(user))));
    }
    Ok(Account::User(user.to_owned()))
}

/// As whom extractors run that the system starts: as who was named, else as whom the landing directory belongs to. Below
/// `/var/lib`, where there is none yet, systemd makes a user.
fn account(landing: &str, wishes: Wishes<'_>) -> Result<Account, Error> {
    let found = std::fs::metadata(landing);
    if let Some(user) = wishes.run_as {
        let account = run_as(user)?;
        return if found.is_err() { Err(missing(landing, user)) } else { Ok(account) };
    }
    let state = Path::new(landing).strip_prefix(STATE).ok().and_then(Path::to_str).filter(|state| !state.is_empty());
    let is_made = std::fs::canonicalize(landing).is_ok_and(|path| path.starts_with(PRIVATE));
    match (state, &found) {
        (Some(state), _) if wishes.systemd && (is_made || is_missing(&found)) && !state.starts_with("private") => {
            Ok(Account::Made(state.to_owned()))
        }
        (_, Ok(found)) if found.uid() != 0 => Ok(Account::User(user_name(found.uid()))),
        (_, Ok(_)) => Err(Error::usage(format!("{landing} belongs to root, and extractors do not run as root"))
            .hint("name a user whose it is to be with `--run-as USER`, and give it to that user with `chown`")),
        (_, Err(_)) => Err(missing(landing, "USER")
            .hint("a landing directory in /var/lib needs neither with systemd, which makes a user for it")),
    }
}

fn missing(landing: &str, user: &str) -> Error {
    let shown = text::shell(landing);
    Error::usage(format!("there is no landing directory {landing} yet"))
        .hint(format!("`install -d -o {user} {shown}` makes it for a user"))
}

fn is_missing(found: &io::Result<std::fs::Metadata>) -> bool {
    matches!(found, Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// The host reads no configuration of a user who is neither root nor the one that runs it.
fn check_owner(config: &str, account: &Account) -> Result<(), Error> {
    let Ok(found) = std::fs::metadata(config) else { return Ok(()) };
    let user = match account {
        Account::Own => return Ok(()),
        Account::User(user) => Some(user.as_str()),
        Account::Made(_) => None,
    };
    let owner = user_name(found.uid());
    // Who is in no list of this machine cannot be compared.
    if found.uid() == 0 || user == Some(&owner) || user == Some(&found.uid().to_string()) {
        return Ok(());
    }
    let user = user.unwrap_or("a user that systemd makes");
    Err(Error::usage(format!("{config} belongs to {owner}, and extractors would run as {user}, who does not trust it"))
        .hint(format!("`chown root {}` makes it everybody's to rely on", text::shell(config))))
}

/// The name of a user in `/etc/passwd`, else the number, which serves as well.
fn user_name(uid: u32) -> String {
    named(&machine_file("/etc/passwd"), uid).map_or(uid.to_string(), str::to_owned)
}

fn named(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid)).then_some(name)
    })
}

/// What sets this machine apart: its number, or its name where it has none.
fn seed() -> u64 {
    seed_of(&machine_file("/etc/machine-id"), rustix::system::uname().nodename().to_bytes())
}

fn seed_of(number: &str, name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    number.hash(&mut hasher);
    if number.is_empty() {
        name.hash(&mut hasher);
    }
    hasher.finish()
}

/// What a file of the machine's says; nothing where it cannot be read, which no answer depends on.
fn machine_file(path: &str) -> String {
    let mut said = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "this is the machine's file, not the landing zone's")]
    let opened = std::fs::File::open(path);
    let _ = opened.and_then(|file| file.take(MAX_MACHINE_FILE).read_to_end(&mut said));
    String::from_utf8(said).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_numbers() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\npadel:x:1000:1000::/home/padel:/bin/sh\n";
        assert_eq!([0, 1000, 7].map(|uid| named(passwd, uid)), [Some("root"), Some("padel"), None]);
    }

    #[test]
    fn machines_are_told_apart_by_their_numbers_or_their_names() {
        assert_eq!(seed_of("1\n", b"one"), seed_of("1\n", b"two"));
        assert_ne!(seed_of("1\n", b"one"), seed_of("2\n", b"one"));
        assert_ne!(seed_of("", b"one"), seed_of("", b"two"));
    }

    #[test]
    fn a_path_is_below_a_directory_by_whole_names() {
        assert!(below("/home/x", &HOMES) && below("/tmp", &TEMPORARY));
        assert!(!below("/homestead/x", &HOMES) && !below("/srv/home", &HOMES));
    }
}
