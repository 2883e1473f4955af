//! `host.toml`: its shape, and reading it.

use super::near;
use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize as _, Deserializer, MapAccess, Visitor};

use super::notify;
use super::place;
use super::registries::{Registry, Trust};
use super::secrets::{SecretFrom, SecretGrant};
use super::store::Store;
use crate::error::Error;
use fetch::Authorities;
use objects::Address;
use registry::Reference;
use rules::budget::{Age, Settings};
use rules::expectation::Expectations;
use rules::name::check_name;
use rules::policy::OriginGrant;
use rules::proxy::Proxy;
use rules::schedule::Schedule;
use rules::text;

/// The whole file.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ConfigFile {
    pub(super) tls: Tls,
    pub(super) network: Network,
    pub(super) metrics: Metrics,
    pub(super) store: Store,
    /// How registries are reached, by their hosts.
    pub(super) registry: BTreeMap<String, Registry>,
    /// Whose signatures are needed, by the names that they are needed for.
    pub(super) trust: BTreeMap<String, Trust>,
    pub(super) defaults: Defaults,
    /// Who is told of what, by its name.
    pub(super) notify: BTreeMap<String, notify::Written>,
    /// By the extractor's name.
    pub(super) extractor: BTreeMap<String, ExtractorConfig>,
}

/// The way to the network.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Network {
    /// The proxy, as `http://HOST:PORT`. Variables of the environment name none.
    pub(super) proxy: Option<Proxy>,
}

/// Whom to trust.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Tls {
    /// PEM files of CAs beside the system's, relative to the file that names them.
    pub(super) ca: Vec<PathBuf>,
    /// What is in them.
    #[serde(skip)]
    pub(super) authorities: Authorities,
}

/// Where numbers go.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Metrics {
    /// The file that is renewed after each run, relative to the one that names it.
    pub(super) textfile: Option<PathBuf>,
}

/// What holds for all extractors, unless the table of one says otherwise.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Defaults {
    /// The landing directory, relative to the file that names it, or a place in an object store.
    pub(super) landing: Option<PathBuf>,
    /// The time zone of schedules, by its IANA name.
    pub(super) time_zone: Option<TimeZone>,
    /// How long ago the last success may be.
    pub(super) stale_after: Option<Age>,
    /// Who is told, of those under `notify` [default: all of them].
    pub(super) notify: Option<Vec<String>>,
    /// What is expected of the contents of all sources.
    pub(super) expect: Expectations,
    pub(super) budget: Settings,
}

/// A time zone, by its IANA name.
#[derive(Debug, Clone)]
pub(super) struct TimeZone(pub(super) jiff::tz::TimeZone);

impl<'de> serde::Deserialize<'de> for TimeZone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let unknown = || format!("`{}` is no time zone of this machine, such as `Europe/Madrid`", text::quoted(&name));
        clock::zone(&name).map(Self).ok_or_else(|| serde::de::Error::custom(unknown()))
    }
}

/// What one extractor is, and what it may do.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ExtractorConfig {
    /// Its file, relative to the one that names it, or its reference: what `host run NAME` runs.
    pub(super) component: Option<PathBuf>,
    /// When it is due: five fields of cron.
    pub(super) schedule: Option<Schedule>,
    /// The time zone of the schedule, by its IANA name.
    pub(super) time_zone: Option<TimeZone>,
    /// How long ago the last success may be.
    pub(super) stale_after: Option<Age>,
    /// Who is told, of those under `notify`.
    pub(super) notify: Option<Vec<String>>,
    /// The only component that may use these grants, in hexadecimal.
    pub(super) sha256: Option<String>,
    pub(super) http: Vec<HttpGrant>,
    pub(super) sources: Vec<String>,
    pub(super) secret: BTreeMap<String, SecretGrant>,
    /// Certificates that the host shows for it.
    pub(super) client_certificate: Vec<CertificateGrant>,
    pub(super) param: BTreeMap<String, String>,
    pub(super) budget: Settings,
    /// What is expected of the contents of its sources.
    pub(super) expect: Expectations,
    /// Whether a body may end with its connection and nothing else, as some old servers have it.
    pub(super) unframed: bool,
}

/// A certificate that is shown at an origin, and where it is kept.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CertificateGrant {
    pub(super) origin: String,
    pub(super) chain: SecretFrom,
    pub(super) key: SecretFrom,
}

/// An origin, and perhaps more about it than an origin says.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpTable {
    origin: String,
    /// Whether its name may resolve to private addresses.
    #[serde(default)]
    private: bool,
}

/// The same, where the origin alone may be a text. By hand, since serde's own way loses the place of a mistake.
#[derive(Debug, Clone)]
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

/// A configuration: its file, and what that says.
#[derive(Debug, Default)]
pub struct Configuration {
    /// Where it is, or would be made.
    pub path: PathBuf,
    /// As it was read; empty where there is none.
    pub(super) text: String,
    pub(super) file: ConfigFile,
}

impl Configuration {
    /// Read the file that was named, else the first of those that are looked for; it says nothing where there is none.
    pub fn read(named: Option<&Path>) -> Result<Self, Error> {
        Self::read_or_new(named, false)
    }

    /// Where the file is that was named, else the first of those that are looked for. It is not read.
    pub fn place(named: Option<&Path>) -> PathBuf {
        place::find(named.filter(|path| !path.as_os_str().is_empty()))
    }

