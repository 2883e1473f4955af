//! Tokens of machines that share a landing zone in an object store: kept there, sealed, and got once for all of them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use harness::between::Fault;
use harness::provider::{BASIC, CLIENT_CREDENTIALS, Count, NATIVE, Provider, REFRESH_TOKEN, When};
use harness::soak::times;
use harness::stores::Make;
use harness::{Ran, guest};

use super::{Place, end_of, ended};
use crate::tokens::consent::told_url;
use crate::tokens::{client, granted, refresh};

/// Two keys, as `openssl rand -base64 32` and `openssl rand -hex 32` make them.
const KEY: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
const OTHER: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// The two machines, each with an extractor of its own that has the same right.
const MACHINES: [&str; 2] = ["one", "two"];
/// How long the test itself waits for something that has to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A store, a server that gives tokens, and machines that are granted one.
struct Shared {
    place: Place,
    provider: Rc<Provider>,
}

impl Shared {
    /// One whose token is got as these lines say; `None`, with the reason printed, where it cannot be had.
    fn new(make: Make, lines: &str) -> Option<Self> {
        Self::with(Rc::new(Provider::start()?), make, lines)
    }

    fn with(provider: Rc<Provider>, make: Make, lines: &str) -> Option<Self> {
        provider.forget();
        let shared = Self { place: Place::new(make)?, provider };
        shared.configure("[store]\ntoken-key = { env = \"TOKEN_KEY\" }\n", lines);
        for machine in MACHINES {
            // What was compiled is shared by all tests.
            let (cache, command) = (shared.home(machine).join("cache/host"), shared.place.environment.command([""; 0]));
            let all = command.get_envs().find(|(name, _)| *name == "XDG_CACHE_HOME").and_then(|(_, value)| value);
            let compiled = Path::new(all.expect("a cache")).join("host/compiled");
            fs::create_dir_all(&compiled).expect("a directory");
            fs::create_dir_all(&cache).expect("a directory");
            symlink(compiled, cache.join("compiled")).expect("a link");
        }
        Some(shared)
    }

    fn configure(&self, store: &str, lines: &str) {
        let grants = MACHINES.map(|machine| granted(machine, &self.provider, lines));
        self.place.environment.write("host.toml", format!("{store}{}", grants.concat()));
    }

    fn home(&self, machine: &str) -> std::path::PathBuf {
        self.place.environment.path().join("machines").join(machine)
    }

    /// A run on a machine that asks for one item with the token, which is got with that secret at first.
    fn command(&self, machine: &str, number: u32, secret: &str) -> Command {
        let mut command = self.asking(machine, machine, number);
        command.env("CLIENT_SECRET", secret);
        command
    }

    /// A run of the extractor of that name that asks for one item.
    fn asking(&self, machine: &str, name: &str, number: u32) -> Command {
        let mut command = self.named(machine, "run", name);
        let url = format!("url={}", self.provider.item(number));
        command.args(["--json", "--param", "do=secret", "--param", &url, "--param", "secret=token", "-vv"]);
        command
    }

    /// A subcommand on a machine, for the extractor of that name.
    fn named(&self, machine: &str, subcommand: &str, name: &str) -> Command {
        let (mut command, home) = (self.place.command([subcommand]), self.home(machine));
        command.arg(guest("probe")).args(["--name", name]).env("TOKEN_KEY", KEY);
        command.env("HOME", &home).env("XDG_STATE_HOME", home.join("state")).env("XDG_CACHE_HOME", home.join("cache"));
        command
    }

    fn run(&self, machine: &str, number: u32, secret: &str) -> Ran {
        ended(self.command(machine, number, secret))
    }

    /// The objects that tokens are kept in, by the whole of their names, without what says which key is theirs.
    fn kept(&self) -> BTreeMap<String, Vec<u8>> {
        let mut objects = self.place.store.objects();
        objects.retain(|path, _| path.starts_with(".state/.tokens/") && !path.ends_with("/.key"));
        objects
    }

