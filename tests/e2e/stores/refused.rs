//! Stores, states and words that are not as they should be: one clear sentence each, and nothing is lost.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use harness::between::{Fault, Habit};
use harness::gzip;
use harness::stores::Make;

use super::landing::MIRRORED;
use super::{Place, ended};

/// What is told where credentials are wrong.
const CREDENTIALS: &str = "the page `object-storage.md` of the book says where they are looked for, and in which order";
/// What is told where credentials do not suffice.
const RIGHTS: &str =
    "they have to allow reading, writing and listing below the landing place (S3: GetObject, PutObject, ListBucket)";
const REGION: &str = "set `region` under [store] in host.toml, or AWS_REGION";
const WHERE: &str = "`endpoint` under [store] in host.toml, or the environment, says where the store is";
const REPAIR: &str = "`host repair` builds another from what has landed";

/// Insist on how a program ends, and on every word that it says.
#[track_caller]
fn says(command: Command, code: i32, error: &str, hint: &str) {
    let ran = ended(command).exits(code);
    assert_eq!(ran.stderr, format!("error: {error}\nhint: {hint}\n"));
    assert_eq!(ran.stdout, "");
}

impl Place {
    /// One in which something landed.
    fn landed() -> Option<Self> {
        let place = Self::new(Make::S3)?;
        place.mirror().exits(0);
        Some(place)
    }

    /// A run with something else in its environment.
    fn mirror_with(&self, variables: &[(&str, &str)]) -> Command {
        let mut command = self.mirror_command();
        command.envs(variables.iter().copied());
        command
    }
}

/// An address of this machine where nobody listens.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
    listener.local_addr().expect("an address")
}

#[test]
fn what_a_store_refuses_is_told_in_one_sentence_and_costs_nothing() {
    let Some(place) = Place::landed() else { return };
    let before = place.store.objects();
    // The state is on this machine, so that writing it is the first that a run asks for.
    let (state, list) = ("cannot write .state/mirror.sqlite.gz in", "cannot list .state in");
    let bad = "the store does not accept these credentials";
    let region = "the bucket is in another region than the one that was asked";
    for (status, code, reason, hint) in [
        (403, "InvalidAccessKeyId", format!("{bad} (InvalidAccessKeyId)"), CREDENTIALS),
        (403, "SignatureDoesNotMatch", format!("{bad} (SignatureDoesNotMatch)"), CREDENTIALS),
        (400, "ExpiredToken", format!("{bad} (ExpiredToken)"), CREDENTIALS),
        (403, "AccessDenied", "the credentials do not allow it (AccessDenied)".into(), RIGHTS),
        (
            403,
            "RequestTimeTooSkewed",
            "the clock of this machine is too far from the store's (RequestTimeTooSkewed)".into(),
            "set the clock, for example with `timedatectl set-ntp true`",
        ),
        (301, "PermanentRedirect", region.into(), REGION),
        (400, "AuthorizationHeaderMalformed", format!("{region} (AuthorizationHeaderMalformed)"), REGION),
    ] {
        place.between.refuse(&[], status, code, &[("x-amz-bucket-region", "eu-central-1")]);
        let address = place.store.address();
        says(place.mirror_command(), 1, &format!("{state} {address}: {reason}"), hint);
        says(place.command(["runs"]), 1, &format!("{list} {address}: {reason}"), hint);
    }
    assert_eq!(place.store.objects(), before);
}

#[test]
fn one_that_may_read_and_not_write_runs_nothing() {
    let Some(place) = Place::new(Make::S3) else { return };
    place.between.refuse(&["PUT"], 403, "AccessDenied", &[]);
    let (address, reason) = (place.store.address(), "the credentials do not allow it (AccessDenied)");
    says(place.mirror_command(), 1, &format!("cannot write .state/.conditions in {address}: {reason}"), RIGHTS);
    assert_eq!((place.store.objects(), place.origin.asked()), (BTreeMap::new(), vec![]));
}

#[test]
fn a_bucket_of_another_region_is_told() {
    let Some(place) = Place::new(Make::S3) else { return };
    let error = format!(
        "cannot read .state/mirror.sqlite.gz in {}: the bucket is in another region than the one that was asked",
        place.store.address()
    );
    says(place.mirror_with(&[("AWS_REGION", "eu-central-1")]), 1, &error, REGION);
}

