//! Secrets that are tokens: got from a certified server, kept, renewed, and seen nowhere.

pub(crate) mod consent;
mod faults;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use harness::provider::{
    Algorithm, BASIC, CLIENT_CREDENTIALS, Count, Form, JWT_BEARER, NATIVE, ODD_BASIC, ODD_POST, POST, Provider,
    REFRESH_TOKEN, When,
};
use harness::{Environment, Origin, Ran, Reply};

use crate::environment;

/// What an extractor is granted: the API, and a token that is got as these lines say.
pub(super) fn granted(name: &str, provider: &Provider, lines: &str) -> String {
    let (api, url) = (provider.api(), provider.token());
    format!(
        "[extractor.{name}]\nhttp = [\"{api}\"]\n[extractor.{name}.secret.token]\nas = \"bearer\"\norigins = [\"{api}\"]\n\
         [extractor.{name}.secret.token.oauth]\ntoken-url = \"{url}\"\n{}\n",
        lines.replace("[parts]", &format!("[extractor.{name}.secret.token.parts]"))
    )
}

pub(super) fn client(who: (&str, &str)) -> String {
    format!(
        "grant = \"client-credentials\"\nclient-id = \"{}\"\n[parts]\nclient-secret = {{ env = \"CLIENT_SECRET\" }}",
        who.0
    )
}

/// A run of the extractor that asks for one item with the token.
fn command(environment: &Environment, name: &str, url: &str) -> Command {
    let url = format!("url={url}");
    let arguments =
        ["--name", name, "--param", "do=secret", "--param", &url, "--param", "secret=token", "-vv", "--landing", name];
    let mut command = environment.run_command("probe", &arguments);
    command.env("XDG_STATE_HOME", environment.path().join("state")).stdin(Stdio::null());
    command
}

fn run(environment: &Environment, url: &str, secret: &str) -> Ran {
    Ran::new(command(environment, "probe", url).env("CLIENT_SECRET", secret).output().expect("the program"))
}

fn spawned(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program")
}

/// The files that tokens are kept in.
fn kept(environment: &Environment) -> Vec<PathBuf> {
    let directory = environment.path().join("state/host/tokens");
    let entries = fs::read_dir(directory).into_iter().flatten().map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect()
}

fn count(asked: usize, given: usize) -> Count {
    Count { asked, given }
}

#[test]
fn a_token_is_got_once_and_seen_by_its_origin_alone() {
    let Some(provider) = Provider::start() else { return };
    for (who, auth) in [(BASIC, "basic"), (POST, "post"), (ODD_BASIC, "basic"), (ODD_POST, "post")] {
        let environment = environment();
        provider.forget();
        let lines = client(who).replace("[parts]", &format!("client-auth = \"{auth}\"\n[parts]"));
        environment.write("host.toml", granted("probe", &provider, &lines));
        let ran = run(&environment, &provider.item(1), who.1).exits(0);
        run(&environment, &provider.item(2), who.1).exits(0);
        assert_eq!(provider.count(CLIENT_CREDENTIALS), count(1, 1), "{who:?}: the second run has the first one's");
        let used = provider.used();
        assert_eq!(used.iter().map(|used| used.status).collect::<Vec<_>>(), [200, 200]);
        let token = used[0].token.as_deref().expect("a token");
        for text in [&ran.stdout, &ran.stderr] {
            assert!(!text.contains(token) && !text.contains(who.1), "{text}");
        }
        super::secrets::search(&environment.path().join("probe"), token.as_bytes());
        let [file] = &kept(&environment)[..] else { panic!("{:?}", kept(&environment)) };
        let mode = |path: &std::path::Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
        assert_eq!((mode(file), mode(file.parent().expect("a directory"))), (0o600, 0o700));
        assert!(!fs::read_to_string(file).expect("a file").contains(who.1), "the client's own secret is not kept");
    }
}

