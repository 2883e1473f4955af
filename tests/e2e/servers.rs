//! Servers that people use: what did not change moves no body, whatever they make of a condition, and what did change
//! lands.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use harness::Environment;
use harness::servers::{Compression, Kind, Server, next_second};

use crate::environment;

/// How often a fetch is tried that has to come before the second is over in which its file was written.
const TRIES: usize = 5;

/// About twenty kilobytes.
fn csv(city: &str) -> String {
    let lines = (0..1500).map(|court| format!("{city},{court:04}\n"));
    format!("city,court\n{}", lines.collect::<String>())
}

fn hours_ago(hours: u64) -> SystemTime {
    SystemTime::now() - Duration::from_secs(hours * 3600)
}

/// One run: how many files it wrote, and how many were unchanged.
fn mirror(environment: &Environment, server: &Server, name: &str) -> [u64; 2] {
    let url = format!("url={}", server.url(&format!("/{name}")));
    let ran = environment.run("mirror", &["--allow-http", &server.grant(), "--param", &url]).exits(0).json();
    ["files_written", "files_skipped"].map(|count| ran[count].as_u64().expect("a number"))
}

fn a_body_moves_for_new_content_only(kind: Kind) {
    for compression in [Compression::On, Compression::Off] {
        let Some(server) = Server::start(kind, compression) else { return };
        let environment = environment();
        let run = || mirror(&environment, &server, "courts.csv");
        let (old, new) = (csv("Malaga"), csv("Sevilla"));
        server.put("courts.csv", &old, hours_ago(5));
        assert_eq!(run(), [1, 0], "{compression:?}");
        assert_eq!(run(), [0, 1], "{compression:?}");
        server.put("courts.csv", &new, hours_ago(1));
        assert_eq!(run(), [1, 0], "{compression:?}");

        let log = server.log(3);
        let statuses: Vec<_> = log.iter().map(|logged| logged.status).collect();
        assert_eq!(statuses, [200, 304, 200], "{compression:?}: {log:#?}");
        assert_eq!(log[1].body_bytes, 0, "{compression:?}: {log:#?}");
        let compressed = log[0].body_bytes < old.len() as u64;
        assert_eq!(compressed, compression == Compression::On, "it is not set up as it should be: {log:#?}");
        let landed: BTreeSet<_> = environment.landed().into_values().collect();
        assert_eq!(landed, BTreeSet::from([old.into(), new.into()]), "{compression:?}");
    }
}

fn what_is_written_twice_in_a_second_is_noticed(kind: Kind) {
    for compression in [Compression::On, Compression::Off] {
        let Some(server) = Server::start(kind, compression) else { return };
        let environment = environment();
        let noticed = (1..=TRIES).any(|number| noticed(&environment, &server, number));
        assert!(noticed, "no fetch came in time: {:#?}", server.log(TRIES));
    }
}

/// Fetch a file, have it written anew, and insist that the next run notices; unless the fetch came too late for that.
fn noticed(environment: &Environment, server: &Server, number: usize) -> bool {
    let name = format!("courts-{number}.csv");
    // Neither the size nor the time tells one from the other, and these are what servers make their tags of.
    let [before, after] = ["Malaga", "Murcia"].map(|city| csv(&format!("{city} {number}")));
    // A run takes a fraction of a second, but on a busy machine: the time of later tries is ahead, to be in time then.
    let modified = next_second() + Duration::from_secs(number as u64 - 1);
    server.put(&name, &before, modified);
    assert_eq!(mirror(environment, server, &name), [1, 0]);
    let log = server.log(number);
    let second = modified.duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs();
    if log.last().expect("a request").second > second {
        // A tag may be trusted once that second is over: whoever writes the file then gives it another time.
        return false;
    }
    server.put(&name, &after, modified);
    assert_eq!(mirror(environment, server, &name), [1, 0], "{log:#?}");
    assert!(environment.landed().values().any(|landed| landed == after.as_bytes()));
    true
}

#[test]
fn nginx_moves_a_body_for_new_content_only() {
    a_body_moves_for_new_content_only(Kind::Nginx);
}

#[test]
fn apache_moves_a_body_for_new_content_only() {
    a_body_moves_for_new_content_only(Kind::Apache);
}

#[test]
fn caddy_moves_a_body_for_new_content_only() {
    a_body_moves_for_new_content_only(Kind::Caddy);
}

#[test]
fn lighttpd_moves_a_body_for_new_content_only() {
    a_body_moves_for_new_content_only(Kind::Lighttpd);
}

#[test]
fn what_is_written_twice_in_a_second_at_nginx_is_noticed() {
    what_is_written_twice_in_a_second_is_noticed(Kind::Nginx);
}

#[test]
fn what_is_written_twice_in_a_second_at_apache_is_noticed() {
    what_is_written_twice_in_a_second_is_noticed(Kind::Apache);
}

#[test]
fn what_is_written_twice_in_a_second_at_caddy_is_noticed() {
    what_is_written_twice_in_a_second_is_noticed(Kind::Caddy);
}

#[test]
fn what_is_written_twice_in_a_second_at_lighttpd_is_noticed() {
    what_is_written_twice_in_a_second_is_noticed(Kind::Lighttpd);
}
