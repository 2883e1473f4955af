//! See `expressions::invariants::expressions` for what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| expressions::invariants::expressions(bytes));
