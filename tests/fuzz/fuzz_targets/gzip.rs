//! See `host::fuzzing::gzip` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| host::fuzzing::gzip(bytes));
