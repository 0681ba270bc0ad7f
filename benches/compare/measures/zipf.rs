//! How much of a skewed trace is answered from a store that is too small for all of it.
//!
//! Each is given room for a fifth of the tickets at 2 KiB each, in the setting by which it counts
//! what it stores. What it then really takes is told beside it: some take several times as much.

use crate::contender::Contender;
use crate::figures::Better;
use crate::figures::Figure;
use crate::measures::Bench;
use crate::measures::CONNECTIONS;
use crate::measures::count;
use crate::measures::mebibytes;
use crate::questions;
use crate::running::Running;
use crate::support::load::Load;
use std::io;

/// About what one stored response takes.
const EACH: u64 = 2_048;
/// A fifth of the tickets has room.
const SHARE: u64 = 5;

const RATIO: Figure = Figure {
    key: "zipf_hit_ratio",
    title: "hit ratio, room for 20 % of the tickets",
    better: Better::Higher,
};
const TAKEN: Figure =
    Figure { key: "zipf_memory_mib", title: "memory it took for that, MiB", better: Better::Lower };

pub(crate) fn measure(bench: &mut Bench<'_>, contenders: &[&'static Contender]) -> io::Result<()> {
    let room = u64::from(bench.plan.trace.tickets) / SHARE * EACH;
    for contender in contenders {
        let server = Running::start(contender, bench.stand, room)?;
        round(bench, &server).map_err(|error| server.blame(&error))?;
    }
    Ok(())
}

fn round(bench: &mut Bench<'_>, server: &Running) -> io::Result<()> {
    let trace = bench.plan.trace;
    let mut load = Load::open(server.address, CONNECTIONS)?;
    let warm_up = questions::zipf(trace.tickets, 1).take(trace.warm_up);
    load.run(warm_up, server.expected())?;
    let before = bench.stand.origin.requests();
    let counted = questions::zipf(trace.tickets, 2).take(trace.counted);
    load.run(counted, server.expected())?;
    let missed = bench.stand.origin.requests() - before;
    bench.figures.add(&RATIO, server.contender, 1.0 - count(missed) / count(trace.counted));
    bench.figures.add(&TAKEN, server.contender, mebibytes(server.memory()?));
    Ok(())
}
