//! Every credential that a test sends, in all the forms in which it might turn up where it must not:
//! in the log, in a reply, in what a process says (threats.md S2).

use crate::support::client::Reply;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use std::collections::HashMap;
use std::collections::HashSet;
use std::io;
use std::io::Write;
use std::process::abort;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::Mutex;
use std::sync::Once;
use std::sync::RwLock;
use tracing::Level;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::MakeWriter;

/// What ends most of the tokens of tests, and is found in no other text. Replies are searched for it
/// alone, since a few of them are long.
pub const MARK: &str = "7f3cSECRET";

/// Who a credential is of, for an upstream that tells it: without the mark nobody takes it for the token
/// itself.
pub fn unmarked(credential: &str) -> String {
    credential.replace(&format!("-{MARK}"), "")
}

/// A bench that borrows the house measures the house.
pub const SEARCHED: bool = cfg!(test);

/// Shorter ones are found in texts that have nothing to do with them.
const SHORTEST: usize = 8;

/// Where a form may begin is looked up by as many octets.
type Start = [u8; SHORTEST];

static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);

struct Known {
    credentials: HashSet<Vec<u8>>,
    forms: HashMap<Start, Vec<String>>,
    /// Whether a form may begin with such a start: most of what is searched does not.
    begins: Vec<bool>,
}

impl Default for Known {
    fn default() -> Self {
        Self { credentials: HashSet::new(), forms: HashMap::new(), begins: vec![false; 1 << 16] }
    }
}

fn slot(start: &[u8]) -> usize {
    (usize::from(start[0]) << 8 | usize::from(start[3])) ^ usize::from(start[6]) << 4
}

impl Known {
    fn add(&mut self, credential: &[u8]) {
        if !self.credentials.insert(credential.to_vec()) {
            return;
        }
        for form in forms(&String::from_utf8_lossy(credential)) {
            let form = form.to_ascii_lowercase();
            let Some(start) = form.as_bytes().first_chunk::<SHORTEST>().copied() else { continue };
            self.begins[slot(&start)] = true;
            let begun = self.forms.entry(start).or_default();
            if !begun.contains(&form) {
                begun.push(form);
            }
        }
    }

    fn found_in(&self, text: &[u8]) -> Option<&str> {
        let text = text.to_ascii_lowercase();
        let begun = |at: usize| {
            let start: &Start = text[at..].first_chunk()?;
            self.begins[slot(start)].then(|| self.forms.get(start)).flatten()
        };
        (0..text.len())
            .find_map(|at| begun(at)?.iter().find(|form| text[at..].starts_with(form.as_bytes())))
            .map(String::as_str)
    }
}

/// How a secret might turn up: as it is, without its scheme, in base64, in hexadecimal, or as the
/// beginning of a hash of it.
pub fn forms(secret: &str) -> Vec<String> {
    let bare = secret.split_once(' ').map_or(secret, |(_, bare)| bare);
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let sha256 = TLS13_AES_128_GCM_SHA256.tls13().unwrap().common.hash_provider;
    let of = |text: &str| {
        let hash = sha256.hash(text.as_bytes());
        let hashed = [
            hex(hash.as_ref()),
            STANDARD.encode(hash.as_ref()),
            URL_SAFE_NO_PAD.encode(hash.as_ref()),
            blake3::hash(text.as_bytes()).to_string(),
        ];
        let encoded = [STANDARD.encode(text), URL_SAFE_NO_PAD.encode(text), hex(text.as_bytes())];
        let encoded = encoded.into_iter().filter(|form| form.len() >= 2 * SHORTEST);
        let begun = hashed.map(|hash| hash[..16].to_owned());
        [text.to_owned()].into_iter().chain(encoded).chain(begun).collect::<Vec<_>>()
    };
    [of(secret), of(bare)].concat()
}

/// Takes note of the credentials in what a client writes.
pub fn know(octets: &[u8]) {
    if !SEARCHED {
        return;
    }
    for credential in credentials(octets) {
        if credential.len() >= SHORTEST && !KNOWN.read().unwrap().credentials.contains(credential) {
            KNOWN.write().unwrap().add(credential);
        }
    }
}

/// The values of `Authorization` and `Proxy-Authorization`.
fn credentials(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    const NAME: &[u8] = b"authorization:";
    let lines = octets.split(|octet| matches!(octet, b'\r' | b'\n'));
    lines.filter_map(|line| {
        let colon = line.iter().position(|octet| *octet == b':')?;
        let (name, value) = line.split_at(colon + 1);
        let named =
            name.len() >= NAME.len() && name[name.len() - NAME.len()..].eq_ignore_ascii_case(NAME);
        named.then_some(value.trim_ascii())
    })
}

/// A form of a credential, if one is in a text.
pub fn found_in(text: &[u8]) -> Option<String> {
    KNOWN.read().unwrap().found_in(text).map(str::to_owned)
}

/// Searches what a process said.
pub fn assert_clean(text: &str, place: &str) {
    let found = found_in(text.as_bytes());
    assert!(found.is_none(), "{found:?} in {place}: {text}");
}

/// Searches a reply.
pub fn assert_bare(reply: &Reply) {
    if !SEARCHED {
        return;
    }
    let message = &reply.message;
    let marked = |text: &str| text.contains(MARK);
    let fields = message.fields.iter().any(|(name, value)| marked(name) || marked(value));
    let body = marked(&String::from_utf8_lossy(&message.body));
    assert!(!fields && !body && !marked(&message.start), "a token came back: {message:?}");
}

/// Searches what is logged. A find ends all tests at once: a panic while something is logged could be
/// caught, and its test go on.
#[derive(Clone, Default)]
pub struct Searcher {
    /// Where finds are noted instead.
    pub noted: Option<Arc<Mutex<Vec<String>>>>,
}

impl Write for Searcher {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(form) = found_in(line) {
            let Some(noted) = &self.noted else {
                let told = format!("{form} was logged: {}", String::from_utf8_lossy(line));
                let _ = io::stderr().write_all(told.as_bytes());
                abort();
            };
            noted.lock().unwrap().push(form);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// From now on whatever is logged, at every level and by every crate, is searched.
pub fn begin() {
    static BEGUN: Once = Once::new();
    if SEARCHED {
        BEGUN.call_once(|| {
            let lines = fmt().with_max_level(Level::TRACE).with_ansi(false);
            lines.with_writer(Searcher::default()).init();
        });
    }
}

impl MakeWriter<'_> for Searcher {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