    /// Insist that no token and no refresh token is in any object or in any file of a machine.
    #[track_caller]
    fn tells_nobody(&self) {
        let tokens = self.provider.used().into_iter().filter_map(|used| used.token);
        let refreshed =
            self.provider.requested().into_iter().filter_map(|asked| asked.params.get("refresh_token").cloned());
        let secrets: Vec<String> = tokens.chain(refreshed).collect();
        assert!(!secrets.is_empty());
        for (path, content) in self.place.store.objects() {
            let mut unpacked = Vec::new();
            // What is no gzip file has been looked at.
            let _ = MultiGzDecoder::new(&content[..]).read_to_end(&mut unpacked);
            let all = [content, unpacked];
            for secret in &secrets {
                let found = all.iter().any(|text| text.windows(secret.len()).any(|part| part == secret.as_bytes()));
                assert!(!found, "{path} holds a token");
            }
        }
        for machine in MACHINES {
            assert!(!self.home(machine).join("state/host/tokens").exists(), "{machine} keeps tokens itself");
            for secret in &secrets {
                crate::secrets::search(&self.home(machine), secret.as_bytes());
            }
        }
    }

    /// How often the objects of tokens were asked for.
    fn looks(&self) -> usize {
        let asked = self.place.between.asked();
        asked.iter().filter(|sent| sent.method == "GET" && sent.target.contains("/.tokens/127.0.0.1-")).count()
    }
}

fn count(asked: usize, given: usize) -> Count {
    Count { asked, given }
}

/// Wait until that holds.
#[track_caller]
fn until(mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "it never came");
        std::thread::yield_now();
    }
}

#[test]
fn a_refresh_token_is_followed_by_the_next_on_whichever_machine() {
    for make in Make::ALL {
        let Some(shared) = Shared::new(make, &refresh()) else { continue };
        let first = shared.provider.refresh_token(NATIVE);
        for (number, machine) in ["one", "two", "two", "one"].into_iter().enumerate() {
            shared.run(machine, number as u32 + 1, &first).exits(0);
            shared.provider.revoke();
        }
        assert_eq!(shared.provider.count(REFRESH_TOKEN), count(4, 4), "{make:?}");
        let requested = shared.provider.requested();
        let used: Vec<_> = requested.iter().map(|asked| asked.params["refresh_token"].clone()).collect();
        assert!(used[0] == first && used.windows(2).all(|two| two[0] != two[1]), "each is used once");
        assert_eq!(shared.kept().len(), 1);
        shared.tells_nobody();
        // What is good still is taken by the other one.
        shared.run("one", 5, &first).exits(0);
        shared.run("two", 6, &first).exits(0);
        assert_eq!(shared.provider.count(REFRESH_TOKEN), count(5, 5), "{make:?}");
    }
}

#[test]
fn two_machines_at_once_refresh_once() {
    for make in Make::ALL {
        let Some(shared) = Shared::new(make, &refresh()) else { continue };
        let first = shared.provider.refresh_token(NATIVE);
        shared.provider.hold(When::Before);
        let mut command = shared.command("one", 1, &first);
        let one = command.spawn().expect("the program");
        shared.provider.wait_until_held(1);
        let before = shared.looks();
        let two = shared.command("two", 2, &first).spawn().expect("the program");
        // It looks once by itself and once to begin. Whoever looks again is waiting.
        until(|| shared.looks() >= before + 4);
        assert_eq!(shared.provider.release(), 1);
        for run in [one, two] {
            end_of(run).exits(0);
        }
        assert_eq!(shared.provider.count(REFRESH_TOKEN), count(1, 1), "{make:?}");
        assert_eq!(shared.provider.used().len(), 2);
    }
}

#[test]
fn a_run_that_is_killed_between_use_and_store_loses_no_right_of_the_others() {
    for make in Make::ALL {
        for when in [When::Before, When::After] {
            let Some(shared) = Shared::new(make, &refresh()) else { continue };
            let first = shared.provider.refresh_token(NATIVE);
            shared.provider.hold(when);
            let mut killed = shared.command("one", 1, &first).spawn().expect("the program");
            shared.provider.wait_until_held(1);
            killed.kill().expect("a kill");
            killed.wait().expect("the program");
            shared.provider.release();
            shared.run("two", 2, &first).exits(0);
            assert_eq!(shared.provider.count(REFRESH_TOKEN), count(1, 1), "{make:?}, {when:?}");
        }
    }
}

