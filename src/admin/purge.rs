//! `POST /purge`: what is stored of one ticket, or everything, answers no more.

use crate::admin::desk::Desk;
use crate::admin::word;
use crate::api::route::Kind;
use crate::store::marks::Aftermath;
use crate::store::marks::Scope;
use bytes::Bytes;
use http::Response;
use http::StatusCode;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::body::Body;
use serde::Deserialize;
use std::time::Duration;
use tokio::time::timeout;
use tracing::info;

/// What is to be purged.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Order {
    /// A ticket, for every credential.
    Ticket(String),
    /// Everything.
    All,
}

/// Why that cannot be read from a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unclear {
    /// It is too long, or did not come in time.
    Broken,
    /// It is no such JSON.
    NotAnOrder,
    /// The ticket's id is none.
    NotAnId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    ticket: Option<String>,
    all: Option<bool>,
}

/// Reads an order.
pub(crate) fn order(body: &[u8]) -> Result<Order, Unclear> {
    // A list with the right things in the right places would do for serde.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Unclear::NotAnOrder);
    }
    match serde_json::from_slice(body) {
        Ok(Said { ticket: Some(id), all: None | Some(false) }) if Kind::Ticket.is_id(&id) => {
            Ok(Order::Ticket(id))
        }
        Ok(Said { ticket: Some(_), all: None | Some(false) }) => Err(Unclear::NotAnId),
        Ok(Said { ticket: None, all: Some(true) }) => Ok(Order::All),
        _ => Err(Unclear::NotAnOrder),
    }
}

/// Longer than any id with what is around it.
const LONGEST: usize = 4 * 1024;

const PATIENCE: Duration = Duration::from_secs(10);

/// Carries out what a request's body asks for. The answer is the same whether anything was stored.
pub(crate) async fn purge<B>(desk: &Desk, body: B) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let read = timeout(PATIENCE, Limited::new(body, LONGEST).collect()).await;
    let read = read.ok().and_then(Result::ok).ok_or(Unclear::Broken);
    match read.and_then(|body| order(&body.to_bytes())) {
        Ok(order) => {
            carry_out(desk, &order);
            word::json(StatusCode::OK, &serde_json::json!({ "done": true }))
        }
        Err(unclear) => {
            word::trouble(StatusCode::BAD_REQUEST, "ADMIN_BAD_PURGE", unclear.message())
        }
    }
}

fn carry_out(desk: &Desk, order: &Order) {
    let (cache, now) = (&desk.cache, desk.cache.clock.now());
    match order {
        Order::Ticket(id) => {
            let scope = Scope::Ticket(cache.keys.ticket(id));
            cache.store.invalidate(&[scope], Aftermath::Settled, now);
            info!("an operator has purged a ticket");
        }
        Order::All => {
            cache.store.clear(now);
            info!("an operator has purged everything");
        }
    }
}

impl Unclear {
    const fn message(self) -> &'static str {
        match self {
            Self::Broken => "The body is too long, broke off, or took too long to come.",
            Self::NotAnOrder => {
                r#"The body must be {"ticket":"ID"} or {"all":true}, and nothing else."#
            }
            Self::NotAnId => "This is not an id: 1 to 128 letters, digits, underscores or dashes.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_names_one_ticket_or_says_all() {
        let ticket = || Ok(Order::Ticket("t-1".to_owned()));
        for (body, expected) in [
            (r#"{"ticket":"t-1"}"#, ticket()),
            (r#" {"ticket":"t-1","all":false} "#, ticket()),
            (r#"{"all":true}"#, Ok(Order::All)),
            (r#"{"all":true,"ticket":null}"#, Ok(Order::All)),
            (r#"{"ticket":"t-1","all":true}"#, Err(Unclear::NotAnOrder)),
            (r#"{"all":false}"#, Err(Unclear::NotAnOrder)),
            (r#"{"all":1}"#, Err(Unclear::NotAnOrder)),
            ("{}", Err(Unclear::NotAnOrder)),
            ("", Err(Unclear::NotAnOrder)),
            ("all", Err(Unclear::NotAnOrder)),
            (r#"["t-1"]"#, Err(Unclear::NotAnOrder)),
            (r#"["t-1",null]"#, Err(Unclear::NotAnOrder)),
            ("[null,true]", Err(Unclear::NotAnOrder)),
            (r#"{"all":true,"all":true}"#, Err(Unclear::NotAnOrder)),
            ("\u{feff}{\"all\":true}", Err(Unclear::NotAnOrder)),
            (r#"{"ticket":7}"#, Err(Unclear::NotAnOrder)),
            (r#"{"ticket":"t-1","tickets":[]}"#, Err(Unclear::NotAnOrder)),
            (r#"{"ticket":"t-1"}{"all":true}"#, Err(Unclear::NotAnOrder)),
            (r#"{"ticket":"t-1","ticket":"t-2"}"#, Err(Unclear::NotAnOrder)),
            (r#"{"ticket":""}"#, Err(Unclear::NotAnId)),
            (r#"{"ticket":"t/1"}"#, Err(Unclear::NotAnId)),
            (r#"{"ticket":"bulk"}"#, Err(Unclear::NotAnId)),
        ] {
            assert_eq!(order(body.as_bytes()), expected, "{body}");
        }
    }
}
