//! Heads of requests: what `serve::message` lets in, beside the rules written down once more.

use crate::resources::is_id;
use crate::runner::Target;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Uri;
use http::Version;
use http::request::Parts;
use std::sync::LazyLock;
use tokio::sync::watch;
use verifik_gateway::app::assemble;
use verifik_gateway::app::assemble::World;
use verifik_gateway::policy::rules::Rules;
use verifik_gateway::serve::message;
use verifik_gateway::serve::message::Asked;
use verifik_gateway::settings::load::load;
use verifik_gateway::settings::model::Scheme;
use verifik_gateway::settings::sources::Sources;

pub const TARGET: Target = Target { name: "heads", words: WORDS, check };

const WORDS: &[&str] = &[
    "\nhost: gateway",
    "\nhost: ",
    "\nauthorization: Bearer a",
    "\nauthorization: ",
    "\ncontent-length: 0",
    "\ncontent-length: 5",
    "\ntransfer-encoding: chunked",
    "\ntransfer-encoding: gzip, chunked",
    "\nconnection: ",
    "close, ",
    "authorization",
    "transfer-encoding",
    "host",
    "cache-control",
    "\nexpect: 100-continue",
    "http://gateway",
    "http://",
    "https://",
    "ftp://",
    "@",
    ":80",
    ":",
    "[::1]",
    "GET ",
    "HEAD ",
    "POST ",
    "CONNECT ",
    "TRACE ",
    "PUT ",
    " HTTP/1.0",
    "*",
    "?",
    "#",
    "%00",
    "..",
    "/v2/support-tickets/x",
    "/_gateway/",
    "live",
    "tickets",
    ",",
    "chunked, ",
    "00",
    "+1",
    "-",
];

/// The compiled defaults.
static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let mut settings = load(&Sources::default(), []).expect("the defaults").settings;
    settings.upstream.url.scheme = Scheme::Http; // TLS would look for certificates.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let world = World::real(&settings).expect("a world");
    let door = assemble::door(&settings, world, watch::channel(false).1);
    Rules::clone(&door.gateway.regime.load().rules)
});

fn check(input: &[u8]) -> String {
    let Some(head) = head(input) else { return "no head".to_owned() };
    let told = match message::read(&RULES, &head) {
        Ok(asked) => asked,
        Err(refused) => return format!("{refused:?}"),
    };
    is_unambiguous(&head);
    match told {
        Asked::Live => assert_eq!(head.uri.path(), "/_gateway/live"),
        Asked::Batch => {
            assert!(head.method == Method::POST && head.uri.path() == "/_gateway/tickets");
        }
        Asked::Passage(why) => {
            assert!(!head.uri.path().starts_with("/_gateway/"));
            return format!("{why:?}");
        }
        Asked::Read(read) => {
            let (_, last) = head.uri.path().rsplit_once('/').unwrap();
            assert!(read.id == last && is_id(last, true));
            assert!(head.method == Method::GET || head.method == Method::HEAD);
            assert!(head.headers.get("authorization") == read.authorization);
            assert!(
                read.authorization.is_some_and(|value| !value.as_bytes().trim_ascii().is_empty())
            );
            assert!(!head.headers.contains_key("expect"));
            assert!(head.headers.get("content-length").is_none_or(|length| length == "0"));
        }
    }
    format!("{} {}", head.method, head.uri.path().len().min(32))
}

/// RFC 9112 sections 3.2, 6.1 and 6.3, and design §3.1, as plainly as they can be written.
fn is_unambiguous(head: &Parts) {
    let method = head.method.as_str();
    assert!(method.len() <= 32 && method.chars().all(|c| c.is_ascii_uppercase() || c == '-'));
    assert!(!["CONNECT", "TRACE"].contains(&method));
    let lines = |name: &str| -> Vec<&[u8]> {
        head.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
    };
    assert!(lines("authorization").len() < 2);
    assert!(head.uri.path().starts_with('/') && head.uri.path().len() <= RULES.max_target_bytes);
    assert!(matches!(head.uri.scheme_str(), None | Some("http" | "https")));
    let hosts = lines("host");
    assert!(hosts.len() == 1 || hosts.is_empty() && head.version == Version::HTTP_10);
    for host in &hosts {
        assert!(!host.is_empty() && !host.iter().any(|octet| b"@,/ \t\\?#".contains(octet)));
        assert!(host.is_ascii());
    }
    if let Some(authority) = head.uri.authority() {
        assert!(authority.as_str().as_bytes().eq_ignore_ascii_case(hosts[0]));
    }
    let (codings, lengths) = (lines("transfer-encoding"), lines("content-length"));
    assert!(codings.len() + lengths.len() < 2);
    assert!(codings.iter().all(|coding| coding.eq_ignore_ascii_case(b"chunked")));
    assert!(lengths.iter().all(|length| *length == b"0" || !length.starts_with(b"0")));
    for line in lines("connection") {
        let line = String::from_utf8_lossy(line).to_ascii_lowercase();
        for name in line.split(',').map(str::trim) {
            assert!(
                !["host", "authorization", "cache-control", "content-length", "transfer-encoding"]
                    .contains(&name)
            );
        }
    }
}

/// `METHOD TARGET [VERSION]`, then one field on each line. What hyper itself would not take is
/// left out.
fn head(input: &[u8]) -> Option<Parts> {
    let mut lines = input.split(|octet| *octet == b'\n');
    let mut words = lines.next()?.split(|octet| *octet == b' ');
    let method = Method::from_bytes(words.next()?).ok()?;
    let target = Uri::try_from(words.next()?).ok()?;
    let mut fields = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|octet| *octet == b':')?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        fields.append(HeaderName::from_bytes(&line[..colon]).ok()?, value);
    }
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = target;
    *request.headers_mut() = fields;
    if words.next() == Some(b"HTTP/1.0") {
        *request.version_mut() = Version::HTTP_10;
    }
    Some(request.into_parts().0)
}
