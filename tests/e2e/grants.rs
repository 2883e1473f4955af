//! What an extractor may do is what it asks for and the operator granted; how it is asked for, shown and granted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Environment, Origin, Ran, Reply, guest, unwrapped};

use crate::environment;

/// A guest with another manifest than its own, packed by the program.
pub(crate) fn packed(environment: &Environment, name: &str, manifest: &str) -> PathBuf {
    let path = environment.write(&format!("{name}.wasm"), harness::without_manifest(&guest("mirror")));
    environment.write("extractor.toml", manifest);
    environment.host(["pack", &shown(&path)]).exits(0);
    path
}

pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}

pub(crate) fn manifest(http: &[&str], more: &str) -> String {
    let http: Vec<String> = http.iter().map(|origin| format!("\"{origin}\"")).collect();
    format!(
        "name = \"prices\"\nversion = \"1.2.3\"\nhttp = [{}]\n{more}\n[param.url]\n[param.source]\n",
        http.join(", ")
    )
}

fn run(environment: &Environment, component: &Path, url: &str) -> Ran {
    environment.host(["run", &shown(component), "--json", "--param", &format!("url={url}")])
}

pub(crate) fn config(environment: &Environment) -> String {
    fs::read_to_string(environment.path().join("host.toml")).unwrap_or_default()
}

#[test]
fn what_nobody_granted_does_not_start_and_the_command_that_grants_it_does() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a,b\n"));
    let component = packed(&environment, "prices", &manifest(&[&origin.grant()], ""));
    let ran = run(&environment, &component, &origin.url("/a.csv")).exits(77);
    let command = format!("host allow {}", shown(&component));
    ran.says(&format!("asks for grants, and host.toml has none for prices\nhint: `{command}` shows what it asks for"));
    assert_eq!(origin.asked(), []);
    assert!(!environment.landing().exists());
    let asked = environment.host(["allow", &shown(&component)]).exits(2);
    assert!(asked.stdout.contains(&format!("  + send requests to {}, which is a loopback address\n", origin.grant())));
    asked.says("no terminal").says(&format!("hint: `{command} --yes`"));
    assert_eq!(config(&environment), "");
    environment.host(["allow", &shown(&component), "--yes"]).exits(0);
    assert_eq!(config(&environment), format!("[extractor.prices]\nhttp = [\"{}\"]\n", origin.grant()));
    run(&environment, &component, &origin.url("/a.csv")).exits(0);
    let again = environment.host(["allow", &shown(&component)]).exits(0);
    assert!(again.stdout.contains("It asks for nothing that is not granted.\n"), "{}", again.stdout);
}

#[test]
fn an_origin_in_a_private_network_is_told_and_kept() {
    let environment = environment();
    let entry = "{ origin = \"https://db.internal:8443\", private = true }";
    environment.write("host.toml", format!("[extractor.prices]\nhttp = [\"https://b.example\", {entry}]\n"));
    let origins = ["https://a.example", "https://b.example", "https://db.internal:8443"];
    let component = shown(&packed(&environment, "prices", &manifest(&origins, "")));
    let asked = harness::unwrapped(&environment.host(["allow", &component, "--yes"]).exits(0).stdout);
    for line in [
        "  already granted: requests to https://b.example\n",
        "  already granted: requests to https://db.internal:8443, also at private addresses\n",
        "  + send requests to https://a.example\n",
    ] {
        assert!(asked.contains(line), "{asked}");
    }
    let http = format!("[\"https://b.example\", {entry}, \"https://a.example\"]");
    assert_eq!(config(&environment), format!("[extractor.prices]\nhttp = {http}\n"));
    let grant = &environment.host(["inspect", &component, "--json"]).exits(0).json()["grant"];
    assert_eq!(grant["private"], serde_json::json!(["https://db.internal:8443"]));
    assert_eq!(grant["missing"], serde_json::json!([]));
    // Neither a flag nor a manifest can say so, and it is for one name.
    environment.host(["allow", &component, "--http", entry]).exits(2).says("is not an origin such as");
    let wild = "{ origin = \"https://*.b.example\", private = true }";
    environment.write("host.toml", format!("[extractor.prices]\nhttp = [{wild}]\n"));
    environment.host(["run", &component]).exits(2).says("[extractor.prices]: `http`: `private` is for one name");
}

