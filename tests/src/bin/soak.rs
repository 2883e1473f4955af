//! `cargo soak`: the tests of faults, for as long as it takes to believe them. The same code as in `cargo test`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut command = harness::cargo();
    command
        .args([
            "test",
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
        ])
        .env("HOST_SOAK", "1");
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: cannot run cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
