//! Floor 5: whom we ask. One upstream, over pooled HTTP/1.1 connections.

pub mod failure;
pub mod body;
pub mod request;
pub mod sender;
pub mod destination;
pub mod heads;
pub mod wire;
pub mod client;
pub mod egress;
pub mod tls;
pub mod queue;
pub mod fuse;
pub mod arriving;
pub mod streamed;
pub mod attempt;