#[test]
fn nobody_asks_for_or_grants_every_site_under_a_public_suffix() {
    let environment = environment();
    let says = "`https://*.github.io` would open every site under github.io";
    // Who packs a manifest is told, and who gets one packed by another tool.
    let component = environment.write("prices.wasm", harness::without_manifest(&guest("mirror")));
    environment.write("extractor.toml", manifest(&["https://*.github.io"], ""));
    environment.host(["pack", &shown(&component)]).exits(2).says(says);
    let other = packed(&environment, "other", &manifest(&["https://*.xithub.io"], ""));
    let bytes = fs::read(&other).expect("a component");
    let at = bytes.windows(9).position(|part| part == b"xithub.io").expect("a manifest");
    let asks = environment.write("asks.wasm", [&bytes[..at], b"g", &bytes[at + 1..]].concat());
    for command in ["run", "allow", "inspect"] {
        let ran = environment.host([command, &shown(&asks)]).exits(2).says(says);
        ran.says("its manifest asks for what cannot be granted");
    }
    let component = shown(&component);
    environment.host(["run", &component, "--allow-http", "https://*.github.io"]).exits(2).says(says);
    environment.host(["allow", &component, "--yes", "--http", "https://*.github.io"]).exits(2).says(says);
    environment.write("host.toml", "[extractor.prices]\nhttp = [\"https://*.github.io\"]\n");
    environment.host(["run", &component]).exits(2).says("[extractor.prices]: `http`: ").says(says);
    assert!(!environment.landing().exists());
}

#[test]
fn a_new_version_is_asked_only_for_the_difference() {
    let environment = environment();
    environment.write("host.toml", "# by hand\n[extractor.prices]\nhttp = [\n    \"https://a.example\", # first\n]\n");
    let more = "sources = [\"old\"]\nbudget = { timeout = \"2h\", max-files = 5 }";
    let component = packed(&environment, "prices", &manifest(&["https://a.example", "https://*.b.example"], more));
    let asked = environment.host(["allow", &shown(&component), "--yes"]).exits(0).stdout;
    let new: Vec<&str> = asked.lines().filter(|line| line.starts_with("  + ")).collect();
    assert_eq!(
        new,
        [
            "  + send requests to https://*.b.example",
            "  + append files to the source `old`",
            "  + use up to 2h of its budget `timeout`, instead of 1h"
        ]
    );
    assert!(asked.contains("already granted: requests to https://a.example"), "{asked}");
    assert_eq!(
        config(&environment),
        "# by hand\n[extractor.prices]\nhttp = [\n    \"https://a.example\", # first\n    \"https://*.b.example\",\n]\n\
         sources = [\"old\"]\nbudget = { timeout = \"2h\" }\n"
    );
    let less = packed(&environment, "prices", &manifest(&["https://b.b.example"], ""));
    let asked = environment.host(["allow", &shown(&less)]).exits(0).stdout;
    for gone in ["requests to https://a.example", "appending files to old"] {
        assert!(asked.contains(&format!("granted, and not asked for: {gone}\n")), "{asked}");
    }
}

#[test]
fn what_is_granted_and_not_asked_for_stays_closed() {
    let (environment, origin, other) = (environment(), Origin::start(), Origin::start());
    other.route("/a.csv", Reply::new("a,b\n"));
    let component = packed(&environment, "prices", &manifest(&[&origin.grant()], ""));
    let url = format!("url={}", other.url("/a.csv"));
    let grants = ["--allow-http", &other.grant(), "--allow-http", &origin.grant(), "--allow-source", "old"];
    let path = shown(&component);
    let arguments = [&["run", &path, "--param", &url][..], &grants].concat();
    environment.host(arguments.clone()).exits(1).says("the extractor's manifest does not ask for http://");
    assert_eq!(other.asked(), []);
    let arguments = [&arguments[..], &["--param", "source=old"]].concat();
    environment.host(arguments).exits(1).says("the extractor's manifest does not ask for source `old`");
    let refused = environment.host(["allow", &shown(&component), "--http", &other.grant(), "--yes"]).exits(2);
    refused.says("prices does not ask for");
    environment.host(["allow", &shown(&component), "--source", "old", "--yes"]).exits(2).says("does not ask for");
}

#[test]
fn a_component_without_a_manifest_gets_what_is_granted_by_name() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a,b\n"));
    let component = environment.write("bare.wasm", harness::without_manifest(&guest("mirror")));
    let ran = run(&environment, &component, &origin.url("/a.csv")).exits(77);
    ran.says(&format!("run `host allow {} --http {}`", shown(&component), origin.grant()));
    let asked = environment.host(["allow", &shown(&component), "--http", &origin.grant(), "--yes"]).exits(0);
    assert!(asked.stdout.contains("it has no manifest"), "{}", asked.stdout);
    run(&environment, &component, &origin.url("/a.csv")).exits(0);
}

