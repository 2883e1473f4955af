//! What is in force, and where each value came from.

use std::collections::BTreeMap;
use std::path::Path;

use engine::Manifest;
use serde::Serialize;
use serde_json::Value as Json;
use toml_edit::{Document, Item, Table, Value};

use super::file::Configuration;
use super::place;
use crate::error::Error;
use rules::budget::{Budget, Settings};
use rules::text;

/// Where a value came from. What comes first counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// A variable of the environment.
    Environment(&'static str),
    /// The extractor's own table, or one for all, and the line.
    File(usize),
    /// What holds for all extractors, and the line.
    Defaults(usize),
    /// The component's manifest.
    Manifest,
    /// The host.
    Default,
}

/// A value that is in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// The extractor that it holds for; nothing where it holds for all.
    pub extractor: Option<String>,
    /// Its name, with the names of tables before it.
    pub key: String,
    /// As JSON.
    pub value: Json,
    /// Where it came from.
    pub from: Provenance,
}

/// Keys and values of a table, each with its line.
type Leaves = BTreeMap<String, (Json, usize)>;

impl Configuration {
    /// What is in force: for all, and for each extractor that can be run by name, or for the one of that name.
    /// `manifest` gives what a component says of itself.
    pub fn settings(
        &self,
        name: Option<&str>,
        manifest: impl Fn(&Path) -> Option<Manifest>,
    ) -> Result<Vec<Setting>, Error> {
        let leaves = leaves(self.text.strip_prefix(place::MARK).unwrap_or(&self.text));
        let mut all = Vec::new();
        let general = |key: &str| !key.starts_with("extractor.") && !key.starts_with("defaults.");
        for (key, (value, line)) in leaves.iter().filter(|(key, _)| general(key)) {
            all.push(Setting {
                extractor: None,
                key: key.clone(),
                value: value.clone(),
                from: Provenance::File(*line),
            });
        }
        all.push(self.landing_setting(&leaves));
        let names: Vec<&str> = match name {
            Some(name) if self.file.extractor.contains_key(name) => vec![name],
            Some(name) => {
                let message = format!("{} has no extractor `{}`", self.path.display(), text::quoted(name));
                return Err(Error::usage(message).hint("`host config` shows those that it has"));
            }
            None => self.file.extractor.keys().map(String::as_str).collect(),
        };
        for name in names {
            let said = &self.file.extractor[name];
            let manifest = said.component.as_deref().and_then(&manifest).unwrap_or_default();
            all.extend(of_extractor(name, &leaves, &manifest));
        }
        Ok(all)
    }

    fn landing_setting(&self, leaves: &Leaves) -> Setting {
        let variable = std::env::var_os("LANDING_DIR").filter(|value| !value.is_empty());
        let (value, from) = match (&variable, leaves.get("defaults.landing")) {
            (Some(value), _) => (value.into(), Provenance::Environment("LANDING_DIR")),
            (None, Some((_, line))) => (self.landing_word(None), Provenance::Defaults(*line)),
            (None, None) => (self.landing_word(None), Provenance::Default),
        };
        let value: std::path::PathBuf = value;
        Setting { extractor: None, key: "landing".into(), value: value.display().to_string().into(), from }
    }
}

/// What is in force for one extractor, in the order of the keys.
fn of_extractor(name: &str, leaves: &Leaves, manifest: &Manifest) -> Vec<Setting> {
    let mut all: BTreeMap<String, (Json, Provenance)> = BTreeMap::new();
    for budget in Budget::ALL {
        let amount = Settings::default().amounts()[budget as usize];
        all.insert(format!("budget.{}", budget.name()), (budget.write(amount).into(), Provenance::Default));
    }
    for (key, param) in &manifest.params {
        if let Some(default) = &param.default {
            all.insert(format!("param.{key}"), (default.clone().into(), Provenance::Manifest));
        }
    }
    for (key, (value, line)) in leaves {
        if let Some(key) = key.strip_prefix("defaults.").filter(|key| *key != "landing") {
            all.insert(key.to_owned(), (value.clone(), Provenance::Defaults(*line)));
        }
    }
    let own = format!("extractor.{name}.");
    for (key, (value, line)) in leaves {
        if let Some(key) = key.strip_prefix(&own) {
            all.insert(key.to_owned(), (value.clone(), Provenance::File(*line)));
        }
    }
    let setting = |(key, (value, from))| Setting { extractor: Some(name.to_owned()), key, value, from };
    all.into_iter().map(setting).collect()
}

/// All values of a text that was read before, so that nothing is wrong with it.
fn leaves(text: &str) -> Leaves {
    let mut all = Leaves::new();
    if let Ok(document) = Document::parse(text) {
        table(document.as_table(), "", text, &mut all);
    }
    all
}

