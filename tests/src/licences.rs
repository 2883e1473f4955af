//! The licences of all that is linked into what a release gives out: each crate, and the texts that came with it, once.
//!
//! They come from the sources that cargo has on this machine, and from the compiler's own notices of its library.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages::{self, run};

/// What is given out: packages of this repository, and the targets that they are built for.
const GIVEN_OUT: &[(&str, &[&str])] = &[
    ("host", &["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"]),
    ("mirror", &["wasm32-unknown-unknown"]),
    ("padelnomics", &["wasm32-unknown-unknown"]),
    ("rest", &["wasm32-unknown-unknown"]),
];

/// How the files are named that say under which terms something may be passed on.
const NAMES: &[&str] = &["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// Some crates come without the text of their licence. One that names no holder is the same for all, and a crate that has
/// it lends it.
const LENT: &[(&str, &str)] = &[("Apache-2.0 WITH LLVM-exception", "wasmtime")];

const HEAD: &str = "\
host is under Apache-2.0 or MIT, at your choice. This is what is linked into it, and into the extractors mirror,
padelnomics and rest, under licences of its own. Each line says what it is, its version and its licence, and after that
which of the texts below it came with. SQLite, which libsqlite3-sys brings, is in the public domain. The Public Suffix List, which
psl is made of, is under the Mozilla Public License 2.0; https://publicsuffix.org/list/ has its source.
";

/// One part: its name, its version, its licence, and the texts that it came with.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    name: String,
    version: String,
    licence: String,
    texts: Vec<String>,
}

/// The file that goes with a release; the reason where a part or its text cannot be found.
pub fn file() -> Result<String, String> {
    let mut parts = crates()?;
    lend(&mut parts)?;
    parts.extend(below()?);
    Ok(render(&parts))
}

/// The crates that are linked, from registries: those of this repository have its own licence.
fn crates() -> Result<Vec<Part>, String> {
    let mut found = BTreeSet::new();
    for (package, targets) in GIVEN_OUT {
        for target in *targets {
            let mut cargo = crate::cargo();
            cargo.args(["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none"]);
            cargo.args(["--format", "{p}|{l}", "--package", package, "--target", target]);
            found.extend(run(cargo.current_dir(root()))?.lines().filter_map(listed));
        }
    }
    let part = |(name, version, licence): (String, String, String)| {
        let source = packages::unpacked(&name, &version)?;
        let texts = texts(&source).map_err(|error| format!("cannot read {}: {error}", source.display()))?;
        Ok(Part { name, version, licence, texts })
    };
    found.into_iter().map(part).collect()
}

/// Name, version and licence of a crate, of a line such as `url v2.5.8|MIT OR Apache-2.0 (*)`; none for one that has a
/// path.
fn listed(line: &str) -> Option<(String, String, String)> {
    let (package, licence) = line.trim_end_matches(" (*)").split_once('|')?;
    let (name, version) = package.split_once(" v")?;
    (!version.contains(' ')).then(|| (name.to_owned(), version.to_owned(), licence.to_owned()))
}

/// All texts in a folder and below it, in the order of their paths.
fn texts(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut texts = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
            if path.is_dir() {
                waiting.push(path);
            } else if NAMES.iter().any(|begin| name.starts_with(begin)) && !name.ends_with(".RS") {
                texts.insert(path.clone(), String::from_utf8_lossy(&fs::read(path)?).into_owned());
            }
        }
    }
    Ok(texts.into_values().collect())
}

fn lend(parts: &mut [Part]) -> Result<(), String> {
    for (licence, lender) in LENT {
        let lent = parts.iter().find(|part| part.name == *lender).map(|part| part.texts.clone());
        let lent = lent.ok_or_else(|| format!("{lender} is not linked, and was to lend the text of {licence}"))?;
        for part in parts.iter_mut().filter(|part| part.texts.is_empty() && part.licence == *licence) {
            part.texts.clone_from(&lent);
        }
    }
    match parts.iter().find(|part| part.texts.is_empty()) {
        None => Ok(()),
        Some(Part { name, version, licence, .. }) => {
            Err(format!("{name} {version} has no text of its licence, {licence}"))
        }
    }
}

