//! What the settings mean for decisions: one snapshot for a whole exchange.

use crate::api::route::Resource;
use crate::policy::breaker;
use crate::policy::freshness::Lifetimes;
use crate::policy::lease::Terms;
use std::time::Duration;

/// The rules in force. Plain data, shared behind an `Arc`, replaced whole.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Of the settings that keys depend on: another one for each time they change.
    pub edition: u64,
    /// What is answered from the store.
    pub resources: Vec<Resource>,
    /// How long answers stay fresh.
    pub lifetimes: Lifetimes,
    /// How long a credential is believed in.
    pub lease: Terms,
    /// Whether a client's `Cache-Control` is honoured.
    pub client_directives: bool,
    /// The longest body that is read whole and may be stored, in bytes.
    pub max_stored_body: usize,
    /// The longest request target, in bytes.
    pub max_target_bytes: usize,
    /// The longest request body that is passed through, in bytes; `None` for any.
    pub max_request_body: Option<u64>,
    /// How many tries a read gets after the first.
    pub retries: u32,
    /// When a failing upstream is left alone.
    pub breaker: breaker::Terms,
    /// Many tickets with one request; `None` if that is switched off.
    pub batch: Option<Batch>,
    /// The deadlines of exchanges with the upstream.
    pub deadlines: Deadlines,
    /// Which exchanges get an access line.
    pub access: Access,
}

/// Many tickets with one request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Batch {
    /// The path that takes it, below the gateway's own.
    pub path: Box<str>,
    /// How many ids it may ask for.
    pub max_ids: usize,
}

/// How long the upstream is waited for. (Connecting has its own deadline, kept by the client.)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Deadlines {
    /// Resources: from sending to the head of the answer.
    pub answer: Duration,
    /// Resources: between parts of an answer's body.
    pub body: Duration,
    /// Resources: one forward, from sending to the whole answer, retries included.
    pub total: Duration,
    /// Other traffic: without progress on either side.
    pub pass_through: Duration,
    /// For the body of a read to turn out empty, and for that of a batch to come.
    pub request_body: Duration,
    /// Resources: for a turn to go upstream, unless the client says otherwise.
    pub turn: Duration,
}

/// Which exchanges get an access line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Every one.
    All,
    /// Those that reached, or should have reached, the upstream.
    Forwarded,
    /// None.
    Off,
}
