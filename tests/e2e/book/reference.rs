//! The generated pages: the interface out of the comments of its WIT, the commands out of their help.

use std::fmt::Write as _;
use std::mem::take;

use super::RENEW;

fn head(title: &str, from: &str) -> String {
    format!("<!-- Made from {from}; a test keeps it so. To make it anew: {RENEW} -->\n\n# {title}\n\n")
}

/// What of the WIT is being read.
#[derive(Default)]
struct Reader {
    page: String,
    /// The comment so far.
    comment: Vec<String>,
    /// What the line is within: an interface, and a resource, a record or an enumeration.
    within: Vec<(String, String)>,
}

impl Reader {
    /// A heading, what it is in WIT, and what its comment says.
    fn item(&mut self, depth: usize, name: &str, signature: &str) {
        let heading = if depth == 2 { format!("## {name}") } else { format!("{} `{name}`", "#".repeat(depth)) };
        write!(self.page, "{heading}\n\n").expect("a text");
        if !signature.is_empty() {
            write!(self.page, "```wit\n{signature}\n```\n\n").expect("a text");
        }
        self.said();
    }

    fn said(&mut self) {
        let comment = take(&mut self.comment).join("\n");
        if !comment.is_empty() {
            write!(self.page, "{comment}\n\n").expect("a text");
        }
    }

    fn line(&mut self, line: &str) {
        if let Some(comment) = line.strip_prefix("///") {
            self.comment.push(comment.trim().to_owned());
            return;
        }
        let first = line.split([' ', ':', '(', ',']).next().unwrap_or_default();
        let second = || line.split([' ', ';']).nth(1).unwrap_or_default().to_owned();
        match (self.within.last().map(|(kind, _)| kind.clone()).as_deref(), first) {
            (_, "" | "use" | "import" | "export") => self.comment.clear(),
            (_, "}") => {
                let ended = self.within.pop();
                if ended.is_some_and(|(kind, _)| kind == "record" || kind == "enum") && !self.page.ends_with("\n\n") {
                    self.page.push('\n');
                }
            }
            (None, "package") => self.said(),
            (None, _) => {
                self.item(2, &second(), "");
                self.within.push((first.to_owned(), second()));
            }
            (Some("record" | "enum"), field) => {
                let comment = take(&mut self.comment).join(" ");
                let declared = line.trim_end_matches(',');
                let shown = if declared == field { field } else { declared };
                let says = if comment.is_empty() { String::new() } else { format!(": {comment}") };
                writeln!(self.page, "- `{shown}`{says}").expect("a text");
            }
            (Some("resource"), name) => {
                let of = self.within.last().map(|(_, of)| of.clone()).unwrap_or_default();
                self.item(4, &format!("{of}.{name}"), line.trim_end_matches(';'));
            }
            (Some(_), "type") => self.item(3, &second(), line.trim_end_matches(';')),
            (Some(_), kind @ ("record" | "enum")) if line.ends_with('}') => {
                let _ = kind;
                self.item(3, &second(), line);
            }
            (Some(_), kind @ ("record" | "enum" | "resource")) => {
                self.item(3, &second(), "");
                self.within.push((kind.to_owned(), second()));
            }
            (Some(_), name) => self.item(3, name, line.trim_end_matches(';')),
        }
    }
}

/// The page of the interface.
pub(super) fn interface(wit: &str) -> String {
    let version = wit.lines().find_map(|line| line.strip_prefix("package ")).expect("a package").trim_end_matches(';');
    let mut reader =
        Reader { page: head("The interface, function by function", "wit/extractor.wit"), ..Reader::default() };
    write!(
        reader.page,
        "This is `{version}`, the text of [`wit/extractor.wit`](../../../wit/extractor.wit). Names are those of WIT: \
         `mirror-all` is `mirror_all` in Rust and Python, and `mirrorAll` in TypeScript.\n\n"
    )
    .expect("a text");
    wit.lines().for_each(|line| reader.line(line.trim()));
    reader.page.trim_end().to_owned() + "\n"
}

/// The page of the commands.
pub(super) fn commands(host: &dyn Fn(&[&str]) -> String) -> String {
    let help = host(&["--help"]);
    let mut page = head("Commands", "the program's help");
    write!(page, "## `host`\n\n```text\n{}\n```\n", help.trim_end()).expect("a text");
    let (_, list) = help.split_once("Commands:\n").expect("commands");
    // What begins further to the right goes on with what the line before says.
    let lines = list.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    for name in names.filter(|name| *name != "help") {
        write!(page, "\n## `host {name}`\n\n```text\n{}\n```\n", host(&[name, "--help"]).trim_end()).expect("a text");
    }
    page
}
