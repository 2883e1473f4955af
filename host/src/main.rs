//! `host`: parse, run, exit code.

use std::process::ExitCode;

/// So that compiling has a limit of memory on every system.
#[global_allocator]
static ALLOCATOR: host::Allocator = host::Allocator;

fn main() -> ExitCode {
    host::main()
}
