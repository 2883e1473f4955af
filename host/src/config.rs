//! `host.toml`, the environment, the flags and the component's manifest, resolved into one [`Plan`] before anything runs.
//!
//! It must not start anything: whatever is wrong with what the operator said is found here.

mod asks;
mod configured;
mod file;
mod flags;
mod named;
mod near;
mod notify;
mod params;
mod place;
mod provenance;
mod record;
mod registries;
mod scheduled;
mod schema;
mod secrets;
mod store;
mod trial;
mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use asks::{Asks, SecretAsked};
pub use configured::Configured;
pub use file::{Configuration, is_reference};
pub use flags::Flags;
pub(crate) use flags::key_value;
pub use named::Named;
pub use near::component as near_component;
pub use notify::{Event, Notifications, Notifier, Way};
pub(crate) use params::value_of;
pub use provenance::{Provenance, Setting};
pub use record::{Addition, record, written};
pub use registries::key_text;
pub use scheduled::Scheduled;
pub use schema::SCHEMA;
pub use secrets::{SecretFrom, SecretGrant, SecretSource};
pub use trial::Trial;
pub use watched::Watched;

use crate::error::Error;
use crate::landing::Landing;
use crate::patience::NO_WAIT;
use crate::tokens::Minter;
use engine::Manifest;
use fetch::{Egress, FetchLimits, Recorder, Source};
use file::ExtractorConfig;
use rules::budget::{Budgets, MAX_REDIRECTS, Rate, Settings};
use rules::domain::{Digest, Grant, Scope};
use rules::expectation::{Expectation, Expectations};
use rules::policy::Policy;
use rules::redact::Redactor;

/// What is expected of the contents of each source, by its name.
pub type Expected = BTreeMap<String, Expectation>;

/// Everything that a run needs to know, checked.
pub struct Plan {
    /// The extractor's identity in the state, the lock and the landing zone.
    pub name: String,
    /// Where contents land.
    pub landing: Landing,
    /// What sets it apart from ordinary runs.
    pub trial: Trial,
    /// Parameters, with the manifest's defaults.
    pub params: BTreeMap<String, String>,
    /// Which sources may be appended to.
    pub sources: BTreeSet<String>,
    /// Sources that the manifest asks for; `None` is whatever is granted.
    pub asked_sources: Option<BTreeSet<String>>,
    /// What the manifest asks for and the operator did not grant.
    pub asked: BTreeSet<Grant>,
    /// How long to wait for a run of the same extractor; `None` is without end.
    pub wait: Option<Duration>,
    /// What the run is for: the newest data or days, of everything or of a part.
    pub scope: Scope,
    /// Whether to ask and to read without regard to what is known.
    pub fresh: bool,
    /// What the run may use.
    pub budgets: Arc<Budgets>,
    /// What a landed content may be.
    pub content: zone::Limits,
    /// What is expected of the contents of each source.
    pub expected: Expected,
    /// What requests may cost.
    pub fetch: FetchLimits,
    /// What may be sent, and where to.
    pub egress: Egress,
    /// The component's digest.
    pub component: Digest,
    /// What takes secrets out of text.
    pub redactor: Arc<Redactor>,
    /// The command that shows what the component asks for, and grants it.
    pub allow: String,
}

/// Where compiled components are kept.
pub fn compiled_store(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    Some(cache(variable)?.join("compiled"))
}

/// Where tokens are kept: in systemd's state directory, the last one where a unit has several, else in the user's; `None`
/// where there is neither.
fn kept_tokens(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let last = |all: PathBuf| all.to_str().and_then(|all| all.rsplit(':').next()).map(PathBuf::from);
    let base = absolute("STATE_DIRECTORY")
        .and_then(last)
        .or_else(|| absolute("XDG_STATE_HOME"))
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(base.join("host/tokens"))
}

/// Where is kept what can be had again: in systemd's cache directory, else in the user's; `None` where there is neither.
pub fn cache(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("CACHE_DIRECTORY")
        .or_else(|| absolute("XDG_CACHE_HOME"))
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(base.join("host"))
}

