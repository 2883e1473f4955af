//! Which server a store's address means, and with whose credentials: the configuration, then the environment, then what the
//! store's own tools keep in the home directory, then the role of the machine.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, Checksum, S3ConditionalPut};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::multipart::MultipartStore;
use object_store::{ObjectStore, RetryConfig};
use rules::proxy::Proxy;
use url::{Host, Url};

use crate::connector::{Connector, ServerDate};
use crate::error::USE;
use crate::profile::{self, Profile};
use crate::{Address, Kind, ObjectsError};

/// How long a store may say and take nothing, where nobody says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Largest file of profiles that is read.
const MAX_PROFILES: u64 = 1 << 20;
/// What an operator may say of a store.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the store is, as `https://HOST[:PORT]`; by default the provider's own place.
    pub endpoint: Option<String>,
    /// S3's region.
    pub region: Option<String>,
    /// Which profile of `~/.aws` counts.
    pub profile: Option<String>,
    /// How long it may say and take nothing.
    pub timeout: Duration,
    /// The proxy that leads there.
    pub proxy: Option<Proxy>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { endpoint: None, region: None, profile: None, timeout: TIMEOUT, proxy: None }
    }
}

/// Whether a variable of the environment may say how a store is reached, or with whose credentials.
pub fn counts(variable: &str) -> bool {
    // The directory of its tools, and what clouds say to those that run there.
    let others = ["HOME", "SERVICE_ACCOUNT", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"];
    let begins = |prefix| variable.starts_with(prefix);
    others.contains(&variable) || ["AWS_", "AZURE_", "GOOGLE_", "GCE_"].into_iter().any(begins)
}

/// A store that can be asked.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) parts: Option<Arc<dyn MultipartStore>>,
    pub(crate) date: ServerDate,
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

pub(crate) fn open(
    address: &Address,
    settings: &Settings,
    tls: impl FnOnce() -> Result<rustls::ClientConfig, String>,
) -> Result<Opened, ObjectsError> {
    let own = match address.kind {
        Kind::S3 => profile(settings)?,
        Kind::Azure | Kind::Google => Profile::default(),
    };
    let endpoint = settings.endpoint.clone().or_else(|| endpoint_variable(address.kind)).or(own.endpoint.clone());
    let plain = endpoint.as_deref().map(checked).transpose()?.unwrap_or(false);
    let because = |reason: String| ObjectsError::because(USE, address, reason);
    let mut tls = match plain {
        // Reading the roots takes milliseconds, and nothing here needs them but a role that is asked for over https.
        true if own.keys.is_some() || variable("AWS_ACCESS_KEY_ID").is_some() => {
            outbound::without_roots().map_err(because)?
        }
        true => tls().or_else(|_| outbound::without_roots()).map_err(because)?,
        false => tls().map_err(because)?,
    };
    // Without any it is HTTP/1.1.
    tls.alpn_protocols.clear();
    let date = ServerDate::default();
    let connector = Connector { tls, patience: settings.timeout, proxy: settings.proxy.clone(), date: date.clone() };
    let of = |error| ObjectsError::of(USE, address, error);
    // The layer above repeats what may be repeated.
    let retry = RetryConfig { max_retries: 0, ..RetryConfig::default() };
    Ok(match address.kind {
        Kind::S3 => {
            let mut builder = AmazonS3Builder::from_env()
                .with_bucket_name(&address.bucket)
                .with_allow_http(plain)
                .with_retry(retry)
                // Whatever the environment says: everything here rests on it.
                .with_conditional_put(S3ConditionalPut::ETagMatch)
                // A bucket with an object lock takes nothing without.
                .with_checksum_algorithm(Checksum::SHA256)
                .with_http_connector(connector);
            if let Some(region) = settings.region.clone().or_else(s3_region).or(own.region) {
                builder = builder.with_region(region);
            }
            if let Some(endpoint) = endpoint {
                builder = builder.with_endpoint(endpoint);
            }
            if let Some((id, secret, token)) = own.keys {
                builder = builder.with_access_key_id(id).with_secret_access_key(secret);
                builder = token.into_iter().fold(builder, AmazonS3Builder::with_token);
            } else if !s3_credentials_in_environment() && is_true("AWS_EC2_METADATA_DISABLED") {
                let none = "there are no credentials for it in the environment or in ~/.aws";
                return Err(ObjectsError::because(USE, address, none)
                    .hinted("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile"));
            }
            let store = Arc::new(builder.build().map_err(of)?);
            Opened { store: Arc::clone(&store) as _, parts: Some(store), date }
        }
        Kind::Azure => {
            let mut builder = MicrosoftAzureBuilder::from_env()
                .with_container_name(&address.bucket)
                .with_allow_http(plain)
                .with_retry(retry)
                .with_http_connector(connector);
            if let Some(endpoint) = endpoint {
                builder = builder.with_endpoint(endpoint);
            }
            Opened { store: Arc::new(builder.build().map_err(of)?), parts: None, date }
        }
        Kind::Google => {
            let mut builder = GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(&address.bucket)
                .with_retry(retry)
                .with_http_connector(connector);
            if let Some(endpoint) = endpoint {
                builder = builder.with_base_url(&endpoint);
            }
            Opened { store: Arc::new(builder.build().map_err(of)?), parts: None, date }
        }
    })
}

fn endpoint_variable(kind: Kind) -> Option<String> {
    let names: &[&str] = match kind {
        Kind::S3 => &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"],
        Kind::Azure => &["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"],
        Kind::Google => &["GOOGLE_BASE_URL"],
    };
    names.iter().find_map(|name| variable(name))
}

fn s3_region() -> Option<String> {
    variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"))
}

fn is_true(name: &str) -> bool {
    variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn s3_credentials_in_environment() -> bool {
    [
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ]
    .iter()
    .any(|name| variable(name).is_some())
}

/// Whether an endpoint is without TLS, which only one on this machine may be, since the credentials sign what anybody on the
/// way could read then.
fn checked(endpoint: &str) -> Result<bool, ObjectsError> {
    let refused = |reason| {
        // What stands before the host may be a password.
        let shown = rules::text::quoted(endpoint.rsplit_once('@').map_or(endpoint, |(_, host)| host));
        ObjectsError::because(USE, format_args!("the endpoint `{shown}`"), reason)
            .hinted("give it as `https://HOST[:PORT]`, by `endpoint` under [store] in host.toml or by the environment")
    };
    let url: Url = endpoint.parse().map_err(|_| refused("it is no URL"))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(refused("it holds more than a host, a port and a path"));
    }
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(false),
        "http" if local || is_true("AWS_ALLOW_HTTP") || is_true("AZURE_ALLOW_HTTP") => Ok(true),
        "http" => Err(refused("it is not encrypted, and not on this machine")),
        _ => Err(refused("it is neither https nor http")),
    }
}

