//! Large files, which go up in parts: those that are named by a tag while they are still arriving. Nothing is seen of one
//! before it is whole, and as expected.

use harness::soak::{Numbers, times};
use harness::stores::Make;
use harness::{Gate, Part, Reply};

use super::killed::killed_and_mended;
use super::landing::{MIRRORED, are, counted};
use super::{Place, end_of};
use crate::signals::signal;

/// Bytes of three parts.
const SIZE: usize = (20 << 20) + 1234;
/// What of them arrives before the rest is waited for: two parts, and what is on its way through the compressor.
const BEFORE: usize = 19 << 20;
/// Bytes of two parts.
const SMALLER: usize = (8 << 20) + 4321;

/// Bytes that no compressor makes less of.
fn content(seed: u64, size: usize) -> Vec<u8> {
    let mut numbers = Numbers::new(seed);
    let mut content = Vec::with_capacity(size + 4);
    while content.len() < size {
        content.extend_from_slice(&numbers.below(1 << 32).to_le_bytes()[..4]);
    }
    content
}

/// A place in S3 whose origin has a large file with a tag.
fn place(content: &[u8]) -> Option<Place> {
    let place = Place::new(Make::S3)?;
    place.origin.route("/tagged.csv", Reply::new(content).etag("\"one\""));
    Some(place)
}

/// The same, of which the origin sends the rest only once the second gate is open.
fn half_arrived(place: &Place, content: &[u8]) -> (Gate, Gate) {
    let (reached, hold) = (Gate::default(), Gate::default());
    let head = format!("HTTP/1.1 200 OK\r\nETag: \"one\"\r\nContent-Length: {}\r\n\r\n", content.len());
    place.origin.route(
        "/tagged.csv",
        Reply::parts(vec![
            Part::Bytes(head.into_bytes()),
            Part::Bytes(content[..BEFORE].to_vec()),
            Part::Open(reached.clone()),
            Part::Hold(hold.clone()),
            Part::Bytes(content[BEFORE..].to_vec()),
        ]),
    );
    (reached, hold)
}

/// The requests that were sent for parts, one word each, in the order in which they came.
fn uploading(place: &Place) -> Vec<&'static str> {
    let word = |(method, target): (&str, &str)| match method {
        "POST" if target.contains("?uploads") => Some("begin"),
        "PUT" if target.contains("partNumber=") => Some("part"),
        "POST" if target.contains("uploadId=") => Some("complete"),
        "DELETE" if target.contains("uploadId=") => Some("abort"),
        _ => None,
    };
    place.between.asked().iter().filter_map(|sent| word((&sent.method, &sent.target))).collect()
}

/// Insist that this is what landed beside the small file, and that nothing is left of anything else.
#[track_caller]
fn holds(place: &Place, content: &[u8], when: &str) {
    assert_eq!(place.store.wrong(), [""; 0], "{when}");
    let landed: Vec<_> = place.store.landed().into_values().collect();
    assert!(landed.len() == 2 && landed.iter().any(|landed| landed == content), "{when}");
}

#[test]
fn large_files_go_up_in_parts_and_are_there_as_a_whole() {
    let (content, other) = (content(7, SIZE), content(8, SIZE));
    let Some(place) = place(&content) else { return };
    // Named by its content, it is sent once that is known.
    place.origin.route("/plain.csv", Reply::new(other.clone()));
    place.mirror().exits(0);
    let landed: Vec<_> = place.store.landed().into_values().collect();
    assert!(landed == [&other[..], &content] || landed == [&content[..], &other], "something else landed");
    assert_eq!(place.store.wrong(), [""; 0]);
    let one = ["begin", "part", "part", "part", "complete"];
    assert_eq!(uploading(&place), [one, one].concat());
    assert_eq!(place.store.unfinished(), 0);
    place.between.script([]);
    place.mirror().exits(0);
    assert_eq!(counted(&place), are(&[("HEAD file", 2), ("PUT state", 2)]));
}

#[test]
fn a_file_that_its_tag_names_goes_up_while_it_arrives_and_is_seen_once_it_is_whole() {
    let content = content(7, SIZE);
    let Some(place) = place(&content) else { return };
    let (reached, hold) = half_arrived(&place, &content);
    let mut child = place.mirror_command().spawn().expect("the program");
    assert!(reached.wait(), "nobody asked");
    crate::until(&mut child, |_| uploading(&place) == ["begin", "part", "part"]);
    assert_eq!(place.store.landed().len(), 0);
    hold.open();
    end_of(child).exits(0);
    assert_eq!(uploading(&place), ["begin", "part", "part", "part", "complete"]);
    holds(&place, &content, "once it was whole");
    assert_eq!(place.store.unfinished(), 0);
}

