//! A request that a guest is still writing. It must not know what becomes of it.

use super::limits::Held;
use crate::domain::Request;

/// A request, and the memory that it takes until it is sent or dropped.
pub struct Draft {
    pub(super) request: Request,
    /// For the URL and the fields.
    pub(super) fields: Held,
    /// For the content.
    pub(super) body: Option<Held>,
}
