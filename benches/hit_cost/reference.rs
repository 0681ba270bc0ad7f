//! The least cache there can be on hyper and moka: what a gateway costs before it decides anything.
//!
//! It keeps whatever is a 200 for ten minutes, by path and credential. It collapses nothing,
//! validates nothing and honours no `Cache-Control`. What it stores is copied, so that it pins no
//! read buffer.

use crate::support::server::LISTENING;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt;
use http_body_util::Empty;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use moka::sync::Cache;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use tokio::net::TcpListener;

/// The argument that turns the bench into this server. The upstream's address follows it.
pub(crate) const FLAG: &str = "--serve-reference";

/// As the gateway's default.
const MEMORY: u64 = 64 << 20;

/// Serves until killed.
pub(crate) fn serve(upstream: String) -> io::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(accept(upstream))
}

struct Reference {
    upstream: String,
    stored: Cache<Vec<u8>, Arc<Stored>>,
    client: Client<HttpConnector, Empty<Bytes>>,
}

struct Stored {
    fields: HeaderMap,
    body: Bytes,
    received_at: Instant,
}

async fn accept(upstream: String) -> io::Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let reference = Arc::new(Reference {
        upstream,
        stored: Cache::builder()
            .max_capacity(MEMORY)
            .weigher(|key: &Vec<u8>, stored: &Arc<Stored>| weight(key, stored))
            .time_to_live(Duration::from_mins(10))
            .build(),
        client: Client::builder(TokioExecutor::new()).build(connector),
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    eprintln!("{LISTENING}{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let reference = Arc::clone(&reference);
        tokio::spawn(async move {
            let service = service_fn(|request| reference.answer(request));
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
        });
    }
}

fn weight(key: &[u8], stored: &Stored) -> u32 {
    u32::try_from(key.len() + stored.body.len() + 1_000).unwrap_or(u32::MAX)
}

impl Reference {
    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let key = key(&request);
        if let Some(stored) = self.stored.get(&key) {
            return Ok(stored.reply("verifik-gateway; hit"));
        }
        Ok(match self.fetch(&request).await {
            Ok(fetched) => {
                let fetched = Arc::new(fetched);
                self.stored.insert(key, Arc::clone(&fetched));
                fetched.reply("verifik-gateway; fwd=uri-miss; stored")
            }
            Err(error) => {
                let mut response = Response::new(Full::from(error.to_string()));
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                response
            }
        })
    }

    async fn fetch(&self, request: &Request<Incoming>) -> Result<Stored, Box<dyn Error>> {
        let mut forward = Request::new(Empty::new());
        *forward.uri_mut() = format!("http://{}{}", self.upstream, request.uri()).parse()?;
        if let Some(credential) = request.headers().get(header::AUTHORIZATION) {
            forward.headers_mut().insert(header::AUTHORIZATION, credential.clone());
        }
        let (head, body) = self.client.request(forward).await?.into_parts();
        if head.status != StatusCode::OK {
            return Err(head.status.as_str().into());
        }
        let mut fields = HeaderMap::with_capacity(head.headers.len());
        for (name, value) in &head.headers {
            fields.append(name, HeaderValue::from_bytes(value.as_bytes())?);
        }
        let body = Bytes::copy_from_slice(&body.collect().await?.to_bytes());
        Ok(Stored { fields, body, received_at: Instant::now() })
    }
}

impl Stored {
    fn reply(&self, cache_status: &'static str) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body.clone()));
        let fields = response.headers_mut();
        fields.clone_from(&self.fields);
        fields.insert(header::AGE, self.received_at.elapsed().as_secs().into());
        fields.insert("cache-status", HeaderValue::from_static(cache_status));
        response
    }
}

fn key(request: &Request<Incoming>) -> Vec<u8> {
    let credential = request.headers().get(header::AUTHORIZATION);
    let credential = credential.map(HeaderValue::as_bytes).unwrap_or_default();
    [credential, b"\n", request.uri().path().as_bytes()].concat()
}
