//! APIs that give their data page by page: by links, by numbers, by offsets, by cursors.

use crate::{Context, Error, Request, url};

/// One page.
#[derive(Debug)]
pub struct Page {
    /// Where it was.
    pub url: String,
    /// What the server sent.
    pub body: Vec<u8>,
    /// The cursor behind it, where the pages go by cursors and there is one.
    pub cursor: Option<String>,
    /// The field `Link`, where there is one.
    link: Option<String>,
}

/// The pages of an API, one after the other.
///
/// ```no_run
/// # async fn example() -> Result<(), landing::Error> {
/// use landing::{Pages, Slot, Source};
///
/// let source = Source::own()?;
/// let mut pages = Pages::by_link("https://data.example/items?per_page=100");
/// while let Some(page) = pages.next().await? {
///     source.land_bytes(page.body, Slot::new("json")).await?;
/// }
/// # Ok(())
/// # }
/// ```
pub struct Pages<'a> {
    next: Option<String>,
    way: Way<'a>,
    prepare: Box<dyn Fn(Request) -> Request + 'a>,
}

/// Whether a page that holds this may be followed by another.
type More<'a> = Box<dyn Fn(&[u8]) -> Result<bool, Error> + 'a>;
/// The cursor that a page holds.
type Cursor<'a> = Box<dyn Fn(&[u8]) -> Result<Option<String>, Error> + 'a>;

enum Way<'a> {
    /// The answer's field `Link` names the next page (RFC 8288).
    Link,
    /// A parameter of the query counts, in steps.
    Count { base: String, parameter: String, at: u64, step: u64, more: More<'a> },
    /// A parameter of the query is what the page before holds.
    Cursor { base: String, parameter: String, find: Cursor<'a> },
}

impl<'a> Pages<'a> {
    /// Pages whose field `Link` names the next one, `<https://…>; rel="next"`.
    pub fn by_link(first: &str) -> Self {
        Self::new(first.to_owned(), Way::Link)
    }

    /// Pages with numbers, from `first` on, for as long as `more` finds something on them.
    pub fn by_number(url: &str, parameter: &str, first: u64, more: impl Fn(&[u8]) -> Result<bool, Error> + 'a) -> Self {
        Self::counting(url, parameter, first, 1, Box::new(more))
    }

    /// Pages by the number of items in front of them, `step` on each, for as long as `more` finds something on them.
    pub fn by_offset(url: &str, parameter: &str, step: u64, more: impl Fn(&[u8]) -> Result<bool, Error> + 'a) -> Self {
        Self::counting(url, parameter, 0, step, Box::new(more))
    }

    fn counting(url: &str, parameter: &str, at: u64, step: u64, more: More<'a>) -> Self {
        let first = url::with_query(url, parameter, &at.to_string());
        Self::new(first, Way::Count { base: url.to_owned(), parameter: parameter.to_owned(), at, step, more })
    }

    /// Pages that hold the cursor of the next one, which `find` reads. They start behind `after`, where that is given.
    pub fn by_cursor(
        url: &str,
        parameter: &str,
        after: Option<&str>,
        find: impl Fn(&[u8]) -> Result<Option<String>, Error> + 'a,
    ) -> Self {
        let first = after.map_or_else(|| url.to_owned(), |cursor| url::with_query(url, parameter, cursor));
        let way = Way::Cursor { base: url.to_owned(), parameter: parameter.to_owned(), find: Box::new(find) };
        Self::new(first, way)
    }

    fn new(first: String, way: Way<'a>) -> Self {
        Self { next: Some(first), way, prepare: Box::new(|request| request) }
    }

    /// The same pages, each asked for by what `prepare` makes of its request: with fields, with a secret.
    #[must_use]
    pub fn asked_with(self, prepare: impl Fn(Request) -> Request + 'a) -> Self {
        Self { prepare: Box::new(prepare), ..self }
    }

    /// The next page; none behind the last. A status that is no success is an error.
    pub async fn next(&mut self) -> Result<Option<Page>, Error> {
        let Some(url) = self.next.take() else { return Ok(None) };
        let response = (self.prepare)(Request::get(&url)).send().await.context(&url)?;
        let response = response.successful().context(&url)?;
        let link = response.header("link");
        let body = response.into_bytes().await.context(&url)?;
        let mut page = Page { url, body, cursor: None, link };
        self.advance(&mut page)?;
        Ok(Some(page))
    }

    /// Find out where the next page is.
    fn advance(&mut self, page: &mut Page) -> Result<(), Error> {
        self.next = match &mut self.way {
            Way::Link => page.link.as_deref().and_then(|link| next_link(&page.url, link)),
            Way::Count { base, parameter, at, step, more } => {
                *at = at.saturating_add(*step);
                more(&page.body).context(&page.url)?.then(|| url::with_query(base, parameter, &at.to_string()))
            }
            Way::Cursor { base, parameter, find } => {
                page.cursor = find(&page.body).context(&page.url)?;
                page.cursor.as_ref().map(|cursor| url::with_query(base, parameter, cursor))
            }
        };
        // An API that names the same page again would be asked for ever.
        if self.next.as_ref() == Some(&page.url) {
            return Err(Error::new("the page names itself as the next one").context(&page.url));
        }
        Ok(())
    }
}

/// The target of `rel="next"` in the field `Link` of an answer from that URL.
fn next_link(from: &str, field: &str) -> Option<String> {
    // A comma may be inside a target, so that the field is not to be cut at commas.
    let mut rest = field;
    while let Some((_, behind)) = rest.split_once('<') {
        let (target, behind) = behind.split_once('>')?;
        let parameters = behind.split_once('<').map_or(behind, |(parameters, _)| parameters);
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let Some((name, value)) = parameter.split_once('=') else { return false };
            let value = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel") && value.split(' ').any(|word| word.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return absolute(from, target.trim());
        }
        rest = behind;
    }
    None
}

