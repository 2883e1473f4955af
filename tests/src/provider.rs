//! An authorization server that other people wrote: npm's `oidc-provider`, which is certified, and beside it an API that
//! takes its tokens.
//!
//! Both are one process, which keeps everything in memory. It ends with its standard input, and so with the process that
//! has the other end, however that ends.

mod browser;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ask::ask;
use crate::packages;
pub use browser::Page;

/// How long it may take until it listens.
const PATIENCE: Duration = Duration::from_secs(60);
/// The oldest node that it runs on.
const OLDEST: (u32, u32) = (20, 12);
/// The version that is installed.
const VERSION: &str = "9.13.3";

/// A client with a secret, and that secret: by HTTP's Basic authentication.
pub const BASIC: (&str, &str) = ("basic", "secret-of-basic");
/// The same in the form.
pub const POST: (&str, &str) = ("post", "secret-of-post");
/// Like [`BASIC`], with characters that have to be encoded.
pub const ODD_BASIC: (&str, &str) = ("odd:basic", "a b+c%2Bd:e/f?g=h&i");
/// Like [`POST`], with characters that have to be encoded.
pub const ODD_POST: (&str, &str) = ("odd:post", "a b+c%2Bd:e/f?g=h&i");
/// A client without a secret that people agree to in a browser, at any port of loopback, with the path `/` or `/callback`.
pub const NATIVE: &str = "native";
/// The same with a secret, in the form.
pub const DESKTOP: (&str, &str) = ("desktop", "secret-of-desktop");
/// A client without a secret that people agree to on another device.
pub const DEVICE: &str = "device";

/// Client credentials.
pub const CLIENT_CREDENTIALS: &str = "client_credentials";
/// A refresh token.
pub const REFRESH_TOKEN: &str = "refresh_token";
/// A code that came by the browser.
pub const AUTHORIZATION_CODE: &str = "authorization_code";
/// The code of a device.
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// A signed assertion.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// When a request for a token is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before it takes effect.
    Before,
    /// Once it did: a refresh token is used up, and nobody has the new one yet.
    After,
}

/// How a key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `BEGIN PRIVATE KEY`, as Google has it.
    Pkcs8,
    /// `BEGIN RSA PRIVATE KEY`, as GitHub has it, or `BEGIN EC PRIVATE KEY`.
    Old,
}

/// What signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with 2,048 bits and SHA-256.
    Rs256,
    /// The same with SHA-384.
    Rs384,
    /// RSA with 2,048 bits, PSS and SHA-256.
    Ps256,
    /// ECDSA on P-256.
    Es256,
}

/// A request for a token, or for the code of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// The grant; `device` for the code of a device.
    pub grant: String,
    /// What the form had.
    pub params: BTreeMap<String, String>,
    /// The field `Authorization`.
    pub authorization: Option<String>,
    /// The status of the answer; none before there is one.
    pub status: Option<u16>,
    /// Why it was refused.
    pub error: Option<String>,
    /// Why in truth, which the server tells its own log alone.
    pub detail: Option<String>,
}

/// A request of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// The path.
    pub path: String,
    /// The token, good or not.
    pub token: Option<String>,
    /// The status of the answer.
    pub status: u16,
}

/// How often a grant was asked for, and given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Requests that came in.
    pub asked: usize,
    /// Those that were answered with a token.
    pub given: usize,
}

/// A client that signs its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// Its name.
    pub client: String,
    /// The name of its key.
    pub key: String,
    /// The private key, in PEM.
    pub pem: String,
}

/// A running server.
pub struct Provider {
    process: Child,
    issuer: String,
    api: String,
    _directory: TempDir,
}

impl Provider {
    /// Start one; `None`, with the reason printed, where it cannot be had. In CI it has to be, unless the system's own node
    /// is too old for it.
    pub fn start() -> Option<Self> {
        if let Some(version) = node().filter(|version| *version < OLDEST) {
            crate::skip::not_allowed(format_args!(
                "an authorization server: it needs node {OLDEST:?}, and here is {version:?}"
            ));
            return None;
        }
        Self::started()
            .inspect_err(|reason| crate::skip::missing(format_args!("an authorization server: {reason}")))
            .ok()
    }

