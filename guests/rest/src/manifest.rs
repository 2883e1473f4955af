//! From the text of a manifest to its components: references followed, parameters and default types filled in. Pure.

mod parameters;
mod references;
mod schemas;

use expressions::{Map, Value};

use crate::yaml::{self, YamlError};

pub use parameters::PARAMETERS;
pub use schemas::Files;

/// Most values that a manifest may unfold to.
const MAX_VALUES: usize = 1_000_000;
/// How deep it may be nested once it is unfolded.
const MAX_DEPTH: usize = 200;

/// What of a manifest is read; `definitions` and `schemas` are there for what refers to them.
const PARTS: [&str; 9] = [
    "type",
    "version",
    "check",
    "streams",
    "dynamic_streams",
    "spec",
    "concurrency_level",
    "api_budget",
    "max_concurrent_async_job_count",
];

/// The member of a specification that says how the configuration is changed.
const RULES: &str = "config_normalization_rules";

/// Why a manifest cannot be carried out.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is no YAML.
    #[error("it is no YAML: {0}")]
    Yaml(#[from] YamlError),
    /// Something in it is wrong, or is not carried out here.
    #[error("{place}: {reason}")]
    At {
        /// Where, as `streams[0].retriever`.
        place: String,
        /// What is wrong.
        reason: String,
    },
}

impl ManifestError {
    pub(crate) fn at(place: &Place<'_>, reason: impl Into<String>) -> Self {
        Self::At { place: place.to_string(), reason: reason.into() }
    }
}

/// Where in a manifest something stands.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    Root,
    Member(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl Place<'_> {
    fn depth(&self) -> usize {
        match self {
            Self::Root => 0,
            Self::Member(outer, _) | Self::Item(outer, _) => outer.depth() + 1,
        }
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root => f.write_str("the manifest"),
            Self::Member(Self::Root, name) => f.write_str(name),
            Self::Member(outer, name) => write!(f, "{outer}.{name}"),
            Self::Item(outer, index) => write!(f, "{outer}[{index}]"),
        }
    }
}

/// How much a manifest may still unfold to.
pub(crate) struct Room(usize);

impl Room {
    /// Take one value's part of it.
    pub(crate) fn take(&mut self, place: &Place<'_>) -> Result<(), ManifestError> {
        self.0 = self.0.checked_sub(1).ok_or_else(|| {
            ManifestError::at(place, format!("the manifest unfolds to more than {MAX_VALUES} values here"))
        })?;
        if place.depth() > MAX_DEPTH {
            return Err(ManifestError::at(&Place::Root, format!("it is nested more than {MAX_DEPTH} deep")));
        }
        Ok(())
    }
}

/// The manifest of this text with all that it refers to in place, without what nothing is read from. It is not whole as long as
/// `files` lacks what it wants.
pub fn unfold(text: &str, files: &Files) -> Result<Value, ManifestError> {
    let written = yaml::read(text)?;
    let Some(members) = written.as_dict() else {
        return Err(ManifestError::at(&Place::Root, "it has no members, as `type` and `streams`"));
    };
    let mut room = Room(MAX_VALUES);
    let mut parts = Map::new();
    for name in PARTS {
        if let Some(part) = members.get(name) {
            let resolved = references::resolve(part, &written, &Place::Member(&Place::Root, name), &mut room)?;
            parts.insert(name.into(), resolved);
        }
    }
    // What changes the configuration is needed for a run, and what describes it is not.
    if let Some(rules) = parts.get("spec").map(|spec| spec.member(RULES)).filter(Value::is_given) {
        parts.insert(RULES.into(), rules);
    }
    if let Some(kind) = parts.get("type").filter(|kind| kind.as_str() != Some("DeclarativeSource")) {
        let shown = kind.as_str().unwrap_or("not text");
        let place = Place::Member(&Place::Root, "type");
        return Err(ManifestError::at(&place, format!("it is {shown}, and only a DeclarativeSource is carried out")));
    }
    parts.insert("type".into(), Value::from("DeclarativeSource"));
    let filled = parameters::propagate(&Value::from(parts), false, &mut room)?;
    schemas::settle(filled, &Place::Root, files, &mut room)
}

/// A stream made of a template, with types and parameters filled in once more.
pub(crate) fn filled(stream: &Value, outer_win: bool) -> Result<Value, ManifestError> {
    parameters::propagate(stream, outer_win, &mut Room(MAX_VALUES))
}
