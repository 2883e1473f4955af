//! Secrets that sign a request, against servers that check who signed it.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use harness::{Asked, Environment, Keys, Moto, Origin, Ran, Reply, hmac_sha256, unwrapped};

use super::nowhere;
use crate::environment;
use crate::grants::{manifest, packed, shown};

const KEY: &str = "hush-hush-42";
const ID: &str = "jo-of-accounts";

/// A configuration of `probe` and `mirror` that grants this secret for this origin, and a second origin.
fn granted(environment: &Environment, place: &str, parts: &str, origin: &str, other: &str) {
    let text = ["probe", "mirror"].map(|name| {
        format!(
            "[extractor.{name}]\nhttp = [\"{origin}\", \"{other}\"]\n[extractor.{name}.secret.token]\nas = {place}\n\
             origins = [\"{origin}\"]\nparts = {{ {parts} }}\n"
        )
    });
    environment.write("host.toml", text.concat());
}

fn of_aws(environment: &Environment, service: &str, keys: &Keys, origin: &str) {
    let place = format!("{{ aws = {{ region = \"us-east-1\", service = \"{service}\" }} }}");
    let session = keys.token.as_ref().map_or("", |_| ", session-token = { env = \"SESSION\" }");
    let parts = format!("access-key-id = {{ env = \"ID\" }}, secret-access-key = {{ env = \"KEY\" }}{session}");
    granted(environment, &place, &parts, origin, "https://a.example");
}

fn run_as(environment: &Environment, keys: &Keys, arguments: &[&str]) -> Ran {
    let mut command = environment.run_command(arguments[0], &arguments[1..]);
    command.env("ID", &keys.id).env("KEY", &keys.key).env("SESSION", keys.token.as_deref().unwrap_or_default());
    Ran::new(command.output().expect("the program"))
}

#[test]
fn who_signs_for_aws_gets_what_the_service_has() {
    let Some(moto) = Moto::running() else { return };
    let origin = format!("http://{}", moto.server());
    for keys in [&moto.user, &moto.session] {
        let environment = environment();
        of_aws(&environment, "s3", keys, &origin);
        // In other spellings than those that are signed, which the host does not send.
        let urls =
            format!("url={origin}/lake/a%20b/+c=/Z\u{fc}rich.csv {origin}/lake/plain.csv?x-id=Get+Object&b=%2f&a");
        let ran = run_as(&environment, keys, &["mirror", "--param", &urls, "--param", "secret=token", "-vv"]).exits(0);
        assert_eq!(environment.landed().len(), 2, "{ran:?}");
        for text in [&keys.id, &keys.key].into_iter().chain(&keys.token) {
            nowhere(&environment, &ran, text);
        }
    }
    // A service that is not one of objects has its paths encoded twice, and reads what it is to do in a body.
    for (act, target) in [("secret", "/?Version=2010-05-08&Action=ListUsers"), ("post", "/")] {
        let environment = environment();
        of_aws(&environment, "iam", &moto.user, &origin);
        let (act, url) = (format!("do={act}"), format!("url={origin}{target}"));
        let arguments = ["probe", "--param", &act, "--param", &url, "--param", "secret=token", "-vv"];
        let content = ["--param", "content=Action=ListUsers&Version=2010-05-08"];
        let ran = run_as(&environment, &moto.user, &[&arguments[..], &content].concat()).exits(0);
        assert!(ran.stderr.contains("<UserName>jo</UserName>"), "{ran:?}");
    }
}

#[test]
fn who_signs_for_aws_with_a_wrong_key_gets_nothing() {
    let Some(moto) = Moto::running() else { return };
    let origin = format!("http://{}", moto.server());
    let url = format!("url={origin}/lake/plain.csv");
    let wrong = Keys { key: "wrong-hush-42".into(), ..moto.user.clone() };
    let unknown = Keys { id: "nobody-hush-42".into(), ..moto.user.clone() };
    let unsigned = Keys { token: None, ..moto.session.clone() };
    for keys in [wrong, unknown, unsigned] {
        let environment = environment();
        of_aws(&environment, "s3", &keys, &origin);
        let ran = run_as(&environment, &keys, &["mirror", "--param", &url, "--param", "secret=token"]).exits(1);
        nowhere(&environment, &ran.says("403"), &keys.key);
        assert!(environment.landed().is_empty());
    }
}

