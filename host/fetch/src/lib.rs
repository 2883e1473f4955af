//! HTTP for extractors: one choke point through which every request of every interface goes.
//!
//! It owns policy, redirects, retries, framing and limits.

mod body;
#[expect(clippy::disallowed_methods, reason = "this is the sockets' room")]
mod connect;
mod exchange;
mod failure;
mod har;
#[cfg(any(test, fuzzing))]
pub mod invariants;
mod lanes;
mod mint;
mod pace;
mod proxy;
mod race;
mod record;
mod replay;
mod stream;
mod tls;
mod told;
#[cfg(test)]
mod vectors;
mod wire;

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

pub use exchange::Source;
pub use har::MAX_HAR;
pub use mint::{Mint, Mints};
pub use record::{RecordError, Recorder};
pub use replay::{HarError, Replay};
pub use tls::{Authorities, ClientCertificate, client as tls_client};

use body::BodyLimits;
use clock::Clock;
use connect::Connector;
use exchange::Arriving;
use failure::{Again, Failure};
use mint::Minted;
use pace::{Pace, Turn};
use record::Tap;
use rules::budget::Budgets;
use rules::domain::{Body, FetchError, Grant, Request, Resource, Response};
use rules::policy::{Mapping, Origin, Policy, shown_origin, shown_url};
use rules::proxy::Proxy;
use rules::redact::Redactor;
use rules::request::{Checked, Fields, MAX_FIELDS, MAX_HEAD, fields, subject};
use rules::retry::{self, Attempts};
use rules::secret::Secret;
use rules::text;
use rules::validators::Conditions;
use told::Way;

/// What a response of HTTP/2 may send before it is read: what a response that is held counts for, and no more.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The same for all responses of one connection: as many as land at once. A smaller one would let a few that nobody
/// reads hold up all others, which connections of HTTP/1 do not.
const CONNECTION_WINDOW: u32 = 64 * STREAM_WINDOW;
/// How long a connection of HTTP/2 may be silent until it is asked whether it still is one, and for the answer: it is
/// the only one, and what is sent into one that is dead waits in vain.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// What requests may cost.
#[derive(Debug, Clone)]
pub struct FetchLimits {
    /// To resolve, connect and shake hands.
    pub connect: Duration,
    /// The longest wait for a response's head, and for the next bytes of its body.
    pub idle: Duration,
    /// The least bytes per second of a body that is waited for.
    pub speed: u64,
    /// Most bytes of a body, on the wire and decoded.
    pub body: u64,
    /// How often a failed request is sent again.
    pub retries: u32,
    /// Most redirects that a request follows.
    pub redirects: u32,
    /// Most requests to one origin at once.
    pub concurrency: usize,
    /// From one request to an origin to the next.
    pub interval: Option<Duration>,
    /// Whether a body may end with its connection and nothing else.
    pub unframed: bool,
}

/// What an extractor may send, and where to.
#[derive(Default)]
pub struct Egress {
    /// Which origins.
    pub policy: Policy,
    /// Secrets that it may have added to its requests.
    pub secrets: Vec<Arc<Secret>>,
    /// Secrets that its manifest asks for; `None` is whatever is granted.
    pub asked_secrets: Option<BTreeSet<String>>,
    /// Who gets values for those of the secrets that have none of their own.
    pub mints: Mints,
    /// CAs to trust beside the system's.
    pub authorities: Authorities,
    /// Certificates that are shown at their origins.
    pub certificates: Vec<ClientCertificate>,
    /// The proxy, where there is one.
    pub proxy: Option<Proxy>,
    /// Origins that are answered by others in this run.
    pub mapped: Vec<Mapping>,
    /// Who answers.
    pub source: Source,
    /// The clock of the run.
    pub clock: Clock,
}

/// How long a request counts as one of those that its origin gets at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// To the response's head: when its body is read is the extractor's own affair, and may be never.
    Head,
    /// To the end of the body, which the host reads.
    Body,
}

/// Sends requests.
pub struct Fetcher {
    policy: Policy,
    secrets: Vec<Arc<Secret>>,
    asked_secrets: Option<BTreeSet<String>>,
    mints: Mints,
    minted: Minted,
    redactor: Arc<Redactor>,
    client: Client<Connector, Full<Bytes>>,
    mapped: Vec<Mapping>,
    source: Source,
    clock: Clock,
    limits: FetchLimits,
    pace: Pace,
    budgets: Arc<Budgets>,
    user_agent: HeaderValue,
    seed: u64,
}

