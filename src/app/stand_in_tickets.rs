//! The tickets of the stand-in upstream: which there are, and what writes did to them.
//!
//! An id nobody wrote to needs no memory: its ticket follows from the id alone. Only what was
//! written, created or deleted is remembered, and of that only so much; the oldest is then as
//! if nobody had touched it.

use crate::app::stand_in_ticket::OBJECT_ID;
use crate::app::stand_in_ticket::SAMPLE;
use crate::app::stand_in_ticket::SAMPLE_ID;
use crate::app::stand_in_ticket::Ticket;
use serde_json::Value;
use serde_json::json;
use std::collections::HashMap;
use std::collections::VecDeque;

const MAX_REMEMBERED: usize = 1_000;
const MAX_LISTED: usize = 20;

/// Ids that begin so have no ticket.
const MISSING: &str = "missing";

/// Every ticket the stand-in has.
#[derive(Debug, Default)]
pub struct Tickets {
    /// `None`: deleted.
    remembered: HashMap<String, Option<Ticket>>,
    /// The ids of `remembered`, oldest first.
    order: VecDeque<String>,
    created: u64,
}

impl Tickets {
    /// The answer to a read of this id, or nothing where there is no such ticket. `populated`:
    /// with whole threads where the shape otherwise only names them.
    pub fn read(&self, id: &str, populated: bool) -> Option<String> {
        if id == SAMPLE_ID && !self.remembered.contains_key(id) {
            return Some(SAMPLE.to_owned());
        }
        self.find(id).map(|ticket| ticket.envelope(populated).to_string())
    }

    /// The two samples and what was written lately, without what was deleted.
    pub fn list(&self) -> Value {
        let samples = [SAMPLE_ID, OBJECT_ID];
        let written = self.order.iter().rev().map(String::as_str).take(MAX_LISTED);
        let ids = samples.into_iter().chain(written.filter(|id| !samples.contains(id)));
        let tickets = ids.filter_map(|id| self.find(id)).map(|ticket| ticket.data(false));
        let data: Vec<Value> = tickets.collect();
        let pagination = json!({"page": 1, "limit": 25, "total": data.len(), "pages": 1});
        json!({"success": true, "data": data, "pagination": pagination})
    }

    /// Adds a ticket under an id of its own and returns it.
    pub fn create(&mut self, title: &str, message: Option<&str>, now: &str) -> Value {
        self.created = self.created.saturating_add(1);
        let id = format!("65a51{:019x}", self.created);
        let mut ticket = Ticket::new(&id, title, "pending", now);
        if let Some(message) = message {
            ticket.reply(message, now);
        }
        let data = ticket.data(true);
        self.remember(&id, Some(ticket));
        data
    }

    /// Changes a ticket and returns what `change` does; nothing where there is no such ticket.
    pub fn change<T>(&mut self, id: &str, change: impl FnOnce(&mut Ticket) -> T) -> Option<T> {
        let mut ticket = self.find(id)?;
        let said = change(&mut ticket);
        self.remember(id, Some(ticket));
        Some(said)
    }

    /// Marks a thread as seen. The id of no thread is passed over.
    pub fn see(&mut self, thread_id: &str, now: &str) {
        let Some((ticket_id, number)) = thread_id.rsplit_once('-') else { return };
        let Ok(number) = number.parse() else { return };
        if let Some(mut ticket) = self.find(ticket_id)
            && ticket.see(number, now)
        {
            self.remember(ticket_id, Some(ticket));
        }
    }

    /// False: there was no such ticket.
    pub fn delete(&mut self, id: &str) -> bool {
        let found = self.find(id).is_some();
        if found {
            self.remember(id, None);
        }
        found
    }

    fn find(&self, id: &str) -> Option<Ticket> {
        match self.remembered.get(id) {
            Some(known) => known.clone(),
            None if !is_id(id) || id.starts_with(MISSING) => None,
            None => Some(Ticket::untouched(id)),
        }
    }

