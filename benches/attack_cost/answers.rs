//! What a hostile upstream answers.

use crate::plain;
use crate::row::CHUNKS;
use crate::row::MAP;
use crate::row::Row;
use crate::row::filled;
use crate::script::Lines;
use crate::trial::cut;

/// The longest that is stored, `cache.max_stored_body`, and a little less.
const STORED: usize = 1024 * 1024 - 1024;

const BAD: &str = "502|UPSTREAM_MALFORMED";
const CUT: &str = "502|UPSTREAM_TRUNCATED";
/// The same, where more fields come before that one than are looked at.
const LONG: &str = "200|";
const FINE: &str = "200|; fwd=uri-miss";

pub(crate) fn bodies() -> Vec<Row> {
    let whole = |body: String| Lines::new(plain::head("", body.len()) + &body);
    let json = |before: &str, part: &str, after: &str| {
        whole(format!("{before}{}{after}", filled(part, STORED)))
    };
    let ticket = r#"{"data":{"_id":"t1","status":"open","a":"#;
    let names: String = (10_000_000..10_060_000)
        .flat_map(|n| ["\"a".to_owned(), n.to_string(), "\":1,".to_owned()])
        .collect();
    vec![
        Row::answer("4 MiB, not stored", whole("a".repeat(4 * 1024 * 1024)), FINE),
        Row::answer("JSON, [", json("", "[", ""), FINE),
        Row::answer("JSON, { in {", json("", "{\"a\":", ""), FINE),
        Row::answer("JSON, [] in [", json(&format!("{ticket}["), "[],", "[]]}}"), FINE),
        Row::answer("JSON, a ticket of numbers", json(&format!("{ticket}["), "1,", "1]}}"), FINE),
        Row::answer("JSON, long numbers", json(ticket, "1", "}}"), FINE),
        Row::answer("JSON, exponents", json(&format!("{ticket}["), "1e99,", "1]}}"), FINE),
        Row::answer("JSON, names", whole(format!("{ticket}1,{names}\"z\":1}}}}")), FINE),
        Row::answer(
            "JSON, one name again",
            json(&format!("{ticket}1,"), "\"a\":1,", "\"z\":1}}"),
            FINE,
        ),
        Row::answer("JSON, _id again", json("{\"data\":{", "\"_id\":\"t1\",", "\"z\":1}}"), FINE),
        Row::answer("JSON, data again", json("{", "\"data\":{},", "\"z\":1}"), FINE),
        Row::answer("JSON, escapes", json(&format!("{ticket}\""), "\\u00e9", "\"}}"), FINE),
        Row::answer(
            "JSON, an _id of escapes",
            json("{\"data\":{\"_id\":\"", "\\u0074", "\"}}"),
            FINE,
        ),
        Row::answer("JSON, half surrogates", json(&format!("{ticket}\""), "\\ud800", "\"}}"), FINE),
        Row::answer("JSON, blanks", json(&format!("{ticket}1"), " ", "}}"), FINE),
        Row::answer(
            "not UTF-8 at the end",
            Lines::new(
                [plain::head("", STORED).into_bytes(), vec![b' '; STORED - 1], vec![0xff]].concat(),
            ),
            FINE,
        ),
    ]
}

/// Ways to frame a body.
pub(crate) fn frames() -> Vec<Row> {
    let chunked = |chunks: String| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Transfer-Encoding: chunked\r\n\r\n{chunks}"
        )
    };
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    let hint = format!("HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n", "a".repeat(3_000));
    vec![
        Row::answer(
            "chunks of 1 octet",
            Lines::new(chunked("1\r\n1\r\n".repeat(100_000) + "0\r\n\r\n")),
            FINE,
        )
        .known(150.0, CHUNKS),
        Row::answer(
            "an extension without end",
            Lines::new(chunked(format!("1;{}", "a".repeat(64 * 1024)))),
            "502|",
        ),
        Row::answer(
            "chunks with extensions",
            Lines::new(chunked("1;aaaaaaaa\r\n1\r\n".repeat(1_000) + "0\r\n\r\n")),
            FINE,
        )
        .known(150.0, CHUNKS),
        Row::answer(
            "trailers without end",
            Lines::new(chunked("0\r\n".to_owned() + &"a: b\r\n".repeat(10_000))),
            "502|",
        ),
        Row::answer(
            "cut, half of 1 MiB",
            cut(plain::head("", STORED) + &" ".repeat(STORED / 2)),
            CUT,
        ),
        Row::answer("cut, chunks", cut(chunked("1\r\n1\r\n".repeat(10_000))), CUT)
            .known(150.0, CHUNKS),
        Row::answer("no HTTP", Lines::new("x".repeat(20_000)), BAD),
        Row::answer("1 000 interim answers", Lines::new(interim.repeat(1_000)), BAD),
        Row::answer(
            "16 long interim answers",
            Lines::new(hint.repeat(16) + &plain::head("", 2) + "{}"),
            FINE,
        ),
    ]
}

/// Heads.
pub(crate) fn heads() -> Vec<Row> {
    let fields = |fields: &str| Lines::new(plain::head(fields, 0));
    let good = |fields: &str| {
        let body = r#"{"data":{"_id":"t1","status":"open"}}"#;
        Lines::new(plain::head(fields, body.len()) + body)
    };
    let wide = |name: &str, part: &str| good(&format!("{name}: {}\r\n", filled(part, 60 * 1024)));
    vec![
        Row::answer("101 fields", fields(&"x: y\r\n".repeat(101)), BAD),
        Row::answer("5 000 fields", fields(&"x: y\r\n".repeat(5_000)), BAD),
        Row::answer(
            "a head of 200 KiB",
            fields(&format!("x: {}\r\n", "a".repeat(200 * 1024))),
            BAD,
        ),
        Row::answer("a head of 60 KiB by 1", Lines { piece: 1, ..wide("x", "a") }, LONG),
        Row::answer("90 cookies", good(&"Set-Cookie: a=b\r\n".repeat(90)), LONG).known(40.0, MAP),
        Row::answer("Cache-Control", wide("Cache-Control", "a,"), LONG),
        Row::answer(
            "Cache-Control, no-cache fields",
            good(&format!("Cache-Control: no-cache=\"{}\"\r\n", filled("a,", 60 * 1024))),
            LONG,
        ),
        Row::answer("Vary", wide("Vary", "a,"), LONG),
        Row::answer("Vary, long names", wide("Vary", "abcdefghijklmnopqrstuvwxyz,"), LONG),
        Row::answer("Connection", wide("Connection", "a,"), LONG),
        Row::answer(
            "ETag, 60 KiB",
            good(&format!("ETag: \"{}\"\r\n", "a".repeat(60 * 1024))),
            LONG,
        ),
        Row::answer("another field, 60 KiB", wide("X", "a;b=c"), LONG),
        Row::answer("quota fields", wide("RateLimit", "\"a\";r=1;t=1,"), LONG),
    ]
}
