//! See `engine::invariants::manifest` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| engine::invariants::manifest(bytes));
