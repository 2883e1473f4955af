//! Extractors by the names that the configuration gives them, and the landing directory that they share.

use std::path::{Path, PathBuf};

use super::file::{Configuration, ExtractorConfig};
use super::near;
use crate::error::Error;
use rules::text;

/// The landing directory where nobody names one.
const LANDING: &str = "data/landing";

/// An extractor that is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What it is called, where the component is not asked.
    pub name: Option<String>,
    /// Its file.
    pub component: PathBuf,
}

impl Configuration {
    /// The landing zone as somebody wrote it: the flag or `LANDING_DIR`, else the configuration, else `data/landing`.
    pub(super) fn landing_word(&self, given: Option<&Path>) -> PathBuf {
        let given = given.filter(|path| !path.as_os_str().is_empty());
        given.or(self.file.defaults.landing.as_deref()).unwrap_or(Path::new(LANDING)).to_owned()
    }

    /// What `word` stands for on a command line: a name of the configuration, else the path of a component, which is to
    /// be called `name`.
    pub fn extractor(&self, word: &str, name: Option<&str>) -> Result<Named, Error> {
        let is_path = word.contains('/') || word.ends_with(".wasm");
        let by_path = || Named { name: name.map(str::to_owned), component: PathBuf::from(word) };
        let shown = text::quoted(word);
        let file = self.path.display();
        match self.file.extractor.get(word) {
            _ if is_path => Ok(by_path()),
            Some(ExtractorConfig { component: Some(component), .. }) => match name {
                None => Ok(Named { name: Some(word.to_owned()), component: component.clone() }),
                Some(_) => Err(Error::usage(format!("{file} names the extractor `{shown}` already"))
                    .hint("leave `--name` out, or give the path of the component")),
            },
            _ if Path::new(word).exists() => Ok(by_path()),
            Some(_) => Err(Error::usage(format!("{file} does not say what `{shown}` runs"))
                .hint(format!("set `component = \"FILE.wasm\"` under [extractor.{shown}]"))),
            None => Err(Error::usage(format!("there is no extractor `{shown}`, and no such file"))
                .hint(self.instead(Path::new(word)))),
        }
    }

    /// The extractors that can be run by name, in the order of their names.
    pub fn all(&self) -> Vec<&str> {
        let runnable = self.file.extractor.iter().filter(|(_, extractor)| extractor.component.is_some());
        runnable.map(|(name, _)| name.as_str()).collect()
    }

    /// The same, and those that are to run by themselves and cannot.
    pub fn meant(&self) -> Vec<&str> {
        let is_meant = |extractor: &ExtractorConfig| extractor.component.is_some() || extractor.schedule.is_some();
        let meant = self.file.extractor.iter().filter(|(_, extractor)| is_meant(extractor));
        meant.map(|(name, _)| name.as_str()).collect()
    }

    /// What can be named instead.
    fn instead(&self, word: &Path) -> String {
        if let Some(meant) = near::component(word) {
            return format!("did you mean the file {}?", text::quoted(&meant.display().to_string()));
        }
        match &self.all()[..] {
            [] => format!("`[extractor.NAME]` with `component = \"FILE.wasm\"` in {} makes one", self.path.display()),
            names => format!("{} has {}", self.path.display(), names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::parse;
    use super::*;

    fn configuration(text: &str) -> Configuration {
        Configuration { path: "host.toml".into(), text: text.into(), file: parse(text).expect("a configuration") }
    }

    #[test]
    fn a_word_is_a_name_or_a_path() {
        let known = configuration("[extractor.a]\ncomponent = \"x/a.wasm\"\n[extractor.b]\nhttp = []\n");
        let found = |word, name| known.extractor(word, name).map_err(|error| error.to_string());
        let by_path = |name: Option<&str>, path: &str| Named { name: name.map(Into::into), component: path.into() };
        assert_eq!(found("a", None), Ok(by_path(Some("a"), "x/a.wasm")));
        assert_eq!(found("./a", None), Ok(by_path(None, "./a")));
        assert_eq!(found("a.wasm", Some("other")), Ok(by_path(Some("other"), "a.wasm")));
        for (word, name, says) in [
            ("a", Some("c"), "host.toml names the extractor `a` already"),
            ("b", None, "host.toml does not say what `b` runs\nhint: set `component = \"FILE.wasm\"`"),
            ("c", None, "there is no extractor `c`, and no such file\nhint: host.toml has a"),
        ] {
            let error = found(word, name).expect_err(says);
            assert!(error.contains(says), "{error}");
        }
        let error = configuration("").extractor("c", None).expect_err("none").to_string();
        assert!(
            error.contains("`[extractor.NAME]` with `component = \"FILE.wasm\"` in host.toml makes one"),
            "{error}"
        );
    }

    #[test]
    fn the_landing_directory_is_the_flags_else_the_files_else_the_usual_one() {
        let known = configuration("[defaults]\nlanding = \"zone\"\n");
        assert_eq!(known.landing_word(Some(Path::new("x"))), Path::new("x"));
        assert_eq!(known.landing_word(Some(Path::new(""))), Path::new("zone"));
        assert_eq!(configuration("").landing_word(None), Path::new("data/landing"));
    }
}
