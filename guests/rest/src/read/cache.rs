//! Answers that are kept for a run, because the same is asked for again: those of streams that other streams need.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use super::answer::Answer;
use super::request::Outgoing;
use crate::plan::{Method, Requester};

/// Most bytes that are kept. What comes after is asked for each time.
const MAX_BYTES: usize = 32 << 20;
/// What an answer takes beside its body and its request, about.
const OVERHEAD: usize = 1024;

/// The answers of a run.
#[derive(Default)]
pub(crate) struct Cache {
    answers: RefCell<HashMap<(Outgoing, String), Answer>>,
    bytes: Cell<usize>,
}

/// A request with the secrets that the host adds: who else asks may be answered something else.
fn key(requester: &Requester, outgoing: &Outgoing) -> (Outgoing, String) {
    (outgoing.clone(), requester.all_secrets().collect::<Vec<_>>().join(" "))
}

impl Cache {
    /// What was answered to the same request.
    pub(crate) fn get(&self, requester: &Requester, outgoing: &Outgoing) -> Option<Answer> {
        self.answers.borrow().get(&key(requester, outgoing)).cloned()
    }

    /// Keep an answer, if it is one that says the same when it is asked for again, and if there is room.
    pub(crate) fn put(&self, requester: &Requester, outgoing: &Outgoing, answer: &Answer) {
        let request = outgoing.url.len() + outgoing.body.as_ref().map_or(0, Vec::len);
        let bytes = self.bytes.get().saturating_add(request + answer.body.len() + OVERHEAD);
        if answer.status == 200 && matches!(requester.method, Method::Get | Method::Head) && bytes <= MAX_BYTES {
            self.bytes.set(bytes);
            self.answers.borrow_mut().insert(key(requester, outgoing), answer.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Authenticator, Body, Handlers, Inputs};

    fn requester(method: Method, secret: &str) -> Requester {
        Requester {
            url: None,
            base: None,
            path: None,
            method,
            headers: Inputs::Pairs(Vec::new()),
            parameters: Inputs::Pairs(Vec::new()),
            body: Body::None,
            authenticator: Authenticator::None,
            handlers: Handlers::default(),
            properties: None,
            is_cached: None,
            secrets: vec![secret.to_owned()],
            secret_parameters: Vec::new(),
        }
    }

    #[test]
    fn what_was_answered_is_kept_while_there_is_room() {
        let outgoing = |url: &str| Outgoing { method: "GET", url: url.to_owned(), headers: Vec::new(), body: None };
        let answer = |status, size| Answer::new(status, "https://a.example".to_owned(), Vec::new(), vec![b'x'; size]);
        let cache = Cache::default();
        for (method, url, status, size, is_kept) in [
            (Method::Get, "one", 200, 10, true),
            (Method::Get, "two", 204, 10, false),
            (Method::Post, "three", 200, 10, false),
            (Method::Get, "four", 200, MAX_BYTES, false),
            (Method::Get, "five", 200, MAX_BYTES / 2, true),
            (Method::Get, "six", 200, MAX_BYTES / 2, false),
        ] {
            let requester = requester(method, "key");
            cache.put(&requester, &outgoing(url), &answer(status, size));
            assert_eq!(cache.get(&requester, &outgoing(url)).is_some(), is_kept, "{url}");
        }
        assert!(cache.get(&requester(Method::Get, "key"), &outgoing("never")).is_none());
        assert!(cache.get(&requester(Method::Get, "other"), &outgoing("one")).is_none());
    }
}
