//! Secrets whose value comes about while a run goes on: a token that is got, runs out, and is got again.
//!
//! It asks whoever gets it, keeps what is good, and has the redactor know it before it is sent anywhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;

use super::Fetcher;
use rules::domain::{FetchError, Lasting};
use rules::secret::Secret;

/// Most values of one secret in a run: each is looked for in all that is told from then on.
const MAX_VALUES: usize = 200;
/// How often in a run a value is got in the place of one that was refused: an origin may refuse whatever it is sent.
const MAX_REFUSALS: usize = 20;

/// Whoever gets the value of a secret.
pub trait Mint: Send + Sync {
    /// The value to send now; another one than `refused`, which an origin did not take.
    fn value<'a>(&'a self, refused: Option<&'a str>) -> BoxFuture<'a, Result<String, FetchError>>;
}

/// Those who get values, by the names of the secrets.
pub type Mints = BTreeMap<String, Arc<dyn Mint>>;

/// The values that were got in a run.
#[derive(Default)]
pub(crate) struct Minted(Mutex<BTreeMap<String, Values>>);

/// Those of one secret.
struct Values {
    newest: Arc<Secret>,
    value: String,
    count: usize,
    refusals: usize,
}

impl Fetcher {
    /// The secrets as they are sent now.
    pub(super) async fn valued(&self, secrets: &[Arc<Secret>]) -> Result<Vec<Arc<Secret>>, FetchError> {
        let mut valued = Vec::with_capacity(secrets.len());
        for secret in secrets {
            valued.push(match self.mints.get(secret.name()) {
                Some(mint) => self.mint(mint.as_ref(), secret, None).await?,
                None => Arc::clone(secret),
            });
        }
        Ok(valued)
    }

    /// Whether other values can be got for any of these secrets, as they were sent to an origin that did not take them.
    pub(super) fn is_renewable(&self, sent: &[Arc<Secret>]) -> bool {
        sent.iter().any(|sent| self.minted.is_renewable(sent))
    }

    /// Get them.
    pub(super) async fn renew(&self, secrets: &[Arc<Secret>], sent: &[Arc<Secret>]) -> Result<(), FetchError> {
        for (secret, sent) in secrets.iter().zip(sent) {
            let Some(mint) = self.mints.get(secret.name()) else { continue };
            // Another request may have got a newer one meanwhile.
            if let Some(refused) = self.minted.refused(sent) {
                self.mint(mint.as_ref(), secret, Some(&refused)).await?;
            }
        }
        Ok(())
    }

    async fn mint(
        &self,
        mint: &dyn Mint,
        secret: &Arc<Secret>,
        refused: Option<&str>,
    ) -> Result<Arc<Secret>, FetchError> {
        let named =
            |reason: String| FetchError::NoValue(format!("the secret `{}`: {reason}", secret.name()), Lasting::Yes);
        let value = mint
            .value(refused)
            .await
            .map_err(|error| error.map_text(|text| format!("no value for the secret `{}`: {text}", secret.name())))?;
        let mut minted = self.minted.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = minted.get(secret.name());
        if let Some(known) = before.filter(|known| known.value == value) {
            return Ok(Arc::clone(&known.newest));
        }
        let (count, refusals) = before.map_or((1, 0), |known| (known.count + 1, known.refusals));
        if count > MAX_VALUES {
            return Err(named(format!("it got more than {MAX_VALUES} values in this run")));
        }
        let newest = Arc::new(secret.with_value(&value).map_err(named)?);
        self.redactor.learn(secret.name(), &newest.texts());
        minted.insert(secret.name().to_owned(), Values { newest: Arc::clone(&newest), value, count, refusals });
        Ok(newest)
    }
}

impl Minted {
    /// Whether a secret that was refused can be sent with another value: with one that is there already, or that is still to
    /// be got.
    fn is_renewable(&self, sent: &Arc<Secret>) -> bool {
        let minted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = minted.get(sent.name());
        known.is_some_and(|known| !Arc::ptr_eq(&known.newest, sent) || known.refusals < MAX_REFUSALS)
    }

    /// The value that a secret was sent with and that was refused, unless there is a newer one already.
    fn refused(&self, sent: &Arc<Secret>) -> Option<String> {
        let mut minted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = minted.get_mut(sent.name()).filter(|known| Arc::ptr_eq(&known.newest, sent))?;
        known.refusals += 1;
        Some(known.value.clone())
    }
}
