//! One ticket of the stand-in upstream, and how it looks in the API's two documented shapes.
//!
//! The newer shape has `success` and threads as whole objects. The older one, of tickets whose id
//! the database minted, has neither `success` nor `priority`, and names its threads by their ids
//! unless the query asks for the whole of them.

use serde_json::Value;
use serde_json::json;

/// The id of the ticket on the API's reference page.
pub const SAMPLE_ID: &str = "support_ticket_123456789";

/// An id as the database mints them: its ticket has the older of the two shapes.
pub const OBJECT_ID: &str = "507f1f77bcf86cd799439011";

/// The reference page's answer for [`SAMPLE_ID`], byte for byte.
pub const SAMPLE: &str = include_str!("stand_in_sample.json").trim_ascii_end();

/// Messages a ticket keeps; a new one drops the oldest.
const MAX_THREADS: usize = 20;
/// In characters; what is longer is cut.
const MAX_TEXT: usize = 1_000;

const TITLE: &str = "Problema de Integración de API";
const DESCRIPTION: &str = "Tengo problemas para integrar la API de validación biométrica. Obtengo \
                           errores 401 al intentar autenticar.";
const ANSWER: &str = "He revisado su clave API y parece ser válida. Déjeme revisar los logs y le \
                      responderé.";
const CLIENT: &str = "client_123456789";
const AGENT: &str = "agent_123456789";
const ASKED_AT: &str = "2024-01-15T10:30:00Z";
const ANSWERED_AT: &str = "2024-01-15T11:00:00Z";

/// A ticket. Its id decides which shape it has.
#[derive(Clone, Debug)]
pub struct Ticket {
    id: String,
    title: String,
    status: String,
    threads: Vec<Thread>,
    created_at: String,
    updated_at: String,
}

#[derive(Clone, Debug)]
struct Thread {
    /// Its place among the ticket's threads, from 1, which stays when older ones are dropped.
    number: u64,
    message: String,
    by_agent: bool,
    created_at: String,
    seen_at: Option<String>,
}

impl Ticket {
    /// What an id stands for before anybody wrote to it. One id in three is settled.
    pub fn untouched(id: &str) -> Self {
        let status = match (id.bytes().last().unwrap_or_default() % 3, is_object_id(id)) {
            (0, false) => "in_progress",
            (0, true) => "progress",
            (1, false) => "open",
            (1, true) => "pending",
            _ => "resolved",
        };
        let mut ticket = Self::new(id, TITLE, status, ASKED_AT);
        ticket.push(DESCRIPTION, false, ASKED_AT);
        ticket.push(ANSWER, true, ANSWERED_AT);
        ticket
    }

    /// A new ticket, without a message.
    pub fn new(id: &str, title: &str, status: &str, now: &str) -> Self {
        Self {
            id: id.to_owned(),
            title: cut(title),
            status: cut(status),
            threads: Vec::new(),
            created_at: now.to_owned(),
            updated_at: now.to_owned(),
        }
    }

    /// Changes what is given.
    pub fn update(&mut self, title: Option<&str>, status: Option<&str>, now: &str) {
        if let Some(title) = title {
            self.title = cut(title);
        }
        if let Some(status) = status {
            self.status = cut(status);
        }
        now.clone_into(&mut self.updated_at);
    }

    /// Adds the client's message and returns the thread it became.
    pub fn reply(&mut self, message: &str, now: &str) -> Value {
        self.push(message, false, now);
        self.threads.last().map(|thread| self.thread(thread)).unwrap_or_default()
    }

    /// Marks the thread of this number as seen. False: there is none.
    pub fn see(&mut self, number: u64, now: &str) -> bool {
        let seen = self.threads.iter_mut().find(|thread| thread.number == number);
        seen.map(|thread| thread.seen_at = Some(now.to_owned())).is_some()
    }

    /// The whole answer to a read. `populated`: with whole threads in the older shape too.
    pub fn envelope(&self, populated: bool) -> Value {
        let data = self.data(populated);
        if is_object_id(&self.id) {
            json!({"data": data})
        } else {
            json!({"success": true, "data": data})
        }
    }

    /// The ticket without its envelope.
    pub fn data(&self, populated: bool) -> Value {
        if is_object_id(&self.id) { self.older_shape(populated) } else { self.newer_shape() }
    }

