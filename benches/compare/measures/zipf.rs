//! How much of a skewed trace is answered from a store that is too small for all of it.
//!
//! Each is given room for a fifth of the tickets at 2 KiB each, in the setting by which it counts
//! what it stores. What it then really takes is told beside it: some take several times as much. So the
//! gateway runs again beside each of the others, with as much room as makes it take no more than that one
//! took.

use crate::contender::Contender;
use crate::contenders::GATEWAY;
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

/// To find the room that makes the gateway take as much as another.
const TRIES: usize = 3;
/// A hundredth less is as much.
const NEARLY: u64 = 100;

const RATIO: Figure = Figure {
    key: "zipf_hit_ratio",
    title: "hit ratio, room for 20 % of the tickets",
    better: Better::Higher,
};
const TAKEN: Figure =
    Figure { key: "zipf_memory_mib", title: "memory it took for that, MiB", better: Better::Lower };
const RATIO_OF_GATEWAY: Figure = Figure {
    key: "zipf_hit_ratio_of_gateway",
    title: "hit ratio of the gateway in the memory this one took",
    better: Better::Higher,
};
const TAKEN_BY_GATEWAY: Figure = Figure {
    key: "zipf_memory_of_gateway_mib",
    title: "memory the gateway took for that, MiB",
    better: Better::Lower,
};

/// What a trace came to.
#[derive(Clone, Copy)]
struct Outcome {
    /// The part of it that was answered from memory.
    ratio: f64,
    /// In bytes, before the first request and after the last.
    idle: u64,
    taken: u64,
}

pub(crate) fn measure(bench: &mut Bench<'_>, contenders: &[&'static Contender]) -> io::Result<()> {
    let room = u64::from(bench.plan.trace.tickets) / SHARE * EACH;
    let mut outcomes = Vec::new();
    for contender in contenders {
        let outcome = run(bench, contender, room)?;
        bench.figures.add(&RATIO, contender, outcome.ratio);
        bench.figures.add(&TAKEN, contender, mebibytes(outcome.taken));
        outcomes.push((*contender, outcome));
    }
    let is_gateway = |(contender, _): &&(&Contender, _)| contender.name == GATEWAY;
    let Some((gateway, own)) = outcomes.iter().find(is_gateway).copied() else { return Ok(()) };
    for (contender, outcome) in outcomes.iter().filter(|outcome| !is_gateway(outcome)) {
        let again = within(bench, gateway, outcome.taken, (room, own))?;
        bench.figures.add(&RATIO_OF_GATEWAY, contender, again.ratio);
        bench.figures.add(&TAKEN_BY_GATEWAY, contender, mebibytes(again.taken));
    }
    Ok(())
}

/// Has the gateway run with as much room as makes it take nearly `memory`, and no more. `known`: what it
/// took with some other room. If it never does, what comes nearest counts.
fn within(
    bench: &Bench<'_>,
    gateway: &'static Contender,
    memory: u64,
    known: (u64, Outcome),
) -> io::Result<Outcome> {
    let (mut room, mut outcome) = known;
    let mut nearest: Option<Outcome> = None;
    for _ in 0..TRIES {
        room = room_for(memory, room, outcome);
        outcome = run(bench, gateway, room)?;
        let distance = |one: &Outcome| (one.taken > memory, one.taken.abs_diff(memory));
        nearest = nearest.into_iter().chain([outcome]).min_by_key(distance);
        if outcome.taken <= memory && outcome.taken.abs_diff(memory) < memory / NEARLY {
            break;
        }
    }
    Ok(nearest.unwrap_or(outcome))
}

/// With how much room the gateway takes `memory` in all, if it took what `own` says with `room`.
fn room_for(memory: u64, room: u64, own: Outcome) -> u64 {
    let grown = own.taken.saturating_sub(own.idle).max(1);
    memory.saturating_sub(own.idle).saturating_mul(room) / grown
}

/// Has the trace asked of one that is started for it.
fn run(bench: &Bench<'_>, contender: &'static Contender, room: u64) -> io::Result<Outcome> {
    let server = Running::start(contender, bench.stand, room)?;
    ask(bench, &server).map_err(|error| server.blame(&error))
}

fn ask(bench: &Bench<'_>, server: &Running) -> io::Result<Outcome> {
    let (trace, idle) = (bench.plan.trace, server.memory()?);
    let mut load = Load::open(server.address, CONNECTIONS)?;
    let warm_up = questions::zipf(trace.tickets, 1).take(trace.warm_up);
    load.run(warm_up, server.expected())?;
    let before = bench.stand.origin.requests();
    let counted = questions::zipf(trace.tickets, 2).take(trace.counted);
    load.run(counted, server.expected())?;
    let missed = bench.stand.origin.requests() - before;
    let ratio = 1.0 - count(missed) / count(trace.counted);
    Ok(Outcome { ratio, idle, taken: server.memory()? })
}
