//! `host.toml`: its shape, and reading it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
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
/// Largest file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// The byte order mark, which some editors put before a text.
pub(super) const MARK: char = '\u{feff}';

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
    let text = match text(path) {
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
        Error::usage(format!("{}: {reason}", path.display()))
            .hint("host/book/src/host-toml.md shows what host.toml may say")
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

/// Whether a path leads to what the operator has the program read as it comes: `/dev/stdin`, or what a shell puts in the
/// place of `<(…)`.
pub(super) fn is_stream(path: &Path) -> bool {
    path.starts_with("/dev") || path.starts_with("/proc")
}

/// The text of a configuration file. A pipe that somebody put in its place is refused: it would be waited for.
pub(super) fn text(path: &Path) -> io::Result<String> {
    let mut options = OpenOptions::new();
    options.read(true);
    if !is_stream(path) {
        options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    }
    #[expect(clippy::disallowed_methods, reason = "the configuration is the operator's file, not the landing zone's")]
    let file = options.open(path)?;
    if !is_stream(path) && !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other(format!("it is larger than the limit of {} MiB", MAX_FILE >> 20)));
    }
    String::from_utf8(text).map_err(|error| io::Error::new(ErrorKind::InvalidData, error.utf8_error()))
}

pub(super) fn parse(text: &str) -> Result<ConfigFile, String> {
    let text = text.strip_prefix(MARK).unwrap_or(text);
    let document = toml::Deserializer::parse(text).map_err(|error| placed(text, "", &error))?;
    serde_path_to_error::deserialize(document).map_err(|error| {
        let key = error.path().to_string();
        placed(text, &key, error.inner())
    })
}

/// What is wrong, and where.
fn placed(text: &str, key: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| format!("line {}: ", text::line_number(text, span.start)));
    let key = if key.is_empty() || key == "." { String::new() } else { format!("`{key}`: ") };
    line.unwrap_or_default() + &key + &error.message().replace('\n', " ")
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
            ("[extractor.x]\nhtpp = []", "line 2: `extractor.x.htpp`: unknown field `htpp`"),
            ("[extractor.x.budget]\ntimeout = \"soon\"", "line 2: `extractor.x.budget.timeout`: `soon` is no duration"),
            (
                "[extractor.x.budget]\nmax-memory = \"lots\"",
                "line 2: `extractor.x.budget.max-memory`: `lots` is no size",
            ),
            (
                "[extractor.x]\nhttp = \"a\"",
                "line 2: `extractor.x.http`: invalid type: string \"a\", expected a sequence",
            ),
            ("[extractor.x]\nhttp = [\n\"a\",\n1]", "line 4: `extractor.x.http[1]`: invalid type: integer `1`"),
            ("[extractor.x.secret.y]\nfrom = 1", "line 2: `extractor.x.secret.y.from`: `from` is a table"),
            ("tls = 1", "line 1: `tls`: invalid type: integer `1`"),
            ("[extractor", "line 1"),
            (
                "[network]\nproxy = \"https://proxy.example\"",
                "line 2: `network.proxy`: `https://proxy.example` is not a proxy",
            ),
            ("[exctractor.x]", "line 1: `exctractor`: unknown field `exctractor`"),
            ("[extractor.x]\nhttp = [\n\"https://a.example\",\n{ private = true }]", "missing field `origin`"),
            ("[extractor.x]\nhttp = [{ origin = \"https://a\", privat = true }]", "unknown field `privat`"),
            ("[extractor.x]\nhttp = [7]", "invalid type: integer `7`, expected an origin such as"),
        ] {
            let error = parse(text).expect_err(expected);
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        }
    }
}
