//! `cargo soak`: the tests of faults, for as long as it takes to believe them. The same code as in `cargo test`.

use std::process::ExitCode;

/// What is tried, as it is named for cargo.
const TESTS: [&[&str]; 3] = [
    &[
        "--test",
        "e2e",
        "--",
        "injected",
        "names",
        "power",
        "smith",
        "memory_stays_flat",
        "windows",
        "shards",
        "engines",
        "stores",
        "manifests",
    ],
    &["--package", "zone", "--lib", "--", "conformance"],
    &["--lib", "--", "simulation"],
];

fn main() -> ExitCode {
    for tests in TESTS {
        match harness::cargo().arg("test").args(tests).env("HOST_SOAK", "1").status() {
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
