//! Hashes, keyed and not.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::domain::signature::{Encoding, Hash};

/// What takes bytes piece by piece.
pub(super) type Take<'a> = &'a mut dyn FnMut(&[u8]);

/// The HMAC (RFC 2104) of what `give` gives.
pub(super) fn keyed(hash: Hash, key: &[u8], give: impl FnOnce(Take<'_>)) -> Vec<u8> {
    match hash {
        Hash::Sha1 => keyed_by::<Hmac<Sha1>>(key, give),
        Hash::Sha256 => keyed_by::<Hmac<Sha256>>(key, give),
        Hash::Sha384 => keyed_by::<Hmac<Sha384>>(key, give),
        Hash::Sha512 => keyed_by::<Hmac<Sha512>>(key, give),
    }
}

fn keyed_by<M: Mac + KeyInit>(key: &[u8], give: impl FnOnce(Take<'_>)) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    give(&mut |bytes| mac.update(bytes));
    mac.finalize().into_bytes().to_vec()
}

/// The hash of what `give` gives.
pub(super) fn plain(hash: Hash, give: impl FnOnce(Take<'_>)) -> Vec<u8> {
    match hash {
        Hash::Sha1 => plain_by::<Sha1>(give),
        Hash::Sha256 => plain_by::<Sha256>(give),
        Hash::Sha384 => plain_by::<Sha384>(give),
        Hash::Sha512 => plain_by::<Sha512>(give),
    }
}

fn plain_by<D: Digest>(give: impl FnOnce(Take<'_>)) -> Vec<u8> {
    let mut hasher = D::new();
    give(&mut |bytes| hasher.update(bytes));
    hasher.finalize().to_vec()
}

/// Bytes as they are written.
pub(super) fn written(bytes: Vec<u8>, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Hex => hex(&bytes).into_bytes(),
        Encoding::Base64 => BASE64_STANDARD.encode(bytes).into_bytes(),
        Encoding::Raw => bytes,
    }
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
