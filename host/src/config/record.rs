//! Writing a grant into `host.toml`, with everything else in it left as it is.

use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value as Json;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value, value};

use super::file;
use super::place;
use super::secrets::{SecretGrant, SecretSource};
use crate::error::{Error, Kind};
use crate::files;
use rules::budget::Budget;

/// What a grant adds to what is granted already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addition {
    /// Origins.
    pub http: Vec<String>,
    /// Sources.
    pub sources: Vec<String>,
    /// Secrets.
    pub secrets: Vec<(String, SecretGrant)>,
    /// Budgets and their new amounts.
    pub budget: Vec<(Budget, u64)>,
    /// The only component that may use the grants, by its SHA-256.
    pub sha256: Option<String>,
}

impl Addition {
    /// Whether it adds nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Add to what the extractor `name` is granted in the file at `path`, which is made where there is none.
pub fn record(path: &Path, name: &str, addition: &Addition) -> Result<(), Error> {
    let failed = |reason: String| {
        Error::new(Kind::Failed, format!("cannot record the grant in {}: {reason}", path.display()))
            .hint("name another file with `--config FILE`, or make this one writable")
    };
    // From before it is read until it is replaced: of two grants at once neither is lost.
    let _turn = files::turn(path).map_err(|error| failed(error.to_string()))?;
    let text = match place::text(path) {
        Ok(_) if place::is_stream(path) => return Err(failed("it is no file that could be replaced".into())),
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error.to_string())),
    };
    let changed = changed(&text, name, addition).map_err(failed)?;
    // Whatever was added, the file can be read afterwards.
    file::parse(&changed).map_err(failed)?;
    files::replace(path, changed.as_bytes()).map_err(|error| failed(error.to_string()))
}

/// The file's text with the grant in it. Its line breaks, of which the first is taken for all, and its byte order mark stay
/// as they are.
fn changed(text: &str, name: &str, addition: &Addition) -> Result<String, String> {
    let (mark, body) = match text.strip_prefix(place::MARK) {
        Some(body) => (&text[..place::MARK.len_utf8()], body),
        None => ("", text),
    };
    let changed = with_grant(body, name, addition)?;
    let crlf = body.split_once('\n').is_some_and(|(first, _)| first.ends_with('\r'));
    let changed = if crlf { changed.replace("\r\n", "\n").replace('\n', "\r\n") } else { changed };
    Ok(mark.to_owned() + &changed)
}

fn with_grant(text: &str, name: &str, addition: &Addition) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.message().to_owned())?;
    // What is said at the end of the file stays before the table that is added there.
    let end = document.trailing().as_str().unwrap_or_default().to_owned();
    let is_new = document.get("extractor").and_then(|all| all.get(name)).is_none();
    if is_new {
        document.set_trailing("");
    }
    let table = table_at(document.as_table_mut(), "extractor")?;
    table.set_implicit(true);
    let table = table_at(table, name)?;
    if is_new && !end.is_empty() {
        table.decor_mut().set_prefix(format!("{}\n\n", end.trim_end()));
    }
    if let Some(sha256) = &addition.sha256 {
        table["sha256"] = value(sha256);
    }
    extend(table, "http", &addition.http)?;
    extend(table, "sources", &addition.sources)?;
    if !addition.budget.is_empty() {
        let budget = table.entry("budget").or_insert(Item::Value(InlineTable::new().into()));
        let budget = budget.as_table_like_mut().ok_or("`budget` is no table")?;
        for (one, amount) in &addition.budget {
            let text = one.write(*amount);
            let count = text.parse::<i64>().ok().filter(|_| one.is_count());
            budget.insert(one.name(), count.map_or_else(|| value(text), value));
        }
    }
    for (secret, grant) in &addition.secrets {
        let secrets = table_at(table, "secret")?;
        secrets.set_implicit(true);
        secrets.insert(secret, Item::Table(secret_table(grant)));
    }
    Ok(document.to_string())
}

fn table_at<'a>(parent: &'a mut Table, key: &str) -> Result<&'a mut Table, String> {
    let item = parent.entry(key).or_insert(Item::Table(Table::new()));
    item.as_table_mut().ok_or_else(|| format!("`{key}` is written on one line there; make it a table of its own first"))
}

