//! The one place where the world behind the gateway can be swapped for another.

use crate::policy::retry::Trace;
use crate::upstream::body::RequestBody;
use crate::upstream::failure::Failure;
use http::Request;
use http::Response;
use hyper::body::Incoming;
use std::pin::Pin;

/// Sends a request to the upstream and hears the head of its answer.
pub trait Sender: Send + Sync {
    /// Sends it. No deadline but that of connecting is kept here: the callers have their own.
    fn send(
        &self,
        request: Request<RequestBody>,
        lane: Lane,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Incoming>, Broken>> + Send>>;
}

/// Which connections may carry a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lane {
    /// Any pooled one: for requests that may be sent again.
    Pooled,
    /// One that was in use within the last second: for requests that may not, so that they do not
    /// meet a connection that the upstream is about to close.
    Brisk,
    /// A new one: for every try but the first, so that none costs more than one request.
    New,
}

/// An exchange that ended before the head of an answer.
#[derive(Clone, Debug)]
pub struct Broken {
    /// How.
    pub failure: Failure,
    /// What is known of the connection.
    pub trace: Trace,
    /// The libraries' words, for the log.
    pub cause: String,
}
