//! What a credential says about itself. The rest of the gateway sees only bytes.
//!
//! The claims of a JWT (RFC 7519) are read without its key, so anybody could have written them:
//! they may shorten the use of what is stored, and prove nothing.

use crate::base::time::WallTime;
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::value::RawValue;
use std::fmt;

/// Whether an `Authorization` value is a credential at all: an empty one is none.
pub fn is_present(authorization: &[u8]) -> bool {
    !authorization.trim_ascii().is_empty()
}

/// When the credential says it ends, whatever its scheme, or as a token without one.
///
/// The API's own claim is `expiresAt`; `exp` (RFC 7519 §4.1.4) is what libraries enforce. Either
/// may be seconds or milliseconds, as a number or as text. Of all that stand there, be it one name
/// twice, the earliest holds: RFC 7519 section 4 leaves to readers which they take. What cannot be
/// read takes nothing from the others. A time before 1970 is given as 1970. `None` if nothing could
/// be read.
pub fn expiry(authorization: &[u8]) -> Option<WallTime> {
    let token =
        authorization.rsplit(|octet| matches!(octet, b' ' | b'\t')).find(|s| !s.is_empty())?;
    let mut parts = token.split(|&octet| octet == b'.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || payload.len() > LONGEST_PAYLOAD {
        return None;
    }
    let payload = LENIENT.decode(payload).ok()?;
    let Claims(earliest) = serde_json::from_str(&String::from_utf8_lossy(&payload)).ok()?;
    earliest
}

/// Bytes of base64. Real ones have a few hundred.
const LONGEST_PAYLOAD: usize = 8 << 10;

/// RFC 7515 §2 has no padding; who pads all the same shall not live longer for it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The earliest end that is claimed.
struct Claims(Option<WallTime>);

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("claims")
    }

    /// Names and values are taken as they are written, since serde would give all up for one that
    /// it cannot hold: a number beyond `f64`, half a surrogate pair.
    fn visit_map<A: MapAccess<'de>>(self, mut claims: A) -> Result<Claims, A::Error> {
        let mut earliest: Option<WallTime> = None;
        while let Some((name, value)) = claims.next_entry::<&RawValue, &RawValue>()? {
            let name: Option<String> = serde_json::from_str(name.get()).ok();
            if matches!(name.as_deref(), Some("exp" | "expiresAt")) {
                earliest = [earliest, moment(value.get())].into_iter().flatten().min();
            }
        }
        Ok(Claims(earliest))
    }
}

