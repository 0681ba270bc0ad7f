//! Spellings of a ticket's path and forms of a target.

use crate::case::CANARY_FIELD;
use crate::case::Draft;
use crate::case::Place;

/// Some reader takes these for a ticket, or for a place in it.
const AMBIGUOUS: &str = r"
/v2/support-tickets/%74%31 /v2/support-tickets/t%31 /v2/support-tickets/%741 /v2/support-tickets/t%2531
/v2/support-ticket%73/t1 /v2/%73upport-tickets/t1 /v2%2Fsupport-tickets%2Ft1 /v2%2fsupport-tickets/t1
/%76%32/support-tickets/t1 /v2/support-tickets%2Ft1 /v2/support-tickets%252Ft1 /v2/support-tickets/t1%2F
/v2/support-tickets/t1%2Fx /v2/support-tickets\t1 /v2\support-tickets\t1 /v2/support-tickets%5Ct1
/v2/support-tickets/./t1 /v2/./support-tickets/t1 /./v2/support-tickets/t1 /v2/support-tickets/t1/.
/v2/x/../support-tickets/t1 /v2/support-tickets/x/../t1 /x/../v2/support-tickets/t1 /../../v2/support-tickets/t1
/v2/x/%2e%2e/support-tickets/t1 /v2/x/%252e%252e/support-tickets/t1 /v2/x/.%2e/support-tickets/t1
/v2/x/..%2Fsupport-tickets/t1 /v2/x/..;/support-tickets/t1 /v2/x/..\support-tickets/t1
/v2/support-tickets/t1/x/.. /v2/support-tickets/t1/../t1 /v2/support-tickets/t1;a=b /v2/support-tickets/t1;.css
/v2/support-tickets/t1;/x /v2/support-tickets;a/t1 /v2;a/support-tickets/t1 /v2/support-tickets/t1%3Ba
/v2/support-tickets/t1%3bjsessionid=1 /static/..%2Fv2/support-tickets/t1 /support-tickets/%74%31
/support-tickets/./t1 /v2/..%5Csupport-tickets/t1 /v2/support-tickets/t1%00 /v2/support-tickets/t1%00.css
/v2/support-tickets/%00t1 /v2/support-tickets/t1%0a /v2/support-tickets/t1%0d%0aset-cookie:a=b
/v2/support-tickets/t1%0D /v2/x%00y /v2/x%0ay /v2/x%0Dy
";

