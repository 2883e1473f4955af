//! Kernels that have less than this machine's: a filter of system calls answers as they do.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::skip;

/// Has a kernel that knows no `openat2`: the call comes back with ENOSYS, as behind systemd's `RestrictSUIDSGID=`.
pub(crate) const WITHOUT_OPENAT2: [&str; 8] = [
    "strace",
    "--seccomp-bpf",
    "-f",
    "-qq",
    "--output=/dev/null",
    "--trace=openat2",
    "--signal=none",
    "--inject=openat2:error=ENOSYS",
];

/// Has a kernel that lacks what macOS lacks: `openat2`, nameless files, renames that never replace, a signal once the
/// parent has ended, a limit of data, locks on ranges of a file. `None`, with the reason printed, where this machine cannot play that.
pub(crate) fn lean() -> Option<Vec<String>> {
    static PREPARED: OnceLock<Option<Vec<String>>> = OnceLock::new();
    let lean = PREPARED.get_or_init(|| {
        // A program that finds the right Python may be in front of it, and start others.
        let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().ok()?;
        let python = String::from_utf8(asked.stdout).ok()?.trim().to_owned();
        let filter = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/lean_kernel.py").display().to_string();
        Some(vec![python, "-I".into(), filter]).filter(|_| asked.status.success())
    });
    let Some(launcher) = lean else {
        skip::missing("the program python3 is not installed");
        return None;
    };
    let works = Command::new(&launcher[0]).args(&launcher[1..]).status().is_ok_and(|status| status.success());
    if !works {
        skip::not_allowed("this machine does not filter system calls");
        return None;
    }
    Some(launcher.clone())
}