#[test]
fn a_token_that_is_refused_is_got_anew_once() {
    let Some(provider) = Provider::start() else { return };
    let environment = environment();
    environment.write("host.toml", granted("probe", &provider, &client(BASIC)));
    run(&environment, &provider.item(1), BASIC.1).exits(0);
    provider.revoke();
    run(&environment, &provider.item(2), BASIC.1).exits(0);
    assert_eq!(provider.count(CLIENT_CREDENTIALS), count(2, 2));
    let statuses: Vec<u16> = provider.used().iter().map(|used| used.status).collect();
    assert_eq!(statuses, [200, 401, 200]);

    // One that takes none is asked twice, and its answer is the extractor's.
    let origin = Origin::start();
    origin.route("/x", Reply::status(401));
    let text = granted("probe", &provider, &client(BASIC)).replace(provider.api(), &origin.grant());
    environment.write("host.toml", text);
    run(&environment, &origin.url("/x"), BASIC.1);
    assert_eq!(origin.asked().len(), 2);
    assert_eq!(provider.count(CLIENT_CREDENTIALS), count(3, 3));
}

#[test]
fn a_token_that_is_about_to_run_out_is_not_sent() {
    let Some(provider) = Provider::start() else { return };
    let environment = environment();
    // Long enough for a busy machine to use it once.
    provider.lasting(4);
    environment.write("host.toml", granted("probe", &provider, &client(BASIC)));
    run(&environment, &provider.item(1), BASIC.1).exits(0);
    let text = fs::read_to_string(&kept(&environment)[0]).expect("a file");
    let kept_until: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let until = kept_until["good_until"].as_u64().expect("a moment");
    // Time is what it is about.
    while std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs() < until {
        std::thread::yield_now();
    }
    run(&environment, &provider.item(2), BASIC.1).exits(0);
    assert_eq!(provider.count(CLIENT_CREDENTIALS), count(2, 2));
    assert!(provider.used().iter().all(|used| used.status == 200), "{:?}", provider.used());
}

#[test]
fn two_runs_at_once_get_one_token() {
    let Some(provider) = Provider::start() else { return };
    let environment = environment();
    let all = [granted("one", &provider, &client(BASIC)), granted("two", &provider, &client(BASIC))];
    environment.write("host.toml", all.concat());
    provider.hold(When::Before);
    let start = |name: &str, number| {
        let mut command = command(&environment, name, &provider.item(number));
        command.env("CLIENT_SECRET", BASIC.1);
        spawned(command)
    };
    let first = start("one", 1);
    provider.wait_until_held(1);
    let second = start("two", 2);
    // The second one is at the lock, or will be: it has nothing to send, whenever it gets there.
    provider.release();
    for run in [first, second] {
        Ran::new(run.wait_with_output().expect("the program")).exits(0);
    }
    assert_eq!(provider.count(CLIENT_CREDENTIALS), count(1, 1));
}

/// What a refresh token of a client without a secret is granted by.
pub(super) fn refresh() -> String {
    format!(
        "grant = \"refresh-token\"\nclient-id = \"{NATIVE}\"\n[parts]\nrefresh-token = {{ env = \"CLIENT_SECRET\" }}"
    )
}

#[test]
fn a_refresh_token_that_is_used_up_is_followed_by_the_next() {
    let Some(provider) = Provider::start() else { return };
    let environment = environment();
    environment.write("host.toml", granted("probe", &provider, &refresh()));
    let first = provider.refresh_token(NATIVE);
    for number in 1..5 {
        run(&environment, &provider.item(number), &first).exits(0);
        provider.revoke();
    }
    assert_eq!(provider.count(REFRESH_TOKEN), count(4, 4));
    let used: Vec<_> = provider.requested().iter().map(|asked| asked.params["refresh_token"].clone()).collect();
    assert!(used[0] == first && used.windows(2).all(|two| two[0] != two[1]), "each is used once");
    // Once it is taken back, the sentence says what to do.
    provider.withdraw();
    run(&environment, &provider.item(9), &first)
        .exits(1)
        .says("it refuses: invalid_grant")
        .says("give another refresh token, in the variable CLIENT_SECRET");
}

