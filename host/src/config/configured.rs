//! Who an extractor is, what it asks for and what it is granted, before any of it counts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Component;
use super::asks::Asks;
use super::file::{CertificateGrant, Configuration, Defaults, ExtractorConfig, HttpGrant, Network, Tls};
use super::flags::Flags;
use super::secrets::{self, SecretGrant, SecretSource};
use super::store::Store;
use crate::error::{Error, Kind};
use crate::landing::{Landing, Place};
use crate::tokens::{Keep, Key, Network as TokenNetwork, Order};
use engine::Manifest;
use fetch::ClientCertificate;
use registry::Reference;
use rules::budget::Settings;
use rules::domain::{Digest, Grant};
use rules::name::check_name;
use rules::oauth::{OAuth, TokenGrant};
use rules::policy::OriginGrant;
use rules::secret::Secret;
use rules::text;

/// Longest reason that quotes a manifest, in characters.
const MAX_REASON: usize = 300;

/// What the operator granted to an extractor, whatever it asks for.
#[derive(Debug, Clone, Default)]
pub struct Granted {
    /// Whether there is a word of it anywhere.
    pub at_all: bool,
    /// The only component that may use it.
    pub sha256: Option<String>,
    /// Origins.
    pub http: Vec<OriginGrant>,
    /// Sources beside its own.
    pub sources: BTreeSet<String>,
    /// Secrets.
    pub secrets: BTreeMap<String, SecretGrant>,
    /// How much of everything.
    pub settings: Settings,
}

impl Granted {
    /// What the flags and the extractor's table grant together.
    fn new(flags: &Flags, config: &ExtractorConfig, defaults: &Defaults, place: &str) -> Result<Self, Error> {
        let hint = "an origin is a scheme, a host and perhaps a port, without a path";
        let by_flag = |text: &String| text.parse().map_err(|reason: String| Error::usage(reason).hint(hint));
        let in_file = |grant: &HttpGrant| {
            grant.parse().map_err(|reason| Error::usage(format!("{place}: `http`: {reason}")).hint(hint))
        };
        if let Some(digest) = config.sha256.as_ref().filter(|digest| !is_digest(digest)) {
            let message = format!("{place}: `sha256` is `{}`, and not 64 hexadecimal digits", text::quoted(digest));
            return Err(Error::usage(message).hint("`host inspect` shows the digest of a component"));
        }
        let sources: BTreeSet<String> = flags.allow_source.iter().chain(&config.sources).cloned().collect();
        if let Some(error) = sources.iter().find_map(|source| check_name(source).err()) {
            return Err(Error::usage(error).hint("a source is one directory of the landing zone"));
        }
        let http = flags.allow_http.iter().map(by_flag).chain(config.http.iter().map(in_file));
        let http: Vec<OriginGrant> = http.collect::<Result<_, _>>()?;
        Ok(Self {
            at_all: !http.is_empty() || !sources.is_empty() || !config.secret.is_empty() || config.sha256.is_some(),
            sha256: config.sha256.as_ref().map(|digest| digest.to_ascii_lowercase()),
            http,
            sources,
            secrets: config.secret.clone(),
            settings: flags.budget.clone().or(config.budget.clone()).or(defaults.budget.clone()),
        })
    }

    /// What a component asks for and is not granted.
    pub(super) fn missing(&self, asks: &Asks) -> BTreeSet<Grant> {
        let origins = asks.http.iter().filter(|asked| !self.http.iter().any(|granted| granted.includes(asked)));
        let sources = asks.sources.difference(&self.sources);
        let needed = asks.secrets.iter().filter(|(_, asked)| !asked.optional).map(|(secret, _)| secret);
        let secrets = needed.filter(|secret| !self.secrets.contains_key(*secret));
        let origins = origins.map(|origin| Grant::Origin(origin.to_string()));
        let secrets = secrets.map(|secret| Grant::Secret(secret.clone()));
        origins.chain(sources.map(|source| Grant::Source(source.clone()))).chain(secrets).collect()
    }
}

