//! Tokens of OAuth 2 for secrets that have no value of their own: got, kept for the next run, and got again.
//!
//! A request that uses up a refresh token is made by a process of its own, which keeps what it gets before it says so:
//! whatever becomes of the run, the next one finds it. It goes to the place of tokens by a policy that opens that place
//! alone, and that no extractor has.

mod assertion;
mod consent;
mod exchange;
mod files;
mod kept;
mod network;
mod order;
mod sealing;
mod stored;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::program;
use clock::{Moment, Stopwatch};
use fetch::Mint;
use rules::domain::{FetchError, Lasting};

pub use consent::ask;
pub use exchange::serve;
pub use kept::Keep;
pub use network::Network;
pub use order::{Failed, Got, Order};
pub use sealing::Key;

/// How long a place of tokens is left alone that gave none.
const RESPITE: Duration = Duration::from_secs(10);

/// Gets the tokens of one secret in a run.
pub struct Minter {
    order: Order,
    current: Mutex<Option<Got>>,
    /// Why there was none the last time, and since when that is known.
    failed: Mutex<Option<(Failed, Stopwatch)>>,
    /// Held while a token is got, so that requests that need one at the same time get the same.
    turn: tokio::sync::Mutex<()>,
}

impl Minter {
    /// One that gets what is ordered.
    pub fn of(order: Order) -> Arc<dyn Mint> {
        Arc::new(Self {
            order,
            current: Mutex::default(),
            failed: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// The token that is good now, and not the refused one.
    fn current(&self, refused: Option<&str>) -> Option<String> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().filter(|got| got.is_good(refused, Moment::now())).map(|got| got.access_token.clone())
    }

    /// Why asking again is of no use: before somebody has done something, or so soon.
    fn failed(&self) -> Option<Failed> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let (failed, since) = failed.as_ref()?;
        let lasts = matches!(failed, Failed::Refused(_)) || since.elapsed() < RESPITE;
        lasts.then(|| failed.clone())
    }

    async fn get(&self, refused: Option<&str>) -> Result<String, FetchError> {
        let _turn = self.turn.lock().await;
        if let Some(token) = self.current(refused) {
            return Ok(token);
        }
        if let Some(failed) = self.failed() {
            return Err(unavailable(failed));
        }
        let order = Order { refused: refused.map(str::to_owned), ..self.order.clone() };
        let got = tokio::task::spawn_blocking(move || order.carried_out()).await;
        let got = got.map_err(|error| FetchError::NoValue(format!("nobody got it: {error}"), Lasting::No))?;
        let got = got.map_err(|failed| {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some((failed.clone(), Stopwatch::start()));
            unavailable(failed)
        })?;
        let token = got.access_token.clone();
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(got);
        Ok(token)
    }
}

fn unavailable(failed: Failed) -> FetchError {
    match failed {
        Failed::Refused(reason) => FetchError::NoValue(program::typed(&reason).into_owned(), Lasting::Yes),
        failed => FetchError::NoValue(failed.to_string(), Lasting::No),
    }
}

impl Mint for Minter {
    fn value<'a>(&'a self, refused: Option<&'a str>) -> BoxFuture<'a, Result<String, FetchError>> {
        async move {
            match self.current(refused) {
                Some(token) => Ok(token),
                None => self.get(refused).await,
            }
        }
        .boxed()
    }
}
