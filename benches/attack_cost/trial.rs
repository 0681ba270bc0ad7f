//! One thing that is sent, and what it cost.

use crate::house::Answer;
use crate::house::House;
use crate::meter;
use crate::meter::Memory;
use crate::script::Account;
use crate::script::Lines;
use crate::script::Script;
use crate::script::Then;
use bytes::Bytes;
use std::io;
use std::time::Duration;

/// What is sent, and by whom.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) request: Lines,
    pub(crate) answer: Answer,
    /// Whose octets count: what the other side sends is plain.
    pub(crate) by: Side,
    /// What the reply has in its beginning. A row that measures something else than it says is worse
    /// than none.
    pub(crate) expects: &'static str,
}

/// A side of the gateway.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Client,
    Upstream,
}

/// Stands in a request for a number that no other request has: what it asks for is not stored.
pub(crate) const FRESH: &str = "00000000";

/// It, with a gateway of its own.
pub(crate) struct Trial {
    sent: Sent,
    house: House,
    /// Where [`FRESH`] stands.
    fresh: Option<usize>,
    asked: usize,
    /// How many octets of it the gateway takes.
    pub(crate) taken: usize,
}

impl Trial {
    /// Sends it a few times: so the gateway has stored what it stores of it, and its tables have
    /// their size.
    pub(crate) fn new(sent: &Sent) -> io::Result<Self> {
        let house = House::new(sent.answer.clone())?;
        let fresh = sent.request.octets.windows(FRESH.len()).position(|at| at == FRESH.as_bytes());
        let mut trial = Self { sent: sent.clone(), house, fresh, asked: 0, taken: 0 };
        for _ in 0..2 {
            let (client, _account) = trial.client();
            trial.house.serve(client);
        }
        trial.taken = trial.try_out()?;
        Ok(trial)
    }

    /// How many octets of it were taken, if it came to what was expected.
    fn try_out(&mut self) -> io::Result<usize> {
        let before = self.house.upstream.with(|told| told.taken);
        let (client, account) = self.client();
        self.house.serve(client);
        let upstream = self.house.upstream.with(|told| told.taken).saturating_sub(before);
        account.with(|told| {
            let reply = String::from_utf8_lossy(&told.reply);
            let (status, expects) = self.sent.expects.split_once('|').unwrap_or_default();
            let is_so = match status {
                "" => reply.is_empty(),
                status => reply.starts_with(&format!("HTTP/1.1 {status} ")),
            };
            if is_so && reply.contains(expects) {
                return Ok(if self.sent.by == Side::Client { told.taken } else { upstream });
            }
            Err(io::Error::other(format!(
                "expected {}, heard {:?}",
                self.sent.expects,
                reply.chars().take(400).collect::<String>()
            )))
        })
    }

    /// The client, with a new number.
    fn client(&mut self) -> (Script, Account) {
        let mut lines = self.sent.request.clone();
        if let Some(at) = self.fresh {
            let mut octets = Vec::from(lines.octets);
            let number = format!("{:08}", self.asked);
            self.asked = self.asked.saturating_add(1);
            octets.splice(at..at.saturating_add(FRESH.len()), number.into_bytes());
            lines.octets = Bytes::from(octets);
        }
        let account = Account::new();
        (Script::client(lines, account.clone()), account)
    }

    /// What it takes of memory. The least of a few: now and then the store tidies up.
    pub(crate) fn memory(&mut self) -> Memory {
        let mut least = Memory { allocated: usize::MAX, peak: usize::MAX };
        for _ in 0..5 {
            let (client, _account) = self.client();
            let Memory { allocated, peak } = meter::memory(|| self.house.serve(client));
            let (allocated, peak) = (least.allocated.min(allocated), least.peak.min(peak));
            least = Memory { allocated, peak };
        }
        least
    }

    /// What it takes of processor time, in nanoseconds, over so many times.
    pub(crate) fn nanoseconds(&mut self, times: u32) -> f64 {
        let clients: Vec<_> = (0..times).map(|_| self.client()).collect();
        let (clients, _accounts): (Vec<_>, Vec<_>) = clients.into_iter().unzip();
        let spent = meter::cpu(|| clients.into_iter().for_each(|client| self.house.serve(client)));
        spent.as_secs_f64() * 1e9 / f64::from(times)
    }

    /// How often it has to be sent for about this much processor time.
    pub(crate) fn times_for(&mut self, span: Duration) -> u32 {
        let once = self.nanoseconds(1).min(self.nanoseconds(1));
        let spent = |times: &u32| f64::from(*times) * once >= span.as_secs_f64() * 1e9;
        (1..MOST_TIMES).find(spent).unwrap_or(MOST_TIMES)
    }
}

const MOST_TIMES: u32 = 200;

/// Octets of which the connection is closed when they are sent.
pub(crate) fn cut(octets: impl Into<Bytes>) -> Lines {
    Lines { then: Then::Close, ..Lines::new(octets) }
}
