//! One request, put together of what its requester, its page and its slice say. Pure.

use std::rc::Rc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use expressions::{EvalError, Map, Value, json};

use super::url;
use crate::plan::{Authenticator, Body, Expression, Inject, Input, Inputs, Into, Names, Requester, World};

/// Why a request cannot be put together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error(transparent)]
    Eval(#[from] EvalError),
    #[error("two parts of the request set `{0}`")]
    Twice(String),
    #[error("{0}")]
    Choice(String),
    #[error("the request has both a form and a JSON body")]
    TwoBodies,
    #[error("the value of the parameter `{0}` is an object")]
    Object(String),
    #[error("the {0} of the request came to text that stands beside other parts")]
    Text(&'static str),
}

/// What is added to a request, by where it goes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) parameters: Map,
    pub(crate) headers: Map,
    pub(crate) data: Map,
    pub(crate) json: Map,
}

/// A request as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Outgoing {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl Options {
    /// Add a value where it is to go. One that is there already with that name is an error, but for the same value in JSON.
    pub(crate) fn inject(&mut self, inject: &Inject, value: &Value, world: &World) -> Result<(), RequestError> {
        let path = inject.path.iter().map(|name| name.text(world, &[]));
        let path: Vec<Rc<str>> = path.collect::<Result<_, _>>()?;
        let Some((first, rest)) = path.split_first() else { return Ok(()) };
        let target = match inject.into {
            Into::Parameter => &mut self.parameters,
            Into::Header => &mut self.headers,
            Into::Data => &mut self.data,
            Into::Json => &mut self.json,
        };
        let value = rest
            .iter()
            .rev()
            .fold(value.clone(), |inner, name| Value::from(Map::from_iter([(Rc::clone(name), inner)])));
        add(target, first, value, inject.into == Into::Json)
    }

    /// Add what another one has; of two of one name, its own counts.
    pub(crate) fn overlay(&mut self, other: Self) {
        for (target, source) in self.pairs(other) {
            target.extend(source);
        }
    }

    fn pairs(&mut self, other: Self) -> [(&mut Map, Map); 4] {
        [
            (&mut self.parameters, other.parameters),
            (&mut self.headers, other.headers),
            (&mut self.data, other.data),
            (&mut self.json, other.json),
        ]
    }

    /// Add all of another one.
    pub(crate) fn extend(&mut self, other: Self) -> Result<(), RequestError> {
        for (target, source, merges) in [
            (&mut self.parameters, other.parameters, false),
            (&mut self.headers, other.headers, false),
            (&mut self.data, other.data, false),
            (&mut self.json, other.json, true),
        ] {
            for (name, value) in source {
                add(target, &name, value, merges)?;
            }
        }
        Ok(())
    }
}

fn add(target: &mut Map, name: &str, value: Value, merges: bool) -> Result<(), RequestError> {
    match target.get_mut(name) {
        None => {
            target.insert(name.into(), value);
            Ok(())
        }
        Some(there) if merges => {
            if let (Value::Dict(there), Value::Dict(members)) = (&mut *there, &value) {
                let there = Rc::make_mut(there);
                return members.iter().try_for_each(|(name, value)| add(there, name, value.clone(), true));
            }
            if *there == value { Ok(()) } else { Err(RequestError::Twice(name.to_owned())) }
        }
        Some(_) => Err(RequestError::Twice(name.to_owned())),
    }
}

/// The URL of a request: `path` is what a paginator gives in place of the requester's own.
pub(crate) fn target(
    requester: &Requester,
    path: Option<&str>,
    world: &World,
    names: Names<'_>,
) -> Result<String, EvalError> {
    let text = |expression: &Option<crate::plan::Expression>| match expression {
        Some(expression) => Ok(expression.text(world, names)?.to_string()),
        None => Ok::<_, EvalError>(String::new()),
    };
    let own = text(&requester.path)?;
    let path = match path {
        Some(path) => path,
        None => own.trim_start_matches('/'),
    };
    let base = text(&requester.base)?;
    let base = if base.is_empty() { text(&requester.url)? } else { base };
    Ok(if path.is_empty() { base } else { url::join(&url::with_slash(&base), path) })
}

/// Put a request together. `listed` is the parameter that has a list of properties.
pub(crate) fn outgoing(
    requester: &Requester,
    path: Option<&str>,
    listed: Option<(&str, String)>,
    added: Options,
    world: &World,
    names: Names<'_>,
) -> Result<Outgoing, RequestError> {
    let mut options = Options::default();
    pairs(&requester.parameters, world, names, "parameters", &mut options.parameters)?;
    options.parameters.extend(listed.map(|(name, list)| (name.into(), Value::from(list))));
    pairs(&requester.headers, world, names, "headers", &mut options.headers)?;
    let mut text = None;
    match &requester.body {
        Body::None => {}
        Body::Data(Inputs::Text(expression)) => match expression.eval_or_none(world, names)? {
            Value::Dict(members) => options.data = (*members).clone(),
            Value::None | Value::Undefined => {}
            other => text = Some(other.to_text().to_string()),
        },
        Body::Data(inputs) => pairs(inputs, world, names, "body", &mut options.data)?,
        Body::Json(nested) => members(nested.eval(world, names)?, &mut options.json)?,
        Body::JsonText(expression) => members(expression.eval_or_none(world, names)?, &mut options.json)?,
    }
    let authenticator = requester.authenticator.chosen(&world.config).map_err(RequestError::Choice)?;
    authenticate(authenticator, world, names, &mut options)?;
    options.extend(added)?;
    if text.is_some() && !options.data.is_empty() {
        return Err(RequestError::Text("body"));
    }
    let (body, kind) = body(requester, text, &options)?;
    let mut headers = Vec::new();
    for (name, value) in &options.headers {
        headers.push((name.to_lowercase(), value.to_text().to_string()));
    }
    if let Some(kind) = kind.filter(|_| !headers.iter().any(|(name, _)| name == "content-type")) {
        headers.push(("content-type".to_owned(), kind.to_owned()));
    }
    let url = url::with_query(&target(requester, path, world, names)?, &query(&options.parameters)?);
    Ok(Outgoing { method: requester.method.name(), url, headers, body })
}

