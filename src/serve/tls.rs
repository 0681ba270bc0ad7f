//! TLS for clients: a certificate and its key, read again while the gateway runs.
//!
//! Whoever renews a certificate replaces two files, one after the other or both at once through a
//! symlink. So what is read is compared with what was read before by its content, and a pair that
//! does not belong together is not taken: the next look finds the other half.

use crate::base::bounded;
use crate::base::secret::Secret;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem;
use rustls::pki_types::pem::PemObject;
use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;

/// What is spoken inside TLS (RFC 7301): a client that insists on something else is refused.
const PROTOCOL: &[u8] = b"http/1.1";

/// Longer than any chain.
const LONGEST_CHAIN: u64 = 1024 * 1024;

/// Longer than any key.
const LONGEST_KEY: usize = 64 * 1024;

/// The gateway's certificate, as it is now.
pub struct Certificate {
    current: RwLock<Arc<ServerConfig>>,
    seen: Mutex<Seen>,
}

/// Where a certificate and its key stand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Files {
    /// The chain, leaf first: PEM.
    pub certificate: PathBuf,
    /// The private key: PEM.
    pub key: PathBuf,
}

/// What came of a look at the files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reread {
    /// They are as they were.
    Unchanged,
    /// New ones are in force for whoever connects from now on.
    Replaced,
    /// They are not good, and what was in force is. Told once for what stands there.
    Refused(TlsFault),
    /// They are still not good.
    StillRefused,
}

/// Why files are not good. No variant tells of a key more than that.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TlsFault {
    /// A file cannot be read.
    Unreadable(PathBuf, ErrorKind),
    /// No certificate, or no key, stands in it.
    Empty(PathBuf, &'static str),
    /// Something in it is not PEM.
    Malformed(PathBuf, &'static str),
    /// The key is not the certificate's.
    Mismatch(Files),
    /// rustls refuses the two, for this reason.
    Refused(Files, String),
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, kind) => write!(f, "{}: {kind}", path.display()),
            Self::Empty(path, what) => write!(f, "{}: no {what} in it", path.display()),
            Self::Malformed(path, what) => write!(f, "{}: a {what} that is broken", path.display()),
            Self::Mismatch(Files { certificate, key }) => {
                let (certificate, key) = (certificate.display(), key.display());
                write!(f, "{key}: is not the key of the certificate in {certificate}")
            }
            Self::Refused(Files { certificate, key }, why) => {
                write!(f, "{} with {}: {why}", certificate.display(), key.display())
            }
        }
    }
}

impl std::error::Error for TlsFault {}

/// What stood in the files at the last look.
struct Seen {
    files: Files,
    good: blake3::Hash,
    refused: Option<blake3::Hash>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn load(files: Files) -> Result<Self, TlsFault> {
        let (good, pair) = look(&files);
        let current = RwLock::new(pair.and_then(|pair| pair.config(&files))?);
        Ok(Self { current, seen: Mutex::new(Seen { files, good, refused: None }) })
    }

    /// What is in force for a connection that begins now.
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the files once, and puts in force what is new and good. This reads from the disk: not
    /// for a task of the runtime.
    pub fn reread(&self) -> Reread {
        // Two looks at a time would not know what the other has told.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (content, pair) = look(&seen.files);
        if content == seen.good {
            seen.refused = None;
            return Reread::Unchanged;
        }
        if seen.refused == Some(content) {
            return Reread::StillRefused;
        }
        match pair.and_then(|pair| pair.config(&seen.files)) {
            Ok(config) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
                (seen.good, seen.refused) = (content, None);
                Reread::Replaced
            }
            Err(fault) => {
                seen.refused = Some(content);
                Reread::Refused(fault)
            }
        }
    }
}

impl Certificate {
    /// From now on these files are looked at, and what stands in them is in force. This reads from the
    /// disk: not for a task of the runtime.
    ///
    /// # Errors
    /// What is wrong with them; all stays as it was.
    pub fn move_to(&self, files: Files) -> Result<(), TlsFault> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.files == files {
            return Ok(());
        }
        let (good, pair) = look(&files);
        let config = pair.and_then(|pair| pair.config(&files))?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
        *seen = Seen { files, good, refused: None };
        Ok(())
    }
}

/// What stands in the two files.
struct Pair {
    certificate: Vec<u8>,
    key: Secret<Vec<u8>>,
}

