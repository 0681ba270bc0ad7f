//! What the stand-in upstream answers: the documented statuses and bodies of the ticket API.

use crate::app::stand_in_endpoint::Endpoint;
use crate::app::stand_in_tickets::Tickets;
use http::StatusCode;
use serde_json::Value;
use serde_json::json;

/// An answer's status and its JSON.
#[derive(Debug, Eq, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body's text.
    pub body: String,
}

impl Answer {
    /// An answer of this status with this JSON.
    pub fn new(status: StatusCode, body: &Value) -> Self {
        Self { status, body: body.to_string() }
    }

    /// The answer to a write that shows no ticket.
    fn completed(found: bool) -> Self {
        if found {
            Self::new(StatusCode::OK, &json!({"status": "completed"}))
        } else {
            Self::not_found("Support ticket not found")
        }
    }

    fn created(data: &Value) -> Self {
        Self::new(StatusCode::CREATED, &json!({ "data": data }))
    }

    fn required(what: &str) -> Self {
        let message = format!("{what} is required");
        Self::new(StatusCode::BAD_REQUEST, &json!({"code": "BadRequest", "message": message}))
    }

    fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, &json!({"code": "NotFound", "message": message}))
    }

    /// The error of the reference page, whose first field is prose in the page's language.
    fn no_ticket() -> Self {
        let error = "Ticket de soporte no encontrado";
        let body = json!({"error": error, "message": "SUPPORT_TICKET_NOT_FOUND"});
        Self::new(StatusCode::NOT_FOUND, &body)
    }
}

/// A request, as far as the answer depends on it. Not printable: it holds a credential.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The method as sent.
    pub method: &'a str,
    /// What the path names.
    pub endpoint: Endpoint<'a>,
    /// The target after the first `?`.
    pub query: &'a str,
    /// The value of `Authorization`.
    pub authorization: Option<&'a [u8]>,
    /// The body, or nothing where it was too long to be kept.
    pub body: &'a [u8],
    /// The body's whole length in bytes.
    pub body_bytes: u64,
}

