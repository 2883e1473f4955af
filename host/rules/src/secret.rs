//! Secrets: added to a request at the last moment, and only on its way to an origin that may have them.
//!
//! Pure. Values leave this file into requests and into the [`Redactor`](crate::redact::Redactor), nowhere else.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderName, HeaderValue, header};

use super::policy::{Origin, OriginGrant};
use super::request::HOST_FIELDS;
use crate::domain::SecretPlace;
use crate::signing::{Outgoing, Signer};

/// Longest value, in bytes.
const MAX_VALUE: usize = 8 * 1024;

/// A secret that the operator granted. It has no `Debug`, so that it cannot be shown by mistake.
pub struct Secret {
    name: String,
    /// Its value; nothing where it is made of parts.
    value: String,
    place: SecretPlace,
    /// The texts in which it travels.
    texts: Vec<String>,
    origins: Vec<OriginGrant>,
    /// The origins that the manifest names for it, where it does.
    asked: Option<Vec<OriginGrant>>,
    /// The field that carries it, where one does.
    field: Option<(HeaderName, HeaderValue)>,
    /// What signs with it, where it does not travel itself.
    signer: Option<Signer>,
}

impl Secret {
    /// The secret of that name, for these origins. The error says what is wrong with it, and not what it is.
    pub fn new(name: &str, value: &str, place: SecretPlace, origins: Vec<OriginGrant>) -> Result<Self, String> {
        let value = trimmed(value)?;
        let field = match &place {
            SecretPlace::Bearer => Some((header::AUTHORIZATION, format!("Bearer {value}"))),
            SecretPlace::Scheme(scheme) if !is_scheme(scheme) => return Err("its scheme has no valid name".into()),
            // `Token token=`: the secret is the value of a parameter.
            SecretPlace::Scheme(scheme) if scheme.ends_with('=') => {
                Some((header::AUTHORIZATION, format!("{scheme}{value}")))
            }
            SecretPlace::Scheme(scheme) => Some((header::AUTHORIZATION, format!("{scheme} {value}"))),
            SecretPlace::User(_) if value.contains(':') => return Err("it is a user name, and holds a colon".into()),
            SecretPlace::User(password) => Some((header::AUTHORIZATION, basic(&value, password))),
            SecretPlace::Basic(user) if user.contains(':') => return Err("its user name holds a colon".into()),
            SecretPlace::Basic(user) => Some((header::AUTHORIZATION, basic(user, &value))),
            SecretPlace::Pair | SecretPlace::Aws(_) | SecretPlace::Hmac(_) => {
                return Err("it is made of parts, and not of one value".into());
            }
            SecretPlace::Header(field) => match HeaderName::from_bytes(field.as_bytes()) {
                Ok(field) if !HOST_FIELDS.contains(&field.as_str()) => Some((field, value.clone())),
                Ok(field) => return Err(format!("the field `{field}` is the host's own")),
                Err(_) => return Err("its field has no valid name".into()),
            },
            SecretPlace::Query(_) => None,
        };
        let texts = match &place {
            SecretPlace::Basic(user) => vec![value.clone(), format!("{user}:{value}")],
            SecretPlace::User(password) => vec![value.clone(), format!("{value}:{password}")],
            _ => vec![value.clone()],
        };
        let signer = None;
        Self { name: name.to_owned(), value, place, texts, origins, asked: None, field: None, signer }.carried_by(field)
    }

    /// The same of a secret that is made of parts, by their names.
    pub fn of_parts(
        name: &str,
        parts: &BTreeMap<String, String>,
        place: SecretPlace,
        origins: Vec<OriginGrant>,
    ) -> Result<Self, String> {
        place.parts().ok_or("it is one value, and not made of parts")?.check(parts.keys().map(String::as_str))?;
        let trimmed = |(part, value): (&String, &String)| match trimmed(value) {
            Ok(value) => Ok((part.clone(), value)),
            Err(reason) => Err(format!("its part `{part}`: {reason}")),
        };
        let parts = parts.iter().map(trimmed).collect::<Result<BTreeMap<String, String>, String>>()?;
        let mut texts: Vec<String> = parts.values().cloned().collect();
        let field = match &place {
            SecretPlace::Pair => {
                let (user, password) = (&parts["user"], &parts["password"]);
                if user.contains(':') {
                    return Err("its part `user` holds a colon".into());
                }
                texts.push(format!("{user}:{password}"));
                Some((header::AUTHORIZATION, basic(user, password)))
            }
            _ => None,
        };
        let (value, signer) = (String::new(), Signer::new(&place, &parts)?);
        Self { name: name.to_owned(), value, place, texts, origins, asked: None, field: None, signer }.carried_by(field)
    }