impl Fetcher {
    /// A fetcher for an extractor, and for the run that `seed` tells from others.
    pub fn new(
        egress: Egress,
        (limits, budgets): (FetchLimits, Arc<Budgets>),
        redactor: Arc<Redactor>,
        extractor: &str,
        seed: u64,
    ) -> Self {
        let Egress { policy, secrets, asked_secrets, mints, authorities, certificates, proxy, mapped, source, clock } =
            egress;
        let trust = (authorities, certificates);
        let around = (proxy, Some(Arc::clone(&budgets)));
        let connector =
            Connector::new((policy.clone(), mapped.clone()), connect::System::new(), limits.connect, trust, around);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .http1_max_buf_size(MAX_HEAD)
            .http1_max_headers(MAX_FIELDS)
            .http2_max_header_list_size(MAX_HEAD as u32)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_timeout(KEEP_ALIVE)
            .build(connector);
        let pace = Pace::new(limits.concurrency, limits.interval.filter(|_| clock.simulated().is_none()));
        let user_agent = HeaderValue::from_str(&format!("host/{} ({extractor})", env!("CARGO_PKG_VERSION")))
            .unwrap_or(HeaderValue::from_static("host"));
        Self {
            policy,
            secrets,
            asked_secrets,
            mints,
            minted: Minted::default(),
            redactor,
            client,
            mapped,
            source,
            clock,
            limits,
            pace,
            budgets,
            user_agent,
            seed,
        }
    }

    /// Check a request without sending anything. What it says of a request is told to whoever wrote it, so secrets are
    /// neither looked for nor taken out: the answer would tell whether they are in there.
    pub fn check(&self, request: &Request) -> Result<Checked, FetchError> {
        let mut fields = fields(request)?;
        let url = self.policy.first_hop(&request.url)?;
        for name in &request.secrets {
            let secret = self.secret(name, &url)?;
            if let Some(field) = secret.fields().find(|field| fields.headers.contains_key(*field)) {
                return Err(FetchError::Invalid(format!("the field `{field}` is the secret's own")));
            }
            if let Some(parameter) = secret.parameters().find(|name| url.query_pairs().any(|(key, _)| key == *name)) {
                return Err(FetchError::Invalid(format!("the query parameter `{parameter}` is the secret's own")));
            }
            fields.add(secret)?;
        }
        let subject = subject(&self.redactor.text(url.as_str()), &fields);
        Ok(Checked { url, subject, fields })
    }

    /// Whether a secret is granted.
    pub fn has_secret(&self, name: &str) -> bool {
        self.secrets.iter().any(|secret| secret.name() == name)
    }

    /// A secret that is granted, on its way to an origin that may have it.
    fn secret(&self, name: &str, url: &Url) -> Result<Arc<Secret>, FetchError> {
        let granted = self.secrets.iter().find(|secret| secret.name() == name);
        let Some(secret) = granted else {
            let shown = text::quoted(name);
            if self.asked_secrets.as_ref().is_some_and(|asked| !asked.contains(name)) {
                let reason =
                    format!("the extractor's manifest does not ask for a secret `{shown}`, so that no grant opens it");
                return Err(FetchError::Denied { reason, grant: None });
            }
            let reason = format!("the secret `{shown}` is not granted");
            let grant = (shown == name).then_some(Grant::Secret(shown));
            return Err(FetchError::Denied { reason, grant });
        };
        match Origin::of(url) {
            Some(origin) if secret.may_go_to(&origin) => Ok(Arc::clone(secret)),
            _ => {
                let reason = format!("the secret `{name}` may not go to {}", shown_origin(url));
                Err(FetchError::Denied { reason, grant: Some(Grant::Secret(name.to_owned())) })
            }
        }
    }

    /// Send a request and follow where it leads; the response's body is still to be read. `until` says how long it
    /// counts as one of the requests that its origin gets at once. What is sent again on the way counts in `attempts`.
    pub async fn send(
        &self,
        request: Checked,
        conditions: &Conditions,
        until: Until,
        attempts: &mut Attempts,
    ) -> Result<Response, FetchError> {
        let mut way = Way::default();
        let sent = self.follow(request, conditions, until, (&mut way, attempts)).await;
        sent.map_err(|error| error.map_text(|text| way.error(text, &self.redactor)))
    }

    async fn follow(
        &self,
        request: Checked,
        conditions: &Conditions,
        until: Until,
        (way, attempts): (&mut Way, &mut Attempts),
    ) -> Result<Response, FetchError> {
        let repeatable = request.resource().is_some();
        let Checked { mut url, subject, mut fields } = request;
        let most = self.limits.redirects;
        for hop in 1.. {
            way.go_on(hop, &url, self.may_know_secrets(&url));
            let (response, turn) = self.hop((&fields, &url), conditions, attempts).await?;
            let location = redirect(&response)?.filter(|_| fields.follow.is_none_or(|most| hop <= most));
            let Some(location) = location else {
                let turn = turn.filter(|_| until == Until::Body);
                return self.receive(response, (url, (subject, repeatable), way), &fields, turn);
            };
            if hop > most {
                let most = text::counted(most.into(), "redirect");
                let reason = format!("more than {most}, the last from {}", shown_url(&url));
                return Err(FetchError::Protocol(reason));
            }
            // Its body is not read, but one that ends in two ways is an attack on what comes after it.
            body::check_head(response.headers(), response.version(), false, self.body_limits())?;
            let next = self.policy.redirect(&url, &location, hop)?;
            fields.redirected(response.status().as_u16(), url.origin() == next.origin());
            url = next;
        }
        unreachable!("the loop counts without end")
    }

