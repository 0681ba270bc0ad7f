//! How long until it answers, and what memory it takes then.

use crate::contender::Contender;
use crate::contender::MEMORY;
use crate::figures::Better;
use crate::figures::Figure;
use crate::measures::Bench;
use crate::measures::mebibytes;
use crate::running::Running;
use std::io;
use std::thread;
use std::time::Duration;

const SETTLING: Duration = Duration::from_millis(300);

const FIRST: Figure =
    Figure { key: "start_ms", title: "start to first answer, ms", better: Better::Lower };
const IDLE: Figure =
    Figure { key: "idle_memory_mib", title: "idle memory, MiB", better: Better::Lower };

pub(crate) fn measure(bench: &mut Bench<'_>, contenders: &[&'static Contender]) -> io::Result<()> {
    for _ in 0..bench.plan.rounds {
        for contender in contenders {
            let server = Running::start(contender, bench.stand, MEMORY)?;
            thread::sleep(SETTLING);
            bench.figures.add(&FIRST, contender, server.first_answer.as_secs_f64() * 1e3);
            bench.figures.add(&IDLE, contender, mebibytes(server.memory()?));
        }
    }
    Ok(())
}
