//! The way out: straight to the upstream, or through a proxy that is asked for a tunnel to it
//! (CONNECT, RFC 9110 section 9.3.6).
//!
//! Within the tunnel goes TLS, verified for the upstream's name as it is without one, so the proxy
//! hears nothing but that name. What it says itself ends here: as a failure to connect.

use crate::upstream::failure::Failure;
use crate::upstream::failure::causes_in_words;
use crate::upstream::failure::timed_out;
use http::HeaderValue;
use http::Uri;
use http::uri::Scheme;
use hyper::rt::Read;
use hyper::rt::Write;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;
use tower_service::Service;

/// A proxy that is spoken to in the clear.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Where it listens: `http://HOST:PORT/`.
    pub uri: Uri,
    /// What it is told in `Proxy-Authorization`; marked sensitive.
    pub authorization: Option<HeaderValue>,
}

/// Makes connections by way of those that `T` makes.
#[derive(Clone)]
pub struct Egress<T> {
    transport: T,
    tunnel: Option<Tunnel<T>>,
    /// How long the proxy may take, its own connection included.
    patience: Duration,
}

/// What is kept back of the time for a connection, so that it is the proxy that is named for having
/// used it up. It is less than TLS would have needed.
const KEPT_BACK: Duration = Duration::from_millis(5);

impl<T: Clone> Egress<T> {
    /// Through `proxy`, if there is one. `connect_timeout`: for all of a connection, which others see to.
    pub fn new(transport: T, proxy: Option<&Proxy>, connect_timeout: Duration) -> Self {
        let tunnel = proxy.map(|proxy| {
            let tunnel = Tunnel::new(proxy.uri.clone(), transport.clone());
            match proxy.authorization.clone() {
                Some(authorization) => tunnel.with_auth(authorization),
                None => tunnel,
            }
        });
        let patience = connect_timeout.saturating_sub(KEPT_BACK.min(connect_timeout / 16));
        Self { transport, tunnel, patience }
    }
}

impl<T> Service<Uri> for Egress<T>
where
    T: Service<Uri> + Clone + Send + 'static,
    T::Response: Read + Write + Send + Unpin + 'static,
    T::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    T::Future: Send + 'static,
{
    type Response = T::Response;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<T::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, upstream: Uri) -> Self::Future {
        let (transport, patience) = (self.transport.clone(), self.patience);
        // In the clear there is nothing to tunnel, and a token is told to nobody on the way.
        let tunnel = self.tunnel.clone().filter(|_| upstream.scheme() == Some(&Scheme::HTTPS));
        Box::pin(async move {
            let Some(tunnel) = tunnel else {
                return connected(transport, upstream).await.map_err(Into::into);
            };
            match timeout(patience, connected(tunnel, upstream)).await {
                Ok(tunnelled) => tunnelled.map_err(|error| Untunnelled::because(&error).into()),
                Err(_) => Err(Untunnelled::in_time().into()),
            }
        })
    }
}

async fn connected<S: Service<Uri>>(mut connector: S, to: Uri) -> Result<S::Response, S::Error> {
    poll_fn(|cx| connector.poll_ready(cx)).await?;
    connector.call(to).await
}

/// The proxy made no tunnel.
#[derive(Debug)]
struct Untunnelled {
    /// What the libraries say, on one line: were they causes of this one, a proxy's name that is not
    /// resolved would be taken for the upstream's.
    words: String,
    failure: Failure,
}

impl Untunnelled {
    fn because(error: &(dyn Error + 'static)) -> Self {
        let failure = if timed_out(error) { Failure::ConnectTimeout } else { Failure::Connect };
        Self { words: causes_in_words(error), failure }
    }

    fn in_time() -> Self {
        Self { words: "no tunnel in time".to_owned(), failure: Failure::ConnectTimeout }
    }
}

impl fmt::Display for Untunnelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by the proxy: {}", self.words)
    }
}

impl Error for Untunnelled {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn whatever_the_proxy_does_is_a_failure_to_connect() {
        let dns: Box<dyn Error + Send + Sync> = "dns error: no such host".into();
        for (error, expected) in [
            (io::Error::other(dns), Failure::Connect),
            (io::Error::from(io::ErrorKind::ConnectionReset), Failure::Connect),
            (io::Error::from(io::ErrorKind::TimedOut), Failure::ConnectTimeout),
        ] {
            let told = Untunnelled::because(&error);
            assert_eq!(Failure::of_request(&told), expected, "{error}");
            assert!(causes_in_words(&told).starts_with("by the proxy: "), "{told}");
        }
    }
}
