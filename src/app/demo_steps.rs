//! The steps of the demonstration's walk: what is told, what is asked, and what must come of it.

use bytes::Bytes;
use http::StatusCode;
use std::collections::BTreeMap;
use std::io;
use std::io::Write;
use std::time::Duration;

/// One thing that is shown.
pub struct Step {
    /// The sentence for the newcomer.
    pub told: &'static str,
    /// How many ask at the same time.
    pub clients: usize,
    /// The method.
    pub method: &'static str,
    /// Of the ticket, or the whole path of another thing.
    pub id: &'static str,
    /// What follows `Bearer`.
    pub token: &'static str,
    /// A further field of the request.
    pub field: Option<(&'static str, &'static str)>,
    /// A write's JSON; empty for a read.
    pub body: &'static str,
    /// What every one of them must be answered.
    status: StatusCode,
    /// Words of which each one's `Cache-Status` must have one.
    cache: &'static [&'static str],
    /// What each one's body must have in it.
    shows: &'static str,
    /// What all of them together must cost the upstream.
    calls: u64,
}

/// Where the stand-in has its tickets.
pub const TICKETS: &str = "/v2/support-tickets";

const HIT: &[&str] = &["; hit"];
const MISS: &[&str] = &["; fwd=uri-miss"];

/// A read of the reference page's ticket that is answered from memory.
const READ: Step = Step {
    told: "The same ticket again: a hit. The answer comes from memory.",
    clients: 1,
    method: "GET",
    id: "support_ticket_123456789",
    token: "ana",
    field: None,
    body: "",
    status: StatusCode::OK,
    cache: HIT,
    shows: r#""_id""#,
    calls: 0,
};

/// The steps in their order. Each builds on what those before it have left in the store.
pub const STEPS: [Step; 13] = [
    Step {
        told: "A ticket nobody has read yet: a miss. The API is asked, its answer stored.",
        cache: MISS,
        calls: 1,
        ..READ
    },
    READ,
    Step {
        told: "Asked only for what is new to it: a 304 without a body, from memory.",
        field: Some(("if-none-match", "*")),
        status: StatusCode::NOT_MODIFIED,
        shows: "",
        ..READ
    },
    Step {
        told: "A client that wants it from the API gets it from there.",
        field: Some(("cache-control", "no-cache")),
        cache: &["; fwd=request"],
        calls: 1,
        ..READ
    },
    Step {
        told: "A ticket that does not exist: the API says so, and that is stored too.",
        id: "missing_1",
        status: StatusCode::NOT_FOUND,
        cache: MISS,
        shows: "SUPPORT_TICKET_NOT_FOUND",
        calls: 1,
        ..READ
    },
    Step {
        told: "It still does not exist: a hit, for a few seconds.",
        id: "missing_1",
        status: StatusCode::NOT_FOUND,
        cache: &["; detail=not-found"],
        shows: "SUPPORT_TICKET_NOT_FOUND",
        ..READ
    },
    Step {
        told: "50 clients ask for another ticket at once: one call answers all of them.",
        clients: 50,
        id: "ticket_1",
        // Whoever comes when the one call is over is a hit.
        cache: &["; fwd=uri-miss", "; hit"],
        calls: 1,
        ..READ
    },
    Step {
        told: "A write goes to the API. What is stored of that ticket is not used again.",
        method: "PUT",
        body: r#"{"status":"resolved"}"#,
        cache: &["; fwd=method"],
        shows: r#"{"status":"completed"}"#,
        calls: 1,
        ..READ
    },
    Step {
        told: "So the next read is a miss, and shows what was written.",
        cache: MISS,
        shows: r#""status":"resolved""#,
        calls: 1,
        ..READ
    },
    Step {
        told: "Another credential: a miss. Nobody is given what another one was answered.",
        token: "ben",
        cache: MISS,
        calls: 1,
        ..READ
    },
    Step {
        told: "Three tickets with one call: what is stored at once, the rest as it comes.",
        method: "POST",
        id: "/_gateway/tickets",
        body: r#"{"ids":["support_ticket_123456789","ticket_2","ticket_3"]}"#,
        cache: &[r#""asked":3,"answered":3,"hits":1,"upstream":2,"failed":0"#],
        calls: 2,
        ..READ
    },
    Step {
        told: "A dead credential: the API's own 401, word for word. It is never stored,",
        token: "dead",
        status: StatusCode::UNAUTHORIZED,
        cache: MISS,
        shows: r#"{"code":"Unauthorized","message":"Invalid or expired token."}"#,
        calls: 1,
        ..READ
    },
    Step {
        told: "so the API is asked each time.",
        token: "dead",
        status: StatusCode::UNAUTHORIZED,
        cache: MISS,
        shows: r#"{"code":"Unauthorized","message":"Invalid or expired token."}"#,
        calls: 1,
        ..READ
    },
];

/// What one client was answered.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The gateway's own member of `Cache-Status`.
    pub cache: String,
    /// The body.
    pub body: Bytes,
}

impl Step {
    /// What is asked for.
    pub fn path(&self) -> String {
        let whole = self.id.starts_with('/');
        if whole { self.id.to_owned() } else { format!("{TICKETS}/{}", self.id) }
    }

    /// Tells what was asked, how long it `took`, and how it was answered. `calls`: all that the
    /// upstream has had so far.
    pub fn tell(
        &self,
        answers: &[Answer],
        took: Duration,
        calls: u64,
        told: &mut impl Write,
    ) -> io::Result<()> {
        let Self { clients, method, id, token, field, .. } = self;
        let times = if *clients > 1 { format!("{clients} x ") } else { String::new() };
        let status = answers.first().map_or(0, |answer| answer.status.as_u16());
        let millis = took.as_secs_f64() * 1_000.0;
        write!(told, "    {times}{method} {id} as {token}: {status} in {millis:.1} ms; ")?;
        writeln!(told, "upstream calls: {calls}")?;
        if let Some((name, value)) = field {
            writeln!(told, "    with {name}: {value}")?;
        }
        let mut alike = BTreeMap::<&str, usize>::new();
        for answer in answers {
            *alike.entry(&answer.cache).or_default() += 1;
        }
        for (cache, count) in alike {
            let times = if *clients > 1 { format!("{count:>2} x ") } else { String::new() };
            writeln!(told, "    {times}{cache}")?;
        }
        Ok(())
    }

    /// Holds the answers against what was told. `calls`: those that this step has cost.
    ///
    /// # Errors
    /// What is not as told.
    pub fn check(&self, answers: &[Answer], calls: u64) -> Result<(), String> {
        for answer in answers {
            let Answer { status, cache, body } = answer;
            if *status != self.status {
                return Err(format!("the status is {status}, not {}", self.status));
            }
            if !self.cache.iter().any(|word| cache.contains(word)) {
                let words = self.cache.join("\" or \"");
                return Err(format!("Cache-Status is \"{cache}\", without \"{words}\""));
            }
            if !String::from_utf8_lossy(body).contains(self.shows) {
                return Err(format!("the body does not show {}", self.shows));
            }
        }
        if calls != self.calls {
            return Err(format!("it cost {calls} upstream calls, not {}", self.calls));
        }
        Ok(())
    }
}
