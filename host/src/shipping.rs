//! Extractors in registries: what the configuration says of them, and the component that comes of it.
//!
//! Whoever runs or looks at an extractor gets its component here, and no one else asks a registry but `host pull` and
//! `host push`.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::{MAX_COMPONENT, Package};
use registry::{
    Cache, Client, CredentialsWorld, Found, LayoutError, Pulled, Purpose, Reference, RegistryError, Settings, Unsigned,
    Wanted,
};
use rules::domain::Digest;

use crate::commands::Program;
use crate::config::{Configuration, cache, key_text};
use crate::error::{Error, Kind};

/// How long a helper for credentials may take.
const HELPER: Duration = Duration::from_secs(30);
/// Most bytes of what it writes.
const HELPED: usize = 64 * 1024;
/// What the host calls itself.
const AGENT: &str = concat!("host/", env!("CARGO_PKG_VERSION"));

/// What a reference stands for.
pub struct Shipped {
    /// The file in the cache.
    pub path: PathBuf,
    /// What is in it.
    pub package: Package,
}

/// The reference that a component is named by; nothing where it is a path.
pub fn reference(component: &Path) -> Option<Result<Reference, Error>> {
    let text = component.to_str().filter(|text| Reference::is_meant(text))?;
    Some(text.parse().map_err(|error| {
        Error::usage(error).hint("for example oci://ghcr.io/acme/weather:1.2, or with a digest behind an @")
    }))
}

/// The component of a reference: from the cache, and from the registry where it is not there yet.
pub fn read(configuration: &Configuration, reference: &Reference) -> Result<Shipped, Error> {
    let digest = locked(configuration, reference)?;
    let pulled = pull(configuration, reference, digest, None)?;
    if let Some(shipped) = checked(&pulled) {
        return Ok(shipped);
    }
    // A disk or somebody else changed it: what is there is no component that anybody pulled.
    let cache = cache_of()?;
    cache.forget(pulled.layer).map_err(failed)?;
    let pulled = pull(configuration, reference, digest, None)?;
    checked(&pulled).ok_or_else(|| {
        Error::new(Kind::Failed, format!("{} is not what was written there", pulled.path.display()))
            .hint("something changes the files of the cache, or its disk is failing")
    })
}

/// The component of a reference, where it is in the cache. No registry is asked.
pub fn cached(configuration: &Configuration, reference: &Reference) -> Option<Package> {
    let digest = locked(configuration, reference).ok()?;
    let offline = || Err(RegistryError::Settings(String::new()));
    let trust = configuration.trust().ok()?;
    let wanted = wanted(reference, digest, &trust);
    let pulled = registry::pull(&cache_of().ok()?, &wanted, None, offline).ok()?;
    checked(&pulled).map(|shipped| shipped.package)
}

/// What is in a file of the cache, if it is what was pulled. All of it is read here anyway.
fn checked(pulled: &Pulled) -> Option<Shipped> {
    let package = Package::read(&pulled.path);
    match package {
        Ok(package) if package.digest == pulled.layer.digest => Some(Shipped { path: pulled.path.clone(), package }),
        _ => None,
    }
}

/// The digest that a reference stands for.
pub fn locked(configuration: &Configuration, reference: &Reference) -> Result<Digest, Error> {
    if let Some(digest) = reference.digest {
        return Ok(digest);
    }
    let lock = configuration.lock()?;
    lock.of(reference).ok_or_else(|| {
        let path = configuration.lock_path();
        Error::usage(format!("no digest is known for {reference}: {} does not have it", path.display()))
            .hint(format!("`host pull {reference}` gets it, and writes down its digest"))
    })
}

/// Have the manifest of this digest, its signature and its component in the cache. `asked` is whom somebody asked for the
/// manifest already, and what came.
pub fn pull(
    configuration: &Configuration,
    reference: &Reference,
    digest: Digest,
    asked: Option<(Client, Vec<u8>)>,
) -> Result<Pulled, Error> {
    let trust = configuration.trust()?;
    let (client, manifest) = asked.unzip();
    let wanted = Wanted { manifest, ..wanted(reference, digest, &trust) };
    let pulled = registry::pull(&cache_of()?, &wanted, client, || {
        if std::io::stderr().is_terminal() {
            // Nobody is left to tell that standard error is closed.
            let _ = writeln!(std::io::stderr(), "pulling {reference}");
        }
        opened(configuration, reference, Purpose::Pull)
    });
    pulled.map_err(failed)
}

