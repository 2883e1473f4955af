//! `host`: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    host::main()
}
