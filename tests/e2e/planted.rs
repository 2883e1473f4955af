//! State databases that somebody made to do harm. Whatever is in one, every command ends soon, says in a sentence what is
//! wrong, changes nothing outside the landing directory, and no file of data in it.

mod databases;
mod files;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use harness::{Environment, Origin, Ran, Reply};

use crate::environment;

/// How long a run may take, by its `--timeout`.
const TIMEOUT: &str = "5s";
/// How long any command may take on a busy machine; one that does not end takes for ever.
const LIMIT: Duration = Duration::from_secs(20);
/// How much a database may grow by what the host writes into it, in bytes.
const GROWTH: u64 = 512 * 1024;
/// Most bytes that a command prints of a few rows.
const PRINTED: usize = 1024 * 1024;

/// A zone with two files, and the origin that they came from.
struct Zone {
    environment: Environment,
    origin: &'static Origin,
}

impl Zone {
    fn new() -> Self {
        static ORIGIN: OnceLock<Origin> = OnceLock::new();
        static FILES: OnceLock<BTreeMap<PathBuf, Vec<u8>>> = OnceLock::new();
        let origin = ORIGIN.get_or_init(|| {
            let origin = Origin::start();
            origin.route("/tagged.csv", Reply::new("a,b\n1,2\n").etag("\"one\""));
            origin.route("/plain.csv", Reply::new("c,d\n3,4\n"));
            origin
        });
        // The first zone is made by a run, the others are copies.
        let files = FILES.get_or_init(|| {
            let zone = Self { environment: environment(), origin };
            zone.run("mirror", &[]).exits(0);
            let mut files = BTreeMap::new();
            files_below(&zone.environment.landing(), Path::new("landing"), &mut files);
            files
        });
        let environment = environment();
        environment.write("outside/canary", "untouched");
        for (path, content) in files {
            environment.write(&path.display().to_string(), content);
        }
        Self { environment, origin }
    }

    fn run_command(&self, name: &str, more: &[&str]) -> Command {
        let urls = format!("url={} {}", self.origin.url("/tagged.csv"), self.origin.url("/plain.csv"));
        let arguments = ["--allow-http", &self.origin.grant(), "--param", &urls, "--name", name, "--timeout", TIMEOUT];
        self.environment.run_command("mirror", &[&arguments[..], more].concat())
    }

    fn run(&self, name: &str, more: &[&str]) -> Ran {
        ended(self.run_command(name, more).spawn().expect("the program"))
    }

    fn host(&self, arguments: &[&str]) -> Ran {
        ended(self.environment.command(arguments).spawn().expect("the program"))
    }

    /// Everything outside the landing directory, and what is in it beside the database and what may lie beside that.
    fn everything(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        collect(self.environment.path(), self.environment.path(), &mut found);
        found
    }

    fn database(&self) -> PathBuf {
        self.environment.landing().join(".state.sqlite")
    }

    /// Try every command on what `plant` puts in place of the database. What each said, by its name.
    #[track_caller]
    fn tried(plant: impl Fn(&Self)) -> Said {
        let mut said = BTreeMap::new();
        for command in COMMANDS {
            let zone = Self::new();
            plant(&zone);
            let (before, size) = (zone.everything(), bytes(&zone.database()));
            let ran = match command {
                ["run"] => zone.run("mirror", &[]),
                command => zone.host(command),
            };
            let name = command.join(" ");
            decent(&name, &ran);
            let after = zone.everything();
            assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "{name}: {ran:?}");
            assert!(after == before, "{name} changed a file");
            assert!(
                bytes(&zone.database()) <= size + GROWTH,
                "{name}: {size} bytes grew to {}",
                zone.database().display()
            );
            said.insert(name, ran);
        }
        Said(said)
    }
}

/// Each in a zone of its own.
const COMMANDS: [&[&str]; 5] =
    [&["run"], &["runs", "--limit", "100"], &["verify"], &["verify", "--read-data"], &["repair"]];

/// What the commands printed.
struct Said(BTreeMap<String, Ran>);

impl Said {
    /// Insist on the exit codes, in the order of [`COMMANDS`].
    #[track_caller]
    fn exits(self, codes: [i32; 5]) -> Self {
        let got = COMMANDS.map(|command| self.0[&command.join(" ")].code);
        assert_eq!(got, codes.map(Some), "{:#?}", self.0);
        self
    }

    /// Insist that all commands that failed say this, on standard error or as a finding.
    #[track_caller]
    fn says(self, text: &str) -> Self {
        for (command, ran) in self.0.iter().filter(|(_, ran)| ran.code != Some(0)) {
            assert!(
                ran.stderr.contains(text) || ran.stdout.contains(text),
                "{command} does not say {text:?}: {ran:#?}"
            );
        }
        self
    }
}

/// What a command printed is fit to be read.
#[track_caller]
fn decent(name: &str, ran: &Ran) {
    let Ran { code, stdout, stderr } = ran;
    assert!(matches!(code, Some(0 | 1)), "{name}: {code:?}\n{stderr}");
    let lines = |start| stderr.lines().filter(|line| line.starts_with(start)).count();
    assert!(lines("error: ") <= 1 && lines("hint: ") <= 2, "{name}: {stderr}");
    let findings = stdout.lines().any(|line| line.starts_with("database ") || line.starts_with("stale "));
    assert!(*code == Some(0) || lines("error: ") == 1 || findings, "{name} fails and does not say why: {ran:?}");
    for text in [stdout, stderr] {
        assert!(text.len() <= PRINTED, "{name} prints {} bytes", text.len());
        assert!(!text.contains("panicked"), "{name}: {text}");
        assert!(text.chars().all(|it| it == '\n' || !it.is_control()), "{name} speaks to the terminal: {text:?}");
    }
}

/// What a process left, once it ended. One that does not end fails the test.
#[track_caller]
fn ended(child: Child) -> Ran {
    let (id, (left, ended)) = (child.id().to_string(), mpsc::channel());
    // It may print more than a pipe holds, so it is listened to meanwhile.
    std::thread::spawn(move || left.send(child.wait_with_output()));
    let output = ended.recv_timeout(LIMIT).unwrap_or_else(|_| {
        let killed = Command::new("kill").args(["-s", "KILL", &id]).status();
        panic!("it does not end, and is killed: {killed:?}");
    });
    Ran::new(output.expect("the program"))
}

/// All files below a directory, by their paths below `name`.
fn files_below(directory: &Path, name: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let entry = entry.expect("an entry");
        let name = name.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => files_below(&entry.path(), &name, found),
            false => drop(found.insert(name, fs::read(entry.path()).expect("a file"))),
        }
    }
}

fn bytes(path: &Path) -> u64 {
    fs::symlink_metadata(path).map_or(0, |found| found.len())
}

fn collect(root: &Path, directory: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.strip_prefix(root).expect("below").display().to_string();
        if name.starts_with("landing/.state.sqlite") || name == "landing/.locks/.zone" {
            continue;
        }
        let kind = fs::symlink_metadata(&path).expect("something").file_type();
        if kind.is_dir() {
            collect(root, &path, found);
        } else {
            found.insert(name, if kind.is_file() { fs::read(&path).expect("a file") } else { Vec::new() });
        }
    }
}

#[test]
fn what_is_tried_is_tried_on_a_sound_zone_too() {
    Zone::tried(|_| ()).exits([0, 0, 0, 0, 0]);
}
