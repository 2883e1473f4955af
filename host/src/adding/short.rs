//! The short form of a declarative source: what a paginated API takes, in some twenty lines of TOML. It stands for a manifest,
//! which is what is made of it. Pure.

mod checks;
mod form;
mod places;

use serde_json::{Map, Value, json};

use form::{Auth, Cursor, Pages, Short, Stream, Values};
pub(super) use places::told;

/// Whether a file holds the short form, by its name.
pub(super) fn is_short(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

/// The manifest that a short form stands for, as JSON, which is YAML as well.
pub(super) fn manifest(text: &str) -> Result<String, String> {
    let short: Short = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| format!("line {}: ", rules::text::line_number(text, span.start)));
        format!("{}{}", line.unwrap_or_default(), error.message())
    })?;
    if short.streams.is_empty() {
        return Err("it has no streams".into());
    }
    checks::base(&short)?;
    let mut streams = Vec::new();
    for name in short.streams.keys() {
        streams.push(short.stream(name, 0)?);
    }
    let manifest = json!({
        "version": "6.0.0",
        "type": "DeclarativeSource",
        "check": { "type": "CheckStream", "stream_names": [short.streams.keys().next()] },
        "streams": streams,
        "spec": {
            "type": "Spec",
            "documentation_url": short.docs,
            "connection_specification": short.specification(),
        },
    });
    Ok(manifest.to_string())
}

impl Short {
    fn specification(&self) -> Value {
        let mut properties = Map::new();
        for (name, param) in &self.params {
            let mut property = json!({ "type": "string", "description": param.help, "default": param.default });
            if let Some(choices) = &param.choices {
                property["enum"] = json!(choices);
            }
            properties.insert(name.clone(), property);
        }
        let mut required = Vec::new();
        if self.auth.is_some() {
            properties.insert("token".into(), json!({ "type": "string", "airbyte_secret": true }));
            required.push("token");
        }
        json!({ "type": "object", "required": required, "properties": properties })
    }

    /// A stream; `depth` is how many streams it is a part of.
    fn stream(&self, name: &str, depth: usize) -> Result<Value, String> {
        let stream = self.streams.get(name).ok_or_else(|| format!("there is no stream `{name}`"))?;
        if depth > 8 {
            return Err(format!("the stream `{name}` is of a stream that is of itself"));
        }
        let at = |part: &str, reason: String| format!("streams.{name}.{part}: {reason}");
        let expression = |part: &str, text: &str| self.expression(stream, text).map_err(|reason| at(part, reason));
        let mut requester = json!({
            "type": "HttpRequester",
            "url_base": expression("base", &self.base)?,
            "path": expression("path", &stream.path)?,
            "http_method": if stream.body.is_some() { "POST" } else { "GET" },
            "request_parameters": self.pairs(stream, self.query.iter().chain(&stream.query)).map_err(|reason| at("query", reason))?,
            "request_headers": self.pairs(stream, self.headers.iter()).map_err(|reason| at("headers", reason))?,
        });
        // Where the server says how long to wait, that counts; else each wait is twice the last.
        requester["error_handler"] = json!({
            "type": "DefaultErrorHandler",
            "backoff_strategies": [{ "type": "WaitTimeFromHeader", "header": "Retry-After" }],
        });
        if let Some(body) = &stream.body {
            requester["request_body_json"] = self.nested(stream, body).map_err(|reason| at("body", reason))?;
        }
        if let Some(auth) = &self.auth {
            requester["authenticator"] = authenticator(auth);
        }
        let path: Vec<&str> = stream.records.split('.').filter(|name| !name.is_empty()).collect();
        let mut selector =
            json!({ "type": "RecordSelector", "extractor": { "type": "DpathExtractor", "field_path": path } });
        if let Some(keep) = &stream.keep {
            selector["record_filter"] = json!({ "type": "RecordFilter", "condition": format!("{{{{ {keep} }}}}") });
        }
        let mut retriever = json!({ "type": "SimpleRetriever", "requester": requester, "record_selector": selector });
        if let Some(pages) = &stream.pages {
            retriever["paginator"] = paginator(pages);
        }
        if let Some(router) = self.router(stream, depth)? {
            retriever["partition_router"] = router;
        }
        let mut made =
            json!({ "type": "DeclarativeStream", "name": name, "retriever": retriever, "primary_key": stream.key });
        if let Some(cursor) = &stream.cursor {
            checks::cursor(cursor).map_err(|reason| format!("streams.{name}.cursor.{reason}"))?;
            made["incremental_sync"] = self.cursor(stream, cursor).map_err(|reason| at("cursor", reason))?;
        }
        Ok(made)
    }

