//! Fields of a request that must be said once, and must not be taken back by `Connection`.

use crate::fields::hop_by_hop;
use crate::fields::presence::Presence;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Why a request's fields are not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FieldsFault {
    /// `Authorization` more than once, equal or not: readers differ on which one holds (threats.md
    /// L6).
    TwoCredentials,
    /// `Connection` names a field that the upstream must see as it was read here (threats.md H1,
    /// H2).
    ConnectionNames,
}

/// Checks a request's fields, of which these are `seen`, but for `Host` and those that frame its body.
pub fn check(fields: &HeaderMap, seen: Presence) -> Result<(), FieldsFault> {
    if fields.get_all(AUTHORIZATION).iter().nth(1).is_some() {
        return Err(FieldsFault::TwoCredentials);
    }
    if seen.names_fields() && hop_by_hop::dropped_in_bad_faith(fields).is_some() {
        return Err(FieldsFault::ConnectionNames);
    }
    Ok(())
}

impl FieldsFault {
    /// For people.
    pub const fn message(self) -> &'static str {
        match self {
            Self::TwoCredentials => "There is more than one Authorization field.",
            Self::ConnectionNames => "Connection names a field that cannot be dropped.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_credential_is_said_once_and_never_dropped() {
        const ONE: (&str, &str) = ("authorization", "a");
        let rows: &[(&[(&'static str, &'static str)], Result<(), FieldsFault>)] = &[
            (&[], Ok(())),
            (&[ONE], Ok(())),
            (&[ONE, ("accept", "a"), ("accept", "b")], Ok(())),
            (&[ONE, ONE], Err(FieldsFault::TwoCredentials)),
            (&[("authorization", ""), ONE], Err(FieldsFault::TwoCredentials)),
            (&[("connection", "Upgrade, HTTP2-Settings")], Ok(())),
            (&[("connection", "close, X-Anything")], Ok(())),
            (&[("connection", "Authorization")], Err(FieldsFault::ConnectionNames)),
            (
                &[("connection", "close"), ("connection", ",hOst ")],
                Err(FieldsFault::ConnectionNames),
            ),
        ];
        for (lines, expected) in rows {
            let mut fields = HeaderMap::new();
            for (name, value) in *lines {
                fields.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(check(&fields, Presence::of(&fields)), *expected, "{lines:?}");
        }
    }
}
