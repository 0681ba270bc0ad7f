//! Answers written down: as lines, or as files.

use crate::app::fetch_kept::Kept;
use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Stdout;
use std::io::Write;
use std::path::PathBuf;
use tokio::sync::mpsc;

/// Where answers are kept.
#[derive(Debug)]
pub enum Output {
    /// As lines, for whoever reads them.
    Stdout(BufWriter<Stdout>),
    /// As lines.
    File(LineFile),
    /// As a file for each ticket, with its body, and lines for the ids that do not exist.
    Directory {
        /// Where the files are.
        path: PathBuf,
        /// For the lines.
        missing: LineFile,
    },
}

/// A file of whole lines, appended to.
#[derive(Debug)]
pub struct LineFile {
    file: File,
    /// Not written yet.
    ahead: Vec<u8>,
}

/// So much is written at a time, if there is as much.
const AHEAD: usize = 64 * 1024;

/// Writes what comes until no more will come. It waits for the disk, or for whoever reads the
/// lines; a thread of its own is the place for it.
///
/// # Errors
/// When something could not be written: nothing more is taken then.
pub fn keep(mut output: Output, mut answers: mpsc::Receiver<Kept>) -> io::Result<()> {
    while let Some(answer) = answers.blocking_recv() {
        output.put(&answer)?;
        while let Ok(answer) = answers.try_recv() {
            output.put(&answer)?;
        }
        // Nothing more is waiting: who reads along need not wait either.
        output.flush()?;
    }
    output.finish()
}

impl Output {
    fn put(&mut self, answer: &Kept) -> io::Result<()> {
        match self {
            Self::Stdout(lines) => lines.write_all(answer.line()),
            Self::File(lines) => lines.put(answer.line()),
            Self::Directory { path, .. } if answer.found => {
                // Under its own name only when it is whole.
                let part = path.join(PART);
                fs::write(&part, [answer.body(), b"\n"].concat())?;
                fs::rename(&part, path.join(format!("{}.json", answer.id)))
            }
            Self::Directory { missing, .. } => missing.put(answer.line()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(lines) => lines.flush(),
            Self::File(lines) | Self::Directory { missing: lines, .. } => lines.flush(),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        match self {
            Self::Stdout(_) => Ok(()),
            Self::File(lines) | Self::Directory { missing: lines, .. } => synced(&lines.file),
        }
    }
}

impl LineFile {
    /// Appends to this one.
    pub const fn new(file: File) -> Self {
        Self { file, ahead: Vec::new() }
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        self.ahead.extend_from_slice(line);
        if self.ahead.len() < AHEAD { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        let before = self.file.metadata()?.len();
        let written = self.file.write_all(&self.ahead);
        if written.is_err() {
            // What has no length, such as a pipe, cannot be cut. The first error is the one to tell.
            let _ = self.cut_torn_line(before);
        }
        self.ahead.clear();
        written
    }

    /// A disk that is full may have taken a part of a line.
    fn cut_torn_line(&self, before: u64) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let taken = usize::try_from(length.saturating_sub(before)).unwrap_or(usize::MAX);
        let torn = self.ahead.iter().take(taken).rev().take_while(|octet| **octet != b'\n');
        self.file.set_len(length.saturating_sub(u64::try_from(torn.count()).unwrap_or(u64::MAX)))
    }
}

/// No id has a dot in it.
const PART: &str = ".part";

/// That the run is over means that the lines outlive the machine (the tickets of a directory are
/// renamed into place and left to the system); what is no file on a disk has no such promise to make.
fn synced(file: &File) -> io::Result<()> {
    if file.metadata()?.is_file() { file.sync_all() } else { Ok(()) }
}
