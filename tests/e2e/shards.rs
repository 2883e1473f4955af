//! Plans and their shards: what is printed, what runs, and what an engine is told by the exit code.

use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};

use harness::soak::times;
use harness::{Environment, Gate, Origin, Ran, Reply, guest};

use crate::environment;
use crate::signals::signal;

/// A server with a content of its own for each of nine days, and a configuration whose `days` lands them.
pub(crate) fn prepared() -> (Environment, Origin) {
    let (environment, origin) = (environment(), Origin::start());
    for day in 1..10 {
        origin.route(&format!("/2025-01-{day:02}"), Reply::new(format!("{day}\n")));
    }
    configure(&environment, &origin, "");
    (environment, origin)
}

fn configure(environment: &Environment, origin: &Origin, more: &str) {
    let text = format!(
        "[extractor.days]\ncomponent = {:?}\nhttp = [{:?}]\nparam = {{ do = \"days\", url = {:?} }}\n{more}",
        guest("probe"),
        origin.grant(),
        origin.url("/"),
    );
    environment.write("host.toml", text);
}

/// Write the plan of a window.
pub(crate) fn plan(environment: &Environment, window: &str) -> String {
    let plan = environment.host(["plan", "days", "--backfill", window, "--json"]).exits(0).stdout;
    environment.write("plan.jsonl", &plan);
    plan
}

fn shard(environment: &Environment, number: &str) -> Ran {
    environment.host(["run", "--plan", "plan.jsonl", "--shard", number, "--json"])
}

#[test]
fn a_plan_says_each_shard_and_is_the_same_always() {
    let (environment, _origin) = prepared();
    let first = plan(&environment, "2025-01-01..2025-01-03");
    let lines: Vec<serde_json::Value> = first.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(
        lines,
        [0, 1].map(|shard| {
            let key = format!("2025-01-0{}..2025-01-0{}", shard + 1, shard + 2);
            serde_json::json!({
                "shard": shard, "of": 2, "key": key, "argv": ["host", "run", "days", "--backfill", key],
            })
        })
    );
    assert_eq!(plan(&environment, "2025-01-01..2025-01-03"), first);
    let commands = environment.host(["plan", "days", "--backfill", "2025-01-30..2025-03-02", "--step", "1mo"]).exits(0);
    assert_eq!(
        commands.stdout,
        "host run days --backfill 2025-01-30..2025-02-01\nhost run days --backfill 2025-02-01..2025-03-01\n\
         host run days --backfill 2025-03-01..2025-03-02\n"
    );
}

#[test]
fn shards_land_what_one_run_lands_and_a_repeated_one_nothing_new() {
    let (environment, origin) = prepared();
    plan(&environment, "2025-01-01..2025-01-10");
    for number in 0..9 {
        let json = shard(&environment, &number.to_string()).exits(0).json();
        assert_eq!((&json["files_written"], &json["duplicates"]), (&1.into(), &0.into()), "{json}");
    }
    let mut command = environment.command(["run", "--plan", "plan.jsonl", "--shard", "env:JOB_COMPLETION_INDEX"]);
    let again = Ran::new(command.arg("--json").env("JOB_COMPLETION_INDEX", "4").output().expect("the program"));
    let json = again.exits(0).json();
    assert_eq!((&json["files_written"], &json["files_skipped"]), (&0.into(), &1.into()), "{json}");
    let whole = Environment::new(crate::program());
    configure(&whole, &origin, "");
    whole.host(["run", "days", "--backfill", "2025-01-01..2025-01-10"]).exits(0);
    assert_eq!(environment.stored(), whole.stored());
    let windows = environment.query("SELECT count(DISTINCT period) FROM run_windows");
    assert_eq!(windows, ["9"]);
}

