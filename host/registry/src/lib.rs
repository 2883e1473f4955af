//! Components in registries: what they are named by, how they are pushed, pulled, signed and kept.
//!
//! It has a way out of its own, by `outbound`, and a policy of its own, in `reach`. It must not know extractors, grants,
//! landing zones or states: a component is bytes here.

mod attached;
mod bundle;
#[cfg(test)]
mod bundling;
#[expect(clippy::disallowed_methods, reason = "a store of its own, far from the landing zone")]
mod cache;
mod challenge;
mod client;
mod credentials;
mod error;
mod introducing;
#[cfg(any(test, fuzzing))]
pub mod invariants;
mod layout;
mod lock;
mod pull;
mod push;
mod reach;
mod reference;
mod referrers;
mod signature;
#[cfg(test)]
mod signing;
mod trust;

pub use cache::Cache;
pub use client::{Client, Purpose, Settings, TIMEOUT, is_on_this_machine};
pub use credentials::{Credentials, Found, World as CredentialsWorld, find as credentials};
pub use error::RegistryError;
pub use layout::{Layer, LayoutError, World};
pub use lock::{Lock, LockError};
pub use outbound::without_roots;
pub use pull::{Pulled, Wanted, pull};
pub use push::{Push, Pushed};
pub use reference::{Reference, ReferenceError};
pub use signature::{PrivateKey, PublicKey, Unsigned};
pub use trust::{ALL, Demand, Rules};
