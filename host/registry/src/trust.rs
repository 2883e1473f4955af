//! Whose signature is needed for which names.
//!
//! Pure.

use crate::signature::PublicKey;

/// The name that stands for all.
pub const ALL: &str = "*";

/// What is asked of a name.
#[derive(Debug, Clone)]
pub enum Demand {
    /// The signature of one of these keys. It is for a name that begins with the second text where ours begins with that of
    /// the rule, so that a mirror can have another name.
    Signed(Vec<PublicKey>, Option<String>),
    /// Nothing.
    Nothing,
}

/// Rules by the names that they are for: `HOST`, `HOST/REPOSITORY` with all below it, or `*`.
#[derive(Debug, Clone, Default)]
pub struct Rules(Vec<(String, Demand)>);

impl Rules {
    /// These rules, each for the names that begin with its own.
    pub fn new(rules: impl IntoIterator<Item = (String, Demand)>) -> Self {
        Self(rules.into_iter().collect())
    }

    /// Whose signature a name needs, and under which name they have to have signed: by the longest rule that is for it.
    pub fn of(&self, name: &str) -> Option<(&[PublicKey], String)> {
        let for_it = self.0.iter().filter_map(|(rule, demand)| Some((rule, below(name, rule)?, demand)));
        let (_, rest, demand) = for_it.max_by_key(|(rule, ..)| if *rule == ALL { 0 } else { rule.len() })?;
        match demand {
            Demand::Nothing => None,
            Demand::Signed(keys, None) => Some((keys, name.to_owned())),
            Demand::Signed(keys, Some(signed_as)) => Some((keys, format!("{signed_as}{rest}"))),
        }
    }
}

/// What stands behind the name of a rule; nothing where the rule is not for it.
fn below<'a>(name: &'a str, rule: &str) -> Option<&'a str> {
    if rule == ALL {
        return Some("");
    }
    name.strip_prefix(rule).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_rule_that_is_for_a_name_counts() {
        let signed = |signed_as: Option<&str>| Demand::Signed(Vec::new(), signed_as.map(str::to_owned));
        let rules = Rules::new([
            ("*".into(), signed(None)),
            ("ghcr.io/acme".into(), signed(None)),
            ("ghcr.io/acme/open".into(), Demand::Nothing),
            ("mirror.example:5000/up".into(), signed(Some("ghcr.io/acme"))),
            ("localhost:5000".into(), Demand::Nothing),
        ]);
        for (name, expected) in [
            ("ghcr.io/acme/weather", Some("ghcr.io/acme/weather")),
            ("ghcr.io/acme", Some("ghcr.io/acme")),
            ("ghcr.io/acme/open", None),
            ("ghcr.io/acme/open/x", None),
            ("ghcr.io/acme/opener", Some("ghcr.io/acme/opener")),
            ("ghcr.io/acmeevil/x", Some("ghcr.io/acmeevil/x")),
            ("mirror.example:5000/up/weather", Some("ghcr.io/acme/weather")),
            ("localhost:5000/x", None),
            ("localhost:50001/x", Some("localhost:50001/x")),
        ] {
            assert_eq!(rules.of(name).map(|(_, signed)| signed).as_deref(), expected, "{name}");
        }
        let rules = Rules::new([("ghcr.io/acme".into(), signed(None))]);
        assert!(rules.of("ghcr.io/acmeevil/x").is_none() && Rules::default().of("a/b").is_none());
    }
}
