//! Probes: one forward for each credential that finds out whether it is still good (design §3.4).

use crate::cache::answer::Answer;
use crate::cache::answer::Ending;
use crate::cache::collapse::Boarding;
use crate::cache::collapse::Stage;
use crate::cache::collapse::Waiters;
use crate::cache::errand::Errand;
use crate::cache::errand::Landed;
use crate::cache::errand::Probed;
use crate::cache::forward;
use crate::cache::state::Cache;
use crate::cache::way::Way;
use crate::fields::cache_status::CacheStatus;
use crate::policy::class::Class;
use crate::policy::key::Tag;
use crate::policy::reuse;
use crate::policy::reuse::Besides;
use crate::policy::reuse::Plan;
use crate::policy::wish::Wish;
use crate::upstream::failure::Failure;
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;
use tracing::error;

impl Cache {
    /// Begins a probe that nobody waits for yet.
    pub(crate) fn probe_in_background(self: &Arc<Self>, errand: Arc<Errand>, way: Way) {
        let cache = Arc::clone(self);
        self.probes.begin(errand.credential, move |waiters| cache.probe(errand, way, waiters));
    }

    /// Answers a request that would be a hit but for its credential's lapsed lease: waits for one
    /// probe, its own or another's, and goes by what is known then.
    pub(crate) async fn prove(self: Arc<Self>, errand: Arc<Errand>, way: Way) -> Ending {
        let (probed, waited_only, queued) = self.hear_of_probe(&errand, way).await;
        // A job comes back for it, as for anything else.
        let in_vain = way.wish.of_a_job
            && forward::comes_back_after(&probed.landed).is_some()
            && !self.could_stand_in(&errand);
        let ending = if waited_only {
            self.go_by(errand, probed.landed, way).await
        } else if in_vain {
            self.fetch(errand, way).await
        } else {
            self.conclude(&errand, probed.landed, way, probed.collapsed)
        };
        ending.after(queued)
    }

    /// The outcome of a probe, whether that was another's, and how long it stood in line. One that
    /// ended without an outcome is begun again, once.
    async fn hear_of_probe(
        self: &Arc<Self>,
        errand: &Arc<Errand>,
        way: Way,
    ) -> (Probed, bool, Duration) {
        let patience = forward::patience(&errand.rules.deadlines);
        let (mut ended_without, mut queued) = (0, Duration::ZERO);
        loop {
            let probe = |waiters| Arc::clone(self).probe(Arc::clone(errand), way, waiters);
            let waiter = self.probes.join(errand.credential, Boarding::Any, probe);
            let waited_only = waiter.collapsed;
            let heard = self.sit_out(waiter, &way.wish, patience, |_| {}).await;
            queued = queued.saturating_add(heard.queued);
            if let Some(probed) = heard.outcome {
                return (probed, waited_only, queued);
            }
            error!("a probe ended without an outcome");
            ended_without += 1;
            if ended_without > 1 {
                return (Failure::Dropped.into(), waited_only, queued);
            }
        }
    }

    /// What becomes of a request that has waited for another's probe.
    async fn go_by(self: Arc<Self>, errand: Arc<Errand>, landed: Landed, way: Way) -> Ending {
        let now = self.clock.now();
        let seen = self.look_again(&errand, now);
        match reuse::plan(&errand.directives, seen.sight(), seen.missing(), now) {
            Plan::Reuse(besides) => match seen.found.stored {
                Some(stored) => {
                    if besides == Besides::Validate {
                        self.refresh(errand, way);
                    }
                    Ending::Answered(Box::new(Answer::from_store(&stored, now)))
                }
                None => self.fetch(errand, way).await,
            },
            Plan::Prove => self.after_in_vain(errand, &landed, way).await,
            Plan::Forward(reason) | Plan::ForwardAnew(reason) | Plan::ForwardAlone(reason) => {
                // It is no longer for the lease's sake.
                self.fetch(errand, Way { reason, detail: None, ..way }).await
            }
            // A request that may not be forwarded is not sent here.
            Plan::Refuse => self.fetch(errand, way).await,
        }
    }

    /// The probe proved nothing. If it could not be asked, what is stored may stand in; if the
    /// answer said nothing either way, each asks for itself.
    async fn after_in_vain(
        self: Arc<Self>,
        errand: Arc<Errand>,
        landed: &Landed,
        way: Way,
    ) -> Ending {
        let status = match landed {
            Landed::Failed(_) => Some(None),
            Landed::Answer(fetched) if fetched.failing => Some(Some(fetched.told.as_u16())),
            Landed::Found(_) | Landed::Answer(_) | Landed::Long(_) => None,
        };
        let stand_in = status.and_then(|status| {
            let detail = way.detail;
            let forwarded = CacheStatus::forwarded(way.reason, status);
            self.stand_in(&errand, CacheStatus { collapsed: true, detail, ..forwarded })
        });
        match stand_in {
            Some(answer) => Ending::Answered(Box::new(answer)),
            None => self.fetch(errand, way).await,
        }
    }

    /// The probe itself: a forward like any other, whose landing says what it proves.
    /// In line, it waits for as long as anybody waits for it; those who do leave when they will not
    /// wait any more.
    async fn probe(self: Arc<Self>, errand: Arc<Errand>, way: Way, waiters: Waiters<Tag, Probed>) {
        let foreground = way.wish.class != Class::Background;
        let until = if foreground { None } else { way.wish.until };
        let wish = Wish { until, of_a_job: false, ..way.wish };
        let relay = |stage: &Stage<Landed>| match stage {
            Stage::Queued { ticket, so_far } => {
                let so_far = so_far.clone();
                let so_far = so_far.map(|(landed, at)| (Probed { landed, collapsed: false }, at));
                waiters.queued(*ticket, so_far);
            }
            Stage::UnderWay => waiters.called(),
            Stage::Landed(_) => {}
        };
        let probed = tokio::select! {
            (probed, _) = self.join(&errand, Way { wish, ..way }, relay) => probed,
            () = waiters.all_left() => return,
        };
        self.metrics.probes.add(told(&probed.landed));
        waiters.announce(probed);
    }
}

/// The word for what a probe has come back with.
fn told(landed: &Landed) -> &'static str {
    match landed {
        Landed::Failed(_) => "failed",
        Landed::Answer(fetched) if fetched.told == StatusCode::UNAUTHORIZED => "refused",
        Landed::Answer(fetched) if fetched.failing => "failed",
        Landed::Found(_) | Landed::Answer(_) | Landed::Long(_) => "answered",
    }
}
