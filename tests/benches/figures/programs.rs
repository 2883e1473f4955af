//! The programs that are measured beside the host, and those that help. Where one is not installed its lines say so.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// Where administrators' programs are, such as nginx, which not every user has in `PATH`.
const MORE: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// A program that is installed.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).chain(MORE.map(PathBuf::from));
    directories.map(|directory| directory.join(name)).find(|file| file.is_file())
}

/// A program without which a whole group cannot be measured.
pub(crate) fn need(name: &str) -> Result<PathBuf> {
    find(name).with_context(|| format!("skipped: {name}"))
}

/// The Python interpreter itself: what stands in `PATH` may be a script that looks for it, and takes longer than it.
pub(crate) fn python() -> Option<PathBuf> {
    let output = Command::new(find("python3")?).args(["-c", "import sys; print(sys.executable)"]).output().ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    path.is_file().then_some(path)
}

/// The shell, if it and all programs of `pipeline.sh` are installed.
pub(crate) fn pipeline() -> Option<PathBuf> {
    ["curl", "tee", "sha256sum", "gzip", "bash"].into_iter().map(find).collect::<Option<Vec<_>>>()?.pop()
}

/// A peer that this repository has.
pub(crate) fn peer(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/benches/peers").join(file)
}

/// Print what the figures were measured with.
pub(crate) fn say_versions() {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut parts = vec![format!("{cores} cores")];
    let asked =
        [("nginx", "-v"), ("python3", "-V"), ("curl", "-V"), ("gzip", "-V"), ("pigz", "-V"), ("openssl", "version")];
    for (name, flag) in asked {
        parts.push(find(name).and_then(|program| version(&program, flag)).unwrap_or_else(|| format!("no {name}")));
    }
    println!("{}\n", parts.join(", "));
}

/// The first line that a program says about itself, without what follows the version.
fn version(program: &Path, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    let text = String::from_utf8([output.stdout, output.stderr].concat()).ok()?;
    let line = text.lines().next()?.trim_start_matches("nginx version: ");
    Some(line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}
