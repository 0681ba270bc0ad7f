//! What a stored response takes: memory, and files where those are the store.

use crate::contender::Contender;
use crate::figures::Better;
use crate::figures::Figure;
use crate::measures::Bench;
use crate::measures::CONNECTIONS;
use crate::measures::count;
use crate::questions;
use crate::running::Running;
use crate::support::load::Load;
use crate::support::work;
use std::io;
use std::thread;

/// Room for all of them, whoever counts; 1 GiB or so.
const ROOM: u64 = 5 * 1_024;
/// Such a part is fetched first, so that buffers, connections and tables have their size.
const WARM_UP: u64 = 100;

const EACH: Figure = Figure {
    key: "stored_bytes",
    title: "memory of a stored ticket, bytes",
    better: Better::Lower,
};

pub(crate) fn measure(bench: &mut Bench<'_>, contenders: &[&'static Contender]) -> io::Result<()> {
    let room = bench.plan.stored * ROOM;
    for contender in contenders {
        let server = Running::start(contender, bench.stand, room)?;
        round(bench, &server).map_err(|error| server.blame(&error))?;
    }
    Ok(())
}

fn round(bench: &mut Bench<'_>, server: &Running) -> io::Result<()> {
    let warm = bench.plan.stored / WARM_UP;
    let end = warm + bench.plan.stored;
    let mut load = Load::open(server.address, CONNECTIONS)?;
    load.run(questions::fresh(0..warm), server.expected())?;
    let before = memory_at_rest(bench, server)?;
    load.run(questions::fresh(warm..end), server.expected())?;
    let after = memory_at_rest(bench, server)?;

    let fetched = bench.stand.origin.requests();
    let sample = questions::fresh(warm..end).step_by(7);
    let again = load.run(sample, server.expected())?;
    bench.must_be_few(fetched, again.latencies.len())?;

    let grown = after.saturating_sub(before);
    let body = u64::try_from(work::body(&work::id(0)).len()).map_err(io::Error::other)?;
    if grown < body * bench.plan.stored {
        let title = server.contender.title;
        bench.figures.remark(format!(
            "{title} takes all its memory at its start: no telling what a ticket takes"
        ));
        return Ok(());
    }
    // Whole bytes are exact enough.
    let each = count(grown / bench.plan.stored);
    bench.figures.add(&EACH, server.contender, each);
    Ok(())
}

fn memory_at_rest(bench: &Bench<'_>, server: &Running) -> io::Result<u64> {
    thread::sleep(bench.plan.settling);
    server.memory()
}