/// A target as an absolute URL: one that is, one that starts at the root, or one that is another query of the same page.
fn absolute(from: &str, target: &str) -> Option<String> {
    if target.starts_with("http://") || target.starts_with("https://") {
        return Some(target.to_owned());
    }
    let start = from.find("://")? + 3;
    let root = from[start..].find(['/', '?', '#']).map_or(from, |end| &from[..start + end]);
    match target.chars().next()? {
        '/' if !target.starts_with("//") => Some(format!("{root}{target}")),
        '?' => Some(format!("{}{target}", from.split(['?', '#']).next()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(url: &str, body: &str, link: Option<&str>) -> Page {
        Page { url: url.to_owned(), body: body.into(), cursor: None, link: link.map(str::to_owned) }
    }

    #[test]
    fn links() {
        let from = "https://a.example/items?page=1";
        let cases = [
            ("<https://a.example/items?page=2>; rel=\"next\"", Some("https://a.example/items?page=2")),
            ("<https://a.example/x>; rel=prev, </items?page=2>; rel=next", Some("https://a.example/items?page=2")),
            ("<?page=2>; title=\"a\"; rel=\"last NEXT\"", Some("https://a.example/items?page=2")),
            ("<https://a.example/a,b>; rel=\"next\"", Some("https://a.example/a,b")),
            ("<https://a.example/x>; rel=\"last\"", None),
            ("<//b.example/x>; rel=next", None),
            ("no link", None),
            ("<https://a.example/x", None),
        ];
        for (field, expected) in cases {
            assert_eq!(next_link(from, field).as_deref(), expected, "{field}");
        }
    }

    #[test]
    fn every_way_leads_on_and_ends() {
        let more = |body: &[u8]| Ok(!body.is_empty());
        let mut numbers = Pages::by_number("https://a.example/i", "page", 1, more);
        assert_eq!(numbers.next.as_deref(), Some("https://a.example/i?page=1"));
        numbers.advance(&mut page("https://a.example/i?page=1", "x", None)).expect("a next page");
        assert_eq!(numbers.next.as_deref(), Some("https://a.example/i?page=2"));
        numbers.advance(&mut page("https://a.example/i?page=2", "", None)).expect("an end");
        assert_eq!(numbers.next, None);

        let mut offsets = Pages::by_offset("https://a.example/i?x=y", "offset", 50, more);
        offsets.advance(&mut page("https://a.example/i?x=y&offset=0", "x", None)).expect("a next page");
        assert_eq!(offsets.next.as_deref(), Some("https://a.example/i?x=y&offset=50"));

        let find = |body: &[u8]| Ok((!body.is_empty()).then(|| String::from_utf8_lossy(body).into_owned()));
        let mut cursors = Pages::by_cursor("https://a.example/i", "after", Some("a b"), find);
        assert_eq!(cursors.next.as_deref(), Some("https://a.example/i?after=a%20b"));
        let mut read = page("https://a.example/i?after=a%20b", "c", None);
        cursors.advance(&mut read).expect("a next page");
        assert_eq!((read.cursor.as_deref(), cursors.next.as_deref()), (Some("c"), Some("https://a.example/i?after=c")));
        let error = cursors.advance(&mut page("https://a.example/i?after=c", "c", None)).expect_err("a circle");
        assert!(error.to_string().contains("names itself"), "{error}");
    }
}
