//! See `host::fuzzing::manifest` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| host::fuzzing::manifest(bytes));
