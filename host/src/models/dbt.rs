//! Models of a dbt project: thin ones for each source, and one macro that reads.

use super::{MARK, Model, Reader, Text};

const PROJECT: &str = "\
name: warehouse
version: \"1.0\"
profile: warehouse
";

const PROFILE: &str = "\
warehouse:
  target: dev
  outputs:
    dev: { type: duckdb, path: warehouse.duckdb }
";

const RAW: &str = "\
{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='append_new_columns') }}
";

const MACROS: &str = include_str!("macros.sql");

/// The files of the project. The project itself is made only where there is none.
pub(super) fn project(landing: &str, models: &[Model]) -> Vec<Text> {
    let once = |path: &str, text: &str| Text { path: path.into(), text: text.into(), once: true };
    let marked = |path: String, text: String| Text { path, text: format!("-- {MARK}\n{text}"), once: false };
    let macros = MACROS.replace("LANDING", &quoted(landing));
    let mut texts =
        vec![once("dbt_project.yml", PROJECT), once("profiles.yml", PROFILE), marked("macros/host.sql".into(), macros)];
    for model in models {
        let Model { name, source, word, reader, .. } = model;
        let (function, options) = reader.sql();
        let options = quoted(&if *reader == Reader::Tsv { options.replace("\\t", "\t") } else { options.into() });
        let raw = format!("{RAW}{{{{ host_raw('{source}', '{word}', '{function}', {options}) }}}}\n");
        let current = format!("{{{{ config(materialized='table') }}}}\n{{{{ host_current('raw_{name}') }}}}\n");
        texts.push(marked(format!("models/host/raw_{name}.sql"), raw));
        texts.push(marked(format!("models/host/current_{name}.sql"), current));
    }
    texts
}

/// A text in Jinja.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\t', "\\t"))
}
