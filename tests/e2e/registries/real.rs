//! Debian's docker-registry.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use harness::guest;
use harness::registry::{CONFIG, MANIFEST, NAME, PASSWORD, Registry, WASM, auths, digest, with_note};
use serde_json::{Value, json};

use super::{Place, mirror};

fn words(value: &Value) -> &str {
    value.as_str().expect("text")
}

#[test]
fn an_extractor_is_pushed_pulled_and_run_by_tag_by_name_and_by_digest() {
    let (Some(registry), place) = (Registry::start(true), Place::new()) else { return };
    let (file, reference) = (guest("mirror"), registry.reference("acme/mirror:1"));
    let file = file.to_str().expect("a path in UTF-8");
    let pushed = place.host(&["push", file, &reference, "--json"]).exits(0).json();
    let again = place.host(&["push", file, &registry.reference("acme/mirror:2"), "--json"]).exits(0).json();
    assert_eq!(pushed["digest"], again["digest"], "the same component has the same digest");

    let manifest = registry.manifest("acme/mirror", "1");
    let component = mirror();
    assert_eq!((&manifest["mediaType"], &manifest["schemaVersion"]), (&json!(MANIFEST), &json!(2)));
    assert_eq!(manifest["config"]["mediaType"], CONFIG);
    let layer = json!({ "mediaType": WASM, "digest": digest(&component), "size": component.len() });
    assert_eq!(manifest["layers"], json!([layer]));
    let path = format!("/v2/acme/mirror/blobs/{}", words(&manifest["config"]["digest"]));
    let config: Value =
        serde_json::from_slice(&registry.ask("GET", &path, "", b"").expect("a config").1).expect("JSON");
    assert_eq!((&config["architecture"], &config["os"]), (&json!("wasm"), &json!("wasip2")));
    assert_eq!(config["layerDigests"], json!([digest(&component)]));
    let imports = config["component"]["imports"].as_array().expect("imports");
    assert!(imports.iter().any(|name| words(name).starts_with("landing:extractor/")), "{imports:?}");
    assert!(words(&config["component"]["target"]).starts_with("landing:extractor/extractor@"), "{config}");

    place.run(&reference).exits(2).says("no digest is known for").says("`host pull oci://");
    place.host(&["pull", &reference]).exits(0);
    let lock = fs::read_to_string(place.environment.path().join("host.lock")).expect("a lock");
    assert!(lock.contains(&format!("\"{reference}\" = \"{}\"", words(&pushed["digest"]))), "{lock}");
    assert_eq!(place.run(&reference).exits(0).json()["files_written"], 1);
    assert!(place.host(&["pull", &reference]).exits(0).stdout.contains("there already"));

    let pinned = format!("{}@{}", registry.reference("acme/mirror"), words(&pushed["digest"]));
    fs::remove_dir_all(place.components()).expect("a cache");
    assert_eq!(place.run(&pinned).exits(0).json()["extractor"], "mirror");
    // From here on nobody answers, and nobody is asked.
    drop(registry);
    let text = format!("[extractor.courts]\ncomponent = \"{reference}\"\n");
    place.environment.write("host.toml", text);
    assert_eq!(place.run("courts").exits(0).json()["extractor"], "courts");
    place.run(&pinned).exits(0);
    let inspected = place.host(&["inspect", "courts", "--json"]).exits(0).json();
    assert_eq!((&inspected["path"], &inspected["manifest"]["name"]), (&json!(reference), &json!("mirror")));
    let planned = place.host(&["plan", "courts", "--backfill", "2025-01-01..2025-01-03", "--param", "uri=x"]);
    planned.exits(2).says("courts has no parameter `uri`");
    assert!(place.host(&["config", "courts"]).exits(0).stdout.contains("param.extension"), "its manifest is read");
    place.host(&["allow", "courts", "--yes", "--pin", "--http", "https://a.example"]).exits(0);
    let written = fs::read_to_string(place.environment.path().join("host.toml")).expect("a configuration");
    assert!(written.contains(&digest(&component)["sha256:".len()..]), "{written}");
    place.host(&["test", &reference]).exits(2).says("cases");
    place.host(&["pull"]).exits(0);
}

#[test]
fn a_tag_that_stands_for_something_else_is_not_taken_in_silence() {
    let (Some(registry), place) = (Registry::start(true), Place::new()) else { return };
    let reference = registry.reference("acme/mirror:1");
    let push = |note: &str| {
        let file = place.environment.write("pushed.wasm", with_note(&mirror(), note));
        let pushed = place.host(&["push", file.to_str().expect("a path"), &reference, "--json"]).exits(0).json();
        words(&pushed["digest"]).to_owned()
    };
    let lock = || fs::read_to_string(place.environment.path().join("host.lock")).expect("a lock");
    let first = push("first");
    place.host(&["pull", &reference]).exits(0);
    let second = push("second");
    assert_ne!(first, second);

    let ran = place.host(&["pull", &reference, "--json"]).exits(0).says(&format!("is {second} by now, and {first} in"));
    assert_eq!(ran.json()["digest"], json!(first));
    assert!(lock().contains(&first) && !lock().contains(&second), "{}", lock());
    place.run(&reference).exits(0);
    // A machine that has nothing yet gets what is written down, and not what the tag is.
    fs::remove_dir_all(place.components()).expect("a cache");
    place.run(&reference).exits(0);
    assert_eq!(fs::read(place.component()).expect("a component"), with_note(&mirror(), "first"));

    let moved = place.host(&["pull", "--update", &reference, "--json"]).exits(0).json();
    assert_eq!((&moved["before"], &moved["digest"]), (&json!(first), &json!(second)));
    assert!(lock().contains(&second) && !lock().contains(&first), "{}", lock());
    // What was pushed last is told where it took another's place.
    let file = place.environment.write("pushed.wasm", with_note(&mirror(), "first"));
    let pushed = place.host(&["push", file.to_str().expect("a path"), &reference]).exits(0);
    assert!(pushed.stdout.contains(&format!("it was {second} before")), "{}", pushed.stdout);
}