    fn router(&self, stream: &Stream, depth: usize) -> Result<Option<Value>, String> {
        let each = stream.each.as_ref().map(|each| {
            let values = match &each.values {
                Values::List(values) => json!(values),
                Values::Words(param) => json!(format!("{{{{ config['{param}'].split() }}}}")),
            };
            json!({ "type": "ListPartitionRouter", "values": values, "cursor_field": each.name })
        });
        let of = stream.of.as_ref().map(|of| {
            let parent = self.stream(&of.stream, depth + 1)?;
            let config = json!({
                "type": "ParentStreamConfig", "stream": parent, "parent_key": of.key, "partition_field": of.name,
            });
            Ok::<_, String>(json!({ "type": "SubstreamPartitionRouter", "parent_stream_configs": [config] }))
        });
        let routers: Vec<Value> = each.into_iter().chain(of.transpose()?).collect();
        Ok((!routers.is_empty()).then_some(Value::Array(routers)))
    }

    fn cursor(&self, stream: &Stream, cursor: &Cursor) -> Result<Value, String> {
        let option = |param: &Option<String>| {
            let param = param.as_ref();
            param.map(|name| json!({ "type": "RequestOption", "inject_into": "request_parameter", "field_name": name }))
        };
        Ok(json!({
            "type": "DatetimeBasedCursor",
            "cursor_field": cursor.field,
            "datetime_format": cursor.format,
            "start_datetime": self.expression(stream, &cursor.start)?,
            "start_time_option": option(&cursor.param),
            "end_time_option": option(&cursor.end_param),
            "step": cursor.step,
            "cursor_granularity": cursor.granularity,
            "lookback_window": cursor.lookback,
        }))
    }

    fn pairs<'a>(
        &self,
        stream: &Stream,
        pairs: impl Iterator<Item = (&'a String, &'a String)>,
    ) -> Result<Value, String> {
        let pairs = pairs.map(|(name, text)| Ok((name.clone(), Value::from(self.expression(stream, text)?))));
        Ok(Value::Object(pairs.collect::<Result<_, String>>()?))
    }

    fn nested(&self, stream: &Stream, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => self.expression(stream, text)?.into(),
            Value::Array(items) => items.iter().map(|item| self.nested(stream, item)).collect::<Result<_, _>>()?,
            Value::Object(members) => {
                let member = |(name, value): (&String, &Value)| Ok((name.clone(), self.nested(stream, value)?));
                Value::Object(members.iter().map(member).collect::<Result<_, String>>()?)
            }
            other => other.clone(),
        })
    }

    /// A text in which `{name}` is a parameter, or what the stream is cut by. Text of a manifest's own, `{{ … }}`, stays.
    fn expression(&self, stream: &Stream, text: &str) -> Result<String, String> {
        if text.contains("{{") {
            return Ok(text.to_owned());
        }
        let (mut expression, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) =
                after.split_once('}').ok_or_else(|| format!("`{text}` has a `{{` without its `}}`"))?;
            let is_part = stream.each.as_ref().is_some_and(|each| each.name == name)
                || stream.of.as_ref().is_some_and(|of| of.name == name);
            expression.push_str(before);
            if is_part {
                expression.push_str(&format!("{{{{ stream_partition['{name}'] }}}}"));
            } else if self.params.contains_key(name) {
                expression.push_str(&format!("{{{{ config['{name}'] }}}}"));
            } else {
                return Err(format!("`{{{name}}}` is neither a parameter nor what the stream is cut by"));
            }
            rest = behind;
        }
        Ok(expression + rest)
    }
}

fn authenticator(auth: &Auth) -> Value {
    const TOKEN: &str = "{{ config['token'] }}";
    let key = |into: &str, name: &str, value: String| {
        let inject = json!({ "type": "RequestOption", "inject_into": into, "field_name": name });
        json!({ "type": "ApiKeyAuthenticator", "api_token": value, "inject_into": inject })
    };
    match auth {
        Auth::Bearer => json!({ "type": "BearerAuthenticator", "api_token": TOKEN }),
        Auth::Scheme(scheme) => key("header", "Authorization", format!("{scheme} {TOKEN}")),
        Auth::Basic(user) => json!({ "type": "BasicHttpAuthenticator", "username": user, "password": TOKEN }),
        Auth::Header(name) => key("header", name, TOKEN.to_owned()),
        Auth::Query(name) => key("request_parameter", name, TOKEN.to_owned()),
    }
}

