//! Responses as the load reads them: by their own framing, never by what was hoped for.

use std::io;

/// A response's head.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    pub(crate) status: &'a str,
    pub(crate) content_length: usize,
    /// Empty where there is none.
    pub(crate) cache_status: &'a str,
    /// Where the body begins.
    pub(crate) length: usize,
}

impl<'a> Head<'a> {
    /// Reads a head, or nothing while it is not whole.
    ///
    /// # Errors
    /// When it is whole and has no readable `Content-Length`.
    pub(crate) fn read(bytes: &'a [u8]) -> io::Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = bytes.get(..end).map_or(Ok(""), str::from_utf8).map_err(io::Error::other)?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
        let (mut content_length, mut cache_status) = (None, "");
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                content_length = value.trim().parse().ok();
            } else if name.eq_ignore_ascii_case("cache-status") {
                cache_status = value.trim();
            }
        }
        let unframed = || io::Error::other(format!("no Content-Length in {text:?}"));
        let content_length = content_length.ok_or_else(unframed)?;
        Ok(Some(Self { status, content_length, cache_status, length: end + 4 }))
    }
}
