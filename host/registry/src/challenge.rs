//! How a registry says in which way it wants to be told who asks: `WWW-Authenticate` (RFC 9110, 11.6.1).
//!
//! Pure.

/// Most challenges that are looked at, and most parameters of each.
const MAX_ENTRIES: usize = 16;

/// What a registry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// A name and a password.
    Basic,
    /// A token that somebody else gives.
    Bearer {
        /// Where it is to be had.
        realm: String,
        /// What it is for, in that place's words.
        service: Option<String>,
    },
}

/// The challenge to answer, among all that the fields say: a token before a password, since that is what gets the password
/// then.
pub fn challenge<'a>(fields: impl IntoIterator<Item = &'a str>) -> Option<Challenge> {
    let all: Vec<Challenge> = fields.into_iter().flat_map(parse).collect();
    all.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. })).or(all.first()).cloned()
}

fn parse(field: &str) -> Vec<Challenge> {
    let mut schemes: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = field;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, behind) = token(rest);
        if word.is_empty() || schemes.len() > MAX_ENTRIES {
            break;
        }
        let value =
            behind.trim_start_matches([' ', '\t']).strip_prefix('=').and_then(|behind| value(behind.trim_start()));
        match (value, schemes.last_mut()) {
            (Some((value, behind)), Some((_, parameters))) if parameters.len() < MAX_ENTRIES => {
                parameters.push((word.to_ascii_lowercase(), value));
                rest = behind;
            }
            // No parameter can stand before a scheme.
            (Some(_), _) => break,
            (None, _) => {
                schemes.push((word.to_ascii_lowercase(), Vec::new()));
                rest = behind;
            }
        }
    }
    schemes.into_iter().filter_map(|(scheme, parameters)| understood(&scheme, parameters)).collect()
}

fn understood(scheme: &str, parameters: Vec<(String, String)>) -> Option<Challenge> {
    let of = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer { realm: of("realm")?, service: of("service") }),
        _ => None,
    }
}

/// A word, and what stands behind it.
fn token(text: &str) -> (&str, &str) {
    let of_a_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    text.split_at(text.bytes().position(|byte| !of_a_token(byte)).unwrap_or(text.len()))
}

/// A value, quoted or not, and what stands behind it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, behind) = token(text);
        return (!value.is_empty()).then(|| (value.to_owned(), behind));
    };
    let (mut value, mut chars) = (String::new(), quoted.char_indices());
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, quoted.get(at + 1..)?)),
            '\\' => value.push(chars.next()?.1),
            char => value.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer { realm: realm.into(), service: service.map(Into::into) })
    }

    #[test]
    fn a_registry_says_what_it_wants() {
        let hub =
            "Bearer realm=\"https://auth.example/token\",service=\"registry.example\",scope=\"repository:a:pull\"";
        for (fields, expected) in [
            (&[hub][..], bearer("https://auth.example/token", Some("registry.example"))),
            (&["bearer Realm = \"https://a/t\" , error=invalid_token"], bearer("https://a/t", None)),
            (&["Basic realm=\"x, Bearer realm=y\""], Some(Challenge::Basic)),
            (&["Basic realm=\"x\", Bearer realm=\"https://a/t\""], bearer("https://a/t", None)),
            (&["Basic realm=x", "Bearer realm=\"https://a/t\""], bearer("https://a/t", None)),
            (&["Negotiate, Basic"], Some(Challenge::Basic)),
            (&["Bearer realm=\"a\\\"b\""], bearer("a\"b", None)),
            (&["Bearer service=x"], None),
            (&["Digest realm=x, nonce=y"], None),
            (&["realm=x"], None),
            (&["Bearer realm=\"no end"], None),
            (&["\"", "", ",,", "Bearer =", "Bearer realm="], None),
            (&[], None),
        ] {
            assert_eq!(challenge(fields.iter().copied()), expected, "{fields:?}");
        }
    }
}
