//! Models of others' tools that read the landing zone: which there are, by what has landed. The texts are pure.

mod dbt;
mod duckdb;
mod placed;
mod sqlmesh;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, WriteError};
use crate::landing::Landing;
use rules::name::check_name;
use rules::text;
use state::{State, Wanted};

pub(crate) use placed::write;

/// Most models of one landing directory.
const MAX_MODELS: usize = 1000;
/// Most current files that are named one by one.
const MAX_CURRENT: usize = 100_000;
/// Most kinds of files that are told to have no reader.
const MAX_UNREAD: usize = 100;
/// The first line of what is written, and what shows that it may be replaced.
const MARK: &str = "Written by `host models`, and replaced when that is run again.";

/// The tool that reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Tool {
    /// Views: a script for DuckDB
    Duckdb,
    /// Models and a macro of a dbt project on DuckDB
    Dbt,
    /// The same of a SQLMesh project on DuckDB
    Sqlmesh,
}

/// How files are read. Types are never guessed: what a column holds may differ in the next file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reader {
    Csv,
    Tsv,
    Json,
    Ndjson,
}

impl Reader {
    /// That of an extension's last word.
    fn of(word: &str) -> Option<Self> {
        match word {
            "csv" => Some(Self::Csv),
            "tsv" => Some(Self::Tsv),
            "json" | "geojson" => Some(Self::Json),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }

    /// The function of DuckDB, and what it is told beside the files.
    fn sql(self) -> (&'static str, &'static str) {
        const TEXT: &str = "header = true, all_varchar = true, union_by_name = true, filename = '_file'";
        const TABS: &str = "delim = '\\t', header = true, all_varchar = true, union_by_name = true, filename = '_file'";
        const KEYS: &str = "maximum_depth = 1, union_by_name = true, filename = '_file'";
        match self {
            Self::Csv => ("read_csv", TEXT),
            Self::Tsv => ("read_csv", TABS),
            Self::Json => ("read_json", KEYS),
            Self::Ndjson => ("read_ndjson", KEYS),
        }
    }
}

/// All files of one source that are read in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Model {
    /// What its models are called, behind `raw_` and `current_`.
    name: String,
    source: String,
    /// The last word of the extension.
    word: String,
    reader: Reader,
    /// The files that are current, below the landing directory, where the tool wants them by name.
    current: BTreeSet<String>,
}

/// What there is to write, and what cannot be read.
pub(crate) struct Models {
    landing: String,
    all: Vec<Model>,
    /// Files that no reader takes: their source, and the last word of their extension.
    pub(crate) unread: Vec<(String, String)>,
}

/// A file that a model is written to, and its text.
pub(crate) struct Text {
    /// Below the directory that is asked for.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Files of which one shows that somebody has their own; `None` for what the host may replace.
    own: Option<&'static [&'static str]>,
}

impl Text {
    /// What carries the mark.
    fn marked(path: String, text: String) -> Self {
        Self { path, text, own: None }
    }

    /// What belongs to somebody as soon as it is there.
    fn once(path: &str, text: &str, own: &'static [&'static str]) -> Self {
        Self { path: path.into(), text: text.into(), own: Some(own) }
    }
}

impl Models {
    /// Those of these sources, or of all.
    pub(crate) fn of(state: &State, landing: &Landing, sources: &[String], tool: Tool) -> Result<Self, Error> {
        let landing = shown(landing)?;
        let mut groups: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        let mut named = 0;
        // The models of projects are told what is current each time.
        let passes: &[bool] = if tool == Tool::Duckdb { &[false, true] } else { &[false] };
        for &current in passes {
            let wanted = Wanted { current, ..Wanted::default() };
            let listed = state.listed(&wanted, |file| {
                let Some((source, word)) = parts(&file.path) else { return Ok(()) };
                if !sources.is_empty() && !sources.iter().any(|wanted| wanted == source) {
                    return Ok(());
                }
                let key = (source.to_owned(), word.to_owned());
                if groups.len() >= MAX_MODELS && !groups.contains_key(&key) {
                    return Err(too_many(MAX_MODELS, "sources and extensions").into());
                }
                let files = groups.entry(key).or_default();
                named += usize::from(current && files.insert(file.path));
                match named > MAX_CURRENT {
                    true => Err(too_many(MAX_CURRENT, "current files").into()),
                    false => Ok(()),
                }
            });
            listed.map_err(|error: WriteError| match error {
                WriteError::Other(error) => error,
                WriteError::Output(error) => Error::new(crate::error::Kind::Failed, error),
            })?;
        }
        if let Some(missing) = sources.iter().find(|source| !groups.keys().any(|(found, _)| found == *source)) {
            return Err(Error::usage(format!("nothing has landed in the source `{}` yet", text::quoted(missing)))
                .hint("`host files` shows what has landed"));
        }
        Self::sorted(landing, groups)
    }