#[test]
fn what_is_wrong_with_a_plan_or_a_number_is_said_in_one_sentence() {
    let (environment, origin) = prepared();
    let good = plan(&environment, "2025-01-01..2025-01-03");
    let lines: Vec<&str> = good.lines().collect();
    let flag = good.replacen("\"--backfill\"", "\"--allow-http\"", 1);
    let huge = format!("{good}{}", "x".repeat(64 * 1024 * 1024));
    for (text, number, says) in [
        ("", "0", "the plan plan.jsonl is empty"),
        (lines[0], "0", "the plan plan.jsonl has 1 shard and says that there are 2, so it is not whole"),
        (lines[1], "1", "line 1: it is shard 1, and shard 0 has its place there"),
        ("{}\n", "0", "line 1: it is no shard: missing field `shard`"),
        (&good[..good.len() - 9], "0", "line 2: it is no shard: EOF"),
        (&format!("{good}\n"), "0", "line 3: it is no shard: EOF"),
        (&flag, "1", "line 1: its `argv` has `--allow-http`, and a plan says days and parameters alone"),
        (&huge, "0", "cannot be read: it is larger than the limit of 64 MiB"),
        (&good, "2", "the plan plan.jsonl has no shard 2\nhint: its shards are 0 to 1"),
        (&good, "one", "`one` is no number of a shard"),
        (&good, "env:NOWHERE", "the environment has no `NOWHERE`, which `--shard` names"),
    ] {
        environment.write("plan.jsonl", text);
        let ran = shard(&environment, number).exits(2);
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
        let lines: Vec<&str> = ran.stderr.lines().collect();
        assert!(lines[0].starts_with("error: ") && lines[1..].iter().all(|line| line.starts_with("hint: ")), "{ran:?}");
    }
    environment
        .host(["run", "--plan", "none.jsonl", "--shard", "0"])
        .exits(2)
        .says("none.jsonl cannot be read: No such");
    for (arguments, says) in [
        (&["run", "--plan", "plan.jsonl"][..], "--shard"),
        (&["run", "--shard", "0"], "--plan"),
        (&["run", "days", "--plan", "plan.jsonl", "--shard", "0"], "cannot be used with"),
        (
            &["run", "--plan", "plan.jsonl", "--shard", "0", "--backfill", "2025-01-01..2025-01-02"],
            "cannot be used with",
        ),
        (&["plan", "days"], "--backfill"),
        (&["plan", "none", "--backfill", "2025-01-01..2025-01-02"], "there is no extractor `none`"),
        (&["plan", "days", "--backfill", "2025-01-01..2025-01-02", "--step", "1h"], "`1mo`"),
        (&["plan", "days", "--backfill", "1025-01-01..2025-01-02"], "there are more than 100000 shards"),
    ] {
        environment.host(arguments).exits(2).says(says);
    }
    assert_eq!(origin.asked(), []);
}

/// What an engine acts on. Each code comes from a run that ended so.
#[test]
fn the_exit_code_of_a_shard_tells_an_engine_what_to_do() {
    let (environment, origin) = prepared();
    plan(&environment, "2025-01-01..2025-01-06");
    // Done.
    shard(&environment, "0").exits(0);
    // Failed: try again, a few times.
    origin.route("/2025-01-02", Reply::status(404));
    shard(&environment, "1").exits(1);
    // A limit: the same.
    environment.host(["run", "--plan", "plan.jsonl", "--shard", "2", "--max-requests", "0"]).exits(3);
    // Somebody is at it: try again, as often as it takes.
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/2025-01-04", Reply::new("4\n").gated(&reached, &hold));
    let spawn = || -> Child {
        environment.command(["run", "--plan", "plan.jsonl", "--shard", "3"]).spawn().expect("the program")
    };
    let first = spawn();
    assert!(reached.wait(), "the run never asked");
    shard(&environment, "3").exits(75).says("holds the lock of that window");
    // Preempted: SIGTERM, as engines send it.
    signal("TERM", first.id());
    Ran::new(first.wait_with_output().expect("the program")).exits(143);
    hold.open();
    shard(&environment, "3").exits(0);
    // What no repetition mends: the order is wrong, or a grant is missing.
    shard(&environment, "9").exits(2);
    let text = format!(
        "[extractor.days]\ncomponent = {:?}\nparam = {{ do = \"days\", url = {:?} }}\n",
        guest("probe"),
        origin.url("/")
    );
    environment.write("host.toml", text);
    shard(&environment, "4").exits(77);
}

