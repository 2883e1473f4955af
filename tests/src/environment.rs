//! A place to run the program in: a landing directory of its own, no configuration but the test's, nobody's home.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use flate2::read::MultiGzDecoder;
use rusqlite::Connection;
use serde_json::Value;

use crate::kernels;

/// The component of a guest, built where that is necessary.
pub fn guest(name: &str) -> PathBuf {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| match builder::build(&builder::ALL) {
        Ok(paths) => paths,
        Err(error) => panic!("the guests cannot be built: {error:#}"),
    });
    let file = format!("{name}.wasm");
    let found = built.iter().find(|path| path.file_name() == Some(OsStr::new(&file)));
    found.unwrap_or_else(|| panic!("there is no guest {name}")).clone()
}

/// A component's bytes with its manifest hidden: the section that held it has another name of the same length.
pub fn without_manifest(component: &Path) -> Vec<u8> {
    const SECTION: &[u8] = b"landing:manifest";
    let mut bytes = fs::read(component).expect("a component");
    let at = bytes.windows(SECTION.len()).position(|part| part == SECTION).expect("a manifest");
    bytes[at..at + SECTION.len()].copy_from_slice(b"landing:no-such!");
    bytes
}

/// What a finished program left.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; `None` where a signal killed it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// What a finished process left.
    pub fn new(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The JSON on standard output.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON: {error}\n{self:?}"))
    }

    /// Insist on an exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Insist that standard error says something, on one line or on several.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(unwrapped(&self.stderr).contains(text), "nothing says {text:?}:\n{}", self.stderr);
        self
    }
}

/// A text with the lines that go on in the next one put together again.
pub fn unwrapped(text: &str) -> String {
    text.replace("\n      ", " ")
}

/// `outer` with `inner` behind it, in the directory and environment of `inner`.
pub fn under(mut outer: Command, inner: &Command) -> Command {
    outer.arg(inner.get_program()).args(inner.get_args()).env_clear();
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(directory) = inner.get_current_dir() {
        outer.current_dir(directory);
    }
    outer
}

/// A place to run the program in.
pub struct Environment {
    program: PathBuf,
    directory: tempfile::TempDir,
    /// What the program and its children are started behind.
    launcher: Vec<String>,
}

impl Environment {
    /// An empty place for the program at `program`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self { program: program.into(), directory, launcher: Vec::new() }
    }

    /// The same on a kernel that has no `openat2`. It takes `strace`.
    pub fn without_openat2(self) -> Self {
        Self { launcher: kernels::WITHOUT_OPENAT2.map(str::to_owned).into(), ..self }
    }

    /// The same on a kernel that lacks all that macOS lacks, as far as this machine can play that. It takes `python3`.
    pub fn on_a_lean_kernel(self) -> Option<Self> {
        Some(Self { launcher: kernels::lean()?, ..self })
    }

    /// The working directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The landing directory.
    pub fn landing(&self) -> PathBuf {
        self.path().join("landing")
    }

    /// Write a file into the working directory.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(&path, content).expect("a file");
        path
    }

    /// The program with arguments, not started. Compiled components are shared by all tests: they are found by digest.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = match &self.launcher[..] {
            [] => Command::new(&self.program),
            [launcher, arguments @ ..] => {
                let mut command = Command::new(launcher);
                command.args(arguments).arg("--").arg(&self.program);
                command
            }
        };
        let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/compiled");
        fs::create_dir_all(&cache).expect("a directory");
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANDING_DIR", self.landing())
            .env("XDG_CACHE_HOME", cache.canonicalize().expect("a directory"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Run the program with arguments.
    pub fn host<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        Ran::new(self.command(arguments).output().expect("the program"))
    }

    /// `host run` of a guest with `--json` and more arguments.
    pub fn run(&self, guest_name: &str, arguments: &[&str]) -> Ran {
        Ran::new(self.run_command(guest_name, arguments).output().expect("the program"))
    }

    /// `host run` of a guest, started and not waited for.
    pub fn spawn(&self, guest_name: &str, arguments: &[&str]) -> Child {
        self.run_command(guest_name, arguments).spawn().expect("the program")
    }

    /// `host run` of a guest with `--json` and more arguments, not started.
    pub fn run_command(&self, guest_name: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(["run"]);
        command.arg(guest(guest_name)).arg("--json").args(arguments);
        command
    }

    /// All files below the landing directory but the host's own, with their decompressed content.
    pub fn landed(&self) -> BTreeMap<String, Vec<u8>> {
        self.stored().into_iter().map(|(path, packed)| (path.clone(), unpack(&path, &packed))).collect()
    }

    /// All files below the landing directory but the host's own, byte for byte.
    pub fn stored(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.landing(), &self.landing(), &mut files);
        files
    }

    /// The paths of [`Environment::landed`].
    pub fn paths(&self) -> Vec<String> {
        self.landed().into_keys().collect()
    }

    /// Everything below the landing directory, hidden files and left-overs included, but without the state database.
    pub fn everything(&self) -> Vec<String> {
        let mut found = Vec::new();
        all(&self.landing(), &self.landing(), &mut found);
        found.sort();
        found
    }

    /// The state database.
    pub fn state(&self) -> Connection {
        Connection::open(self.landing().join(".state.sqlite")).expect("a state database")
    }

    /// The first column of a query's rows, as text.
    pub fn query(&self, sql: &str) -> Vec<String> {
        let state = self.state();
        let mut statement = state.prepare(sql).expect(sql);
        let text = |row: &rusqlite::Row<'_>| {
            let value: rusqlite::types::Value = row.get(0)?;
            Ok(match value {
                rusqlite::types::Value::Null => "NULL".to_owned(),
                rusqlite::types::Value::Integer(number) => number.to_string(),
                rusqlite::types::Value::Text(text) => text,
                other => format!("{other:?}"),
            })
        };
        statement.query_map([], text).expect(sql).map(|row| row.expect(sql)).collect()
    }
}

fn unpack(path: &str, packed: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    MultiGzDecoder::new(packed)
        .read_to_end(&mut content)
        .unwrap_or_else(|error| panic!("{path} is not whole: {error}"));
    content
}

fn collect(root: &Path, directory: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        let relative = path.strip_prefix(root).expect("below the root").display().to_string();
        if relative.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            files.insert(relative, fs::read(&path).expect("a file"));
        }
    }
}

fn all(root: &Path, directory: &Path, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        let relative = path.strip_prefix(root).expect("below the root").display().to_string();
        if path.is_dir() {
            all(root, &path, found);
        } else if !relative.starts_with(".state.sqlite") && !relative.starts_with(".locks/") {
            found.push(relative);
        }
    }
}
