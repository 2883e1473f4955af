//! Decoding gzip as it arrives, with its end checked: RFC 1952 members, one after another, and nothing behind them but
//! zeros, which tapes and some writers pad with and `gzip -d` takes.
//!
//! Pure over bytes. It hands out output in small pieces, so that the caller's limits act before memory does.

use flate2::{Decompress, FlushDecompress, Status};

/// Most output that one call of the sink gets, in bytes.
const PIECE: usize = 64 * 1024;
/// The two bytes that open every member (RFC 1952, 2.3.1), and the only method there is.
pub const MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];

/// Most decoded bytes for each byte of gzip. Real data stays far below; the format's own limit is about 1,000.
const MAX_RATIO: u64 = 250;
/// Below this many decoded bytes a ratio does no harm, and says little.
const RATIO_FROM: u64 = 16 * 1024 * 1024;
/// What to say of data that passes the ratio.
pub const BOMB: &str = "the gzip data decompresses to more than 250 times its size";

/// Whether that much output from that much input is no data but an attack.
pub fn is_bomb(input: u64, output: u64) -> bool {
    output > RATIO_FROM && output / MAX_RATIO > input
}

/// Why bytes are not whole gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GzipError {
    /// The stream breaks the format, or a checksum fails.
    #[error("the gzip data is corrupt")]
    Corrupt,
    /// The bytes ended inside a member.
    #[error("the gzip data is truncated")]
    Truncated,
    /// Something that is no member follows the last one.
    #[error("the gzip data is followed by something else")]
    Trailing,
}

/// Why decoding stopped.
#[derive(Debug)]
pub enum Stop<E> {
    /// The input is at fault.
    Gzip(GzipError),
    /// The sink refused.
    Sink(E),
}

impl<E> From<GzipError> for Stop<E> {
    fn from(error: GzipError) -> Self {
        Self::Gzip(error)
    }
}

/// A decoder in the middle of its input.
pub struct Gunzip {
    inner: Decompress,
    output: Vec<u8>,
    members: u64,
    in_member: bool,
    /// Bytes of a member's magic number already seen; they may be split over chunks.
    matched: usize,
    /// Whether zeros followed the last member; nothing else may come after them.
    padded: bool,
}

impl Default for Gunzip {
    fn default() -> Self {
        Self { inner: fresh(), output: vec![0; PIECE], members: 0, in_member: false, matched: 0, padded: false }
    }
}

fn fresh() -> Decompress {
    Decompress::new_gzip(15)
}

impl Gunzip {
    /// Decode `input`, giving the output to `sink` in pieces of at most 64 KiB.
    pub fn push<E>(&mut self, mut input: &[u8], mut sink: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), Stop<E>> {
        while !input.is_empty() {
            if !self.in_member {
                input = self.open_member(input)?;
                if !self.in_member {
                    return Ok(());
                }
                if self.members > 0 {
                    self.inner = fresh();
                }
                // The magic number may have come in an earlier chunk, so it is given from here.
                self.step(&MAGIC, &mut sink)?;
            }
            let used = self.step(input, &mut sink)?;
            input = &input[used..];
        }
        Ok(())
    }

