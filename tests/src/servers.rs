//! Servers that other people wrote, as Debian has them: what they answer to a condition is not up to the tests.
//!
//! Each has a port and a directory of its own, and is a single process in the foreground: killing it leaves nothing
//! behind, and Ctrl-C reaches it. Started by root, it is not root itself.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// User and group of a server that root starts. Nothing belongs to them but what the server is given.
const NOBODY: u32 = 65534;
/// How long a server may take until it answers, or until it logged an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long between two looks whether it did.
const POLL: Duration = Duration::from_millis(10);
/// How often a server is started, each time on another port: somebody else may have taken the one before meanwhile.
const ATTEMPTS: usize = 5;
/// A file by which a server is told from whatever else may have got its port.
const READY: &str = "ready.txt";

/// A program that serves files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// nginx.
    Nginx,
    /// Apache's HTTP Server 2.4.
    Apache,
    /// Caddy 2.
    Caddy,
    /// lighttpd 1.4.
    Lighttpd,
}

/// Whether a server compresses CSV for those who take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// It does.
    On,
    /// It does not.
    Off,
}

/// What a server answered, going by its own log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The status.
    pub status: u16,
    /// How many bytes of a body it sent, as they went over the wire.
    pub body_bytes: u64,
    /// The second by the server's clock, as in its field `Date`.
    pub second: u64,
    /// The whole line, for whoever reads of a failure: it has the condition that was asked, and the tag of the answer.
    pub line: String,
}

/// A running server.
pub struct Server {
    kind: Kind,
    process: Child,
    port: u16,
    directory: TempDir,
}

/// What a configuration is made for. Below the directory are `root` with what is served, `log`, and `errors`.
struct Setup<'a> {
    compression: Compression,
    port: u16,
    directory: &'a str,
}

impl Server {
    /// Start a server that has nothing to serve yet; `None`, with the reason printed, where it cannot be had.
    /// In CI it has to be.
    pub fn start(kind: Kind, compression: Compression) -> Option<Self> {
        match Self::on_any_port(kind, compression) {
            Ok(server) => Some(server),
            Err(reason) => {
                crate::skip::missing(format_args!("{}: {reason}", kind.program()));
                None
            }
        }
    }

    fn on_any_port(kind: Kind, compression: Compression) -> Result<Self, String> {
        let name = kind.program();
        let program = installed(name).ok_or_else(|| format!("the program {name} is not installed"))?;
        let mut reasons = Vec::new();
        for _ in 0..ATTEMPTS {
            match Self::attempt(&program, kind, compression) {
                Ok(server) => return Ok(server),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(format!("{name} does not start: {reasons:#?}"))
    }

    fn attempt(program: &Path, kind: Kind, compression: Compression) -> Result<Self, String> {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let directory = temporary.path().to_str().expect("a path in UTF-8");
        let [config, root, errors] = ["config", "root", "errors"].map(|name| format!("{directory}/{name}"));
        let port = free_port();
        fs::write(&config, kind.config(&Setup { compression, port, directory })).expect("a file");
        fs::create_dir(&root).expect("a directory");
        fs::write(format!("{root}/{READY}"), directory).expect("a file");
        let output = File::create(&errors).expect("a file");
        let mut command = Command::new(program);
        command
            .args(kind.arguments(&config))
            .current_dir(directory)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", directory)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file"))
            .stderr(output);
        // What this process makes is root's where this process is.
        if fs::metadata(directory).expect("a directory").uid() == 0 {
            for path in [directory, &root, &errors] {
                chown(path, Some(NOBODY), Some(NOBODY)).expect("another owner");
            }
            command.uid(NOBODY).gid(NOBODY);
        }
        let process = command.spawn().map_err(|error| error.to_string())?;
        let mut server = Self { kind, process, port, directory: temporary };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let started = Instant::now();
        loop {
            // Nobody may listen yet.
            let answer = self.ask_for(READY).unwrap_or_default();
            if self.directory.path().to_str() == Some(&answer) {
                return Ok(());
            }
            let ended = self.process.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                let errors = fs::read_to_string(self.directory.path().join("errors")).unwrap_or_default();
                return Err(format!("ended: {ended:?}, answered: {answer:?}, said: {errors}"));
            }
            thread::sleep(POLL);
        }
    }

    /// The content of a file, as it serves it.
    fn ask_for(&self, name: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET /{name} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.split_once("\r\n\r\n").map(|(_, content)| content.to_owned()).unwrap_or_default())
    }

    /// Serve a file with this content from now on, last modified then.
    pub fn put(&self, name: &str, content: impl AsRef<[u8]>, modified: SystemTime) {
        let mut file = File::create(self.directory.path().join("root").join(name)).expect("a file");
        file.write_all(content.as_ref()).expect("a file");
        file.set_modified(modified).expect("another time");
    }

    /// What an operator grants to open this server: `http://127.0.0.1:PORT`.
    pub fn grant(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.grant())
    }

    /// What it answered so far, once that is at least `count` answers: servers log after they answered.
    pub fn log(&self, count: usize) -> Vec<Logged> {
        let started = Instant::now();
        loop {
            if self.kind == Kind::Lighttpd {
                // It keeps lines back for seconds, but for this signal.
                let id = Pid::from_child(&self.process);
                kill_process(id, Signal::HUP).expect("a signal");
            }
            let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            // What has no end yet is being written.
            let lines = log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            let logged: Vec<_> = lines.filter(|line| !line.contains(READY)).map(|line| self.kind.read(line)).collect();
            if logged.len() >= count {
                return logged;
            }
            assert!(started.elapsed() < PATIENCE, "{:?} logged {logged:#?} only", self.kind);
            thread::sleep(POLL);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A program on the path, or where Debian has servers, which is on root's path alone.
pub(crate) fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).chain(["/usr/sbin".into()]).map(|place| place.join(program));
    places.find(|place| place.is_file())
}

