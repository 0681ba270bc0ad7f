//! Reading what others have written, within a bound.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;

/// All there is to read; `None` if that is more than `longest` octets.
pub fn read(source: impl Read, longest: u64) -> io::Result<Option<Vec<u8>>> {
    let mut octets = Vec::new();
    let length = source.take(longest.saturating_add(1)).read_to_end(&mut octets)?;
    Ok(u64::try_from(length).is_ok_and(|length| length <= longest).then_some(octets))
}

/// What stands in a file; of one that is longer than `longest` octets that it is
/// ([`io::ErrorKind::FileTooLarge`]).
pub fn read_file(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    read(File::open(path)?, longest)?.ok_or_else(|| io::ErrorKind::FileTooLarge.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_than_the_bound_is_not_taken() {
        for (length, expected) in [(0, Some(0)), (100, Some(100)), (101, None)] {
            let octets = read(&vec![b'x'; length][..], 100).unwrap();
            assert_eq!(octets.map(|octets| octets.len()), expected, "{length}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_without_an_end_is_too_long() {
        let error = read_file(Path::new("/dev/zero"), 100).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