/// The time that a JSON value stands for.
fn moment(claim: &str) -> Option<WallTime> {
    let number: f64 = match serde_json::from_str::<String>(claim) {
        Ok(text) => text.trim().parse().ok()?,
        Err(_) => claim.parse().ok()?,
    };
    if !number.is_finite() {
        return None; // Beyond `f64`, or written in words: `inf` and `nan` parse.
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates: what is below zero has passed, what is too large is far away"
    )]
    let whole = number as u64;
    // As the API's own clients tell them apart: seconds reach 10^12 in the year 33658.
    Some(if whole > 1_000_000_000_000 {
        WallTime::from_millis(whole)
    } else {
        WallTime::from_secs(whole)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::URL_SAFE as PADDED;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as UNPADDED;
    use proptest::prelude::*;

    fn token(claims: &str) -> String {
        format!("eyJhbGciOiJIUzI1NiJ9.{}.c2lnbmF0dXJl", UNPADDED.encode(claims))
    }

    #[test]
    fn blank_is_no_credential() {
        for (value, expected) in [("", false), ("  \t", false), ("Bearer", true), (" a.b.c", true)]
        {
            assert_eq!(is_present(value.as_bytes()), expected, "{value:?}");
        }
    }

    #[test]
    fn a_claim_is_seconds_or_milliseconds_as_number_or_text() {
        let second = Some(WallTime::from_secs(1_900_000_000));
        let milli = Some(WallTime::from_millis(1_900_000_000_123));
        let past = Some(WallTime::default());
        let rows = [
            (r#"{"expiresAt":1900000000}"#, second),
            (r#"{"expiresAt":1900000000123}"#, milli),
            (r#"{"expiresAt":1900000000.9}"#, second),
            (r#"{"expiresAt":1.9e9}"#, second),
            (r#"{"expiresAt":"1900000000"}"#, second),
            (r#"{"expiresAt":" 1900000000123 "}"#, milli),
            (r#"{"exp":1900000000,"clientId":"c"}"#, second),
            (r#"{"exp":"1900000000123"}"#, milli),
            (r#"{"expiresAt":1900000000,"exp":1900000001}"#, second),
            (r#"{"exp":1900000000,"expiresAt":1900000000123}"#, second),
            (r#"{"expiresAt":null,"exp":1900000000}"#, second),
            (r#"{"expiresAt":"2031-01-01","exp":1900000000}"#, second),
            (r#"{"expiresAt":1000000000000}"#, Some(WallTime::from_secs(1_000_000_000_000))),
            (r#"{"expiresAt":1000000000001}"#, Some(WallTime::from_millis(1_000_000_000_001))),
            (r#"{"expiresAt":1e300}"#, Some(WallTime::from_millis(u64::MAX))),
            (r#"{"expiresAt":0}"#, past),
            (r#"{"expiresAt":-1,"exp":1900000000}"#, past),
            (r#"{"exp":"-1e300"}"#, past),
            (r#"{"exp":1900000000,"exp":-1}"#, past),
            (r#"{"expiresAt":"inf"}"#, None),
            (r#"{"expiresAt":"nan"}"#, None),
            (r#"{"expiresAt":""}"#, None),
            (r#"{"expiresAt":true}"#, None),
            (r#"{"expiresAt":[1900000000]}"#, None),
            (r#"{"data":{"exp":1900000000}}"#, None),
            (r#"{"exp":1900000000,"exp":1900000001}"#, second),
            (r#"{"exp":1900000001,"\u0065xp":1900000000}"#, second),
            (r#"{"expiresAt":1e999,"exp":1900000000}"#, second),
            (r#"{"x":1e999,"exp":1900000000}"#, second),
            (r#"{"x":"\ud800","\ud800":[],"exp":1900000000}"#, second),
            (r#"{"expiresAt":"\ud800","exp":1900000000}"#, second),
            (r#"{"exp":1e999}"#, None),
            (r#"{"exp":1900000000}{}"#, None),
            ("[1900000000,1900000000]", None),
            (r#"{"exp":1900000000"#, None),
            ("{}", None),
            ("exp", None),
            ("", None),
        ];
        for (claims, expected) in rows {
            assert_eq!(
                expiry(format!("Bearer {}", token(claims)).as_bytes()),
                expected,
                "{claims}"
            );
        }
    }

    #[test]
    fn the_scheme_is_of_no_matter() {
        let token = token(r#"{"exp":1900000000}"#);
        for scheme in ["", "Bearer ", "bearer ", "JWT ", "jwt\t", "Bearer   ", " "] {
            let value = format!("{scheme}{token} ");
            assert!(expiry(value.as_bytes()).is_some(), "{scheme:?}");
        }
    }

    #[test]
    fn what_is_no_token_says_nothing() {
        let payload = UNPADDED.encode(r#"{"exp":1900000000}"#);
        let rows = ["", " ", "Bearer", "Basic YTpi", "..", "a.b", "a.b.c.d", "a.%.c", "a.\u{e9}.c"];
        for value in rows {
            assert_eq!(expiry(value.as_bytes()), None, "{value:?}");
        }
        for value in [payload.clone(), format!(".{payload}"), format!("a.{payload}.c.d.e")] {
            assert_eq!(expiry(value.as_bytes()), None, "{value:?}");
        }
        let padded = format!("a.{}.c", PADDED.encode(r#"{"exp":1900000000} "#));
        assert!(padded.contains('=') && expiry(padded.as_bytes()).is_some(), "{padded}");
        let sized = |size: usize| {
            let filler = " ".repeat(size / 4 * 3 - 18);
            expiry(token(&format!(r#"{{"exp":1900000000}}{filler}"#)).as_bytes())
        };
        assert!(sized(LONGEST_PAYLOAD).is_some());
        assert!(sized(LONGEST_PAYLOAD + 4).is_none());
        let octets = b"{\"x\":\"\xff\",\"exp\":1900000000}";
        let broken = format!("a.{}.c", UNPADDED.encode(octets));
        assert!(expiry(broken.as_bytes()).is_some(), "not UTF-8");
        let deep =
            format!(r#"{{"expiresAt":{}1{},"exp":1900000000}}"#, "[".repeat(200), "]".repeat(200));
        assert!(expiry(token(&deep).as_bytes()).is_some(), "{deep}");
        let nested = token(&format!(r#"{{"exp":1900000000,"a":{}"#, "[".repeat(6000)));
        assert_eq!(expiry(nested.as_bytes()), None);
    }

    proptest! {
        #[test]
        fn any_value_can_be_asked(value: Vec<u8>, claims: String, number: f64) {
            expiry(&value);
            expiry(token(&claims).as_bytes());
            expiry(token(&format!(r#"{{"exp":{number}}}"#)).as_bytes());
        }

        #[test]
        fn a_second_claim_never_lengthens(one: u64, other: u64) {
            let alone = expiry(token(&format!(r#"{{"expiresAt":{one}}}"#)).as_bytes());
            let both = format!(r#"{{"expiresAt":{one},"exp":{other}}}"#);
            prop_assert!(expiry(token(&both).as_bytes()) <= alone);
        }
    }
}
