//! Where answers are to be kept is opened, and what earlier runs have left there is taken in.

use crate::app::ending::Ending;
use crate::app::fetch_arguments::Destination;
use crate::app::fetch_keep::LineFile;
use crate::app::fetch_keep::Output;
use crate::app::fetch_lines::Lines;
use crate::app::fetch_resume::Rest;
use crate::settings::mistakes::escaped;
use std::fs;
use std::fs::DirEntry;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::io::BufWriter;
use std::io::Read;
use std::path::Path;

/// Why nothing can be kept at a place.
#[derive(Debug)]
enum Fault {
    /// There is something, and `--resume` was not said.
    NotEmpty,
    /// A directory is wanted, and this is a file.
    NoDirectory,
    /// A line of the file is none of ours.
    Foreign { line: u64 },
    /// Another run writes to it.
    Locked,
    /// The operating system says no.
    Io(io::Error),
}

/// The file of a directory that lists what does not exist.
const NOT_FOUND: &str = "not-found.ndjson";

/// Opens it. With `resume`, `rest` is relieved of what is there already.
///
/// # Errors
/// If there is something and it is not to be gone on with, or cannot be.
pub fn open(
    destination: Destination<'_>,
    resume: bool,
    rest: &mut Rest<'_>,
) -> Result<Output, Ending> {
    let (path, opened) = match destination {
        Destination::Stdout => return Ok(Output::Stdout(BufWriter::new(io::stdout()))),
        Destination::File(path) => (path, lines(path, resume, rest).map(Output::File)),
        Destination::Directory(path) => (path, directory(path, resume, rest)),
    };
    opened.map_err(|fault| fault.ending(path))
}

fn directory(path: &Path, resume: bool, rest: &mut Rest<'_>) -> Result<Output, Fault> {
    if let Err(error) = fs::create_dir_all(path) {
        // "File exists" would be true, and no help.
        return Err(if path.is_file() { Fault::NoDirectory } else { Fault::Io(error) });
    }
    // The list of what does not exist may be there, if a run had nothing to put on it.
    let counts = |entry: io::Result<DirEntry>| entry.map_or(true, |e| e.file_name() != NOT_FOUND);
    if !resume && fs::read_dir(path)?.any(counts) {
        return Err(Fault::NotEmpty);
    }
    let missing = lines(&path.join(NOT_FOUND), resume, rest)?;
    if resume {
        // A file of no length is what a machine that lost its power may leave.
        let is_whole = |file: fs::Metadata| file.is_file() && file.len() > 0;
        rest.strike_tickets(|id| fs::metadata(path.join(format!("{id}.json"))).is_ok_and(is_whole));
    }
    Ok(Output::Directory { path: path.to_owned(), missing })
}

/// A file of lines, to be appended to.
fn lines(path: &Path, resume: bool, rest: &mut Rest<'_>) -> Result<LineFile, Fault> {
    // Not to be read from: a pipe that we could read from ourselves would never break.
    let file = OpenOptions::new().append(true).create(true).open(path)?;
    // A file system that has no locks is no reason not to go on.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Err(Fault::Locked);
    }
    if file.metadata()?.len() > 0 {
        if !resume {
            return Err(Fault::NotEmpty);
        }
        let whole = take_in(&mut File::open(path)?, rest)?;
        file.set_len(whole)?;
    }
    Ok(LineFile::new(file))
}

/// Reads every line, and says up to where they are whole.
fn take_in(file: &mut impl Read, rest: &mut Rest<'_>) -> Result<u64, Fault> {
    let (mut lines, mut piece) = (Lines::default(), vec![0; 64 * 1024]);
    let (mut length, mut line) = (0_u64, 1_u64);
    loop {
        let read = file.read(&mut piece)?;
        let Some(read @ [_, ..]) = piece.get(..read) else { break };
        length = length.saturating_add(octets(read));
        lines.add(read).map_err(|_| Fault::Foreign { line })?;
        while let Some(text) = lines.next_line() {
            rest.strike_line(&text).map_err(|_| Fault::Foreign { line })?;
            line = line.saturating_add(1);
        }
    }
    let torn = lines.unfinished();
    if torn.starts_with(BEGINNING) || BEGINNING.starts_with(torn) {
        Ok(length.saturating_sub(octets(torn)))
    } else {
        Err(Fault::Foreign { line })
    }
}

/// Of each of our lines. Nothing else is cut off.
const BEGINNING: &[u8] = br#"{"index":"#;

fn octets(text: &[u8]) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

impl Fault {
    fn ending(&self, path: &Path) -> Ending {
        let name = escaped(&path.display().to_string());
        let wrong = match self {
            Self::NotEmpty => "is not empty; --resume goes on with it".to_owned(),
            Self::Foreign { line } => {
                format!("cannot be gone on with: line {line} is none that fetch has written")
            }
            Self::Locked => "is being written to by another run".to_owned(),
            Self::NoDirectory => "is a file; --dir wants a directory".to_owned(),
            Self::Io(error) => format!("cannot be written to: {error}"),
        };
        Ending::misused(format_args!("{name} {wrong}"))
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: &str = "{\"index\":0,\"id\":\"a\",\"status\":200,\"cache\":\"hit\",\"body\":{\"data\":{\"_id\":\"a\"}}}\n";

    #[test]
    fn a_torn_line_is_cut_off_and_nothing_else_is() {
        let lines = |torn: &str| format!("{FOUND}{torn}");
        let whole = FOUND.len().try_into().unwrap();
        for (text, expected) in [
            (String::new(), Ok(0)),
            (lines(""), Ok(whole)),
            (lines("{"), Ok(whole)),
            (lines(r#"{"index":1,"id":"b","sta"#), Ok(whole)),
            (lines(FOUND.trim_end()), Ok(whole)),
            (lines("x"), Err(2)),
            (lines("x\n"), Err(2)),
            (lines("\n"), Err(2)),
            ("notes of mine".to_owned(), Err(1)),
            (lines(r#"{"id":"b"}"#), Err(2)),
        ] {
            let taken = take_in(&mut text.as_bytes(), &mut Rest::all(&["a", "b"]));
            let taken = taken.map_err(|fault| match fault {
                Fault::Foreign { line } => line,
                other => panic!("{text:?}: {other:?}"),
            });
            assert_eq!(taken, expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_whole_is_struck_off() {
        let mut rest = Rest::all(&["a", "b"]);
        take_in(&mut FOUND.as_bytes(), &mut rest).unwrap();
        assert_eq!(rest.into_parts().0, [(1, "b")]);
    }
}
