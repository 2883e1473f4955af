//! What others put in the place of a file or into the rows of what was erased.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use harness::{Gate, Ran, Reply, gzip};
use rustix::fs::{FlockOperation, flock};

use super::{CSV, erase, found, landed, run};
use crate::{kernels, mirror, with};

#[test]
fn it_waits_for_runs_and_runs_for_it() {
    let (environment, origin, path) = landed();
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/slow.csv", Reply::new("a\n").gated(&reached, &hold));
    let running = environment.spawn("mirror", &with(&mirror(&origin, "/slow.csv"), &[]));
    assert!(reached.wait(), "the run never asked");
    erase(&environment, &[&path]).exits(75).says("a run or a repair is going on in");
    environment.host(["erase", "--lift", &path]).exits(75);
    assert!(environment.paths().contains(&path));
    hold.open();
    Ran::new(running.wait_with_output().expect("the program")).exits(0);
    let lock = File::options().write(true).open(environment.landing().join(".locks/.zone")).expect("a lock's file");
    flock(&lock, FlockOperation::NonBlockingLockExclusive).expect("the lock");
    erase(&environment, &[&path]).exits(75);
    drop(lock);
    erase(&environment, &["--wait=30s", &path]).exits(0);
    assert!(!environment.paths().contains(&path));
}

#[test]
fn nothing_but_the_recorded_file_is_removed() {
    for environment in kernels() {
        let origin = harness::Origin::start();
        origin.route("/people.csv", Reply::new(CSV).etag("\"one\""));
        run(&environment, &origin, &[]).exits(0);
        let path = environment.paths().remove(0);
        let file = environment.landing().join(&path);
        let canary = environment.write("outside/one.csv.gz", "untouched");
        fs::remove_file(&file).expect("a file");
        // A link in its place, a directory, and a link on the way.
        symlink(&canary, &file).expect("a link");
        erase(&environment, &[&path]).exits(1).says("is no regular file, and the host leaves it alone");
        fs::remove_file(&file).expect("a link");
        fs::create_dir(&file).expect("a directory");
        erase(&environment, &[&path]).exits(1).says("is no regular file");
        fs::remove_dir(&file).expect("a directory");
        let directory = file.parent().expect("a directory");
        fs::remove_dir(directory).expect("a directory");
        symlink(environment.path().join("outside"), directory).expect("a link");
        erase(&environment, &[&path]).exits(1);
        assert_eq!(fs::read(&canary).expect("a file"), b"untouched");
        assert_eq!(environment.query("SELECT count(*) FROM erased"), ["0"]);
        // One that is gone already is recorded as erased, so that it does not come back.
        fs::remove_file(directory).expect("a link");
        erase(&environment, &[&path]).exits(0).stdout.find("is not there any more").expect("a sentence");
        run(&environment, &origin, &[]).exits(0).says("did not land");
        assert_eq!(environment.everything(), [""; 0]);
    }
}

#[test]
fn a_file_that_comes_back_is_found_and_only_the_same_is_removed() {
    let (environment, origin, path) = landed();
    let file = environment.landing().join(&path);
    let stored = fs::read(&file).expect("a file");
    erase(&environment, &[&path]).exits(0);
    // Somebody restores a copy: no run counts on it, whether it lists the source or not.
    fs::write(&file, &stored).expect("a file");
    assert_eq!(found(&environment), [format!("erased {path}")]);
    for indexed in [true, false] {
        if !indexed {
            environment.state().execute("DELETE FROM indexed_sources", []).expect("rows");
        }
        run(&environment, &origin, &[]).exits(0).says("did not land");
        assert_eq!(environment.query("SELECT path FROM landed_files"), [""; 0]);
    }
    environment.host(["erase", "--lift", &path]).exits(1).says("is still there, since its erasure was cut short");
    let ran = environment.host(["repair"]).exits(0);
    assert!(ran.stdout.contains("\n1 file erased that somebody had erased before\n"), "{ran:?}");
    assert_eq!((found(&environment), environment.everything()), (Vec::new(), Vec::new()));
    assert_eq!(environment.host(["repair", "--json"]).exits(0).json()["erased"], 0);
    // Two of one directory, and one that the same command removes.
    origin.route("/people.csv", Reply::new("more\n").etag("\"more\""));
    run(&environment, &origin, &[]).exits(0);
    let more = environment.paths().remove(0);
    let both = [
        (file.clone(), stored),
        (environment.landing().join(&more), fs::read(environment.landing().join(&more)).expect("a file")),
    ];
    erase(&environment, &[&more]).exits(0);
    both.iter().for_each(|(path, stored)| fs::write(path, stored).expect("a file"));
    assert_eq!(environment.host(["repair", "--json"]).exits(0).json()["erased"], 2);
    fs::write(&file, &both[0].1).expect("a file");
    erase(&environment, &[&path]).exits(0);
    assert_eq!(environment.everything(), [""; 0]);
    // Other content under the name is nobody's to remove but the operator's.
    fs::write(&file, gzip(b"somebody else's")).expect("a file");
    let detail = &environment.host(["verify", "--json"]).exits(1).json()["findings"][0]["detail"];
    assert_eq!(detail, "a file of this name was erased, and another one is there; move it away");
    environment.host(["repair"]).exits(0);
    assert_eq!(environment.paths(), std::slice::from_ref(&path));
    // A link is what it always is.
    fs::remove_file(&file).expect("a file");
    symlink("/etc/passwd", &file).expect("a link");
    erase(&environment, &[&path]).exits(1).says("it is no regular file");
    environment.host(["repair"]).exits(0);
    assert_eq!(found(&environment), [format!("foreign {path}")]);
}