/// What is below all crates: the library of Rust, and of a static program that of C.
fn below() -> Result<[Part; 3], String> {
    let version = run(Command::new("rustc").arg("--version").current_dir(root()))?;
    let version = version.split(' ').nth(1).unwrap_or_default();
    let sysroot = run(Command::new("rustc").args(["--print", "sysroot"]).current_dir(root()))?;
    let notices = Path::new(sysroot.trim()).join("share/doc/rust/COPYRIGHT-library.html");
    let part = |name: &str, version: &str, licence: &str, text: String| Part {
        name: name.to_owned(),
        version: version.to_owned(),
        licence: licence.to_owned(),
        texts: vec![text],
    };
    let of_rust = format!("of Rust {version}");
    Ok([
        part("the standard library", &of_rust, "MIT OR Apache-2.0, and others", plain(&read(&notices)?)),
        part("musl", &of_rust, "MIT, and others", read(&root().join(".ci/licences/musl"))?),
        part("LLVM's runtime", &of_rust, LENT[0].0, read(&root().join(".ci/licences/llvm"))?),
    ])
}

/// The text of a page of HTML, without its empty lines but one.
fn plain(page: &str) -> String {
    let mut text = String::new();
    let body = page.split_once("<body>").map_or(page, |(_, body)| body);
    for (at, piece) in body.split('<').enumerate() {
        text.push_str(if at == 0 { piece } else { piece.split_once('>').map_or("", |(_, words)| words) });
    }
    for (written, meant) in [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")] {
        text = text.replace(written, meant);
    }
    let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.dedup_by(|line, before| line.is_empty() && before.is_empty());
    lines.join("\n")
}

fn render(parts: &[Part]) -> String {
    let mut head = HEAD.to_owned();
    let (mut texts, mut numbers) = (String::new(), HashMap::new());
    for part in parts {
        let _ = write!(head, "\n{} {} ({}):", part.name, part.version, part.licence);
        for text in &part.texts {
            // Many differ in nothing but where their lines are broken.
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let next = numbers.len() + 1;
            let number = *numbers.entry(words).or_insert(next);
            if number == next {
                let text = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
                let _ = write!(texts, "\n\n======== {number} ========\n\n{}\n", text.trim_matches('\n'));
            }
            let _ = write!(head, " {number}");
        }
    }
    head + "\n" + &texts
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, texts: &[&str]) -> Part {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        Part { name: name.to_owned(), version: "1.0.0".to_owned(), licence: LENT[0].0.to_owned(), texts }
    }

    #[test]
    fn crates_are_told_from_those_of_this_repository() {
        let some = |name: &str, version: &str, licence: &str| Some((name.into(), version.into(), licence.into()));
        assert_eq!(listed("url v2.5.8|MIT OR Apache-2.0"), some("url", "2.5.8", "MIT OR Apache-2.0"));
        assert_eq!(listed("a v1.0.0+b|MIT (*)"), some("a", "1.0.0+b", "MIT"));
        assert_eq!(listed("zone v0.1.0 (/a/host/zone)|Apache-2.0 OR MIT"), None);
        assert_eq!(listed(""), None);
    }

    #[test]
    fn a_crate_without_a_text_gets_one_only_where_it_is_the_same_for_all() {
        let mut parts = [part("bitset", &[]), part("wasmtime", &["the text"])];
        assert_eq!(lend(&mut parts), Ok(()));
        assert_eq!(parts[0].texts, ["the text"]);
        parts[0] = Part { licence: "MIT".to_owned(), ..part("bitset", &[]) };
        assert_eq!(lend(&mut parts), Err("bitset 1.0.0 has no text of its licence, MIT".to_owned()));
        assert!(lend(&mut [part("bitset", &[])]).is_err_and(|reason| reason.starts_with("wasmtime is not linked")));
    }

    #[test]
    fn each_text_is_there_once() {
        let text = render(&[part("a", &["one  text\r\n"]), part("b", &["other", "one\ntext"])]);
        let (head, texts) = text.split_once("\n\n\n").expect("texts");
        let lines: Vec<&str> = head.lines().rev().take(2).collect();
        assert_eq!(lines, [format!("b 1.0.0 ({}): 2 1", LENT[0].0), format!("a 1.0.0 ({}): 1", LENT[0].0)]);
        assert_eq!(texts, "======== 1 ========\n\none  text\n\n\n======== 2 ========\n\nother\n");
    }

    #[test]
    fn a_page_becomes_text() {
        let page = "<title>no</title><body>\n<h3>a&#60;b</h3>\n\n \n<pre>\n  &#34;c&#38;\n</pre>";
        assert_eq!(plain(page), "\na<b\n\n  \"c&");
    }
}
