//! `[registry.HOST]` and `[trust.NAME]`: how registries are reached, and whose signatures are needed for what comes from them.

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use registry::{ALL, Demand, Lock, PublicKey, Reference, Rules, is_on_this_machine};
use rules::budget::Time;
use rules::proxy::Proxy;
use rules::text;

use super::file::Configuration;
use super::place;
use crate::error::{Error, Kind};
use crate::files;

/// The file of digests, beside the configuration.
const LOCK: &str = "host.lock";
/// Largest file of keys or credentials, in bytes.
const MAX_KEYS: u64 = 1 << 20;
/// What a key begins with that stands in the configuration itself.
const PEM: &str = "-----BEGIN";

/// How one registry is reached.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Registry {
    /// By http, and not by https [default: on this machine alone].
    plain_http: Option<bool>,
    /// How long it may say and take nothing.
    timeout: Option<Time>,
    /// Whether `[network] proxy` leads to it [default: as to everything else].
    proxy: Option<bool>,
}

/// Whose signature is needed for names that begin so.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Trust {
    /// Files of public keys, relative to the one that names them, or the keys themselves.
    keys: Vec<String>,
    /// The name that they signed in the place of this one, which is a mirror.
    signed_as: Option<String>,
    /// None is needed.
    unsigned: bool,
}

/// How a registry is reached.
pub struct Way {
    /// By http, and not by https.
    pub plain: bool,
    /// How long it may say and take nothing.
    pub timeout: Duration,
    /// Whom to trust beside the machine's roots.
    pub authorities: fetch::Authorities,
    /// The proxy that leads there.
    pub proxy: Option<Proxy>,
}

/// The name of a registry, or of a repository with all below it, as references have it.
fn name(said: &str) -> Option<String> {
    let reference: Reference = format!("oci://{said}/x").parse().ok()?;
    reference.name().strip_suffix("/x").map(str::to_owned)
}

impl Configuration {
    /// How the registry of a reference is reached.
    pub fn way_to(&self, registry: &str) -> Result<Way, Error> {
        for said in self.file.registry.keys() {
            if name(said).is_none_or(|name| name.contains('/')) {
                let shown = text::quoted(said);
                return Err(Error::usage(format!("{}: [registry.\"{shown}\"] names no registry", self.path.display()))
                    .hint("its name is a host, and perhaps a port: [registry.\"HOST:PORT\"]"));
            }
        }
        let said = self.file.registry.iter().find(|(said, _)| name(said).as_deref() == Some(registry));
        let said = said.map(|(_, said)| said.clone()).unwrap_or_default();
        Ok(Way {
            plain: said.plain_http.unwrap_or_else(|| is_on_this_machine(registry)),
            timeout: said.timeout.map_or(registry::TIMEOUT, |timeout| timeout.0),
            authorities: self.file.tls.authorities.clone(),
            proxy: self.file.network.proxy.clone().filter(|_| said.proxy.unwrap_or(true)),
        })
    }

    /// Whose signatures are needed for which names.
    pub fn trust(&self) -> Result<Rules, Error> {
        let rule = |(said, trust): (&String, &Trust)| {
            let wrong = |reason: String| {
                let place = format!("{}: [trust.\"{}\"]", self.path.display(), text::quoted(said));
                Error::usage(format!("{place}: {reason}"))
                    .hint("`keys` lists files of public keys; `unsigned = true` in its place asks for no signature")
            };
            let named = || name(said).ok_or_else(|| wrong("it names no registry and no repository".to_owned()));
            let rule = if said == ALL { said.clone() } else { named()? };
            let signed_as = trust.signed_as.as_deref().map(|other| {
                let named = name(other).filter(|_| said != ALL);
                named.ok_or_else(|| wrong("`signed-as` names no registry and no repository".to_owned()))
            });
            let signed_as = signed_as.transpose()?;
            let demand = match (&trust.keys[..], trust.unsigned) {
                ([], true) if signed_as.is_none() => Demand::Nothing,
                ([], false) => return Err(wrong("it has no `keys`".to_owned())),
                (_, true) => return Err(wrong("what is `unsigned` has no keys".to_owned())),
                (keys, false) => Demand::Signed(self.keys(keys).map_err(wrong)?, signed_as),
            };
            Ok((rule, demand))
        };
        Ok(Rules::new(self.file.trust.iter().map(rule).collect::<Result<Vec<_>, Error>>()?))
    }

    fn keys(&self, said: &[String]) -> Result<Vec<PublicKey>, String> {
        let mut keys = Vec::new();
        for said in said {
            if said.trim_start().starts_with(PEM) {
                keys.extend(PublicKey::read(said).map_err(|reason| format!("of a key in it, {reason}"))?);
                continue;
            }
            let path = self.directory().join(said);
            let failed = |reason: &dyn std::fmt::Display| format!("{}: {reason}", path.display());
            let text = key_text(&path).map_err(|error| failed(&error))?;
            keys.extend(PublicKey::read(&text).map_err(|reason| failed(&reason))?);
        }
        Ok(keys)
    }

    /// Where digests are kept: beside the configuration, or in the working directory where that comes through a pipe.
    pub fn lock_path(&self) -> PathBuf {
        if self.is_stream() { PathBuf::from(LOCK) } else { self.directory().join(LOCK) }
    }

