//! Assertions that a key signs, in the place of a password (RFC 7523): JSON Web Tokens (RFC 7519, RFC 7515).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use clock::Moment;
use rules::oauth::{Algorithm, ClientAuth, OAuth, TokenGrant};
use rules::text;

/// Whose key it is, and the key in PEM.
struct Account {
    issuer: Option<String>,
    /// In whose name it asks where nobody says. Google's accounts ask in nobody's.
    subject: Option<String>,
    key_id: Option<String>,
    pem: String,
}

impl Account {
    /// From the parts of the secret. The key may be the file of a service account, as Google gives it.
    fn of(parts: &BTreeMap<String, String>) -> Result<Self, String> {
        let key = parts.get("key").ok_or("it has no `key`")?;
        let issuer = parts.get("issuer").or_else(|| parts.get("client-id")).cloned();
        if !key.trim_start().starts_with('{') {
            // In variables of the environment people write line breaks so.
            let pem = if key.contains('\n') { key.clone() } else { key.replace("\\n", "\n") };
            return Ok(Self { subject: issuer.clone(), issuer, key_id: None, pem });
        }
        let file: serde_json::Value = serde_json::from_str(key).map_err(|_| "its `key` is neither PEM nor JSON")?;
        let text = |name: &str| file.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        let pem = text("private_key").ok_or("its `key` is JSON without a `private_key`")?;
        let issuer = issuer.or_else(|| text("client_email"));
        Ok(Self { issuer, subject: None, key_id: text("private_key_id"), pem })
    }
}

/// A key, and how it signs.
enum Key {
    Text(hmac::Key, &'static str),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding, &'static str),
    Ecdsa(EcdsaKeyPair, &'static str),
    Edwards(Ed25519KeyPair),
}

impl Key {
    /// A key that signs so by this algorithm: a text, or one of RSA.
    fn of(text: &str, algorithm: Algorithm) -> Result<Self, String> {
        let shared = |how, name| Ok(Self::Text(hmac::Key::new(how, text.as_bytes()), name));
        let rsa = |how: &'static dyn RsaEncoding, name| match Self::read(text)? {
            Self::Rsa(pair, ..) => Ok(Self::Rsa(pair, how, name)),
            other => Err(format!("its `key` signs by {}, and `algorithm` says {name}", other.algorithm())),
        };
        match algorithm {
            Algorithm::Hs256 => shared(hmac::HMAC_SHA256, "HS256"),
            Algorithm::Hs384 => shared(hmac::HMAC_SHA384, "HS384"),
            Algorithm::Hs512 => shared(hmac::HMAC_SHA512, "HS512"),
            Algorithm::Rs256 => rsa(&RSA_PKCS1_SHA256, "RS256"),
            Algorithm::Rs384 => rsa(&RSA_PKCS1_SHA384, "RS384"),
            Algorithm::Rs512 => rsa(&RSA_PKCS1_SHA512, "RS512"),
            Algorithm::Ps256 => rsa(&RSA_PSS_SHA256, "PS256"),
            Algorithm::Ps384 => rsa(&RSA_PSS_SHA384, "PS384"),
            Algorithm::Ps512 => rsa(&RSA_PSS_SHA512, "PS512"),
        }
    }