    /// The same in this field, where one carries it.
    fn carried_by(mut self, field: Option<(HeaderName, String)>) -> Result<Self, String> {
        if let Some(origin) = self.origins.iter().find(|origin| !origin.is_confidential()) {
            return Err(format!(
                "{origin} is neither https nor on this machine, and a secret may not travel in the open"
            ));
        }
        let field = field.map(|(field, text)| {
            let mut text =
                HeaderValue::from_str(&text).map_err(|_| "it holds bytes that no field can carry".to_owned())?;
            text.set_sensitive(true);
            Ok::<_, String>((field, text))
        });
        self.field = field.transpose()?;
        Ok(self)
    }

    /// A secret whose value is still to be got.
    pub fn unvalued(name: &str, place: SecretPlace, origins: Vec<OriginGrant>) -> Result<Self, String> {
        // Any value will do to see that one can be sent.
        let checked = Self::new(name, "value", place, origins)?;
        Ok(Self { value: String::new(), texts: Vec::new(), ..checked })
    }

    /// The same with another value.
    pub fn with_value(&self, value: &str) -> Result<Self, String> {
        let with = Self::new(&self.name, value, self.place.clone(), self.origins.clone())?;
        Ok(Self { asked: self.asked.clone(), ..with })
    }

    /// The same, for origins that the manifest names for it as well.
    pub fn only_for(mut self, asked: &[OriginGrant]) -> Self {
        self.asked = (!asked.is_empty()).then(|| asked.to_vec());
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The texts in which it travels.
    pub fn texts(&self) -> Vec<String> {
        self.texts.clone()
    }

    /// Whether it may go to this origin.
    pub fn may_go_to(&self, origin: &Origin) -> bool {
        let asked = self.asked.as_ref().is_none_or(|asked| asked.iter().any(|asked| asked.covers(origin)));
        asked && self.origins.iter().any(|granted| granted.covers(origin))
    }

    /// The fields that it sets.
    pub fn fields(&self) -> impl Iterator<Item = &HeaderName> {
        let signed = self.signer.iter().flat_map(Signer::fields);
        self.field.iter().map(|(name, _)| name).chain(signed)
    }

    /// Whether it signs what a request holds, and so is added last.
    pub fn signs(&self) -> bool {
        self.signer.is_some()
    }

    /// The parameters of the query that it sets.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parameter().into_iter().chain(self.signer.iter().flat_map(Signer::parameters))
    }

    fn parameter(&self) -> Option<&str> {
        match &self.place {
            SecretPlace::Query(name) => Some(name),
            _ => None,
        }
    }

    /// Add it to a request that is about to be sent. The error says why it cannot be signed, and nothing of the secret.
    pub fn add_to(&self, request: &mut Outgoing<'_>) -> Result<(), String> {
        if let Some((name, value)) = &self.field {
            request.headers.insert(name.clone(), value.clone());
        }
        // A redirect may have it already.
        if let Some(name) = self.parameter().filter(|name| !request.url.query_pairs().any(|(key, _)| key == *name)) {
            request.url.query_pairs_mut().append_pair(name, &self.value);
        }
        self.signer.as_ref().map_or(Ok(()), |signer| signer.sign(request))
    }
}

/// A value as it is sent: files and commands end their text with a line break.
fn trimmed(value: &str) -> Result<String, String> {
    let value = value.trim_end_matches(['\r', '\n']);
    match value.len() {
        0 => Err("it is empty".into()),
        1..=MAX_VALUE => Ok(value.to_owned()),
        _ => Err(format!("it is longer than {MAX_VALUE} bytes")),
    }
}

/// Credentials of a user (RFC 7617).
fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// A scheme, and perhaps a parameter of its: `Token token=` (RFC 9110, 11.4).
fn is_scheme(text: &str) -> bool {
    match text.strip_suffix('=') {
        Some(text) => text.split_once(' ').is_some_and(|(scheme, name)| is_token(scheme) && is_token(name)),
        None => is_token(text),
    }
}

