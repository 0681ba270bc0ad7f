//! Things about which nothing is known (design §4, `kind = "opaque"`): what of them is stored, and
//! for how long. That is for the upstream alone to say.

use crate::support::client::request;
use crate::support::house::pass;
use crate::support::things::THING;
use crate::support::things::house_of_things;
use crate::support::things::read;
use crate::support::things::say;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;

/// An octet-stream whose octets are all there are.
fn every_octet() -> Vec<u8> {
    (0..=u8::MAX).collect()
}

#[tokio::test(start_paused = true)]
async fn fields_that_nobody_knows_pass_both_ways_and_are_stored() {
    let house = house_of_things(|_| {});
    let told = [
        ("x-odd", "one"),
        ("cache-control", "max-age=9, odd=\"1, 2\""),
        ("x-odd", "two, three"),
        ("x_under", ""),
        ("link", "</style.css>; rel=preload"),
        ("content-language", "es"),
    ];
    house.upstream.always(say(200, &told, "x"));
    let asked = [
        ("x-mine", "1"),
        ("cookie", "a=b"),
        ("accept", "text/html"),
        ("x_under", "2"),
        ("dnt", ""),
    ];
    for hit in [false, true] {
        let reply = house.client().ask("GET", THING, &asked).await;
        assert_eq!(reply.is_hit(), hit);
        for (name, _) in told {
            let expected: Vec<_> =
                told.iter().filter(|row| row.0 == name).map(|row| row.1).collect();
            assert_eq!(reply.message.all(name), expected, "{name}, hit: {hit}");
        }
    }
    for (name, value) in asked {
        assert_eq!(house.upstream.last().all(name), [value], "{name}");
    }
    assert_eq!(house.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn any_body_of_any_media_type_is_stored_as_it_is() {
    const GZIP: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let rows = [
        ("image/png", "", every_octet()),
        ("text/html; charset=latin1", "", b"caf\xe9".to_vec()),
        ("application/json", "", b"{not json".to_vec()),
        ("odd", "", b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
        ("", "", Vec::new()),
        ("text/plain", "gzip", GZIP.to_vec()),
        ("text/plain", "gzip, br", every_octet().repeat(400)),
    ];
    for (media_type, coding, body) in rows {
        let house = house_of_things(|_| {});
        let fields = [
            ("content-type", media_type),
            ("content-encoding", coding),
            ("cache-control", "max-age=9"),
        ];
        house.upstream.always(say(200, &fields, body.clone()));
        for hit in [false, true] {
            let reply = read(&house, THING, "").await;
            assert!(reply.is_hit() == hit && reply.message.whole, "{fields:?}");
            assert!(reply.message.body == body, "{fields:?}, hit: {hit}");
            assert_eq!(reply.field("content-type"), Some(media_type), "hit: {hit}");
            assert_eq!(reply.field("content-encoding"), Some(coding), "hit: {hit}");
        }
        assert_eq!(house.upstream.count(), 1, "{fields:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_word_about_freshness_nothing_is_reused() {
    let old = "Fri, 15 Jan 2027 07:00:00 GMT";
    let rows: &[(&[(&'static str, &str)], &str)] = &[
        (&[], "detail=zero-lifetime"),
        (&[("etag", "\"a\"")], "stored"),
        (&[("cache-control", "odd")], "detail=zero-lifetime"),
        (&[("cache-control", "max-age=0")], "detail=zero-lifetime"),
        (&[("cache-control", "max-age=0"), ("last-modified", old)], "stored"),
        (&[("expires", "0")], "detail=zero-lifetime"),
        (&[("cache-control", "no-cache, max-age=9")], "detail=no-cache"),
    ];
    for (fields, expected) in rows {
        let house = house_of_things(|_| {});
        house.upstream.always(say(200, fields, "x"));
        for asked in [1, 2] {
            let reply = read(&house, THING, "").await;
            assert!(reply.cache().ends_with(expected), "{fields:?}: {}", reply.cache());
            assert_eq!(house.upstream.count(), asked, "{fields:?}");
        }
    }
}

/// Whether a thing that is told with these fields is still reused after so many seconds.
async fn is_fresh_after(secs: u64, status: u16, fields: &[(&'static str, &str)]) -> bool {
    let house = house_of_things(|_| {});
    house.upstream.always(say(status, fields, ""));
    read(&house, THING, "").await;
    pass(secs).await;
    read(&house, THING, "").await;
    house.upstream.count() == 1
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_is_to_the_second_what_the_upstream_says() {
    let now = ("date", "Fri, 15 Jan 2027 08:00:00 GMT");
    let rows: &[(&[(&'static str, &str)], u64)] = &[
        (&[("cache-control", "max-age=100")], 100),
        (&[("cache-control", "max-age=100"), ("age", "40")], 60),
        (&[("cache-control", "max-age=100"), ("expires", "0")], 100),
        (&[("expires", "Fri, 15 Jan 2027 08:01:40 GMT")], 100),
        (&[("expires", "Fri, 15 Jan 2027 08:02:00 GMT"), now], 120),
        (&[("last-modified", "Fri, 15 Jan 2027 07:43:20 GMT")], 100),
        (&[("last-modified", "Fri, 15 Jan 2027 07:43:20 GMT"), now], 100),
        (&[("cache-control", "max-age=99999")], 3_600),
    ];
    for (fields, lifetime) in rows {
        assert!(is_fresh_after(lifetime - 1, 200, fields).await, "{fields:?}");
        assert!(!is_fresh_after(*lifetime, 200, fields).await, "{fields:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_final_status_with_a_lifetime_is_stored_but_those_of_conditions_and_ranges() {
    let house = house_of_things(|_| {});
    house.upstream.says(|request| {
        say(id_of(request).parse().unwrap(), &[("cache-control", "max-age=99")], "")
    });
    for status in (200..=599_u16).chain([600, 999]) {
        let (target, before) = (format!("/things/{status}"), house.upstream.count());
        for _ in 0..2 {
            let reply = read(&house, &target, "").await;
            assert_eq!((reply.status, reply.message.body.len()), (status, 0));
        }
        let stored = house.upstream.count() == before + 1;
        assert_eq!(stored, ![206, 304, 412, 416].contains(&status), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_is_guessed_for_some_statuses_only() {
    const GUESSED: [u16; 11] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
    let modified = ("last-modified", "Fri, 15 Jan 2027 07:00:00 GMT");
    for status in [200, 201, 202, 203, 204, 205, 299, 300, 301, 302, 303, 307, 308, 400, 401, 403]
        .into_iter()
        .chain([404, 405, 406, 410, 414, 429, 500, 501, 502, 503, 599])
    {
        let guessed = GUESSED.contains(&status);
        assert_eq!(is_fresh_after(9, status, &[modified]).await, guessed, "{status}");
        let public = [modified, ("cache-control", "public")];
        assert!(is_fresh_after(9, status, &public).await, "{status} public");
    }
}

#[tokio::test(start_paused = true)]
async fn cookies_are_stored_only_where_the_settings_say_so() {
    for store in [false, true] {
        let house = house_of_things(|thing| thing.store_set_cookie = store);
        let fields = [("cache-control", "max-age=9"), ("set-cookie", "a=1"), ("set-cookie", "b=2")];
        house.upstream.always(say(200, &fields, "x"));
        for _ in 0..2 {
            let reply = read(&house, THING, "").await;
            assert_eq!(reply.message.all("set-cookie"), ["a=1", "b=2"], "{store}");
        }
        assert_eq!(house.upstream.count(), if store { 1 } else { 2 }, "{store}");
    }
}

#[tokio::test(start_paused = true)]
async fn head_stays_head_and_fills_no_store() {
    let house = house_of_things(|_| {});
    house.upstream.always(say(200, &[("cache-control", "max-age=9")], "twelve bytes"));
    for asked in [1, 2] {
        let head = house.client().ask("HEAD", THING, &[]).await;
        assert_eq!((head.status, head.field("content-length")), (200, Some("12")));
        assert_eq!(head.cache(), "verifik-gateway; fwd=uri-miss; fwd-status=200; detail=head");
        assert_eq!(house.upstream.last().start, format!("HEAD {THING} HTTP/1.1"));
        assert_eq!(house.upstream.count(), asked);
    }
    assert_eq!(read(&house, THING, "").await.text(), "twelve bytes");
    let mut client = house.client();
    let head = client.ask("HEAD", THING, &[]).await;
    assert!(head.is_hit() && head.field("content-length") == Some("12"));
    // An octet of a body would be taken for the beginning of this reply.
    assert_eq!(client.ask("GET", THING, &[]).await.text(), "twelve bytes");
    assert_eq!(house.upstream.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_path_and_the_query_are_the_key() {
    let house = house_of_things(|_| {});
    house.upstream.says(|request| say(200, &[("cache-control", "max-age=9")], &*request.start));
    let targets = ["", "?", "??", "?a", "?a=1&b=2", "?b=2&a=1", "?A", "?%61"];
    for hit in [false, true] {
        for target in targets.map(|query| format!("{THING}{query}")) {
            let reply = read(&house, &target, "").await;
            assert_eq!(reply.is_hit(), hit, "{target}");
            assert_eq!(reply.text(), format!("GET {target} HTTP/1.1"));
        }
    }
    assert_eq!(house.upstream.count(), targets.len());
}

/// An answer that does not say where it ends.
const CLOSING: &[u8] = b"HTTP/1.1 200 OK\r\ncache-control: max-age=9\r\n\r\nall of it";

#[tokio::test(start_paused = true)]
async fn a_body_that_ends_with_its_connection_is_delivered_and_not_stored() {
    let house = house_of_things(|_| {});
    house.upstream.always(Say::RawThenClose(CLOSING.to_vec()));
    for asked in [1, 2] {
        let reply = read(&house, THING, "").await;
        assert_eq!((reply.status, &*reply.text()), (200, "all of it"));
        let told = "verifik-gateway; fwd=uri-miss; fwd-status=200; detail=close-delimited";
        assert_eq!((&*reply.cache(), house.upstream.count()), (told, asked));
    }
}

/// An answer with others before it.
fn with_interim(interim: &str) -> Say {
    let last = "HTTP/1.1 200 OK\r\ncache-control: max-age=9\r\ncontent-length: 4\r\n\r\nlast";
    Say::Raw(format!("{interim}{last}").into_bytes())
}

#[tokio::test(start_paused = true)]
async fn interim_answers_are_neither_stored_nor_replayed() {
    const HINTS: &str =
        "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\ncache-control: max-age=99\r\n\r\n";
    const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
    const PROCESSING: &str = "HTTP/1.1 102 Processing\r\netag: \"a\"\r\n\r\n";
    for interim in [HINTS, CONTINUE, PROCESSING, &[CONTINUE, HINTS, PROCESSING, HINTS].concat()] {
        let house = house_of_things(|_| {});
        house.upstream.always(with_interim(interim));
        for hit in [false, true] {
            let reply = read(&house, THING, "").await;
            assert_eq!((reply.status, &*reply.text(), reply.is_hit()), (200, "last", hit));
            assert_eq!(reply.field("link").or(reply.field("etag")), None, "{interim}");
        }
        pass(9).await;
        assert!(!read(&house, THING, "").await.is_hit(), "{interim}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_switch_of_protocols_is_no_answer() {
    let house = house_of_things(|_| {});
    house.upstream.always(with_interim(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: odd\r\n\r\n",
    ));
    for asked in [1, 2] {
        let fields = [("connection", "upgrade"), ("upgrade", "odd")];
        assert_eq!(house.client().ask("GET", THING, &fields).await.status, 502);
        assert_eq!((house.upstream.count(), house.upstream.connections()), (asked, asked));
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_with_a_body_or_an_expectation_is_refused() {
    let house = house_of_things(|_| {});
    let rows = [
        (("content-length", "1"), "x", 400),
        (("transfer-encoding", "chunked"), "1\r\nx\r\n0\r\n\r\n", 400),
        (("expect", "100-continue"), "", 417),
    ];
    for (field, body, status) in rows {
        for method in ["GET", "HEAD"] {
            let mut client = house.client();
            client.write(request(method, THING, &[field], body)).await;
            let reply = client.reply_to(method).await.unwrap();
            assert_eq!((reply.status, client.is_closed().await), (status, true), "{field:?}");
        }
    }
    assert_eq!(house.upstream.connections(), 0);
}
