//! The harness: real servers on loopback, a real environment, and assertions, for tests that see only what a user sees.
//!
//! It must not know the host's internals: it knows the program, the files that it leaves, and its `--json` output.
#![allow(clippy::disallowed_methods, reason = "a harness works on files and sockets, and is no part of the host")]
#![allow(clippy::missing_panics_doc, reason = "in a harness every failure is a panic that says what failed")]

pub mod environment;
pub mod origin;
pub mod python;
pub mod reply;
pub mod samples;
pub mod soak;

pub use environment::{Environment, Ran, guest};
pub use origin::{Gate, Origin};
pub use reply::{Reply, gzip};
