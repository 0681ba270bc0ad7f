//! A word of the operators' port: what it answers, whole.

use bytes::Bytes;
use http::HeaderName;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use http::header::CONTENT_TYPE;
use http::header::REFERRER_POLICY;
use http::header::X_CONTENT_TYPE_OPTIONS;
use http_body_util::Full;
use serde::Serialize;
use serde_json::json;

/// An answer with this body. Nothing of it is to be kept by anyone on the way.
pub fn answer(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let fixed: [(HeaderName, &'static str); 5] = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // No page of another site takes it for a picture or a script of its own.
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// An answer in JSON.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_vec(body) {
        Ok(text) => answer(status, "application/json", Bytes::from(text)),
        Err(_) => trouble(StatusCode::INTERNAL_SERVER_ERROR, "ADMIN_FAILED", "It cannot be told."),
    }
}

/// What is wrong: a constant for programs, a sentence for people.
pub fn trouble(status: StatusCode, code: &str, message: &str) -> Response<Full<Bytes>> {
    let body = json!({ "code": code, "message": message }).to_string();
    answer(status, "application/json", Bytes::from(body))
}
