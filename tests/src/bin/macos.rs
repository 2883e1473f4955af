//! `cargo macos`: the check for macOS, on any system.

use std::process::ExitCode;

fn main() -> ExitCode {
    match harness::macos::check() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("macos: {reason}");
            ExitCode::FAILURE
        }
    }
}
