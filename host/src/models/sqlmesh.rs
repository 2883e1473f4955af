//! Models of a SQLMesh project: thin ones for each source, and one macro that reads.

use super::{MARK, Model, Text, literal};

const PROJECT: &str = "\
gateways:
  local:
    connection: { type: duckdb, database: warehouse.duckdb }
model_defaults: { dialect: duckdb, start: 2020-01-01 }
";

const MACROS: &str = include_str!("sqlmesh.py");

/// The shortest that SQLMesh knows.
const CRON: &str = "cron '*/5 * * * *'";

/// The files of the project. The project itself is made only where there is none.
pub(super) fn project(landing: &str, models: &[Model]) -> Vec<Text> {
    let marked = |comment: &str, path: String, text: String| Text::marked(path, format!("{comment} {MARK}\n{text}"));
    // A string of JSON is one of Python.
    let macros = MACROS.replace("LANDING", &serde_json::Value::from(landing).to_string());
    let mut texts = vec![
        Text::once("config.yaml", PROJECT, &["config.yaml", "config.yml", "config.py"]),
        marked("#", "macros/host.py".into(), macros),
    ];
    for model in models {
        let Model { name, source, word, .. } = model;
        let (function, options) = model.reader.sql();
        let raw = format!(
            "MODEL (name landing.raw_{name}, kind INCREMENTAL_UNMANAGED, {CRON});\n\
             @host_raw('{source}', '{word}', '{function}', {});\n",
            literal(options)
        );
        let current = format!(
            "MODEL (name landing.current_{name}, kind FULL, {CRON});\n\
             SELECT * FROM landing.raw_{name}\n \
              WHERE _file IN (SELECT path FROM read_json(@VAR('host_current', 'current.json'), columns = {{path: 'VARCHAR'}}));\n"
        );
        texts.push(marked("--", format!("models/host/raw_{name}.sql"), raw));
        texts.push(marked("--", format!("models/host/current_{name}.sql"), current));
    }
    texts
}
