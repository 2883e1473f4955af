//! Signatures as cosign 3 attaches them: found as what refers to a manifest, checked by key, and never taken for more than
//! they say.

use std::fs;
use std::path::PathBuf;

use harness::bundle::{INDEX, annotations, bundle, entry, index, message, referrer, statement};
use harness::registry::{MANIFEST, Registry, Scripted, auths, digest, keys};
use harness::{Origin, Reply, guest};
use serde_json::{Value, json};

use super::{Place, mirror};

/// The file of what is kept of signatures.
fn kept(place: &Place) -> PathBuf {
    let mut files = fs::read_dir(place.components()).expect("a directory").flatten().map(|entry| entry.path());
    files.find(|path| path.extension().is_some_and(|end| end == "signatures")).expect("signatures")
}

/// Attach bundles to a manifest, as cosign 3.0 does where it finds no list of the registry's own.
fn attach(registry: &Registry, manifest: &str, bundles: &[Value]) {
    let put = |path: &str, kind: &str, body: &[u8]| {
        let (status, said) = registry.ask("PUT", path, kind, body).expect("an answer");
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&said));
    };
    let upload = |blob: &[u8]| registry.upload("acme/mirror", blob);
    upload(b"{}");
    let entries: Vec<Value> = bundles
        .iter()
        .map(|bundle| {
            let bundle = bundle.to_string().into_bytes();
            upload(&bundle);
            let image = referrer(&bundle, manifest);
            put(&format!("/v2/acme/mirror/manifests/{}", digest(&image)), MANIFEST, &image);
            let kind = "application/vnd.oci.empty.v1+json";
            json!({ "mediaType": MANIFEST, "digest": digest(&image), "size": image.len(), "artifactType": kind })
        })
        .collect();
    let tag = manifest.replace(':', "-");
    put(&format!("/v2/acme/mirror/manifests/{tag}"), INDEX, &index(&entries));
}

#[test]
fn a_bundle_by_the_right_key_is_a_signature_wherever_no_registry_lists_it() {
    for edwards in [false, true] {
        let (Some(registry), place) = (Registry::start(true), Place::new()) else { return };
        let ((private, public), (other_private, other)) = (keys(edwards), keys(false));
        place.environment.write("key.pub", public);
        place.environment.write("other.pub", other);
        let trust = |key: &str| {
            let text = format!("[trust.\"{}/acme\"]\nkeys = [\"{key}\"]\n", registry.host());
            place.environment.write("host.toml", text);
        };
        trust("key.pub");
        let reference = registry.reference("acme/mirror:1");
        let file = guest("mirror");
        let pushed = place.host(&["push", file.to_str().expect("a path"), &reference, "--json"]).exits(0).json();
        let manifest = pushed["digest"].as_str().expect("a digest");
        place.host(&["pull", &reference]).exits(77).says("is not used: nobody has signed it");
        let stranger = bundle(&other_private, &statement(manifest));
        attach(&registry, manifest, std::slice::from_ref(&stranger));
        place.host(&["pull", &reference]).exits(77).says("none of the keys that are trusted has signed it");
        assert!(place.cached().is_empty(), "{:?}", place.cached());
        assert!(!place.environment.path().join("host.lock").exists());
        attach(&registry, manifest, &[stranger, bundle(&private, &statement(manifest))]);
        place.host(&["pull", &reference]).exits(0);
        assert_eq!(place.cached(), ["json", "signatures", "wasm"]);
        trust("other.pub");
        place.run(&reference).exits(0);

        // Nobody answers from here on.
        trust("key.pub");
        drop(registry);
        place.run(&reference).exits(0);
        // What is kept is as good as what it says, and no better.
        let text = fs::read_to_string(kept(&place)).expect("signatures");
        let swapped = text.replace("payloadType", "payloadKind");
        assert_ne!(swapped, text);
        fs::write(kept(&place), swapped).expect("a file");
        place.run(&reference).exits(1).says("cannot connect to");
    }
}

/// A registry that lists by itself what refers to its one component, and whose key is trusted.
struct Listing {
    scripted: Scripted,
    place: Place,
    key: String,
    public: String,
}

