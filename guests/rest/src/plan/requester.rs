//! What one request is made of.

use std::rc::Rc;

use expressions::Value;

use super::secrets::{Ask, Placement, in_field};
use super::{Action, Authenticator, Expression, Fields, Handlers, Nested, Properties};
use crate::manifest::{ManifestError, Place};

/// What a request is made of.
pub(crate) struct Requester {
    pub(crate) url: Option<Expression>,
    pub(crate) base: Option<Expression>,
    pub(crate) path: Option<Expression>,
    pub(crate) method: Method,
    pub(crate) headers: Inputs,
    pub(crate) parameters: Inputs,
    pub(crate) body: Body,
    pub(crate) authenticator: Authenticator,
    pub(crate) handlers: Handlers,
    /// The properties that it asks for.
    pub(crate) properties: Option<Properties>,
    /// Whether what was answered to the same request before is good enough.
    pub(crate) is_cached: Option<bool>,
    /// The secrets that the host adds beside what the authenticator has.
    pub(crate) secrets: Vec<String>,
    /// The parameters that the host adds, each with the secret that it is.
    pub(crate) secret_parameters: Vec<(String, String)>,
}

/// The methods that a manifest may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Head,
    Options,
}

/// Names and values to send: each computed for itself, or all of them one text.
#[derive(Debug, Clone)]
pub(crate) enum Inputs {
    Pairs(Vec<(Expression, Input)>),
    Text(Expression),
}

/// One value to send.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    Text(Expression),
    /// The same as it stood in a path: a blank one is sent too.
    Part(Expression),
    /// A number, a truth value or a list, as it is.
    Other(Value),
}

/// What the body is made of.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    None,
    /// A form, or text as it is.
    Data(Inputs),
    Json(Nested),
    /// Text that comes to JSON.
    JsonText(Expression),
}

/// Where in a request something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Into {
    Parameter,
    Header,
    Data,
    Json,
}

/// Where a value goes, and under which name.
#[derive(Debug, Clone)]
pub(crate) struct Inject {
    pub(crate) into: Into,
    /// The name, or the way to it inside a JSON body.
    pub(crate) path: Vec<Expression>,
}

impl Requester {
    /// One that is no retriever's: it has no pages, and so nothing about them.
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let requester = Self::of_retriever(fields)?;
        if requester.properties.is_some() {
            return Err(fields.error("a list of properties is not carried out here"));
        }
        let actions = [Action::ResetPages, Action::ReducePages, Action::SplitSlice];
        match actions.into_iter().any(|action| requester.handlers.can(action)) {
            true => Err(fields.wrong("error_handler", "there are no pages here that could be read in another way")),
            false => Ok(requester),
        }
    }

    /// One that pages are asked for by.
    pub(crate) fn of_retriever(fields: Fields<'_>) -> Result<Self, ManifestError> {
        if fields.kind() != "HttpRequester" {
            return Err(fields.unsupported());
        }
        let url = fields.filled("url")?;
        let base = fields.filled("url_base")?;
        let path = fields.unchecked("path")?.filter(|path| !path.written().is_empty());
        if url.is_none() && base.is_none() && path.is_none() {
            return Err(fields.missing("url"));
        }
        let authenticator =
            fields.component("authenticator", |how| Authenticator::read(how, base.as_ref()))?.unwrap_or_default();
        let mut secrets = Vec::new();
        let headers =
            Inputs::read(&fields, "request_headers", &mut |name, prefix| in_field(name, prefix), &mut secrets)?;
        let mut parameters = Inputs::read(&fields, "request_parameters", &mut in_query, &mut secrets)?;
        let path = path.map(|path| lifted(&fields, path, &mut parameters, &mut secrets)).transpose()?;
        let names: Vec<&str> = authenticator.secrets().into_iter().chain(secrets.iter().map(String::as_str)).collect();
        let is_ours = |ask: &Ask| names.contains(&&*ask.name);
        let secret_parameters =
            fields.secrets().asks().into_iter().filter(is_ours).filter_map(|ask| match ask.placement {
                Placement::Query(name) => Some((name, ask.name)),
                _ => None,
            });
        Ok(Self {
            url,
            base,
            path,
            secret_parameters: secret_parameters.collect(),
            method: method(&fields)?,
            headers,
            parameters,
            body: body(&fields)?,
            authenticator,
            secrets,
            handlers: fields.component("error_handler", Handlers::read)?.unwrap_or_default(),
            properties: Properties::read(&fields)?,
            is_cached: fields.given("use_cache").map(|_| fields.flag("use_cache")).transpose()?,
        })
    }
}

impl Requester {
    /// All secrets that the host may have to add.
    pub(crate) fn all_secrets(&self) -> impl Iterator<Item = &str> {
        self.authenticator.secrets().into_iter().chain(self.secrets.iter().map(String::as_str))
    }
}

/// A path without its query where that has a secret, which the host adds; the rest of the query becomes parameters.
fn lifted(
    fields: &Fields<'_>,
    path: Expression,
    parameters: &mut Inputs,
    secrets: &mut Vec<String>,
) -> Result<Expression, ManifestError> {
    let at = fields.member("path");
    let Some((before, query)) =
        path.written().split_once('?').filter(|_| fields.secrets().check(path.template(), &at).is_err())
    else {
        return fields.checked("path", path);
    };
    let Inputs::Pairs(pairs) = parameters else { return fields.checked("path", path) };
    let expression = |text: &str| Expression::of(&Value::from(text), &fields.parameters(), &at);
    let mut before_others = 0;
    for part in query.split('&') {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = expression(value)?;
        match fields.secrets().named(&value, false, |prefix| in_query(name, prefix)) {
            Some(secret) => secrets.push(secret),
            None => {
                pairs.insert(before_others, (expression(name)?, Input::Part(fields.checked("path", value)?)));
                before_others += 1;
            }
        }
    }
    fields.checked("path", expression(before)?)
}