/// Who an extractor is, what it asks for, and what it is granted.
pub struct Configured {
    /// Its identity in the state, the lock, the landing zone and `host.toml`.
    pub name: String,
    /// What it asks for.
    pub asks: Asks,
    /// What it is granted.
    pub granted: Granted,
    /// The configuration file.
    pub file: PathBuf,
    /// The command that shows what the component asks for, and grants it.
    pub allow: String,
    pub(super) config: ExtractorConfig,
    pub(super) tls: Tls,
    pub(super) network: Network,
    pub(super) store: Store,
}

impl Configured {
    /// Resolve what the operator said about a component, as far as grants go.
    pub fn resolve(flags: &Flags, configuration: &Configuration, component: Component<'_>) -> Result<Self, Error> {
        let Component { path, manifest, .. } = component;
        let name = name(flags, path, manifest)?;
        let Configuration { path: file, file: said, .. } = configuration;
        let config = said.extractor.get(&name).cloned().unwrap_or_default();
        let asks = Asks::of(manifest, &name).map_err(|reason| {
            let reason = text::cut(&reason, MAX_REASON);
            let message =
                format!("cannot run {}: its manifest asks for what cannot be granted: {reason}", path.display());
            Error::usage(message).wrapped().hint("its author has to mend it")
        })?;
        let by_name = config.component.as_deref() == Some(path);
        let mut allow = match by_name {
            true => format!("host allow {name}"),
            false => format!("host allow {}", text::shell(&path.display().to_string())),
        };
        if let Some(name) = flags.name.as_ref().filter(|_| !by_name) {
            allow.push_str(&format!(" --name {name}"));
        }
        if let Some(config) = flags.config.as_ref().filter(|path| !path.as_os_str().is_empty()) {
            allow.push_str(&format!(" --config {}", text::shell(&config.display().to_string())));
        }
        let place = format!("{}: [extractor.{name}]", file.display());
        let granted = Granted::new(flags, &config, &said.defaults, &place)?;
        let (tls, network, store) = (said.tls.clone(), said.network.clone(), said.store.clone());
        Ok(Self { name, asks, granted, file: file.clone(), allow, config, tls, network, store })
    }

    /// Whether the grants are for this very component, as far as they say.
    pub fn fits(&self, digest: Digest) -> bool {
        self.granted.sha256.as_ref().is_none_or(|pinned| *pinned == digest.to_string())
    }

    /// What the component lists and is not granted.
    pub fn missing(&self) -> BTreeSet<Grant> {
        self.granted.missing(&self.asks)
    }

    /// Whether the component lists what it needs and nobody granted any of it, so that it was never looked at.
    pub fn is_unknown(&self) -> bool {
        !self.granted.at_all && self.asks.lists_something()
    }

    /// Refuse a component that was never looked at, or is another than the one that was.
    pub(super) fn check(&self, component: Component<'_>) -> Result<(), Error> {
        let path = component.path.display();
        let not_granted = |message: String| {
            Err(Error::new(Kind::NotGranted, message)
                .hint(format!("`{}` shows what it asks for, and grants it", self.allow)))
        };
        if !self.fits(component.digest) {
            let message = format!("{path} is not the component that {} pins for {}", self.file.display(), self.name);
            return not_granted(message);
        }
        if self.is_unknown() {
            return not_granted(format!(
                "{path} asks for grants, and {} has none for {}",
                self.file.display(),
                self.name
            ));
        }
        Ok(())
    }

