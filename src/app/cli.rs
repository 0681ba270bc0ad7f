//! The command line: what to do, and where its settings are.

use crate::app::admin_arguments;
use crate::app::admin_arguments::AdminPort;
use crate::app::admin_arguments::PurgeErrand;
use crate::app::ending::Ending;
use crate::app::fetch_arguments;
use crate::app::fetch_arguments::Errand;
use crate::app::options;
use crate::app::options::Options;
use crate::settings::address;
use crate::settings::address::SOCKET_ADDRESSES;
use crate::settings::sources::Sources;
use clap::CommandFactory;
use clap::Parser;
use clap::Subcommand;
use clap::error::ErrorKind;
use std::ffi::OsString;
use std::net::SocketAddr;

/// What the command line asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// Run the gateway.
    Serve(Sources),
    /// Say what is in force.
    Check(Sources),
    /// Show what the gateway does, with a stand-in upstream.
    Demo {
        /// For the gateway of the demonstration.
        sources: Sources,
        /// Serve the stand-in upstream alone, at this address.
        upstream_only: Option<SocketAddr>,
    },
    /// Fetch many tickets.
    Fetch(Sources, Errand),
    /// Have a gateway that runs forget something.
    Purge(Sources, PurgeErrand),
    /// Ask a gateway that runs whether it is ready.
    Health(Sources, AdminPort),
}

/// A caching gateway for Verifik support tickets: repeated reads answered from memory, everything
/// else passed through unchanged.
#[derive(Debug, Parser)]
#[command(name = "verifik-gateway", version, after_help = options::AFTER_HELP)]
struct Line {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run the gateway (the default)
    #[command(after_help = options::AFTER_HELP)]
    Serve(Options),
    /// Print the settings in force and where each comes from, or everything wrong with them
    #[command(after_help = options::AFTER_HELP)]
    Check(Options),
    /// Show a miss, a hit, a not-found, a collapse and an invalidation, then keep serving
    #[command(after_help = options::AFTER_HELP)]
    Demo {
        #[command(flatten)]
        options: Options,
        /// Serve the stand-in upstream alone, at this address
        #[arg(long, value_name = "ADDRESS")]
        upstream_only: Option<String>,
    },
    /// Fetch many tickets at the pace the API allows, now or in several runs
    #[command(after_help = fetch_arguments::AFTER_HELP, mut_arg("listen", |arg| arg.hide(true)))]
    Fetch {
        #[command(flatten)]
        options: Options,
        #[command(flatten)]
        errand: Errand,
    },
    /// Have a gateway that runs forget a ticket, or everything
    #[command(after_help = admin_arguments::PURGE_HELP, mut_args(options::only_files))]
    Purge {
        #[command(flatten)]
        options: Options,
        #[command(flatten)]
        errand: PurgeErrand,
    },
    /// Ask a gateway that runs whether it is ready
    #[command(after_help = admin_arguments::HEALTH_HELP, mut_args(options::only_files))]
    Health {
        #[command(flatten)]
        options: Options,
        #[command(flatten)]
        port: AdminPort,
    },
}

/// Reads the command line, the program's name first.
///
/// # Errors
/// Help, the version, or what is wrong.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Ending> {
    let arguments = arguments.into_iter().collect::<Vec<_>>();
    let read = Line::try_parse_from(&arguments).and_then(command);
    read.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ending::Done(error.to_string()),
        _ => Ending::Misused(without_secrets(error.to_string(), &arguments)),
    })
}

fn command(line: Line) -> Result<Command, clap::Error> {
    let before = line.options;
    Ok(match line.task {
        None => Command::Serve(sources(before, Options::default())?),
        Some(Task::Serve(after)) => Command::Serve(sources(before, after)?),
        Some(Task::Check(after)) => Command::Check(sources(before, after)?),
        Some(Task::Demo { options, upstream_only }) => Command::Demo {
            sources: sources(before, options)?,
            upstream_only: upstream_only.as_deref().map(upstream_address).transpose()?,
        },
        Some(Task::Fetch { options, errand }) => {
            let sources = sources(before, options)?;
            let agreed = errand.agree(&sources);
            agreed.map_err(|why| misuse(ErrorKind::ArgumentConflict, why))?;
            Command::Fetch(sources, errand)
        }
        Some(Task::Purge { options, errand }) => {
            Command::Purge(only_files("purge", before, options)?, errand)
        }
        Some(Task::Health { options, port }) => {
            Command::Health(only_files("health", before, options)?, port)
        }
    })
}

