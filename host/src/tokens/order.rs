//! An order for a token, and the process that carries it out.
//!
//! Order and answer are JSON on standard input and output. Both hold secrets, which no argument and no variable may.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::kept::Keep;
use super::network::Network;
use super::sealing::Key;
use super::stored::Room;
use crate::landing::Place;
use clock::Moment;
use rules::domain::Digest;
use rules::oauth::OAuth;
use rules::text;

/// Most bytes of an order and of an answer.
pub(super) const MAX_MESSAGE: u64 = 1 << 20;
/// What the process gets of this one's environment, beside what leads to the store that tokens are kept in: whom TLS trusts,
/// and the zone of its clock.
const PASSED: [&str; 3] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "TZ"];

/// What is to be got, and what it takes. It has no `Debug`, so that it cannot be shown by mistake.
#[derive(Clone, Serialize, Deserialize)]
pub struct Order {
    /// Where and how, with all parameters filled in.
    pub oauth: OAuth,
    /// The values of the secret's parts.
    pub parts: BTreeMap<String, String>,
    /// Where it is kept; nowhere where there is no place for it.
    pub keep: Option<Keep>,
    /// A token that is of no use any more.
    pub refused: Option<String>,
    /// The way there.
    pub network: Network,
    /// What somebody types to agree anew.
    pub consent: String,
}

/// A token. It has no `Debug`, so that it cannot be shown by mistake.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Got {
    /// What is sent.
    pub access_token: String,
    /// Until when it is used, in seconds since 1970; until it is refused where nobody says.
    pub good_until: Option<u64>,
}

impl Got {
    /// Whether it may be sent now, and is another than the refused one.
    pub fn is_good(&self, refused: Option<&str>, now: Moment) -> bool {
        refused != Some(self.access_token.as_str()) && self.good_until.is_none_or(|until| now.unix_seconds() < until)
    }
}

/// Why there is none.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
pub enum Failed {
    /// Somebody has to do something first.
    #[error("{0}")]
    Refused(String),
    /// Somebody is still to agree; whether that was asked too often.
    #[error("nobody has agreed to it yet")]
    Pending(bool),
    /// It may be better the next time.
    #[error("{0}")]
    Other(String),
}

impl Order {
    /// What tells its right from others. Other parts are another right, and so is somebody else's consent: a token that
    /// somebody agrees to is known by whom it is for.
    fn right(&self, whose: &str) -> String {
        let whose = if self.oauth.needs_consent() { whose } else { "" };
        let answered_by = self.network.answered_by(&self.oauth.token_url);
        match answered_by {
            None => serde_json::json!([self.oauth, self.parts, whose]),
            // What a stand-in gives is no right at the place itself.
            Some(other) => serde_json::json!([self.oauth, self.parts, whose, other]),
        }
        .to_string()
    }

    /// The file that its token is kept in, below a directory: one for each right.
    pub fn file_in(&self, directory: &Path, whose: &str) -> Keep {
        let digest = Digest::of([self.right(whose).as_bytes()]).to_string();
        Keep::File(directory.join(format!("{}-{}.json", self.service(), &digest[..16])))
    }

    /// The object that its token is kept in, beside the states of a store, sealed with that key: one for each right.
    pub fn object_in(&self, place: &Place, key: &Key, whose: &str) -> Keep {
        Keep::Object(Room::of(place, &self.service(), &self.right(whose), key))
    }

    /// The name of the machine that gives its token, as far as it may be part of a name.
    fn service(&self) -> String {
        let host = url::Url::parse(&self.oauth.token_url).ok().and_then(|url| Some(url.host_str()?.to_owned()));
        let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '.' || *c == '-';
        host.unwrap_or_default().chars().filter(plain).collect()
    }

    /// Get it: what is kept, where that is good, and by another process where it is not.
    pub fn carried_out(&self) -> Result<Got, Failed> {
        let look = |keep: &Keep| keep.open(&self.network.trusted())?.look();
        let kept = match self.keep.as_ref().map(look).transpose() {
            // What can be had again at any time need not be kept.
            Err(_) if !self.oauth.has_refresh_token() => None,
            looked => looked?.flatten(),
        };
        let good = |got: &Got| got.is_good(self.refused.as_deref(), Moment::now());
        match kept.and_then(|kept| kept.got).filter(good) {
            Some(got) => Ok(got),
            None => self.by_another_process().map_err(|reason| Failed::Other(format!("nobody got it: {reason}")))?,
        }
    }

    /// Have a process of its own do it, which no signal to this one ends.
    fn by_another_process(&self) -> Result<Result<Got, Failed>, String> {
        let order = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        let mut command = engine::this_program().map_err(|error| error.to_string())?;
        let of_store = |name: &str| objects::counts(name) && matches!(self.keep, Some(Keep::Object(_)));
        let wanted = |name: &OsString| name.to_str().is_some_and(|name| PASSED.contains(&name) || of_store(name));
        let passed = std::env::vars_os().filter(|(name, _)| wanted(name));
        command.arg("token").env_clear().envs(passed).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let answer = answered(&mut command, &order).map_err(|error| error.to_string())?;
        match answer {
            (Ok(answer), _) => Ok(answer),
            (Err(error), said) if said.is_empty() => Err(format!("its answer cannot be read: {error}")),
            (Err(_), said) => Err(text::cut(&text::line(&said), 300)),
        }
    }
}

type Answered = (serde_json::Result<Result<Got, Failed>>, String);

fn answered(command: &mut Command, order: &[u8]) -> std::io::Result<Answered> {
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // One that does not read to the end says why itself.
        let _ = input.write_all(order);
    }
    let (mut answer, mut said) = (Vec::new(), Vec::new());
    if let Some(output) = child.stdout.take() {
        output.take(MAX_MESSAGE).read_to_end(&mut answer)?;
    }
    if let Some(errors) = child.stderr.take() {
        errors.take(MAX_MESSAGE).read_to_end(&mut said)?;
    }
    child.wait()?;
    Ok((serde_json::from_slice(&answer), String::from_utf8_lossy(&said).trim().to_owned()))
}
