//! The page to look at: what is on it, that nothing on it is anybody's markup, that it stays small, and that a browser
//! and a judge of accessibility find nothing wrong with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Environment, Origin, Reply, packages};
use serde_json::Value;

use crate::environment;
use crate::named::extractor;
use crate::systemd::installed;

fn page(environment: &Environment) -> String {
    // One that is named has to be there.
    fs::create_dir_all(environment.landing()).expect("a directory");
    environment.host(["report", "--html", "report.html"]).exits(0);
    fs::read_to_string(environment.path().join("report.html")).expect("a page")
}

/// A zone in which everything is to be seen: extractors that are well, that fail and that are stale, and a quarantine.
fn zone() -> Environment {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a\n1\n"));
    origin.route("/down.csv", Reply::new("<!DOCTYPE html><title>no</title>"));
    let all = [("good", "/a.csv"), ("failing", "/none.csv"), ("down", "/down.csv"), ("late", "/a.csv")];
    let text = all.map(|(name, path)| extractor(name, &origin, path)).concat();
    let text = text.replace("[extractor.late]", "[extractor.late]\nschedule = \"* * * * *\"\nstale-after = \"1h\"");
    environment.write("host.toml", text);
    environment.host(["run", "--all"]).exits(1);
    let sql = "UPDATE extraction_runs SET started_at = strftime('%Y-%m-%dT%H:%M:%SZ', started_at, '-2 hours') WHERE extractor = 'late'";
    environment.state().execute(sql, []).expect("SQL");
    environment
}

#[test]
fn first_stands_what_is_not_well_and_then_everything_else() {
    let environment = zone();
    let page = page(&environment);
    let order = [
        "<h1>2 failing, 1 stale, 1 content in quarantine</h1>",
        "<h2>Extractors</h2>",
        ">down</a></th><td class=\"state failing\">failing</td>",
        ">failing</a></th><td class=\"state failing\">failing</td>",
        ">late</a></th><td class=\"state stale\">stale</td>",
        ">good</a></th><td class=\"state ok\">ok</td>",
        "<h2>All together, last 30 days</h2>",
        "<h2>Last failures</h2>",
        "<th scope=\"row\">failing</th><td class=\"words\">",
        "status 404",
        "<h2>In quarantine</h2>",
        "it is an HTML page, and no csv",
        "<h2>Largest sources</h2>",
        "<h2 id=\"each\">Each extractor</h2>",
        "Stale: its last success is more than 1h ago",
        "<h3>Last 30 days</h3>",
    ];
    let mut rest = page.as_str();
    for part in order {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part} is missing, or not in its place:\n{page}"));
        rest = &rest[at..];
    }
    // It is renewed as a whole, and nothing is left beside it.
    let before = fs::read_dir(environment.path()).expect("a directory").count();
    environment.host(["report", "--html", "report.html"]).exits(0);
    assert_eq!(fs::read_dir(environment.path()).expect("a directory").count(), before);
    environment
        .host(["report", "--html", "none/report.html"])
        .exits(1)
        .says("cannot write the report into none/report.html");
    environment.host(["report"]).exits(2).says("--html");
}

#[test]
fn a_place_where_nothing_ran_has_a_page_too() {
    let environment = environment();
    assert!(page(&environment).contains("<h1>Nothing has run yet</h1>"));
    assert_eq!(fs::read_dir(environment.landing()).expect("a directory").count(), 0);
}

#[test]
fn all_is_well_only_if_nothing_is_to_be_said_of_any() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a\n1\n"));
    let named = |names: &[&str]| {
        environment.write("host.toml", names.iter().map(|name| extractor(name, &origin, "/a.csv")).collect::<String>());
    };
    let headline = |expected: &str| {
        let page = page(&environment);
        assert!(page.contains(&format!("<h1>{expected}</h1>")), "{expected}: {page}");
    };
    origin.route("/page.csv", Reply::new("<!DOCTYPE html><title>no</title>"));
    named(&["one", "two", "three"]);
    headline("3 have never run");
    environment.host(["run", "one", "two"]).exits(0);
    headline("1 has never run");
    environment.host(["run", "three"]).exits(0);
    headline("All is well");
    environment.write("host.toml", extractor("one", &origin, "/page.csv"));
    environment.host(["run", "one"]).exits(1);
    headline("1 failing, 1 content in quarantine");
    environment.state().execute("UPDATE extraction_runs SET status = 'success'", []).expect("SQL");
    headline("All is well, 1 content in quarantine");
    // Where a look finds one, nobody needs a filter.
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
    for (count, filtered) in [(7, false), (8, true)] {
        named(&[&["one", "two", "three"], &names[..count]].concat());
        let page = page(&environment);
        assert_eq!((page.contains("id=\"filter\""), page.contains("getElementById(\"filter\")")), (filtered, filtered));
        assert!(page.contains(&format!("<h1>{count} have never run, 1 content in quarantine</h1>")), "{page}");
    }
}

