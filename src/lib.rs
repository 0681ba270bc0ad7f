//! A caching gateway for one API: Verifik support tickets.
//!
//! Applications point their base URL at it. Reads of a ticket are answered from memory where that
//! is right, everything else passes through unchanged. It is many private caches in one process:
//! the key of a stored response holds a keyed hash of the whole `Authorization` value, so what one
//! credential fetched answers no other.
//!
//! # The floors
//!
//! ```text
//!  8  app                       wires everything; alone knows the command line and signals
//!  7  serve │ admin │ settings  HTTP in │ the operators' port │ the settings as plain data
//!                               (none of these knows another)
//!  6  cache                     the conductor: look up → plan → forward → admit → answer
//!  5  store │ upstream          what we remember │ whom we ask   (do not know one another)
//!  4  observe                   metrics, access lines, the log
//!  3  policy                    every decision; pure
//!  2  api                       what this one API looks like and means; pure
//!  1  fields                    HTTP field grammar; pure
//!  0  base                      time, secrets, chance
//! ```
//!
//! A file imports only from floors below; within a folder only from files its `mod.rs` lists before
//! it; floors 1 to 3 contain no I/O, no clock and no task. `tests/gateway/layers.rs` enforces it.
//!
//! # A day in the life of a request
//!
//! 1. [`serve::listener`] accepts from a [`serve::port`] if a permit is free, secures the connection
//!    ([`serve::tls`]) where it is to be, and hands each request on.
//! 2. [`serve::gateway`] takes the [`cache::regime::Regime`] in force, which holds to the exchange's
//!    end, has the head read ([`serve::message`]; what cannot be proxied is refused), replaces the
//!    credential by its hash, and makes an [`policy::inquiry::Inquiry`].
//! 3. [`cache::exchange`] conducts.
//! 4. [`store::memory`] looks up, and names the newest mark over the key; [`store::leases`] says how far
//!    the credential is believed in.
//! 5. [`policy::reuse`] plans: reuse, reuse and validate, prove, forward or refuse, with the reason.
//! 6. [`cache::collapse`] joins the forward under way for this key and mark, or starts one as a task
//!    ([`cache::forward`]); where the credential's lease has lapsed, [`cache::proof`] a probe first.
//! 7. The forward ([`cache::course`]) waits for its turn ([`upstream::queue`], as [`policy::line`]
//!    decides) and for leave of the breaker ([`upstream::fuse`]); [`upstream::attempt`] asks, on the
//!    conditions that [`fields::validation`] makes of what is stored, within its deadlines, perhaps
//!    again. One of many at once lets hits that have come meanwhile go first ([`cache::courtesy`]). Whoever
//!    waits for it ([`cache::wait`]) leaves when its turn will not come in time.
//! 8. [`cache::landing`] has [`policy::admit`] say what follows, and carries it out.
//! 9. [`serve::reply`] makes the answer with `Age` and `Cache-Status`; back in the gateway it is
//!    counted ([`observe::metrics`]), and one access line is written. A short answer goes to the client
//!    in one piece ([`serve::joined`]).
//!
//! What passes through goes from 2 to [`cache::passage`], which leaves the marks of writes
//! ([`cache::wake`]) before their answers are released.
//!
//! # Marks
//!
//! Invalidation is a mark compared with when the answer was asked for. Forwards and marks share
//! one order ([`policy::order::Turn`]): a response asked for before the newest mark over its key is
//! not reused, a forward begun before a mark is neither stored past it nor joined after it.
//!
//! # Leases
//!
//! Nothing of a credential is reused for longer than one lease after the sending of the last forward
//! that proved it good ([`policy::lease`]). Two thirds through, a hit sends a probe in the
//! background; past the end, would-be hits wait for one.
//!
//! # Turns
//!
//! What goes upstream for a resource goes in turn, and within a budget: that of its credential
//! ([`policy::budget`]: a rate, or a pace learnt from 429s, and what `Retry-After` and quota fields
//! ask for) and that of all together. Hits, and what passes through, have no part in it. A batch call
//! ([`serve::batch`]) asks for its ids like any client, but as one who waits for as long as it takes
//! and lets others go first.
//!
//! # Operators
//!
//! They have a port of their own ([`admin::router`]), of which the gateway's knows nothing. New settings
//! are read while the gateway runs ([`app::reload`]), held against those in force
//! ([`settings::changes`]), and put in force whole or not at all ([`app::controls`]). Keys hold the
//! edition of the settings ([`policy::key`]): where another upstream is asked, or other paths are read in
//! another way, nothing from before is found, nor what is still on its way.
//!
//! # Threats
//!
//! What may be tried, what may go wrong, and what the libraries hide stands in `docs/threats.md`,
//! whose ids (K1, L6, ...) comments cite. `tests/gateway/papers.rs` holds it to the tests it names.
//!
//! # Where this departs from the design, and why
//!
//! - The mark that a dead credential leaves is set when the 401 is heard, not just before the
//!   forward that heard it: nothing of that forward is to be stored, and an answer that another
//!   forward brought in between must not outlive the refusal ([`policy::admit`]).
//! - Everything that passes through, reads included, uses connections that were idle for less than
//!   a second: it is sent once only, and must not meet a connection that the upstream is closing.
//! - The settings have a floor of their own beside `serve`, so that `app` stays readable.
//! - A close-delimited answer to a read that calls itself JSON and is no whole JSON text is a
//!   failure, not an answer: it may have been cut, and must not look whole.
//! - A wait that would be too long for want of a place among `upstream.max_in_flight` is refused with
//!   503; one for want of budget, with 429. The deadline is each asker's own: a forward stands in line
//!   while anybody waits for it.
//! - A number for `limit.rate` is a ceiling: refused all the same, the gateway learns downward from it.
//! - The pace after a 429 is 0.95 of what was accepted since the last one, and never less than half of
//!   what it was; idle time does not count, and who did not have to wait does not make it grow. It
//!   grows by steps, but where nothing has been measured (after the first 429, or after a silence) it
//!   doubles in about five seconds until the next ([`policy::pace`]).
//! - An open breaker sends one request as a scout in the background for every first penalty, whose
//!   client has been refused: a penalty of up to 60 s and a first success 2 s after recovery do not
//!   go together otherwise. Resets, which [`policy::breaker`] does not count, are left to the retry
//!   budget.
//! - What may stand in for a failure does so at once, before another try.
//! - An answer that does not come in time is never asked for again, whatever the resource says: the
//!   upstream may still be at work.
//! - One of a job's many outlasts an open breaker and a full queue, like the rest of its wait.
//! - A 403 to other requests on a ticket, and a 409 to a write, of up to 16 KiB are read whole,
//!   because only their text tells a dead credential from one that lacks a right, and a refusal from
//!   an outage.
//! - A 403 or 410 invalidates as of when it is heard, like a 401; only a not-found, which may itself
//!   be stored, as of when it was asked for.
//! - Of two answers to one key the one asked for later stays, whichever comes first.
//! - What `Vary` nominates is compared variant by variant under one key, as keyed hashes, rather than
//!   made part of the key: a look-up then needs no second one.
//! - The default `stale_while_revalidate` is not for what has no lifetime (`max-age=0`, or a setting of
//!   zero) nor for opaque resources, which follow RFC 9111 alone; `stale_if_error` is for both.
//! - A bare not-found proves nothing about its credential, yet one that has nothing else is
//!   answered from memory: for one lease from when it was asked for, unless the credential was
//!   called dead.
//! - An answer of an opaque resource that may not be stored goes to its asker alone (RFC 9111 section
//!   4), so those who waited each forward; of a ticket everything that can differ is in the key.
//! - Who reads a reply at less than 8 KiB in `listen.write_timeout`, or brings less of an upload in
//!   `upstream.pass_through_answer_timeout`, is given up, though it gets on: an octet now and then
//!   would hold a connection for ever ([`serve::patience`], [`upstream::body`]).
//! - Where all connections are taken, idle ones are closed for who comes ([`policy::shed`]).
//! - In a drain, connections on which nothing is under way are not closed at once but after a second
//!   ([`policy::closing`]): their client may just be sending. A sidecar takes its leave within its
//!   `drain_timeout`, of which it keeps two seconds for that.
//! - Where the default `admin.address` is taken, that is a warning and the gateway serves without an
//!   operators' port: nobody asked for it, and two gateways on one machine are no mistake. An address
//!   that somebody set and that is taken ends the start ([`app::running`]).
//! - `GET /` of the operators' port answers 401 with the same page, without figures: a browser cannot
//!   send a token that it was not asked for, and on the page it can be said ([`admin::page`]).
//! - Without a token the operators' port refuses requests whose `Host` is a name other than
//!   `localhost`, and with and without one those of pages of other origins: a browser on this machine
//!   would carry them here ([`admin::router`]).
//! - Lifetimes that a reload makes longer keep marks for longer, but not memory: stored responses are
//!   given up when they were of no use by the settings of the start ([`store::memory`]).
//! - `log.format` waits for a restart: the log has its form from when it was opened
//!   ([`settings::changes`]).
//! - TLS sessions with the upstream are not resumed: a resumed one skips the certificate, and would
//!   outlive it ([`upstream::tls`]).
//! - An answer with octets behind its announced length, and one after more than 16 interim answers, is
//!   a failure ([`upstream::heads`]).
//! - 103 (Early Hints) is heard and dropped like any 1xx: hyper's server cannot send one.
//! - What a mark covers is not used for validation either; it is asked for whole.

pub mod base;
pub mod fields;
pub mod api;
pub mod policy;
pub mod observe;
pub mod store;
pub mod upstream;
pub mod cache;
pub mod serve;
pub mod admin;
pub mod settings;
pub mod app;
