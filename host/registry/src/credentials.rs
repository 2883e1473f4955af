//! Who asks a registry: as docker and podman keep it. Nothing here shows a value, in an error neither.
//!
//! The file system and programs are the caller's: see [`find`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

/// The Base64 of `auths`, which some tools write without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// What a helper says in the place of a name where it gives a token.
const TOKEN: &str = "<token>";
/// The registry of Docker's own, and how docker's file names it.
const HUB: &str = "docker.io";
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A name and a password.
    Password(String, String),
    /// A token with which others are got (OAuth 2's refresh token).
    Identity(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// The value of a variable of the environment.
pub type Variable<'a> = dyn Fn(&str) -> Option<std::ffi::OsString> + 'a;
/// The text of a file; nothing where there is none.
pub type ReadFile<'a> = dyn Fn(&Path) -> Result<Option<String>, String> + 'a;
/// Run a program with an argument, and with a line to read; what it writes.
pub type RunProgram<'a> = dyn Fn(&str, &str, &str) -> Result<Vec<u8>, String> + 'a;

/// What the caller does in the world.
pub struct World<'a> {
    /// The value of a variable of the environment.
    pub variable: &'a Variable<'a>,
    /// The text of a file; nothing where there is none.
    pub read: &'a ReadFile<'a>,
    /// Run a program with an argument, and with a line to read; what it writes.
    pub run: &'a RunProgram<'a>,
}

/// What was found, and what could not be asked: a file or a helper that gave nothing is no error until a registry wants
/// more.
#[derive(Debug, Default)]
pub struct Found {
    /// Who asks; nobody in particular where there is none.
    pub credentials: Option<Credentials>,
    /// Which file or helper gave nothing, and why.
    pub silent: Option<String>,
}

/// A file, as docker and podman write it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct File {
    auths: BTreeMap<String, Entry>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "lowercase")]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entry")
    }
}

/// What a helper writes.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    username: String,
    secret: String,
}

/// Who asks for that repository of a registry: by the first file that knows one, in podman's order and then docker's.
pub fn find(registry: &str, repository: &str, world: &World<'_>) -> Result<Found, String> {
    let mut found = Found::default();
    for path in places(world.variable) {
        let text = match (world.read)(&path) {
            Ok(Some(text)) => text,
            Ok(None) => continue,
            // Whoever is asked may want nobody's name. What is scheduled often has no way into a home directory.
            Err(reason) => {
                found.silent = Some(reason);
                continue;
            }
        };
        let unusable =
            |line, column| format!("{}: it is not as docker writes it (line {line}, column {column})", path.display());
        // What serde says may quote a value.
        let file: File = serde_json::from_str(&text).map_err(|error| unusable(error.line(), error.column()))?;
        if let Some(helper) = file.helper(registry) {
            match ask(helper, registry, world) {
                Ok(credentials) => return Ok(Found { credentials: Some(credentials), silent: None }),
                Err(reason) => found.silent = Some(format!("docker-credential-{helper} gave none: {reason}")),
            }
        }
        if let Some(entry) = file.entry(registry, repository) {
            let credentials =
                entry.credentials().map_err(|reason| format!("{}: {reason} for {registry}", path.display()))?;
            if credentials.is_some() {
                return Ok(Found { credentials, silent: None });
            }
        }
    }
    Ok(found)
}

/// Where credentials are kept.
fn places(variable: &Variable<'_>) -> Vec<PathBuf> {
    let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = path("HOME");
    let docker = path("DOCKER_CONFIG").or_else(|| home.as_ref().map(|home| home.join(".docker")));
    let podman = path("REGISTRY_AUTH_FILE");
    let running = path("XDG_RUNTIME_DIR").filter(|_| podman.is_none()).map(|path| path.join("containers/auth.json"));
    [podman, running, docker.map(|docker| docker.join("config.json"))].into_iter().flatten().collect()
}

/// How files name a registry.
fn key(registry: &str) -> &str {
    if registry == HUB { HUB_KEY } else { registry }
}