    /// [`Configuration::read`], where a file that was named may be one that is yet to be made.
    pub fn read_or_new(named: Option<&Path>, or_new: bool) -> Result<Self, Error> {
        let named = named.filter(|path| !path.as_os_str().is_empty());
        let path = place::find(named);
        let text = match place::text(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && (named.is_none() || or_new) => {
                return Ok(Self { path, ..Self::default() });
            }
            Err(error) => return Err(place::unreadable(&path, &error)),
        };
        let mut file = parse(&text).map_err(|reason| {
            Error::usage(format!("{}: {reason}", path.display()))
                .hint("host/book/src/host-toml.md shows what host.toml may say")
        })?;
        if let Some(error) = file.extractor.keys().find_map(|name| check_name(name).err()) {
            let message = format!("{}: a table under [extractor]: {error}", path.display());
            return Err(Error::usage(message).hint("no extractor can have that name"));
        }
        let nothing = Some(Path::new(""));
        if let Some((name, _)) = file.extractor.iter().find(|(_, extractor)| extractor.component.as_deref() == nothing)
        {
            let message = format!("{}: `component` under [extractor.{name}] is empty", path.display());
            return Err(Error::usage(message).hint("name a component's file or its reference, or leave the key out"));
        }
        let directory = path.parent().unwrap_or(Path::new(""));
        file.tls.ca.iter_mut().for_each(|ca| *ca = directory.join(&*ca));
        file.tls.authorities = Authorities::read(&file.tls.ca).map_err(|reason| {
            Error::usage(reason).hint(format!("`ca` under [tls] in {} names them", path.display()))
        })?;
        file.metrics.textfile.iter_mut().for_each(|path| *path = directory.join(&*path));
        let is_address = |landing: &PathBuf| landing.to_str().is_some_and(Address::is_meant);
        let relative = file.defaults.landing.iter_mut().filter(|landing| !is_address(landing));
        relative.for_each(|landing| *landing = directory.join(&*landing));
        let components = file.extractor.values_mut().filter_map(|extractor| extractor.component.as_mut());
        let files = components.filter(|component| !is_reference(component));
        files.for_each(|component| *component = directory.join(&*component));
        Ok(Self { path, text, file })
    }

    /// Where it is looked for if nobody names one, in this order.
    pub fn places() -> Vec<PathBuf> {
        place::candidates(|name| std::env::var_os(name))
    }

    /// Whether there is such a file.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Whether it is one that comes through a pipe, and comes once.
    pub fn is_stream(&self) -> bool {
        place::is_stream(&self.path)
    }

    /// The directory of its file.
    pub fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The file of metrics that is renewed after each run.
    pub fn textfile(&self) -> Option<PathBuf> {
        self.file.metrics.textfile.clone()
    }
}

/// Whether the path of a component is a reference into a registry.
pub fn is_reference(component: &Path) -> bool {
    component.to_str().is_some_and(Reference::is_meant)
}

pub(super) fn parse(text: &str) -> Result<ConfigFile, String> {
    let text = text.strip_prefix(place::MARK).unwrap_or(text);
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
    line.unwrap_or_default() + &key + &near::suggested(&error.message().replace('\n', " "))
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
            ("[extractor.x]\nhtpp = []", "line 2: `extractor.x.htpp`: unknown field `htpp`, did you mean `http`?"),
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
            (
                "[extractor.x.secret.y]\nas = \"bearer\"\norigins = []",
                "line 1: `extractor.x.secret.y`: `from` has to say",
            ),
            (
                "[extractor.x.secret.y]\nas = \"pair\"\norigins = []",
                "`extractor.x.secret.y`: `parts` has to say where `user` and `password` are",
            ),
            (
                "[extractor.x.secret.y]\nas = \"pair\"\norigins = []\nfrom = { env = \"A\" }",
                "sent as a user and a password has parts: `parts` says where `user` and `password` are",
            ),
            (
                "[extractor.x.secret.y]\nas = \"bearer\"\norigins = []\nparts = { user = { env = \"A\" } }",
                "sent as a bearer token has no parts: `from` says where it is",
            ),
            (
                "[extractor.x.secret.y]\nas = \"pair\"\norigins = []\nfrom = { env = \"A\" }\nparts = {}",
                "`from` and `parts` both say where it is",
            ),
            (
                "[extractor.x.secret.y]\nas = \"pair\"\norigins = []\nparts = { user = { env = \"A\" } }",
                "nobody says where its part `password` is",
            ),
            (
                "[extractor.x.secret.y]\nas = \"pair\"\norigins = []\nparts = { usr = { env = \"A\" } }",
                "it has no part `usr`: it has `user` and `password`",
            ),
            (
                "[extractor.x.secret.y]\nas = \"pair\"\norigins = []\nparts = { user = \"hush\" }",
                "line 4: `extractor.x.secret.y.parts`: `parts` is a table of parts",
            ),
            ("[extractor.x.expect]\nmin-size = \"lots\"", "line 2: `extractor.x.expect.min-size`: `lots` is no size"),
            ("[extractor.x.expect]\nmin-sise = 1", "line 2: `extractor.x.expect.min-sise`: unknown field `min-sise`"),
            (
                "[extractor.x.expect.source.y]\njson = \"csv\"",
                "line 2: `extractor.x.expect.source.y.json`: `csv` is neither",
            ),
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
