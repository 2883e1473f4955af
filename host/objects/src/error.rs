//! What an object store refuses, said in one sentence, and what to do next apart from it.
//!
//! Answers of a store are never quoted as a whole: they may hold names of keys and what was signed.

use std::error::Error as _;
use std::fmt;

use outbound::Cut;
use rules::proxy::NoTunnel;

/// What is said not to work where the store was not even asked.
pub(crate) const USE: &str = "use";

/// A call that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {what}: {reason}")]
pub struct ObjectsError {
    action: &'static str,
    what: String,
    reason: String,
    hint: Option<&'static str>,
    /// What the client library said.
    source: Option<Box<object_store::Error>>,
}

/// What an answer that is none of the good ones means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// There is no such object.
    Missing,
    /// A condition does not hold, or somebody else is at it.
    Refused,
    /// It may have been done, or not; or it may succeed the next time.
    Unclear,
    /// It will not succeed.
    Final,
}

/// What stands in the place of everything that may be wrong: words of an answer, a reason, a hint.
type Rule = (&'static [&'static str], &'static str, &'static str);

/// Errors of the three kinds of stores that have a sentence of their own, by their codes.
const RULES: [Rule; 9] = [
    (
        &["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"],
        "there is no such bucket",
        "make it first, or name another with `--landing`; the host makes none",
    ),
    (
        &["RequestTimeTooSkewed", "RequestExpired"],
        "the clock of this machine is too far from the store's",
        "set the clock, for example with `timedatectl set-ntp true`",
    ),
    (
        &[
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "InvalidToken",
            "ExpiredToken",
            "TokenRefreshRequired",
            "AuthenticationFailed",
            "InvalidAuthenticationInfo",
            "UnrecognizedClientException",
        ],
        "the store does not accept these credentials",
        "the page `object-storage.md` of the book says where they are looked for, and in which order",
    ),
    (
        &[
            "AuthorizationHeaderMalformed",
            "PermanentRedirect",
            "IllegalLocationConstraintException",
            "without LOCATION",
        ],
        "the bucket is in another region than the one that was asked",
        "set `region` under [store] in host.toml, or AWS_REGION",
    ),
    (
        &["AccountIsDisabled", "AllAccessDisabled", "BucketArchived"],
        "the account or the bucket is closed",
        "ask whoever owns it",
    ),
    (
        &["ObjectLockConfiguration", "InvalidRequest: Content-MD5", "InvalidBucketState"],
        "the bucket's object lock does not allow that",
        "its retention must let the objects below `.state` be replaced",
    ),
    (
        &["Missing SecretAccessKey", "Missing AccessKeyId"],
        "one half of the access key is missing",
        "set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    (&["Account must be specified"], "no account is named", "set AZURE_STORAGE_ACCOUNT_NAME"),
    (
        &["Invalid Access Key: "],
        "the account's key is not in Base64",
        "set AZURE_STORAGE_ACCOUNT_KEY as the portal of Azure shows it",
    ),
];

/// What to do where the proxy does not lead to the store.
const PROXY: &str =
    "`proxy` under [network] in host.toml is the way there; `proxy = false` under [store] asks the store directly";

/// What a store says where the credentials do not suffice.
const FORBIDDEN: (&str, &str) = (
    "the credentials do not allow it",
    "they have to allow reading, writing and listing below the landing place (S3: GetObject, PutObject, ListBucket)",
);

/// What to do where a store has too much to do, or fails.
const LATER: &str = "start the same again in a while";
/// What to do where nobody answers.
const WHERE: &str = "`endpoint` under [store] in host.toml, or the environment, says where the store is";

impl ObjectsError {
    /// A failure that the client library reports.
    pub(crate) fn of(action: &'static str, what: impl fmt::Display, error: object_store::Error) -> Self {
        let (reason, hint) = explain(&error);
        Self { action, what: what.to_string(), reason, hint, source: Some(Box::new(error)) }
    }

    /// A failure with a reason of our own.
    pub(crate) fn because(action: &'static str, what: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self { action, what: what.to_string(), reason: reason.to_string(), hint: None, source: None }
    }

    pub(crate) fn hinted(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// Whether what the operator said of the store cannot be right, so that it was not even asked.
    pub fn is_of_settings(&self) -> bool {
        self.action == USE
    }

    /// What to do next, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        self.hint
    }
}

/// All that an error and what it came from say.
fn words(error: &object_store::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}\n{cause}");
        source = cause.source();
    }
    words
}

