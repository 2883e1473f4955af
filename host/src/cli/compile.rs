//! `host compile`, which `host run` starts for a component that it does not know.

use crate::error::Error;

/// What to exit with.
pub(super) fn execute() -> Result<i32, Error> {
    engine::serve_compiler().map_err(Error::usage)
}
