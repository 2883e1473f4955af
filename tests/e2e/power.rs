//! Power cuts: a file system in a file, shut down without writing anything back, and mounted again.
//!
//! It needs root and loop devices. The same harness with the syncs left out has to find damage: a check that cannot fail
//! is no check.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::soak::{Numbers, times};
use harness::{Environment, Origin, Reply, guest, skip, under};

use crate::environment;

/// A file system that can lose its power.
struct Disk {
    image: PathBuf,
    mount: PathBuf,
    mounted: bool,
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

impl Disk {
    fn new(directory: &Path, kind: &str) -> Result<Self, String> {
        run("xfs_io", &["-V"])?;
        run("strace", &["-V"])?;
        let (image, mount) = (directory.join("disk.img"), directory.join("disk"));
        fs::create_dir_all(&mount).map_err(|error| error.to_string())?;
        let file = fs::File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(400 << 20).map_err(|error| error.to_string())?;
        let force = if kind == "ext4" { "-qF" } else { "-qf" };
        run(&format!("mkfs.{kind}"), &[force, &image.display().to_string()])?;
        let mut disk = Self { image, mount, mounted: false };
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&mut self) -> Result<(), String> {
        run("mount", &["-o", "loop", &self.image.display().to_string(), &self.mount.display().to_string()])?;
        self.mounted = true;
        Ok(())
    }

    fn cut_power(&self) {
        run("xfs_io", &["-x", "-c", "shutdown", &self.mount.display().to_string()]).expect("a power cut");
    }

    fn switch_on_again(&mut self) {
        run("umount", &[&self.mount.display().to_string()]).expect("umount");
        self.mounted = false;
        self.mount().expect("a mount after the cut");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            let _ = run("umount", &[&self.mount.display().to_string()]);
        }
    }
}

fn disk(environment: &Environment, kind: &str) -> Option<Disk> {
    for program in [&format!("mkfs.{kind}"), "xfs_io"] {
        if Command::new(program).arg("-V").output().is_err() {
            skip::missing(format_args!("the program {program} is not installed"));
            return None;
        }
    }
    let disk = Disk::new(environment.path(), kind);
    if let Err(reason) = &disk {
        skip::not_allowed(format_args!("no {kind} to cut the power of: {reason}"));
    }
    disk.ok()
}

/// A run on the disk that lands twenty files.
fn order(environment: &Environment, disk: &Disk, origin: &Origin) -> Command {
    let urls: Vec<String> = (0..20).map(|number| origin.url(&format!("/{number}"))).collect();
    let mut command = environment.command(["run"]);
    command.arg(guest("mirror")).args(["--allow-http", &origin.grant(), "--param", &format!("url={}", urls.join(" "))]);
    command.arg("--landing").arg(disk.mount.join("landing"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Such a run, whole or cut short by the power; whether it said that it succeeded.
fn run_and_cut(
    environment: &Environment,
    disk: &mut Disk,
    origin: &Origin,
    after: Option<Duration>,
    syncs: bool,
) -> bool {
    let mut command = order(environment, disk, origin);
    if !syncs {
        // The calls seem to succeed and do nothing.
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"]);
        strace.args(["-e", "inject=fsync,fdatasync:retval=0"]);
        command = under(strace, &command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    }
    let mut child = command.spawn().expect("the program");
    let succeeded = match after {
        Some(after) => {
            // The moment of the cut is the fault.
            std::thread::sleep(after);
            let succeeded = child.try_wait().expect("the program").is_some_and(|status| status.success());
            disk.cut_power();
            let _ = child.kill();
            let _ = child.wait();
            succeeded
        }
        None => {
            let succeeded = child.wait().expect("the program").success();
            disk.cut_power();
            succeeded
        }
    };
    disk.switch_on_again();
    succeeded
}

/// What a cut left that must not be: torn files, and files that a `success` row claims and that are gone.
fn damage(environment: &Environment, disk: &Disk) -> Vec<String> {
    let landing = disk.mount.join("landing");
    if !landing.exists() || is_before_its_state(&landing) {
        return Vec::new();
    }
    let ran = environment.host(["verify", "--read-data", "--json", "--landing", &landing.display().to_string()]);
    let json = ran.json();
    let findings = json["findings"].as_array().expect("findings");
    let harmless = ["unrecorded", "stale", "leftover"];
    let bad = findings.iter().filter(|finding| !harmless.contains(&finding["kind"].as_str().expect("a kind")));
    bad.map(ToString::to_string).collect()
}

/// Whether the cut came after the directory was made and before its database was: then nothing can have landed.
fn is_before_its_state(landing: &Path) -> bool {
    let entries = fs::read_dir(landing).expect("the landing directory").map(|entry| entry.expect("an entry").path());
    let hidden = |path: PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !landing.join(".state.sqlite").exists() && entries.into_iter().all(hidden)
}

fn origin() -> Origin {
    let origin = Origin::start();
    for number in 0..20 {
        let content = format!("number\n{number}\n").repeat(500);
        origin.route(&format!("/{number}"), Reply::new(content).etag(&format!("\"tag-{number}\"")));
    }
    origin
}

#[test]
fn a_power_cut_tears_nothing_and_takes_nothing_that_succeeded() {
    let origin = origin();
    let mut numbers = Numbers::new(3);
    for kind in ["ext4", "xfs"] {
        for cut in 0..times(6, 100) {
            let environment = environment();
            let Some(mut disk) = disk(&environment, kind) else { break };
            // Every third cut comes right after a run that ended well, the others somewhere in it.
            let after = (cut % 3 != 0).then(|| Duration::from_micros(numbers.below(120_000)));
            let succeeded = run_and_cut(&environment, &mut disk, &origin, after, true);
            assert_eq!(damage(&environment, &disk), [""; 0], "{kind}, cut {cut}");
            let landing = disk.mount.join("landing");
            if succeeded {
                let state = rusqlite::Connection::open(landing.join(".state.sqlite")).expect("a database");
                let rows: i64 = state
                    .query_row("SELECT sum(files_written) FROM extraction_runs WHERE status = 'success'", [], |row| {
                        row.get(0)
                    })
                    .expect("a row that was written");
                assert_eq!(rows, 20, "{kind}, cut {cut}");
            }
            let next = order(&environment, &disk, &origin).status().expect("the program");
            assert!(next.success() && landing.join(".state.sqlite").exists(), "{kind}, the run after cut {cut}");
            assert_eq!(damage(&environment, &disk), [""; 0], "{kind}, after the run that followed cut {cut}");
        }
    }
}

#[test]
fn without_the_syncs_a_power_cut_does_damage() {
    let origin = origin();
    for kind in ["ext4", "xfs"] {
        let environment = environment();
        let Some(mut disk) = disk(&environment, kind) else { continue };
        assert!(run_and_cut(&environment, &mut disk, &origin, None, false), "the run without syncs seems to succeed");
        let landing = disk.mount.join("landing");
        let lost = !landing.join(".state.sqlite").exists() || !damage(&environment, &disk).is_empty();
        assert!(lost, "{kind}: a cut after a run without syncs left everything whole, so that this shows nothing");
    }
}