/// What stands in the files, and by what it is known again.
fn look(files: &Files) -> (blake3::Hash, Result<Pair, TlsFault>) {
    let certificate = read(&files.certificate);
    let key = read_key(&files.key);
    let mut hasher = blake3::Hasher::new();
    for octets in [certificate.as_deref(), key.as_ref().map(AsRef::as_ref)] {
        match octets {
            Ok(octets) => {
                hasher.update(&u64::try_from(octets.len()).unwrap_or(u64::MAX).to_be_bytes());
                hasher.update(octets);
            }
            // No file is so long.
            Err(fault) => drop(hasher.update(&[u8::MAX; 8]).update(fault.to_string().as_bytes())),
        }
    }
    let pair = certificate.and_then(|certificate| Ok(Pair { certificate, key: key? }));
    (hasher.finalize(), pair)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFault> {
    let octets = bounded::read_file(path, LONGEST_CHAIN);
    octets.map_err(|error| TlsFault::Unreadable(path.to_owned(), error.kind()))
}

fn read_key(path: &Path) -> Result<Secret<Vec<u8>>, TlsFault> {
    let octets = File::open(path).and_then(|file| Secret::read(file, LONGEST_KEY));
    let whole = octets.and_then(|octets| octets.ok_or_else(|| ErrorKind::FileTooLarge.into()));
    whole.map_err(|error| TlsFault::Unreadable(path.to_owned(), error.kind()))
}

impl Pair {
    /// How connections are secured with it.
    fn config(&self, files: &Files) -> Result<Arc<ServerConfig>, TlsFault> {
        let (chain, key) = (self.chain(&files.certificate)?, self.key(&files.key)?);
        let refused = |error: rustls::Error| match error {
            rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch) => {
                TlsFault::Mismatch(files.clone())
            }
            error => TlsFault::Refused(files.clone(), error.to_string()),
        };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        // TLS 1.2 and 1.3.
        let builder = builder.with_safe_default_protocol_versions().map_err(refused)?;
        let config = builder.with_no_client_auth().with_single_cert(chain, key);
        let mut config = config.map_err(refused)?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Arc::new(config))
    }

    fn chain(&self, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(|error| not_pem(path, &error, "certificate"))?;
        if chain.is_empty() {
            return Err(TlsFault::Empty(path.to_owned(), "certificate"));
        }
        Ok(chain)
    }

    fn key(&self, path: &Path) -> Result<PrivateKeyDer<'static>, TlsFault> {
        PrivateKeyDer::from_pem_slice(self.key.expose())
            .map_err(|error| not_pem(path, &error, "private key"))
    }
}

/// What the parser says may quote a line of the file: of a key nothing is repeated.
fn not_pem(path: &Path, error: &pem::Error, what: &'static str) -> TlsFault {
    match error {
        pem::Error::NoItemsFound => TlsFault::Empty(path.to_owned(), what),
        _ => TlsFault::Malformed(path.to_owned(), what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::CertifiedKey;
    use rcgen::KeyPair;
    use rcgen::generate_simple_self_signed;
    use std::env::temp_dir;
    use std::fs;
    use std::process;

    /// A certificate and its key, as PEM.
    fn pair() -> (String, String) {
        let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let CertifiedKey::<KeyPair> { cert, signing_key } = made;
        (cert.pem(), signing_key.serialize_pem())
    }

    fn files(name: &str) -> Files {
        let place = temp_dir().join(format!("verifik-tls-{}-{name}", process::id()));
        fs::create_dir_all(&place).unwrap();
        Files { certificate: place.join("cert.pem"), key: place.join("key.pem") }
    }

    fn write(files: &Files, (certificate, key): (&str, &str)) {
        fs::write(&files.certificate, certificate).unwrap();
        fs::write(&files.key, key).unwrap();
    }

    #[test]
    fn what_is_wrong_with_the_files_is_told_and_nothing_of_a_key() {
        let files = files("wrong");
        let ((good, key), (_, other)) = (pair(), pair());
        let cut = &key[..key.len() / 2];
        for (certificate, key, expected) in [
            ("", &*key, "cert.pem: no certificate in it"),
            (&*key, &*key, "cert.pem: no certificate in it"),
            (
                "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
                &key,
                "certificate that is",
            ),
            (
                "-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----",
                &key,
                "cert.pem with ",
            ),
            (&*good, "", "key.pem: no private key in it"),
            (&*good, &*good, "key.pem: no private key in it"),
            (&*good, cut, "key.pem: a private key that is broken"),
            (&*good, &*other, "key.pem: is not the key of the certificate in "),
        ] {
            write(&files, (certificate, key));
            let told = Certificate::load(files.clone()).map(drop).unwrap_err().to_string();
            assert!(told.contains(expected), "{expected}: {told}");
            let lines = key.lines().filter(|line| line.len() > 20);
            assert!(lines.into_iter().all(|line| !told.contains(line)), "{told}");
        }
        fs::remove_file(&files.key).unwrap();
        let told = Certificate::load(files).map(drop).unwrap_err().to_string();
        assert!(told.ends_with("key.pem: entity not found"), "{told}");
    }

    #[test]
    fn a_good_pair_replaces_another_and_a_broken_one_is_told_once() {
        let files = files("reread");
        let ((first, first_key), (second, second_key)) = (pair(), pair());
        write(&files, (&first, &first_key));
        let certificate = Certificate::load(files.clone()).unwrap();
        let before = certificate.current();
        assert_eq!(certificate.reread(), Reread::Unchanged);
        // Its other half is not there yet.
        write(&files, (&second, &first_key));
        assert_eq!(certificate.reread(), Reread::Refused(TlsFault::Mismatch(files.clone())));
        assert_eq!(certificate.reread(), Reread::StillRefused);
        assert!(Arc::ptr_eq(&before, &certificate.current()));
        write(&files, (&second, &second_key));
        assert_eq!(certificate.reread(), Reread::Replaced);
        assert_eq!(certificate.reread(), Reread::Unchanged);
        let after = certificate.current();
        assert!(!Arc::ptr_eq(&before, &after));
        write(&files, ("", &second_key));
        assert!(matches!(certificate.reread(), Reread::Refused(TlsFault::Empty(..))));
        fs::remove_file(&files.key).unwrap();
        assert!(matches!(certificate.reread(), Reread::Refused(TlsFault::Unreadable(..))));
        assert_eq!(certificate.reread(), Reread::StillRefused);
        write(&files, (&second, &second_key));
        assert_eq!(certificate.reread(), Reread::Unchanged);
        assert!(Arc::ptr_eq(&after, &certificate.current()));
    }
}
