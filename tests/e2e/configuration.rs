//! `host.toml` as people and programs keep it: changed by several at once, with other line breaks, no file at all.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use harness::{Environment, Ran, guest, under};

use crate::{environment, until};

fn mirror() -> String {
    guest("mirror").display().to_string()
}

/// What a program left that is given up where it does not end.
fn ended(mut child: Child) -> Ran {
    until(&mut child, |child| child.try_wait().expect("the program").is_some());
    Ran::new(child.wait_with_output().expect("the program"))
}

#[test]
fn grants_at_once_are_all_recorded() {
    let environment = environment();
    environment.write("host.toml", "# mine\n");
    // More than there are processors, so that they overlap.
    let children: Vec<Child> = (0..16)
        .map(|number| {
            let (name, origin) = (format!("x{number}"), format!("https://x{number}.example"));
            let arguments = ["allow", &mirror(), "--name", &name, "--http", &origin, "--yes"];
            environment.command(arguments).spawn().expect("the program")
        })
        .collect();
    children.into_iter().for_each(|child| drop(ended(child).exits(0)));
    let text = fs::read_to_string(environment.path().join("host.toml")).expect("a file");
    let table: toml::Table = text.parse().expect(&text);
    assert!(text.starts_with("# mine\n") && table["extractor"].as_table().is_some_and(|all| all.len() == 16), "{text}");
    // Nothing is left beside it.
    let names =
        fs::read_dir(environment.path()).expect("a directory").map(|entry| entry.expect("an entry").file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["host.toml"]);
}

#[test]
fn a_directory_that_somebody_keeps_locked_is_not_waited_for_without_end() {
    let environment = environment();
    let held = fs::File::open(environment.path()).expect("a directory");
    held.lock().expect("the lock");
    let arguments = ["allow", &mirror(), "--http", "https://a.example", "--yes"];
    let child = environment.command(arguments).spawn().expect("the program");
    ended(child).exits(1).says("cannot record the grant in host.toml: another program has its directory locked");
    drop(held);
    environment.host(arguments).exits(0);
}

#[test]
fn line_breaks_a_byte_order_mark_a_mode_and_a_link_survive() {
    let environment = environment();
    let before = "\u{feff}# mine\r\n[tls]\r\nca = []\r\n";
    let real = environment.write("real/config.toml", before);
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("a mode");
    std::os::unix::fs::symlink(&real, environment.path().join("host.toml")).expect("a link");
    environment.host(["allow", &mirror(), "--http", "https://a.example", "--yes"]).exits(0);
    let after = fs::read_to_string(&real).expect("a file");
    assert!(after.starts_with(before) && after.matches('\n').count() == after.matches("\r\n").count(), "{after:?}");
    assert_eq!(fs::metadata(&real).expect("a file").permissions().mode() & 0o777, 0o640);
    assert!(environment.path().join("host.toml").is_symlink());
    environment.host(["inspect", &mirror()]).exits(0);
}

#[test]
fn what_is_no_file_or_too_large_is_refused_and_not_waited_for() {
    let environment = environment();
    let made = Command::new("mkfifo").arg(environment.path().join("pipe.toml")).status().expect("mkfifo");
    assert!(made.success());
    fs::create_dir(environment.path().join("directory.toml")).expect("a directory");
    environment.write("large.toml", "#".repeat((1 << 20) + 1));
    environment.write("largest.toml", "#".repeat(1 << 20));
    for (file, says) in [
        ("pipe.toml", "it is no regular file"),
        ("directory.toml", "it is no regular file"),
        ("large.toml", "it is larger than the limit of 1 MiB"),
        ("/dev/zero", "it is larger than the limit of 1 MiB"),
    ] {
        for command in ["run", "inspect", "allow"] {
            let arguments = [command, &mirror(), "--config", file];
            let child = environment.command(arguments).spawn().expect("the program");
            ended(child).exits(2).says(&format!("cannot read the configuration {file}: {says}"));
        }
    }
    environment.host(["inspect", &mirror(), "--config", "largest.toml"]).exits(0);
    environment.host(["inspect", &mirror(), "--config", "/dev/null"]).exits(0);
    // The default file, too.
    fs::rename(environment.path().join("pipe.toml"), environment.path().join("host.toml")).expect("a name");
    let child = environment.command(["run", &mirror()]).spawn().expect("the program");
    ended(child).exits(2).says("cannot read the configuration host.toml: it is no regular file");
}

/// `host` with these words, run by a shell.
fn shell(environment: &Environment, script: &str, arguments: &[&str]) -> Ran {
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut command = under(bash, &environment.command(arguments));
    Ran::new(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("bash"))
}

#[test]
fn a_configuration_may_come_through_a_pipe_that_the_operator_names() {
    let environment = environment();
    let table = "[extractor.mirror]\\nhttp = [\"https://a.example\"]\\n";
    for script in [
        format!("printf '{table}' | \"$0\" \"$@\" --config /dev/stdin"),
        format!("\"$0\" \"$@\" --config <(printf '{table}')"),
    ] {
        let ran = shell(&environment, &script, &["inspect", &mirror()]).exits(0);
        assert!(ran.stdout.contains("already granted: requests to https://a.example"), "{ran:?}");
        let more = ["allow", &mirror(), "--http", "https://b.example", "--yes"];
        shell(&environment, &script, &more).exits(1).says("it is no file that could be replaced");
    }
}

