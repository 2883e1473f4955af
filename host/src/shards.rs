//! Plans: one order cut into shards that an engine starts one by one, a line of JSON each.
//!
//! A plan says which extractor, days and parameters a shard is for. It can grant nothing and name no directory: that is
//! said where it is run.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::{key_value, value_of};
use crate::error::Error;
use crate::program;
use rules::domain::{Step, Window};
use rules::text;

/// Most shards of a plan.
const MAX_SHARDS: usize = 100_000;
/// Most bytes of a plan.
const MAX_PLAN: u64 = 64 * 1024 * 1024;

/// One run of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Its number; the first one is 0.
    shard: usize,
    /// How many there are.
    of: usize,
    /// What sets it apart: its days, its part, or both.
    key: String,
    /// The command that runs it, the program first.
    argv: Vec<String>,
}

/// What a shard is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// A name of the configuration, or the path of a component.
    pub extractor: String,
    /// What it is to be called.
    pub name: Option<String>,
    /// Its days.
    pub backfill: Option<Window>,
    /// The parameter whose value it is for, and that value.
    pub only: Option<(String, String)>,
    /// Its parameters, as they were said.
    pub params: Vec<(String, String)>,
}

impl Order {
    /// The command that says it, the program first.
    fn argv(&self) -> Vec<String> {
        let mut argv = vec![program::name().to_owned(), "run".to_owned(), self.extractor.clone()];
        let mut say = |flag: &str, value: String| argv.extend([flag.to_owned(), value]);
        if let Some(name) = &self.name {
            say("--name", name.clone());
        }
        if let Some(window) = self.backfill {
            say("--backfill", window.to_string());
        }
        if let Some((key, value)) = &self.only {
            say("--only", format!("{key}={value}"));
        }
        self.params.iter().for_each(|(key, value)| say("--param", format!("{key}={value}")));
        argv
    }

    /// The same, read again; a sentence where it is none.
    fn of_argv(argv: &[String]) -> Result<Self, String> {
        let [_, run, extractor, flags @ ..] = argv else {
            return Err("its `argv` is no `host run EXTRACTOR …`".into());
        };
        if run != "run" || extractor.is_empty() || extractor.starts_with('-') {
            return Err("its `argv` is no `host run EXTRACTOR …`".into());
        }
        let mut order = Self { extractor: extractor.clone(), ..Self::default() };
        for pair in flags.chunks(2) {
            match pair {
                [flag, value] if flag == "--name" => order.name = Some(value.clone()),
                [flag, value] if flag == "--backfill" => {
                    order.backfill = Some(value.parse().map_err(|error| format!("its `--backfill`: {error}"))?);
                }
                [flag, value] if flag == "--only" => order.only = Some(key_value(value)?),
                [flag, value] if flag == "--param" => order.params.push(key_value(value)?),
                [flag, ..] => {
                    let flag = text::quoted(flag);
                    return Err(format!("its `argv` has `{flag}`, and a plan says days and parameters alone"));
                }
                [] => {}
            }
        }
        Ok(order)
    }
}

/// What an order is cut by.
#[derive(Debug)]
pub struct Cuts {
    /// Into windows of that length, where there is a window.
    pub days: Option<(Window, Step)>,
    /// Into the values of a parameter.
    pub over: Option<(String, Vec<String>)>,
}

/// Cut an order into shards: by its days, and those of each by the values.
pub fn cut(order: &Order, cuts: &Cuts) -> Result<Vec<Shard>, Error> {
    let whole = || vec![None];
    let windows =
        cuts.days.map_or_else(whole, |(window, step)| window.pieces(step).take(MAX_SHARDS + 1).map(Some).collect());
    let parts = cuts.over.as_ref().map_or_else(
        || vec![None],
        |(name, values)| values.iter().map(|value| Some((name.clone(), value.clone()))).collect(),
    );
    let of = windows.len().saturating_mul(parts.len());
    if of > MAX_SHARDS {
        return Err(Error::usage(format!("there are more than {MAX_SHARDS} shards"))
            .hint("take a longer step with `--step`, a shorter window, or fewer values"));
    }
    let orders = windows
        .into_iter()
        .flat_map(|backfill| parts.iter().map(move |only| Order { backfill, only: only.clone(), ..order.clone() }));
    let shard = |(shard, order): (usize, Order)| {
        let part = order.only.as_ref().map(|(name, value)| format!("{name}={value}"));
        let key: Vec<String> = order.backfill.map(|window| window.to_string()).into_iter().chain(part).collect();
        Shard { shard, of, key: key.join(" "), argv: order.argv() }
    };
    Ok(orders.enumerate().map(shard).collect())
}

/// The values of a parameter: with commas between them, or one on each line of a file, for `@FILE`.
pub fn values(name: &str, given: &str) -> Result<Vec<String>, Error> {
    let text = value_of(name, given)?;
    let separator = if given.starts_with('@') && !given.starts_with("@@") { '\n' } else { ',' };
    let values: Vec<String> = text.split(separator).map(|value| value.trim_end_matches('\r').to_owned()).collect();
    let mut seen = BTreeSet::new();
    match values.iter().find(|value| value.is_empty() || !seen.insert(*value)) {
        Some(value) if value.is_empty() => Err(Error::usage(format!("a value of `{name}` is empty"))
            .hint("`--over KEY=VALUE,VALUE` takes values, `--over KEY=@FILE` a file with one on each line")),
        Some(twice) => Err(Error::usage(format!("`{name}` has the value `{}` twice", text::quoted(twice)))
            .hint("give each value once")),
        None => Ok(values),
    }
}