/// What `~/.aws` says, as far as the environment leaves it open.
fn profile(settings: &Settings) -> Result<Profile, ObjectsError> {
    let named = settings.profile.clone().or_else(|| variable("AWS_PROFILE"));
    if named.is_none() && s3_credentials_in_environment() && s3_region().is_some() {
        return Ok(Profile::default());
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let place = |variable: &str, name: &str| {
        let given = std::env::var_os(variable).filter(|path: &OsString| !path.is_empty()).map(PathBuf::from);
        given.or_else(|| home.as_ref().map(|home| home.join(".aws").join(name)))
    };
    let texts = [place("AWS_SHARED_CREDENTIALS_FILE", "credentials"), place("AWS_CONFIG_FILE", "config")];
    let [credentials, config] =
        texts.map(|path| path.map(|path| read(&path)).transpose().map(Option::unwrap_or_default));
    let wanted = named.as_deref().unwrap_or("default");
    let mut found = profile::find(wanted, &credentials?, &config?)
        .map_err(|reason| ObjectsError::because(USE, format_args!("the profile {wanted} of ~/.aws"), reason))?;
    if !found.is_there && named.is_some() {
        let shown = rules::text::quoted(wanted);
        return Err(ObjectsError::because(
            USE,
            format_args!("the profile `{shown}`"),
            "there is none of that name in ~/.aws",
        )
        .hinted("`aws configure list-profiles` lists them"));
    }
    if settings.profile.is_none() && s3_credentials_in_environment() {
        found.keys = None;
    }
    Ok(found)
}

/// The text of a file; none where there is no such file.
fn read(path: &std::path::Path) -> Result<String, ObjectsError> {
    use std::io::Read as _;
    let cannot = |error: std::io::Error| ObjectsError::because("read", path.display(), error);
    #[expect(clippy::disallowed_methods, reason = "the operator's own file, far from any landing zone")]
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(cannot(error)),
    };
    let mut text = String::new();
    file.take(MAX_PROFILES).read_to_string(&mut text).map_err(cannot)?;
    Ok(text)
}
