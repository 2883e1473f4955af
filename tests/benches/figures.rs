//! `cargo bench`: how fast `host` is beside what one would use instead of it, and how much memory it takes.
//!
//! Host and peers run in turn, as whole processes, against one nginx on loopback. Each line of the table gives the
//! ratio of the medians, and the ratio that is the goal. Nothing is judged: machines differ.
//! `cargo bench -- large syncs` measures only the groups of these names.
#![allow(clippy::disallowed_methods, reason = "a benchmark works on files, processes and the clock")]

use std::path::Path;

use anyhow::Result;

#[path = "figures/batch.rs"]
mod batch;
#[path = "figures/guest.rs"]
mod guest;
#[path = "figures/large.rs"]
mod large;
#[path = "peers/native.rs"]
mod native;
#[path = "figures/nginx.rs"]
mod nginx;
#[path = "figures/place.rs"]
mod place;
#[path = "figures/programs.rs"]
mod programs;
#[path = "peers/rewrite.rs"]
mod rewrite;
#[path = "figures/rounds.rs"]
mod rounds;
#[path = "figures/secure.rs"]
mod secure;
#[path = "figures/small.rs"]
mod small;
#[path = "figures/syncs.rs"]
mod syncs;
#[path = "figures/table.rs"]
mod table;

/// A name, and what measures it.
type Group = (&'static str, fn() -> Result<()>);

/// Each group has a server, files and peers of its own.
const GROUPS: [Group; 7] = [
    ("small", small::measure),
    ("many", small::measure_many),
    ("large", large::measure),
    ("batch", batch::measure),
    ("guest", guest::measure),
    ("secure", secure::measure),
    ("syncs", syncs::measure),
];

/// The argument that makes this program the native peer of the guest: so it is a process of its own, and built as the
/// benchmark is.
const NATIVE: &str = "--native";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [NATIVE, url, output] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return native::run(url, Path::new(output));
    }
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == name);
    // The guests are built before anything is printed, for that may take a while.
    harness::guest("mirror");
    programs::say_versions();
    table::head();
    for (name, measure) in GROUPS.into_iter().filter(|(name, _)| wanted(name)) {
        if let Err(error) = measure() {
            table::gap(name, &error);
        }
    }
    Ok(())
}
