//! `host token`, which `host run` starts where a token has to be got.

use crate::error::Error;
use crate::tokens;

/// What to exit with.
pub(super) fn execute() -> Result<i32, Error> {
    tokens::serve().map_err(Error::usage)
}
