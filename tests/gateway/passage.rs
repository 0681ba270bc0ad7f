//! What is not answered from the store passes through, and nothing about it is changed.

use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::upstream::Say;

const T1: &str = "/v2/support-tickets/t1";

#[tokio::test(start_paused = true)]
async fn any_method_and_any_path_pass_and_are_never_stored() {
    let rows = [
        ("GET", "/", "bypass"),
        ("GET", "/v2", "bypass"),
        ("GET", "/v2/support-tickets", "bypass"),
        ("GET", "/v2/support-tickets/", "bypass"),
        ("GET", "/v2/support-tickets/bulk", "bypass"),
        ("GET", "/v2/support-tickets/t1/", "bypass"),
        ("GET", "/v2/support-tickets/t1.json", "bypass"),
        ("GET", "/v2/support-tickets/t1/thread", "bypass"),
        ("GET", "/v2/support-tickets?page=1&?where_status=open&populates[]=client&", "bypass"),
        ("GET", "/v2/auth/session?origin=refresh&expiresIn=1", "bypass"),
        ("GET", "/v2/co/name/Jos%C3%A9?a=%2F%00", "bypass"),
        ("GET", "/v2/co/plate/a%2Fb;c=d", "bypass"),
        ("GET", "/_gateway", "bypass"),
        ("HEAD", "/v2/clients", "bypass"),
        ("POST", "/v2/support-tickets", "bypass"),
        ("POST", "/v2/support-tickets/bulk", "bypass"),
        ("POST", T1, "method"),
        ("PUT", T1, "method"),
        ("PATCH", T1, "method"),
        ("DELETE", T1, "method"),
        ("OPTIONS", T1, "method"),
        ("PURGE", T1, "method"),
        ("VERSION-CONTROL", "/v2/x", "bypass"),
    ];
    let house = House::new();
    house.upstream.always(Say::json(200, "{}", &[("cache-control", "public, max-age=60")]));
    for (row, (method, target, reason)) in rows.into_iter().enumerate() {
        for asked in [1, 2] {
            let reply = house.client().ask(method, target, &[("authorization", ANN)]).await;
            let expected = format!("verifik-gateway; fwd={reason}; fwd-status=200");
            assert_eq!((reply.status, reply.cache()), (200, expected), "{method} {target}");
            assert_eq!(house.upstream.last().start, format!("{method} {target} HTTP/1.1"));
            assert_eq!(house.upstream.count(), 2 * row + asked, "{method} {target}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_without_a_credential_passes_and_is_never_stored() {
    let house = House::new();
    for (method, fields) in
        [("GET", &[][..]), ("HEAD", &[]), ("GET", &[("authorization", "")]), ("GET", &[])]
    {
        let reply = house.client().ask(method, T1, fields).await;
        let expected = "verifik-gateway; fwd=bypass; fwd-status=200; detail=no-credential";
        assert_eq!(reply.cache(), expected, "{method} {fields:?}");
        assert_eq!(house.upstream.last().start, format!("{method} {T1} HTTP/1.1"));
    }
    assert_eq!(house.upstream.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_requests_fields_go_on_in_order_but_for_those_of_the_connection() {
    let house = House::new();
    let fields = [
        ("x-note", "one"),
        ("connection", "keep-alive, X-Internal"),
        ("connection", "x-other"),
        ("x-internal", "1"),
        ("x-other", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("proxy-authorization", "Basic eDp5"),
        ("te", "trailers"),
        ("upgrade", "websocket"),
        ("x-note", "two"),
        ("cookie", "a=b"),
        ("x-forwarded-for", "192.0.2.1"),
        ("under_score", "1"),
        ("accept-encoding", "gzip"),
        ("authorization", "jwt  a.b.c"),
        ("if-none-match", "\"x\""),
        ("via", "1.0 corner"),
        ("x-note", "one"),
    ];
    house.client().ask("GET", "/v2/clients", &fields).await;
    let heard = house.upstream.last();
    assert_eq!(heard.all("x-note"), ["one", "two", "one"]);
    assert_eq!(heard.all("via"), ["1.0 corner", "1.1 verifik-gateway"]);
    assert_eq!(heard.all("host"), ["api.verifik.co"]);
    for (name, value) in &fields[11..17] {
        assert_eq!(heard.all(name), [*value], "{name}");
    }
    for (name, _) in fields[1..10].iter().filter(|(name, _)| *name != "connection") {
        assert_eq!(heard.field(name), None, "{name}");
    }
    assert!(!heard.all("connection").concat().contains("nternal"));
}

#[tokio::test(start_paused = true)]
async fn an_answers_fields_come_back_in_order_but_for_those_of_the_connection() {
    let house = House::new();
    let head = "HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nconnection: X-Internal\r\nx-internal: 1\r\n\
        keep-alive: timeout=5\r\nproxy-authenticate: Basic\r\nupgrade: h2c\r\nset-cookie: b=2\r\n\
        trailer: x-late\r\ncache-status: origin; hit\r\nwww-authenticate: JWT\r\nvary: *\r\n\
        transfer-encoding: chunked\r\nage: 7\r\nset-cookie: a=1\r\n\r\n";
    let raw = format!("{head}2\r\n{{}}\r\n0\r\nx-late: 1\r\nset-cookie: c=3\r\n\r\n");
    house.upstream.always(Say::Raw(raw.into_bytes()));
    let reply = house.get("/v2/clients", ANN).await;
    let ours = "verifik-gateway; fwd=bypass; fwd-status=200";
    assert_eq!(reply.message.all("set-cookie"), ["a=1", "b=2", "a=1"]);
    assert_eq!(reply.message.all("cache-status"), ["origin; hit", ours]);
    for (name, value) in [("www-authenticate", "JWT"), ("vary", "*"), ("age", "7")] {
        assert_eq!(reply.message.all(name), [value], "{name}");
    }
    for name in
        ["x-internal", "keep-alive", "proxy-authenticate", "upgrade", "trailer", "x-late", "etag"]
    {
        assert_eq!(reply.field(name), None, "{name}");
    }
    assert_eq!((reply.text().as_str(), reply.message.whole), ("{}", true));
}

#[tokio::test(start_paused = true)]
async fn status_reason_and_body_pass_unchanged() {
    let binary: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    let long = format!("200 {}", "r".repeat(8 * 1024));
    let rows = [
        ("200 Fine", "200 Fine"),
        ("200 OK", "200 OK"),
        ("201 Sent off", "201 Sent off"),
        ("299 Odd But True", "299 Odd But True"),
        ("302 Elsewhere", "302 Elsewhere"),
        ("401 token_expired", "401 token_expired"),
        ("403 Forbidden", "403 Forbidden"),
        ("404 Nope", "404 Nope"),
        ("418 ", "418 "),
        ("503 Later", "503 Later"),
        ("599 Odd", "599 Odd"),
        (&long, &long),
        // Not plain text for every reader: the status's own, or none where hyper gives none.
        ("200 F\tne", "200 OK"),
        ("200 F\u{ef}ne", "200 "),
    ];
    for (said, expected) in rows {
        let house = House::new();
        let head = format!("HTTP/1.1 {said}\r\nlocation: /x\r\ncontent-length: 5000\r\n\r\n");
        house.upstream.always(Say::Raw([head.as_bytes(), &binary].concat()));
        let reply = house.get("/v2/clients", ANN).await;
        assert_eq!(reply.message.start, format!("HTTP/1.1 {expected}"), "{said}");
        assert_eq!((reply.field("location"), reply.message.body == binary), (Some("/x"), true));
        assert_eq!(house.upstream.count(), 1, "{said}: not followed");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_no_body_passes_without_one() {
    let rows = [
        ("HEAD", "200 OK\r\ncontent-length: 5000", Some("5000")),
        ("HEAD", "200 OK\r\ntransfer-encoding: chunked", None),
        ("HEAD", "200 OK", None),
        ("HEAD", "404 Not Found\r\ncontent-length: 7", Some("7")),
        ("GET", "204 No Content", None),
        ("GET", "304 Not Modified", None),
        ("DELETE", "200 OK\r\ncontent-length: 0", Some("0")),
    ];
    for (method, head, length) in rows {
        let house = House::new();
        house.upstream.always(Say::Raw(format!("HTTP/1.1 {head}\r\n\r\n").into_bytes()));
        let mut client = house.client();
        for _ in 0..2 {
            let reply = client.ask(method, "/v2/clients", &[]).await;
            assert!(head.starts_with(&reply.message.start["HTTP/1.1 ".len()..]), "{method} {head}");
            assert_eq!(reply.field("content-length"), length, "{method} {head}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_preflight_passes_and_touches_nothing() {
    let house = House::new();
    house.ticket("t1", ANN).await;
    let allowed = [("access-control-allow-origin", "https://app.example"), ("vary", "Origin")];
    house.upstream.always(Say::json(200, "", &allowed));
    let fields = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    let reply = house.client().ask("OPTIONS", T1, &fields).await;
    assert_eq!((reply.status, reply.field(allowed[0].0)), (200, Some(allowed[0].1)));
    for (name, value) in fields {
        assert_eq!(house.upstream.last().field(name), Some(value));
    }
    assert!(house.ticket("t1", ANN).await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn the_upgrade_that_javas_client_offers_is_ignored() {
    let house = House::new();
    let mut client = house.client();
    for target in [T1, "/v2/clients", T1] {
        let fields = [
            ("connection", "Upgrade, HTTP2-Settings"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"),
            ("authorization", ANN),
        ];
        assert_eq!(client.ask("GET", target, &fields).await.status, 200, "{target}");
        let heard = house.upstream.last();
        assert_eq!(heard.field("upgrade").or(heard.field("http2-settings")), None, "{target}");
    }
    assert_eq!(house.upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_upstreams_own_path_goes_before_every_other() {
    let house = House::with(|settings| settings.upstream.url.prefix = "/behind/v9".to_owned());
    for target in [T1, "/support-tickets/t1?a=b?c&", "/v2/x%2Fy?", "/"] {
        assert_eq!(house.get(target, ANN).await.status, 200, "{target}");
        assert_eq!(house.upstream.last().start, format!("GET /behind/v9{target} HTTP/1.1"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_get_of_another_path_takes_its_body_with_it_however_it_is_framed() {
    let house = House::new();
    house.upstream.always(Say::json(200, "{}", &[]));
    for (framing, body) in [
        (("transfer-encoding", "chunked"), "5\r\nhello\r\n0\r\n\r\n"),
        (("content-length", "5"), "hello"),
    ] {
        let mut client = house.client();
        client.write(request("GET", "/v2/search", &[framing], body)).await;
        assert_eq!(client.reply_to("GET").await.unwrap().status, 200, "{framing:?}");
        assert_eq!(house.upstream.last().text(), "hello", "{framing:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_that_connection_names_stays_here_on_a_ticket_too() {
    let house = House::new();
    let fields = [("authorization", ANN), ("connection", "origin"), ("origin", "https://a")];
    let reply = house.client().ask("GET", "/v2/support-tickets/t1", &fields).await;
    assert_eq!((reply.status, house.upstream.last().field("origin")), (200, None));
    assert!(house.ticket("t1", ANN).await.is_hit(), "nor is it in the key");
}

#[tokio::test(start_paused = true)]
async fn what_connection_names_does_not_take_ours_away() {
    let house = House::new();
    for target in ["/v2/clients", T1] {
        let fields = [("authorization", ANN), ("connection", "via"), ("via", "1.0 corner")];
        assert_eq!(house.client().ask("GET", target, &fields).await.status, 200, "{target}");
        assert_eq!(house.upstream.last().all("via"), ["1.1 verifik-gateway"], "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_only_the_upstream_finds_too_long_spoils_it_for_nobody() {
    let house = House::new();
    house.upstream.says(|asked| {
        let octets = asked.fields.iter().map(|(name, value)| name.len() + value.len());
        match octets.sum() {
            0..16_000 => Say::ticket("t1", "open", &[]),
            16_000.. => Say::json(431, "{}", &[("cache-control", "max-age=60")]),
        }
    });
    let long = "x".repeat(20_000);
    for (name, status) in [("user-agent", 431), ("x-not-listed", 200)] {
        let fields = [("authorization", ANN), ("cache-control", "no-cache"), (name, &*long)];
        assert_eq!(house.client().ask("GET", T1, &fields).await.status, status, "{name}");
        assert_eq!(house.ticket("t1", ANN).await.status, 200, "after {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_the_body_was_read_announces_that_the_connection_ends() {
    let house = House::new();
    house.reachable.store(false, std::sync::atomic::Ordering::Relaxed);
    let mut client = house.client();
    let fields = [("content-length", "1000000")];
    client.write(request("POST", "/v2/clients", &fields, "part of it")).await;
    let reply = client.reply_to("POST").await.unwrap();
    assert_eq!((reply.status, reply.field("connection")), (502, Some("close")));
}