#[test]
fn charts_say_their_highest_value_and_a_share_is_one_of_a_hundred() {
    let environment = zone();
    // All on one day, whatever the time is.
    let sql = "UPDATE extraction_runs SET files_written = 1, files_skipped = 1, bytes_written = 1500,
                      started_at = strftime('%Y-%m-%dT12:00:00Z', 'now', '-3 days'),
                      finished_at = strftime('%Y-%m-%dT12:01:30Z', 'now', '-3 days')";
    environment.state().execute(sql, []).expect("SQL");
    let page = page(&environment);
    let (together, each) = page.split_once("<h2 id=\"each\">").expect("a heading");
    for (part, captions) in [
        (
            together,
            &[
                "Bytes in the landing directory, at most 48 B",
                "Runs, failures on top, at most 4 a day",
                "Bytes landed, at most 6.0 kB a day",
                "Longest run, at most 1m 30s",
                "New files, at most 4 a day",
                "Unchanged, at most 50 % of what was looked at",
            ][..],
        ),
        (
            each,
            &[
                "Runs, failures on top, at most 1 a day",
                "Bytes landed, at most 1.5 kB a day",
                "Longest run, at most 1m 30s",
            ],
        ),
    ] {
        for caption in captions {
            assert!(part.contains(&format!("<figcaption>{caption}</figcaption>")), "{caption}: {part}");
        }
    }
    let (plot, _) = together.split_once("<figcaption>Unchanged").expect("a caption");
    let (_, plot) = plot.rsplit_once("<svg").expect("a plot");
    // Half of the 64 that it is high.
    assert!(plot.contains(" 32.0h8.0v32.0h-8.0z\""), "{plot}");
}

/// Names and words of anybody's, in every place that a page shows.
fn hostile(environment: &Environment) {
    let state = environment.state();
    let texts = [
        "<script>document.title='owned'</script>",
        "\" onmouseover=\"x",
        "'\u{202e}\u{2066}evil",
        "</title><img src=x>",
    ];
    for (number, text) in texts.iter().enumerate() {
        let long = format!("{text}{}", "x".repeat(1_000_000));
        let run = "INSERT INTO extraction_runs (extractor, started_at, finished_at, status, error_message)
                   VALUES (?1, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), ?1, 'failed', ?2)";
        state.execute(run, [text, long.as_str()]).expect("SQL");
        let file = "INSERT INTO landed_files (path, source, stored_size) VALUES (?1 || ?2, ?1, 1)";
        state.execute(file, (&long, number)).expect("SQL");
        let bad =
            "INSERT INTO quarantined (path, source, sha256, size, stored_size, day, code, reason, extractor, times)
                   VALUES (?1, 'x', x'00', 1, 1, '2026-01-01', 'x', ?1, ?1, 1)";
        state.execute(bad, [&long]).expect("SQL");
    }
}

#[test]
fn nothing_of_anybodys_is_markup() {
    let environment = zone();
    hostile(&environment);
    let page = page(&environment);
    assert!(page.len() < 200_000, "{}", page.len());
    assert!(page.contains("&lt;script&gt;document.title=&#39;owned&#39;&lt;/script&gt;"));
    assert!(!page.contains(['\u{202e}', '\u{2066}']) && !page.contains("<img") && !page.contains("\" onmouseover"));
    assert_eq!(page.matches("<script>").count(), 1);
}

/// So many runs of so many extractors, over 40 days.
fn many(environment: &Environment, runs: u32, extractors: u32) {
    let sql = "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ?1)
               INSERT INTO extraction_runs (extractor, started_at, finished_at, status, files_written, files_skipped,
                                            bytes_written, error_message)
               SELECT 'extractor-' || (n % ?2), strftime('%Y-%m-%dT%H:%M:%SZ', 'now', printf('-%f days', (?1 - n) * 40.0 / ?1)),
                      strftime('%Y-%m-%dT%H:%M:%SZ', 'now', printf('-%f days', (?1 - n) * 40.0 / ?1), '+' || (n % 300) || ' seconds'),
                      iif(n % 17, 'success', 'failed'), n % 3, n % 5, n % 3 * 123456, iif(n % 17, NULL, 'status 503')
                 FROM n";
    environment.state().execute(sql, [runs, extractors]).expect("SQL");
}