#[test]
fn a_store_that_loses_requests_and_answers_loses_no_token() {
    let Some(honest) = Shared::new(Make::S3, &refresh()) else { return };
    honest.run("one", 1, &honest.provider.refresh_token(NATIVE)).exits(0);
    let asked = honest.place.between.asked();
    let numbers: Vec<usize> = (0..asked.len()).filter(|number| asked[*number].target.contains("/.tokens/")).collect();
    assert!(numbers.len() > 5, "{asked:?}");
    let faults = [Fault::Unanswered, Fault::Before(503), Fault::Lost, Fault::After(500)];
    for number in numbers {
        for fault in faults.iter().take(times(2, 4)).cloned() {
            let when = format!("{fault:?} at {number}");
            let provider = Rc::clone(&honest.provider);
            let Some(shared) = Shared::with(provider, Make::S3, &refresh()) else { return };
            let first = shared.provider.refresh_token(NATIVE);
            shared.place.between.script([(number, fault)]);
            let ran = shared.run("one", 1, &first);
            assert_eq!(ran.code, Some(0), "{when}: {}", ran.stderr);
            shared.provider.revoke();
            shared.run("two", 2, &first).exits(0);
            assert_eq!(shared.provider.count(REFRESH_TOKEN), count(2, 2), "{when}");
        }
    }
}

#[test]
fn what_somebody_agrees_to_on_one_machine_holds_for_all() {
    let Some(shared) = Shared::new(Make::S3, "") else { return };
    let grant = format!(
        "grant = \"authorization-code\"\nclient-id = \"{NATIVE}\"\nauthorization-url = \"{}\"\nscopes = [\"read\"]",
        shared.provider.authorization()
    );
    shared.configure("[store]\ntoken-key = { env = \"TOKEN_KEY\" }\n", &grant);
    let mut agreeing = shared.named("one", "auth", "one").args(["--wait", "60s"]).spawn().expect("the program");
    let mut lines = BufReader::new(agreeing.stdout.take().expect("a pipe")).lines();
    shared.provider.browser(&told_url(&mut lines));
    end_of(agreeing).exits(0);
    let last = lines.map(|line| line.expect("a line")).last().expect("a line");
    let place = format!("is kept in {}/.state/.tokens/", shared.place.store.address());
    assert!(last.contains(&place), "{last}");
    for (number, machine) in ["two", "one", "two"].into_iter().enumerate() {
        ended(shared.asking(machine, "one", number as u32 + 1)).exits(0);
        shared.provider.revoke();
    }
    assert_eq!(shared.provider.count(REFRESH_TOKEN), count(2, 2));
    shared.tells_nobody();
}

#[test]
fn an_answer_is_kept_although_the_store_fails_for_a_while() {
    let Some(shared) = Shared::new(Make::S3, &refresh()) else { return };
    shared.configure("[store]\ntimeout = \"1s\"\ntoken-key = { env = \"TOKEN_KEY\" }\n", &refresh());
    let first = shared.provider.refresh_token(NATIVE);
    shared.provider.hold(When::After);
    let run = shared.command("one", 1, &first).spawn().expect("the program");
    shared.provider.wait_until_held(1);
    shared.place.between.script([]);
    shared.place.between.refuse(&["PUT"], 503, "SlowDown", &[]);
    shared.provider.release();
    // More often than one write is tried again.
    until(|| shared.place.between.asked().iter().filter(|sent| sent.method == "PUT").count() > 12);
    shared.place.between.relent();
    end_of(run).exits(0);
    shared.provider.revoke();
    shared.run("two", 2, &first).exits(0);
    assert_eq!(shared.provider.count(REFRESH_TOKEN), count(2, 2));
}

#[test]
fn a_run_that_is_interrupted_while_a_token_is_got_ends_and_the_token_is_there_for_the_next() {
    let Some(shared) = Shared::new(Make::S3, &refresh()) else { return };
    let first = shared.provider.refresh_token(NATIVE);
    shared.provider.hold(When::After);
    let run = shared.command("one", 1, &first).spawn().expect("the program");
    shared.provider.wait_until_held(1);
    crate::signals::signal("INT", run.id());
    end_of(run).exits(130).says("interrupted by SIGINT");
    shared.provider.release();
    shared.run("two", 2, &first).exits(0);
    assert_eq!(shared.provider.count(REFRESH_TOKEN), count(1, 1));
}

