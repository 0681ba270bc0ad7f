//! How many connections may be open, which a reload may change.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;

/// Places for connections.
#[derive(Clone)]
pub struct Places(Arc<Shared>);

struct Shared {
    permits: Arc<Semaphore>,
    count: Mutex<Count>,
}

struct Count {
    /// How many there are to be.
    most: usize,
    /// How many more there are still, whose connections were open when there were to be fewer.
    surplus: usize,
}

/// A place that is taken; given back when dropped.
pub struct Taken {
    places: Places,
    permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    /// So many.
    pub fn new(most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        let count = Mutex::new(Count { most, surplus: 0 });
        Self(Arc::new(Shared { permits: Arc::new(Semaphore::new(most)), count }))
    }

    /// From now on there are so many. Who has one keeps it.
    pub fn resize(&self, most: usize) {
        let most = most.min(Semaphore::MAX_PERMITS);
        let mut count = self.count();
        let there = count.most.saturating_add(count.surplus);
        count.most = most;
        if most >= there {
            count.surplus = 0;
            self.0.permits.add_permits(most - there);
        } else {
            let gone = self.0.permits.forget_permits(there - most);
            count.surplus = (there - most).saturating_sub(gone);
        }
    }

    /// One, if one is free.
    pub fn try_take(&self) -> Option<Taken> {
        loop {
            let permit = Arc::clone(&self.0.permits).try_acquire_owned().ok()?;
            if let Some(place) = self.place(permit) {
                return Some(place);
            }
        }
    }

    /// One, as soon as one is free.
    pub async fn take(&self) -> Option<Taken> {
        loop {
            let permit = Arc::clone(&self.0.permits).acquire_owned().await.ok()?;
            if let Some(place) = self.place(permit) {
                return Some(place);
            }
        }
    }

    /// Returns when nobody has one. To be called where nobody resizes them any more.
    pub async fn all_are_free(&self) {
        let all = {
            let mut count = self.count();
            count.most.saturating_add(std::mem::take(&mut count.surplus))
        };
        drop(self.0.permits.acquire_many(u32::try_from(all).unwrap_or(u32::MAX)).await);
    }

    /// The place of a permit, unless that is one too many: who was called and did not come has given it
    /// back unseen.
    fn place(&self, permit: OwnedSemaphorePermit) -> Option<Taken> {
        let permit = self.count().unless_too_many(permit)?;
        Some(Taken { places: self.clone(), permit: Some(permit) })
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.0.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    /// A permit, unless there are to be fewer.
    fn unless_too_many(&mut self, permit: OwnedSemaphorePermit) -> Option<OwnedSemaphorePermit> {
        if self.surplus == 0 {
            return Some(permit);
        }
        self.surplus -= 1;
        permit.forget();
        None
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut count = self.places.count();
        // Given back while they are counted: a resize finds it here or there.
        drop(self.permit.take().and_then(|permit| count.unless_too_many(permit)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::pin::pin;
    use std::task::Context;
    use std::task::Waker;

    fn free(places: &Places) -> usize {
        places.0.permits.available_permits()
    }

    #[tokio::test]
    async fn there_are_as_many_as_last_said_once_the_surplus_is_given_back() {
        let places = Places::new(3);
        let mut taken: Vec<_> = (0..3).map(|_| places.try_take().unwrap()).collect();
        assert!(places.try_take().is_none());
        places.resize(5);
        assert_eq!(free(&places), 2);
        places.resize(1);
        assert_eq!(free(&places), 0);
        taken.pop();
        taken.pop();
        assert_eq!(free(&places), 0, "two were too many");
        taken.pop();
        assert_eq!(free(&places), 1);
        places.resize(2);
        let (_one, _other) = (places.take().await, places.take().await);
        assert!(places.try_take().is_none());
    }

    #[tokio::test]
    async fn a_surplus_that_is_wanted_again_is_no_surplus() {
        let places = Places::new(4);
        let taken: Vec<_> = (0..4).map(|_| places.try_take().unwrap()).collect();
        places.resize(2);
        places.resize(3);
        drop(taken);
        assert_eq!(free(&places), 3);
    }

    #[tokio::test]
    async fn who_waits_for_all_of_them_waits_for_the_surplus_too() {
        let places = Places::new(2);
        let (one, other) = (places.try_take(), places.try_take());
        places.resize(1);
        let all = places.clone();
        let waiting = tokio::spawn(async move { all.all_are_free().await });
        tokio::task::yield_now().await;
        drop(one);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(other);
        waiting.await.unwrap();
    }

    #[test]
    fn who_was_called_and_did_not_come_leaves_no_surplus_behind() {
        let places = Places::new(2);
        let (one, other) = (places.try_take(), places.try_take());
        {
            let mut waiting = pin!(places.take());
            assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            drop(one);
            places.resize(1);
        }
        assert!(places.try_take().is_none(), "one is taken, and one there is to be");
        drop(other);
        assert!(places.try_take().is_some());
    }

    proptest! {
        #[test]
        fn no_more_are_taken_than_there_are_to_be(
            first in 1_usize..6,
            steps in vec((0_u8..5, 1_usize..6, 0_usize..9), 0..60),
        ) {
            let (places, mut most, mut taken) = (Places::new(first), first, Vec::new());
            for (what, number, which) in steps {
                match what {
                    0 => {
                        most = number;
                        places.resize(most);
                    }
                    1 if !taken.is_empty() => drop(taken.swap_remove(which % taken.len())),
                    2 => {
                        // Somebody waits, is called perhaps, and does not come.
                        let mut waiting = pin!(places.take());
                        let mut context = Context::from_waker(Waker::noop());
                        let polled = waiting.as_mut().poll(&mut context);
                        if polled.is_pending() && !taken.is_empty() {
                            drop(taken.swap_remove(which % taken.len()));
                            most = number;
                            places.resize(most);
                        }
                    }
                    _ => {
                        let (before, got) = (taken.len(), places.try_take());
                        prop_assert_eq!(got.is_some(), before < most, "{} of {}", before, most);
                        taken.extend(got);
                    }
                }
            }
            drop(taken);
            prop_assert_eq!(free(&places), most, "all are there again");
        }
    }
}
