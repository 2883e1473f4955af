//! The library behind the program `host`, for those who run extractors from a program of their own.
//!
//! ```no_run
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! use host::{Allocator, Component, Configuration, Console, Events, Flags, Observers, Package, Plan, Verbosity, execute};
//!
//! // So that compiling has a limit of memory on macOS too.
//! #[global_allocator]
//! static ALLOCATOR: Allocator = Allocator;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // An unknown component is compiled, and a token is got, by another process of this program.
//!     if let Some(code) = host::serve_if_asked() {
//!         std::process::exit(code);
//!     }
//!     let path = Path::new("guests/mirror.wasm");
//!     let package = Package::read(path)?;
//!     let flags = Flags {
//!         landing: Some("data/landing".into()),
//!         allow_http: vec!["https://example.org".into()],
//!         params: vec![("url".into(), "https://example.org/prices.csv".into())],
//!         ..Flags::default()
//!     };
//!     let component = Component { path, digest: package.digest, manifest: &package.manifest };
//!     let plan = Plan::resolve(&flags, &Configuration::read(None)?, component)?;
//!     let linked = package.link(Some(Path::new("/var/cache/mine")))?;
//!     let events = Events::new(&plan.redactor, vec![Arc::new(Console::new(Verbosity::Normal))]);
//!     let observers = Observers { events, timings: Arc::default(), all_receipts: false };
//!     let report = execute(plan, linked, &observers)?;
//!     print!("{}", report.text());
//!     Ok(())
//! }
//! ```
//!
//! The way of one byte: a source, `fetch`, `zone` (hash, name, gzip, commit), `state`, `report`. The extractor, inside
//! `engine`, only says *what*; on the main path the body never enters the sandbox. All parts meet in `run`, and for
//! upkeep in `verify` and `repair`, which share `upkeep`.
//!
//! Eight crates below this one do the work, and none of `zone`, `state`, `fetch`, `engine` and `registry` knows another:
//! what must not be seen is no dependency. `outbound` is the host's own way to servers that the operator names; `objects`
//! and `registry` take it, and no extractor can. `rules` holds the pure rules and the words that all share; it touches nothing.
//!
//! `quarantine` settles what was not as expected of a source; `erase` takes away what may not be kept; `alone` is the zone
//! in which no run goes on meanwhile.
//!
//! `adding` makes an extractor of a declarative manifest, by a run of the component that carries such manifests out.
//!
//! `testing` runs cases: what an extractor lands from recorded answers, by processes of its own.
//!
//! `models` writes SQL for the tools that read what has landed.
//!
//! `shards` cuts an order into runs that an engine starts.
//!
//! `shipping` gets components from registries; the crate `registry` is how.
//!
//! `batch` runs several extractors, each as a process of its own.
//!
//! `health` judges how each one fares by what the state knows; `metrics` says so to Prometheus. `notify` tells whom the
//! operator names of it, by the operator's own `commands` or by a webhook.
//!
//! `install` has the machine's own scheduler start all of this; the host itself runs and ends.
//!
//! A `landing` is a directory or a place in an object store. `remote` brings the state of an extractor from there and back,
//! under a lease; `view` looks at either; `copy` moves a zone from one to another. The crate `objects` is the store itself,
//! which `zone` puts files into.
//!
//! `tokens` gets the secrets that are no fixed values, for `fetch` to send.
//!
//! `program` is the name that it was called as, which all that it tells people to type begins with.
//!
//! `config` resolves everything that can be wrong with an order before anything runs; what happens in a run is told once, in
//! `events`; `console` and `report` speak to people; `error` says what the exit code is; `patience` waits for what others hold; the crate `clock` is the only one that knows the time.

#![deny(unsafe_code)]

mod adding;
mod allow;
mod alone;
mod authoring;
mod batch;
mod cli;
mod commands;
mod config;
mod console;
mod copy;
mod diff;
mod erase;
mod error;
mod events;
mod files;
mod health;
mod install;
mod landing;
mod metrics;
mod models;
mod notify;
mod page;
mod patience;
mod preview;
mod program;
mod quarantine;
mod remote;
mod repair;
mod report;
mod run;
mod shards;
mod shipping;
#[expect(clippy::disallowed_methods, reason = "cases are the author's own files, far from any landing zone")]
mod testing;
mod timings;
mod tokens;
mod upkeep;
mod verify;
mod view;

pub use cli::{main, serve_if_asked};
pub use config::{Component, Configuration, Flags, Named, Plan, Trial};
pub use console::{Console, Verbosity};
pub use engine::{Allocator, LoadError, Manifest, Package};
pub use error::{Error, Kind};
pub use events::{Event, Events, Reader};
pub use landing::{Landing, Place};
pub use report::{Failure, Preview, Report};
pub use run::{Observers, execute};
pub use timings::Timings;
