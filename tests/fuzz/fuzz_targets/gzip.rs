//! See `zone::invariants::gzip` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zone::invariants::gzip(bytes));
