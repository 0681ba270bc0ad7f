//! What `fetch` is given: the list of ids and the token, from files, standard input or the
//! environment.

use crate::app::cli;
use crate::app::ending::Ending;
use crate::app::fetch_ids::LONGEST_TEXT;
use crate::app::fetch_ids::ListFault;
use crate::app::fetch_token::Token;
use crate::app::fetch_token::authorization;
use crate::app::run;
use crate::base::bounded;
use crate::base::secret::Secret;
use crate::settings::mistakes::escaped;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs::File;
use std::io;
use std::io::IsTerminal;
use std::path::Path;

/// The variable with the token.
const TOKEN: &str = "VERIFIK_TOKEN";

/// Above any token: more would not fit into a request's header.
const LONGEST_TOKEN: usize = 32 * 1024;

/// The text of the list at `path`; `-` is standard input.
///
/// # Errors
/// If it cannot be read, or is too long to be held.
pub fn read_ids(path: &Path) -> Result<Vec<u8>, Ending> {
    let read = if path == Path::new("-") {
        let input = io::stdin();
        if input.is_terminal() {
            run::say("verifik-gateway: ids, one a line; Ctrl-D ends the list");
        }
        bounded::read(input, LONGEST_TEXT)
    } else {
        File::open(path).and_then(|file| bounded::read(file, LONGEST_TEXT))
    };
    match read {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(misused(&list_name(path), ListFault::TooLong)),
        Err(error) => Err(misused(&list_name(path), format!("cannot be read: {error}"))),
    }
}

/// A list that is none.
pub fn bad_list(path: &Path, fault: &ListFault) -> Ending {
    misused(&list_name(path), fault)
}

/// The token: that of the file, if one is named, else that of the environment, from which it is
/// taken. Its file's name is never told: somebody might take the option for one that wants the token
/// itself. What is read is wiped. (The process's own environment cannot be: who wants that uses a
/// file.)
///
/// # Errors
/// If there is none, or none that can be sent.
pub fn read_token(
    file: Option<&Path>,
    environment: &mut Vec<(OsString, OsString)>,
) -> Result<Token, Ending> {
    let set = environment.iter().position(|(name, _)| name == TOKEN);
    let set = set.map(|at| environment.swap_remove(at).1.into_encoded_bytes()).map(Secret::new);
    let Some(path) = file else {
        let text = set.ok_or_else(|| {
            misused("the token", format!("is wanted: --token-file FILE, or the variable {TOKEN}"))
        })?;
        return authorization(&text).map_err(|fault| misused(TOKEN, fault.as_str()));
    };
    let wrong = |wrong: &dyn Display| misused("--token-file", wrong);
    match File::open(path).and_then(|file| Secret::read(file, LONGEST_TOKEN)) {
        Ok(Some(text)) => authorization(&text).map_err(|fault| wrong(&fault.as_str())),
        Ok(None) => Err(wrong(&"is longer than 32 KiB, so hardly a token")),
        Err(error) => Err(wrong(&format_args!("cannot be read: {error}"))),
    }
}

fn list_name(path: &Path) -> String {
    let name = path.display().to_string();
    match &*name {
        "-" => "standard input".to_owned(),
        name if cli::may_be_secret(name) => "the list".to_owned(),
        name => escaped(name),
    }
}

fn misused(what: &str, wrong: impl Display) -> Ending {
    Ending::misused(format_args!("{what} {wrong}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(read: Result<Token, Ending>) -> String {
        match read {
            Err(Ending::Misused(told)) => told,
            Err(other) => panic!("{other:?}"),
            Ok(token) => String::from_utf8(token.value().as_bytes().to_vec()).unwrap(),
        }
    }

    #[test]
    fn a_token_comes_from_its_file_or_from_the_environment() {
        let set = |value: &str| vec![("A".into(), "b".into()), (TOKEN.into(), value.into())];
        for (file, mut environment, expected) in [
            (None, set("abc"), "Bearer abc"),
            (None, set(""), "verifik-gateway: VERIFIK_TOKEN is empty\n"),
            (
                None,
                Vec::new(),
                "verifik-gateway: the token is wanted: --token-file FILE, or the variable \
                 VERIFIK_TOKEN\n",
            ),
            (
                Some("eyJhbGciOi.eyJpZCI6.c2ln"),
                set("abc"),
                "verifik-gateway: --token-file cannot be read: No such file or directory \
                 (os error 2)\n",
            ),
            (
                Some("/dev/zero"),
                set("abc"),
                "verifik-gateway: --token-file is longer than 32 KiB, so hardly a token\n",
            ),
            (Some("/dev/null"), set("abc"), "verifik-gateway: --token-file is empty\n"),
        ] {
            assert_eq!(
                told(read_token(file.map(Path::new), &mut environment)),
                expected,
                "{file:?}"
            );
            assert!(environment.iter().all(|(name, _)| name != TOKEN), "{file:?}");
        }
    }

    #[test]
    fn a_list_that_cannot_be_read_is_named() {
        let Err(Ending::Misused(told)) = read_ids(Path::new("no/such\nlist")) else { panic!() };
        assert!(told.starts_with("verifik-gateway: no/such\\nlist cannot be read: "), "{told}");
        assert_eq!(read_ids(Path::new("/dev/null")), Ok(Vec::new()));
    }
}
