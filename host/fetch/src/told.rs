//! What an extractor is told of an answer: no secret that the source was sent and sends back.
//!
//! What others answer is told as it is. They cannot know a secret, and could tell an extractor which of its guesses is one.

use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use rules::policy::shown_url;
use rules::redact::Redactor;
use rules::validators::FinalUrl;

/// The hops of a request so far.
#[derive(Debug, Default)]
pub(crate) struct Way {
    /// The URL that a redirect led to, as it is shown; none before the first redirect.
    leads_to: Option<String>,
    /// Whether any of them led to where a secret may go.
    has_secrets: bool,
}

impl Way {
    /// Go on to a URL, where a secret may go or not.
    pub(crate) fn go_on(&mut self, hop: u32, url: &Url, has_secrets: bool) {
        self.leads_to = (hop > 1).then(|| shown_url(url));
        self.has_secrets |= has_secrets;
    }

    /// The text of an error.
    pub(crate) fn error(&self, mut text: String, redactor: &Redactor) -> String {
        // The query that a redirect leads to is often a signature.
        if let Some(url) = &self.leads_to {
            text = text.replace(url, url.split('?').next().unwrap_or(url));
        }
        if self.has_secrets { redactor.text(&text).into_owned() } else { text }
    }

    /// The URL that answered: as it is compared and recorded, and as the extractor is told it. What it wrote itself is told
    /// as it wrote it.
    pub(crate) fn url(&self, url: Url, redactor: &Redactor) -> (FinalUrl, String) {
        let (text, redirected) = (redactor.text(url.as_str()).into_owned(), self.leads_to.is_some());
        let told = if self.has_secrets && redirected { text.clone() } else { url.into() };
        (FinalUrl { text, redirected }, told)
    }

    /// Take secrets out of the fields that a source sent. A field that is called so goes as a whole.
    pub(crate) fn fields(&self, headers: &mut HeaderMap, redactor: &Redactor) {
        if !self.has_secrets {
            return;
        }
        let names: Vec<HeaderName> = headers.keys().filter(|name| redactor.finds(name.as_str())).cloned().collect();
        names.iter().for_each(|name| drop(headers.remove(name)));
        for value in headers.values_mut() {
            if let Some(clean) = redactor.bytes(value.as_bytes()) {
                *value = HeaderValue::from_bytes(&clean).unwrap_or(HeaderValue::from_static("[secret]"));
            }
        }
    }
}