/// The flags before the subcommand and those after it.
fn sources(before: Options, after: Options) -> Result<Sources, clap::Error> {
    options::sources(before, after).map_err(|why| misuse(ErrorKind::ArgumentConflict, &why))
}

/// The same for a subcommand that only asks a gateway that runs.
fn only_files(command: &str, before: Options, after: Options) -> Result<Sources, clap::Error> {
    let sources = sources(before, after)?;
    let agreed = admin_arguments::agree(command, &sources);
    agreed.map_err(|why| misuse(ErrorKind::ArgumentConflict, &why))?;
    Ok(sources)
}

fn upstream_address(text: &str) -> Result<SocketAddr, clap::Error> {
    address::socket_address(text).map_err(|fault| {
        let problem = format!("--upstream-only {}; accepted: {SOCKET_ADDRESSES}", fault.as_str());
        misuse(ErrorKind::ValueValidation, &problem)
    })
}

fn misuse(kind: ErrorKind, problem: &str) -> clap::Error {
    Line::command().error(kind, problem)
}

/// clap shows the argument it does not understand, or what follows its `=`.
fn without_secrets(told: String, arguments: &[OsString]) -> String {
    let arguments = arguments.iter().skip(1).map(|argument| argument.to_string_lossy());
    arguments.fold(told, |told, argument| {
        let value = argument.split_once('=').map_or("", |(_, value)| value);
        let secrets = [&*argument, value].into_iter().filter(|text| may_be_secret(text));
        secrets.fold(told, |told, secret| told.replace(secret, "[not shown]"))
    })
}

