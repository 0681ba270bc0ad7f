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
    File(BufWriter<File>),
    /// As a file for each ticket, with its body, and lines for the ids that do not exist.
    Directory {
        /// Where the files are.
        path: PathBuf,
        /// For the lines.
        missing: BufWriter<File>,
    },
}

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
            Self::File(lines) => lines.write_all(answer.line()),
            Self::Directory { path, .. } if answer.found => {
                // Under its own name only when it is whole.
                let part = path.join(PART);
                fs::write(&part, [answer.body(), b"\n"].concat())?;
                fs::rename(&part, path.join(format!("{}.json", answer.id)))
            }
            Self::Directory { missing, .. } => missing.write_all(answer.line()),
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
            Self::File(lines) | Self::Directory { missing: lines, .. } => synced(lines.get_ref()),
        }
    }
}

/// No id has a dot in it.
const PART: &str = ".part";

/// That the run is over means that the answers outlive the machine; what is no file on a disk has
/// no such promise to make.
fn synced(file: &File) -> io::Result<()> {
    if file.metadata()?.is_file() { file.sync_all() } else { Ok(()) }
}
