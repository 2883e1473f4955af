//! The folders that `host new` makes, as they are in this program.

use crate::program;

/// A language that extractors are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Rust, with the SDK
    Rust,
    /// Python, by componentize-py
    Python,
    /// TypeScript, by esbuild and componentize-qjs
    #[value(name = "typescript")]
    TypeScript,
    /// Go, as it comes
    Go,
}

/// A file, and its path below the folder.
type File = (&'static str, &'static str);

macro_rules! sdk {
    ($($file:literal),* $(,)?) => {
        &[$((concat!("landing-sdk/src/", $file), include_str!(concat!("../../../guests/sdk/src/", $file)))),*]
    };
}

macro_rules! go {
    ($($file:literal),* $(,)?) => { &[$(($file, include_str!(concat!("../../templates/go/", $file)))),*] };
}

/// What every folder has. In `{{…}}` stands what differs.
const COMMON: [File; 8] = [
    ("extractor.toml", include_str!("../../templates/extractor.toml")),
    (".gitignore", include_str!("../../templates/gitignore")),
    ("cases/first/case.toml", include_str!("../../templates/case/case.toml")),
    ("cases/first/exchanges.har", include_str!("../../templates/case/exchanges.har")),
    ("cases/first/expected/cursor", include_str!("../../templates/case/expected/cursor")),
    (
        "cases/first/expected/files/{{name}}/2025/06/66f0a1b2-1f.csv",
        include_str!("../../templates/case/expected/prices.csv"),
    ),
    (
        "cases/first/expected/files/{{name}}/2025/2025-06-15_3e3246bf.json",
        include_str!("../../templates/case/expected/page-1.json"),
    ),
    (
        "cases/first/expected/files/{{name}}/2025/2025-06-15_6decbd9f.json",
        include_str!("../../templates/case/expected/page-2.json"),
    ),
];
const RUST: [File; 4] = [
    ("README.md", include_str!("../../templates/rust/README.md")),
    ("Cargo.toml", include_str!("../../templates/rust/Cargo.toml")),
    ("src/lib.rs", include_str!("../../templates/rust/src/lib.rs")),
    ("landing-sdk/Cargo.toml", include_str!("../../templates/rust/landing-sdk.toml")),
];
const SDK: &[File] = sdk![
    "archive.rs",
    "bindings.rs",
    "calendar.rs",
    "concurrent.rs",
    "date.rs",
    "entry.rs",
    "error.rs",
    "export.rs",
    "gunzip.rs",
    "http.rs",
    "inflate.rs",
    "later.rs",
    "lib.rs",
    "lines.rs",
    "log.rs",
    "pages.rs",
    "params.rs",
    "run.rs",
    "unzip.rs",
    "url.rs",
    "zone.rs",
];
const PYTHON: [File; 3] = [
    ("README.md", include_str!("../../templates/python/README.md")),
    ("app.py", include_str!("../../templates/python/app.py")),
    ("landing.py", include_str!("../../templates/python/landing.py")),
];
const TYPESCRIPT: [File; 6] = [
    ("README.md", include_str!("../../templates/typescript/README.md")),
    ("package.json", include_str!("../../templates/typescript/package.json")),
    ("tsconfig.json", include_str!("../../templates/typescript/tsconfig.json")),
    ("src/extractor.ts", include_str!("../../templates/typescript/extractor.ts")),
    ("src/landing.ts", include_str!("../../templates/typescript/landing.ts")),
    ("src/wit.d.ts", include_str!("../../templates/typescript/wit.d.ts")),
];

/// wit-bindgen 0.63.0 made the packages `exports` and `landing_extractor_*` from the rendering without `async`;
/// `runtime` and `types`, which they build on, are written by hand. `templates/go.md` says how they are made anew.
const GO: &[File] = go![
    "README.md",
    "extractor.go",
    "go.mod",
    "landing-sdk/go.mod",
    "landing-sdk/landing/landing.go",
    "landing-sdk/wit/export_landing_extractor_entry/empty.s",
    "landing-sdk/wit/export_landing_extractor_entry/entry.go",
    "landing-sdk/wit/exports/wit_exports.go",
    "landing-sdk/wit/landing_extractor_http/empty.s",
    "landing-sdk/wit/landing_extractor_http/wit_bindings.go",
    "landing-sdk/wit/landing_extractor_run/empty.s",
    "landing-sdk/wit/landing_extractor_run/wit_bindings.go",
    "landing-sdk/wit/landing_extractor_zone/empty.s",
    "landing-sdk/wit/landing_extractor_zone/wit_bindings.go",
    "landing-sdk/wit/runtime/empty.s",
    "landing-sdk/wit/runtime/handle.go",
    "landing-sdk/wit/runtime/memory.go",
    "landing-sdk/wit/types/types.go",
];

impl Language {
    /// All of them.
    #[cfg(test)]
    pub const ALL: [Self; 4] = [Self::Rust, Self::Python, Self::TypeScript, Self::Go];

    /// What people call it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::TypeScript => "TypeScript",
            Self::Go => "Go",
        }
    }

    /// The command that builds an extractor, and the file that it makes.
    fn build(self) -> (&'static str, &'static str) {
        match self {
            Self::Rust => (
                "cargo build --quiet --release --target wasm32-unknown-unknown",
                "target/wasm32-unknown-unknown/release/extractor.wasm",
            ),
            Self::Python => (
                "mkdir -p build && componentize-py --quiet --wit-path wit --world extractor componentize app \
                 --output build/component.wasm",
                "build/component.wasm",
            ),
            Self::TypeScript => ("npm run --silent build", "build/component.wasm"),
            Self::Go => (
                "GOOS=wasip1 GOARCH=wasm go build -trimpath -buildmode=c-shared -ldflags='-s -w' -o build/core.wasm .",
                "build/core.wasm",
            ),
        }
    }

    /// The files of a folder for an extractor of that name.
    pub fn files(self, name: &str) -> Vec<(String, String)> {
        let (own, wit): (&[File], &'static str) = match self {
            Self::Rust => (&RUST, "landing-sdk/wit/extractor.wit"),
            Self::Python => (&PYTHON, "wit/extractor.wit"),
            Self::TypeScript => (&TYPESCRIPT, "wit/extractor.wit"),
            Self::Go => (GO, "wit/extractor.wit"),
        };
        let (command, file) = self.build();
        let filled = |text: &str| {
            let text = program::typed_lines(text);
            text.replace("{{name}}", name)
                .replace("{{command}}", command)
                .replace("{{file}}", file)
                .replace("{{version}}", env!("CARGO_PKG_VERSION"))
        };
        let mut files: Vec<_> = COMMON.iter().chain(own).map(|(path, text)| (filled(path), filled(text))).collect();
        if self == Self::Rust {
            files.extend(SDK.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        }
        // Sync toolchains get the rendering that they understand.
        let sync = matches!(self, Self::TypeScript | Self::Go);
        files.push((wit.to_owned(), if sync { engine::sync_contract() } else { engine::CONTRACT.to_owned() }));
        files
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_whole_sdk_is_in_a_folder_for_rust() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/sdk/src");
        let entries = std::fs::read_dir(source).expect("the SDK");
        let there = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
        let given = SDK.iter().map(|(path, _)| path.trim_start_matches("landing-sdk/src/").to_owned());
        assert_eq!(given.collect::<BTreeSet<_>>(), there.collect::<BTreeSet<_>>());
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        for language in Language::ALL {
            for (path, text) in language.files("prices") {
                assert!(!text.contains("{{") || path.ends_with(".rs") || path.ends_with(".go"), "{path}: {text}");
            }
        }
    }
}