    fn push(&mut self, message: &str, by_agent: bool, now: &str) {
        let number = self.threads.last().map_or(1, |last| last.number.saturating_add(1));
        if self.threads.len() >= MAX_THREADS {
            self.threads.remove(0);
        }
        let (message, created_at) = (cut(message), now.to_owned());
        self.threads.push(Thread { number, message, by_agent, created_at, seen_at: None });
        now.clone_into(&mut self.updated_at);
    }

    fn newer_shape(&self) -> Value {
        let settled = ["resolved", "closed"].contains(&self.status.as_str());
        let threads = self.threads.iter().map(|thread| {
            json!({
                "author": if thread.by_agent { AGENT } else { CLIENT },
                "message": thread.message,
                "timestamp": thread.created_at,
                "type": if thread.by_agent { "agent" } else { "user" },
            })
        });
        json!({
            "_id": self.id,
            "title": self.title,
            "description": DESCRIPTION,
            "status": self.status,
            "priority": "high",
            "category": "technical",
            "client": CLIENT,
            "assignedTo": AGENT,
            "threads": threads.collect::<Value>(),
            "attachments": [{
                "filename": "error_logs.txt",
                "url": "https://storage.verifik.co/attachments/error_logs.txt",
                "size": 1024,
                "type": "text/plain",
            }],
            "tags": ["api", "authentication", "biometric"],
            "resolution": null,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "resolvedAt": settled.then_some(&self.updated_at),
        })
    }

    fn older_shape(&self, populated: bool) -> Value {
        let threads = self.threads.iter().map(|thread| {
            if populated { self.thread(thread) } else { self.thread_id(thread).into() }
        });
        json!({
            "_id": self.id,
            "title": self.title,
            "subject": self.title,
            "category": "integration",
            "status": self.status,
            "number": 1001,
            "api": null,
            "issueUrl": null,
            "assignee": null,
            "client": CLIENT,
            "threads": threads.collect::<Value>(),
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
        })
    }

    fn thread(&self, thread: &Thread) -> Value {
        json!({
            "_id": self.thread_id(thread),
            "message": thread.message,
            "seenAt": thread.seen_at,
            "client": (!thread.by_agent).then_some(CLIENT),
            "superAdmin": thread.by_agent.then_some(AGENT),
            "attachments": [],
            "supportTicket": self.id,
            "createdAt": thread.created_at,
            "updatedAt": thread.seen_at.as_ref().unwrap_or(&thread.created_at),
        })
    }

    fn thread_id(&self, thread: &Thread) -> String {
        format!("{}-{}", self.id, thread.number)
    }
}

/// 24 hexadecimal digits.
fn is_object_id(id: &str) -> bool {
    id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_what_its_id_stands_for() {
        let sample: Value = serde_json::from_str(SAMPLE).unwrap();
        assert_eq!(Ticket::untouched(SAMPLE_ID).envelope(false), sample);
        assert!(SAMPLE.starts_with("{\n  \"success\"") && SAMPLE.ends_with("  }\n}"));
    }

    #[test]
    fn an_object_id_has_the_older_shape() {
        for populated in [false, true] {
            let ticket = Ticket::untouched(OBJECT_ID).envelope(populated);
            let thread = &ticket["data"]["threads"][0];
            assert_eq!(ticket.get("success"), None, "{ticket}");
            assert_eq!(ticket["data"]["_id"], OBJECT_ID, "{ticket}");
            assert_eq!(thread.is_object(), populated, "{ticket}");
            assert_eq!(thread.is_string(), !populated, "{ticket}");
        }
    }

    #[test]
    fn ids_differ_in_status() {
        let rows = [
            ("t0", "in_progress"),
            ("t1", "open"),
            ("t2", "resolved"),
            ("507f1f77bcf86cd799439010", "progress"),
            ("507f1f77bcf86cd799439011", "pending"),
            ("507f1f77bcf86cd799439012", "resolved"),
        ];
        for (id, status) in rows {
            assert_eq!(Ticket::untouched(id).data(false)["status"], status, "{id}");
        }
    }

    #[test]
    fn a_ticket_is_bounded() {
        let mut ticket = Ticket::untouched("t1");
        let long = "ñ".repeat(MAX_TEXT + 1);
        ticket.update(Some(&long), None, "now");
        for _ in 0..MAX_THREADS {
            ticket.reply(&long, "now");
        }
        assert_eq!(ticket.title.chars().count(), MAX_TEXT);
        assert_eq!(ticket.threads.len(), MAX_THREADS);
        assert_eq!(ticket.threads[0].number, 3, "the oldest went, numbers stayed");
        assert_eq!(ticket.threads[0].message.chars().count(), MAX_TEXT);
    }
}
