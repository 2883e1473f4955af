//! Tokens of machines that share a landing zone: a sealed object for each right beside the states, replaced under the
//! condition that nobody else did.
//!
//! There is no lock in a store. Whoever has the turn says in the object for how long, and others take it once that is over
//! by the store's own clock. `FORMAT.md` has the protocol.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use clock::Stopwatch;
use fetch::Authorities;
use objects::{Head, Objects, Put, Settings, Tag};
use serde::{Deserialize, Serialize};

use super::exchange::PATIENCE;
use super::kept::{Held, KeepError, Keeper, Kept, Turn};
use super::order::Got;
use super::sealing::Key;
use crate::landing::Place;
use crate::remote;

/// Below what tokens are. The states are beside it.
const TOKENS: &str = ".state/.tokens/";
/// What says which key the others are sealed with.
const WITNESS: &str = ".state/.tokens/.key";
/// Largest object that is read, in bytes.
const MAX_OBJECT: u64 = 64 * 1024;
/// For how long an answer that was got is tried to be kept. Nobody else has it.
const KEEPING: Duration = Duration::from_secs(30);
/// For how long a turn lasts: until there is an answer, until it is kept, and as long again for what takes its time in between.
const TURN: Duration = Duration::from_secs(PATIENCE.as_secs() + 2 * KEEPING.as_secs());
/// How long the store may say and take nothing, at most: a call takes up to three times that, and a turn has an end.
const SILENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether somebody else's turn is over: each time is a request.
const PAUSE: Duration = Duration::from_millis(250);

/// An object, and how it is reached.
#[derive(Clone, Serialize, Deserialize)]
pub struct Room {
    address: String,
    endpoint: Option<String>,
    region: Option<String>,
    profile: Option<String>,
    timeout: Duration,
    proxy: Option<String>,
    path: String,
    key: Key,
}

impl Room {
    /// The object of that name.
    pub(super) fn of(place: &Place, service: &str, right: &str, key: &Key) -> Self {
        let Settings { endpoint, region, profile, timeout, proxy } = place.settings.clone();
        let path = format!("{TOKENS}{service}-{}", key.name(right));
        let (address, key) = (place.address.to_string(), key.clone());
        Self { address, endpoint, region, profile, timeout, proxy: proxy.map(|proxy| proxy.to_string()), path, key }
    }

    /// Where it is, as somebody finds it.
    pub(super) fn shown(&self) -> String {
        format!("{}/{}", self.address, self.path)
    }

    /// Get ready to reach it.
    pub(super) fn open(&self, authorities: &Authorities) -> Result<TokenObject, KeepError> {
        let Self { address, endpoint, region, profile, timeout, proxy, path, key } = self.clone();
        let address = address.parse().map_err(|error: objects::AddressError| KeepError::Settings(error.to_string()))?;
        let proxy = proxy.map(|text| text.parse()).transpose().map_err(KeepError::Settings)?;
        let settings = Settings { endpoint, region, profile, timeout: timeout.min(SILENCE), proxy };
        let objects = Objects::open(&address, &settings, || fetch::tls_client(authorities))?;
        Ok(TokenObject { objects: Arc::new(objects), path, key, turn: TURN, patience: TURN + KEEPING })
    }
}

/// An object for the tokens of one right.
pub(super) struct TokenObject {
    objects: Arc<Objects>,
    path: String,
    key: Key,
    /// For how long a turn lasts.
    turn: Duration,
    /// For how long one of somebody else's is waited for.
    patience: Duration,
}

/// What is in it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sealed {
    #[serde(flatten)]
    kept: Kept,
    /// For how many seconds after this was written somebody has the turn.
    #[serde(default, skip_serializing_if = "is_nothing")]
    turn: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_nothing(seconds: &u64) -> bool {
    *seconds == 0
}

impl TokenObject {
    fn shown(&self) -> String {
        format!("{}/{}", self.objects.shown(), self.path)
    }

    /// An object of the store's, opened; `None` where there is none, and that error where this key does not open it.
    fn opened(&self, path: &str, otherwise: &dyn Fn() -> KeepError) -> Result<Option<(Head, Vec<u8>)>, KeepError> {
        let Some((head, reader)) = self.objects.get(path)? else { return Ok(None) };
        let mut sealed = Vec::new();
        let read = reader.take(MAX_OBJECT).read_to_end(&mut sealed);
        read.map_err(|error| KeepError::Io { place: self.shown(), error })?;
        let text = self.key.open(path, &sealed).ok_or_else(otherwise)?;
        Ok(Some((head, text)))
    }

    fn fetch(&self) -> Result<Option<(Head, Sealed)>, KeepError> {
        let damaged = || KeepError::Damaged(self.shown());
        let Some((head, text)) = self.opened(&self.path, &damaged)? else { return Ok(None) };
        let sealed = serde_json::from_slice(&text).map_err(|_| damaged())?;
        Ok(Some((head, sealed)))
    }