/// Nobody takes these for a ticket.
const ELSEWHERE: &str = r"
/v2/support-tickets/t1/ /v2/support-tickets//t1 /v2//support-tickets/t1 //v2/support-tickets/t1
/v2/support-tickets/t1// /V2/support-tickets/t1 /v2/Support-Tickets/t1 /v2/SUPPORT-TICKETS/t1
/v2/support-tickets/t1.json /v2/support-tickets/t1.css /v2/support-tickets/t1/x.css /v2/support-tickets/t1+
/v2/support-tickets/t1%20 /v2/support-tickets/t1%FF /v2/support-tickets/t1%C0%AF /v2/support-tickets/%EF%BD%941
/v2/support-tickets/t1%CC%81 /v2/support-tickets/t1~ /v2/support-tickets/t1:80 /v2/support-tickets/t1@x
/v2/support-tickets/t1,t2 /v2/support-tickets/*t1 /v2/support-tickets/'t1' /v2/support-tickets/t1! /v2/support-tickets
/v2/support-tickets/ /v2/support-tickets/bulk /v3/support-tickets/t1 / // /v2/lookups/a%2Fb /v2/lookups/a;b
/v2/lookups/../lookups /v2/lookups/%E9 /v2/x=y&z /_gatewayx /_gateway /%5fgateway/live
";

/// Tickets.
const TICKETS: &str = r"
/v2/support-tickets/t1 /support-tickets/t1 /v2/support-tickets/T1 /v2/support-tickets/01 /v2/support-tickets/-1
/v2/support-tickets/0x1 /v2/support-tickets/1e0 /v2/support-tickets/18446744073709551617 /v2/support-tickets/_
";

/// The gateway's own, and what stands nowhere there.
const NO_PAGES: &str = r"
/_gateway/ /_gateway/x /_gateway/live/ /_gateway/LIVE /_gateway/../v2/support-tickets/t1 /_gateway//live
/_gateway/%6cive /_gateway/live%00 /_gateway/live;a /_gateway/metrics /_gateway/purge /_gateway/.
";

/// In no form that is served: not origin form, not the absolute form of `gateway`.
const FORMS: &str = r"
* ! a gateway gateway:80 :80 ?a=b v2/x ./v2/x ../v2/x \v2\x %2Fv2/x http: http:/ http:// http:/v2/x http:///v2/x
http://elsewhere/v2/x http://elsewhere http://127.0.0.1/v2/x http://[::1]/v2/x http://gateway:80/v2/x
http://gateway:8080/v2/x http://gateway:/v2/x http://gateway./v2/x http://gateway.elsewhere/v2/x
http://ann@gateway/v2/x http://ann:x@gateway/v2/x http://gateway@elsewhere/v2/x http://@gateway/v2/x
http://gateway%2eelsewhere/v2/x http://gateway%00/v2/x http://gateway\elsewhere/v2/x http://gateway,elsewhere/v2/x
http://elsewhere#@gateway/v2/x http://elsewhere?@gateway/v2/x http://elsewhere/@gateway/v2/x
ftp://gateway/v2/x file:///v2/x gopher://gateway/v2/x javascript:alert(1) data:,x ws://gateway/v2/x wss://gateway/v2/x
urn:x HTTP//gateway/v2/x http;//gateway/v2/x httpx://gateway/v2/x //gateway:x@
";

pub fn drafts() -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (paths, place) in [
        (AMBIGUOUS, Place::Ambiguous),
        (ELSEWHERE, Place::Elsewhere),
        (TICKETS, Place::Ticket),
        (NO_PAGES, Place::NoPage),
        ("/_gateway/live", Place::Live),
    ] {
        for path in paths.split_whitespace() {
            drafts.extend(spelled(path).map(|(method, target)| draft(method, &target, place)));
        }
    }
    let forms = FORMS.split_whitespace().chain([""]);
    let forms = forms.filter(|form| !form.starts_with("//"));
    drafts.extend(
        forms.flat_map(|form| {
            ["GET", "OPTIONS"].map(|method| draft(method, form, Place::Elsewhere))
        }),
    );
    drafts.extend([7_000, 9_000, 40_000, 70_000].map(|length| {
        draft("GET", &format!("/v2/{}?c=@canary@", "x".repeat(length)), Place::Elsewhere)
    }));
    drafts
}

/// As it is, with a query, with what looks like one, and in the absolute form.
fn spelled(path: &str) -> impl Iterator<Item = (&'static str, String)> {
    [
        ("GET", format!("{path}?c=@canary@")),
        ("HEAD", format!("{path}?c=@canary@")),
        ("GET", format!("{path}?c=@canary@&p=/v2/support-tickets/t1")),
        ("GET", format!("{path}?c=@canary@?a=%00")),
        ("GET", format!("http://gateway{path}?c=@canary@")),
        ("HEAD", format!("https://GATEWAY{path}?c=@canary@")),
        ("GET", format!("http://elsewhere{path}?c=@canary@")),
    ]
    .into_iter()
}

fn draft(method: &str, target: &str, place: Place) -> Draft {
    let fields = format!("host: gateway\r\nauthorization: Bearer hostile\r\n{CANARY_FIELD}");
    let template = format!("{method} {target} HTTP/1.1\r\n{fields}\r\n");
    let shown: String = target.chars().take(80).collect();
    Draft::new(format!("target {shown}"), template, place)
}
