//! A registry that sends something else than it says, more, or less.

use std::fs;
use std::time::{Duration, Instant};

use harness::registry::{MANIFEST, Scripted, digest, with_note};
use harness::{Gate, Part, Reply};

use super::{Place, mirror};

/// How many requests there were for the component, and what each wanted of it.
fn ranges(scripted: &Scripted) -> Vec<Option<String>> {
    let asked = scripted.origin.asked().into_iter().filter(|asked| asked.target == scripted.blob());
    asked.map(|asked| asked.header("range").map(str::to_owned)).collect()
}

/// The end of the component, as somebody answers who is asked to go on there.
fn rest(component: &[u8], from: usize) -> Reply {
    let range = format!("bytes {from}-{}/{}", component.len() - 1, component.len());
    Reply::new(&component[from..]).with_status(206).header("Content-Range", range)
}

#[test]
fn a_component_that_was_tampered_with_is_thrown_away() {
    let (scripted, place) = (Scripted::start(mirror()), Place::new());
    let mut other = scripted.component.clone();
    *other.last_mut().expect("bytes") ^= 1;
    scripted.origin.route(&scripted.blob(), Reply::new(other.clone()));
    let says = format!("sent something else than the component {} of acme/weather", digest(&scripted.component));
    for reference in [scripted.pinned(), scripted.tagged()] {
        place.host(&["pull", &reference]).exits(1).says(&says).says(&format!("its digest is {}", digest(&other)));
        place.run(&scripted.pinned()).exits(1).says(&says);
    }
    assert!(place.cached().is_empty(), "{:?}", place.cached());
    assert!(!place.environment.path().join("host.lock").exists(), "nothing is written down");
    scripted.origin.route(&scripted.blob(), Reply::new(scripted.component.clone()));
    place.run(&scripted.pinned()).exits(0);
}

#[test]
fn a_manifest_is_the_one_of_its_digest() {
    let (scripted, place) = (Scripted::start(mirror()), Place::new());
    let other = Scripted::start(with_note(&mirror(), "other"));
    let path = scripted.path(&format!("manifests/{}", digest(&scripted.manifest)));
    scripted.origin.route(&path, Reply::new(other.manifest.clone()));
    let says = format!("sent something else than acme/weather@{}", digest(&scripted.manifest));
    place.host(&["pull", &scripted.pinned()]).exits(1).says(&says);
    // What it says of an answer has to be so, too.
    let reply = Reply::new(other.manifest.clone()).header("Docker-Content-Digest", digest(&scripted.manifest));
    scripted.origin.route(&scripted.path("manifests/1"), reply);
    place.host(&["pull", &scripted.tagged()]).exits(1).says("sent something else than acme/weather:1");
    assert!(ranges(&scripted).is_empty() && place.cached().is_empty());
}

#[test]
fn what_was_stopped_in_the_middle_goes_on_from_there() {
    let (scripted, place) = (Scripted::start(mirror()), Place::new());
    let (whole, half) = (scripted.component.clone(), scripted.component.len() / 2);
    let dying = || Reply::new(whole.clone()).cut_after(half);
    // Once: nobody notices.
    scripted.origin.script(&scripted.blob(), [dying(), rest(&whole, half)]);
    place.host(&["pull", &scripted.pinned()]).exits(0);
    assert_eq!(ranges(&scripted), [None, Some(format!("bytes={half}-"))]);
    assert_eq!(fs::read(place.component()).expect("a component"), whole);

    // For good: the next command goes on.
    let place = Place::new();
    scripted.origin.forget();
    scripted.origin.script(&scripted.blob(), [dying(), Reply::status(503)]);
    place.host(&["pull", &scripted.pinned()]).exits(1).says("status 503");
    assert_eq!(place.cached(), ["part"]);
    scripted.origin.forget();
    scripted.origin.route(&scripted.blob(), rest(&whole, half));
    place.run(&scripted.pinned()).exits(0);
    assert_eq!(ranges(&scripted), [Some(format!("bytes={half}-"))]);
    assert_eq!(
        (place.cached(), fs::read(place.component()).expect("a component")),
        (vec!["json".into(), "wasm".into()], whole)
    );
}

