//! The operators' token, as a command that asks the admin port comes by it.

use crate::app::ending::Ending;
use crate::app::fetch_token::Token;
use crate::app::fetch_token::authorization;
use crate::base::secret::Secret;
use crate::settings::token;
use crate::settings::token::TokenFault;
use std::ffi::OsString;
use std::fmt::Display;
use std::path::Path;

/// The variable with the token.
const VARIABLE: &str = "VERIFIK_GATEWAY_ADMIN_TOKEN";

/// A token, and where it comes from.
pub struct Held {
    /// What is sent.
    pub token: Token,
    /// For a sentence about it.
    pub from: &'static str,
}

/// Takes the variable out of the environment.
pub fn take(environment: &mut Vec<(OsString, OsString)>) -> Option<Secret<Vec<u8>>> {
    let set = environment.iter().position(|(name, _)| name == VARIABLE)?;
    Some(Secret::new(environment.swap_remove(set).1.into_encoded_bytes()))
}

/// The token: that of `file`, if one is named, else that of the variable, else that of
/// `admin.token_file`, if that is set.
///
/// # Errors
/// If what was found first is no token.
pub fn find(
    file: Option<&Path>,
    variable: Option<&Secret<Vec<u8>>>,
    settings: Option<&Path>,
) -> Result<Option<Held>, Ending> {
    let (read, from) = match (file, variable, settings) {
        (Some(path), _, _) => (token::read(path), "--token-file"),
        (None, Some(text), _) => (token::token(text), VARIABLE),
        (None, None, Some(path)) => (token::read(path), "admin.token_file"),
        (None, None, None) => return Ok(None),
    };
    let wrong = |why: &dyn Display| Ending::misused(format_args!("{from} {why}"));
    let text = read.map_err(|fault: TokenFault| wrong(&fault))?;
    let token = authorization(&text).map_err(|fault| wrong(&fault.as_str()))?;
    Ok(Some(Held { token, from }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(found: Result<Option<Held>, Ending>) -> String {
        match found {
            Ok(Some(held)) => {
                format!("{}: {}", held.from, String::from_utf8_lossy(held.token.value().as_bytes()))
            }
            Ok(None) => "none".to_owned(),
            Err(Ending::Misused(told)) => told,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_token_comes_from_the_first_place_that_is_named() {
        let (none, variable) = ("no/such/file", Secret::new(b"abc\n".to_vec()));
        let empty = Secret::new(Vec::new());
        let unreadable = "cannot be read: No such file or directory (os error 2)\n";
        for (file, variable, settings, expected) in [
            (None, None, None, "none".to_owned()),
            (None, Some(&variable), None, format!("{VARIABLE}: Bearer abc")),
            (None, Some(&variable), Some(none), format!("{VARIABLE}: Bearer abc")),
            (None, Some(&empty), Some(none), format!("verifik-gateway: {VARIABLE} is empty\n")),
            (
                Some(none),
                Some(&variable),
                None,
                format!("verifik-gateway: --token-file {unreadable}"),
            ),
            (None, None, Some(none), format!("verifik-gateway: admin.token_file {unreadable}")),
        ] {
            let found = find(file.map(Path::new), variable, settings.map(Path::new));
            assert_eq!(told(found), expected, "{file:?} {settings:?}");
        }
    }

    #[test]
    fn the_variable_is_taken_out_of_the_environment() {
        let mut environment = vec![("A".into(), "b".into()), (VARIABLE.into(), "abc".into())];
        assert_eq!(take(&mut environment).unwrap().expose(), b"abc");
        assert_eq!(environment, [("A".into(), "b".into())]);
        assert!(take(&mut environment).is_none());
    }
}