fn extend(table: &mut Table, key: &str, entries: &[String]) -> Result<(), String> {
    if entries.is_empty() {
        return Ok(());
    }
    let item = table.entry(key).or_insert(value(Array::new()));
    let array = item.as_array_mut().ok_or_else(|| format!("`{key}` is no list there"))?;
    for entry in entries {
        // Another process may have added the same since the operator was asked.
        if array.iter().any(|there| there.as_str() == Some(entry)) {
            continue;
        }
        // Where the list has a line for each entry, a new one gets a line too, after what is said of the last.
        let last = array.iter().last().and_then(|last| last.decor().prefix()?.as_str());
        match last.map(str::to_owned) {
            Some(prefix) if prefix.contains('\n') => {
                let mut value = Value::from(entry);
                let indent = prefix.rsplit('\n').next().unwrap_or_default();
                let said = array.trailing().as_str().unwrap_or_default().trim_end().to_owned();
                value.decor_mut().set_prefix(format!("{said}\n{indent}"));
                array.push_formatted(value);
                array.set_trailing("\n");
                array.set_trailing_comma(true);
            }
            _ => array.push(entry),
        }
    }
    Ok(())
}

fn secret_table(grant: &SecretGrant) -> Table {
    let mut table = Table::new();
    if let SecretSource::One(from) = &grant.source {
        table["from"] = value(written(from));
    }
    table["as"] = value(written(&grant.place));
    table["origins"] = value(Array::from_iter(grant.origins.iter().map(String::as_str)));
    if let SecretSource::Parts(parts) = &grant.source
        && !parts.is_empty()
    {
        let parts = parts.iter().map(|(part, from)| (part.as_str(), value(written(from))));
        table["parts"] = Item::Table(Table::from_iter(parts));
    }
    if let Some(oauth) = &grant.oauth {
        let said = serde_json::to_value(oauth).unwrap_or_default();
        let entries = said.as_object().into_iter().flatten();
        table["oauth"] =
            Item::Table(Table::from_iter(entries.map(|(key, entry)| (key.as_str(), value(of_json(entry))))));
    }
    if grant.private {
        table["private"] = value(true);
    }
    table
}

/// As it is written in the file, on one line.
pub fn written(what: &impl serde::Serialize) -> Value {
    // Nothing that is configured has keys other than texts.
    of_json(&serde_json::to_value(what).unwrap_or_default())
}

