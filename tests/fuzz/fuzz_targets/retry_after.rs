//! See `rules::invariants::retry_after` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rules::invariants::retry_after(bytes));
