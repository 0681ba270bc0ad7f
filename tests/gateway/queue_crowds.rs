//! The queue in front of the upstream, with crowds that come, wait, are called, leave, and are sent
//! again: whatever they do, its gauges are at zero in the end and everyone was called once.

use crate::queue_play::CLASSES;
use crate::queue_play::credential;
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;
use verifik_gateway::base::time::Clock;
use verifik_gateway::base::time::Timestamp;
use verifik_gateway::base::time::WallTime;
use verifik_gateway::policy::budget;
use verifik_gateway::policy::budget::Hearing;
use verifik_gateway::policy::budget::Rate;
use verifik_gateway::policy::budget::Told;
use verifik_gateway::policy::class::Class;
use verifik_gateway::policy::line::Terms;
use verifik_gateway::upstream::queue::Asked;
use verifik_gateway::upstream::queue::Place;
use verifik_gateway::upstream::queue::Queue;

/// Someone who asks.
#[derive(Clone, Copy, Debug)]
struct Asker {
    who: usize,
    class: usize,
    /// When it comes, how long it waits, and how long it is under way, in milliseconds.
    comes: u64,
    waits: u64,
    takes: u64,
    /// How often it is called one too many; above that it is lost.
    limited: u8,
    /// It is raised to this class when it has waited a while.
    raised: Option<usize>,
}

fn askers() -> impl Strategy<Value = Vec<Asker>> {
    let waits = prop_oneof![1 => 0_u64..50, 1 => 0_u64..5_000, 2 => Just(10_000_000)];
    let raised = prop::option::weighted(0.2, 0_usize..2);
    let asker = (0_usize..3, 0_usize..3, 0_u64..4_000, waits, 0_u64..900, 0_u8..4, raised);
    let asker = asker.prop_map(|(who, class, comes, waits, takes, limited, raised)| Asker {
        who,
        class,
        comes,
        waits,
        takes,
        limited,
        raised,
    });
    vec(asker, 1..60)
}

/// What became of an asker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    Sent,
    Left,
    Refused,
}

fn told(told: Told) -> Hearing {
    Hearing { told, retry_after: None, quota: None }
}

/// Waits for a place, for as long as one waits.
async fn place(queue: &Queue, answer: Asked, asker: &Asker) -> Result<Place, Fate> {
    let mut waiting = match answer {
        Asked::Has(place) => return Ok(place),
        Asked::Full => return Err(Fate::Refused),
        Asked::Waits(waiting) => waiting,
    };
    let patience = Duration::from_millis(asker.waits);
    if let Some(class) = asker.raised {
        if let Ok(called) = timeout(patience / 2, waiting.called()).await {
            return Ok(called.expect("a place"));
        }
        queue.raise(waiting.ticket(), CLASSES[class]);
    }
    match timeout(patience, waiting.called()).await {
        Ok(called) => Ok(called.expect("a place")),
        Err(_) => Err(Fate::Left),
    }
}

async fn asks(queue: Queue, asker: Asker) -> Fate {
    sleep(Duration::from_millis(asker.comes)).await;
    let (credential, class) = (credential(asker.who), CLASSES[asker.class]);
    let mut answer = queue.ask(credential, class, None);
    for _ in 0..asker.limited {
        let mut place = match place(&queue, answer, &asker).await {
            Ok(place) => place,
            Err(fate) => return fate,
        };
        sleep(Duration::from_millis(asker.takes)).await;
        place.hear(told(Told::Limited));
        let ticket = place.ticket();
        drop(place);
        answer = queue.ask(credential, class, Some(ticket));
    }
    match place(&queue, answer, &asker).await {
        Ok(mut place) => {
            sleep(Duration::from_millis(asker.takes)).await;
            place.hear(told(Told::Accepted));
            Fate::Sent
        }
        Err(fate) => fate,
    }
}

fn clock() -> Clock {
    let began = Instant::now();
    let now = move || Timestamp::from_secs(1_000).after(began.elapsed());
    Clock::told_by(now, WallTime::default)
}

fn terms() -> impl Strategy<Value = Terms> {
    let rate =
        prop_oneof![Just(Rate::Off), Just(Rate::Learn), (1.0..99.0_f64).prop_map(Rate::PerSecond)];
    let total = prop::option::of(1.0..99.0_f64);
    (rate, 1_u32..9, total, 1_usize..7, 0_usize..60).prop_map(
        |(rate, burst, total_rate, places, max_waiting)| Terms {
            budget: budget::Terms { rate, burst },
            total_rate,
            places,
            max_waiting,
        },
    )
}

/// Runs something in paused time.
fn paused<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_crowd_leaves_nothing_behind(terms in terms(), askers in askers()) {
        paused(async {
            let queue = Queue::new(terms, clock());
            let crowd: JoinSet<_> = askers.iter().map(|asker| asks(queue.clone(), *asker)).collect();
            let fates = timeout(Duration::from_hours(20), crowd.join_all()).await;
            let fates = fates.expect("everyone is called, or leaves");
            prop_assert_eq!(queue.load(), (0, 0));
            let patient = askers.iter().filter(|asker| asker.waits > 9_000_000).count();
            let sent = fates.iter().filter(|fate| **fate != Fate::Left).count();
            prop_assert!(sent >= patient, "{fates:?}");
            Ok(())
        })?;
    }

    /// Cut off wherever they are: asking, standing in line, called, under way.
    #[test]
    fn a_crowd_that_is_cut_off_leaves_nothing_behind(
        terms in terms(),
        askers in askers(),
        cuts in vec(0_u64..5_000, 1..60),
    ) {
        paused(async {
            let queue = Queue::new(terms, clock());
            let mut crowd = JoinSet::new();
            for (asker, cut) in askers.iter().zip(cuts.iter().cycle()) {
                let asks = asks(queue.clone(), *asker);
                crowd.spawn(timeout(Duration::from_millis(*cut), asks));
            }
            crowd.join_all().await;
            prop_assert_eq!(queue.load(), (0, 0));
            // It is as good as new: whoever comes now is called.
            let mut waiting = queue.ask(credential(9), Class::Interactive, None);
            if let Asked::Waits(waiting) = &mut waiting {
                let called = timeout(Duration::from_hours(1), waiting.called()).await;
                prop_assert!(called.is_ok_and(|place| place.is_some()));
            }
            drop(waiting);
            prop_assert_eq!(queue.load(), (0, 0));
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_called_and_does_not_come_passes_its_place_on() {
    let budget = budget::Terms { rate: Rate::Off, burst: 1 };
    let terms = Terms { budget, total_rate: None, places: 1, max_waiting: 9 };
    let queue = Queue::new(terms, clock());
    let ask = || queue.ask(credential(0), Class::Interactive, None);
    let Asked::Has(first) = ask() else { panic!("there is a place") };
    let (Asked::Waits(second), Asked::Waits(mut third)) = (ask(), ask()) else {
        panic!("there is one place only")
    };
    drop(first);
    assert_eq!(queue.load(), (1, 1), "the second has been called, and has not heard it yet");
    drop(second);
    assert!(timeout(Duration::ZERO, third.called()).await.is_ok_and(|place| place.is_some()));
    drop(third);
    assert_eq!(queue.load(), (0, 0));
}
