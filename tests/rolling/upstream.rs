//! The upstream: knows every credential, stamps each answer, and counts.

use crate::tally::Tally;
use crate::versions::Versions;
use crate::wire::Connection;
use crate::wire::Message;
use crate::world::Stamp;
use crate::world::TICKETS;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Listens until the test ends; on which port.
pub async fn open(versions: Arc<Versions>, tally: Arc<Tally>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (versions, tally) = (Arc::clone(&versions), Arc::clone(&tally));
            tokio::spawn(serve(versions, tally, Connection::new(socket)));
        }
    });
    port
}

async fn serve(versions: Arc<Versions>, tally: Arc<Tally>, mut connection: Connection) {
    // A gateway that ends, or that has another way here, leaves.
    while let Ok(Some(asked)) = connection.message().await {
        Tally::add(&tally.heard);
        let reply = answer(&versions, &asked);
        // Some are still under way when the rules change.
        if asked.head.len() % 3 == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        if connection.write(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn answer(versions: &Versions, asked: &Message) -> String {
    let words = asked.words();
    let (method, target) = (words[0], words[1]);
    let credential = asked.field("authorization").and_then(|own| own.strip_prefix("Bearer tok_"));
    let credential = credential.and_then(|own| own.parse().ok()).expect("a credential");
    let last = target.rsplit('/').next().unwrap();
    let ticket = last[1..].parse().expect("an id");
    let stamp = Stamp { credential, ticket, version: versions.version(ticket % TICKETS) };
    match (method, last.chars().next()) {
        ("GET", Some('t')) if asked.field("if-none-match") == Some(&tag(stamp)) => {
            format!("HTTP/1.1 304 Same\r\netag: {}\r\n\r\n", tag(stamp))
        }
        ("GET", Some('t')) => whole(200, &format!("etag: {}\r\n", tag(stamp)), &stamp.body()),
        ("GET", Some('n')) => {
            let (error, stamp) = ("SUPPORT_TICKET_NOT_FOUND", stamp.text());
            whole(404, "", &format!(r#"{{"error":"{stamp}","message":"{error}"}}"#))
        }
        ("GET", _) => whole(200, "", &format!(r#"{{"elsewhere":"{}"}}"#, stamp.text())),
        _ => {
            let stamp = Stamp { version: versions.written(ticket), ..stamp };
            whole(200, "", &format!(r#"{{"written":"{}"}}"#, stamp.text()))
        }
    }
}

fn tag(stamp: Stamp) -> String {
    format!("\"{}\"", stamp.text())
}

fn whole(status: u16, fields: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\n{fields}\
         content-length: {length}\r\n\r\n{body}"
    )
}
