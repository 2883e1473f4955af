//! `host`: parse, run, exit code.

use std::process::ExitCode;

/// That of musl is slow, and takes one lock for all threads.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    host::main()
}
