//! What the command line takes, refuses and prints.

use std::fs;

use harness::{Origin, Reply, guest};

use crate::{environment, mirror, with};

#[test]
fn what_is_wrong_with_an_order_is_said_in_a_line_and_nothing_is_written() {
    let environment = environment();
    let guest = guest("mirror").display().to_string();
    environment.write("text.wasm", "not wasm");
    environment.write("module.wasm", b"\0asm\x01\0\0\0");
    environment.write("empty.wasm", b"\0asm\x0d\0\x01\0");
    environment.write("name.toml", "[extractor.Mirror]\n");
    environment.write("typo.toml", "[extractor.mirror]\nhtpp = []\n");
    let cases: &[(&[&str], &str)] = &[
        (&["none.wasm"], "error: cannot run none.wasm: No such file"),
        (&["."], "error: cannot run .: "),
        (&["text.wasm"], "no WebAssembly component"),
        (&["module.wasm"], "a core WebAssembly module, not a component"),
        (&["empty.wasm"], "it does not fit this host"),
        (&[&guest, "--param", "uri=x"], "error: mirror has no parameter `uri`\nhint: mirror takes "),
        (&[&guest, "--param", "url"], "KEY=VALUE"),
        (&[&guest, "--backfill", "2025-02-30..2025-03-01"], "not a day of the calendar"),
        (&[&guest, "--backfill", "2025-02-01"], "two days with `..`"),
        (&[&guest, "--backfill", "2025-02-01..2025-02-01"], "the window is empty"),
        (&[&guest, "--allow-http", "example.org"], "not an origin"),
        (&[&guest, "--allow-http", "https://example.org/path"], "leave out what follows"),
        (&[&guest, "--name", "../x"], "not a valid name"),
        (&[&guest, "--timeout", "soon"], "no duration such as"),
        (&[&guest, "--config", "none.toml"], "cannot read the configuration none.toml"),
        (&[&guest, "--config", "name.toml"], "name.toml: a table under [extractor]: `Mirror` is not a valid name"),
        (&[&guest, "--config", "typo.toml"], "`extractor.mirror.htpp`: unknown field `htpp`, did you mean `http`?"),
    ];
    for (arguments, says) in cases {
        let ran = environment.host([&["run"], *arguments].concat()).exits(2).says(says);
        assert_eq!(ran.stdout, "", "{arguments:?}");
        assert!(!environment.landing().exists(), "{arguments:?}");
    }
}

#[test]
fn a_word_of_another_kind_is_refused_in_words_of_the_program() {
    let environment = environment();
    for (arguments, says) in [
        (&["files", "--from", "yesterday"][..], "`yesterday` is not a day written as YYYY-MM-DD"),
        (&["runs", "--until", "yesterday"], "`yesterday` is not a day written as YYYY-MM-DD"),
        (&["files", "--since", "x"], "`x` is no number of a run"),
        (&["show", "abc"], "`abc` is no number of a run"),
        (&["prune", "--dry-run"], "--changes-older-than <DURATION>"),
    ] {
        environment.host(arguments).exits(2).says(says);
    }
}

#[test]
fn hints_stand_apart_from_errors() {
    let environment = environment();
    let ran = environment.host(["run", "none.wasm"]).exits(2);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("error: ") && lines[1].starts_with("hint: "), "{lines:?}");
}

#[test]
fn help_lists_the_exit_codes() {
    let ran = environment().host(["--help"]).exits(0);
    for code in ["0 ", "1 ", "2 ", "3 ", "75 ", "77 ", "130 ", "143 "] {
        assert!(ran.stdout.lines().any(|line| line.trim_start().starts_with(code)), "{code}\n{}", ran.stdout);
    }
}

#[test]
fn the_landing_directory_is_the_flags_else_the_environments_else_the_default() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new("a,b\n"));
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &["--landing", "by-flag"])).exits(0);
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    let mut command = environment.run_command("mirror", &with(&arguments, &[]));
    assert!(command.env_remove("LANDING_DIR").status().expect("the program").success());
    for directory in ["by-flag", "landing", "data/landing"] {
        assert!(environment.path().join(directory).join(".state.sqlite").exists(), "{directory}");
    }
}

