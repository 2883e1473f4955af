//! The container image: what is in it, and, where the program needs no library, a run out of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harness::{Environment, Origin, Ran, Reply, guest, skip};

use crate::systemd::installed;
use crate::{environment, licences, others, program};

const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

fn packed(environment: &Environment, licences: &Path, name: &str) -> PathBuf {
    let file = environment.path().join(name);
    let mut image = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/image"));
    image.arg(program()).arg("amd64").arg(guest("mirror")).arg(licences).arg(&file);
    image.env("SOURCE_DATE_EPOCH", "1764000000").stdin(Stdio::null());
    let output = image.output().expect("bash");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    file
}

/// Whether another root holds all that the program needs.
fn is_static() -> bool {
    let output = Command::new("ldd").arg(program()).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("statically linked"))
}

#[test]
fn an_image_has_the_program_and_no_shell() {
    if !installed("buildah") {
        return;
    }
    if !Path::new(ROOTS).exists() {
        return skip::missing("the roots of TLS: the package ca-certificates");
    }
    if !others::is_root() {
        return skip::not_allowed("only root can make an image without the help of others");
    }
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a,b\n").etag("\"one\""));
    let Some(licences) = licences::file(&environment) else { return };
    let (image, again) = (packed(&environment, &licences, "image.tar"), packed(&environment, &licences, "again.tar"));
    assert!(fs::read(&image).expect("an image") == fs::read(again).expect("an image"), "other bytes the second time");

    let place = environment.path();
    let buildah = |arguments: &[&str]| {
        let mut buildah = Command::new("buildah");
        buildah.args(["--storage-driver", "vfs", "--root"]).arg(place.join("storage")).arg("--runroot");
        Ran::new(buildah.arg(place.join("run")).args(arguments).stdin(Stdio::null()).output().expect("buildah"))
    };
    let from = buildah(&["from", &format!("oci-archive:{}", image.display())]).exits(0).stdout;
    let container = from.lines().last().expect("a name");
    let root = buildah(&["mount", container]).exits(0).stdout;
    let find = Command::new("find").args([".", "-type", "f"]).current_dir(root.trim()).output().expect("find");
    let found = String::from_utf8(find.stdout).expect("paths");
    let mut found: Vec<&str> = found.lines().collect();
    found.sort_unstable();
    let expected = [
        "./THIRD-PARTY-LICENSES.gz",
        "./etc/ssl/certs/ca-certificates.crt",
        "./mirror.wasm",
        "./usr/bin/host",
        "./usr/share/landing-host/rest.wasm",
    ];
    assert_eq!(found, expected);
    let packed = File::open(Path::new(root.trim()).join("THIRD-PARTY-LICENSES.gz")).expect("the licences");
    let text = std::io::read_to_string(flate2::read::GzDecoder::new(packed)).expect("the licences");
    assert!(text == fs::read_to_string(&licences).expect("the licences"), "other licences");
    let said = buildah(&["inspect", "--format", "{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}}", container]);
    assert_eq!(said.exits(0).stdout.trim(), "65532:65532 [/usr/bin/host]");

    if is_static() {
        let run = |words: &[&str]| buildah(&[&["run", "--isolation", "chroot", container, "--"], words].concat());
        assert_ne!(run(&["/bin/sh", "-c", "true"]).code, Some(0));
        let (grant, url) = (origin.grant(), format!("url={}", origin.url("/a.csv")));
        let mirror = ["/usr/bin/host", "run", "/mirror.wasm", "--allow-http", &grant, "--param", &url];
        assert!(run(&mirror).exits(0).stdout.contains("success, 1 new"));
        assert!(run(&mirror).exits(0).stdout.contains("nothing new, 1 unchanged"));
    }
    buildah(&["umount", "--all"]);
}
