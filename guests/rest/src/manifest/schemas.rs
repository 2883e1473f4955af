//! Schemas that values are made to fit. One that is in a file beside the manifest is put in its place; of each only what says how
//! values are made to fit is kept, and one that nothing is made to fit is left out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use expressions::{Map, Scope, Template, Value, json};

use super::{ManifestError, PARAMETERS, Place, Room};

/// How many references may lead from one to the next.
const MAX_CHAIN: usize = 32;
/// How deep a schema may be nested.
const MAX_DEPTH: usize = 64;
/// The member of a stream that says where its schema is.
const LOADER: &str = "schema_loader";
/// Where the files are that schemas refer to.
const SHARED: &str = "schemas/shared";
/// The members of a schema that say how values are made to fit.
const TYPE: &str = "type";
const PROPERTIES: &str = "properties";
const ITEMS: &str = "items";

/// The files beside a manifest, as far as they are known.
#[derive(Debug, Default)]
pub struct Files {
    /// By its path below the manifest's directory; one without text is not there.
    known: BTreeMap<String, Option<String>>,
    read: RefCell<BTreeMap<String, Value>>,
    wanted: RefCell<BTreeSet<String>>,
}

impl Files {
    /// Those of an object that has a text, or null, for each path.
    pub fn of(known: &Value) -> Self {
        let known = known.as_dict().into_iter().flatten();
        let known = known.map(|(path, text)| (path.to_string(), text.as_str().map(str::to_owned))).collect();
        Self { known, ..Self::default() }
    }

    /// Those that are needed and not known.
    pub fn wanted(&self) -> Vec<String> {
        self.wanted.borrow().iter().cloned().collect()
    }

    fn find(&self, path: &str, place: &Place<'_>) -> Result<Found, ManifestError> {
        if let Some(there) = self.read.borrow().get(path) {
            return Ok(Found::There(there.clone()));
        }
        match self.known.get(path) {
            None => {
                self.wanted.borrow_mut().insert(path.to_owned());
                Ok(Found::Unknown)
            }
            Some(None) => Ok(Found::Missing),
            Some(Some(text)) => {
                let value = json::read(text.as_bytes())
                    .map_err(|error| ManifestError::at(place, format!("its schema {path} is no JSON: {error}")))?;
                self.read.borrow_mut().insert(path.to_owned(), value.clone());
                Ok(Found::There(value))
            }
        }
    }
}

/// What is known of a file.
enum Found {
    There(Value),
    Missing,
    /// It has to be looked for first.
    Unknown,
}

/// Put the schemas of all streams in their places.
pub(super) fn settle(value: Value, place: &Place<'_>, files: &Files, room: &mut Room) -> Result<Value, ManifestError> {
    match value {
        Value::Dict(members) => {
            let mut members = Rc::unwrap_or_clone(members);
            if let Some(retriever) = members.get("retriever") {
                let fits = retriever.member("record_selector").member("schema_normalization");
                let is_stream = members.get(TYPE).and_then(Value::as_str) == Some("DeclarativeStream");
                if is_stream && fits.as_str() == Some("Default") {
                    loader_of_stream(&mut members, place, files, room)?;
                } else {
                    members.shift_remove(LOADER);
                }
            }
            let settled = members.into_iter().map(|(name, value)| {
                let value = match &*name {
                    LOADER => value,
                    _ => settle(value, &Place::Member(place, &name), files, room)?,
                };
                Ok((name, value))
            });
            Ok(Value::from(settled.collect::<Result<Map, ManifestError>>()?))
        }
        Value::List(items) => {
            let items = Rc::unwrap_or_clone(items).into_iter().enumerate();
            let settled = items.map(|(at, item)| settle(item, &Place::Item(place, at), files, room));
            Ok(Value::from(settled.collect::<Result<Vec<_>, _>>()?))
        }
        other => Ok(other),
    }
}

