//! The operators' token: the text of `admin.token_file`, or what stands in for it on a command line.
//! It is never told, and neither is its file's name: somebody may have put the token there.

use crate::base::secret::Secret;
use std::error::Error;
use std::fmt;
use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;

/// More than any token: it has to fit into a request's header.
const LONGEST: usize = 4 * 1024;

/// Why there is no token where one should be. The sentences are read after its place.
#[derive(Debug)]
pub enum TokenFault {
    /// The file is not there, or not for us.
    Unreadable(io::Error),
    /// A pipe or a directory. Who changes the token must be able to have it read again.
    NoFile,
    /// More than 4 KiB.
    TooLong,
    /// Nothing, or only space.
    Empty,
    /// More than one line.
    Lines,
    /// A space inside it: most likely a scheme goes before it.
    Space,
    /// An octet that a token in a header cannot have.
    Character,
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable(error) => return write!(f, "cannot be read: {error}"),
            Self::NoFile => "is no plain file",
            Self::TooLong => "is longer than 4 KiB, so hardly a token",
            Self::Empty => "is empty",
            Self::Lines => "holds more than one line",
            Self::Space => "holds a space; the token alone belongs there, without a scheme",
            Self::Character => "holds a character that is not visible ASCII",
        })
    }
}

impl Error for TokenFault {}

/// Reads the file of a token: one line; space around it does not count.
///
/// # Errors
/// Why it holds none.
pub fn read(path: &Path) -> Result<Secret<Vec<u8>>, TokenFault> {
    let metadata = fs::metadata(path).map_err(TokenFault::Unreadable)?;
    if !metadata.is_file() {
        return Err(TokenFault::NoFile);
    }
    let file = File::open(path).map_err(TokenFault::Unreadable)?;
    let text = Secret::read(file, LONGEST).map_err(TokenFault::Unreadable)?;
    token(&text.ok_or(TokenFault::TooLong)?)
}

/// The token that a text is.
///
/// # Errors
/// Why it is none.
pub fn token(text: &Secret<Vec<u8>>) -> Result<Secret<Vec<u8>>, TokenFault> {
    let token = text.expose().trim_ascii();
    let holds = |is_wrong: fn(&u8) -> bool| token.iter().any(is_wrong);
    let fault = match token {
        [] => TokenFault::Empty,
        long if long.len() > LONGEST => TokenFault::TooLong,
        _ if holds(|octet| matches!(octet, b'\n' | b'\r')) => TokenFault::Lines,
        _ if holds(|octet| *octet == b' ') => TokenFault::Space,
        _ if holds(|octet| !octet.is_ascii_graphic()) => TokenFault::Character,
        _ => return Ok(Secret::new(token.to_vec())),
    };
    Err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(read: Result<Secret<Vec<u8>>, TokenFault>) -> String {
        let text = read.map(|token| String::from_utf8(token.expose().clone()).unwrap());
        text.unwrap_or_else(|fault| fault.to_string())
    }

    #[test]
    fn a_token_is_one_line_of_visible_characters() {
        let long = "x".repeat(LONGEST);
        for (text, expected) in [
            ("abc", "abc"),
            (" \tabc-._~+/=\r\n\n", "abc-._~+/="),
            (&*long, &*long),
            ("", "is empty"),
            (" \r\n", "is empty"),
            ("abc\ndef", "holds more than one line"),
            ("abc\rdef", "holds more than one line"),
            ("Bearer abc", "holds a space; the token alone belongs there, without a scheme"),
            ("a\tb", "holds a character that is not visible ASCII"),
            ("a\0b", "holds a character that is not visible ASCII"),
            ("señal", "holds a character that is not visible ASCII"),
            (&*format!("{long}x"), "is longer than 4 KiB, so hardly a token"),
        ] {
            let text = Secret::new(text.as_bytes().to_vec());
            assert_eq!(told(token(&text)), expected, "{:?}", text.expose());
        }
    }

    #[test]
    fn a_file_that_holds_none_is_not_read_for_long() {
        for (path, expected) in [
            ("no/such/file", "cannot be read: No such file or directory (os error 2)"),
            ("src", "is no plain file"),
            ("/dev/zero", "is no plain file"),
            ("LICENSE", "is longer than 4 KiB, so hardly a token"),
            (".rustfmt.toml", "holds more than one line"),
        ] {
            assert_eq!(told(read(Path::new(path))), expected, "{path}");
        }
    }
}
