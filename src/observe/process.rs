//! What the operating system says of this process.

use procfs::WithCurrentSystemInfo;
use procfs::process::LimitValue;
use procfs::process::Process;

/// The figures of a moment; `None` where the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Seconds of the processor's time, for itself and in the kernel.
    pub cpu_seconds: Option<f64>,
    /// Bytes of memory that are really there.
    pub resident_bytes: Option<u64>,
    /// Bytes of address space.
    pub virtual_bytes: Option<u64>,
    /// Open files, connections among them. Not told to an ordinary user's process whose memory may
    /// not be looked into (`lifecycle.core_dumps`).
    pub open_files: Option<u64>,
    /// How many may be open.
    pub most_open_files: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// When it began, in seconds since 1970.
    pub began: Option<f64>,
}

impl Figures {
    /// Those of now.
    pub fn read() -> Self {
        let Ok(process) = Process::myself() else { return Self::default() };
        let stat = process.stat().ok();
        let limits = process.limits().ok();
        let ticks = seconds(procfs::ticks_per_second());
        Self {
            cpu_seconds: stat.as_ref().map(|s| seconds(s.utime.saturating_add(s.stime)) / ticks),
            resident_bytes: stat.as_ref().map(|s| s.rss_bytes().get()),
            virtual_bytes: stat.as_ref().map(|s| s.vsize),
            open_files: process.fd_count().ok().and_then(|count| u64::try_from(count).ok()),
            most_open_files: limits.and_then(|limits| match limits.max_open_files.soft_limit {
                LimitValue::Value(value) => Some(value),
                LimitValue::Unlimited => None,
            }),
            threads: stat.as_ref().and_then(|s| u64::try_from(s.num_threads).ok()),
            began: stat.as_ref().and_then(|s| {
                let booted = procfs::boot_time_secs().ok()?;
                Some(seconds(booted) + seconds(s.starttime) / ticks)
            }),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "an f64 counts ticks for millions of years")]
const fn seconds(ticks: u64) -> f64 {
    ticks as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_of_this_process() {
        let figures = Figures::read();
        let Figures { cpu_seconds, resident_bytes, virtual_bytes, threads, began, .. } = figures;
        assert!(cpu_seconds.is_some_and(|cpu| (0.0..1_000.0).contains(&cpu)), "{figures:?}");
        assert!(resident_bytes.is_some_and(|bytes| bytes > 100_000), "{figures:?}");
        assert!(virtual_bytes > resident_bytes && threads >= Some(1), "{figures:?}");
        assert!(began.is_some_and(|began| began > 1.7e9), "{figures:?}");
        assert!(figures.open_files < figures.most_open_files, "{figures:?}");
    }
}