    /// Which digests tags stand for.
    pub fn lock(&self) -> Result<Lock, Error> {
        let path = self.lock_path();
        let wrong = |reason: &dyn std::fmt::Display| {
            Error::usage(format!("cannot use {}: {reason}", path.display()))
                .hint("mend it, or remove it and say `host pull` again")
        };
        // What it says decides which component is run, as the configuration does.
        let text = match place::text(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(wrong(&error)),
        };
        Lock::read(&text).map_err(|error| wrong(&error))
    }

    /// Change which digests tags stand for. Of two changes at once neither is lost.
    pub fn change_lock<T>(&self, change: impl FnOnce(&mut Lock) -> T) -> Result<T, Error> {
        let path = self.lock_path();
        let failed = |error: std::io::Error| {
            Error::new(Kind::Failed, format!("cannot write {}: {error}", path.display()))
                .hint("make it and its directory writable, or name the component by its digest: `NAME@sha256:DIGEST`")
        };
        let _turn = files::turn(&path).map_err(failed)?;
        let mut lock = self.lock()?;
        let before = lock.clone();
        let changed = change(&mut lock);
        if lock != before {
            files::replace(&path, lock.text().as_bytes()).map_err(failed)?;
        }
        Ok(changed)
    }

    /// The references that the configuration names, in the order of the extractors' names.
    pub fn references(&self) -> Vec<String> {
        let components = self.file.extractor.values().filter_map(|extractor| extractor.component.as_ref());
        let mut all: Vec<String> = components
            .filter_map(|component| component.to_str().filter(|text| Reference::is_meant(text)).map(str::to_owned))
            .collect();
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|reference| seen.insert(reference.clone()));
        all
    }
}

/// The text of a file of keys or credentials.
pub fn key_text(path: &Path) -> std::io::Result<String> {
    #[expect(clippy::disallowed_methods, reason = "the key is the operator's file, not the landing zone's")]
    let file = std::fs::File::open(path)?;
    let mut text = String::new();
    file.take(MAX_KEYS).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::file::parse;
    use super::*;

    fn configuration(text: &str) -> Configuration {
        Configuration { path: "host.toml".into(), text: text.into(), file: parse(text).expect("a configuration") }
    }

    #[test]
    fn a_registry_is_asked_by_https_but_on_this_machine_and_where_the_operator_says_so() {
        let text = "[registry.\"Registry.Internal:5000\"]\nplain-http = true\ntimeout = \"5s\"\n\
                    [registry.localhost]\nplain-http = false\n";
        let known = configuration(text);
        for (registry, plain, seconds) in [
            ("ghcr.io", false, 30),
            ("localhost:5000", true, 30),
            ("127.0.0.1:5000", true, 30),
            ("[::1]:5000", true, 30),
            ("registry.internal", false, 30),
            ("registry.internal:5000", true, 5),
            ("localhost", false, 30),
            ("localhost.example", false, 30),
        ] {
            let way = known.way_to(registry).map_err(|error| error.to_string()).expect(registry);
            assert_eq!((way.plain, way.timeout.as_secs()), (plain, seconds), "{registry}");
            assert_eq!(way.proxy, None, "{registry}");
        }
        let text =
            "[network]\nproxy = \"http://proxy.example:3128\"\n[registry.\"registry.internal\"]\nproxy = false\n";
        let known = configuration(text);
        for (registry, through) in [("ghcr.io", true), ("registry.internal", false), ("registry.internal:5000", true)] {
            let way = known.way_to(registry).map_err(|error| error.to_string()).expect(registry);
            assert_eq!(way.proxy.is_some(), through, "{registry}");
        }
        let wrong = configuration("[registry.\"a/b\"]\n").way_to("ghcr.io").map(drop).expect_err("a name").to_string();
        assert!(wrong.contains("[registry.\"a/b\"] names no registry"), "{wrong}");
    }

    #[test]
    fn what_is_wrong_with_a_rule_of_trust_is_told() {
        for (text, says) in [
            ("[trust.\"a/B\"]\nunsigned = true", "[trust.\"a/B\"]: it names no registry"),
            ("[trust.\"ghcr.io/acme:1\"]\nunsigned = true", "it names no registry"),
            ("[trust.\"*\"]\n", "it has no `keys`"),
            ("[trust.\"*\"]\nunsigned = true\nkeys = [\"a\"]", "what is `unsigned` has no keys"),
            ("[trust.\"*\"]\nkeys = [\"a\"]\nsigned-as = \"ghcr.io\"", "`signed-as` names no registry"),
            ("[trust.\"ghcr.io\"]\nkeys = [\"no-such.pub\"]", "no-such.pub: No such file"),
            (
                "[trust.\"ghcr.io\"]\nkeys = [\"-----BEGIN PUBLIC KEY-----\"]",
                "of a key in it, it is not a whole PEM file",
            ),
        ] {
            let error = configuration(text).trust().map(drop).expect_err(says).to_string();
            assert!(error.contains(says), "{error}");
        }
        assert!(configuration("[trust.\"GHCR.io/acme\"]\nunsigned = true").trust().is_ok());
    }
}
