//! README and book: what they show is so, their links lead somewhere, and their generated pages are up to date.
//!
//! `console` blocks are run, page by page, each page in a place of its own: the lines that begin with `$ `, and what they
//! print is compared. `<!-- first: … -->` above a block is done before it. `sh` blocks are not run, since they build,
//! install or wait; but each `host` command in them must parse. Those of `sh later` blocks are not there yet, and must not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::component::{CONTRACT, of_wit};
use harness::samples::{EUROSTAT, OVERPASS, PRICES};
use harness::{Authority, Environment, Origin, Ran, Reply, guest, python, under};
use regex::Regex;

use crate::environment;

mod lists;
mod reference;
mod schema;
mod shown;

/// The pages at the top of the repository and beside the book, whose links are checked as well.
const BESIDE: [&str; 5] = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "host/FORMAT.md"];
const BOOK: &str = "host/book/src";
/// How to make the generated pages anew.
const RENEW: &str = "HOST_RENEW=1 cargo test --test e2e -- book::";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A page, by its path in the repository.
fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect(path)
}

fn book() -> Vec<String> {
    let entries = fs::read_dir(root().join(BOOK)).expect("the book");
    let mut pages: Vec<String> = entries
        .map(|entry| format!("{BOOK}/{}", entry.expect("an entry").file_name().display()))
        .filter(|path| path.ends_with(".md"))
        .collect();
    pages.sort();
    pages
}

fn everything() -> Vec<String> {
    BESIDE.iter().map(|path| (*path).to_owned()).chain(book()).collect()
}

/// A fenced block.
struct Block {
    language: String,
    text: String,
    /// What is to be done before it.
    first: String,
}

/// The fenced blocks of a page, and its other lines.
fn parts(text: &str) -> (Vec<Block>, Vec<&str>) {
    let (mut blocks, mut prose, mut first) = (Vec::new(), Vec::new(), String::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let indent = line.len() - line.trim_start().len();
            let content: Vec<&str> = lines
                .by_ref()
                .take_while(|line| line.trim() != "```")
                .map(|line| line.get(indent..).unwrap_or_default())
                .collect();
            let (language, text) = (language.to_owned(), content.join("\n") + "\n");
            blocks.push(Block { language, text, first: std::mem::take(&mut first) });
        } else if let Some(commands) = line.strip_prefix("<!-- first: ") {
            first = commands.trim_end_matches("-->").to_owned();
        } else {
            prose.push(line);
        }
    }
    (blocks, prose)
}

fn blocks(path: &str, language: &str) -> Vec<Block> {
    parts(&page(path)).0.into_iter().filter(|block| block.language == language).collect()
}

/// The first block of a language on a page that contains a text.
#[track_caller]
pub(crate) fn block(path: &str, language: &str, text: &str) -> String {
    let found = blocks(path, language).into_iter().find(|block| block.text.contains(text));
    found.unwrap_or_else(|| panic!("{path} has no `{language}` block with {text:?}")).text
}

/// The rows of a page's tables, each by the text of its cells.
fn rows(path: &str) -> Vec<Vec<String>> {
    let text = page(path);
    let (_, prose) = parts(&text);
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    prose.into_iter().filter(|line| line.starts_with('|')).map(cells).collect()
}

/// What a heading is called in links, as forges and mdBook make it.
fn anchor(heading: &str) -> String {
    let shown = Regex::new(r"\[([^\]]*)\]\([^)]*\)").expect("a pattern").replace_all(heading, "$1").to_lowercase();
    let kept = shown.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let (_, prose) = parts(text);
    let headings = prose.into_iter().filter(|line| line.starts_with('#'));
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    headings
        .map(|line| {
            let anchor = anchor(line.trim_start_matches('#').trim());
            let times = seen.entry(anchor.clone()).or_default();
            *times += 1;
            if *times == 1 { anchor } else { format!("{anchor}-{}", *times - 1) }
        })
        .collect()
}

