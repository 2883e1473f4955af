//! Asking whether what is known of a resource still holds, before anything of it is read.

use super::session::Session;
use super::storing::{Landing, Store};
use fetch::Until;
use rules::domain::{LandError, Receipt, Resource, Response};
use rules::name::Place;
use rules::request::Checked;
use rules::retry::Attempts;
use rules::validators::Conditions;
use state::Known;

/// What came of asking for what is to be mirrored.
pub(super) enum Answered {
    /// A response, and what was known before it.
    New(Box<Response>, Option<Known>),
    /// It is what is there already.
    Unchanged(Receipt),
}

impl Session {
    /// Ask for what is to be mirrored, unless it did not change.
    pub(super) async fn ask(
        &self,
        place: &Place,
        request: &Checked,
        url: &str,
        attempts: &mut Attempts,
    ) -> Result<Answered, LandError> {
        let known = self.known(place, request.resource()).await?;
        let conditions = known.as_ref().map(|known| known.validators.conditions()).unwrap_or_default();
        let mut response = self.send(request.clone(), &conditions, Until::Body, attempts).await?;
        if let (304, Some(known)) = (response.status, &known) {
            if known.validators.confirmed_by(&response.headers, &response.url) {
                let url = self.redactor.text(url).into_owned();
                let subject = Some(request.subject.clone());
                let landing = Landing { url: Some(url), subject, ..Landing::made(place.clone()) };
                return self.unchanged(landing, known.file.clone()).await.map(Answered::Unchanged);
            }
            // A redirect leads elsewhere now, and tags of different URLs say nothing of each other; or the server speaks
            // of another representation than the one that was asked about.
            response = self.send(request.clone(), &Conditions::new(), Until::Body, attempts).await?;
        }
        Ok(Answered::New(Box::new(response), known))
    }

    /// The validators that this resource came with last, where the file that they stand for is still there.
    pub(super) async fn known(&self, place: &Place, resource: Option<&Resource>) -> Result<Option<Known>, LandError> {
        let Some(resource) = resource.filter(|_| !self.fresh).cloned() else { return Ok(None) };
        let place = place.clone();
        let look = move |store: &Store| {
            store.open(place.source())?;
            let known = store.ledger().validators(place.source(), &resource)?;
            match known {
                Some(known) if store.stands_for(&place, &known.file)? => Ok(Some(known)),
                _ => Ok(None),
            }
        };
        self.store.job(look).await
    }
}