    /// The secrets that it takes. A replay sends none, so that none has to be there.
    pub(super) fn secrets(&self, replayed: bool, params: &BTreeMap<String, String>) -> Result<Vec<Arc<Secret>>, Error> {
        let directory = self.directory();
        let load = |(secret, grant): (&String, &SecretGrant)| {
            let grant = SecretGrant { place: grant.place.filled(params), ..grant.clone() };
            let asked = self.asks.secrets.get(secret).map_or(&[][..], |asked| &asked.origins);
            let loaded = match replayed {
                true => grant.stand_in(secret),
                false => secrets::load(secret, &grant, directory, |name| std::env::var_os(name)),
            };
            loaded.map(|loaded| Arc::new(loaded.only_for(asked))).map_err(|reason| self.unusable(secret, &reason))
        };
        self.taken().map(load).collect()
    }

    /// The secrets that are granted and asked for.
    fn taken(&self) -> impl Iterator<Item = (&String, &SecretGrant)> {
        self.granted.secrets.iter().filter(|(secret, _)| self.asks.takes_secret(secret))
    }

    fn directory(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    fn unusable(&self, secret: &str, reason: &str) -> Error {
        Error::usage(format!("the secret `{secret}` of {}: {reason}", self.name)).hint(format!(
            "[extractor.{}.secret.{secret}] in {} says where it is",
            self.name,
            self.file.display()
        ))
    }

    /// The same with the parameters that are set.
    pub fn orders_of(
        &self,
        flags: &Flags,
        component: Component<'_>,
        landing: &Landing,
    ) -> Result<BTreeMap<String, Order>, Error> {
        let params = super::params::resolve(flags, &self.config, component.manifest, &self.name)?;
        self.orders(&params, flags, landing)
    }

    /// What it takes to get those of the secrets that are tokens, by their names.
    pub fn orders(
        &self,
        params: &BTreeMap<String, String>,
        flags: &Flags,
        landing: &Landing,
    ) -> Result<BTreeMap<String, Order>, Error> {
        // A manifest's own values say nothing of where the operator's secrets go.
        let is_set = |name: &str| self.config.param.contains_key(name) || flags.gives(name);
        let set = |name: &str| params.get(name).filter(|_| is_set(name)).map(String::as_str);
        let all = self.taken().filter_map(|(secret, grant)| Some((secret, grant.oauth.as_ref()?, grant)));
        let mut all = all.peekable();
        let keeping = if all.peek().is_some() { self.keeping(landing)? } else { Keeping::Nowhere };
        let order = |secret: &String, oauth: &OAuth, grant: &SecretGrant| {
            let parts = secrets::load_parts(&grant.source, self.directory(), |name| std::env::var_os(name))?;
            oauth.check_places(set)?;
            let consent = self.consent(oauth, flags, &grant.source);
            let oauth = oauth.filled(params);
            oauth.check()?;
            if let Some(open) = [&oauth.token_url].into_iter().find(|url| url.contains('{')) {
                return Err(format!("`{}` holds a parameter that has no value", text::quoted(open)));
            }
            let network = TokenNetwork {
                authorities: self.tls.authorities.der().map(<[u8]>::to_vec).collect(),
                proxy: self.network.proxy.as_ref().map(ToString::to_string),
                mapped: flags.mapped.iter().map(|mapping| format!("{}={}", mapping.from(), mapping.to())).collect(),
                private: grant.private,
            };
            let mut order = Order { oauth, parts, keep: None, refused: None, network, consent };
            let whose = format!("{}.{secret}", self.name);
            // What is signed costs no request.
            order.keep = keeping.keep(&order, &whose).filter(|_| order.oauth.grant != TokenGrant::Signed);
            if order.keep.is_none() && order.oauth.has_refresh_token() {
                return Err(
                    "there is nowhere to keep tokens: STATE_DIRECTORY, XDG_STATE_HOME or HOME says where".into()
                );
            }
            Ok(order)
        };
        all.map(|(secret, oauth, grant)| match order(secret, oauth, grant) {
            Ok(order) if order.oauth.has_refresh_token() && landing.is_shared() && !keeping.is_shared() => {
                let message = format!(
                    "the token `{secret}` of {} is got with a refresh token, which is kept on this machine alone, and \
                     {landing} is for several",
                    self.name
                );
                Err(Error::usage(message).hint(
                    "`token-key` under [store] in host.toml keeps it there, sealed; `openssl rand -base64 32` makes a key",
                ))
            }
            Ok(order) => Ok((secret.clone(), order)),
            Err(reason) => Err(self.unusable(secret, &reason)),
        })
        .collect()
    }

    /// What somebody has to do where a right is gone.
    fn consent(&self, oauth: &OAuth, flags: &Flags, source: &SecretSource) -> String {
        if !oauth.needs_consent() {
            return format!("give another refresh token, in {source}");
        }
        let mut command = self.allow.replacen("host allow", "host auth", 1);
        let texts = oauth.texts();
        for (name, value) in &flags.params {
            if texts.iter().any(|(_, text)| text.contains(&format!("{{{name}}}"))) {
                command.push_str(&format!(" --param {}", text::shell(&format!("{name}={value}"))));
            }
        }
        if let Some(landing) = &flags.landing {
            command.push_str(&format!(" --landing {}", text::shell(&landing.display().to_string())));
        }
        format!("`{command}` asks somebody to agree")
    }

    /// Where tokens are kept of runs into a landing zone.
    fn keeping<'a>(&self, landing: &'a Landing) -> Result<Keeping<'a>, Error> {
        if let Landing::Store(place) = landing
            && let Some(key) = self.store.key(self.directory())?
        {
            return Ok(Keeping::There(place, key));
        }
        Ok(super::kept_tokens(|name| std::env::var_os(name)).map_or(Keeping::Nowhere, Keeping::Here))
    }
}

