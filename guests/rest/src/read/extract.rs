//! What of a decoded answer is a record, before any filter. Pure.

use expressions::{EvalError, Map, Value, path};

use super::select::SelectError;
use crate::plan::{Expander, Expression, Extractor, World};

/// What was extracted.
#[derive(Default)]
pub(crate) struct Extracted {
    pub(crate) records: Vec<Value>,
    /// How many there were, empty ones that were left out too: pages are counted by that.
    pub(crate) count: usize,
}

/// The records of an answer.
pub(crate) fn extract(extractor: &Extractor, bodies: &[Value], world: &World) -> Result<Extracted, SelectError> {
    match extractor {
        Extractor::Path { path, expander } => {
            let segments = steps(path, world)?;
            let mut records = Vec::new();
            for body in bodies {
                records.extend(path::extract(body, &segments)?);
            }
            if let Some(expander) = expander {
                let expander = Expanding::of(expander, world)?;
                let mut expanded = Vec::new();
                for record in records {
                    expander.expand(record, &mut expanded)?;
                }
                records = expanded;
            }
            Ok(Extracted { count: records.len(), records })
        }
        Extractor::Combined { extractors, first, skip_empty } => {
            let mut combined = Extracted::default();
            for extractor in extractors {
                let mut found = extract(extractor, bodies, world)?;
                if *skip_empty {
                    found.records.retain(Value::is_true);
                }
                match (*first, found.records.is_empty()) {
                    (true, true) => {}
                    (true, false) => return Ok(found),
                    (false, _) => {
                        combined.count += found.count;
                        combined.records.extend(found.records);
                    }
                }
            }
            Ok(combined)
        }
    }
}

/// Whether an answer has anything where its records are to be, an empty list included.
pub(crate) fn is_there(extractor: &Extractor, body: &Value, world: &World) -> Result<bool, SelectError> {
    match extractor {
        Extractor::Path { path, .. } => {
            let mut segments = steps(path, world)?;
            // What is below an empty list is not there, and nothing is wrong with that.
            let star = segments.iter().position(|segment| segment.as_str() == Some("*"));
            segments.truncate(star.unwrap_or(segments.len()));
            let is_there = |found: Vec<Value>| !found.is_empty();
            Ok(segments.is_empty() || path::values(body, &segments).map_or(true, is_there))
        }
        Extractor::Combined { extractors, .. } => {
            for extractor in extractors {
                if is_there(extractor, body, world)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

/// The paths that lead to the records, as their manifest writes them.
pub(crate) fn shown(extractor: &Extractor) -> String {
    match extractor {
        Extractor::Path { path, .. } => path.iter().map(Expression::written).collect::<Vec<_>>().join("."),
        Extractor::Combined { extractors, .. } => extractors.iter().map(shown).collect::<Vec<_>>().join(", "),
    }
}

fn steps(path: &[Expression], world: &World) -> Result<Vec<Value>, EvalError> {
    path.iter().map(|segment| segment.eval(world, &[])).collect()
}

/// An expander with its paths computed.
struct Expanding<'a> {
    expander: &'a Expander,
    path: Vec<Value>,
    parent_fields: Vec<(Vec<Value>, Vec<Value>)>,
    truncated: Vec<Value>,
}

impl<'a> Expanding<'a> {
    fn of(expander: &'a Expander, world: &World) -> Result<Self, EvalError> {
        let fields = expander.parent_fields.iter();
        let fields = fields.map(|(from, to)| Ok((steps(from, world)?, steps(to, world)?)));
        Ok(Self {
            path: steps(&expander.path, world)?,
            parent_fields: fields.collect::<Result<_, EvalError>>()?,
            truncated: steps(&expander.truncated, world)?,
            expander,
        })
    }

    fn expand(&self, record: Value, records: &mut Vec<Value>) -> Result<(), SelectError> {
        if record.as_dict().is_none() || self.path.is_empty() {
            records.push(record);
            return Ok(());
        }
        if !self.truncated.is_empty() && path::get(&record, &self.truncated)?.is_some_and(|sign| sign.is_true()) {
            return Err(SelectError::Truncated(Value::from(self.path.clone()).to_repr()));
        }
        let base = self.expander.merge.then(|| self.without_list(&record)).transpose()?;
        let before = records.len();
        for found in path::values(&record, &self.path)? {
            for item in found.as_list().unwrap_or_default() {
                let carries = self.expander.keep_original || base.is_some() || !self.parent_fields.is_empty();
                records.push(match item {
                    Value::Dict(members) => self.with_parent(&record, members, base.as_ref())?,
                    other if carries => {
                        let members = Map::from_iter([("value".into(), other.clone())]);
                        self.with_parent(&record, &members, base.as_ref())?
                    }
                    other => other.clone(),
                });
            }
        }
        if records.len() == before && self.expander.keep_empty {
            records.push(record);
        }
        Ok(())
    }

    fn without_list(&self, record: &Value) -> Result<Map, SelectError> {
        let mut record = record.clone();
        path::delete(&mut record, &self.path)?;
        Ok(record.as_dict().cloned().unwrap_or_default())
    }

    /// An item with what it is to have of its record.
    fn with_parent(&self, record: &Value, item: &Map, base: Option<&Map>) -> Result<Value, SelectError> {
        let mut members = base.cloned().unwrap_or_default();
        members.extend(item.iter().map(|(name, value)| (name.clone(), value.clone())));
        let mut item = Value::from(members);
        for (from, to) in &self.parent_fields {
            let value = path::get(record, from)?.unwrap_or(Value::None);
            path::set(&mut item, to, value)?;
        }
        if self.expander.keep_original {
            path::set(&mut item, &["original_record".into()], record.clone())?;
        }
        Ok(item)
    }
}
