//! Tokens where something is not as it should be: what is proposed by a manifest, kept by nobody, recorded, or refused for good.

use std::fs;

use harness::provider::{BASIC, CLIENT_CREDENTIALS, Provider};
use harness::{Origin, Ran, Reply};

use super::{client, command, count, granted, kept, refresh, run};
use crate::environment;
use crate::grants::{config, manifest, packed, shown};

#[test]
fn a_manifest_does_not_say_where_secrets_go() {
    let (environment, place) = (environment(), Origin::start());
    place.route("/token", Reply::new("{\"access_token\":\"t\"}"));
    place.route("/x", Reply::new("a,b\n"));
    let (grant, port) = (place.grant(), place.grant().rsplit_once(':').expect("a port").1.to_owned());
    let more = format!(
        "[secret.token]\norigins = [\"{grant}\"]\n[secret.token.oauth]\ngrant = \"client-credentials\"\nclient-id = \"me\"\n\
         token-url = \"http://{{where}}:{port}/token\"\n[param.where]\ndefault = \"127.0.0.1\"\n[param.secret]"
    );
    let component = shown(&packed(&environment, "prices", &manifest(&[&grant], &more)));
    environment.host(["allow", &component, "--yes", "--secret", "token.client-secret=env:CLIENT_SECRET"]).exits(0);
    let run = |more: &[&str]| {
        let url = format!("url={}", place.url("/x"));
        let mut command = environment.command(["run", &component, "--param", &url, "--param", "secret=token"]);
        command.args(more).env("CLIENT_SECRET", "hush").env("XDG_STATE_HOME", environment.path().join("state"));
        Ran::new(command.output().expect("the program"))
    };
    run(&[]).exits(2).says("nobody but you can say `where`");
    run(&["--param", "where=127.0.0.1/x?"]).exits(2).says("stands in the host of");
    assert_eq!(place.asked(), []);
    run(&["--param", "where=127.0.0.1"]).exits(0);
    assert_eq!(place.asked().len(), 2);
}

#[test]
fn who_says_it_in_the_configuration_is_believed() {
    let (environment, place) = (environment(), Origin::start());
    let grant = place.grant();
    let component = shown(&packed(
        &environment,
        "prices",
        &manifest(&[&grant], &format!("[secret.token]\norigins = [\"{grant}\"]\n")),
    ));
    let text = format!(
        "[extractor.prices]\nhttp = [\"{grant}\"]\n[extractor.prices.secret.token]\nas = \"bearer\"\norigins = [\"{grant}\"]\n\
         parts = {{ client-secret = {{ env = \"S\" }} }}\n[extractor.prices.secret.token.oauth]\n\
         grant = \"client-credentials\"\nclient-id = \"me\"\ntoken-url = \"{}\"\n",
        place.url("/token")
    );
    environment.write("host.toml", &text);
    let allowed = environment.host(["allow", &component, "--yes"]).exits(0);
    assert!(allowed.stdout.contains("already granted: the secret `token`"), "{allowed:?}");
    assert_eq!(config(&environment), text);
}

#[test]
fn a_token_that_comes_back_is_not_seen() {
    let (environment, place) = (environment(), Origin::start());
    let (token, grant) = ("minted/token+42", place.grant());
    place.route("/token", Reply::new(format!("{{\"access_token\":\"{token}\"}}")));
    let echo = format!("you sent {token}, minted%2Ftoken%2B42");
    place.route("/x", Reply::new("a,b\n").header("x-echo", echo));
    environment.write(
        "host.toml",
        format!(
            "[extractor.probe]\nhttp = [\"{grant}\"]\n[extractor.probe.secret.token]\nas = \"bearer\"\norigins = [\"{grant}\"]\n\
             parts = {{ client-secret = {{ env = \"CLIENT_SECRET\" }} }}\n[extractor.probe.secret.token.oauth]\n\
             grant = \"client-credentials\"\nclient-id = \"me\"\ntoken-url = \"{}\"\n",
            place.url("/token")
        ),
    );
    let mut command = command(&environment, "probe", &place.url("/x"));
    let ran = Ran::new(command.env("CLIENT_SECRET", "hush-42").output().expect("the program")).exits(0);
    assert!(ran.stderr.contains("x-echo: you sent [secret token], [secret token]"), "{ran:?}");
    assert!(!ran.stderr.contains(token) && !ran.stdout.contains(token), "{ran:?}");
    crate::secrets::search(&environment.path().join("probe"), token.as_bytes());
}

#[test]
fn who_refuses_is_asked_once_in_a_run() {
    let Some(provider) = Provider::start() else { return };
    let environment = environment();
    environment.write("host.toml", granted("probe", &provider, &client(BASIC)));
    let urls: Vec<String> = (0..8).map(|number| provider.item(number)).collect();
    let url = format!("url={}", urls.join(" "));
    let mut command =
        environment.run_command("mirror", &["--name", "probe", "--param", &url, "--param", "secret=token"]);
    command.args(["--landing", "probe"]).env("CLIENT_SECRET", "wrong");
    command.env("XDG_STATE_HOME", environment.path().join("state"));
    Ran::new(command.output().expect("the program")).exits(1).says("it refuses: invalid_client");
    assert_eq!(provider.count(CLIENT_CREDENTIALS), count(1, 0));
    assert_eq!(provider.used(), []);
}

