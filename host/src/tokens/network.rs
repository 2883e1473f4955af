//! The way to the place of tokens: a policy of its own, which opens that place alone.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use serde::{Deserialize, Serialize};

use super::order::Failed;
use fetch::{Authorities, Egress, FetchLimits, Fetcher, Until};
use rules::budget::{Budgets, Settings};
use rules::domain::Request;
use rules::oauth::{TokenRequest, place};
use rules::policy::{Mapping, OriginGrant, Policy};
use rules::proxy::Proxy;
use rules::redact::Redactor;
use rules::retry::Attempts;
use rules::validators::Conditions;

/// Largest answer that is read, in bytes.
const MAX_ANSWER: u64 = 64 * 1024;
/// How long nothing may come.
const IDLE: Duration = Duration::from_secs(30);

/// What it takes to get there.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Network {
    /// CAs to trust beside the system's, in DER.
    pub authorities: Vec<Vec<u8>>,
    /// The proxy, where there is one.
    pub proxy: Option<String>,
    /// Origins that are answered by others in this run, each as it is written.
    pub mapped: Vec<String>,
    /// Whether the name may resolve to private addresses.
    pub private: bool,
}

impl Network {
    /// Whom to trust beside the system's CAs.
    pub(super) fn trusted(&self) -> Authorities {
        Authorities::of_der(self.authorities.iter().cloned())
    }

    /// Who answers in the place of a URL, where that is another.
    pub(super) fn answered_by(&self, url: &str) -> Option<String> {
        let url = url::Url::parse(url).ok()?;
        let mapped = self.mapped.iter().filter_map(|text| text.parse::<Mapping>().ok());
        mapped.into_iter().find_map(|mapping| mapping.apply(&url)).map(String::from)
    }

    /// Send a request to a place of tokens; the status and the content of its answer.
    pub(super) async fn ask(&self, url: &str, request: TokenRequest) -> Result<(u16, Vec<u8>), Failed> {
        let wrong = |reason: String| Failed::Refused(reason);
        let url = place(url).map_err(wrong)?;
        let grant = OriginGrant::of_url(url.as_str()).map_err(wrong)?;
        let grant = if self.private { grant.clone().also_private().unwrap_or(grant) } else { grant };
        let mapped: Vec<Mapping> = self.mapped.iter().filter_map(|text| text.parse().ok()).collect();
        if let Some(mapping) = mapped.iter().find(|mapping| mapping.apply(&url).is_some() && !mapping.is_confidential())
        {
            return Err(wrong(format!("{mapping}, which is neither https nor on this machine")));
        }
        let egress = Egress {
            policy: Policy::new(vec![grant], None),
            authorities: self.trusted(),
            proxy: self.proxy.as_deref().and_then(|text| text.parse::<Proxy>().ok()),
            mapped,
            ..Egress::default()
        };
        let limits = FetchLimits {
            connect: Duration::from_secs(15),
            idle: IDLE,
            speed: 0,
            body: MAX_ANSWER,
            // What uses up a token is sent once.
            retries: 0,
            redirects: 0,
            concurrency: 1,
            interval: None,
            unframed: true,
        };
        let budgets = Budgets::new(Settings::default().amounts());
        let redactor = Arc::new(Redactor::default());
        let fetcher = Fetcher::new(egress, (limits, budgets), redactor, "tokens", u64::from(std::process::id()));
        let TokenRequest { method, headers, query, body } = request;
        let mut url = url;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(&query);
        }
        let request = Request {
            method: method.name().into(),
            headers: headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect(),
            body: (!body.is_empty()).then(|| body.into()),
            follow: Some(0),
            ..Request::get(url.as_str())
        };
        // The query may hold what is secret, and errors quote the URL.
        let hidden = Redactor::new(query.iter().map(|(name, value)| (name.as_str(), vec![value.clone()])));
        let other = move |error: rules::domain::FetchError| Failed::Other(hidden.text(&error.to_string()).into_owned());
        let checked = fetcher.check(&request).map_err(&other)?;
        let sent = fetcher.send(checked, &Conditions::new(), Until::Body, &mut Attempts::default()).await;
        let mut response = sent.map_err(&other)?;
        let mut content = Vec::new();
        while let Some(bytes) = response.body.next().await {
            content.extend_from_slice(&bytes.map_err(&other)?);
        }
        Ok((response.status, content))
    }
}
