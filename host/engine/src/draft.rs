//! What a guest holds in the host: requests that it writes, responses that it has not read.

use std::sync::Arc;

use super::services::OpenSource;
use rules::budget::{Budgets, Held, Spent};
use rules::domain::{Asked, Request, Response};

/// What an open body may take, in bytes: a buffer of the connection, a window of gzip, and what one slice of gzip becomes.
const OPEN_BODY: usize = 256 * 1024;

/// A request, and the memory that it takes until it is sent or dropped.
pub struct Draft {
    pub(super) request: Request,
    /// For the URL and the fields.
    pub(super) fields: Held,
    /// For the content.
    pub(super) body: Option<Held>,
}

impl Draft {
    /// The request, and what it takes until it is answered.
    pub(super) fn into_request(self) -> (Request, impl Sized) {
        (self.request, (self.fields, self.body))
    }
}

/// A response, and the memory that it takes until it is read or dropped.
pub struct Answer {
    pub(super) response: Response,
    /// Counts that memory.
    pub(super) held: Held,
}

impl Answer {
    /// Count what a response takes.
    pub(super) fn new(response: Response, budgets: &Arc<Budgets>) -> Result<Self, Spent> {
        let fields: usize = response.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let held = budgets.hold(response.url.text.len() + response.told.len() + fields + OPEN_BODY)?;
        Ok(Self { response, held })
    }
}

/// What is made of a response.
pub struct Made {
    pub(super) source: OpenSource,
    /// What asks for that response again; `None` where nothing can.
    pub(super) asked: Option<Asked>,
    /// The files that hold it so far, as paths below the landing directory.
    pub(super) files: Vec<String>,
    /// Counts what that takes.
    pub(super) held: Held,
}
