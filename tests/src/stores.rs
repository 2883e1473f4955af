//! Object stores that other people wrote: ministack, which speaks S3, and Azurite, which speaks Azure's Blob Storage. What
//! they answer to a condition is not up to the tests.
//!
//! Each is started once for a test process, keeps everything in memory, and ends when its standard input does: with the
//! process that has its other end, however that ends.

mod contents;
pub(crate) mod signing;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use crate::ask::{Answer, ask};
use crate::{packages, python, skip};
pub use contents::Database;

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long between two looks whether it does.
const POLL: Duration = Duration::from_millis(20);
/// Azure's version of its interface.
const VERSION: &str = "2021-08-06";
/// The account of Azure, and its key.
const ACCOUNT: (&str, &[u8]) = ("account", b"a key of no account");
/// Where in its bucket the landing zone of a test is.
const PREFIX: &str = "zone";

/// Run ministack until the standard input ends.
const MINISTACK: &str = "import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from ministack.app import main
sys.argv = ['ministack']
main()
";

/// The same of Azurite.
const AZURITE: &str = "process.stdin.on('end', () => process.exit(0)).resume();
const main = process.argv[1];
process.argv.splice(1, 1, main);
require(main);
";

/// What a store speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// S3.
    S3,
    /// Azure's Blob Storage.
    Azure,
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _process: Child,
    _directory: TempDir,
}

/// A bucket of its own in a store.
pub struct Store {
    make: Make,
    server: SocketAddr,
    bucket: String,
}

impl Make {
    /// Both.
    pub const ALL: [Self; 2] = [Self::S3, Self::Azure];

    /// The server of this process; `None`, with the reason printed, where it cannot be had. In CI it has to be.
    fn server(self) -> Option<SocketAddr> {
        static S3: OnceLock<Result<Server, String>> = OnceLock::new();
        static AZURE: OnceLock<Result<Server, String>> = OnceLock::new();
        let started = match self {
            Self::S3 => S3.get_or_init(ministack),
            Self::Azure => AZURE.get_or_init(azurite),
        };
        match started {
            Ok(server) => Some(server.address),
            Err(reason) => {
                skip::missing(format_args!("an object store that speaks {self:?}: {reason}"));
                None
            }
        }
    }
}

fn ministack() -> Result<Server, String> {
    let programs = python::store()?;
    Server::start(|port| {
        let mut command = Command::new(programs.join("python"));
        command.args(["-c", MINISTACK]).env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
        command
    })
}

fn azurite() -> Result<Server, String> {
    let main = packages::installed_by_npm("azurite", "3.37.0")?.join("dist/src/blob/main.js");
    let main = main.canonicalize().map_err(|error| error.to_string())?;
    Server::start(|port| {
        let (name, key) = ACCOUNT;
        let mut command = Command::new("node");
        command
            .args(["-e", AZURITE, "--"])
            .arg(&main)
            .args(["--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--silent"])
            .args(["--blobPort", &port.to_string()])
            .env("AZURITE_ACCOUNTS", format!("{name}:{}", signing::base64(key)));
        command
    })
}

impl Server {
    pub(crate) fn start(command: impl FnOnce(u16) -> Command) -> Result<Self, String> {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        // Nobody has it at the moment.
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        drop(listener);
        let output = std::fs::File::create(directory.path().join("output")).map_err(|error| error.to_string())?;
        let mut process = command(address.port())
            .current_dir(directory.path())
            .env("HOME", directory.path())
            .env("TMPDIR", directory.path())
            .stdin(Stdio::piped())
            .stdout(output.try_clone().map_err(|error| error.to_string())?)
            .stderr(output)
            .spawn()
            .map_err(|error| error.to_string())?;
        let started = Instant::now();
        while ask(address, "GET", "/", &[], b"").is_err() {
            let ended = process.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                let _ = process.kill();
                let said = std::fs::read_to_string(directory.path().join("output")).unwrap_or_default();
                return Err(format!("it does not start: {ended:?} {said}"));
            }
            thread::sleep(POLL);
        }
        Ok(Self { address, _process: process, _directory: directory })
    }
}

