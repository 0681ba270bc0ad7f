//! TCP and TLS to the upstream, through a proxy or not. Verification is always on; there is no switch.

use crate::upstream::egress::Egress;
use crate::upstream::egress::Proxy;
use hyper_rustls::HttpsConnector;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Which certificates end a chain of trust, and where they come from.
#[derive(Clone, Debug)]
pub struct Roots {
    store: RootCertStore,
    /// Where they come from, for the log.
    pub source: RootSource,
}

/// Where the trusted certificates come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RootSource {
    /// The system's store.
    System,
    /// Mozilla's list as compiled in, because the system has none (a container from scratch).
    CompiledIn,
    /// Nowhere: TLS is not used.
    None,
}

impl RootSource {
    /// The word for the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::CompiledIn => "compiled-in",
            Self::None => "none",
        }
    }
}

/// Why TLS cannot be set up.
#[derive(Debug)]
pub enum TlsError {
    /// `upstream.ca_file` cannot be read, or holds something that is not a certificate.
    CaFile(PathBuf, String),
    /// rustls refuses what we ask of it.
    Config(rustls::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaFile(path, why) => write!(f, "upstream.ca_file {}: {why}", path.display()),
            Self::Config(error) => write!(f, "TLS to the upstream cannot be set up: {error}"),
        }
    }
}

impl std::error::Error for TlsError {}

impl Roots {
    /// None: for an upstream that is not asked over TLS. Reading the system's takes longer than
    /// all the rest of a start.
    pub fn none() -> Self {
        Self { store: RootCertStore::empty(), source: RootSource::None }
    }

    /// The system's roots, or the compiled-in ones where there are none, and those of `ca_file`.
    pub fn load(ca_file: Option<&Path>) -> Result<Self, TlsError> {
        let mut store = RootCertStore::empty();
        // Certificates the system holds and rustls cannot read are left out, as others do.
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let mut source = RootSource::System;
        if store.is_empty() {
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            source = RootSource::CompiledIn;
        }
        if let Some(path) = ca_file {
            let told = |why: String| TlsError::CaFile(path.to_owned(), why);
            let mut found = 0_usize;
            let certificates = CertificateDer::pem_file_iter(path);
            for certificate in certificates.map_err(|error| told(error.to_string()))? {
                let certificate = certificate.map_err(|error| told(error.to_string()))?;
                store.add(certificate).map_err(|error| told(error.to_string()))?;
                found += 1;
            }
            if found == 0 {
                return Err(told("no certificate in it".to_owned()));
            }
        }
        Ok(Self { store, source })
    }
}

/// Makes connections to an `http` or `https` upstream; to the latter through `proxy`, if there is one.
pub fn connector(
    roots: &Roots,
    proxy: Option<&Proxy>,
    connect_timeout: Duration,
) -> Result<HttpsConnector<Egress<HttpConnector>>, TlsError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect_timeout));
    tcp.set_keepalive(Some(KEEPALIVE));
    over(roots, Egress::new(tcp, proxy, connect_timeout))
}

/// The same over connections that `transport` makes.
pub fn over<T>(roots: &Roots, transport: T) -> Result<HttpsConnector<T>, TlsError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Config)?
        .with_root_certificates(roots.store.clone())
        .with_no_client_auth();
    // A resumed session skips the certificate, and would outlive it. Connections are pooled, so that
    // few are made.
    config.resumption = Resumption::disabled();
    let builder = HttpsConnectorBuilder::new().with_tls_config(config);
    Ok(builder.https_or_http().enable_http1().wrap_connector(transport))
}

/// Finds out about an upstream that vanished without a word while a connection was idle.
const KEEPALIVE: Duration = Duration::from_secs(15);
