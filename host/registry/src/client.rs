//! Requests to one repository of one registry (OCI distribution-spec): who asks, where an answer leads, and how much of it is
//! taken.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use clock::Stopwatch;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use outbound::Arriving;
use rules::domain::Digest;
use rules::proxy::Proxy;
use rules::text;
use serde::Deserialize;
use url::Url;

use crate::credentials::Found;
use crate::error::RegistryError;
use crate::layout;
use crate::reach::{self, Reach};
use crate::reference::{self, Reference};

/// How long a registry may say and take nothing, where nobody says otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// How long anything but a component may take to arrive.
const SMALL: Duration = Duration::from_secs(60);
/// Most redirects of one request.
const MAX_REDIRECTS: usize = 5;
/// Largest answer with a token, and largest answer that says what is wrong.
pub(crate) const MAX_TOKEN: u64 = 64 * 1024;
/// Longest word of a registry's for what is wrong.
const MAX_CODE: usize = 40;
/// How often a question is asked that may well be answered the next time.
const ATTEMPTS: u32 = 4;
/// How long before it is asked again, which doubles each time.
const PAUSE: Duration = Duration::from_millis(100);
/// Where Docker's own registry really is.
const HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");
/// What a registry says that an answer is.
const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// What is taken for a manifest. Lists are, so that it can be said what they are.
const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
                        application/vnd.docker.distribution.manifest.v2+json, \
                        application/vnd.docker.distribution.manifest.list.v2+json";

/// How a registry is reached.
pub struct Settings {
    /// By http, and not by https.
    pub plain: bool,
    /// How long it may say and take nothing.
    pub timeout: Duration,
    /// Whom TLS trusts.
    pub tls: rustls::ClientConfig,
    /// The proxy, where there is one.
    pub proxy: Option<Proxy>,
    /// What the host calls itself.
    pub agent: &'static str,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To read.
    Pull,
    /// To read and to write.
    Push,
}

type Connections = outbound::Client<Full<Bytes>>;

/// One repository of one registry. Its calls block, and are made on threads that may: never from asynchronous code.
pub struct Client {
    runtime: Option<tokio::runtime::Runtime>,
    pub(crate) repository: Repository,
}

/// The same, asynchronous.
pub(crate) struct Repository {
    pub(crate) base: Url,
    pub(crate) registry: String,
    pub(crate) name: String,
    pub(crate) purpose: Purpose,
    agent: &'static str,
    /// To the registry itself.
    own: Connections,
    /// To wherever it leads.
    others: Connections,
    pub(crate) found: Found,
    pub(crate) authorization: Mutex<Option<HeaderValue>>,
}

/// One question.
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Bytes,
    /// What it is for, in words.
    pub(crate) what: String,
}

/// Whether a registry is on this machine, so that it is asked by http where nobody says otherwise.
pub fn is_on_this_machine(registry: &str) -> bool {
    let url = Url::parse(&format!("http://{registry}/")).ok();
    url.and_then(|url| url.host().map(|host| reach::is_local(&host))).unwrap_or_default()
}

impl Client {
    /// Get ready to ask for the repository of a reference; nothing is sent yet.
    pub fn open(
        reference: &Reference,
        settings: Settings,
        purpose: Purpose,
        found: Found,
    ) -> Result<Self, RegistryError> {
        let failed = |reason: &dyn std::fmt::Display| RegistryError::Settings(format!("cannot start: {reason}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed(&error))?;
        let host = if reference.registry == HUB.0 { HUB.1 } else { &reference.registry };
        let scheme = if settings.plain { "http" } else { "https" };
        let base: Url =
            format!("{scheme}://{host}/v2/{}/", reference.repository).parse().map_err(|error| failed(&error))?;
        let mut tls = settings.tls;
        // Without any it is HTTP/1.1.
        tls.alpn_protocols.clear();
        let reach = Reach::default();
        let repository = Repository {
            base,
            registry: reference.registry.clone(),
            name: reference.repository.clone(),
            purpose,
            agent: settings.agent,
            own: Connections::new(tls.clone(), settings.timeout, reach.learning(), settings.proxy.clone()),
            others: Connections::new(tls, settings.timeout, reach.within(), settings.proxy),
            found,
            authorization: Mutex::default(),
        };
        Ok(Self { runtime: Some(runtime), repository })
    }

    /// Do something to its end.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = Result<T, RegistryError>>) -> Result<T, RegistryError> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(future),
            None => Err(RegistryError::Settings("the client has ended".to_owned())),
        }
    }

