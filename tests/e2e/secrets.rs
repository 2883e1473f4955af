//! Secrets: added by the host, on their way to their origins only, and seen nowhere else.

mod parts;
mod signing;

use std::fs;
use std::path::Path;

use harness::{Environment, Origin, Ran, Reply};

use crate::environment;

const SECRET: &str = "hush+hush/42 Zürich";
const PLAIN: &str = "hush-hush-42";

/// What grants the secret `token`, in the variable TOKEN, to these origins.
fn granted(environment: &Environment, place: &str, origins: &[&Origin], to: &[&Origin]) {
    let list = |origins: &[&Origin]| {
        let quoted: Vec<String> = origins.iter().map(|origin| format!("\"{}\"", origin.grant())).collect();
        quoted.join(", ")
    };
    environment.write(
        "host.toml",
        format!(
            "[extractor.probe]\nhttp = [{}]\n[extractor.probe.secret.token]\nfrom = {{ env = \"TOKEN\" }}\n\
             as = {place}\norigins = [{}]\n",
            list(origins),
            list(to)
        ),
    );
}

fn run(environment: &Environment, act: &str, url: &str, secret: &str, more: &[&str]) -> Ran {
    let act = format!("do={act}");
    let url = format!("url={url}");
    let arguments = [&["--param", &act, "--param", &url, "--param", "secret=token", "-vv"][..], more].concat();
    let mut command = environment.run_command("probe", &arguments);
    Ran::new(command.env("TOKEN", secret).output().expect("the program"))
}

/// Insist that no form of a secret is in what was printed, or in anything below the working directory.
#[track_caller]
fn nowhere(environment: &Environment, ran: &Ran, secret: &str) {
    let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for form in [secret.to_owned(), percent, secret.replace(' ', "+"), secret.replace(' ', "%20")] {
        for text in [&ran.stdout, &ran.stderr] {
            assert!(!text.contains(&form), "{text}");
        }
        search(environment.path(), form.as_bytes());
    }
}

#[track_caller]
pub(crate) fn search(directory: &Path, form: &[u8]) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.display().to_string();
        assert!(!name.as_bytes().windows(form.len()).any(|part| part == form), "{name}");
        // What a link leads to is elsewhere, and of others as well.
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            search(&path, form);
        } else {
            let content = fs::read(&path).expect("a file");
            assert!(!content.windows(form.len()).any(|part| part == form), "{name} holds the secret");
        }
    }
}

#[test]
fn each_kind_of_secret_arrives() {
    for (place, field, arrives) in [
        ("\"bearer\"", Some("authorization"), "Bearer hush-hush-42"),
        ("{ basic = \"me\" }", Some("authorization"), "Basic bWU6aHVzaC1odXNoLTQy"),
        ("{ header = \"X-Api-Key\" }", Some("x-api-key"), "hush-hush-42"),
        ("{ query = \"api_key\" }", None, "/a.csv?x=1&api_key=hush-hush-42"),
    ] {
        let (environment, origin) = (environment(), Origin::start());
        origin.route("/a.csv", Reply::new("a,b\n").etag("\"one\""));
        granted(&environment, place, &[&origin], &[&origin]);
        for act in ["secret", "mirror", "mirror"] {
            let ran = run(&environment, act, &origin.url("/a.csv?x=1"), PLAIN, &[]).exits(0);
            nowhere(&environment, &ran, PLAIN);
        }
        let asked = origin.asked();
        assert_eq!(asked.len(), 3);
        for asked in &asked {
            let seen = field.map_or(Some(asked.target.as_str()), |field| asked.header(field));
            assert_eq!(seen, Some(arrives), "{place}");
        }
        assert_eq!(
            asked[2].header("if-none-match"),
            Some("\"one\""),
            "a secret does not keep from asking conditionally"
        );
        assert_eq!(environment.query("SELECT DISTINCT url FROM landed_files"), [origin.url("/a.csv?x=1")]);
    }
}

