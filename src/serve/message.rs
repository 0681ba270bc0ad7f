//! What a request's head says, and which heads are refused (design §3.1, threats.md §1).
//!
//! hyper has parsed it. What hyper accepts and readers may disagree about is refused here, and the
//! connection closed: whatever follows on it may have been meant differently.

use crate::api::credential;
use crate::api::route;
use crate::api::route::CredentialRule;
use crate::api::route::Resource;
use crate::api::route::Route;
use crate::fields::hop_by_hop;
use crate::policy::rules::Rules;
use crate::serve::refusal::Refusal;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::Uri;
use http::Version;
use http::header::AUTHORIZATION;
use http::header::CONTENT_LENGTH;
use http::header::EXPECT;
use http::header::HOST;
use http::header::TRANSFER_ENCODING;
use http::request::Parts;
use http::uri::Authority;

/// What a request asks for.
#[derive(Clone, Copy)]
pub enum Asked<'a> {
    /// Whether the gateway is alive.
    Live,
    /// Many tickets with one request.
    Batch,
    /// A read that the store may answer.
    Read(Read<'a>),
    /// Something that passes through, and why.
    Passage(Why),
}

/// A read of a resource that is answered by the cache.
#[derive(Clone, Copy)]
pub struct Read<'a> {
    /// The resource.
    pub resource: &'a Resource,
    /// The id in its path.
    pub id: &'a str,
    /// The whole `Authorization` value; `None` only where the resource needs none.
    pub authorization: Option<&'a HeaderValue>,
}

/// Why a request passes through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Why {
    /// A read of a resource that requires a credential, without one.
    NoCredential,
    /// Another method on a resource.
    Method,
    /// Another path.
    OtherPath,
}

/// Where the gateway's own pages are; nothing below it is ever forwarded.
const OWN: &str = "/_gateway/";

/// Reads the head of a request, or says why it is refused.
pub fn read<'a>(rules: &'a Rules, head: &'a Parts) -> Result<Asked<'a>, Refusal> {
    check_method(&head.method)?;
    check_target(&head.uri, rules.max_target_bytes)?;
    check_fields(head)?;
    let path = head.uri.path();
    if let Some(page) = path.strip_prefix(OWN) {
        let live = page == "live" && matches!(head.method, Method::GET | Method::HEAD);
        let batch = rules.batch.as_ref().is_some_and(|batch| *batch.path == *path);
        return match () {
            () if live => Ok(Asked::Live),
            () if batch => batch_call(head),
            () => Err(Refusal::NoSuchPage),
        };
    }
    match route::route(&rules.resources, path) {
        Route::Ambiguous(_) => Err(Refusal::AmbiguousPath),
        Route::Elsewhere => Ok(Asked::Passage(Why::OtherPath)),
        Route::Resource { index, id } => match rules.resources.get(index) {
            Some(resource) => on_resource(resource, id, head),
            None => Ok(Asked::Passage(Why::OtherPath)),
        },
    }
}

fn batch_call(head: &Parts) -> Result<Asked<'_>, Refusal> {
    if head.method != Method::POST {
        return Err(Refusal::BatchMethod);
    }
    if !head.headers.get(AUTHORIZATION).is_some_and(is_present) {
        return Err(Refusal::BatchCredential);
    }
    Ok(Asked::Batch)
}

fn is_present(authorization: &HeaderValue) -> bool {
    credential::is_present(authorization.as_bytes())
}

fn on_resource<'a>(
    resource: &'a Resource,
    id: &'a str,
    head: &'a Parts,
) -> Result<Asked<'a>, Refusal> {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return Ok(Asked::Passage(Why::Method));
    }
    if head.headers.contains_key(EXPECT) {
        return Err(Refusal::Expect);
    }
    // An undrained body would be read as the next request (pingora CVE-2025-4366). A chunked one
    // may still be empty, which only reading it tells.
    if head.headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0") {
        return Err(Refusal::BodyOnRead);
    }
    let authorization = head.headers.get(AUTHORIZATION).filter(|value| is_present(value));
    if authorization.is_none() && resource.credential == CredentialRule::Required {
        return Ok(Asked::Passage(Why::NoCredential));
    }
    Ok(Asked::Read(Read { resource, id, authorization }))
}

