//! Tokens that a login gives.

use std::rc::Rc;

use expressions::Value;

use super::{OAuth, Reading, headers, sent};
use crate::manifest::ManifestError;
use crate::plan::secrets::{Asked, Placement, in_field};
use crate::plan::{Expression, Fields, Inject, Into};

/// A token that a login with a name and a password gives, below the address of the API; the name of the secret.
pub(crate) fn legacy(fields: &Fields<'_>, base: Option<&Expression>) -> Result<String, ManifestError> {
    let names = vec![("grant_type", String::new())];
    let token = OAuth { grant: "password", body: Some("json"), names, ..OAuth::default() };
    let mut reading = Reading { fields, token, parts: Vec::new() };
    let base = base.ok_or_else(|| fields.error("its requester has no `url_base`"))?;
    let login = fields.unchecked("login_url")?.ok_or_else(|| fields.missing("login_url"))?;
    reading.token.url = format!("{}{}", reading.text("login_url", base)?, reading.text("login_url", &login)?);
    for (member, part) in [("username", "username"), ("password", "password")] {
        if reading.part(member, part)?.is_some() {
            return Err(fields.wrong(member, "it has to be a value of the configuration"));
        }
    }
    let key =
        fields.unchecked("session_token_response_key")?.ok_or_else(|| fields.missing("session_token_response_key"))?;
    let key = reading.text("session_token_response_key", &key)?;
    reading.token.names.push(("access_token", key));
    // One that is there already is the operator's to give, in the place of this.
    if let Some(way) = fields.unchecked("session_token")?.and_then(|token| fields.secrets().way(&token)) {
        fields.secrets().mark(&way);
    }
    let header = fields.unchecked("header")?.ok_or_else(|| fields.missing("header"))?;
    let header = reading.text("header", &header)?;
    Ok(fields.secrets().asked(reading.asked(Placement::Header(header))))
}

/// A token that a request of its own gives; the name of the secret.
pub(crate) fn session(fields: &Fields<'_>) -> Result<String, ManifestError> {
    let token = fields.needed("login_requester", |login| {
        let mut reading = Reading {
            fields: &login,
            token: OAuth { grant: "password", names: vec![("grant_type", String::new())], ..OAuth::default() },
            parts: Vec::new(),
        };
        let (url, base) = (login.unchecked("url")?, login.unchecked("url_base")?);
        let url = url.or(base).ok_or_else(|| login.missing("url"))?;
        let mut url = reading.text("url", &url)?;
        if let Some(path) = login.unchecked("path")?.filter(|path| !path.written().is_empty()) {
            let path = reading.text("path", &path)?;
            url = format!("{}/{}", url.trim_end_matches('/'), path.trim_start_matches('/'));
        }
        reading.token.url = url;
        match login.text("http_method")?.as_deref() {
            None | Some("GET") => reading.token.method = Some("get"),
            Some("POST") => {}
            Some(_) => return Err(login.wrong("http_method", "the host gets tokens by GET and POST alone")),
        }
        login_credentials(&mut reading)?;
        headers(&mut reading, "request_headers")?;
        for (member, body) in
            [("request_body_json", "json"), ("request_body_data", "form"), ("request_parameters", "query")]
        {
            if login.members(member)?.is_some_and(|members| !members.is_empty()) {
                if reading.token.body.is_some_and(|before| before != body) {
                    return Err(login.wrong(member, "the host sends a body or a query, and not both"));
                }
                reading.token.body = (body != "form").then_some(body);
                sent(&mut reading, member)?;
            }
        }
        if login.given("request_body").is_some() {
            return Err(login.wrong("request_body", "it is not carried out here"));
        }
        if reading.parts.iter().all(|(part, _)| *part != "username" && *part != "password") {
            reading.token.grant = "client-credentials";
        }
        Ok((reading.token, reading.parts))
    })?;
    let (mut token, parts) = token;
    let path: Vec<Rc<str>> = fields.items("session_token_path")?.iter().map(Value::to_text).collect();
    if path.is_empty() {
        return Err(fields.missing("session_token_path"));
    }
    token.names.push(("access_token", path.join(".")));
    token.expires_in = fields.text("expiration_duration")?.and_then(|text| seconds(&text));
    let placement = fields.needed("request_authentication", |how| match how.kind() {
        "Bearer" => Ok(Placement::Bearer),
        _ => {
            let inject = how.component("inject_into", Inject::read)?.ok_or_else(|| how.missing("inject_into"))?;
            let field = inject.path.first().and_then(|name| name.template().constant()).map(str::to_owned);
            let prefix = match how.given("api_token") {
                None => Some(String::new()),
                Some(written) => written.as_str().and_then(|text| text.split("{{").next()).map(str::to_owned),
            };
            let place = match (inject.into, field, prefix) {
                (Into::Header, Some(field), Some(prefix)) => in_field(&field, &prefix),
                (Into::Parameter, Some(field), Some(prefix)) if prefix.is_empty() => Some(Placement::Query(field)),
                _ => None,
            };
            place.ok_or_else(|| how.wrong("inject_into", "the host adds a token in a header or as a parameter alone"))
        }
    })?;
    Ok(fields.secrets().asked(Asked { placement, parts, oauth: Some(token) }))
}

/// Who logs in, where an authenticator says so.
fn login_credentials(reading: &mut Reading<'_, '_>) -> Result<(), ManifestError> {
    let fields = reading.fields;
    let read = |how: Fields<'_>| match how.kind() {
        "NoAuth" => Ok((None, Vec::new())),
        "BasicHttpAuthenticator" => {
            let mut inner = Reading { fields: &how, token: OAuth::default(), parts: Vec::new() };
            let user = inner.part("username", "client-id")?;
            if inner.part("password", "client-secret")?.is_some_and(|text| !text.is_empty()) {
                return Err(how.wrong("password", "it has to be a value of the configuration"));
            }
            Ok((user, inner.parts))
        }
        _ => Err(how.error("the host logs in with Basic credentials, or with what is in the request")),
    };
    if let Some((user, parts)) = fields.component("authenticator", read)? {
        reading.token.client_id = user;
        reading.parts.extend(parts);
    }
    Ok(())
}

/// The seconds of an ISO 8601 duration of hours, minutes and seconds, and of days: `P1DT2H`.
fn seconds(text: &str) -> Option<i64> {
    let mut total = 0_i64;
    let (mut number, mut in_time) = (String::new(), false);
    for letter in text.trim().strip_prefix('P')?.chars() {
        let unit = match letter {
            'T' => {
                in_time = true;
                continue;
            }
            digit if digit.is_ascii_digit() => {
                number.push(digit);
                continue;
            }
            'W' => 7 * 86_400,
            'D' => 86_400,
            'H' => 3600,
            'M' if in_time => 60,
            'S' => 1,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    number.is_empty().then_some(total).filter(|total| *total > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds() {
        for (text, expected) in [
            ("PT1H", Some(3600)),
            ("P1DT2H3M4S", Some(93_784)),
            ("P2W", Some(1_209_600)),
            ("P1M", None),
            ("PT", None),
            ("1h", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
