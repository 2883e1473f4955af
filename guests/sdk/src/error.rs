//! The error that an extractor returns: one text, which reads as one sentence.

use std::fmt;

/// How many failures [`all`] quotes before it only counts.
const QUOTED: usize = 3;
/// The longest text of one quoted failure, in bytes.
const QUOTE_LIMIT: usize = 300;

/// Why a run failed, or a part of it.
///
/// `?` turns any [`std::error::Error`] into one, so this type cannot be a `std::error::Error` itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    /// An error with this text.
    pub fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }

    /// The same error, with what was being done in front: `what: error`.
    #[must_use]
    pub fn context(self, what: impl fmt::Display) -> Self {
        Self(format!("{what}: {}", self.0))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        Self(text)
    }
}

/// Say what was being done when something failed.
pub trait Context<T> {
    /// Put `what` in front of the error's text.
    fn context(self, what: impl fmt::Display) -> Result<T, Error>;
}

impl<T, E: Into<Error>> Context<T> for Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Result<T, Error> {
        self.map_err(|error| error.into().context(what))
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, what: impl fmt::Display) -> Result<T, Error> {
        self.ok_or_else(|| Error::new(what))
    }
}

/// All the values; or, where some failed, one error that counts the failures and quotes the first few of them.
///
/// It is for work that goes on past a failure, such as what [`concurrent`](crate::concurrent()) gives.
pub fn all<T>(results: impl IntoIterator<Item = Result<T, Error>>) -> Result<Vec<T>, Error> {
    let mut values = Vec::new();
    let mut failures = Vec::new();
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => failures.push(error),
        }
    }
    let total = values.len() + failures.len();
    match failures.as_slice() {
        [] => Ok(values),
        [only] if total == 1 => Err(Error::new(cut(&only.0))),
        _ => Err(summary(&failures, total)),
    }
}

fn summary(failures: &[Error], total: usize) -> Error {
    let mut text = format!("{} of {total} failed: ", failures.len());
    for (index, failure) in failures.iter().take(QUOTED).enumerate() {
        if index > 0 {
            text.push_str("; ");
        }
        text.push_str(&cut(&failure.0));
    }
    if failures.len() > QUOTED {
        text.push_str(&format!("; and {} more", failures.len() - QUOTED));
    }
    Error(text)
}

/// The text itself, or its two ends where it is too long: a URL in front and the reason behind both count.
fn cut(text: &str) -> String {
    if text.len() <= QUOTE_LIMIT {
        return text.to_owned();
    }
    let head = text.floor_char_boundary(QUOTE_LIMIT / 2);
    let tail = text.ceil_char_boundary(text.len() - QUOTE_LIMIT / 2);
    format!("{}…{}", &text[..head], &text[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_every_kind_become_one_sentence() {
        fn number() -> Result<u8, Error> {
            Ok("x".parse::<u8>()?)
        }
        fn refused() -> Result<(), Error> {
            Err(crate::http::Error::other("no grant for https://a.example"))?
        }
        fn missing() -> Result<(), Error> {
            let message = "the server answered with status 404 and no content to land".to_owned();
            let kind = crate::zone::ErrorKind::Status;
            let error = crate::zone::Error { kind, code: "status".to_owned(), message, status: Some(404), fetch: None };
            Err(error).context("https://a.example/x.csv")
        }
        let cases = [
            (number().map(drop), "invalid digit found in string"),
            (refused(), "no grant for https://a.example"),
            (missing(), "https://a.example/x.csv: the server answered with status 404 and no content to land"),
            (None.context("nothing there"), "nothing there"),
        ];
        for (result, expected) in cases {
            assert_eq!(result, Err(Error::new(expected)));
        }
    }

    #[test]
    fn all_counts_and_quotes_failures() {
        let fail = |text: &str| Err::<u8, _>(Error::new(text));
        assert_eq!(all([Ok(1), Ok(2)]), Ok(vec![1, 2]));
        assert_eq!(all(Vec::<Result<u8, Error>>::new()), Ok(vec![]));
        let cases = [
            (vec![fail("a")], "a"),
            (vec![Ok(1), fail("a")], "1 of 2 failed: a"),
            (vec![fail("a"), fail("b"), fail("c"), fail("d"), Ok(1)], "4 of 5 failed: a; b; c; and 1 more"),
        ];
        for (results, expected) in cases {
            assert_eq!(all(results), Err(Error::new(expected)));
        }
    }

    #[test]
    fn a_long_failure_keeps_both_ends() {
        let long = format!("https://{}: not found", "ä".repeat(2_000));
        let error = all([Err::<(), _>(Error::new(long))]).expect_err("it failed");
        let text = error.to_string();
        assert!(text.len() <= QUOTE_LIMIT + "…".len(), "{text}");
        assert!(text.starts_with("https://ä") && text.ends_with(": not found"), "{text}");
    }
}
