//! Other spellings of a ticket's path: refused, or another path. None is answered from what is
//! stored under the plain one, and none changes it.

use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::upstream::Say;

/// Some reader would take these for the ticket `t1`, or for a place in it: refused.
const AMBIGUOUS: &str = r"
/v2/support-tickets/%74%31 /v2/support-tickets/t%31 /v2/support-tickets/%741
/v2/support-tickets/t%2531 /v2/support-ticket%73/t1 /v2/%73upport-tickets/t1
/v2%2Fsupport-tickets%2Ft1 /v2%2fsupport-tickets/t1 /%76%32/support-tickets/t1
/v2/support-tickets%2Ft1 /v2/support-tickets%252Ft1 /v2/support-tickets/t1%2F
/v2/support-tickets/t1%2Fx /v2/support-tickets\t1 /v2\support-tickets\t1
/v2/support-tickets%5Ct1 /v2/support-tickets/./t1 /v2/./support-tickets/t1
/./v2/support-tickets/t1 /v2/support-tickets/t1/. /v2/x/../support-tickets/t1
/v2/support-tickets/x/../t1 /x/../v2/support-tickets/t1 /v2/x/%2e%2e/support-tickets/t1
/v2/x/%252e%252e/support-tickets/t1 /v2/x/.%2e/support-tickets/t1 /v2/x/..%2Fsupport-tickets/t1
/v2/x/..;/support-tickets/t1 /v2/x/..\support-tickets/t1 /v2/support-tickets/t1/x/..
/v2/support-tickets/t1/../t1 /v2/support-tickets/t1;a=b /v2/support-tickets/t1;.css
/v2/support-tickets/t1;/x /v2/support-tickets;a/t1 /v2;a/support-tickets/t1
/v2/support-tickets/t1%3Ba /v2/support-tickets/t1%3bjsessionid=1 /../../v2/support-tickets/t1
/static/..%2Fv2/support-tickets/t1 /support-tickets/%74%31 /support-tickets/./t1
/v2/..%5Csupport-tickets/t1 /v2/support-tickets/t1%00 /v2/support-tickets/t1%00.css
/v2/support-tickets/%00t1 /v2/support-tickets/t1%0a /v2/support-tickets/t1%0d%0aset-cookie:a=b
/v2/support-tickets/t1%0D /v2/x%00y
";

/// Nobody takes these for the ticket `t1`: forwarded verbatim.
const ELSEWHERE: &str = r"
/v2/support-tickets/t1/ /v2/support-tickets//t1 /v2//support-tickets/t1 //v2/support-tickets/t1
/v2/support-tickets/t1// /V2/support-tickets/t1 /v2/Support-Tickets/t1 /v2/SUPPORT-TICKETS/t1
/v2/support-tickets/t1.json /v2/support-tickets/t1.css /v2/support-tickets/t1/x.css
/v2/support-tickets/t1+ /v2/support-tickets/t1%20 /v2/support-tickets/t1%FF
/v2/support-tickets/t1%C0%AF /v2/support-tickets/%EF%BD%941 /v2/support-tickets/t1%CC%81
/v2/support-tickets/é /v2/support-tickets/t1~ /v2/support-tickets/t1:80 /v2/support-tickets/t1@x
/v2/support-tickets/t1,t2 /v2/support-tickets/*t1 /v2/support-tickets/'t1'
/v2/support-tickets/{t1} /v3/support-tickets/t1 /v2/support-tickets/%zz /v2/support-tickets/t1%
/v2/support-tickets/t1%3F /v2/support-tickets/ /v2/support-tickets /v2/support-tickets/..t1
/support-tickets/t1/
";

/// A house with the ticket `t1` stored; whoever asks for anything else is told something else.
async fn house_with_a_ticket() -> (House, String) {
    let house = House::new();
    let stored = house.ticket("t1", ANN).await.text();
    house.upstream.always(Say::ticket("t1", "poisoned", &[]));
    (house, stored)
}

#[tokio::test(start_paused = true)]
async fn a_path_that_some_reader_takes_for_a_ticket_is_refused() {
    let (house, stored) = house_with_a_ticket().await;
    for path in AMBIGUOUS.split_whitespace() {
        for method in ["GET", "HEAD", "POST", "DELETE"] {
            let mut client = house.client();
            let reply = client.ask(method, path, &[("authorization", ANN)]).await;
            assert_eq!((reply.status, house.upstream.count()), (400, 1), "{method} {path}");
            let words = reply.text().contains("GATEWAY_AMBIGUOUS_PATH");
            assert!(client.is_closed().await && (words || method == "HEAD"), "{method} {path}");
        }
        let hit = house.ticket("t1", ANN).await;
        assert_eq!((hit.is_hit(), hit.text() == stored), (true, true), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_that_nobody_takes_for_a_ticket_passes_verbatim_and_is_never_stored() {
    let (house, stored) = house_with_a_ticket().await;
    let mut count = 1;
    for path in ELSEWHERE.split_whitespace().flat_map(|path| [path, path]) {
        let reply = house.get(path, ANN).await;
        count += 1;
        assert_eq!((reply.status, house.upstream.count()), (200, count), "{path}");
        assert_eq!(reply.cache(), "verifik-gateway; fwd=bypass; fwd-status=200", "{path}");
        assert_eq!(house.upstream.last().start, format!("GET {path} HTTP/1.1"));
        let hit = house.ticket("t1", ANN).await;
        assert_eq!((hit.is_hit(), hit.text() == stored), (true, true), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_is_one_to_128_letters_digits_dashes_and_underscores() {
    let longest = "x".repeat(128);
    let rows = [
        (longest.as_str(), true),
        ("support_ticket_123456789", true),
        ("507f1f77bcf86cd799439011", true),
        ("-", true),
        ("Bulk", true),
        ("bulk", false),
        ("insert", false),
        ("threads", false),
        (&format!("{longest}x"), false),
    ];
    for (id, stored) in rows {
        let house = House::new();
        house.ticket(id, ANN).await;
        assert_eq!(house.ticket(id, ANN).await.is_hit(), stored, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fragment_is_no_part_of_a_target_and_never_reaches_the_upstream() {
    let house = House::new();
    for target in ["/v2/support-tickets/t1#x", "/v2/clients#x", "/v2/clients?a=b#/../x"] {
        assert_eq!(house.get(target, ANN).await.status, 200, "{target}");
        let expected = format!("GET {} HTTP/1.1", target.split('#').next().unwrap());
        assert_eq!(house.upstream.last().start, expected);
    }
    assert!(house.ticket("t1", ANN).await.is_hit());
}
