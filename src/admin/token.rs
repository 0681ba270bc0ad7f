//! The operators' token.

use blake3::Hash;
use http::HeaderMap;
use http::HeaderValue;
use http::header::AUTHORIZATION;

/// Kept as a hash: to compare takes as long whether much of it is right or nothing is, whatever its
/// length, and what it was is not in memory.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Token(Hash);

impl Token {
    /// The token with this text.
    pub fn new(text: &[u8]) -> Self {
        Self(blake3::hash(text))
    }

    /// Whether a request's only `Authorization` is `Bearer` with this token (RFC 6750 section 2.1).
    pub fn admits(&self, fields: &HeaderMap) -> bool {
        let mut lines = fields.get_all(AUTHORIZATION).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return false };
        // blake3 compares its hashes in constant time.
        bearer(line).is_some_and(|token| blake3::hash(token) == self.0)
    }
}

/// RFC 9110 section 11.1: the scheme in any case, and then at least one space.
fn bearer(line: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = line.as_bytes().split_at_checked("Bearer".len())?;
    let token = token.strip_prefix(b" ").map(<[u8]>::trim_ascii)?;
    (scheme.eq_ignore_ascii_case(b"Bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_is_admitted_and_only_once() {
        let token = Token::new(b"s3cret");
        for (lines, expected) in [
            (&["Bearer s3cret"][..], true),
            (&["bearer  s3cret "], true),
            (&[], false),
            (&["s3cret"], false),
            (&["Bearer"], false),
            (&["Bearer "], false),
            (&["Bearers3cret"], false),
            (&["Basic s3cret"], false),
            (&["Bearer s3cre"], false),
            (&["Bearer s3crett"], false),
            (&["Bearer S3cret"], false),
            (&["Bearer s3cret", "Bearer s3cret"], false),
            (&["Bearer s3cret", "Bearer x"], false),
        ] {
            let mut fields = HeaderMap::new();
            for line in lines {
                fields.append(AUTHORIZATION, HeaderValue::from_static(line));
            }
            assert_eq!(token.admits(&fields), expected, "{lines:?}");
        }
    }
}
