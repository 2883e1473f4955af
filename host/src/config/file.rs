//! `host.toml`: its shape, and reading it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize as _, Deserializer, MapAccess, Visitor};

use super::secrets::SecretGrant;
use crate::error::Error;
use fetch::{Authorities, Proxy};
use rules::budget::Settings;
use rules::name::check_name;
use rules::policy::OriginGrant;
use rules::text;

/// The file where none is named.
const DEFAULT: &str = "host.toml";

/// The whole file.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ConfigFile {
    pub(super) tls: Tls,
    pub(super) network: Network,
    /// By the extractor's name.
    pub(super) extractor: BTreeMap<String, ExtractorConfig>,
}

/// The way to the network.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Network {
    /// The proxy, as `http://HOST:PORT`. Variables of the environment name none.
    pub(super) proxy: Option<Proxy>,
}

/// Whom to trust.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Tls {
    /// PEM files of CAs beside the system's, relative to the file that names them.
    pub(super) ca: Vec<PathBuf>,
    /// What is in them.
    #[serde(skip)]
    pub(super) authorities: Authorities,
}

/// What one extractor may do.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ExtractorConfig {
    /// The only component that may use these grants, in hexadecimal.
    pub(super) sha256: Option<String>,
    pub(super) http: Vec<HttpGrant>,
    pub(super) sources: Vec<String>,
    pub(super) secret: BTreeMap<String, SecretGrant>,
    pub(super) param: BTreeMap<String, String>,
    pub(super) budget: Settings,
    /// Whether a body may end with its connection and nothing else, as some old servers have it.
    pub(super) unframed: bool,
}

/// An origin, and perhaps more about it than an origin says.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpTable {
    origin: String,
    /// Whether its name may resolve to private addresses.
    #[serde(default)]
    private: bool,
}

/// The same, where the origin alone may be a text. By hand, since serde's own way loses the place of a mistake.
#[derive(Debug)]
pub(super) struct HttpGrant(HttpTable);

impl HttpGrant {
    pub(super) fn parse(&self) -> Result<OriginGrant, String> {
        let grant: OriginGrant = self.0.origin.parse()?;
        if self.0.private { grant.also_private() } else { Ok(grant) }
    }
}

impl<'de> serde::Deserialize<'de> for HttpGrant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = HttpGrant;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an origin such as \"https://example.org\", or a table of `origin` and `private`")
            }

            fn visit_str<E>(self, text: &str) -> Result<HttpGrant, E> {
                Ok(HttpGrant(HttpTable { origin: text.to_owned(), ..HttpTable::default() }))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<HttpGrant, M::Error> {
                HttpTable::deserialize(MapAccessDeserializer::new(map)).map(HttpGrant)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// The file that was named, or the default one.
pub(super) fn path(named: Option<&Path>) -> &Path {
    named.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new(DEFAULT))
}

/// Read the file that was named, or the default one where it exists. `or_new` says that the former may be made later.
pub(super) fn read(named: Option<&Path>, or_new: bool) -> Result<ConfigFile, Error> {
    let path = path(named);
    let named = named.filter(|path| !path.as_os_str().is_empty());
    #[expect(clippy::disallowed_methods, reason = "the configuration is the operator's file, not the landing zone's")]
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && (named.is_none() || or_new) => {
            return Ok(ConfigFile::default());
        }
        Err(error) => {
            let message = format!("cannot read the configuration {}: {error}", path.display());
            return Err(Error::usage(message).hint("name another with `--config FILE`"));
        }
    };
    let mut config = parse(&text).map_err(|reason| {
        Error::usage(format!("{}: {reason}", path.display())).hint("README.md shows what host.toml may say")
    })?;
    if let Some(error) = config.extractor.keys().find_map(|name| check_name(name).err()) {
        let message = format!("{}: a table under [extractor]: {error}", path.display());
        return Err(Error::usage(message).hint("no extractor can have that name"));
    }
    let directory = path.parent().unwrap_or(Path::new(""));
    config.tls.ca.iter_mut().for_each(|ca| *ca = directory.join(&*ca));
    config.tls.authorities = Authorities::read(&config.tls.ca)
        .map_err(|reason| Error::usage(reason).hint(format!("`ca` under [tls] in {} names them", path.display())))?;
    Ok(config)
}

pub(super) fn parse(text: &str) -> Result<ConfigFile, String> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| text::line_number(text, span.start));
        let message = error.message().replace('\n', " ");
        line.map_or(message.clone(), |line| format!("line {line}: {message}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_may_be_open_at_private_addresses() {
        let text = "[extractor.x]\nhttp = [\"https://a.example\", { origin = \"https://b.example\" },\n    \
                    { origin = \"https://db.internal:8443\", private = true }]\n";
        let config = parse(text).expect("a configuration");
        let grants: Vec<OriginGrant> =
            config.extractor["x"].http.iter().map(|grant| grant.parse().expect("a grant")).collect();
        let told: Vec<(String, bool)> = grants.iter().map(|grant| (grant.to_string(), grant.is_private())).collect();
        let told: Vec<(&str, bool)> = told.iter().map(|(origin, private)| (origin.as_str(), *private)).collect();
        assert_eq!(
            told,
            [("https://a.example", false), ("https://b.example", false), ("https://db.internal:8443", true)]
        );
        let wild = HttpGrant(HttpTable { origin: "https://*.a.example".into(), private: true });
        assert!(wild.parse().is_err_and(|reason| reason.contains("`private` is for one name")));
    }

    #[test]
    fn a_file_is_read_and_mistakes_are_placed() {
        let text = "[tls]\nca = [\"ca.pem\"]\n[extractor.padelnomics]\nhttp = [\"https://example.org\"]\n\
                    budget = { max-memory = \"64MiB\", timeout = \"15m\" }\nparam = { feeds = \"x\" }\n";
        let config = parse(text).expect("a configuration");
        let extractor = &config.extractor["padelnomics"];
        assert_eq!(extractor.budget.max_memory.map(|size| size.0), Some(64 << 20));
        assert_eq!(extractor.param["feeds"], "x");
        for (text, expected) in [
            ("[extractor.x]\nhtpp = []", "line 2: unknown field `htpp`"),
            ("[extractor.x.budget]\ntimeout = \"soon\"", "line 2: `soon` is no duration"),
            ("[extractor.x.budget]\nmax-memory = \"lots\"", "line 2: `lots` is no size"),
            ("[extractor", "line 1"),
            ("[network]\nproxy = \"https://proxy.example\"", "line 2: `https://proxy.example` is not a proxy"),
            ("[exctractor.x]", "line 1: unknown field `exctractor`"),
            ("[extractor.x]\nhttp = [\n\"https://a.example\",\n{ private = true }]", "line 4: missing field `origin`"),
            ("[extractor.x]\nhttp = [{ origin = \"https://a\", privat = true }]", "line 2: unknown field `privat`"),
            ("[extractor.x]\nhttp = [7]", "line 2: invalid type: integer `7`, expected an origin such as"),
        ] {
            let error = parse(text).expect_err(expected);
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        }
    }
}
