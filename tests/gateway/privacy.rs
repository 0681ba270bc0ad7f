//! No credential, query or body reaches the log at any level, no credential comes back in a reply,
//! and every exchange has one access line that says what its reply says (threats.md K9, S2).

use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::house::House;
use crate::support::house::once_and_at_once;
use crate::support::house::pass;
use crate::support::log::Captured;
use crate::support::upstream::Say;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use serde_json::Value;
use verifik_gateway::settings::model::Access;

const CREDENTIAL: &str = "Bearer canary.credential-7b4e19d0.signed";
const ANOTHER: &str = "Basic Y2FuYXJ5OmFub3RoZXI=";
const COOKIE: &str = "canary-cookie-90d1f6";
const QUERY: &str = "canary-query-52c8e7";
const ID: &str = "canary-id-c3a04b";
const SENT: &str = "canary-sent-body-e81d7a";
const ANSWERED: &str = "canary-answer-body-06bb93";

/// How a secret might turn up: as it is, in base64, or as a hash of it.
fn forms(secret: &str) -> Vec<String> {
    let bare = secret.split_once(' ').map_or(secret, |(_, bare)| bare);
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let sha256 = TLS13_AES_128_GCM_SHA256.tls13().unwrap().common.hash_provider;
    let of = |text: &str| {
        let encoded = [STANDARD.encode(text), URL_SAFE_NO_PAD.encode(text)];
        let hashed =
            [hex(sha256.hash(text.as_bytes()).as_ref()), blake3::hash(text.as_bytes()).to_string()];
        let begun = hashed.map(|hash| hash[..16].to_owned());
        [text.to_owned()].into_iter().chain(encoded).chain(begun).collect::<Vec<_>>()
    };
    [of(secret), of(bare)].concat()
}

fn assert_absent(secrets: &[&str], text: &str, place: &str) {
    let folded = text.to_lowercase();
    for secret in secrets {
        for form in forms(secret) {
            assert!(!folded.contains(&form.to_lowercase()), "{form} in {place}: {text}");
        }
    }
}