fn table(from: &Table, prefix: &str, text: &str, all: &mut Leaves) {
    for (key, item) in from {
        let key = format!("{prefix}{key}");
        match item {
            Item::Table(inner) => table(inner, &format!("{key}."), text, all),
            Item::Value(Value::InlineTable(inner)) if !is_one_value(&key) => {
                let inner = inner.clone().into_table();
                let line = line(item, text);
                for (name, item) in &inner {
                    all.insert(format!("{key}.{name}"), (json(&format!("{key}.{name}"), item), line));
                }
            }
            item => drop(all.insert(key.clone(), (json(&key, item), line(item, text)))),
        }
    }
}

/// Whether the table there says one thing, such as where a secret is.
fn is_one_value(key: &str) -> bool {
    let part = key.rsplit_once('.').is_some_and(|(of, _)| of.ends_with(".parts"));
    part || [".from", ".as", ".webhook", ".token-key"].iter().any(|end| key.ends_with(end))
}

fn line(item: &Item, text: &str) -> usize {
    item.span().map_or(0, |span| text::line_number(text, span.start))
}

fn json(key: &str, item: &Item) -> Json {
    match item {
        Item::Value(Value::String(text)) if key.ends_with(".webhook") => {
            // What is behind the host is a secret, more often than not.
            let shown = text.value().splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
            format!("{shown}/…").into()
        }
        Item::Value(value) => value_json(value),
        Item::ArrayOfTables(tables) => tables.iter().map(|table| table_json(table.iter())).collect(),
        Item::Table(table) => table_json(table.iter()),
        Item::None => Json::Null,
    }
}

fn value_json(value: &Value) -> Json {
    match value {
        Value::String(text) => text.value().clone().into(),
        Value::Integer(number) => (*number.value()).into(),
        Value::Float(number) => (*number.value()).into(),
        Value::Boolean(truth) => (*truth.value()).into(),
        Value::Datetime(time) => time.value().to_string().into(),
        Value::Array(array) => array.iter().map(value_json).collect(),
        Value::InlineTable(inner) => inner.iter().map(|(key, value)| (key.to_owned(), value_json(value))).collect(),
    }
}

fn table_json<'a>(items: impl Iterator<Item = (&'a str, &'a Item)>) -> Json {
    items.map(|(key, item)| (key.to_owned(), json(key, item))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_its_line() {
        let text = "[defaults]\nstale-after = \"26h\"\n\n[extractor.a]\nhttp = [\n  \"https://a.example\",\n]\nparam = { url = \"x\" }\n\
                    [extractor.a.secret.t]\nfrom = { env = \"T\" }\n[notify.x]\nwebhook = \"https://h.example/secret\"\n\
                    [extractor.a.secret.u.parts]\nuser = { env = \"U\" }\n";
        let found = leaves(text);
        let at = |key: &str| (found[key].0.to_string(), found[key].1);
        assert_eq!(at("defaults.stale-after"), ("\"26h\"".into(), 2));
        assert_eq!(at("extractor.a.http"), ("[\"https://a.example\"]".into(), 5));
        assert_eq!(at("extractor.a.param.url"), ("\"x\"".into(), 8));
        assert_eq!(at("extractor.a.secret.t.from"), ("{\"env\":\"T\"}".into(), 10));
        assert_eq!(at("notify.x.webhook"), ("\"https://h.example/…\"".into(), 12));
        assert_eq!(at("extractor.a.secret.u.parts.user"), ("{\"env\":\"U\"}".into(), 14));
        assert_eq!(found.len(), 6);
    }

    #[test]
    fn what_is_said_of_one_counts_before_what_is_said_of_all() {
        let text = "[defaults.budget]\ntimeout = \"1h\"\nmax-cpu = \"1m\"\n[extractor.a.budget]\ntimeout = \"2h\"\n";
        let manifest = Manifest { params: [("p".into(), Default::default())].into(), ..Manifest::default() };
        let all = of_extractor("a", &leaves(text), &manifest);
        let of = |key: &str| {
            all.iter().find(|setting| setting.key == key).map(|setting| (setting.value.clone(), setting.from.clone()))
        };
        assert_eq!(of("budget.timeout"), Some(("2h".into(), Provenance::File(5))));
        assert_eq!(of("budget.max-cpu"), Some(("1m".into(), Provenance::Defaults(3))));
        assert_eq!(of("budget.max-requests").map(|(_, from)| from), Some(Provenance::Default));
        assert_eq!(of("param.p"), None);
    }
}