    /// Whether tokens are kept here with this key. Those of another have other names, and would not be missed: the first
    /// one that is got with a refresh token that was used up takes back all of its rights.
    fn knows_the_key(&self) -> Result<bool, KeepError> {
        let other = || KeepError::OtherKey(self.objects.shown().to_owned());
        Ok(self.opened(WITNESS, &other)?.is_some())
    }

    /// Have this key be the one that tokens are kept with here.
    fn settle_the_key(&self) -> Result<(), KeepError> {
        if self.knows_the_key()? {
            return Ok(());
        }
        if !remote::keeps_conditions(&self.objects)? {
            return Err(KeepError::Careless(self.objects.shown().to_owned()));
        }
        let sealed = self.sealed(WITNESS, b"")?;
        match self.objects.create(WITNESS, &sealed.into())? {
            Put::Done(_) => Ok(()),
            Put::Taken(_) => self.knows_the_key().map(drop),
        }
    }

    fn sealed(&self, path: &str, text: &[u8]) -> Result<Vec<u8>, KeepError> {
        self.key.seal(path, text).map_err(|error| KeepError::Io { place: self.shown(), error })
    }
}

impl Keeper for TokenObject {
    fn look(&self) -> Result<Option<Kept>, KeepError> {
        let found = self.fetch()?;
        if found.is_none() {
            self.knows_the_key()?;
        }
        Ok(found.map(|(_, sealed)| sealed.kept))
    }

    fn turn(&self, enough: &dyn Fn(&Kept) -> Option<Got>) -> Result<Turn<'_>, KeepError> {
        let waited = Stopwatch::start();
        loop {
            let found = self.fetch()?;
            let got = found.as_ref().and_then(|(_, sealed)| enough(&sealed.kept));
            if let Some(got) = got {
                return Ok(Turn::Enough(got));
            }
            let theirs =
                found.as_ref().and_then(|(head, sealed)| self.objects.left(head, Duration::from_secs(sealed.turn)));
            if theirs.is_none() {
                if found.is_none() {
                    self.settle_the_key()?;
                }
                let (tag, kept) = found.map(|(head, sealed)| (head.tag, sealed.kept)).unzip();
                let kept = kept.unwrap_or_default();
                let mut ours = Ours { object: self, tag, kept: kept.clone() };
                match ours.write(kept, self.turn) {
                    Ok(()) => return Ok(Turn::Ours(Box::new(ours))),
                    // Somebody was faster.
                    Err(KeepError::Lost) => {}
                    Err(error) => return Err(error),
                }
            }
            if waited.elapsed() >= self.patience {
                return Err(KeepError::Busy(self.shown()));
            }
            std::thread::sleep(theirs.map_or(PAUSE, |left| left.min(PAUSE)));
        }
    }
}

/// A turn.
struct Ours<'a> {
    object: &'a TokenObject,
    /// The version that the next one replaces; `None` where there is none yet.
    tag: Option<Tag>,
    kept: Kept,
}

impl Ours<'_> {
    /// Write that, and have the turn for so long.
    fn write(&mut self, kept: Kept, turn: Duration) -> Result<(), KeepError> {
        let TokenObject { objects, path, .. } = self.object;
        let sealed = Sealed { kept, turn: turn.as_secs() };
        let text = serde_json::to_vec(&sealed).map_err(|error| KeepError::Settings(error.to_string()))?;
        let content = self.object.sealed(path, &text)?.into();
        let put = match &self.tag {
            Some(tag) => objects.replace(path, &content, tag)?,
            None => objects.create(path, &content)?,
        };
        let Put::Done(tag) = put else { return Err(KeepError::Lost) };
        (self.tag, self.kept) = (Some(tag), sealed.kept);
        Ok(())
    }

    /// Whether that is what is there, although whoever wrote it was told otherwise.
    fn is_there(&self, kept: &Kept) -> bool {
        self.object.fetch().is_ok_and(|found| found.is_some_and(|(_, sealed)| sealed.kept == *kept))
    }
}

