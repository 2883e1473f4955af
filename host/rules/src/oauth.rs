//! How a token is got for a secret that nobody has lying around: OAuth 2 (RFC 6749), its description, its request and
//! what is answered to it.
//!
//! Pure.

mod answer;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use url::Url;
use url::form_urlencoded::byte_serialize;

pub use answer::{Answer, Refusal, answer};

use crate::domain::Parts;
use crate::policy::OriginGrant;
use crate::text;

/// Most parameters, fields and scopes of a description, each.
const MAX_ENTRIES: usize = 50;
/// What a grant by an assertion is called in a request (RFC 7523, 2.1).
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// What a grant by a device is called in a request (RFC 8628, 3.4).
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// How long an assertion holds where nobody says otherwise, in seconds.
const LIFETIME: u32 = 300;

/// By which right a token is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenGrant {
    /// The client's own (RFC 6749, 4.4).
    ClientCredentials,
    /// A user's, by name and password (RFC 6749, 4.3).
    Password,
    /// A user's, who agreed earlier (RFC 6749, 6).
    RefreshToken,
    /// A user's, who agrees in a browser (RFC 6749, 4.1, with RFC 7636).
    AuthorizationCode,
    /// A user's, who agrees on another device (RFC 8628).
    DeviceCode,
    /// That of an account whose key signs (RFC 7523).
    JwtBearer,
    /// To whoever has the key: the signed assertion is the token, and nobody is asked for it.
    Signed,
}

/// How a client says who it is (RFC 6749, 2.3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    /// In the field `Authorization`.
    #[default]
    Basic,
    /// In the content.
    Post,
}

/// How a key signs that is a text and no key pair (RFC 7518, 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    #[serde(rename = "HS256")]
    Hs256,
    /// HMAC with SHA-384.
    #[serde(rename = "HS384")]
    Hs384,
    /// HMAC with SHA-512.
    #[serde(rename = "HS512")]
    Hs512,
}

/// How tokens are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// By POST, as the standard has it.
    #[default]
    Post,
    /// By GET, as some services have it; what would be in the content is in the query.
    Get,
}

impl Method {
    /// Its name in a request.
    pub fn name(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Get => "GET",
        }
    }
}

/// What the content of a request is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// `application/x-www-form-urlencoded`, as the standard has it.
    #[default]
    Form,
    /// A JSON object, as some services have it.
    Json,
    /// Nothing: what would be in it is in the URL's query, as a few services have it.
    Query,
}