/// A port that nobody has at the moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
    listener.local_addr().expect("an address").port()
}

/// The start of the next second, once it is there: who writes a file now has most of a second left to fetch it in.
pub fn next_second() -> SystemTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    let second = UNIX_EPOCH + Duration::from_secs(since.as_secs() + 1);
    while let Ok(left) = second.duration_since(SystemTime::now()) {
        thread::sleep(left);
    }
    second
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache2",
            Self::Caddy => "caddy",
            Self::Lighttpd => "lighttpd",
        }
    }

    /// Run in the foreground, by this configuration.
    fn arguments(self, config: &str) -> Vec<&str> {
        match self {
            Self::Nginx => vec!["-e", "stderr", "-c", config],
            Self::Apache => vec!["-X", "-f", config],
            Self::Caddy => vec!["run", "--adapter", "caddyfile", "--config", config],
            Self::Lighttpd => vec!["-D", "-f", config],
        }
    }

    fn config(self, setup: &Setup<'_>) -> String {
        match self {
            Self::Nginx => nginx(setup),
            Self::Apache => apache(setup),
            Self::Caddy => caddy(setup),
            Self::Lighttpd => lighttpd(setup),
        }
    }

    fn read(self, line: &str) -> Logged {
        let numbers = if self == Self::Caddy { of_json(line) } else { of_words(line) };
        let [status, body_bytes, second] = numbers.unwrap_or_else(|| panic!("{self:?} logged {line}"));
        Logged { status: status.try_into().expect("a status"), body_bytes, second, line: line.to_owned() }
    }
}

/// Status, bytes of the body and second of a line that starts with them, as the configurations below have it.
fn of_words(line: &str) -> Option<[u64; 3]> {
    let mut words = line.split(' ');
    let mut number = || words.next()?.split('.').next()?.parse().ok();
    Some([number()?, number()?, number()?])
}

/// The same of Caddy's log.
fn of_json(line: &str) -> Option<[u64; 3]> {
    let line: Value = serde_json::from_str(line).ok()?;
    Some([line["status"].as_u64()?, line["size"].as_u64()?, line["ts"].as_f64()? as u64])
}

fn nginx(Setup { compression, port, directory }: &Setup<'_>) -> String {
    let gzip = match compression {
        Compression::On => "gzip on; gzip_types text/csv; gzip_min_length 1;",
        Compression::Off => "gzip off;",
    };
    // It makes all of these when it starts, elsewhere if it is not told.
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {directory}/{name};"))
        .join("\n    ");
    format!(
        "daemon off;
master_process off;
pid {directory}/pid;
events {{}}
http {{
    {temporary}
    types {{ text/csv csv; }}
    log_format ours escape=json
        '$status $body_bytes_sent $msec $request_uri \"$http_if_none_match\" \"$sent_http_etag\"';
    access_log {directory}/log ours;
    {gzip}
    server {{
        listen 127.0.0.1:{port};
        root {directory}/root;
    }}
}}
"
    )
}

fn apache(Setup { compression, port, directory }: &Setup<'_>) -> String {
    let deflate = match compression {
        Compression::On => {
            "LoadModule filter_module modules/mod_filter.so
LoadModule deflate_module modules/mod_deflate.so
AddOutputFilterByType DEFLATE text/csv"
        }
        Compression::Off => "",
    };
    format!(
        "ServerRoot /usr/lib/apache2
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule mime_module modules/mod_mime.so
{deflate}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
DefaultRuntimeDir {directory}
PidFile {directory}/pid
ErrorLog {directory}/errors
TypesConfig /dev/null
AddType text/csv .csv
LogFormat \"%>s %B %{{sec}}t %U \\\"%{{If-None-Match}}i\\\" \\\"%{{ETag}}o\\\"\" ours
CustomLog {directory}/log ours
DocumentRoot {directory}/root
"
    )
}

fn caddy(Setup { compression, port, directory }: &Setup<'_>) -> String {
    let encode = match compression {
        Compression::On => "encode gzip",
        Compression::Off => "",
    };
    format!(
        "{{
    admin off
    auto_https off
}}
http://127.0.0.1:{port} {{
    bind 127.0.0.1
    root * {directory}/root
    {encode}
    file_server
    log {{
        output file {directory}/log
        format json
    }}
}}
"
    )
}

fn lighttpd(Setup { compression, port, directory }: &Setup<'_>) -> String {
    let (module, deflate) = match compression {
        Compression::On => (
            ", \"mod_deflate\"",
            "deflate.mimetypes = ( \"text/csv\" )
deflate.allowed-encodings = ( \"gzip\" )",
        ),
        Compression::Off => ("", ""),
    };
    // Without the cache of `stat`: it tells of files as they were up to two seconds ago.
    format!(
        "server.modules = ( \"mod_accesslog\"{module} )
{deflate}
server.bind = \"127.0.0.1\"
server.port = {port}
server.document-root = \"{directory}/root\"
server.stat-cache-engine = \"disable\"
mimetype.assign = ( \".csv\" => \"text/csv\" )
accesslog.filename = \"{directory}/log\"
accesslog.format = \"%s %B %{{sec}}t %U \\\"%{{If-None-Match}}i\\\" \\\"%{{ETag}}o\\\"\"
"
    )
}
