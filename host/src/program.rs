//! What the program was called as, which is what it tells people to type.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::OnceLock;

/// Its own name, which is meant where a text of the host's says `` `host `` and a space.
const NAME: &str = "host";
/// Longest name that is believed.
const MAX_NAME: usize = 64;

static CALLED: OnceLock<String> = OnceLock::new();

/// Go by the name that this process was started under. The host in somebody's own program keeps its own.
pub(crate) fn believe_the_call() {
    if let Some(name) = std::env::args_os().next().as_deref().and_then(sanitised) {
        // It is the same where it was said before.
        let _ = CALLED.set(name);
    }
}

/// The name to type.
pub(crate) fn name() -> &'static str {
    CALLED.get().map_or(NAME, String::as_str)
}

/// A text of the host's own, with the commands in it as they have to be typed here.
pub(crate) fn typed(text: &str) -> Cow<'_, str> {
    named(text, name())
}

/// The same of whole lines to copy, as in the `README.md` of an extractor.
pub(crate) fn typed_lines(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix("host ") {
        Some(rest) => format!("{} {rest}", name()),
        None => line.to_owned(),
    };
    typed(&text.split('\n').map(line).collect::<Vec<_>>().join("\n")).into_owned()
}

fn named<'a>(text: &'a str, name: &str) -> Cow<'a, str> {
    match name {
        NAME => text.into(),
        name => text.replace("`host ", &format!("`{name} ")).into(),
    }
}

/// Whoever starts a program can call it anything. Only what can be typed as it stands is believed.
fn sanitised(call: &OsStr) -> Option<String> {
    let name = Path::new(call).file_name()?.to_str()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    let usual =
        name.len() <= MAX_NAME && name.bytes().all(plain) && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    usual.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_typed_is_believed() {
        for (call, name) in [
            ("host", Some("host")),
            ("/usr/bin/landing-host", Some("landing-host")),
            ("./host-0.2", Some("host-0.2")),
            ("", None),
            ("..", None),
            ("-sh", None),
            ("a b", None),
            ("`id`", None),
            ("h\u{f6}st", None),
        ] {
            assert_eq!(sanitised(OsStr::new(call)).as_deref(), name, "{call}");
        }
        assert_eq!(sanitised(OsStr::new(&"x".repeat(65))), None);
    }

    #[test]
    fn commands_have_the_name_and_other_words_stay() {
        let text = "the host runs `host runs`, not `hosts` or host.toml";
        assert_eq!(named(text, "landing-host"), "the host runs `landing-host runs`, not `hosts` or host.toml");
        assert_eq!(named(text, "host"), text);
    }
}
