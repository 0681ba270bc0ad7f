//! May a request be sent a second time?

/// What is known of the connection on which a request failed, at the moment it failed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Trace {
    /// It had carried an exchange before this one.
    pub reused: bool,
    /// A byte of the answer had arrived.
    pub answered: bool,
    /// It ended, as opposed to: it was silent for too long, or said something that is not HTTP.
    pub ended: bool,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retry {
    /// Send it again, on a new connection.
    OnNewConnection,
    /// Not again: and why.
    No(NoRetry),
}

/// Why a request is not sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoRetry {
    /// It has been already.
    Again,
    /// The connection was new, so its end says something about the upstream.
    NewConnection,
    /// The answer had begun.
    Answered,
    /// The connection did not end.
    NotEnded,
}

/// Decides for a GET of a resource. The upstream may close an idle connection at the moment it is
/// chosen (about one call in five thousand); the request was then never answered, and
/// a GET may be repeated (RFC 9110 section 9.2.2). Nothing else is ever sent twice by us.
pub const fn retry(trace: Trace, attempts: u32) -> Retry {
    match trace {
        _ if attempts > 1 => Retry::No(NoRetry::Again),
        Trace { ended: false, .. } => Retry::No(NoRetry::NotEnded),
        Trace { answered: true, .. } => Retry::No(NoRetry::Answered),
        Trace { reused: false, .. } => Retry::No(NoRetry::NewConnection),
        Trace { .. } => Retry::OnNewConnection,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_reused_connection_that_ended_unanswered_is_tried_again_and_once() {
        let closed = Trace { reused: true, answered: false, ended: true };
        let rows = [
            (closed, 1, Retry::OnNewConnection),
            (closed, 2, Retry::No(NoRetry::Again)),
            (Trace { reused: false, ..closed }, 1, Retry::No(NoRetry::NewConnection)),
            (Trace { answered: true, ..closed }, 1, Retry::No(NoRetry::Answered)),
            (Trace { ended: false, ..closed }, 1, Retry::No(NoRetry::NotEnded)),
            (Trace::default(), 1, Retry::No(NoRetry::NotEnded)),
        ];
        for (trace, attempts, expected) in rows {
            assert_eq!(retry(trace, attempts), expected, "{trace:?} {attempts}");
        }
    }
}