#[test]
fn a_run_that_is_killed_between_use_and_store_loses_no_right() {
    let Some(provider) = Provider::start() else { return };
    for when in [When::Before, When::After] {
        let environment = environment();
        environment.write("host.toml", granted("probe", &provider, &refresh()));
        let first = provider.refresh_token(NATIVE);
        provider.forget();
        provider.hold(when);
        let mut command = command(&environment, "probe", &provider.item(1));
        command.env("CLIENT_SECRET", &first);
        let mut child = spawned(command);
        provider.wait_until_held(1);
        child.kill().expect("a kill");
        child.wait().expect("the program");
        provider.release();
        // Whoever comes next waits for what goes on still.
        run(&environment, &provider.item(2), &first).exits(0);
        assert_eq!(provider.count(REFRESH_TOKEN), count(1, 1), "{when:?}");
        assert_eq!(provider.used().len(), 1);
    }
}

#[test]
fn an_account_whose_key_signs_gets_a_token() {
    let Some(provider) = Provider::start() else { return };
    for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
        for subject in [None, Some("jo@example.org")] {
            let environment = environment();
            provider.forget();
            let account = provider.service_account(algorithm, Form::Pkcs8, subject);
            environment.write("account.json", account.to_string());
            let subject = subject.map(|subject| format!("subject = \"{subject}\"\n")).unwrap_or_default();
            let lines = format!("grant = \"jwt-bearer\"\n{subject}[parts]\nkey = {{ file = \"account.json\" }}");
            environment.write("host.toml", granted("probe", &provider, &lines));
            run(&environment, &provider.item(1), "").exits(0);
            assert_eq!(provider.count(JWT_BEARER), count(1, 1), "{:?}", provider.requested());
        }
    }
}

#[test]
fn a_client_whose_key_signs_gets_a_token() {
    let Some(provider) = Provider::start() else { return };
    for (algorithm, said) in [
        (Algorithm::Rs256, ""),
        (Algorithm::Es256, ""),
        (Algorithm::Rs384, "algorithm = \"RS384\"\n"),
        (Algorithm::Ps256, "algorithm = \"PS256\"\n"),
    ] {
        let (environment, signer) = (environment(), provider.signer(algorithm, Form::Pkcs8));
        provider.forget();
        environment.write("key.pem", &signer.pem);
        let lines = format!(
            "grant = \"client-credentials\"\nclient-auth = \"key\"\nclient-id = \"{}\"\nkey-id = \"{}\"\n{said}\
             [parts]\nkey = {{ file = \"key.pem\" }}",
            signer.client, signer.key
        );
        environment.write("host.toml", granted("probe", &provider, &lines));
        run(&environment, &provider.item(1), "").exits(0);
        assert_eq!(provider.count(CLIENT_CREDENTIALS), count(1, 1), "{said}: {:?}", provider.requested());
    }
    // A key that signs otherwise, and one that the server does not know.
    let (environment, signer) = (environment(), provider.signer(Algorithm::Es256, Form::Pkcs8));
    let other = provider.signer(Algorithm::Es256, Form::Pkcs8);
    for (pem, said, says) in [
        (&signer.pem, "algorithm = \"RS256\"\n", "its `key` signs by ES256, and `algorithm` says RS256"),
        (&other.pem, "", "it refuses: invalid_client"),
    ] {
        environment.write("key.pem", pem);
        let lines = format!(
            "grant = \"client-credentials\"\nclient-auth = \"key\"\nclient-id = \"{}\"\n{said}[parts]\n\
             key = {{ file = \"key.pem\" }}",
            signer.client
        );
        environment.write("host.toml", granted("probe", &provider, &lines));
        run(&environment, &provider.item(1), "").exits(1).says(says);
    }
}