#[test]
fn the_text_is_read_at_a_glance() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new("a,b\n").etag("\"one\""));
    let arguments = mirror(&origin, "/courts.csv");
    let run = || {
        let mut command = environment.command(["run"]);
        command.arg(guest("mirror")).args(&arguments);
        harness::Ran::new(command.output().expect("the program")).exits(0)
    };
    let first = run();
    assert!(first.stdout.starts_with("mirror run 1: success, 1 new ("), "{}", first.stdout);
    assert!(first.stdout.lines().nth(1).is_some_and(|line| line.contains("/one.csv.gz")), "{}", first.stdout);
    let second = run();
    assert!(second.stdout.starts_with("mirror run 2: success, nothing new, 1 unchanged, in "), "{}", second.stdout);
    assert_eq!((second.stdout.lines().count(), second.stderr.as_str()), (1, ""));
}

#[test]
fn runs_are_listed_newest_first() {
    let (environment, origin) = (environment(), Origin::start());
    environment.host(["runs"]).exits(2).says("there are no runs in");
    origin.route("/courts.csv", Reply::new("a,b\n"));
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(0);
    environment.run("probe", &["--param", "do=fail", "--param", "text=it is Sunday"]).exits(1);
    let rows = environment.host(["runs", "--json"]).exits(0).json();
    assert_eq!(rows[0]["extractor"], "probe");
    assert_eq!((&rows[0]["status"], &rows[1]["status"]), (&"failed".into(), &"success".into()));
    assert_eq!(rows.as_array().map(Vec::len), Some(2));
    let limited = environment.host(["runs", "--limit", "1", "--json"]).exits(0).json();
    assert_eq!(limited.as_array().map(Vec::len), Some(1));
    let text = environment.host(["runs"]).exits(0).stdout;
    assert!(text.lines().nth(2).is_some_and(|line| line.contains("it is Sunday")), "{text}");
}

#[test]
fn a_source_that_nobody_met_is_told_to_whoever_looks() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new("id\n1\n"));
    environment.run("mirror", &with(&mirror(&origin, "/courts.csv"), &[])).exits(0);
    let files = |arguments: &[&str]| environment.host([&["files", "--source"], arguments].concat()).exits(0);
    let unknown = files(&["mirrors"]);
    let warning = "warning: no extractor has met a source `mirrors`; `host files` shows all\n";
    assert_eq!((&*unknown.stdout, &*unknown.stderr), ("", warning));
    assert_eq!(files(&["mirrors", "--json"]).stderr, "");
    assert_eq!(files(&["mirror", "--run", "7"]).stderr, "");
}

#[test]
fn an_extractor_that_never_ran_is_told_to_whoever_looks() {
    let environment = environment();
    environment.run("probe", &["--param", "do=denied", "--param", "count=0"]).exits(0);
    let runs = |arguments: &[&str]| environment.host([&["runs", "--extractor"], arguments].concat()).exits(0);
    let warning = "warning: no extractor `prob` has run here; `host runs` shows all runs\n";
    assert_eq!(runs(&["prob"]).stderr, warning);
    assert_eq!(runs(&["prob", "--json"]).stderr, "");
    assert_eq!(runs(&["probe", "--status", "failed"]).stderr, "");
}

#[test]
fn a_hint_leads_to_what_was_meant() {
    let environment = environment();
    let hint = |arguments: &[&str], hint: &str| {
        let ran = environment.host(arguments).exits(2);
        assert!(ran.stderr.ends_with(&format!("\nhint: {hint}\n")), "{arguments:?}: {ran:?}");
    };
    hint(&["run", "none.wasm"], "check the path");
    hint(&["run", "none/none.wasm"], "check the path");
    fs::create_dir(environment.path().join("built")).expect("a directory");
    environment.write("mirror.wasm", "");
    environment.write("built/prices.wasm", "");
    hint(&["run", "miror.wasm"], "did you mean mirror.wasm?");
    hint(&["inspect", "built/price.wasm"], "did you mean built/prices.wasm?");
    hint(&["inspect", "./mirror"], "did you mean ./mirror.wasm?");
    hint(&["run", "built/none.wasm"], "check the path");
    // A name is looked for among the files too.
    for word in ["mirror", "miror"] {
        hint(&["run", word], "did you mean the file mirror.wasm?");
    }
    hint(&["run", "other"], "`[extractor.NAME]` with `component = \"FILE.wasm\"` in host.toml makes one");
    // In the repository of the host, what is missing may not be built yet.
    fs::create_dir(environment.path().join("guests")).expect("a directory");
    environment.write("Cargo.toml", "");
    hint(&["run", "none.wasm"], "check the path; `cargo guests` builds the extractors of this repository");
    hint(
        &["copy", "nope", "x"],
        "the first place is copied from: a landing directory that is there, or s3://BUCKET/PREFIX",
    );
    environment.write("host.toml", "[extractor.a]\ncomponent = \"\"\n");
    environment
        .host(["run", "a"])
        .exits(2)
        .says("host.toml: `component` under [extractor.a] is empty\nhint: name a component's file");
}

