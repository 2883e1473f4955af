//! See `fetch::invariants::har` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fetch::invariants::har(bytes));
