//! The library behind the program `host`.
//!
//! The way of one byte: a source, `fetch`, `zone` (hash, name, gzip, commit), `state`, `report`. The extractor, inside
//! `engine`, only says *what*; on the main path the body never enters the sandbox. All parts meet in `run`, and for
//! upkeep in `verify` and `repair`, which share `upkeep`.
//!
//! Five crates below this one do the work, and none of `zone`, `state`, `fetch` and `engine` knows another: what must
//! not be seen is no dependency. `rules` holds the pure rules and the words that all share; it touches nothing.
//!
//! `config` resolves everything that can be wrong with an order before anything runs; `console` and `report` speak to
//! people; `error` says what the exit code is; the crate `clock` is the only one that knows the time.

#![deny(unsafe_code)]

mod allow;
mod cli;
mod config;
mod console;
mod error;
mod files;
mod repair;
mod report;
mod run;
mod upkeep;
mod verify;

pub use cli::main;
