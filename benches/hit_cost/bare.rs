//! The yardstick: bare hyper, which the bench runs by starting itself with [`FLAG`].
//!
//! Same runtime, same allocator, same bytes in the answer as a hit of the gateway; no cache.

use crate::support::server::LISTENING;
use crate::support::work;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Response;
use http::header;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// The argument that turns the bench into bare hyper.
pub(crate) const FLAG: &str = "--serve-bare";

/// The only ticket it has.
pub(crate) const TICKET: u64 = 0;

/// Answers every request with one ticket from memory, whatever was asked: the limit for any
/// gateway built on hyper.
pub(crate) fn serve() -> io::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(accept())
}

async fn accept() -> io::Result<()> {
    let ticket = Arc::new((fields(), Bytes::from(work::body(&work::id(TICKET)))));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    eprintln!("{LISTENING}{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let ticket = Arc::clone(&ticket);
        tokio::spawn(async move {
            let service = service_fn(|_| {
                let (fields, body) = &*ticket;
                let mut response = Response::new(Full::new(body.clone()));
                response.headers_mut().clone_from(fields);
                async { Ok::<_, Infallible>(response) }
            });
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
        });
    }
}

/// The fields a hit has: the upstream's, and those the gateway adds.
fn fields() -> HeaderMap {
    let mut fields = HeaderMap::new();
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    fields.insert(header::CONTENT_TYPE, json);
    fields.insert("x-powered-by", HeaderValue::from_static("Express"));
    fields.insert(header::AGE, HeaderValue::from_static("0"));
    fields.insert("cache-status", HeaderValue::from_static("verifik-gateway; hit; ttl=599"));
    fields.insert(header::ETAG, HeaderValue::from_static("\"Wg1sTSLbPPkbFtK0oUdWVw\""));
    fields
}
