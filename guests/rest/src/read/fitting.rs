//! Has the schemas that records are made to fit, before the first of them is read.

use std::rc::Rc;

use expressions::{EvalError, Map, Value, path};
use landing::Error;

use super::page::Next;
use super::pages::Pages;
use super::partitions::Partition;
use super::request::Options;
use super::select::{SelectError, transformed};
use super::track::Interval;
use super::{Reading, slices};
use crate::plan::{Expression, Fetched, Loader, Retriever, World, simple_schema};

/// Why a record is no list of properties.
#[derive(Debug, thiserror::Error)]
enum SchemaError {
    #[error(transparent)]
    Eval(#[from] EvalError),
    #[error(transparent)]
    Path(#[from] path::PathError),
    #[error(transparent)]
    Transformation(#[from] SelectError),
    #[error("what is to be the list of its properties is {0}")]
    List(String),
    #[error("the name of a property is {0}, and no text")]
    Name(String),
    #[error("the type of the property `{0}` is {1}, which nothing is known of")]
    Kind(Rc<str>, String),
}

impl Reading {
    /// Have the schema that the records of a retriever are made to fit.
    pub(super) async fn know_schema(&self, retriever: &Retriever) -> Result<(), Error> {
        let Some(fitting) = retriever.selector.fitting.as_ref().filter(|fitting| fitting.found.get().is_none()) else {
            return Ok(());
        };
        let (mut schema, mut together) = (Value::None, Map::new());
        for loader in &fitting.loaders {
            schema = match loader {
                Loader::Written(schema) => schema.clone(),
                Loader::Fetched(fetched) => {
                    let failed = |error: &dyn std::fmt::Display| Error::new(format_args!("its schema: {error}"));
                    let record = Box::pin(self.first_record(&fetched.retriever)).await;
                    let record = record.map_err(|error| failed(&error))?;
                    let properties =
                        properties(fetched, record.as_ref(), &self.world).map_err(|error| failed(&error))?;
                    Value::from(Map::from_iter([("properties".into(), properties)]))
                }
            };
            for (name, property) in schema.member("properties").as_dict().into_iter().flatten() {
                together.entry(Rc::clone(name)).or_insert_with(|| property.clone());
            }
        }
        if fitting.is_list {
            schema = Value::from(Map::from_iter([("properties".into(), Value::from(together))]));
        }
        fitting.found.get_or_init(|| schema);
        Ok(())
    }

    /// The first record that a retriever brings.
    async fn first_record(&self, retriever: &Retriever) -> Result<Option<Value>, Error> {
        let slice = slices::seen(&Partition::default(), &Interval::default());
        let is_cached = retriever.requester.is_cached.unwrap_or(true);
        let mut pages = Pages::of(self, retriever, is_cached, slice, Map::new(), Options::default());
        loop {
            match pages.next().await? {
                Next::Page(page) => match page.records.into_iter().next() {
                    None => {}
                    found => return Ok(found),
                },
                Next::End => return Ok(None),
                Next::Reset | Next::Split(_) => return Err(Error::new("its pages cannot be read in another way")),
            }
        }
    }
}

/// The properties of a schema by their names.
fn properties(fetched: &Fetched, record: Option<&Value>, world: &World) -> Result<Value, SchemaError> {
    let list = match record.filter(|record| record.is_true()) {
        Some(record) => at(record, &fetched.list, world)?.unwrap_or_default(),
        None => Value::from(Vec::new()),
    };
    let list = list.as_list().ok_or_else(|| SchemaError::List(list.to_repr()))?;
    let mut properties = Map::new();
    for property in list {
        let name = at(property, &fetched.name, world)?.unwrap_or_default();
        let Value::Str(name) = name else { return Err(SchemaError::Name(name.to_repr())) };
        let schema = schema_of(fetched, property, &name, world)?;
        properties.insert(name, schema);
    }
    if let Some(condition) = &fetched.filter {
        let mut kept = Map::new();
        for (name, schema) in properties {
            let record = Value::from(Map::from_iter([(Rc::clone(&name), schema.clone())]));
            if condition.holds(world, &[("record", record)])? {
                kept.insert(name, schema);
            }
        }
        properties = kept;
    }
    Ok(transformed(&fetched.transformations, Value::from(properties), &Value::None, world)?)
}

fn schema_of(fetched: &Fetched, property: &Value, name: &Rc<str>, world: &World) -> Result<Value, SchemaError> {
    let kind = match &fetched.kind[..] {
        [] => None,
        way => at(property, way, world)?,
    };
    let kind = kind.unwrap_or_else(|| Value::from("string"));
    for known in fetched.kinds.iter().filter(|known| known.named == kind) {
        let names = [("raw_schema", property.clone())];
        if known.condition.as_ref().map(|condition| condition.holds(world, &names)).transpose()?.unwrap_or(true) {
            return Ok(known.schema.clone());
        }
    }
    simple_schema(&kind).ok_or_else(|| SchemaError::Kind(Rc::clone(name), kind.to_repr()))
}

fn at(value: &Value, way: &[Expression], world: &World) -> Result<Option<Value>, SchemaError> {
    if way.is_empty() {
        return Ok(Some(value.clone()));
    }
    let way = way.iter().map(|step| step.eval(world, &[])).collect::<Result<Vec<_>, _>>()?;
    Ok(path::get(value, &way)?)
}