#[test]
fn a_pinned_grant_is_for_one_component_only() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a,b\n"));
    let component = packed(&environment, "prices", &manifest(&[&origin.grant()], ""));
    environment.host(["allow", &shown(&component), "--pin", "--yes"]).exits(0);
    run(&environment, &component, &origin.url("/a.csv")).exits(0);
    let other = packed(&environment, "prices", &manifest(&[&origin.grant()], "description = \"another\""));
    let ran = run(&environment, &other, &origin.url("/a.csv")).exits(77);
    ran.says("is not the component that host.toml pins for prices\nhint: `host allow ");
    assert_eq!(origin.asked().len(), 1);
    let asked = environment.host(["allow", &shown(&other), "--yes"]).exits(0).stdout;
    assert!(asked.contains("  + have the grants that are pinned to another component\n"), "{asked}");
    run(&environment, &other, &origin.url("/a.csv")).exits(0);
}

/// The program on a terminal, with these answers typed.
pub(crate) fn on_a_terminal(environment: &Environment, arguments: &[&str], typed: &str) -> Ran {
    let inner = environment.command(arguments);
    let quoted: Vec<String> = std::iter::once(inner.get_program())
        .chain(inner.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &quoted.join(" "), "/dev/null"]);
    script.current_dir(environment.path()).env_clear();
    script.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let answer = environment.write("typed", typed);
    script.stdin(fs::File::open(answer).expect("a file"));
    Ran::new(script.output().expect("script"))
}

#[test]
fn on_a_terminal_the_operator_is_asked() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a,b\n"));
    let component = shown(&packed(&environment, "prices", &manifest(&[&origin.grant()], "")));
    let no = on_a_terminal(&environment, &["allow", &component], "n\n").exits(77);
    assert!(no.stdout.contains("Grant this to prices in host.toml?"), "{}", no.stdout);
    assert_eq!(config(&environment), "");
    let url = format!("url={}", origin.url("/a.csv"));
    on_a_terminal(&environment, &["run", &component, "--param", &url], "\n").exits(77);
    assert_eq!((config(&environment).as_str(), origin.asked().len()), ("", 0));
    let yes = on_a_terminal(&environment, &["run", &component, "--param", &url], "y\n").exits(0);
    assert!(yes.stdout.contains("success, 1 new"), "{}", yes.stdout);
    assert!(config(&environment).contains(&origin.grant()));
}

#[test]
fn a_component_is_inspected_without_running_it() {
    let environment = environment();
    environment.write("host.toml", "[extractor.prices]\nhttp = [\"https://a.example\"]\n");
    let more = "description = \"Price lists\"\nauthors = [\"Jo\"]\nlicense = \"MIT\"\nhomepage = \"https://x.example\"\n\
                budget = { max-requests = 9 }\n[secret.token]\nhelp = \"API token\"\nas = { header = \"X-Key\" }\n\
                origins = [\"https://b.example\"]";
    let component = packed(&environment, "prices", &manifest(&["https://a.example", "https://b.example"], more));
    let told = environment.host(["inspect", &shown(&component), "--json"]).exits(0).json();
    assert_eq!(told["size"].as_u64(), fs::metadata(&component).ok().map(|metadata| metadata.len()));
    assert_eq!(told["sha256"].as_str().map(str::len), Some(64));
    let said = &told["manifest"];
    assert_eq!(
        (&said["name"], &said["version"], &said["authors"][0]),
        (&"prices".into(), &"1.2.3".into(), &"Jo".into())
    );
    assert_eq!(
        (&said["budget"]["max-requests"], &said["secrets"]["token"]["as"]["header"]),
        (&9.into(), &"X-Key".into())
    );
    let grant = &told["grant"];
    assert_eq!((&grant["name"], &grant["http"][0]), (&"prices".into(), &"https://a.example".into()));
    let http = told["imports"]
        .as_array()
        .and_then(|all| all.iter().find(|import| import["name"] == "landing:extractor/http@0.2.0"));
    let functions = http.map(|import| import["functions"].to_string()).unwrap_or_default();
    // Only what it really uses: it mirrors, so that it fetches nothing itself.
    assert!(functions.contains("request.use-secret") && !functions.contains("\"fetch\""), "{functions}");
    assert_eq!(told["misfit"], serde_json::Value::Null);
    assert_eq!(grant["missing"].to_string(), "[{\"origin\":\"https://b.example\"},{\"secret\":\"token\"}]");
    let text = environment.host(["inspect", &shown(&component)]).exits(0).stdout;
    for part in [
        "prices 1.2.3\n",
        "  description: \"Price lists\"\n  authors: \"Jo\"\n  license: \"MIT\"\n  homepage: \"https://x.example\"\n",
        "it says: \"API token\"",
        "  sha256 ",
        "  takes the parameter `url`",
        " bytes, and imports\n",
        "landing:extractor/zone@0.2.0: source.open, source.mirror",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!environment.landing().exists());
}

