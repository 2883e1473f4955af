//! The parameters that the operator set, or the manifest's defaults for them: the host has merged the two.

use std::fmt::Display;
use std::str::FromStr;

use crate::{Context, Error, run};

/// The parameter without the white space around it; none where it is not set or blank.
pub fn get(name: &str) -> Option<String> {
    let value = run::param(name)?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// The parameter, or an error that says how to set it.
pub fn required(name: &str) -> Result<String, Error> {
    get(name).context(format_args!("the parameter `{name}` is not set: give it by `--param {name}=VALUE`"))
}

/// The parameter's words, which white space and line breaks separate; none of them where it is not set.
pub fn words(name: &str) -> Vec<String> {
    let value = run::param(name).unwrap_or_default();
    value.split_whitespace().map(str::to_owned).collect()
}

/// The parameter as another type; none where it is not set.
pub fn parsed<T: FromStr<Err: Display>>(name: &str) -> Result<Option<T>, Error> {
    let Some(text) = get(name) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(Error::new(format_args!("the parameter `{name}` cannot be {text:?}: {error}"))),
    }
}
