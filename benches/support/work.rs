//! The work every server gets: the same tickets, tokens and requests, byte for byte.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::LazyLock;

/// Where the tickets are.
pub(crate) const PATH: &str = "/v2/support-tickets/";
/// How many credentials ask.
pub(crate) const TOKENS: u64 = 4;

const SAMPLE: &str = include_str!("../../src/app/stand_in_sample.json");
const SAMPLE_ID: &str = "support_ticket_123456789";
const TOKEN_BYTES: usize = 220;

/// The ticket's JSON before and after its id.
static AROUND_ID: LazyLock<(&str, &str)> =
    LazyLock::new(|| SAMPLE.split_once(SAMPLE_ID).unwrap_or_default());

static TOKEN: LazyLock<Vec<String>> = LazyLock::new(|| (0..TOKENS).map(token).collect());

/// Which ticket is asked for, and by whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    /// The ticket's number; its id follows from it.
    pub(crate) ticket: u64,
    /// The credential's number, below [`TOKENS`].
    pub(crate) token: u64,
}

/// The id of a ticket. All ids are of one length, so all bodies are too.
pub(crate) fn id(ticket: u64) -> String {
    format!("support_ticket_1{ticket:08}")
}

/// The body of the ticket with this id: the reference page's sample, about 1.3 KB.
pub(crate) fn body(id: &str) -> String {
    let (before, after) = *AROUND_ID;
    [before, id, after].concat()
}

/// Whether `bytes` are exactly [`body`] of `id`.
pub(crate) fn is_body(bytes: &[u8], id: &str) -> bool {
    let (before, after) = *AROUND_ID;
    bytes
        .strip_prefix(before.as_bytes())
        .and_then(|rest| rest.strip_prefix(id.as_bytes()))
        .is_some_and(|rest| rest == after.as_bytes())
}

/// The request's bytes.
pub(crate) fn request(question: Question) -> String {
    let token = TOKEN.get(usize::try_from(question.token).unwrap_or_default());
    [
        "GET ",
        PATH,
        &id(question.ticket),
        " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ",
        token.map_or("", String::as_str),
        "\r\nAccept: application/json\r\nUser-Agent: bench\r\n\r\n",
    ]
    .concat()
}

/// A token of the API's kind: a JWT whose expiry stands in `expiresAt`, in milliseconds.
fn token(number: u64) -> String {
    let client = format!("507f1f77bcf86cd7994390{number:02}");
    let claims = format!(r#"{{"clientId":"{client}","expiresAt":4102444800000}}"#);
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = [header, URL_SAFE_NO_PAD.encode(claims)].join(".");
    let signature = "k7Qz-".repeat(TOKEN_BYTES);
    [signed, signature].join(".").chars().take(TOKEN_BYTES).collect()
}
