//! The flags that say where settings are, or set one: the same for every subcommand.

use crate::settings::sources::Flag;
use crate::settings::sources::Sources;
use clap::Arg;
use clap::Args;
use std::path::PathBuf;

/// May stand before the subcommand, after it, or both. They are no "global" arguments of clap's:
/// of those given in both places, it would drop the first without a word.
#[derive(Args, Debug, Default)]
pub(crate) struct Options {
    /// A settings file (TOML); may be repeated, later ones win
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Where clients connect: IP:PORT or localhost:PORT [listen.address]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The API's base URL [upstream.url]
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// off, error, warn, info, debug or trace [log.level]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// text or json [log.format]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

/// What the flags before the subcommand and those after it say together.
///
/// # Errors
/// If one that has one value is given in both places.
pub(crate) fn sources(before: Options, after: Options) -> Result<Sources, String> {
    let flags = [
        ("--listen", "listen", "address", before.listen, after.listen),
        ("--upstream", "upstream", "url", before.upstream, after.upstream),
        ("--log-level", "log", "level", before.log_level, after.log_level),
        ("--log-format", "log", "format", before.log_format, after.log_format),
    ];
    let mut sources = Sources { files: before.config, flags: Vec::new() };
    sources.files.extend(after.config);
    for (name, section, key, before, after) in flags {
        if before.is_some() && after.is_some() {
            return Err(format!("{name} is given twice"));
        }
        let value = before.or(after);
        sources.flags.extend(value.map(|value| Flag { name, section, key, value }));
    }
    Ok(sources)
}

/// For a subcommand that needs the settings files alone: the help does not name what sets a key.
pub(crate) fn only_files(argument: Arg) -> Arg {
    let sets_a_key = ["listen", "upstream", "log_level", "log_format"];
    let hidden = sets_a_key.contains(&argument.get_id().as_str());
    argument.hide(hidden)
}

/// What follows the options in the help of those that run a gateway, or judge its settings.
pub(crate) const AFTER_HELP: &str = "\
Examples:
  verifik-gateway                          127.0.0.1:8080, in front of the API
  verifik-gateway --listen 0.0.0.0:8080    for other machines as well
  verifik-gateway --config gateway.toml    with a settings file
  verifik-gateway check --config gateway.toml
                                           what would be in force, or is wrong
  verifik-gateway demo                     see it work: no token, no network
  verifik-gateway demo --upstream-only 127.0.0.1:9000
                                           a stand-in for the API, for tests
  verifik-gateway fetch ids.txt --token-file token --output tickets.ndjson
                                           many tickets; see fetch --help
  verifik-gateway health                   whether the one that runs is ready
  verifik-gateway purge --ticket ID        have it forget a ticket

Settings:
  Compiled defaults come first, then each --config FILE in turn, then the
  environment, then the flags; the later wins, key by key. Every key has a
  variable VERIFIK_GATEWAY__SECTION__KEY, such as
    VERIFIK_GATEWAY__UPSTREAM__URL=https://api.verifik.co
    VERIFIK_GATEWAY__CACHE__MEMORY=256MiB
  `verifik-gateway check` prints all keys, what is in force and where it comes
  from; config/default.toml explains them. HTTPS_PROXY and NO_PROXY are heeded
  towards an https upstream.

Exit codes:
  0   done, or drained after a signal
  1   something failed while running, or the drain was cut at its deadline
  64  the command line or the settings are wrong; every mistake is told";