#[test]
fn a_file_that_was_never_read_is_read_first() {
    let (environment, origin, path) = landed();
    environment
        .state()
        .execute_batch("DELETE FROM landed_files; DELETE FROM validators; DELETE FROM indexed_sources")
        .expect("rows");
    // A run that lands something else lists the source and reads nothing of it.
    origin.route("/other.csv", Reply::new("b\n").etag("\"two\""));
    environment.run("mirror", &with(&mirror(&origin, "/other.csv"), &[])).exits(0);
    assert_eq!(environment.query("SELECT path FROM landed_files WHERE sha256 IS NULL"), std::slice::from_ref(&path));
    let file = environment.landing().join(&path);
    let stored = fs::read(&file).expect("a file");
    fs::write(&file, &stored[..stored.len() / 2]).expect("a file");
    erase(&environment, &[&path]).exits(1).says("is not whole gzip");
    fs::write(&file, &stored).expect("a file");
    erase(&environment, &[&path]).exits(0);
    run(&environment, &origin, &["--fresh"]).exits(0).says("did not land");
    assert_eq!(environment.paths().len(), 1);
    // One whose digest is recorded goes, whatever became of it since.
    let other = environment.paths().remove(0);
    fs::write(environment.landing().join(&other), "damaged").expect("a file");
    erase(&environment, &[&other]).exits(0);
    assert_eq!(environment.everything(), [""; 0]);
}

#[test]
fn a_damaged_database_takes_no_erasure_with_it_and_a_lost_one_does() {
    let (environment, origin, path) = landed();
    erase(&environment, &[&path]).exits(0);
    let row = environment.query("SELECT hex(sha256) || reason || erased_at || url FROM erased");
    let number = |sql: &str| environment.query(sql)[0].parse::<usize>().expect("a number");
    let page = number("SELECT rootpage FROM sqlite_master WHERE name = 'landed_files_by_digest'");
    let size = number("PRAGMA page_size");
    let database = environment.landing().join(".state.sqlite");
    let mut bytes = fs::read(&database).expect("a database");
    bytes[(page - 1) * size..page * size].fill(0xff);
    fs::write(&database, &bytes).expect("a database");
    environment.host(["repair"]).exits(0);
    assert_eq!(environment.query("SELECT hex(sha256) || reason || erased_at || url FROM erased"), row);
    run(&environment, &origin, &[]).exits(0).says("did not land");
    assert_eq!(environment.everything(), [""; 0]);
    // Nobody knows any more that it was erased.
    fs::remove_file(&database).expect("a database");
    environment.host(["repair"]).exits(0);
    run(&environment, &origin, &[]).exits(0);
    assert_eq!(environment.paths(), [path]);
}

#[test]
fn rows_out_of_a_database_lead_nowhere() {
    for set in [
        "path = '../outside/canary'",
        "path = 'mirror/../../outside/canary'",
        "path = '/etc/passwd'",
        "path = '.state.sqlite'",
        "path = '.locks/mirror'",
        "path = CAST(path AS BLOB)",
        "path = x'ff'",
        "sha256 = x'00'",
        "sha256 = 'text'",
        "stored_size = 'many'",
        "stored_size = -1",
        "reason = x'00'",
        "erased_at = x'ff'",
        "url = x'00'",
        "run_id = 'x'",
    ] {
        let (environment, origin, path) = landed();
        let canary = environment.write("outside/canary", "untouched");
        origin.route("/other.csv", Reply::new("b\n").etag("\"two\""));
        environment.run("mirror", &with(&mirror(&origin, "/other.csv"), &[])).exits(0);
        erase(&environment, &[&path]).exits(0);
        let before = environment.stored();
        environment
            .state()
            .execute(&format!("UPDATE erased SET {set}"), [])
            .unwrap_or_else(|error| panic!("{set}: {error}"));
        for word in ["../outside/canary", "/etc/passwd", ".state.sqlite", ".locks/mirror"] {
            erase(&environment, &[word]).exits(2);
            environment.host(["erase", "--lift", word]).exits(2);
        }
        environment.host(["files", "--erased"]).exits(0);
        environment.host(["repair"]).exits(0);
        run(&environment, &origin, &[]);
        assert_eq!(found(&environment), [""; 0], "{set}");
        assert_eq!(fs::read(&canary).expect("a file"), b"untouched", "{set}");
        assert!(before.iter().all(|(path, stored)| environment.stored().get(path) == Some(stored)), "{set}");
    }
}

#[test]
fn texts_out_of_a_database_are_only_texts() {
    let (environment, origin, path) = landed();
    erase(&environment, &[&path]).exits(0);
    let hostile = "CAST(char(27) || '[2J../../outside' || char(10, 8238) AS TEXT)";
    let all = ["reason", "erased_at", "url"].map(|column| format!("{column} = {hostile}")).join(", ");
    environment.state().execute(&format!("UPDATE erased SET {all}"), []).expect("a row");
    let ran = run(&environment, &origin, &[]).exits(0);
    let said = [
        erase(&environment, &[&path]),
        environment.host(["files", "--erased"]).exits(0),
        environment.host(["files", "--erased", "--json"]).exits(0),
        environment.host(["cat", &path]).exits(1),
        ran,
    ];
    for ran in said {
        for text in [&ran.stdout, &ran.stderr] {
            assert!(text.chars().all(|it| it == '\n' || !it.is_control()), "{ran:?}");
        }
    }
    // A row of a file that is there as well: what is recorded as there stays.
    let (environment, _origin, path) = landed();
    environment
        .state()
        .execute("INSERT INTO erased SELECT path, source, sha256, size, stored_size, url, run_id, 'x', 'y' FROM landed_files", [])
        .expect("a row");
    environment.host(["repair"]).exits(0);
    assert_eq!(environment.paths(), [path]);
}
