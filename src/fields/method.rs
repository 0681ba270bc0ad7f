//! The method of a request: RFC 9110 section 9.1, and narrower.

use http::Method;

/// Why a method is not served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MethodFault {
    /// Not 1 to 32 capitals and dashes. RFC 9110 allows any token, and tells `get` from `GET`;
    /// not every reader behind us does.
    Unknown,
    /// CONNECT asks for a tunnel, TRACE for the credential to be sent back (RFC 9110 sections 9.3.6
    /// and 9.3.8).
    Forbidden,
}

/// Reads a method, known or not.
pub fn check(method: &Method) -> Result<(), MethodFault> {
    let name = method.as_str().as_bytes();
    let in_grammar = |octet: &u8| octet.is_ascii_uppercase() || *octet == b'-';
    if name.len() > LONGEST || !name.iter().all(in_grammar) {
        return Err(MethodFault::Unknown);
    }
    match *method {
        Method::CONNECT | Method::TRACE => Err(MethodFault::Forbidden),
        _ => Ok(()),
    }
}

const LONGEST: usize = 32;

impl MethodFault {
    /// For people.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Unknown => "A method is 1 to 32 capital letters and dashes.",
            Self::Forbidden => "This method is not served here.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_capitals_and_dashes() {
        let (longest, longer) = ("A".repeat(32), "A".repeat(33));
        for (method, expected) in [
            ("GET", Ok(())),
            ("PROPFIND", Ok(())),
            ("VERSION-CONTROL", Ok(())),
            (&longest, Ok(())),
            ("get", Err(MethodFault::Unknown)),
            ("Get", Err(MethodFault::Unknown)),
            ("M1", Err(MethodFault::Unknown)),
            ("M_SEARCH", Err(MethodFault::Unknown)),
            ("!", Err(MethodFault::Unknown)),
            (&longer, Err(MethodFault::Unknown)),
            ("CONNECT", Err(MethodFault::Forbidden)),
            ("TRACE", Err(MethodFault::Forbidden)),
        ] {
            let found = check(&Method::from_bytes(method.as_bytes()).unwrap());
            assert_eq!(found, expected, "{method}");
        }
    }
}
