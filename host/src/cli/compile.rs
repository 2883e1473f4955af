//! `host compile`, which `host run` starts for a component that it does not know.

use std::process::ExitCode;

use crate::error::Error;

pub(super) fn execute() -> Result<ExitCode, Error> {
    engine::serve_compiler().map_err(Error::usage)?;
    Ok(ExitCode::SUCCESS)
}
