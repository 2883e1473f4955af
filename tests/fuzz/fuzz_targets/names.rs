//! See `rules::invariants::names` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rules::invariants::names(bytes));
