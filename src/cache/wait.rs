//! What someone does who waits for a forward: hears how far it has come, and leaves when its turn
//! will not come in the time that one would wait for it.

use crate::cache::collapse::Stage;
use crate::cache::collapse::Waiter;
use crate::cache::state::Cache;
use crate::policy::lane::Ticket;
use crate::policy::line::Cause;
use crate::policy::line::Outlook;
use crate::policy::wish::Wish;
use crate::upstream::failure::Failure;
use std::time::Duration;
use tokio::time::timeout;

/// What came of waiting.
pub(crate) struct Waited<V> {
    /// The outcome of the forward, or why it was not waited for; `None` if it ended without one.
    pub(crate) outcome: Option<V>,
    /// How much of the time the forward stood in line.
    pub(crate) queued: Duration,
}

impl Cache {
    /// Waits for a forward: in line as `wish` says, upstream for at most `patience`. `relay` is told
    /// each stage, for those who in turn wait for this.
    pub(crate) async fn sit_out<V>(
        &self,
        mut waiter: Waiter<V>,
        wish: &Wish,
        patience: Duration,
        mut relay: impl FnMut(&Stage<V>),
    ) -> Waited<V>
    where
        V: Clone + From<Failure>,
    {
        let (came, mut queued) = (self.clock.now(), Duration::ZERO);
        loop {
            let stage = waiter.stage();
            relay(&stage);
            let outcome = match stage {
                Stage::Landed(outcome) => Some(outcome),
                Stage::UnderWay => match timeout(patience, waiter.changed()).await {
                    Ok(true) => continue,
                    Ok(false) => None,
                    Err(_) => Some(Failure::TotalTimeout.into()),
                },
                Stage::Queued { ticket, so_far } => {
                    let began = self.clock.now();
                    let stood = self.stand_in_line(ticket, wish, patience, &mut waiter).await;
                    queued = queued.saturating_add(self.clock.now().since(began));
                    match stood {
                        Ok(true) => continue,
                        Ok(false) => None,
                        Err(failure) => {
                            let so_far = so_far.filter(|(_, at)| *at >= came);
                            Some(so_far.map_or_else(|| failure.into(), |(outcome, _)| outcome))
                        }
                    }
                }
            };
            return Waited { outcome, queued };
        }
    }

    /// Waits while a forward stands in line, if there is hope that its turn comes in time; else says
    /// why not, and at once. False if it has ended without an outcome.
    async fn stand_in_line<V: Clone>(
        &self,
        ticket: Ticket,
        wish: &Wish,
        patience: Duration,
        waiter: &mut Waiter<V>,
    ) -> Result<bool, Failure> {
        let left = wish.left(self.clock.now());
        let Some(outlook) = self.queue.outlook(ticket, wish.class) else {
            // It has been called this moment, and will say so.
            return Ok(timeout(patience, waiter.changed()).await.unwrap_or(false));
        };
        if left.is_some_and(|left| outlook.wait > left) {
            return Err(refused(outlook));
        }
        self.queue.raise(ticket, wish.class);
        let Some(left) = left else {
            return Ok(waiter.changed().await);
        };
        if let Ok(further) = timeout(left, waiter.changed()).await {
            return Ok(further);
        }
        // Its turn may have come at this very moment, and nobody been called yet.
        self.queue.raise(ticket, wish.class);
        self.queue.outlook(ticket, wish.class).map_or(Ok(true), |late| Err(refused(late)))
    }
}

/// Why someone's turn will not come in time.
const fn refused(outlook: Outlook) -> Failure {
    match outlook.cause {
        Cause::Budget => Failure::Paced(outlook.wait),
        Cause::Places => Failure::Full,
    }
}