#[test]
fn a_directory_that_cannot_be_written_fails_before_the_first_request() {
    let (environment, origin) = (environment(), Origin::start());
    origin.route("/courts.csv", Reply::new("a,b\n"));
    environment.write("landing", "a file, not a directory");
    let arguments = mirror(&origin, "/courts.csv");
    environment.run("mirror", &with(&arguments, &[])).exits(1).says("cannot make the landing directory");
    assert_eq!(origin.asked(), []);
    assert_eq!(fs::read(environment.landing()).expect("a file"), b"a file, not a directory");
}

#[test]
fn a_parameter_can_be_read_from_a_file_or_from_standard_input() {
    let (environment, origin) = (environment(), harness::Origin::start());
    let mut urls = String::new();
    for number in 0..20 {
        origin.route(&format!("/{number}"), harness::Reply::new(format!("{number}\n")));
        urls += &format!("{}\n", origin.url(&format!("/{number}")));
    }
    let list = environment.write("urls.txt", &urls);
    let grant = origin.grant();
    let run = |url: &str, input: Option<&std::path::Path>| {
        let mut command = environment.run_command("mirror", &["--allow-http", &grant, "--param", url]);
        if let Some(input) = input {
            command.stdin(std::fs::File::open(input).expect("a file"));
        }
        harness::Ran::new(command.output().expect("the program"))
    };
    assert_eq!(run("url=@urls.txt", None).exits(0).json()["files_written"], 20);
    assert_eq!(run("url=@-", Some(&list)).exits(0).json()["files_skipped"], 20);
    run("url=@none.txt", None).exits(2).says("the parameter `url` cannot be read from none.txt").says("hint: ");
}

#[test]
fn shells_complete_what_there_is_and_man_pages_tell_of_it() {
    let environment = environment();
    for (shell, check) in [("bash", "bash"), ("zsh", "zsh"), ("fish", "fish")] {
        let script = environment.host(["completions", shell]).exits(0).stdout;
        assert!(script.contains("quarantine") && script.contains("max-memory"), "{shell}");
        for hidden in ["compile", "started-at", "part-of"] {
            assert!(!script.contains(hidden), "{shell}: {hidden}");
        }
        let path = environment.write(&format!("script.{shell}"), &script);
        // Each shell reads its own, where it is installed.
        if let Ok(checked) = std::process::Command::new(check).arg("-n").arg(&path).output() {
            assert!(checked.status.success(), "{checked:?}");
        }
    }
    environment.host(["completions", "ksh"]).exits(2).says("invalid value 'ksh'");
    // Made the first time, and there the second.
    environment.host(["man", "man"]).exits(0);
    environment.host(["man", "man"]).exits(0);
    let page = |name: &str| std::fs::read_to_string(environment.path().join("man").join(name)).expect(name);
    assert!(page("host.1").contains("host\\-run(1)") && page("host-run.1").contains("\\-\\-all"));
    assert!(page("host-man.1").contains("man pages"));
    assert!(page("host.1").contains(".SH \"EXIT STATUS\"") && !page("host.1").contains("EXTRA"));
    assert!(page("host.1").contains("\\fB75\\fR\nanother run"));
    assert!(page("host-run.1").contains("HOST_CONFIG") && page("host-run.1").contains("LANDING_DIR"));
    assert!(page("host-run.1").contains("[OPTIONS]") && page("host-run.1").contains("EXTRACTOR"));
    assert!(!environment.path().join("man/host-compile.1").exists());
    environment.host(["man", "none/man1"]).exits(1).says("cannot write man pages into none/man1").says("hint: ");
}
