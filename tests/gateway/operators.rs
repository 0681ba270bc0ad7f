//! `purge` and `health` as operators meet them, in front of an admin port that says what a test tells
//! it to.

use crate::fetch_run::place;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

/// What must not be seen anywhere but in the request.
const TOKEN: &str = "operators-7f3cSECRET";

const VARIABLE: &str = "VERIFIK_GATEWAY_ADMIN_TOKEN";
const ADDRESS: &str = "VERIFIK_GATEWAY__ADMIN__ADDRESS";
const TOKEN_FILE: &str = "VERIFIK_GATEWAY__ADMIN__TOKEN_FILE";

const DONE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{\"done\":true}";
const READY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// An admin port that answers every request alike.
struct Desk {
    address: SocketAddr,
    heard: Receiver<String>,
}

impl Desk {
    fn open(answer: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (hear, heard) = mpsc::channel();
        let answer = answer.to_owned();
        thread::spawn(move || {
            for socket in listener.incoming() {
                let _ = hear.send(serve(socket.unwrap(), &answer));
            }
        });
        Self { address, heard }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The one request it was sent, in small letters but for its body.
    fn heard(&self) -> String {
        let heard = self.heard.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(self.heard.try_recv().is_err(), "one request is enough");
        heard
    }
}

fn serve(socket: impl Read + Write, answer: &str) -> String {
    let mut reader = BufReader::new(socket);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut request).unwrap(), 0, "{request}");
    }
    let length = request.split("content-length: ").nth(1).unwrap_or("0");
    let mut body = vec![0; length.split("\r\n").next().unwrap().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    // Who has seen enough leaves.
    let _ = reader.get_mut().write_all(answer.as_bytes());
    request + &String::from_utf8(body).unwrap()
}

/// Runs the command to its end: exit code, stdout, stderr. Neither has the token.
fn ran(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verifik-gateway"));
    command.args(arguments).env_clear().envs(environment.iter().copied()).stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    let (said, told) = (text(output.stdout), text(output.stderr));
    assert!(!said.contains(TOKEN) && !told.contains(TOKEN), "{said}{told}");
    (output.status.code().unwrap(), said, told)
}

fn token_file(name: &str) -> String {
    let path = place(name).join("token");
    fs::write(&path, format!("{TOKEN}\n")).unwrap();
    path.display().to_string()
}

