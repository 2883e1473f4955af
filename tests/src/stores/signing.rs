//! As much of Azure's way to sign as looking at a store takes.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The time, as HTTP writes it.
pub(super) fn now() -> String {
    let date = Command::new("date").args(["-u", "+%a, %d %b %Y %H:%M:%S GMT"]).env("LC_ALL", "C").output();
    String::from_utf8(date.expect("date").stdout).expect("a date").trim().to_owned()
}

/// Azure's signature of a request without content. Its fields are in alphabetical order.
pub(super) fn shared_key(
    (account, key): (&str, &[u8]),
    method: &str,
    fields: &[(&str, &str)],
    resource: &str,
    query: &str,
) -> String {
    let fields: String = fields.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let signed = format!("{method}\n\n\n\n\n\n\n\n\n\n\n\n{fields}/{account}/{account}/{resource}\n{query}");
    format!("SharedKey {account}:{}", base64(&hmac(key, signed.as_bytes())))
}

/// HMAC-SHA256 (RFC 2104) with a key of at most a block.
pub(crate) fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |with: u8| -> Vec<u8> {
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(key);
        block.iter().map(|byte| byte ^ with).collect()
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}