impl Listing {
    fn new() -> Self {
        let (scripted, place) = (Scripted::start(mirror()), Place::new());
        let (key, public) = keys(false);
        let listing = Self { scripted, place, key, public };
        listing.trust("");
        listing
    }

    fn trust(&self, more: &str) {
        let public = &self.public;
        self.place.environment.write("host.toml", format!("[trust.\"*\"]\nkeys = [\"\"\"{public}\"\"\"]\n{more}"));
    }

    fn manifest(&self) -> String {
        digest(&self.scripted.manifest)
    }

    fn list(&self) -> String {
        self.scripted.path(&format!("referrers/{}", self.manifest()))
    }

    /// Answer with these bytes for a blob or a manifest of that digest.
    fn serve(&self, kind: &str, digest: &str, bytes: &[u8]) {
        self.scripted.origin.route(&self.scripted.path(&format!("{kind}/{digest}")), Reply::new(bytes));
    }

    /// Have an image with this bundle in it; what stands for it in a list.
    fn image(&self, bundle: &[u8]) -> Value {
        let image = referrer(bundle, &self.manifest());
        self.serve("blobs", &digest(bundle), bundle);
        self.serve("manifests", &digest(&image), &image);
        entry(&image)
    }

    fn answer(&self, entries: &[Value]) {
        self.scripted.origin.route(&self.list(), Reply::new(index(entries)).header("Content-Type", INDEX));
    }

    /// Have the component once more, on a machine that has nothing of it.
    fn pull(&self) -> harness::Ran {
        let _ = fs::remove_dir_all(self.place.components());
        self.scripted.origin.forget();
        self.place.host(&["pull", &self.scripted.tagged()])
    }

    /// What was asked for below the repository.
    fn asked(&self) -> Vec<String> {
        let prefix = self.scripted.path("");
        let asked = self.scripted.origin.asked().into_iter();
        asked.map(|asked| asked.target.strip_prefix(&prefix).expect("its repository").to_owned()).collect()
    }
}

#[test]
fn a_list_of_the_registry_s_own_is_asked_for_bundles_where_nothing_else_is_enough() {
    let listing = Listing::new();
    let (manifest, tag) = (listing.manifest(), listing.manifest().replace(':', "-"));
    let one = bundle(&listing.key, &statement(&manifest)).to_string();
    let entry = listing.image(one.as_bytes());
    listing.answer(std::slice::from_ref(&entry));
    listing.pull().exits(0);
    let image = entry["digest"].as_str().expect("a digest");
    assert_eq!(
        listing.asked(),
        [
            "manifests/1".to_owned(),
            format!("manifests/{tag}.sig"),
            format!("referrers/{manifest}"),
            format!("manifests/{image}"),
            format!("blobs/{}", digest(one.as_bytes())),
            format!("blobs/{}", digest(&listing.scripted.component)),
        ]
    );
    // Then nobody is asked.
    listing.scripted.origin.forget();
    listing.place.run(&listing.scripted.tagged()).exits(0);
    assert_eq!(listing.asked(), [""; 0]);
    // A list that is empty is one, too.
    listing.answer(&[]);
    listing.pull().exits(77).says("nobody has signed it");
    assert!(!listing.asked().contains(&format!("manifests/{tag}")), "{:?}", listing.asked());
    // So say those that have none.
    listing.serve("manifests", &tag, &index(&[entry]));
    for reply in [Reply::status(400), Reply::status(404), Reply::status(405), Reply::status(406), Reply::new("<html>")]
    {
        listing.scripted.origin.route(&listing.list(), reply);
        listing.pull().exits(0);
    }
    for (reply, says) in [
        (Reply::status(500), "answered with status 500 when asked for the signatures of acme/weather"),
        (Reply::status(403), "wants credentials for acme/weather, and there are none"),
        (Reply::new(vec![b' '; (4 << 20) + 1]), "sends more than the 4194304 bytes of the signatures"),
        (Reply::redirect(307, "https://192.0.2.1/list"), "a registry may not lead to 192.0.2.1 (documentation)"),
        (Reply::redirect(307, "http://elsewhere.example/list"), "it is not encrypted (http://elsewhere.example)"),
        (Reply::redirect(307, listing.list()), "leads on more than 5 times when asked for the signatures"),
    ] {
        listing.scripted.origin.route(&listing.list(), reply);
        listing.pull().exits(1).says(says);
        assert!(listing.place.cached().is_empty(), "{:?}", listing.place.cached());
    }
}

