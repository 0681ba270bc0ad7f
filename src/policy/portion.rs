//! How much of a stored response answers a request: all of it, nothing because the client has it,
//! or a range. RFC 9110 §13.2.2 and §14.2, RFC 9111 §4.3.2.
//!
//! `If-Match` and `If-Unmodified-Since` are not for a cache to evaluate (RFC 9111 §4.3.2).

use crate::fields::conditions::is_not_modified;
use crate::fields::range::Selected;
use crate::fields::range::Span;
use crate::fields::range::if_range_holds;
use crate::fields::range::requested;
use crate::fields::range::unsatisfied;
use crate::fields::validators::entity_tag;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http::header::CONTENT_LOCATION;
use http::header::CONTENT_RANGE;
use http::header::ETAG;
use http::header::EXPIRES;
use http::header::LAST_MODIFIED;

/// How much of a stored response is the answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Portion {
    /// All of it, under its own status.
    Whole,
    /// Nothing but fields: the client has the rest. 304.
    NotModified,
    /// One range. 206.
    Part(Span),
    /// No octet of the range asked for exists. 416.
    Unsatisfiable,
}

/// Decides, for a complete stored response with a body of `length` octets.
pub fn portion(
    method: &Method,
    status: StatusCode,
    asked: &HeaderMap,
    stored: &HeaderMap,
    length: u64,
) -> Portion {
    let may_be_known = method == Method::GET || method == Method::HEAD;
    // §13.2.1, §14.2 and §15.4.5: only what would be answered with 200 is conditional or cut.
    if status != StatusCode::OK || !may_be_known {
        return Portion::Whole;
    }
    if is_not_modified(asked, stored) {
        return Portion::NotModified;
    }
    // §14.2: ranges are defined for GET alone.
    let spec = requested(asked).filter(|_| method == Method::GET);
    match spec.filter(|_| if_range_holds(asked, stored)).map(|spec| spec.within(length)) {
        None | Some(Selected::Nothing) => Portion::Whole,
        Some(Selected::Part(span)) => Portion::Part(span),
        Some(Selected::Unsatisfiable) => Portion::Unsatisfiable,
    }
}

impl Portion {
    /// The status of the answer; `whole` is that of the stored response.
    pub const fn status(self, whole: StatusCode) -> StatusCode {
        match self {
            Self::Whole => whole,
            Self::NotModified => StatusCode::NOT_MODIFIED,
            Self::Part(_) => StatusCode::PARTIAL_CONTENT,
            Self::Unsatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        }
    }

    /// The fields of the answer, but for those that every answer gets; `length` is that of the
    /// stored body. A 304 keeps what browsers look for on it, CORS fields for one.
    pub fn fields(self, mut stored: HeaderMap, length: u64) -> HeaderMap {
        let range = match self {
            Self::Whole => return stored,
            Self::NotModified => None,
            Self::Part(span) => Some(span.content_range(length)),
            Self::Unsatisfiable => Some(unsatisfied(length)),
        };
        let tagged = entity_tag(&stored).is_some();
        let dropped = stored.keys().filter(|name| self.drops(name, tagged));
        let dropped: Vec<HeaderName> = dropped.cloned().collect();
        for name in dropped {
            stored.remove(name);
        }
        if let Some(range) = range.and_then(|range| HeaderValue::try_from(range).ok()) {
            stored.insert(CONTENT_RANGE, range);
        }
        stored
    }

    /// Whether a field of the stored response, which is `tagged` if it has an entity tag, would
    /// say something wrong or needless on the answer.
    fn drops(self, name: &HeaderName, tagged: bool) -> bool {
        match self {
            Self::Whole => false,
            // §15.4.5: `Last-Modified` guides the update only where there is no entity tag.
            Self::NotModified if name == LAST_MODIFIED => tagged,
            Self::NotModified => describes_content(name) && name != CONTENT_LOCATION,
            Self::Part(_) => describes_message(name),
            Self::Unsatisfiable => describes_content(name) || makes_storable(name),
        }
    }

