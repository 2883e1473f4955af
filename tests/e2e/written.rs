//! Files that commands write where somebody names one: what is no regular file is left as it is.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::process::Command;

use harness::{Environment, Origin, Reply, guest};

use crate::environment;
use crate::named::extractor;

/// A place where something has run, with a pipe, a link to it, and a directory.
fn place() -> (Environment, Origin) {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/a.csv", Reply::new("a\n1\n"));
    environment.write("host.toml", extractor("a", &origin, "/a.csv"));
    environment.host(["run", "a"]).exits(0);
    assert!(Command::new("mkfifo").arg(environment.path().join("pipe")).status().expect("mkfifo").success());
    symlink("pipe", environment.path().join("link")).expect("a link");
    fs::create_dir(environment.path().join("directory")).expect("a directory");
    (environment, origin)
}

#[track_caller]
fn untouched(environment: &Environment) {
    let kind = |name: &str| fs::symlink_metadata(environment.path().join(name)).expect(name).file_type();
    assert!(kind("pipe").is_fifo() && kind("link").is_symlink() && kind("directory").is_dir());
    assert!(!environment.everything().iter().any(|path| path.contains("/.pipe.") || path.starts_with(".pipe.")));
}

#[test]
fn a_pipe_a_device_or_a_directory_is_not_replaced_by_a_file() {
    let (environment, origin) = place();
    environment.write("x.wasm", harness::without_manifest(&guest("mirror")));
    environment.write("manifest.toml", "name = \"x\"\n");
    for (path, reason) in
        [("pipe", "it is no regular file"), ("link", "it is no regular file"), ("directory", "it is a directory")]
    {
        for (command, what) in [
            (&["report", "--html", path][..], "the report into "),
            (&["metrics", "--textfile", path], "the metrics into "),
            (&["wit", "-o", path], ""),
            (&["pack", "x.wasm", "--manifest", "manifest.toml", "-o", path], ""),
        ] {
            let says =
                format!("cannot write {what}{path}: {reason}\nhint: name a regular file, or one that is not there");
            environment.host(command).exits(1).says(&says);
            untouched(&environment);
        }
        environment
            .write("host.toml", format!("[metrics]\ntextfile = {path:?}\n{}", extractor("a", &origin, "/a.csv")));
        environment
            .host(["run", "a"])
            .exits(0)
            .says(&format!("warning: cannot write the metrics into {path}: {reason}"));
        untouched(&environment);
    }
}

#[test]
fn a_link_to_a_file_leads_to_what_is_replaced() {
    let (environment, _origin) = place();
    environment.write("real.html", "before");
    symlink("real.html", environment.path().join("page.html")).expect("a link");
    environment.host(["report", "--html", "page.html"]).exits(0);
    assert!(fs::read_to_string(environment.path().join("real.html")).expect("a file").starts_with("<!DOCTYPE html>"));
    assert!(environment.path().join("page.html").is_symlink());
}
