//! HTTP messages as the stand-in upstream reads and writes them.

use crate::app::stand_in_answers::Answer;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::body::Body;
use serde_json::json;
use std::pin::pin;

/// A longer request body is refused.
pub const MAX_BODY: u64 = 16 << 20;
/// A longer request body is read and counted, and not kept.
pub const MAX_KEPT_BODY: u64 = 128 << 10;

/// Reads a request body to its end: what was kept of it, and its length in bytes.
///
/// # Errors
/// The status for a body that broke off (400) or is too long (413).
pub async fn receive<B: Body<Data = Bytes>>(body: B) -> Result<(Vec<u8>, u64), StatusCode> {
    let mut body = pin!(body);
    let (mut kept, mut length) = (Vec::new(), 0_u64);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST)?;
        let Some(data) = frame.data_ref() else { continue };
        length = length.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
        if length > MAX_BODY {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if length > MAX_KEPT_BODY {
            kept = Vec::new();
        } else {
            kept.extend_from_slice(data);
        }
    }
    Ok((kept, length))
}

/// For a body that was not read to its end, after which the connection is of no use.
pub fn refusal(status: StatusCode) -> Response<Full<Bytes>> {
    let reason = status.canonical_reason().unwrap_or_default();
    let body = json!({"code": "ERROR", "message": reason});
    let mut response = json_response(Answer::new(status, &body));
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The answer as a message.
pub fn json_response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(answer.body));
    *response.status_mut() = answer.status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// Allows a page of any origin what it asks for, as the Fetch standard wants it said.
pub fn preflight(asked: &HeaderMap) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let fields = response.headers_mut();
    let methods = HeaderValue::from_static("GET,HEAD,PUT,PATCH,POST,DELETE");
    fields.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    fields.insert(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    if let Some(names) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        fields.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    response
}

/// The fields every answer has.
pub fn dressed(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let fields = response.headers_mut();
    fields.insert("x-powered-by", HeaderValue::from_static("Express"));
    fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}