fn check_method(method: &Method) -> Result<(), Refusal> {
    let name = method.as_str().as_bytes();
    if name.len() > 32 || !name.iter().all(|&octet| octet.is_ascii_uppercase() || octet == b'-') {
        return Err(Refusal::MethodUnknown);
    }
    match *method {
        Method::CONNECT | Method::TRACE => Err(Refusal::MethodForbidden),
        _ => Ok(()),
    }
}

/// RFC 9112 section 3.2. The absolute form's authority is compared in [`check_host`].
fn check_target(target: &Uri, longest: usize) -> Result<(), Refusal> {
    let length = target.path().len() + target.query().map_or(0, |query| query.len() + 1);
    if length > longest {
        return Err(Refusal::TargetTooLong);
    }
    if !target.path().starts_with('/') {
        return Err(Refusal::Target);
    }
    match target.scheme_str() {
        None | Some("http" | "https") => Ok(()),
        Some(_) => Err(Refusal::Target),
    }
}

fn check_fields(head: &Parts) -> Result<(), Refusal> {
    let fields = &head.headers;
    check_host(head)?;
    if fields.get_all(AUTHORIZATION).iter().nth(1).is_some() {
        return Err(Refusal::TwoCredentials);
    }
    if hop_by_hop::dropped_in_bad_faith(fields).is_some() {
        return Err(Refusal::ConnectionNames);
    }
    check_framing(fields)
}

/// RFC 9112 section 3.2: exactly one valid `Host` (HTTP/1.0 may have none), and an absolute-form
/// target only for that host.
fn check_host(head: &Parts) -> Result<(), Refusal> {
    let mut hosts = head.headers.get_all(HOST).iter();
    match (head.uri.authority(), hosts.next(), hosts.next()) {
        (None, Some(host), None) if is_plain(host) || host_of(host).is_some() => Ok(()),
        (None, None, None) if head.version < Version::HTTP_11 => Ok(()),
        (Some(target), Some(host), None) => match host_of(host) {
            Some(host) if *target == host => Ok(()),
            Some(_) => Err(Refusal::Target),
            None => Err(Refusal::Host),
        },
        _ => Err(Refusal::Host),
    }
}

/// Whether a host is so plain that it need not be parsed, which would cost every hit a copy.
fn is_plain(value: &HeaderValue) -> bool {
    let plain = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-');
    let mut parts = value.as_bytes().splitn(2, |&octet| octet == b':');
    let host = parts.next().unwrap_or_default();
    let port = parts.next().is_none_or(|port| port.iter().all(u8::is_ascii_digit));
    !host.is_empty() && host.iter().all(plain) && port
}

/// RFC 9110 section 7.2: `uri-host [ ":" port ]`; no user information, no list.
fn host_of(value: &HeaderValue) -> Option<Authority> {
    let written = value.to_str().ok().filter(|host| !host.contains(['@', ',']))?;
    let host: Authority = written.parse().ok()?;
    // The parser takes anything for a port.
    let port = host.port().map_or(0, |port| 1 + port.as_str().len());
    (host.host().len() + port == written.len()).then_some(host)
}

/// RFC 9112 section 6.1: `chunked`, once, or no coding and one length. hyper has refused a length
/// that is no number, and two that differ; it hides a length beside `chunked` and the second of two
/// equal ones, which re-framing makes harmless, and closes the connection after the first.
fn check_framing(fields: &HeaderMap) -> Result<(), Refusal> {
    let mut codings = fields.get_all(TRANSFER_ENCODING).iter();
    let mut lengths = fields.get_all(CONTENT_LENGTH).iter();
    match ((codings.next(), codings.next()), (lengths.next(), lengths.next())) {
        ((None, _), (None, _)) => Ok(()),
        ((None, _), (Some(length), None)) if is_unpadded(length) => Ok(()),
        ((Some(coding), None), (None, _)) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            Ok(())
        }
        _ => Err(Refusal::Framing),
    }
}

