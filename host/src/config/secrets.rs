//! Where the values of secrets come from: the environment, a file, systemd's credentials.
//!
//! It reads them once, before the run. It must not show them: errors say where a value was looked for.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::commands::Program;
use rules::domain::SecretPlace;
use rules::oauth::OAuth;
use rules::policy::OriginGrant;
use rules::secret::Secret;
use rules::text;

/// How long a command may take.
const COMMAND: Duration = Duration::from_secs(30);
/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// A secret that the operator grants.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "WrittenGrant")]
pub struct SecretGrant {
    /// Where its value is, or the values of its parts.
    pub source: SecretSource,
    /// Where in a request it goes.
    pub place: SecretPlace,
    /// How it is got, where it is a token.
    pub oauth: Option<OAuth>,
    /// Whether it may be got at a private address.
    pub private: bool,
    /// The origins that it may go to.
    pub origins: Vec<String>,
}

/// The same in a file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGrant {
    from: Option<SecretFrom>,
    parts: Option<WrittenParts>,
    #[serde(rename = "as")]
    place: SecretPlace,
    oauth: Option<OAuth>,
    private: Option<bool>,
    origins: Vec<String>,
}

/// Where each part is. What is there instead is not shown, as with [`Written`].
#[derive(serde::Deserialize)]
#[serde(
    untagged,
    expecting = "`parts` is a table of parts, each a table with exactly one of env, file, credential and command"
)]
enum WrittenParts {
    Parts(BTreeMap<String, SecretFrom>),
}

impl TryFrom<WrittenGrant> for SecretGrant {
    type Error = String;

    fn try_from(written: WrittenGrant) -> Result<Self, String> {
        let WrittenGrant { from, parts, place, oauth, private, origins } = written;
        if let Some(oauth) = &oauth {
            oauth.check().map_err(|reason| format!("`oauth`: {reason}"))?;
            if place.parts().is_some() {
                return Err(format!("a token is one value, and what is sent {place} has parts"));
            }
        } else if private.is_some() {
            return Err("`private` is for the place where a token is got, and `oauth` says of none".into());
        }
        let needed = oauth.as_ref().map(OAuth::parts).or(place.parts());
        // A client without a secret may have nothing to say.
        let nothing = oauth.is_some() && needed.is_some_and(|needed| needed.required.is_empty());
        let parts = parts.or_else(|| nothing.then(|| WrittenParts::Parts(BTreeMap::new())));
        let names = || {
            let needed = needed.map_or(&[][..], |needed| needed.required);
            format!("{} {}", text::listed(needed.iter().copied()), if needed.len() == 1 { "is" } else { "are" })
        };
        let source = match (from, parts) {
            (Some(_), Some(_)) => {
                return Err("`from` and `parts` both say where it is, and one of them is enough".into());
            }
            (None, None) if needed.is_some() => return Err(format!("`parts` has to say where {}", names())),
            (None, None) => return Err("`from` has to say where it is".into()),
            (Some(from), None) => SecretSource::One(from),
            (None, Some(WrittenParts::Parts(parts))) => SecretSource::Parts(parts),
        };
        match (&source, needed) {
            (SecretSource::One(_), None) => {}
            (SecretSource::One(_), Some(_)) if oauth.is_some() => {
                return Err(format!("a token is got: `parts` says where {}", names()));
            }
            (SecretSource::One(_), Some(_)) => {
                return Err(format!("a secret that is sent {place} has parts: `parts` says where {}", names()));
            }
            (SecretSource::Parts(_), None) => {
                return Err(format!("a secret that is sent {place} has no parts: `from` says where it is"));
            }
            (SecretSource::Parts(parts), Some(needed)) => needed.check(parts.keys().map(String::as_str))?,
        }
        Ok(Self { source, place, oauth, private: private.unwrap_or_default(), origins })
    }
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// All of it is there.
    One(SecretFrom),
    /// Its parts are each there, by their names.
    Parts(BTreeMap<String, SecretFrom>),
}

impl SecretSource {
    /// All places where something of it is.
    pub fn places(&self) -> Vec<&SecretFrom> {
        match self {
            Self::One(from) => vec![from],
            Self::Parts(parts) => parts.values().collect(),
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(from) => from.fmt(f),
            Self::Parts(parts) => {
                let last = parts.len().saturating_sub(1);
                for (at, (part, from)) in parts.iter().enumerate() {
                    let between = if at == 0 {
                        ""
                    } else if at == last {
                        " and "
                    } else {
                        ", "
                    };
                    write!(f, "{between}{from} (its `{part}`)")?;
                }
                Ok(())
            }
        }
    }
}