#[test]
fn health_is_ready_or_says_why_not() {
    let answer = |head: &str, body: &str| {
        format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    for (answer, code, said, told) in [
        (READY.to_owned(), 0, "ready\n", ""),
        (answer("200 OK", r#"{"status":"ready"}"#), 0, "ready\n", ""),
        (answer("503 No", r#"{"status":"draining"}"#), 1, "", "not ready: draining\n"),
        (answer("503 No", "<b>"), 1, "", "not ready: it is draining, or has not started yet\n"),
        (answer("404 No", TOKEN), 1, "", "DESK answered 404, and not as an admin port does\n"),
        (answer("200 OK", &"x".repeat(20_000)), 1, "", "an answer that is longer than any of"),
        ("HTTP/1.1 200 OK\r\nlong: ".to_owned() + &"x".repeat(99_999), 1, "", "no answer ("),
        ("hello\r\n\r\n".to_owned(), 1, "", "no answer (invalid HTTP version parsed) from DESK\n"),
        (String::new(), 1, "", "no answer (connection closed before message completed) from DESK"),
    ] {
        let desk = Desk::open(&answer);
        let ran = ran(&["health", "--admin", &desk.url()], &[(VARIABLE, TOKEN)]);
        assert_eq!((ran.0, &*ran.1), (code, said), "{answer:.40}: {}", ran.2);
        let told = told.replace("DESK", &desk.url());
        let whole = if told.is_empty() { told } else { format!("verifik-gateway: {told}") };
        assert!(ran.2.starts_with(&whole) && ran.2.is_empty() == whole.is_empty(), "{}", ran.2);
        assert!(ran.2.lines().count() <= 1, "{}", ran.2);
        let heard = desk.heard();
        assert!(heard.starts_with("GET /ready HTTP/1.1\r\n"), "{heard}");
        assert!(!heard.contains(TOKEN), "it is not wanted: {heard}");
    }
}

#[test]
fn the_gateway_is_found_by_the_settings_where_it_can_be_reached() {
    let file = token_file("operators_settings");
    let desk = Desk::open(READY);
    let everywhere = format!("0.0.0.0:{}", desk.address.port());
    let everywhere = [(ADDRESS, &*everywhere), (TOKEN_FILE, &file)];
    assert_eq!(ran(&["health"], &everywhere), (0, "ready\n".to_owned(), String::new()));
    let heard = desk.heard();
    assert!(heard.contains(&format!("host: 127.0.0.1:{}\r\n", desk.address.port())), "{heard}");
    assert!(!heard.contains(TOKEN), "{heard}");
    let (code, _, told) = ran(&["health"], &[(ADDRESS, "127.0.0.1:0")]);
    assert_eq!(code, 64, "{told}");
    assert!(told.contains("admin.address takes another port at each start"), "{told}");
}

#[test]
fn a_socket_of_the_file_system_is_asked_like_a_port() {
    let path = place("operators_socket").join("admin.sock");
    let named = format!("unix:{}", path.display());
    let nobody = format!("verifik-gateway: refused: nothing listens at {named}\n");
    assert_eq!(ran(&["health", "--admin", &named], &[]), (1, String::new(), nobody));
    let listener = UnixListener::bind(&path).unwrap();
    let desk = thread::spawn(move || serve(listener.accept().unwrap().0, DONE));
    let done = (0, format!("purged at {named}: everything\n"), String::new());
    assert_eq!(ran(&["purge", "--all"], &[(ADDRESS, &named)]), done);
    let heard = desk.join().unwrap();
    assert!(heard.starts_with("POST /purge HTTP/1.1\r\nhost: localhost\r\n"), "{heard}");
}

#[test]
fn where_nobody_listens_that_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", taken.local_addr().unwrap());
    drop(taken);
    let expected = format!("verifik-gateway: refused: nothing listens at {url}\n");
    for arguments in [&["health", "--admin", &url][..], &["purge", "--all", "--admin", &url]] {
        assert_eq!(ran(arguments, &[]), (1, String::new(), expected.clone()), "{arguments:?}");
    }
}

#[test]
fn purge_sends_what_is_to_be_forgotten_and_says_so() {
    for (what, body, named) in [
        (&["--ticket", "t-1_A"][..], r#"{"ticket":"t-1_A"}"#, "ticket t-1_A"),
        (&["--all"], r#"{"all":true}"#, "everything"),
    ] {
        let desk = Desk::open(DONE);
        let url = format!("{}/team", desk.url());
        let arguments = [&["purge", "--admin", &url], what].concat();
        let done = (0, format!("purged at {url}: {named}\n"), String::new());
        assert_eq!(ran(&arguments, &[]), done, "{what:?}");
        let heard = desk.heard();
        let host = desk.address;
        let start = format!("POST /team/purge HTTP/1.1\r\nhost: {host}\r\n");
        assert!(heard.starts_with(&start) && heard.ends_with(body), "{heard}");
        assert!(heard.contains("content-type: application/json\r\n"), "{heard}");
        assert!(!heard.contains("authorization"), "{heard}");
    }
}

#[test]
fn a_token_is_sent_and_where_one_that_is_refused_comes_from_is_told() {
    let file = token_file("operators_token");
    let refusal = r#"{"code":"ADMIN_UNAUTHORIZED","message":"no"}"#;
    let length = refusal.len();
    let refusal = format!("HTTP/1.1 401 No\r\ncontent-length: {length}\r\n\r\n{refusal}");
    for (more, environment, told) in [
        (&["--token-file", &file][..], &[(VARIABLE, "another")][..], "the token of --token-file"),
        (
            &[],
            &[(VARIABLE, TOKEN), (TOKEN_FILE, &file)],
            "the token of VERIFIK_GATEWAY_ADMIN_TOKEN",
        ),
        (&[], &[(TOKEN_FILE, &file)], "the token of admin.token_file"),
        (&[], &[], "wants a token; purge --help says"),
    ] {
        let (desk, strict) = (Desk::open(DONE), Desk::open(&refusal));
        let run = |desk: &Desk| {
            let url = desk.url();
            ran(&[&["purge", "--all", "--admin", &url], more].concat(), environment)
        };
        assert_eq!(run(&desk).0, 0, "{told}");
        let heard = desk.heard();
        let sent = heard.contains(&format!("authorization: Bearer {TOKEN}\r\n"));
        assert_eq!(sent, told.starts_with("the token"), "{heard}");
        let (code, said, complaint) = run(&strict);
        assert_eq!((code, &*said), (1, ""), "{complaint}");
        assert!(complaint.contains(told), "{told}: {complaint}");
    }
}

#[test]
fn what_is_refused_is_told_in_the_gateways_own_words_alone() {
    let bad = r#"{"code":"ADMIN_BAD_PURGE","message":"no\u001b"}"#;
    let echo = format!(r#"{{"code":"ADM","message":"{TOKEN}"}}"#);
    for (status, body, told) in [
        (400, bad, "answered 400 ADMIN_BAD_PURGE: no\\u{1b}\n"),
        (400, &*echo, "answered 400, and not as an admin port does\n"),
        (200, &*echo, "answered 200, and not as an admin port does\n"),
        (404, "", "answered 404, and not as an admin port does\n"),
    ] {
        let length = body.len();
        let desk =
            Desk::open(&format!("HTTP/1.1 {status} A\r\ncontent-length: {length}\r\n\r\n{body}"));
        let url = desk.url();
        let ran = ran(&["purge", "--ticket", "a", "--admin", &url], &[(VARIABLE, TOKEN)]);
        assert_eq!(ran, (1, String::new(), format!("verifik-gateway: {url} {told}")), "{status}");
    }
}

#[test]
fn what_is_wrong_from_the_start_is_asked_of_nobody() {
    let desk = Desk::open(DONE);
    let url = desk.url();
    for (arguments, environment, told) in [
        (&["purge", "--admin", &url][..], &[][..], "required arguments were not provided"),
        (&["purge", "--ticket", "bulk", "--admin", &url], &[], "is no ticket's id"),
        (&["purge", "--all", "--admin", &url], &[(VARIABLE, "a b")], "ADMIN_TOKEN holds a space"),
        (
            &["purge", "--all", "--admin", &url, "--token-file", "no/such"],
            &[],
            "--token-file cannot",
        ),
        (&["health", "--admin", &url], &[(ADDRESS, "nowhere")], "is not an address"),
        (&["health", "--admin", &url, "--token-file", "src"], &[], "--token-file is no plain file"),
    ] {
        let (code, said, complaint) = ran(arguments, environment);
        assert_eq!((code, &*said), (64, ""), "{arguments:?}: {complaint}");
        assert!(complaint.contains(told), "{arguments:?}: {complaint}");
    }
    assert!(desk.heard.try_recv().is_err());
}
