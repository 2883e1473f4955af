//! `host new`.

use std::path::Path;
use std::process::ExitCode;

use crate::authoring::{Language, make};
use crate::error::Error;
use crate::program;

/// Make a folder with an extractor that can be built as it stands
#[derive(Debug, clap::Args)]
pub(super) struct NewArgs {
    /// Its name, and that of the folder
    name: String,
    /// The language that it is written in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
}

pub(super) fn execute(arguments: &NewArgs) -> Result<ExitCode, Error> {
    let NewArgs { name, lang } = arguments;
    let folder = Path::new(name);
    make(folder, name, *lang)?;
    super::print(&program::typed(&format!("{name}: {}; `host build {name}` builds it\n", lang.describe())))?;
    Ok(ExitCode::SUCCESS)
}
