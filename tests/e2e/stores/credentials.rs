//! With whose credentials the host asks a store: they are the operator's, and no guest gets nearer to the store by them.

use harness::between::Sent;
use harness::stores::Make;
use harness::{Origin, Reply, guest};

use super::{Place, ended};

/// Whose access key a request is signed with.
fn signed_by(sent: &Sent) -> &str {
    let signature = sent.field("authorization").unwrap_or_default();
    signature.split_once("Credential=").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default()
}

/// Insist that everything was asked with one access key.
#[track_caller]
fn asked_as(place: &Place, id: &str) {
    let asked = place.between.asked();
    assert!(!asked.is_empty() && asked.iter().all(|sent| signed_by(sent) == id), "{asked:#?}");
    place.between.script([]);
}

#[test]
fn a_profile_is_used_where_it_is_named() {
    let Some(place) = Place::new(Make::S3) else { return };
    place.mirror().exits(0);
    asked_as(&place, "nobody");
    let credentials = "[default]\naws_access_key_id = DEFAULT\naws_secret_access_key = one\n\n\
                       [lake]\naws_access_key_id = LAKE\naws_secret_access_key = other\n";
    place.environment.write(".aws/credentials", credentials);
    place.environment.write(".aws/config", "[profile lake]\nregion = us-east-1\n");
    let unset = || {
        let mut command = place.mirror_command();
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env_remove("AWS_REGION");
        command
    };
    ended(unset()).exits(0);
    asked_as(&place, "DEFAULT");
    let mut command = unset();
    command.env("AWS_PROFILE", "lake");
    ended(command).exits(0);
    let region = |sent: &Sent| sent.field("authorization").is_some_and(|field| field.contains("/us-east-1/s3/"));
    assert!(place.between.asked().iter().all(region));
    asked_as(&place, "LAKE");
    // What the environment says counts before a profile that nobody named, and a named one before all.
    place.mirror().exits(0);
    asked_as(&place, "nobody");
    place.environment.write("host.toml", "[store]\nprofile = \"lake\"\n");
    place.mirror().exits(0);
    asked_as(&place, "LAKE");
}

#[test]
fn keys_are_in_nothing_that_is_told_or_kept() {
    for make in Make::ALL {
        let Some(place) = Place::new(make) else { continue };
        let keys: Vec<String> =
            place.store.variables(place.between.address()).into_iter().map(|(_, value)| value).collect();
        let secret = |text: &[u8]| {
            let text = String::from_utf8_lossy(text);
            keys.iter().filter(|key| key.contains("secret") || key.len() > 22).any(|key| text.contains(key.as_str()))
        };
        let mut command = place.mirror_command();
        command.arg("--verbose");
        let good = ended(command).exits(0);
        place.between.refuse(&[], 403, "AccessDenied", &[]);
        let bad = place.mirror().exits(1);
        for ran in [good, bad] {
            assert!(!secret(ran.stdout.as_bytes()) && !secret(ran.stderr.as_bytes()), "{ran:?}");
        }
        assert!(!place.store.objects().values().any(|content| secret(content)));
    }
}

/// A service that gives out credentials for the role of a machine, as those of clouds do.
fn role_service() -> Origin {
    let service = Origin::start();
    let credentials = "{\"AccessKeyId\":\"ROLE\",\"SecretAccessKey\":\"of the role\",\"Token\":\"a token\",\
                       \"Expiration\":\"2199-01-01T00:00:00Z\"}";
    service.route("/role", Reply::new(credentials));
    service
}

#[test]
fn what_the_host_may_ask_for_itself_opens_nothing_for_a_guest() {
    let Some(place) = Place::new(Make::S3) else { return };
    let service = role_service();
    let token = place.environment.write("token", "the machine's own");
    let with_role = |arguments: &[&str]| {
        let mut command = place.command(["run"]);
        command.arg(guest("probe")).args(["--json", "--param", "do=land"]).args(arguments);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", service.url("/role"));
        command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token);
        ended(command)
    };
    let url = format!("url={}", place.origin.url("/plain.csv"));
    with_role(&["--allow-http", &place.origin.grant(), "--param", &url]).exits(0);
    asked_as(&place, "ROLE");
    let by_the_host = service.asked().len();
    assert!(by_the_host > 0);
    assert!(service.asked().iter().all(|asked| asked.header("authorization") == Some("the machine's own")));
    // The service that the host asks, and the store that it writes to, are not granted to anybody by that.
    for target in [service.url("/role"), format!("http://{}/", place.between.address())] {
        service.forget();
        place.between.script([]);
        let url = format!("url={target}");
        let refused = with_role(&["--allow-http", &place.origin.grant(), "--param", &url]).exits(77);
        assert!(refused.stderr.contains("the egress policy refuses it: http://127.0.0.1:"), "{refused:?}");
        assert!(refused.stderr.contains("is not granted"), "{refused:?}");
        // The host asked for itself, and nobody else did.
        assert!(service.asked().iter().all(|asked| asked.header("authorization") == Some("the machine's own")));
        assert!(place.between.asked().iter().all(|sent| sent.target != "/"));
    }
}
