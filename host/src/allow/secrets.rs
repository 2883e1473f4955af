//! The secrets among what a component asks for: where each would be read, what it is made of, where it would go.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::{MAX_SENTENCE, MAX_WORD, Offer, Review};
use crate::config::{Configured, SecretAsked, SecretFrom, SecretGrant, SecretSource};
use crate::error::Error;
use rules::domain::{Parts, SecretPlace};
use rules::oauth::{OAuth, TokenGrant};
use rules::policy::OriginGrant;
use rules::text;

/// Where the operator says that a secret is, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Its name.
    pub secret: String,
    /// Which part; nothing where it is the secret itself.
    pub part: Option<String>,
    /// Where it is.
    pub from: SecretFrom,
}

impl FromStr for Offered {
    type Err = String;

    fn from_str(offered: &str) -> Result<Self, String> {
        let written = "a secret is written NAME=env:VARIABLE, NAME=file:PATH, NAME=credential:NAME or \
                       NAME=command:LINE, and a part of one NAME.PART=";
        let (name, from) = offered.split_once('=').ok_or(written)?;
        let (secret, part) = name.split_once('.').map_or((name, None), |(secret, part)| (secret, Some(part)));
        if secret.is_empty() || part == Some("") {
            return Err(written.into());
        }
        // Not what stands behind it, which may be the secret itself.
        let from = from.parse().map_err(|reason| format!("the secret `{}`: {reason}", text::quoted(name)))?;
        Ok(Self { secret: secret.to_owned(), part: part.map(str::to_owned), from })
    }
}

/// As it is written on a command line.
impl fmt::Display for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = self.part.as_ref().map(|part| format!(".{part}")).unwrap_or_default();
        write!(f, "{}{part}={}", self.secret, self.from.written())
    }
}

/// A secret of which nobody says where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its name.
    pub secret: String,
    /// The flags that would say it, `WHERE` standing for what is missing.
    pub flags: String,
}

impl Open {
    /// A secret of one value, or one of parts of which some are known.
    fn new(secret: &str, parts: Option<Parts>, known: &BTreeMap<String, SecretFrom>) -> Self {
        let one = |part: String, from: Option<&SecretFrom>| {
            let from = from.map_or_else(|| "WHERE".to_owned(), SecretFrom::written);
            format!("--secret {}", text::shell(&format!("{secret}{part}={from}")))
        };
        let flags: Vec<String> = match parts {
            None => vec![one(String::new(), None)],
            Some(parts) => {
                let optional = parts.optional.iter().filter(|part| known.contains_key(**part));
                let wanted = parts.required.iter().chain(optional);
                wanted.map(|part| one(format!(".{part}"), known.get(*part))).collect()
            }
        };
        Self { secret: secret.to_owned(), flags: flags.join(" ") }
    }
}

/// What is known of where a secret is.
enum Known {
    /// All that is needed.
    Whole(SecretSource),
    /// Some parts, or nothing.
    Some(BTreeMap<String, SecretFrom>),
}

impl Review {
    pub(super) fn secrets(&mut self, configured: &Configured, offer: &Offer) -> Result<(), Error> {
        let mut asked = configured.asks.secrets.clone();
        for Offered { secret, .. } in &offer.secrets {
            if !configured.asks.takes_secret(secret) {
                let message = format!("the manifest of {} does not ask for a secret `{secret}`", configured.name);
                return Err(Error::usage(message).hint("`host inspect` shows what it asks for"));
            }
            // A component without a manifest does not say how it is sent.
            asked.entry(secret.clone()).or_default();
        }
        for (secret, asked) in &asked {
            self.secret(configured, offer, (secret, asked))?;
        }
        for secret in configured.granted.secrets.keys().filter(|secret| !asked.contains_key(*secret)) {
            if configured.asks.any_secret {
                self.notes.push(format!("already granted: the secret `{secret}`"));
            }
        }
        Ok(())
    }

