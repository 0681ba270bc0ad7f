//! What a request's head says, and which heads are refused (design §3.1, threats.md §1).
//!
//! hyper has parsed it. What hyper accepts and readers may disagree about is refused by the rules
//! named in [`read`], and the connection closed: whatever follows on it may have been meant
//! differently.

use crate::api::credential;
use crate::api::route;
use crate::api::route::CredentialRule;
use crate::api::route::Resource;
use crate::api::route::Route;
use crate::fields::framing::RequestFraming;
use crate::fields::host;
use crate::fields::method;
use crate::fields::presence::Presence;
use crate::fields::request_fields;
use crate::fields::target;
use crate::policy::rules::Rules;
use crate::serve::refusal::Refusal;
use http::HeaderValue;
use http::Method;
use http::header::AUTHORIZATION;
use http::request::Parts;

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
    /// What fields it has.
    pub seen: Presence,
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
    method::check(&head.method).map_err(Refusal::Method)?;
    let host = host::read(&head.headers, head.version).map_err(Refusal::Host)?;
    target::check(&head.uri, rules.max_target_bytes, host).map_err(Refusal::Target)?;
    let seen = Presence::of(&head.headers);
    request_fields::check(&head.headers, seen).map_err(Refusal::Fields)?;
    let framing = if seen.is_framed() {
        RequestFraming::read(&head.headers).map_err(Refusal::Framing)?
    } else {
        RequestFraming::None
    };
    let path = head.uri.path();
    if let Some(page) = path.strip_prefix(OWN) {
        return own_page(rules, page, head, framing);
    }
    match route::route(&rules.resources, path) {
        Route::Ambiguous(ambiguity) => Err(Refusal::AmbiguousPath(ambiguity)),
        Route::Elsewhere => Ok(Asked::Passage(Why::OtherPath)),
        Route::Resource { index, id } => match rules.resources.get(index) {
            Some(resource) => on_resource(resource, id, head, (framing, seen)),
            None => Ok(Asked::Passage(Why::OtherPath)),
        },
    }
}

fn own_page<'a>(
    rules: &Rules,
    page: &str,
    head: &'a Parts,
    framing: RequestFraming,
) -> Result<Asked<'a>, Refusal> {
    if rules.batch.as_ref().is_some_and(|batch| *batch.path == *head.uri.path()) {
        return batch_call(head);
    }
    match (page, &head.method) {
        // Nobody reads a body here, and one that is left unread would be the next request.
        ("live", &(Method::GET | Method::HEAD)) => match framing {
            RequestFraming::None => Ok(Asked::Live),
            RequestFraming::Length | RequestFraming::Chunked => Err(Refusal::BodyOnRead),
        },
        _ => Err(Refusal::NoSuchPage),
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
    (framing, seen): (RequestFraming, Presence),
) -> Result<Asked<'a>, Refusal> {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return Ok(Asked::Passage(Why::Method));
    }
    if seen.expects() {
        return Err(Refusal::Expect);
    }
    // An undrained body would be read as the next request (pingora CVE-2025-4366). A chunked one
    // may still be empty, which only reading it tells.
    if framing == RequestFraming::Length {
        return Err(Refusal::BodyOnRead);
    }
    let authorization = head.headers.get(AUTHORIZATION).filter(|value| is_present(value));
    if authorization.is_none() && resource.credential == CredentialRule::Required {
        return Ok(Asked::Passage(Why::NoCredential));
    }
    Ok(Asked::Read(Read { resource, id, authorization, seen }))
}
