//! The partitions of a stream: the values of lists, the records of parent streams, and their products.

use std::collections::HashSet;

use expressions::{Map, Value, path};
use landing::Error;

use super::Reading;
use super::kept;
use super::request::{Options, RequestError};
use crate::plan::{Parent, Router, Stream, Values, World};

/// Most partitions of a stream.
const MAX_PARTITIONS: usize = 1_000_000;

/// One partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Partition {
    /// What it is, by name.
    pub(crate) values: Map,
    /// What else of its parent's record expressions may use.
    pub(crate) extra: Map,
}

/// The partitions of a stream, each once. A stream that is cut by nothing has one.
pub(crate) async fn partitions(stream: &Stream, reading: &Reading) -> Result<Vec<Partition>, Error> {
    let mut product = vec![Partition::default()];
    for router in &stream.retriever.routers {
        let of_router = match router {
            Router::List { values, field, .. } => listed(values, field, &reading.world)?,
            Router::Substream(parents) => {
                let mut all = Vec::new();
                for parent in parents {
                    all.extend(of_parent(stream, parent, reading).await?);
                }
                all
            }
        };
        if product.len().saturating_mul(of_router.len()) > MAX_PARTITIONS {
            return Err(Error::new(format_args!("it has more than {MAX_PARTITIONS} partitions")));
        }
        product = product.iter().flat_map(|outer| of_router.iter().map(|inner| both(outer, inner))).collect();
    }
    let mut seen = HashSet::new();
    product.retain(|partition| seen.insert(kept::key("", &partition.values)));
    Ok(product)
}

/// Where both have a value of one name, the outer one counts.
fn both(outer: &Partition, inner: &Partition) -> Partition {
    let joined = |outer: &Map, inner: &Map| {
        let mut joined = inner.clone();
        joined.extend(outer.iter().map(|(name, value)| (name.clone(), value.clone())));
        joined
    };
    Partition { values: joined(&outer.values, &inner.values), extra: joined(&outer.extra, &inner.extra) }
}

fn listed(values: &Values, field: &crate::plan::Expression, world: &World) -> Result<Vec<Partition>, Error> {
    let failed = |error: expressions::EvalError| Error::new(&error);
    let name = field.eval(world, &[]).map_err(failed)?.to_text();
    let values = match values {
        Values::Written(values) => values.clone(),
        Values::Computed(expression) => match expression.eval(world, &[]).map_err(failed)? {
            Value::List(items) | Value::Tuple(items) => items.to_vec(),
            // Python goes through the letters of a text.
            other => {
                return Err(Error::new(format_args!(
                    "the `values` of a list came to {}, which is no list",
                    other.to_repr()
                )));
            }
        },
    };
    let partition = |value: Value| Partition { values: Map::from_iter([(name.clone(), value)]), extra: Map::new() };
    Ok(values.into_iter().map(partition).collect())
}

/// One partition for each record of a parent stream that has the key.
async fn of_parent(stream: &Stream, parent: &Parent, reading: &Reading) -> Result<Vec<Partition>, Error> {
    let failed = |error: expressions::EvalError| Error::new(&error);
    let key = parent.key.eval(&reading.world, &[]).map_err(failed)?.to_text();
    let field = parent.field.eval(&reading.world, &[]).map_err(failed)?.to_text();
    let steps: Vec<Value> = key.split('/').filter(|step| !step.is_empty()).map(Value::from).collect();
    let mut partitions = Vec::new();
    let state = parent.incremental.then(|| kept::parent_key(&stream.name, &parent.stream.name));
    // A parent may have parents of its own.
    let records = Box::pin(reading.records_of(&parent.stream, state));
    for (record, of) in records.await? {
        let found = path::get(&record, &steps).map_err(|error| Error::new(error.to_string()))?;
        let Some(value) = found.filter(Value::is_given) else { continue };
        let values = Map::from_iter([(field.clone(), value), ("parent_slice".into(), Value::from(of))]);
        let extra = parent.extra.iter().map(|names| {
            let value = path::get(&record, names).ok().flatten().unwrap_or(Value::None);
            let names: Vec<_> = names.iter().map(|name| name.to_text().to_string()).collect();
            (names.join(".").into(), value)
        });
        partitions.push(Partition { values, extra: extra.collect() });
        if partitions.len() > MAX_PARTITIONS {
            return Err(Error::new(format_args!(
                "its parent {} has more than {MAX_PARTITIONS} records",
                parent.stream.name
            )));
        }
    }
    Ok(partitions)
}

/// Add to a request what its partition says.
pub(crate) fn inject(
    stream: &Stream,
    partition: &Partition,
    options: &mut Options,
    world: &World,
) -> Result<(), RequestError> {
    for router in &stream.retriever.routers {
        let injects: Vec<_> = match router {
            Router::List { field, inject, .. } => vec![(field, inject)],
            Router::Substream(parents) => parents.iter().map(|parent| (&parent.field, &parent.inject)).collect(),
        };
        let mut of_router = Options::default();
        for (field, inject) in injects {
            let name = field.eval(world, &[])?.to_text();
            // A value that counts as false is not sent.
            if let (Some(inject), Some(value)) = (inject, partition.values.get(&name).filter(|value| value.is_true())) {
                of_router.inject(inject, value, world)?;
            }
        }
        options.fill(of_router);
    }
    Ok(())
}
