//! `Authorization` values and the claims in them, and `Location`: an input is a value. What looks
//! like JSON is signed first, so that changes reach the claims.

use crate::json::Node;
use crate::runner::Target;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::uri::Authority;
use verifik_gateway::api::credential::expiry;
use verifik_gateway::api::credential::is_present;
use verifik_gateway::base::time::WallTime;
use verifik_gateway::fields::location;
use verifik_gateway::fields::location::Origin;

pub const TARGET: Target = Target { name: "credentials", words: WORDS, check };

const WORDS: &[&str] = &[
    "Bearer ",
    "bearer ",
    ".",
    "..",
    "e30",
    "eyJhbGciOiJIUzI1NiJ9",
    "{\"exp\":",
    "{\"expiresAt\":",
    "1900000000",
    "1900000000000",
    "\"1900000000\"",
    "}",
    ",",
    "null",
    "-1",
    "1e99",
    "\"inf\"",
    " ",
    "\t",
    "=",
    "http://",
    "//",
    "https://api",
    ":443",
    "/../",
    "/./",
    "?a",
    "#b",
    "../",
    "@",
    "\"exp\":",
    "\"expiresAt\":",
];

fn check(input: &[u8]) -> String {
    let claimed = if input.starts_with(b"{") { claims(input) } else { raw(input) };
    let home: Authority = "api".parse().unwrap();
    let origins = [Origin { scheme: Some("https"), authority: &home }];
    let place = str::from_utf8(input).ok().and_then(|text| {
        let path = location::path(text, "/v2/base", &origins)?;
        let other = text.contains("://") && !text.to_ascii_lowercase().contains("api");
        let absolute = text.starts_with("http://") || text.starts_with("https://");
        assert!(!other || !absolute, "another origin");
        let mut segments = path.split('/');
        assert!(path.starts_with('/') && !path.contains(['?', '#']));
        assert!(!segments.any(|segment| segment == ".." || segment == "."), "{path}");
        Some(path.len().min(3))
    });
    format!("{} {claimed} {place:?}", is_present(input))
}

/// The scheme, and what white space stands around, make no difference.
fn raw(value: &[u8]) -> bool {
    let alone = expiry(value);
    assert_eq!(expiry(&[b"Bearer ", value, b" "].concat()), alone);
    assert!(alone.is_none() || is_present(value));
    alone.is_some()
}

/// However the claims are written, and whatever stands beside them, none is outlived that a plain
/// reader finds, be there two of one name.
fn claims(json: &[u8]) -> bool {
    let token = format!("Bearer e30.{}.c2ln", URL_SAFE_NO_PAD.encode(json));
    let read = expiry(token.as_bytes());
    let Some(tree) = Node::read(String::from_utf8_lossy(json).as_bytes()) else {
        return read.is_some();
    };
    let found = [tree.all("exp"), tree.all("expiresAt")].concat();
    assert_eq!(read, found.into_iter().filter_map(moment).min());
    read.is_some()
}

fn moment(claim: &Node) -> Option<WallTime> {
    let number: f64 = match claim {
        Node::Number(number) => number.parse().ok()?,
        Node::Text(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let whole = if number.is_finite() { number.max(0.0) } else { return None };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let whole = whole as u64;
    let millis = whole > 1_000_000_000_000;
    Some(if millis { WallTime::from_millis(whole) } else { WallTime::from_secs(whole) })
}