    fn secret(
        &mut self,
        configured: &Configured,
        offer: &Offer,
        (secret, asked): (&String, &SecretAsked),
    ) -> Result<(), Error> {
        let before = configured.granted.secrets.get(secret);
        let offered: Vec<&Offered> = offer.secrets.iter().filter(|offered| offered.secret == *secret).collect();
        let source = match known((secret, asked), before, &offered)? {
            Known::Whole(source) => source,
            Known::Some(known) => {
                let told = told(secret, asked, &origins(asked, &configured.asks.http));
                let open = Open::new(secret, asked.parts(), &known);
                if asked.optional && known.is_empty() {
                    self.notes.push(format!("it may use {told}, where `{}` grants it", open.flags));
                } else {
                    let missing = asked.parts().filter(|_| !known.is_empty());
                    let missing = missing.map(|parts| parts.missing(known.keys().map(String::as_str)));
                    let it =
                        missing.map_or_else(|| "it".to_owned(), |missing| format!("its {}", text::listed(missing)));
                    self.notes.push(format!("not granted yet, since nobody says where {it} is: {told}"));
                    self.open_secrets.push(open);
                }
                return Ok(());
            }
        };
        let origins = match before {
            _ if !asked.origins.is_empty() => origins(asked, &[]),
            Some(before) if offered.is_empty() => before.origins.clone(),
            // Where the manifest names no origin, the operator's own are meant.
            before => {
                let mut all = before.map(|before| before.origins.clone()).unwrap_or_default();
                let offered = offer.http.iter().filter_map(|text| text.parse::<OriginGrant>().ok());
                let own = configured.granted.http.iter().filter(|_| before.is_none() && offer.http.is_empty()).cloned();
                for origin in configured.asks.http.iter().cloned().chain(offered).chain(own) {
                    if !all.contains(&origin.to_string()) {
                        all.push(origin.to_string());
                    }
                }
                all
            }
        };
        let own =
            before.filter(|_| asked.oauth.is_none() && offered.is_empty()).and_then(|before| before.oauth.clone());
        let oauth = asked.oauth.clone().or(own).filter(|_| matches!(source, SecretSource::Parts(_)));
        // What the operator opened, he opened for that place.
        let places = |oauth: &OAuth| (oauth.token_url.clone(), oauth.device_url.clone());
        let same = before.and_then(|before| before.oauth.as_ref()).map(places) == oauth.as_ref().map(places);
        let private = oauth.is_some() && same && before.is_some_and(|before| before.private);
        let grant = SecretGrant { source, place: asked.place.clone(), oauth, private, origins };
        if grant.origins.is_empty() {
            let message = format!("nobody says where the secret `{secret}` of {} may go", configured.name);
            return Err(Error::usage(message).hint("`--http ORIGIN` says where"));
        }
        grant.check(secret).map_err(|reason| {
            let reason = text::cut(&reason, MAX_SENTENCE);
            let message =
                format!("the secret `{secret}` that {} asks for cannot be granted: {reason}", configured.name);
            Error::usage(message).wrapped().hint("its author has to mend the manifest")
        })?;
        if before.is_some_and(|before| is_within(&grant, before)) {
            self.notes.push(format!("already granted: the secret `{secret}`"));
            return Ok(());
        }
        let instead = before.filter(|before| before.source != grant.source);
        let instead = instead.map(|before| format!(" instead of {}", before.source)).unwrap_or_default();
        // Whoever has a token already has none got.
        let asked = SecretAsked { oauth: grant.oauth.clone(), ..asked.clone() };
        let told = told(secret, &asked, &grant.origins);
        self.new.push(match &grant.source {
            SecretSource::Parts(parts) if parts.is_empty() => format!("have {told}"),
            source if grant.oauth.is_some() => format!("have, with what is in {source}{instead}, {told}"),
            source => format!("have, read from {source}{instead}, {told}"),
        });
        self.addition.secrets.push((secret.clone(), grant));
        Ok(())
    }
}

/// Where a secret is, by what was granted before and what is offered now.
fn known(
    (secret, asked): (&String, &SecretAsked),
    before: Option<&SecretGrant>,
    offered: &[&Offered],
) -> Result<Known, Error> {
    let is_whole = |offered: &&&Offered| offered.part.is_none();
    if asked.oauth.is_some()
        && let Some(offered) = offered.iter().find(is_whole)
    {
        // A token that is there already is as good as one that is got.
        return Ok(Known::Whole(SecretSource::One(offered.from.clone())));
    }
    if let Some(before) = before.filter(|before| asked.oauth.is_none() && before.oauth.is_some() && offered.is_empty())
    {
        // How it is got is the operator's own word.
        return Ok(Known::Whole(before.source.clone()));
    }
    let Some(parts) = asked.parts() else {
        if let Some(part) = offered.iter().find_map(|offered| offered.part.as_ref()) {
            let message = format!("the secret `{secret}` has no parts, and so no `{}`", text::quoted(part));
            return Err(Error::usage(message)
                .hint(format!("`{}` says where it is", Open::new(secret, None, &BTreeMap::new()).flags)));
        }
        let before = match before.map(|before| &before.source) {
            Some(SecretSource::One(from)) => Some(from),
            _ => None,
        };
        let one = offered.first().map(|offered| &offered.from).or(before);
        return Ok(one.map_or(Known::Some(BTreeMap::new()), |from| Known::Whole(SecretSource::One(from.clone()))));
    };
    let mut known = match before.map(|before| &before.source) {
        Some(SecretSource::Parts(before)) => before.clone(),
        _ => BTreeMap::new(),
    };
    known.retain(|part, _| parts.find(part).is_ok());
    for Offered { part, from, .. } in offered {
        let part = match part {
            Some(part) => parts.find(part).map_err(|reason| format!("the secret `{secret}`: {reason}")),
            None => Err(format!("the secret `{secret}` is made of parts, and is not one value")),
        };
        let part = part.map_err(|reason| {
            Error::usage(reason).hint(format!("`{}` says where they are", Open::new(secret, Some(parts), &known).flags))
        })?;
        known.insert(part.to_owned(), from.clone());
    }
    match parts.missing(known.keys().map(String::as_str)).is_empty() {
        true => Ok(Known::Whole(SecretSource::Parts(known))),
        false => Ok(Known::Some(known)),
    }
}

