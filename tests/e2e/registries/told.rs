//! What is wrong with what was said, with what is kept, and with who is asked: told in one sentence.

use std::fs;

use harness::registry::Scripted;
use harness::{Authority, Gate, Origin, Part, Ran, Reply};

use super::{Place, mirror};
use crate::install::user;

#[test]
fn what_is_wrong_with_a_reference_is_told() {
    let place = Place::new();
    place.environment.write("x.wasm", mirror());
    for (arguments, says) in [
        (&["pull", "ghcr.io/acme/weather:1"][..], "`ghcr.io/acme/weather:1` is no reference into a registry"),
        (&["pull", "oci://ghcr.io/Acme/weather:1"], "`oci://ghcr.io/Acme/weather:1` names no component in a registry"),
        (&["run", "oci://ghcr.io"], "the form is oci://HOST[:PORT]/REPOSITORY"),
        (&["inspect", "oci:ghcr.io/a/b"], "the form is oci://HOST[:PORT]/REPOSITORY"),
        (&["push", "x.wasm", "x"], "`x` is no place in a registry"),
        (&["pull"], "names no extractor in a registry"),
        (&["run", "oci://localhost/a:1"], "no digest is known for oci://localhost/a:1: host.lock does not have it"),
    ] {
        place.host(arguments).exits(2).says(says);
    }
    let pinned = format!("oci://localhost/a@sha256:{}", "0".repeat(64));
    place.host(&["push", "x.wasm", &pinned]).exits(2).says("what is pushed gets its digest by itself");
    // Port 1 has nobody on it.
    place.host(&["pull", "oci://localhost:1/acme/weather:1"]).exits(1).says("cannot connect to localhost:1");
    place.environment.write("x.wasm", b"text");
    place.host(&["push", "x.wasm", "oci://localhost:1/a:1"]).exits(2).says("it is no WebAssembly component");
}

#[test]
fn a_lock_that_cannot_be_used_stops_what_needs_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let (scripted, place) = (Scripted::start(mirror()), Place::new());
    for (text, says) in [
        ("version = 2\n", "cannot use host.lock: it is of version 2, and this host knows version 1"),
        ("[component]\n", "it has no `version`"),
        ("version = 1\n[component]\n\"x\" = \"y\"\n", "`x` is not a reference with a tag and its digest"),
    ] {
        place.environment.write("host.lock", text);
        place.run(&scripted.tagged()).exits(2).says(says);
        place.host(&["pull", &scripted.tagged()]).exits(2).says(says);
        place.run(&scripted.pinned()).exits(0);
    }
    let lock = place.environment.write("host.lock", "version = 1\n");
    place.host(&["pull", &scripted.tagged()]).exits(0);
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o666)).expect("modes");
    place.run(&scripted.tagged()).exits(2).says("others may write it");
    // What is scheduled has to be known when it is installed.
    fs::remove_file(&lock).expect("a lock");
    let text = format!("[extractor.x]\ncomponent = \"{}\"\nschedule = \"0 6 * * *\"\n", scripted.tagged());
    place.environment.write("host.toml", text);
    let (root, user) = (["--root", "root", "--dry-run"], user());
    let install = [&["install", "systemd", "--run-as", &user], &root[..]].concat();
    place.host(&install).exits(2).says("no digest is known for");
    place.host(&["pull"]).exits(0);
    let ran = place.host(&install).exits(0);
    assert!(ran.stdout.contains("host-x.service") || ran.stderr.contains("host-x.service"), "{ran:?}");
    ran.says("what is scheduled gets it by itself when it is due, without your credentials");
}

