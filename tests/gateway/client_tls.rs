//! TLS for clients: who is served, who is not waited for, and certificates that change.

use crate::sockets::Upstream;
use crate::sockets::answer;
use crate::support::certificates::authority;
use crate::support::client::Client;
use crate::support::house::House;
use crate::support::house::PIPE;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::running::BINARY;
use crate::support::running::PATIENCE;
use crate::support::running::Running;
use crate::support::running::asks;
use crate::support::running::kept;
use crate::support::running::ran;
use crate::support::running::set;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::KeyPair;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::SupportedProtocolVersion;
use rustls::crypto::aws_lc_rs;
use rustls::version::TLS12;
use rustls::version::TLS13;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::io::duplex;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use verifik_gateway::policy::shed::Peer;
use verifik_gateway::serve::tls::Certificate;
use verifik_gateway::serve::tls::Files;
use verifik_gateway::serve::tls::Reread;

/// An authority, and a folder with a certificate of it and its key.
struct Issuer {
    authority: CertifiedIssuer<'static, KeyPair>,
    files: Files,
}

impl Issuer {
    fn new(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("client-tls").join(name);
        fs::create_dir_all(&folder).unwrap();
        let files = Files { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
        let issuer = Self { authority: authority(name), files };
        issuer.renew();
        issuer
    }

    /// A new certificate and its key, as PEM.
    fn issue(&self) -> (String, String) {
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.authority).unwrap().pem(), key.serialize_pem())
    }

    fn renew(&self) {
        let (certificate, key) = self.issue();
        fs::write(&self.files.certificate, certificate).unwrap();
        fs::write(&self.files.key, key).unwrap();
    }

    /// A house that shows the certificate.
    fn house(&self) -> (House, Arc<Certificate>) {
        let certificate = Arc::new(Certificate::load(self.files.clone()).unwrap());
        let mut house = House::new();
        house.door.certificate = Some(Arc::clone(&certificate));
        (house, certificate)
    }

    /// Somebody who trusts the authority, and speaks these.
    fn connector(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &str,
    ) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(versions).unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        if !alpn.is_empty() {
            config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        }
        TlsConnector::from(Arc::new(config))
    }

    /// Shakes hands over `io`.
    async fn shakes<T: AsyncRead + AsyncWrite + Unpin>(&self, io: T) -> io::Result<TlsStream<T>> {
        let connector = self.connector(&[&TLS13, &TLS12], "");
        connector.connect("localhost".try_into().unwrap(), io).await
    }

    /// The settings that ask for it.
    fn settings(&self) -> [(&str, &str); 2] {
        let Files { certificate, key } = &self.files;
        let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
        [("LISTEN__CERT_FILE", certificate), ("LISTEN__KEY_FILE", key)]
    }
}

/// A connection to the house of which nothing has been said.
async fn plain(house: &House, last: u8) -> DuplexStream {
    let (ours, theirs) = duplex(PIPE);
    house.door.take(theirs, Peer::from(IpAddr::from([10, 0, 0, last]))).await;
    ours
}

/// Which certificate was shown.
fn shown<T>(io: &TlsStream<T>) -> Vec<u8> {
    io.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test(start_paused = true)]
async fn clients_of_tls_1_2_and_1_3_are_served_and_who_insists_on_another_protocol_is_not() {
    let issuer = Issuer::new("versions");
    let (house, _) = issuer.house();
    for (versions, alpn, served) in [
        (&[&TLS12][..], "", true),
        (&[&TLS12], "http/1.1", true),
        (&[&TLS13], "", true),
        (&[&TLS13], "http/1.1", true),
        (&[&TLS13], "h2", false),
        (&[&TLS12], "h2", false),
    ] {
        let connector = issuer.connector(versions, alpn);
        let io = plain(&house, 1).await;
        let shaken = connector.connect("localhost".try_into().unwrap(), io).await;
        assert_eq!(shaken.is_ok(), served, "{versions:?} {alpn}");
        if let Ok(io) = shaken {
            assert_eq!(kept(&mut Client::new(io)).await, (200, true), "{versions:?} {alpn}");
        }
    }
    assert_eq!(house.upstream.count(), 1);
}