#[test]
fn ten_thousand_runs_of_fifty_extractors_are_less_than_a_megabyte() {
    let environment = zone();
    many(&environment, 10_000, 50);
    let page = page(&environment);
    assert!(page.len() < 1_000_000, "{}", page.len());
    assert_eq!(page.matches("<section class=\"one\"").count(), 54);
}

/// A browser without a screen, whose window is that wide, by day or by night.
fn browser(environment: &Environment, width: u32, dark: bool) -> Command {
    let profile = environment.path().join(format!("profile-{width}-{dark}"));
    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]);
    browser.args(["--disable-component-update", "--disable-sync", "--hide-scrollbars"]);
    browser.arg(format!("--user-data-dir={}", profile.display())).arg(format!("--window-size={width},1600"));
    browser.arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)));
    browser
}

/// What a page is like once its scripts have run, in a browser by whose clock it was written so many minutes ago.
fn looked_at(environment: &Environment, page: &str, minutes: i64) -> String {
    let clock = format!(
        "<head><script>Date.now = () => Date.parse(document.querySelector('time').dateTime) + {minutes} * 60000</script>"
    );
    let path = environment.write("later.html", page.replacen("<head>", &clock, 1));
    let mut browser = browser(environment, 500, false);
    let made = browser.arg("--dump-dom").arg(format!("file://{}", path.display())).output().expect("chromium");
    String::from_utf8(made.stdout).expect("a page")
}

#[test]
fn a_page_says_how_old_it_is_when_it_is_looked_at() {
    let environment = environment();
    let page = page(&environment);
    // Without script it claims no age.
    assert!(
        page.contains(" UTC</time><span id=\"age\"></span></p>\n<p id=\"old\" class=\"stale\" hidden></p>"),
        "{page}"
    );
    if !installed("chromium") {
        return;
    }
    for (minutes, age, old) in [
        (-5, None, None),
        (0, Some(", just now"), None),
        (119, Some(", 1 h ago"), None),
        (120, Some(", 2 h ago"), Some("this page is 2 h old")),
        (9 * 60 + 59, Some(", 9 h ago"), Some("this page is 9 h old")),
        (5 * 24 * 60, Some(", 5 days ago"), Some("this page is 5 days old")),
    ] {
        let seen = looked_at(&environment, &page, minutes);
        let (_, after) = seen.split_once(" UTC</time>").expect("a time");
        let (header, _) = after.split_once("</header>").expect("its end");
        let shown = age.map_or("<span id=\"age\"></span>".to_owned(), |age| format!("\">{age}</span>"));
        assert!(header.contains(&shown), "{minutes}: {header}");
        assert_eq!(header.contains("<span id=\"age\" class=\"stale\">"), old.is_some(), "{minutes}: {header}");
        assert_eq!(header.contains("hidden"), old.is_none(), "{minutes}: {header}");
        assert!(old.is_none_or(|old| header.contains(old)), "{minutes}: {header}");
    }
}

/// A page in a frame as wide as a phone, which is less than a browser's window can be. Its file.
fn framed(environment: &Environment, page: &str, width: u32, ask: &str) -> PathBuf {
    let inside = page.replace('&', "&amp;").replace('"', "&quot;");
    let frame = format!("<iframe style=\"width:{width}px;height:6000px;border:0\" srcdoc=\"{inside}\"></iframe>");
    environment.write(&format!("phone-{width}.html"), format!("<!DOCTYPE html><body style=margin:0>{frame}{ask}"))
}

#[test]
fn a_phone_shows_what_failed_and_breaks_no_date() {
    if !installed("chromium") {
        return;
    }
    let environment = zone();
    many(&environment, 1000, 5);
    hostile(&environment);
    let page = page(&environment);
    let ask = "<script>onload = () => {
        const inside = document.querySelector('iframe').contentDocument;
        inside.querySelectorAll('details').forEach(one => { one.open = true });
        const size = one => one.getBoundingClientRect();
        const cells = [...inside.querySelectorAll('#failures td:nth-child(2), #extractors td:nth-child(3)')].map(size);
        const errors = [...inside.querySelectorAll('#failures td:nth-child(2)')].map(size);
        const dates = [...inside.querySelectorAll('th.date')].map(size);
        document.title = 'seen ' + [errors.length, Math.max(...cells.map(one => one.right)),
            Math.max(...errors.map(one => one.height)), dates.length, Math.max(...dates.map(one => one.height)),
            inside.documentElement.scrollWidth].map(Math.round).join(' ') + ' end' }</script>";
    for width in [360, 420, 500] {
        let path = framed(&environment, &page, width, ask);
        let mut browser = browser(&environment, 500, false);
        let made = browser.arg("--dump-dom").arg(format!("file://{}", path.display())).output().expect("chromium");
        let made = String::from_utf8_lossy(&made.stdout);
        let answer =
            made.split_once("<title>seen ").and_then(|(_, rest)| rest.split_once(" end")).expect("an answer").0;
        let [errors, right, height, dates, line, wide] = answer
            .split(' ')
            .map(|number| number.parse::<u32>().expect(answer))
            .collect::<Vec<_>>()
            .try_into()
            .expect("six numbers");
        assert!(errors > 10 && dates > 30, "{width}: {answer}");
        assert!(right <= width && wide <= width, "{width}: {answer}");
        assert!(height < 350 && line < 40, "{width}: {answer}");
    }
}

