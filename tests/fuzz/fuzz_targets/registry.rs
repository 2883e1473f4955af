//! See `registry::invariants::registry` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| registry::invariants::registry(bytes));