/// Whether somebody may have put a secret in the wrong place: what has an `@` may be a URL with a
/// password, and a token of the API is a JSON Web Token, which begins so (`{"`).
pub(crate) fn may_be_secret(text: &str) -> bool {
    text.contains('@') || text.contains("eyJ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::admin_arguments::Scope;
    use crate::settings::sources::Flag;
    use std::path::PathBuf;

    fn read(line: &str) -> Result<Command, Ending> {
        parse(["verifik-gateway"].into_iter().chain(line.split_whitespace()).map(OsString::from))
    }

    fn told(line: &str) -> String {
        match read(line) {
            Err(Ending::Misused(told)) => told,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn options_stand_before_the_subcommand_or_after_it() {
        let expected = Sources {
            files: vec!["a.toml".into(), "b.toml".into()],
            flags: vec![
                flag("--listen", "listen", "address", "127.0.0.1:0"),
                flag("--upstream", "upstream", "url", "http://x"),
                flag("--log-level", "log", "level", "debug"),
                flag("--log-format", "log", "format", "json"),
            ],
        };
        let options =
            "--listen 127.0.0.1:0 --upstream=http://x --log-level debug --log-format json";
        for line in [
            format!("{options} --config a.toml --config b.toml"),
            format!("serve --config a.toml {options} --config b.toml"),
            format!("--config a.toml serve --config b.toml {options}"),
            format!("{options} --config a.toml serve --config b.toml"),
        ] {
            assert_eq!(read(&line), Ok(Command::Serve(expected.clone())), "{line}");
        }
        assert_eq!(read(""), Ok(Command::Serve(Sources::default())));
        assert_eq!(read("check"), Ok(Command::Check(Sources::default())));
    }

    fn flag(name: &'static str, section: &'static str, key: &'static str, value: &str) -> Flag {
        Flag { name, section, key, value: value.to_owned() }
    }

    #[test]
    fn the_demonstration_may_serve_its_upstream_alone() {
        let sources = Sources::default();
        let upstream_only = Some(([127, 0, 0, 1], 9000).into());
        let demo = Command::Demo { sources: sources.clone(), upstream_only };
        assert_eq!(read("demo --upstream-only localhost:9000"), Ok(demo));
        assert_eq!(read("demo"), Ok(Command::Demo { sources, upstream_only: None }));
        let told = told("demo --upstream-only 9000");
        assert!(told.starts_with("error: --upstream-only is not an address; accepted: "), "{told}");
    }

    #[test]
    fn a_wrong_command_line_says_what_is_wrong() {
        for (line, expected) in [
            ("--listne x", "error: unexpected argument '--listne' found"),
            ("chekc", "error: unrecognized subcommand 'chekc'"),
            ("check twice", "error: unexpected argument 'twice' found"),
            ("--listen", "error: a value is required for '--listen <ADDRESS>'"),
            ("--listen a --listen b", "error: the argument '--listen <ADDRESS>' cannot be used"),
            ("--listen a check --listen b", "error: --listen is given twice"),
            ("fetch - --listen x", "error: --listen cannot be used with fetch"),
            ("--upstream x fetch - --gateway http://y", "error: --upstream cannot be used"),
            ("purge", "error: the following required arguments were not provided:\n  <--ticket"),
            ("purge --all --ticket a", "error: the argument '--all' cannot be used with"),
            ("purge --ticket a/b", "error: invalid value 'a/b' for '--ticket <ID>': is no tick"),
            ("purge --ticket bulk", "error: invalid value 'bulk' for '--ticket <ID>': is no tick"),
            ("--listen x purge --all", "error: --listen cannot be used with purge, which asks a"),
            ("health --log-level off", "error: --log-level cannot be used with health, which"),
            ("health --admin https://x", "error: invalid value 'https://x' for '--admin <URL>': "),
            ("serve --upstream-only x", "error: unexpected argument '--upstream-only' found"),
        ] {
            assert!(told(line).starts_with(expected), "{line}: {}", told(line));
        }
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_not_shown() {
        for line in [
            "https://me:hunter2@api.verifik.co",
            "check https://me:hunter2@api.verifik.co?a=b",
            "--config=a --version=https://me:hunter2@api.verifik.co",
            "demo --upstream-only https://me:hunter2@api.verifik.co",
            "--upstrem=https://me:hunter2@api.verifik.co",
            "fetch ids eyJhbGciOi.eyJpZCI6.hunter2",
            "fetch ids --gateway eyJhbGciOi.eyJpZCI6.hunter2",
            "purge --ticket eyJhbGciOi.eyJpZCI6.hunter2",
            "purge --all --token eyJhbGciOi.eyJpZCI6.hunter2",
            "health --admin http://me:hunter2@localhost",
            "fetch ids --resume=eyJhbGciOi.eyJpZCI6.hunter2",
        ] {
            assert!(!told(line).contains("hunter2"), "{line}: {}", told(line));
        }
    }

    #[test]
    fn help_teaches_and_ends_well() {
        for line in ["--help", "help", "serve --help", "check -h", "demo --help"] {
            let Err(Ending::Done(help)) = read(line) else { panic!("{line}") };
            for word in ["Examples:", "VERIFIK_GATEWAY__UPSTREAM__URL", "Exit codes:", "--config"] {
                assert!(help.contains(word), "{line} lacks {word}:\n{help}");
            }
        }
        let version = format!("verifik-gateway {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(read("--version"), Err(Ending::Done(version)));
    }

    #[test]
    fn who_only_asks_is_told_of_nothing_that_would_be_without_effect() {
        for line in ["purge --help", "health --help"] {
            let Err(Ending::Done(help)) = read(line) else { panic!("{line}") };
            for word in ["Examples:", "Exit codes:", "--config", "--admin <URL>", "--token-file"] {
                assert!(help.contains(word), "{line} lacks {word}:\n{help}");
            }
            assert!(!help.contains("--listen") && !help.contains("--log"), "{line}:\n{help}");
        }
        let Ok(Command::Purge(sources, errand)) = read("--config a purge --ticket b-1") else {
            panic!("the line is in order")
        };
        assert_eq!(sources.files, ["a"].map(PathBuf::from));
        assert_eq!(errand.scope(), Scope::Ticket("b-1"));
    }

    #[test]
    fn the_grammar_is_consistent() {
        Line::command().debug_assert();
    }
}
