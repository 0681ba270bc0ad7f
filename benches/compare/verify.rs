//! Whether a contender is a cache at all, and one that may hold what belongs to several tenants.

use crate::ask::ask;
use crate::contender::Contender;
use crate::contender::MEMORY;
use crate::contender::Role;
use crate::contender::Stand;
use crate::running::Running;
use crate::support::work::Question;
use std::io;

/// Each is asked for all four of these, several times.
const QUESTIONS: [Question; 4] = [
    Question { ticket: 900_001, token: 0 },
    Question { ticket: 900_001, token: 1 },
    Question { ticket: 900_002, token: 0 },
    Question { ticket: 900_002, token: 1 },
];
const TIMES: usize = 3;

/// Verifies all, and tells about each that does not do what it should.
pub(crate) fn all(stand: &Stand, contenders: &[&'static Contender]) -> io::Result<()> {
    let mut misbehaving = Vec::new();
    for contender in contenders.iter().filter(|contender| contender.role != Role::Limit) {
        if let Err(error) = one(stand, contender) {
            eprintln!("{error}");
            misbehaving.push(contender.title);
        }
    }
    if misbehaving.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!("not what is compared here: {}", misbehaving.join("; "))))
}

fn one(stand: &Stand, contender: &'static Contender) -> io::Result<()> {
    let server = Running::start(contender, stand, MEMORY)?;
    caches_by_token_and_ticket(stand, &server).map_err(|error| server.blame(&error))
}

fn caches_by_token_and_ticket(stand: &Stand, server: &Running) -> io::Result<()> {
    let before = stand.origin.requests();
    for question in [QUESTIONS; TIMES].into_iter().flatten() {
        let answer = ask(server.address, question)?;
        if !answer.is_right(question) {
            return Err(io::Error::other(format!("asked for {question:?}, it answered {answer}")));
        }
    }
    let fetched = stand.origin.requests() - before;
    if fetched == 4 {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "it sent {fetched} requests upstream for two tickets and two tokens, asked for \
         {TIMES} times each; a cache sends 4"
    )))
}