fn pairs(
    inputs: &Inputs,
    world: &World,
    names: Names<'_>,
    part: &'static str,
    into: &mut Map,
) -> Result<(), RequestError> {
    match inputs {
        Inputs::Text(expression) => match expression.eval_or_none(world, names)? {
            Value::Dict(members) => into.extend((*members).clone()),
            Value::None | Value::Undefined => {}
            value if !value.is_true() => {}
            _ => return Err(RequestError::Text(part)),
        },
        Inputs::Pairs(pairs) => {
            for (name, value) in pairs {
                let value = match value {
                    Input::Text(expression) if part == "headers" => expression.eval_or_none(world, names)?,
                    Input::Text(expression) => sent(expression, world, names)?,
                    Input::Part(expression) => expression.rendered(world, names)?,
                    Input::Other(value) => value.clone(),
                };
                if value.is_given() {
                    into.insert(name.name(world, names)?, value);
                }
            }
        }
    }
    Ok(())
}

/// A value of a query or a form: text stays text, unless it is a list (trap 4 of the reference).
fn sent(expression: &Expression, world: &World, names: Names<'_>) -> Result<Value, EvalError> {
    let value = expression.eval_or_none(world, names)?;
    match value {
        Value::List(_) | Value::Str(_) => Ok(value),
        // What is nothing is sent as `None`, unless it is not even that.
        Value::None => match expression.rendered(world, names) {
            Ok(text) if text.is_true() => Ok(text),
            Ok(_) | Err(EvalError::Undefined(_)) => Ok(Value::None),
            Err(error) => Err(error),
        },
        _ => expression.rendered(world, names),
    }
}

fn members(value: Value, into: &mut Map) -> Result<(), RequestError> {
    match value {
        Value::Dict(members) => into.extend((*members).clone()),
        value if value.is_true() => return Err(RequestError::Text("JSON body")),
        _ => {}
    }
    Ok(())
}

/// Add what is no secret of the authenticator's; the host adds those.
fn authenticate(
    authenticator: &Authenticator,
    world: &World,
    names: Names<'_>,
    options: &mut Options,
) -> Result<(), RequestError> {
    match authenticator {
        Authenticator::None
        | Authenticator::Secret(_)
        | Authenticator::Selective { .. }
        | Authenticator::Unsupported(_) => Ok(()),
        Authenticator::Bearer(token) => {
            let token = token.text(world, names)?;
            add(&mut options.headers, "Authorization", Value::from(format!("Bearer {token}")), false)
        }
        Authenticator::Basic { user, password } => {
            let user = user.text(world, names)?;
            let password =
                password.as_ref().map(|password| password.text(world, names)).transpose()?.unwrap_or_default();
            let credentials = BASE64_STANDARD.encode(format!("{user}:{password}"));
            add(&mut options.headers, "Authorization", Value::from(format!("Basic {credentials}")), false)
        }
        Authenticator::Key { inject, value } => {
            let value = value.eval(world, names)?;
            options.inject(inject, &Value::Str(value.to_text()), world)
        }
    }
}

/// A body, and the field that says what it is.
fn body(
    requester: &Requester,
    text: Option<String>,
    options: &Options,
) -> Result<(Option<Vec<u8>>, Option<&'static str>), RequestError> {
    let has_data = text.is_some() || !options.data.is_empty();
    if !requester.method.has_body() {
        return Ok((None, None));
    }
    if has_data && !options.json.is_empty() {
        return Err(RequestError::TwoBodies);
    }
    if !options.json.is_empty() {
        let text = json::python(&Value::from(options.json.clone()), false, None)?;
        return Ok((Some(text.into_bytes()), Some("application/json")));
    }
    if let Some(text) = text {
        return Ok((Some(text.into_bytes()), None));
    }
    if options.data.is_empty() {
        return Ok((None, None));
    }
    let pairs: Vec<String> = query(&options.data)?
        .iter()
        .map(|(name, value)| format!("{}={}", url::quoted(name), url::quoted(value)))
        .collect();
    Ok((Some(pairs.join("&").into_bytes()), Some("application/x-www-form-urlencoded")))
}

/// Names and values as a query has them: a list repeats its name.
fn query(members: &Map) -> Result<Vec<(String, String)>, RequestError> {
    let mut pairs = Vec::new();
    for (name, value) in members {
        match value {
            Value::Dict(_) => return Err(RequestError::Object(name.to_string())),
            Value::List(items) | Value::Tuple(items) => {
                pairs.extend(
                    items
                        .iter()
                        .filter(|item| item.is_given())
                        .map(|item| (name.to_string(), item.to_text().to_string())),
                );
            }
            Value::None | Value::Undefined => {}
            value => pairs.push((name.to_string(), value.to_text().to_string())),
        }
    }
    Ok(pairs)
}
