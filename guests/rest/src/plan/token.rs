//! Tokens that somebody has to get before a request is sent. The host gets them: what a manifest says of that becomes a
//! description for it, in texts that hold nothing but constants and parameters.

pub(super) mod session;

use expressions::Value;

use super::secrets::{Asked, Placement, Way};
use super::{Expression, Fields};
use crate::manifest::ManifestError;

/// How the host gets a token, in the words of its `oauth`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OAuth {
    pub(crate) grant: &'static str,
    pub(crate) url: String,
    pub(crate) client_id: Option<String>,
    /// `post` where it is not by the field `Authorization`.
    pub(crate) client_auth: Option<&'static str>,
    pub(crate) method: Option<&'static str>,
    pub(crate) body: Option<&'static str>,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) names: Vec<(&'static str, String)>,
    pub(crate) expires_in: Option<i64>,
    /// What a token that is signed says: its keys, in the host's words.
    pub(crate) signed: Vec<(&'static str, String)>,
    pub(crate) lifetime: Option<i64>,
    pub(crate) claims: Vec<(String, String)>,
}

/// A description while it is read, and the secrets that become parts of it.
struct Reading<'a, 'b> {
    fields: &'b Fields<'a>,
    token: OAuth,
    parts: Vec<(&'static str, Way)>,
}

impl Reading<'_, '_> {
    /// The value of a member as a part, or as text where it is a constant.
    fn part(&mut self, member: &str, part: &'static str) -> Result<Option<String>, ManifestError> {
        let given = self.fields.unchecked(member)?.filter(|expression| !expression.written().trim().is_empty());
        let Some(expression) = given else { return Ok(None) };
        if let Some(text) = expression.template().constant() {
            return Ok(Some(text.to_owned()));
        }
        let Some(way) = self.fields.secrets().way(&expression) else {
            return Err(self
                .fields
                .wrong(member, "the host sends it, and it has to be one value of the configuration"));
        };
        self.fields.secrets().mark(&way);
        self.parts.push((part, way));
        Ok(None)
    }

    /// The text of an expression for the host, which computes nothing: parameters stand in braces.
    fn text(&self, place: &str, expression: &Expression) -> Result<String, ManifestError> {
        let reason =
            "the host sends it, and it has to be text with values of the configuration in it that are no secrets";
        self.fields.secrets().text_for_host(expression).ok_or_else(|| self.fields.wrong(place, reason))
    }

    fn name(&mut self, member: &str, standard: &'static str) -> Result<(), ManifestError> {
        let given = self.fields.expression(member)?;
        if let Some(expression) = given.filter(|expression| !expression.written().is_empty()) {
            let name = self.text(member, &expression)?;
            if name != standard {
                self.token.names.push((standard, name));
            }
        }
        Ok(())
    }

