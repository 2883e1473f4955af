//! Makes the streams of a template.

use expressions::{Map, Value, Wanted, path};
use landing::Error;

use super::Reading;
use crate::plan::{Dynamic, Mapping, Plan, Resolver, Stream};
use crate::yaml;

/// Most streams that a template makes.
const MAX_STREAMS: usize = 1_000;

/// The streams of a template, with the sources that they land in.
pub(crate) async fn streams(dynamic: &Dynamic, plan: &Plan, reading: &Reading) -> Result<Vec<Stream>, Error> {
    let values = values(dynamic, reading).await?;
    if values.len() > MAX_STREAMS {
        return Err(Error::new(format_args!("a template makes more than {MAX_STREAMS} streams")));
    }
    let failed = |error: &dyn std::fmt::Display| Error::new(format_args!("a stream of a template: {error}"));
    let mut streams = Vec::new();
    for (components, slice) in values {
        let mut template = dynamic.template.clone();
        for mapping in &dynamic.mapping {
            put(mapping, &mut template, &dynamic.template, &components, &slice, reading)
                .map_err(|error| failed(&error))?;
        }
        streams.push(plan.stream(&template, dynamic.outer_win).map_err(|error| failed(&error))?);
    }
    Ok(streams)
}

/// Put one value into a template.
fn put(
    mapping: &Mapping,
    into: &mut Value,
    template: &Value,
    components: &Value,
    slice: &Value,
    reading: &Reading,
) -> Result<(), Error> {
    let names = [
        ("components_values", components.clone()),
        ("stream_template_config", template.clone()),
        ("stream_slice", slice.clone()),
    ];
    let failed = |error: expressions::EvalError| Error::new(&error);
    if let Some(condition) = &mapping.condition
        && !condition.holds(&reading.world, &names).map_err(failed)?
    {
        return Ok(());
    }
    let value = mapping.value.eval_as(&reading.world, &names, mapping.wanted).map_err(failed)?;
    // Text may be written as YAML, unless it is to be text.
    let value = match &value {
        Value::Str(text) if mapping.wanted != Wanted::Text => yaml::read(text).unwrap_or(value),
        _ => value,
    };
    let path = mapping.path.iter().map(|step| step.eval(&reading.world, &names)).collect::<Result<Vec<_>, _>>();
    let path = path.map_err(failed)?;
    let is_there = path::get(into, &path).map_err(|error| Error::new(error.to_string()))?.is_some();
    if is_there || (mapping.create && value.is_true()) {
        path::set(into, &path, value).map_err(|error| Error::new(error.to_string()))?;
    }
    Ok(())
}

/// What is put in for each stream, and the slice that it came with.
async fn values(dynamic: &Dynamic, reading: &Reading) -> Result<Vec<(Value, Value)>, Error> {
    match &dynamic.resolver {
        Resolver::Written(values) => Ok(values.iter().map(|value| (value.clone(), Value::None)).collect()),
        Resolver::Http(retriever) => Box::pin(reading.records_of_retriever(retriever)).await,
        Resolver::Config(lists) => {
            let mut combined = vec![Map::new()];
            for (at, list) in lists.iter().enumerate() {
                let pointer =
                    list.pointer.iter().map(|step| step.eval(&reading.world, &[])).collect::<Result<Vec<_>, _>>();
                let pointer = pointer.map_err(|error| Error::new(&error))?;
                let found =
                    path::get(&reading.world.config, &pointer).map_err(|error| Error::new(error.to_string()))?;
                let mut items = match found {
                    Some(Value::List(items)) => items.to_vec(),
                    Some(other) => vec![other],
                    None => Vec::new(),
                };
                items.extend(list.more.iter().cloned());
                let with = |combined: &Map, (index, item): (usize, &Value)| {
                    let mut combined = combined.clone();
                    match item {
                        Value::Dict(members) => combined.extend((**members).clone()),
                        other => {
                            let pair = vec![Value::Int(i128::try_from(index).unwrap_or_default()), other.clone()];
                            combined.entry(format!("source_config_{at}").into()).or_insert_with(|| Value::from(pair));
                        }
                    }
                    combined
                };
                combined =
                    combined.iter().flat_map(|one| items.iter().enumerate().map(move |item| with(one, item))).collect();
            }
            Ok(combined.into_iter().map(|members| (Value::from(members), Value::None)).collect())
        }
    }
}
