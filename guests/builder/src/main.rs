//! `cargo guests [NAME...]`: builds the guests of those names, or else those that are for use.

use std::process::ExitCode;

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    if names.iter().any(|name| name.starts_with('-')) {
        println!("Usage: cargo guests [NAME]...\n\nBuilds guests/NAME.wasm for each name.");
        println!("Names: {}. Without any: {}.", builder::ALL.join(", "), builder::DEFAULT.join(", "));
        let asked = names.iter().all(|name| name == "--help" || name == "-h");
        return if asked { ExitCode::SUCCESS } else { ExitCode::from(2) };
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match builder::build(if names.is_empty() { &builder::DEFAULT } else { &names }) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
