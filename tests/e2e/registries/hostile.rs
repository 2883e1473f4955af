//! A registry that leads elsewhere: for tokens, for components, and to where it should not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::registry::{REPOSITORY, Scripted, auths, digest};
use harness::{Origin, Reply, guest};

use super::{Place, mirror};

/// What a request said of who asks.
fn authorizations(origin: &Origin) -> Vec<(String, Option<String>)> {
    let asked = origin.asked().into_iter();
    asked
        .map(|asked| {
            let path = asked.target.split('?').next().unwrap_or_default().to_owned();
            (path, asked.header("authorization").map(str::to_owned))
        })
        .collect()
}

fn wants_a_token(realm: &str) -> Reply {
    let challenge = format!("Bearer realm=\"{realm}\",service=\"the registry\",scope=\"repository:other:push,delete\"");
    Reply::status(401).header("WWW-Authenticate", challenge)
}

#[test]
fn a_token_is_for_one_repository_and_goes_to_the_registry_alone() {
    let (scripted, place) = (Scripted::start(mirror()), Place::new());
    let (keeper, depot) = (Origin::start(), Origin::start());
    keeper.route("/token", Reply::new("{\"token\":\"t0ken\",\"expires_in\":60}"));
    depot.route("/blob", Reply::new(scripted.component.clone()));
    let manifest = scripted.path("manifests/1");
    let good = Reply::new(scripted.manifest.clone());
    scripted.origin.script(&manifest, [wants_a_token(&keeper.url("/token")), good]);
    scripted.origin.route(&scripted.blob(), Reply::redirect(307, depot.url("/blob")));
    place.environment.write("home/.docker/config.json", auths(&scripted.host(), "me", "s3cret"));
    let ran = place.host(&["pull", &scripted.tagged()]).exits(0);
    assert!(!ran.stderr.contains("s3cret") && !ran.stderr.contains("t0ken"), "{ran:?}");

    let asked = keeper.asked();
    let [token] = &asked[..] else { panic!("{asked:?}") };
    let basic = format!("Basic {}", STANDARD.encode("me:s3cret"));
    assert_eq!(token.header("authorization"), Some(&*basic));
    assert_eq!(
        token.target,
        format!("/token?service=the+registry&scope=repository%3A{}%3Apull", REPOSITORY.replace('/', "%2F"))
    );
    let bearer = Some("Bearer t0ken".to_owned());
    let seen = authorizations(&scripted.origin);
    assert_eq!(seen[..2], [(manifest.clone(), None), (manifest, bearer.clone())]);
    assert!(seen[2..].iter().all(|(_, said)| *said == bearer), "{seen:?}");
    assert_eq!(authorizations(&depot), [("/blob".to_owned(), None)], "nobody else gets the token");
}

#[test]
fn whoever_gives_no_token_is_told_apart() {
    let (scripted, place) = (Scripted::start(mirror()), Place::new());
    let keeper = Origin::start();
    let (manifest, host) = (scripted.path("manifests/1"), scripted.host());
    scripted.origin.route(&manifest, wants_a_token(&keeper.url("/token")));
    for (reply, says) in [
        (Reply::status(401), format!("{host} wants credentials for {REPOSITORY}, and there are none")),
        (Reply::status(500), format!("{host} answered with status 500 when asked for a token")),
        (Reply::new("{}"), "cannot be asked with a token: there is none in the answer".to_owned()),
        (Reply::new("{\"token\":\"a\\nb\"}"), "gives a token that cannot be sent".to_owned()),
        (Reply::new("x".repeat(70_000)), "sends more than the 65536 bytes of a token".to_owned()),
        // One that is not taken.
        (Reply::new("{\"access_token\":\"t\"}"), format!("{host} wants credentials for {REPOSITORY}")),
    ] {
        keeper.route("/token", reply);
        place.host(&["pull", &scripted.tagged()]).exits(1).says(&says);
    }
    for (challenge, says) in [
        ("Bearer realm=\"http://elsewhere.example/token\"", "of the place to get one, it is not encrypted"),
        ("Bearer realm=\"https://192.0.2.1/token\"", "a registry may not lead to 192.0.2.1 (documentation)"),
        ("Bearer realm=\"http://me:you@localhost/token\"", "it has a name or a password in it"),
        ("Negotiate", "does not say how to ask for acme/weather:1"),
        ("Basic realm=\"x\"", "wants credentials for acme/weather, and there are none"),
    ] {
        scripted.origin.route(&manifest, Reply::status(401).header("WWW-Authenticate", challenge));
        place.host(&["pull", &scripted.tagged()]).exits(1).says(says);
    }
    // A token that is long: it gets others.
    let form = Reply::new("{\"access_token\":\"short\"}");
    keeper.route("/token", form);
    keeper.forget();
    let good = Reply::new(scripted.manifest.clone());
    scripted.origin.script(&manifest, [wants_a_token(&keeper.url("/token")), good]);
    let text = format!("{{\"auths\":{{\"{host}\":{{\"identitytoken\":\"l0ng\"}}}}}}");
    place.environment.write("home/.docker/config.json", text);
    place.host(&["pull", &scripted.tagged()]).exits(0);
    let asked = keeper.asked();
    let body = String::from_utf8(asked[0].body.clone()).expect("a form");
    assert!(
        asked[0].method == "POST" && body.contains("grant_type=refresh_token") && body.contains("refresh_token=l0ng"),
        "{body}"
    );
}

