//! Who may ask what of the operators' port, and what answers it.

use crate::admin::classic;
use crate::admin::desk::Desk;
use crate::admin::exposition;
use crate::admin::page;
use crate::admin::purge;
use crate::admin::stats;
use crate::admin::word;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::ACCEPT;
use http::header::ALLOW;
use http::header::HOST;
use http::header::ORIGIN;
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use http::uri::Authority;
use http_body_util::Full;
use hyper::body::Body;
use std::net::IpAddr;

/// What there is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Live,
    Ready,
    Metrics,
    Stats,
    Purge,
    Page,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    /// It is answered.
    Go(Place),
    /// Another site's page has sent it (threats.md S4).
    Foreign,
    /// The token is missing or wrong. Whether there is such a place is not said either.
    Unknown {
        /// It asks for the page, on which the token can be said.
        page: bool,
    },
    /// There is nothing of this name.
    Nothing,
    /// Another method is served here.
    Method(&'static str),
}

/// Decides. `admitted`: whether the request knows the token; `None` if there is none.
fn verdict(head: &Parts, admitted: Option<bool>) -> Verdict {
    let place = match head.uri.path() {
        "/live" => Some(Place::Live),
        "/ready" => Some(Place::Ready),
        "/metrics" => Some(Place::Metrics),
        "/stats" => Some(Place::Stats),
        "/purge" => Some(Place::Purge),
        "/" => Some(Place::Page),
        _ => None,
    };
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    let open = matches!(place, Some(Place::Live | Place::Ready));
    if !open && (is_foreign(&head.headers) || (admitted.is_none() && is_renamed(head))) {
        return Verdict::Foreign;
    }
    if !open && admitted == Some(false) {
        return Verdict::Unknown { page: place == Some(Place::Page) && reads };
    }
    match place {
        None => Verdict::Nothing,
        Some(Place::Purge) if head.method == Method::POST => Verdict::Go(Place::Purge),
        Some(Place::Purge) => Verdict::Method("POST"),
        Some(place) if reads => Verdict::Go(place),
        Some(_) => Verdict::Method("GET, HEAD"),
    }
}

/// Whether a browser says that a page of another origin has sent it: that could otherwise purge, of
/// every port on the machine of whoever looks at it.
fn is_foreign(fields: &HeaderMap) -> bool {
    let host = fields.get(HOST).map(HeaderValue::as_bytes);
    fields.get_all(ORIGIN).iter().any(|origin| {
        let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        authority.is_none_or(|(_, authority)| Some(authority.as_bytes()) != host)
    })
}

/// Whether the port is called by a name that is not this machine's own: a site's name may be made to
/// lead here, and its pages would then be of the same origin. With a token they do not know it. The
/// target's name counts as well as `Host` (RFC 9112 section 3.2.2); who says none is no browser.
fn is_renamed(head: &Parts) -> bool {
    let hosts = head.headers.get_all(HOST).iter().filter(|host| !host.is_empty());
    let mut hosts = hosts.map(|host| Authority::try_from(host.as_bytes()).ok());
    let in_target = head.uri.authority();
    hosts.any(|host| !host.is_some_and(|host| is_own(&host)))
        || in_target.is_some_and(|authority| !is_own(authority))
}

/// Whether a name is this machine's own: an address, or `localhost` and what is below it (RFC 6761
/// section 6.3).
fn is_own(authority: &Authority) -> bool {
    let host = authority.host().to_ascii_lowercase();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.ends_with(".localhost") || bare.parse::<IpAddr>().is_ok()
}

/// Answers a request.
pub(crate) async fn answer<B>(desk: &Desk, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let (head, body) = request.into_parts();
    let token = desk.token.load();
    let admitted = token.as_ref().map(|token| token.admits(&head.headers));
    match verdict(&head, admitted) {
        Verdict::Go(Place::Live) => {
            word::json(StatusCode::OK, &serde_json::json!({"status": "live"}))
        }
        Verdict::Go(Place::Ready) => ready(desk),
        Verdict::Go(Place::Metrics) => metrics(desk, &head.headers),
        Verdict::Go(Place::Stats) => word::json(StatusCode::OK, &stats::stats(desk)),
        Verdict::Go(Place::Purge) => purge::purge(desk, body).await,
        Verdict::Go(Place::Page) => show_page(StatusCode::OK),
        Verdict::Foreign => word::trouble(
            StatusCode::FORBIDDEN,
            "ADMIN_FOREIGN",
            "A page of another site may not ask here; call the port by its address or localhost.",
        ),
        Verdict::Unknown { page } => unknown(page),
        Verdict::Nothing => {
            word::trouble(StatusCode::NOT_FOUND, "ADMIN_NO_SUCH_PAGE", "There is nothing here.")
        }
        Verdict::Method(allowed) => {
            let message = "Another method is served here.";
            let mut answer = word::trouble(StatusCode::METHOD_NOT_ALLOWED, "ADMIN_METHOD", message);
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            answer
        }
    }
}

fn ready(desk: &Desk) -> Response<Full<Bytes>> {
    let (status, said) = if desk.is_ready() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    };
    word::json(status, &serde_json::json!({ "status": said }))
}

/// In the format that the reader asks for; Prometheus does.
fn metrics(desk: &Desk, fields: &HeaderMap) -> Response<Full<Bytes>> {
    const OPEN_METRICS: &str = "application/openmetrics-text";
    let accepts = fields.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let mut accepts = accepts.flat_map(|line| line.split(','));
    let Ok(text) = exposition::exposition(desk) else {
        let (status, message) = (StatusCode::INTERNAL_SERVER_ERROR, "They cannot be written.");
        return word::trouble(status, "ADMIN_FAILED", message);
    };
    if accepts.any(|kind| kind.trim_start().starts_with(OPEN_METRICS)) {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        return word::answer(StatusCode::OK, kind, Bytes::from(text));
    }
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    word::answer(StatusCode::OK, kind, Bytes::from(classic::classic(&text)))
}

fn unknown(page: bool) -> Response<Full<Bytes>> {
    let mut answer = if page {
        show_page(StatusCode::UNAUTHORIZED)
    } else {
        let message = "Say the operators' token: Authorization: Bearer TOKEN.";
        word::trouble(StatusCode::UNAUTHORIZED, "ADMIN_UNAUTHORIZED", message)
    };
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

fn show_page(status: StatusCode) -> Response<Full<Bytes>> {
    let mut nonce = [0; 16];
    if getrandom::fill(&mut nonce).is_err() {
        let (status, message) = (StatusCode::INTERNAL_SERVER_ERROR, "There are no random numbers.");
        return word::trouble(status, "ADMIN_FAILED", message);
    }
    page::page(status, nonce)
}