    fn started() -> Result<Self, String> {
        let package = packages::installed_by_npm("oidc-provider", VERSION)?;
        let package = package.canonicalize().map_err(|error| error.to_string())?;
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let errors = directory.path().join("errors");
        let mut process = Command::new("node")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/provider/main.mjs"))
            .arg(package)
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors).map_err(|error| error.to_string())?)
            .spawn()
            .map_err(|error| format!("cannot start node: {error}"))?;
        let output = process.stdout.take().expect("a pipe");
        let Some((issuer, api)) = places(output) else {
            let _ = process.kill();
            let ended = process.wait();
            return Err(format!("ended: {ended:?}, said: {}", fs::read_to_string(errors).unwrap_or_default()));
        };
        Ok(Self { process, issuer, api, _directory: directory })
    }

    /// What an operator grants to have tokens from it: `http://127.0.0.1:PORT`. It is the issuer, too.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What an operator grants to open the API: `http://127.0.0.1:PORT`, another one.
    pub fn api(&self) -> &str {
        &self.api
    }

    /// The URL of an item of the API.
    pub fn item(&self, number: u32) -> String {
        format!("{}/api/{number}", self.api)
    }

    /// Where tokens are asked for.
    pub fn token(&self) -> String {
        format!("{}/token", self.issuer)
    }

    /// Where people are sent to agree.
    pub fn authorization(&self) -> String {
        format!("{}/auth", self.issuer)
    }

    /// Where devices ask for a code.
    pub fn device_authorization(&self) -> String {
        format!("{}/device/auth", self.issuer)
    }

    /// Where it listens, for whatever is put between.
    pub fn address(&self) -> SocketAddr {
        authority(&self.issuer).parse().expect("an address")
    }

    /// Tell it something, or ask: see `api.mjs`.
    fn tell(&self, order: &str, what: &Value) -> Value {
        let target = format!("/admin/{order}");
        let told = ask(authority(&self.api), "POST", &target, &[], what.to_string().as_bytes()).expect("an answer");
        assert_eq!(told.status, 200, "{order}: {}", told.text());
        serde_json::from_slice(&told.body).expect("JSON")
    }

    /// Have access tokens last for that many seconds from now on.
    pub fn lasting(&self, seconds: u64) {
        self.set(&json!({ "ttl": seconds }));
    }

    /// Change its habits: `ttl`, `refresh_ttl` and `device_ttl` in seconds, `rotate` refresh tokens, how many `uses` one has
    /// before it counts as stolen, `retire` access tokens at each refresh, `refuse` when somebody is asked, the `interval`
    /// for devices in seconds, and how often those are told to `slow_down`.
    pub fn set(&self, habits: &Value) {
        self.tell("set", habits);
    }

    /// Whatever was asked for tokens, since the start or [`Self::forget`].
    pub fn requested(&self) -> Vec<Requested> {
        let log = self.tell("log", &json!({}));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let read = |entry: &Value| Requested {
            grant: text(&entry["grant"]).unwrap_or_default(),
            params: entry["params"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), text(value).unwrap_or_else(|| value.to_string())))
                .collect(),
            authorization: text(&entry["authorization"]),
            status: entry["status"].as_u64().and_then(|status| status.try_into().ok()),
            error: text(&entry["error"]),
            detail: text(&entry["detail"]),
        };
        log["tokens"].as_array().into_iter().flatten().map(read).collect()
    }

    /// The requests for one grant.
    pub fn count(&self, grant: &str) -> Count {
        let mut count = Count::default();
        for requested in self.requested().iter().filter(|requested| requested.grant == grant) {
            count.asked += 1;
            count.given += usize::from(requested.status == Some(200));
        }
        count
    }

    /// Whatever was asked of the API, since the start or [`Self::forget`].
    pub fn used(&self) -> Vec<Used> {
        let log = self.tell("log", &json!({}));
        let read = |entry: &Value| Used {
            path: entry["path"].as_str().unwrap_or_default().to_owned(),
            token: entry["token"].as_str().map(str::to_owned),
            status: entry["status"].as_u64().and_then(|status| status.try_into().ok()).unwrap_or_default(),
        };
        log["api"].as_array().into_iter().flatten().map(read).collect()
    }

    /// Forget what was asked so far.
    pub fn forget(&self) {
        self.tell("forget", &json!({}));
    }

    /// From now on no access token is worth anything, whatever it was to last. Refresh tokens are.
    pub fn revoke(&self) {
        self.tell("revoke", &json!({}));
    }

    /// Somebody takes back what they agreed to: refresh tokens are worth nothing either.
    pub fn withdraw(&self) {
        self.tell("withdraw", &json!({}));
    }

    /// Hold all requests for tokens from now on.
    pub fn hold(&self, when: When) {
        let when = if when == When::Before { "before" } else { "after" };
        self.tell("hold", &json!({ "when": when }));
    }

    /// Wait until that many are held.
    pub fn wait_until_held(&self, count: usize) {
        self.tell("held", &json!({ "count": count }));
    }

    /// Let those that are held go on, and all that come; how many were held.
    pub fn release(&self) -> usize {
        self.let_go(true)
    }

    /// Cut the connections of those that are held, and let go on all that come; how many were held.
    pub fn cut(&self) -> usize {
        self.let_go(false)
    }

    fn let_go(&self, answer: bool) -> usize {
        let held = self.tell("release", &json!({ "answer": answer }));
        held.as_u64().and_then(|held| held.try_into().ok()).unwrap_or_default()
    }

    /// A new service account with a key, in a file as Google's are. It acts for itself, and for `subject` where one is
    /// given: then for nobody else.
    pub fn service_account(&self, algorithm: Algorithm, form: Form, subject: Option<&str>) -> Value {
        let mut wanted = key(algorithm, form);
        wanted["subject"] = json!(subject);
        self.tell("account", &wanted)
    }

    /// A new client that signs its requests for tokens (`private_key_jwt`), for client credentials.
    pub fn signer(&self, algorithm: Algorithm, form: Form) -> Signer {
        let made = self.tell("signer", &key(algorithm, form));
        let text = |name: &str| made[name].as_str().expect("text").to_owned();
        Signer { client: text("client_id"), key: text("private_key_id"), pem: text("private_key") }
    }

    /// A new client by its metadata (RFC 7591).
    pub fn client(&self, metadata: &Value) {
        self.tell("client", metadata);
    }

    /// A refresh token of a client's that somebody agreed to before.
    pub fn refresh_token(&self, client: &str) -> String {
        let token = self.tell("refresh_token", &json!({ "client": client }));
        token.as_str().expect("a token").to_owned()
    }

    /// Open a URL of this server as a browser does whose user agrees to everything: cookies are kept, forms are sent, and
    /// redirects are followed, up to and with the one that leads to another port.
    pub fn browser(&self, url: &str) -> Page {
        browser::open(authority(&self.issuer), url)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // Both fail only where it ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The version of node; nothing where it is not there, or says none.
fn node() -> Option<(u32, u32)> {
    let output = Command::new("node").arg("--version").output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    let mut numbers = version.trim().strip_prefix('v')?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn key(algorithm: Algorithm, form: Form) -> Value {
    let (alg, old) = match algorithm {
        Algorithm::Rs256 => ("RS256", "pkcs1"),
        Algorithm::Rs384 => ("RS384", "pkcs1"),
        Algorithm::Ps256 => ("PS256", "pkcs1"),
        Algorithm::Es256 => ("ES256", "sec1"),
    };
    json!({ "alg": alg, "form": if form == Form::Old { old } else { "pkcs8" } })
}

/// `127.0.0.1:PORT` of an origin.
fn authority(origin: &str) -> &str {
    origin.split_once("://").map_or(origin, |(_, authority)| authority)
}

/// The issuer and the API, which are told once both listen.
fn places(output: ChildStdout) -> Option<(String, String)> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        // At its end there is no JSON. Nobody waits any more where this took too long.
        let _ = BufReader::new(output).read_line(&mut line);
        tell.send(line)
    });
    let places: Value = serde_json::from_str(&told.recv_timeout(PATIENCE).ok()?).ok()?;
    Some((places["issuer"].as_str()?.to_owned(), places["api"].as_str()?.to_owned()))
}