fn answer() -> Say {
    let body = format!(r#"{{"data":{{"_id":"{ID}","status":"open","x":"{ANSWERED}"}}}}"#);
    Say::json(200, &body, &[])
}

fn raw(text: &str) -> Say {
    Say::RawThenClose(text.as_bytes().to_vec())
}

/// A request of `method` with every secret where clients put such things.
fn asking(method: &str, target: &str, more: &[(&str, &str)], body: &str) -> String {
    let length = body.len().to_string();
    let mut fields =
        vec![("authorization", CREDENTIAL), ("cookie", COOKIE), ("proxy-authorization", ANOTHER)];
    fields.extend((!body.is_empty()).then_some(("content-length", length.as_str())));
    fields.extend(more);
    request(method, target, &fields, body)
}

/// What the upstream says, and what is asked: all kinds of exchanges.
fn exchanges() -> Vec<(Say, String)> {
    let ticket = format!("/v2/support-tickets/{ID}");
    let queried = format!("{ticket}?access_token={QUERY}");
    let get = |more: &[(&str, &str)]| asking("GET", &queried, more, "");
    let put = |target: &str| asking("PUT", target, &[], &format!(r#"{{"x":"{SENT}"}}"#));
    let problem = |status| Say::json(status, &format!(r#"{{"message":"{ANSWERED}"}}"#), &[]);
    vec![
        (answer(), get(&[])),
        (Say::Never, get(&[])),
        (Say::Never, asking("HEAD", &queried, &[], "")),
        (answer(), get(&[("cache-control", "no-cache")])),
        (problem(403), get(&[("cache-control", "no-cache")])),
        (Say::not_found(), get(&[])),
        (problem(401), get(&[("origin", "https://a")])),
        (problem(503), get(&[("origin", "https://b")])),
        (Say::Never, get(&[("origin", "https://c")])),
        (raw(""), get(&[("origin", "https://d")])),
        (
            raw(&format!("HTTP/1.1 200 OK\r\nx-{CREDENTIAL}: {ANSWERED}\r\n\r\n")),
            get(&[("origin", "e")]),
        ),
        (
            raw(&format!("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{ANSWERED}")),
            get(&[("origin", "f")]),
        ),
        (raw(&format!("{ANSWERED}\r\n\r\n")), get(&[("origin", "g")])),
        (answer(), request("GET", &queried, &[], "")),
        (answer(), put(&queried)),
        (problem(500), put(&format!("{ticket}/thread?{QUERY}"))),
        (raw(""), put(&ticket)),
        (
            answer(),
            asking("POST", "/v2/support-tickets/bulk", &[], &format!(r#"{{"ids":["{SENT}"]}}"#)),
        ),
        (problem(201), asking("POST", &format!("/v2/attachments?{QUERY}"), &[], SENT)),
        (answer(), asking("GET", &format!("/v2/{ID}?{QUERY}"), &[], "")),
        (answer(), asking("GET", &format!("{queried}&x=%00"), &[], "")),
        (answer(), asking("GET", &format!("/v2/support-tickets/%78{ID}?{QUERY}"), &[], "")),
        (answer(), asking("GET", &format!("/_gateway/{ID}?{QUERY}"), &[], "")),
        (answer(), asking("GET", &format!("{queried}{}", "x".repeat(9_000)), &[], "")),
        (answer(), asking("get", &queried, &[], "")),
        (answer(), asking("TRACE", &queried, &[], "")),
        (answer(), get(&[("expect", "100-continue")])),
        (answer(), get(&[("connection", "authorization")])),
        (answer(), get(&[("authorization", ANOTHER)])),
        (answer(), asking("GET", &queried, &[("content-length", "9")], "")),
    ]
}

/// What hyper refuses before it is an exchange.
fn no_exchanges() -> Vec<(Say, String)> {
    let queried = format!("/v2/support-tickets/{ID}?access_token={QUERY}");
    vec![
        (answer(), asking("GET", &queried, &[("transfer-encoding", "gzip")], "")),
        (answer(), format!("GET {queried} HTTP/1.1\r\n{CREDENTIAL}\r\n\r\n")),
        (answer(), format!("{CREDENTIAL} {queried}\r\n\r\n")),
        (answer(), asking("GET", &queried, &[("x", &SENT.repeat(4_000))], "")),
    ]
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_logged_and_no_credential_comes_back() {
    let (captured, _capturing, _idle) = Captured::begin();
    let house = House::with(|settings| settings.log.access = Access::All);
    for (say, octets) in exchanges().into_iter().chain(no_exchanges()) {
        house.upstream.always(say);
        let mut client = house.client();
        client.write(&octets).await;
        let method = octets.split(' ').next().unwrap();
        let reply = client.reply_to(method).await.expect(&octets);
        assert_absent(&[CREDENTIAL, ANOTHER, COOKIE], &format!("{:?}", reply.message), "a reply");
        assert_absent(&[CREDENTIAL, SENT, QUERY], &reply.text(), "a reply's body");
        // And someone who leaves in the middle.
        let mut leaving = house.client();
        leaving.write(&octets.as_bytes()[..octets.len() - 1]).await;
        pass(1).await;
    }
    let text = captured.text();
    assert!(text.lines().filter(|line| line.contains(r#""target":"access""#)).count() > 30);
    assert_absent(&[CREDENTIAL, ANOTHER, COOKIE, QUERY, ID, SENT, ANSWERED], &text, "the log");
}

/// What a reply's `Cache-Status` says, as an access line would.
fn as_a_line(reply: &Reply) -> Value {
    let told = reply.cache();
    let mut line = serde_json::Map::from_iter([("status".to_owned(), Value::from(reply.status))]);
    for part in told.split("; ").skip(1) {
        match part.split_once('=') {
            None if part == "hit" => line.insert("cache".to_owned(), "hit".into()),
            None => line.insert(part.to_owned(), true.into()),
            Some(("fwd", reason)) => line.insert("cache".to_owned(), reason.into()),
            Some(("fwd-status", status)) => {
                line.insert("fwd_status".to_owned(), status.parse::<u16>().unwrap().into())
            }
            Some(("ttl", _)) => None,
            Some((name, value)) => line.insert(name.to_owned(), value.into()),
        };
    }
    Value::from(line)
}

fn assert_agree(line: &Value, reply: &Reply, row: &str) {
    let expected = as_a_line(reply);
    for name in ["status", "cache", "fwd_status", "detail"] {
        assert_eq!(line[name], expected[name], "{name} of {row}: {line} {}", reply.cache());
    }
    for name in ["stored", "collapsed"] {
        let told = expected[name] == true;
        assert_eq!(line[name] == true, told, "{name} of {row}: {line} {}", reply.cache());
    }
}

#[tokio::test(start_paused = true)]
async fn an_exchange_has_one_access_line_that_agrees_with_its_reply_and_the_upstreams_count() {
    let (captured, _capturing, _idle) = Captured::begin();
    let house = House::with(|settings| {
        settings.log.access = Access::All;
        once_and_at_once(settings);
    });
    for (say, octets) in exchanges() {
        house.upstream.always(say);
        let (before, mut client) = (house.upstream.count(), house.client());
        client.write(&octets).await;
        let reply = client.reply_to(octets.split(' ').next().unwrap()).await.unwrap();
        let lines = captured.take_access_lines();
        assert_eq!(lines.len(), 1, "{octets}");
        assert_agree(&lines[0], &reply, &octets);
        let asked = usize::from(reply.cache().contains("fwd="));
        assert_eq!(house.upstream.count() - before, asked, "{octets} {}", reply.cache());
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_share_a_forward_have_a_line_each() {
    let (captured, _capturing, _idle) = Captured::begin();
    let house = House::with(|settings| settings.log.access = Access::All);
    house.upstream.always(answer().after(1));
    let mut clients: Vec<_> = (0..9).map(|_| house.client()).collect();
    for client in &mut clients {
        client.write(asking("GET", &format!("/support-tickets/{ID}"), &[], "")).await;
    }
    for client in &mut clients {
        assert_eq!(client.reply_to("GET").await.unwrap().status, 200);
    }
    let lines = captured.take_access_lines();
    let collapsed = lines.iter().filter(|line| line["collapsed"] == true).count();
    assert_eq!((lines.len(), collapsed, house.upstream.count()), (9, 8, 1));
}

#[tokio::test(start_paused = true)]
async fn a_method_that_is_none_is_not_logged() {
    let (captured, _capturing, _idle) = Captured::begin();
    let house = House::with(|settings| settings.log.access = Access::All);
    let token = CREDENTIAL.split_once(' ').unwrap().1;
    let long = "x".repeat(20_000);
    let rows = [(token, 501, "-"), (&long, 501, "-"), ("get", 501, "-"), ("TRACE", 405, "TRACE")];
    for (method, status, logged) in rows {
        let mut client = house.client();
        client.write(format!("{method} /v2/x HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        assert_eq!(client.reply_to("GET").await.unwrap().status, status, "{method}");
        let lines = captured.take_access_lines();
        assert_eq!((lines.len(), &lines[0]["method"]), (1, &logged.into()), "{method}");
        assert!(lines[0].to_string().len() < 300, "{}", lines[0]);
    }
}
