//! The end of a run: what is there, what is not, and the exit code that says so.

use crate::app::fetch_tally::Tally;
use std::fmt;
use std::time::Duration;

/// Why a run asked no more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Stop {
    /// Every id was asked for.
    AllAsked,
    /// By a signal.
    Interrupted,
    /// By a second signal, before everything was written.
    Hurried,
    /// The API calls the credential dead.
    CredentialDead,
    /// The gateway, or the API behind it, has brought nothing for as long as it was waited for.
    NoAnswer(String),
    /// The gateway does not do what it was asked.
    Refused(String),
    /// What was answered could not be written.
    Unwritten(String),
}

/// Some of the ids that failed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Failures {
    /// Id, status and perhaps a word.
    first: Vec<String>,
    more: u64,
}

/// More are counted, not shown.
const SHOWN_FAILURES: usize = 10;

impl Failures {
    /// Notes one. `why`: where the status does not say.
    pub fn note(&mut self, id: &str, status: u16, why: &str) {
        if self.first.len() < SHOWN_FAILURES {
            self.first.push(format!("{id} {status} {why}").trim_end().to_owned());
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// The counts.
    pub tally: Tally,
    /// Why it ended.
    pub stop: Stop,
    /// Ids that failed.
    pub failures: Failures,
    /// How long it took.
    pub took: Duration,
    /// Whether it can be gone on with: what was kept is in a file or a directory.
    pub resumable: bool,
}

impl Report {
    /// The exit code: 0 if every ticket is there, 2 if all that is missing does not exist, else 1.
    pub const fn code(&self) -> u8 {
        let Tally { asked, found, missing, .. } = self.tally;
        let is_written = !matches!(self.stop, Stop::Unwritten(_) | Stop::Hurried);
        match () {
            () if is_written && found == asked => 0,
            () if is_written && found.saturating_add(missing) == asked => 2,
            () => 1,
        }
    }

    fn sum_up(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { asked, found, missing, earlier, failed, hits, upstream, .. } = self.tally;
        write!(f, "verifik-gateway: {asked} asked, {found} found, {missing} not found")?;
        if earlier > 0 {
            write!(f, " ({earlier} of them in earlier runs)")?;
        }
        write!(f, ", {failed} failed")?;
        if self.tally.left() > 0 {
            write!(f, ", {} left", self.tally.left())?;
        }
        let secs = self.took.as_secs_f64();
        writeln!(f, ", {hits} hits, {upstream} upstream calls, {secs:.1} seconds")
    }

    fn list_failures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failures { first, more } = &self.failures;
        if !first.is_empty() {
            writeln!(f, "failed:")?;
        }
        for failure in first {
            writeln!(f, "  {failure}")?;
        }
        if *more > 0 {
            writeln!(f, "  … and {more} more")?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sum_up(f)?;
        self.list_failures(f)?;
        match &self.stop {
            Stop::AllAsked => {}
            Stop::Interrupted => writeln!(f, "interrupted by a signal")?,
            Stop::Hurried => writeln!(f, "cut off by a second signal: not all may be written")?,
            Stop::CredentialDead => writeln!(f, "the API does not accept the token, or no longer")?,
            Stop::NoAnswer(why) | Stop::Refused(why) | Stop::Unwritten(why) => {
                writeln!(f, "{why}")?;
            }
        }
        match (self.code(), self.resumable) {
            (1, true) => writeln!(f, "To go on, run the same command with --resume."),
            (1, false) => writeln!(f, "With --output or --dir, --resume could go on from here."),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(counts: [u64; 4], stop: Stop) -> Report {
        let [asked, found, missing, failed] = counts;
        let tally = Tally { asked, found, missing, failed, ..Tally::default() };
        let (failures, took) = (Failures::default(), Duration::from_millis(1_234));
        Report { tally, stop, failures, took, resumable: true }
    }

    #[test]
    fn the_exit_code_says_whether_anything_is_missing() {
        let why = || "why".to_owned();
        for (counts, stop, expected) in [
            ([0, 0, 0, 0], Stop::AllAsked, 0),
            ([9, 9, 0, 0], Stop::AllAsked, 0),
            // The signal came after the last answer.
            ([9, 9, 0, 0], Stop::Interrupted, 0),
            ([9, 8, 1, 0], Stop::AllAsked, 2),
            ([9, 0, 9, 0], Stop::AllAsked, 2),
            ([9, 8, 0, 1], Stop::AllAsked, 1),
            ([9, 7, 1, 1], Stop::AllAsked, 1),
            ([9, 8, 0, 0], Stop::Interrupted, 1),
            ([9, 0, 0, 1], Stop::CredentialDead, 1),
            ([9, 8, 0, 0], Stop::NoAnswer(why()), 1),
            ([9, 0, 0, 0], Stop::Refused(why()), 1),
            ([9, 9, 0, 0], Stop::Unwritten(why()), 1),
            ([9, 9, 0, 0], Stop::Hurried, 1),
        ] {
            assert_eq!(report(counts, stop.clone()).code(), expected, "{counts:?} {stop:?}");
        }
    }

    #[test]
    fn what_is_missing_is_told_and_how_to_go_on() {
        let mut report = report([40, 20, 5, 12], Stop::Interrupted);
        report.tally = Tally { hits: 3, upstream: 34, earlier: 2, ..report.tally };
        for number in 0..12 {
            report.failures.note(&format!("t{number}"), 500, ["", "refused"][number % 2]);
        }
        let expected = "verifik-gateway: 40 asked, 20 found, 5 not found (2 of them in earlier \
                        runs), 12 failed, 3 left, 3 hits, 34 upstream calls, 1.2 seconds\n\
                        failed:\n  t0 500\n  t1 500 refused\n  t2 500\n  t3 500 refused\n  \
                        t4 500\n  t5 500 refused\n  t6 500\n  t7 500 refused\n  t8 500\n  \
                        t9 500 refused\n  … and 2 more\n\
                        interrupted by a signal\n\
                        To go on, run the same command with --resume.\n";
        assert_eq!(report.to_string(), expected);
        report.resumable = false;
        let told = report.to_string();
        assert!(told.ends_with("With --output or --dir, --resume could go on from here.\n"));
    }

    #[test]
    fn a_run_that_has_everything_says_so_in_a_line() {
        let expected = "verifik-gateway: 9 asked, 9 found, 0 not found, 0 failed, 0 hits, 0 \
                        upstream calls, 1.2 seconds\n";
        assert_eq!(report([9, 9, 0, 0], Stop::AllAsked).to_string(), expected);
    }
}