#[test]
fn what_a_bundle_says_decides_and_nothing_else() {
    let listing = Listing::new();
    let (manifest, host) = (listing.manifest(), listing.scripted.host());
    let told = |statement: &Value| bundle(&listing.key, statement);
    let named = |name: &str| {
        let mut statement = statement(&manifest);
        statement["subject"][0]["name"] = json!(name);
        bundle(&listing.key, &statement)
    };
    let mut certified = told(&statement(&manifest));
    certified["verificationMaterial"] = json!({ "certificate": { "rawBytes": "AAAA" } });
    let mut two = told(&statement(&manifest));
    two["messageSignature"] = message(&listing.key, &listing.scripted.manifest)["messageSignature"].clone();
    let mut purpose = statement(&manifest);
    purpose["predicateType"] = json!("https://slsa.dev/provenance/v1");
    let own = format!("{host}/acme/weather");
    let none = "none of the keys that are trusted has signed it";
    let other = format!("a key that is trusted has signed it as `{host}/acme/other`, and not as `{own}`");
    let certificate = "is not used: it is signed with a certificate, and only signatures by key are checked";
    let purposes =
        "a key that is trusted says something of it (`https://slsa.dev/provenance/v1`), and has not signed it";
    for (bundle, code, says) in [
        (told(&statement(&manifest)), 0, ""),
        (named(&own), 0, ""),
        (named(&format!("{own}:1")), 0, ""),
        (message(&listing.key, &listing.scripted.manifest), 0, ""),
        (named(&format!("{host}/acme/other")), 77, &*other),
        (told(&statement(&digest(b"another"))), 77, none),
        (message(&listing.key, b"another"), 77, none),
        (bundle(&keys(false).0, &statement(&manifest)), 77, none),
        (two, 77, none),
        (certified.clone(), 77, certificate),
        (told(&purpose), 77, purposes),
    ] {
        let entry = listing.image(bundle.to_string().as_bytes());
        listing.answer(&[entry]);
        let ran = listing.pull().exits(code).says(says);
        assert!(code == 0 || listing.place.cached().is_empty(), "{ran:?}");
    }
    // A mirror of another name is as ever, and so is a key that comes after what is of no use.
    let entries = [certified, named("ghcr.io/acme/weather")].map(|one| listing.image(one.to_string().as_bytes()));
    listing.answer(&entries[..1]);
    listing.pull().exits(77).says("hint: `cosign sign --key` and `host push --sign` sign by key");
    listing.answer(&entries);
    listing.pull().exits(77).says(&format!("has signed it as `ghcr.io/acme/weather`, and not as `{own}`"));
    let public = &listing.public;
    listing.trust(&format!("[trust.\"{host}/acme\"]\nkeys = [\"\"\"{public}\"\"\"]\nsigned-as = \"ghcr.io/acme\"\n"));
    listing.pull().exits(0);
}