const PLACE: &str = "{ hmac = { over = \"{timestamp}\\n{method}\\n{host}\\n{target}\\n{body}\", encoding = \"base64\", \
                     timestamp = \"microseconds\", fields = { X-Signature = \"{id}:{signature}\", X-Time = \"{timestamp}\" } } }";
const PARTS: &str = "id = { env = \"ID\" }, key = { env = \"KEY\" }";

/// Whether somebody signed this as the place above says.
fn is_signed(asked: &Asked) -> bool {
    let (Some(time), Some(host)) = (asked.header("x-time"), asked.header("host")) else { return false };
    let head = format!("{time}\n{}\n{host}\n{}\n", asked.method, asked.target);
    let signature = hmac_sha256(KEY.as_bytes(), &[head.as_bytes(), &asked.body].concat());
    asked.header("x-signature") == Some(&format!("{ID}:{signature}"))
}

/// An origin that answers only what is signed, and sends on from `/on` and away from `/away`; the first answer of `/again`
/// is that it is busy.
fn checking(away: String) -> Origin {
    let mut busy = true;
    Origin::answering(move |asked| match asked.target.as_str() {
        _ if !is_signed(asked) => Reply::status(403),
        "/on" => Reply::redirect(307, "/end?x=1"),
        "/away" => Reply::redirect(302, away.clone()),
        "/again" if std::mem::take(&mut busy) => Reply::status(503).header("retry-after", "0"),
        _ => Reply::new("a,b\n").header("x-echo", asked.header("x-signature").unwrap_or_default()),
    })
}

fn keys(key: &str) -> Keys {
    Keys { id: ID.into(), key: key.into(), token: None }
}

fn ask(environment: &Environment, act: &str, url: &str, key: &str, more: &[&str]) -> Ran {
    let (act, url) = (format!("do={act}"), format!("url={url}"));
    let arguments = ["probe", "--param", &act, "--param", &url, "--param", "secret=token", "-vv"];
    run_as(environment, &keys(key), &[&arguments[..], more].concat())
}

#[test]
fn every_request_is_signed_as_it_is_sent() {
    let other = Origin::start();
    other.route("/end", Reply::new("end"));
    let origin = checking(other.url("/end"));
    let environment = environment();
    granted(&environment, PLACE, PARTS, &origin.grant(), &other.grant());
    let body = ["--param", "content=Z\u{fc}rich {id} {signature}"];
    for (act, path) in [
        ("secret", "/a.csv?b=2&a=%c3%bc+x"),
        ("post", "/a.csv"),
        ("post", "/on"),
        ("secret", "/again"),
        ("secret", "/away"),
    ] {
        let ran = ask(&environment, act, &origin.url(path), KEY, &body).exits(0);
        assert!(!ran.stderr.contains("status 403"), "{path}: {ran:?}");
        nowhere(&environment, &ran, KEY);
        nowhere(&environment, &ran, ID);
    }
    let asked = origin.asked();
    assert_eq!(asked.len(), 7, "{asked:?}");
    assert!(asked.iter().all(is_signed), "{asked:?}");
    let mut times: Vec<&str> = asked.iter().filter_map(|asked| asked.header("x-time")).collect();
    times.dedup();
    assert_eq!(times.len(), 7, "a request that is sent again is signed at its own time");
    let away = other.asked();
    assert!(away.len() == 1 && away[0].header("x-signature").is_none() && away[0].header("x-time").is_none());
    let ran = ask(&environment, "mirror", &origin.url("/a.csv"), "wrong-42", &[]).exits(1);
    nowhere(&environment, &ran.says("403"), "wrong-42");
}