/// How many days there are, and how many of them are loaded at once.
fn year() -> (usize, usize) {
    (times(40, 365), 16)
}

/// Load days of one content each, `content` giving that of a day, by one run and by shards; both zones, and the reports.
fn loaded(content: impl Fn(usize) -> String) -> (Environment, Environment, Vec<serde_json::Value>) {
    let (days, at_once) = year();
    let (environment, whole, origin) = (environment(), environment(), Origin::start());
    let first: jiff::civil::Date = "2025-01-01".parse().expect("a day");
    let day = |number: usize| first.checked_add(jiff::Span::new().days(number as i64)).expect("a day");
    (0..days).for_each(|number| origin.route(&format!("/{}", day(number)), Reply::new(content(number))));
    let window = format!("{first}..{}", day(days));
    configure(&environment, &origin, "");
    configure(&whole, &origin, "");
    whole.host(["run", "days", "--backfill", &window]).exits(0);
    plan(&environment, &window);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut reports = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= days {
                return reports;
            }
            reports.push(shard(&environment, &number.to_string()).exits(0).json());
        }
    };
    let reports = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect()
    });
    (environment, whole, reports)
}

fn sum(reports: &[serde_json::Value], key: &str) -> usize {
    reports.iter().map(|report| report[key].as_u64().expect(key) as usize).sum()
}

#[test]
fn many_shards_at_once_land_what_one_run_lands_where_all_days_differ() {
    let (environment, whole, reports) = loaded(|day| format!("{day}\n"));
    let (days, _) = year();
    let counts = ["files_written", "files_skipped", "duplicates"].map(|key| sum(&reports, key));
    assert_eq!(counts, [days, 0, 0]);
    assert!(environment.stored() == whole.stored(), "other files than one run lands");
    let of = |environment: &Environment| {
        environment
            .query("SELECT count(*) || ' ' || sum(files_written) || ' ' || sum(bytes_written) FROM extraction_runs")
    };
    assert_eq!(
        of(&environment)[0].split_once(' ').map(|(_, sums)| sums),
        of(&whole)[0].split_once(' ').map(|(_, sums)| sums)
    );
    let found = environment.host(["verify", "--read-data"]).exits(0);
    assert!(!found.stdout.contains("duplicate"), "{found:?}");
}

#[test]
fn many_shards_at_once_count_and_tell_each_content_that_is_there_twice() {
    let different = 5;
    let (environment, whole, reports) = loaded(|day| format!("{}\n", day % different));
    let (days, _) = year();
    let [written, skipped, duplicates] = ["files_written", "files_skipped", "duplicates"].map(|key| sum(&reports, key));
    assert_eq!(whole.paths().len(), different);
    assert_eq!((written + skipped, written - duplicates), (days, different), "{duplicates} duplicates");
    assert_eq!(environment.paths().len(), written);
    let told =
        environment.query("SELECT count(*) FROM run_logs WHERE log LIKE '%another run landed at the same time%'");
    assert_eq!(told, [reports.iter().filter(|report| report["duplicates"] != 0).count().to_string()]);
    let recorded =
        environment.query("SELECT count(*), count(DISTINCT sha256) FROM landed_files WHERE sha256 IS NOT NULL");
    assert_eq!(recorded, [written.to_string()]);
}

