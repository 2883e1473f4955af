//! Bytes for the tests of invariants: bent at random, the same ones every time.

/// Give a check many texts, each bent at random from one that makes sense: bytes changed, cut, repeated, joined.
pub fn bent(seeds: &[&[u8]], times: usize, check: impl Fn(&[u8])) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end.max(1) as u64) as usize
    };
    seeds.iter().for_each(|seed| check(seed));
    for _ in 0..times {
        let mut bytes = seeds[below(seeds.len())].to_vec();
        for _ in 0..=below(4) {
            let (at, other) = (below(bytes.len() + 1), seeds[below(seeds.len())]);
            match below(5) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, below(256) as u8),
                2 => bytes.extend_from_slice(&other[below(other.len())..]),
                3 => bytes.extend_from_within(at..),
                _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (at % 8)),
            }
        }
        check(&bytes);
    }
}
