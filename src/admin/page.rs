//! `GET /`: the status page, one file with all it needs. Everything it shows it fetches from `/stats`, so
//! that the page itself may be shown to who has yet to say the token.

use crate::admin::word;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header::CONTENT_SECURITY_POLICY;
use http_body_util::Full;

const PAGE: &str = include_str!("page.html");

/// Where the page has the word that its style and script must know.
const NONCE: &str = "{{nonce}}";

/// The page, under a policy that lets it run nothing but its own script, and talk to nobody but this
/// port. `nonce`: new for each answer.
pub(crate) fn page(status: StatusCode, nonce: [u8; 16]) -> Response<Full<Bytes>> {
    let nonce = STANDARD_NO_PAD.encode(nonce);
    let text = PAGE.replace(NONCE, &nonce);
    let mut answer = word::answer(status, "text/html; charset=utf-8", Bytes::from(text));
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'"
    );
    if let Ok(policy) = HeaderValue::try_from(policy) {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_runs_only_what_has_the_nonce() {
        assert_eq!(PAGE.matches(NONCE).count(), 2);
        for word in ["src=\"http", "href=\"http", "@import", "innerHTML", " onclick", "style=\""] {
            assert!(!PAGE.contains(word), "{word}");
        }
        let (one, other) = (page(StatusCode::OK, [1; 16]), page(StatusCode::OK, [2; 16]));
        let policy = |page: &Response<Full<Bytes>>| {
            page.headers().get(CONTENT_SECURITY_POLICY).unwrap().clone()
        };
        assert!(policy(&one).to_str().unwrap().contains("default-src 'none'"));
        assert_ne!(policy(&one), policy(&other));
    }
}
