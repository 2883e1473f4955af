//! Saying who asks: by a password, or by a token that is for one repository and one purpose.

use std::sync::PoisonError;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use http::header::{self, HeaderMap, HeaderValue};
use serde::Deserialize;
use url::Url;

use crate::challenge::{Challenge, challenge};
use crate::client::{MAX_TOKEN, Purpose, Question, Repository};
use crate::credentials::Credentials;
use crate::error::RegistryError;
use crate::reach;

/// What gives a token says.
#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
}

impl Repository {
    /// Say who asks from now on, in the way that the registry wants.
    pub(crate) async fn introduce(&self, fields: &HeaderMap, what: &str) -> Result<(), RegistryError> {
        let wants = fields.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|field| field.to_str().ok());
        let value = match (challenge(wants), &self.found.credentials) {
            (Some(Challenge::Bearer { realm, service }), _) => {
                format!("Bearer {}", self.token(&realm, service.as_deref()).await?)
            }
            (Some(Challenge::Basic), Some(Credentials::Password(name, password))) => basic(name, password),
            (Some(Challenge::Basic), _) => return Err(self.unauthorized(401, None)),
            (None, _) => {
                let reason = format!("does not say how to ask for {what}: neither by a token nor by a password");
                return Err(RegistryError::Answer(self.registry.clone(), reason));
            }
        };
        let unusable = || RegistryError::Answer(self.registry.clone(), "gives a token that cannot be sent".to_owned());
        let value = secret(value).ok_or_else(unusable)?;
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        Ok(())
    }

    /// A token for this repository and purpose alone, whatever the registry says that it should be for.
    async fn token(&self, realm: &str, service: Option<&str>) -> Result<String, RegistryError> {
        let wrong = |reason: &str| {
            RegistryError::Answer(self.registry.clone(), format!("cannot be asked with a token: {reason}"))
        };
        let url = self.base.join(realm).map_err(|_| wrong("the place to get one is no URL"))?;
        reach::may_lead(&self.base, &url).map_err(|reason| wrong(&format!("of the place to get one, {reason}")))?;
        let question =
            self.question_for_a_token(url, service).ok_or_else(|| wrong("the name or the password cannot be sent"))?;
        let response = self.exchange(&question, &question.url, question.fields.clone()).await?;
        if let status @ (400 | 401 | 403) = response.status().as_u16() {
            return Err(self.unauthorized(status, self.code(response).await));
        }
        let response = self.good(response, &question.what).await?;
        let given: Option<Given> = serde_json::from_slice(&self.small(response, MAX_TOKEN, &question.what).await?).ok();
        let token = given.and_then(|given| given.token.or(given.access_token)).filter(|token| !token.is_empty());
        token.ok_or_else(|| wrong("there is none in the answer"))
    }

    /// With a password by GET (docker's own way), with a token that gets others by POST (OAuth 2).
    fn question_for_a_token(&self, mut url: Url, service: Option<&str>) -> Option<Question> {
        let actions = if self.purpose == Purpose::Push { "pull,push" } else { "pull" };
        let scope = format!("repository:{}:{actions}", self.name);
        let pairs = service.map(|service| ("service", service)).into_iter().chain([("scope", &*scope)]);
        let (mut fields, what) = (HeaderMap::new(), "a token".to_owned());
        if let Some(Credentials::Identity(token)) = &self.found.credentials {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(pairs).append_pair("grant_type", "refresh_token");
            form.append_pair("client_id", "host").append_pair("refresh_token", token);
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            fields.insert(header::CONTENT_TYPE, kind);
            return Some(Question { method: Method::POST, url, fields, body: form.finish().into(), what });
        }
        url.query_pairs_mut().extend_pairs(pairs);
        if let Some(Credentials::Password(name, password)) = &self.found.credentials {
            fields.insert(header::AUTHORIZATION, secret(basic(name, password))?);
        }
        Some(Question { method: Method::GET, url, fields, body: Bytes::new(), what })
    }

    pub(crate) fn unauthorized(&self, status: u16, code: Option<String>) -> RegistryError {
        let (registry, repository) = (self.registry.clone(), self.name.clone());
        match &self.found.credentials {
            None => RegistryError::Anonymous { registry, repository, silent: self.found.silent.clone() },
            Some(_) => RegistryError::Unauthorized { registry, repository, status, code },
        }
    }
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

/// A value of a field that nobody shows; nothing where it cannot be one.
fn secret(value: String) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}