    /// How long to wait before asking again for a body that did not come whole; `None` where that would not help, or was
    /// done often enough.
    pub fn wait_after_body(&self, error: &FetchError, request: &Checked, attempts: &mut Attempts) -> Option<Duration> {
        let may_pass = matches!(error, FetchError::Broken(_) | FetchError::Timeout(_));
        if !may_pass || !retry::is_repeatable(&request.fields.method) {
            return None;
        }
        attempts.next(self.limits.retries, None, self.seed_for(&request.url))
    }

    /// Requests of one run should not all come back at the same moment either.
    fn seed_for(&self, url: &Url) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, url.as_str()).hash(&mut hasher);
        hasher.finish()
    }

    /// One hop, sent again while it fails in a way that may pass. While it waits it has no turn, nor anything open.
    async fn hop(
        &self,
        (fields, url): (&Fields, &Url),
        conditions: &Conditions,
        attempts: &mut Attempts,
    ) -> Result<(http::Response<Arriving>, Option<Turn>), FetchError> {
        let repeatable = retry::is_repeatable(&fields.method);
        let mut renewed = false;
        loop {
            let secrets = self.valued(&fields.secrets).await?;
            let (failure, asked, again) = match self.attempt(fields, &secrets, url, conditions).await {
                // A request that was not let in did nothing, whatever its method.
                Ok((response, turn)) if response.status() == 401 && !renewed && self.is_renewable(&secrets) => {
                    renewed = true;
                    response.extensions().get::<Tap>().iter().for_each(|tap| tap.forget());
                    drop((response, turn));
                    self.renew(&fields.secrets, &secrets).await?;
                    continue;
                }
                Ok((response, turn)) if !fields.repeats_on(response.status().as_u16()) => {
                    return Ok((response, Some(turn)));
                }
                Ok((response, _turn)) => {
                    let asked = response.headers().get(header::RETRY_AFTER);
                    let asked = asked.and_then(|field| retry::retry_after(field.as_bytes(), self.clock.system()));
                    (Ok((response, None)), asked, Again::Always)
                }
                Err(Failure { again: Again::Elsewhere, .. }) if attempts.elsewhere() => continue,
                Err(Failure { error, again }) => (Err(error), None, again),
            };
            if again == Again::Never || (again == Again::IfRepeatable && !repeatable) {
                return failure;
            }
            let Some(wait) = attempts.next(self.limits.retries, asked, self.seed_for(url)) else { return failure };
            drop(failure);
            self.wait(wait).await;
        }
    }

    /// Wait before something is asked for again.
    pub async fn wait(&self, duration: Duration) {
        match self.clock.simulated() {
            Some(simulated) => simulated.wait_at_work(duration).await,
            None => tokio::time::sleep(duration).await,
        }
    }

    fn body_limits(&self) -> BodyLimits {
        let FetchLimits { body: size, idle, speed, unframed, .. } = self.limits;
        // What was recorded is framed by its file.
        let unframed = unframed || matches!(self.source, Source::Replay(_));
        BodyLimits { size, idle, speed, unframed }
    }

    fn receive(
        &self,
        response: http::Response<Arriving>,
        (url, (subject, repeatable), way): (Url, (Resource, bool), &Way),
        fields: &Fields,
        turn: Option<Turn>,
    ) -> Result<Response, FetchError> {
        let (mut head, incoming) = response.into_parts();
        let status = head.status.as_u16();
        let has_body = fields.method != Method::HEAD && !matches!(status, 100..=199 | 204 | 304);
        let limits = self.body_limits();
        body::check_head(&head.headers, head.version, has_body, limits)?;
        let body = match has_body {
            true => body::decoded(incoming, &head, limits, turn)?,
            false => {
                head.extensions.get::<Tap>().iter().for_each(|tap| tap.ended());
                Body::from_bytes(Bytes::new())
            }
        };
        if has_body && head.headers.remove(header::CONTENT_ENCODING).is_some() {
            // The body is given out decoded, and these spoke of the other one.
            head.headers.remove(header::CONTENT_LENGTH);
        }
        way.fields(&mut head.headers, &self.redactor);
        let (url, told) = way.url(url, &self.redactor);
        Ok(Response { status, url, told, headers: head.headers, body, has_body, subject, repeatable })
    }

    /// Whether whoever answers here may have been sent a secret, and so may send one back.
    fn may_know_secrets(&self, url: &Url) -> bool {
        Origin::of(url).is_some_and(|origin| self.secrets.iter().any(|secret| secret.may_go_to(&origin)))
    }
}

/// Where a response sends its client on (RFC 9110, 15.4), which it must say in one way only.
fn redirect<B>(response: &http::Response<B>) -> Result<Option<Vec<u8>>, FetchError> {
    let mut locations = response.headers().get_all(header::LOCATION).iter();
    let leads_on = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let Some(location) = locations.next().filter(|_| leads_on) else { return Ok(None) };
    if locations.next().is_some() {
        return Err(FetchError::Protocol("the response has more than one Location field".into()));
    }
    Ok(Some(location.as_bytes().to_vec()))
}
