//! Names of fields as one octet. Nearly every answer has the same few: to store them as text takes
//! memory, and to read them again costs more than to read their values.

use http::HeaderName;
use http::header;

/// The names that have an octet, those that most answers have first. An octet is a place in this list
/// and 1; it is never seen outside the process, so the list may change.
static NAMES: [HeaderName; 44] = [
    header::CONTENT_TYPE,
    header::DATE,
    header::ETAG,
    header::CACHE_CONTROL,
    header::CONTENT_LENGTH,
    header::VARY,
    header::SERVER,
    header::LAST_MODIFIED,
    header::STRICT_TRANSPORT_SECURITY,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
    header::X_CONTENT_TYPE_OPTIONS,
    header::X_FRAME_OPTIONS,
    header::X_XSS_PROTECTION,
    header::X_DNS_PREFETCH_CONTROL,
    header::REFERRER_POLICY,
    header::CONTENT_SECURITY_POLICY,
    header::EXPIRES,
    header::PRAGMA,
    header::VIA,
    header::ALT_SVC,
    header::LINK,
    header::ALLOW,
    header::ACCEPT_RANGES,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LOCATION,
    header::CACHE_STATUS,
    header::CDN_CACHE_CONTROL,
    header::SET_COOKIE,
    HeaderName::from_static("x-powered-by"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
    HeaderName::from_static("cross-origin-opener-policy"),
    HeaderName::from_static("cross-origin-resource-policy"),
    HeaderName::from_static("cf-ray"),
    HeaderName::from_static("cf-cache-status"),
];

/// The octet of a name; never 0. `None`: it has none.
pub fn octet(name: &HeaderName) -> Option<u8> {
    let place = NAMES.iter().position(|known| known == name)?;
    u8::try_from(place + 1).ok()
}

/// The name of an octet.
pub fn name(octet: u8) -> Option<HeaderName> {
    NAMES.get(usize::from(octet).checked_sub(1)?).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_an_octet_of_its_own_and_comes_back() {
        for known in &NAMES {
            let octet = octet(known).unwrap();
            assert_eq!(name(octet).as_ref(), Some(known), "{octet}");
        }
        assert_eq!(octet(&HeaderName::from_static("x-anything")), None);
        assert_eq!((name(0), name(u8::MAX)), (None, None));
    }
}
