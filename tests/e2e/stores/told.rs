//! Who is told of what happens in an object store: notifiers, Prometheus and the watch, as with a directory.

use std::fs;

use harness::Reply;
use harness::stores::Make;
use serde_json::Value;

use super::Place;
use crate::named::extractor;

/// Writes down who is told of what, and what else is said of it.
const TELLS: &str = "[defaults]
stale-after = \"26h\"
[metrics]
textfile = \"x.prom\"
[notify.log]
on = [\"success\", \"failure\", \"recovery\", \"landed\", \"stale\"]
command = [\"sh\", \"-c\", \"echo $HOST_EVENT $HOST_EXTRACTOR $HOST_STATUS >> told; cat > $HOST_EVENT.json\"]
";

/// A place with an extractor `a`, and somebody to tell.
fn telling(make: Make) -> Option<Place> {
    let place = Place::new(make)?;
    place.origin.route("/a.csv", Reply::new("a\n1\n"));
    let config = format!("{TELLS}{}", extractor("a", &place.origin, "/a.csv"));
    place.environment.write("host.toml", config);
    Some(place)
}

fn written(place: &Place, file: &str) -> String {
    fs::read_to_string(place.environment.path().join(file)).unwrap_or_default()
}

/// What was told since the last time.
fn told(place: &Place) -> Vec<String> {
    let lines = written(place, "told").lines().map(str::to_owned).collect();
    place.environment.write("told", "");
    lines
}

#[test]
fn notifiers_and_prometheus_are_told_of_runs_in_a_store() {
    for make in Make::ALL {
        let Some(place) = telling(make) else { continue };
        place.host(["run", "a"]).exits(0);
        assert_eq!(told(&place), ["success a success", "landed a success"], "{make:?}");
        let landed: Value = serde_json::from_str(&written(&place, "landed.json")).expect("JSON");
        assert_eq!(landed["landing"], place.store.address(), "{landed}");
        let path = place.store.landed().into_keys().next().expect("a file");
        assert_eq!(landed["files"][0], *path, "{landed}");
        assert!(written(&place, "x.prom").contains("host_extractor_streak{extractor=\"a\"} 1\n"));
        // Of what goes on being so nobody is told each time: that is known of a state that came from the store.
        place.origin.route("/a.csv", Reply::status(500));
        for _ in 0..2 {
            place.host(["run", "a", "--retries", "0"]).exits(1);
        }
        assert_eq!(told(&place), ["failure a failed"], "{make:?}");
        let renewed = written(&place, "x.prom");
        assert!(renewed.contains("host_extractor_streak{extractor=\"a\"} -2\n"), "{renewed}");
        assert_eq!(place.host(["metrics"]).exits(0).stdout, renewed);
        place.origin.route("/a.csv", Reply::new("a\n1\n"));
        place.host(["run", "a"]).exits(0);
        assert_eq!(told(&place), ["success a success", "recovery a success"], "{make:?}");
        assert_eq!(place.statuses("a"), ["success", "failed", "failed", "success"], "{make:?}");
    }
}

#[test]
fn the_watch_tells_once_of_what_is_stale_in_a_store() {
    let Some(place) = telling(Make::S3) else { return };
    place.host(["watch"]).exits(0);
    assert_eq!(told(&place), [""; 0]);
    place.host(["run", "a"]).exits(0);
    told(&place);
    let state = place.store.state("a");
    state.execute("UPDATE extraction_runs SET started_at = '2025-01-01T00:00:00Z'", []).expect("SQL");
    let old = place.environment.path().join("old.sqlite");
    state.execute("VACUUM INTO ?1", [old.to_str()]).expect("SQL");
    place.store.put_state("a", &old);
    for _ in 0..2 {
        place.host(["watch"]).exits(0);
    }
    assert_eq!(told(&place), ["stale a stale"]);
    place.host(["status"]).exits(1);
    place.host(["run", "a"]).exits(0);
    assert_eq!(told(&place), ["success a success", "recovery a success"]);
}
