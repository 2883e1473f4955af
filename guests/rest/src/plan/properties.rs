//! The properties that requests ask for, in parts where a server takes only so many at once.

use std::cell::OnceCell;
use std::rc::Rc;

use expressions::Value;

use super::{Expression, Fields, Retriever};
use crate::manifest::ManifestError;

/// The properties that a stream's requests ask for.
pub(crate) struct Properties {
    /// The parameter that has them, with commas between; without one only expressions see them.
    pub(crate) parameter: Option<Rc<str>>,
    pub(crate) list: List,
    /// Those that each part has as well.
    pub(crate) always: Vec<Rc<str>>,
    pub(crate) parts: Option<Parts>,
}

/// All properties there are.
pub(crate) enum List {
    Written(Vec<Rc<str>>),
    /// What an answer says. It is asked for once in a run, and kept here.
    Fetched {
        retriever: Box<Retriever>,
        path: Vec<Expression>,
        found: OnceCell<Vec<Rc<str>>>,
    },
}

/// What makes several parts of them. Records of the same key become one record.
pub(crate) struct Parts {
    /// The most of one part; without one all are one part.
    pub(crate) limit: Option<usize>,
    pub(crate) by_letters: bool,
    pub(crate) keys: Vec<Rc<str>>,
}

impl Properties {
    /// Those of a requester, which stand in one of three places.
    pub(crate) fn read(requester: &Fields<'_>) -> Result<Option<Self>, ManifestError> {
        let parameters = match requester.given("request_parameters") {
            Some(Value::Dict(members)) => members.iter().filter(|(_, value)| Self::is(value)).collect(),
            _ => Vec::new(),
        };
        if parameters.len() > 1 {
            return Err(requester.wrong("request_parameters", "more than one of them is a list of properties"));
        }
        let fetched = requester.component("fetch_properties_from_endpoint", List::fetched)?;
        if let Some((name, _)) = parameters.first() {
            if fetched.is_some() {
                return Err(requester.error("it has more than one list of properties"));
            }
            let read = |parameters: Fields<'_>| parameters.needed(name, Self::component);
            let properties = requester.needed("request_parameters", read)?;
            return Ok(Some(Self { parameter: Some(Rc::clone(name)), ..properties }));
        }
        match fetched {
            Some(list) => Ok(Some(Self { parameter: None, list, always: Vec::new(), parts: None })),
            None => requester.component("query_properties", Self::component),
        }
    }

    /// Whether a parameter is one.
    pub(crate) fn is(value: &Value) -> bool {
        value.as_dict().is_some() && value.member("type").as_str() == Some("QueryProperties")
    }

    fn component(fields: Fields<'_>) -> Result<Self, ManifestError> {
        if fields.kind() != "QueryProperties" {
            return Err(fields.unsupported());
        }
        let list = match fields.given("property_list") {
            Some(Value::List(_)) | None => List::Written(texts(&fields, "property_list")?),
            Some(_) => fields.needed("property_list", List::fetched)?,
        };
        // Nothing is deselected here: all properties are asked for.
        fields.component("property_selector", |selector| match selector.kind() {
            "JsonSchemaPropertySelector" => Ok(()),
            _ => Err(selector.unsupported()),
        })?;
        Ok(Self {
            parameter: None,
            list,
            always: texts(&fields, "always_include_properties")?,
            parts: fields.component("property_chunking", Parts::read)?,
        })
    }
}

impl List {
    fn fetched(fields: Fields<'_>) -> Result<Self, ManifestError> {
        if fields.kind() != "PropertiesFromEndpoint" {
            return Err(fields.unsupported());
        }
        let path = fields.expressions("property_field_path")?;
        if path.is_empty() {
            return Err(fields.missing("property_field_path"));
        }
        let retriever = fields.needed("retriever", |retriever| match retriever.kind() {
            "SimpleRetriever" | "" => Retriever::read(retriever),
            _ => Err(retriever.unsupported()),
        })?;
        Ok(Self::Fetched { retriever: Box::new(retriever), path, found: OnceCell::new() })
    }
}

impl Parts {
    fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        if fields.kind() != "PropertyChunking" {
            return Err(fields.unsupported());
        }
        let by_letters = match fields.text("property_limit_type")?.as_deref() {
            None | Some("property_count") => false,
            Some("characters") => true,
            Some(other) => return Err(fields.wrong("property_limit_type", format!("{other} is nothing to count"))),
        };
        let limit = fields.integer("property_limit")?.map(usize::try_from).transpose();
        let limit = limit.map_err(|_| fields.wrong("property_limit", "it has to be a whole number above 0"))?;
        let keys = fields.component("record_merge_strategy", |strategy| match strategy.kind() {
            "GroupByKeyMergeStrategy" => match strategy.given("key") {
                Some(Value::Str(key)) => Ok(vec![Rc::clone(key)]),
                _ => texts(&strategy, "key"),
            },
            _ => Err(strategy.unsupported()),
        })?;
        Ok(Self {
            limit: limit.filter(|limit| *limit > 0),
            by_letters,
            keys: keys.filter(|keys| !keys.is_empty()).unwrap_or_else(|| vec!["id".into()]),
        })
    }

    /// Those properties in parts.
    fn of(&self, all: &[Rc<str>], always: &[Rc<str>]) -> Vec<Vec<Rc<str>>> {
        let Some(limit) = self.limit else { return vec![[all, always].concat()] };
        let (mut parts, mut part, mut size) = (Vec::new(), always.to_vec(), 0);
        for property in all {
            // What separates two properties takes three letters once it is encoded.
            let more = if self.by_letters { property.chars().count() + 3 } else { 1 };
            if size + more > limit {
                parts.push(std::mem::replace(&mut part, always.to_vec()));
                size = 0;
            }
            part.push(Rc::clone(property));
            size += more;
        }
        parts.push(part);
        parts
    }
}

impl Properties {
    /// What each request for a page asks for, given all properties there are.
    pub(crate) fn requests(&self, all: &[Rc<str>]) -> Vec<Vec<Rc<str>>> {
        match &self.parts {
            Some(parts) => parts.of(all, &self.always),
            None => vec![[&self.always[..], all].concat()],
        }
    }
}

fn texts(fields: &Fields<'_>, name: &str) -> Result<Vec<Rc<str>>, ManifestError> {
    let text = |value: &Value| match value {
        Value::Str(text) => Ok(Rc::clone(text)),
        _ => Err(fields.wrong(name, "each of it has to be text")),
    };
    fields.items(name)?.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_cut_into_parts_as_the_reference_does() {
        let texts =
            |text: &str| text.split(' ').filter(|text| !text.is_empty()).map(Rc::from).collect::<Vec<Rc<str>>>();
        for (limit, by_letters, all, always, expected) in [
            (None, false, "a b c", "id", "a,b,c,id"),
            (Some(2), false, "a b c", "id", "id,a,b id,c"),
            (Some(3), false, "a b c", "", "a,b,c"),
            (Some(10), true, "ab cd e", "", "ab,cd e"),
            (Some(9), true, "ab cd e", "", "ab cd,e"),
            // One that is longer than all that a part may have begins a part, even an empty one.
            (Some(4), true, "abc", "", " abc"),
            (Some(2), false, "", "id", "id"),
        ] {
            let parts = Parts { limit, by_letters, keys: texts("id") }.of(&texts(all), &texts(always));
            let shown: Vec<String> = parts.iter().map(|part| part.join(",")).collect();
            assert_eq!(shown.join(" "), expected, "{limit:?} of {all}");
        }
    }
}
