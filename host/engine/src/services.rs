//! What a component may ask of the host: the one trait between the sandbox and everything else.

use futures::future::BoxFuture;

use rules::domain::{Body, Fault, FetchError, LandError, Level, Receipt, Request, Response, Slot, Window};

/// A source that was opened, so that it is known to be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSource(String);

impl OpenSource {
    /// The source of that name, which the caller checked.
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// Content to land.
#[derive(Debug)]
pub enum Content {
    /// A response's body; its validators and URL count.
    Response(Response),
    /// What the extractor made.
    Made(Body),
}

/// The host, as an extractor sees it.
pub trait Services: Send + Sync + 'static {
    /// The extractor's name.
    fn name(&self) -> String;
    /// The days of a backfill.
    fn backfill(&self) -> Option<Window>;
    /// When the run started, in seconds since 1970.
    fn started_at(&self) -> u64;
    /// A parameter's value.
    fn param(&self, name: &str) -> Option<String>;
    /// The last durable cursor.
    fn cursor(&self) -> Option<String>;
    /// Open a source.
    fn open(&self, source: &str) -> Result<OpenSource, LandError>;
    /// Send a request.
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>>;
    /// Fetch conditionally and land.
    fn mirror(&self, source: OpenSource, request: Request, slot: Slot) -> BoxFuture<'_, Result<Receipt, LandError>>;
    /// Land.
    fn land(&self, source: OpenSource, content: Content, slot: Slot) -> BoxFuture<'_, Result<Receipt, LandError>>;
    /// Make durable what landed so far, then the cursor; the error ends the run.
    fn checkpoint(&self, cursor: String) -> BoxFuture<'_, Result<(), Fault>>;
    /// How far the run has come.
    fn progress(&self, done: u64, total: Option<u64>);
    /// A line that is fit to be shown and recorded, without secrets.
    fn line(&self, text: &str) -> String;
    /// Whether an extractor's text may be recorded, which is a `what`; the error ends the run.
    fn may_record(&self, what: &str, text: &str) -> Result<(), Fault>;
    /// A line for the log.
    fn log(&self, level: Level, line: &str);
}