#[test]
fn what_is_signed_is_for_the_server_that_answers() {
    let (environment, origin) = (environment(), checking(String::new()));
    granted(&environment, PLACE, PARTS, "https://api.example", "https://a.example");
    let map = format!("https://api.example={}", origin.grant());
    ask(&environment, "secret", "https://api.example/a.csv", KEY, &["--map", &map, "--landing", "apart"]).exits(0);
    assert_eq!(origin.asked().len(), 1);
    assert_eq!(origin.asked()[0].header("host"), Some(origin.grant().trim_start_matches("http://")));
}

#[test]
fn a_signature_is_recorded_by_its_name_and_replayed_without_the_key() {
    let (environment, origin) = (environment(), checking(String::new()));
    granted(&environment, PLACE, PARTS, &origin.grant(), "https://a.example");
    let url = origin.url("/on");
    ask(&environment, "mirror", &url, KEY, &["--record", "x.har"]).exits(0);
    let har: serde_json::Value =
        serde_json::from_slice(&std::fs::read(environment.path().join("x.har")).expect("a recording")).expect("JSON");
    let entries = har["log"]["entries"].as_array().expect("entries");
    assert_eq!(entries.len(), 2);
    for entry in entries {
        let fields = entry["request"]["headers"].as_array().expect("fields");
        let of = |name: &str| fields.iter().find(|field| field["name"] == name).map(|field| field["value"].clone());
        assert_eq!(of("x-signature"), Some("[secret token]".into()));
        assert_eq!(of("x-time"), Some("[secret token]".into()));
    }
    let landed = environment.landed();
    let (act, url) = ("do=mirror", format!("url={url}"));
    let again = ["--param", act, "--param", &url, "--param", "secret=token", "--replay", "x.har", "--landing", "again"];
    environment.run("probe", &again).exits(0);
    assert_eq!((landed.len(), origin.asked().len()), (1, 2));
    assert_eq!(std::fs::read_dir(environment.path().join("again/probe")).expect("a source").count(), 1);
}

#[test]
fn fields_of_a_signature_are_nobody_elses() {
    let (environment, origin) = (environment(), checking(String::new()));
    let place = PLACE.replace("X-Time", "X-Probe");
    granted(&environment, &place, PARTS, &origin.grant(), "https://a.example");
    let ran = ask(&environment, "post", &origin.url("/a.csv"), KEY, &[]).exits(1);
    ran.says("the field `x-probe` is the secret's own");
    let place = PLACE.replace("{timestamp}\\n", "{form.nonce}");
    granted(&environment, &place, PARTS, &origin.grant(), "https://a.example");
    let ran = ask(&environment, "post", &origin.url("/a.csv"), KEY, &["--param", "content=a=1"]).exits(1);
    ran.says("the secret `token` cannot be added: it signs `nonce` of a form, and the body has none");
    let place = PLACE.replace("{method}", "{methd}");
    granted(&environment, &place, PARTS, &origin.grant(), "https://a.example");
    let ran = ask(&environment, "post", &origin.url("/a.csv"), KEY, &[]).exits(2);
    ran.says("the secret `token` of probe: its template `{timestamp}").says("cannot have `methd`");
    assert_eq!(origin.asked(), []);
}

#[test]
fn a_request_is_signed_by_one_secret() {
    let (environment, origin) = (environment(), checking(String::new()));
    granted(&environment, PLACE, PARTS, &origin.grant(), "https://a.example");
    let text = std::fs::read_to_string(environment.path().join("host.toml")).expect("a configuration");
    let grant = origin.grant();
    let second = format!(
        "[extractor.probe.secret.other]\nas = {{ aws = {{ region = \"eu-west-1\", service = \"s3\" }} }}\norigins = \
         [\"{grant}\"]\nparts = {{ access-key-id = {{ env = \"ID\" }}, secret-access-key = {{ env = \"KEY\" }} }}\n"
    );
    environment.write("host.toml", text + &second);
    let ask = |secrets: &str| {
        let (url, secrets) = (format!("url={}", origin.url("/a.csv")), format!("secret={secrets}"));
        run_as(&environment, &keys(KEY), &["probe", "--param", "do=secret", "--param", &url, "--param", &secrets])
    };
    ask("token token").exits(0);
    assert_eq!(origin.asked().len(), 1);
    for (secrets, names) in [("token other", "`token` and `other`"), ("other token", "`other` and `token`")] {
        ask(secrets).exits(1).says(&format!("the secrets {names} both sign the request, and only one can"));
    }
    assert_eq!(origin.asked().len(), 1);
}