    fn remember(&mut self, id: &str, ticket: Option<Ticket>) {
        if self.remembered.insert(id.to_owned(), ticket).is_none() {
            self.order.push_back(id.to_owned());
        }
        if self.order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.remembered.remove(&oldest);
        }
    }
}

/// Bounds the memory an id takes, wherever in a request it stood.
fn is_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-01T00:00:00Z";

    fn data(tickets: &Tickets, id: &str) -> Value {
        let json: Value = serde_json::from_str(&tickets.read(id, true).unwrap()).unwrap();
        json["data"].clone()
    }

    #[test]
    fn the_sample_is_read_byte_for_byte_until_it_is_written_to() {
        let mut tickets = Tickets::default();
        assert_eq!(tickets.read(SAMPLE_ID, false).unwrap(), SAMPLE);
        tickets.change(SAMPLE_ID, |ticket| ticket.update(Some("new"), None, NOW)).unwrap();
        assert_eq!(data(&tickets, SAMPLE_ID)["title"], "new");
    }

    #[test]
    fn a_write_is_read_back() {
        let mut tickets = Tickets::default();
        for id in [SAMPLE_ID, OBJECT_ID, "other"] {
            tickets.change(id, |ticket| ticket.update(None, Some("closed"), NOW)).unwrap();
            let thread = tickets.change(id, |ticket| ticket.reply("one more", NOW)).unwrap();
            let ticket = data(&tickets, id);
            assert_eq!(thread["supportTicket"], id);
            assert_eq!(thread["_id"], format!("{id}-3"));
            assert_eq!(ticket["status"], "closed", "{id}");
            assert_eq!(ticket["updatedAt"], NOW, "{id}");
            assert_eq!(ticket["threads"][2]["message"], "one more", "{id}");
        }
    }

    #[test]
    fn a_thread_is_marked_as_seen() {
        let mut tickets = Tickets::default();
        let long = format!("{}-1", "t".repeat(129));
        for id in ["nothing", "t-x", "missing-1", "507f1f77bcf86cd799439011-99", "", &long] {
            tickets.see(id, NOW);
            assert!(tickets.remembered.is_empty(), "{id}");
        }
        tickets.see(&format!("{OBJECT_ID}-2"), NOW);
        let ticket = data(&tickets, OBJECT_ID);
        assert_eq!(ticket["threads"][0]["seenAt"], Value::Null);
        assert_eq!(ticket["threads"][1]["seenAt"], NOW);
    }

    #[test]
    fn what_was_deleted_is_gone() {
        let mut tickets = Tickets::default();
        assert!(tickets.delete(SAMPLE_ID));
        assert_eq!(tickets.read(SAMPLE_ID, false), None);
        assert!(!tickets.delete(SAMPLE_ID));
        assert_eq!(tickets.change(SAMPLE_ID, |_| ()), None);
        assert_eq!(tickets.list()["data"].as_array().unwrap().len(), 1);
        assert!(!tickets.delete("missing_1"));
    }

    #[test]
    fn what_was_created_is_found_and_listed() {
        let mut tickets = Tickets::default();
        let made = tickets.create("Ayuda", Some("por favor"), NOW);
        assert_eq!(data(&tickets, made["_id"].as_str().unwrap()), made);
        assert_eq!(tickets.list()["data"][2]["_id"], made["_id"]);
        assert_ne!(tickets.create("Ayuda", None, NOW)["_id"], made["_id"]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut tickets = Tickets::default();
        for n in 0..=MAX_REMEMBERED {
            assert!(tickets.delete(&format!("t{n}")));
        }
        assert_eq!(tickets.remembered.len(), MAX_REMEMBERED);
        assert_eq!(tickets.order.len(), MAX_REMEMBERED);
        assert!(tickets.read("t0", false).is_some(), "the oldest is as if never touched");
        assert!(tickets.read("t1", false).is_none());
    }
}