#[test]
fn a_source_that_sends_it_back_does_not_make_it_seen() {
    for (place, secret) in [("{ query = \"key\" }", SECRET), ("\"bearer\"", PLAIN), ("{ basic = \"me\" }", PLAIN)] {
        let (environment, origin) = (environment(), Origin::start());
        let encoded: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let query: String = url_encoded(secret);
        let echo = Reply::new(format!("you sent {secret}, {encoded}, {query} and bWU6aHVzaC1odXNoLTQy"));
        let echo = if secret == PLAIN { echo.header(&format!("X-{PLAIN}"), "name") } else { echo };
        let echo = echo.header("X-Echo", secret).header("X-Encoded", &encoded).header("Set-Cookie", &query);
        origin.route("/a.csv", Reply::redirect(302, format!("/b.csv?again={query}")));
        origin.route("/b.csv", echo.etag(&format!("\"{secret}\"")));
        granted(&environment, place, &[&origin], &[&origin]);
        let hidden = format!("text={secret}");
        let ran = run(&environment, "secret", &origin.url("/a.csv"), secret, &["--param", &hidden]).exits(0);
        nowhere(&environment, &ran, secret);
        assert!(
            ran.stderr.contains("you sent [secret token]") && ran.stderr.contains("x-echo: [secret token]"),
            "{ran:?}"
        );
        let credentials = ran.stderr.contains("bWU6aHVzaC1odXNoLTQy");
        assert!(!credentials || !place.contains("basic"), "{ran:?}");
        // The content itself is the source's, and lands as it is: compressed, so that only its name is looked at.
        let ran = run(&environment, "mirror", &origin.url("/a.csv"), secret, &[]).exits(0);
        nowhere(&environment, &ran, secret);
        assert_eq!(environment.landed().len(), 1);
    }
}

fn url_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        byte if byte.is_ascii_alphanumeric() || b"*-._".contains(&byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[test]
fn a_redirect_to_a_host_that_is_called_so_tells_nobody() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::redirect(302, format!("http://{PLAIN}.invalid/{PLAIN}")));
    granted(&environment, "\"bearer\"", &[&origin], &[&origin]);
    for act in ["secret", "mirror"] {
        let ran = run(&environment, act, &origin.url("/a.csv"), PLAIN, &[]).exits(77).says("[secret token].invalid");
        nowhere(&environment, &ran, PLAIN);
    }
}

#[test]
fn a_secret_is_known_in_other_spellings() {
    let (environment, origin) = (environment(), Origin::start());
    let secret = "a/b\"c^D-eF";
    origin.route("/a.csv", Reply::redirect(302, format!("/final?k={}", secret.replace('"', "%22"))));
    origin.route("/final", Reply::new("a,b\n").etag("\"one\"").header("X-Echo", "A/B%22C%5ed-ef"));
    granted(&environment, "\"bearer\"", &[&origin], &[&origin]);
    for act in ["secret", "mirror"] {
        let ran = run(&environment, act, &origin.url("/a.csv"), secret, &[]).exits(0);
        for form in ["a/b%22c^D-eF", "A/B%22C%5ed-ef", "a/b%22c%5ED-eF"] {
            nowhere(&environment, &ran, form);
        }
    }
    assert_eq!(environment.query("SELECT url FROM validators"), [origin.url("/final")]);
}

#[test]
fn a_text_that_is_cut_short_does_not_end_in_half_a_secret() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("x".repeat(8186) + PLAIN));
    granted(&environment, "\"bearer\"", &[&origin], &[&origin]);
    let ran = run(&environment, "echo", &origin.url("/a.csv"), PLAIN, &["--param", "name=error"]).exits(1);
    nowhere(&environment, &ran, "xhush-");
}

