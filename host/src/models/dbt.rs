//! Models of a dbt project: thin ones for each source, and one macro that reads.

use super::{MARK, Model, Text};

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

const MACROS: &str = include_str!("dbt.sql");

/// The files of the project. The project itself is made only where there is none.
pub(super) fn project(landing: &str, models: &[Model]) -> Vec<Text> {
    let marked = |path: String, text: String| Text::marked(path, format!("-- {MARK}\n{text}"));
    let mut texts = vec![
        Text::once("dbt_project.yml", PROJECT, &["dbt_project.yml"]),
        Text::once("profiles.yml", PROFILE, &["dbt_project.yml", "profiles.yml"]),
        marked("macros/host.sql".into(), MACROS.replace("LANDING", &quoted(landing))),
    ];
    for model in models {
        let Model { name, source, word, .. } = model;
        let (function, options) = model.reader.sql();
        let raw = format!("{RAW}{{{{ host_raw('{source}', '{word}', '{function}', {}) }}}}\n", quoted(options));
        let current = format!("{{{{ config(materialized='table') }}}}\n{{{{ host_current('raw_{name}') }}}}\n");
        texts.push(marked(format!("models/host/raw_{name}.sql"), raw));
        texts.push(marked(format!("models/host/current_{name}.sql"), current));
    }
    texts
}

/// A text in Jinja.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
