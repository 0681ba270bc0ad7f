//! Credentials in memory: nothing that holds one can be printed, and where the bytes are ours they
//! are wiped (threats.md K9).

use crate::support::running::BINARY;
use crate::support::running::set;
use std::fmt::Debug;
use std::fs;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Command;
use verifik_gateway::app::admin_token::Held;
use verifik_gateway::app::fetch_call::Caller;
use verifik_gateway::app::fetch_token::Token;
use verifik_gateway::app::fetch_token::authorization;
use verifik_gateway::app::stand_in_answers::Asked;
use verifik_gateway::base::secret::Secret;
use verifik_gateway::cache::errand::Errand;
use verifik_gateway::policy::key::Credential;
use verifik_gateway::policy::key::Key;
use verifik_gateway::policy::key::KeySecret;
use verifik_gateway::policy::key::Variant;
use verifik_gateway::serve::message::Read;
use verifik_gateway::serve::tickets::Tickets;
use verifik_gateway::upstream::request::ReadRequest;

/// Does not compile if one of the types has `Debug`: which of two implementations is meant would
/// then be unclear.
macro_rules! cannot_be_printed {
    ($($type:ty),+ $(,)?) => {$(
        const _: fn() = || {
            trait Printable<Which> {
                fn which() {}
            }
            struct Yes;
            impl<T> Printable<()> for T {}
            impl<T: Debug> Printable<Yes> for T {}
            let _ = <$type as Printable<_>>::which;
        };
    )+};
}

cannot_be_printed!(
    Secret<Vec<u8>>,
    Secret<[u8; 32]>,
    KeySecret,
    Key,
    Credential,
    Variant,
    Token,
    Caller,
    Held,
    Asked<'_>,
    Read<'_>,
    ReadRequest,
    Errand,
    Tickets,
);

/// What stands in this process's memory now at what was the place of some octets. `None` if nothing
/// does any more.
fn memory(place: (usize, usize)) -> Option<Vec<u8>> {
    let mut octets = vec![0; place.1];
    let memory = File::open("/proc/self/mem").unwrap();
    memory.read_exact_at(&mut octets, place.0 as u64).ok()?;
    Some(octets)
}

fn place(octets: &[u8]) -> (usize, usize) {
    (octets.as_ptr().addr(), octets.len())
}

/// Whether a good part of it can still be read there: the allocator writes into what it was given
/// back.
fn is_left(place: (usize, usize), token: &str) -> bool {
    let end = &token.as_bytes()[token.len() - 16..];
    memory(place).is_some_and(|octets| octets.windows(16).any(|window| window == end))
}

const TOKEN: &str = "wiped-when-it-is-let-go.0123456789abcdefghijklmnopqrstuvwxyz-7f3cSECRET";

#[cfg(target_os = "linux")]
#[test]
fn a_token_is_wiped_when_the_last_who_sends_it_lets_go() {
    let text = Secret::new(TOKEN.as_bytes().to_vec());
    let read = place(text.expose());
    let token = authorization(&text).ok().unwrap();
    drop(text);
    assert!(!is_left(read, TOKEN), "what was read");
    let sent = token.value().clone();
    let held = place(sent.as_bytes());
    drop(token);
    assert!(is_left(held, TOKEN), "it is still being sent");
    drop(sent);
    assert!(!is_left(held, TOKEN), "what was sent");
}

/// Also where it stands in the wrong place, or is none.
#[test]
fn check_never_tells_the_operators_token() {
    let path = format!("{}/token-that-check-reads", env!("CARGO_TARGET_TMPDIR"));
    let texts = [
        TOKEN.to_owned(),
        format!("{TOKEN}\n{TOKEN}"),
        format!("Bearer {TOKEN}"),
        format!("{TOKEN}\u{e9}"),
    ];
    for (text, file) in texts.iter().map(|text| (text.as_str(), path.as_str())).chain([("", TOKEN)])
    {
        fs::write(&path, text).unwrap();
        let mut command = Command::new(BINARY);
        set(&mut command, &[("ADMIN__TOKEN_FILE", file)]);
        let output = command.arg("check").output().unwrap();
        assert_eq!(output.status.success(), text == TOKEN, "{text}");
        for said in [output.stdout, output.stderr] {
            let said = String::from_utf8(said).unwrap();
            assert!(!said.contains("wiped-when") && !said.contains("7f3cSECRET"), "{said}");
        }
    }
}
