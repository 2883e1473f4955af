//! Tokens that somebody has to agree to: in a browser, and on another device.

use std::path::PathBuf;
use std::process::{Child, Command};

use harness::provider::{DEVICE, DEVICE_CODE, NATIVE, Provider, REFRESH_TOKEN, When};
use harness::{Environment, Origin, Ran};

use super::{count, granted, kept, run, spawned};
use crate::environment;

/// `host auth` of the probe, started; and its output, line by line.
fn asking(environment: &Environment) -> (Child, std::io::Lines<std::io::BufReader<std::process::ChildStdout>>) {
    let component = harness::guest("probe").display().to_string();
    let mut command = environment.command(["auth", &component, "--wait", "60s"]);
    command.env("XDG_STATE_HOME", environment.path().join("state"));
    let mut child = spawned(command);
    let output = child.stdout.take().expect("a pipe");
    (child, std::io::BufRead::lines(std::io::BufReader::new(output)))
}

/// The next URL that is told.
pub(crate) fn told_url(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> String {
    let mut lines = lines.map(|line| line.expect("a line"));
    lines.find_map(|line| line.trim().starts_with("http://").then(|| line.trim().to_owned())).expect("a URL")
}

/// A probe that is granted a token which somebody has to agree to on another device.
fn for_a_device(provider: &Provider) -> Environment {
    let environment = environment();
    let place = provider.device_authorization();
    let lines = format!("grant = \"device-code\"\nclient-id = \"{DEVICE}\"\ndevice-url = \"{place}\"");
    environment.write("host.toml", granted("probe", provider, &lines));
    environment
}

#[test]
fn somebody_agrees_in_a_browser_once() {
    let Some(provider) = Provider::start() else { return };
    let environment = environment();
    let lines = format!(
        "grant = \"authorization-code\"\nclient-id = \"{NATIVE}\"\nauthorization-url = \"{}\"\nscopes = [\"read\"]",
        provider.authorization()
    );
    environment.write("host.toml", granted("probe", &provider, &lines));
    run(&environment, &provider.item(1), "").exits(1).says("nobody has agreed to it yet; `host auth ");

    provider.set(&serde_json::json!({ "refuse": true }));
    let (child, mut lines) = asking(&environment);
    let page = provider.browser(&told_url(&mut lines));
    assert!(page.text.contains("Nothing was agreed to"), "{page:?}");
    Ran::new(child.wait_with_output().expect("the program")).exits(1).says("it refuses: access_denied");
    assert_eq!(kept(&environment), [] as [PathBuf; 0]);

    provider.set(&serde_json::json!({ "refuse": false }));
    let (child, mut lines) = asking(&environment);
    let url = told_url(&mut lines);
    let page = provider.browser(&url);
    assert!(page.url.starts_with("http://127.0.0.1:") && page.text.contains("You can close this page"), "{page:?}");
    Ran::new(child.wait_with_output().expect("the program")).exits(0);
    assert!(url.contains("code_challenge_method=S256"), "{url}");
    let last = lines.map(|line| line.expect("a line")).last().expect("a line");
    assert!(last.contains("The token `token` of probe is kept in "), "{last}");
    for number in 1..4 {
        run(&environment, &provider.item(number), "").exits(0);
        provider.revoke();
    }
    assert_eq!(provider.count(REFRESH_TOKEN), count(2, 2));
    provider.withdraw();
    run(&environment, &provider.item(9), "")
        .exits(1)
        .says("invalid_grant")
        .says("`host auth ")
        .says("asks somebody to agree");
}

#[test]
fn somebody_agrees_on_another_device() {
    let Some(provider) = Provider::start() else { return };
    let environment = for_a_device(&provider);
    provider.set(&serde_json::json!({ "slow_down": 1 }));
    let (child, mut lines) = asking(&environment);
    told_url(&mut lines);
    // The second URL has the code in it.
    provider.browser(&told_url(&mut lines));
    Ran::new(child.wait_with_output().expect("the program")).exits(0);
    run(&environment, &provider.item(1), "").exits(0);
    let polls = provider.requested().iter().filter(|asked| asked.grant == DEVICE_CODE).count();
    assert!(polls >= 2, "{polls}: the first one was told to slow down");
}

#[test]
fn whoever_waits_for_somebody_to_agree_can_give_up() {
    let Some(provider) = Provider::start() else { return };
    let environment = for_a_device(&provider);
    let (child, mut lines) = asking(&environment);
    told_url(&mut lines);
    // Once it has asked for the first time.
    provider.hold(When::Before);
    provider.wait_until_held(1);
    provider.release();
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    let ended = child.wait_with_output().expect("the program").status;
    assert!(!ended.success(), "{ended}");
    assert_eq!(kept(&environment), [] as [PathBuf; 0]);
}

#[test]
fn what_is_wrong_with_an_order_to_agree_is_said() {
    let (environment, place) = (environment(), Origin::start());
    // One that does not say what it asks for.
    let component = environment.write("probe.wasm", harness::without_manifest(&harness::guest("probe")));
    let component = component.display().to_string();
    environment.write("host.toml", "");
    let auth = |more: &[&str]| {
        let mut command = environment.command([&["auth", &component], more].concat());
        command.env("XDG_STATE_HOME", environment.path().join("state"));
        Ran::new(command.output().expect("the program"))
    };
    auth(&[]).exits(2).says("probe has no granted secret that somebody has to agree to").says("hint: `host allow ");
    let secret = |name: &str| {
        format!(
            "[extractor.probe.secret.{name}]\nas = \"bearer\"\norigins = [\"{0}\"]\n[extractor.probe.secret.{name}.oauth]\n\
             grant = \"authorization-code\"\nclient-id = \"{name}\"\ntoken-url = \"{1}\"\nauthorization-url = \"{1}\"\n",
            place.grant(),
            place.url("/x")
        )
    };
    environment.write("host.toml", secret("one") + &secret("two"));
    auth(&[]).exits(2).says("somebody has to agree to `one` and `two` of probe").says("--secret NAME");
    auth(&["--secret", "three"]).exits(2).says("no granted secret `three`");
    auth(&["--secret", "one", "--wait", "1s"]).exits(1).says("nobody came back from the browser in time");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    auth(&["--secret", "one", "--port", &port]).exits(1).says("cannot wait for the browser");
    assert_eq!(place.asked(), []);
}