fn method(fields: &Fields<'_>) -> Result<Method, ManifestError> {
    let name = fields.text("http_method")?.unwrap_or_else(|| "GET".into());
    Method::of(&name).ok_or_else(|| fields.wrong("http_method", format!("{name} is no method that is sent here")))
}

impl Method {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "GET" => Self::Get,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            "HEAD" => Self::Head,
            "OPTIONS" => Self::Options,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
        }
    }

    /// Whether a body is sent with it.
    pub(crate) fn has_body(self) -> bool {
        matches!(self, Self::Get | Self::Post | Self::Put | Self::Patch)
    }
}

/// Where a secret goes that is the value of this name, behind this text.
type Placing<'a> = &'a mut dyn FnMut(&str, &str) -> Option<Placement>;

/// The host adds no secret to a body.
fn nowhere(_: &str, _: &str) -> Option<Placement> {
    None
}

fn in_query(name: &str, prefix: &str) -> Option<Placement> {
    prefix.is_empty().then(|| Placement::Query(name.to_owned()))
}

impl Inputs {
    /// Names and values. Those that are secrets become names of secrets, which the host adds.
    fn read(
        fields: &Fields<'_>,
        name: &str,
        placing: Placing<'_>,
        secrets: &mut Vec<String>,
    ) -> Result<Self, ManifestError> {
        let Some(value) = fields.given(name) else { return Ok(Self::Pairs(Vec::new())) };
        if value.as_str().is_some() {
            return fields.needed_expression(name).map(Self::Text);
        }
        let place = fields.member(name);
        let parameters = fields.parameters();
        let mut pairs = Vec::new();
        for (key, value) in fields.members(name)?.into_iter().flatten() {
            let at = Place::Member(&place, key);
            if Properties::is(value) {
                continue;
            }
            if value.as_dict().is_some() {
                return Err(ManifestError::at(&at, "it has to be text, a number, a truth value or a list"));
            }
            let name = Expression::of(&Value::Str(Rc::clone(key)), &parameters, &at)?;
            fields.secrets().check(name.template(), &at)?;
            if value.as_str().is_none() {
                pairs.push((name, Input::Other(value.clone())));
                continue;
            }
            let value = Expression::of(value, &parameters, &at)?;
            let placed = |prefix: &str| name.template().constant().and_then(|name| placing(name, prefix));
            if let Some(secret) = fields.secrets().named(&value, false, placed) {
                secrets.push(secret);
                continue;
            }
            fields.secrets().check(value.template(), &at)?;
            pairs.push((name, Input::Text(value)));
        }
        Ok(Self::Pairs(pairs))
    }
}

fn body(fields: &Fields<'_>) -> Result<Body, ManifestError> {
    let json = |fields: &Fields<'_>, name: &str| match fields.given(name) {
        None => Ok(Body::None),
        Some(Value::Str(_)) => fields.needed_expression(name).map(Body::JsonText),
        Some(value) => Nested::of(value, &fields.parameters(), &fields.member(name), fields.secrets()).map(Body::Json),
    };
    let written = [fields.given("request_body_json"), fields.given("request_body_data"), fields.given("request_body")];
    if written.iter().flatten().filter(|value| value.is_true()).count() > 1 {
        return Err(fields.error("it has more than one body"));
    }
    if fields.given("request_body_json").is_some() {
        return json(fields, "request_body_json");
    }
    if fields.given("request_body_data").is_some() {
        return Inputs::read(fields, "request_body_data", &mut nowhere, &mut Vec::new()).map(Body::Data);
    }
    let typed = fields.component("request_body", |body| match body.kind() {
        "RequestBodyPlainText" | "RequestBodyUrlEncodedForm" => {
            Inputs::read(&body, "value", &mut nowhere, &mut Vec::new()).map(Body::Data)
        }
        "RequestBodyJsonObject" | "RequestBodyGraphQL" => json(&body, "value"),
        _ => Err(body.unsupported()),
    })?;
    Ok(typed.unwrap_or(Body::None))
}

impl Inject {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let into = match &*fields.needed_text("inject_into")? {
            "request_parameter" => Into::Parameter,
            "header" => Into::Header,
            "body_data" => Into::Data,
            "body_json" => Into::Json,
            other => return Err(fields.wrong("inject_into", format!("{other} is no part of a request"))),
        };
        let path = match (fields.expression("field_name")?, fields.expressions("field_path")?) {
            (Some(name), path) if path.is_empty() => vec![name],
            (None, path) if !path.is_empty() && into == Into::Json => path,
            (None, path) if !path.is_empty() => {
                return Err(fields.wrong("field_path", "only a JSON body has fields inside of others"));
            }
            (None, _) => return Err(fields.missing("field_name")),
            (Some(_), _) => return Err(fields.error("it has both a `field_name` and a `field_path`")),
        };
        Ok(Self { into, path })
    }
}
