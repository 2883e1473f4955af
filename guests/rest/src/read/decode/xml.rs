//! XML as Python's `xmltodict` reads it: attributes begin with `@`, text beside them is `#text`, what is there several times
//! is a list.

use std::rc::Rc;

use expressions::{Map, Value};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// How deep elements may be nested.
const MAX_DEPTH: usize = 200;

/// An element that is open.
struct Element {
    name: Rc<str>,
    members: Map,
    text: String,
}

/// The value of a document.
pub(super) fn read(body: &[u8]) -> Result<Value, String> {
    let failed = |error: &dyn std::fmt::Display| format!("its body is no XML: {error}");
    let mut reader = Reader::from_reader(body);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Element> = vec![Element { name: "".into(), members: Map::new(), text: String::new() }];
    loop {
        let event = reader.read_event().map_err(|error| failed(&error))?;
        match event {
            Event::Start(start) => {
                if open.len() > MAX_DEPTH {
                    return Err(format!("its body has elements more than {MAX_DEPTH} deep"));
                }
                open.push(element(&start).map_err(|error| failed(&error))?);
            }
            Event::End(_) => {
                let Some(ended) = open.pop() else { break };
                let Some(outer) = open.last_mut() else { break };
                outer.put(Rc::clone(&ended.name), ended.value());
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|error| failed(&error))?;
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::CData(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&String::from_utf8_lossy(&text));
                }
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|error| failed(&error))?;
                let letter = reference.resolve_char_ref().map_err(|error| failed(&error))?;
                let text = match letter {
                    Some(letter) => letter.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&name)
                        .ok_or_else(|| failed(&format_args!("nobody knows the entity &{name};")))?
                        .to_owned(),
                };
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(root), true) if !root.members.is_empty() => Ok(Value::from(root.members)),
        (Some(_), true) => Err(failed(&"it has no element")),
        _ => Err(failed(&"an element is not closed")),
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
    let mut members = Map::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
        let value =
            attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
        members.insert(format!("@{key}").into(), Value::from(&*value));
    }
    Ok(Element { name: name.into(), members, text: String::new() })
}

impl Element {
    /// Add a member; one that is there already makes it a list.
    fn put(&mut self, name: Rc<str>, value: Value) {
        match self.members.get_mut(&name) {
            None => {
                self.members.insert(name, value);
            }
            Some(Value::List(items)) => Rc::make_mut(items).push(value),
            Some(there) => *there = Value::from(vec![there.clone(), value]),
        }
    }

    fn value(mut self) -> Value {
        let text = self.text.trim();
        match (self.members.is_empty(), text.is_empty()) {
            (true, true) => Value::None,
            (true, false) => Value::from(text),
            (false, true) => Value::from(self.members),
            (false, false) => {
                self.members.insert("#text".into(), Value::from(text));
                Value::from(self.members)
            }
        }
    }
}
