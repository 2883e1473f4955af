//! How a token is got for a secret that nobody has lying around: OAuth 2 (RFC 6749), its description, its request and
//! what is answered to it.
//!
//! Pure.

mod answer;
mod parts;
mod request;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;

pub use answer::{Answer, Refusal, answer};
pub use request::{Proof, TokenRequest};

use crate::policy::OriginGrant;
use crate::text;

/// Most parameters, fields and scopes of a description, each.
const MAX_ENTRIES: usize = 50;
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
    /// By an assertion that its key signs, `private_key_jwt` or `client_secret_jwt` (RFC 7523, 2.2; OpenID Connect Core 1.0,
    /// 9).
    Key,
}

/// How a key signs, where it does not say so itself (RFC 7518, 3.1): one that is a text, and one of RSA.
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
    /// RSA with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSA with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// RSA with PSS and SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// RSA with PSS and SHA-384.
    #[serde(rename = "PS384")]
    Ps384,
    /// RSA with PSS and SHA-512.
    #[serde(rename = "PS512")]
    Ps512,
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
    /// How a key signs that is a text, or of RSA; others say so themselves.
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

impl OAuth {
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

    /// Check that nobody but the operator says where tokens are asked for: the parameters that stand before the path of a
    /// URL have to be `set`, and one in a host is a name of it, or some.
    pub fn check_places<'a>(&self, set: impl Fn(&str) -> Option<&'a str>) -> Result<(), String> {
        let urls = [Some(&self.token_url), self.authorization_url.as_ref(), self.device_url.as_ref()];
        for url in urls.into_iter().flatten() {
            let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            for (text, is_host) in [(scheme, false), (host, true)] {
                for name in text.split('{').skip(1).filter_map(|text| text.split_once('}')).map(|(name, _)| name) {
                    let shown = text::quoted(name);
                    let Some(value) = set(name) else {
                        return Err(format!(
                            "`{}` is where tokens are asked for, and nobody but you can say `{shown}`: set that parameter",
                            text::quoted(url)
                        ));
                    };
                    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
                    if is_host && (value.is_empty() || !value.bytes().all(plain)) {
                        return Err(format!(
                            "the parameter `{shown}` stands in the host of `{}`, and is no name",
                            text::quoted(url)
                        ));
                    }
                }
            }
        }
        Ok(())
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
        if self.client_auth == ClientAuth::Key && self.is_by_assertion() {
            return Err("`client-auth` is `key`, and the key of this grant signs for the right itself".into());
        }
        let own = [
            "redirect_uri",
            "state",
            "code",
            "code_challenge",
            "code_challenge_method",
            "code_verifier",
            "client_assertion",
            "client_assertion_type",
        ];
        if let Some(name) = self.params.keys().find(|name| own.contains(&name.as_str())) {
            return Err(format!("`params` has `{name}`, which is the host's own"));
        }
        if !self.scopes.is_empty() && self.params.contains_key("scope") {
            return Err(
                "`scopes` and `scope` in `params` both say what the token is for, and one of them is enough".into()
            );
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
