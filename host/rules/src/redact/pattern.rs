//! A text to look for, compared with many readings of another text at once.
//!
//! Pure.

/// How many bytes of a pattern may be before a place in a text: bit n says that n of them may be.
pub type Counts = Box<[u64]>;

/// A text to look for, whose letters are equal in either case.
#[derive(Clone)]
pub struct Pattern {
    length: usize,
    /// For each byte, where it is in the pattern, as a set of the same kind; empty where it is nowhere.
    masks: Vec<Counts>,
}

impl Pattern {
    /// Look for this text, which is not empty.
    pub fn new(text: &[u8]) -> Self {
        let mut masks = vec![Counts::default(); 256];
        for (at, byte) in text.iter().enumerate() {
            for byte in [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] {
                let mask = &mut masks[usize::from(byte)];
                if mask.is_empty() {
                    // All bytes may be before a place, so there is one more number than there are bytes.
                    *mask = vec![0; text.len() / 64 + 1].into();
                }
                mask[at / 64] |= 1 << (at % 64);
            }
        }
        Self { length: text.len(), masks }
    }

    /// How many bytes it has.
    pub fn length(&self) -> usize {
        self.length
    }

    /// What is known where it may begin: none of its bytes are before.
    pub fn begin(&self) -> Counts {
        self.only(0)
    }

    /// What is known where it may end: all of its bytes are before.
    pub fn end(&self) -> Counts {
        self.only(self.length)
    }

    fn only(&self, count: usize) -> Counts {
        let mut counts: Counts = vec![0; self.length / 64 + 1].into();
        counts[count / 64] = 1 << (count % 64);
        counts
    }

    /// Whether it may begin here.
    pub fn begins(counts: &[u64]) -> bool {
        counts[0] & 1 == 1
    }

    /// Whether it may end here.
    pub fn ends(&self, counts: &[u64]) -> bool {
        counts[self.length / 64] >> (self.length % 64) & 1 == 1
    }

    /// What is known behind these bytes, if it may go on with them.
    pub fn after(&self, counts: &[u64], bytes: &[u8]) -> Option<Counts> {
        let mut counts = self.copy_for(counts, bytes)?;
        for byte in bytes {
            let mut carried = 0;
            for (counts, mask) in counts.iter_mut().zip(&self.masks[usize::from(*byte)]) {
                let met = *counts & mask;
                *counts = met << 1 | carried;
                carried = met >> 63;
            }
        }
        counts.iter().any(|counts| *counts > 0).then_some(counts)
    }

    /// What is known in front of these bytes, if it may have them there.
    pub fn before(&self, counts: &[u64], bytes: &[u8]) -> Option<Counts> {
        let mut counts = self.copy_for(counts, bytes)?;
        for byte in bytes.iter().rev() {
            let mask = &self.masks[usize::from(*byte)];
            for at in 0..counts.len() {
                let carried = counts.get(at + 1).map_or(0, |next| next << 63);
                counts[at] = (counts[at] >> 1 | carried) & mask[at];
            }
        }
        counts.iter().any(|counts| *counts > 0).then_some(counts)
    }

    /// A copy to go on with, unless one of these bytes is nowhere in it.
    fn copy_for(&self, counts: &[u64], bytes: &[u8]) -> Option<Counts> {
        let has = |byte: &u8| !self.masks[usize::from(*byte)].is_empty();
        bytes.iter().all(has).then(|| counts.into())
    }
}

/// Add what is known of the same pattern from another reading.
pub fn add(counts: &mut [u64], more: &[u64]) {
    counts.iter_mut().zip(more).for_each(|(counts, more)| *counts |= more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_read_from_either_side() {
        for length in [1, 2, 63, 64, 65, 127, 128, 129, 200] {
            let text: Vec<u8> = (0..length).map(|at| b'a' + (at * at % 23) as u8).collect();
            let pattern = Pattern::new(&text);
            for cut in 0..=text.len() {
                let (first, rest) = text.split_at(cut);
                let after = pattern.after(&pattern.begin(), first).expect("it begins so");
                assert_eq!(pattern.ends(&after), rest.is_empty());
                assert_eq!(pattern.after(&after, &rest.to_ascii_uppercase()), Some(pattern.end()));
                let before = pattern.before(&pattern.end(), rest).expect("it ends so");
                assert_eq!(Pattern::begins(&before), first.is_empty());
                assert_eq!(pattern.before(&before, &first.to_ascii_uppercase()), Some(pattern.begin()));
                assert!(after.iter().zip(&before).any(|(after, before)| after & before > 0));
            }
            assert_eq!(pattern.after(&pattern.end(), b"a"), None);
            assert_eq!(pattern.before(&pattern.begin(), b"a"), None);
            assert_eq!(pattern.after(&pattern.begin(), b"a."), None);
        }
    }
}
