//! Registries: Debian's docker-registry, and one that is scripted, answer by answer.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::servers::{free_port, installed};
use crate::{Origin, Reply};

/// User and group of the server where root starts it.
const NOBODY: u32 = 65534;
/// How long it may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);
/// How often it is started, each time on another port: somebody else may have taken the one before meanwhile.
const ATTEMPTS: usize = 5;
/// Who may ask a registry with a password, and the line of `htpasswd -B` for it.
pub const NAME: &str = "robot";
/// The password.
pub const PASSWORD: &str = "pass:word";
const HTPASSWD: &str = "robot:$2y$04$G2PERV8s16ACLIAq9yjaeu.LsZp97MlvhIOZsKp3plVOpbLkJoRai\n";
/// The media types of the layout for components.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Of its config.
pub const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// Of its layer.
pub const WASM: &str = "application/wasm";

/// The digest of some bytes, as registries write it.
pub fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A component that does the same and has other bytes.
pub fn with_note(component: &[u8], note: &str) -> Vec<u8> {
    let name = "note";
    let size = u8::try_from(1 + name.len() + note.len()).ok().filter(|size| *size < 0x80).expect("a short note");
    let head = [0, size, name.len() as u8];
    [component, &head, name.as_bytes(), note.as_bytes()].concat()
}

/// `auths` of a file of docker's or podman's.
pub fn auths(registry: &str, name: &str, password: &str) -> String {
    let auth = STANDARD.encode(format!("{name}:{password}"));
    json!({ "auths": { registry: { "auth": auth } } }).to_string()
}

/// A key of ECDSA P-256 or of Ed25519: the private half and the public one, both in PEM.
pub fn keys(edwards: bool) -> (String, String) {
    let algorithm = if edwards { &PKCS_ED25519 } else { &PKCS_ECDSA_P256_SHA256 };
    let pair = KeyPair::generate_for(algorithm).expect("a key");
    let pem = |label: &str, der: Vec<u8>| {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    };
    (pem("PRIVATE KEY", pair.serialize_der()), pem("PUBLIC KEY", pair.subject_public_key_info()))
}

/// Debian's docker-registry.
pub struct Registry {
    process: Child,
    port: u16,
    _directory: TempDir,
}

impl Registry {
    /// Start one, for everybody or for those alone who have the password; `None`, with the reason printed, where it cannot
    /// be had. In CI it has to be.
    pub fn start(for_everybody: bool) -> Option<Self> {
        let started = match installed("docker-registry") {
            None => Err("the program docker-registry is not installed".to_owned()),
            Some(program) => {
                let mut attempts = (0..ATTEMPTS).map(|_| Self::attempt(&program, for_everybody));
                attempts.find(Result::is_ok).unwrap_or_else(|| Self::attempt(&program, for_everybody))
            }
        };
        started.inspect_err(|reason| crate::skip::missing(format_args!("docker-registry: {reason}"))).ok()
    }