#[test]
fn what_is_wrong_with_a_token_is_one_sentence() {
    let (environment, place) = (environment(), Origin::start());
    let origin = Origin::start();
    let basic = "grant = \"client-credentials\"\nclient-id = \"me\"";
    let parts = "[extractor.probe.secret.token.parts]\nclient-secret = { env = \"CLIENT_SECRET\" }";
    let secret = "hush-hush-42";
    let grant = |url: &str, lines: &str| {
        format!(
            "[extractor.probe]\nhttp = [\"{0}\"]\n[extractor.probe.secret.token]\nas = \"bearer\"\norigins = [\"{0}\"]\n\
             [extractor.probe.secret.token.oauth]\ntoken-url = \"{url}\"\n{lines}\n",
            origin.grant()
        )
    };
    for (url, lines, says) in [
        ("http://a.example/token".to_owned(), basic, "may not travel in the open"),
        ("https://a.example/token".to_owned(), "grant = \"code\"", "unknown variant `code`"),
        (place.url("/token"), "grant = \"device-code\"", "`device-url` has to say where"),
        (place.url("/token"), "grant = \"client-credentials\"\nscope = \"x\"", "unknown field `scope`"),
    ] {
        environment.write("host.toml", grant(&url, &format!("{lines}\n{parts}")));
        run(&environment, &origin.url("/x"), secret).exits(2).says(says);
    }
    environment.write("host.toml", grant(&place.url("/token"), basic));
    run(&environment, &origin.url("/x"), secret).exits(2).says("`parts` has to say where `client-secret` is");
    assert_eq!((place.asked().len(), environment.landing().exists()), (0, false));
    for (reply, says) in [
        (
            Reply::new(format!("{{\"error\":\"invalid_client\",\"error_description\":\"no {secret}\"}}"))
                .with_status(401),
            "it refuses: invalid_client",
        ),
        (Reply::new("<html>"), "its answer is neither a JSON object nor a form"),
        (Reply::new("{}"), "its answer has no `access_token`"),
        (Reply::status(500), "it answered with status 500"),
        (Reply::redirect(302, origin.url("/elsewhere")), "it answered with status 302"),
        (Reply::new(format!("{{\"access_token\":\"{}\"}}", "x".repeat(9000))), "longer than 8192 bytes"),
        (Reply::new("x".repeat(70_000)), "larger than the limit of 65536 bytes"),
        (Reply::new("{\"access_token\":\"a\\nb\"}"), "bytes that no field can carry"),
    ] {
        place.route("/token", reply);
        environment.write("host.toml", grant(&place.url("/token?tenant=t3nant"), &format!("{basic}\n{parts}")));
        let ran = run(&environment, &origin.url("/x"), secret).exits(1).says(says).says("the secret `token`");
        // Which place, whole but for a query.
        let silent = says.starts_with("longer") || says.starts_with("larger") || says.starts_with("bytes");
        assert!(silent || ran.stderr.contains(&format!("{}: {says}", place.url("/token"))), "{ran:?}");
        assert!(!ran.stderr.contains(secret) && !ran.stderr.contains("t3nant"), "{ran:?}");
    }
    assert_eq!(origin.asked(), [], "nothing is sent without a token, and no redirect is followed");
}

#[test]
fn what_a_manifest_says_of_a_token_is_shown_and_recorded() {
    let (environment, place) = (environment(), Origin::start());
    let grant = place.grant();
    let more = format!(
        "[secret.token]\nhelp = \"API\"\norigins = [\"{grant}\"]\n[secret.token.oauth]\ngrant = \"client-credentials\"\n\
         token-url = \"{}\"\nscopes = [\"read\", \"list\"]\nparams = {{ audience = \"x\" }}\n[param.secret]",
        place.url("/token")
    );
    let component = crate::grants::shown(&crate::grants::packed(
        &environment,
        "prices",
        &crate::grants::manifest(&[&grant], &more),
    ));
    let allow = |more: &[&str]| {
        let ran = environment.host([&["allow", &component, "--yes"], more].concat());
        Ran { stdout: harness::unwrapped(&ran.stdout), stderr: harness::unwrapped(&ran.stderr), ..ran }
    };
    let told = format!(
        "the secret `token`, got from \"{}\" as a client, for \"read list\", with the params \"audience=x\",",
        place.url("/token")
    );
    let inspected = harness::unwrapped(&environment.host(["inspect", &component]).exits(0).stdout);
    assert!(inspected.contains(&told), "{inspected}");
    let open = allow(&[]).exits(77);
    assert!(open.stdout.contains(&format!("not granted yet, since nobody says where it is: {told}")), "{open:?}");
    open.says("--secret token.client-id=WHERE --secret token.client-secret=WHERE");
    allow(&["--secret", "token.refresh-token=env:X"]).exits(2).says("it has no part `refresh-token`");
    let flags = ["--secret", "token.client-id=env:ID", "--secret", "token.client-secret=env:CLIENT_SECRET"];
    let granted = allow(&flags).exits(0).stdout;
    let from = "the variable ID (its `client-id`) and the variable CLIENT_SECRET (its `client-secret`)";
    assert!(granted.contains(&format!("  + have, with what is in {from}, {told} sent to {grant}")), "{granted}");
    let config = crate::grants::config(&environment);
    for line in ["grant = \"client-credentials\"", "scopes = [\"read\", \"list\"]", "params = { audience = \"x\" }"] {
        assert!(config.contains(line), "{config}");
    }
    assert!(allow(&[]).exits(0).stdout.contains("already granted: the secret `token`"));
    // Whoever has a token gives it instead.
    let granted = allow(&["--secret", "token=env:TOKEN"]).exits(0).stdout;
    assert!(
        granted.contains("  + have, read from the variable TOKEN instead of ") && !granted.contains("got from"),
        "{granted}"
    );
    assert!(!crate::grants::config(&environment).contains("oauth"));
    assert_eq!(place.asked(), []);
}