/// As commands of a shell, one a line.
pub fn write_text(shards: &[Shard], output: &mut impl io::Write) -> io::Result<()> {
    shards.iter().try_for_each(|shard| {
        let words: Vec<String> = shard.argv.iter().map(|word| text::shell(word)).collect();
        writeln!(output, "{}", words.join(" "))
    })
}

/// As JSON, one object a line.
pub fn write_json(shards: &[Shard], output: &mut impl io::Write) -> io::Result<()> {
    shards.iter().try_for_each(|shard| {
        serde_json::to_writer(&mut *output, shard)?;
        output.write_all(b"\n")
    })
}

/// The order of one shard of the plan in a file. All of the plan is looked at, so that one that is cut short runs nothing.
pub fn read(path: &Path, number: usize) -> Result<Order, Error> {
    let shown = path.display();
    let wrong = |what: String| {
        Error::usage(format!("the plan {shown}{what}"))
            .hint("`host plan EXTRACTOR --backfill START..END --json` makes one")
    };
    let text = whole(path).map_err(|error| wrong(format!(" cannot be read: {error}")))?;
    let (mut found, mut last) = (None, None);
    for (at, line) in text.lines().enumerate() {
        let wrong = |what: String| wrong(format!(", line {}: {what}", at + 1));
        if at == MAX_SHARDS {
            return Err(wrong(format!("a plan has at most {MAX_SHARDS} shards")));
        }
        let shard: Shard = serde_json::from_str(line).map_err(|error| wrong(format!("it is no shard: {error}")))?;
        if shard.shard != at {
            return Err(wrong(format!("it is shard {}, and shard {at} has its place there", shard.shard)));
        }
        let order = Order::of_argv(&shard.argv).map_err(wrong)?;
        if shard.shard == number {
            found = Some(order);
        }
        last = Some(shard);
    }
    let Some(Shard { shard: last, of, .. }) = last else { return Err(wrong(" is empty".into())) };
    if last + 1 != of {
        let has = text::counted(last as u64 + 1, "shard");
        return Err(wrong(format!(" has {has} and says that there are {of}, so it is not whole")));
    }
    found.ok_or_else(|| {
        Error::usage(format!("the plan {shown} has no shard {number}")).hint(match last {
            0 => "its one shard is 0".to_owned(),
            _ => format!("its shards are 0 to {last}"),
        })
    })
}

/// The text of a plan.
fn whole(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    #[expect(clippy::disallowed_methods, reason = "the operator's own file, not the landing zone's")]
    let file = File::open(path)?;
    file.take(MAX_PLAN + 1).read_to_string(&mut text)?;
    match text.len() as u64 > MAX_PLAN {
        true => Err(io::Error::other(format!("it is larger than the limit of {} MiB", MAX_PLAN >> 20))),
        false => Ok(text),
    }
}

/// The number of a shard: as it is written, or what a variable of the environment says, for `env:NAME`.
pub fn number(word: &str, variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Result<usize, Error> {
    let hint = "`--shard` takes a number, the first shard being 0, or `env:NAME` for a variable that has one";
    let none = |what: String| Error::usage(what).hint(hint);
    let Some(name) = word.strip_prefix("env:") else {
        return word.parse().map_err(|_| none(format!("`{}` is no number of a shard", text::quoted(word))));
    };
    let shown = text::quoted(name);
    let value = variable(name).filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| none(format!("the environment has no `{shown}`, which `--shard` names")))?;
    let parsed = value.to_str().and_then(|value| value.parse().ok());
    parsed.ok_or_else(|| {
        let value = text::quoted(&value.to_string_lossy());
        none(format!("`{shown}` in the environment is `{value}`, which is no number of a shard"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_said_as_a_command_and_read_again() {
        let full = Order {
            extractor: "x.wasm".into(),
            name: Some("y".into()),
            backfill: "2025-01-01..2025-01-02".parse().ok(),
            only: Some(("f".into(), "g=h,i".into())),
            params: vec![("a".into(), "b=c d".into()), ("e".into(), String::new())],
        };
        for order in [full, Order { extractor: "x".into(), ..Order::default() }] {
            assert_eq!(Order::of_argv(&order.argv()), Ok(order));
        }
        for (argv, says) in [
            (&["host"][..], "no `host run"),
            (&["host", "repair", "x"], "no `host run"),
            (&["host", "run", "--all"], "no `host run"),
            (&["host", "run", "x", "--allow-http", "https://x"], "has `--allow-http`"),
            (&["host", "run", "x", "--backfill"], "has `--backfill`"),
            (&["host", "run", "x", "--backfill", "2025"], "two days"),
            (&["host", "run", "x", "--param", "a"], "KEY=VALUE"),
        ] {
            let argv: Vec<String> = argv.iter().map(|&word| word.to_owned()).collect();
            let error = Order::of_argv(&argv).expect_err(says);
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_number_is_written_or_comes_from_the_environment_that_is_named() {
        let variable = |name: &str| Some(name.strip_prefix("V")?.to_owned().into());
        let asked = |word| number(word, variable).map_err(|error| error.to_string());
        assert_eq!((asked("0"), asked("17"), asked("env:V3")), (Ok(0), Ok(17), Ok(3)));
        for (word, says) in [
            ("-1", "`-1` is no number"),
            ("", "`` is no number"),
            ("x", "`x` is no number"),
            ("env:X", "has no `X`"),
            ("env:V", "has no `V`"),
            ("env:Vx", "is `x`, which is no number"),
            ("99999999999999999999999", "is no number"),
        ] {
            let error = asked(word).expect_err(says);
            assert!(error.contains(says) && error.contains("`env:NAME`"), "{error}");
        }
    }
}
