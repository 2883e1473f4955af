//! What extractors make of responses: whether a response is what everything was made of already.

use super::session::Session;
use super::storing::{Store, storage};
use engine::OpenSource;
use fetch::Until;
use rules::domain::{Asked, LandError, Outcome, Receipt, Request, Resource, Response};
use rules::retry::Attempts;
use rules::validators::{Conditions, Validators};
use state::Derived;

impl Session {
    /// Ask for a response to make something of; `None` where everything that was made of it is there.
    pub(super) async fn derive_from(
        &self,
        source: &OpenSource,
        request: &Request,
    ) -> Result<Option<(Response, Option<Asked>)>, LandError> {
        let checked = self.check(request)?;
        if !checked.asks_for_content() {
            return Err(LandError::Invalid(format!("a {} has no content to make something of", request.method)));
        }
        let known = self.derived_before(source, checked.resource()).await?;
        let conditions = known.as_ref().map(|known| known.validators.conditions()).unwrap_or_default();
        let attempts = &mut Attempts::default();
        let mut response = self.send(checked.clone(), &conditions, Until::Head, attempts).await?;
        if let (304, Some(known)) = (response.status, &known) {
            if known.validators.confirmed_by(&response.headers, &response.url) {
                return self.unchanged_derivation(source, known).await;
            }
            response = self.send(checked, &Conditions::new(), Until::Head, attempts).await?;
        }
        if response.status != 200 {
            self.store.note_failed();
            return Err(LandError::Status(response.status));
        }
        let Some(resource) = response.resource().cloned() else { return Ok(Some((response, None))) };
        let validators = Validators::of(&response.headers, &response.url);
        let same = known.filter(|known| {
            validators.as_ref().is_some_and(|answer| known.validators.recognise(answer, &response.url))
        });
        if let Some(known) = same {
            return self.unchanged_derivation(source, &known).await;
        }
        let asked = Asked { resource, url: response.url.kept().to_owned(), validators };
        Ok(Some((response, Some(asked))))
    }

    /// What was made of this resource, where all of its files are there.
    async fn derived_before(
        &self,
        source: &OpenSource,
        resource: Option<&Resource>,
    ) -> Result<Option<Derived>, LandError> {
        let Some(resource) = resource.filter(|_| !self.fresh).cloned() else { return Ok(None) };
        let (source, maker) = (source.name().to_owned(), self.maker());
        let look = move |store: &Store| {
            store.open(&source)?;
            let Some(derived) = store.ledger().derived(&source, &resource, &maker)? else { return Ok(None) };
            for file in &derived.files {
                if !store.zone.holds(&file.path, file.stored_size)? {
                    return Ok(None);
                }
            }
            Ok(Some(derived))
        };
        self.store.job(look).await
    }

    /// Count the files of a derivation as unchanged.
    async fn unchanged_derivation(
        &self,
        source: &OpenSource,
        known: &Derived,
    ) -> Result<Option<(Response, Option<Asked>)>, LandError> {
        let (source, files) = (source.name().to_owned(), known.files.clone());
        let count = move |store: &Store| {
            let mut ledger = store.ledger();
            for file in files {
                let sha256 = file.sha256.ok_or_else(|| storage("a file without a digest counts as unchanged"))?;
                let receipt = Receipt {
                    path: file.path,
                    sha256,
                    size: file.size.unwrap_or_default(),
                    stored_size: file.stored_size,
                    outcome: Outcome::Unchanged,
                    url: None,
                };
                ledger.count(&source, &receipt, || store.zone.scratch())?;
            }
            Ok(())
        };
        self.store.job(count).await?;
        Ok(None)
    }
}
