//! What a row costs beside what is plain, and whether that is too much.

use crate::meter::Memory;
use crate::plain;
use crate::row::Row;
use crate::trial::Sent;
use crate::trial::Trial;
use std::fmt;
use std::io;
use std::time::Duration;

/// How much is measured, and what is let pass.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// Processor time in each, about.
    pub(crate) span: Duration,
    /// By how much processor time may be over what it should be: short rounds scatter.
    pub(crate) leeway: f64,
}

/// The most that an octet of an attack may cost: so many octets of memory, and so many times the
/// processor time of a plain one. Envoy calls a hundred times as much a vulnerability.
pub(crate) const MOST: f64 = 10.0;

/// What something costs, for each octet of it that was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    octets: usize,
    /// Beyond what a connection with a small plain exchange on it allocates, and holds.
    allocated: f64,
    peak: f64,
    /// Beyond a connection without any exchange.
    nanoseconds: f64,
    /// The same, as a multiple of what an octet of something plain costs that is as long.
    times: f64,
}

impl Cost {
    pub(crate) fn measure(row: &Row, plan: &Plan) -> io::Result<Self> {
        let mut hostile = Trial::new(&row.sent)?;
        let mut good = Trial::new(&row.plain(hostile.taken))?;
        let mut silence = Trial::new(&plain::silence())?;
        let fixed = Trial::new(&row.plain(0))?.memory();
        let Memory { allocated, peak } = hostile.memory();
        let (times, good_times) = (hostile.times_for(plan.span), good.times_for(plan.span));
        let (mut spent, mut ratios) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            let nothing = silence.nanoseconds(SILENCES);
            let each = (hostile.nanoseconds(times) - nothing) / float(hostile.taken);
            let one = (good.nanoseconds(good_times) - nothing) / float(good.taken);
            spent.push(each);
            ratios.push(each / one);
        }
        let each = |cost: usize, fixed: usize| {
            float(cost.saturating_sub(fixed + UNSEEN)) / float(hostile.taken)
        };
        Ok(Self {
            octets: hostile.taken,
            allocated: each(allocated, fixed.allocated),
            peak: each(peak, fixed.peak),
            nanoseconds: median(spent),
            times: median(ratios),
        })
    }

    /// Whether it is more than it may be. (What is no number is.)
    pub(crate) fn is_over(self, most: f64, leeway: f64) -> bool {
        let fine = self.allocated <= most && self.peak <= most && self.times <= most * leeway;
        !fine
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { octets, allocated, peak, nanoseconds, times } = self;
        write!(f, "{octets:8} {allocated:9.1} {peak:6.1} {nanoseconds:8.2} {times:7.1}")
    }
}

/// What a connection costs by chance, in octets of memory: a table that grows, a reply of our own.
const UNSEEN: usize = 4 * 1024;

/// How often nothing is asked, to know what that costs.
const SILENCES: u32 = 20;

/// What one exchange costs in all.
pub(crate) struct Whole {
    octets: usize,
    memory: Memory,
    nanoseconds: f64,
}

impl Whole {
    pub(crate) fn measure(sent: &Sent, plan: &Plan) -> io::Result<Self> {
        let mut trial = Trial::new(sent)?;
        let (octets, memory) = (trial.taken, trial.memory());
        let times = trial.times_for(plan.span);
        let nanoseconds = median((0..plan.rounds).map(|_| trial.nanoseconds(times)).collect());
        Ok(Self { octets, memory, nanoseconds })
    }
}

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { octets, memory: Memory { allocated, peak }, nanoseconds } = self;
        write!(f, "{octets:8} {allocated:9} {peak:8} {:8.1}", nanoseconds / 1e3)
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Nothing here is longer than 4 GiB.
fn float(octets: usize) -> f64 {
    f64::from(u32::try_from(octets).unwrap_or(u32::MAX))
}