    /// Match a member's first bytes; what follows them is returned.
    fn open_member<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], GzipError> {
        for (at, byte) in input.iter().enumerate() {
            if *byte == 0 && self.members > 0 && self.matched == 0 {
                self.padded = true;
                continue;
            }
            if self.padded || *byte != MAGIC[self.matched] {
                return Err(if self.members == 0 { GzipError::Corrupt } else { GzipError::Trailing });
            }
            self.matched += 1;
            if self.matched == MAGIC.len() {
                self.matched = 0;
                self.in_member = true;
                return Ok(&input[at + 1..]);
            }
        }
        Ok(&[])
    }

    /// Decode until `input` is used up or the member ends; the number of bytes used.
    fn step<E>(&mut self, input: &[u8], sink: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<usize, Stop<E>> {
        let mut used = 0;
        loop {
            let (before_in, before_out) = (self.inner.total_in(), self.inner.total_out());
            let status = self
                .inner
                .decompress(&input[used..], &mut self.output, FlushDecompress::None)
                .map_err(|_| GzipError::Corrupt)?;
            used += delta(self.inner.total_in(), before_in);
            let made = delta(self.inner.total_out(), before_out);
            if made > 0 {
                sink(&self.output[..made]).map_err(Stop::Sink)?;
            }
            if status == Status::StreamEnd {
                self.in_member = false;
                self.members += 1;
                return Ok(used);
            }
            // A full output buffer may hide more output; only a short one means that the input is spent.
            if used == input.len() && made < self.output.len() {
                return Ok(used);
            }
            if used < input.len() && made == 0 && self.inner.total_in() == before_in {
                return Err(GzipError::Corrupt.into());
            }
        }
    }

    /// Whether zeros followed the last member.
    pub fn is_padded(&self) -> bool {
        self.padded
    }

    /// Say that the input is over; the number of members it held.
    pub fn finish(&self) -> Result<u64, GzipError> {
        if self.in_member || self.members == 0 {
            return Err(GzipError::Truncated);
        }
        if self.matched > 0 {
            return Err(GzipError::Trailing);
        }
        Ok(self.members)
    }
}

fn delta(after: u64, before: u64) -> usize {
    // Both counters move by at most a buffer's length in one call.
    usize::try_from(after - before).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).expect("memory");
        encoder.finish().expect("memory")
    }

    fn gunzip(input: &[u8], chunk: usize) -> Result<(Vec<u8>, u64), GzipError> {
        let mut decoder = Gunzip::default();
        let mut content = Vec::new();
        for piece in input.chunks(chunk) {
            decoder
                .push(piece, |output| {
                    content.extend_from_slice(output);
                    Ok::<(), Infallible>(())
                })
                .map_err(|stop| match stop {
                    Stop::Gzip(error) => error,
                    Stop::Sink(never) => match never {},
                })?;
        }
        decoder.finish().map(|members| (content, members))
    }

    #[test]
    fn members_decode_whatever_the_chunks() {
        let long = b"padel,court\n".repeat(40_000);
        let two = [gzip(b"a,b\n"), gzip(&long)].concat();
        for chunk in [1, 2, 3, 7, 4096, two.len()] {
            let (content, members) = gunzip(&two, chunk).expect("whole");
            assert_eq!((content.len(), members), (4 + long.len(), 2), "chunks of {chunk}");
        }
        assert_eq!(gunzip(&gzip(b""), 5), Ok((vec![], 1)));
    }

    #[test]
    fn every_truncation_is_seen() {
        let whole = gzip(b"a,b\n1,2\n");
        for end in 0..whole.len() {
            assert_eq!(gunzip(&whole[..end], 3), Err(GzipError::Truncated), "cut at {end}");
        }
    }

    #[test]
    fn what_follows_the_last_member_is_seen() {
        let whole = gzip(b"a,b\n");
        for junk in [&b"\0junk"[..], b"\0\x1f\x8b\x08", b"junk", &[0x1f], &[0x1f, 0x8b], &[0x1f, 0x8b, 0x07]] {
            assert_eq!(gunzip(&[&whole[..], junk].concat(), 4), Err(GzipError::Trailing), "{junk:?}");
        }
        assert_eq!(gunzip(b"a,b\n", 4), Err(GzipError::Corrupt));
    }

    #[test]
    fn zeros_behind_the_last_member_are_padding() {
        let whole = gzip(b"a,b\n");
        for zeros in [1, 511, 70_000] {
            assert_eq!(gunzip(&[&whole[..], &vec![0; zeros]].concat(), 64), Ok((b"a,b\n".to_vec(), 1)));
        }
        assert_eq!(gunzip(&[0; 512], 64), Err(GzipError::Corrupt));
    }

    #[test]
    fn a_flipped_bit_in_content_or_checksum_is_seen() {
        let whole = gzip(&b"padel".repeat(50));
        for at in 10..whole.len() {
            let mut bent = whole.clone();
            bent[at] ^= 4;
            assert!(gunzip(&bent, 16).is_err(), "bit flipped in byte {at}");
        }
    }
}
