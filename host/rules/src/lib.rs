//! The pure rules of `host`, and the words that all of its parts share.
//!
//! Nothing in here waits, or touches a file, a socket, the clock or a database: Cargo holds that, since none of what
//! does so is a dependency. Everything is tested by tables, and what reads hostile bytes is fuzzed as well.

#![forbid(unsafe_code)]

// Here, since all other crates build on this one, and say far more of what they lack.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
compile_error!("host runs on Linux and macOS only; on Windows, build it in WSL 2");

pub mod address;
pub mod budget;
pub mod domain;
pub mod expectation;
pub mod findings;
pub mod framing;
#[doc(hidden)]
pub mod fuzzing;
pub mod gunzip;
#[cfg(any(test, fuzzing))]
pub mod invariants;
pub mod name;
pub mod oauth;
pub mod policy;
pub mod proxy;
pub mod redact;
pub mod request;
pub mod retry;
pub mod schedule;
pub mod secret;
pub mod signing;
pub mod text;
pub mod validators;