#[test]
fn a_manifest_says_how_it_is_signed_and_the_operator_with_what() {
    let (environment, origin) = (environment(), checking(String::new()));
    let grant = origin.grant();
    let hmac = "[secret.token.as.hmac]\nover = \"{timestamp}\\n{method}\\n{host}\\n{target}\\n{body}\"\nencoding = \"base64\"\n\
                key = \"base64\"\ntimestamp = \"microseconds\"\n\
                fields = { X-Signature = \"{id}:{signature}\", X-Time = \"{timestamp}\" }\n[param.secret]";
    let manifest = manifest(&[&grant], &format!("[secret.token]\nhelp = \"an account\"\n{hmac}"));
    let component = shown(&packed(&environment, "prices", &manifest));
    let open = environment.host(["allow", &component, "--yes"]).exits(77);
    let told = unwrapped(&open.stdout);
    let says =
        format!("the secret `token` sent to {grant} as a signature (HMAC of SHA-256) in \"X-Signature\", \"X-Time\"");
    assert!(told.contains(&format!("{says}; it says: \"an account\"")), "{told}");
    let open = unwrapped(&open.stderr);
    assert!(
        open.contains(&format!("`host allow {component} --secret token.id=WHERE --secret token.key=WHERE`")),
        "{open}"
    );
    let flags = ["--secret", "token.id=env:ID", "--secret", "token.key=env:KEY", "--yes"];
    environment.host([&["allow", &component][..], &flags].concat()).exits(0);
    let url = format!("url={}", origin.url("/a.csv"));
    let asked = ["--param", &url, "--param", "secret=token"];
    let account = keys("aHVzaC1odXNoLTQy");
    let recorded = [&["test", &component, "--record", "first"], &asked[..]].concat();
    let mut command = environment.command(recorded);
    command.env("ID", &account.id).env("KEY", &account.key);
    Ran::new(command.output().expect("the program")).exits(0);
    assert!(origin.asked().len() == 1 && is_signed(&origin.asked()[0]), "{:?}", origin.asked());
    // A case has neither the key nor a server.
    environment.host(["test", &component]).exits(0);
    assert_eq!(origin.asked().len(), 1);
    let told = environment.host(["allow", &component, "--yes"]).exits(0).stdout;
    assert!(told.contains("already granted: the secret `token`"), "{told}");
}

#[test]
fn a_region_is_a_parameter() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a"));
    let place = "{ aws = { region = \"{name}\", service = \"execute-api\" } }";
    let parts = "access-key-id = { env = \"ID\" }, secret-access-key = { env = \"KEY\" }";
    granted(&environment, place, parts, &origin.grant(), "https://a.example");
    ask(&environment, "secret", &origin.url("/a.csv"), KEY, &["--param", "name=eu-west-1"]).exits(0);
    let asked = origin.asked();
    let credentials = asked[0].header("authorization").unwrap_or_default();
    assert!(credentials.contains("/eu-west-1/execute-api/aws4_request, SignedHeaders=host;"), "{credentials}");
    let ran = ask(&environment, "secret", &origin.url("/a.csv"), KEY, &["--param", "name=eu west"]).exits(2);
    ran.says("the secret `token` of probe: its region is no name of letters, digits and `-`");
}

#[test]
fn a_request_that_waited_for_its_turn_is_signed_when_it_is_sent() {
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970").as_micros();
    let answered = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&answered);
    let origin = Origin::answering(move |asked| {
        let signed: u128 = asked.header("x-time").and_then(|time| time.parse().ok()).expect("a time");
        let mut all = told.lock().expect("nobody panics");
        all.push((signed, now()));
        Reply::new("a,b\n")
    });
    let environment = environment();
    granted(&environment, PLACE, PARTS, &origin.grant(), "https://a.example");
    let urls: Vec<String> = (0..8).map(|number| origin.url(&format!("/{number}.csv"))).collect();
    let urls = format!("url={}", urls.join(" "));
    let one = ["mirror", "--param", &urls, "--param", "secret=token", "--max-concurrency", "1"];
    run_as(&environment, &keys(KEY), &one).exits(0);
    let all = answered.lock().expect("nobody panics");
    assert_eq!(all.len(), 8);
    for pair in all.windows(2) {
        assert!(pair[1].0 >= pair[0].1, "signed at {} while another was answered at {}", pair[1].0, pair[0].1);
    }
}

