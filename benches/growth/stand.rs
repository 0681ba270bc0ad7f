//! A server whose hits are asked for at a fixed rate, with its upstream, and turns of it.

use crate::asker::Asker;
use crate::asker::drive;
use crate::load::Expected;
use crate::load::FETCHED;
use crate::load::HIT;
use crate::load::Load;
use crate::load::MISS;
use crate::load::Tally;
use crate::support::pinning::Pinning;
use crate::support::server::Server;
use crate::upstream::Terms;
use crate::upstream::Upstream;
use crate::work::Kind;
use crate::work::Question;
use crate::work::Work;
use std::io;
use std::iter::repeat_with;
use std::sync::Arc;
use std::time::Duration;

/// Hits a second, and the connections they come on.
pub(crate) const PER_SECOND: u32 = 5_000;
pub(crate) const CONNECTIONS: usize = 128;
/// Above all that are hot.
const FRESH: u64 = 1_000_000;
/// Who asks for what is hot, and who does all else.
const A: u64 = 0;
pub(crate) const B: u64 = 1;
/// Answers that are taken at a time: the next question may be due.
const BATCH: usize = 4;
/// After so many passes all that is hot must be stored. A full store takes in what was asked for
/// often enough.
const PASSES: usize = 50;
const PATIENCE: Duration = Duration::from_mins(1);

/// What goes on beside the hits, all of it by another credential.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    pub(crate) kind: Kind,
    pub(crate) connections: usize,
    /// How often. Nothing: again whenever answered.
    pub(crate) per_second: Option<u32>,
    pub(crate) expected: Expected,
}

/// What came of one turn. Times in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    /// How late the bench itself asked, at the 99.9th percentile.
    pub(crate) late: f64,
    /// The part of the turn the server was busy, in percent.
    pub(crate) busy: f64,
    /// Tickets that went to the other credential, refusals of it, and requests upstream, each a
    /// second.
    pub(crate) beside: f64,
    pub(crate) refused: f64,
    pub(crate) upstream: f64,
    /// How many hits were none.
    pub(crate) missed: u64,
}

/// A running server, and what is asked of it.
pub(crate) struct Stand {
    server: Server,
    upstream: Upstream,
    side: Option<Side>,
    /// The number of the next ticket nobody has asked for.
    fresh: u64,
    asks_more: bool,
    /// Whether the store is full, so that a hit may be none.
    is_full: bool,
    work: Arc<Work>,
}

impl Stand {
    /// Starts it. What is beside does nothing yet. `asks_more`: whether the upstream may be asked for
    /// more than what is answered.
    pub(crate) fn start(
        pinning: Pinning,
        settings: &[(&str, &str)],
        terms: Terms,
        side: Option<Side>,
        asks_more: bool,
    ) -> io::Result<Self> {
        let work = Arc::new(Work::new(B + 1, 0));
        let upstream = Upstream::open(Arc::clone(&work), terms)?;
        let server = Server::gateway(pinning, upstream.address, settings)?;
        Ok(Self { server, upstream, side, fresh: FRESH, asks_more, is_full: false, work })
    }

    fn connect(&self, connections: usize) -> io::Result<Load> {
        Load::open(self.server.address, connections, BATCH, Arc::clone(&self.work))
    }

    /// Has the other credential fetch so many tickets nobody has asked for. There is no room for
    /// all.
    pub(crate) fn overfill(&mut self, tickets: u64) -> io::Result<()> {
        self.is_full = tickets > 0;
        let mut numbers = self.fresh..self.fresh + tickets;
        self.fresh = numbers.end;
        let mut questions = numbers.by_ref().map(|ticket| of_b(Kind::Read, ticket));
        let mut load = self.connect(CONNECTIONS)?;
        self.pass(&mut load, &mut questions, MISS)?.must_be_expected(0)
    }

    /// Whether some of the first `tickets` that were fetched beside are no longer stored. A few from
    /// all of them are looked at.
    pub(crate) fn has_evicted(&mut self, tickets: u64) -> io::Result<bool> {
        let some = (FRESH..FRESH + tickets).step_by(8);
        let mut questions = some.map(|ticket| of_b(Kind::Read, ticket));
        let mut load = self.connect(CONNECTIONS)?;
        Ok(self.pass(&mut load, &mut questions, HIT)?.others > 0)
    }

