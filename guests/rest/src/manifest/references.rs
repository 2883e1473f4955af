//! `$ref`, and text that begins with `#/`: each stands for what it points to.

use std::rc::Rc;

use expressions::{Map, Value};

use super::{ManifestError, Place, Room};

/// The member that names what the others are laid over.
const REFERENCE: &str = "$ref";
/// Whose members are values of the configuration, in which `#/` means nothing.
const VERBATIM: &str = "config_overrides";
/// How many references may lead from one to the next.
const MAX_CHAIN: usize = 64;

/// A value of the manifest `root` with all references in it followed.
pub(super) fn resolve(value: &Value, root: &Value, place: &Place<'_>, room: &mut Room) -> Result<Value, ManifestError> {
    Resolver { root, chain: Vec::new(), room }.resolve(value, place)
}

struct Resolver<'a> {
    root: &'a Value,
    /// The references that are being followed.
    chain: Vec<Rc<str>>,
    room: &'a mut Room,
}

impl Resolver<'_> {
    fn resolve(&mut self, value: &Value, place: &Place<'_>) -> Result<Value, ManifestError> {
        self.room.take(place)?;
        match value {
            Value::Dict(members) => self.members(members, place),
            Value::List(items) => {
                let resolved = items.iter().enumerate().map(|(at, item)| self.resolve(item, &Place::Item(place, at)));
                Ok(Value::from(resolved.collect::<Result<Vec<_>, _>>()?))
            }
            Value::Str(text) if text.starts_with("#/") => self.follow(text, place),
            other => Ok(other.clone()),
        }
    }

    fn members(&mut self, members: &Map, place: &Place<'_>) -> Result<Value, ManifestError> {
        let mut resolved = Map::new();
        let reference = members.get(REFERENCE).map(|reference| self.resolve(reference, place)).transpose()?;
        match &reference {
            Some(Value::Dict(referred)) => {
                resolved.extend(referred.iter().map(|(name, value)| (Rc::clone(name), value.clone())))
            }
            Some(other) => return Ok(other.clone()),
            None => {}
        }
        for (name, value) in members.iter().filter(|(name, _)| &***name != REFERENCE) {
            let value = match &**name {
                VERBATIM => value.clone(),
                _ => self.resolve(value, &Place::Member(place, name))?,
            };
            resolved.insert(Rc::clone(name), value);
        }
        Ok(Value::from(resolved))
    }

    fn follow(&mut self, reference: &Rc<str>, place: &Place<'_>) -> Result<Value, ManifestError> {
        if self.chain.contains(reference) {
            return Err(ManifestError::at(place, format!("the reference {reference} leads back to itself")));
        }
        if self.chain.len() >= MAX_CHAIN {
            return Err(ManifestError::at(
                place,
                format!("the reference {reference} leads over more than {MAX_CHAIN} others"),
            ));
        }
        let target = lookup(self.root, &reference[2..])
            .ok_or_else(|| ManifestError::at(place, format!("the reference {reference} points to nothing")))?;
        self.chain.push(Rc::clone(reference));
        let resolved = self.resolve(&target, place);
        self.chain.pop();
        resolved
    }
}

/// What a path points to. A name may hold a `/`: the whole rest of the path is tried as one name first.
fn lookup(root: &Value, path: &str) -> Option<Value> {
    let (mut at, mut rest) = (root.clone(), path);
    while !rest.is_empty() {
        if let Some(found) = at.as_dict().and_then(|members| members.get(rest)) {
            return Some(found.clone());
        }
        let (head, tail) = rest.split_once('/').unwrap_or((rest, ""));
        at = match &at {
            Value::Dict(members) => members.get(head)?.clone(),
            Value::List(items) => items.get(head.parse::<usize>().ok()?)?.clone(),
            _ => return None,
        };
        rest = tail;
    }
    Some(at)
}
