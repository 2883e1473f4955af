//! What a manifest asks for, as the words of grants.
//!
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use engine::Manifest;
use rules::domain::{Parts, SecretPlace};
use rules::name::check_name;
use rules::oauth::OAuth;
use rules::policy::OriginGrant;

/// Whatever the operator grants.
const ANY: &str = "*";

/// What an extractor asks for. What it does not ask for it does not get, whatever is granted.
#[derive(Debug, Clone, Default)]
pub struct Asks {
    /// Whether it takes any origin that is granted, beside those that it lists.
    pub any_http: bool,
    /// Origins.
    pub http: Vec<OriginGrant>,
    /// Whether it takes any source that is granted, beside those that it lists.
    pub any_source: bool,
    /// Sources beside its own.
    pub sources: BTreeSet<String>,
    /// Whether it takes any secret that is granted, beside those that it lists.
    pub any_secret: bool,
    /// Secrets.
    pub secrets: BTreeMap<String, SecretAsked>,
}

/// A secret that is asked for.
#[derive(Debug, Clone, Default)]
pub struct SecretAsked {
    /// What it is for.
    pub help: String,
    /// Where in a request it goes.
    pub place: SecretPlace,
    /// How it is got, where it is a token.
    pub oauth: Option<OAuth>,
    /// The origins that it goes to.
    pub origins: Vec<OriginGrant>,
    /// Whether the extractor is of use without it.
    pub optional: bool,
}

impl SecretAsked {
    /// The parts that it is made of, where it is no single value.
    pub fn parts(&self) -> Option<Parts> {
        self.oauth.as_ref().map(OAuth::parts).or(self.place.parts())
    }
}

impl Asks {
    /// What the manifest of the extractor `name` asks for. A component without a manifest does not say, so that what
    /// the operator grants stands alone.
    pub fn of(manifest: &Manifest, name: &str) -> Result<Self, String> {
        if !manifest.declared {
            return Ok(Self { any_http: true, any_source: true, any_secret: true, ..Self::default() });
        }
        let mut asks = Self { sources: manifest.sources.iter().cloned().collect(), ..Self::default() };
        asks.any_http = manifest.http.iter().any(|text| text == ANY);
        asks.http = origins(manifest.http.iter().filter(|text| *text != ANY))?;
        asks.any_source = asks.sources.remove(ANY);
        // Its own source is granted to every extractor.
        asks.sources.remove(name);
        if let Some(wrong) = asks.sources.iter().find_map(|source| check_name(source).err()) {
            return Err(wrong.to_string());
        }
        for (name, secret) in &manifest.secrets {
            let (help, origins) = (secret.help.clone(), origins(secret.origins.iter())?);
            let place = secret.place.clone().unwrap_or(SecretPlace::Bearer);
            let oauth = secret.oauth.clone();
            oauth
                .iter()
                .try_for_each(|oauth| oauth.check().map_err(|reason| format!("`secret.{name}.oauth`: {reason}")))?;
            let asked = SecretAsked { help, place, oauth, origins, optional: secret.optional };
            asks.secrets.insert(name.clone(), asked);
        }
        Ok(asks)
    }

    /// Whether it lists anything that needs a grant.
    pub fn lists_something(&self) -> bool {
        !self.http.is_empty() || !self.sources.is_empty() || self.secrets.values().any(|secret| !secret.optional)
    }

    /// Whether it asks for all that a grant of this origin opens.
    pub fn takes_origin(&self, granted: &OriginGrant) -> bool {
        self.any_http || self.http.iter().any(|asked| asked.includes(granted))
    }

    /// Whether a grant of this origin opens anything that it asks for.
    pub fn overlaps_origin(&self, granted: &OriginGrant) -> bool {
        self.takes_origin(granted) || self.http.iter().any(|asked| granted.includes(asked))
    }

    /// Whether it asks for this source.
    pub fn takes_source(&self, source: &str) -> bool {
        self.any_source || self.sources.contains(source)
    }

    /// Whether it asks for this secret.
    pub fn takes_secret(&self, secret: &str) -> bool {
        self.any_secret || self.secrets.contains_key(secret)
    }
}

fn origins<'a>(texts: impl Iterator<Item = &'a String>) -> Result<Vec<OriginGrant>, String> {
    texts.map(|text| text.parse()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(text: &str) -> Result<Asks, String> {
        let manifest = Manifest { declared: true, ..toml::from_str(text).expect(text) };
        Asks::of(&manifest, "prices")
    }

    #[test]
    fn a_manifest_lists_what_it_asks_for() {
        let asks = asks("http = [\"https://*.a.example\", \"*\"]\nsources = [\"prices\", \"old\"]\n[secret.token]")
            .expect("asks");
        assert!(asks.any_http && asks.takes_origin(&"http://127.0.0.1".parse().expect("an origin")));
        assert!(asks.takes_source("old") && !asks.takes_source("other"));
        assert_eq!(asks.sources, BTreeSet::from(["old".to_owned()]));
        assert_eq!(asks.secrets["token"].place, SecretPlace::Bearer);
    }

    #[test]
    fn without_a_star_nothing_else_is_taken() {
        let asks = asks("http = [\"https://*.a.example\"]").expect("asks");
        assert!(asks.takes_origin(&"https://b.a.example".parse().expect("an origin")));
        assert!(asks.takes_origin(&"https://*.a.example".parse().expect("an origin")));
        assert!(!asks.takes_origin(&"https://a.example".parse().expect("an origin")));
        assert!(!asks.lists_something() || !asks.http.is_empty());
        assert!(Asks::of(&Manifest::default(), "x").expect("asks").takes_secret("any"));
    }

    #[test]
    fn what_could_never_be_granted_is_refused() {
        for wrong in ["http = [\"ftp://a.example\"]", "sources = [\"../x\"]", "[secret.x]\norigins = [\"a\"]"] {
            assert!(asks(wrong).is_err(), "{wrong}");
        }
    }
}
