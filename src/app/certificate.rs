//! The certificate for clients: read at the start, and looked at again while the gateway runs.

use crate::serve::tls::Certificate;
use crate::serve::tls::Files;
use crate::serve::tls::Reread;
use crate::serve::tls::TlsFault;
use crate::settings::model::CertificateFiles;
use crate::settings::model::Listen;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::info;
use tracing::warn;

/// Between two looks at the files: soon enough for whoever renews a certificate days before its end,
/// and two small reads.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The certificate that the settings ask for, if they do.
///
/// # Errors
/// A sentence that says which file is not good, and why.
pub fn load(listen: &Listen) -> Result<Option<Arc<Certificate>>, String> {
    let Some(tls) = &listen.tls else { return Ok(None) };
    Ok(Some(Arc::new(Certificate::load(files(tls)).map_err(|fault| wrong(&fault))?)))
}

/// Has other files looked at from now on.
///
/// # Errors
/// A sentence that says which file is not good, and why; all stays as it was.
pub async fn move_to(certificate: &Arc<Certificate>, tls: &CertificateFiles) -> Result<(), String> {
    let (certificate, files) = (Arc::clone(certificate), files(tls));
    let moved = spawn_blocking(move || certificate.move_to(files)).await;
    moved.map_err(|error| error.to_string())?.map_err(|fault| wrong(&fault))
}

fn files(tls: &CertificateFiles) -> Files {
    Files { certificate: tls.cert_file.clone(), key: tls.key_file.clone() }
}

fn wrong(fault: &TlsFault) -> String {
    format!("listen.cert_file and listen.key_file: {fault}")
}

/// Looks at the files now and then, for as long as the gateway runs.
pub async fn watch(certificate: Arc<Certificate>) {
    loop {
        sleep(LOOK_EVERY).await;
        look(&certificate).await;
    }
}

/// Looks at the files once, puts in force what is new and good, and tells what came of it.
pub async fn look(certificate: &Arc<Certificate>) {
    let certificate = Arc::clone(certificate);
    match spawn_blocking(move || certificate.reread()).await {
        Ok(Reread::Replaced) => info!("another certificate is in force for new connections"),
        Ok(Reread::Refused(fault)) => {
            warn!(%fault, "a new certificate is not good; the one before stays in force");
        }
        // What cannot be looked at now is looked at the next time.
        Ok(Reread::Unchanged | Reread::StillRefused) | Err(_) => {}
    }
}