fn of_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(""),
        Json::Bool(truth) => Value::from(*truth),
        Json::Number(number) => number.as_i64().map_or_else(|| Value::from(number.to_string()), Value::from),
        Json::String(text) => Value::from(text),
        Json::Array(items) => Value::from(Array::from_iter(items.iter().map(of_json))),
        Json::Object(entries) => {
            let said = entries.iter().filter(|(_, entry)| !entry.is_null());
            Value::from(InlineTable::from_iter(said.map(|(key, entry)| (key.as_str(), of_json(entry)))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::secrets::SecretFrom;
    use super::*;
    use rules::domain::SecretPlace;

    fn addition() -> Addition {
        let grant = SecretGrant {
            source: SecretSource::One(SecretFrom::Env("TOKEN".into())),
            oauth: None,
            private: false,
            place: SecretPlace::Header("X-Key".into()),
            origins: vec!["https://a.example".into()],
        };
        Addition {
            http: vec!["https://a.example".into()],
            sources: vec!["old".into()],
            secrets: vec![("token".into(), grant)],
            budget: vec![(Budget::Time, 7_200_000), (Budget::Files, 7)],
            sha256: None,
        }
    }

    #[test]
    fn a_new_file_holds_the_grant() {
        let text = changed("", "prices", &addition()).expect("a file");
        assert_eq!(
            text,
            "[extractor.prices]\nhttp = [\"https://a.example\"]\nsources = [\"old\"]\nbudget = { timeout = \"2h\", max-files = 7 }\n\n\
             [extractor.prices.secret.token]\nfrom = { env = \"TOKEN\" }\nas = { header = \"X-Key\" }\n\
             origins = [\"https://a.example\"]\n"
        );
    }

    #[test]
    fn the_places_of_parts_are_a_table() {
        let from = |from: &str| from.parse::<SecretFrom>().expect(from);
        let parts = [("user", "env:USER"), ("password", "command:pass show x")];
        let source = SecretSource::Parts(parts.map(|(part, at)| (part.to_owned(), from(at))).into());
        let origins = vec!["https://a.example".into()];
        let grant = SecretGrant { source, place: SecretPlace::Pair, oauth: None, private: false, origins };
        let addition = Addition { secrets: vec![("token".into(), grant.clone())], ..Addition::default() };
        let text = changed("", "prices", &addition).expect("a file");
        assert_eq!(
            text,
            "[extractor.prices]\n\n[extractor.prices.secret.token]\nas = \"pair\"\norigins = [\"https://a.example\"]\n\n\
             [extractor.prices.secret.token.parts]\npassword = { command = [\"pass\", \"show\", \"x\"] }\n\
             user = { env = \"USER\" }\n"
        );
        let read = file::parse(&text).expect("it can be read");
        assert_eq!(read.extractor["prices"].secret["token"], grant);
        assert_eq!(changed(&text, "prices", &addition), Ok(text));
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let before = "# mine\n[tls]\nca = [\"x.pem\"] # private\n\n[extractor.prices]\nhttp = [\n    \"https://b.example\", # why\n]\n\n[extractor.other]\n";
        let after = changed(before, "prices", &addition()).expect("a file");
        for kept in
            ["# mine\n[tls]\nca = [\"x.pem\"] # private\n", "    \"https://b.example\", # why\n", "[extractor.other]\n"]
        {
            assert!(after.contains(kept), "{after}");
        }
        let table: toml::Table = after.parse().expect(&after);
        let http = table["extractor"]["prices"]["http"].as_array().map(Vec::len);
        assert_eq!(http, Some(2), "{after}");
    }

    #[test]
    fn an_origin_with_more_about_it_stays_so() {
        let private = "{ origin = \"https://db.internal\", private = true }";
        for (before, after) in [
            (format!("[{private}]"), format!("[{private}, \"https://a.example\"]")),
            (
                format!("[\n    {private}, # ours\n]"),
                format!("[\n    {private}, # ours\n    \"https://a.example\",\n]"),
            ),
        ] {
            let [before, after] = [before, after].map(|list| format!("[extractor.prices]\nhttp = {list}\n"));
            let addition = Addition { http: vec!["https://a.example".into()], ..Addition::default() };
            assert_eq!(changed(&before, "prices", &addition).expect("a file"), after);
            assert!(file::parse(&after).is_ok());
        }
    }

    #[test]
    fn what_is_said_at_the_end_stays_before_what_is_added() {
        for before in ["# mine\n", "[tls]\nca = []\n\n# the end\n", "# no line break"] {
            let after = changed(before, "prices", &addition()).expect("a file");
            assert!(after.starts_with(&format!("{}\n\n[extractor.prices]\n", before.trim_end())), "{after}");
        }
        let before = "[extractor.prices]\nhttp = []\n# the end\n";
        assert!(changed(before, "prices", &addition()).expect("a file").ends_with("# the end\n"));
    }

    #[test]
    fn line_breaks_and_a_byte_order_mark_stay() {
        let before = "\u{feff}# mine\r\n[extractor.prices]\r\nhttp = [\r\n    \"https://b.example\", # why\r\n]\r\n";
        let after = changed(before, "prices", &addition()).expect("a file");
        assert!(after.starts_with("\u{feff}# mine\r\n[extractor.prices]\r\n"), "{after:?}");
        assert!(after.contains("    \"https://b.example\", # why\r\n    \"https://a.example\",\r\n]\r\n"), "{after:?}");
        assert_eq!(after.matches('\n').count(), after.matches("\r\n").count(), "{after:?}");
        assert_eq!(after.matches(place::MARK).count(), 1);
        file::parse(&after).expect("it can be read");
        let unix = changed(&before.replace('\r', ""), "prices", &addition()).expect("a file");
        assert!(!unix.contains('\r'), "{unix:?}");
    }

    #[test]
    fn what_is_there_already_is_not_added_again() {
        let once = changed("", "prices", &addition()).expect("a file");
        assert_eq!(changed(&once, "prices", &addition()), Ok(once));
    }

    #[test]
    fn what_cannot_be_added_to_is_refused() {
        for text in ["extractor = 1", "[extractor]\nprices = {}", "[extractor.prices]\nhttp = \"x\"", "[broken"] {
            assert!(changed(text, "prices", &addition()).is_err(), "{text}");
        }
    }
}