impl Asked<'_> {
    /// Does what is asked, at `now` (RFC 3339), and says what the API would say.
    pub fn answer(&self, tickets: &mut Tickets, now: &str) -> Answer {
        if let Some(refused) = self.refused() {
            return refused;
        }
        match (self.endpoint, self.method) {
            (Endpoint::Tickets, "GET" | "HEAD") => Answer::new(StatusCode::OK, &tickets.list()),
            (Endpoint::Tickets | Endpoint::Insert, "POST") => self.create(tickets, now),
            (Endpoint::Bulk, "POST") => self.delete_all(tickets),
            (Endpoint::Seen, "PUT") => self.see(tickets, now),
            (Endpoint::Ticket(id), "GET" | "HEAD") => self.read(id, tickets),
            (Endpoint::Ticket(id), "PUT") => self.update(id, tickets, now),
            (Endpoint::Ticket(id), "DELETE") => Answer::completed(tickets.delete(id)),
            (Endpoint::Thread(id), "POST") => self.reply(id, tickets, now),
            (Endpoint::Attachments, "POST") => self.attach(),
            _ => Answer::not_found("Record not found."),
        }
    }

    /// For want of a good credential. A path of no endpoint asks for none.
    fn refused(&self) -> Option<Answer> {
        if self.endpoint == Endpoint::Elsewhere {
            return None;
        }
        let Some(credential) = self.authorization else {
            let body = json!({"message": "Authentication required", "code": "UNAUTHORIZED"});
            return Some(Answer::new(StatusCode::UNAUTHORIZED, &body));
        };
        let credential = String::from_utf8_lossy(credential);
        if credential.contains("dead") {
            let body = json!({"code": "Unauthorized", "message": "Invalid or expired token."});
            return Some(Answer::new(StatusCode::UNAUTHORIZED, &body));
        }
        credential.contains("expired").then(|| {
            let body = json!({"message": "token_expired", "code": "FORBIDDEN"});
            Answer::new(StatusCode::FORBIDDEN, &body)
        })
    }

    fn read(&self, id: &str, tickets: &Tickets) -> Answer {
        let ticket = tickets.read(id, self.query.contains("populates"));
        ticket.map_or_else(Answer::no_ticket, |body| Answer { status: StatusCode::OK, body })
    }

    fn create(&self, tickets: &mut Tickets, now: &str) -> Answer {
        let body = self.json();
        let Some(title) = text(&body, "/title") else { return Answer::required("title") };
        let message = text(&body, "/threads/0/message").or(text(&body, "/description"));
        Answer::created(&tickets.create(title, message, now))
    }

    fn update(&self, id: &str, tickets: &mut Tickets, now: &str) -> Answer {
        let body = self.json();
        let (title, status) = (text(&body, "/title"), text(&body, "/status"));
        let found = tickets.change(id, |ticket| ticket.update(title, status, now));
        Answer::completed(found.is_some())
    }

    fn reply(&self, id: &str, tickets: &mut Tickets, now: &str) -> Answer {
        let body = self.json();
        let Some(message) = text(&body, "/message") else { return Answer::required("message") };
        match tickets.change(id, |ticket| ticket.reply(message, now)) {
            Some(thread) => Answer::created(&thread),
            None => Answer::not_found("Support ticket not found"),
        }
    }

    /// A write that names its tickets in the body alone; ids of no ticket are passed over.
    fn delete_all(&self, tickets: &mut Tickets) -> Answer {
        let body = self.json();
        let Some(ids) = body.get("ids").and_then(Value::as_array) else {
            return Answer::required("ids");
        };
        for id in ids.iter().filter_map(Value::as_str) {
            tickets.delete(id);
        }
        Answer::completed(true)
    }

    fn see(&self, tickets: &mut Tickets, now: &str) -> Answer {
        let body = self.json();
        let Some(ids) = body.get("threadIds").and_then(Value::as_array) else {
            return Answer::required("threadIds");
        };
        for id in ids.iter().filter_map(Value::as_str) {
            tickets.see(id, now);
        }
        Answer::completed(true)
    }

    /// The one place that takes large bodies. Says how many bytes came, and keeps none.
    fn attach(&self) -> Answer {
        let url = "https://storage.verifik.co/attachments/file";
        let id = "507f1f77bcf86cd799439099";
        Answer::created(&json!({"_id": id, "url": url, "size": self.body_bytes}))
    }

    /// `Null` for what is not JSON: the documented answers know only missing fields.
    fn json(&self) -> Value {
        serde_json::from_slice(self.body).unwrap_or_default()
    }
}