/// A declarative source whose tokens are signed.
const SIGNED: &str = r#"
type: DeclarativeSource
spec:
  type: Spec
  connection_specification:
    type: object
    properties: {account: {type: string}, key: {type: string, airbyte_secret: true}}
streams:
  - type: DeclarativeStream
    name: items
    retriever:
      type: SimpleRetriever
      requester:
        type: HttpRequester
        url_base: https://api.example
        path: items
        authenticator:
          type: JwtAuthenticator
          secret_key: "{{ config['key'] }}"
          algorithm: HS256
          token_duration: 90
          header_prefix: Bearer
          jwt_headers: {kid: k1}
          jwt_payload: {iss: "{{ config['account'] }}@a.example", aud: store}
          additional_jwt_payload: {scope: all}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
"#;

#[test]
fn a_declarative_source_may_want_a_token_that_is_signed() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/items", Reply::new("[{}]").header("content-type", "application/json"));
    environment.write("store.yaml", SIGNED);
    let component = harness::guest("rest").display().to_string();
    environment.host(["add", "store", "store.yaml", "--component", &component]).exits(0);
    let allow = environment.host(["allow", "store.wasm", "--yes", "--secret", "token.key=env:KEY"]).exits(0);
    assert!(
        harness::unwrapped(&allow.stdout).contains(
            "the secret `token`, signed by a key, with the claims \"scope=all\", the audience \"store\", sent to"
        ),
        "{allow:?}"
    );
    let (map, state) = (format!("https://api.example={}", origin.grant()), environment.path().join("state"));
    let mut command = environment.command(["run", "store.wasm", "--map", &map, "--param", "account=jo"]);
    command.arg("--landing").arg(environment.landing()).env("KEY", "hush-hush-42").env("XDG_STATE_HOME", state);
    let ran = Ran::new(command.output().expect("the program")).exits(0);
    let sent = origin.asked()[0].header("authorization").expect("a token").to_owned();
    let pieces: Vec<&str> = sent.strip_prefix("Bearer ").expect("a bearer token").split('.').collect();
    let of = |at: usize| -> serde_json::Value {
        let text = BASE64_URL_SAFE_NO_PAD.decode(pieces[at]).expect("Base64");
        serde_json::from_slice(&text).expect("JSON")
    };
    assert_eq!(of(0), serde_json::json!({ "alg": "HS256", "typ": "JWT", "kid": "k1" }));
    let claims = of(1);
    assert_eq!(
        (&claims["iss"], &claims["aud"], &claims["scope"]),
        (&"jo@a.example".into(), &"store".into(), &"all".into())
    );
    assert_eq!(claims["exp"].as_u64().expect("a moment") - claims["iat"].as_u64().expect("a moment"), 90);
    assert!(pieces.len() == 3 && !ran.stderr.contains(pieces[2]) && kept(&environment).is_empty(), "{ran:?}");
    for (algorithm, code) in [("PS512", 0), ("ES512", 2)] {
        environment.write("other.yaml", SIGNED.replace("HS256", algorithm));
        let added = environment.host(["add", "other", "other.yaml", "--component", &component]).exits(code);
        assert_eq!(added.stderr.contains("algorithm: ES512 is not carried out here"), code == 2, "{added:?}");
    }
}