fn wanted<'a>(reference: &Reference, digest: Digest, trust: &'a registry::Rules) -> Wanted<'a> {
    let signed = trust.of(&reference.name());
    Wanted { shown: reference.to_string(), digest, manifest: None, most: MAX_COMPONENT, signed }
}

/// Where components are kept.
fn cache_of() -> Result<Cache, Error> {
    let none = || {
        Error::usage("there is nowhere to keep components from registries: neither HOME nor XDG_CACHE_HOME is set")
            .hint("set one of them to an absolute path")
    };
    Ok(Cache::new(cache(|name| std::env::var_os(name)).ok_or_else(none)?.join("components")))
}

/// Get ready to ask a registry, as whoever docker or podman knows.
pub fn client(configuration: &Configuration, reference: &Reference, purpose: Purpose) -> Result<Client, Error> {
    opened(configuration, reference, purpose).map_err(failed)
}

fn opened(configuration: &Configuration, reference: &Reference, purpose: Purpose) -> Result<Client, RegistryError> {
    let settings = |error: &dyn std::fmt::Display| RegistryError::Settings(error.to_string());
    let way = configuration.way_to(&reference.registry).map_err(|error| settings(&error.message()))?;
    let tls = match fetch::tls_client(&way.authorities) {
        // It may lead to where it is encrypted; that fails then, and says so.
        Err(_) if way.plain => registry::without_roots().map_err(|reason| settings(&reason))?,
        tls => tls.map_err(|reason| settings(&reason))?,
    };
    let found = credentials(reference).map_err(|reason| settings(&reason))?;
    let settings = Settings { plain: way.plain, timeout: way.timeout, tls, proxy: way.proxy, agent: AGENT };
    Client::open(reference, settings, purpose, found)
}

fn credentials(reference: &Reference) -> Result<Found, String> {
    let variable = |name: &str| std::env::var_os(name);
    let read = |path: &Path| match key_text(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    };
    let run = |program: &str, argument: &str, line: &str| {
        let program = Program {
            words: &[program.to_owned(), argument.to_owned()],
            directory: Path::new("."),
            // It is the operator's own, and finds by the environment what it needs.
            variables: std::env::vars_os().collect(),
            input: line.as_bytes().to_vec(),
            timeout: HELPER,
            kept: HELPED,
        };
        program.run(false)
    };
    let world = CredentialsWorld { variable: &variable, read: &read, run: &run };
    registry::credentials(&reference.registry, &reference.repository, &world)
}

/// What a registry refuses or gets wrong, and what to do next.
pub fn failed(error: RegistryError) -> Error {
    let (kind, hint) = match &error {
        RegistryError::Settings(_) => (Kind::Usage, None),
        RegistryError::Network(_) | RegistryError::Slow { .. } => {
            (Kind::Failed, Some("check the name of the registry, and the network; the same again goes on from there"))
        }
        RegistryError::Anonymous { .. } => {
            (Kind::Failed, Some("`docker login` and `podman login` keep them where the host looks"))
        }
        RegistryError::Unauthorized { .. } => {
            (Kind::Failed, Some("log in anew with `docker login` or `podman login`, as somebody who may do that"))
        }
        RegistryError::Missing { .. } => (Kind::Failed, Some("check the name, the tag and the digest")),
        RegistryError::Status { .. } | RegistryError::TooLittle { .. } => {
            (Kind::Failed, Some("say the same again in a while; it goes on from there"))
        }
        RegistryError::Answer(..) | RegistryError::TooMuch { .. } | RegistryError::Digest { .. } => {
            (Kind::Failed, Some("nothing of that was taken; whoever runs the registry has to look into it"))
        }
        RegistryError::Layout(_, LayoutError::TooLarge(..)) => (Kind::Failed, None),
        RegistryError::Layout(..) => (Kind::Failed, Some("`host push` and `wkg oci push` make what the host runs")),
        RegistryError::Unsigned(_, Unsigned::OtherName(..)) => {
            (Kind::NotGranted, Some("`signed-as` under [trust] in host.toml is for a mirror that has another name"))
        }
        RegistryError::Unsigned(_, Unsigned::Certified) => {
            (Kind::NotGranted, Some("`cosign sign --key` and `host push --sign` sign by key"))
        }
        RegistryError::Unsigned(..) => (Kind::NotGranted, Some("[trust] in host.toml says whose signature it needs")),
        RegistryError::Cache { .. } => (Kind::Failed, None),
    };
    let said = Error::new(kind, error);
    hint.into_iter().fold(said, Error::hint)
}