/// The component that is to be run.
#[derive(Debug, Clone, Copy)]
pub struct Component<'a> {
    /// Its file.
    pub path: &'a Path,
    /// The digest of its bytes.
    pub digest: Digest,
    /// What it says of itself.
    pub manifest: &'a Manifest,
}

impl Plan {
    /// Resolve what the operator said about a component.
    pub fn resolve(flags: &Flags, configuration: &Configuration, component: Component<'_>) -> Result<Self, Error> {
        let trial = Trial::resolve(flags)?;
        let configured = Configured::resolve(flags, configuration, component)?;
        configured.check(component)?;
        let params = params::resolve(flags, &configured.config, component.manifest, &configured.name)?;
        let secrets = configured.secrets(trial.replay.is_some(), &params)?;
        let certificates = configured.certificates(trial.replay.is_some())?;
        let landing = configuration.landing(flags.landing.as_deref())?;
        let orders = match trial.replay {
            Some(_) => BTreeMap::new(),
            None => configured.orders(&params, flags, &landing)?,
        };
        let Configured { name, asks, granted, allow, config, tls, network, .. } = configured;
        let parts = orders.iter().map(|(secret, order)| (secret.as_str(), order.parts.values().cloned().collect()));
        let known = secrets.iter().map(|secret| (secret.name(), secret.texts())).chain(parts);
        let redactor = Arc::new(Redactor::new(known));
        let source = match (&trial.replay, &trial.record) {
            (Some(replay), _) => Source::Replay(Arc::clone(replay)),
            (None, Some(_)) => Source::Recorded(Arc::new(Recorder::new(&name, &redactor))),
            (None, None) => Source::Network,
        };
        let taken = granted.sources.iter().filter(|source| asks.takes_source(source)).cloned();
        let asked = if asks.any_http { None } else { Some(asks.http.clone()) };
        let settings = &granted.settings;
        let sources: BTreeSet<String> = taken.chain([name.clone()]).collect();
        let expected = expected((&config, &configuration.file.defaults.expect), component.manifest, &sources, &name)?;
        Ok(Self {
            landing,
            params,
            component: component.digest,
            asked: granted.missing(&asks),
            sources,
            asked_sources: (!asks.any_source).then(|| asks.sources.clone()),
            wait: match flags.wait {
                Some(limit) => limit.map(|time| time.0),
                None => Some(NO_WAIT),
            },
            scope: flags.scope(),
            fresh: flags.fresh,
            budgets: Budgets::new(settings.amounts()),
            content: zone::Limits {
                size: settings.body(),
                head: expected.values().map(Expectation::head).max().unwrap_or_default(),
            },
            expected,
            fetch: fetch_limits(settings, config.unframed),
            egress: Egress {
                policy: Policy::new(granted.http, asked),
                secrets,
                mints: orders.into_iter().map(|(secret, order)| (secret, Minter::of(order))).collect(),
                asked_secrets: (!asks.any_secret).then(|| asks.secrets.keys().cloned().collect()),
                authorities: tls.authorities,
                certificates,
                proxy: network.proxy,
                mapped: flags.mapped.clone(),
                source,
                clock: trial.clock.clone(),
            },
            redactor,
            trial,
            allow,
            name,
        })
    }
}

/// What is expected of each source. A table for one that the extractor cannot append to is a mistake: nobody would miss
/// what it was to catch.
fn expected(
    (config, of_all): (&ExtractorConfig, &Expectations),
    manifest: &Manifest,
    sources: &BTreeSet<String>,
    name: &str,
) -> Result<Expected, Error> {
    if let Some(other) = config.expect.source.keys().find(|source| !sources.contains(*source)) {
        let message = format!("[extractor.{name}.expect.source.{other}]: {name} has no source `{other}`");
        return Err(Error::usage(message).hint("`sources` under its table lists those beside its own"));
    }
    let of = |source: &String| {
        let by_operator = config.expect.of(source, of_all);
        (source.clone(), by_operator.or(manifest.expect.of(source, &Expectations::default())))
    };
    Ok(sources.iter().map(of).collect())
}

