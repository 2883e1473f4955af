//! What the host says of the two days by each of its mouths, compared with the story.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use super::model::{End, Extractor, Turn, UNEXPECTED, content, digest, tag};
use super::{Days, HOURS, PAGE};

/// 2025-06-15T00:00:00Z.
const BEGINNING: i64 = 1_749_945_600;

/// The number of each run of each extractor, in their order.
pub(super) type Ids = BTreeMap<String, Vec<i64>>;

/// In which hour of the two days a moment was, as SQL and JSON have it.
fn hour(moment: &str) -> u32 {
    let number = |from: usize| moment[from..from + 2].parse::<u32>().expect(moment);
    assert!(moment.starts_with("2025-06-1") && moment.ends_with('Z'), "{moment}");
    (number(8) - 15) * 24 + number(11)
}

fn words(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The last moment of these, as the hour in which it was.
fn last(moments: impl Iterator<Item = u32>) -> Option<f64> {
    moments.max().map(f64::from)
}

impl Days {
    fn array(&self, arguments: &[&str]) -> Vec<Value> {
        let ran = self.host((HOURS - 1, 30), arguments).exits(0);
        ran.json().as_array().expect("an array").clone()
    }

    /// Every file that has to be there: its extractor, version and hour.
    fn files(&self) -> impl Iterator<Item = (&Extractor, u32, u32)> {
        self.story.iter().flat_map(|one| one.files.iter().map(move |(version, hour)| (one, *version, *hour)))
    }

    /// `host status` half an hour later.
    pub(super) fn status_agrees(&self, now: u32) {
        let well = |one: &Extractor| one.condition(now) == "ok";
        let ran = self.host((now, 30), &["status", "--json"]).exits(i32::from(!self.story.iter().all(well)));
        let json = ran.json();
        for (one, said) in self.story.iter().zip(json["extractors"].as_array().expect("an array")) {
            let failed = one.last(false);
            let expected = serde_json::json!({
                "extractor": one.name,
                "condition": one.condition(now),
                "stale": one.is_stale(now),
                "running": false,
                "streak": one.streak(),
                "runs": one.runs.len(),
                "failures": one.count(|end| matches!(end, End::Failed(_))),
                "files": one.files.len(),
                "last run": one.runs.last().map(|run| run.hour),
                "last success": one.last(true).map(|run| run.hour),
                "last failure": failed.map(|run| run.hour),
                "newest": one.files.last().map(|(_, hour)| hour),
            });
            let hour_of = |value: &Value| value.as_str().map(hour);
            let lately = &said["last_7_days"];
            let found = serde_json::json!({
                "extractor": said["extractor"],
                "condition": said["condition"],
                "stale": !said["reason"].is_null(),
                "running": !said["running_since"].is_null(),
                "streak": said["streak"],
                "runs": lately["runs"],
                "failures": lately["failures"],
                "files": lately["files"],
                "last run": hour_of(&said["last_run"]),
                "last success": hour_of(&said["last_success"]),
                "last failure": hour_of(&said["last_failure"]["at"]),
                "newest": hour_of(&said["newest_content"]),
            });
            assert_eq!(found, expected, "in hour {now}");
            if let Some(End::Failed(why)) = failed.map(|run| run.end) {
                let failure = &said["last_failure"];
                assert!(words(&failure["error"]).contains(why), "in hour {now}: {said}");
                let row = format!("SELECT extractor FROM extraction_runs WHERE run_id = {}", failure["run_id"]);
                assert_eq!(self.environment.query(&row), [one.name], "in hour {now}: {said}");
            }
        }
    }

    /// `host runs`.
    pub(super) fn runs_agree(&self) -> Ids {
        let mut said: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        let all = self.array(&["runs", "--json", "--limit", "1000"]);
        all.iter().rev().for_each(|run| said.entry(words(&run["extractor"])).or_default().push(run));
        assert_eq!(said.len(), self.story.len());
        for one in &self.story {
            let runs = &said[one.name];
            assert_eq!(runs.len(), one.runs.len(), "{}", one.name);
            for (expected, run) in one.runs.iter().zip(runs) {
                let (status, written, skipped, why) = match expected.end {
                    End::Landed(_) => ("success", 1, 0, ""),
                    End::Unchanged => ("success", 0, 1, ""),
                    End::Failed(why) => ("failed", 0, 0, why),
                };
                assert_eq!((hour(words(&run["started_at"])), words(&run["status"])), (expected.hour, status), "{run}");
                assert_eq!(run["files_written"], written, "{run}");
                assert_eq!(run["files_skipped"], skipped, "{run}");
                let error = words(&run["error_message"]);
                assert!(error.contains(why) && error.is_empty() == why.is_empty(), "{run}");
            }
        }
        let number = |run: &&Value| run["run_id"].as_i64().expect("a number");
        said.into_iter().map(|(name, runs)| (name.to_owned(), runs.iter().map(number).collect())).collect()
    }

    /// The tree, `host files` and `host files --current`.
    pub(super) fn files_agree(&self, ids: &Ids) {
        let landed: BTreeMap<_, _> = self.files().map(|(one, v, _)| (one.path(v), content(one.name, v))).collect();
        assert!(self.environment.landed() == landed, "{:?} are there", self.environment.paths());
        let page = format!(".quarantine/lying/{}.csv.gz", &digest(PAGE.as_bytes())[..16]);
        let mut everything: Vec<_> = landed.keys().cloned().chain([page]).collect();
        everything.sort();
        assert_eq!(self.environment.everything(), everything);

        let stored = self.environment.stored();
        let line = |path: &str, run: i64, hour: u32, resource: Option<String>| {
            let (content, stored) = (&landed[path], stored[path].len());
            serde_json::json!([path, run, hour, resource, digest(content), content.len(), stored])
        };
        let said = |arguments: &[&str]| -> BTreeMap<String, Value> {
            let files = self.array(&[&["files", "--json"], arguments].concat());
            let file = |file: &Value| {
                let since = file["since"].as_str().map(hour);
                let [path, run, resource] = ["path", "run_id", "resource"].map(|key| &file[key]);
                let [digest, size, stored] = ["sha256", "size", "stored_size"].map(|key| &file[key]);
                (words(path).to_owned(), serde_json::json!([path, run, since, resource, digest, size, stored]))
            };
            files.iter().map(file).collect()
        };
        let run = |one: &Extractor, hour: u32| {
            let place = one.runs.iter().position(|run| run.hour == hour).expect("a run");
            ids[one.name][place]
        };
        let all = self.files().map(|(one, v, hour)| (one.path(v), line(&one.path(v), run(one, hour), hour, None)));
        assert_eq!(said(&[]), all.collect());
        let current = self.story.iter().map(|one| {
            let (version, hour) = *one.changes.last().expect("a version");
            let resource = self.origin.url(&format!("/{}.csv", one.name));
            (one.path(version), line(&one.path(version), run(one, hour), hour, Some(resource)))
        });
        assert_eq!(said(&["--current"]), current.collect());
    }

    /// SQL, as others ask it.
    pub(super) fn database_agrees(&self, ids: &Ids) {
        let query = |sql| self.environment.query(sql);
        assert_eq!(query("PRAGMA integrity_check"), ["ok"]);
        let runs = "SELECT extractor || ' ' || sum(status = 'success') || ' ' || sum(status = 'failed') || ' '
                || sum(status = 'running') || ' ' || sum(files_written) || ' ' || sum(files_skipped) || ' '
                || sum(bytes_written) FROM extraction_runs GROUP BY extractor ORDER BY extractor";
        let stored = self.environment.stored();
        let expected = self.story.iter().map(|one| {
            let failed = one.count(|end| matches!(end, End::Failed(_)));
            let unchanged = one.count(|end| end == End::Unchanged);
            let bytes: usize = one.files.iter().map(|(version, _)| stored[&one.path(*version)].len()).sum();
            let (name, success) = (one.name, one.runs.len() as u64 - failed);
            format!("{name} {success} {failed} 0 {} {unchanged} {bytes}", one.files.len())
        });
        assert_eq!(query(runs), expected.collect::<Vec<_>>());
        let changes = "SELECT source || ' ' || path || ' ' || run_id FROM resource_changes ORDER BY source, change";
        let expected = self.story.iter().flat_map(|one| {
            one.changes.iter().map(|(version, hour)| {
                let place = one.runs.iter().position(|run| run.hour == *hour).expect("a run");
                format!("{} {} {}", one.name, one.path(*version), ids[one.name][place])
            })
        });
        assert_eq!(query(changes), expected.collect::<Vec<_>>());
        let pages: u64 = self.story.iter().map(|one| one.count(|end| end == End::Failed(UNEXPECTED))).sum();
        assert_eq!(query("SELECT source || ' ' || times FROM quarantined"), [format!("lying {pages}")]);
    }

    /// `host metrics`, and the file that node_exporter reads.
    pub(super) fn metrics_agree(&self) {
        let now = HOURS - 1;
        let text = self.host((now, 30), &["metrics"]).exits(0).stdout;
        assert_eq!(std::fs::read_to_string(self.environment.path().join("host.prom")).expect("a file"), text);
        let mut found = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (key, value) = line.rsplit_once(' ').expect("a value");
            let value: f64 = value.parse().expect("a number");
            let hours = || (value as i64 - BEGINNING).div_euclid(3600) as f64;
            found.insert(key.to_owned(), if key.contains("timestamp") { hours() } else { value });
        }
        let stored = self.environment.stored();
        let mut expected = BTreeMap::new();
        for one in &self.story {
            let truth = |value: bool| Some(f64::from(u8::from(value)));
            let hours =
                |success: bool| one.runs.iter().filter(move |run| run.succeeded() == success).map(|run| run.hour);
            let took = format!(
                "SELECT unixepoch(finished_at) - unixepoch(started_at) FROM extraction_runs WHERE extractor = '{}'
                  ORDER BY run_id DESC LIMIT 1",
                one.name
            );
            for (name, value) in [
                ("healthy", truth(one.condition(now) == "ok")),
                ("failing", truth(one.condition(now) == "failing")),
                ("stale", truth(one.is_stale(now))),
                ("running", truth(false)),
                ("last_run_timestamp_seconds", last(one.runs.iter().map(|run| run.hour))),
                ("last_run_duration_seconds", self.environment.query(&took)[0].parse().ok()),
                ("last_success_timestamp_seconds", last(hours(true))),
                ("last_failure_timestamp_seconds", last(hours(false))),
                ("next_due_timestamp_seconds", Some(f64::from(HOURS))),
                ("newest_content_timestamp_seconds", last(one.files.iter().map(|(_, hour)| *hour))),
                ("streak", Some(one.streak() as f64)),
                ("files_7d", Some(one.files.len() as f64)),
                ("bytes_7d", Some(one.files.iter().map(|(v, _)| stored[&one.path(*v)].len()).sum::<usize>() as f64)),
            ] {
                expected
                    .extend(value.map(|value| (format!("host_extractor_{name}{{extractor=\"{}\"}}", one.name), value)));
            }
        }
        assert_eq!(found, expected);
    }

    /// `host report`: the headline, the days of each extractor, the quarantine.
    pub(super) fn page_agrees(&self) {
        let now = HOURS - 1;
        self.host((now, 30), &["report", "--html", "days.html"]).exits(0);
        let page = std::fs::read_to_string(self.environment.path().join("days.html")).expect("a file");
        let count = |condition: &str| self.story.iter().filter(|one| one.condition(now) == condition).count();
        let headline =
            format!("<h1>{} failing, {} stale, 1 content in quarantine</h1>", count("failing"), count("stale"));
        assert!(page.contains(&headline), "{headline}");
        let row = Regex::new(r#"<th scope="row" class="date">2025-06-(\d\d)</th>((?:<td class="n">\d+</td>){3})"#)
            .expect("a pattern");
        let cell = Regex::new(r"\d+").expect("a pattern");
        let numbers = |text: &str| -> Vec<u64> {
            cell.find_iter(text).map(|number| number.as_str().parse().expect("a number")).collect()
        };
        let sections: Vec<&str> = page.split("<section").skip(1).collect();
        assert_eq!(sections.len(), self.story.len());
        for (one, section) in self.story.iter().zip(sections) {
            let found: Vec<_> = row.captures_iter(section).map(|row| (numbers(&row[1])[0], numbers(&row[2]))).collect();
            let expected = [16, 15].map(|day| {
                let ends =
                    || one.runs.iter().filter(move |run| u64::from(15 + run.hour / 24) == day).map(|run| run.end);
                let count = |is: fn(&End) -> bool| ends().filter(is).count() as u64;
                let failed = count(|end| matches!(end, End::Failed(_)));
                (day, vec![ends().count() as u64 - failed, failed, count(|end| matches!(end, End::Landed(_)))])
            });
            assert_eq!(found, expected, "{}: succeeded, failed, new files", one.name);
        }
        let pages: u64 = self.story.iter().map(|one| one.count(|end| end == End::Failed(UNEXPECTED))).sum();
        let (_, quarantine) = page.split_once("<table id=\"quarantine\">").expect("a table");
        let (rows, _) = quarantine.split_once("</table>").expect("its end");
        assert_eq!(rows.matches("<td class=\"n\">").count(), 1, "{rows}");
        assert!(rows.contains(&format!("<td class=\"n\">{pages}</td>")), "{rows}");
    }

    /// What the notifier wrote down, and what the state keeps of that.
    pub(super) fn notices_agree(&self, ids: &Ids) {
        let told = std::fs::read_to_string(self.environment.path().join("told")).expect("a file");
        for one in &self.story {
            let prefix = format!("{} ", one.name);
            let lines: Vec<_> = told.lines().filter_map(|line| line.strip_prefix(&prefix)).collect();
            let run = |place: usize| ids[one.name][place];
            let line = |event: &str, place: Option<usize>| match place {
                Some(place) => format!("{event} {}", run(place)),
                None => event.to_owned(),
            };
            let expected: Vec<_> = one.told.iter().map(|notice| line(notice.event, notice.run)).collect();
            assert_eq!(lines, expected, "{}", one.name);
            // Of each event the last; of what is over, nothing.
            let success = one.last(true).map(|run| run.hour);
            let lasts = |event: &str| matches!(event, "failure" | "stale");
            let kept = one.told.iter().filter(|notice| !lasts(notice.event) || Some(notice.hour) > success);
            let kept: BTreeMap<_, _> = kept.map(|notice| (notice.event, notice)).collect();
            let kept = kept.values().map(|notice| {
                let run = notice.run.map_or(0, run);
                format!("{} {run} 2025-06-{}T{:02} ", notice.event, 15 + notice.hour / 24, notice.hour % 24)
            });
            let sql = format!(
                "SELECT event || ' ' || run_id || ' ' || substr(told_at, 1, 13) || ' ' || coalesce(error, '')
                   FROM notices WHERE extractor = '{}' ORDER BY event",
                one.name
            );
            assert_eq!(self.environment.query(&sql), kept.collect::<Vec<_>>(), "{}", one.name);
        }
        assert_eq!(told.lines().count(), self.story.iter().map(|one| one.told.len()).sum::<usize>());
    }

    /// What the origin was asked: once in each run, and with the tag wherever one was known.
    pub(super) fn origin_agrees(&self) {
        let asked = self.origin.asked();
        for one in &self.story {
            let asked: Vec<_> = asked.iter().filter(|asked| asked.target == format!("/{}.csv", one.name)).collect();
            assert_eq!(asked.len(), one.runs.len(), "{}", one.name);
            let tag = tag(one.name).map(|tag| format!("\"{tag}\""));
            for (place, asked) in asked.iter().enumerate() {
                let expected = tag.as_deref().filter(|_| place > 0);
                assert_eq!(asked.header("if-none-match"), expected, "{}: request {place}", one.name);
            }
        }
        assert_eq!(asked.len(), self.story.iter().map(|one| one.runs.len()).sum::<usize>());
        assert!(self.story.iter().any(|one| one.meets == Turn::Fails), "the last hour has nobody who fails");
    }
}