#[test]
fn a_component_that_was_changed_in_the_cache_is_had_again_and_not_run() {
    let (scripted, place) = (Scripted::start(mirror()), Place::new());
    place.run(&scripted.pinned()).exits(0);
    let path = place.component();
    let mut changed = fs::read(&path).expect("a component");
    *changed.last_mut().expect("bytes") ^= 1;
    fs::write(&path, &changed).expect("a file");
    scripted.origin.forget();
    place.run(&scripted.pinned()).exits(0);
    assert_eq!(fs::read(&path).expect("a component"), scripted.component);
    let asked: Vec<String> = scripted.origin.asked().into_iter().map(|asked| asked.target).collect();
    assert_eq!(asked, [scripted.blob()], "only what is missing is asked for");
}

#[test]
fn two_at_once_both_have_it() {
    let (scripted, place) = (Scripted::start(mirror()), Place::new());
    let pinned = scripted.pinned();
    let started: Vec<_> = (0..4).map(|_| place.command(&["pull", &pinned]).spawn().expect("the program")).collect();
    for child in started {
        Ran::new(child.wait_with_output().expect("the program")).exits(0);
    }
    assert_eq!(place.cached(), ["json", "wasm"]);
    place.run(&pinned).exits(0);
}

#[test]
fn a_registry_with_a_certificate_is_asked_by_https_and_one_elsewhere_never_plainly() {
    let authority = Authority::new("tests");
    let scripted = Scripted::at(Origin::secure(authority.identity(&["127.0.0.1"])), mirror());
    let place = Place::new();
    place.environment.write("ca.pem", authority.pem());
    let tls = "[tls]\nca = [\"ca.pem\"]\n";
    let secure = format!("[registry.\"{}\"]\nplain-http = false\n", scripted.host());
    place.environment.write("host.toml", &secure);
    place.host(&["pull", &scripted.pinned()]).exits(1).says("cannot connect to");
    place.environment.write("host.toml", format!("{tls}{secure}"));
    place.run(&scripted.pinned()).exits(0);
    // On this machine it is asked by http where nobody says otherwise, which this one does not understand.
    let other = Place::new();
    other.host(&["pull", &scripted.pinned()]).exits(1);
    // From https nobody is led to http.
    let blob = scripted.blob();
    scripted.origin.route(&blob, Reply::redirect(307, other.origin.url("/prices.csv")));
    fs::remove_file(place.component()).expect("a component");
    place.host(&["pull", &scripted.pinned()]).exits(1).says("it is not encrypted");
    assert!(other.origin.asked().is_empty());
}

#[test]
fn without_anywhere_to_keep_it_nothing_is_pulled() {
    let (scripted, place) = (Scripted::start(mirror()), Place::new());
    let mut command = place.command(&["pull", &scripted.pinned()]);
    command.env_remove("HOME").env_remove("XDG_CACHE_HOME");
    Ran::new(command.output().expect("the program")).exits(2).says("neither HOME nor XDG_CACHE_HOME is set");
    assert!(scripted.origin.asked().is_empty());
}

#[test]
fn a_registry_that_says_nothing_is_not_waited_for_long() {
    let (scripted, place) = (Scripted::start(mirror()), Place::new());
    let text = format!("[registry.\"{}\"]\ntimeout = \"1s\"\n", scripted.host());
    place.environment.write("host.toml", text);
    let (reached, hold) = (Gate::default(), Gate::default());
    let says = format!("{} did not answer within 1 s", scripted.host());
    // In the middle of the component, and then at once.
    let half = scripted.component.len() / 2;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", scripted.component.len());
    let begun = [head.as_bytes(), &scripted.component[..half]].concat();
    scripted.origin.route(&scripted.blob(), Reply::parts(vec![Part::Bytes(begun), Part::Hold(hold.clone())]));
    place.host(&["pull", &scripted.pinned()]).exits(1).says(&says);
    assert_eq!(
        fs::metadata(place.components().read_dir().expect("a directory").flatten().next().expect("a part").path())
            .expect("a file")
            .len(),
        half as u64
    );
    scripted.origin.route(&scripted.path("manifests/1"), Reply::new("{}").gated(&reached, &hold));
    place.host(&["pull", &scripted.tagged()]).exits(1).says(&says);
    hold.open();
}