/// A token (RFC 9110, 5.6.2).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use http::{HeaderMap, Method};
    use url::Url;

    use super::*;

    fn added(place: SecretPlace, value: &str) -> (String, Vec<(String, String)>) {
        sent(&Secret::new("token", value, place, Vec::new()).expect("a secret"))
    }

    fn sent(secret: &Secret) -> (String, Vec<(String, String)>) {
        let mut url = Url::parse("https://a.example/x?y=1").expect("a URL");
        let mut headers = HeaderMap::new();
        let (url, headers) = (&mut url, &mut headers);
        let mut request = Outgoing { method: &Method::GET, url, headers, body: b"", at: SystemTime::UNIX_EPOCH };
        secret.add_to(&mut request).expect("a request");
        let Outgoing { url, headers, .. } = request;
        let text = |value: &HeaderValue| value.to_str().expect("ASCII").to_owned();
        (url.to_string(), headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect())
    }

    #[test]
    fn a_secret_goes_where_it_belongs() {
        let plain = "https://a.example/x?y=1".to_owned();
        let field = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        for (place, expected) in [
            (SecretPlace::Bearer, (plain.clone(), field("authorization", "Bearer s3&t"))),
            (SecretPlace::Basic("me".into()), (plain.clone(), field("authorization", "Basic bWU6czMmdA=="))),
            (SecretPlace::User("x".into()), (plain.clone(), field("authorization", "Basic czMmdDp4"))),
            (SecretPlace::Scheme("Token token=".into()), (plain.clone(), field("authorization", "Token token=s3&t"))),
            (SecretPlace::Scheme("SSWS".into()), (plain.clone(), field("authorization", "SSWS s3&t"))),
            (SecretPlace::Header("X-Key".into()), (plain.clone(), field("x-key", "s3&t"))),
            (SecretPlace::Query("key".into()), (plain + "&key=s3%26t", vec![])),
        ] {
            assert_eq!(added(place, "s3&t\n"), expected);
        }
    }

    fn pair(user: &str, password: &str) -> Result<Secret, String> {
        let parts = [("user", user), ("password", password)].map(|(part, value)| (part.to_owned(), value.to_owned()));
        Secret::of_parts("token", &parts.into(), SecretPlace::Pair, Vec::new())
    }

    #[test]
    fn two_parts_make_one_pair() {
        let secret = pair("me\n", "hid:den").expect("a secret");
        assert_eq!(sent(&secret).1, [("authorization".to_owned(), "Basic bWU6aGlkOmRlbg==".to_owned())]);
        assert_eq!(secret.texts(), ["hid:den", "me", "me:hid:den"]);
        for (user, password, reason) in [
            ("m:e", "hidden", "its part `user` holds a colon"),
            ("me", "", "its part `password`: it is empty"),
            ("\n", "hidden", "its part `user`: it is empty"),
        ] {
            assert_eq!(pair(user, password).err().as_deref(), Some(reason));
        }
        let one = BTreeMap::from([("user".to_owned(), "me".to_owned())]);
        let error = Secret::of_parts("token", &one, SecretPlace::Pair, Vec::new()).err().expect("a part is missing");
        assert_eq!(error, "nobody says where its part `password` is");
        assert!(Secret::of_parts("token", &one, SecretPlace::Bearer, Vec::new()).is_err());
        assert!(Secret::new("token", "me", SecretPlace::Pair, Vec::new()).is_err());
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused_without_showing_it() {
        let long = "hidden".repeat(2000);
        for (value, place, origin, reason) in [
            ("\n", SecretPlace::Bearer, "https://a.example", "it is empty"),
            (&long, SecretPlace::Bearer, "https://a.example", "longer than"),
            ("hidden", SecretPlace::Bearer, "http://a.example", "may not travel in the open"),
            ("hidden", SecretPlace::Bearer, "http://10.0.0.1", "may not travel in the open"),
            ("hid\nden", SecretPlace::Bearer, "http://127.0.0.1:80", "no field can carry"),
            ("hidden", SecretPlace::Header("Host".into()), "https://a.example", "the host's own"),
            ("hidden", SecretPlace::Header("a b".into()), "https://a.example", "no valid name"),
            ("hidden", SecretPlace::Basic("a:b".into()), "https://a.example", "a colon"),
            ("hid:den", SecretPlace::User("x".into()), "https://a.example", "a colon"),
            ("hidden", SecretPlace::Scheme("a=".into()), "https://a.example", "no valid name"),
            ("hidden", SecretPlace::Scheme("a b".into()), "https://a.example", "no valid name"),
        ] {
            let origins = vec![origin.parse().expect(origin)];
            let error = Secret::new("token", value, place, origins).err().expect(reason);
            assert!(error.contains(reason) && !error.contains("hid"), "{error}");
        }
        let loopback =
            vec!["http://localhost:8080".parse().expect("an origin"), "http://[::1]".parse().expect("an origin")];
        assert!(Secret::new("token", "hidden", SecretPlace::Bearer, loopback).is_ok());
    }
}
