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
