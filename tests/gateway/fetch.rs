//! `fetch` as its users meet it, in front of a gateway that says what a test tells it to: what it
//! asks, and what it makes of what it hears.

use crate::fetch_run::TOKEN;
use crate::fetch_run::fetch;
use crate::fetch_run::place;
use crate::fetch_scripted::HEAD;
use crate::fetch_scripted::Say;
use crate::fetch_scripted::Scripted;
use crate::fetch_scripted::id_of;
use crate::fetch_scripted::ids_in;
use crate::fetch_scripted::last;
use crate::fetch_scripted::line;
use crate::fetch_scripted::ticket;
use std::fs;
use std::net::TcpListener;
use std::time::Duration;

#[test]
fn answers_come_as_lines_in_their_order_and_failures_are_told() {
    let gateway = Scripted::open(|_, _| {
        Say::Lines(vec![
            line(2, "c", 404, "miss", r#"{"message":"SUPPORT_TICKET_NOT_FOUND"}"#),
            line(0, "a", 200, "hit", &ticket("a")),
            line(1, "b", 500, "miss", r#""oops""#),
            line(3, "d", 429, "refused", r#"{"code":"GATEWAY_LIMIT"}"#),
            last(1, 7),
        ])
    });
    let ran = gateway.fetch("a\nb\n\nc\na\nd\n", &[]).ended();
    let expected = [
        line(2, "c", 404, "miss", r#"{"message":"SUPPORT_TICKET_NOT_FOUND"}"#),
        line(0, "a", 200, "hit", &ticket("a")),
    ];
    assert_eq!(ran.said, expected.concat(), "{}", ran.told);
    assert_eq!(ran.code, 1, "{}", ran.told);
    for expected in [
        "verifik-gateway: 4 asked, 1 found, 1 not found, 2 failed, 1 hits, 7 upstream calls, ",
        "\nfailed:\n  b 500\n  d 429 refused\n",
        "--resume could go on from here.",
    ] {
        assert!(ran.told.contains(expected), "{expected}: {}", ran.told);
    }
    assert_eq!(gateway.asked(), [["a", "b", "c", "d"]]);
    let head = gateway.head();
    assert!(head.starts_with("POST /_gateway/tickets HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("authorization: Bearer {TOKEN}\r\n")), "{head}");
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
}

#[test]
fn the_exit_code_says_what_is_missing() {
    let gateway = Scripted::open(|_, ids| Say::all(ids));
    for (ids, code) in [("", 0), ("a\nb", 0), ("a\nmissing_1\nb", 2), ("missing_1", 2)] {
        let ran = gateway.fetch(ids, &[]).ended();
        assert_eq!(ran.code, code, "{ids:?}: {}", ran.told);
    }
}

#[test]
fn long_lists_go_in_several_calls_and_indices_are_those_of_the_list() {
    let gateway = Scripted::open(|_, ids| Say::all(ids));
    let file = place("calls").join("gateway.toml");
    fs::write(&file, "[batch]\nmax_ids = 1000\npath = \"/_gateway/many\"\n").unwrap();
    let list: Vec<_> = (0..2_500).map(|number| format!("t{number}")).collect();
    let ran = gateway.fetch(&list.join("\r\n"), &["--config", file.to_str().unwrap()]).ended();
    assert_eq!(ran.code, 0, "{}", ran.told);
    let lengths: Vec<_> = gateway.asked().iter().map(Vec::len).collect();
    assert_eq!(lengths, [1_000, 1_000, 500]);
    let index = |line: &str| format!(r#"{{"index":{},"#, &id_of(line)[1..]);
    assert!(ran.said.lines().all(|line| line.starts_with(&index(line))), "{}", ran.said);
    assert_eq!(ran.said.lines().count(), list.len());
    assert!(gateway.head().starts_with("POST /_gateway/many HTTP/1.1\r\n"));
}

#[test]
fn a_gateway_that_takes_fewer_ids_at_once_is_asked_for_fewer() {
    let gateway = Scripted::open(|_, ids| match ids.len() {
        ..=3 => Say::all(ids),
        _ => Say::Raw("HTTP/1.1 413 Long\r\ncontent-length: 0\r\n\r\n".to_owned()),
    });
    let ran = gateway.fetch("a\nb\nc\nd\ne\nf\ng", &[]).ended();
    assert_eq!((ran.code, ids_in(&ran.said)), (0, "a b c d e f g".into()), "{}", ran.told);
    let lengths: Vec<_> = gateway.asked().iter().map(Vec::len).collect();
    assert_eq!(lengths, [7, 3, 3, 1]);
}

/// Whether the answer ends as it should but for its last line, or where it should not.
#[test]
fn what_a_call_that_broke_off_has_left_is_asked_for_again() {
    for length in ["", "content-length: 100000\r\n"] {
        let gateway = Scripted::open(move |call, ids| match call {
            0 => Say::Raw(format!("{}{length}\r\n{}", HEAD, Say::answers(&ids[..2]).concat())),
            1 => Say::Raw(String::new()),
            2 => Say::Raw(format!("HTTP/1.1 503 Out\r\n{length}\r\n")),
            _ => Say::all(ids),
        });
        let ran = gateway.fetch("a\nb\nc\nd", &[]).ended();
        assert_eq!(ran.code, 0, "{length}: {}", ran.told);
        assert_eq!(ids_in(&ran.said), "a b c d", "{length}");
        let rest = ["c", "d"].as_slice();
        assert_eq!(gateway.asked(), [&["a", "b", "c", "d"], rest, rest, rest], "{length}");
        assert!(ran.told.contains(", 4 upstream calls, "), "{length}: {}", ran.told);
    }
}

/// It takes one id at a time, and is not there for a moment after its first answer.
#[test]
fn a_gateway_that_is_started_anew_between_two_calls_is_waited_for() {
    let gateway = Scripted::with_a_gap(Duration::from_millis(400), |_, ids| Say::all(ids));
    let file = place("anew").join("gateway.toml");
    fs::write(&file, "[batch]\nmax_ids = 1\n").unwrap();
    let ran = gateway.fetch("a\nb\nc", &["--config", file.to_str().unwrap()]).ended();
    assert_eq!((ran.code, ids_in(&ran.said)), (0, "a b c".into()), "{}", ran.told);
}

#[test]
fn a_dead_credential_ends_the_run() {
    let gateway = Scripted::open(|_, ids| {
        let dead = line(1, &ids[1], 401, "miss", r#"{"code":"Unauthorized"}"#);
        let end = r#"{"done":true,"asked":3,"answered":2,"stopped":"credential-dead"}"#;
        Say::Lines(vec![line(0, &ids[0], 200, "hit", &ticket(&ids[0])), dead, format!("{end}\n")])
    });
    let ran = gateway.fetch("a\nb\nc", &[]).ended();
    assert_eq!((ran.code, ids_in(&ran.said)), (1, "a".into()), "{}", ran.told);
    assert!(ran.told.contains("1 failed, 1 left, "), "{}", ran.told);
    assert!(ran.told.contains("\nfailed:\n  b 401\nthe API does not accept"), "{}", ran.told);
    assert_eq!(gateway.asked().len(), 1);
}

#[test]
fn what_is_no_gateway_or_refuses_is_not_asked_again() {
    let refusal = r#"{"code":"GATEWAY_BAD_IDS","message":"Id 1: that's not an id\u001b"}"#;
    let html = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>";
    for (raw, expected) in [
        (
            format!("HTTP/1.1 400 Bad\r\ncontent-length: {}\r\n\r\n{refusal}", refusal.len()),
            "answered 400 GATEWAY_BAD_IDS: Id 1: that's not an id\\u{1b}\n",
        ),
        (html.to_owned(), "answered 200, and not as a gateway answers a batch\n"),
        (
            format!("HTTP/1.1 404 No\r\nconnection: close\r\n\r\n{{\"message\":\"{TOKEN}\"}}"),
            "takes no batches at /_gateway/tickets (its batch.path may be another, or none)\n",
        ),
        (format!("{HEAD}\r\nhello\n"), "sent a line that is none of a batch's\n"),
        (format!("{HEAD}\r\n{}", line(1, "a", 200, "hit", "1")), "answered what was not asked\n"),
    ] {
        let said = raw.clone();
        let gateway = Scripted::open(move |_, _| Say::Raw(said.clone()));
        let ran = gateway.fetch("a\nb", &[]).ended();
        assert_eq!((ran.code, ran.said.as_str()), (1, ""), "{raw}: {}", ran.told);
        let expected = format!("gateway http://{}: {expected}", gateway.address);
        assert!(ran.told.contains(&expected), "{raw}: {}", ran.told);
        assert_eq!(gateway.asked().len(), 1, "{raw}");
    }
}

#[test]
fn a_gateway_that_is_not_there_is_named_at_once() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = fetch("a", &["-", "--gateway", &format!("http://{free}")], Some(TOKEN)).ended();
    assert_eq!(ran.code, 1, "{}", ran.told);
    assert!(ran.told.contains(&format!("gateway http://{free}: Connection ref")), "{}", ran.told);
}

#[test]
fn what_is_wrong_is_told_before_anything_is_asked() {
    let gateway = Scripted::open(|_, ids| Say::all(ids));
    let (place, url) = (place("wrong"), gateway.url());
    let path = |name: &str| place.join(name).to_str().unwrap().to_owned();
    fs::write(path("full"), "something of mine").unwrap();
    fs::write(path("ids"), format!("a\nid,name\n{TOKEN}\n")).unwrap();
    let (full, ids, absent) = (path("full"), path("ids"), path("absent"));
    for (arguments, token, expected) in [
        (vec!["-"], None, "the token is wanted: --token-file FILE, or the variable VERIFIK_TOKEN"),
        (vec!["-"], Some("a\nb"), "VERIFIK_TOKEN holds more than one line"),
        (vec!["-", "--token-file", TOKEN], None, "--token-file cannot be read: No such file"),
        (vec![TOKEN], Some(TOKEN), "the list cannot be read: No such file"),
        (vec![&absent], Some(TOKEN), "absent cannot be read: No such file"),
        (vec![&ids], Some(TOKEN), "\n  line 2 has ',' in it\n  line 3 has '.' in it"),
        (vec!["-", "--output", &full], Some(TOKEN), "full is not empty; --resume goes on with it"),
        (vec!["-", "--dir", place.to_str().unwrap()], Some(TOKEN), "wrong is not empty; --resume"),
        (vec!["-", "--dir", &full], Some(TOKEN), "full is a file; --dir wants a directory"),
        (
            vec!["-", "--output", place.to_str().unwrap()],
            Some(TOKEN),
            "wrong cannot be written to: Is a directory",
        ),
        (
            vec!["-", "--output", &full, "--resume"],
            Some(TOKEN),
            "full cannot be gone on with: line 1",
        ),
        (vec!["-", "--resume"], Some(TOKEN), "the following required arguments were not provided"),
        (vec!["-", "--output", "a", "--dir", "b"], Some(TOKEN), "cannot be used with"),
        (vec!["-", "--token", TOKEN], None, "unexpected argument '--token' found"),
        (
            vec!["-", "--gateway", "https://x"],
            Some(TOKEN),
            "is https, which the gateway's port does",
        ),
        (vec![], Some(TOKEN), "the following required arguments were not provided"),
    ] {
        let arguments = [arguments, vec!["--gateway", &url]].concat();
        let ran = fetch("a", &arguments, token).ended();
        assert_eq!((ran.code, ran.said.as_str()), (64, ""), "{arguments:?}: {}", ran.told);
        assert!(ran.told.contains(expected), "{arguments:?}: {}", ran.told);
    }
    assert_eq!(fs::read_to_string(full).unwrap(), "something of mine");
    assert!(gateway.asked().is_empty());
}
