//! One question to the upstream, or two: whether what is stored is still current, and if the answer
//! speaks of something else, for the whole of it.

use crate::cache::errand::Errand;
use crate::cache::errand::Landed;
use crate::cache::state::Cache;
use crate::cache::trip::Trip;
use crate::cache::way::Sharing;
use crate::fields::validation;
use crate::observe::accounts::Account;
use crate::observe::accounts::Page;
use crate::policy::reuse;
use crate::policy::reuse::Besides;
use crate::policy::reuse::Plan;
use crate::store::response::StoredResponse;
use crate::upstream::attempt;
use crate::upstream::attempt::Heard;
use crate::upstream::attempt::Lost;
use crate::upstream::attempt::Question;
use crate::upstream::attempt::Whole;
use http::HeaderName;
use http::HeaderValue;
use http::StatusCode;

impl Cache {
    /// Asks, and has done what follows from the answer.
    pub(crate) async fn ask(&self, errand: &Errand, sharing: Sharing, trip: &mut Trip) -> Landed {
        let now = self.clock.now();
        let seen = self.look_again(errand, now);
        if sharing == Sharing::Shared && !errand.request.is_head() {
            // Between an asker's look-up and its place on the list of forwards, the forward before
            // it may have landed and left the list.
            let plan = reuse::plan(&errand.directives, seen.sight(), seen.missing(), now);
            if plan == Plan::Reuse(Besides::Nothing)
                && let Some(stored) = seen.found.stored
            {
                return Landed::Found(stored);
            }
        }
        // A not-found is short-lived and proved by its text alone: it is asked for anew.
        let base = seen
            .valid()
            .filter(|base| !errand.verbatim && !errand.request.is_head() && !base.facts.negative);
        if let Some(base) = base
            && let Some(landed) = self.validate(errand, base, trip).await
        {
            return landed;
        }
        let turn = self.store.begin();
        match self.send(errand, &[], trip).await {
            Ok(heard) => self.land(errand, turn, heard),
            Err(lost) => self.failed(&lost),
        }
    }

    /// RFC 9111 section 4.3: asks whether what is stored is still current. `None` if that cannot be
    /// asked, or the answer speaks of something else.
    async fn validate(
        &self,
        errand: &Errand,
        base: &StoredResponse,
        trip: &mut Trip,
    ) -> Option<Landed> {
        let conditions = validation::conditions(&base.fields(0), base.own_tag);
        if conditions.is_empty() {
            return None;
        }
        let turn = self.store.begin();
        match self.send(errand, &conditions, trip).await {
            Ok(heard) if heard.status == StatusCode::NOT_MODIFIED => {
                self.freshen(errand, turn, base, &heard)
            }
            Ok(heard) => Some(self.land(errand, turn, heard)),
            Err(lost) => Some(self.failed(&lost)),
        }
    }

    async fn send(
        &self,
        errand: &Errand,
        conditions: &[(HeaderName, HeaderValue)],
        trip: &mut Trip,
    ) -> Result<Heard, Lost> {
        if trip.health.is_some() {
            // The second question of a try.
            trip.place.charge();
        }
        let page = if trip.of_nobody { &NOBODY } else { &errand.page };
        let question = Question {
            request: &errand.request,
            conditions,
            lane: trip.lane,
            whole: Whole {
                longest: errand.rules.max_stored_body,
                room: &self.room,
                patience: errand.rules.deadlines.body,
            },
            deadlines: &errand.rules.deadlines,
            left: trip.left,
            place: &trip.place,
            account: Account { page, accounts: &self.accounts },
        };
        let began = self.clock.now();
        self.courtesy.pass(began).await;
        let outcome = attempt::ask(&*errand.destination.sender, &question, &self.clock).await;
        if let Ok(heard) = &outcome {
            self.metrics.answered(heard.status);
            // Trouble is heeded at once: who stands in line must not be sent after it.
            if !heard.status.is_server_error() {
                self.courtesy.pass(self.clock.now()).await;
            }
        }
        trip.left = trip.left.saturating_sub(self.clock.now().since(began));
        trip.note(&outcome, self.clock.moment());
        outcome
    }

    fn failed(&self, lost: &Lost) -> Landed {
        self.tell_of("a read", lost);
        Landed::Failed(lost.failure)
    }
}

/// On whose account a scout goes.
static NOBODY: Page = Page::of_nobody();
