//! Signatures by key: whose are needed, what becomes of those that are not there, and that nobody is asked later.

use std::fs;

use harness::guest;
use harness::registry::{Registry, keys};

use super::Place;

#[test]
fn a_component_that_the_right_key_did_not_sign_is_neither_pulled_nor_run() {
    for edwards in [false, true] {
        let (Some(registry), place) = (Registry::start(true), Place::new()) else { return };
        let file = guest("mirror");
        let file = file.to_str().expect("a path in UTF-8");
        let ((private, public), (other_private, other)) = (keys(edwards), keys(false));
        for (name, text) in
            [("key.pem", private), ("key.pub", public), ("other.pem", other_private), ("other.pub", other)]
        {
            place.environment.write(name, text);
        }
        let trust = |key: &str| {
            let text = format!("[trust.\"{}/acme\"]\nkeys = [\"{key}\"]\n", registry.host());
            place.environment.write("host.toml", text);
        };
        let reference = registry.reference("acme/mirror:1");
        trust("key.pub");
        place.host(&["push", file, &reference]).exits(0);
        place.host(&["pull", &reference]).exits(77).says("is not used: nobody has signed it");
        assert!(place.cached().is_empty(), "{:?}", place.cached());
        assert!(!place.environment.path().join("host.lock").exists());

        place.host(&["push", file, &reference, "--sign", "other.pem"]).exits(0);
        place.host(&["pull", &reference]).exits(77).says("none of the keys that are trusted has signed it");
        // A second signature stands beside the first one.
        assert!(place.host(&["push", file, &reference, "--sign", "key.pem"]).exits(0).stdout.contains(", signed"));
        place.host(&["pull", &reference]).exits(0);
        assert_eq!(place.cached(), ["json", "signatures", "wasm"]);
        trust("other.pub");
        place.run(&reference).exits(0);

        // Nobody answers from here on.
        let host = registry.host();
        drop(registry);
        place.run(&reference).exits(0);
        let text = format!("[trust.\"{host}\"]\nkeys = [\"key.pub\"]\n");
        place.environment.write("host.toml", text);
        place.run(&reference).exits(0);
        // What is kept is as good as what it says, and no better.
        let mut kept = fs::read_dir(place.components()).expect("a directory").flatten().map(|entry| entry.path());
        let kept = kept.find(|path| path.extension().is_some_and(|end| end == "signatures")).expect("signatures");
        let text = fs::read_to_string(&kept).expect("signatures");
        fs::write(&kept, text.replace("acme/mirror", "acme/other")).expect("a file");
        place.run(&reference).exits(1).says("cannot connect to");
    }
}

#[test]
fn a_signature_is_for_one_name_and_a_mirror_says_which() {
    let (Some(registry), place) = (Registry::start(true), Place::new()) else { return };
    let file = guest("mirror");
    let file = file.to_str().expect("a path in UTF-8");
    let (private, public) = keys(false);
    place.environment.write("key.pem", private);
    let (signed, copied) = (registry.reference("acme/mirror:1"), registry.reference("copies/mirror:1"));
    place.host(&["push", file, &signed, "--sign", "key.pem"]).exits(0);
    place.host(&["push", file, &copied]).exits(0);
    // As a registry would do that passes one off as the other: the manifests and their signatures are the same.
    let pushed = place.host(&["push", file, &signed, "--json"]).exits(0).json();
    let digest = pushed["digest"].as_str().expect("a digest").replace(':', "-");
    let path = |repository: &str| format!("/v2/{repository}/manifests/{digest}.sig");
    let signatures = registry.ask("GET", &path("acme/mirror"), "", b"").expect("signatures").1;
    let listed: serde_json::Value = serde_json::from_slice(&signatures).expect("JSON");
    for blob in [&listed["config"]["digest"], &listed["layers"][0]["digest"]] {
        let from =
            format!("/v2/copies/mirror/blobs/uploads/?mount={}&from=acme/mirror", blob.as_str().expect("a digest"));
        assert_eq!(registry.ask("POST", &from, "", b"").expect("an answer").0, 201);
    }
    let kind = harness::registry::MANIFEST;
    assert_eq!(registry.ask("PUT", &path("copies/mirror"), kind, &signatures).expect("an answer").0, 201);

    let host = registry.host();
    // A key may stand in the configuration itself.
    let configure = |more: &str| {
        let text = format!("[trust.\"*\"]\nkeys = [\"\"\"{public}\"\"\"]\n{more}");
        place.environment.write("host.toml", text);
    };
    configure("");
    place.host(&["pull", &signed]).exits(0);
    let refused = place.host(&["pull", &copied]).exits(77);
    refused.says(&format!(
        "a key that is trusted has signed it as `{host}/acme/mirror`, and not as `{host}/copies/mirror`"
    ));
    configure(&format!("[trust.\"{host}/copies\"]\nkeys = [\"\"\"{public}\"\"\"]\nsigned-as = \"{host}/acme\"\n"));
    place.host(&["pull", &copied]).exits(0);
    configure(&format!("[trust.\"{host}/copies\"]\nunsigned = true\n"));
    place.host(&["pull", &copied]).exits(0);
}

#[test]
fn a_key_that_cannot_be_used_is_told_before_anything_is_sent() {
    let place = Place::new();
    let file = guest("mirror");
    let file = file.to_str().expect("a path in UTF-8");
    let reference = format!("oci://{}/acme/mirror:1", place.origin.grant().trim_start_matches("http://"));
    place.environment.write(
        "encrypted.pem",
        "-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\neA==\n-----END ENCRYPTED COSIGN PRIVATE KEY-----\n",
    );
    place.environment.write("public.pem", keys(true).1);
    for (key, says) in [
        ("none.pem", "cannot sign with none.pem: No such file"),
        ("encrypted.pem", "it is encrypted, and only a key that is not can be used"),
        ("public.pem", "there is no `PRIVATE KEY` in it"),
    ] {
        place.host(&["push", file, &reference, "--sign", key]).exits(2).says(says);
    }
    place.environment.write("host.toml", format!("[trust.\"{}\"]\nkeys = [\"none.pub\"]\n", "127.0.0.1"));
    place.host(&["pull", &reference]).exits(2).says("none.pub: No such file");
    assert!(place.origin.asked().iter().all(|asked| !asked.target.contains("blobs")), "{:?}", place.origin.asked());
}
