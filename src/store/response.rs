//! A stored response: one compact block of fields and body, and the facts to decide by.
//!
//! The block is copied to exact size. Field values and bodies as hyper hands them over are slices
//! of its read buffers; to keep one is to keep 8 KiB (measured: ten times a ticket's own size).

use crate::base::room::Room;
use crate::fields::shorthand;
use crate::policy::freshness::Facts;
use crate::policy::key::Key;
use crate::policy::key::Variant;
use crate::policy::order::Turn;
use bytes::Buf;
use bytes::BufMut;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::StatusCode;
use http::header::AGE;
use std::sync::Arc;

/// A response as it was answered, whole, and fit to be reused.
pub struct StoredResponse {
    /// Compared by every reader: a table that mixed two up would be found out (threats.md K5).
    pub key: Key,
    /// When it was asked for, in the order of forwards and marks.
    pub asked: Turn,
    /// Its age and lifetime.
    pub facts: Facts,
    /// Its status.
    pub status: StatusCode,
    /// Whether its `ETag` is ours: the upstream does not know it.
    pub own_tag: bool,
    /// To which requests under its key it is an answer; to all of them if there is no word.
    pub variant: Option<Box<Variant>>,
    /// How many fields stand in the block.
    field_count: u16,
    /// Where in the block the body begins.
    body_at: u32,
    block: Bytes,
}

/// Why a response could not be put into a block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unfit {
    /// A field of 64 KiB or a body of 4 GiB.
    TooLarge,
    /// There is no room for it now.
    NoRoom,
}

/// What a response is stored as, apart from its fields and body.
#[derive(Clone)]
pub struct Label {
    /// Its key.
    pub key: Key,
    /// When it was asked for.
    pub asked: Turn,
    /// Its age and lifetime.
    pub facts: Facts,
    /// Its status.
    pub status: StatusCode,
    /// Whether its `ETag` is ours.
    pub own_tag: bool,
    /// To which requests under its key it is an answer.
    pub variant: Option<Box<Variant>>,
}

impl StoredResponse {
    /// Copies a response into some of the `room`, which it holds for as long as anybody reads it.
    /// `fields` are its end-to-end fields; `Age` is left out, for every reuse works out its own.
    pub fn new(
        label: Label,
        fields: &HeaderMap,
        body: &[u8],
        room: &Arc<Room>,
    ) -> Result<Self, Unfit> {
        let kept = || fields.iter().filter(|(name, _)| **name != AGE);
        let fields_size = kept().map(|(name, value)| size(name, value));
        let fields_size = fields_size.fold(0, usize::saturating_add);
        let size = fields_size.saturating_add(body.len());
        let taken = room.take(size.saturating_add(OVERHEAD)).ok_or(Unfit::NoRoom)?;
        let mut block = Vec::with_capacity(size);
        for (name, value) in kept() {
            put_field(&mut block, name, value).ok_or(Unfit::TooLarge)?;
        }
        block.put_slice(body);
        let Label { key, asked, facts, status, own_tag, variant } = label;
        Ok(Self {
            key,
            asked,
            facts,
            status,
            own_tag,
            variant,
            field_count: u16::try_from(kept().count()).map_err(|_| Unfit::TooLarge)?,
            body_at: u32::try_from(fields_size).map_err(|_| Unfit::TooLarge)?,
            block: taken.hold(block.into_boxed_slice()),
        })
    }

    /// The fields as they were answered, repeated ones in their order; room for `more` others.
    pub fn fields(&self, more: usize) -> HeaderMap {
        let mut fields = HeaderMap::with_capacity(usize::from(self.field_count) + more);
        let mut rest = &*self.block;
        for _ in 0..self.field_count {
            let Some((name, value)) = self.take_field(&mut rest) else { break };
            fields.append(name, value);
        }
        fields
    }

    /// Takes one field off the front of `rest`, a part of the block; its value is shared and not
    /// copied. The block was written by [`Self::new`], so this finds one; if it ever did not, a
    /// field would be missing and nothing would panic.
    fn take_field(&self, rest: &mut &[u8]) -> Option<(HeaderName, HeaderValue)> {
        let (octet, after) = rest.split_first()?;
        let (value_len, mut after) = after.split_first_chunk()?;
        let name = if *octet == SPELT {
            let (name_len, spelt) = after.split_first_chunk()?;
            let name_len = usize::from(u16::from_be_bytes(*name_len));
            let (name, behind) = spelt.split_at_checked(name_len)?;
            after = behind;
            HeaderName::from_bytes(name).ok()?
        } else {
            shorthand::name(*octet)?
        };
        let (value, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*value_len)))?;
        *rest = after;
        Some((name, HeaderValue::from_maybe_shared(self.block.slice_ref(value)).ok()?))
    }

    /// The body, shared and not copied.
    pub fn body(&self) -> Bytes {
        let mut block = self.block.clone();
        block.advance((self.body_at as usize).min(block.len()));
        block
    }

    /// What it costs in memory, in bytes: its fields and body, and what is kept besides.
    pub fn weight(&self) -> usize {
        self.block.len().saturating_add(OVERHEAD)
    }
}