    fn sorted(landing: String, groups: BTreeMap<(String, String), BTreeSet<String>>) -> Result<Self, Error> {
        let mut models = Self { landing, all: Vec::new(), unread: Vec::new() };
        let mut readable: BTreeMap<String, usize> = BTreeMap::new();
        for (source, word) in groups.keys().filter(|(_, word)| Reader::of(word).is_some()) {
            *readable.entry(source.clone()).or_default() += usize::from(!word.is_empty());
        }
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for ((source, word), current) in groups {
            let Some(reader) = Reader::of(&word) else {
                if models.unread.len() < MAX_UNREAD {
                    models.unread.push((source, word));
                }
                continue;
            };
            // Tools take a dash for a minus.
            let plain = source.replace('-', "_");
            let name = if readable.get(&source) == Some(&1) { plain } else { format!("{plain}_{word}") };
            if let Some(other) = names.insert(name.clone(), source.clone()) {
                return Err(Error::usage(format!("the sources `{other}` and `{source}` would both be `raw_{name}`"))
                    .hint(format!("name the sources that you want, as in `host models duckdb {source}`")));
            }
            models.all.push(Model { name, source, word, reader, current });
        }
        if models.all.is_empty() {
            return Err(Error::usage("nothing has landed that DuckDB reads: csv, tsv, json or ndjson")
                .hint("`host files` shows what has landed"));
        }
        Ok(models)
    }

    /// The texts for a tool, each with the file that it belongs into.
    pub(crate) fn texts(&self, tool: Tool) -> Vec<Text> {
        match tool {
            Tool::Duckdb => vec![duckdb::script(&self.landing, &self.all)],
            Tool::Dbt => dbt::project(&self.landing, &self.all),
            Tool::Sqlmesh => sqlmesh::project(&self.landing, &self.all),
        }
    }
}

/// The landing directory, as models name it.
fn shown(landing: &Landing) -> Result<String, Error> {
    let landing = match landing {
        Landing::Directory(landing) => landing,
        // DuckDB takes such an address as it is, once it may reach the store.
        Landing::Store(place) => return Ok(place.address.to_string()),
    };
    let landing = landing.canonicalize().unwrap_or_else(|_| landing.to_owned());
    match landing.to_str() {
        Some(text) if !text.contains(|c: char| c.is_control() || c == '\\') => Ok(text.to_owned()),
        _ => Err(Error::usage(format!(
            "DuckDB takes no directory whose name is not UTF-8 or has a backslash or a control character: {}",
            text::line(&landing.to_string_lossy())
        ))
        .hint("name it by a link, with `--landing`, or move it")),
    }
}

fn too_many(most: usize, what: &str) -> Error {
    Error::usage(format!("there are more than {most} {what}"))
        .hint("name the sources that you want; `host files --json` lists files without a limit")
}

/// The source of a file, and the last word of its extension; `None` for names that the host gives to no file: those may
/// hold what SQL or a glob takes for something else.
fn parts(path: &str) -> Option<(&str, &str)> {
    let (source, rest) = path.split_once('/')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+=~-".contains(&byte);
    let safe = rest.split('/').all(|name| !name.starts_with('.') && !name.is_empty() && name.bytes().all(plain));
    let (_, word) = rest.strip_suffix(".gz")?.rsplit_once('.')?;
    let known = safe && check_name(source).is_ok() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (known && !word.is_empty()).then_some((source, word))
}

/// A text in SQL.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A path in a glob, each of its characters for itself.
fn globbed(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for character in path.chars() {
        match character {
            '*' | '?' | '[' => escaped.extend(['[', character, ']']),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_the_host_gives_get_into_a_text() {
        for (path, expected) in [
            ("prices/2026/11/66f0a1b2-4e.csv.gz", Some(("prices", "csv"))),
            ("a-b/2026/2026-11-22_c6e202fb.tar.ndjson.gz", Some(("a-b", "ndjson"))),
            ("prices/2026/v1.2.csv.gz", Some(("prices", "csv"))),
            ("prices/2026/x.csv", None),
            ("prices/2026/csv.gz", None),
            ("prices/../x.csv.gz", None),
            ("prices//x.csv.gz", None),
            ("prices/.tmp-x.csv.gz", None),
            ("prices/x' OR 1.csv.gz", None),
            ("prices/*.csv.gz", None),
            ("prices/x\n.csv.gz", None),
            (".quarantine/prices/x.csv.gz", None),
            ("pri'ces/x.csv.gz", None),
            ("x.csv.gz", None),
        ] {
            assert_eq!(parts(path), expected, "{path}");
        }
    }

    #[test]
    fn a_source_with_one_kind_of_files_gives_its_name_alone() {
        let group = |source: &str, word: &str| ((source.to_owned(), word.to_owned()), BTreeSet::new());
        let names = |groups: &[((String, String), BTreeSet<String>)]| {
            Models::sorted("/z".into(), groups.iter().cloned().collect())
                .map(|models| models.all.into_iter().map(|model| model.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[group("a-b", "csv"), group("a-b", "zip")]).expect("names"), ["a_b"]);
        assert_eq!(names(&[group("a", "csv"), group("a", "json")]).expect("names"), ["a_csv", "a_json"]);
        for clash in [
            [group("a-b", "csv"), group("a_b", "csv"), group("c", "csv")],
            [group("a", "csv"), group("a", "json"), group("a_csv", "csv")],
        ] {
            assert!(names(&clash).is_err());
        }
        assert!(names(&[group("a", "zip")]).is_err());
    }
}
