//! Hostile requests, by the thousand, over real sockets: the built binary between clients that send
//! what [`corpus`] makes, each request with a good one behind it, and an upstream that takes nothing
//! but what is well-formed. What each request is owed says [`model`], which knows the grammar of
//! RFC 9112 and RFC 3986 and none of the gateway's code.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that goes wrong may say so loudly, and one on real sockets needs real time"
)]
#![expect(unreachable_pub, reason = "a test binary has no outside; `pub` says who else may use it")]

#[path = "../common/process.rs"]
mod process;
#[path = "../common/figures.rs"]
mod figures;
mod case;
mod grammar;
mod model;
mod framings;
mod octets;
mod targets;
mod hosts;
mod chunks;
mod pipelines;
mod corpus;
mod upstream;
mod gateway;
mod replies;
mod verdict;

use crate::case::Case;
use crate::gateway::Gateway;
use crate::upstream::Upstream;
use crate::verdict::Tally;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// How many are asked at a time.
const CONNECTIONS: usize = 8;

/// More than the project promises to try.
const LEAST: usize = 5_000;

/// One in so many may be left to the parser's leniency.
const LENIENT_SHARE: usize = 20;

const LONGEST: Duration = Duration::from_mins(1);

#[test]
fn what_is_ambiguous_is_refused_and_nothing_behind_it_is_answered() {
    let corpus = corpus::all();
    let distinct: BTreeSet<&[u8]> = corpus.iter().map(|case| &*case.template).collect();
    assert_eq!(distinct.len(), corpus.len(), "every request is another");
    assert!(corpus.len() >= LEAST, "only {} requests", corpus.len());

    let upstream = Upstream::open();
    let gateway = Gateway::start(&upstream.url());
    let began = Instant::now();
    let mut tally = Tally::default();
    verdict::warm(&gateway, &mut tally);
    let (wrong, tally) = replay(&corpus, &gateway, tally);
    let took = began.elapsed();
    let wrong = [wrong, verdict::of_upstream(&corpus, &upstream.heard())].concat();
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );

    println!("{} requests in {took:?}\n{tally}", corpus.len());
    assert!(tally.lenient() * LENIENT_SHARE <= corpus.len(), "{} left open", tally.lenient());
    assert!(took < LONGEST, "{took:?}");
    let opened = gateway.opened();
    let (accounts, figures) = gateway.ended();
    tally.compare(&accounts, &upstream.heard());
    tally.compare_figures(&figures, opened);
}

/// Sends all of them; what is wrong, and what came of it.
fn replay(corpus: &[Case], gateway: &Gateway, tally: Tally) -> (Vec<String>, Tally) {
    let (next, found) = (AtomicUsize::new(0), Mutex::new((Vec::new(), tally)));
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                while let Some(case) = corpus.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let replies = gateway.ask(case);
                    let mut found = found.lock().unwrap();
                    if let Err(wrong) = verdict::of(case, &replies) {
                        found.0.push(wrong);
                    }
                    found.1.add(case, &replies);
                }
            });
        }
    });
    found.into_inner().unwrap()
}
