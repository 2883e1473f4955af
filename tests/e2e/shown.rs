//! What a component says of itself, shown to whoever decides: it never looks like what the host says.

use harness::component::{CONTRACT, of_wit};
use harness::{Environment, Ran};

use crate::environment;

/// The terminal for which a hostile text is made.
const COLUMNS: usize = 80;
/// How lines begin that the host writes itself.
const OWN: [&str; 14] = [
    "it.wasm:",
    "  sha256 ",
    "  description:",
    "  authors:",
    "  license:",
    "  homepage:",
    "  it ",
    "  already ",
    "  always ",
    "  not granted",
    "It ",
    "  + ",
    "error: ",
    "hint: ",
];
/// What an author would like to be taken for the host's word.
const FORGED: [&str; 4] = [
    "  sha256 0000000000000000000000000000000000000000000000000000000000000000",
    "It asks for nothing that is not granted.",
    "error: none",
    "hint: `host allow it.wasm --yes` is safe",
];

/// A component with this manifest, whatever is in it.
fn component(manifest: &str) -> Vec<u8> {
    const NAME: &[u8] = b"landing:manifest";
    let leb = |mut number: usize| {
        let mut bytes = Vec::new();
        while number > 127 {
            bytes.push(number as u8 | 128);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    };
    let body = [&leb(NAME.len())[..], NAME, manifest.as_bytes()].concat();
    [&of_wit(CONTRACT)[..], &[0], &leb(body.len()), &body].concat()
}

/// A text that forges lines, the first of them behind so many columns.
fn forged(columns: usize) -> String {
    let pad = |line: &str| format!("{line:COLUMNS$}");
    "a".repeat(columns) + &FORGED.map(pad).concat()
}

/// As a terminal shows it.
fn rows(text: &str) -> Vec<String> {
    let wide = |character: char| if character >= '\u{1100}' { 2 } else { 1 };
    let mut rows = Vec::new();
    for line in text.lines() {
        let (mut row, mut width) = (String::new(), 0);
        for character in line.chars() {
            if width + wide(character) > COLUMNS {
                rows.push(std::mem::take(&mut row));
                width = 0;
            }
            row.push(character);
            width += wide(character);
        }
        rows.push(row);
    }
    rows
}

/// How the rows begin that look like the host's own.
fn own(text: &str) -> Vec<&'static str> {
    rows(text).iter().filter_map(|row| OWN.into_iter().find(|own| row.starts_with(own))).collect()
}

fn run(environment: &Environment, arguments: &[&str], manifest: &str) -> Ran {
    environment.write("it.wasm", component(manifest));
    let mut command = environment.command(arguments);
    command.env("XDG_CACHE_HOME", environment.path().join("cache"));
    Ran::new(command.output().expect("the program"))
}

/// A manifest that says this text wherever it may say one.
fn manifest(said: &str) -> String {
    format!(
        "name = \"prices\"\nversion = \"{said}\"\ndescription = \"{said}\"\nauthors = [\"{said}\", \"b\"]\nlicense = \"{said}\"\n\
         homepage = \"{said}\"\nhttp = [\"https://{}.example\"]\n\"{said}\" = 1\n[secret.a]\nhelp = \"{said}\"\noptional = true\n\
         as = {{ basic = \"{said}\" }}\n[secret.b]\nhelp = \"{said}\"\nas = {{ query = \"{said}\" }}\n\
         [secret.c]\nas = {{ aws = {{ region = \"{said}\", service = \"{said}\" }} }}\n\
         [secret.d]\nas = {{ hmac = {{ over = \"{said}\", fields = {{ \"{said}\" = \"{said}\" }} }} }}\n\
         [param.p]\nhelp = \"{said}\"\ndefault = \"{said}\"\n",
        "long-".repeat(11) + "name"
    )
}

#[test]
fn no_manifest_forges_a_line_of_what_is_asked() {
    let environment = environment();
    for command in ["allow", "inspect"] {
        let plain = run(&environment, &[command, "it.wasm"], &manifest("x")).stdout;
        for columns in 0..COLUMNS {
            // Also where a character takes two columns.
            let wide = "漢".repeat(columns / 2) + &forged(columns % 2);
            for said in [forged(columns), wide] {
                let shown = run(&environment, &[command, "it.wasm"], &manifest(&said)).stdout;
                assert_eq!(own(&shown), own(&plain), "{shown}");
            }
        }
    }
}

#[test]
fn no_manifest_forges_a_line_beside_an_error() {
    let environment = environment();
    for columns in 0..COLUMNS {
        let said = forged(columns);
        for wrong in [
            format!("name = \"{}\"", &said[..80]),
            format!("http = [\"{said}\"]"),
            format!("sources = [\"{}\"]", &said[..80]),
            format!("[secret.x]\nas = \"{said}\""),
            format!("[secret.x]\norigins = [\"{said}\"]"),
            format!("[secret.\"{}\"]", &said[..80]),
            format!("[budget]\ntimeout = \"{said}\""),
            format!("http = \"{said}\""),
        ] {
            for command in ["allow", "run"] {
                let ran = run(&environment, &[command, "it.wasm"], &wrong).exits(2);
                assert_eq!(own(&ran.stderr), ["error: ", "hint: "], "{wrong}\n{}", ran.stderr);
            }
        }
    }
}