#[test]
fn parts_of_the_work_run_side_by_side_with_cursors_and_locks_of_their_own() {
    let (environment, origin) = (environment(), Origin::start());
    let (reached, hold) = (Gate::default(), Gate::default());
    let part = |name: &str| format!("http://127.0.0.1:{}/{name}/", origin.grant().rsplit(':').next().expect("a port"));
    for name in ["es", "pt", "fr"] {
        origin.route(&format!("/{name}/2025-01-01"), Reply::new(format!("{name}\n")));
        origin.route(&format!("/{name}/now"), Reply::new(format!("{name} now\n")));
    }
    origin.route("/es/2025-01-01", Reply::new("es\n").gated(&reached, &hold));
    let text = format!(
        "[extractor.days]\ncomponent = {:?}\nhttp = [{:?}]\nparam = {{ do = \"days\" }}\n",
        guest("probe"),
        origin.grant()
    );
    environment.write("host.toml", text);
    let values = ["es", "pt", "fr"].map(part);
    environment.write("urls.txt", values.join("\n") + "\n");
    let plan = |over: &str, more: &[&str]| {
        let ran = environment.host([&["plan", "days", "--over", over, "--json"], more].concat()).exits(0);
        environment.write("plan.jsonl", &ran.stdout);
        let lines =
            ran.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line)["key"].clone());
        lines.map(|key| key.as_str().expect("a key").to_owned()).collect::<Vec<_>>()
    };
    let window = ["--backfill", "2025-01-01..2025-01-02"];
    let keys = plan("url=@urls.txt", &window);
    assert_eq!(keys, values.each_ref().map(|url| format!("2025-01-01..2025-01-02 url={url}")));
    assert_eq!(plan(&format!("url={}", values.join(",")), &window), keys);
    // The first part waits, and the two others do not wait for it; nor does the whole.
    let first = environment.command(["run", "--plan", "plan.jsonl", "--shard", "0"]).spawn().expect("the program");
    assert!(reached.wait(), "the run never asked");
    shard(&environment, "1").exits(0);
    shard(&environment, "2").exits(0);
    shard(&environment, "0").exits(75).says(&format!("another run of days with url={} for 2025-01-01", values[0]));
    let whole = format!("url={}", values[0]);
    environment.host(["run", "days", "--param", &whole]).exits(0);
    let set = |more: &[&str]| environment.host([&["cursor", "set", "days", "x"], &window[..], more].concat());
    set(&["--only", &whole]).exits(75);
    set(&["--only", &format!("url={}", values[1])]).exits(0);
    hold.open();
    Ran::new(first.wait_with_output().expect("the program")).exits(0);
    assert_eq!(
        environment.query("SELECT period || ' -> ' || value FROM cursors ORDER BY value DESC, period"),
        [
            format!("2025-01-01..2025-01-02 url={} -> x", values[1]),
            format!("2025-01-01..2025-01-02 url={} -> 2025-01-02", values[0]),
            format!("2025-01-01..2025-01-02 url={} -> 2025-01-02", values[2]),
        ]
    );
    let shown = environment.host(["show", "1"]).exits(0).stdout;
    assert!(shown.contains(&format!("\nbackfill 2025-01-01..2025-01-02\nonly {whole}\n")), "{shown}");
    assert_eq!(environment.query("SELECT DISTINCT status FROM extraction_runs"), ["success"]);
    // Without a window: the newest data of each.
    plan("url=@urls.txt", &[]);
    shard(&environment, "2").exits(0);
    for (arguments, says) in [
        (&["plan", "days"][..], "--backfill"),
        (&["plan", "days", "--over", "url=a,,b"], "a value of `url` is empty"),
        (&["plan", "days", "--over", "url=a,b,a"], "`url` has the value `a` twice"),
        (&["plan", "days", "--over", "url=@none"], "cannot be read from none"),
        (&["plan", "days", "--over", "town=a"], "days has no parameter `town`"),
        (&["run", "days", "--only", "url=a", "--param", "url=b"], "`url` is given by `--only` and by `--param`"),
    ] {
        environment.host(arguments).exits(2).says(says);
    }
}
