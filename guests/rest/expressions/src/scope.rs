//! What a template can see: names, the time and random bytes. All of it is given.

use std::rc::Rc;

use crate::value::Value;

/// The names that are other names, as in the reference (trap 10).
const ALIASES: [&str; 2] = ["stream_interval", "stream_partition"];

/// What fills bytes with random ones.
pub type Random<'a> = &'a dyn Fn(&mut [u8]);

/// Names and their values, the time, and where random bytes come from.
#[derive(Clone)]
pub struct Scope<'a> {
    names: Vec<(Rc<str>, Value)>,
    now: i64,
    random: Option<Random<'a>>,
}

impl<'a> Scope<'a> {
    /// No names yet. `now` is in microseconds since 1970-01-01T00:00Z.
    pub fn new(now: i64) -> Self {
        Self { names: Vec::new(), now, random: None }
    }

    /// Where random bytes come from. Without it, what needs some is an error.
    pub fn with_random(mut self, random: Random<'a>) -> Self {
        self.random = Some(random);
        self
    }

    /// Gives a name a value.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.set(name, value);
        self
    }

    /// Gives a name a value.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        match self.names.iter_mut().find(|(known, _)| &**known == name) {
            Some((_, known)) => *known = value.into(),
            None => self.names.push((name.into(), value.into())),
        }
    }

    /// Takes a name away.
    pub fn unset(&mut self, name: &str) {
        self.names.retain(|(known, _)| &**known != name);
    }

    /// Another time, in microseconds since 1970-01-01T00:00Z.
    pub fn set_now(&mut self, now: i64) {
        self.now = now;
    }

    /// The value of a name; `stream_interval` and `stream_partition` are `stream_slice`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let own = self.names.iter().find(|(known, _)| &**known == name);
        match own {
            Some((_, value)) => Some(value),
            None if ALIASES.contains(&name) => self.get("stream_slice"),
            None => None,
        }
    }

    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    pub(crate) fn random(&self, bytes: &mut [u8]) -> bool {
        self.random.map(|random| random(bytes)).is_some()
    }
}