#[test]
fn what_another_secret_adds_is_signed_too() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a"));
    let grant = origin.grant();
    environment.write(
        "host.toml",
        format!(
            "[extractor.mirror]\nhttp = [\"{grant}\"]\n[extractor.mirror.secret.first]\norigins = [\"{grant}\"]\n\
             as = {{ hmac = {{ over = \"{{header.x-key}} {{target}}\", encoding = \"base64\", fields = {{ s = \"{{signature}}\" }} }} }}\n\
             parts = {{ key = {{ env = \"KEY\" }} }}\n[extractor.mirror.secret.query]\norigins = [\"{grant}\"]\n\
             as = {{ query = \"k\" }}\nfrom = {{ env = \"ID\" }}\n[extractor.mirror.secret.second]\norigins = [\"{grant}\"]\n\
             as = {{ header = \"X-Key\" }}\nfrom = {{ env = \"ID\" }}\n"
        ),
    );
    let url = format!("url={}", origin.url("/a.csv"));
    let component = harness::without_manifest(&harness::guest("mirror"));
    let component = shown(&environment.write("mirror.wasm", component));
    let arguments = ["run", &component, "--param", &url, "--param", "secret=first query second"];
    let mut command = environment.command(arguments);
    command.env("ID", ID).env("KEY", KEY);
    Ran::new(command.output().expect("the program")).exits(0);
    let signed = hmac_sha256(KEY.as_bytes(), format!("{ID} /a.csv?k={ID}").as_bytes());
    assert_eq!(origin.asked()[0].header("s"), Some(signed.as_str()));
}

#[test]
fn a_signature_in_the_query_is_seen_by_its_origin_alone() {
    let is_signed = |asked: &Asked| {
        let Some((signed, signature)) = asked.target.rsplit_once("&signature=") else { return false };
        let query = signed.split_once('?').map_or("", |(_, query)| query);
        let expected = hmac_sha256(KEY.as_bytes(), query.as_bytes());
        signature == expected.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
            && asked.header("x-key") == Some(ID)
    };
    let origin = Origin::answering(move |asked| match asked.target.as_str() {
        _ if !is_signed(asked) => Reply::status(403),
        // As a redirect that leads to the same query.
        target if target.starts_with("/on") => Reply::redirect(307, target.replacen("/on", "/end", 1)),
        _ => Reply::new("a,b\n"),
    });
    let environment = environment();
    let place = "{ hmac = { over = \"{query}\", encoding = \"base64\", timestamp = \"microseconds\", \
                 fields = { X-Key = \"{id}\" }, \
                 query = { time = \"{timestamp}\", signature = \"{signature}\" } } }";
    granted(&environment, place, PARTS, &origin.grant(), "https://a.example");
    ask(&environment, "mirror", &origin.url("/on?b=1"), KEY, &["--landing", "on"]).exits(0);
    assert_eq!(origin.asked().len(), 2);
    let url = origin.url("/a?a=Z%c3%bcrich");
    let ran = ask(&environment, "mirror", &url, KEY, &["--record", "x.har"]).exits(0);
    let signature = origin.asked()[2].target.split("&signature=").nth(1).expect("a signature").to_owned();
    [KEY, ID, &signature].into_iter().for_each(|text| nowhere(&environment, &ran, text));
    assert_eq!(environment.landed().len(), 1);
    let again = ["--replay", "x.har", "--landing", "again"];
    ask(&environment, "mirror", &url, KEY, &again).exits(0);
    let own = ask(&environment, "mirror", &origin.url("/end?time=1"), KEY, &[]).exits(1);
    own.says("the query parameter `time` is the secret's own");
    assert_eq!(origin.asked().len(), 3);
}