#[test]
fn an_extractor_that_learned_it_cannot_have_it_recorded() {
    for (name, code) in [("error", 1), ("cursor", 1), ("url", 0), ("land", 0)] {
        let (environment, origin) = (environment(), Origin::start());
        origin.route("/a.csv", Reply::new(PLAIN).etag("\"one\""));
        granted(&environment, "\"bearer\"", &[&origin], &[&origin]);
        let what = format!("name={name}");
        let ran = run(&environment, "echo", &origin.url("/a.csv"), PLAIN, &["--param", &what]).exits(code);
        nowhere(&environment, &ran, PLAIN);
        assert!(origin.asked()[0].header("authorization").is_some(), "{name}");
    }
}

#[test]
fn no_file_is_called_after_a_secret() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("hushhush"));
    granted(&environment, "\"bearer\"", &[&origin], &[&origin]);
    let ran = run(&environment, "echo", &origin.url("/a.csv"), "hushhush", &["--param", "name=extension"]).exits(1);
    nowhere(&environment, &ran.says("the extension holds a secret"), "hushhush");
}

#[test]
fn a_secret_goes_to_its_origins_only() {
    let (environment, origin, other) = (environment(), Origin::start(), Origin::start());
    origin.route("/same", Reply::redirect(302, "/end"));
    origin.route("/end", Reply::new("end"));
    origin.route("/away", Reply::redirect(302, other.url("/end")));
    origin.route("/back", Reply::redirect(307, other.url("/back")));
    other.route("/back", Reply::redirect(307, origin.url("/end")));
    other.route("/end", Reply::new("end"));
    // Even where both may have it, it does not follow a redirect from one to the other.
    granted(&environment, "\"bearer\"", &[&origin, &other], &[&origin, &other]);
    for path in ["/same", "/away", "/back"] {
        run(&environment, "secret", &origin.url(path), PLAIN, &[]).exits(0);
    }
    let seen = |origin: &Origin| -> Vec<(String, bool)> {
        origin
            .asked()
            .into_iter()
            .map(|asked| (asked.target.clone(), asked.header("authorization").is_some()))
            .collect()
    };
    let told = |list: &[(&str, bool)]| list.iter().map(|(path, sent)| ((*path).to_owned(), *sent)).collect::<Vec<_>>();
    assert_eq!(
        seen(&origin),
        told(&[("/same", true), ("/end", true), ("/away", true), ("/back", true), ("/end", false)])
    );
    assert_eq!(seen(&other), told(&[("/end", false), ("/back", false)]));
    // One that it may not go to is not asked at all.
    other.forget();
    granted(&environment, "\"bearer\"", &[&origin, &other], &[&origin]);
    let ran = run(&environment, "secret", &other.url("/end"), PLAIN, &[]).exits(77);
    ran.says(&format!("the secret `token` may not go to {}", other.grant())).says("`origins` under [extractor.probe");
    // One in the query would be there twice.
    granted(&environment, "{ query = \"key\" }", &[&origin, &other], &[&other]);
    let ran = run(&environment, "secret", &other.url("/end?key=mine"), PLAIN, &[]).exits(1);
    ran.says("the query parameter `key` is the secret's own");
    assert_eq!(other.asked(), []);
}

