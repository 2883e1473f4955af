//! From the text of a manifest to what an extractor is made of: the data that it carries out, and its `extractor.toml`. Pure.

mod origins;
mod properties;
mod toml;

use expressions::{Map, Value, json};

use crate::manifest::{self, Files, ManifestError};
use crate::plan::{Ask, Plan, Way, is_about};
use origins::origins;
use properties::Property;

pub(crate) use properties::Kind;

/// Parameters of an extractor's own, beside those of the manifest.
pub(crate) const STREAMS: &str = "streams";
pub(crate) const RECORDS: &str = "records";

/// What an extractor is made of.
pub struct Made {
    /// What it carries out.
    pub data: Vec<u8>,
    /// Its `extractor.toml`.
    pub manifest: String,
}

/// Make an extractor of this name of a manifest's text, or say which files beside it are needed for that.
pub fn make(text: &str, name: &str, files: &Files) -> Result<Result<Made, Vec<String>>, ManifestError> {
    let unfolded = manifest::unfold(text, files)?;
    match files.wanted() {
        wanted if wanted.is_empty() => made(&unfolded, name).map(Ok),
        wanted => Ok(Err(wanted)),
    }
}

/// Make one of a manifest that is whole.
fn made(unfolded: &Value, name: &str) -> Result<Made, ManifestError> {
    let mut properties = properties::of(&unfolded.member("spec").member("connection_specification"))?;
    let marked: Vec<Way> =
        properties.iter().filter(|property| property.secret).map(|property| property.way.clone()).collect();
    let ways: Vec<Way> = properties.iter().map(|property| property.way.clone()).collect();
    let plan = Plan::read(unfolded, name, &marked, &ways)?;
    let secrets = plan.secrets();
    // What an expression reads and no specification names is a parameter as well.
    for way in secrets.reads() {
        let known = |property: &Property| is_about(&property.way, &way);
        if !way.is_empty() && !properties.iter().any(known) {
            properties.push(Property::undeclared(way));
        }
    }
    let asks = secrets.asks();
    let described = properties.clone();
    properties
        .retain(|property| !property.secret && !asks.iter().any(|ask| ask.ways().any(|way| *way == property.way)));
    let origins = origins(&plan, &properties);
    // What the manifest's own rules put there is nobody's to set.
    let made = plan.rules.made();
    let is_made = |way: &Way| made.iter().any(|made| is_about(made, way));
    properties.retain(|property| ways.contains(&property.way) || !is_made(&property.way));
    let manifest = toml::write(
        name,
        &plan,
        &properties,
        &toml::Secrets { asks: &asks, described: &described, origins: &origins },
        unfolded,
    );
    let secrets = marked.into_iter().chain(asks.iter().flat_map(|ask| ask.ways().cloned())).collect();
    let is_optional = |ask: &&Ask| described.iter().any(|property| property.way == ask.way && !property.required);
    let optional = asks.iter().filter(is_optional).map(|ask| ask.name.clone()).collect();
    let known = Known { described: ways, secrets, optional };
    Ok(Made { data: data(name, unfolded, &properties, &known), manifest })
}

/// What is known of the configuration once the specification is gone.
struct Known {
    described: Vec<Way>,
    secrets: Vec<Way>,
    /// Names of the secrets that need not be there.
    optional: Vec<String>,
}

/// What the extractor carries out, as JSON.
fn data(name: &str, unfolded: &Value, properties: &[Property], known: &Known) -> Vec<u8> {
    let way = |way: &Way| Value::from(way.iter().map(|name| Value::Str(name.clone())).collect::<Vec<_>>());
    let parameter = |property: &Property| {
        Value::from(Map::from_iter([
            ("name".into(), Value::from(property.name())),
            ("way".into(), way(&property.way)),
            ("kind".into(), Value::from(property.kind.name())),
        ]))
    };
    let mut manifest = unfolded.as_dict().cloned().unwrap_or_default();
    manifest.shift_remove("spec");
    let data = Value::from(Map::from_iter([
        ("name".into(), Value::from(name)),
        ("parameters".into(), Value::from(properties.iter().map(parameter).collect::<Vec<_>>())),
        ("described".into(), Value::from(known.described.iter().map(way).collect::<Vec<_>>())),
        ("secrets".into(), Value::from(known.secrets.iter().map(way).collect::<Vec<_>>())),
        (
            "optional".into(),
            Value::from(known.optional.iter().map(|name| name.as_str().into()).collect::<Vec<Value>>()),
        ),
        ("manifest".into(), Value::from(manifest)),
    ]));
    json::python(&data, false, None).unwrap_or_default().into_bytes()
}
