//! `$parameters` flow down to the components inside, and a component without `type` has the one that its place gives it.

use std::rc::Rc;

use expressions::{Map, Value};

use super::{ManifestError, Place, Room};

/// The member that holds a component's parameters.
pub const PARAMETERS: &str = "$parameters";

/// What a component without a type is, by the type and the member that it stands in.
const DEFAULT_TYPES: &[(&str, &str, &str)] = &[
    ("CompositeErrorHandler", "error_handlers", "DefaultErrorHandler"),
    ("CursorPagination", "decoder", "JsonDecoder"),
    ("DatetimeBasedCursor", "end_datetime", "MinMaxDatetime"),
    ("DatetimeBasedCursor", "end_time_option", "RequestOption"),
    ("DatetimeBasedCursor", "start_datetime", "MinMaxDatetime"),
    ("DatetimeBasedCursor", "start_time_option", "RequestOption"),
    ("DeclarativeSource", "check", "CheckStream"),
    ("DeclarativeSource", "spec", "Spec"),
    ("DeclarativeSource", "streams", "DeclarativeStream"),
    ("DeclarativeStream", "retriever", "SimpleRetriever"),
    ("DeclarativeStream", "schema_loader", "JsonFileSchemaLoader"),
    ("DynamicDeclarativeStream", "stream_template", "DeclarativeStream"),
    ("DynamicDeclarativeStream", "components_resolver", "ConfigComponentResolver"),
    ("HttpComponentsResolver", "retriever", "SimpleRetriever"),
    ("HttpComponentsResolver", "components_mapping", "ComponentMappingDefinition"),
    ("ConfigComponentsResolver", "stream_config", "StreamConfig"),
    ("ConfigComponentsResolver", "components_mapping", "ComponentMappingDefinition"),
    ("DefaultErrorHandler", "response_filters", "HttpResponseFilter"),
    ("DefaultPaginator", "decoder", "JsonDecoder"),
    ("DefaultPaginator", "page_size_option", "RequestOption"),
    ("DpathExtractor", "decoder", "JsonDecoder"),
    ("DpathExtractor", "record_expander", "RecordExpander"),
    ("HttpRequester", "error_handler", "DefaultErrorHandler"),
    ("ListPartitionRouter", "request_option", "RequestOption"),
    ("ParentStreamConfig", "request_option", "RequestOption"),
    ("ParentStreamConfig", "stream", "DeclarativeStream"),
    ("RecordExpander", "parent_fields", "ParentFieldPath"),
    ("RecordSelector", "extractor", "DpathExtractor"),
    ("RecordSelector", "record_filter", "RecordFilter"),
    ("SimpleRetriever", "paginator", "NoPagination"),
    ("SimpleRetriever", "record_selector", "RecordSelector"),
    ("SimpleRetriever", "requester", "HttpRequester"),
    ("SubstreamPartitionRouter", "parent_stream_configs", "ParentStreamConfig"),
    ("AddFields", "fields", "AddedFieldDefinition"),
    ("DynamicSchemaLoader", "retriever", "SimpleRetriever"),
    ("SchemaTypeIdentifier", "types_map", "TypesMap"),
];

/// Fill in types and parameters, from the outermost component inwards.
pub(super) fn propagate(manifest: &Value, outer_win: bool, room: &mut Room) -> Result<Value, ManifestError> {
    let mut walk = Walk { outer_win, room };
    match manifest.as_dict() {
        Some(members) => walk.component(("", ""), members, &Map::new(), &Place::Root),
        None => Ok(manifest.clone()),
    }
}

/// Goes from component to component.
struct Walk<'a> {
    /// Whether parameters from outside count more than a component's own.
    outer_win: bool,
    room: &'a mut Room,
}

impl Walk<'_> {
    /// One component, or a mapping that is none: `parent` is the type and the member that it stands in.
    fn component(
        &mut self,
        parent: (&str, &str),
        members: &Map,
        from_outside: &Map,
        place: &Place<'_>,
    ) -> Result<Value, ManifestError> {
        self.room.take(place)?;
        let mut members = members.clone();
        if !members.contains_key("type") && !members.contains_key("class_name") {
            let default = DEFAULT_TYPES.iter().find(|(kind, member, _)| (*kind, *member) == parent);
            if let Some((_, _, kind)) = default {
                members.insert("type".into(), Value::from(*kind));
            }
        }
        let mut parameters = from_outside.clone();
        if let Some(own) = members.shift_remove(PARAMETERS) {
            match own {
                Value::Dict(own) => {
                    for (name, value) in own.iter() {
                        if !self.outer_win || !parameters.contains_key(name) {
                            parameters.insert(Rc::clone(name), value.clone());
                        }
                    }
                }
                Value::None => {}
                _ => return Err(ManifestError::at(&Place::Member(place, PARAMETERS), "it is no mapping")),
            }
        }
        let kind = match members.get("type") {
            // A JSON schema, or the properties of one that are called `type`.
            Some(Value::List(_) | Value::Dict(_)) => return Ok(Value::from(members)),
            Some(kind) if kind.as_str() == Some("object") => return Ok(Value::from(members)),
            Some(kind) => kind.as_str().unwrap_or_default().to_owned(),
            None => return self.nested(parent, members, &parameters, place),
        };
        for (name, value) in &parameters {
            if members.get(name).is_none_or(|there| !there.is_true()) {
                members.insert(Rc::clone(name), value.clone());
            }
        }
        let names: Vec<Rc<str>> = members.keys().cloned().collect();
        for name in names {
            // A parameter of the member's own name would go round in circles.
            let kept_out = parameters.shift_remove(&name);
            let at = Place::Member(place, &name);
            let value = match members.get(&name) {
                Some(Value::Dict(inner)) => self.component((&kind, &name), inner, &parameters, &at)?,
                Some(Value::List(items)) => self.list((&kind, &name), items, &parameters, &at)?,
                other => other.cloned().unwrap_or_default(),
            };
            members.insert(Rc::clone(&name), value);
            if let Some(kept_out) = kept_out.filter(Value::is_true) {
                parameters.insert(name, kept_out);
            }
        }
        if !parameters.is_empty() {
            members.insert(PARAMETERS.into(), Value::from(parameters));
        }
        Ok(Value::from(members))
    }

    fn list(
        &mut self,
        parent: (&str, &str),
        items: &[Value],
        parameters: &Map,
        place: &Place<'_>,
    ) -> Result<Value, ManifestError> {
        let items = items.iter().enumerate().map(|(at, item)| match item {
            Value::Dict(inner) => self.component(parent, inner, parameters, &Place::Item(place, at)),
            other => Ok(other.clone()),
        });
        Ok(Value::from(items.collect::<Result<Vec<_>, _>>()?))
    }

    /// A mapping that is no component, as the parameters of a request: the components in it get theirs.
    fn nested(
        &mut self,
        parent: (&str, &str),
        mut members: Map,
        parameters: &Map,
        place: &Place<'_>,
    ) -> Result<Value, ManifestError> {
        let typed = |value: &Value| value.as_dict().is_some_and(|inner| inner.get("type").is_some_and(Value::is_true));
        if members.values().any(typed) {
            for (name, value) in &mut members {
                if let Some(inner) = value.as_dict().filter(|_| typed(value)) {
                    *value = self.component(parent, inner, parameters, &Place::Member(place, name))?;
                }
            }
        }
        Ok(Value::from(members))
    }
}
