//! Certificates for clients that are replaced under load, in the two ways in which that is done.

use crate::process::BINARY;
use crate::process::Process;
use crate::process::signal;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::IsCa;
use rcgen::KeyPair;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Longer than any handshake and any look at the files.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who makes certificates, and where the gateway finds them.
pub struct Issuer {
    authority: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    /// All that were ever good.
    made: Mutex<Vec<Vec<u8>>>,
    connector: TlsConnector,
}

impl Issuer {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(params, key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("rolling-certificates");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        Self { authority, folder, made: Mutex::default(), connector }
    }

    /// A new certificate and its key, as PEM; it counts as good from now on.
    fn make(&self) -> (String, String) {
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        self.made.lock().unwrap().push(certificate.der().to_vec());
        (certificate.pem(), key.serialize_pem())
    }

    fn newest(&self) -> Vec<u8> {
        self.made.lock().unwrap().last().unwrap().clone()
    }

    /// Both files at once, through a symlink, as Kubernetes does.
    pub fn swap(&self, version: u64) {
        let (certificate, key) = self.make();
        let (there, link) = (self.folder.join(version.to_string()), self.folder.join("next"));
        fs::create_dir(&there).unwrap();
        fs::write(there.join("cert.pem"), certificate).unwrap();
        fs::write(there.join("key.pem"), key).unwrap();
        symlink(&there, &link).unwrap();
        fs::rename(&link, self.folder.join("data")).unwrap();
    }

    /// One file after the other, with what is done in between.
    pub async fn overwrite(&self, between: impl AsyncFnOnce()) {
        let (certificate, key) = self.make();
        let data = self.folder.join("data");
        fs::write(data.join("cert.pem"), certificate).unwrap();
        between().await;
        fs::write(data.join("key.pem"), key).unwrap();
    }

    /// The gateway with what stands in the files.
    pub async fn start(&self) -> Process {
        let (data, file) = (self.folder.join("data"), self.folder.join("gateway.toml"));
        let text = format!(
            "[listen]\naddress = \"127.0.0.1:0\"\ncert_file = \"{0}/cert.pem\"\n\
             key_file = \"{0}/key.pem\"\n[upstream]\nurl = \"http://127.0.0.1:9\"\n\
             [admin]\naddress = \"unix:{1}/admin.sock\"\n",
            data.display(),
            std::env::temp_dir().display(),
        );
        fs::write(&file, text).unwrap();
        let mut command = Command::new(BINARY);
        command.env_clear().args(["serve", "--config"]).arg(file);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        spawn_blocking(|| Process::begin(command)).await.unwrap()
    }

    /// Connects and asks; the certificate that was shown, which has to be one of the good ones.
    pub async fn connects(&self, gateway: SocketAddr) -> Vec<u8> {
        let asked = async {
            let socket = TcpStream::connect(gateway).await.expect("never refused");
            let name = "localhost".try_into().unwrap();
            let mut io = self.connector.connect(name, socket).await.expect("a good handshake");
            let shown = io.get_ref().1.peer_certificates().unwrap()[0].to_vec();
            let asked = "GET /_gateway/live HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n";
            io.write_all(asked.as_bytes()).await.expect("to be heard");
            let mut heard = [0; 12];
            io.read_exact(&mut heard).await.expect("an answer");
            assert_eq!(&heard, b"HTTP/1.1 200");
            shown
        };
        let shown = timeout(PATIENCE, asked).await.expect("an answer in time");
        assert!(self.made.lock().unwrap().contains(&shown), "nobody made this one");
        shown
    }

    /// How long it takes until the newest is shown.
    pub async fn taken(&self, gateway: SocketAddr) -> Duration {
        let (began, newest) = (Instant::now(), self.newest());
        let shown = async {
            while self.connects(gateway).await != newest {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, shown).await.expect("the newest is shown");
        began.elapsed()
    }

    /// Replaces the files in both ways by turns; every third time nobody says so. The longest that it
    /// took until the newest was shown.
    pub async fn rotate(&self, times: u64, gateway: &Process) -> Duration {
        let mut longest = Duration::ZERO;
        for version in 1..=times {
            let tells = |tells: bool| tells.then(|| signal(&gateway.child, "HUP"));
            if version % 2 == 0 {
                self.swap(version);
            } else {
                // A look in between finds two that do not belong together.
                let between = async || {
                    tells(true);
                    sleep(Duration::from_millis(100)).await;
                };
                self.overwrite(between).await;
            }
            tells(version % 3 != 0);
            longest = longest.max(self.taken(gateway.address).await);
        }
        longest
    }
}