/// Some readers take a number with a leading zero for octal.
fn is_unpadded(length: &HeaderValue) -> bool {
    length == "0" || !length.as_bytes().starts_with(b"0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn head(method: &str, target: &str, fields: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn methods() {
        let long = "A".repeat(33);
        for (method, expected) in [
            ("GET", Ok(())),
            ("PROPFIND", Ok(())),
            ("VERSION-CONTROL", Ok(())),
            ("get", Err(Refusal::MethodUnknown)),
            ("M1", Err(Refusal::MethodUnknown)),
            ("!", Err(Refusal::MethodUnknown)),
            (long.as_str(), Err(Refusal::MethodUnknown)),
            ("CONNECT", Err(Refusal::MethodForbidden)),
            ("TRACE", Err(Refusal::MethodForbidden)),
        ] {
            assert_eq!(check_method(&head(method, "/", &[]).method), expected, "{method}");
        }
    }

    #[test]
    fn targets() {
        for (target, expected) in [
            ("/", Ok(())),
            ("/v2/x?a=b", Ok(())),
            ("http://gateway/v2/x", Ok(())),
            ("*", Err(Refusal::Target)),
            ("ftp://gateway/v2/x", Err(Refusal::Target)),
            ("/longer-than-twenty-bytes", Err(Refusal::TargetTooLong)),
            ("/x?longer-than-twenty", Err(Refusal::TargetTooLong)),
        ] {
            let uri: Uri = target.parse().unwrap();
            assert_eq!(check_target(&uri, 20), expected, "{target}");
        }
    }

    #[test]
    fn hosts() {
        let rows: &[(&str, &[(&str, &str)], Result<(), Refusal>)] = &[
            ("/", &[("host", "gateway:8080")], Ok(())),
            ("/", &[("host", "[::1]:8080")], Ok(())),
            ("/", &[], Err(Refusal::Host)),
            ("/", &[("host", "")], Err(Refusal::Host)),
            ("/", &[("host", "a"), ("host", "a")], Err(Refusal::Host)),
            ("/", &[("host", "a, b")], Err(Refusal::Host)),
            ("/", &[("host", "a,b")], Err(Refusal::Host)),
            ("/", &[("host", "user@a")], Err(Refusal::Host)),
            ("/", &[("host", "a/b")], Err(Refusal::Host)),
            ("/", &[("host", "a:x")], Err(Refusal::Host)),
            ("http://a/", &[("host", "A")], Ok(())),
            ("http://a:81/", &[("host", "a")], Err(Refusal::Target)),
            ("http://b/", &[("host", "a")], Err(Refusal::Target)),
            ("http://user@a/", &[("host", "a")], Err(Refusal::Target)),
        ];
        for (target, fields, expected) in rows {
            assert_eq!(check_host(&head("GET", target, fields)), *expected, "{target} {fields:?}");
        }
        let mut old = head("GET", "/", &[]);
        old.version = Version::HTTP_10;
        assert_eq!(check_host(&old), Ok(()));
    }

    #[test]
    fn fields_that_readers_may_disagree_about() {
        const HOST_A: (&str, &str) = ("host", "a");
        const CHUNKED: (&str, &str) = ("transfer-encoding", "Chunked");
        let rows: &[(&[(&str, &str)], Result<(), Refusal>)] = &[
            (&[("authorization", "a")], Ok(())),
            (&[("authorization", "a"), ("authorization", "a")], Err(Refusal::TwoCredentials)),
            (&[("connection", "Upgrade, HTTP2-Settings")], Ok(())),
            (&[("connection", "authorization")], Err(Refusal::ConnectionNames)),
            (&[CHUNKED], Ok(())),
            (&[CHUNKED, CHUNKED], Err(Refusal::Framing)),
            (&[CHUNKED, ("content-length", "0")], Err(Refusal::Framing)),
            (&[("transfer-encoding", "gzip, chunked")], Err(Refusal::Framing)),
            (&[("content-length", "0"), ("content-length", "0")], Err(Refusal::Framing)),
            (&[("content-length", "0")], Ok(())),
            (&[("content-length", "50")], Ok(())),
            (&[("content-length", "00")], Err(Refusal::Framing)),
            (&[("content-length", "05")], Err(Refusal::Framing)),
        ];
        for (fields, expected) in rows {
            let all: Vec<_> = fields.iter().copied().chain([HOST_A]).collect();
            assert_eq!(check_fields(&head("GET", "/", &all)), *expected, "{fields:?}");
        }
    }
}