    fn read(pem: &str) -> Result<Self, String> {
        if pem.contains("ENCRYPTED") {
            return Err("its `key` is encrypted, and only a key that is not can be used".into());
        }
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| "there is no private key in its `key`")?;
        let random = SystemRandom::new();
        let of_rsa = |pair| Self::Rsa(pair, &RSA_PKCS1_SHA256, "RS256");
        let ecdsa = |der: &[u8]| {
            [(&ECDSA_P256_SHA256_FIXED_SIGNING, "ES256"), (&ECDSA_P384_SHA384_FIXED_SIGNING, "ES384")]
                .into_iter()
                .find_map(|(how, name)| {
                    EcdsaKeyPair::from_pkcs8(how, der, &random).ok().map(|pair| Self::Ecdsa(pair, name))
                })
        };
        let key = match &der {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok().map(of_rsa),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                let rsa = || RsaKeyPair::from_pkcs8(der).ok().map(of_rsa);
                let edwards = || Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok().map(Self::Edwards);
                rsa().or_else(|| ecdsa(der)).or_else(edwards)
            }
            _ => None,
        };
        key.ok_or_else(|| {
            "its `key` cannot be used: it has to be of RSA with 2048 bits or more, of ECDSA with P-256 or P-384, or of \
             Ed25519, in PKCS #8"
                .into()
        })
    }

    /// Its name in a header (RFC 7518, 3.1; RFC 8037, 3.1).
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Text(_, name) => name,
            Self::Rsa(_, _, name) => name,
            Self::Ecdsa(_, name) => name,
            Self::Edwards(_) => "EdDSA",
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        let failed = |_| "its `key` cannot sign".to_owned();
        let random = SystemRandom::new();
        match self {
            Self::Text(key, _) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Self::Rsa(pair, how, _) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(*how, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Self::Ecdsa(pair, _) => Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Self::Edwards(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

/// What signs, and whose it is.
fn signer(oauth: &OAuth, parts: &BTreeMap<String, String>) -> Result<(Key, Account), String> {
    let is_text = matches!(oauth.algorithm, Some(Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512));
    let account = match is_text {
        // A text may be any, and is no file.
        true => Account { issuer: None, subject: None, key_id: None, pem: String::new() },
        false => Account::of(parts)?,
    };
    let key = match oauth.algorithm {
        Some(algorithm) if is_text => Key::of(parts.get("key").ok_or("it has no `key`")?, algorithm)?,
        Some(algorithm) => Key::of(&account.pem, algorithm)?,
        None => Key::read(&account.pem)?,
    };
    Ok((key, account))
}

/// A signed token with these claims and those of the description (RFC 7519, 7.1).
fn written(oauth: &OAuth, (key, account): (&Key, &Account), mut claims: Value) -> Result<String, String> {
    let mut header = json!({ "alg": key.algorithm(), "typ": "JWT" });
    if let Some(id) = oauth.key_id.as_ref().or(account.key_id.as_ref()) {
        header["kid"] = id.as_str().into();
    }
    for (claim, text) in &oauth.claims {
        claims[claim.as_str()] = text.as_str().into();
    }
    let encoded = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encoded(&header), encoded(&claims));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes())?);
    Ok(format!("{message}.{signature}"))
}

/// What no other assertion has.
fn unique() -> Result<String, String> {
    let mut unique = [0; 16];
    clock::randomise(&mut unique).map_err(|error| text::line(&error.to_string()))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(unique))
}

/// An assertion of who the client is, where its key says so (RFC 7523, 3; OpenID Connect Core 1.0, 9).
pub(super) fn of_client(
    oauth: &OAuth,
    parts: &BTreeMap<String, String>,
    now: Moment,
) -> Result<Option<String>, String> {
    if oauth.client_auth != ClientAuth::Key {
        return Ok(None);
    }
    let (key, account) = signer(oauth, parts)?;
    let client = oauth.client(parts).ok_or("nobody says who asks: the part `client-id` does, or `client-id`")?;
    let claims = json!({
        "iss": client,
        "sub": client,
        "aud": oauth.audience.as_ref().unwrap_or(&oauth.token_url),
        "iat": now.unix_seconds(),
        "exp": now.unix_seconds().saturating_add(oauth.lifetime().into()),
        "jti": unique()?,
    });
    written(oauth, (&key, &account), claims).map(Some)
}