/// The number of an HTTP status that the words tell.
fn status(words: &str) -> Option<u16> {
    let (_, after) = words.split_once("status code: ")?;
    after.get(..3)?.parse().ok()
}

/// The code that the store gave: S3, Azure and Google have it in the same element.
fn code(words: &str) -> Option<&str> {
    let (_, after) = words.split_once("<Code>")?;
    let (code, _) = after.split_once("</Code>")?;
    (code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(code)
}

/// Why it failed, and what to do.
fn explain(error: &object_store::Error) -> (String, Option<&'static str>) {
    let words = words(error);
    let said = code(&words).map(|code| format!(" ({code})")).unwrap_or_default();
    let rule = RULES.iter().find(|(codes, ..)| codes.iter().any(|code| words.contains(code)));
    if let Some((_, reason, hint)) = rule {
        return (format!("{reason}{said}"), Some(hint));
    }
    match error {
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            (format!("{}{said}", FORBIDDEN.0), Some(FORBIDDEN.1))
        }
        _ => match status(&words) {
            Some(401 | 403) => (format!("{}{said}", FORBIDDEN.0), Some(FORBIDDEN.1)),
            Some(status @ (408 | 429 | 500..)) => {
                (format!("the store answered with status {status}{said}, again and again"), Some(LATER))
            }
            Some(status) => (format!("the store answered with status {status}{said}"), None),
            None if no_tunnel(error).is_some() => (first_line(error), Some(PROXY)),
            None if words.contains(crate::connector::SOURCE) => (first_line(error), Some(WHERE)),
            // Of the parts of the library that look for credentials.
            None => (first_line(error), None),
        },
    }
}

/// Why the proxy does not lead to the store, where that is what failed.
fn no_tunnel(error: &object_store::Error) -> Option<&NoTunnel> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(Cut::NoTunnel(_, reason)) = cause.downcast_ref() {
            return Some(reason);
        }
        source = cause.source();
    }
    None
}

/// What the first of all causes says, as far as one line.
fn first_line(error: &object_store::Error) -> String {
    rules::text::line(innermost(error).lines().next().unwrap_or_default())
}

/// What the first of all causes says.
fn innermost(error: &object_store::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = cause.to_string();
        source = cause.source();
    }
    words
}

/// What to make of an answer to one request.
pub(crate) fn meaning(error: &object_store::Error) -> Meaning {
    use object_store::Error;
    let words = words(error);
    let named = RULES.iter().any(|(codes, ..)| codes.iter().any(|code| words.contains(code)));
    match error {
        _ if named || no_tunnel(error).is_some_and(|reason| !reason.is_transient()) => Meaning::Final,
        Error::NotFound { .. } => Meaning::Missing,
        Error::Precondition { .. } | Error::AlreadyExists { .. } | Error::NotModified { .. } => Meaning::Refused,
        Error::Generic { .. } => match status(&words) {
            Some(408 | 429 | 500..) => Meaning::Unclear,
            // An upload in parts whose answer was lost: it is over.
            Some(404) => Meaning::Unclear,
            Some(409 | 412) => Meaning::Refused,
            Some(_) => Meaning::Final,
            None if words.contains(crate::connector::SOURCE) => Meaning::Unclear,
            None => Meaning::Final,
        },
        _ => Meaning::Final,
    }
}