#[test]
fn a_file_that_breaks_off_leaves_nothing() {
    let content = content(7, SIZE);
    let Some(place) = place(&content) else { return };
    place.origin.route("/tagged.csv", Reply::new(content.clone()).etag("\"one\"").cut_after(BEFORE));
    let ran = place.mirror().exits(1);
    assert!(ran.stderr.starts_with("error: "), "{ran:?}");
    let asked = uploading(&place);
    let times = |word| asked.iter().filter(|asked| **asked == word).count();
    // The parts that are still on their way then are not waited for, and may come after the word that ends them.
    let (begun, sent, ended) = (times("begin"), times("part"), times("abort"));
    assert!(sent > 0 && begun == ended && times("complete") == 0, "{asked:?}");
    assert_eq!(place.store.unfinished(), 0);
    assert_eq!(place.store.landed().into_values().collect::<Vec<_>>(), [MIRRORED[1].as_bytes()]);
    place.origin.route("/tagged.csv", Reply::new(content.clone()).etag("\"one\""));
    place.mirror().exits(0);
    holds(&place, &content, "afterwards");
}

#[test]
fn a_run_that_is_told_to_end_leaves_nothing() {
    let content = content(7, SIZE);
    let Some(place) = place(&content) else { return };
    let (reached, hold) = half_arrived(&place, &content);
    let mut child = place.mirror_command().spawn().expect("the program");
    assert!(reached.wait(), "nobody asked");
    crate::until(&mut child, |_| uploading(&place).len() == 3);
    signal("TERM", child.id());
    end_of(child).exits(143);
    hold.open();
    assert_eq!(uploading(&place).last(), Some(&"abort"));
    assert_eq!((place.store.unfinished(), place.store.landed().len()), (0, 0));
}

#[test]
fn a_file_that_is_not_as_expected_does_not_get_the_name_that_it_was_sent_for() {
    let content = content(7, SIZE);
    let Some(place) = place(&content) else { return };
    place.environment.write("host.toml", "[extractor.mirror.expect]\nmax-size = \"20MiB\"\n");
    place.mirror().exits(1).says("the content is not as expected: it has ");
    assert_eq!(place.store.landed().into_values().collect::<Vec<_>>(), [MIRRORED[1].as_bytes()]);
    let objects = place.store.objects();
    assert_eq!(
        objects.keys().filter(|path| path.starts_with(".quarantine/mirror/")).count(),
        1,
        "{:?}",
        objects.keys()
    );
    assert_eq!(place.store.unfinished(), 0);
}

#[test]
fn a_file_whose_name_is_taken_meanwhile_gets_the_next_one() {
    let (content, other) = (content(7, SIZE), content(8, SIZE));
    let (Some(place), Some(elsewhere)) = (place(&content), place(&other)) else { return };
    elsewhere.mirror().exits(0);
    let mut theirs = elsewhere.store.objects();
    theirs.retain(|path, _| path.contains("one.csv"));
    let (path, theirs) = theirs.pop_first().expect("a file");
    let (reached, hold) = half_arrived(&place, &content);
    let mut child = place.mirror_command().spawn().expect("the program");
    assert!(reached.wait(), "nobody asked");
    crate::until(&mut child, |_| uploading(&place).len() == 3);
    place.store.put(&path, &theirs);
    hold.open();
    end_of(child).exits(0);
    assert!(place.store.objects()[&path] == theirs, "what was there is another");
    assert!(place.store.landed().values().any(|landed| *landed == content), "{:?}", place.store.landed().keys());
    assert_eq!((place.store.unfinished(), place.store.wrong()), (0, vec![]));
}

/// The numbers of the requests that a run sends for its large file.
fn numbers(content: &[u8]) -> Option<Vec<usize>> {
    let place = place(content)?;
    place.mirror().exits(0);
    let asked = place.between.asked();
    let of_it = |(number, sent): (usize, &harness::between::Sent)| sent.target.contains("upload").then_some(number);
    Some(asked.iter().enumerate().filter_map(of_it).collect())
}

#[test]
fn each_fault_at_each_request_for_a_large_file_costs_nothing() {
    let content = content(7, SMALLER);
    let Some(numbers) = numbers(&content) else { return };
    let faults = super::faulty::faults();
    for (turn, number) in numbers.into_iter().enumerate() {
        // Some of them in their turn, or each of them in `cargo soak`.
        for fault in faults.iter().cycle().skip(turn * 3).take(times(2, faults.len())) {
            let Some(place) = place(&content) else { return };
            let when = format!("request {number}, {fault:?}");
            place.between.script([(number, fault.clone())]);
            place.mirror().exits(0);
            assert!(place.between.asked().len() > number, "{when}");
            holds(&place, &content, &when);
            assert_eq!(place.statuses("mirror"), ["success"], "{when}");
        }
    }
}

/// A run that is killed at that request; then its lease is over, and another lands what it did not.
fn killed(content: &[u8], number: usize, after: bool) {
    let Some(place) = place(content) else { return };
    place.environment.write("host.toml", "[store]\nlease = \"3s\"\n");
    let when = format!("request {number}, after: {after}");
    killed_and_mended(&place, number, after, &when);
    holds(&place, content, &when);
    assert_eq!(place.statuses("mirror"), ["failed", "success"], "{when}");
}

#[test]
fn a_run_that_is_killed_while_a_large_file_goes_up_is_mended_by_the_next() {
    let content = content(7, SMALLER);
    let Some(numbers) = numbers(&content) else { return };
    for _ in 0..times(1, 20) {
        std::thread::scope(|scope| {
            // Side by side, since each of them waits for a lease to be over.
            for &number in &numbers {
                for after in [false, true] {
                    let content = &content;
                    scope.spawn(move || killed(content, number, after));
                }
            }
        });
    }
}