/// The origins that a secret goes to: those that the manifest names for it, else all that it asks for.
fn origins(asked: &SecretAsked, http: &[OriginGrant]) -> Vec<String> {
    let named = if asked.origins.is_empty() { http } else { &asked.origins };
    named.iter().map(ToString::to_string).collect()
}

fn told(secret: &str, asked: &SecretAsked, origins: &[String]) -> String {
    let help = match asked.help.as_str() {
        "" => String::new(),
        help => format!("; it says: {}", text::saying(help, MAX_SENTENCE)),
    };
    let origins = if origins.is_empty() { "the origins that you grant".to_owned() } else { origins.join(", ") };
    let got = asked.oauth.as_ref().map(|oauth| format!(", {},", got(oauth))).unwrap_or_default();
    format!("the secret `{secret}`{got} sent to {origins} {}{help}", place(&asked.place))
}

/// How a token is got, in words that are the manifest's.
fn got(oauth: &OAuth) -> String {
    let word = |word: &str| text::saying(word, MAX_SENTENCE);
    let mut told = match oauth.grant {
        TokenGrant::Signed => "signed by a key".to_owned(),
        _ => format!("got from {}", word(&oauth.token_url)),
    };
    let by = match oauth.grant {
        TokenGrant::Signed => "",
        TokenGrant::ClientCredentials => " as a client",
        TokenGrant::Password => " by a user's password",
        TokenGrant::RefreshToken => " by a refresh token",
        TokenGrant::AuthorizationCode => " once somebody has agreed in a browser",
        TokenGrant::DeviceCode => " once somebody has agreed on another device",
        TokenGrant::JwtBearer => " by a key that signs",
    };
    told.push_str(by);
    let also = [("in a browser", &oauth.authorization_url), ("by a device", &oauth.device_url)];
    for (how, url) in also {
        told.extend(url.as_ref().map(|url| format!(", asked {how} at {}", word(url))));
    }
    if !oauth.scopes.is_empty() {
        told.push_str(&format!(", for {}", word(&oauth.scopes.join(" "))));
    }
    let more = [("params", &oauth.params), ("headers", &oauth.headers), ("claims", &oauth.claims)];
    for (what, pairs) in more.into_iter().filter(|(_, pairs)| !pairs.is_empty()) {
        let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        told.push_str(&format!(", with the {what} {}", word(&pairs.join(" "))));
    }
    for (what, text) in [("the subject", &oauth.subject), ("the audience", &oauth.audience)] {
        told.extend(text.as_ref().map(|text| format!(", {what} {}", word(text))));
    }
    told
}

/// Where a secret goes, in a word that is the manifest's.
fn place(place: &SecretPlace) -> String {
    let word = |word: &str| text::saying(word, MAX_WORD);
    match place {
        SecretPlace::Bearer | SecretPlace::Pair => place.to_string(),
        SecretPlace::Scheme(scheme) => format!("as credentials of the scheme {}", word(scheme)),
        SecretPlace::Basic(user) => format!("as the password of the user {}", word(user)),
        SecretPlace::User(password) => format!("as the user of the password {}", word(password)),
        SecretPlace::Header(name) => format!("in the field {}", word(name)),
        SecretPlace::Query(name) => format!("in the query parameter {}", word(name)),
        SecretPlace::Aws(aws) => {
            format!("as a signature of AWS for {} in the region {}", word(&aws.service), word(&aws.region))
        }
        SecretPlace::Hmac(hmac) => {
            let parameters = hmac.query.keys().map(|name| format!("the query parameter {}", word(name)));
            let places: Vec<String> = hmac.fields.keys().map(|field| word(field)).chain(parameters).collect();
            format!("as a signature (HMAC of {}) in {}", hmac.hash, places.join(", "))
        }
    }
}

/// Whether a grant opens nothing that another one does not.
fn is_within(grant: &SecretGrant, before: &SecretGrant) -> bool {
    let parse = |texts: &[String]| texts.iter().filter_map(|text| text.parse().ok()).collect::<Vec<OriginGrant>>();
    let opened = parse(&before.origins);
    grant.source == before.source
        && grant.oauth == before.oauth
        && grant.place == before.place
        && parse(&grant.origins).iter().all(|origin| opened.iter().any(|opened| opened.includes(origin)))
}
