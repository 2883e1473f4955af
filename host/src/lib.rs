//! The library behind the program `host`.
//!
//! The way of one byte: a source, `fetch`, `landing` (hash, name, gzip, commit), `state`, `report`. The extractor,
//! inside `component`, only says *what*; on the main path the body never enters the sandbox. All parts meet in `run`,
//! and for upkeep in `verify` and `repair`; the words that they share are in `domain`.
//!
//! `budget` counts what a run uses. `config` resolves everything that can be wrong with an order before anything runs; `console` and `report` speak to
//! people; `error` says what the exit code is; `clock` is the only one that knows the time.

#![deny(unsafe_code)]

mod allow;
mod budget;
mod cli;
mod clock;
mod component;
mod config;
mod console;
mod domain;
mod error;
mod fetch;
mod files;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gunzip;
mod landing;
mod redact;
mod repair;
mod report;
mod run;
mod state;
mod text;
mod verify;

pub use cli::main;
