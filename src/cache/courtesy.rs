//! Misses go one at a time and let what has come meanwhile go first: a hit.
//!
//! The runtime serves what is ready in the order it became so. A storm of misses that become ready at
//! once would be served before a hit that comes a moment later, and each costs several times what a hit
//! costs: the p99 of hits beside a storm was five times what it is alone. So one goes, and the others wait
//! until the runtime has looked for what has come since, which is when `yield_now` returns. Who comes
//! alone does not wait, nor does anybody where there was no hit lately: it costs a miss among many a fifteenth
//! of its own time on one core, and a fifth on two (`docs/performance.md`).

use crate::base::time::Timestamp;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// Where they go through.
pub struct Courtesy {
    way: Arc<Way>,
}

struct Way {
    /// Whether there was a hit since this was last asked.
    hit: AtomicBool,
    door: Mutex<Door>,
    /// One permit for each that is let through, for the one that has waited for longest. (A `Notify` keeps
    /// one alone: two who are counted and do not wait yet would be let through as one.)
    next: Semaphore,
}

#[derive(Default)]
struct Door {
    /// When the last one went who did not have to wait.
    went: Option<Timestamp>,
    /// How many wait.
    waiting: usize,
    /// Whether somebody lets them through.
    kept: bool,
    /// Until when hits are taken to come.
    hits_until: Timestamp,
}

/// Who comes later than this after another is not one of many.
const MOMENT: Duration = Duration::from_micros(200);

/// So long after a hit others are taken to come.
const LATELY: Duration = Duration::from_millis(10);

impl Default for Courtesy {
    fn default() -> Self {
        let (hit, door) = (AtomicBool::new(false), Mutex::default());
        Self { way: Arc::new(Way { hit, door, next: Semaphore::new(0) }) }
    }
}

impl Courtesy {
    /// There is a hit. Looked at first, so that many hits do not contend for it.
    pub fn hit(&self) {
        if !self.way.hit.load(Ordering::Relaxed) {
            self.way.hit.store(true, Ordering::Relaxed);
        }
    }

    /// Returns when it is one's turn: at once, unless another has just gone.
    pub async fn pass(&self, now: Timestamp) {
        if !self.way.is_open(now) {
            self.way.let_through().await;
        }
    }
}

impl Way {
    /// Whether one may go at once. If not, one is counted among those who wait.
    fn is_open(self: &Arc<Self>, now: Timestamp) -> bool {
        let mut door = self.door();
        if now >= door.hits_until {
            if !self.hit.swap(false, Ordering::Relaxed) {
                return true;
            }
            door.hits_until = now.after(LATELY);
        }
        if !door.kept && door.went.is_none_or(|went| now.since(went) > MOMENT) {
            door.went = Some(now);
            return true;
        }
        door.waiting += 1;
        if !door.kept {
            door.kept = true;
            tokio::spawn(Arc::clone(self).keep());
        }
        false
    }

    /// Returns when one of those who were counted is let through.
    async fn let_through(&self) {
        // It is never closed.
        if let Ok(permit) = self.next.acquire().await {
            permit.forget();
        }
    }

    /// Lets those who wait through, one each time the runtime has looked for what has come.
    async fn keep(self: Arc<Self>) {
        loop {
            yield_now().await;
            let mut door = self.door();
            if door.waiting == 0 {
                door.kept = false;
                return;
            }
            door.waiting -= 1;
            // Who is about to wait finds it done; for who has gone meanwhile, another goes early.
            self.next.add_permits(1);
        }
    }

    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::Context;
    use std::task::Waker;

    const NOW: Timestamp = Timestamp::from_secs(1);

    /// Where there was a hit.
    fn courtesy() -> Courtesy {
        let courtesy = Courtesy::default();
        courtesy.hit();
        courtesy
    }

    /// Whether one who comes at `now` goes at once.
    fn goes_at_once(courtesy: &Courtesy, now: Timestamp) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(courtesy.pass(now)).as_mut().poll(&mut context).is_ready()
    }

    #[tokio::test]
    async fn who_comes_alone_does_not_wait() {
        let courtesy = courtesy();
        let later = NOW.after(MOMENT + Duration::from_nanos(1));
        for (now, at_once) in [(NOW, true), (later, true), (later, false)] {
            assert_eq!(goes_at_once(&courtesy, now), at_once, "{now:?}");
        }
    }

    #[tokio::test]
    async fn nobody_waits_where_there_was_no_hit_lately() {
        let courtesy = Courtesy::default();
        let goes = |now| goes_at_once(&courtesy, now);
        assert!(goes(NOW) && goes(NOW), "there never was one");
        courtesy.hit();
        assert!(goes(NOW) && !goes(NOW), "there was");
        let over = NOW.after(LATELY);
        assert!(goes(over) && goes(over), "long ago");
    }

    #[tokio::test]
    async fn between_two_of_many_what_has_come_meanwhile_goes() {
        let (courtesy, log) = (Arc::new(courtesy()), Arc::new(Mutex::new(String::new())));
        let write = |log: &Mutex<String>, letter| log.lock().unwrap().push(letter);
        let misses: Vec<_> = (0..20)
            .map(|_| {
                let (courtesy, log) = (Arc::clone(&courtesy), Arc::clone(&log));
                tokio::spawn(async move {
                    courtesy.pass(NOW).await;
                    write(&log, 'm');
                })
            })
            .collect();
        let hits = tokio::spawn({
            let log = Arc::clone(&log);
            async move {
                for _ in 0..40 {
                    write(&log, 'h');
                    yield_now().await;
                }
            }
        });
        for miss in misses {
            miss.await.unwrap();
        }
        hits.await.unwrap();
        let log = log.lock().unwrap();
        assert_eq!(log.matches('m').count(), 20, "{log}");
        assert!(!log.contains("mm"), "{log}");
    }

    #[tokio::test]
    async fn who_is_counted_and_does_not_wait_yet_is_let_through_all_the_same() {
        let courtesy = courtesy();
        assert!(courtesy.way.is_open(NOW));
        assert!([(); 3].iter().all(|()| !courtesy.way.is_open(NOW)), "as three threads find it");
        while courtesy.way.door().kept {
            yield_now().await;
        }
        for number in 0..3 {
            let mut context = Context::from_waker(Waker::noop());
            let through = pin!(courtesy.way.let_through()).as_mut().poll(&mut context);
            assert!(through.is_ready(), "{number}");
        }
    }

    #[tokio::test]
    async fn who_gives_up_waiting_holds_nobody_up() {
        let courtesy = courtesy();
        assert!(goes_at_once(&courtesy, NOW));
        for _ in 0..10 {
            assert!(!goes_at_once(&courtesy, NOW), "it has waited, and is gone");
        }
        courtesy.pass(NOW).await;
        while courtesy.way.door().kept {
            yield_now().await;
        }
        assert_eq!(courtesy.way.door().waiting, 0);
        assert!(goes_at_once(&courtesy, NOW.after(Duration::from_secs(1))), "as before");
    }
}