#[test]
fn what_somebody_attaches_in_the_wrong_way_is_nobody_s_signature_and_in_nobody_s_way() {
    let listing = Listing::new();
    let manifest = listing.manifest();
    let good = bundle(&listing.key, &statement(&manifest)).to_string();
    let right = listing.image(good.as_bytes());
    let other = |note: &str| good.replacen('{', &format!("{{\"note\":\"{note}\","), 1).into_bytes();
    let path = |kind: &str, digest: &str| listing.scripted.path(&format!("{kind}/{digest}"));
    // One that lies about its digest, one whose bundle does, one that is not there, and one whose bundle is not.
    let lying = referrer(&other("lying"), &manifest);
    listing.serve("manifests", &digest(&lying), &referrer(good.as_bytes(), &manifest));
    let hollow = listing.image(&other("hollow"));
    listing.serve("blobs", &digest(&other("hollow")), good.as_bytes());
    let gone = listing.image(&other("gone"));
    listing.scripted.origin.route(&path("manifests", gone["digest"].as_str().expect("a digest")), Reply::status(404));
    let empty = listing.image(&other("empty"));
    listing.scripted.origin.route(&path("blobs", &digest(&other("empty"))), Reply::status(404));
    // More than was said, and more than may be.
    let more = listing.image(&other("more"));
    listing.serve("blobs", &digest(&other("more")), &[other("more"), vec![b' '; 100]].concat());
    let huge = listing.image(&other(&"x".repeat(70_000)));
    // That of another manifest, and something else altogether.
    let stray = referrer(&other("stray"), &digest(b"another"));
    listing.serve("blobs", &digest(&other("stray")), &other("stray"));
    listing.serve("manifests", &digest(&stray), &stray);
    let mut purpose = listing.image(&other("purpose"));
    purpose["annotations"] = annotations("https://slsa.dev/provenance/v1");
    let text = listing.image(b"no bundle");
    let wrong = [entry(&lying), hollow, gone, empty, more, huge, entry(&stray), purpose, text];
    listing.answer(&wrong);
    listing.pull().exits(77).says("none of the keys that are trusted has signed it");
    let (last, all) = (right.clone(), [&wrong[..], &[right]].concat());
    listing.answer(&all);
    listing.pull().exits(0);

    // So many are looked at, and no more, however long the list is.
    let strangers: Vec<Value> = (0..10_000).map(|_| entry(&stray)).collect();
    listing.answer(&[&strangers[..], &[last]].concat());
    listing.pull().exits(77).says("nobody has signed it");
    let asked = listing.asked();
    assert_eq!(asked.iter().filter(|asked| asked.contains(&digest(&stray))).count(), 32);
    assert!(!asked.iter().any(|asked| *asked == format!("blobs/{}", digest(good.as_bytes()))), "{asked:?}");
}

#[test]
fn what_is_signed_in_both_ways_is_signed_in_either() {
    let (Some(registry), place) = (Registry::start(true), Place::new()) else { return };
    let ((key, public), (other, _)) = (keys(false), keys(false));
    place.environment.write("key.pem", &key);
    place.environment.write("key.pub", public);
    place.environment.write("other.pem", &other);
    place.environment.write("host.toml", format!("[trust.\"{}\"]\nkeys = [\"key.pub\"]\n", registry.host()));
    let file = guest("mirror");
    let file = file.to_str().expect("a path in UTF-8");
    let reference = registry.reference("acme/mirror:1");
    let push = |key: &str| place.host(&["push", file, &reference, "--sign", key, "--json"]).exits(0).json();
    let pushed = push("other.pem");
    let manifest = pushed["digest"].as_str().expect("a digest");
    attach(&registry, manifest, &[bundle(&key, &statement(manifest))]);
    place.host(&["pull", &reference]).exits(0);
    fs::remove_dir_all(place.components()).expect("a cache");
    // The other way round no bundle is asked for.
    attach(&registry, manifest, &[bundle(&other, &statement(manifest))]);
    push("key.pem");
    place.host(&["pull", &reference]).exits(0);
    let kept = fs::read_to_string(kept(&place)).expect("signatures");
    assert!(kept.contains("\"signature\":") && !kept.contains("\"bundle\":"), "{kept}");
}

#[test]
fn who_asks_is_told_to_the_registry_alone() {
    let listing = Listing::new();
    let depot = Origin::start();
    let one = bundle(&listing.key, &statement(&listing.manifest())).to_string();
    let image = listing.image(one.as_bytes());
    listing.answer(&[image]);
    depot.route("/bundle", Reply::new(one.clone()));
    let led = Reply::redirect(307, depot.url("/bundle"));
    listing.scripted.origin.route(&listing.scripted.path(&format!("blobs/{}", digest(one.as_bytes()))), led);
    let wants = Reply::status(401).header("WWW-Authenticate", "Basic realm=\"x\"");
    let manifest = Reply::new(listing.scripted.manifest.clone());
    listing.scripted.origin.script(&listing.scripted.path("manifests/1"), [wants, manifest]);
    listing.place.environment.write("home/.docker/config.json", auths(&listing.scripted.host(), "me", "s3cret"));
    listing.pull().exits(0);
    let asked = listing.scripted.origin.asked();
    assert!(asked[1..].iter().all(|asked| asked.header("authorization").is_some()), "{asked:?}");
    let led: Vec<bool> = depot.asked().iter().map(|asked| asked.header("authorization").is_some()).collect();
    assert_eq!(led, [false]);
}
