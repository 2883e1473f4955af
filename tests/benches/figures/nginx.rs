//! A real web server on loopback: nginx with one worker, and static files below a directory of its own.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use harness::Identity;

use crate::programs;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// All paths are below the server's own directory. As root its worker stays root, since the directory is root's alone.
const SETTINGS: &str = "
user root root;
worker_processes 1;
daemon off;
pid nginx.pid;
error_log error.log;
events { worker_connections 1024; }
http {
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    default_type text/csv;
    log_format requests '$connection $server_protocol';
    access_log {log};
    client_body_temp_path temporary/body;
    proxy_temp_path temporary/proxy;
    fastcgi_temp_path temporary/fastcgi;
    uwsgi_temp_path temporary/uwsgi;
    scgi_temp_path temporary/scgi;
    server {
        listen 127.0.0.1:{port}{listen};
        {tls}
        root files;
        location /plain/ { alias files/; etag off; add_header Last-Modified \"\"; }
    }
}
";

/// Which HTTP is spoken.
pub(crate) enum Speaks<'a> {
    /// HTTP/1.1 without TLS.
    Plain,
    /// HTTP/1.1 over TLS.
    Tls(&'a Identity),
    /// HTTP/2 over TLS, if the client can.
    Http2(&'a Identity),
}

/// A server that runs until it is dropped.
pub(crate) struct Nginx {
    program: PathBuf,
    directory: tempfile::TempDir,
    process: Child,
    origin: String,
}

impl Nginx {
    /// Start a server without files.
    pub(crate) fn start(speaks: &Speaks<'_>) -> Result<Self> {
        let program = programs::need("nginx")?;
        let directory = tempfile::tempdir()?;
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("files"))?;
        fs::create_dir(at("temporary"))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let (scheme, listen) = match speaks {
            Speaks::Plain => ("http", ""),
            Speaks::Tls(_) => ("https", " ssl"),
            Speaks::Http2(_) => ("https", " ssl http2"),
        };
        let (mut tls, mut log) = ("", "off");
        if let Speaks::Tls(identity) | Speaks::Http2(identity) = speaks {
            fs::write(at("certificate.pem"), identity.pem())?;
            fs::write(at("key.pem"), identity.key_pem())?;
            tls = "ssl_certificate certificate.pem; ssl_certificate_key key.pem;";
            log = "requests.log requests";
        }
        let port_text = port.to_string();
        let mut settings = SETTINGS.to_owned();
        for (name, value) in [("{port}", &*port_text), ("{listen}", listen), ("{tls}", tls), ("{log}", log)] {
            settings = settings.replace(name, value);
        }
        fs::write(at("nginx.conf"), settings)?;
        // It writes there what it has to say before it has read where its log is.
        let errors = File::create(at("error.log"))?;
        let process = command(&program, directory.path()).stderr(errors).spawn().context("nginx does not start")?;
        let mut nginx = Self { program, directory, process, origin: format!("{scheme}://127.0.0.1:{port}") };
        nginx.wait(port)?;
        Ok(nginx)
    }

    fn wait(&mut self, port: u16) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if self.process.try_wait()?.is_some() || start.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.directory.path().join("error.log")).unwrap_or_default();
                bail!("failed: nginx does not start: {}", log.trim());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The URL of a file.
    pub(crate) fn url(&self, file: &str) -> String {
        format!("{}/{file}", self.origin)
    }

    /// The URL of a file, served without validators.
    pub(crate) fn plain_url(&self, file: &str) -> String {
        self.url(&format!("plain/{file}"))
    }

    /// Where a file is that it serves.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join("files").join(name)
    }

    /// The connections over which requests came since the last time that this was asked, and the version of HTTP.
    pub(crate) fn connections(&self) -> Result<(usize, String)> {
        let log = self.directory.path().join("requests.log");
        let text = fs::read_to_string(&log)?;
        fs::write(log, "")?;
        let mut connections: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
        connections.sort_unstable();
        connections.dedup();
        let version = text.lines().next().and_then(|line| line.split_whitespace().nth(1)).unwrap_or("no HTTP");
        Ok((connections.len(), version.to_owned()))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let stopped = command(&self.program, self.directory.path()).args(["-s", "stop"]).status();
        if !stopped.is_ok_and(|status| status.success()) {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

fn command(program: &Path, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("-p").arg(directory).args(["-c", "nginx.conf"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
