//! See `host::fuzzing::retry_after` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| host::fuzzing::retry_after(bytes));
