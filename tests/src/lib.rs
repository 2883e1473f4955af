//! The harness: real servers on loopback, a real environment, and assertions, for tests that see only what a user sees.
#![allow(clippy::disallowed_methods, reason = "a harness works on files and sockets, and is no part of the host")]
#![allow(clippy::missing_panics_doc, reason = "in a harness every failure is a panic that says what failed")]

mod ask;
pub mod between;
pub mod bundle;
pub mod certificate;
pub mod component;
pub mod deaf;
pub mod environment;
pub mod hostile;
pub mod http2;
mod kernels;
pub mod licences;
pub mod macos;
pub mod memory;
pub mod moto;
pub mod nginx;
pub mod origin;
pub mod packages;
pub mod provider;
pub mod python;
pub mod registry;
pub mod reply;
pub mod samples;
pub mod servers;
pub mod skip;
pub mod smith;
pub mod soak;
pub mod stores;
mod wire;

pub use between::Between;
pub use certificate::{Authority, Identity};
pub use deaf::Deaf;
pub use environment::{Environment, Ran, guest, under, unwrapped, without_manifest};
pub use http2::Http2;
pub use moto::{Keys, Moto, hmac_sha256};
pub use nginx::Nginx;
pub use origin::{Asked, Gate, Origin};
pub use provider::Provider;
pub use reply::{Part, Reply, gzip};
pub use stores::Store;

/// A cargo command, without what the cargo outside told this program: it would make build scripts run again, here and
/// then there.
pub fn cargo() -> std::process::Command {
    let told = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    let mut command = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if told.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}