impl File {
    /// The program that knows of a registry.
    fn helper(&self, registry: &str) -> Option<&str> {
        let known = self.cred_helpers.get(key(registry)).or_else(|| self.cred_helpers.get(registry));
        known.or(self.creds_store.as_ref()).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The entry whose name fits best: that of a part of the registry, as podman has them, before that of all of it.
    fn entry(&self, registry: &str, repository: &str) -> Option<&Entry> {
        let whole = format!("{registry}/{repository}");
        let parts = whole.match_indices('/').map(|(at, _)| &whole[..at]).chain([&*whole]);
        let named = parts.rev().find_map(|part| self.auths.get(part));
        let by_url = |(name, _): &(&String, &Entry)| {
            let name = name.split_once("://").map_or("", |(_, rest)| rest);
            name.split('/').next() == Some(registry)
        };
        named
            .or_else(|| self.auths.get(key(registry)))
            .or_else(|| self.auths.iter().find(by_url).map(|(_, entry)| entry))
    }
}

impl Entry {
    fn credentials(&self) -> Result<Option<Credentials>, &'static str> {
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = said(&self.identitytoken) {
            return Ok(Some(Credentials::Identity(token)));
        }
        if let (Some(name), Some(password)) = (said(&self.username), said(&self.password)) {
            return Ok(Some(Credentials::Password(name, password)));
        }
        let Some(auth) = said(&self.auth) else { return Ok(None) };
        let text = BASE64.decode(auth.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or("`auth` is not in Base64")?;
        // Some tools end it with zeros.
        let (name, password) = text.trim_end_matches('\0').split_once(':').ok_or("`auth` has no colon in it")?;
        Ok(Some(Credentials::Password(name.to_owned(), password.to_owned())))
    }
}

/// What a helper knows.
fn ask(helper: &str, registry: &str, world: &World<'_>) -> Result<Credentials, String> {
    if !helper.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err("that is no name of a helper".to_owned());
    }
    let output = (world.run)(&format!("docker-credential-{helper}"), "get", key(registry))?;
    let Told { username, secret } =
        serde_json::from_slice(&output).map_err(|_| "what it writes is not as docker reads it".to_owned())?;
    Ok(match username.as_str() {
        TOKEN => Credentials::Identity(secret),
        _ => Credentials::Password(username, secret),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)], variables: &[(&str, &str)], registry: &str) -> Result<Found, String> {
        let world = World {
            variable: &|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()),
            read: &|path| {
                let file = files.iter().find(|(name, _)| Path::new(name) == path);
                Ok(file.map(|(_, text)| (*text).to_owned()))
            },
            run: &|program, argument, line| match (program, argument, line) {
                ("docker-credential-good", "get", line) => {
                    Ok(format!("{{\"ServerURL\":\"{line}\",\"Username\":\"helped\",\"Secret\":\"at {line}\"}}").into())
                }
                ("docker-credential-token", ..) => Ok(b"{\"Username\":\"<token>\",\"Secret\":\"long\"}".to_vec()),
                ("docker-credential-odd", ..) => Ok(b"s3cret".to_vec()),
                _ => Err("exit status 1".to_owned()),
            },
        };
        find(registry, "acme/weather", &world)
    }

    fn password(name: &str, password: &str) -> Option<Credentials> {
        Some(Credentials::Password(name.into(), password.into()))
    }

    const HOME: &[(&str, &str)] = &[("HOME", "/h")];

    #[test]
    fn credentials_are_found_as_docker_keeps_them() {
        // "u:p:q", with padding and without.
        for (text, registry, expected) in [
            (r#"{"auths":{"ghcr.io":{"auth":"dTpwOnE="}}}"#, "ghcr.io", password("u", "p:q")),
            (r#"{"auths":{"ghcr.io":{"auth":"dTpwOnE"}}}"#, "ghcr.io", password("u", "p:q")),
            (r#"{"auths":{"https://ghcr.io/v2/":{"auth":"dTpwOnE="}}}"#, "ghcr.io", password("u", "p:q")),
            (r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dTpwOnE="}}}"#, "docker.io", password("u", "p:q")),
            (r#"{"auths":{"ghcr.io":{"username":"a","password":"b"}}}"#, "ghcr.io", password("a", "b")),
            (
                r#"{"auths":{"ghcr.io":{"auth":"dTpwOnE=","identitytoken":"t"}}}"#,
                "ghcr.io",
                Some(Credentials::Identity("t".into())),
            ),
            (
                r#"{"auths":{"ghcr.io":{"auth":"dTpwOnE="},"ghcr.io/acme":{"username":"a","password":"b"}}}"#,
                "ghcr.io",
                password("a", "b"),
            ),
            (r#"{"auths":{"ghcr.io/acm":{"auth":"dTpwOnE="}}}"#, "ghcr.io", None),
            (r#"{"auths":{"ghcr.io:443":{"auth":"dTpwOnE="}}}"#, "ghcr.io", None),
            (r#"{"auths":{"ghcr.io":{}},"HttpHeaders":{"x":"y"}}"#, "ghcr.io", None),
            (r#"{"credsStore":"good","auths":{"ghcr.io":{}}}"#, "ghcr.io", password("helped", "at ghcr.io")),
            (r#"{"credsStore":"good"}"#, "docker.io", password("helped", "at https://index.docker.io/v1/")),
            (
                r#"{"credsStore":"none","credHelpers":{"ghcr.io":"token"}}"#,
                "ghcr.io",
                Some(Credentials::Identity("long".into())),
            ),
            (r#"{"credsStore":"none","auths":{"ghcr.io":{"auth":"dTpwOnE="}}}"#, "ghcr.io", password("u", "p:q")),
            ("{}", "ghcr.io", None),
        ] {
            let found = found(&[("/h/.docker/config.json", text)], HOME, registry).expect(text);
            assert!(found.credentials == expected, "{text}");
        }
    }

    #[test]
    fn the_first_file_that_knows_one_counts() {
        let docker = ("/h/.docker/config.json", r#"{"auths":{"r":{"username":"docker","password":"x"}}}"#);
        let podman = ("/run/u/containers/auth.json", r#"{"auths":{"r":{"username":"podman","password":"x"}}}"#);
        let empty = ("/run/u/containers/auth.json", "{}");
        let named = ("/own.json", r#"{"auths":{"r":{"username":"own","password":"x"}}}"#);
        let running = [HOME[0], ("XDG_RUNTIME_DIR", "/run/u")];
        let own = [HOME[0], ("XDG_RUNTIME_DIR", "/run/u"), ("REGISTRY_AUTH_FILE", "/own.json")];
        let moved = [HOME[0], ("DOCKER_CONFIG", "/run/u/containers")];
        for (files, variables, expected) in [
            (&[docker, podman][..], HOME, "docker"),
            (&[docker, podman], &running, "podman"),
            (&[docker, empty], &running, "docker"),
            (&[docker, podman, named], &own, "own"),
            (&[docker, podman], &own, "docker"),
            (&[docker, ("/run/u/containers/config.json", podman.1)], &moved, "podman"),
        ] {
            let found = found(files, variables, "r").expect(expected);
            assert!(found.credentials == password(expected, "x"), "{expected}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_a_value() {
        for (text, says) in [
            (r#"{"auths":{"ghcr.io":{"auth":["s3cret"]}}}"#, "it is not as docker writes it (line 1"),
            (r#"{"auths":{"ghcr.io":{"auth":"s3cret!"}}}"#, "`auth` is not in Base64 for ghcr.io"),
            (r#"{"auths":{"ghcr.io":{"auth":"czNjcmV0"}}}"#, "`auth` has no colon in it for ghcr.io"),
            ("s3cret", "it is not as docker writes it"),
        ] {
            let error = found(&[("/h/.docker/config.json", text)], HOME, "ghcr.io").map(drop).expect_err(says);
            assert!(error.contains(says) && !error.contains("s3cret"), "{error}");
        }
        for (helper, says) in
            [("none", "gave none: exit status 1"), ("odd", "is not as docker reads it"), ("../x", "is no name")]
        {
            let text = format!("{{\"credsStore\":\"{helper}\"}}");
            let found = found(&[("/h/.docker/config.json", &text)], HOME, "ghcr.io").expect(helper);
            let silent = found.silent.expect(helper);
            assert!(found.credentials.is_none() && silent.contains(says) && !silent.contains("s3cret"), "{silent}");
        }
        let shown = format!("{:?}", (password("u", "s3cret"), Credentials::Identity("s3cret".into())));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
