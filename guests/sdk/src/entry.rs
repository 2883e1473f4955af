//! One file in a zip: what its header says, its data, and whether that is what it should be; pure.

use flate2::Crc;

use crate::Error;
use crate::inflate::{Inflate, number};

/// Stands where a number has no room, and is in the extra field.
pub(crate) const ELSEWHERE: u64 = 0xffff_ffff;
/// Most bytes of a piece that is stored as it is.
pub(crate) const PIECE: usize = 64 * 1024;

/// A file that goes on.
pub(crate) struct Entry {
    /// What its checksum and its sizes are; none where they stand behind it.
    pub(crate) sums: Option<Sums>,
    /// Whether its sizes have eight bytes.
    pub(crate) large: bool,
    data: Data,
}

/// CRC-32, bytes packed, bytes unpacked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sums(pub(crate) u64, pub(crate) u64, pub(crate) u64);

enum Data {
    Stored { left: u64, crc: Crc },
    Deflated(Box<Inflate>),
}

impl Entry {
    /// Begin the file that this header is of.
    pub(crate) fn begin(header: &[u8]) -> Result<(String, Self), Error> {
        let at = |from: usize, length: usize| number(&header[from..from + length]);
        let (flags, method, crc) = (at(6, 2), at(8, 2), at(14, 4));
        let (mut packed, mut unpacked) = (at(18, 4), at(22, 4));
        let (name, extra) = header[30..].split_at(at(26, 2) as usize);
        let name = String::from_utf8_lossy(name).into_owned();
        if flags & 1 != 0 {
            return Err(Error::new(format_args!("{name:?} in it is encrypted")));
        }
        let large = large(extra);
        if let Some(sizes) = large {
            if unpacked == ELSEWHERE {
                unpacked = number(sizes.get(..8).unwrap_or_default());
            }
            if packed == ELSEWHERE {
                packed = number(sizes.get(8..16).unwrap_or_default());
            }
        }
        // The sizes of a folder are known wherever they stand.
        let behind = flags & 8 != 0;
        let data = match method {
            0 if behind && !name.ends_with('/') => {
                return Err(Error::new(format_args!(
                    "{name:?} in it is stored without its size, so that its end is unknown"
                )));
            }
            0 => Data::Stored { left: if behind { 0 } else { packed }, crc: Crc::new() },
            8 => Data::Deflated(Box::new(Inflate::new())),
            _ => {
                return Err(Error::new(format_args!(
                    "{name:?} in it is packed by method {method}, and not by deflate"
                )));
            }
        };
        let sums = (!behind).then_some(Sums(crc, packed, unpacked));
        Ok((name, Self { sums, large: large.is_some(), data }))
    }

    /// More of it: how many bytes were taken, what they hold, and whether that was all.
    pub(crate) fn step(&mut self, input: &[u8]) -> Result<(usize, Vec<u8>, bool), Error> {
        match &mut self.data {
            Data::Stored { left, crc } => {
                let used = input.len().min(PIECE).min(usize::try_from(*left).unwrap_or(PIECE));
                *left -= used as u64;
                crc.update(&input[..used]);
                Ok((used, input[..used].to_vec(), *left == 0))
            }
            Data::Deflated(inflate) => {
                let (used, piece) = inflate.step(input)?;
                Ok((used, piece, inflate.ended()))
            }
        }
    }

    /// Whether it may go on without another byte.
    pub(crate) fn is_pending(&self) -> bool {
        !matches!(&self.data, Data::Stored { left, .. } if *left > 0)
    }

    /// Whether it is what these say.
    pub(crate) fn is(&self, Sums(crc, packed, unpacked): Sums) -> bool {
        match &self.data {
            // Its size says where it ends.
            Data::Stored { crc: actual, .. } => u64::from(actual.sum()) == crc && packed == unpacked,
            Data::Deflated(inflate) => u64::from(inflate.sum().0) == crc && inflate.sizes() == (packed, unpacked),
        }
    }
}

/// The extra field of sizes that have eight bytes, where there is one.
fn large(mut extra: &[u8]) -> Option<&[u8]> {
    while extra.len() >= 4 {
        let (kind, length) = (number(&extra[..2]), number(&extra[2..4]) as usize);
        let field = extra.get(4..4 + length)?;
        if kind == 1 {
            return Some(field);
        }
        extra = &extra[4 + length..];
    }
    None
}