    /// A manifest by its tag, and its digest.
    pub fn tagged(&self, tag: &str) -> Result<(Digest, Vec<u8>), RegistryError> {
        self.wait(self.repository.manifest(tag, None))
    }

    /// A manifest by its digest.
    pub fn manifest(&self, digest: Digest) -> Result<Vec<u8>, RegistryError> {
        self.wait(async {
            let (_, bytes) = self.repository.manifest(&format!("sha256:{digest}"), Some(digest)).await?;
            Ok(bytes)
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A name that is still being looked up is not waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Ask as often as it may help.
pub(crate) async fn again<T>(mut ask: impl AsyncFnMut() -> Result<T, RegistryError>) -> Result<T, RegistryError> {
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        match ask().await {
            Err(error) if error.is_temporary() => tokio::time::sleep(pause).await,
            done => return done,
        }
        pause *= 2;
    }
    ask().await
}

impl Repository {
    /// A URL below the repository.
    pub(crate) fn url(&self, path: &str) -> Result<Url, RegistryError> {
        self.base.join(path).map_err(|error| RegistryError::Settings(format!("cannot ask for {path}: {error}")))
    }

    pub(crate) fn question(&self, method: Method, path: &str, what: String) -> Result<Question, RegistryError> {
        Ok(Question { method, url: self.url(path)?, fields: HeaderMap::new(), body: Bytes::new(), what })
    }

    /// What a tag or a digest of this repository is called.
    pub(crate) fn shown(&self, reference: &str) -> String {
        let separator = if reference.contains(':') { '@' } else { ':' };
        format!("{}{separator}{reference}", self.name)
    }

    /// A manifest by its tag or digest, and the digest of what came.
    pub(crate) async fn manifest(
        &self,
        reference: &str,
        wanted: Option<Digest>,
    ) -> Result<(Digest, Vec<u8>), RegistryError> {
        let what = self.shown(reference);
        let mut question = self.question(Method::GET, &format!("manifests/{reference}"), what.clone())?;
        question.fields.insert(header::ACCEPT, HeaderValue::from_static(ACCEPTED));
        again(async || {
            let response = self.ask(&question).await?;
            let response = self.good(response, &what).await?;
            let said = said_digest(response.headers());
            let bytes = self.small(response, layout::MAX_MANIFEST, &format!("the manifest of {what}")).await?;
            let got = layout::sha256(&bytes);
            match wanted.or(said) {
                Some(digest) if digest != got => {
                    Err(RegistryError::Digest { registry: self.registry.clone(), what: what.clone(), got })
                }
                _ => Ok((got, bytes)),
            }
        })
        .await
    }

    /// Ask, as whoever the registry wants to know, and go where it leads.
    pub(crate) async fn ask(&self, question: &Question) -> Result<Response<Arriving>, RegistryError> {
        let (mut url, mut redirects, mut introduced) = (question.url.clone(), 0, false);
        loop {
            let own = url.origin() == self.base.origin();
            let response = self.send(question, &url, own).await?;
            let moved = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            if response.status() == StatusCode::UNAUTHORIZED && own && !introduced {
                introduced = true;
                self.introduce(response.headers(), &question.what).await?;
            } else if moved && matches!(question.method, Method::GET | Method::HEAD) {
                redirects += 1;
                url = self.led(&url, response.headers())?;
                if redirects > MAX_REDIRECTS {
                    let reason = format!("leads on more than {MAX_REDIRECTS} times when asked for {}", question.what);
                    return Err(RegistryError::Answer(self.registry.clone(), reason));
                }
            } else {
                return Ok(response);
            }
        }
    }

    async fn send(&self, question: &Question, url: &Url, own: bool) -> Result<Response<Arriving>, RegistryError> {
        let mut fields = question.fields.clone();
        let authorization = self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(authorization) = authorization.filter(|_| own) {
            fields.insert(header::AUTHORIZATION, authorization);
        }
        self.exchange(question, url, fields).await
    }

    /// One request and the head of its answer, with just these fields. To whom it goes decides how near it may be.
    pub(crate) async fn exchange(
        &self,
        question: &Question,
        url: &Url,
        mut fields: HeaderMap,
    ) -> Result<Response<Arriving>, RegistryError> {
        fields.insert(header::USER_AGENT, HeaderValue::from_static(self.agent));
        let request = Request::builder().method(question.method.clone()).uri(url.as_str());
        let mut request = request
            .body(Full::new(question.body.clone()))
            .map_err(|error| RegistryError::Settings(format!("cannot ask for {}: {error}", question.what)))?;
        *request.headers_mut() = fields;
        let own = url.origin() == self.base.origin();
        Ok(if own { &self.own } else { &self.others }.send(request).await?)
    }

    /// Where a redirect or an upload leads.
    pub(crate) fn led(&self, from: &Url, fields: &HeaderMap) -> Result<Url, RegistryError> {
        let refused = |reason: &str| {
            RegistryError::Answer(self.registry.clone(), format!("leads to where it cannot be followed: {reason}"))
        };
        let location = fields.get(header::LOCATION).and_then(|field| field.to_str().ok());
        let to = from
            .join(location.ok_or_else(|| refused("it does not say where"))?)
            .map_err(|_| refused("it is no URL"))?;
        reach::may_lead(from, &to).map_err(|reason| {
            // The path may be signed, and be as good as a password.
            refused(&format!("{reason} ({})", text::quoted(&to.origin().ascii_serialization())))
        })?;
        Ok(to)
    }

    /// An answer that is as it should be, or what is wrong.
    pub(crate) async fn good(
        &self,
        response: Response<Arriving>,
        what: &str,
    ) -> Result<Response<Arriving>, RegistryError> {
        let (registry, status) = (self.registry.clone(), response.status().as_u16());
        if response.status().is_success() {
            return match response.headers().get(header::CONTENT_ENCODING) {
                Some(coding) if coding != "identity" => {
                    Err(RegistryError::Answer(registry, format!("sends {what} in an encoding that nobody asked for")))
                }
                _ => Ok(response),
            };
        }
        let code = self.code(response).await;
        Err(match status {
            401 | 403 => self.unauthorized(status, code),
            404 => RegistryError::Missing { registry, what: what.to_owned(), code },
            _ => RegistryError::Status { registry, status, what: what.to_owned(), code },
        })
    }

    /// The registry's own word for what is wrong: one of capital letters, and no text of its.
    pub(crate) async fn code(&self, response: Response<Arriving>) -> Option<String> {
        #[derive(Deserialize)]
        struct Errors {
            errors: Vec<Coded>,
        }
        #[derive(Deserialize)]
        struct Coded {
            code: String,
        }
        let bytes = self.small(response, MAX_TOKEN, "an error").await.ok()?;
        let errors: Errors = serde_json::from_slice(&bytes).ok()?;
        let plain = |code: &String| {
            code.len() <= MAX_CODE && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        };
        errors.errors.into_iter().map(|error| error.code).find(plain)
    }

    /// All of an answer that is no larger than that.
    pub(crate) async fn small(
        &self,
        response: Response<Arriving>,
        most: u64,
        what: &str,
    ) -> Result<Vec<u8>, RegistryError> {
        let too_much = || RegistryError::TooMuch { registry: self.registry.clone(), what: what.to_owned(), most };
        if length(response.headers()).is_some_and(|length| length > most) {
            return Err(too_much());
        }
        let (mut body, mut bytes, started) = (response.into_body(), Vec::new(), Stopwatch::start());
        while let Some(frame) = body.frame().await {
            bytes.extend_from_slice(&frame?.into_data().unwrap_or_default());
            if bytes.len() as u64 > most {
                return Err(too_much());
            }
            self.in_time(started, SMALL, what)?;
        }
        Ok(bytes)
    }

    pub(crate) fn in_time(&self, started: Stopwatch, most: Duration, what: &str) -> Result<(), RegistryError> {
        match started.elapsed() > most {
            true => Err(RegistryError::Slow {
                registry: self.registry.clone(),
                what: what.to_owned(),
                seconds: most.as_secs(),
            }),
            false => Ok(()),
        }
    }
}

/// What a registry says that the digest of its answer is.
pub(crate) fn said_digest(fields: &HeaderMap) -> Option<Digest> {
    fields.get(DIGEST).and_then(|field| field.to_str().ok()).and_then(reference::digest)
}

/// How many bytes an answer says that it has.
pub(crate) fn length(fields: &HeaderMap) -> Option<u64> {
    fields.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
