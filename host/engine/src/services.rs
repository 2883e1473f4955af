//! What a component may ask of the host: the one trait between the sandbox and everything else.

use std::time::Duration;

use futures::future::BoxFuture;

use rules::budget::Held;
use rules::domain::{Asked, Body, Fault, FetchError, LandError, Level, Receipt, Request, Response, Slot, Window};

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

/// A response that something is to be made of, and what asks for it again, where anything can.
pub type Origin = (Response, Option<Asked>);

/// The host, as an extractor sees it.
pub trait Services: Send + Sync + 'static {
    /// The extractor's name.
    fn name(&self) -> String;
    /// The days of a backfill.
    fn backfill(&self) -> Option<Window>;
    /// When the run started, in seconds since 1970.
    fn started_at(&self) -> u64;
    /// What time it is, in milliseconds since 1970.
    fn now(&self) -> u64;
    /// Whether the time and what is random are made up, so that the same run is the same again.
    fn is_simulated(&self) -> bool;
    /// Fill `bytes` with what nobody can guess.
    fn randomise(&self, bytes: &mut [u8]) -> Result<(), Fault>;
    /// Wait for so long.
    fn wait(&self, duration: Duration) -> BoxFuture<'_, ()>;
    /// A parameter's value.
    fn param(&self, name: &str) -> Option<String>;
    /// All parameters that have a value.
    fn params(&self) -> Vec<(String, String)>;
    /// Whether this secret is granted and has a value.
    fn has_secret(&self, name: &str) -> bool;
    /// The last durable cursor.
    fn cursor(&self) -> Option<String>;
    /// Open a source.
    fn open(&self, source: &str) -> Result<OpenSource, LandError>;
    /// Send a request.
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>>;
    /// Fetch conditionally and land.
    fn mirror(&self, source: OpenSource, request: Request, slot: Slot) -> BoxFuture<'_, Result<Receipt, LandError>>;
    /// Fetch conditionally, to make something of it; `None` where all that was made of it is there already.
    fn derive(&self, source: OpenSource, request: Request) -> BoxFuture<'_, Result<Option<Origin>, LandError>>;
    /// All that was made of a response has landed, in these files; the error ends the run.
    fn derived(&self, source: OpenSource, asked: Asked, files: Vec<String>) -> BoxFuture<'_, Result<(), Fault>>;
    /// Land.
    fn land(&self, source: OpenSource, content: Content, slot: Slot) -> BoxFuture<'_, Result<Receipt, LandError>>;
    /// The value that a key has; the error ends the run.
    fn value(&self, key: String) -> BoxFuture<'_, Result<Option<String>, Fault>>;
    /// Set the value of a key, or forget it, with the next checkpoint; `held` counts what it takes until then.
    fn set_value(&self, key: String, value: Option<String>, held: Held);
    /// The keys that start with `prefix`, those after `after`, at most so many, in the order of their bytes.
    fn keys(&self, prefix: String, after: Option<String>, most: usize) -> BoxFuture<'_, Result<Vec<String>, Fault>>;
    /// Make durable what landed so far, then the values and the cursor, where there is one; the error ends the run.
    fn checkpoint(&self, cursor: Option<String>) -> BoxFuture<'_, Result<(), Fault>>;
    /// How far the run has come.
    fn progress(&self, done: u64, total: Option<u64>);
    /// A line that is fit to be shown and recorded, without secrets.
    fn line(&self, text: &str) -> String;
    /// Whether an extractor's text may be recorded, which is a `what`; the error ends the run.
    fn may_record(&self, what: &str, text: &str) -> Result<(), Fault>;
    /// A line for the log.
    fn log(&self, level: Level, line: &str);
}