/// The schema of a stream whose values are made to fit it.
fn loader_of_stream(stream: &mut Map, place: &Place<'_>, files: &Files, room: &mut Room) -> Result<(), ManifestError> {
    let at = Place::Member(place, LOADER);
    let loader = match stream.get(LOADER).filter(|loader| loader.is_given()) {
        Some(Value::List(loaders)) => {
            let each = loaders.iter().enumerate();
            let each = each.map(|(index, loader)| settled_loader(loader, &Place::Item(&at, index), files, room));
            Some(Value::from(each.collect::<Result<Vec<_>, _>>()?))
        }
        Some(loader) => Some(settled_loader(loader, &at, files, room)?),
        // One that nothing is said of is where they are as a rule, or not there.
        None => by_name(stream, &at, files, room)?,
    };
    match loader {
        Some(loader) => stream.insert(LOADER.into(), loader),
        None => stream.shift_remove(LOADER),
    };
    Ok(())
}

/// The schema that has the name of a stream, where there is one.
fn by_name(stream: &Map, place: &Place<'_>, files: &Files, room: &mut Room) -> Result<Option<Value>, ManifestError> {
    let name = stream.get("name").map(Value::to_text).unwrap_or_default();
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | ' ');
    if name.is_empty() || !name.chars().all(plain) {
        return Ok(None);
    }
    let path = format!("schemas/{name}.json");
    let Found::There(root) = files.find(&path, place)? else { return Ok(None) };
    let root = Document { path, root, directory: String::new() };
    Fitting { files, room, chain: Vec::new() }.of(&root.root, &root, place, 0).map(|schema| Some(inline(schema)))
}

fn inline(schema: Value) -> Value {
    Value::from(Map::from_iter([(TYPE.into(), Value::from("InlineSchemaLoader")), ("schema".into(), schema)]))
}

/// A loader with its schema in place; one that has it from elsewhere stays as it is.
fn settled_loader(loader: &Value, place: &Place<'_>, files: &Files, room: &mut Room) -> Result<Value, ManifestError> {
    let mut fitting = Fitting { files, room, chain: Vec::new() };
    match loader.member(TYPE).as_str() {
        Some("InlineSchemaLoader") => {
            let schema = loader.member("schema");
            let root = Document { path: String::new(), root: Value::None, directory: String::new() };
            Ok(inline(fitting.of(&schema, &root, &Place::Member(place, "schema"), 0)?))
        }
        Some("JsonFileSchemaLoader") => {
            let root = file_of(loader, place, files)?;
            Ok(inline(match &root {
                Some(root) => fitting.of(&root.root, root, place, 0)?,
                None => Value::None,
            }))
        }
        _ => Ok(loader.clone()),
    }
}

/// The file that a loader names; nothing where it has to be looked for first.
fn file_of(loader: &Value, place: &Place<'_>, files: &Files) -> Result<Option<Document>, ManifestError> {
    const NAME: &str = "/schemas/{{ parameters['name'] }}.json";
    let at = Place::Member(place, "file_path");
    let written = loader.member("file_path");
    let written = if written.is_true() { written.to_text() } else { format!("source{NAME}").into() };
    let failed = |reason: String| ManifestError::at(&at, reason);
    let template = Template::parse(&written).map_err(|error| failed(error.to_string()))?;
    if template.reads().iter().any(|way| way.first().is_some_and(|first| &**first == "config")) {
        return Err(failed("it depends on the configuration, and schemas are put in before there is one".to_owned()));
    }
    let mut scope = Scope::new(0);
    let parameters = loader.member(PARAMETERS);
    scope.set("parameters", if parameters.is_given() { parameters } else { Value::from(Map::new()) });
    let path = template.eval_string(&scope).map_err(|error| failed(error.to_string()))?.to_text();
    // The first name is that of the source's package, which is where its manifest is.
    let path = path.strip_prefix("./").or_else(|| path.strip_prefix('/')).unwrap_or(&path);
    let inside = path.split_once('/').map(|(_, inside)| inside);
    for path in inside.into_iter().chain([path]) {
        match files.find(path, &at)? {
            Found::There(root) => {
                return Ok(Some(Document { path: path.to_owned(), root, directory: String::new() }));
            }
            Found::Missing => {}
            Found::Unknown => return Ok(None),
        }
    }
    let wanted = inside.unwrap_or(path);
    Err(failed(format!("values are to fit the schema {wanted}, and there is no such file beside the manifest")))
}

/// A file that has schemas.
struct Document {
    path: String,
    root: Value,
    /// The directory that what it refers to is in, below that of what is shared.
    directory: String,
}

