//! How a component that was not seen before is compiled, and where the result is kept.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use harness::component::laborious;
use harness::{Environment, Ran, guest, under};

use crate::{environment, rich_and_lean};

/// `host run` of the component at that path, with a store of compiled components of its own. The probe does nothing then.
fn command(environment: &Environment, component: &Path) -> Command {
    let mut command = environment.command(["run"]);
    command.arg(component);
    if component == guest("probe") {
        command.args(["--param", "do=denied", "--param", "count=0"]);
    }
    command.env("XDG_CACHE_HOME", environment.path().join("cache"));
    command
}

fn run(environment: &Environment) -> Ran {
    Ran::new(command(environment, &guest("probe")).output().expect("the program"))
}

/// A guest that is compiled, and then says that it lacks a parameter or a grant.
fn compiled(environment: &Environment, name: &str) {
    // Without any grant it would not even be compiled.
    let ran = command(environment, &guest(name)).args(["--allow-source", "feeds"]).output().expect("the program");
    let ran = Ran::new(ran);
    assert!([Some(1), Some(77)].contains(&ran.code), "{ran:?}");
}

fn limited(limit: &str, inner: &Command) -> Ran {
    let mut bash = Command::new("bash");
    bash.args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")]);
    Ran::new(under(bash, inner).output().expect("bash"))
}

fn store(environment: &Environment) -> PathBuf {
    environment.path().join("cache/host/compiled")
}

/// The files of the store, by name.
fn stored(environment: &Environment) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(store(environment)) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

/// The one compiled component of a store that was used once.
fn only(environment: &Environment) -> PathBuf {
    let stored = stored(environment);
    assert_eq!(stored.len(), 1, "{stored:?}");
    stored[0].clone()
}

fn aged(path: &Path, hours: u64) {
    let file = File::options().write(true).open(path).expect("a file");
    file.set_modified(SystemTime::now() - Duration::from_secs(hours * 60 * 60)).expect("a time");
}

#[test]
fn compiling_stops_at_its_limits_and_nothing_was_started() {
    // Each limit is the operator's here, who may set less than the host does.
    for (limit, says) in [("-t 2", "the limit of 1 s of computing"), ("-d 150000", "the limit of 146 MiB of memory")] {
        let environment = environment();
        let component = environment.write("hard.wasm", laborious(1, 1500, 300));
        let ran = limited(limit, &command(&environment, &component)).exits(2);
        ran.says(&format!("error: cannot run {}: compiling it took more than {says}\n", component.display()));
        assert!(!environment.landing().exists());
        assert!(stored(&environment).is_empty());
        // It is the other process that the limit meets.
        limited(limit, &command(&environment, &guest("probe"))).exits(0);
    }
}

#[test]
fn the_compiler_gets_nothing_but_the_component() {
    if !crate::injected::strace() {
        return;
    }
    let environment = environment();
    let log = environment.path().join("strace.log");
    let mut outer = Command::new("bash");
    outer.args(["-c", "exec 9</dev/null && exec \"$0\" \"$@\"", "strace", "-f", "-qq", "-v", "-o"]).arg(&log);
    outer.args(["-e", "trace=execve,close,prlimit64,prctl,read"]);
    Ran::new(under(outer, &command(&environment, &guest("probe"))).output().expect("strace")).exits(0);
    let log = fs::read_to_string(log).expect("a log");
    let (_, compiler) =
        log.split_once("execve(\"/proc/self/exe\", [\"host\", \"compile\"], [\"RAYON_NUM_THREADS=").expect(&log);
    assert_eq!(compiler.split_once(']').expect(&log).0.matches('=').count(), 0, "{compiler}");
    let (before, _) = compiler.split_once("read(0, \"\\0asm").expect(&log);
    for call in [
        "close(9) ",
        "PR_SET_PDEATHSIG, SIGKILL",
        "RLIMIT_DATA, {rlim_cur=2097152*1024",
        "RLIMIT_CPU, {rlim_cur=300",
        "RLIMIT_FSIZE, {rlim_cur=0",
        "RLIMIT_CORE, {rlim_cur=0",
        "RLIMIT_NOFILE, {rlim_cur=16",
    ] {
        assert!(before.contains(call), "no {call} before the component is read:\n{before}");
    }
}

#[test]
fn the_compiler_dies_with_the_host() {
    rich_and_lean().iter().for_each(dies_with_the_host);
}

fn dies_with_the_host(environment: &Environment) {
    let component = environment.write("hard.wasm", laborious(1, 2000, 300));
    let mut host = command(environment, &component).spawn().expect("the program");
    let children = format!("/proc/{0}/task/{0}/children", host.id());
    let compiler: String = loop {
        let children = fs::read_to_string(&children).expect("a list of children");
        match children.split_whitespace().next() {
            Some(child) => break child.to_owned(),
            None => std::thread::yield_now(),
        }
        assert!(host.try_wait().expect("the program").is_none(), "it ended");
    };
    // Until it has read all of the component: a half one would end it by itself.
    let size = fs::metadata(&component).expect("a component").len();
    let has_read = |compiler: &str| -> Option<u64> {
        let counters = fs::read_to_string(format!("/proc/{compiler}/io")).ok()?;
        counters.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse().ok())
    };
    while has_read(&compiler).expect("a compiler") < size {
        std::thread::yield_now();
    }
    host.kill().expect("a kill");
    host.wait().expect("the program");
    let ended = Command::new("timeout").args(["20", "tail", "--pid", &compiler, "-f", "/dev/null"]).status();
    assert!(ended.expect("tail").success(), "the compiler goes on");
}