fn paginator(pages: &Pages) -> Value {
    let option =
        |name: &String| json!({ "type": "RequestOption", "inject_into": "request_parameter", "field_name": name });
    // `response['a']['b']`, and nothing where it is not there.
    let found = |at: &str| {
        let way: Vec<String> = at.split('.').map(|name| format!(".get('{name}', {{}})")).collect();
        format!("{{{{ response{} or '' }}}}", way.join(""))
    };
    let with = |strategy: Value, token: Value, size_param: &Option<String>| {
        json!({
            "type": "DefaultPaginator",
            "pagination_strategy": strategy,
            "page_token_option": token,
            "page_size_option": size_param.as_ref().map(option),
        })
    };
    match pages {
        Pages::Page { param, first, size, size_param } => with(
            json!({
                "type": "PageIncrement", "page_size": size, "start_from_page": first.unwrap_or(1),
                "inject_on_first_request": true,
            }),
            option(param),
            size_param,
        ),
        Pages::Offset { param, size, size_param } => with(
            json!({ "type": "OffsetIncrement", "page_size": size, "inject_on_first_request": true }),
            option(param),
            size_param,
        ),
        Pages::Cursor { param, at, size, size_param } => with(
            json!({ "type": "CursorPagination", "cursor_value": found(at), "page_size": size }),
            option(param),
            size_param,
        ),
        Pages::Next { at } => with(
            json!({ "type": "CursorPagination", "cursor_value": found(at) }),
            json!({ "type": "RequestPath" }),
            &None,
        ),
        Pages::Link => with(
            json!({
                "type": "CursorPagination",
                "cursor_value": "{{ headers['link'].get('next', {}).get('url', '') }}",
            }),
            json!({ "type": "RequestPath" }),
            &None,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_form_stands_for_a_manifest() {
        let text = "base = \"https://api.example/{version}\"\nauth = { header = \"X-Key\" }\n[params.version]\ndefault = \"v1\"\n\
                    [streams.items]\npath = \"items\"\nrecords = \"data.items\"\nquery = { sort = \"id\" }\n\
                    pages = { by = \"page\", param = \"page\", size = 100, size-param = \"limit\" }\n\
                    [streams.parts]\npath = \"items/{item}/parts\"\nof = { stream = \"items\", key = \"id\", name = \"item\" }\n";
        let manifest: Value = serde_json::from_str(&manifest(text).expect("a manifest")).expect("JSON");
        let [items, parts] = &manifest["streams"].as_array().expect("streams")[..] else { panic!("{manifest}") };
        assert_eq!(items["retriever"]["requester"]["url_base"], "https://api.example/{{ config['version'] }}");
        assert_eq!(items["retriever"]["record_selector"]["extractor"]["field_path"], json!(["data", "items"]));
        assert_eq!(items["retriever"]["paginator"]["pagination_strategy"]["start_from_page"], 1);
        assert_eq!(parts["retriever"]["requester"]["path"], "items/{{ stream_partition['item'] }}/parts");
        assert_eq!(manifest["spec"]["connection_specification"]["required"], json!(["token"]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, expected) in [
            ("base = 1\n[streams.x]\npath = \"x\"\n", "line 1: invalid type"),
            ("base = \"https://a.example\"\n", "missing field `streams`"),
            ("base = \"a.example\"\n[streams.x]\npath = \"x\"\n", "base: `a.example` does not begin with https://"),
            ("base = \"https:///v1\"\n[streams.x]\npath = \"x\"\n", "base: `https:///v1` has no host"),
            ("base = \"https://a.example\"\n[streams.x]\npath = \"x/{id}\"\n", "streams.x.path: `{id}` is neither"),
            ("base = \"https://a.example\"\n[streams.x]\npath = \"x/{id\"\n", "has a `{` without its `}`"),
            ("base = \"https://a.example\"\n[streams.x]\npath = \"x\"\npaths = \"y\"\n", "unknown field `paths`"),
            (
                "base = \"https://a.example\"\n[streams.x]\npath = \"x\"\nof = { stream = \"x\", key = \"id\", name = \"id\" }\n",
                "of a stream that is of itself",
            ),
        ] {
            let reason = manifest(text).expect_err(expected);
            assert!(reason.contains(expected), "{reason}");
        }
    }
}