fn fetch_limits(settings: &Settings, unframed: bool) -> FetchLimits {
    let seconds = Duration::from_secs;
    FetchLimits {
        connect: seconds(15),
        idle: settings.idle_timeout.map_or(seconds(300), |time| time.0),
        speed: settings.min_speed.map_or(64, |size| size.0),
        body: settings.body(),
        retries: settings.retries.unwrap_or(3),
        redirects: settings.max_redirects.unwrap_or(MAX_REDIRECTS),
        concurrency: settings.max_concurrency.map_or(16, |count| count.get() as usize),
        interval: settings.max_rate.map(Rate::interval),
        unframed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(arguments: &[&str], manifest: &Manifest) -> Result<Plan, String> {
        let flags = Flags::parse_for_tests(arguments).expect("flags");
        let component = Component { path: Path::new("guests/padel.wasm"), digest: Digest([0; 32]), manifest };
        Plan::resolve(&flags, &Configuration::default(), component).map_err(|error| error.to_string())
    }

    fn manifest(toml: &str) -> Manifest {
        Manifest { declared: true, ..toml::from_str(toml).expect("a manifest") }
    }

    #[test]
    fn a_name_is_the_flag_else_the_components_own_else_the_files() {
        let own = manifest("name = \"courts\"");
        assert_eq!(resolve(&["--name", "mine"], &own).map(|plan| plan.name), Ok("mine".into()));
        assert_eq!(resolve(&[], &own).map(|plan| plan.name), Ok("courts".into()));
        assert_eq!(resolve(&[], &Manifest::default()).map(|plan| plan.name), Ok("padel".into()));
        let error = resolve(&["--name", "../x"], &own).map(drop).expect_err("no name");
        assert!(error.contains("hint: give the extractor a name"), "{error}");
    }

    #[test]
    fn parameters_are_those_that_the_manifest_knows() {
        let known = manifest("[param.url]\n[param.extension]\ndefault = \"csv\"\n");
        let plan = resolve(&["--param", "url=a=b"], &known).expect("a plan");
        assert_eq!(plan.params["url"], "a=b");
        assert_eq!(plan.params["extension"], "csv");
        let error = resolve(&["--param", "uri=x"], &known).map(drop).expect_err("an unknown parameter");
        assert!(error.contains("padel has no parameter `uri`\nhint: padel takes `extension`, `url`"), "{error}");
        let error = resolve(&["--param", "url=x", "--param", "url=y"], &known).map(drop).expect_err("twice");
        assert!(error.contains("given twice"), "{error}");
        assert!(resolve(&["--param", "any=x"], &Manifest::default()).is_ok());
    }

    #[test]
    fn the_own_source_is_granted_and_others_by_name() {
        let plan = resolve(&["--allow-source", "overpass"], &Manifest::default()).expect("a plan");
        assert_eq!(plan.sources, BTreeSet::from(["overpass".to_owned(), "padel".to_owned()]));
        assert!(resolve(&["--allow-source", "../x"], &Manifest::default()).is_err());
        assert!(resolve(&["--allow-http", "example.org"], &Manifest::default()).is_err());
    }

    #[test]
    fn the_store_of_compiled_components_is_systemds_or_the_users() {
        let store = |variables: &[(&str, &str)]| {
            let found = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
            compiled_store(found).map(|path| path.display().to_string())
        };
        assert_eq!(store(&[("HOME", "/home/x")]).as_deref(), Some("/home/x/.cache/host/compiled"));
        assert_eq!(store(&[("HOME", "/home/x"), ("XDG_CACHE_HOME", "/c")]).as_deref(), Some("/c/host/compiled"));
        assert_eq!(
            store(&[("CACHE_DIRECTORY", "/var/cache/x"), ("HOME", "/h")]).as_deref(),
            Some("/var/cache/x/host/compiled")
        );
        assert_eq!(store(&[("HOME", "")]), None);
    }
}
