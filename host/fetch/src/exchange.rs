//! One exchange with a server: a request that passed the policy, as it is sent, and the head of its answer.
//!
//! Policy, redirects, retries and redaction are above it; resolving, addresses and sockets are below.

use http::{HeaderValue, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use url::Url;

use super::Fetcher;
use super::failure::Failure;
use super::pace::Turn;
use rules::budget::Budget;
use rules::domain::FetchError;
use rules::policy::{shown_origin, shown_url};
use rules::request::Fields;
use rules::validators::Conditions;

impl Fetcher {
    /// Send a request once.
    pub(super) async fn attempt(
        &self,
        fields: &Fields,
        url: &Url,
        conditions: &Conditions,
    ) -> Result<(http::Response<Incoming>, Turn), Failure> {
        let request = self.request(fields, url, conditions)?;
        let turn = self.pace.turn(&shown_origin(url)).await;
        self.budgets.spend(Budget::Requests, 1).map_err(|spent| Failure::lasting(spent.into()))?;
        let idle = self.limits.idle;
        match tokio::time::timeout(idle, self.client.request(request)).await {
            Ok(Ok(response)) => Ok((response, turn)),
            Ok(Err(error)) => Err(Failure::of_request(&error, url)),
            Err(_) => {
                let reason = format!("no response from {} within {idle:?}", shown_url(url));
                Err(Failure::lasting(FetchError::Timeout(reason)))
            }
        }
    }

    /// The request as it is sent.
    fn request(
        &self,
        fields: &Fields,
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
        fields.secrets.iter().for_each(|secret| secret.add_to(&mut whole, headers));
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
