//! The requests that get tokens (RFC 6749, RFC 7636, RFC 8628).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::{ClientAuth, Form, Method, OAuth, TokenGrant, place};

/// What a grant by an assertion is called in a request (RFC 7523, 2.1).
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// What an assertion about a client is called in a request (RFC 7523, 2.2).
const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// What a grant by a device is called in a request (RFC 8628, 3.4).
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

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
    pub(super) fn name<'a>(&'a self, standard: &'a str) -> &'a str {
        self.names.get(standard).map_or(standard, String::as_str)
    }

    /// Who asks, if anybody says.
    pub fn client<'a>(&'a self, parts: &'a BTreeMap<String, String>) -> Option<&'a str> {
        parts.get("client-id").or(self.client_id.as_ref()).map(String::as_str)
    }

    /// The request for a token; `client` is the assertion of who asks, where there is one.
    pub fn request(&self, parts: &BTreeMap<String, String>, client: Option<&str>, proof: Proof<'_>) -> TokenRequest {
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
        self.finished(parts, client, content)
    }

    /// The request of a device for its code (RFC 8628, 3.1).
    pub fn device_request(&self, parts: &BTreeMap<String, String>, client: Option<&str>) -> TokenRequest {
        let scope = (!self.scopes.is_empty()).then(|| ("scope".to_owned(), self.scopes.join(" ")));
        self.finished(parts, client, scope.into_iter().collect())
    }

    /// With who asks, and what else the description says.
    fn finished(
        &self,
        parts: &BTreeMap<String, String>,
        assertion: Option<&str>,
        mut content: Vec<(String, String)>,
    ) -> TokenRequest {
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
                add("client_assertion_type", assertion.map(|_| CLIENT_ASSERTION.to_owned()));
                add("client_assertion", assertion.map(str::to_owned));
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