#[test]
fn a_bucket_that_is_not_there_is_not_made() {
    for (make, no_such, code) in
        [(Make::S3, "s3://no-such/zone", "NoSuchBucket"), (Make::Azure, "az://no-such/zone", "ContainerNotFound")]
    {
        let Some(place) = Place::new(make) else { continue };
        let error = format!("cannot read .state/mirror.sqlite.gz in {no_such}: there is no such bucket ({code})");
        let hint = "make it first, or name another with `--landing`; the host makes none";
        says(place.mirror_with(&[("LANDING_DIR", no_such)]), 1, &error, hint);
    }
}

#[test]
fn a_store_that_says_nothing_or_is_not_there_is_given_up_in_time() {
    let Some(place) = Place::new(Make::S3) else { return };
    place.environment.write("host.toml", "[store]\ntimeout = \"1s\"\n");
    place.between.script((0..50).map(|number| (number, Fault::Hang)));
    let what = format!("cannot read .state/mirror.sqlite.gz in {}", place.store.address());
    let silent = format!("{what}: {} did not answer within 1 s", place.between.address());
    says(place.mirror_command(), 1, &silent, WHERE);
    let nobody = nobody();
    let refused = format!("{what}: cannot connect to {nobody}: Connection refused (os error 111)");
    says(place.mirror_with(&[("AWS_ENDPOINT_URL", &format!("http://{nobody}"))]), 1, &refused, WHERE);
    place.between.script([]);
    place.between.refuse(&[], 503, "SlowDown", &[]);
    let busy = format!("{what}: the store answered with status 503 (SlowDown), again and again");
    says(place.mirror_command(), 1, &busy, "start the same again in a while");
    assert_eq!((place.store.objects(), place.origin.asked()), (BTreeMap::new(), vec![]));
}

#[test]
fn a_store_that_ignores_conditions_is_refused_before_anything_lands() {
    for habit in [Habit::Careless, Habit::CarelessOfVersions] {
        let Some(place) = Place::with_habit(Make::S3, habit) else { return };
        let error = format!(
            "{} does not keep conditions on writes, so that one run could replace what another wrote",
            place.store.address()
        );
        let hint = "use a store that answers `If-None-Match: *` and `If-Match` as S3 does, or a directory";
        // The second time its marker is there already.
        for _ in 0..2 {
            says(place.mirror_command(), 1, &error, hint);
        }
        assert_eq!(place.store.objects().into_keys().collect::<Vec<_>>(), [".state/.conditions"]);
        assert_eq!(place.origin.asked(), []);
    }
}

#[test]
fn a_state_that_cannot_be_used_is_left_as_it_is() {
    let Some(place) = Place::landed() else { return };
    let files = place.store.landed();
    let state = place.store.objects().remove(".state/mirror.sqlite.gz").expect("a state");
    let damaged = "the state .state/mirror.sqlite.gz in the object store is damaged";
    let unusable = "cannot use the state .state/mirror.sqlite.gz in the object store:";
    let no_database = format!("{unusable} the state database is damaged: file is not a database");
    let newer = format!("{unusable} the state database has schema version 999, which a newer host made");
    let made = |sql: &str| {
        let database = place.environment.write("made.sqlite", "");
        let connection = rusqlite::Connection::open(&database).expect("a database");
        connection.execute_batch(sql).expect(sql);
        drop(connection);
        gzip(&std::fs::read(database).expect("a database"))
    };
    let newer_state = {
        let connection = place.store.state("mirror");
        connection.execute_batch("UPDATE host_schema SET version = 999").expect("a change");
        gzip(&std::fs::read(connection.path().expect("a path")).expect("a database"))
    };
    for (content, error, hint) in [
        (vec![], damaged, REPAIR),
        (b"no gzip".to_vec(), damaged, REPAIR),
        (state[..state.len() / 2].to_vec(), damaged, REPAIR),
        (gzip(b"no database, but a few words that are long enough"), &no_database, REPAIR),
        (newer_state, &newer, "run the host that made it, or a later one"),
    ] {
        place.store.put(".state/mirror.sqlite.gz", &content);
        for command in [place.mirror_command(), place.command(["cursor", "set", "mirror", "x"])] {
            says(command, 1, error, hint);
        }
        assert_eq!(place.store.objects()[".state/mirror.sqlite.gz"], content, "it was replaced");
    }
    place.store.put(".state/mirror.sqlite.gz", &made("CREATE TABLE extraction_runs (x)"));
    let foreign = ended(place.mirror_command()).exits(1);
    assert!(foreign.stderr.starts_with(&format!("error: {unusable} the state database was made by something else: ")));
    assert_eq!(place.store.landed(), files);
    // Another extractor goes on, and so does this one once its state is what it was.
    place.days(None).exits(0);
    place.store.put(".state/mirror.sqlite.gz", &state);
    place.mirror().exits(0);
    place.holds(&[MIRRORED[0], MIRRORED[1], "now\n"], "afterwards");
}

