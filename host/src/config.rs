//! `host.toml`, the environment, the flags and the component's manifest, resolved into one [`Plan`] before anything runs.
//!
//! It must not start anything: whatever is wrong with what the operator said is found here.

mod file;
mod flags;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use flags::Flags;

use crate::budget::{Budgets, MAX_REDIRECTS, Rate, Settings};
use crate::component::Manifest;
use crate::domain::{Grant, Window};
use crate::error::Error;
use crate::fetch::{FetchLimits, OriginGrant, Policy};
use crate::landing::{self, check_name};
use file::{ConfigFile, ExtractorConfig};

/// Without `--wait` a lock is tried for this long, since `host verify` takes it for an instant.
const NO_WAIT: Duration = Duration::from_millis(50);

/// Everything that a run needs to know, checked.
pub struct Plan {
    /// The extractor's identity in the state, the lock and the landing zone.
    pub name: String,
    /// The landing directory.
    pub landing: PathBuf,
    /// Parameters, with the manifest's defaults.
    pub params: BTreeMap<String, String>,
    /// Which origins may be asked.
    pub policy: Policy,
    /// Which sources may be appended to.
    pub sources: BTreeSet<String>,
    /// What the manifest asks for and the operator did not grant.
    pub asked: BTreeSet<Grant>,
    /// How long to wait for a run of the same extractor; `None` is without end.
    pub wait: Option<Duration>,
    /// The days of a backfill.
    pub backfill: Option<Window>,
    /// What the run may use.
    pub budgets: Arc<Budgets>,
    /// What a landed content may be.
    pub content: landing::Limits,
    /// What requests may cost.
    pub fetch: FetchLimits,
    /// PEM files of CAs to trust beside the system's.
    pub authorities: Vec<PathBuf>,
}

/// The landing directory: the flag or `LANDING_DIR`, else `data/landing`.
pub fn landing_directory(given: Option<&Path>) -> PathBuf {
    match given {
        Some(path) if !path.as_os_str().is_empty() => path.to_owned(),
        _ => PathBuf::from("data/landing"),
    }
}

/// Where compiled components are kept: systemd's cache directory, else the user's; `None` where there is neither.
pub fn compiled_store(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("CACHE_DIRECTORY")
        .or_else(|| absolute("XDG_CACHE_HOME"))
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(base.join("host/compiled"))
}

impl Plan {
    /// Resolve what the operator said about the component at `path`, which says `manifest` of itself.
    pub fn resolve(flags: &Flags, path: &Path, manifest: &Manifest) -> Result<Self, Error> {
        let name = name(flags, path, manifest)?;
        let ConfigFile { tls, mut extractor } = file::read(flags.config.as_deref())?;
        let config = extractor.remove(&name).unwrap_or_default();
        let settings = flags.budget.clone().or(config.budget.clone());
        let origins = origins(flags, &config)?;
        let sources = sources(flags, &config, &name)?;
        Ok(Self {
            landing: landing_directory(flags.landing.as_deref()),
            params: params(flags, &config, manifest, &name)?,
            asked: asked(manifest, &origins, &sources),
            policy: Policy::new(origins),
            sources,
            wait: match flags.wait {
                Some(limit) => limit.map(|time| time.0),
                None => Some(NO_WAIT),
            },
            backfill: flags.backfill,
            budgets: Budgets::new(settings.amounts()),
            content: landing::Limits { size: settings.body() },
            fetch: fetch_limits(&settings, config.unframed),
            authorities: tls.ca,
            name,
        })
    }
}

fn name(flags: &Flags, path: &Path, manifest: &Manifest) -> Result<String, Error> {
    let stem = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = flags.name.clone().or_else(|| manifest.name.clone()).unwrap_or_else(stem);
    check_name(&name).map_err(|error| Error::usage(error).hint("give the extractor a name with `--name NAME`"))?;
    Ok(name)
}

fn params(
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
        params.insert(key.clone(), value.clone());
    }
    if let Some(known) = &manifest.params {
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

fn origins(flags: &Flags, config: &ExtractorConfig) -> Result<Vec<OriginGrant>, Error> {
    let parse = |text: &String| {
        text.parse().map_err(|reason: String| {
            Error::usage(reason).hint("an origin is a scheme, a host and perhaps a port, without a path")
        })
    };
    flags.allow_http.iter().chain(&config.http).map(parse).collect()
}

fn sources(flags: &Flags, config: &ExtractorConfig, name: &str) -> Result<BTreeSet<String>, Error> {
    let mut sources = BTreeSet::from([name.to_owned()]);
    for source in flags.allow_source.iter().chain(&config.sources) {
        check_name(source)
            .map_err(|error| Error::usage(error).hint("a source is one directory of the landing zone"))?;
        sources.insert(source.clone());
    }
    Ok(sources)
}

fn asked(manifest: &Manifest, origins: &[OriginGrant], sources: &BTreeSet<String>) -> BTreeSet<Grant> {
    // What is no origin could never be granted; it is the author's mistake, and no reason not to run.
    let parsed = manifest.http.iter().filter_map(|text| Some((text, text.parse::<OriginGrant>().ok()?)));
    let origins = parsed
        .filter(|(_, asked)| !origins.iter().any(|granted| granted.includes(asked)))
        .map(|(text, _)| Grant::Origin(text.clone()));
    let named = manifest.sources.iter().filter(|source| check_name(source).is_ok() && !sources.contains(*source));
    origins.chain(named.map(|source| Grant::Source(source.clone()))).collect()
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
        Plan::resolve(&flags, Path::new("guests/padel.wasm"), manifest).map_err(|error| error.to_string())
    }

    fn manifest(toml: &str) -> Manifest {
        let mut manifest: Manifest = toml::from_str(toml).expect("a manifest");
        manifest.params.get_or_insert_default();
        manifest
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