/// Where and how a token is got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OAuth {
    /// By which right.
    pub grant: TokenGrant,
    /// Where tokens are given; nowhere for those that are signed. In it, and in all texts below, `{NAME}` is the parameter
    /// of that name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token_url: String,
    /// Where a user agrees in a browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_url: Option<String>,
    /// Where a device asks for a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_url: Option<String>,
    /// Who asks, where that is no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// How the client says who it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub client_auth: ClientAuth,
    /// How it is asked for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub method: Method,
    /// What the content of the request is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub body: Form,
    /// What the token is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// More parameters of the request. They stand in the place of those of the same name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// More fields of the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What the service calls what the standard calls `client_id`, `client_secret`, `refresh_token`, `grant_type`,
    /// `username`, `password`, `access_token` or `expires_in`. In an answer a dot leads into an object. What has no name is
    /// not sent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
    /// How long a token is good where the answer does not say so, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// How a key signs that is a text; a key pair says so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Algorithm>,
    /// The name of the key, for an assertion's head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Whose key it is, where that is no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// More claims of an assertion.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
    /// For whom an assertion is meant; the place of tokens where nobody says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// In whose name an assertion asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How long an assertion holds, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<u32>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What shows the right to a token.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// Being the client, or knowing a password.
    Nothing,
    /// A refresh token.
    Refresh(&'a str),
    /// A signed assertion.
    Assertion(&'a str),
    /// A code that came back from the browser, its verifier, and where it came back to.
    Code(&'a str, &'a str, &'a str),
    /// The code of a device.
    Device(&'a str),
}

/// A request for a token. It has no `Debug`, so that it cannot be shown by mistake.
pub struct TokenRequest {
    /// Its method.
    pub method: Method,
    /// Its fields.
    pub headers: Vec<(String, String)>,
    /// What is added to the query of its URL.
    pub query: Vec<(String, String)>,
    /// Its content.
    pub body: Vec<u8>,
}

impl OAuth {
    /// The parts that its secret has: those that it needs, and those that it may have.
    pub fn parts(&self) -> Parts {
        let named = self.client_id.is_some();
        let (required, optional): (&[_], &[_]) = match (self.grant, named) {
            (TokenGrant::ClientCredentials, false) => (&["client-id", "client-secret"], &[]),
            (TokenGrant::ClientCredentials, true) => (&["client-secret"], &[]),
            (TokenGrant::Password, false) => (&["password"], &["username", "client-id", "client-secret"]),
            (TokenGrant::Password, true) => (&["password"], &["username", "client-secret"]),
            (TokenGrant::RefreshToken, false) => (&["client-id", "refresh-token"], &["client-secret"]),
            (TokenGrant::RefreshToken, true) => (&["refresh-token"], &["client-secret"]),
            (TokenGrant::AuthorizationCode | TokenGrant::DeviceCode, false) => (&["client-id"], &["client-secret"]),
            (TokenGrant::AuthorizationCode | TokenGrant::DeviceCode, true) => (&[], &["client-secret"]),
            (TokenGrant::JwtBearer, _) => (&["key"], &["issuer", "client-id", "client-secret"]),
            (TokenGrant::Signed, _) => (&["key"], &["issuer"]),
        };
        Parts { required, optional }
    }

    /// Whether somebody has to agree before there is a token.
    pub fn needs_consent(&self) -> bool {
        matches!(self.grant, TokenGrant::AuthorizationCode | TokenGrant::DeviceCode)
    }

    /// Whether a token that is got leads to the next one, so that losing it loses the right.
    pub fn has_refresh_token(&self) -> bool {
        self.needs_consent() || self.grant == TokenGrant::RefreshToken
    }

    /// The texts of an author's that have to be fit to be shown, each with its key.
    pub fn texts(&self) -> Vec<(String, String)> {
        let one = |key: &str, text: &Option<String>| text.iter().map(|text| (key.to_owned(), text.clone())).collect();
        let many = |key: &str, texts: &BTreeMap<String, String>| {
            texts.iter().map(|(name, text)| (format!("{key}.{name}"), format!("{name}={text}"))).collect()
        };
        let all: [Vec<_>; 11] = [
            vec![("token-url".to_owned(), self.token_url.clone())],
            many("claims", &self.claims),
            [one("key-id", &self.key_id), one("issuer", &self.issuer)].concat(),
            one("authorization-url", &self.authorization_url),
            one("device-url", &self.device_url),
            one("client-id", &self.client_id),
            self.scopes.iter().map(|scope| ("scopes".to_owned(), scope.clone())).collect(),
            many("params", &self.params),
            many("headers", &self.headers),
            many("names", &self.names),
            [one("audience", &self.audience), one("subject", &self.subject)].concat(),
        ];
        all.concat()
    }

    /// The same with the values of parameters in the place of their names.
    #[must_use]
    pub fn filled<'a>(&self, params: impl IntoIterator<Item = (&'a String, &'a String)> + Clone) -> Self {
        let fill = |text: &String| {
            let params = params.clone().into_iter();
            params.fold(text.clone(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        };
        let all =
            |texts: &BTreeMap<String, String>| texts.iter().map(|(name, text)| (name.clone(), fill(text))).collect();
        Self {
            token_url: fill(&self.token_url),
            authorization_url: self.authorization_url.as_ref().map(fill),
            device_url: self.device_url.as_ref().map(fill),
            client_id: self.client_id.as_ref().map(fill),
            scopes: self.scopes.iter().map(fill).filter(|scope| !scope.is_empty()).collect(),
            params: all(&self.params),
            headers: all(&self.headers),
            claims: all(&self.claims),
            key_id: self.key_id.as_ref().map(fill),
            issuer: self.issuer.as_ref().map(fill),
            audience: self.audience.as_ref().map(fill),
            subject: self.subject.as_ref().map(fill),
            ..self.clone()
        }
    }

    /// Check what does not depend on parameters.
    pub fn check(&self) -> Result<(), String> {
        let missing = |key: &str| Err(format!("`{key}` has to say where"));
        let known = [
            "client_id",
            "client_secret",
            "refresh_token",
            "grant_type",
            "username",
            "password",
            "access_token",
            "expires_in",
        ];
        match self.grant {
            TokenGrant::AuthorizationCode if self.authorization_url.is_none() => return missing("authorization-url"),
            TokenGrant::DeviceCode if self.device_url.is_none() => return missing("device-url"),
            TokenGrant::Signed if !self.token_url.is_empty() => {
                return Err("`token-url` is for tokens that somebody gives, and this one is signed".into());
            }
            TokenGrant::Signed => {}
            _ if self.token_url.is_empty() => return missing("token-url"),
            _ => {}
        }
        if let Some(name) = self.names.keys().find(|name| !known.contains(&name.as_str())) {
            let shown = text::quoted(name);
            return Err(format!("`names` has `{shown}`, and can have {}", known.join(", ")));
        }
        let most = [self.scopes.len(), self.params.len(), self.headers.len(), self.claims.len()]
            .into_iter()
            .max()
            .unwrap_or_default();
        if most > MAX_ENTRIES {
            return Err(format!("it has more than {MAX_ENTRIES} scopes, parameters or fields"));
        }
        [Some(&self.token_url).filter(|url| !url.is_empty()), self.authorization_url.as_ref(), self.device_url.as_ref()]
            .into_iter()
            .flatten()
            .filter(|url| !url.contains('{'))
            .try_for_each(|url| place(url).map(drop))
    }

    /// How long an assertion holds, in seconds.
    pub fn lifetime(&self) -> u32 {
        self.lifetime.unwrap_or(LIFETIME)
    }

    fn name<'a>(&'a self, standard: &'a str) -> &'a str {
        self.names.get(standard).map_or(standard, String::as_str)
    }

    /// Who asks, if anybody says.
    pub fn client<'a>(&'a self, parts: &'a BTreeMap<String, String>) -> Option<&'a str> {
        parts.get("client-id").or(self.client_id.as_ref()).map(String::as_str)
    }

    /// The request for a token.
    pub fn request(&self, parts: &BTreeMap<String, String>, proof: Proof<'_>) -> TokenRequest {
        let (name, by) = (|standard| self.name(standard).to_owned(), |part: &str| parts.get(part).cloned());
        let mut content: Vec<(String, String)> = Vec::new();
        let mut add = |name: String, value: Option<String>| content.extend(value.map(|value| (name, value)));
        let grant = match (proof, self.grant) {
            (Proof::Refresh(token), _) => {
                add(name("refresh_token"), Some(token.to_owned()));
                "refresh_token"
            }
            (Proof::Assertion(assertion), _) => {
                add("assertion".into(), Some(assertion.to_owned()));
                JWT_BEARER
            }
            (Proof::Code(code, verifier, redirect), _) => {
                add("code".into(), Some(code.to_owned()));
                add("code_verifier".into(), Some(verifier.to_owned()));
                add("redirect_uri".into(), Some(redirect.to_owned()));
                "authorization_code"
            }
            (Proof::Device(code), _) => {
                add("device_code".into(), Some(code.to_owned()));
                DEVICE_CODE
            }
            (Proof::Nothing, TokenGrant::Password) => {
                add(name("username"), by("username"));
                add(name("password"), by("password"));
                "password"
            }
            (Proof::Nothing, _) => "client_credentials",
        };
        add(name("grant_type"), Some(grant.into()));
        // A code was asked for with its scopes.
        let scope = (!self.scopes.is_empty()).then(|| self.scopes.join(" "));
        add("scope".into(), scope.filter(|_| !matches!(proof, Proof::Code(..) | Proof::Device(_))));
        self.finished(parts, content)
    }

    /// The request of a device for its code (RFC 8628, 3.1).
    pub fn device_request(&self, parts: &BTreeMap<String, String>) -> TokenRequest {
        let scope = (!self.scopes.is_empty()).then(|| ("scope".to_owned(), self.scopes.join(" ")));
        self.finished(parts, scope.into_iter().collect())
    }

    /// With who asks, and what else the description says.
    fn finished(&self, parts: &BTreeMap<String, String>, mut content: Vec<(String, String)>) -> TokenRequest {
        let (client, secret) = (self.client(parts).map(str::to_owned), parts.get("client-secret").cloned());
        let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
        match (self.client_auth, client, secret) {
            (ClientAuth::Basic, Some(client), Some(secret)) => {
                // RFC 6749, 2.3.1: both are encoded as in a form before.
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair = BASE64_STANDARD.encode(format!("{}:{}", encoded(&client), encoded(&secret)));
                headers.push(("authorization".into(), format!("Basic {pair}")));
            }
            (_, client, secret) => {
                let mut add = |name: &str, value: Option<String>| {
                    content.extend(value.map(|value| (self.name(name).to_owned(), value)));
                };
                add("client_id", client);
                add("client_secret", secret);
            }
        }
        for (name, value) in &self.params {
            content.retain(|(there, _)| there != name);
            content.push((name.clone(), value.clone()));
        }
        content.retain(|(name, _)| !name.is_empty());
        let mut query = Vec::new();
        let (kind, body) = match (self.method, self.body) {
            (Method::Get, _) | (_, Form::Query) => {
                query = content;
                (None, Vec::new())
            }
            (Method::Post, Form::Form) => {
                let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&content).finish();
                (Some("application/x-www-form-urlencoded"), form.into_bytes())
            }
            (Method::Post, Form::Json) => {
                let object: serde_json::Map<_, _> =
                    content.into_iter().map(|(name, value)| (name, value.into())).collect();
                (Some("application/json"), serde_json::Value::Object(object).to_string().into_bytes())
            }
        };
        headers.extend(kind.map(|kind| ("content-type".to_owned(), kind.to_owned())));
        for (name, value) in &self.headers {
            headers.retain(|(there, _)| !there.eq_ignore_ascii_case(name));
            headers.push((name.clone(), value.clone()));
        }
        TokenRequest { method: self.method, headers, query, body }
    }

    /// Where a user agrees in a browser: with the challenge of a verifier (RFC 7636, 4.3), and what comes back as it is.
    pub fn authorization(
        &self,
        parts: &BTreeMap<String, String>,
        (challenge, state, redirect): (&str, &str, &str),
    ) -> Result<Url, String> {
        let mut url = place(self.authorization_url.as_deref().unwrap_or_default())?;
        let mut query: Vec<(&str, &str)> = vec![("response_type", "code")];
        query.extend(self.client(parts).map(|client| (self.name("client_id"), client)));
        let scope = self.scopes.join(" ");
        query.extend((!scope.is_empty()).then_some(("scope", scope.as_str())));
        query.extend([
            ("redirect_uri", redirect),
            ("state", state),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ]);
        query.retain(|(name, _)| !self.params.contains_key(*name));
        url.query_pairs_mut().extend_pairs(query).extend_pairs(&self.params);
        Ok(url)
    }
}

/// A place where credentials are sent: by https, or on this machine.
pub fn place(text: &str) -> Result<Url, String> {
    let shown = text::quoted(text);
    let origin = OriginGrant::of_url(text).map_err(|_| format!("`{shown}` is no URL"))?;
    if !origin.is_confidential() {
        return Err(format!("`{shown}` is neither https nor on this machine, and a secret may not travel in the open"));
    }
    Url::parse(text).map_err(|error| format!("`{shown}` is no URL: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oauth(text: &str) -> OAuth {
        toml::from_str(text).expect(text)
    }

    fn parts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_request_is_as_the_standard_has_it() {
        let place = "token-url = \"https://a.example/token\"\n";
        let (id, pair) = (("client-id", "me"), [("client-id", "m e"), ("client-secret", "s:3")]);
        let basic = Some("Basic bStlOnMlM0Ez");
        for (description, parts, proof, authorization, content) in [
            ("grant = \"client-credentials\"", &pair[..], Proof::Nothing, basic, "grant_type=client_credentials"),
            (
                "grant = \"client-credentials\"\nclient-auth = \"post\"\nscopes = [\"a\", \"b\"]\nparams = { audience = \"x\" }",
                &pair,
                Proof::Nothing,
                None,
                "grant_type=client_credentials&scope=a+b&client_id=m+e&client_secret=s%3A3&audience=x",
            ),
            (
                "grant = \"refresh-token\"",
                &[id],
                Proof::Refresh("r&1"),
                None,
                "refresh_token=r%261&grant_type=refresh_token&client_id=me",
            ),
            (
                "grant = \"refresh-token\"\nclient-id = \"public\"\nnames = { client_id = \"app\", grant_type = \"type\" }",
                &[],
                Proof::Refresh("r"),
                None,
                "refresh_token=r&type=refresh_token&app=public",
            ),
            (
                "grant = \"password\"\nclient-id = \"x\"",
                &[("username", "u"), ("password", "p")],
                Proof::Nothing,
                None,
                "username=u&password=p&grant_type=password&client_id=x",
            ),
            (
                "grant = \"jwt-bearer\"",
                &[("key", "k")],
                Proof::Assertion("a.b.c"),
                None,
                "assertion=a.b.c&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer",
            ),
            (
                "grant = \"client-credentials\"\nclient-auth = \"post\"\nbody = \"json\"\nparams = { grant_type = \"own\" }",
                &[id],
                Proof::Nothing,
                None,
                "{\"client_id\":\"me\",\"grant_type\":\"own\"}",
            ),
            (
                "grant = \"authorization-code\"\nclient-id = \"x\"\nscopes = [\"a\"]",
                &[],
                Proof::Code("c", "v", "http://127.0.0.1:1/"),
                None,
                "code=c&code_verifier=v&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2F&grant_type=authorization_code&client_id=x",
            ),
        ] {
            let request = oauth(&format!("{description}\n{place}")).request(&self::parts(parts), proof);
            assert_eq!(String::from_utf8_lossy(&request.body), content, "{description}");
            let sent = request.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| &**value);
            assert_eq!(sent, authorization, "{description}");
        }
        let session = "grant = \"password\"\nbody = \"query\"\nnames = { grant_type = \"\", username = \"login\" }";
        let parts = self::parts(&[("username", "u"), ("password", "p")]);
        let request = oauth(&format!("{session}\n{place}")).request(&parts, Proof::Nothing);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(request.query, [pair("login", "u"), pair("password", "p")]);
        assert!(request.body.is_empty() && !request.headers.iter().any(|(name, _)| name == "content-type"));
    }

    #[test]
    fn a_description_that_cannot_be_meant_is_refused() {
        for (text, reason) in [
            ("grant = \"client-credentials\"\ntoken-url = \"http://a.example/t\"", "may not travel in the open"),
            ("grant = \"client-credentials\"\ntoken-url = \"a.example\"", "is no URL"),
            ("grant = \"authorization-code\"\ntoken-url = \"https://a.example/t\"", "`authorization-url` has to say"),
            ("grant = \"client-credentials\"", "`token-url` has to say where"),
            ("grant = \"signed\"\ntoken-url = \"https://a.example/t\"", "and this one is signed"),
            ("grant = \"device-code\"\ntoken-url = \"https://a.example/t\"", "`device-url` has to say"),
            (
                "grant = \"password\"\ntoken-url = \"https://a.example/t\"\nnames = { token = \"x\" }",
                "`names` has `token`, and can have client_id",
            ),
        ] {
            assert!(oauth(text).check().is_err_and(|error| error.contains(reason)), "{text}");
        }
        let fits = oauth("grant = \"password\"\ntoken-url = \"https://{host}/t\"\nparams = { x = \"{host}\" }");
        assert_eq!(fits.check(), Ok(()));
        let (host, value) = ("host".to_owned(), "a.example".to_owned());
        let filled = fits.filled([(&host, &value)]);
        assert_eq!((&*filled.token_url, &*filled.params["x"]), ("https://a.example/t", "a.example"));
    }

    #[test]
    fn a_browser_is_sent_with_a_challenge() {
        let text = "grant = \"authorization-code\"\ntoken-url = \"https://a.example/t\"\nclient-id = \"me\"\n\
                    authorization-url = \"https://a.example/auth?tenant=1\"\nscopes = [\"a\", \"b\"]\nparams = { access_type = \"offline\" }";
        let url = oauth(text).authorization(&BTreeMap::new(), ("ch", "st", "http://127.0.0.1:9/callback"));
        assert_eq!(
            url.expect("a URL").as_str(),
            "https://a.example/auth?tenant=1&response_type=code&client_id=me&scope=a+b&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback\
             &state=st&code_challenge=ch&code_challenge_method=S256&access_type=offline"
        );
    }
}
