//! What `fetch` is asked to do: its own part of the command line.

use crate::settings::model::Scheme;
use crate::settings::model::UpstreamUrl;
use crate::settings::sources::Sources;
use crate::settings::url::upstream_url;
use clap::Args;
use std::path::Path;
use std::path::PathBuf;

/// What is fetched, as whom, through which gateway, and where it goes.
#[derive(Args, Clone, Debug, Eq, PartialEq)]
pub struct Errand {
    /// A file with one id a line, or - for standard input
    #[arg(value_name = "IDS")]
    pub ids: PathBuf,
    /// A file with the token; without it, the variable `VERIFIK_TOKEN`
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// A running gateway, `http://HOST:PORT`; without it, one is started for the purpose
    #[arg(long, value_name = "URL", value_parser = gateway_url)]
    pub gateway: Option<UpstreamUrl>,
    /// A file for the answers, one line each; without it, standard output
    #[arg(long, value_name = "FILE", group = "kept")]
    output: Option<PathBuf>,
    /// A directory for the answers, one file each
    #[arg(long, value_name = "DIR", group = "kept")]
    dir: Option<PathBuf>,
    /// Keep what is in FILE or DIR already, and ask only for the rest
    #[arg(long, requires = "kept")]
    pub resume: bool,
}

/// Where answers go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Destination<'a> {
    /// Standard output, as lines.
    Stdout,
    /// A file, as lines.
    File(&'a Path),
    /// A directory: a file for each ticket, and one for the ids that do not exist.
    Directory(&'a Path),
}

impl Errand {
    /// Where the answers go.
    pub fn destination(&self) -> Destination<'_> {
        match (&self.output, &self.dir) {
            (Some(file), _) => Destination::File(file),
            (None, Some(directory)) => Destination::Directory(directory),
            (None, None) => Destination::Stdout,
        }
    }

    /// Holds it against the flags that go before it.
    ///
    /// # Errors
    /// If one of them would be without effect.
    pub(crate) fn agree(&self, sources: &Sources) -> Result<(), &'static str> {
        let is_set = |name: &str| sources.flags.iter().any(|flag| flag.name == name);
        if is_set("--listen") {
            return Err("--listen cannot be used with fetch, whose gateway takes any free port");
        }
        if self.gateway.is_some() && is_set("--upstream") {
            return Err("--upstream cannot be used with --gateway, which has its own");
        }
        Ok(())
    }
}

/// Reads the URL of a gateway. Its path, if it has one, goes before `batch.path`.
fn gateway_url(text: &str) -> Result<UpstreamUrl, String> {
    let wrong = match upstream_url(text) {
        Ok(url) if url.scheme == Scheme::Http => return Ok(url),
        Ok(_) => "is https, which the gateway's port does not speak in this release",
        Err(fault) => fault.as_str(),
    };
    Err(format!("{wrong}; accepted: \"http://HOST:PORT\""))
}

/// What follows the options in `fetch --help`.
pub(crate) const AFTER_HELP: &str = "\
Examples:
  verifik-gateway fetch ids.txt --token-file token --output tickets.ndjson
        every ticket, one JSON line each
  verifik-gateway fetch ids.txt --token-file token --output tickets.ndjson \\
      --resume
        what an interrupted run has left
  verifik-gateway fetch ids.txt --token-file token --dir tickets
        tickets/ID.json for each, and tickets/not-found.ndjson
  verifik-gateway fetch ids.txt --gateway http://127.0.0.1:8080 > tickets.ndjson
        through a running gateway, with the token of VERIFIK_TOKEN; what it
        has stored costs no call of the API
  list-ids | verifik-gateway fetch - | jq -c .body.data
        as part of a pipeline

Ids and token:
  An id is 1 to 128 letters, digits, - and _. One that stands there twice is
  asked for once. The token is what belongs into `Authorization`; without a
  scheme, `Bearer` goes before it. It is never an argument, since everybody on
  the machine can read those.

Answers:
  {\"index\":0,\"id\":\"…\",\"status\":200,\"cache\":\"miss\",\"body\":…} in the order in
  which they come; index is the id's place in the list. Only tickets and
  not-founds are kept. Ids that failed are told at the end, and are asked for
  again with --resume, which may be given from the start. Ctrl-C ends the run
  with whole lines; a second one ends it at once.

Settings:
  As for `serve`, with the same files and variables; [limit] says how fast the
  API is asked. With --gateway those of that gateway count, and of ours only
  [batch]. verifik-gateway --help explains them.

Exit codes:
  0   every ticket is there
  1   something could not be had, or the run was ended early
  2   everything was answered, but some tickets do not exist
  64  the command line, the ids or the settings are wrong; nothing was asked";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_reached_in_the_clear() {
        let url = gateway_url("http://localhost:8080/team").unwrap();
        assert_eq!((url.authority.as_str(), &*url.prefix), ("localhost:8080", "/team"));
        for (text, expected) in [
            ("https://localhost", "is https, which the gateway's port does not speak"),
            ("localhost:8080", "does not begin with https:// or http://"),
            ("http://me:pass@localhost", "has user information"),
            ("http://localhost/?a=b", "has a query"),
        ] {
            let told = gateway_url(text).unwrap_err();
            assert!(told.starts_with(expected), "{text}: {told}");
            assert!(told.ends_with("accepted: \"http://HOST:PORT\""), "{text}: {told}");
        }
    }

    #[test]
    fn the_help_fits_the_screen() {
        let longest = AFTER_HELP.lines().max_by_key(|line| line.chars().count()).unwrap();
        assert!(longest.chars().count() <= 80, "{longest}");
    }
}
