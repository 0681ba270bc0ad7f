//! Lines out of what comes in pieces.

use std::ops::Range;

/// The longest line that is held: above any ticket. What is longer is no ticket's line.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// Cuts pieces into lines. It holds what is not taken yet.
#[derive(Debug, Default)]
pub struct Lines {
    held: Vec<u8>,
    /// Where the next line begins.
    begin: usize,
    /// Up to where no end of that line was found.
    searched: usize,
}

/// A line is longer than any should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LineTooLong;

impl Lines {
    /// Adds a piece.
    ///
    /// # Errors
    /// If the line that is not at its end yet grows too long.
    pub fn add(&mut self, piece: &[u8]) -> Result<(), LineTooLong> {
        self.held.drain(..self.begin);
        self.searched = self.searched.saturating_sub(self.begin);
        self.begin = 0;
        self.held.extend_from_slice(piece);
        if self.searched > LONGEST_LINE { Err(LineTooLong) } else { Ok(()) }
    }

    /// The next whole line, without its end.
    pub fn next_line(&mut self) -> Option<Vec<u8>> {
        let line = self.whole_line()?;
        self.held.get(line).map(<[u8]>::to_vec)
    }

    /// What came after the end of the last line.
    pub fn unfinished(&self) -> &[u8] {
        self.held.get(self.begin..).unwrap_or_default()
    }

    fn whole_line(&mut self) -> Option<Range<usize>> {
        let new = self.held.get(self.searched..)?;
        let Some(length) = new.iter().position(|octet| *octet == b'\n') else {
            self.searched = self.held.len();
            return None;
        };
        let line = self.begin..self.searched.saturating_add(length);
        self.begin = line.end.saturating_add(1);
        self.searched = self.begin;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(pieces: &[&[u8]]) -> (Vec<String>, usize) {
        let (mut lines, mut whole) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.add(piece).unwrap();
            while let Some(line) = lines.next_line() {
                whole.push(String::from_utf8(line).unwrap());
            }
        }
        (whole, lines.unfinished().len())
    }

    #[test]
    fn lines_end_where_they_end() {
        for (pieces, expected, unfinished) in [
            (&[][..], &[][..], 0),
            (&[&b""[..]], &[], 0),
            (&[b"a\nb\n"], &["a", "b"], 0),
            (&[b"a", b"\n", b"b"], &["a"], 1),
            (&[b"ab", b"c\n\n", b"\nd\nef"], &["abc", "", "", "d"], 2),
        ] {
            let (lines, rest) = cut(pieces);
            assert_eq!((lines, rest), (expected.iter().map(|l| (*l).into()).collect(), unfinished));
        }
    }

    #[test]
    fn a_line_without_an_end_is_not_held_for_ever() {
        let (mut lines, piece) = (Lines::default(), vec![b'x'; 16 << 20]);
        let mut added = 0;
        while lines.add(&piece).is_ok() {
            assert_eq!(lines.next_line(), None);
            added += 1;
        }
        assert_eq!(added, 5);
    }

    proptest! {
        #[test]
        fn however_it_comes_in_pieces_the_lines_are_the_same(
            text in "[ab\n]{0,60}", cuts in prop::collection::vec(0..60_usize, 0..8),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let ends = cuts.iter().copied().chain([text.len()]);
            let starts = [0].into_iter().chain(cuts.iter().copied());
            let pieces: Vec<_> = starts.zip(ends).map(|(a, b)| &text.as_bytes()[a..b]).collect();
            let (lines, unfinished) = cut(&pieces);
            let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
            let expected: Vec<_> = whole.lines().map(str::to_owned).collect();
            prop_assert_eq!(lines, expected);
            prop_assert_eq!(unfinished, text.len() - whole.len());
        }
    }
}
