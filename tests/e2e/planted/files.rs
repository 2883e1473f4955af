//! What may be where the database is, or beside it.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Zone;

const SIDES: [&str; 4] = ["", "-journal", "-wal", "-shm"];

fn side(zone: &Zone, side: &str) -> PathBuf {
    zone.environment.landing().join(format!(".state.sqlite{side}"))
}

/// Something that is no regular file.
type Thing = (&'static str, fn(&Zone, &Path));

const THINGS: [Thing; 5] = [
    ("pipe", |_, path| assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success())),
    ("directory", |_, path| fs::create_dir(path).expect("a directory")),
    ("link", |zone, path| symlink(zone.environment.path().join("outside/canary"), path).expect("a link")),
    ("broken link", |zone, path| symlink(zone.environment.path().join("outside/new"), path).expect("a link")),
    ("socket", |_, path| drop(UnixListener::bind(path).expect("a socket"))),
];

#[test]
fn what_is_no_regular_file_is_not_opened() {
    for name in SIDES {
        for (thing, make) in THINGS {
            let said = Zone::tried(|zone| {
                let path = side(zone, name);
                let _ = fs::remove_file(&path);
                make(zone, &path);
            });
            let text = format!(".state.sqlite{name} is no regular file");
            assert!(said.0.values().all(|ran| ran.code == Some(1)), "{name} {thing}: {:#?}", said.0);
            said.says(&text);
        }
    }
}

#[test]
fn what_lies_beside_the_database_and_is_none_of_its_own_does_no_harm() {
    for name in &SIDES[1..] {
        for bytes in [vec![], vec![0x5a; 70_000], b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7 no journal".to_vec()] {
            let said = Zone::tried(|zone| fs::write(side(zone, name), &bytes).expect("a file"));
            said.exits([0, 0, 0, 0, 0]);
        }
    }
}

#[test]
fn what_is_no_database_is_set_aside_by_a_repair_alone() {
    for bytes in [
        b"not a database, but a text that somebody put here".repeat(100),
        [b"SQLite format 3\0".as_slice(), &[0xff; 5000]].concat(),
        [b"SQLite format 3\0".as_slice(), &[0; 5000]].concat(),
    ] {
        let plant = |zone: &Zone| fs::write(zone.database(), &bytes).expect("a file");
        let said = Zone::tried(plant).exits([1, 1, 1, 1, 0]).says("the state database is damaged");
        assert!(said.0["repair"].stdout.contains("the damaged database is at "));
        let zone = Zone::new();
        plant(&zone);
        zone.run("mirror", &[]).exits(1);
        assert_eq!(fs::read(zone.database()).expect("a file"), bytes);
        zone.host(&["repair"]).exits(0);
        zone.host(&["verify", "--read-data"]).exits(0);
    }
}

#[test]
fn a_database_that_is_cut_off_is_damaged_and_an_empty_one_is_new() {
    let half = |zone: &Zone| {
        let bytes = fs::read(zone.database()).expect("a database");
        fs::write(zone.database(), &bytes[..bytes.len() / 2]).expect("a database");
    };
    let said = Zone::tried(half);
    assert_eq!((said.0["verify"].code, said.0["repair"].code), (Some(1), Some(0)));
    let empty = |zone: &Zone| fs::write(zone.database(), "").expect("a database");
    let zone = Zone::new();
    empty(&zone);
    zone.run("mirror", &[]).exits(0);
    zone.host(&["verify", "--read-data"]).exits(0);
}