/// Pictures of a page, which stay until the next time, for whoever wants to see what a test has seen. Their names.
fn pictures(environment: &Environment, page: &str) -> Vec<String> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/report");
    let _ = fs::remove_dir_all(&kept);
    fs::create_dir_all(&kept).expect("a directory");
    let kept = kept.canonicalize().expect("a directory");
    let whole = environment.path().join("report.html");
    let phone = framed(environment, page, 360, "");
    let picture = |(width, dark)| {
        let name = format!("{width}-{}.png", if dark { "dark" } else { "light" });
        let path = kept.join(&name);
        let mut browser = browser(environment, width, dark);
        let shown = if width < 500 { &phone } else { &whole };
        if width < 500 {
            browser.arg("--window-size=500,6000");
        }
        browser.arg(format!("--screenshot={}", path.display()));
        let taken = browser.arg(format!("file://{}", shown.display())).output().expect("chromium");
        // A picture of nothing but one colour is much smaller.
        let size = fs::metadata(&path).map_or(0, |picture| picture.len());
        assert!(size > 20_000, "{name}: {size} bytes: {}", String::from_utf8_lossy(&taken.stderr));
        name
    };
    WINDOWS.map(picture).into()
}

/// How wide, and whether by night.
const WINDOWS: [(u32, bool); 7] =
    [(360, false), (500, false), (500, true), (820, false), (820, true), (1440, false), (1440, true)];

/// What axe and the browser say of a page, in a window that wide, by day or by night.
fn judged(environment: &Environment, page: &str, axe: &str, width: u32, dark: bool) -> Value {
    // Its answer becomes the title, which is read out of the page that the browser has made.
    let ask = "<script>axe.run().then(found => { document.title = 'judged' + JSON.stringify({
        violations: found.violations.map(one => [one.id, one.nodes[0].html]), passes: found.passes.length,
        wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        dark: matchMedia('(prefers-color-scheme: dark)').matches, owned: document.title }) + 'end' })</script>";
    let script = format!("<script>{}</script>{ask}</body>", axe.replace("</script", "<\\/script"));
    let path = environment.write("judged.html", page.replace("</body>", &script));
    let mut browser = browser(environment, width, dark);
    browser.args(["--virtual-time-budget=30000", "--dump-dom"]);
    let made = browser.arg(format!("file://{}", path.display())).output().expect("chromium");
    let made = String::from_utf8_lossy(&made.stdout);
    let (_, answer) = made.split_once("judged{").unwrap_or_else(|| panic!("no answer: {made}"));
    let (answer, _) = answer.split_once("}end").expect("an answer");
    let answer = answer.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&format!("{{{answer}}}")).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[test]
fn a_judge_of_accessibility_finds_nothing_on_any_screen() {
    if !installed("chromium") {
        return;
    }
    let Some(axe) = packages::of_npm("axe-core", "4.14.1") else { return };
    let axe = fs::read_to_string(Path::new(&axe).join("axe.min.js")).expect("axe");
    let environment = zone();
    many(&environment, 1000, 5);
    hostile(&environment);
    let page = page(&environment);
    let pictures = pictures(&environment, &page);
    for (width, dark) in [(500, false), (820, true), (1440, false), (500, true)] {
        let answer = judged(&environment, &page, &axe, width, dark);
        assert_eq!(
            answer["violations"],
            Value::Array(Vec::new()),
            "{width} {dark}: {answer}, see target/tmp/report/{pictures:?}"
        );
        assert!(answer["passes"].as_u64().is_some_and(|passes| passes > 20), "{answer}");
        assert_eq!((&answer["wider"], &answer["dark"]), (&0.into(), &dark.into()), "{width}: {answer}");
        assert!(answer["owned"].as_str().is_some_and(|title| title.ends_with("– extractors")), "{answer}");
    }
}
