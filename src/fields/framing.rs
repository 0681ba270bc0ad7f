//! How a message says where its body ends: RFC 9112 section 6.3.

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
    /// Two framings at once, a length twice or no plain number, or a coding that is not `chunked`
    /// alone: nobody can say.
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
            (None, _, (Some(length), None)) if is_plain(length.as_bytes()) => Self::Announced,
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

/// Where a request's body ends, as its fields have it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RequestFraming {
    /// There is none: no word of it, or a length of zero.
    None,
    /// After the announced number of octets, which is not zero.
    Length,
    /// After the last chunk, which may be the first: only reading it tells.
    Chunked,
}

/// Why nobody can say where a request's body ends (RFC 9112 section 6.3, threats.md F2 to F4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FramingFault {
    /// `Transfer-Encoding` more than once.
    TwoCodings,
    /// A coding that is not `chunked` alone.
    Coding,
    /// A length beside a coding.
    LengthAndCoding,
    /// `Content-Length` more than once, equal or not.
    TwoLengths,
    /// A length that is no plain number: some readers take a leading zero for octal.
    Length,
}

impl RequestFraming {
    /// Reads a request's framing. Two lengths that differ have been refused before; a length beside
    /// `chunked`, and the second of two equal ones, the parser hides. Framing the body anew makes
    /// both harmless, and the connection is closed after the first.
    pub fn read(fields: &HeaderMap) -> Result<Self, FramingFault> {
        let mut codings = fields.get_all(TRANSFER_ENCODING).iter();
        let mut lengths = fields.get_all(CONTENT_LENGTH).iter();
        match ((codings.next(), codings.next()), (lengths.next(), lengths.next())) {
            ((None, _), (None, _)) => Ok(Self::None),
            ((None, _), (Some(length), None)) => of_length(length.as_bytes()),
            ((_, Some(_)), _) => Err(FramingFault::TwoCodings),
            ((Some(_), _), (Some(_), _)) => Err(FramingFault::LengthAndCoding),
            (_, (_, Some(_))) => Err(FramingFault::TwoLengths),
            ((Some(coding), None), (None, _)) => {
                let chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
                if chunked { Ok(Self::Chunked) } else { Err(FramingFault::Coding) }
            }
        }
    }
}

fn of_length(length: &[u8]) -> Result<RequestFraming, FramingFault> {
    match length {
        b"0" => Ok(RequestFraming::None),
        _ if is_plain(length) => Ok(RequestFraming::Length),
        _ => Err(FramingFault::Length),
    }
}

/// `0`, or digits that do not begin with it; RFC 9110 section 8.6 lets them.
fn is_plain(length: &[u8]) -> bool {
    match length {
        b"0" => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

impl FramingFault {
    /// For programs and the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TwoCodings => "coding-repeated",
            Self::Coding => "coding-not-chunked",
            Self::LengthAndCoding => "length-and-coding",
            Self::TwoLengths => "length-repeated",
            Self::Length => "length-not-plain",
        }
    }

    /// For people.
    pub const fn message(self) -> &'static str {
        match self {
            Self::TwoCodings => "There is more than one Transfer-Encoding field.",
            Self::Coding => "A Transfer-Encoding other than chunked is not served here.",
            Self::LengthAndCoding => {
                "A request body is framed by its length or in chunks, not both."
            }
            Self::TwoLengths => "There is more than one Content-Length field.",
            Self::Length => "Content-Length is no plain number.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_request_is_framed_once_or_not_at_all() {
        const CHUNKED: (&str, &str) = ("transfer-encoding", "Chunked");
        const FIVE: (&str, &str) = ("content-length", "5");
        let coding = |value| ("transfer-encoding", value);
        let length = |value| ("content-length", value);
        let rows: &[(&[(&'static str, &'static str)], Result<RequestFraming, FramingFault>)] = &[
            (&[], Ok(RequestFraming::None)),
            (&[length("0")], Ok(RequestFraming::None)),
            (&[FIVE], Ok(RequestFraming::Length)),
            (&[length("50")], Ok(RequestFraming::Length)),
            (&[CHUNKED], Ok(RequestFraming::Chunked)),
            (&[CHUNKED, CHUNKED], Err(FramingFault::TwoCodings)),
            (&[coding("gzip"), CHUNKED], Err(FramingFault::TwoCodings)),
            (&[CHUNKED, length("0")], Err(FramingFault::LengthAndCoding)),
            (&[CHUNKED, FIVE, FIVE], Err(FramingFault::LengthAndCoding)),
            (&[FIVE, FIVE], Err(FramingFault::TwoLengths)),
            (&[length("0"), FIVE], Err(FramingFault::TwoLengths)),
            (&[coding("gzip, chunked")], Err(FramingFault::Coding)),
            (&[coding(", chunked")], Err(FramingFault::Coding)),
            (&[coding("identity")], Err(FramingFault::Coding)),
            (&[coding("")], Err(FramingFault::Coding)),
            (&[coding("chunked;a=b")], Err(FramingFault::Coding)),
            (&[length("00")], Err(FramingFault::Length)),
            (&[length("05")], Err(FramingFault::Length)),
            (&[length("+5")], Err(FramingFault::Length)),
            (&[length("5, 5")], Err(FramingFault::Length)),
            (&[length("0x5")], Err(FramingFault::Length)),
            (&[length("")], Err(FramingFault::Length)),
        ];
        for (lines, expected) in rows {
            let mut fields = HeaderMap::new();
            for (name, value) in *lines {
                fields.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(RequestFraming::read(&fields), *expected, "{lines:?}");
        }
    }

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
            (200, vec![(CONTENT_LENGTH, "05")], Framing::Ambiguous),
            (200, vec![(CONTENT_LENGTH, "5, 5")], Framing::Ambiguous),
            (200, vec![(CONTENT_LENGTH, "0")], Framing::Announced),
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