    /// The content of the answer; `body` is the stored one, of which a part is shared and not
    /// copied.
    pub fn content(self, body: Bytes) -> Bytes {
        match self {
            Self::Whole => body,
            Self::NotModified | Self::Unsatisfiable => Bytes::new(),
            Self::Part(span) => {
                // `slice` panics outside the body: a span made for another must not get there.
                let within = |at| usize::try_from(at).unwrap_or(usize::MAX).min(body.len());
                body.slice(within(span.first())..within(span.last().saturating_add(1)))
            }
        }
    }
}

/// Representation metadata and what describes the content of the message, §8 and RFC 9530; by
/// their prefix, but for the one family that governs the page and not its octets.
fn describes_content(name: &HeaderName) -> bool {
    let name = name.as_str();
    let described = name.starts_with("content-") && !name.starts_with("content-security-");
    described || matches!(name, "digest" | "repr-digest")
}

/// What is said of the octets in the message, not of the representation: true of the whole, wrong
/// of a part (RFC 9530 §2).
fn describes_message(name: &HeaderName) -> bool {
    name == CONTENT_LENGTH || matches!(name.as_str(), "content-digest" | "content-md5")
}

/// What another cache needs to store a 416 and to find it current, targeted fields (RFC 9213)
/// included: the next to ask for the whole would be answered with it.
fn makes_storable(name: &HeaderName) -> bool {
    [ETAG, LAST_MODIFIED, EXPIRES].contains(name)
        || name.as_str().ends_with("cache-control")
        || name.as_str() == "surrogate-control"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::presence::Presence;
    use proptest::prelude::*;

    const NOON: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn fields(lines: &[(&str, &str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            fields.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        fields
    }

    fn stored() -> HeaderMap {
        fields(&[("etag", "\"a\""), ("last-modified", NOON)])
    }

    /// The portion of ten octets, with a span written as `Content-Range` has it.
    fn of_ten(method: &Method, status: u16, asked: &HeaderMap) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        match portion(method, status, asked, &stored(), 10) {
            Portion::Part(span) => span.content_range(10),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn conditions_come_first_and_only_a_200_is_cut() {
        const SAME: (&str, &str) = ("if-none-match", "\"a\"");
        const OTHER: (&str, &str) = ("if-none-match", "\"b\"");
        const SINCE: (&str, &str) = ("if-modified-since", NOON);
        const CUT: (&str, &str) = ("range", "bytes=2-3");
        const BEYOND: (&str, &str) = ("range", "bytes=10-");
        let (get, head, part) = (&Method::GET, &Method::HEAD, "bytes 2-3/10");
        let rows: &[(&Method, u16, &[(&str, &str)], &str)] = &[
            (get, 200, &[], "Whole"),
            (get, 200, &[SAME], "NotModified"),
            (head, 200, &[SAME], "NotModified"),
            (get, 200, &[SINCE], "NotModified"),
            (get, 200, &[OTHER, SINCE], "Whole"),
            (get, 200, &[SAME, CUT], "NotModified"),
            (get, 200, &[OTHER, CUT], part),
            (get, 200, &[CUT], part),
            (get, 200, &[CUT, ("if-range", "\"a\"")], part),
            (get, 200, &[CUT, ("if-range", "\"b\"")], "Whole"),
            (get, 200, &[BEYOND, ("if-range", "\"b\"")], "Whole"),
            (get, 200, &[BEYOND], "Unsatisfiable"),
            (get, 200, &[("range", "bytes=0-1,4-5")], "Whole"),
            (get, 200, &[("if-match", "\"b\"")], "Whole"),
            (head, 200, &[CUT], "Whole"),
            (&Method::POST, 200, &[SAME], "Whole"),
            (get, 404, &[SAME], "Whole"),
            (get, 404, &[("if-none-match", "*")], "Whole"),
            (get, 203, &[BEYOND], "Whole"),
        ];
        for (method, status, asked, expected) in rows {
            let found = of_ten(method, *status, &fields(asked));
            assert_eq!(found, *expected, "{method} {status} {asked:?}");
        }
        let end = fields(&[("range", "bytes=-5")]);
        let found = portion(&Method::GET, StatusCode::OK, &end, &stored(), 0);
        assert_eq!(found, Portion::Whole, "the end of nothing");
    }

    #[test]
    fn each_portion_keeps_the_fields_that_are_true_of_it() {
        // the field, and whether it stays on a 304, a 206 and a 416
        let rows = [
            ("access-control-allow-origin", [true, true, true]),
            ("content-security-policy", [true, true, true]),
            ("vary", [true, true, true]),
            ("cache-control", [true, true, false]),
            ("cdn-cache-control", [true, true, false]),
            ("content-location", [true, true, false]),
            ("etag", [true, true, false]),
            ("expires", [true, true, false]),
            ("last-modified", [false, true, false]),
            ("content-encoding", [false, true, false]),
            ("content-type", [false, true, false]),
            ("repr-digest", [false, true, false]),
            ("content-digest", [false, false, false]),
            ("content-length", [false, false, false]),
            ("content-md5", [false, false, false]),
        ];
        let lines: Vec<_> = rows.iter().map(|(name, _)| (*name, "\"x\"")).collect();
        for (name, kept) in rows {
            let portions = [Portion::NotModified, part(), Portion::Unsatisfiable];
            for (portion, kept) in portions.into_iter().zip(kept) {
                let found = portion.fields(fields(&lines), 10).contains_key(name);
                assert_eq!(found, kept, "{name} of {portion:?}");
            }
        }
        assert_eq!(Portion::Whole.fields(fields(&lines), 10), fields(&lines));
    }

    fn part() -> Portion {
        let asked = fields(&[("range", "bytes=2-3")]);
        portion(&Method::GET, StatusCode::OK, &asked, &stored(), 10)
    }

    #[test]
    fn each_portion_says_what_it_is() {
        let rows = [
            (Portion::Whole, 203, None, "0123456789"),
            (Portion::NotModified, 304, None, ""),
            (part(), 206, Some("bytes 2-3/10"), "23"),
            (Portion::Unsatisfiable, 416, Some("bytes */10"), ""),
        ];
        for (portion, status, range, content) in rows {
            let whole = StatusCode::NON_AUTHORITATIVE_INFORMATION;
            assert_eq!(portion.status(whole), status, "{portion:?}");
            let fields = portion.fields(stored(), 10);
            let found = fields.get(CONTENT_RANGE).map(|value| value.to_str().unwrap());
            assert_eq!(found, range, "{portion:?}");
            let body = Bytes::from_static(b"0123456789");
            assert_eq!(portion.content(body), content, "{portion:?}");
        }
        assert_eq!(part().content(Bytes::from_static(b"012")), "2", "a span of another body");
        assert_eq!(part().content(Bytes::new()), "", "a span of another body");
    }

    #[test]
    fn a_304_keeps_the_date_of_change_where_there_is_no_valid_tag() {
        for lines in [vec![("last-modified", NOON)], vec![("etag", "a"), ("last-modified", NOON)]] {
            let fields = Portion::NotModified.fields(fields(&lines), 10);
            assert!(fields.contains_key(LAST_MODIFIED), "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn what_concerns_no_portion_is_answered_whole(
            name in "if-none-match|if-modified-since|if-range|if-match|range|accept",
            value in "(bytes=)?[0-9-]{0,5}|\\*|\"a\"|[^\\x00-\\x1F\\x7F]{0,20}",
        ) {
            let asked = fields(&[(&name, &value)]);
            let found = of_ten(&Method::GET, 200, &asked);
            prop_assert!(Presence::of(&asked).is_for_a_part() || found == "Whole", "{found}");
        }
    }
}
