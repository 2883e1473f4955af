//! The partitions of a stream: the values of lists, the records of parent streams, and their products.

use std::collections::HashSet;

use expressions::{Map, Value, path};
use landing::Error;

use super::Reading;
use super::kept;
use super::request::{Options, RequestError};
use crate::plan::{Parent, Retriever, Router, Values, World};

/// Most partitions of a stream.
const MAX_PARTITIONS: usize = 1_000_000;

/// One partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Partition {
    /// What it is, by name.
    pub(crate) values: Map,
    /// What else of its parent's record expressions may use.
    pub(crate) extra: Map,
    /// Its first page, where that is a part of its parent's record.
    pub(crate) first: Option<Value>,
}

/// The partitions of a stream. A stream that is cut by nothing has one.
pub(crate) async fn of(retriever: &Retriever, stream: &str, reading: &Reading) -> Result<Vec<Partition>, Error> {
    let mut product = vec![Partition::default()];
    for router in &retriever.routers {
        let of_router = Box::pin(of_router(stream, router, reading)).await?;
        if product.len().saturating_mul(of_router.len()) > MAX_PARTITIONS {
            return Err(Error::new(format_args!("it has more than {MAX_PARTITIONS} partitions")));
        }
        product = product.iter().flat_map(|outer| of_router.iter().map(|inner| both(outer, inner))).collect();
    }
    // Only the records of parents have first pages, and only where nothing else cuts the stream.
    if !matches!(&retriever.routers[..], [Router::Substream(_)]) {
        product.iter_mut().for_each(|partition| partition.first = None);
    }
    Ok(product)
}

/// Leave out partitions that were there before.
pub(crate) fn distinct(partitions: &mut Vec<Partition>) {
    let mut seen = HashSet::new();
    partitions.retain(|partition| seen.insert(kept::key("", &partition.values)));
}

async fn of_router(stream: &str, router: &Router, reading: &Reading) -> Result<Vec<Partition>, Error> {
    match router {
        Router::List { values, field, .. } => listed(values, field, &reading.world),
        Router::Substream(parents) => {
            let mut all = Vec::new();
            for parent in parents {
                all.extend(of_parent(stream, parent, reading).await?);
            }
            Ok(all)
        }
        Router::Union { routers, field } => {
            let field = field.eval(&reading.world, &[]).map_err(|error| Error::new(&error))?.to_text();
            let (mut all, mut seen) = (Vec::new(), HashSet::new());
            for router in routers {
                for partition in Box::pin(of_router(stream, router, reading)).await? {
                    let partition = by_field(partition, &field)?;
                    if seen.insert(kept::key("", &partition.values)) {
                        all.push(partition);
                    }
                }
            }
            Ok(all)
        }
        Router::Group { size, router, distinct } => {
            grouped(Box::pin(of_router(stream, router, reading)).await?, *size, *distinct)
        }
    }
}

/// A partition by one of its values alone; the others become what else is known of it.
fn by_field(partition: Partition, field: &str) -> Result<Partition, Error> {
    let Partition { mut values, mut extra, .. } = partition;
    let Some((name, value)) = values.shift_remove_entry(field) else {
        return Err(Error::new(format_args!("a partition of a union has no `{field}`")));
    };
    extra.extend(values);
    Ok(Partition { values: Map::from_iter([(name, value)]), extra, first: None })
}

/// Partitions of so many others, each value being a list.
fn grouped(partitions: Vec<Partition>, size: usize, distinct: bool) -> Result<Vec<Partition>, Error> {
    let (mut seen, mut kept_partitions) = (HashSet::new(), Vec::new());
    for partition in partitions {
        let mut names = partition.values.keys().filter(|name| &***name != "parent_slice");
        let (Some(name), None) = (names.next(), names.next()) else {
            return Err(Error::new("a partition that is grouped has to have one value"));
        };
        let value = partition.values.get(name).map(Value::to_repr).unwrap_or_default();
        if !distinct || seen.insert(value) {
            kept_partitions.push(partition);
        }
    }
    let list = |group: &[Partition], part: fn(&Partition) -> &Map, name: &std::rc::Rc<str>| {
        let values = group.iter().map(|partition| part(partition).get(name).cloned().unwrap_or(Value::None));
        (name.clone(), Value::from(values.collect::<Vec<_>>()))
    };
    let group = |group: &[Partition]| {
        let of = |part: fn(&Partition) -> &Map| -> Map {
            let names = group.iter().flat_map(|partition| part(partition).keys());
            names.map(|name| list(group, part, name)).collect()
        };
        Partition { values: of(|partition| &partition.values), extra: of(|partition| &partition.extra), first: None }
    };
    Ok(kept_partitions.chunks(size).map(group).collect())
}

/// Where both have a value of one name, the outer one counts.
fn both(outer: &Partition, inner: &Partition) -> Partition {
    let joined = |outer: &Map, inner: &Map| {
        let mut joined = inner.clone();
        joined.extend(outer.iter().map(|(name, value)| (name.clone(), value.clone())));
        joined
    };
    let first = inner.first.clone();
    Partition { values: joined(&outer.values, &inner.values), extra: joined(&outer.extra, &inner.extra), first }
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
    let partition =
        |value: Value| Partition { values: Map::from_iter([(name.clone(), value)]), ..Partition::default() };
    Ok(values.into_iter().map(partition).collect())
}

/// One partition for each record of a parent stream that has the key.
async fn of_parent(stream: &str, parent: &Parent, reading: &Reading) -> Result<Vec<Partition>, Error> {
    let failed = |error: expressions::EvalError| Error::new(&error);
    let key = parent.key.eval(&reading.world, &[]).map_err(failed)?.to_text();
    let field = parent.field.eval(&reading.world, &[]).map_err(failed)?.to_text();
    let steps: Vec<Value> = key.split('/').filter(|step| !step.is_empty()).map(Value::from).collect();
    let pointer = parent.first_page.iter().map(|step| step.eval(&reading.world, &[])).collect::<Result<Vec<_>, _>>();
    let pointer = pointer.map_err(failed)?;
    let mut partitions = Vec::new();
    let state = parent.incremental.then(|| kept::parent_key(stream, &parent.stream.name));
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
        let first = match parent.first_page.is_empty() {
            true => None,
            false => Some(path::get(&record, &pointer).ok().flatten().unwrap_or_else(|| Value::from(Vec::new()))),
        };
        partitions.push(Partition { values, extra: extra.collect(), first });
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
    retriever: &Retriever,
    partition: &Partition,
    options: &mut Options,
    world: &World,
) -> Result<(), RequestError> {
    // What the last one sends stands first; of two of one name, that of the first one counts.
    for router in retriever.routers.iter().rev() {
        let injects: Vec<_> = match router {
            Router::List { field, inject, .. } => vec![(field, inject)],
            Router::Substream(parents) => parents.iter().map(|parent| (&parent.field, &parent.inject)).collect(),
            // What is a list, or of one of several kinds, is for expressions alone.
            Router::Union { .. } | Router::Group { .. } => Vec::new(),
        };
        let mut of_router = Options::default();
        for (field, inject) in injects {
            let name = field.eval(world, &[])?.to_text();
            // A value that counts as false is not sent.
            if let (Some(inject), Some(value)) = (inject, partition.values.get(&name).filter(|value| value.is_true())) {
                of_router.inject(inject, value, world)?;
            }
        }
        options.overlay(of_router);
    }
    Ok(())
}