#[test]
fn what_is_in_force_is_shown_with_where_it_came_from() {
    let environment = environment();
    let ran = environment.host(["config"]).exits(0);
    assert!(ran.stdout.starts_with("there is no configuration file\n"), "{ran:?}");
    assert!(ran.stdout.contains("# the variable LANDING_DIR"), "{ran:?}");
    environment.write(
        "host.toml",
        format!(
            "[defaults]\nstale-after = \"26h\"\n[defaults.budget]\ntimeout = \"5m\"\n\n[extractor.a]\ncomponent = {:?}\n\
             param = {{ url = \"x\" }}\n[notify.ops]\non = [\"failure\"]\nwebhook = \"https://h.example/hush\"\n",
            mirror()
        ),
    );
    let text = environment.host(["config"]).exits(0).stdout;
    let text =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect::<String>();
    for line in [
        "the configuration is host.toml\n",
        "notify.ops.webhook \"https://h.example/…\" # line 11\n",
        "\na\n",
        "budget.timeout \"5m\" # line 4, for all\n",
        "stale-after \"26h\" # line 2, for all\n",
        "param.extension \"csv\" # its manifest\n",
        "param.url \"x\" # line 8\n",
        "\nunless said otherwise\n",
        "budget.max-memory \"256MiB\"\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert!(!text.contains("hush"), "{text}");
    let json = environment.host(["config", "a", "--json"]).exits(0).json();
    let settings = json["settings"].as_array().expect("an array");
    let of = |key: &str| settings.iter().find(|setting| setting["key"] == key).expect(key)["from"].clone();
    assert_eq!(of("budget.timeout"), serde_json::json!({ "defaults": 4 }));
    assert_eq!(of("budget.max-cpu"), "default");
    environment.host(["config", "b"]).exits(2).says("host.toml has no extractor `b`");
    let schema = environment.host(["config", "schema"]).exits(0).json();
    assert_eq!(schema["title"], "host.toml");
}

#[test]
fn what_a_run_would_refuse_is_found_without_one() {
    let environment = environment();
    environment.host(["config", "check"]).exits(2).says("there is no extractor to check");
    let table =
        |name: &str, component: &str, rest: &str| format!("[extractor.{name}]\ncomponent = {component:?}\n{rest}\n");
    let grant = "http = [\"https://example.org\"]\n";
    let secret = "secret.token = { from = { file = \"none\" }, origins = [\"https://example.org\"], as = \"bearer\" }";
    let tables = [
        table("fine", &mirror(), grant),
        table("gone", "gone.wasm", ""),
        table("misspelt", &mirror(), &format!("{grant}param.uri = \"x\"")),
        table("pinned", &mirror(), &format!("sha256 = \"{}\"", "0".repeat(64))),
        "[extractor.scheduled]\nschedule = \"9 * * * *\"\n".to_owned(),
        table("secret", &mirror(), &format!("{grant}{secret}")),
    ];
    environment.write("host.toml", tables.concat());
    let checked = environment.host(["config", "check", "--json"]).exits(2).json();
    let wrong: Vec<_> = checked.as_array().expect("an array").iter().collect();
    for (at, (name, code, says)) in [
        ("fine", 0, ""),
        ("gone", 2, "gone.wasm: No such file"),
        ("misspelt", 2, "misspelt has no parameter `uri`"),
        ("pinned", 77, "is not the component that "),
        ("scheduled", 2, "does not say what `scheduled` runs"),
        ("secret", 2, "the secret `token` of secret: "),
    ]
    .into_iter()
    .enumerate()
    {
        let (extractor, error) = (&wrong[at]["extractor"], wrong[at]["error"].as_str().unwrap_or_default());
        assert_eq!((extractor, &wrong[at]["exit_code"]), (&name.into(), &code.into()), "{}", wrong[at]);
        assert!(error.contains(says) && error.is_empty() == (code == 0), "{}", wrong[at]);
        // A run says the same.
        if code != 0 {
            environment.host(["run", name]).exits(code).says(error);
        }
    }
    environment.write("file", "");
    for (landing, code) in [("s3://", 2), ("file", 1), ("file/below", 1), ("none/yet", 0)] {
        let landing = if landing.contains(':') { landing.into() } else { environment.path().join(landing) };
        let mut command = environment.command(["config", "check", "fine"]);
        let ran = Ran::new(command.env("LANDING_DIR", &landing).output().expect("the program"));
        assert_eq!(ran.code, Some(code), "{landing:?}: {ran:?}");
    }
    let said = environment.host(["config", "check", "pinned", "fine"]).exits(77).stdout;
    assert!(said.ends_with("grants it\nfine: nothing wrong\n"), "{said}");
    assert_eq!(environment.host(["config", "check", "fine"]).exits(0).stdout, "fine: nothing wrong\n");
    assert_eq!(environment.everything(), [""; 0], "something ran");
}