/// An assertion that holds from now on (RFC 7523, 3).
pub(super) fn signed(oauth: &OAuth, parts: &BTreeMap<String, String>, now: Moment) -> Result<String, String> {
    let (key, account) = signer(oauth, parts)?;
    let is_token = oauth.grant == TokenGrant::Signed;
    let issuer = parts.get("issuer").or(account.issuer.as_ref()).or(oauth.issuer.as_ref());
    if issuer.is_none() && !is_token {
        return Err("nobody says whose key it is: the part `issuer` does, or `issuer`".into());
    }
    let seconds = now.unix_seconds();
    let mut claims = json!({
        "iat": seconds,
        "exp": seconds.saturating_add(oauth.lifetime().into()),
    });
    if is_token {
        claims["nbf"] = seconds.into();
    } else {
        claims["jti"] = unique()?.into();
    }
    let subject = oauth.subject.as_ref().or(account.subject.as_ref().filter(|_| !is_token));
    let audience = oauth.audience.as_ref().or((!is_token).then_some(&oauth.token_url));
    for (claim, text) in [("iss", issuer), ("sub", subject), ("aud", audience)] {
        if let Some(text) = text {
            claims[claim] = text.as_str().into();
        }
    }
    if !oauth.scopes.is_empty() {
        // Google reads them here, and nowhere else.
        claims["scope"] = oauth.scopes.join(" ").into();
    }
    written(oauth, (&key, &account), claims)
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, UnparsedPublicKey};

    use super::*;

    #[test]
    fn an_assertion_says_who_asks_whom_and_its_signature_holds() {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref(), &random).expect("a key");
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            base64::prelude::BASE64_STANDARD.encode(der.as_ref())
        );
        let file = json!({ "private_key": pem, "client_email": "me@a.example", "private_key_id": "k1" }).to_string();
        let oauth: OAuth = toml::from_str(
            "grant = \"jwt-bearer\"\ntoken-url = \"https://a.example/t\"\nscopes = [\"a\", \"b\"]\nsubject = \"you\"",
        )
        .expect("a description");
        let now = Moment::parse("2026-01-02T03:04:05Z").expect("a moment");
        for (parts, key_id) in [
            (vec![("key", pem.clone()), ("issuer", "me@a.example".to_owned())], None),
            (vec![("key", file)], Some("k1")),
        ] {
            let parts = parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let assertion = signed(&oauth, &parts, now).expect("an assertion");
            let pieces: Vec<&str> = assertion.split('.').collect();
            let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).expect("Base64");
            let header: serde_json::Value = serde_json::from_slice(&decode(pieces[0])).expect("JSON");
            let claims: serde_json::Value = serde_json::from_slice(&decode(pieces[1])).expect("JSON");
            assert_eq!((&header["alg"], header.get("kid").and_then(|id| id.as_str())), (&json!("ES256"), key_id));
            for (claim, value) in [
                ("iss", json!("me@a.example")),
                ("sub", json!("you")),
                ("aud", json!("https://a.example/t")),
                ("iat", json!(1_767_323_045)),
                ("exp", json!(1_767_323_345)),
                ("scope", json!("a b")),
            ] {
                assert_eq!(claims[claim], value, "{claim}");
            }
            let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref());
            let message = format!("{}.{}", pieces[0], pieces[1]);
            assert!(public.verify(message.as_bytes(), &decode(pieces[2])).is_ok());
        }
    }

    /// As `jwt.encode({…}, "a key", "HS256", headers={"kid": "k"})` of PyJWT has it, the order of members aside.
    #[test]
    fn a_token_may_be_what_a_text_signs() {
        let text = "grant = \"signed\"\nalgorithm = \"HS256\"\nkey-id = \"k\"\nissuer = \"me\"\nlifetime = 60\n\
                    claims = { scope = \"all\" }";
        let oauth: OAuth = toml::from_str(text).expect("a description");
        let now = Moment::parse("2026-01-02T03:04:05Z").expect("a moment");
        let token = signed(&oauth, &[("key".to_owned(), "a key".to_owned())].into(), now).expect("a token");
        let pieces: Vec<&str> = token.split('.').collect();
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).expect("Base64");
        let of = |at: usize| serde_json::from_slice::<serde_json::Value>(&decode(pieces[at])).expect("JSON");
        assert_eq!(of(0), json!({ "alg": "HS256", "typ": "JWT", "kid": "k" }));
        let claims =
            json!({ "iss": "me", "iat": 1_767_323_045, "nbf": 1_767_323_045, "exp": 1_767_323_105, "scope": "all" });
        assert_eq!(of(1), claims);
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"a key");
        let message = format!("{}.{}", pieces[0], pieces[1]);
        assert!(hmac::verify(&key, message.as_bytes(), &decode(pieces[2])).is_ok());
    }

    #[test]
    fn what_is_no_key_is_said_and_not_shown() {
        let oauth: OAuth =
            toml::from_str("grant = \"jwt-bearer\"\ntoken-url = \"https://a.example/t\"").expect("a description");
        for (key, reason) in [
            ("hidden", "there is no private key"),
            ("{\"client_email\":\"hidden\"}", "without a `private_key`"),
            ("{hidden", "neither PEM nor JSON"),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nhidden\n-----END ENCRYPTED PRIVATE KEY-----\n", "encrypted"),
            ("-----BEGIN PRIVATE KEY-----\naGlkZGVu\n-----END PRIVATE KEY-----\n", "cannot be used"),
        ] {
            let parts = [("key".to_owned(), key.to_owned()), ("issuer".to_owned(), "x".to_owned())].into();
            let error = signed(&oauth, &parts, Moment::now()).expect_err(reason);
            assert!(error.contains(reason) && !error.contains("hidden"), "{error}");
        }
    }
}
