//! Who is told of what: commands and webhooks by their names.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize as _, Deserializer, MapAccess, Visitor};

use super::file::Configuration;
use super::secrets::{self, SecretFrom};
use crate::error::Error;
use fetch::Authorities;
use rules::budget::Time;
use rules::proxy::Proxy;

/// Something that somebody may want to be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// A run succeeded.
    Success,
    /// A run failed, the first one after a success; and again after a while, as long as it goes on failing.
    Failure,
    /// A run succeeded, the first one after a failure, or after a success that was too long ago.
    Recovery,
    /// The last success is too long ago, or a start was missed.
    Stale,
    /// A run landed something new.
    Landed,
}

impl Event {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Recovery => "recovery",
            Self::Stale => "stale",
            Self::Landed => "landed",
        }
    }
}

/// Who is told, how, and of what, as it is written.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    on: Vec<Event>,
    command: Option<Vec<String>>,
    webhook: Option<Webhook>,
    #[serde(default)]
    env: Vec<String>,
    timeout: Option<Time>,
    repeat: Option<Time>,
}

impl Written {
    /// Where the URL is kept, where it is not written here.
    pub(super) fn kept(&self) -> Option<&SecretFrom> {
        match &self.webhook {
            Some(Webhook::From(from)) => Some(from),
            _ => None,
        }
    }

    /// How long telling may take.
    pub(super) fn time(&self) -> Duration {
        self.timeout.map_or(TIMEOUT, |time| time.0)
    }
}

/// A URL, or where it is kept: that of many webhooks is a secret. By hand, since serde's own way loses the place of a
/// mistake.
#[derive(Debug, Clone)]
pub(super) enum Webhook {
    Url(String),
    From(SecretFrom),
}

impl<'de> serde::Deserialize<'de> for Webhook {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Webhook;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a URL, or a table with one of env, file, credential and command that says where it is kept",
                )
            }

            fn visit_str<E>(self, text: &str) -> Result<Webhook, E> {
                Ok(Webhook::Url(text.to_owned()))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Webhook, M::Error> {
                SecretFrom::deserialize(MapAccessDeserializer::new(map)).map(Webhook::From)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// How somebody is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// A program and its arguments, with the variables of the environment that it gets beside the host's.
    Command(Vec<String>, Vec<String>),
    /// A request to this URL, which is not shown where it is kept as a secret.
    Webhook(String, bool),
}

/// Somebody to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notifier {
    /// Its name.
    pub name: String,
    /// Of what.
    pub on: Vec<Event>,
    /// How.
    pub way: Way,
    /// How long telling may take.
    pub timeout: Duration,
    /// After how long it is told again of what goes on being so.
    pub repeat: Duration,
}

/// What it takes to tell anybody of an extractor.
#[derive(Clone, Default)]
pub struct Notifications {
    /// Whom.
    pub notifiers: Vec<Notifier>,
    /// The configuration file's directory, in which commands run.
    pub directory: PathBuf,
    /// CAs to trust beside the system's.
    pub authorities: Authorities,
    /// The proxy, where there is one.
    pub proxy: Option<Proxy>,
}

const TIMEOUT: Duration = Duration::from_secs(60);
const REPEAT: Duration = Duration::from_secs(24 * 3600);

impl Configuration {
    /// Whether anybody of that name may be told.
    pub fn has_notifier(&self, name: &str) -> bool {
        self.file.notify.contains_key(name)
    }

    /// Whom to tell of an extractor; an error says what is wrong with one of them.
    pub fn notifications(&self, extractor: &str) -> Result<Notifications, Error> {
        let own = self.file.extractor.get(extractor).and_then(|said| said.notify.as_ref());
        let names = own.or(self.file.defaults.notify.as_ref());
        let all: &BTreeMap<String, Written> = &self.file.notify;
        if let Some(unknown) = names.into_iter().flatten().find(|name| !all.contains_key(*name)) {
            let message = format!("{}: `notify` of {extractor} names `{unknown}`", self.path.display());
            return Err(Error::usage(message).hint(format!("there is no table [notify.{unknown}]")));
        }
        let wanted = all.iter().filter(|(name, _)| names.is_none_or(|names| names.contains(name)));
        let notifiers = wanted.map(|(name, written)| self.notifier(name, written)).collect::<Result<_, _>>()?;
        Ok(Notifications {
            notifiers,
            directory: self.directory().to_owned(),
            authorities: self.file.tls.authorities.clone(),
            proxy: self.file.network.proxy.clone(),
        })
    }

    fn notifier(&self, name: &str, written: &Written) -> Result<Notifier, Error> {
        let place = format!("{}: [notify.{name}]", self.path.display());
        let error = |reason: &str, hint: &str| Error::usage(format!("{place}: {reason}")).hint(hint);
        let wrong = |reason: &str, hint: &str| Err(error(reason, hint));
        let way = match (&written.command, &written.webhook) {
            (Some(command), None) if command.first().is_some_and(|program| !program.is_empty()) => {
                Way::Command(command.clone(), written.env.clone())
            }
            (Some(_), None) => return wrong("`command` is empty", "give a program and its arguments"),
            (None, Some(_)) if !written.env.is_empty() => {
                return wrong("`env` is for a command, and this is a webhook", "leave it out");
            }
            (None, Some(Webhook::Url(url))) => Way::Webhook(url.clone(), false),
            (None, Some(Webhook::From(from))) => {
                let read = secrets::read(from, self.directory(), |name| std::env::var_os(name));
                let url = read.map_err(|reason| error(&reason, "`webhook` says where its URL is kept"))?;
                Way::Webhook(url, true)
            }
            _ => return wrong("it has to have one of `command` and `webhook`", "give exactly one of them"),
        };
        Ok(Notifier {
            name: name.to_owned(),
            on: written.on.clone(),
            way,
            timeout: written.time(),
            repeat: written.repeat.map_or(REPEAT, |time| time.0),
        })
    }
}
