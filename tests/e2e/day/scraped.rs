//! A real Prometheus reads the numbers through a real node_exporter.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use harness::{Origin, Reply};
use serde_json::Value;

use crate::environment;
use crate::named::extractor;
use crate::systemd::installed;

/// A server on a port of its own, which ends with this.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Start one, and wait until it listens.
    fn start(program: &str, arguments: impl Fn(u16) -> Vec<String>) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
        let port = free.port();
        let mut command = Command::new(program);
        command.args(arguments(port)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Self { process: command.spawn().expect(program), port };
        crate::until(&mut server.process, |process| {
            assert!(process.try_wait().is_ok_and(|ended| ended.is_none()), "{program} ended");
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        server
    }

    /// Wait until Prometheus knows these values of a number, by extractor.
    #[track_caller]
    fn comes_to_know(&mut self, number: &str, expected: &[(&str, &str)]) {
        let expected = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let port = self.port;
        crate::until(&mut self.process, |_| values(port, number) == expected);
    }
}

/// What Prometheus knows of a number now, by extractor; by `""` where it is of none.
fn values(port: u16, number: &str) -> BTreeMap<String, String> {
    let body = get(port, &format!("/api/v1/query?query={number}")).unwrap_or_default();
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let results = json["data"]["result"].as_array().into_iter().flatten();
    results.map(|one| (text(&one["metric"]["extractor"]), text(&one["value"][1]))).collect()
}

/// The body of an answer.
fn get(port: u16, target: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET {target} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn prometheus_knows_who_fails_and_who_is_well_again() {
    if !installed("prometheus") || !installed("prometheus-node-exporter") {
        return;
    }
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a\n1\n"));
    let both = extractor("good", &origin, "/a.csv") + &extractor("bad", &origin, "/b.csv");
    environment.write("host.toml", format!("[metrics]\ntextfile = \"numbers/host.prom\"\n{both}"));
    let place = environment.path().display().to_string();
    fs::create_dir(environment.path().join("numbers")).expect("a directory");
    environment.host(["run", "--all"]).exits(1);

    let exporter = Server::start("prometheus-node-exporter", |port| {
        vec![
            "--collector.disable-defaults".into(),
            "--collector.textfile".into(),
            format!("--collector.textfile.directory={place}/numbers"),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ]
    });
    let config = format!(
        "global: {{scrape_interval: 200ms}}
scrape_configs: [{{job_name: node, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]
",
        exporter.port
    );
    environment.write("prometheus.yml", config);
    let mut prometheus = Server::start("prometheus", |port| {
        vec![
            format!("--config.file={place}/prometheus.yml"),
            format!("--storage.tsdb.path={place}/prometheus"),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ]
    });
    prometheus.comes_to_know("host_extractor_failing", &[("bad", "1"), ("good", "0")]);
    prometheus.comes_to_know("host_extractor_files_7d", &[("bad", "0"), ("good", "1")]);
    prometheus.comes_to_know("node_textfile_scrape_error", &[("", "0")]);
    // It goes on reading, and so it hears of what changes.
    origin.route("/b.csv", Reply::new("b\n2\n"));
    environment.host(["run", "--all"]).exits(0);
    prometheus.comes_to_know("host_extractor_failing", &[("bad", "0"), ("good", "0")]);
    prometheus.comes_to_know("host_extractor_streak", &[("bad", "1"), ("good", "2")]);
}
