//! nginx with TLS and HTTP/2, as Debian has it: a server of HTTP/2 that nobody here wrote.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use crate::certificate::Identity;

/// User and group of the server where root starts it.
const NOBODY: u32 = 65534;
/// How long it may take until it listens, or until it logged an answer.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);
/// How often it is started, each time on another port: somebody else may have taken the one before meanwhile.
const ATTEMPTS: usize = 5;

/// A running server.
pub struct Nginx {
    process: Child,
    address: SocketAddr,
    directory: TempDir,
}

impl Nginx {
    /// Start one that shows this certificate; `None`, with the reason printed, where it cannot be had. In CI it has to be.
    pub fn start(identity: &Identity) -> Option<Self> {
        let started = match program() {
            None => Err("the program nginx is not installed".to_owned()),
            Some(program) => {
                let mut attempts = (0..ATTEMPTS).map(|_| Self::attempt(&program, identity));
                attempts.find(Result::is_ok).unwrap_or_else(|| Self::attempt(&program, identity))
            }
        };
        started.inspect_err(|reason| crate::skip::missing(format_args!("nginx: {reason}"))).ok()
    }

    fn attempt(program: &Path, identity: &Identity) -> Result<Self, String> {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let directory = temporary.path().to_str().expect("a path in UTF-8");
        let [config, root, errors, chain, key] =
            ["config", "root", "errors", "chain", "key"].map(|name| format!("{directory}/{name}"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        fs::write(&config, configuration(directory, address)).expect("a file");
        fs::write(&chain, identity.chain_pem()).expect("a file");
        fs::write(&key, identity.key_pem()).expect("a file");
        fs::create_dir(&root).expect("a directory");
        let output = File::create(&errors).expect("a file");
        let mut command = Command::new(program);
        command.args(["-e", "stderr", "-c", &config]).current_dir(directory).env_clear();
        command.stdin(Stdio::null()).stdout(output.try_clone().expect("a file")).stderr(output);
        // What this process makes is root's where this process is.
        if fs::metadata(directory).expect("a directory").uid() == 0 {
            for path in [directory, &root, &errors, &chain, &key] {
                chown(path, Some(NOBODY), Some(NOBODY)).expect("another owner");
            }
            command.uid(NOBODY).gid(NOBODY);
        }
        let process = command.spawn().map_err(|error| error.to_string())?;
        let mut server = Self { process, address, directory: temporary };
        let started = Instant::now();
        while TcpStream::connect(server.address).is_err() {
            let ended = server.process.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                return Err(format!("nginx ended: {ended:?}: {}", server.read("errors")));
            }
            thread::sleep(POLL);
        }
        Ok(server)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
    }

    /// Serve a file with this content, which is not new: a tag of a file that may still be written says nothing.
    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let mut file = File::create(self.directory.path().join("root").join(name)).expect("a file");
        file.write_all(content.as_ref()).expect("a file");
        file.set_modified(SystemTime::now() - Duration::from_secs(3600)).expect("another time");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What an operator grants to open this server by a name.
    pub fn named(&self, name: &str) -> String {
        format!("https://{name}:{}", self.address.port())
    }

    /// What an operator grants to open this server.
    pub fn grant(&self) -> String {
        self.named(&Ipv4Addr::LOCALHOST.to_string())
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.grant())
    }

    /// The words of each line of its log, once there are that many: the number of the connection, the protocol, the
    /// status, the bytes of the body and the path.
    pub fn log(&self, count: usize) -> Vec<Vec<String>> {
        let started = Instant::now();
        loop {
            let log = self.read("log");
            let lines = log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            let lines: Vec<Vec<String>> = lines.map(|line| line.split(' ').map(str::to_owned).collect()).collect();
            if lines.len() >= count {
                return lines;
            }
            assert!(started.elapsed() < PATIENCE, "nginx logged {lines:#?} only");
            thread::sleep(POLL);
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Both fail only where it ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program, on the path or where Debian has servers.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    places.map(|place| place.join("nginx")).find(|program| program.is_file())
}

fn configuration(directory: &str, address: SocketAddr) -> String {
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
    log_format ours '$connection $server_protocol $status $body_bytes_sent $request_uri';
    access_log {directory}/log ours;
    gzip on;
    gzip_types text/csv;
    server {{
        listen {address} ssl http2;
        ssl_certificate {directory}/chain;
        ssl_certificate_key {directory}/key;
        root {directory}/root;
    }}
}}
"
    )
}