/// A source that goes on whatever it is answered.
const STUBBORN: &str = r#"
type: DeclarativeSource
spec:
  type: Spec
  connection_specification: {type: object, properties: {secret: {type: string, airbyte_secret: true}}}
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
          type: OAuthAuthenticator
          token_refresh_endpoint: https://login.example/token
          grant_type: client_credentials
          client_id: basic
          client_secret: "{{ config['secret'] }}"
        error_handler:
          type: DefaultErrorHandler
          response_filters: [{type: HttpResponseFilter, http_codes: [401], action: IGNORE}]
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
      partition_router:
        {type: ListPartitionRouter, cursor_field: part, values: PARTS}
"#;

#[test]
fn an_origin_that_refuses_everything_has_no_tokens_got_without_end() {
    let Some(provider) = Provider::start() else { return };
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/items", Reply::status(401));
    let parts: Vec<String> = (0..30).map(|number| format!("p{number}")).collect();
    environment.write("s.yaml", STUBBORN.replace("PARTS", &format!("[{}]", parts.join(", "))));
    let component = harness::guest("rest").display().to_string();
    environment.host(["add", "s", "s.yaml", "--component", &component]).exits(0);
    environment.host(["allow", "s.wasm", "--yes", "--secret", "token.client-secret=env:CLIENT_SECRET"]).exits(0);
    let maps =
        [format!("https://api.example={}", origin.grant()), format!("https://login.example={}", provider.issuer())];
    let mut command = environment.command(["run", "s.wasm", "--map", &maps[0], "--map", &maps[1], "--landing"]);
    command.arg(environment.landing()).env("CLIENT_SECRET", BASIC.1);
    command.env("XDG_STATE_HOME", environment.path().join("state"));
    Ran::new(command.output().expect("the program")).exits(0);
    // The first one, and one for each refusal until it is enough; each of those requests is sent once more.
    assert_eq!(provider.count(CLIENT_CREDENTIALS), count(21, 21));
    assert_eq!(origin.asked().len(), 30 + 20);
}

#[test]
fn what_can_be_had_again_need_not_be_kept() {
    let Some(provider) = Provider::start() else { return };
    let environment = environment();
    // No directory can be made below a file.
    environment.write("state", "");
    environment.write("host.toml", granted("probe", &provider, &client(BASIC)));
    run(&environment, &provider.item(1), BASIC.1).exits(0);
    environment.write("host.toml", granted("probe", &provider, &refresh()));
    let token = provider.refresh_token(harness::provider::NATIVE);
    provider.forget();
    run(&environment, &provider.item(1), &token).exits(1).says("cannot keep it in");
    assert_eq!(provider.requested(), [], "a token that is used up is not sent where the next one cannot be kept");
}

#[test]
fn what_was_recorded_while_a_token_was_renewed_is_replayed() {
    let Some(provider) = Provider::start() else { return };
    let environment = environment();
    environment.write("host.toml", granted("probe", &provider, &client(BASIC)));
    run(&environment, &provider.item(1), BASIC.1).exits(0);
    provider.revoke();
    let mut recorded = command(&environment, "probe", &provider.item(1));
    recorded.args(["--record", "run.har"]).env("CLIENT_SECRET", BASIC.1);
    Ran::new(recorded.output().expect("the program")).exits(0);
    let token = provider.used().last().expect("a request").token.clone().expect("a token");
    let har = fs::read_to_string(environment.path().join("run.har")).expect("a recording");
    assert!(!har.contains(&token) && har.contains("[secret token]"), "{har}");
    provider.forget();
    let url = format!("url={}", provider.item(1));
    let replayed = ["--name", "probe", "--param", "do=secret", "--param", &url, "--param", "secret=token"];
    let ran = environment.run("probe", &[&replayed[..], &["--replay", "run.har", "--landing", "replayed"]].concat());
    ran.exits(0);
    assert_eq!((provider.requested(), provider.used()), (Vec::new(), Vec::new()));
}

#[test]
fn a_stand_in_gets_no_right_of_the_place_itself() {
    let Some(provider) = Provider::start() else { return };
    let (environment, other) = (environment(), Origin::start());
    other.route("/token", Reply::new("{\"access_token\":\"stand-in\",\"refresh_token\":\"of a stand-in\"}"));
    environment.write("host.toml", granted("probe", &provider, &refresh()));
    let first = provider.refresh_token(harness::provider::NATIVE);
    run(&environment, &provider.item(1), &first).exits(0);
    let kept_before = fs::read_to_string(&kept(&environment)[0]).expect("a file");
    let map = format!("{}={}", provider.issuer(), other.grant());
    let url = format!("url={}", provider.item(2));
    let arguments = ["--name", "probe", "--param", "do=secret", "--param", &url, "--param", "secret=token"];
    let mut mapped = environment.run_command("probe", &arguments);
    mapped.args(["--map", &map, "--landing", "tests"]).env("CLIENT_SECRET", &first);
    mapped.env("XDG_STATE_HOME", environment.path().join("state"));
    Ran::new(mapped.output().expect("the program"));
    let asked = other.asked();
    let body = String::from_utf8_lossy(&asked[0].body).into_owned();
    assert!(asked.len() <= 2 && body.contains(&first), "what is kept of the place itself goes nowhere else: {body}");
    let kept = kept(&environment);
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().any(|path| fs::read_to_string(path).expect("a file") == kept_before));
}
