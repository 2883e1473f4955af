//! How long the tests of faults go on: a little in every run, much in `cargo soak`.

/// `few` in every run of the tests, `many` in `cargo soak`.
pub fn times(few: usize, many: usize) -> usize {
    if is_on() { many } else { few }
}

/// Whether this is `cargo soak`, where a test may take long, and need what is heavy to install.
pub fn is_on() -> bool {
    std::env::var_os("HOST_SOAK").is_some()
}

/// Numbers that look random and are the same in every run, so that a failure can be had again.
pub struct Numbers(u64);

impl Numbers {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number, below `end` (xorshift64*; Vigna, "An experimental exploration of Marsaglia's xorshift generators").
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % end.max(1)
    }
}
