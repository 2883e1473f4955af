//! What the operator, or an extractor's author, expects of the contents of a source, and whether one is like that.
//!
//! Pure, and in constant memory: of a content it gets the size and the first bytes, see [`HEAD`].

mod keys;
mod looks;

use std::collections::BTreeMap;

use keys::Said;
pub use keys::{FirstLine, Growth, Key, MediaType, Shape, Shrinkage};

use crate::budget::{Age, Size};
use crate::name::check_name;
use crate::text;

/// How many of the first bytes of a content are looked at, before compression.
pub const HEAD: usize = 64 * 1024;
/// How many are enough to tell an HTML page.
const PAGE_HEAD: usize = 1024;
/// Words of an extension where no HTML page lands, unless it may.
const NEVER_PAGES: [&str; 6] = ["csv", "json", "ndjson", "xml", "zip", "parquet"];

/// What is expected of the contents of a source. A key of which nothing is said is not judged, but for `html` and `empty`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expectation {
    /// The media types that an answer may have.
    pub content_type: Option<Key<Vec<MediaType>>>,
    /// The least bytes, before compression.
    pub min_size: Option<Key<Size>>,
    /// The most bytes.
    pub max_size: Option<Key<Size>>,
    /// How much smaller than the last file it may be.
    pub max_shrink: Option<Key<Shrinkage>>,
    /// How much larger.
    pub max_grow: Option<Key<Growth>>,
    /// The first line.
    pub first_line: Option<Key<FirstLine>>,
    /// What it is as JSON.
    pub json: Option<Key<Shape>>,
    /// How old the newest content may be at the end of a run.
    pub max_age: Option<Key<Age>>,
    /// Whether HTML pages land: always, or never. Where nothing is said, they do not where the extension says that the
    /// content is something else.
    pub html: Option<bool>,
    /// Whether an empty content lands.
    pub empty: Option<bool>,
}

/// The same, of all sources of an extractor and of each by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, try_from = "Written")]
pub struct Expectations {
    /// Of all of them.
    pub all: Expectation,
    /// Of one, by its name.
    pub source: BTreeMap<String, Expectation>,
}

/// How they are written: in one table, with a table of tables in it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    content_type: Option<Key<Vec<MediaType>>>,
    min_size: Option<Key<Size>>,
    max_size: Option<Key<Size>>,
    max_shrink: Option<Key<Shrinkage>>,
    max_grow: Option<Key<Growth>>,
    first_line: Option<Key<FirstLine>>,
    json: Option<Key<Shape>>,
    max_age: Option<Key<Age>>,
    html: Option<bool>,
    empty: Option<bool>,
    source: BTreeMap<String, Expectation>,
}

impl TryFrom<Written> for Expectations {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        #[rustfmt::skip]
        let Written {
            content_type, min_size, max_size, max_shrink, max_grow, first_line, json, max_age, html, empty, source,
        } = written;
        if let Some(error) = source.keys().find_map(|name| check_name(name).err()) {
            return Err(format!("a table under `source`: {error}"));
        }
        #[rustfmt::skip]
        let all = Expectation {
            content_type, min_size, max_size, max_shrink, max_grow, first_line, json, max_age, html, empty,
        };
        Ok(Self { all, source })
    }
}

impl Expectations {
    /// What is expected of a source: what is said here of it, then of all, then what the others say in the same order.
    pub fn of(&self, source: &str, others: &Self) -> Expectation {
        let own = |from: &Self| from.source.get(source).cloned().unwrap_or_default().or(from.all.clone());
        own(self).or(own(others))
    }

    /// All that is said, each with its key, for whoever shows it. The texts are as they were written.
    pub fn said(&self) -> Vec<(String, String)> {
        let below = |name: &String| format!("source.{name}.");
        let sources = self.source.iter().flat_map(|(name, said)| said.said(&below(name)));
        self.all.said("").into_iter().chain(sources).collect()
    }
}

/// What is to be judged.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// The extension that it would land under.
    pub extension: &'a str,
    /// Bytes before compression.
    pub size: u64,
    /// The first of them, [`Expectation::head`] at least where there are so many.
    pub head: &'a [u8],
    /// The answer's field; the inner one is none where it has no such field, the outer one where there was no answer.
    pub content_type: Option<Option<&'a str>>,
    /// The size of the last file of its kind, where there is one.
    pub last: Option<u64>,
}

/// How a content is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// In a word that never changes.
    pub code: &'static str,
    /// In words of the host's own, without any of the content's: `it is an HTML page`.
    pub what: String,
    /// What there is instead, as the content or the answer says it.
    pub found: Option<String>,
}

impl Broken {
    fn new(code: &'static str, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), found: None }
    }

    fn found(self, found: impl Into<String>) -> Self {
        Self { found: Some(found.into()), ..self }
    }

    /// All of it, for the operator.
    pub fn sentence(&self) -> String {
        match &self.found {
            Some(found) => format!("{}; {found}", self.what),
            None => self.what.clone(),
        }
    }
}