/// Where the value of a secret is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase", from = "Written")]
pub enum SecretFrom {
    /// In this variable of the environment.
    Env(String),
    /// In this file, relative to the configuration file.
    File(PathBuf),
    /// In the credential of that name that systemd passes (`LoadCredential=`, systemd.exec(5)).
    Credential(String),
    /// A program and its arguments write it to standard output.
    Command(Vec<String>),
}

/// The same in a file. What is there instead, which may be the value itself by mistake, is not shown.
#[derive(serde::Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "`from` is a table with exactly one of env, file, credential and command"
)]
enum Written {
    Env { env: String },
    File { file: PathBuf },
    Credential { credential: String },
    Command { command: Vec<String> },
}

impl From<Written> for SecretFrom {
    fn from(written: Written) -> Self {
        match written {
            Written::Env { env } => Self::Env(env),
            Written::File { file } => Self::File(file),
            Written::Credential { credential } => Self::Credential(credential),
            Written::Command { command } => Self::Command(command),
        }
    }
}

impl fmt::Display for SecretFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the variable {name}"),
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Credential(name) => write!(f, "the credential {name}"),
            Self::Command(words) => write!(f, "what `{}` writes", words.join(" ")),
        }
    }
}

impl SecretFrom {
    /// As it is written on a command line.
    pub fn written(&self) -> String {
        match self {
            Self::Env(name) => format!("env:{name}"),
            Self::File(path) => format!("file:{}", path.display()),
            Self::Credential(name) => format!("credential:{name}"),
            Self::Command(words) => format!("command:{}", words.join(" ")),
        }
    }

    /// The same for a configuration file that may be in another directory than the one that a path was given in.
    pub fn beside(&self, configuration: &Path) -> Self {
        let elsewhere = configuration.parent().is_some_and(|parent| !parent.as_os_str().is_empty());
        match self {
            Self::File(path) if elsewhere => Self::File(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
            from => from.clone(),
        }
    }
}

impl SecretGrant {
    /// Check that any value could be sent as this grant says.
    pub fn check(&self, name: &str) -> Result<(), String> {
        self.secret(name, |_| Ok(self.place.sample("value"))).map(drop)
    }

    /// The secret with a value that nobody chose.
    pub(super) fn stand_in(&self, name: &str) -> Result<Secret, String> {
        self.secret(name, |_| Ok(self.place.sample(&format!("stand-in of {name}"))))
    }

    /// The secret with the values that `read` finds.
    fn secret(&self, name: &str, read: impl Fn(&SecretFrom) -> Result<String, String>) -> Result<Secret, String> {
        if self.origins.is_empty() {
            return Err("`origins` has to say where it may go".into());
        }
        let origins = self.origins.iter().map(|text| text.parse::<OriginGrant>()).collect::<Result<_, _>>()?;
        if self.oauth.is_some() {
            return Secret::unvalued(name, self.place.clone(), origins);
        }
        match &self.source {
            SecretSource::One(from) => Secret::new(name, &read(from)?, self.place.clone(), origins),
            SecretSource::Parts(parts) => Secret::of_parts(name, &values(parts, read)?, self.place.clone(), origins),
        }
    }
}

/// Why a line is no command. It is not repeated: a secret may be in it.
const NO_SHELL: &str = "no shell reads the line after command:, so that it takes neither quotes nor backslashes; \
                        write its words into host.toml, `from = { command = [\"PROGRAM\", \"WORD\"] }`";

impl std::str::FromStr for SecretFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("credential", name)) if !name.is_empty() => Ok(Self::Credential(name.to_owned())),
            // Half of what is quoted is no word, and there is no shell that would put it together.
            Some(("command", line)) if line.contains(['\'', '"', '\\']) => Err(NO_SHELL.into()),
            Some(("command", line)) if !line.trim().is_empty() => {
                Ok(Self::Command(line.split_whitespace().map(str::to_owned).collect()))
            }
            _ => {
                Err("what stands after `=` is none of env:VARIABLE, file:PATH, credential:NAME and command:LINE".into())
            }
        }
    }
}

/// The values of parts, as `read` finds them.
fn values(
    parts: &BTreeMap<String, SecretFrom>,
    read: impl Fn(&SecretFrom) -> Result<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let read = |(part, from): (&String, &SecretFrom)| match read(from) {
        Ok(value) => Ok((part.clone(), value)),
        Err(reason) => Err(format!("its part `{part}`: {reason}")),
    };
    parts.iter().map(read).collect()
}

