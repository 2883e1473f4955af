//! A run lands in an object store, and the next one finds that it did.

use harness::stores::Make;

use super::Place;

/// What [`Place::mirror`] lands.
pub(super) const MIRRORED: [&str; 2] = ["a,b\n1,2\n", "c,d\n3,4\n"];

pub(super) fn counted(place: &Place) -> Vec<(String, usize)> {
    place.counted().into_iter().collect()
}

pub(super) fn are(wanted: &[(&str, usize)]) -> Vec<(String, usize)> {
    wanted.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
}

#[test]
fn a_run_lands_and_the_next_one_asks_for_no_more_than_it_has_to() {
    for make in Make::ALL {
        let Some(place) = Place::new(make) else { continue };
        let first = place.mirror().exits(0).json();
        assert_eq!((&first["files_written"], &first["files_skipped"]), (&2.into(), &0.into()), "{first}");
        place.holds(&MIRRORED, "the first run");
        // Three of the marker show that the store keeps conditions, and two looks tell whose the object is.
        let marker = [("HEAD marker", 2), ("PUT marker", 3)];
        // It looks for windows of its extractor before and after it has its lease, and says that it met the source before it
        // lists that.
        let rest = [("GET list", 3), ("GET state", 1), ("PUT file", 2), ("PUT state", 3)];
        let mut wanted = are(&[&marker[..], &rest[..]].concat());
        wanted.sort();
        assert_eq!(counted(&place), wanted, "{make:?}");

        let before = place.store.objects();
        place.between.script([]);
        let second = place.mirror().exits(0).json();
        assert_eq!((&second["files_written"], &second["files_skipped"]), (&0.into(), &2.into()), "{second}");
        assert_eq!(counted(&place), are(&[("HEAD file", 2), ("PUT state", 2)]), "{make:?}");
        // Another machine has to get the state first.
        place.between.script([]);
        let elsewhere = place.environment.path().join("cache");
        super::ended({
            let mut command = place.mirror_command();
            command.env("XDG_CACHE_HOME", elsewhere);
            command
        })
        .exits(0);
        assert_eq!(counted(&place), are(&[("GET state", 1), ("HEAD file", 2), ("PUT state", 2)]), "{make:?}");
        // And this one has an old state now, which costs the request that finds that out.
        place.between.script([]);
        place.mirror().exits(0);
        let found_old = [("GET state", 1), ("HEAD file", 2), ("HEAD state", 1), ("PUT state", 3)];
        assert_eq!(counted(&place), are(&found_old), "{make:?}");
        let after = place.store.objects();
        for (path, content) in before.iter().filter(|(path, _)| !path.starts_with('.')) {
            assert_eq!(after.get(path), Some(content), "{path}");
        }
        assert_eq!(after.len(), before.len());
        assert_eq!(place.statuses("mirror"), ["success"; 4]);
    }
}

#[test]
fn what_landed_is_told_by_the_words_that_a_directory_has() {
    for make in Make::ALL {
        let Some(place) = Place::new(make) else { continue };
        place.mirror().exits(0);
        place.days(Some("2025-01-01..2025-01-03")).exits(0);
        place.days(None).exits(0);
        let runs = place.host(["runs", "--json"]).exits(0).json();
        let runs = runs.as_array().or_else(|| runs["runs"].as_array()).expect("runs").clone();
        assert_eq!(runs.len(), 3, "{runs:?}");
        let files = place.host(["files"]).exits(0).stdout;
        for path in place.store.landed().into_keys() {
            assert!(files.contains(&path), "{path} is not in {files}");
            let content = place.host(["cat", &path]).exits(0).stdout;
            assert_eq!(Some(content.into_bytes()), place.store.landed().remove(&path), "{path}");
        }
        let status = place.host(["status"]).exits(0).stdout;
        assert!(status.contains("mirror") && status.contains("probe"), "{status}");
    }
}

#[test]
fn a_file_that_is_gone_comes_again() {
    let Some(place) = Place::new(Make::S3) else { return };
    place.mirror().exits(0);
    let path = place.store.landed().into_keys().next().expect("a file");
    place.store.remove(&path);
    let second = place.mirror().exits(0).json();
    assert_eq!((&second["files_written"], &second["files_skipped"]), (&1.into(), &1.into()), "{second}");
    place.holds(&MIRRORED, "the second run");
}

#[test]
fn a_content_whose_name_is_taken_gets_the_next_one() {
    let (Some(place), Some(other)) = (Place::new(Make::S3), Place::new(Make::S3)) else { return };
    other.mirror().exits(0);
    let path = other.store.landed().into_keys().next().expect("a file");
    let foreign = harness::gzip(b"somebody else's\n");
    place.store.put(&path, &foreign);
    place.mirror().exits(0);
    place.holds(&[MIRRORED[0], MIRRORED[1], "somebody else's\n"], "beside what was there");
    assert_eq!(place.store.objects()[&path], foreign);
}

#[test]
fn a_bucket_that_keeps_old_versions_is_one_like_any_other() {
    let Some(place) = Place::new(Make::S3) else { return };
    place.store.keep_versions();
    place.mirror().exits(0);
    place.days(None).exits(0);
    place.origin.route("/plain.csv", harness::Reply::new("e,f\n"));
    place.mirror().exits(0);
    place.holds(&[MIRRORED[0], MIRRORED[1], "e,f\n", "now\n"], "with versions");
    assert_eq!(place.statuses("mirror"), ["success"; 2]);
}

#[test]
fn a_bucket_that_locks_its_objects_is_one_like_any_other() {
    let Some(place) = Place::new(Make::S3) else { return };
    place.store.lock_objects();
    place.mirror().exits(0);
    place.origin.route("/plain.csv", harness::Reply::new("e,f\n"));
    place.mirror().exits(0);
    place.holds(&[MIRRORED[0], MIRRORED[1], "e,f\n"], "with a lock");
    assert_eq!(place.statuses("mirror"), ["success"; 2]);
    // Such a bucket takes nothing without a checksum.
    let asked = place.between.asked();
    let puts = asked.iter().filter(|sent| sent.method == "PUT");
    let without: Vec<_> = puts.filter(|sent| sent.field("x-amz-checksum-sha256").is_none()).collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn what_a_machine_keeps_of_a_state_may_be_anything() {
    let Some(place) = Place::new(Make::S3) else { return };
    let cache = place.environment.path().join("cache");
    let here = || {
        let mut command = place.mirror_command();
        command.env("XDG_CACHE_HOME", &cache);
        super::ended(command).exits(0)
    };
    here();
    let states = cache.join("host/states");
    let kept = std::fs::read_dir(&states).expect("a directory").next().expect("a state").expect("an entry").path();
    let good = std::fs::read(&kept).expect("a file");
    let head = good.windows(2).position(|two| two == [0x1f, 0x8b]).expect("a packed state");
    let foreign = [&good[..head], &harness::gzip(b"no database, but a few words that are long enough")].concat();
    for content in [vec![], b"no state".to_vec(), good[..good.len() - 9].to_vec(), foreign, good.clone()] {
        std::fs::write(&kept, content).expect("a file");
        assert_eq!(here().json()["files_skipped"], 2);
    }
    place.holds(&MIRRORED, "whatever was kept");
    assert_eq!(place.statuses("mirror"), ["success"; 6]);
}