/// The types of JSON Schema. Nothing else of a file gets into an extractor as it is.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// Whether something names a type, or some.
fn is_type(value: &Value) -> bool {
    let named = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
    named(value) || value.as_list().is_some_and(|all| all.iter().all(named))
}

/// Keeps of a schema what says how values are made to fit.
struct Fitting<'a> {
    files: &'a Files,
    room: &'a mut Room,
    /// The references that are being followed.
    chain: Vec<String>,
}

impl Fitting<'_> {
    fn of(
        &mut self,
        schema: &Value,
        document: &Document,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Value, ManifestError> {
        self.room.take(place)?;
        if depth > MAX_DEPTH {
            return Err(ManifestError::at(place, format!("its schema is nested more than {MAX_DEPTH} deep")));
        }
        // A file may be anything, and nothing of it gets in that is no schema. What stands in the manifest is in already.
        let is_file = !document.path.is_empty();
        let wrong = |what: &str| {
            Err(ManifestError::at(place, format!("its schema {} has {what}, and is no schema", document.path)))
        };
        let Some(members) = schema.as_dict() else {
            return match is_file && !matches!(schema, Value::Bool(_)) {
                true => wrong("what is neither an object nor a boolean"),
                false => Ok(schema.clone()),
            };
        };
        if let Some(reference) = members.get("$ref").and_then(Value::as_str).filter(|_| !document.path.is_empty()) {
            return self.follow(reference, document, place, depth);
        }
        let mut kept = Map::new();
        for (name, value) in members {
            let value = match &**name {
                TYPE if is_file && !is_type(value) => return wrong("a `type` that is no name of one"),
                TYPE if value.as_dict().is_none() => value.clone(),
                ITEMS if value.as_dict().is_some() => self.of(value, document, place, depth + 1)?,
                PROPERTIES => {
                    let named = value.as_dict().into_iter().flatten();
                    let named =
                        named.map(|(name, schema)| Ok((Rc::clone(name), self.of(schema, document, place, depth + 1)?)));
                    Value::from(named.collect::<Result<Map, ManifestError>>()?)
                }
                _ => continue,
            };
            kept.insert(Rc::clone(name), value);
        }
        Ok(Value::from(kept))
    }

    fn follow(
        &mut self,
        reference: &str,
        document: &Document,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Value, ManifestError> {
        let wrong = |reason: &str| {
            ManifestError::at(place, format!("the reference {reference} in its schema {} {reason}", document.path))
        };
        let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let other = match file {
            "" => None,
            _ => {
                let below = format!("{}{file}", document.directory);
                let path = format!("{SHARED}/{below}");
                match self.files.find(&path, place)? {
                    Found::There(root) => {
                        let directory = below.rsplit_once('/').map(|(directory, _)| format!("{directory}/"));
                        Some(Document { path, root, directory: directory.unwrap_or_default() })
                    }
                    Found::Missing => return Err(wrong(&format!("leads to {path}, and there is no such file"))),
                    Found::Unknown => return Ok(Value::None),
                }
            }
        };
        let target = other.as_ref().unwrap_or(document);
        let step = format!("{}#{pointer}", target.path);
        if self.chain.contains(&step) {
            return Err(wrong("leads back to itself"));
        }
        if self.chain.len() >= MAX_CHAIN {
            return Err(wrong(&format!("leads over more than {MAX_CHAIN} others")));
        }
        let schema = pointed(&target.root, pointer).ok_or_else(|| wrong("points to nothing"))?;
        if schema.as_dict().is_none() {
            return Err(wrong("points to what is no schema"));
        }
        self.chain.push(step);
        let kept = self.of(&schema, target, place, depth + 1);
        self.chain.pop();
        kept
    }
}

/// What a JSON pointer (RFC 6901) points to.
fn pointed(root: &Value, pointer: &str) -> Option<Value> {
    let mut at = root.clone();
    for name in pointer.trim_start_matches('/').split('/').filter(|_| !pointer.is_empty()) {
        let name = name.replace("~1", "/").replace("~0", "~");
        at = match &at {
            Value::Dict(members) => members.get(&*name)?.clone(),
            Value::List(items) => items.get(name.parse::<usize>().ok()?)?.clone(),
            _ => return None,
        };
    }
    Some(at)
}
