//! See `rules::invariants::framing` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rules::invariants::framing(bytes));
