//! What holds for every body, whatever the bytes. For tests and fuzzing only.

use std::io::{self, Read as _};

use sha2::{Digest as _, Sha256};

use super::content::{self, Content, Intake, IntakeError, Limits, Packing};
use super::packer::{pack, repack};

use rules::domain::Digest;

const LIMITS: Limits = Limits { size: 1 << 20, head: 64 };

/// A byte that says how a body is cut into chunks, then the body: how it comes makes no difference, and whatever is
/// taken can be read back as what it was taken for. The body compressed comes back as it was.
pub fn gzip(bytes: &[u8]) {
    let Some((chunk, body)) = bytes.split_first() else { return };
    let chunk = usize::from(*chunk).max(1);
    let content = take(body, chunk);
    assert_eq!(content, take(body, body.len().max(1)), "chunks of {chunk} make a difference");
    if let Ok(content) = content {
        let mut file = Vec::new();
        let stored = match content.packing {
            Packing::AsItCame => {
                // No flag but that of a file name, and nothing behind the first member.
                assert_eq!(body[3] & !0b0000_1000, 0);
                let mut first = flate2::bufread::GzDecoder::new(body);
                assert!(io::copy(&mut first, &mut io::sink()).is_ok() && first.into_inner().is_empty());
                file.extend_from_slice(body);
                Ok(())
            }
            Packing::Compress => pack(body, &mut file),
            Packing::Repack => repack(body, &mut file),
        };
        assert!(stored.is_ok(), "{content:?} was taken, and cannot be stored: {stored:?}");
        assert_eq!(identity(&file), Some((content.digest, content.size)), "{content:?} is stored as something else");
    }
    let mut packed = Vec::new();
    assert!(pack(body, &mut packed).is_ok());
    assert_eq!(identity(&packed), Some((Digest(Sha256::digest(body).into()), body.len() as u64)));
    assert_eq!(take(&packed, chunk).map(|content| content.packing), Ok(Packing::AsItCame));
}

fn take(body: &[u8], chunk: usize) -> Result<Content, IntakeError> {
    let mut intake = Intake::new(LIMITS);
    body.chunks(chunk).try_for_each(|piece| intake.push(piece))?;
    intake.finish()
}

/// What the host reads in a file, and any other reader as well.
fn identity(file: &[u8]) -> Option<(Digest, u64)> {
    let ours = content::identify(file).ok()?;
    let mut content = Vec::new();
    let theirs = flate2::read::MultiGzDecoder::new(file).read_to_end(&mut content).is_ok();
    let theirs = theirs.then(|| (Digest(Sha256::digest(&content).into()), content.len() as u64));
    assert_eq!(ours, theirs, "another reader reads something else");
    ours
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::fuzzing::bent;

    #[test]
    fn any_body_is_read_back_as_it_was_taken() {
        let mut member = Vec::new();
        pack(&b"city,courts\nMalaga,41\n"[..], &mut member).expect("memory");
        let two = [&[7], &member[..], &member].concat();
        let mut named = two.clone();
        named[4] = 0b0000_1000;
        bent(&[b"\x03city,courts\nMalaga,41\n", &two, &two[..two.len() / 2 + 1], &named], 3_000, gzip);
    }
}
