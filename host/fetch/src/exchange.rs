//! One exchange with a server: a request that passed the policy, as it is sent, and the head of its answer.
//!
//! Policy, redirects, retries and redaction are above it; resolving, addresses and sockets are below.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use url::Url;

use super::Fetcher;
use super::failure::{self, Failure};
use super::pace::Turn;
use super::record::Recorder;
use super::replay::Replay;
use rules::budget::Budget;
use rules::domain::FetchError;
use rules::policy::{shown_origin, shown_url};
use rules::request::Fields;
use rules::secret::Secret;
use rules::signing::Outgoing;
use rules::validators::Conditions;

/// Bytes of a recorded body that are given at once.
const PIECE: usize = 64 * 1024;

/// Who answers.
#[derive(Debug, Clone, Default)]
pub enum Source {
    /// The network.
    #[default]
    Network,
    /// The network, and what it answers is kept.
    Recorded(Arc<Recorder>),
    /// A recording.
    Replay(Arc<Replay>),
}

/// A response's body on its way.
pub(crate) enum Arriving {
    /// From the network, as it was sent.
    Network(Incoming),
    /// From a recording, decoded: what is left of it, and what comes in the place of its end.
    Recorded(Bytes, Option<FetchError>),
}

impl Arriving {
    /// A body that was recorded.
    pub(crate) fn recorded(body: Bytes, then: Option<FetchError>) -> Self {
        Self::Recorded(body, then)
    }

    /// Whether its content encoding was undone already.
    pub(crate) fn is_decoded(&self) -> bool {
        matches!(self, Self::Recorded(..))
    }

    /// Its next bytes; none of them are no end.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, FetchError>> {
        match self {
            // Trailers carry nothing that lands.
            Self::Network(incoming) => Some(match incoming.frame().await? {
                Ok(frame) => Ok(frame.into_data().unwrap_or_default()),
                Err(error) => Err(failure::of_body(&error)),
            }),
            Self::Recorded(rest, then) if rest.is_empty() => then.take().map(Err),
            Self::Recorded(rest, _) => Some(Ok(rest.split_to(rest.len().min(PIECE)))),
        }
    }

    /// Whether it says itself that this was its end.
    pub(crate) fn is_end_stream(&self) -> bool {
        match self {
            Self::Network(incoming) => incoming.is_end_stream(),
            Self::Recorded(..) => true,
        }
    }
}