#[test]
fn what_is_wrong_with_a_secret_is_said_before_anything_starts() {
    let (environment, origin) = (environment(), Origin::start());
    let file = |from: &str, place: &str, origins: &str| {
        environment.write(
            "host.toml",
            format!(
                "[extractor.probe]\nhttp = [\"{}\"]\n[extractor.probe.secret.token]\nfrom = {from}\nas = {place}\n\
                 origins = {origins}\n",
                origin.grant()
            ),
        );
    };
    environment.write("empty", "\n");
    for (from, place, origins, says) in [
        ("{ env = \"NONE\" }", "\"bearer\"", "[\"https://a.example\"]", "the variable NONE is not set"),
        ("{ file = \"none\" }", "\"bearer\"", "[\"https://a.example\"]", "none: No such file"),
        ("{ file = \"empty\" }", "\"bearer\"", "[\"https://a.example\"]", "it is empty"),
        (
            "{ command = [\"sh\", \"-c\", \"echo locked >&2; exit 3\"] }",
            "\"bearer\"",
            "[\"https://a.example\"]",
            "sh failed: exit status: 3: locked",
        ),
        ("{ command = [] }", "\"bearer\"", "[\"https://a.example\"]", "there is no program"),
        ("{ credential = \"x\" }", "\"bearer\"", "[\"https://a.example\"]", "CREDENTIALS_DIRECTORY is not set"),
        ("{ env = \"TOKEN\" }", "\"bearer\"", "[\"http://a.example\"]", "may not travel in the open"),
        ("{ env = \"TOKEN\" }", "\"bearer\"", "[]", "`origins` has to say where it may go"),
        (
            "\"hush-hush-42\"",
            "\"bearer\"",
            "[\"https://a.example\"]",
            "exactly one of env, file, credential and command",
        ),
        ("{ env = \"A\", file = \"b\" }", "\"bearer\"", "[\"https://a.example\"]", "exactly one of env, file"),
        ("{ env = \"TOKEN\" }", "\"cookie\"", "[\"https://a.example\"]", "unknown variant `cookie`"),
        ("{ env = \"TOKEN\" }", "{ header = \"Host\" }", "[\"https://a.example\"]", "the host's own"),
    ] {
        file(from, place, origins);
        let ran = run(&environment, "secret", &origin.url("/a.csv"), PLAIN, &[]).exits(2).says(says);
        assert!(!ran.stderr.contains(PLAIN) && !environment.landing().exists(), "{ran:?}");
    }
    assert_eq!(origin.asked(), []);
}

#[test]
fn values_come_from_files_credentials_and_commands_too() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a"));
    environment.write("secrets/token", format!("{PLAIN}\n"));
    for from in [
        "{ file = \"secrets/token\" }",
        "{ credential = \"token\" }",
        "{ command = [\"cat\", \"secrets/token\"] }",
        "{ command = [\"sh\", \"-c\", \"cat secrets/token; sleep 1000 > /dev/null 2>&1 &\"] }",
    ] {
        let grant = origin.grant();
        environment.write(
            "host.toml",
            format!(
                "[extractor.probe]\nhttp = [\"{grant}\"]\n[extractor.probe.secret.token]\nfrom = {from}\nas = \"bearer\"\n\
                 origins = [\"{grant}\"]\n"
            ),
        );
        let url = format!("url={}", origin.url("/a.csv"));
        let arguments = ["--param", "do=secret", "--param", &url, "--param", "secret=token"];
        let mut command = environment.run_command("probe", &arguments);
        command.env("CREDENTIALS_DIRECTORY", environment.path().join("secrets"));
        Ran::new(command.output().expect("the program")).exits(0);
    }
    assert!(origin.asked().iter().all(|asked| asked.header("authorization") == Some("Bearer hush-hush-42")));
}

#[test]
fn a_secret_is_granted_by_name_and_place() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a,b\n"));
    let url = format!("url={}", origin.url("/a.csv"));
    let mirror = ["--param", &url, "--param", "secret=token"];
    let missing = environment.run("mirror", &[&mirror[..], &["--allow-http", &origin.grant()]].concat()).exits(77);
    missing
        .says("the secret `token` is not granted")
        .says("--secret token=WHERE`; `origins` under [extractor.mirror.secret.token]");
    assert_eq!(origin.asked(), []);
    let component = harness::guest("mirror").display().to_string();
    let wrong = ["allow", &component, "--http", &origin.grant(), "--secret", "token=vault:x", "--yes"];
    environment.host(wrong).exits(2).says("none of env:VARIABLE, file:PATH, credential:NAME and command:LINE");
    for line in ["sh -c 'echo hunter2'", "echo \"hunter2\"", "echo hunter2\\ 3"] {
        let wrong = format!("token=command:{line}");
        let ran =
            environment.host(["allow", &component, "--http", &origin.grant(), "--secret", &wrong, "--yes"]).exits(2);
        let ran = ran.says("the secret `token`: no shell reads the line after command:").says("`from = { command = [");
        assert!(!ran.stderr.contains("hunter2") && !environment.path().join("host.toml").exists(), "{ran:?}");
    }
    let asked = ["allow", &component, "--http", &origin.grant(), "--secret", "token=env:TOKEN", "--yes"];
    let asked = environment.host(asked).exits(0).stdout;
    let sent =
        format!("the secret `token` sent to {} as a bearer token; it says: \"what the URLs ask for\"", origin.grant());
    let line = format!("  + have, read from the variable TOKEN, {sent}\n");
    assert!(harness::unwrapped(&asked).contains(&line), "{asked}");
    let mut command = environment.run_command("mirror", &mirror);
    Ran::new(command.env("TOKEN", PLAIN).output().expect("the program")).exits(0);
    assert_eq!(origin.asked()[0].header("authorization"), Some("Bearer hush-hush-42"));
}

