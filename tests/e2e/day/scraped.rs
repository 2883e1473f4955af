//! A real Prometheus reads the numbers through a real node_exporter.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

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

    /// Wait until Prometheus answers a query with these values, by the label.
    #[track_caller]
    fn comes_to_know(&mut self, query: &str, label: &str, expected: &[(&str, &str)]) {
        let expected: BTreeMap<_, _> =
            expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (port, mut known) = (self.port, None);
        crate::until(&mut self.process, |_| {
            let now = values(port, query, label);
            if known.as_ref() != Some(&now) {
                eprintln!("{query}: {now:?}");
            }
            known.insert(now) == &expected
        });
    }
}

/// What Prometheus answers a query with now: values by a label, or by `""` where there is none.
fn values(port: u16, query: &str, label: &str) -> BTreeMap<String, String> {
    let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let body = get(port, &format!("/api/v1/query?query={query}")).unwrap_or_default();
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let results = json["data"]["result"].as_array().into_iter().flatten();
    results.map(|one| (text(&one["metric"][label]), text(&one["value"][1]))).collect()
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

/// The rules for alerts that the book has.
fn rules() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/book/src/watch.md");
    let page = fs::read_to_string(page).expect("a page");
    let (_, rules) = page.split_once("```yaml\n").expect("the rules");
    rules.split_once("```").expect("their end").0.to_owned()
}

/// A node_exporter that reads the numbers in this place, and a Prometheus that reads them there and follows the rules.
fn watchers(place: &Path) -> [Server; 2] {
    let shown = place.display();
    let exporter = Server::start("prometheus-node-exporter", |port| {
        vec![
            "--collector.disable-defaults".into(),
            "--collector.textfile".into(),
            format!("--collector.textfile.directory={shown}/numbers"),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ]
    });
    let config = format!(
        "global: {{scrape_interval: 200ms, evaluation_interval: 200ms}}
rule_files: [{shown}/rules.yml]
scrape_configs: [{{job_name: node, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]
",
        exporter.port
    );
    fs::write(place.join("prometheus.yml"), config).expect("a file");
    fs::write(place.join("rules.yml"), rules()).expect("a file");
    let prometheus = Server::start("prometheus", |port| {
        vec![
            format!("--config.file={shown}/prometheus.yml"),
            format!("--storage.tsdb.path={shown}/prometheus"),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ]
    });
    [exporter, prometheus]
}

#[test]
fn prometheus_knows_who_fails_and_who_is_well_again() {
    const FIRING: &str = "ALERTS{alertstate=\"firing\"}";
    if !installed("prometheus") || !installed("prometheus-node-exporter") {
        return;
    }
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a\n1\n"));
    let both = extractor("good", &origin, "/a.csv") + &extractor("bad", &origin, "/b.csv");
    environment.write("host.toml", format!("[metrics]\ntextfile = \"numbers/host.prom\"\n{both}"));
    let numbers = environment.path().join("numbers/host.prom");
    fs::create_dir(environment.path().join("numbers")).expect("a directory");
    environment.host(["run", "--all"]).exits(1);
    let [_exporter, mut prometheus] = watchers(environment.path());
    prometheus.comes_to_know("host_extractor_failing", "extractor", &[("bad", "1"), ("good", "0")]);
    prometheus.comes_to_know("host_extractor_files_7d", "extractor", &[("bad", "0"), ("good", "1")]);
    prometheus.comes_to_know("node_textfile_scrape_error", "", &[("", "0")]);
    prometheus.comes_to_know("ALERTS", "alertname", &[("ExtractorUnhealthy", "1")]);
    // It goes on reading, and so it hears of what gets worse, of a host that is silent, and of what is well again.
    for _ in 0..2 {
        environment.host(["run", "bad"]).exits(1);
    }
    prometheus.comes_to_know(FIRING, "alertname", &[("ExtractorFailsAgain", "1")]);
    let earlier = SystemTime::now() - Duration::from_secs(2 * 3600);
    let file = fs::File::options().append(true).open(&numbers).expect("a file");
    file.set_modified(earlier).expect("another time");
    prometheus.comes_to_know(FIRING, "alertname", &[("ExtractorFailsAgain", "1"), ("HostMetricsAreOld", "1")]);
    origin.route("/b.csv", Reply::new("b\n2\n"));
    environment.host(["run", "--all"]).exits(0);
    prometheus.comes_to_know("ALERTS", "alertname", &[]);
    prometheus.comes_to_know("host_extractor_failing", "extractor", &[("bad", "0"), ("good", "0")]);
    prometheus.comes_to_know("host_extractor_streak", "extractor", &[("bad", "1"), ("good", "2")]);
}