/// A request as it may be kept and compared: a stand-in is where a secret would be.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) method: Method,
    pub(crate) url: String,
    /// Names in lower case, and values.
    pub(crate) headers: Vec<(String, String)>,
    /// The names of those that the extractor set.
    pub(crate) own: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Fetcher {
    /// Send a request once.
    pub(super) async fn attempt(
        &self,
        fields: &Fields,
        secrets: &[Arc<Secret>],
        url: &Url,
        conditions: &Conditions,
    ) -> Result<(http::Response<Arriving>, Turn), Failure> {
        let turn = self.pace.turn(&shown_origin(url)).await;
        // Not before: what is signed says when, and a turn may be long in coming.
        let request = self.request(fields, secrets, url, conditions)?;
        self.budgets.spend(Budget::Requests, 1).map_err(|spent| Failure::lasting(spent.into()))?;
        let response = match &self.source {
            Source::Network => self.ask(request, url).await,
            Source::Replay(replay) => replay.answer(&self.shown(fields, url, request.headers())),
            Source::Recorded(recorder) => {
                let tap = recorder.ask(self.shown(fields, url, request.headers()));
                let answered = self.ask(request, url).await.inspect_err(|failure| tap.failed(failure));
                answered.map(|mut response| {
                    tap.answered(&response);
                    response.extensions_mut().insert(tap);
                    response
                })
            }
        };
        response.map(|response| (response, turn))
    }

    /// Ask the network.
    async fn ask(&self, request: http::Request<Full<Bytes>>, url: &Url) -> Result<http::Response<Arriving>, Failure> {
        let idle = self.limits.idle;
        match tokio::time::timeout(idle, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response.map(Arriving::Network)),
            Ok(Err(error)) => Err(Failure::of_request(&error, url)),
            Err(_) => {
                let reason = format!("no response from {} within {idle:?}", shown_url(url));
                Err(Failure::lasting(FetchError::Timeout(reason)))
            }
        }
    }

    /// A request as it may be kept and compared.
    fn shown(&self, fields: &Fields, url: &Url, headers: &HeaderMap) -> Shown {
        let mut url = url.clone();
        for secret in &fields.secrets {
            for parameter in secret.parameters() {
                if !url.query_pairs().any(|(key, _)| key == parameter) {
                    url.query_pairs_mut().append_pair(parameter, &format!("[secret {}]", secret.name()));
                }
            }
        }
        let url = self.redactor.text(url.as_str()).into_owned();
        let field = |(name, value): (&header::HeaderName, &HeaderValue)| {
            let secret = fields.secrets.iter().find(|secret| secret.fields().any(|own| own == name));
            let value = match secret {
                Some(secret) => format!("[secret {}]", secret.name()),
                None => {
                    let clean = self.redactor.bytes(value.as_bytes());
                    String::from_utf8_lossy(clean.as_deref().unwrap_or(value.as_bytes())).into_owned()
                }
            };
            (name.as_str().to_owned(), value)
        };
        Shown {
            method: fields.method.clone(),
            // As it is read again.
            url: Url::parse(&url).map_or(url, String::from),
            headers: headers.iter().map(field).collect(),
            own: fields.headers.keys().map(|name| name.as_str().to_owned()).collect(),
            body: self.redactor.bytes(&fields.body).unwrap_or_else(|| fields.body.to_vec()),
        }
    }

    /// The request as it is sent.
    fn request(
        &self,
        fields: &Fields,
        secrets: &[Arc<Secret>],
        url: &Url,
        conditions: &Conditions,
    ) -> Result<http::Request<Full<Bytes>>, Failure> {
        let mut request = http::Request::new(Full::new(fields.body.clone()));
        *request.method_mut() = fields.method.clone();
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, self.user_agent.clone());
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        for name in fields.headers.keys() {
            headers.remove(name);
        }
        headers.extend(fields.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.extend(conditions.iter().cloned());
        let mut whole = self.answering(fields, url)?;
        let (method, body, at) = (&fields.method, &fields.body, self.clock.system());
        let mut outgoing = Outgoing { method, url: &mut whole, headers, body, at };
        // What signs comes last, since it signs what the others add.
        let (signing, plain): (Vec<_>, Vec<_>) = secrets.iter().partition(|secret| secret.signs());
        for secret in plain.into_iter().chain(signing) {
            secret.add_to(&mut outgoing).map_err(|reason| {
                let reason = format!("the secret `{}` cannot be added: {reason}", secret.name());
                Failure::lasting(FetchError::Invalid(reason))
            })?;
        }
        *request.uri_mut() = whole.as_str().parse().map_err(|error| {
            Failure::lasting(FetchError::Invalid(format!("{} cannot be requested: {error}", shown_url(url))))
        })?;
        Ok(request)
    }

    /// The URL that is asked in the place of one that passed the policy: itself, unless the operator named another origin.
    fn answering(&self, fields: &Fields, url: &Url) -> Result<Url, Failure> {
        let mapped = self.mapped.iter().find_map(|mapping| Some((mapping, mapping.apply(url)?)));
        let Some((mapping, to)) = mapped else { return Ok(url.clone()) };
        if !fields.secrets.is_empty() && !mapping.is_confidential() {
            let reason = format!("{mapping}, which is neither https nor on this machine, so no secret may go there");
            return Err(Failure::lasting(FetchError::Denied { reason, grant: None }));
        }
        Ok(to)
    }
}
