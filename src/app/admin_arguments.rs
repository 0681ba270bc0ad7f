//! What `purge` and `health` are asked to do: their own part of the command line.

use crate::api::route::Kind;
use crate::app::admin_place::Place;
use crate::settings::sources::Sources;
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Which gateway is asked, and as whom.
#[derive(Args, Clone, Debug, Eq, PartialEq)]
pub struct AdminPort {
    /// The admin port, `http://HOST:PORT` or `unix:/PATH`; without it, that of the settings
    #[arg(long = "admin", value_name = "URL", value_parser = Place::parse)]
    pub place: Option<Place>,
    /// A file with the operators' token
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// What `purge` is asked to do.
#[derive(Args, Clone, Debug, Eq, PartialEq)]
pub struct PurgeErrand {
    #[command(flatten)]
    what: What,
    /// Who is to do it.
    #[command(flatten)]
    pub port: AdminPort,
}

#[derive(Args, Clone, Debug, Eq, PartialEq)]
#[group(required = true, multiple = false)]
struct What {
    /// A ticket, by its id, whoever fetched it
    #[arg(long, value_name = "ID", value_parser = ticket_id)]
    ticket: Option<String>,
    /// Everything that is stored
    #[arg(long)]
    all: bool,
}

/// What is to be forgotten; as JSON, what the admin port is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope<'a> {
    /// This ticket, for every credential.
    Ticket(&'a str),
    /// Everything; `true`.
    All(bool),
}

impl PurgeErrand {
    /// What is to be forgotten.
    pub fn scope(&self) -> Scope<'_> {
        let What { ticket, all } = &self.what;
        ticket.as_deref().map_or(Scope::All(*all), Scope::Ticket)
    }
}

impl fmt::Display for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ticket(id) => write!(f, "ticket {id}"),
            Self::All(_) => f.write_str("everything"),
        }
    }
}

/// An id as the gateway has them. What is none is not shown: it may be a token.
fn ticket_id(text: &str) -> Result<String, &'static str> {
    if Kind::Ticket.is_id(text) { Ok(text.to_owned()) } else { Err(NO_ID) }
}

const NO_ID: &str = "is no ticket's id; accepted: 1 to 128 letters, digits, - and _, and none of the \
     words bulk, insert and threads";

/// Holds the flags that go before a subcommand against one that only asks.
///
/// # Errors
/// If one of them would be without effect.
pub(crate) fn agree(command: &str, sources: &Sources) -> Result<(), String> {
    match sources.flags.first() {
        Some(flag) => {
            let name = flag.name;
            Err(format!("{name} cannot be used with {command}, which asks a gateway that runs"))
        }
        None => Ok(()),
    }
}

/// What follows the options in `purge --help`.
pub(crate) const PURGE_HELP: &str = "\
Examples:
  verifik-gateway purge --ticket support_ticket_123456789
        the next read of this ticket asks the API, whoever reads
  verifik-gateway purge --all --config gateway.toml
        so does every next read; the gateway is found by its own settings
  verifik-gateway purge --all --admin http://10.0.0.7:8081 --token-file token
        on another machine

Token:
  That of --token-file FILE; without it, that of the variable
  VERIFIK_GATEWAY_ADMIN_TOKEN; without that, that of admin.token_file in the
  settings, if one is set. It is never an argument, since everybody on the
  machine can read those.

The gateway answers alike whether anything was stored or not. An answer that is
on its way from the API when it is asked is not stored either.

Exit codes:
  0   it is forgotten
  1   the gateway refused, or could not be asked within 10 seconds
  64  the command line or the settings are wrong; nothing was asked";

/// What follows the options in `health --help`.
pub(crate) const HEALTH_HELP: &str = "\
Examples:
  verifik-gateway health
        of the gateway with these settings, on this machine
  verifik-gateway health --config gateway.toml
        of one with a file of its own
  verifik-gateway health --admin http://10.0.0.7:8081
        of one on another machine
  HEALTHCHECK CMD [\"verifik-gateway\", \"health\"]
        in a Dockerfile

It asks GET /ready and waits for 5 seconds at most. That needs no token; one is
sent if --token-file names it, for what stands before the port.

Exit codes:
  0   ready
  1   not ready, such as while draining, or nobody answers
  64  the command line or the settings are wrong; nothing was asked";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_gateway() {
        for (text, expected) in [
            ("support_ticket_123456789", true),
            ("a-B_9", true),
            ("", false),
            ("a.b", false),
            ("../x", false),
            ("bulk", false),
            ("señal", false),
            (&"x".repeat(129), false),
        ] {
            assert_eq!(ticket_id(text).is_ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_scope_is_sent_as_the_admin_port_has_it() {
        for (scope, expected) in
            [(Scope::Ticket("a_1"), r#"{"ticket":"a_1"}"#), (Scope::All(true), r#"{"all":true}"#)]
        {
            assert_eq!(serde_json::to_string(&scope).unwrap(), expected);
        }
    }

    #[test]
    fn the_help_fits_the_screen() {
        let lines = PURGE_HELP.lines().chain(HEALTH_HELP.lines());
        let longest = lines.max_by_key(|line| line.chars().count()).unwrap();
        assert!(longest.chars().count() <= 80, "{longest}");
    }
}
