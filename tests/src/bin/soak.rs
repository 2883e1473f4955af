//! `cargo soak`: the tests of faults, for as long as it takes to believe them. The same code as in `cargo test`.

use std::process::ExitCode;

/// What is tested, and which tests of it.
const SOAKED: [(&[&str], &[&str]); 2] = [
    (
        &["--test", "e2e"],
        &["injected", "names", "power", "smith", "memory_stays_flat", "windows", "shards", "engines", "stores"],
    ),
    (&["--lib"], &["simulation"]),
];

fn main() -> ExitCode {
    for (target, tests) in SOAKED {
        let mut command = harness::cargo();
        command.arg("test").args(target).arg("--").args(tests).env("HOST_SOAK", "1");
        match command.status() {
            Ok(status) if status.success() => {}
            Ok(_) => return ExitCode::FAILURE,
            Err(error) => {
                eprintln!("soak: cannot run cargo: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
