//! `cargo licences`: the licences of all that is linked into what a release gives out.

use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let written = harness::licences::file().and_then(|text| {
        std::io::stdout().write_all(text.as_bytes()).map_err(|error| format!("cannot write them: {error}"))
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("licences: {reason}");
            ExitCode::FAILURE
        }
    }
}