impl Expectation {
    /// These, and where nothing is said, the others.
    pub fn or(self, others: Self) -> Self {
        macro_rules! first {
            ($($field:ident),* $(,)?) => { Self { $($field: self.$field.or(others.$field)),* } };
        }
        #[rustfmt::skip]
        let both = first!(
            content_type, min_size, max_size, max_shrink, max_grow, first_line, json, max_age, html, empty,
        );
        both
    }

    /// See [`Expectations::said`].
    fn said(&self, place: &str) -> Vec<(String, String)> {
        macro_rules! each {
            ($($key:literal $field:ident),* $(,)?) => { [$(($key, self.$field.as_ref().map(Said::text))),*] };
        }
        let keys = each!(
            "content-type" content_type,
            "min-size" min_size,
            "max-size" max_size,
            "max-shrink" max_shrink,
            "max-grow" max_grow,
            "first-line" first_line,
            "json" json,
            "max-age" max_age,
            "html" html,
            "empty" empty,
        );
        keys.into_iter().filter_map(|(key, text)| Some((format!("{place}{key}"), text?))).collect()
    }

    /// How many of the first bytes of a content it takes to judge it.
    pub fn head(&self) -> usize {
        match (value(&self.first_line), value(&self.json)) {
            (None, None) => PAGE_HEAD,
            _ => HEAD,
        }
    }

    /// Whether it takes the size of the last file.
    pub fn compares(&self) -> bool {
        value(&self.max_shrink).is_some() || value(&self.max_grow).is_some()
    }

    /// How old the newest content may be.
    pub fn max_age(&self) -> Option<Age> {
        value(&self.max_age).copied()
    }

    /// Judge a content.
    pub fn check(&self, sample: &Sample<'_>) -> Result<(), Broken> {
        if sample.size == 0 {
            return match self.empty {
                // It has nothing else that could be judged.
                Some(true) => Ok(()),
                _ => Err(Broken::new("unexpected-empty", "it is empty")),
            };
        }
        self.check_page(sample)?;
        self.check_type(sample)?;
        self.check_size(sample)?;
        self.check_last(sample)?;
        if let Some(expected) = value(&self.first_line)
            && !expected.fits(sample.head)
        {
            let broken = Broken::new("unexpected-first-line", format!("its first line is not `{expected}`"));
            let line = text::quoted(&String::from_utf8_lossy(looks::first_line(sample.head)));
            return Err(broken.found(format!("it is `{line}`")));
        }
        match value(&self.json) {
            Some(shape) => looks::check_json(shape, sample.head).map_err(|what| Broken::new("unexpected-json", what)),
            None => Ok(()),
        }
    }

    fn check_page(&self, sample: &Sample<'_>) -> Result<(), Broken> {
        let named = sample.extension.split('.').find(|word| NEVER_PAGES.contains(word));
        let judged = match self.html {
            Some(lands) => !lands,
            None => named.is_some(),
        };
        if judged && looks::is_page(sample.head, named == Some("xml")) {
            return Err(Broken::new("unexpected-page", format!("it is an HTML page, and no {}", sample.extension)));
        }
        Ok(())
    }

    fn check_type(&self, sample: &Sample<'_>) -> Result<(), Broken> {
        let (Some(expected), Some(given)) = (value(&self.content_type), sample.content_type) else { return Ok(()) };
        if given.is_some_and(|given| expected.iter().any(|kind| kind.fits(given))) {
            return Ok(());
        }
        let expected: Vec<String> = expected.iter().map(|kind| format!("`{kind}`")).collect();
        let broken =
            Broken::new("unexpected-content-type", format!("its content type is not {}", expected.join(" or ")));
        Err(match given {
            Some(given) => broken.found(format!("it is `{}`", text::quoted(given))),
            None => broken.found("the answer has none"),
        })
    }

    fn check_size(&self, sample: &Sample<'_>) -> Result<(), Broken> {
        let has = text::counted(sample.size, "byte");
        let broken = |word, limit: Size| {
            let what = format!("it has {has}, and at {word} {} are expected", limit.0);
            Err(Broken::new("unexpected-size", what))
        };
        match (value(&self.min_size), value(&self.max_size)) {
            (Some(least), _) if sample.size < least.0 => broken("least", *least),
            (_, Some(most)) if sample.size > most.0 => broken("most", *most),
            _ => Ok(()),
        }
    }

    fn check_last(&self, sample: &Sample<'_>) -> Result<(), Broken> {
        let Some(last) = sample.last else { return Ok(()) };
        let has = text::counted(sample.size, "byte");
        if let Some(limit) = value(&self.max_shrink).filter(|limit| !limit.allows(last, sample.size)) {
            let what = format!("it has {has}, more than {limit} less than the last file with its {last}");
            return Err(Broken::new("unexpected-shrink", what));
        }
        if let Some(limit) = value(&self.max_grow).filter(|limit| !limit.allows(last, sample.size)) {
            let what = format!("it has {has}, more than {limit} of the last file with its {last}");
            return Err(Broken::new("unexpected-growth", what));
        }
        Ok(())
    }
}

fn value<T>(key: &Option<Key<T>>) -> Option<&T> {
    key.as_ref().and_then(Key::value)
}

#[cfg(test)]
mod tests;