#[test]
fn what_cannot_go_on_begins_anew() {
    let scripted = Scripted::start(mirror());
    let (whole, half) = (scripted.component.clone(), scripted.component.len() / 2);
    let again = Reply::new(whole.clone());
    for (begun, replies, asked) in [
        // It knows no parts.
        (whole[..half].to_vec(), vec![again.clone()], 1),
        // It has none there.
        (whole[..half].to_vec(), vec![Reply::status(416), again.clone()], 2),
        // What there was of it was wrong.
        (vec![0; half], vec![rest(&whole, half), again.clone()], 2),
    ] {
        let place = Place::new();
        let part = format!("cache/host/components/{}.part", digest(&whole).replace(':', "-"));
        place.environment.write(&part, begun);
        scripted.origin.forget();
        scripted.origin.script(&scripted.blob(), replies);
        place.host(&["pull", &scripted.pinned()]).exits(0);
        assert_eq!(ranges(&scripted).len(), asked);
        assert_eq!(fs::read(place.component()).expect("a component"), whole);
    }
    // Another part than the one that was asked for is none.
    let place = Place::new();
    scripted.origin.script(&scripted.blob(), [Reply::new(whole.clone()).cut_after(half), rest(&whole, half + 1)]);
    place.host(&["pull", &scripted.pinned()]).exits(1).says("answered with another part of the component");
}

#[test]
fn more_bytes_than_were_said_are_not_taken() {
    let (scripted, place) = (Scripted::start(mirror()), Place::new());
    let more = [&scripted.component[..], b"and more"].concat();
    let says = format!("sends more than the {} bytes of the component", scripted.component.len());
    for reply in [
        Reply::new(more.clone()),
        Reply::new(more.clone()).chunked(),
        Reply::new(more).unframed(),
        Reply::parts(vec![
            Part::Bytes(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
            Part::Repeat(vec![b'x'; 1 << 16], 1 << 20),
        ]),
    ] {
        scripted.origin.route(&scripted.blob(), reply);
        place.host(&["pull", &scripted.pinned()]).exits(1).says(&says);
        assert!(!place.cached().contains(&"wasm".to_owned()), "{:?}", place.cached());
    }
    // An endless manifest, and one that says that its component is larger than any may be.
    let endless = Reply::parts(vec![
        Part::Bytes(format!("HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST}\r\n\r\n").into_bytes()),
        Part::Repeat(vec![b' '; 1 << 16], 1 << 20),
    ]);
    scripted.origin.route(&scripted.path("manifests/1"), endless);
    place.host(&["pull", &scripted.tagged()]).exits(1).says("sends more than the 4194304 bytes of the manifest");
    let text = String::from_utf8(scripted.manifest.clone()).expect("text");
    let large = text.replace(&format!("\"size\":{}", scripted.component.len()), "\"size\":268435457");
    scripted.route_manifest(large.as_bytes());
    place
        .host(&["pull", &scripted.tagged()])
        .exits(1)
        .says("its component has 268435457 bytes, and the limit is 256 MiB");
}

#[test]
fn fewer_bytes_than_were_said_are_not_all() {
    let (scripted, place) = (Scripted::start(mirror()), Place::new());
    let half = scripted.component.len() / 2;
    scripted.origin.route(&scripted.blob(), Reply::new(&scripted.component[..half]));
    // Whole by its own account, and again and again no more.
    let says = format!("sent {half} of the {} bytes of the component", scripted.component.len());
    place.host(&["pull", &scripted.pinned()]).exits(1).says(&says);
    assert!(!place.cached().contains(&"wasm".to_owned()), "{:?}", place.cached());
    let encoded = Reply::new(scripted.component.clone()).gzipped();
    scripted.origin.route(&scripted.blob(), encoded);
    place.host(&["pull", &scripted.pinned()]).exits(1).says("in an encoding that nobody asked for");
}

#[test]
fn a_pull_that_is_killed_leaves_nothing_that_counts_and_the_next_goes_on() {
    let (scripted, place) = (Scripted::start(mirror()), Place::new());
    let (whole, half) = (scripted.component.clone(), scripted.component.len() / 2);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", whole.len());
    let (begun, hold) = ([head.as_bytes(), &whole[..half]].concat(), Gate::default());
    let stalling = Reply::parts(vec![Part::Bytes(begun), Part::Hold(hold.clone())]);
    scripted.origin.script(&scripted.blob(), [stalling, rest(&whole, half)]);
    let mut child = place.command(&["pull", &scripted.tagged()]).spawn().expect("the program");
    let part = place.components().join(format!("{}.part", digest(&whole).replace(':', "-")));
    let started = Instant::now();
    while fs::metadata(&part).map_or(0, |found| found.len()) < half as u64 {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing arrived");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("a process");
    child.wait().expect("a process");
    hold.open();
    assert_eq!(place.cached(), ["part"]);
    assert!(!place.environment.path().join("host.lock").exists(), "nothing is written down");
    scripted.origin.forget();
    place.host(&["pull", &scripted.tagged()]).exits(0);
    assert_eq!(ranges(&scripted), [Some(format!("bytes={half}-"))]);
    assert_eq!(fs::read(place.component()).expect("a component"), whole);
}
