//! How an exchange with the upstream can fail, and how that is read from its libraries' errors.

use crate::policy::breaker::Health;
use crate::policy::retry::Trouble;
use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

/// Why there is no answer, or no whole one. What each becomes in HTTP is `serve::refusal`'s.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// The upstream's name was not resolved.
    Name,
    /// No connection: refused, unreachable.
    Connect,
    /// No connection in `upstream.connect_timeout`, TLS included.
    ConnectTimeout,
    /// The TLS handshake failed.
    Tls,
    /// The upstream's certificate is not to be trusted.
    Certificate,
    /// The connection ended before the answer had begun.
    Reset,
    /// The answer is not HTTP, or frames itself in two ways.
    Malformed,
    /// The answer ended before its announced end.
    Truncated,
    /// No answer in `answer_timeout` (`pass_through_answer_timeout` for other traffic).
    AnswerTimeout,
    /// The answer is longer than what is put on a line of a batch.
    TooLong,
    /// The answer's body stood still for `body_timeout`.
    BodyTimeout,
    /// The forward took longer than `total_timeout`.
    TotalTimeout,
    /// No place among the forwards under way came free in time, or too many wait for one.
    Full,
    /// The rate limit would have made it wait longer than it accepts; how long it would be.
    Paced(Duration),
    /// The upstream is left alone for a while, since it fails; how long it will be.
    Open(Duration),
    /// The client's request body is longer than `listen.max_request_body`.
    RequestTooLong,
    /// The client's request body broke off.
    RequestBroken,
    /// The forward ended without an outcome: a defect of ours.
    Dropped,
}

impl Failure {
    /// The word for logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect-timeout",
            Self::Tls => "tls",
            Self::Certificate => "certificate",
            Self::Reset => "reset",
            Self::Malformed => "malformed",
            Self::Truncated => "truncated",
            Self::AnswerTimeout => "answer-timeout",
            Self::TooLong => "too-long",
            Self::BodyTimeout => "body-timeout",
            Self::TotalTimeout => "total-timeout",
            Self::Full => "full",
            Self::Paced(_) => "paced",
            Self::Open(_) => "open",
            Self::RequestTooLong => "request-too-long",
            Self::RequestBroken => "request-broken",
            Self::Dropped => "dropped",
        }
    }

    /// Whether the request certainly did not reach the upstream.
    pub const fn before_sending(self) -> bool {
        matches!(
            self,
            Self::Name
                | Self::Connect
                | Self::ConnectTimeout
                | Self::Tls
                | Self::Certificate
                | Self::Full
                | Self::Paced(_)
                | Self::Open(_)
        )
    }

    /// What it says about the upstream's health.
    pub const fn health(self) -> Health {
        match (self, self.trouble()) {
            (Self::Certificate, _) | (_, Trouble::Unconnected | Trouble::TimedOut) => Health::Ill,
            _ => Health::Neutral,
        }
    }

    /// What it means for another try.
    pub const fn trouble(self) -> Trouble {
        match self {
            Self::Name | Self::Connect | Self::ConnectTimeout | Self::Tls => Trouble::Unconnected,
            Self::Reset => Trouble::Reset,
            Self::AnswerTimeout | Self::BodyTimeout | Self::TotalTimeout => Trouble::TimedOut,
            Self::Certificate
            | Self::Malformed
            | Self::Truncated
            | Self::TooLong
            | Self::Full
            | Self::Paced(_)
            | Self::Open(_)
            | Self::RequestTooLong
            | Self::RequestBroken
            | Self::Dropped => Trouble::Other,
        }
    }

    /// Reads the failure of a request from the error and the causes behind it.
    pub fn of_request(error: &(dyn Error + 'static)) -> Self {
        causes(error).find_map(of_cause).unwrap_or(Self::Reset)
    }

    /// Reads the failure of an answer's body.
    pub fn of_body(error: &hyper::Error) -> Self {
        causes(error).find_map(of_cause).unwrap_or(Self::Truncated)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error for Failure {}

/// An error and what caused it, as one line for the log. hyper's and rustls' errors name no
/// target, field or body.
pub fn causes_in_words(error: &(dyn Error + 'static)) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Whether one of the causes is that a deadline has passed.
pub fn timed_out(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut)
    })
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause_of(*error))
}

fn cause_of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>() {
        // An io::Error's `source` leaves out the error that it wraps.
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    }
}

fn of_cause(cause: &(dyn Error + 'static)) -> Option<Failure> {
    if let Some(own) = cause.downcast_ref::<Failure>() {
        return Some(*own);
    }
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        let certificate = matches!(tls, rustls::Error::InvalidCertificate(_));
        return Some(if certificate { Failure::Certificate } else { Failure::Tls });
    }
    if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
        return hyper.is_parse().then_some(Failure::Malformed);
    }
    // hyper-util's connector has no public type for it; the words are all there is.
    if cause.to_string().starts_with("dns error") {
        return Some(Failure::Name);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_has_passed_is_found_behind_other_errors() {
        let late = io::Error::from(io::ErrorKind::TimedOut);
        assert!(timed_out(&io::Error::other(io::Error::other(late))));
        assert!(!timed_out(&io::Error::from(io::ErrorKind::ConnectionRefused)));
    }

    #[test]
    fn reads_the_failure_from_the_causes() {
        let wrapped = |inner: Box<dyn Error + Send + Sync>| io::Error::other(inner);
        let rows: Vec<(io::Error, Failure)> = vec![
            (io::Error::from(io::ErrorKind::ConnectionReset), Failure::Reset),
            (wrapped(Box::new(Failure::ConnectTimeout)), Failure::ConnectTimeout),
            (
                wrapped(Box::new(wrapped(Box::new(Failure::RequestTooLong)))),
                Failure::RequestTooLong,
            ),
            (wrapped(Box::new(rustls::Error::DecryptError)), Failure::Tls),
            (
                wrapped(Box::new(rustls::Error::InvalidCertificate(
                    rustls::CertificateError::Expired,
                ))),
                Failure::Certificate,
            ),
            (wrapped("dns error: no such host".into()), Failure::Name),
        ];
        for (error, expected) in rows {
            assert_eq!(Failure::of_request(&error), expected, "{error:?}");
        }
    }
}