#[test]
fn a_wrong_key_and_a_damaged_object_are_one_sentence_and_nothing_is_overwritten() {
    let Some(shared) = Shared::new(Make::S3, &refresh()) else { return };
    let first = shared.provider.refresh_token(NATIVE);
    shared.run("one", 1, &first).exits(0);
    shared.provider.revoke();
    let before = shared.kept();
    let mut other = shared.command("two", 2, &first);
    other.env("TOKEN_KEY", OTHER);
    ended(other).exits(1).says("sealed with another key than `token-key` under [store] in host.toml gives");
    assert_eq!(shared.kept(), before);

    let path = before.keys().next().expect("an object").clone();
    shared.place.store.put(&path, b"damaged");
    let says = format!("what is kept in {}/{path} is damaged; remove it to begin anew", shared.place.store.address());
    shared.run("two", 2, &first).exits(1).says(&says);
    assert_eq!(shared.kept()[&path], b"damaged");
    assert_eq!(shared.provider.count(REFRESH_TOKEN), count(1, 1), "nobody was asked");
}

#[test]
fn without_a_key_only_tokens_that_come_again_are_kept_and_by_each_machine() {
    let Some(shared) = Shared::new(Make::S3, &refresh()) else { return };
    for (store, key, says) in [
        ("", KEY, "`token-key` under [store] in host.toml keeps it there, sealed"),
        ("[store]\ntoken-key = { env = \"NONE\" }\n", KEY, "the variable NONE is not set"),
        ("[store]\ntoken-key = { env = \"TOKEN_KEY\" }\n", "c2hvcnQ=", "it has 5 bytes, and a key has 32"),
        ("[store]\ntoken-key = { env = \"TOKEN_KEY\" }\n", "a word", "it is neither Base64 nor 64 hexadecimal digits"),
    ] {
        shared.configure(store, &refresh());
        let mut command = shared.command("one", 1, "a token");
        command.env("TOKEN_KEY", key);
        let ran = ended(command).exits(2).says(says).says("`openssl rand -base64 32`");
        assert!(!ran.stderr.contains(key), "{ran:?}");
    }
    assert_eq!((shared.kept().len(), shared.provider.requested().len()), (0, 0));

    shared.configure("", &client(BASIC));
    for machine in MACHINES {
        shared.run(machine, 1, BASIC.1).exits(0);
        shared.run(machine, 2, BASIC.1).exits(0);
    }
    assert_eq!(shared.provider.count(CLIENT_CREDENTIALS), count(2, 2));
    assert_eq!(shared.kept().len(), 0);
    shared.provider.forget();
    shared.configure("[store]\ntoken-key = { env = \"TOKEN_KEY\" }\n", &client(BASIC));
    for machine in MACHINES {
        shared.run(machine, 3, BASIC.1).exits(0);
    }
    assert_eq!(shared.provider.count(CLIENT_CREDENTIALS), count(1, 1), "the second machine has the first one's");
    assert_eq!(shared.kept().len(), 1);
}

#[test]
fn what_looks_after_a_zone_leaves_tokens_where_they_are() {
    let (Some(shared), Some(elsewhere)) = (Shared::new(Make::S3, &refresh()), Place::new(Make::S3)) else { return };
    shared.run("one", 1, &shared.provider.refresh_token(NATIVE)).exits(0);
    let (place, before) = (&shared.place, shared.kept());
    let found = place.host(["verify", "--read-data"]).exits(0).stdout;
    assert!(found.contains("nothing wrong"), "{found}");
    place.host(["repair"]).exits(0);
    place.host(["runs"]).exits(0);
    place.host(["state", "export", "all.sqlite"]).exits(0);
    let exported = fs::read(place.environment.path().join("all.sqlite")).expect("a database");
    assert!(!exported.windows(7).any(|part| part == b".tokens"));
    let store = place.store.address();
    for to in ["here", &elsewhere.store.address()] {
        let copied = place.host(["copy", &store, to, "--json"]).exits(0).json();
        assert_eq!((&copied["foreign"], &copied["failures"]), (&0.into(), &0.into()), "{copied}");
    }
    assert!(!place.environment.path().join("here/.state").exists());
    let there: Vec<String> = elsewhere.store.objects().into_keys().collect();
    assert!(!there.iter().any(|path| path.contains("token")), "{there:?}");
    assert_eq!(shared.kept(), before);
}