impl Store {
    /// An empty bucket; `None`, with the reason printed, where there can be none.
    pub fn new(make: Make) -> Option<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let server = make.server()?;
        // A name that no other test process has: what the host keeps of a place on this machine goes by its name.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let bucket = format!("lake-{}-{}-{number}", since.as_millis(), std::process::id());
        let store = Self { make, server, bucket };
        let made = match make {
            Make::S3 => store.ask("PUT", &format!("/{}", store.bucket), &[], b""),
            Make::Azure => {
                let date = signing::now();
                // So that it can be looked at without credentials.
                let fields =
                    [("x-ms-blob-public-access", "container"), ("x-ms-date", &*date), ("x-ms-version", VERSION)];
                let signature = signing::shared_key(ACCOUNT, "PUT", &fields, &store.bucket, "restype:container");
                let fields = [&fields[..], &[("authorization", &*signature)]].concat();
                store.ask("PUT", &format!("/{}/{}?restype=container", ACCOUNT.0, store.bucket), &fields, b"")
            }
        };
        assert!(made.status < 300, "no bucket: {made:?}");
        Some(store)
    }

    /// What it speaks.
    pub fn make(&self) -> Make {
        self.make
    }

    /// Where it listens.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// The landing zone of a test in it.
    pub fn address(&self) -> String {
        format!("{}://{}/{PREFIX}", if self.make == Make::S3 { "s3" } else { "az" }, self.bucket)
    }

    /// The variables that let a program reach it by this host and port, with credentials.
    pub fn variables(&self, at: SocketAddr) -> Vec<(&'static str, String)> {
        let mut variables = vec![("AWS_EC2_METADATA_DISABLED", "true".to_owned())];
        let (name, key) = ACCOUNT;
        match self.make {
            Make::S3 => variables.extend([
                ("AWS_ENDPOINT_URL", format!("http://{at}")),
                ("AWS_ACCESS_KEY_ID", "nobody".into()),
                ("AWS_SECRET_ACCESS_KEY", "no secret at all".into()),
                ("AWS_REGION", "us-east-1".into()),
            ]),
            Make::Azure => variables.extend([
                ("AZURE_STORAGE_ENDPOINT", format!("http://{at}/{name}")),
                ("AZURE_STORAGE_ACCOUNT_NAME", name.into()),
                ("AZURE_STORAGE_ACCOUNT_KEY", signing::base64(key)),
            ]),
        }
        variables
    }

    fn ask(&self, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        ask(self.server, method, target, fields, body).expect("a store that answers")
    }

    fn target(&self, path: &str) -> String {
        match self.make {
            Make::S3 => format!("/{}/{path}", self.bucket),
            Make::Azure => format!("/{}/{}/{path}", ACCOUNT.0, self.bucket),
        }
    }

    /// The objects of the landing zone, those that are hidden included, byte for byte.
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let (query, fields, element) = match self.make {
            Make::S3 => ("?list-type=2", &[][..], "Key"),
            Make::Azure => ("?restype=container&comp=list", &[("x-ms-version", VERSION)][..], "Name"),
        };
        let target = self.target("");
        let listed = self.ask("GET", &format!("{}{query}", target.trim_end_matches('/')), fields, b"");
        assert_eq!(listed.status, 200, "{listed:?}");
        let text = String::from_utf8(listed.body).expect("XML");
        let mut objects = BTreeMap::new();
        for part in text.split(&format!("<{element}>")).skip(1) {
            let key = part.split('<').next().unwrap_or_default();
            let Some(path) = key.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('/')) else { continue };
            let got = self.ask("GET", &self.target(key), fields, b"");
            assert_eq!(got.status, 200, "{key}: {got:?}");
            objects.insert(path.to_owned(), got.body);
        }
        objects
    }

    /// The files that landed, with their decompressed content.
    pub fn landed(&self) -> BTreeMap<String, Vec<u8>> {
        contents::landed(&self.objects())
    }

    /// The state of an extractor, or of one of its windows as `NAME/WINDOW`.
    pub fn state(&self, name: &str) -> Database {
        let objects = self.objects();
        contents::database(objects.get(&contents::state_of(name)).unwrap_or_else(|| panic!("no state of {name}")))
    }

    /// What is wrong in the landing zone: files that are not whole, and recorded ones that are not there or hold something
    /// else. There should be nothing.
    pub fn wrong(&self) -> Vec<String> {
        contents::wrong(&self.objects())
    }

    /// Put an object of the landing zone there, whatever was there. For S3 only.
    pub fn put(&self, path: &str, content: &[u8]) {
        assert_eq!(self.make, Make::S3, "only one that asks for no signature can be written to");
        let put = self.ask("PUT", &self.target(&format!("{PREFIX}/{path}")), &[], content);
        assert_eq!(put.status, 200, "{put:?}");
    }

    /// Write a database as the state of an extractor. For S3 only.
    pub fn put_state(&self, name: &str, database: &Path) {
        self.put(&contents::state_of(name), &crate::gzip(&std::fs::read(database).expect("a database")));
    }

    /// How many uploads in parts were begun and neither ended nor given up. For S3 only.
    pub fn unfinished(&self) -> usize {
        let listed = self.ask("GET", &format!("/{}?uploads", self.bucket), &[], b"");
        assert_eq!(listed.status, 200, "{listed:?}");
        String::from_utf8_lossy(&listed.body).matches("<UploadId>").count()
    }

    /// Have the bucket keep what is replaced, and removed, as old versions. For S3 only.
    pub fn keep_versions(&self) {
        let wanted = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        let told = self.ask("PUT", &format!("/{}?versioning", self.bucket), &[], wanted);
        assert_eq!(told.status, 200, "{told:?}");
    }

    /// Have the bucket keep every version for a day, whoever wants to remove it. For S3 only.
    pub fn lock_objects(&self) {
        self.keep_versions();
        let wanted = b"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
            <Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>";
        let told = self.ask("PUT", &format!("/{}?object-lock", self.bucket), &[], wanted);
        assert_eq!(told.status, 200, "{told:?}");
    }

    /// Remove an object of the landing zone. For S3 only.
    pub fn remove(&self, path: &str) {
        let removed = self.ask("DELETE", &self.target(&format!("{PREFIX}/{path}")), &[], b"");
        assert!(removed.status < 300, "{removed:?}");
    }
}
