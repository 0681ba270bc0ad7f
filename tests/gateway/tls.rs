//! TLS to the upstream, over real sockets: what proves that it is the upstream, and that nothing is
//! said to anybody else.

use crate::cli::get;
use crate::sockets::TICKET;
use crate::sockets::Upstream;
use crate::sockets::answer;
use crate::sockets::gateway;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::DnType;
use rcgen::IsCa;
use rcgen::KeyPair;
use rcgen::date_time_ymd;
use rustls::ServerConfig;
use rustls::ServerConnection;
use rustls::StreamOwned;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

#[tokio::test]
async fn only_a_certificate_that_proves_the_upstream_is_trusted() {
    let (authority, other) = (authority("ours"), authority("another"));
    let file = written("authority.pem", &authority.pem());
    let environment = [("VERIFIK_GATEWAY__UPSTREAM__CA_FILE", file.to_str().unwrap())];
    let refused = Some("GATEWAY_CERTIFICATE_REFUSED");
    for (case, certificate, expected) in [
        ("good", signed("localhost", 2100, Some(&authority)), None),
        ("of an unknown authority", signed("localhost", 2100, Some(&other)), refused),
        ("self-signed", signed("localhost", 2100, None), refused),
        ("of another name", signed("elsewhere.test", 2100, Some(&authority)), refused),
        ("expired", signed("localhost", 2020, Some(&authority)), refused),
    ] {
        let shake = move |socket| {
            let connection = ServerConnection::new(Arc::clone(&certificate)).unwrap();
            StreamOwned::new(connection, socket)
        };
        let upstream = Upstream::open(shake, answer);
        let process = gateway(&upstream.url("https"), &environment);
        let reply = get(process.address, TICKET).await;
        match expected {
            None => assert_eq!((reply.status, upstream.count()), (200, 1), "{case}"),
            Some(code) => {
                assert_eq!(reply.status, 502, "{case}");
                assert!(reply.text().contains(code), "{case}: {}", reply.text());
                assert_eq!(upstream.heard(), "", "{case}");
            }
        }
    }
}

#[tokio::test]
async fn an_upstream_that_speaks_plainly_is_not_told_a_word() {
    let shake = |mut socket: TcpStream| {
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").unwrap();
        socket
    };
    let upstream = Upstream::open(shake, answer);
    let process = gateway(&upstream.url("https"), &[]);
    let reply = get(process.address, TICKET).await;
    assert_eq!(reply.status, 502);
    assert!(reply.text().contains("GATEWAY_TLS_FAILED"), "{}", reply.text());
    // At most the beginning of a handshake.
    let heard = upstream.heard();
    assert!(!heard.contains("support-tickets") && !heard.contains("Bearer"), "{heard:?}");
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server with a certificate for `name`, good until the end of a year, signed by `authority` or
/// by itself.
fn signed(
    name: &str,
    until: i32,
    authority: Option<&CertifiedIssuer<'static, KeyPair>>,
) -> Arc<ServerConfig> {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(until, 12, 31);
    let key = KeyPair::generate().unwrap();
    let certificate = match authority {
        Some(authority) => params.signed_by(&key, authority),
        None => params.self_signed(&key),
    };
    let chain = vec![certificate.unwrap().der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}

fn written(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}