    fn attempt(program: &Path, for_everybody: bool) -> Result<Self, String> {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let directory = temporary.path().to_str().expect("a path in UTF-8");
        let [config, data, errors, passwords] =
            ["config.yml", "data", "errors", "htpasswd"].map(|name| format!("{directory}/{name}"));
        let port = free_port();
        let auth = match for_everybody {
            true => String::new(),
            false => format!("auth: {{ htpasswd: {{ realm: tests, path: {passwords} }} }}\n"),
        };
        let text = format!(
            "version: 0.1\nstorage: {{ filesystem: {{ rootdirectory: {data} }} }}\nhttp: {{ addr: 127.0.0.1:{port} }}\n{auth}"
        );
        fs::write(&config, text).expect("a file");
        fs::write(&passwords, HTPASSWD).expect("a file");
        fs::create_dir(&data).expect("a directory");
        let output = File::create(&errors).expect("a file");
        let mut command = Command::new(program);
        command.args(["serve", &config]).current_dir(directory).env_clear();
        command.stdin(Stdio::null()).stdout(output.try_clone().expect("a file")).stderr(output);
        // What this process makes is root's where this process is.
        if fs::metadata(directory).expect("a directory").uid() == 0 {
            for path in [directory, &data, &errors, &passwords] {
                chown(path, Some(NOBODY), Some(NOBODY)).expect("another owner");
            }
            command.uid(NOBODY).gid(NOBODY);
        }
        let process = command.spawn().map_err(|error| error.to_string())?;
        let mut registry = Self { process, port, _directory: temporary };
        let (started, wanted) = (Instant::now(), if for_everybody { 200 } else { 401 });
        loop {
            // Nobody may listen yet.
            if registry.ask("GET", "/v2/", "", b"").is_ok_and(|(status, _)| status == wanted) {
                return Ok(registry);
            }
            let ended = registry.process.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                return Err(format!("ended: {ended:?}, said: {}", fs::read_to_string(&errors).unwrap_or_default()));
            }
            thread::sleep(POLL);
        }
    }

    /// `localhost:PORT`.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// The reference of something in it.
    pub fn reference(&self, rest: &str) -> String {
        format!("oci://{}/{rest}", self.host())
    }

    /// Ask it for something: the status and the body of the answer.
    pub fn ask(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        let (status, _, body) = self.exchange(method, path, kind, body)?;
        Ok((status, body))
    }

    /// The same, with the head of the answer.
    fn exchange(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> io::Result<(u16, String, Vec<u8>)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nAccept: {MANIFEST}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            self.host(),
            body.len()
        )?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(answer.len());
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Ok((status, head, answer.get(end + 4..).unwrap_or_default().to_vec()))
    }

    /// Have a blob there.
    pub fn upload(&self, repository: &str, blob: &[u8]) {
        let begin = format!("/v2/{repository}/blobs/uploads/");
        let (status, head, _) = self.exchange("POST", &begin, "", b"").expect("an answer");
        let place = head.lines().find_map(|line| line.strip_prefix("Location: ")).expect("a place");
        let path = place.split_once(&self.host()).map_or(place, |(_, path)| path);
        let separator = if path.contains('?') { '&' } else { '?' };
        let put = format!("{path}{separator}digest={}", digest(blob));
        let (stored, _) = self.ask("PUT", &put, "application/octet-stream", blob).expect("an answer");
        assert_eq!((status, stored), (202, 201), "{put}");
    }

    /// The manifest of a tag.
    pub fn manifest(&self, repository: &str, tag: &str) -> Value {
        let (status, body) = self.ask("GET", &format!("/v2/{repository}/manifests/{tag}"), "", b"").expect("an answer");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("JSON")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Both fail only where it ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A registry that answers as it is told, with one component in it.
pub struct Scripted {
    /// Who answers.
    pub origin: Origin,
    /// The component.
    pub component: Vec<u8>,
    /// Its manifest.
    pub manifest: Vec<u8>,
}

/// The repository of the scripted one.
pub const REPOSITORY: &str = "acme/weather";

impl Scripted {
    /// One that answers as it should.
    pub fn start(component: Vec<u8>) -> Self {
        Self::at(Origin::start(), component)
    }

    /// The same at an origin of its own.
    pub fn at(origin: Origin, component: Vec<u8>) -> Self {
        let config = json!({ "mediaType": CONFIG, "digest": digest(b"{}"), "size": 2 });
        let layer = json!({ "mediaType": WASM, "digest": digest(&component), "size": component.len() });
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] });
        let scripted = Self { origin, component, manifest: manifest.to_string().into_bytes() };
        scripted.route_manifest(&scripted.manifest);
        scripted.origin.route(&scripted.blob(), Reply::new(scripted.component.clone()));
        scripted
    }

    /// Answer with this manifest, by the tag `1` and by its digest.
    pub fn route_manifest(&self, manifest: &[u8]) {
        for name in ["1".to_owned(), digest(manifest)] {
            self.origin
                .route(&self.path(&format!("manifests/{name}")), Reply::new(manifest).header("Content-Type", MANIFEST));
        }
    }

    /// The path of something in its repository.
    pub fn path(&self, rest: &str) -> String {
        format!("/v2/{REPOSITORY}/{rest}")
    }

    /// The path of the component.
    pub fn blob(&self) -> String {
        self.path(&format!("blobs/{}", digest(&self.component)))
    }

    /// The component by its tag.
    pub fn tagged(&self) -> String {
        format!("oci://{}/{REPOSITORY}:1", self.host())
    }

    /// The component by its digest.
    pub fn pinned(&self) -> String {
        format!("oci://{}/{REPOSITORY}@{}", self.host(), digest(&self.manifest))
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        let grant = self.origin.grant();
        grant.split_once("://").map_or_else(String::new, |(_, host)| host.to_owned())
    }
}