/// The targets of a page's links.
fn links(text: &str) -> Vec<String> {
    let (_, prose) = parts(text);
    let code = Regex::new(r"`[^`]*`").expect("a pattern");
    let link = Regex::new(r"\]\(([^) ]+)\)").expect("a pattern");
    let text = code.replace_all(&prose.join("\n"), "").into_owned();
    link.captures_iter(&text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn links_and_anchors_resolve() {
    let mut broken = Vec::new();
    for path in everything() {
        for link in links(&page(&path)).iter().filter(|link| !link.contains("://")) {
            let (target, wanted) = link.split_once('#').map_or((link.as_str(), None), |(to, at)| (to, Some(at)));
            let there = match target {
                "" => root().join(&path),
                target => root().join(&path).parent().expect("a directory").join(target),
            };
            let found = there.exists()
                && wanted
                    .is_none_or(|wanted| fs::read_to_string(&there).is_ok_and(|text| anchors(&text).contains(wanted)));
            if !found {
                broken.push(format!("{path}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn every_page_is_in_the_summary() {
    let summary = format!("{BOOK}/SUMMARY.md");
    let listed: Vec<String> = links(&page(&summary)).iter().map(|link| format!("{BOOK}/{link}")).collect();
    let once: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(once.len(), listed.len(), "a page is listed twice: {listed:?}");
    let pages = book();
    let there: BTreeSet<&String> = pages.iter().filter(|path| **path != summary).collect();
    assert_eq!(there, once);
}

#[test]
fn generated_pages_are_up_to_date() {
    let host = |arguments: &[&str]| environment().host(arguments).exits(0).stdout;
    for (name, made) in [("interface.md", reference::interface(CONTRACT)), ("commands.md", reference::commands(&host))]
    {
        let path = root().join(BOOK).join(name);
        if std::env::var_os("HOST_RENEW").is_some() {
            fs::write(&path, &made).expect("a page");
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        let differs = kept.lines().zip(made.lines()).find(|(kept, made)| kept != made);
        assert!(kept == made, "{BOOK}/{name} is not up to date: {differs:?}\nto make it anew, run `{RENEW}`");
    }
}

/// A place with the guests and the sample data of the pages.
fn place(origin: &Origin) -> Environment {
    let environment = environment();
    for name in ["padelnomics", "mirror"] {
        environment.write(&format!("guests/{name}.wasm"), fs::read(guest(name)).expect("a guest"));
    }
    origin.route("/api/interpreter", Reply::new(OVERPASS));
    for month in 1..=3 {
        let then = format!("{OVERPASS}node,{},40.0,-3.7,Padel {month},padel,pitch,,,,,,,,,,ES\n", 9_000 + month);
        let date = format!("[date:\"2025-{month:02}-01T00:00:00Z\"]");
        origin.route_query("/api/interpreter", &date, Reply::new(then));
    }
    origin.route("/eurostat/urb_cpop1", Reply::new(EUROSTAT).last_modified("Sat, 14 Jun 2025 21:00:00 GMT"));
    origin.route("/prices.csv", Reply::new(PRICES).etag("\"66f0a1b2-4e\""));
    origin.route("/a.csv", Reply::new("name,value\na,1\n"));
    let down = "<!DOCTYPE html>\n<title>503 Service Unavailable</title>\n";
    origin.route("/down.csv", Reply::new(down).header("Content-Type", "text/csv"));
    let sample = format!(
        "[extractor.padelnomics]\nhttp = [\"{}\"]\nsources = [\"overpass\", \"eurostat\", \"feeds\"]\n\n\
         [extractor.padelnomics.param]\noverpass_url = \"{}\"\neurostat_url = \"{}\"\nfeeds = \"{}\"\n",
        origin.grant(),
        origin.url("/api/interpreter"),
        origin.url("/eurostat/urb_cpop1?format=SDMX-CSV"),
        origin.url("/prices.csv"),
    );
    let component = |name: &str| format!("[extractor.{name}]\ncomponent = \"guests/");
    let named = sample.replace("[extractor.padelnomics]\n", &(component("padelnomics") + "padelnomics.wasm\"\n"));
    let mirror = |name: &str, path: &str| {
        let (grant, url) = (origin.grant(), origin.url(path));
        component(name) + &format!("mirror.wasm\"\nhttp = [\"{grant}\"]\nparam = {{ url = \"{url}\" }}\n")
    };
    environment.write("named.toml", named + "\n" + &mirror("prices", "/prices.csv"));
    environment.write("gone.toml", mirror("weather", "/weather.csv"));
    environment.write("load.toml", "[notify.load]\non = [\"landed\"]\ncommand = [\"./load.sh\"]\n");
    let script = "#!/bin/sh\ncat > landed.json\n\
                  echo \"$HOST_EXTRACTOR run $HOST_RUN_ID: $HOST_FILES_WRITTEN new in $HOST_LANDING\" >> loaded\n";
    let script = environment.write("load.sh", script);
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).expect("a mode");
    environment.write("sample.toml", sample);
    environment
}

/// The `host` commands of a block, each with what comes of it where help is asked for in its place.
fn parsed(environment: &Environment, block: &Block) -> Vec<(String, Ran)> {
    let variables = Regex::new(r"^([A-Z_]+=[^ ]* +)*").expect("a pattern");
    let text = block.text.replace("\\\n", " ");
    let commands = text.lines().filter_map(|line| {
        let command = variables.replace(line.trim(), "").replace("target/release/host ", "host ");
        let arguments = command.strip_prefix("host ")?.split([';', '|', '>', '#']).next()?.to_owned();
        let mut bash = Command::new("bash");
        bash.args(["-c", &format!("\"$0\" {arguments} --help")]);
        let ran = Ran::new(under(bash, &environment.command([""; 0])).output().expect("bash"));
        Some((line.to_owned(), ran))
    });
    commands.collect()
}

#[test]
fn commands_that_are_not_run_parse() {
    let (environment, mut found) = (environment(), 0);
    for path in everything() {
        for block in blocks(&path, "sh") {
            for (line, ran) in parsed(&environment, &block) {
                assert_eq!(ran.code, Some(0), "{path}: {line}\n{}", ran.stderr);
                found += 1;
            }
        }
        for block in blocks(&path, "sh later") {
            let there = parsed(&environment, &block).iter().all(|(_, ran)| ran.code == Some(0));
            assert!(
                !there,
                "{path}: these commands are there now; take `later`, and the note above, away:\n{}",
                block.text
            );
        }
    }
    assert!(found > 10, "only {found} commands were found");
}

/// The configurations that the pages show, each with its page.
fn configurations() -> Vec<(String, String)> {
    let tables = ["[tls]", "[network]", "[metrics]", "[defaults]", "[notify.", "[extractor."];
    let mut all = Vec::new();
    for path in everything() {
        let found =
            blocks(&path, "toml").into_iter().filter(|block| tables.iter().any(|table| block.text.contains(table)));
        all.extend(found.map(|block| (path.clone(), block.text)));
    }
    all
}

#[test]
fn every_host_toml_is_one() {
    let environment = environment();
    environment.write("private-ca.pem", Authority::new("a root").pem());
    for name in ["hook-url", "ping-url"] {
        environment.write(name, "https://chat.example/hook");
    }
    let mut seen = 0;
    for (path, text) in configurations() {
        environment.write("host.toml", &text);
        let ran = environment.host(["config"]);
        assert_eq!(ran.code, Some(0), "{path}:\n{text}\n{}", ran.stderr);
        seen += 1;
    }
    assert!(seen >= 5, "only {seen} were found");
}

#[test]
fn every_manifest_is_one() {
    let environment = environment();
    let mut seen = 0;
    for path in everything() {
        for block in blocks(&path, "toml").iter().filter(|block| block.text.starts_with("name = ")) {
            environment.write("it.wasm", of_wit(CONTRACT));
            environment.write("extractor.toml", &block.text);
            environment.host(["pack", "it.wasm"]).exits(0);
            seen += 1;
        }
    }
    assert!(seen >= 3, "only {seen} were found");
}

#[test]
fn the_queries_run() {
    let origin = Origin::start();
    let environment = place(&origin);
    environment.run("mirror", &["--allow-http", &origin.grant(), "--param", &format!("url={}", origin.url("/a.csv"))]);
    let queries = block(&format!("{BOOK}/find.md"), "sql", "extraction_runs");
    assert_eq!(queries.matches(';').count(), 3, "{queries}");
    environment.state().execute_batch(&queries).expect(&queries);
    let queries = block(&format!("{BOOK}/find.md"), "sql", "resource_history");
    let queries = queries.replace("https://example.org/prices.csv", &origin.url("/a.csv"));
    for query in queries.trim_end().trim_end_matches(';').split(';') {
        assert_eq!(environment.query(query).len(), 1, "{query}");
    }
}

/// Runs the statements of a file in DuckDB, which would download the part that reads SQLite; the last one gives a row.
const DUCKDB: &str = "import duckdb, glob, os, sys, duckdb_extension_sqlite_scanner as extension
found, = glob.glob(os.path.dirname(extension.__file__) + '/extensions/*/*.duckdb_extension')
duckdb.execute(f\"LOAD '{found}'\")
print(duckdb.execute(open(sys.argv[1]).read()).fetchone())";

#[test]
fn the_queries_of_duckdb_run() {
    let Some(programs) = python::programs() else { return };
    let (origin, environment) = (Origin::start(), environment());
    for content in ["a,b\n1,2\n", "a,b\n3,4\n"] {
        origin.route("/prices.csv", Reply::new(content));
        let url = format!("url={}", origin.url("/prices.csv"));
        environment.run("mirror", &["--name", "prices", "--allow-http", &origin.grant(), "--param", &url]).exits(0);
    }
    environment.write("query.sql", block(&format!("{BOOK}/find.md"), "sql", "read_csv"));
    let mut python = Command::new(programs.join("python"));
    python.args(["-c", DUCKDB, "query.sql"]).current_dir(environment.path());
    let landing = environment.path().join("data");
    fs::create_dir_all(&landing).expect("a directory");
    if !landing.join("landing").exists() {
        std::os::unix::fs::symlink(environment.landing(), landing.join("landing")).expect("a link");
    }
    assert_eq!(Ran::new(python.output().expect("python")).exits(0).stdout, "(3, 4)\n");
}

#[test]
fn the_python_extractor_of_the_book_lands() {
    let Some(programs) = python::programs() else { return };
    let path = format!("{BOOK}/author-python.md");
    let installed = block(&path, "sh", "pip install");
    let version = programs.display().to_string();
    let named = installed.split_whitespace().find(|word| word.starts_with("componentize-py==")).expect("a version");
    assert!(version.contains(named), "the page installs {named}, and the tests {version}");
    let (origin, environment) = (Origin::start(), environment());
    origin.route("/a.csv", Reply::new("name,value\na,1\n"));
    let app = environment.write("app/app.py", block(&path, "python", "class Entry"));
    let component = environment.path().join("prices.wasm");
    let wit = root().join("wit");
    python::component(&programs, app.parent().expect("a directory"), &[&wit], "extractor", &component);
    environment.write("extractor.toml", block(&path, "toml", "name = "));
    environment.host(["pack", "prices.wasm", "--manifest", "extractor.toml"]).exits(0);
    let run = |file: &str| {
        let url = format!("url={}", origin.url(file));
        environment.host(["run", "prices.wasm", "--json", "--allow-http", &origin.grant(), "--param", &url])
    };
    assert_eq!(run("/a.csv").exits(0).json()["files_written"], 1);
    run("/none.csv").exits(1).says("/none.csv: the server answered with status 404");
}
