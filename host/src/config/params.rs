//! The parameters of an extractor: what the operator says, and what the manifest says where he says nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};

use engine::Manifest;

use super::file::ExtractorConfig;
use super::flags::Flags;
use crate::error::Error;

/// Most bytes of one value.
const MAX_VALUE: u64 = 64 * 1024 * 1024;

/// All parameters of a run.
pub(super) fn resolve(
    flags: &Flags,
    config: &ExtractorConfig,
    manifest: &Manifest,
    name: &str,
) -> Result<BTreeMap<String, String>, Error> {
    let mut params: BTreeMap<String, String> = config.param.clone();
    let mut seen = BTreeSet::new();
    for (key, value) in &flags.params {
        if !seen.insert(key) {
            return Err(Error::usage(format!("the parameter `{key}` is given twice")).hint("give each parameter once"));
        }
        params.insert(key.clone(), value_of(key, value)?);
    }
    if let Some((key, value)) = &flags.only {
        if !seen.insert(key) {
            return Err(Error::usage(format!("the parameter `{key}` is given by `--only` and by `--param`"))
                .hint("leave one of them out"));
        }
        params.insert(key.clone(), value.clone());
    }
    if manifest.declared {
        let known = &manifest.params;
        if let Some(unknown) = params.keys().find(|key| !known.contains_key(*key)) {
            let known: Vec<String> = known.keys().map(|key| format!("`{key}`")).collect();
            let hint = match known.is_empty() {
                true => format!("{name} takes no parameters"),
                false => format!("{name} takes {}", known.join(", ")),
            };
            return Err(Error::usage(format!("{name} has no parameter `{unknown}`")).hint(hint));
        }
        for (key, param) in known {
            if let Some(default) = &param.default {
                params.entry(key.clone()).or_insert_with(|| default.clone());
            }
        }
    }
    Ok(params)
}

/// The value itself; what a file holds, for `@FILE`; what comes on standard input, for `@-`. `@@` stands for one `@`.
pub(crate) fn value_of(key: &str, given: &str) -> Result<String, Error> {
    let Some(from) = given.strip_prefix('@') else { return Ok(given.to_owned()) };
    if from.starts_with('@') {
        return Ok(from.to_owned());
    }
    #[expect(clippy::disallowed_methods, reason = "the operator's own file, not the landing zone's")]
    let read = match from {
        "-" => whole(io::stdin().lock()),
        path => File::open(path).and_then(whole),
    };
    read.map_err(|error| {
        let what = if from == "-" { "standard input" } else { from };
        Error::usage(format!("the parameter `{key}` cannot be read from {what}: {error}")).hint(
            "`--param KEY=@FILE` reads a file, `@-` standard input; a value that begins with `@` is written `@@…`",
        )
    })
}

/// The text of a file, without its last line break.
fn whole(file: impl Read) -> io::Result<String> {
    let mut text = String::new();
    file.take(MAX_VALUE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_VALUE {
        return Err(io::Error::other(format!("it is larger than the limit of {} MiB", MAX_VALUE >> 20)));
    }
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_given_or_read() {
        let read = |given: &str| value_of("url", given).map_err(|error| error.to_string());
        assert_eq!(read("a@b"), Ok("a@b".to_owned()));
        assert_eq!(read("@@home"), Ok("@home".to_owned()));
        let error = read("@/no/such/file").expect_err("there is none");
        assert!(error.contains("the parameter `url` cannot be read from /no/such/file"), "{error}");
        assert_eq!(whole(&b"a\nb\r\n"[..]).expect("text"), "a\nb");
        assert!(whole(&b"\xff"[..]).is_err());
        assert!(whole(io::repeat(b'a')).is_err());
    }
}