#[test]
fn a_registry_leads_on_a_few_times_and_not_to_what_is_none_of_its_business() {
    let (scripted, place) = (Scripted::start(mirror()), Place::new());
    let blob = scripted.blob();
    for (location, says) in [
        (blob.clone(), "leads on more than 5 times when asked for the component"),
        ("http://elsewhere.example/x?signed=s3cret".to_owned(), "it is not encrypted (http://elsewhere.example)"),
        ("https://192.0.2.1/latest".to_owned(), "a registry may not lead to 192.0.2.1 (documentation)"),
        ("https://[2001:db8::1]/latest".to_owned(), "a registry may not lead to 2001:db8::1 (documentation)"),
        ("https://me:you@localhost/x".to_owned(), "it has a name or a password in it"),
        ("file:///etc/passwd".to_owned(), "it is neither https nor http"),
    ] {
        scripted.origin.route(&blob, Reply::redirect(307, location));
        let ran = place.host(&["pull", &scripted.pinned()]).exits(1).says(says);
        assert!(!ran.stderr.contains("s3cret"), "{ran:?}");
    }
    scripted.origin.route(&blob, Reply::status(307));
    place.host(&["pull", &scripted.pinned()]).exits(1).says("it does not say where");
    assert!(!place.cached().contains(&"wasm".to_owned()));
}

#[test]
fn what_is_pushed_goes_where_the_registry_leads_and_credentials_do_not() {
    let (scripted, place, depot) = (Scripted::start(mirror()), Place::new(), Origin::start());
    let file = guest("mirror");
    let file = file.to_str().expect("a path in UTF-8");
    let uploads = scripted.path("blobs/uploads/");
    let there = scripted.path("manifests/2");
    let reference = format!("oci://{}/{REPOSITORY}:2", scripted.host());
    place.environment.write("home/.docker/config.json", auths(&scripted.host(), "me", "s3cret"));
    scripted.origin.route(&scripted.blob(), Reply::status(404));
    let wants = Reply::status(401).header("WWW-Authenticate", "Basic realm=\"x\"");
    let led = || Reply::status(202).header("Location", depot.url("/upload?state=1"));
    // A registry that is busy is asked again.
    scripted.origin.script(&uploads, [wants, Reply::status(503), led()]);
    depot.script("/upload", [Reply::status(500), Reply::status(201)]);
    scripted.origin.script(&there, [Reply::status(404), Reply::status(503), Reply::status(201)]);
    place.host(&["push", file, &reference]).exits(0);
    let asked = depot.asked();
    assert!(asked.iter().all(|asked| asked.header("authorization").is_none()), "{asked:?}");
    let component = asked.iter().filter(|asked| asked.body == scripted.component);
    let target = format!("/upload?state=1&digest={}", digest(&scripted.component).replace(':', "%3A"));
    assert_eq!(component.map(|asked| asked.target.clone()).collect::<Vec<_>>(), [target.clone(), target]);
    // One that says that it took something else is not believed.
    let other = Reply::status(201).header("Docker-Content-Digest", digest(b"other"));
    scripted.origin.script(&there, [Reply::status(404), other]);
    place.host(&["push", file, &reference]).exits(1).says("sent something else than acme/weather:2");
    scripted.origin.route(&uploads, Reply::status(202));
    place
        .host(&["push", file, &reference])
        .exits(1)
        .says("leads to where it cannot be followed: it does not say where");
    scripted.origin.route(&uploads, Reply::status(403));
    place
        .host(&["push", file, &reference])
        .exits(1)
        .says("does not accept the credentials for acme/weather (status 403)");
}