fn text<'a>(json: &'a Value, pointer: &str) -> Option<&'a str> {
    json.pointer(pointer).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::stand_in_ticket::SAMPLE;

    const SAMPLE_PATH: &str = "/v2/support-tickets/support_ticket_123456789";

    fn ask(tickets: &mut Tickets, method: &str, target: &str, body: &str) -> (u16, String) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let authorization = Some(b"Bearer good".as_slice());
        let (body, body_bytes) = (body.as_bytes(), body.len() as u64);
        let endpoint = Endpoint::read(path);
        let asked = Asked { method, endpoint, query, authorization, body, body_bytes };
        let answer = asked.answer(tickets, "2026-01-01T00:00:00Z");
        (answer.status.as_u16(), answer.body)
    }

    #[test]
    fn reads_are_answered_as_documented() {
        let mut tickets = Tickets::default();
        let no_ticket = r#""message":"SUPPORT_TICKET_NOT_FOUND""#;
        let no_record = r#"{"code":"NotFound","message":"Record not found."}"#;
        let rows = [
            (SAMPLE_PATH, 200, SAMPLE),
            ("/support-tickets/support_ticket_123456789?x=1", 200, SAMPLE),
            ("/v2/support-tickets/507f1f77bcf86cd799439011", 200, r#""threads":["507f"#),
            ("/v2/support-tickets/507f1f77bcf86cd799439011?populates=threads", 200, "seenAt"),
            ("/v2/support-tickets/abc", 200, r#""_id":"abc""#),
            ("/v2/support-tickets/missing_1", 404, no_ticket),
            ("/v2/support-tickets/%41", 404, no_ticket),
            ("/v2/support-tickets", 200, r#""pagination""#),
            ("/v2/support-tickets/", 404, no_record),
            ("/v2/support-tickets/bulk", 404, no_record),
            ("/v2/support-tickets/a/b", 404, no_record),
            ("/v2/support-tickets/a/", 404, no_record),
            ("/v2/support-ticketsa", 404, no_record),
            ("/v2support-tickets/a", 404, no_record),
            ("/v2/cedula", 404, no_record),
            ("*", 404, no_record),
        ];
        for (target, status, part) in rows {
            for method in ["GET", "HEAD"] {
                let (got, body) = ask(&mut tickets, method, target, "");
                assert_eq!(got, status, "{method} {target}");
                assert!(body.contains(part), "{method} {target}: {body}");
            }
        }
    }

    #[test]
    fn writes_are_answered_as_documented() {
        let mut tickets = Tickets::default();
        let rows = [
            ("PUT", SAMPLE_PATH, r#"{"status":"closed"}"#, 200, r#"{"status":"completed"}"#),
            ("PUT", "/v2/support-tickets/missing_1", "{}", 404, "Support ticket not found"),
            ("DELETE", SAMPLE_PATH, "", 200, r#"{"status":"completed"}"#),
            ("DELETE", SAMPLE_PATH, "", 404, "Support ticket not found"),
            (
                "POST",
                "/support-tickets/a/thread",
                r#"{"message":"m"}"#,
                201,
                r#"{"data":{"_id":"a-3""#,
            ),
            ("POST", "/v2/support-tickets/a/thread", "{}", 400, "message is required"),
            ("POST", "/v2/support-tickets/missing/thread", r#"{"message":"m"}"#, 404, "NotFound"),
            (
                "POST",
                "/v2/support-tickets/bulk",
                r#"{"ids":["b","c",7,"missing"]}"#,
                200,
                "completed",
            ),
            ("POST", "/v2/support-tickets/bulk", "[]", 400, "ids is required"),
            ("GET", "/v2/support-tickets/b", "", 404, "SUPPORT_TICKET_NOT_FOUND"),
            (
                "PUT",
                "/v2/support-tickets/threads/seen",
                r#"{"threadIds":["d-1"]}"#,
                200,
                "completed",
            ),
            ("PUT", "/v2/support-tickets/threads/seen", "nonsense", 400, "threadIds is required"),
            ("POST", "/v2/support-tickets", r#"{"title":"t"}"#, 201, r#""title":"t""#),
            ("POST", "/v2/support-tickets/insert", "{}", 400, "title is required"),
            ("POST", "/v2/attachments", "12345", 201, r#""size":5"#),
            ("PATCH", SAMPLE_PATH, "{}", 404, "Record not found."),
        ];
        for (method, target, body, status, part) in rows {
            let (got, said) = ask(&mut tickets, method, target, body);
            assert_eq!(got, status, "{method} {target} {body}: {said}");
            assert!(said.contains(part), "{method} {target} {body}: {said}");
        }
    }

    #[test]
    fn a_credential_is_asked_for_and_may_be_dead() {
        let rows = [
            (None, 401, "Authentication required"),
            (Some("Bearer dead"), 401, "Invalid or expired token."),
            (Some("jwt expired"), 403, "token_expired"),
            (Some(""), 200, SAMPLE),
            (Some("bare"), 200, SAMPLE),
        ];
        for (credential, status, part) in rows {
            let authorization = credential.map(str::as_bytes);
            let (method, path, query) = ("GET", SAMPLE_PATH, "");
            let endpoint = Endpoint::read(path);
            let asked = Asked { method, endpoint, query, authorization, body: b"", body_bytes: 0 };
            let answer = asked.answer(&mut Tickets::default(), "");
            assert_eq!(answer.status, status, "{credential:?}");
            assert!(answer.body.contains(part), "{credential:?}: {}", answer.body);
        }
    }
}
