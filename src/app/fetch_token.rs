//! The token that `fetch` sends.

use crate::base::secret::Secret;
use bytes::Bytes;
use http::HeaderValue;

/// What goes into `Authorization`. It cannot be printed; its bytes are shared by all who send it, and
/// wiped when the last of them lets go. What hyper writes of it into its buffers is not.
pub struct Token(HeaderValue);

impl Token {
    /// The field's value, marked as sensitive.
    pub const fn value(&self) -> &HeaderValue {
        &self.0
    }
}

/// Why a text is no token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenFault {
    /// There is nothing in it.
    Empty,
    /// It has an octet that a field cannot hold, such as the end of a line.
    NotAField,
}

impl TokenFault {
    /// To be read after the token's place.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "is empty",
            Self::NotAField => "holds more than one line, or another character that no field holds",
        }
    }
}

/// Reads a token: the value of `Authorization`. To one without a scheme `Bearer` is added; space
/// around it, such as the end of the file's line, is left out.
pub fn authorization(text: &Secret<Vec<u8>>) -> Result<Token, TokenFault> {
    let token = text.expose().trim_ascii();
    if token.is_empty() {
        return Err(TokenFault::Empty);
    }
    let scheme: &[u8] = if token.contains(&b' ') { b"" } else { b"Bearer " };
    let owner = Secret::new([scheme, token].concat());
    let value = HeaderValue::from_maybe_shared(Bytes::from_owner(owner));
    let mut value = value.map_err(|_| TokenFault::NotAField)?;
    value.set_sensitive(true);
    Ok(Token(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_without_a_scheme_is_a_bearer_token() {
        for (text, expected) in [
            (&b"abc"[..], &b"Bearer abc"[..]),
            (b"abc.def-_\n", b"Bearer abc.def-_"),
            (b" \tabc\r\n\n", b"Bearer abc"),
            (b"Bearer abc\n", b"Bearer abc"),
            (b"JWT a.b.c", b"JWT a.b.c"),
            (b"bearer  abc", b"bearer  abc"),
            ("señal".as_bytes(), "Bearer señal".as_bytes()),
        ] {
            let read = authorization(&Secret::new(text.to_vec())).ok().unwrap();
            assert_eq!(read.value().as_bytes(), expected, "{text:?}");
            assert_eq!(format!("{:?}", read.value()), "Sensitive", "{text:?}");
        }
    }

    #[test]
    fn what_no_field_can_hold_is_refused() {
        for (text, expected) in [
            (&b""[..], TokenFault::Empty),
            (b" \r\n", TokenFault::Empty),
            (b"abc\ndef", TokenFault::NotAField),
            (b"Bearer abc\r\nX: y", TokenFault::NotAField),
            (b"a\0b", TokenFault::NotAField),
        ] {
            let text = text.to_vec();
            assert_eq!(authorization(&Secret::new(text.clone())).err(), Some(expected), "{text:?}");
        }
    }
}