impl Held for Ours<'_> {
    fn kept(&self) -> &Kept {
        &self.kept
    }

    fn note(&mut self, kept: Kept) -> Result<(), KeepError> {
        self.write(kept, self.object.turn)
    }

    fn end(mut self: Box<Self>, kept: Option<Kept>) -> Result<(), KeepError> {
        let Some(kept) = kept else { return self.write(self.kept.clone(), Duration::ZERO) };
        let since = Stopwatch::start();
        loop {
            match self.write(kept.clone(), Duration::ZERO) {
                // One that was given up may have arrived after all.
                Err(KeepError::Lost) if self.is_there(&kept) => return Ok(()),
                Err(KeepError::Objects(_)) if since.elapsed() < KEEPING => std::thread::sleep(PAUSE),
                ended => return ended,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Key::parse(&format!("{byte:02x}").repeat(32)).unwrap_or_else(|error| panic!("{error}"))
    }

    fn object(objects: &Arc<Objects>, key: Key, turn: Duration) -> TokenObject {
        let path = format!("{TOKENS}a.example-{}", key.name("a right"));
        TokenObject { objects: Arc::clone(objects), path, key, turn, patience: Duration::ZERO }
    }

    fn kept(token: &str) -> Kept {
        let got = Got { access_token: token.to_owned(), good_until: None };
        Kept { got: Some(got), refresh_token: Some(format!("after {token}")), sent: false }
    }

    fn ours<'a>(object: &'a TokenObject, when: &str) -> Box<dyn Held + 'a> {
        match object.turn(&|_| None) {
            Ok(Turn::Ours(held)) => held,
            Ok(Turn::Enough(_)) => panic!("{when}: nothing is enough"),
            Err(error) => panic!("{when}: {error}"),
        }
    }

    fn objects() -> Arc<Objects> {
        Arc::new(Objects::in_memory().expect("a thread"))
    }

    #[test]
    fn one_has_the_turn_and_the_next_finds_what_it_kept() {
        let objects = objects();
        let [one, two] = [(); 2].map(|()| object(&objects, key(1), TURN));
        assert!(one.look().is_ok_and(|kept| kept.is_none()));
        let mut held = ours(&one, "the first");
        assert!(matches!(two.turn(&|_| None), Err(KeepError::Busy(_))), "one of them has it");
        let noted = Kept { sent: true, ..kept("none yet") };
        held.note(noted.clone()).expect("a store");
        assert!(two.look().is_ok_and(|kept| kept == Some(noted)));
        held.end(Some(kept("a token"))).expect("a store");
        let enough = two.turn(&|kept: &Kept| kept.got.clone());
        assert!(matches!(enough, Ok(Turn::Enough(got)) if got.access_token == "a token"));
        assert!(ours(&two, "the turn was ended").kept() == &kept("a token"));
    }

    #[test]
    fn a_turn_that_nobody_ends_is_over_in_its_time_and_whoever_comes_back_changes_nothing() {
        let objects = objects();
        let [one, two] = [(); 2].map(|()| object(&objects, key(1), Duration::ZERO));
        let mut late = ours(&one, "the first");
        late.note(Kept { sent: true, ..kept("old") }).expect("a store");
        let next = ours(&two, "its time is over");
        assert!(next.kept().sent, "the next one knows that it was sent");
        assert!(matches!(late.note(kept("late")), Err(KeepError::Lost)));
        next.end(Some(kept("new"))).expect("a store");
        assert!(matches!(late.end(Some(kept("late"))), Err(KeepError::Lost)));
        assert!(two.look().is_ok_and(|found| found == Some(kept("new"))));
    }

    #[test]
    fn what_arrived_although_it_was_given_up_is_kept() {
        let objects = objects();
        let one = object(&objects, key(1), TURN);
        let held = ours(&one, "the first");
        // A request of its own that nobody waited for.
        let mut on_its_way = Ours {
            object: &one,
            tag: one.objects.head(&one.path).expect("a store").map(|head| head.tag),
            kept: Kept::default(),
        };
        on_its_way.write(kept("a token"), Duration::ZERO).expect("a store");
        held.end(Some(kept("a token"))).expect("it is there");
    }

    #[test]
    fn with_another_key_nothing_is_read_or_written() {
        let objects = objects();
        let one = object(&objects, key(1), TURN);
        ours(&one, "the first").end(Some(kept("a token"))).expect("a store");
        let other = object(&objects, key(2), TURN);
        let all = || objects.list("").expect("a store").map(|listed| listed.expect("a store")).collect::<Vec<_>>();
        let before = all();
        for refused in [other.look().map(drop), other.turn(&|_| None).map(drop)] {
            assert!(matches!(refused, Err(KeepError::OtherKey(_))));
        }
        assert_eq!(all(), before);
        assert!(one.look().is_ok_and(|found| found == Some(kept("a token"))));
    }

    #[test]
    fn what_is_damaged_or_of_another_right_is_left_alone() {
        let objects = objects();
        let one = object(&objects, key(1), TURN);
        ours(&one, "the first").end(Some(kept("a token"))).expect("a store");
        let other = TokenObject { path: format!("{TOKENS}a.example-other"), ..object(&objects, key(1), TURN) };
        let (_, mut reader) = objects.get(&one.path).expect("a store").expect("an object");
        let mut sealed = Vec::new();
        reader.read_to_end(&mut sealed).expect("a store");
        for content in [sealed, b"damaged".to_vec(), Vec::new()] {
            let head = objects.head(&other.path).expect("a store");
            let put = match head {
                Some(head) => objects.replace(&other.path, &content.into(), &head.tag),
                None => objects.create(&other.path, &content.into()),
            };
            assert!(matches!(put, Ok(Put::Done(_))));
            let head = objects.head(&other.path).expect("a store");
            for refused in [other.look().map(drop), other.turn(&|_| None).map(drop)] {
                assert!(matches!(refused, Err(KeepError::Damaged(_))));
            }
            assert_eq!(objects.head(&other.path).expect("a store"), head);
        }
    }
}