#[test]
fn nothing_that_the_host_tells_says_whether_a_guess_was_right() {
    const PIN: &str = "483920";
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a"));
    let guesses = [PIN, "483921", "111111"];
    for guess in guesses {
        origin.route_query("/a.csv", guess, Reply::new("a").header("x-echo", guess).etag(&format!("\"{guess}\"")));
        origin.route(&format!("/a.csv/to/{guess}"), Reply::redirect(302, format!("/b/{guess}")));
        origin.route(&format!("/b/{guess}"), Reply::new("b").header(&format!("x-{guess}"), "name"));
        origin.route(&format!("/a.csv/away/{guess}"), Reply::redirect(302, format!("http://{guess}.invalid/")));
    }
    // The secret goes elsewhere, so that this origin cannot know it.
    environment.write(
        "host.toml",
        format!(
            "[extractor.probe]\nhttp = [\"{}\"]\n[extractor.probe.secret.token]\nfrom = {{ env = \"TOKEN\" }}\n\
             as = \"bearer\"\norigins = [\"https://a.example\"]\n",
            origin.grant()
        ),
    );
    for how in [
        "relative",
        "scheme",
        "host",
        "user",
        "port",
        "path",
        "redirected",
        "away",
        "method",
        "field-name",
        "field-value",
        "secret",
        "source",
        "name",
        "param",
        "extension",
        "mirror",
        "verdict",
    ] {
        let (how, text) = (format!("how={how}"), format!("text={}", guesses.join(" ")));
        let more = ["--param", &how, "--param", &text];
        run(&environment, "guess", &origin.url("/a.csv"), PIN, &more).exits(0).says("each comes to");
    }
}

#[test]
fn an_error_shows_the_query_without_secrets() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::raw("").reset());
    granted(&environment, "{ query = \"key\" }", &[&origin], &[&origin]);
    let url = origin.url(&format!("/a.csv?page=3&other={PLAIN}"));
    for act in ["secret", "mirror"] {
        let ran = run(&environment, act, &url, PLAIN, &["--retries", "0"]).exits(1);
        nowhere(&environment, &ran, PLAIN);
        assert!(
            ran.says("/a.csv?page=3&other=[secret token] broke off").stdout.contains("page=3&other=[secret token]")
        );
    }
}

#[test]
fn a_guess_that_would_be_recorded_ends_the_run() {
    let (environment, origin) = (environment(), Origin::start());
    granted(&environment, "\"bearer\"", &[&origin], &[&origin]);
    for (how, says) in [
        ("cursor", "the cursor holds a secret, and cursors are recorded"),
        ("extension", "the extension holds a secret, and extensions are recorded"),
    ] {
        let how = format!("how={how}");
        let more = ["--param", &how, "--param", "text=483920", "--param", "size=6", "--timeout", "10s"];
        let ran = run(&environment, "huge-without-end", &origin.url("/a.csv"), "483920", &more).exits(1).says(says);
        nowhere(&environment, &ran, "483920");
    }
}