#[test]
fn credentials_are_those_that_docker_and_podman_keep() {
    let (Some(registry), place) = (Registry::start(false), Place::new()) else { return };
    let (file, reference) = (guest("mirror"), registry.reference("acme/mirror:1"));
    let (file, host) = (file.to_str().expect("a path in UTF-8"), registry.host());
    let push = |variables: &[(&str, &str)]| {
        let mut command = place.command(&["push", file, &reference]);
        command.envs(variables.iter().copied());
        let ran = harness::Ran::new(command.output().expect("the program"));
        assert!(!ran.stdout.contains(PASSWORD) && !ran.stderr.contains(PASSWORD), "{ran:?}");
        ran
    };
    push(&[]).exits(1).says(&format!("{host} wants credentials for acme/mirror, and there are none"));
    let wrong = auths(&host, NAME, "wrong");
    place.environment.write("home/.docker/config.json", wrong);
    push(&[]).exits(1).says(&format!("{host} does not accept the credentials for acme/mirror"));
    place.environment.write("home/.docker/config.json", "{\"auths\":{\"x\":{\"auth\":[\"pass:word\"]}}}");
    push(&[]).exits(2).says("it is not as docker writes it (line 1");

    // What cannot be read is told once the registry wants it.
    let file_of_docker = place.environment.path().join("home/.docker/config.json");
    fs::remove_file(&file_of_docker).expect("a file");
    fs::create_dir(&file_of_docker).expect("a directory");
    push(&[]).exits(1).says("and there are none (cannot read").says("config.json: Is a directory");
    fs::remove_dir(&file_of_docker).expect("a directory");

    let right = auths(&host, NAME, PASSWORD);
    place.environment.write("home/.docker/config.json", &right);
    push(&[]).exits(0);
    place.environment.write("home/.docker/config.json", "{}");
    place.environment.write("moved/config.json", &right);
    push(&[("DOCKER_CONFIG", "moved")]).exits(0);
    place.environment.write("running/containers/auth.json", &right);
    push(&[("XDG_RUNTIME_DIR", "running")]).exits(0);
    push(&[("REGISTRY_AUTH_FILE", "running/containers/auth.json")]).exits(0);

    // A helper: a program that knows.
    let script = format!(
        "#!/bin/sh\nread server\n[ \"$1 $server\" = \"get {host}\" ] || exit 1\n\
         echo '{{\"ServerURL\":\"'$server'\",\"Username\":\"{NAME}\",\"Secret\":\"{PASSWORD}\"}}'\n"
    );
    let helper = place.environment.write("bin/docker-credential-tests", script);
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).expect("modes");
    let path = std::env::var("PATH").expect("a path");
    let path = format!("{}:{path}", place.environment.path().join("bin").display());
    place.environment.write("home/.docker/config.json", "{\"credsStore\":\"tests\"}");
    push(&[("PATH", &path)]).exits(0);
    push(&[]).exits(1).says("wants credentials for acme/mirror, and there are none (docker-credential-tests gave none");
}

#[test]
fn what_is_no_component_is_told_apart() {
    let (Some(registry), place) = (Registry::start(true), Place::new()) else { return };
    let missing = registry.reference("acme/none:1");
    place.host(&["pull", &missing]).exits(1).says(&format!("{} has no acme/none:1", registry.host()));
    let file = guest("mirror");
    let file = file.to_str().expect("a path in UTF-8");
    place.host(&["push", file, &registry.reference("acme/mirror:1")]).exits(0);
    let good = registry.manifest("acme/mirror", "1");
    let put = |tag: &str, kind: &str, manifest: &Value| {
        let path = format!("/v2/acme/mirror/manifests/{tag}");
        let (status, body) = registry.ask("PUT", &path, kind, manifest.to_string().as_bytes()).expect("an answer");
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    };
    let mut image = good.clone();
    image["config"]["mediaType"] = json!("application/vnd.oci.image.config.v1+json");
    put("image", MANIFEST, &image);
    let mut several = good.clone();
    several["layers"] = json!([good["layers"][0], good["layers"][0]]);
    put("several", MANIFEST, &several);
    let bytes = registry.ask("GET", "/v2/acme/mirror/manifests/1", "", b"").expect("a manifest").1;
    let entry = json!({ "mediaType": MANIFEST, "digest": digest(&bytes), "size": bytes.len() });
    let index = "application/vnd.oci.image.index.v1+json";
    put("index", index, &json!({ "schemaVersion": 2, "mediaType": index, "manifests": [entry] }));
    for (tag, says) in [
        (
            "image",
            "it is no WebAssembly component: its config is of the type `application/vnd.oci.image.config.v1+json`",
        ),
        ("several", "it has 2 layers, and a component is exactly one"),
        ("index", "it is a list of images, and no WebAssembly component"),
    ] {
        let reference = registry.reference(&format!("acme/mirror:{tag}"));
        place.host(&["pull", &reference]).exits(1).says(says);
        assert!(!place.environment.path().join("host.lock").exists(), "nothing is written down");
    }
    assert!(place.cached().is_empty(), "{:?}", place.cached());
}
