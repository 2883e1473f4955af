//! `cargo bench`: the figures that `host` is held to, measured on the release build as whole processes on loopback.
//!
//! It prints what it measured beside what is promised, and judges nothing: machines differ.
#![allow(clippy::disallowed_methods, reason = "a benchmark works on files, processes and the clock")]

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use harness::reply::LINE;
use harness::{Environment, Origin, Reply, guest};

/// The large body: 283 MB of CSV.
const LINES: u64 = 283_000_000 / LINE as u64;

fn main() {
    println!("{:<44} {:>22}  promised", "figure", "measured (min, max)");
    warm_tick();
    cold_start();
    large_body();
    same_tag();
}

fn environment() -> Environment {
    Environment::new(env!("CARGO_BIN_EXE_host"))
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn print(figure: &str, mut times: Vec<Duration>, promised: &str) {
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let (min, median, max) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    let measured = format!("{:.1} ms ({:.1}, {:.1})", ms(median), ms(min), ms(max));
    println!("{figure:<44} {measured:>22}  {promised}");
}

fn run(environment: &Environment, guest_name: &str, arguments: &[&str]) {
    let mut command = environment.run_command(guest_name, arguments);
    let output = command.output().expect("the program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn warm_tick() {
    let origin = Origin::start();
    origin.route("/tagged.csv", Reply::new("a,b\n1,2\n").etag("\"one\""));
    origin.route("/plain.csv", Reply::new("a,b\n1,2\n"));
    for (figure, path) in
        [("warm tick, ETag, nothing new", "/tagged.csv"), ("warm tick, no ETag, nothing new", "/plain.csv")]
    {
        let environment = environment();
        let (grant, url) = (origin.grant(), format!("url={}", origin.url(path)));
        let arguments = ["--allow-http", &grant, "--param", &url];
        run(&environment, "mirror", &arguments);
        let times = (0..50).map(|_| timed(|| run(&environment, "mirror", &arguments))).collect();
        print(figure, times, "under 20 ms");
    }
}

fn cold_start() {
    let origin = Origin::start();
    origin.route("/courts.csv", Reply::new("a,b\n1,2\n").etag("\"one\""));
    let (grant, url) = (origin.grant(), format!("url={}", origin.url("/courts.csv")));
    guest("mirror");
    let cold = |_| {
        let environment = environment();
        let mut command = environment.run_command("mirror", &["--allow-http", &grant, "--param", &url]);
        command.env("XDG_CACHE_HOME", environment.path().join("cache"));
        timed(|| assert!(command.output().expect("the program").status.success()))
    };
    print("cold first run of mirror", (0..10).map(cold).collect(), "under 300 ms");
}

fn large_body() {
    let origin = Origin::start();
    origin.route("/large.csv", Reply::lines(LINES));
    let environment = environment();
    let (grant, url) = (origin.grant(), format!("url={}", origin.url("/large.csv")));
    for figure in ["283 MB of CSV, new", "283 MB of CSV, unchanged"] {
        let mut command = environment.run_command("mirror", &["--allow-http", &grant, "--param", &url]);
        let start = Instant::now();
        let mut child = command.stdout(Stdio::null()).spawn().expect("the program");
        let peak = peak_memory(&mut child);
        let took = start.elapsed();
        println!("{figure:<44} {:>14.1} MiB, {:.1} s  under 48 MiB", peak as f64 / 1024.0, took.as_secs_f64());
    }
}

/// The most memory that a process held at once, in KiB, as the kernel keeps count of it.
fn peak_memory(child: &mut Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("the program").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = kib.unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(2));
    }
    peak
}

fn same_tag() {
    let origin = Origin::start();
    let mut url = "url=".to_owned();
    for number in 0..1000 {
        origin.route(&format!("/{number}"), Reply::new(format!("number\n{number}\n")).etag("\"same\""));
        url.push_str(&origin.url(&format!("/{number} ")));
    }
    let environment = environment();
    let grant = origin.grant();
    let arguments = ["--allow-http", &grant, "--param", &url];
    let first = timed(|| run(&environment, "mirror", &arguments));
    println!(
        "{:<44} {:>14} files, {:.2} s  1000 files",
        "1,000 URLs with one ETag",
        environment.paths().len(),
        first.as_secs_f64()
    );
    let times = (0..5).map(|_| timed(|| run(&environment, "mirror", &arguments))).collect();
    print("the same again, nothing new", times, "-");
}
