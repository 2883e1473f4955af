//! What a tag or a date proves, and what it does not: content that changed is always seen.

use harness::{Origin, Reply};

use crate::{environment, mirror, with};

const CSV: &str = "city,courts\nMalaga,41\n";
/// As long as [`CSV`].
const OTHER: &str = "city,courts\nMalaga,42\n";

/// The counts of new and unchanged contents of a run of `mirror`.
fn counts(environment: &harness::Environment, origin: &Origin, more: &[&str]) -> (u64, u64) {
    let report = environment.run("mirror", &with(&mirror(origin, "/courts.csv"), more)).exits(0).json();
    let count = |key: &str| report[key].as_u64().expect("a count");
    (count("files_written"), count("files_skipped"))
}

#[test]
fn a_change_within_the_second_of_the_first_fetch_is_seen() {
    let (environment, origin) = (environment(), Origin::start());
    // Made from the time of the change and the size, as nginx and Apache do; changed in the second of `Date`.
    let made = |content: &str| Reply::new(content).etag("\"66f0a1b2-18\"").last_modified(harness::reply::DATE);
    origin.route("/courts.csv", made(CSV));
    assert_eq!(counts(&environment, &origin, &[]), (1, 0));
    origin.route("/courts.csv", made(OTHER));
    assert_eq!(counts(&environment, &origin, &[]), (1, 0));
    assert_eq!(origin.asked()[1].header("if-none-match"), None);
    let contents: Vec<_> = environment.landed().into_values().collect();
    assert!(contents.contains(&CSV.into()) && contents.contains(&OTHER.into()));
    // Named by the tag all the same, and one beside the other.
    assert!(environment.paths().iter().all(|path| path.contains("/66f0a1b2-18")), "{:?}", environment.paths());
}

#[test]
fn a_tag_that_is_seen_a_second_later_counts_from_then_on() {
    let (environment, origin) = (environment(), Origin::start());
    let tagged = Reply::new(CSV).etag("\"66f0a1b2-18\"");
    origin.route("/courts.csv", tagged.clone().last_modified(harness::reply::DATE));
    assert_eq!(counts(&environment, &origin, &[]), (1, 0));
    origin.route("/courts.csv", tagged.last_modified("Sun, 15 Jun 2025 07:59:59 GMT"));
    assert_eq!(counts(&environment, &origin, &[]), (0, 1));
    assert_eq!(counts(&environment, &origin, &[]), (0, 1));
    let conditions: Vec<_> = origin.asked().iter().map(|asked| asked.header("if-none-match").is_some()).collect();
    assert_eq!(conditions, [false, false, true]);
}

/// An answer whose server does not look at conditions.
fn deaf(content: &str, etag: &str) -> Reply {
    Reply::new(content).header("ETag", etag)
}

#[test]
fn a_weak_tag_on_a_200_is_read() {
    let (environment, origin) = (environment(), Origin::start());
    origin.script("/courts.csv", [deaf(CSV, "W/\"semantic-1\""), deaf(OTHER, "W/\"semantic-1\"")]);
    assert_eq!(counts(&environment, &origin, &[]), (1, 0));
    assert_eq!(counts(&environment, &origin, &[]), (1, 0));
    assert_eq!(counts(&environment, &origin, &[]), (0, 1));
}

#[test]
fn a_strong_tag_on_a_200_needs_no_body_where_it_is_the_newest() {
    let (environment, origin) = (environment(), Origin::start());
    // The body breaks off at once, which would fail the run if it were read.
    let one = deaf(CSV, "\"one\"");
    origin
        .script("/courts.csv", [one.clone(), one.clone().cut_after(0), deaf(OTHER, "\"two\""), deaf("3\n", "\"one\"")]);
    assert_eq!(counts(&environment, &origin, &[]), (1, 0));
    assert_eq!(counts(&environment, &origin, &[]), (0, 1));
    assert_eq!(counts(&environment, &origin, &[]), (1, 0));
    // A tag of long ago says nothing of what is there now.
    assert_eq!(counts(&environment, &origin, &[]), (1, 0));
    assert_eq!(environment.paths().len(), 3);
}

#[test]
fn fresh_asks_and_reads_without_regard_to_what_is_known() {
    let (environment, origin) = (environment(), Origin::start());
    origin.script("/courts.csv", [Reply::new(CSV).etag("\"one\""), Reply::new(OTHER).etag("\"one\"")]);
    assert_eq!(counts(&environment, &origin, &[]), (1, 0));
    assert_eq!(counts(&environment, &origin, &["--fresh"]), (1, 0));
    assert_eq!(counts(&environment, &origin, &["--fresh"]), (0, 1));
    assert!(origin.asked().iter().all(|asked| asked.header("if-none-match").is_none()));
}

#[test]
fn a_signature_that_differs_each_time_costs_no_download_and_is_not_kept() {
    let digest = "\"9b2cf535f27731c974343645a3985328-12\"";
    // A 304 whose tag matches counts whatever the query; a 200 by a tag that is a digest alone.
    for (tag, deaf_to_conditions) in [("\"0x8DC5A1B2C3D4E5F\"", false), (digest, false), (digest, true)] {
        let (environment, origin) = (environment(), Origin::start());
        origin.script("/courts.csv", (1..=4).map(|tick| Reply::redirect(302, format!("/blob?sig=s3cret-{tick}"))));
        let blob = if deaf_to_conditions { deaf(CSV, tag) } else { Reply::new(CSV).etag(tag) };
        origin.route("/blob", blob.clone());
        assert_eq!(counts(&environment, &origin, &[]), (1, 0));
        origin.route("/blob", blob.cut_after(0));
        for _ in 2..=4 {
            assert_eq!(counts(&environment, &origin, &[]), (0, 1), "{tag}");
        }
        assert_eq!(origin.asked().len(), 8, "{tag}");
        assert_eq!(environment.query("SELECT count(*) FROM validators"), ["1"]);
        let database = std::fs::read(environment.landing().join(".state.sqlite")).expect("a database");
        assert!(!database.windows(6).any(|bytes| bytes == b"s3cret"), "{tag}");
    }
}

#[test]
fn a_query_that_leads_elsewhere_is_read_where_the_tag_is_no_digest() {
    let (environment, origin) = (environment(), Origin::start());
    origin.script("/courts.csv", [Reply::redirect(302, "/file?id=1"), Reply::redirect(302, "/file?id=2")]);
    origin.script("/file", [deaf(CSV, "\"66f0a1b2-18\""), deaf(OTHER, "\"66f0a1b2-18\"")]);
    assert_eq!(counts(&environment, &origin, &[]), (1, 0));
    assert_eq!(counts(&environment, &origin, &[]), (1, 0));
}