/// Where tokens are kept.
enum Keeping<'a> {
    Nowhere,
    /// In a directory of this machine.
    Here(PathBuf),
    /// Beside the states of a store, under a seal.
    There(&'a Place, Key),
}

impl Keeping<'_> {
    /// Whether other machines have what is kept.
    fn is_shared(&self) -> bool {
        matches!(self, Self::There(..))
    }

    fn keep(&self, order: &Order, whose: &str) -> Option<Keep> {
        match self {
            Self::Nowhere => None,
            Self::Here(directory) => Some(order.file_in(directory, whose)),
            Self::There(place, key) => Some(order.object_in(place, key, whose)),
        }
    }
}

impl Configured {
    /// The certificates that are shown for it. A replay shows none, so that none has to be there.
    pub(super) fn certificates(&self, replayed: bool) -> Result<Vec<ClientCertificate>, Error> {
        let directory = self.directory();
        let load = |grant: &CertificateGrant| {
            let read = |from| secrets::read(from, directory, |name| std::env::var_os(name));
            let loaded =
                read(&grant.chain).and_then(|chain| ClientCertificate::new(&grant.origin, &chain, &read(&grant.key)?));
            loaded.map_err(|reason| {
                let shown = text::quoted(&grant.origin);
                Error::usage(format!("the client certificate of {} for {shown}: {reason}", self.name)).hint(format!(
                    "[[extractor.{}.client-certificate]] in {} says where it is",
                    self.name,
                    self.file.display()
                ))
            })
        };
        let granted = self.config.client_certificate.iter().filter(|_| !replayed);
        granted.map(load).collect()
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn name(flags: &Flags, path: &Path, manifest: &Manifest) -> Result<String, Error> {
    let stem = || match path.to_str().filter(|text| Reference::is_meant(text)).map(str::parse::<Reference>) {
        Some(Ok(reference)) => reference.stem().to_owned(),
        _ => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let name = flags.name.clone().or_else(|| manifest.name.clone()).unwrap_or_else(stem);
    check_name(&name)
        .map_err(|error| Error::usage(error).wrapped().hint("give the extractor a name with `--name NAME`"))?;
    Ok(name)
}