#[test]
fn what_the_operator_says_of_a_store_is_checked_before_it_is_asked() {
    let Some(place) = Place::new(Make::S3) else { return };
    let give = "give it as `https://HOST[:PORT]`, by `endpoint` under [store] in host.toml or by the environment";
    for (endpoint, shown, reason) in [
        ("http://store.example", "http://store.example", "it is not encrypted, and not on this machine"),
        ("ftp://store.example", "ftp://store.example", "it is neither https nor http"),
        ("store.example", "store.example", "it is no URL"),
        ("https://user:secret@store.example", "store.example", "it holds more than a host, a port and a path"),
        ("https://store.example?x", "https://store.example?x", "it holds more than a host, a port and a path"),
    ] {
        let error = format!("cannot use the endpoint `{shown}`: {reason}");
        says(place.mirror_with(&[("AWS_ENDPOINT_URL", endpoint)]), 2, &error, give);
    }
    let no_profile = "cannot use the profile `lake`: there is none of that name in ~/.aws";
    says(place.mirror_with(&[("AWS_PROFILE", "lake")]), 2, no_profile, "`aws configure list-profiles` lists them");
    let address = place.store.address();
    let mut command = place.mirror_command();
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let none = format!("cannot use {address}: there are no credentials for it in the environment or in ~/.aws");
    says(command, 2, &none, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile");
    let mut command = place.mirror_command();
    command.env_remove("AWS_SECRET_ACCESS_KEY");
    let half = format!("cannot use {address}: one half of the access key is missing");
    says(command, 2, &half, "set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    assert_eq!(place.between.asked(), []);
}

#[test]
fn what_the_operator_says_of_azure_is_checked_too() {
    let Some(place) = Place::new(Make::Azure) else { return };
    let address = place.store.address();
    let mut command = place.mirror_command();
    command.env_remove("AZURE_STORAGE_ACCOUNT_NAME");
    says(command, 2, &format!("cannot use {address}: no account is named"), "set AZURE_STORAGE_ACCOUNT_NAME");
    let broken = place.mirror_with(&[("AZURE_STORAGE_ACCOUNT_KEY", "a key!")]);
    let error = format!("cannot use {address}: the account's key is not in Base64");
    says(broken, 2, &error, "set AZURE_STORAGE_ACCOUNT_KEY as the portal of Azure shows it");
    assert_eq!(place.between.asked(), []);
    let wrong = place.mirror_with(&[("AZURE_STORAGE_ACCOUNT_KEY", "d3Jvbmc=")]);
    let reason = "the credentials do not allow it (AuthorizationFailure)";
    says(wrong, 1, &format!("cannot write .state/.conditions in {address}: {reason}"), RIGHTS);
    assert_eq!(place.store.objects(), BTreeMap::new());
}

#[test]
fn addresses_that_are_none_are_told_from_directories() {
    let environment = crate::environment();
    let kinds = "the kinds are s3://BUCKET/PREFIX, az://CONTAINER/PREFIX and gs://BUCKET/PREFIX";
    let bucket = "the name of a bucket has 1 to 63 letters, digits, dots, hyphens and underscores";
    let prefix = "no part of the prefix begins with a dot, and none holds `?`, `#` or `\\`";
    for (landing, reason) in [
        ("s3://", bucket),
        ("s3:///zone", bucket),
        ("s3://key:secret@lake", bucket),
        ("s3:/lake", kinds),
        ("s4://lake", kinds),
        ("file:///srv/landing", kinds),
        ("s3://lake//zone", prefix),
        ("s3://lake/.state", prefix),
        ("s3://lake/../zone", prefix),
    ] {
        let error = format!("`{landing}` is no place in an object store: {reason}");
        let hint = "`--landing` takes a directory, or such a place in an object store";
        says(environment.command(["runs", "--landing", landing]), 2, &error, hint);
    }
}

#[test]
fn a_lease_that_is_too_short_or_too_long_is_refused() {
    let Some(place) = Place::new(Make::S3) else { return };
    for lease in ["2s", "2h"] {
        let path = place.environment.write("host.toml", format!("[store]\nlease = \"{lease}\"\n"));
        let name = path.file_name().expect("a name").display().to_string();
        let error = format!("{name}: `store.lease` is not from 3 to 3600 s");
        let hint = "a killed run keeps others waiting for so long; a live one writes its state three times in it";
        says(place.mirror_command(), 2, &error, hint);
    }
    assert_eq!(place.between.asked(), []);
}
