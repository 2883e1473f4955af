//! Verdicts as JUnit's XML, which build servers read.

use std::fmt::Write as _;

use super::Verdict;

/// All of them as one suite.
pub fn junit(verdicts: &[Verdict]) -> String {
    let count = |word: &str| verdicts.iter().filter(|verdict| verdict.word() == word).count();
    let time: f64 = verdicts.iter().map(|verdict| verdict.took.as_secs_f64()).sum();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        xml,
        "<testsuite name=\"host test\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{time:.3}\">",
        verdicts.len(),
        count("failed"),
        count("broken"),
    );
    for verdict in verdicts {
        let name = escaped(&verdict.case);
        let _ = write!(xml, "  <testcase name=\"{name}\" time=\"{:.3}\">", verdict.took.as_secs_f64());
        if let Some(reason) = &verdict.broken {
            let _ = write!(xml, "<error message=\"{}\"/>", escaped(reason));
        } else if !verdict.is_good() {
            let paths: Vec<&str> = verdict.differences.iter().map(|(path, _)| path.as_str()).collect();
            let diffs: String = verdict.differences.iter().map(|(_, diff)| diff.as_str()).collect();
            let message = escaped(&format!("differs in {}", paths.join(", ")));
            let _ = write!(xml, "<failure message=\"{message}\">{}</failure>", escaped(&diffs));
        }
        xml.push_str("</testcase>\n");
    }
    xml.push_str("</testsuite>\n");
    xml
}

/// Text as XML 1.0 may hold it.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' => escaped.push(character),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_suite_has_every_case() {
        let verdict = |case: &str, differences, broken| Verdict {
            case: case.into(),
            took: Duration::from_millis(1500),
            differences,
            blessed: false,
            broken,
        };
        let differs = vec![("files/a.csv".to_owned(), "-<a>\u{1b}\n".to_owned())];
        let xml = junit(&[
            verdict("one", Vec::new(), None),
            verdict("two", differs, None),
            verdict("three", Vec::new(), Some("\"no\"".into())),
        ]);
        assert_eq!(
            xml,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <testsuite name=\"host test\" tests=\"3\" failures=\"1\" errors=\"1\" time=\"4.500\">\n  \
             <testcase name=\"one\" time=\"1.500\"></testcase>\n  \
             <testcase name=\"two\" time=\"1.500\">\
             <failure message=\"differs in files/a.csv\">-&lt;a&gt;\u{fffd}\n</failure></testcase>\n  \
             <testcase name=\"three\" time=\"1.500\"><error message=\"&quot;no&quot;\"/></testcase>\n</testsuite>\n"
        );
    }
}
