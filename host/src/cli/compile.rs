//! `host compile`, which `host run` starts for a component that it does not know.

use std::process::ExitCode;

use crate::error::Error;

pub(super) fn execute() -> Result<ExitCode, Error> {
    let code = engine::serve_compiler().map_err(Error::usage)?;
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}
