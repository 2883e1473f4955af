//! Extractors by the names that a configuration gives them, and where that configuration is found.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};

use harness::{Environment, Origin, Reply, guest};

use crate::environment;

/// A configuration with the extractor `name`, which mirrors `path` of a server.
pub(crate) fn extractor(name: &str, origin: &Origin, path: &str) -> String {
    format!(
        "[extractor.{name}]\ncomponent = {:?}\nhttp = [{:?}]\nparam = {{ url = {:?} }}\n",
        guest("mirror"),
        origin.grant(),
        origin.url(path)
    )
}

fn served() -> (Environment, Origin) {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a\n1\n").etag("\"one\""));
    (environment, origin)
}

#[test]
fn a_name_runs_what_the_configuration_says() {
    let (environment, origin) = served();
    environment.write("host.toml", extractor("prices", &origin, "/a.csv"));
    let ran = environment.host(["run", "prices"]).exits(0);
    assert!(ran.stdout.starts_with("prices run 1: success, 1 new"), "{ran:?}");
    assert_eq!(environment.query("SELECT extractor FROM extraction_runs"), ["prices"]);
    // A path is never a name, and a name that is none is told with those that there are.
    environment.host(["run", "./prices"]).exits(2).says("cannot run ./prices");
    environment
        .host(["run", "price"])
        .exits(2)
        .says("there is no extractor `price`, and no such file\nhint: host.toml has prices");
    environment.host(["run", "prices", "--name", "x"]).exits(2).says("host.toml names the extractor `prices` already");
    for command in ["inspect", "allow"] {
        let ran = environment.host([command, "prices"]).exits(0);
        assert!(ran.stdout.contains(&format!("already granted: requests to {}", origin.grant())), "{ran:?}");
    }
}

#[test]
fn paths_in_a_configuration_begin_at_its_folder() {
    let (environment, origin) = served();
    let text = extractor("prices", &origin, "/a.csv").replace(&format!("{:?}", guest("mirror")), "\"mirror.wasm\"");
    environment.write("etc/host.toml", format!("[defaults]\nlanding = \"../zone\"\n{text}"));
    fs::copy(guest("mirror"), environment.path().join("etc/mirror.wasm")).expect("a component");
    let host = |arguments: &[&str]| {
        let mut command = environment.command(arguments);
        harness::Ran::new(command.env_remove("LANDING_DIR").output().expect("the program"))
    };
    let config = ["--config", "etc/host.toml"];
    host(&[&["run", "prices"], &config[..]].concat()).exits(0);
    assert!(environment.path().join("zone/prices").is_dir());
    for command in ["runs", "cursor", "verify", "repair"] {
        host(&[&[command], &config[..]].concat()).exits(0);
    }
    // The flag wins over the file.
    host(&[&["run", "prices", "--landing", "other"], &config[..]].concat()).exits(0);
    assert!(environment.path().join("other/prices").is_dir());
}

#[test]
fn the_first_configuration_that_is_found_counts_alone() {
    let (environment, origin) = served();
    let home = environment.path().join("home");
    let user = environment.write("home/.config/host/host.toml", extractor("mine", &origin, "/a.csv"));
    let host = |arguments: &[&str]| {
        let mut command = environment.command(arguments);
        harness::Ran::new(command.env("HOME", &home).output().expect("the program"))
    };
    host(&["run", "mine"]).exits(0);
    environment.write("host.toml", extractor("here", &origin, "/a.csv"));
    host(&["run", "here"]).exits(0);
    host(&["run", "mine"]).exits(2).says("hint: host.toml has here");
    let user = user.display().to_string();
    host(&["run", "mine", "--config", &user]).exits(0);
    let mut by_variable = environment.command(["run", "mine"]);
    harness::Ran::new(by_variable.env("HOST_CONFIG", &user).output().expect("the program")).exits(0);
}

#[test]
fn a_configuration_that_others_may_write_is_refused() {
    let (environment, origin) = served();
    let path = environment.write("host.toml", extractor("prices", &origin, "/a.csv"));
    let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    mode(0o666);
    for command in ["run", "inspect", "allow"] {
        environment
            .host([command, "prices"])
            .exits(2)
            .says("cannot read the configuration host.toml: others may write it (its mode is 0666)")
            .says("hint: `chmod go-w host.toml` takes that away");
    }
    assert!(origin.asked().is_empty() && !environment.landing().exists());
    // A group of the user's own is not others.
    mode(0o664);
    environment.host(["inspect", "prices"]).exits(0);
    if chown(&path, None, Some(12)).is_ok() {
        environment.host(["inspect", "prices"]).exits(2).says("others may write it (its mode is 0664)");
        mode(0o644);
        environment.host(["inspect", "prices"]).exits(0);
        chown(&path, Some(1234), None).expect("root");
        environment.host(["inspect", "prices"]).exits(2).says("it belongs to the user 1234");
    }
}

#[test]
fn a_mistake_points_at_its_line() {
    let environment = environment();
    for (text, says) in [
        ("[extractor.x]\nschedule = \"often\"\n", "line 2: `extractor.x.schedule`: `often` is no schedule"),
        ("[extractor.x]\n\nschedule = \"61 * * * *\"\n", "line 3: `extractor.x.schedule`: `61 * * * *` is no schedule"),
        ("[defaults]\ntime-zone = \"Mars/Utopia\"\n", "line 2: `defaults.time-zone`: `Mars/Utopia` is no time zone"),
        ("[defaults]\nstale-after = \"soon\"\n", "line 2: `defaults.stale-after`: `soon` is no duration"),
        ("[defaults.budget]\ntimeout = \"soon\"\n", "line 2: `defaults.budget.timeout`: `soon` is no duration"),
        ("[defaults]\nhttp = []\n", "line 2: `defaults.http`: unknown field `http`"),
        ("[extractor.x]\ncomponent = 7\n", "line 2: `extractor.x.component`: invalid type: integer `7`"),
    ] {
        environment.write("host.toml", text);
        environment.host(["run", "x"]).exits(2).says(&format!("host.toml: {says}"));
    }
}

#[test]
fn budgets_of_all_are_those_of_one_that_says_nothing() {
    let (environment, origin) = served();
    let defaults = "[defaults.budget]\nmax-body = \"3B\"\n";
    environment.write("host.toml", format!("{defaults}{}", extractor("prices", &origin, "/a.csv")));
    environment.host(["run", "prices"]).exits(1).says("larger than the limit of 3 bytes");
    let own = "[extractor.prices.budget]\nmax-body = \"1KiB\"\n";
    environment.write("host.toml", format!("{defaults}{}{own}", extractor("prices", &origin, "/a.csv")));
    environment.host(["run", "prices"]).exits(0);
}