/// Read what a token is got with. `directory` is that of the configuration file.
pub(super) fn load_parts(
    source: &SecretSource,
    directory: &Path,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<BTreeMap<String, String>, String> {
    match source {
        SecretSource::One(_) => Ok(BTreeMap::new()),
        SecretSource::Parts(parts) => values(parts, |from| match read(from, directory, &variable)? {
            value if value.is_empty() => Err("it is empty".into()),
            value => Ok(value),
        }),
    }
}

/// Read a granted secret. `directory` is that of the configuration file.
pub(super) fn load(
    name: &str,
    grant: &SecretGrant,
    directory: &Path,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Secret, String> {
    grant.secret(name, |from| read(from, directory, &variable))
}

/// Read what is kept somewhere, without the end of its line.
pub(super) fn read(
    from: &SecretFrom,
    directory: &Path,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<String, String> {
    let value = match from {
        SecretFrom::Env(name) => {
            let value = variable(name).ok_or_else(|| format!("the variable {name} is not set"))?;
            value.into_string().map_err(|_| format!("the variable {name} is not UTF-8"))?
        }
        SecretFrom::File(path) => read_file(&directory.join(path))?,
        SecretFrom::Credential(name) if Path::new(name).file_name() == Some(name.as_ref()) => {
            let credentials = variable("CREDENTIALS_DIRECTORY")
                .ok_or("CREDENTIALS_DIRECTORY is not set: systemd sets it for a unit with `LoadCredential=`")?;
            read_file(&Path::new(&credentials).join(name))?
        }
        SecretFrom::Credential(name) => return Err(format!("`{name}` is no name of a credential")),
        SecretFrom::Command(words) => run(words, directory)?,
    };
    Ok(value.trim_end_matches(['\n', '\r']).to_owned())
}

/// What a command writes to standard output.
fn run(words: &[String], directory: &Path) -> Result<String, String> {
    let program = Program {
        words,
        directory,
        variables: Vec::new(),
        input: Vec::new(),
        timeout: COMMAND,
        kept: MAX_FILE as usize,
    };
    String::from_utf8(program.run(false)?).map_err(|_| "what its command writes is not UTF-8".to_owned())
}

fn read_file(path: &Path) -> Result<String, String> {
    let failed = |reason: String| format!("{}: {reason}", path.display());
    #[expect(clippy::disallowed_methods, reason = "the secret is the operator's file, not the landing zone's")]
    let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut value = String::new();
    let mut reader = std::io::Read::take(file, MAX_FILE);
    std::io::Read::read_to_string(&mut reader, &mut value).map_err(|error| failed(error.to_string()))?;
    Ok(value)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's own files")]
mod tests {
    use super::*;

    #[test]
    fn values_come_from_three_places() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("token"), "from a file\n").expect("a file");
        let credentials = directory.path().as_os_str().to_owned();
        let variable = |name: &str| match name {
            "TOKEN" => Some("from the environment".into()),
            "CREDENTIALS_DIRECTORY" => Some(credentials.clone()),
            _ => None,
        };
        let load = |from: &str| {
            let source = SecretSource::One(from.parse().expect(from));
            let origins = vec!["https://a.example".into()];
            let grant = SecretGrant { source, place: SecretPlace::Bearer, oauth: None, private: false, origins };
            load("token", &grant, directory.path(), variable).map(|secret| secret.texts().concat())
        };
        assert_eq!(load("env:TOKEN").as_deref(), Ok("from the environment"));
        assert_eq!(load("file:token").as_deref(), Ok("from a file"));
        assert_eq!(load("credential:token").as_deref(), Ok("from a file"));
        for (from, reason) in [
            ("env:NONE", "the variable NONE is not set"),
            ("file:none", "none: No such file"),
            ("credential:none", "none: No such file"),
            ("credential:../token", "no name of a credential"),
        ] {
            assert!(load(from).is_err_and(|error| error.contains(reason)), "{from}");
        }
        let parts = |pairs: &[(&str, &str)]| {
            let parts = pairs.iter().map(|(part, from)| ((*part).to_owned(), from.parse().expect(from)));
            let source = SecretSource::Parts(parts.collect());
            let origins = vec!["https://a.example".into()];
            let grant = SecretGrant { source, place: SecretPlace::Pair, oauth: None, private: false, origins };
            super::load("token", &grant, directory.path(), variable).map(|secret| secret.texts().join("|"))
        };
        let texts = parts(&[("user", "env:TOKEN"), ("password", "file:token")]);
        assert_eq!(texts.as_deref(), Ok("from a file|from the environment|from the environment:from a file"));
        let none = parts(&[("user", "env:TOKEN"), ("password", "env:NONE")]);
        assert_eq!(none, Err("its part `password`: the variable NONE is not set".into()));
        for wrong in ["", "env", "env:", "TOKEN", "vault:x", "command:echo 'x y'", "command:\"x\"", "command:x\\ y"] {
            let error = wrong.parse::<SecretFrom>().expect_err(wrong);
            assert_eq!(error == NO_SHELL, wrong.starts_with("command:"), "{error}");
        }
    }
}