/// A hello of TLS 1.1 with one of its cipher suites.
fn hello_of_tls_1_1() -> Vec<u8> {
    let hello = [&[3, 2][..], &[7; 32], &[0, 0, 2, 0xc0, 0x13, 1, 0]].concat();
    let length = u8::try_from(hello.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat()
}

#[tokio::test(start_paused = true)]
async fn who_speaks_an_older_tls_or_none_is_told_no_more_than_an_alert() {
    let (house, _) = Issuer::new("older").house();
    let plainly = b"GET / HTTP/1.1\r\nhost: gateway\r\n\r\n".to_vec();
    for said in [hello_of_tls_1_1(), plainly] {
        let mut io = plain(&house, 1).await;
        io.write_all(&said).await.unwrap();
        let mut heard = Vec::new();
        let _ = io.read_to_end(&mut heard).await;
        // A record of an alert that is fatal (RFC 8446 section 6).
        assert!(heard.len() == 7 && heard[0] == 21 && heard[5] == 2, "{heard:?}");
    }
    assert_eq!(house.upstream.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_is_waited_for_as_long_as_a_head_and_keeps_nobody_else_waiting() {
    let issuer = Issuer::new("silent");
    let ((house, _), began) = (issuer.house(), tokio::time::Instant::now());
    let (mut silent, mut half) = (plain(&house, 1).await, plain(&house, 2).await);
    half.write_all(&[22, 3, 1]).await.unwrap();
    let io = plain(&house, 3).await;
    let (took, good) = timed(issuer.shakes(io)).await;
    assert_eq!(took, Duration::ZERO);
    assert_eq!(kept(&mut Client::new(good.unwrap())).await, (200, true));
    for io in [&mut silent, &mut half] {
        let _ = io.read_to_end(&mut Vec::new()).await;
    }
    assert_eq!(began.elapsed(), house.door.terms.load().limits.header);
}

#[tokio::test(start_paused = true)]
async fn who_has_not_shaken_hands_makes_room() {
    let issuer = Issuer::new("room");
    let certificate = Arc::new(Certificate::load(issuer.files.clone()).unwrap());
    let mut house = House::with(|settings| settings.listen.max_connections = 1);
    house.door.certificate = Some(certificate);
    let mut silent = plain(&house, 1).await;
    pass(2).await;
    let io = plain(&house, 2).await;
    let good = issuer.shakes(io).await.unwrap();
    assert_eq!(kept(&mut Client::new(good)).await, (200, true));
    assert_eq!(silent.read(&mut [0; 9]).await.unwrap_or(0), 0);
}

#[tokio::test(start_paused = true)]
async fn a_drain_tells_clients_of_tls_that_their_next_reply_is_the_last() {
    let issuer = Issuer::new("drain");
    let (house, _) = issuer.house();
    let mut client = Client::new(issuer.shakes(plain(&house, 1).await).await.unwrap());
    assert_eq!(kept(&mut client).await, (200, true));
    let mut silent = plain(&house, 2).await;
    house.drain.send(true).unwrap();
    assert_eq!(kept(&mut client).await, (200, false));
    assert!(client.is_closed().await);
    let (took, heard) = timed(silent.read(&mut [0; 9])).await;
    assert_eq!((took, heard.unwrap_or(0)), (Duration::from_secs(1), 0));
}

#[tokio::test(start_paused = true)]
async fn another_certificate_is_shown_to_newcomers_and_cuts_nobody_off() {
    let issuer = Issuer::new("swapped");
    let (house, certificate) = issuer.house();
    let before = issuer.shakes(plain(&house, 1).await).await.unwrap();
    let first = shown(&before);
    let mut before = Client::new(before);
    issuer.renew();
    assert_eq!(certificate.reread(), Reread::Replaced);
    let after = issuer.shakes(plain(&house, 1).await).await.unwrap();
    assert_ne!(shown(&after), first);
    assert_eq!(kept(&mut before).await, (200, true));
    assert_eq!(kept(&mut Client::new(after)).await, (200, true));
}

/// Connects again and again until it is told to stop, and then says how often. Not one may fail.
async fn connects(issuer: Arc<Issuer>, address: String, stop: Arc<AtomicBool>) -> usize {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let io = TcpStream::connect(&address).await.unwrap();
        let io = issuer.shakes(io).await.expect("every handshake is good");
        assert_eq!(asks(&mut Client::new(io)).await.expect("a reply").status, 200);
        count += 1;
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_clients_connect_a_good_pair_is_taken_and_a_broken_one_is_not() {
    let upstream = Upstream::open(|socket| socket, answer);
    let issuer = Arc::new(Issuer::new("watched"));
    let gateway = Running::start(&upstream.url("http"), &issuer.settings());
    let address = gateway.place.strip_prefix("https://").expect("it says that it is secured");
    let stop = Arc::new(AtomicBool::new(false));
    let mut connecting = tokio::task::JoinSet::new();
    for _ in 0..2 {
        connecting.spawn(connects(Arc::clone(&issuer), address.to_owned(), Arc::clone(&stop)));
    }
    let now = async || {
        let io = TcpStream::connect(address).await.unwrap();
        shown(&issuer.shakes(io).await.unwrap())
    };
    let first = now().await;
    // Its other half comes later than the next look.
    let (certificate, key) = issuer.issue();
    fs::write(&issuer.files.certificate, certificate).unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(6) {
        assert_eq!(now().await, first);
        sleep(Duration::from_millis(100)).await;
    }
    fs::write(&issuer.files.key, key).unwrap();
    let replaced = async {
        while now().await == first {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, replaced).await.expect("the new one is shown");
    stop.store(true, Ordering::Relaxed);
    let counts = connecting.join_all().await;
    assert!(counts.iter().all(|count| *count > 5), "{counts:?}");
    gateway.terminate();
    let (code, said) = gateway.ended().await;
    assert_eq!(code, Some(0), "{said}");
    let refused = "is not the key of the certificate in";
    assert_eq!(said.matches(refused).count(), 1, "{said}");
    assert!(said.contains("another certificate is in force for new connections"), "{said}");
}

#[test]
fn files_that_are_not_good_end_serve_and_check_with_64() {
    let issuer = Issuer::new("refused");
    let judged = |arguments: &[&str]| {
        let mut command = Command::new(BINARY);
        set(&mut command, &issuer.settings());
        ran(command.args(arguments).stdout(Stdio::null()))
    };
    assert_eq!(judged(&["check"]), (Some(0), String::new()));
    let (code, said) = judged(&["demo", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("know neither unix sockets nor TLS"), "{said}");
    let (_, other) = issuer.issue();
    fs::write(&issuer.files.key, &other).unwrap();
    for arguments in [&["check"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let (code, said) = judged(arguments);
        assert_eq!(code, Some(64), "{arguments:?}: {said}");
        let expected = "listen.cert_file and listen.key_file: ";
        assert!(said.contains(expected) && said.contains("key.pem: is not the key of"), "{said}");
    }
}
