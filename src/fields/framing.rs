//! How a response says where its body ends: RFC 9112 section 6.3.

use http::HeaderMap;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http::header::TRANSFER_ENCODING;

/// Where a response's body ends, as its fields have it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// No body by definition: 204 and 304. (A HEAD is the caller's to know.)
    None,
    /// After the announced number of octets, or the last chunk: an end can be told from a cut.
    Announced,
    /// When the connection closes: an end looks like a cut, so it is never known to be complete.
    UntilClose,
    /// Two framings at once, a length twice, or a coding that is not `chunked` alone: nobody can
    /// say.
    Ambiguous,
}

impl Framing {
    /// Reads a response's framing.
    pub fn read(status: StatusCode, fields: &HeaderMap) -> Self {
        if status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
            return Self::None;
        }
        let mut codings = fields.get_all(TRANSFER_ENCODING).iter();
        let mut lengths = fields.get_all(CONTENT_LENGTH).iter();
        let (coding, another) = (codings.next(), codings.next());
        match (coding, another, (lengths.next(), lengths.next())) {
            (None, _, (Some(_), None)) => Self::Announced,
            (None, _, (None, _)) => Self::UntilClose,
            (Some(coding), None, (None, _))
                if coding.as_bytes().eq_ignore_ascii_case(b"chunked") =>
            {
                Self::Announced
            }
            _ => Self::Ambiguous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn reads_framings() {
        let length = (CONTENT_LENGTH, "5");
        let chunked = (TRANSFER_ENCODING, "Chunked");
        let gzip = (TRANSFER_ENCODING, "gzip, chunked");
        let rows = [
            (200, vec![length.clone()], Framing::Announced),
            (200, vec![chunked.clone()], Framing::Announced),
            (200, vec![], Framing::UntilClose),
            (200, vec![chunked.clone(), chunked.clone()], Framing::Ambiguous),
            (200, vec![chunked, length.clone()], Framing::Ambiguous),
            (200, vec![gzip], Framing::Ambiguous),
            (200, vec![length.clone(), length.clone()], Framing::Ambiguous),
            (204, vec![], Framing::None),
            (304, vec![], Framing::None),
        ];
        for (status, lines, expected) in rows {
            let mut fields = HeaderMap::new();
            for (name, value) in &lines {
                fields.append(name, HeaderValue::from_static(value));
            }
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(Framing::read(status, &fields), expected, "{status} {lines:?}");
        }
    }
}
