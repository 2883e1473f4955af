//! Secrets that are made of several values, each of which is kept for itself.

use harness::{Environment, Origin, Ran, Reply, unwrapped};

use super::nowhere;
use crate::environment;
use crate::grants::{config, manifest, packed, shown};

const PASSWORD: &str = "hush:hush-42";

fn run(environment: &Environment, origin: &Origin, act: &str) -> Ran {
    let (act, url) = (format!("do={act}"), format!("url={}", origin.url("/a.csv")));
    let arguments = ["--param", &act, "--param", &url, "--param", "secret=token", "-vv"];
    let mut command = environment.run_command("probe", &arguments);
    command.env("JO", "jo.doe").env("PASSWORD", PASSWORD);
    Ran::new(command.output().expect("the program"))
}

/// What grants the secret `token` for this origin, as these lines say.
fn granted(environment: &Environment, origin: &Origin, lines: &str) {
    let grant = origin.grant();
    environment.write(
        "host.toml",
        format!(
            "[extractor.probe]\nhttp = [\"{grant}\"]\n[extractor.probe.secret.token]\norigins = [\"{grant}\"]\n{lines}\n"
        ),
    );
}

#[test]
fn a_user_and_a_password_arrive_and_neither_is_seen() {
    let (environment, origin) = (environment(), Origin::start());
    let pair = "am8uZG9lOmh1c2g6aHVzaC00Mg==";
    let echo = format!("you are jo.doe, with {PASSWORD} or {pair}");
    origin.route("/a.csv", Reply::new(echo.clone()).header("x-echo", &echo));
    granted(
        &environment,
        &origin,
        "as = \"pair\"\n[extractor.probe.secret.token.parts]\nuser = { env = \"JO\" }\npassword = { env = \"PASSWORD\" }",
    );
    let ran = run(&environment, &origin, "secret").exits(0);
    for text in ["jo.doe", PASSWORD, pair] {
        nowhere(&environment, &ran, text);
    }
    assert!(ran.stderr.contains("x-echo: you are [secret token], with [secret token] or"), "{ran:?}");
    assert_eq!(origin.asked()[0].header("authorization"), Some(format!("Basic {pair}").as_str()));
}

#[test]
fn what_is_wrong_with_parts_is_said_before_anything_starts() {
    let (environment, origin) = (environment(), Origin::start());
    for (lines, says) in [
        ("as = \"pair\"", "`parts` has to say where `user` and `password` are"),
        ("as = \"bearer\"", "`from` has to say where it is"),
        ("as = \"pair\"\nfrom = { env = \"JO\" }", "has parts: `parts` says where `user` and `password` are"),
        ("as = \"bearer\"\nparts = { user = { env = \"JO\" } }", "has no parts: `from` says where it is"),
        ("as = \"pair\"\nfrom = { env = \"JO\" }\nparts = {}", "`from` and `parts` both say where it is"),
        ("as = \"pair\"\nparts = { user = { env = \"JO\" } }", "nobody says where its part `password` is"),
        ("as = \"pair\"\nparts = { name = { env = \"JO\" } }", "it has no part `name`: it has `user` and `password`"),
        ("as = \"pair\"\nparts = { user = \"hush:hush-42\" }", "`parts` is a table of parts"),
        (
            "as = \"pair\"\nparts = { user = { env = \"JO\" }, password = { env = \"NONE\" } }",
            "the secret `token` of probe: its part `password`: the variable NONE is not set",
        ),
        (
            "as = \"pair\"\nparts = { user = { env = \"PASSWORD\" }, password = { env = \"JO\" } }",
            "its part `user` holds a colon",
        ),
    ] {
        granted(&environment, &origin, lines);
        let ran = run(&environment, &origin, "secret").exits(2).says(says);
        assert!(!ran.stderr.contains(PASSWORD) && !environment.landing().exists(), "{ran:?}");
    }
    assert_eq!(origin.asked(), []);
}

#[test]
fn parts_are_granted_each_by_its_name() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a,b\n"));
    let grant = origin.grant();
    let more = format!("[secret.token]\nas = \"pair\"\norigins = [\"{grant}\"]\n[param.secret]");
    let component = shown(&packed(&environment, "prices", &manifest(&[&grant], &more)));
    let allow = |more: &[&str]| {
        let ran = environment.host([&["allow", &component, "--yes"], more].concat());
        Ran { stdout: unwrapped(&ran.stdout), stderr: unwrapped(&ran.stderr), ..ran }
    };
    for (flag, says) in [
        ("token=env:JO", "the secret `token` is made of parts, and is not one value"),
        ("token.name=env:JO", "the secret `token`: it has no part `name`: it has `user` and `password`"),
        ("token.=env:JO", "and a part of one NAME.PART="),
        ("other.user=env:JO", "does not ask for a secret `other`"),
    ] {
        allow(&["--secret", flag]).exits(2).says(says);
    }
    assert_eq!(config(&environment), "");
    let open = allow(&["--secret", "token.user=env:JO"]).exits(77);
    assert!(open.stdout.contains("since nobody says where its `password` is: the secret `token` sent to"), "{open:?}");
    let flags = "--secret token.user=env:JO --secret token.password=WHERE";
    open.says(&format!("hint: `host allow {component} {flags}` grants it, WHERE being"));
    assert!(!config(&environment).contains("token"), "half of a secret is none");
    let flags = ["--secret", "token.user=env:JO", "--secret", "token.password=file:secrets/pass"];
    let told = allow(&flags).exits(0).stdout;
    let from = "the file secrets/pass (its `password`) and the variable JO (its `user`)";
    let as_pair = format!("the secret `token` sent to {grant} as a user and a password");
    assert!(told.contains(&format!("  + have, read from {from}, {as_pair}\n")), "{told}");
    assert_eq!(
        config(&environment),
        format!(
            "[extractor.prices]\nhttp = [\"{grant}\"]\n\n[extractor.prices.secret.token]\nas = \"pair\"\n\
             origins = [\"{grant}\"]\n\n[extractor.prices.secret.token.parts]\n\
             password = {{ file = \"secrets/pass\" }}\nuser = {{ env = \"JO\" }}\n"
        )
    );
    // One part alone can be moved, and what is known of the other stays.
    let told = allow(&["--secret", "token.password=env:PASSWORD"]).exits(0).stdout;
    assert!(told.contains(&format!("(its `user`) instead of {from}, {as_pair}")), "{told}");
    assert!(allow(&[]).exits(0).stdout.contains("already granted: the secret `token`"));
    let url = format!("url={}", origin.url("/a.csv"));
    let mut command = environment.command(["run", &component, "--param", &url, "--param", "secret=token"]);
    command.env("JO", "jo").env("PASSWORD", PASSWORD);
    Ran::new(command.output().expect("the program")).exits(0);
    assert_eq!(origin.asked()[0].header("authorization"), Some("Basic am86aHVzaDpodXNoLTQy"));
}
