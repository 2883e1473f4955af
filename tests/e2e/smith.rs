//! Components that nobody wrote, through the real program: it never panics, never dies, always says what was wrong, and
//! whatever is in the landing zone afterwards is whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use harness::smith::Forge;
use harness::soak::{Numbers, times};
use harness::{Environment, Ran, guest, smith};

use crate::environment;

/// How many processes run at once.
const AT_ONCE: usize = 2;
/// All exit codes that a run without a signal or a rival may have.
const CODES: [i32; 5] = [0, 1, 2, 3, 77];

/// The component of that number, what kind it is, and arguments that it may know.
fn forged(seed: u64, forge: &Forge, guests: &[Vec<u8>; 2]) -> (&'static str, Vec<u8>, &'static [&'static str]) {
    let mut numbers = Numbers::new(seed);
    match seed % 5 {
        0 => ("any", smith::any(&mut numbers), &[]),
        1 | 2 => ("of the contract", forge.of_contract(&mut numbers), &[]),
        3 => ("probe", smith::mutated(&mut numbers, &guests[0]), &["--param", "do=made", "--param", "size=1000"]),
        _ => ("mirror", smith::mutated(&mut numbers, &guests[1]), &["--param", "url=http://127.0.0.1:9/"]),
    }
}

fn run(environment: &Environment, component: &Path, arguments: &[&str]) -> Ran {
    let mut command = environment.command(["run", "--timeout", "1s", "--max-cpu", "50ms", "--max-memory", "64MiB"]);
    command.arg(component).args(["--name", "forged"]).args(arguments);
    command.env("XDG_CACHE_HOME", environment.path().join("cache"));
    Ran::new(command.output().expect("the program"))
}

/// What is wrong with how a run ended.
fn wrong(ran: &Ran) -> Option<&'static str> {
    let errors = ran.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    match ran.code {
        None => Some("a signal killed it"),
        Some(code) if !CODES.contains(&code) => Some("no such exit code"),
        _ if ran.stderr.contains("panicked") => Some("it panicked"),
        Some(0) if errors != 0 => Some("an error and success"),
        Some(1..) if errors != 1 => Some("not one error"),
        _ => None,
    }
}

/// Run these components, and count how each kind ended.
fn work(seeds: impl Iterator<Item = u64>, guests: &[Vec<u8>; 2]) -> BTreeMap<(&'static str, Option<i32>), u64> {
    let (environment, forge) = (environment(), Forge::default());
    let mut seen = BTreeMap::new();
    for seed in seeds {
        let (kind, component, arguments) = forged(seed, &forge, guests);
        let path = environment.write("forged.wasm", &component);
        let ran = run(&environment, &path, arguments);
        if let Some(wrong) = wrong(&ran) {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("forged-{seed}.wasm"));
            fs::write(&kept, component).expect("a file");
            panic!("{wrong}: {kind}, {}: {ran:?}", kept.display());
        }
        *seen.entry((kind, ran.code)).or_default() += 1;
    }
    // What landed was whole, and nothing else is there.
    environment.host(["verify", "--read-data"]).exits(0);
    seen
}

#[test]
fn no_component_takes_the_host_down() {
    let guests = ["probe", "mirror"].map(|name| fs::read(guest(name)).expect("a guest"));
    let (guests, count) = (&guests, times(2_000, 100_000) as u64);
    let seen: Vec<_> = std::thread::scope(|scope| {
        let worker = |first| scope.spawn(move || work((first..count).step_by(AT_ONCE), guests));
        let workers: Vec<_> = (0..AT_ONCE as u64).map(worker).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect()
    });
    // Else most of them were refused before any of their code ran, and this says little.
    let all = |kind: &str, code: i32| -> u64 {
        seen.iter().filter(|((one, end), _)| *one == kind && *end == Some(code)).map(|(_, count)| count).sum()
    };
    assert_eq!(all("of the contract", 2), 0, "{seen:?}");
    assert!(all("probe", 0) > count / 100 && all("mirror", 77) > count / 100, "{seen:?}");
}
