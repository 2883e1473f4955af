//! What the `console` blocks show is what the program prints.

use std::process::Command;

use harness::{Environment, Origin, Ran, under};
use regex::Regex;

use super::{Block, blocks, everything, place};

/// What the commands of a page may call: the program, and what its hidden lines do.
const SHELL: &str = r#"exec 2>&1
program=$0 origin=$1
unset LANDING_DIR
host() { "$program" "$@"; }
sample() { cp sample.toml host.toml; }
named() { cp named.toml host.toml; }
telling() { cat named.toml load.toml > host.toml; }
failing() { cat named.toml gone.toml > host.toml; host run prices weather --jobs 1 -q 2>/dev/null; }
land_two() { host run guests/mirror.wasm --allow-http "$origin" --param url="$origin/prices.csv $origin/a.csv" >/dev/null; }
spoil() { printf brokenbroken | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
"#;
/// Stands in the output between two commands.
const MARK: &str = "\u{1}";

/// The commands of a `console` block, each with the lines that it prints.
fn steps(text: &str) -> Vec<(String, Vec<String>)> {
    let mut steps: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push((command.to_owned(), Vec::new())),
            (None, Some((command, _))) if command.ends_with('\\') => {
                command.pop();
                command.push_str(line.trim_start());
            }
            (None, Some((_, printed))) => printed.push(line.to_owned()),
            (None, None) => panic!("a block does not begin with a command: {line}"),
        }
    }
    steps
}

/// What differs from one run to another, in a word.
fn plain(line: &str) -> String {
    let words = [
        (r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?", "DATE"),
        (r"/[0-9]{4}/[0-9]{2}/", "/YEAR/MONTH/"),
        (r"/[0-9]{4}/", "/YEAR/"),
        (r" in [0-9.]+m?s$", " in TIME"),
        (r"\b[0-9]+s ago *", "AGO "),
        (r"[0-9a-f]{64}", "DIGEST"),
        (r"damaged-[0-9]+", "damaged-SECONDS"),
    ];
    words.iter().fold(line.trim_end().to_owned(), |line, (pattern, word)| {
        Regex::new(pattern).expect("a pattern").replace_all(&line, *word).into_owned()
    })
}

/// The lines with files in the order of their paths: a run lists them as they land.
fn in_order(mut lines: Vec<String>) -> Vec<String> {
    let is_file = |line: &String| line.starts_with("  ") && line.contains(".gz  ");
    lines.chunk_by_mut(|one, next| is_file(one) && is_file(next)).for_each(<[String]>::sort);
    lines
}

/// Whether lines are as shown; `…` alone stands for any lines.
fn alike(shown: &[String], printed: &[String]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (Some((any, rest)), _) if any == "…" => (0..=printed.len()).any(|skip| alike(rest, &printed[skip..])),
        (Some((shown, shown_rest)), Some((printed, printed_rest))) => {
            shown == printed && alike(shown_rest, printed_rest)
        }
        (shown, printed) => shown.is_none() && printed.is_none(),
    }
}

/// What is wrong with what a block shows.
fn wrong(environment: &Environment, origin: &Origin, block: &Block) -> Vec<String> {
    let mut steps = steps(&block.text);
    let mut script = format!("{SHELL}\n{}\n", block.first);
    for (command, shown) in &mut steps {
        // Nobody is there to be asked; the answer is the flag that says yes.
        let asked = shown.iter().position(|line| line.ends_with("[y/N] y"));
        let yes = asked.map(|at| shown.remove(at)).map_or("", |_| " --yes");
        let command = command.replace("https://example.org", &origin.grant());
        script.push_str(&format!("{command}{yes}\nstatus=$?\nprintf '{MARK}'\n(exit $status)\n"));
    }
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]);
    let inner = environment.command([origin.grant()]);
    let ran = Ran::new(under(bash, &inner).output().expect("bash"));
    let place = environment.path().canonicalize().expect("a directory").display().to_string();
    let output = ran.stdout.replace(&origin.grant(), "https://example.org").replace(&place, "/srv/padel");
    let printed: Vec<&str> = output.split(MARK).collect();
    let lines = |text: &str| in_order(text.lines().map(plain).collect());
    steps
        .iter()
        .enumerate()
        .filter_map(|(at, (command, shown))| {
            let shown = lines(&shown.join("\n"));
            let printed = lines(printed.get(at).unwrap_or(&"(nothing: the shell ended)"));
            let told = format!("$ {command}\n-- shown\n{}\n-- printed\n{}\n", shown.join("\n"), printed.join("\n"));
            (!alike(&shown, &printed)).then_some(told)
        })
        .collect()
}

#[test]
fn what_the_pages_show_is_what_the_program_prints() {
    let (mut wrongs, mut commands) = (Vec::new(), 0);
    for path in everything() {
        let blocks = blocks(&path, "console");
        if blocks.is_empty() {
            continue;
        }
        let origin = Origin::start();
        let environment = place(&origin);
        for block in &blocks {
            commands += steps(&block.text).len();
            wrongs.extend(wrong(&environment, &origin, block).into_iter().map(|told| format!("{path}:\n{told}")));
        }
    }
    assert!(wrongs.is_empty(), "{}", wrongs.join("\n"));
    assert!(commands > 20, "only {commands} commands were found");
}