    fn asked(self, placement: Placement) -> Asked {
        Asked { placement, parts: self.parts, oauth: Some(self.token) }
    }
}

/// OAuth 2; the name of the secret.
pub(super) fn oauth(fields: &Fields<'_>) -> Result<String, ManifestError> {
    if fields.flag("use_profile_assertion")? {
        return Err(fields.wrong("use_profile_assertion", "it is not carried out here"));
    }
    let token = OAuth { client_auth: Some("post"), ..OAuth::default() };
    let mut reading = Reading { fields, token, parts: Vec::new() };
    let grant = fields.text("grant_type")?.unwrap_or_else(|| "refresh_token".into());
    reading.token.client_id = reading.part("client_id", "client-id")?;
    let secret = reading.part("client_secret", "client-secret")?;
    let refresh = fields.given("refresh_token").is_some();
    match &*grant {
        "refresh_token" => refreshed(&mut reading, refresh)?,
        "password" => reading.token.grant = "password",
        _ => reading.token.grant = "client-credentials",
    }
    let url = fields.unchecked("token_refresh_endpoint")?.ok_or_else(|| fields.missing("token_refresh_endpoint"))?;
    reading.token.url = reading.text("token_refresh_endpoint", &url)?;
    for (member, standard) in [
        ("client_id_name", "client_id"),
        ("client_secret_name", "client_secret"),
        ("refresh_token_name", "refresh_token"),
        ("grant_type_name", "grant_type"),
        ("access_token_name", "access_token"),
        ("expires_in_name", "expires_in"),
    ] {
        reading.name(member, standard)?;
    }
    let usual = matches!((&*grant, reading.token.grant), ("refresh_token", "refresh-token") | ("password", "password"));
    if !usual && grant != "client_credentials".into() {
        reading.token.params.push(("grant_type".into(), grant.to_string()));
    }
    if let Some(secret) = secret {
        reading.token.params.push(("client_secret".into(), secret));
    }
    let scopes: Vec<String> =
        fields.expressions("scopes")?.iter().map(|scope| reading.text("scopes", scope)).collect::<Result<_, _>>()?;
    if !scopes.is_empty() {
        reading.token.params.push(("scopes".into(), scopes.join(" ")));
    }
    if fields.flag("send_refresh_request_as_query_params")? {
        reading.token.body = Some("query");
    }
    headers(&mut reading, "refresh_request_headers")?;
    sent(&mut reading, "refresh_request_body")?;
    Ok(fields.secrets().asked(reading.asked(Placement::Bearer)))
}

fn refreshed(reading: &mut Reading<'_, '_>, has_token: bool) -> Result<(), ManifestError> {
    reading.token.grant = "refresh-token";
    if has_token && let Some(text) = reading.part("refresh_token", "refresh-token")? {
        let reason = format!("it is the text {text:?}, and has to be a value of the configuration");
        return Err(reading.fields.wrong("refresh_token", reason));
    }
    if reading.parts.iter().any(|(part, _)| *part == "refresh-token") {
        return Ok(());
    }
    // One that is used up each time says where in the configuration it is.
    let updater = reading.fields.component("refresh_token_updater", |updater| {
        let path = updater.items("refresh_token_config_path")?;
        Ok(path.iter().map(Value::to_text).collect::<Way>())
    })?;
    match updater {
        Some(way) => {
            let way = if way.is_empty() { vec!["credentials".into(), "refresh_token".into()] } else { way };
            reading.fields.secrets().mark(&way);
            reading.parts.push(("refresh-token", way));
        }
        None => reading.token.grant = "client-credentials",
    }
    Ok(())
}

/// Fields of the request. The client's own credentials among them are the host's affair.
fn headers(reading: &mut Reading<'_, '_>, member: &str) -> Result<(), ManifestError> {
    let fields = reading.fields;
    for (name, value) in fields.members(member)?.into_iter().flatten() {
        let place = fields.member(member);
        let expression = Expression::of(value, &fields.parameters(), &place)?;
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        if is("authorization") && fields.secrets().is_basic(&expression, &reading.parts) {
            reading.token.client_auth = None;
            continue;
        }
        let text = reading.text(member, &expression)?;
        match &*text {
            "application/json" if is("content-type") => reading.token.body = Some("json"),
            "application/x-www-form-urlencoded" if is("content-type") => {}
            _ => reading.token.headers.push((name.to_string(), text)),
        }
    }
    Ok(())
}

/// What else is sent. A user's name and password may be among it.
fn sent(reading: &mut Reading<'_, '_>, member: &str) -> Result<(), ManifestError> {
    let fields = reading.fields;
    for (name, value) in fields.members(member)?.into_iter().flatten() {
        if matches!(&**name, "client_id" | "client_secret" | "refresh_token" | "grant_type")
            && reading.token.names.is_empty()
        {
            continue;
        }
        let expression = Expression::of(value, &fields.parameters(), &fields.member(member))?;
        // Nobody sends a password that is none, whatever the specification says of it.
        match fields.secrets().secret_way(&expression, &**name == "password") {
            None => {
                let text = reading.text(member, &expression)?;
                reading.token.params.push((name.to_string(), text));
            }
            Some(way) => {
                let is_free = |part: &&str| !reading.parts.iter().any(|(there, _)| there == part);
                let part = match (reading.token.grant, &**name) {
                    ("password", "username") => Some("username"),
                    ("password", "password") => Some("password"),
                    ("password", _) => ["password", "username"].into_iter().find(is_free),
                    _ => None,
                };
                let Some(part) = part else {
                    let way = way.join(".");
                    return Err(fields.wrong(
                        member,
                        format!(
                            "it sends the secret `{way}` to where tokens are got, as `{name}`, which the host cannot do"
                        ),
                    ));
                };
                fields.secrets().mark(&way);
                reading.parts.push((part, way));
                if part != &**name {
                    reading.token.names.push((part, name.to_string()));
                }
            }
        }
    }
    Ok(())
}

/// A token that is signed, and that nobody is asked for; the name of the secret.
pub(super) fn signed(fields: &Fields<'_>) -> Result<String, ManifestError> {
    for unsupported in ["passphrase", "request_option", "additional_jwt_headers"] {
        if fields.given(unsupported).is_some_and(|given| given.as_dict().is_none_or(|members| !members.is_empty())) {
            return Err(fields.wrong(unsupported, "it is not carried out here"));
        }
    }
    if fields.flag("base64_encode_secret_key")? {
        return Err(fields.wrong("base64_encode_secret_key", "it is not carried out here"));
    }
    let mut reading = Reading { fields, token: OAuth { grant: "signed", ..OAuth::default() }, parts: Vec::new() };
    if reading.part("secret_key", "key")?.is_some() || reading.parts.is_empty() {
        return Err(fields.wrong("secret_key", "it has to be a value of the configuration"));
    }
    let algorithm = fields.needed_text("algorithm")?;
    match &*algorithm {
        "HS256" | "HS384" | "HS512" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => {
            reading.token.signed.push(("algorithm", algorithm.to_string()));
        }
        // The key itself says which of these it is for.
        "RS256" | "ES256" | "ES384" | "EdDSA" => {}
        _ => return Err(fields.wrong("algorithm", format!("{algorithm} is not carried out here"))),
    }
    reading.token.lifetime = Some(fields.integer("token_duration")?.unwrap_or(1200));
    for (member, key, host) in [
        ("jwt_headers", "kid", "key-id"),
        ("jwt_payload", "iss", "issuer"),
        ("jwt_payload", "sub", "subject"),
        ("jwt_payload", "aud", "audience"),
    ] {
        let text = fields.component(member, |inner| match inner.unchecked(key)? {
            Some(expression) if !expression.written().is_empty() => reading.text(key, &expression).map(Some),
            _ => Ok(None),
        })?;
        reading.token.signed.extend(text.flatten().map(|text| (host, text)));
    }
    for (name, value) in fields.members("additional_jwt_payload")?.into_iter().flatten() {
        let place = fields.member("additional_jwt_payload");
        if !matches!(value, Value::Str(_)) {
            return Err(ManifestError::at(&place, "the host writes claims that are texts alone"));
        }
        let text = reading.text("additional_jwt_payload", &Expression::of(value, &fields.parameters(), &place)?)?;
        reading.token.claims.push((name.to_string(), text));
    }
    let prefix = fields.text("header_prefix")?;
    let placement = match prefix.as_deref() {
        Some("Bearer") => Placement::Bearer,
        None | Some("") => Placement::Header("Authorization".into()),
        Some(scheme) => Placement::Scheme(scheme.to_owned()),
    };
    Ok(fields.secrets().asked(reading.asked(placement)))
}
