//! Streams whose records land as they are: their text is copied, and no values are made of it. Pure.

use std::rc::Rc;

use expressions::Value;

use crate::plan::{Decoder, Expression, Extractor, Retriever, Strategy, World};

/// What is a method of a dict, and no member of it, in an expression.
const METHODS: [&str; 6] = ["copy", "get", "items", "keys", "pop", "values"];

/// Where in an answer the records are, if nothing is computed of them and nobody looks at their list.
pub(crate) fn path(retriever: &Retriever, world: &World) -> Option<Vec<Rc<str>>> {
    let selector = &retriever.selector;
    let is_plain = matches!(retriever.decoder, Decoder::Json)
        && selector.filter.is_none()
        && selector.transformations.is_empty()
        && selector.fitting.is_none()
        && retriever.requester.properties.is_none();
    let Extractor::Path { path, expander: None } = &selector.extractor else { return None };
    let name = |step: &Expression| match step.eval(world, &[]).ok()? {
        Value::Str(name) => {
            let letters = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
            (name.starts_with(|letter: char| letter.is_ascii_alphabetic()) && name.chars().all(letters)).then_some(name)
        }
        _ => None,
    };
    let path = path.iter().filter(|_| is_plain).map(name).collect::<Option<Vec<_>>>()?;
    let strategy = retriever.paginator.as_ref().map(|paginator| &paginator.strategy);
    let looks = match strategy {
        Some(Strategy::Cursor { value, stop, .. }) => [Some(value), stop.as_ref()],
        _ => [None, None],
    };
    let is_free = |expression: &Expression| !expression.template().reads().iter().any(|way| touches(way, &path));
    (is_plain && looks.into_iter().flatten().all(is_free)).then_some(path)
}

/// Whether what an expression reads of an answer may be the list there, or a part of it.
fn touches(way: &[Rc<str>], path: &[Rc<str>]) -> bool {
    let Some((first, way)) = way.split_first() else { return false };
    if &**first != "response" || path.is_empty() {
        return false;
    }
    let end = way.iter().position(|name| METHODS.contains(&&**name)).unwrap_or(way.len());
    way[..end].iter().zip(path).all(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_the_list_of_records() {
        let way = |text: &str| text.split(' ').filter(|name| !name.is_empty()).map(Rc::from).collect::<Vec<Rc<str>>>();
        for (read, path, expected) in [
            ("response next", "data items", false),
            ("response data next", "data items", false),
            ("response data", "data items", true),
            ("response", "data items", true),
            ("response data items id", "data items", true),
            ("response get", "data items", true),
            ("response data get", "data items", true),
            ("response next get", "data items", false),
            ("headers data", "data", false),
            ("response", "", false),
        ] {
            assert_eq!(touches(&way(read), &way(path)), expected, "{read}, {path}");
        }
    }
}
