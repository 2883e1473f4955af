//! Padel courts from OpenStreetMap, by the Overpass API: the query, and what counts as an answer to it.
//!
//! Overpass reports many failures with status 200. A page instead of data is known by its content type, before anything
//! lands. A query that the server aborts is harder: its CSV writer stays silent about it, and the rows just end. With
//! no row at all that is noticed before anything lands; an answer cut off later looks whole.

use landing::{Context, Date, Error, Receipt, Request, Response, Slot, Source, url};

/// The columns: an element's own properties start with `::`, and all others are tags.
const COLUMNS: [&str; 17] = [
    "::type",
    "::id",
    "::lat",
    "::lon",
    "name",
    "sport",
    "leisure",
    "operator",
    "access",
    "fee",
    "indoor",
    "covered",
    "surface",
    "lit",
    "website",
    "addr:city",
    "addr:country",
];
/// How long the server may work, in seconds: what its own query page asks for.
const TIMEOUT: u32 = 180;
/// How much of an answer is taken at a time, in bytes.
const CHUNK: usize = 64 * 1024;
/// How much of an error page is quoted, in characters.
const QUOTE_LIMIT: usize = 300;

/// Land the courts as they are, or as they were when that day began.
pub(crate) async fn land(endpoint: &str, date: Option<Date>) -> Result<Receipt, Error> {
    let source = Source::open("overpass")?;
    let request = Request::get(&url::with_query(endpoint, "data", &query(date)));
    let response = request.send().await?;
    if response.status() != 200 || is_page(response.header("content-type").as_deref()) {
        return Err(refusal(response).await);
    }
    let slot = Slot::new("csv");
    let slot = match date {
        Some(date) => slot.on(date),
        None => slot,
    };
    let (mut body, whole) = response.into_body();
    let mut start = Vec::new();
    while start.len() <= header().len() {
        let (_, chunk) = body.read(Vec::with_capacity(CHUNK)).await;
        if chunk.is_empty() {
            whole.await?;
            return Err(Error::new("Overpass answered without a single court, as it does when it aborts a query"));
        }
        start.extend(chunk);
    }
    let landed = source.land_made(slot, async |content| {
        let mut chunk = start;
        while !chunk.is_empty() {
            content.write(chunk).await?;
            (_, chunk) = body.read(Vec::with_capacity(CHUNK)).await;
        }
        Ok(whole.await?)
    });
    landed.await
}

/// The query, in Overpass QL.
///
/// `sport` may list several sports, with semicolons between them. `out center` gives ways and relations a point too,
/// and writes elements in the order of their ids, so that the same courts are always the same bytes.
fn query(date: Option<Date>) -> String {
    let columns: Vec<String> = COLUMNS
        .iter()
        .map(|column| if column.starts_with("::") { (*column).to_owned() } else { format!("\"{column}\"") })
        .collect();
    let date = date.map(|date| format!("[date:\"{date}T00:00:00Z\"]")).unwrap_or_default();
    format!(
        "[out:csv({};true;\",\")][timeout:{TIMEOUT}]{date};\nnwr[\"sport\"~\"(^|;) *padel *(;|$)\"];\nout center;\n",
        columns.join(",")
    )
}

/// The line that Overpass writes in front of the rows.
fn header() -> String {
    let columns = COLUMNS.map(|column| column.replacen("::", "@", 1));
    format!("{}\n", columns.join(","))
}

/// Is this the type of an error page? Data is `text/csv`; a type that is missing or vague says nothing.
fn is_page(content_type: Option<&str>) -> bool {
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    ["html", "xml", "json"].iter().any(|format| content_type.contains(format))
}

async fn refusal(response: Response) -> Error {
    let status = response.status();
    let said = match response.into_text().await.context("its answer did not arrive") {
        Ok(page) => text_of(&page),
        Err(error) => error.to_string(),
    };
    let quoted = if said.is_empty() { String::new() } else { format!(": {said}") };
    Error::new(format_args!("Overpass answered with status {status} and no data{quoted}"))
}

/// What a person would read of the page: from its first `Error` on, without markup.
fn text_of(page: &str) -> String {
    let page = page.find("Error").map_or(page, |start| &page[start..]);
    let mut text = String::new();
    let mut in_tag = false;
    for character in page.chars() {
        match character {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                text.push(' ');
            }
            _ if in_tag => {}
            _ => text.push(character),
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(QUOTE_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let now = query(None);
        assert!(now.starts_with("[out:csv(::type,::id,::lat,::lon,\"name\","), "{now}");
        assert!(now.contains(",\"addr:country\";true;\",\")][timeout:180];\nnwr"), "{now}");
        let then = query("2025-03-01".parse().ok());
        assert!(then.contains("[timeout:180][date:\"2025-03-01T00:00:00Z\"];\nnwr"), "{then}");
        assert!(header().starts_with("@type,@id,@lat,@lon,name,"));
    }

    #[test]
    fn error_pages_are_known_by_their_type() {
        let cases = [
            (None, false),
            (Some("text/csv"), false),
            (Some("text/csv; charset=utf-8"), false),
            (Some("application/octet-stream"), false),
            (Some("text/html; charset=utf-8"), true),
            (Some("Text/HTML"), true),
            (Some("application/osm3s+xml"), true),
            (Some("application/json"), true),
        ];
        for (content_type, expected) in cases {
            assert_eq!(is_page(content_type), expected, "{content_type:?}");
        }
    }

    #[test]
    fn error_pages_are_quoted_without_markup() {
        let page = "<?xml version=\"1.0\"?>\n<html><title>OSM3S Response</title><body>\n<p>The data is from OSM.</p>\n\
            <p><strong style=\"color:#FF0000\">Error</strong>: runtime error: open64: timeout.\nThe server is\n\
            probably too busy. </p></body></html>";
        let said = "Error : runtime error: open64: timeout. The server is probably too busy.";
        let cases = [(page, said), ("rate_limited\n", "rate_limited"), ("", ""), ("<html", "")];
        for (page, expected) in cases {
            assert_eq!(text_of(page), expected);
        }
        assert_eq!(text_of(&"ä".repeat(1_000)).chars().count(), QUOTE_LIMIT);
    }
}
