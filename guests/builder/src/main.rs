//! `cargo guests [NAME|PATH...]`: builds those guests, or else those of this repository that are for use, and prints
//! the paths of their components.

use std::process::ExitCode;

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    if names.iter().any(|name| name.starts_with('-')) {
        println!("Usage: cargo guests [NAME|PATH]...\n");
        println!("Builds guests/NAME.wasm for each name, and the crate in the directory PATH into a .wasm file there.");
        println!("Names: {}. Without any: {}.", builder::ALL.join(", "), builder::DEFAULT.join(", "));
        let asked = names.iter().all(|name| name == "--help" || name == "-h");
        return if asked { ExitCode::SUCCESS } else { ExitCode::from(2) };
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match builder::build(if names.is_empty() { &builder::DEFAULT } else { &names }) {
        Ok(paths) => {
            for path in paths {
                println!("{}", path.display());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