    /// Has all that is hot asked for anew, and sees that it is stored.
    fn warm(&mut self, load: &mut Load, hot: u64) -> io::Result<()> {
        let mut anew = (0..hot).map(|ticket| of_a(Kind::Refresh, ticket));
        self.pass(load, &mut anew, FETCHED)?.must_be_expected(0)?;
        let mut outcome = Ok(());
        for _ in 0..PASSES {
            let mut again = (0..hot).map(|ticket| of_a(Kind::Read, ticket));
            outcome = self.pass(load, &mut again, HIT)?.must_be_expected(0);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    fn pass(
        &mut self,
        load: &mut Load,
        questions: &mut dyn Iterator<Item = Question>,
        expected: Expected,
    ) -> io::Result<Tally> {
        let mut askers = [Asker::new(load, questions, expected, None)];
        drive(&mut askers, &mut self.upstream, &self.server, PATIENCE)?;
        let [asker] = askers;
        Ok(asker.tally)
    }

    /// Asks for hits of so many tickets at the fixed rate, and has the rest go on beside.
    pub(crate) fn turn(&mut self, tickets: u64, span: Duration, seed: u64) -> io::Result<Turn> {
        // The connections have been used when it begins: the first request on one costs more.
        let mut load = self.connect(CONNECTIONS)?;
        self.warm(&mut load, tickets)?;
        let side =
            self.side.map(|side| Ok::<_, io::Error>((side, self.connect(side.connections)?)));
        let mut side = side.transpose()?;
        let before = self.upstream.count.requests();
        let mut draw = fastrand::Rng::with_seed(seed);
        let mut hot = repeat_with(|| of_a(Kind::Read, draw.u64(..tickets)));
        let mut askers = vec![Asker::new(&mut load, &mut hot, HIT, Some(PER_SECOND))];
        let kind = self.side.map_or(Kind::Read, |side| side.kind);
        let mut numbers = self.fresh..u64::MAX;
        let mut fresh = numbers.by_ref().map(|ticket| of_b(kind, ticket));
        if let Some((side, load)) = &mut side {
            askers.push(Asker::new(load, &mut fresh, side.expected, side.per_second));
        }
        let busy = drive(&mut askers, &mut self.upstream, &self.server, span)?;
        let tallies: Vec<Tally> = askers.into_iter().map(|asker| asker.tally).collect();
        self.fresh = numbers.start;
        let asked = self.upstream.count.requests() - before;
        let (hits, beside) = tallies.split_first().ok_or(io::ErrorKind::NotFound)?;
        self.verify(hits, beside.first(), asked)?;
        Ok(Turn::of(hits, beside.first(), asked, span, busy))
    }

    /// Hits are hits, but for one of a hundred where the store is full; and for what else was answered
    /// the upstream was asked, once each.
    fn verify(&self, hits: &Tally, beside: Option<&Tally>, asked: u64) -> io::Result<()> {
        hits.must_be_expected(if self.is_full { hits.count() / 100 } else { 0 })?;
        let answered = beside.map_or(0, Tally::count);
        if let Some(beside) = beside {
            beside.must_be_expected(0)?;
        }
        let most = if self.asks_more { u64::MAX } else { answered + hits.others };
        if (beside.is_none() || answered > 0) && (answered..=most).contains(&asked) {
            return Ok(());
        }
        let hits = hits.count();
        let error = format!("{asked} requests upstream for {hits} hits and {answered} beside");
        Err(io::Error::other(error))
    }
}

impl Turn {
    fn of(hits: &Tally, beside: Option<&Tally>, asked: u64, span: Duration, busy: f64) -> Self {
        let sorted = |times: &[Duration]| {
            let mut sorted = times.to_vec();
            sorted.sort_unstable();
            sorted
        };
        let (latencies, late) = (sorted(&hits.latencies), sorted(&hits.late));
        let rate =
            |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX)) / span.as_secs_f64();
        Self {
            p50: percentile(&latencies, 500),
            p99: percentile(&latencies, 990),
            p999: percentile(&latencies, 999),
            late: percentile(&late, 999),
            busy: busy * 100.0,
            beside: rate(beside.map_or(0, Tally::count)),
            refused: rate(beside.map_or(0, |tally| tally.limited)),
            upstream: rate(asked),
            missed: hits.others,
        }
    }
}

/// The latency that this many of a thousand are below, in microseconds.
fn percentile(sorted: &[Duration], of_thousand: usize) -> f64 {
    let place = sorted.len() * of_thousand / 1_000;
    sorted.get(place).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e6)
}

fn of_a(kind: Kind, ticket: u64) -> Question {
    Question { kind, ticket, credential: A }
}

fn of_b(kind: Kind, ticket: u64) -> Question {
    Question { kind, ticket, credential: B }
}
