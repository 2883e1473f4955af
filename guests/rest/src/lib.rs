//! Carries out declarative REST sources: what Airbyte's low-code manifests describe, without their Python.
//!
//! The extractor has room for data: [`make`](make::make) makes it of a manifest, together with an `extractor.toml`, and
//! the host puts it in. Without data the extractor makes some: of the manifest that its parameter `manifest` is.
//!
//! - `yaml` and `manifest` read a manifest and unfold it;
//! - `plan` is the manifest as something that can be carried out, or refused;
//! - `make` derives from it what an extractor asks for and takes;
//! - `read` carries it out.

mod make;
mod manifest;
mod plan;
mod read;
mod room;
mod yaml;

use expressions::{Map, Value, json};
use landing::{Error, Extractor, Slot, Source, params, run};

use make::{Kind, RECORDS, STREAMS};
use manifest::Files;
use plan::{Plan, Way, World};
use read::Reading;

/// The parameter that is a manifest.
const MANIFEST: &str = "manifest";
/// The parameter that is the name of the extractor to make.
const NAME: &str = "name";
/// The parameter that is the files beside it, as far as they were asked for: an object of their texts.
const FILES: &str = "files";
/// The ending of a list of the files that are still needed.
const WANTED: &str = "wanted";

struct Rest;

impl Extractor for Rest {
    async fn extract() -> Result<(), Error> {
        match room::data() {
            Some(data) => carry_out(data).await,
            None => make_extractor().await,
        }
    }
}

landing::export!(Rest);

/// Land the data and the manifest of an extractor.
async fn make_extractor() -> Result<(), Error> {
    let (Some(text), Some(name)) = (params::get(MANIFEST), params::get(NAME)) else {
        return Err(Error::new("it has no manifest to carry out: `host add NAME FILE.yaml` makes an extractor of one"));
    };
    let files = params::get(FILES).map(|files| json::read(files.as_bytes())).transpose();
    let files = Files::of(&files.map_err(|error| Error::new(&error))?.unwrap_or_default());
    let source = Source::own()?;
    let made = match make::make(&text, &name, &files).map_err(|error| Error::new(error.to_string()))? {
        Ok(made) => made,
        Err(wanted) => {
            let list = Value::from(wanted.iter().map(|path| Value::from(path.as_str())).collect::<Vec<_>>());
            let list = json::python(&list, false, None).map_err(|error| Error::new(&error))?;
            source.land_bytes(list.into_bytes(), Slot::new(WANTED)).await?;
            return Ok(());
        }
    };
    source.land_bytes(made.data, Slot::new("json")).await?;
    source.land_bytes(made.manifest.into_bytes(), Slot::new("toml")).await?;
    Ok(())
}

/// Read the streams of the manifest that the extractor was made of.
async fn carry_out(data: &[u8]) -> Result<(), Error> {
    let data = json::read(data).map_err(|error| Error::new(format_args!("its data is unusable: {error}")))?;
    let ways = |of: &str| data.member(of).as_list().unwrap_or_default().iter().map(way).collect::<Vec<Way>>();
    let name = data.member("name").to_text();
    let plan = Plan::read(&data.member("manifest"), &name, &ways("secrets"), &ways("described"));
    let plan = plan.map_err(|error| Error::new(error.to_string()))?;
    let optional = data.member("optional");
    let optional = optional.as_list().unwrap_or_default().iter().map(|name| name.to_text().to_string()).collect();
    let world = World {
        config: configuration(data.member("parameters").as_list().unwrap_or_default())?,
        now: Box::new(|| i64::try_from(run::now().saturating_mul(1000)).unwrap_or(i64::MAX)),
        random: Box::new(random),
        optional,
    };
    let chosen = params::get(STREAMS).unwrap_or_default();
    Reading::new(&plan, world, records()?)?.read(&plan, &chosen).await
}

/// Whether the selected records land, and not the answers as they came.
fn records() -> Result<bool, Error> {
    let text = params::get(RECORDS).unwrap_or_default();
    match typed(Kind::Boolean, &text) {
        Some(Value::Bool(records)) => Ok(records),
        _ if text.trim().is_empty() => Ok(false),
        _ => Err(Error::new(format_args!("the parameter `{RECORDS}` is {text:?}, and has to be true or false"))),
    }
}

fn random(bytes: &mut [u8]) {
    let random = run::random_bytes(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    bytes.iter_mut().zip(random).for_each(|(byte, random)| *byte = random);
}

fn way(value: &Value) -> Way {
    value.as_list().unwrap_or_default().iter().filter_map(|name| name.as_str().map(Into::into)).collect()
}

/// The values that the operator set, each as the manifest's specification types it. Blank ones are not there.
fn configuration(parameters: &[Value]) -> Result<Value, Error> {
    let mut config = Value::from(Map::new());
    for parameter in parameters {
        let name = parameter.member("name").to_text();
        let Some(text) = params::get(&name).filter(|text| !text.is_empty()) else { continue };
        let kind = Kind::of(&parameter.member("kind").to_text());
        let value = typed(kind, &text).ok_or_else(|| {
            Error::new(format_args!("the parameter `{name}` is {text:?}, which is no {}", kind.name()))
        })?;
        let way = parameter.member("way");
        expressions::path::set(&mut config, way.as_list().unwrap_or_default(), value)
            .map_err(|error| Error::new(format_args!("the parameter `{name}` cannot be set: {error}")))?;
    }
    Ok(config)
}

fn typed(kind: Kind, text: &str) -> Option<Value> {
    let trimmed = text.trim();
    match kind {
        Kind::Text => Some(Value::from(text)),
        Kind::Integer => trimmed.parse().ok().map(Value::Int),
        Kind::Number => match trimmed.parse() {
            Ok(whole) => Some(Value::Int(whole)),
            Err(_) => trimmed.parse().ok().map(Value::Float),
        },
        Kind::Boolean => match trimmed {
            "true" | "True" => Some(Value::Bool(true)),
            "false" | "False" => Some(Value::Bool(false)),
            _ => None,
        },
        Kind::Json => json::read(trimmed.as_bytes()).ok(),
    }
}
