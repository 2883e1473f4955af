//! The streams that an operator names. Pure.

/// The names in a text, with white space between; a name may have some itself. Fails with what is no name.
pub(crate) fn of<'a>(text: &'a str, names: &[&'a str]) -> Result<Vec<&'a str>, &'a str> {
    let (mut chosen, mut rest) = (Vec::new(), text.trim());
    while !rest.is_empty() {
        let is_next = |name: &&&str| {
            let after = rest.strip_prefix(**name);
            after.is_some_and(|after| after.is_empty() || after.starts_with(char::is_whitespace))
        };
        // Of several that it may be, the longest one is meant.
        let next = names.iter().filter(is_next).max_by_key(|name| name.len()).filter(|name| !name.is_empty());
        let Some(next) = next else { return Err(rest.split_whitespace().next().unwrap_or_default()) };
        chosen.push(*next);
        rest = rest[next.len()..].trim_start();
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_have_spaces() {
        let names = ["items", "items sold", "sold", "a  b"];
        for (text, expected) in [
            ("", Ok(vec![])),
            (" sold\titems ", Ok(vec!["sold", "items"])),
            ("items sold items", Ok(vec!["items sold", "items"])),
            ("items  sold", Ok(vec!["items", "sold"])),
            ("a  b", Ok(vec!["a  b"])),
            ("item", Err("item")),
            ("items solder", Err("solder")),
        ] {
            assert_eq!(of(text, &names), expected, "{text}");
        }
    }
}