#[test]
fn a_program_that_was_replaced_still_compiles() {
    let environment = environment();
    let (program, pipe) = (environment.path().join("copy"), environment.path().join("pipe.wasm"));
    fs::copy(crate::program(), &program).expect("a copy");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let mut copy = Command::new(&program);
    let inner = command(&environment, &pipe);
    copy.args(inner.get_args())
        .args(["--param", "do=denied", "--param", "count=0"])
        .env_clear()
        .env("LANDING_DIR", environment.landing());
    let child = copy.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
    // Opening waits until the program reads; by then it runs, and its file may go.
    let mut input = File::options().write(true).open(&pipe).expect("a pipe");
    fs::remove_file(&program).expect("a file");
    std::io::Write::write_all(&mut input, &fs::read(guest("probe")).expect("a guest")).expect("a component");
    drop(input);
    // Without a home there is no store either.
    Ran::new(child.wait_with_output().expect("the program")).exits(0);
}

#[test]
fn what_is_not_exactly_what_was_kept_is_compiled_again() {
    let environment = environment();
    run(&environment).exits(0);
    let path = only(&environment);
    let whole = fs::read(&path).expect("a file");
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        bytes
    };
    let spoilt = [
        Vec::new(),
        b"abc".to_vec(),
        whole[..whole.len() / 2].to_vec(),
        whole[..whole.len() - 1].to_vec(),
        [&whole[..], b"x"].concat(),
        vec![0; whole.len()],
        flipped(0x20),
        flipped(0x2000),
        flipped(whole.len() / 2),
        flipped(whole.len() - 1),
    ];
    for (turn, bytes) in spoilt.iter().enumerate() {
        fs::write(&path, bytes).expect("a file");
        run(&environment).exits(0);
        assert!(fs::read(&path).expect("a file") == whole, "turn {turn}");
    }
    // Nor does one component pass for another.
    let other = store(&environment).join("other.cwasm");
    let mut mirror = command(&environment, &guest("mirror"));
    Ran::new(mirror.output().expect("the program")).exits(1);
    let kept = stored(&environment).into_iter().find(|found| *found != path).expect("another component");
    fs::rename(&kept, &other).expect("a file");
    fs::copy(&path, &kept).expect("a file");
    Ran::new(mirror.output().expect("the program")).exits(1).says("url");
    assert!(fs::read(&kept).expect("a file") != whole);
}

#[test]
fn a_file_that_others_may_write_is_not_loaded() {
    let environment = environment();
    run(&environment).exits(0);
    let path = only(&environment);
    let inode = |path: &Path| fs::metadata(path).expect("a file").ino();
    let first = inode(&path);
    run(&environment).exits(0);
    assert_eq!(inode(&path), first, "it is loaded, and not compiled again");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o620)).expect("a mode");
    run(&environment).exits(0);
    assert_ne!(inode(&path), first, "it was loaded");
    assert_eq!(fs::metadata(&path).expect("a file").mode() & 0o777, 0o600);

    // Nor is anything taken from, or put into, a directory of that kind, or one that is elsewhere.
    let second = inode(&path);
    fs::set_permissions(store(&environment), PermissionsExt::from_mode(0o770)).expect("a mode");
    fs::write(&path, "not code").expect("a file");
    run(&environment).exits(0);
    assert_eq!((inode(&path), fs::read(&path).expect("a file").as_slice()), (second, &b"not code"[..]));
    fs::remove_dir_all(store(&environment)).expect("a directory");
    let elsewhere = environment.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a directory");
    symlink(&elsewhere, store(&environment)).expect("a link");
    run(&environment).exits(0);
    assert_eq!(fs::read_dir(&elsewhere).expect("a directory").count(), 0);
}

#[test]
fn the_store_is_bounded_and_the_least_used_go_first() {
    let environment = environment();
    run(&environment).exits(0);
    let used = only(&environment);
    let others: Vec<PathBuf> = (0..70).map(|number| store(&environment).join(format!("{number}.cwasm"))).collect();
    for (age, path) in others.iter().enumerate() {
        fs::write(path, "code").expect("a file");
        aged(path, 10 + age as u64);
    }
    let [dead, alive, foreign] = ["a.tmp-00ff", "b.tmp-00ff", "notes"].map(|name| store(&environment).join(name));
    for (path, hours) in [(&dead, 2), (&alive, 0), (&foreign, 1000)] {
        fs::write(path, "x").expect("a file");
        aged(path, hours);
    }
    // A use makes it young again.
    aged(&used, 5000);
    run(&environment).exits(0);
    compiled(&environment, "mirror");
    let left = stored(&environment);
    assert!(left.contains(&used) && left.contains(&alive) && left.contains(&foreign) && !left.contains(&dead));
    assert_eq!(left.iter().filter(|path| path.extension().is_some_and(|end| end == "cwasm")).count(), 64);
    assert!(left.contains(&others[61]) && !left.contains(&others[62]));

    // By bytes as well; these take no room.
    File::options().write(true).open(&others[0]).and_then(|file| file.set_len(1 << 30)).expect("a size");
    aged(&others[0], 10);
    compiled(&environment, "padelnomics");
    let left = stored(&environment);
    assert!(!left.contains(&others[0]) && !left.contains(&others[1]) && left.contains(&used), "{left:?}");
}

#[test]
fn compiled_code_is_no_component() {
    let environment = environment();
    run(&environment).exits(0);
    let ran = Ran::new(command(&environment, &only(&environment)).output().expect("the program"));
    ran.exits(2).says("it is compiled code, not a WebAssembly component; only components are taken");
}
