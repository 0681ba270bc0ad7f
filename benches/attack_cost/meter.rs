//! What is measured: bytes allocated, to the byte, and processor time.
//!
//! Of the whole process, so that nothing can hide in another task or thread. Between two readings it
//! does nothing but the gateway's work, and the counts are the same in every run.

use cap::Cap;
use mimalloc::MiMalloc;
use rustix::time::ClockId;
use rustix::time::clock_gettime;
use std::hint::black_box;
use std::time::Duration;

/// The gateway's own choice, and it counts. (It also slows each allocation by a few nanoseconds, so
/// what allocates much looks a little worse than it is.)
#[global_allocator]
static ALLOCATOR: Cap<MiMalloc> = Cap::new(MiMalloc, usize::MAX);

/// What some work took of memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// All that was allocated, freed or not. What grows in place counts with its whole new size each
    /// time, as if it had been moved.
    pub(crate) allocated: usize,
    /// The most that was held at one time.
    pub(crate) peak: usize,
}

/// Does some work and says what memory it took.
pub(crate) fn memory(work: impl FnOnce()) -> Memory {
    // The counter's high-water mark cannot be taken back. So the memory is filled up to it first, and
    // whatever the work holds raises it. Nothing is written there: it costs addresses only.
    let below_mark = ALLOCATOR.max_allocated().saturating_sub(ALLOCATOR.allocated());
    let ballast = black_box(Vec::<u8>::with_capacity(below_mark));
    let (allocated, held) = (ALLOCATOR.total_allocated(), ALLOCATOR.allocated());
    work();
    let peak = ALLOCATOR.max_allocated().saturating_sub(held);
    let allocated = ALLOCATOR.total_allocated().saturating_sub(allocated);
    drop(ballast);
    Memory { allocated, peak }
}

/// Does some work and says what processor time it took.
pub(crate) fn cpu(work: impl FnOnce()) -> Duration {
    let before = spent();
    work();
    spent().saturating_sub(before)
}

fn spent() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(spent).unwrap_or_default()
}