/// What a stored response costs above its fields and body: moka's entry, the key, our facts and
/// the allocations' own heads (measured by `benches/memory`, rounded up).
const OVERHEAD: usize = 640;

/// In the place of a name's octet: the name is spelt out.
const SPELT: u8 = 0;

/// How much of the block a field takes: an octet for its name and two for its value's length, the name
/// with its own length if it is spelt out, and the value.
fn size(name: &HeaderName, value: &HeaderValue) -> usize {
    let spelt = if shorthand::octet(name).is_some() { 0 } else { 2 + name.as_str().len() };
    3 + spelt + value.len()
}

/// Adds a field to the block. `None`: it is too long for that.
fn put_field(block: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) -> Option<()> {
    let octet = shorthand::octet(name);
    block.put_u8(octet.unwrap_or(SPELT));
    block.put_u16(u16::try_from(value.len()).ok()?);
    if octet.is_none() {
        block.put_u16(u16::try_from(name.as_str().len()).ok()?);
        block.put_slice(name.as_str().as_bytes());
    }
    block.put_slice(value.as_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;
    use crate::base::time::Timestamp;
    use crate::policy::freshness::Source;
    use crate::policy::freshness::Staleness;
    use crate::policy::key::KeySecret;
    use proptest::prelude::*;
    use std::time::Duration;

    fn label() -> Label {
        let secret = KeySecret::new(Secret::new([1; 32]));
        let credential = secret.credential(b"t");
        Label {
            key: secret.key(&credential, 1, "ticket", "/t/1", None, &HeaderMap::new()),
            asked: Turn::new(1),
            facts: Facts {
                asked_at: Timestamp::from_secs(1),
                received_at: Timestamp::from_secs(1),
                initial_age: Duration::ZERO,
                lifetime: Duration::from_secs(1),
                authority_ends: None,
                stale: Staleness::Forbidden,
                always_validate: false,
                negative: false,
                source: Source::Open,
            },
            status: StatusCode::OK,
            own_tag: false,
            variant: None,
        }
    }

    #[test]
    fn an_age_on_arrival_is_not_replayed_and_an_endless_field_is_refused() {
        let mut fields = HeaderMap::new();
        fields.insert(AGE, HeaderValue::from_static("7"));
        let stored =
            |fields: &HeaderMap| StoredResponse::new(label(), fields, b"{}", &Room::new(70_000));
        assert!(stored(&fields).unwrap().fields(0).is_empty());
        fields.insert("x-long", "a".repeat(65_536).parse().unwrap());
        assert_eq!(stored(&fields).err(), Some(Unfit::TooLarge));
    }

    #[test]
    fn it_holds_its_room_until_the_last_reader_is_done() {
        let room = Room::new(1_000);
        let stored = StoredResponse::new(label(), &HeaderMap::new(), b"{}", &room).unwrap();
        assert_eq!(room.used(), stored.weight());
        let another = StoredResponse::new(label(), &HeaderMap::new(), b"{}", &room);
        assert_eq!(another.err(), Some(Unfit::NoRoom));
        let body = stored.body();
        drop(stored);
        assert_eq!(room.used(), 642);
        drop(body);
        assert_eq!(room.used(), 0);
    }

    /// Some that are stored as one octet, and others.
    fn a_name() -> impl Strategy<Value = String> {
        let known = prop::sample::select(vec!["content-type", "etag", "x-request-id", "vary"]);
        prop_oneof![known.prop_map(str::to_owned), "[a-z][a-z-]{0,12}"]
    }

    proptest! {
        #[test]
        fn what_is_stored_comes_back_as_it_was(
            lines in proptest::collection::vec((a_name(), "[ -~]{0,20}"), 0..12),
            body in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut fields = HeaderMap::new();
            for (name, value) in lines.iter().filter(|(name, _)| name != "age") {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                fields.append(name, HeaderValue::from_str(value.trim()).unwrap());
            }
            let stored = StoredResponse::new(label(), &fields, &body, &Room::new(9_000)).unwrap();
            prop_assert_eq!(stored.fields(2), fields);
            prop_assert_eq!(&stored.body()[..], &body[..]);
        }
    }
}