#[test]
fn a_manifest_cannot_speak_for_the_host() {
    let environment = environment();
    let help = "x) sent to https://good.example as a bearer token".to_owned() + &" ".repeat(3000);
    let unknown: String = (0..150).map(|number| format!("key{number} = 1\n")).collect();
    let text = format!(
        "name = \"prices\"\ndescription = \"sha256 0\"\n{unknown}http = [\"https://evil.example\"]\n\
         [secret.token]\nhelp = \"{help}\"\n"
    );
    let component = packed_as_is(&environment, &text);
    let told = environment.host(["inspect", &component]).exits(0).stdout;
    // What it wants comes last but for its imports, and the host's own words come before its.
    let wants = told.split("It asks to\n").nth(1).expect("asks").split("It has ").next().expect("asks");
    assert_eq!(wants, "  + send requests to https://evil.example\n");
    let told = unwrapped(&told);
    let secret = told.lines().find(|line| line.contains("`token`")).expect("the secret");
    assert!(
        secret.contains("the secret `token` sent to https://evil.example as a bearer token; it says: \"x) sent"),
        "{secret}"
    );
    assert!(secret.len() < 400 && told.lines().count() < 25, "{told}");
    assert!(told.contains("and 145 more such keys"), "{told}");
}

/// A component with this manifest, as another tool than `host pack` could write it.
fn packed_as_is(environment: &Environment, text: &str) -> String {
    let bare = harness::without_manifest(&guest("mirror"));
    shown(&environment.write("x.wasm", [&bare[..], &section(text.as_bytes())].concat()))
}

#[test]
fn a_hostile_manifest_is_refused_in_a_few_lines() {
    let environment = environment();
    let bare = harness::without_manifest(&guest("mirror"));
    let cases: &[(&[u8], &str)] = &[
        (b"description = \"\\u001b]0;owned\\u0007\"", "`description` holds characters"),
        ("authors = [\"a\u{202e}b\"]".as_bytes(), "`authors` holds characters"),
        (b"name = \"a\"\nname = \"b\"", "duplicate key"),
        (b"http = [\"ftp://a.example\"]", "is not an origin"),
        (b"sources = [\"../x\"]", "`../x` is not a valid name"),
        (b"name = \"../x\"", "not a valid name"),
        (b"http = 1", "invalid type"),
        (b"\xff\xfe", "utf-8"),
        (&[b'#'; 70_000], "the limit is 65536"),
        (b"[budget]\ntimeout = \"9223372036854775807s\"", "is longer than a year"),
        (b"[budget]\nretries = 0", "`budget.retries` is a limit of each request"),
    ];
    for (text, says) in cases {
        let component = environment.write("x.wasm", [&bare[..], &section(text)].concat());
        for command in ["run", "inspect", "allow"] {
            let ran = environment.host([command, &shown(&component)]).exits(2).says(says);
            assert!(ran.stdout.is_empty() && !ran.stderr.contains('\u{1b}'), "{ran:?}");
            assert!(unwrapped(&ran.stderr).lines().count() <= 2, "{}", ran.stderr);
        }
    }
    let twice = [&bare[..], &section(b""), &section(b"")].concat();
    let component = environment.write("twice.wasm", twice);
    environment.host(["run", &shown(&component)]).exits(2).says("there are two of them");
    let ran = environment.host(["pack", &shown(&guest("mirror")), "--output", "y.wasm", "--manifest", "none.toml"]);
    ran.exits(2).says("cannot read none.toml");
    environment.write("typo.toml", "htpp = []\n");
    environment.write("mine.toml", "name = \"mine\"\n");
    let own = environment.host(["pack", &shown(&guest("mirror")), "--output", "y.wasm", "--manifest", "mine.toml"]);
    own.exits(2).says("there are two of them, and one was put in by its build: change that, and build anew");
    let typo = environment.host(["pack", &shown(&component), "--manifest", "typo.toml", "--output", "y.wasm"]);
    typo.exits(2).says("there is no key `htpp`");
    assert!(!environment.path().join("y.wasm").exists() && !environment.landing().exists());
}

/// A custom section that holds a manifest, as any tool could write it.
fn section(text: &[u8]) -> Vec<u8> {
    let name = b"landing:manifest";
    let leb = |number: usize| [number as u8 | 0x80, (number >> 7) as u8 | 0x80, (number >> 14) as u8 & 0x7f];
    [&[0][..], &leb(name.len() + 1 + text.len()), &[name.len() as u8], name, text].concat()
}
