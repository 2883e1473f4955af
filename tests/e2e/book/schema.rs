//! The schema of the configuration against every configuration that is shown: an editor must not frown at what the host
//! takes, nor stay silent where a key does not exist.

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Map, Value};

use super::{BOOK, blocks, configurations, page, root};
use crate::environment;

/// The schema that the program prints.
struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    fn read() -> Self {
        let printed = environment().host(["config", "schema"]).exits(0).json();
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        compiler.add_resource("host.json", printed).expect("a schema");
        let index = compiler.compile("host.json", &mut schemas).expect("a schema");
        Self { schemas, index }
    }

    fn judge(&self, value: &Value) -> Result<(), String> {
        self.schemas.validate(value, self.index).map_err(|error| format!("{error:#}"))
    }
}

fn json(text: &str) -> Value {
    let table: toml::Table = text.parse().expect(text);
    serde_json::to_value(table).expect("JSON")
}

/// The same value with one more key, once for each table in it.
fn misspelt(value: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    if let Value::Object(table) = value {
        let mut more = table.clone();
        more.insert("no-such-key".into(), 1.into());
        all.push((String::new(), Value::Object(more)));
    }
    let children: Vec<(String, &Value)> = match value {
        Value::Object(table) => table.iter().map(|(key, inner)| (key.clone(), inner)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, inner)| (at.to_string(), inner)).collect(),
        _ => Vec::new(),
    };
    for (key, inner) in children {
        for (path, changed) in misspelt(inner) {
            let mut whole = value.clone();
            match &mut whole {
                Value::Array(items) => items[key.parse::<usize>().expect("a place")] = changed,
                whole => whole[&key] = changed,
            }
            all.push((format!("{key}.{path}"), whole));
        }
    }
    all
}

#[test]
fn the_schema_takes_what_is_shown_and_no_key_more() {
    let schema = Schema::read();
    let own = std::fs::read_to_string(root().join("host.toml")).expect("the host.toml of the repository");
    let mut seen = 0;
    for (path, text) in configurations().into_iter().chain([("host.toml".to_owned(), own)]) {
        let value = json(&text);
        schema.judge(&value).unwrap_or_else(|error| panic!("{path}:\n{text}\n{error}"));
        for (place, wrong) in misspelt(&value) {
            assert!(schema.judge(&wrong).is_err(), "{path}: the schema takes `{place}no-such-key`");
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} tables were found");
}

/// The keys of a table of the schema, by their paths, as `extractor.NAME.budget.timeout`.
fn keys(schema: &Value, part: &Value, path: &str, into: &mut Vec<String>) {
    let part = match part["$ref"].as_str().and_then(|to| schema.pointer(to.trim_start_matches('#'))) {
        Some(there) => there,
        None => part,
    };
    let empty = Map::new();
    for (key, inner) in part["properties"].as_object().unwrap_or(&empty) {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        keys(schema, inner, &path, into);
    }
    match (&part["additionalProperties"], part["properties"].is_object()) {
        (inner @ Value::Object(_), _) => keys(schema, inner, &format!("{path}.*"), into),
        (_, false) => into.push(path.to_owned()),
        _ => {}
    }
}

#[test]
fn the_page_of_host_toml_shows_every_key() {
    let schema = environment().host(["config", "schema"]).exits(0).json();
    let mut all = Vec::new();
    keys(&schema, &schema, "", &mut all);
    assert!(all.len() > 50 && all.iter().any(|key| key == "extractor.*.expect.source.*.html"), "{all:?}");
    let shown = format!("{BOOK}/host-toml.md");
    let shown: String =
        page(&shown) + &blocks(&format!("{BOOK}/budgets.md"), "toml")[0].text + &page(&format!("{BOOK}/budgets.md"));
    for key in all {
        let last = key.trim_end_matches(".*").rsplit('.').next().unwrap_or_default();
        assert!(shown.contains(last), "host-toml.md does not show `{key}`");
    }
}
