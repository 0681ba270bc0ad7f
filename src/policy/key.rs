//! The cache key (design §3.2): which stored response a request asks for, and whose it is.
//!
//! Everything is a keyed BLAKE3 hash under a secret drawn at start, over length-prefixed fields:
//! `("ab", "c")` and `("a", "bc")` never meet, nobody outside can compute a key, and no
//! credential can be found from what the store holds (threats.md K1, K9).
//!
//! Departure from the design: the credential is not one of the fields that a read's key is a hash of,
//! but the hash of it is what that hash is keyed with. Who differs in it has another hash function
//! altogether, and most tickets' keys are one block of 64 octets, which is half.

use crate::api::route::Kind;
use crate::base::secret::Secret;
use crate::fields::vary;
use crate::policy::variant::IN_KEY;
use http::HeaderMap;
use http::HeaderName;
use zeroize::Zeroize;

/// Names one stored response. 256 bits, compared whole. It has no `Debug`: a key in a log could
/// be linked to other lines about the same credential.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Key([u8; 32]);

/// Stands for one whole `Authorization` value: scheme, spelling and all.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Credential([u8; 32]);

/// What a mark can be set on, as short tags. Two that collide are only invalidated together.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tag(u64);

/// Which of several responses under one key: those to requests with the same values of the same
/// fields (RFC 9111 section 4.1).
#[derive(Clone, Eq, PartialEq)]
pub struct Variant {
    /// The fields that the response's `Vary` nominates, as far as they can differ.
    pub names: Box<[HeaderName]>,
    /// Their values in the request that it answered.
    pub values: Key,
}

/// The secret under which keys are made. It cannot be printed, and is wiped when it is dropped.
pub struct KeySecret(Secret<[u8; 32]>);

impl Credential {
    /// The credential's tag for marks.
    pub fn tag(&self) -> Tag {
        Tag(first_eight(&self.0))
    }
}

impl KeySecret {
    /// Keys under `secret`.
    pub const fn new(secret: Secret<[u8; 32]>) -> Self {
        Self(secret)
    }

    /// The credential that a whole `Authorization` value is.
    pub fn credential(&self, authorization: &[u8]) -> Credential {
        let mut hash = self.hash(b"credential");
        // Room for all of it, so that growing leaves no copy behind.
        hash.octets.reserve_exact(LONGEST_COUNT.saturating_add(authorization.len()));
        let credential = Credential(hash.field(authorization).finish());
        hash.wipe();
        credential
    }

    /// What stands for no credential at all, where a resource needs none. No `Authorization` value
    /// is this one.
    pub fn nobody(&self) -> Credential {
        Credential(self.hash(b"nobody").finish())
    }

    /// The tag of a ticket, the same under every path that leads to it.
    pub fn ticket(&self, id: &str) -> Tag {
        Tag(first_eight(&self.hash(b"ticket").field(id.as_bytes()).finish()))
    }

    /// The tag of a resource's thing, the same under every path that leads to it.
    pub fn thing(&self, kind: Kind, resource: &str, id: &str) -> Tag {
        match kind {
            Kind::Ticket => self.ticket(id),
            Kind::Opaque => {
                let mut hash = self.hash(b"thing");
                hash.field(resource.as_bytes()).field(id.as_bytes());
                Tag(first_eight(&hash.finish()))
            }
        }
    }

    /// What the request with `fields` has of what a `Vary` nominates; `None` if that is nothing.
    pub fn variant(&self, names: Vec<HeaderName>, fields: &HeaderMap) -> Option<Variant> {
        let values = (!names.is_empty()).then(|| self.selecting(&names, fields))?;
        Some(Variant { names: names.into(), values })
    }

    /// Stands for the values, as they are sent upstream, of the fields that a `Vary` nominates
    /// (RFC 9111 section 4.1). Hashed, since one of them may be a secret.
    pub fn selecting(&self, names: &[HeaderName], fields: &HeaderMap) -> Key {
        let mut hash = self.hash(b"selecting");
        for name in names {
            let value = vary::normalised(name, fields);
            hash.field(name.as_str().as_bytes()).count(usize::from(value.is_some()));
            hash.field(&value.unwrap_or_default());
        }
        Key(hash.finish())
    }

    /// The key of a read: the resource, the exact target, the credential, and of `fields` those
    /// that are sent on with a ticket and may change the answer. (Of an opaque resource `Vary` tells
    /// which these are: none are given.) `edition`: of the settings, so that what was asked for under
    /// others is not found, whenever it comes.
    pub fn key(
        &self,
        credential: &Credential,
        edition: u64,
        resource: &str,
        path: &str,
        query: Option<&str>,
        fields: &HeaderMap,
    ) -> Key {
        let mut hash = FieldHash::new(&credential.0);
        // The settings of the start go without saying: what is hashed is shorter.
        if edition == FIRST_EDITION {
            hash.field(b"read");
        } else {
            hash.field(b"edition").field(&edition.to_le_bytes());
        }
        hash.field(resource.as_bytes()).field(path.as_bytes());
        // `/t/1?` is not `/t/1`: absence has a spelling of its own.
        hash.count(usize::from(query.is_some()));
        if let Some(query) = query {
            hash.field(query.as_bytes());
        }
        for name in IN_KEY {
            let lines = fields.get_all(name);
            hash.count(lines.iter().count());
            for line in lines {
                hash.field(line.as_bytes());
            }
        }
        Key(hash.finish())
    }

    fn hash(&self, domain: &[u8]) -> FieldHash<'_> {
        let mut hash = FieldHash::new(self.0.expose());
        hash.field(domain);
        hash
    }
}

/// That of the settings of the start.
pub const FIRST_EDITION: u64 = 1;

/// A credential and a target are rarely longer.
const USUAL_LENGTH: usize = 512;

/// Fields, each after its length. They are gathered and hashed in one go, which costs a third of
/// hashing them one by one.
struct FieldHash<'a> {
    secret: &'a [u8; 32],
    octets: Vec<u8>,
}

impl<'a> FieldHash<'a> {
    fn new(secret: &'a [u8; 32]) -> Self {
        Self { secret, octets: Vec::with_capacity(USUAL_LENGTH) }
    }

    fn field(&mut self, octets: &[u8]) -> &mut Self {
        self.count(octets.len());
        self.octets.extend_from_slice(octets);
        self
    }

    /// One octet for most, so that there is less to hash; no spelling begins another.
    fn count(&mut self, count: usize) -> &mut Self {
        match u8::try_from(count) {
            Ok(short) if short != LONG => self.octets.push(short),
            _ => {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                self.octets.push(LONG);
                self.octets.extend_from_slice(&count.to_le_bytes());
            }
        }
        self
    }

    fn finish(&self) -> [u8; 32] {
        *blake3::keyed_hash(self.secret, &self.octets).as_bytes()
    }

    /// Overwrites what was gathered, all of it at once, which takes a few nanoseconds.
    fn wipe(&mut self) {
        self.octets.clear();
        self.octets.spare_capacity_mut().zeroize();
    }
}

/// Four octets of a count follow.
const LONG: u8 = u8::MAX;

/// In octets.
const LONGEST_COUNT: usize = 5;

fn first_eight(hash: &[u8; 32]) -> u64 {
    hash.first_chunk().copied().map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn secret(byte: u8) -> KeySecret {
        KeySecret::new(Secret::new([byte; 32]))
    }

    fn key(token: &str, resource: &str, path: &str, query: Option<&str>) -> Key {
        let secret = secret(1);
        let credential = secret.credential(token.as_bytes());
        secret.key(&credential, 1, resource, path, query, &HeaderMap::new())
    }

    #[test]
    fn every_part_of_a_key_tells() {
        let base = key("Bearer a", "ticket", "/t/1", None);
        assert!(base == key("Bearer a", "ticket", "/t/1", None));
        let others = [
            key("bearer a", "ticket", "/t/1", None),
            key("Bearer b", "ticket", "/t/1", None),
            key("Bearer a", "tickets", "/t/1", None),
            key("Bearer a", "ticket", "/t/2", None),
            key("Bearer a", "ticket", "/t/1", Some("")),
            key("Bearer a", "ticket", "/t/1", Some("populates=threads")),
        ];
        for (row, other) in others.iter().enumerate() {
            assert!(base != *other, "row {row}");
        }
        let again = secret(2);
        let credential = again.credential(b"Bearer a");
        let elsewhere = again.key(&credential, 1, "ticket", "/t/1", None, &HeaderMap::new());
        assert!(base != elsewhere, "another process");
        let secret = secret(1);
        let credential = secret.credential(b"Bearer a");
        let later = secret.key(&credential, 2, "ticket", "/t/1", None, &HeaderMap::new());
        assert!(base != later, "another edition");
    }

    #[test]
    fn no_spelling_of_a_count_begins_another() {
        let spelt = |count| FieldHash::new(&[0; 32]).count(count).octets.clone();
        let counts = [0, 1, 4, 254, 255, 256, 511, 65_535, 65_791, 16_777_215];
        for (row, one) in counts.into_iter().enumerate() {
            for other in counts.iter().skip(row + 1) {
                let (one, other) = (spelt(one), spelt(*other));
                assert!(!one.starts_with(&other) && !other.starts_with(&one), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn nobody_is_no_credential() {
        let secret = secret(1);
        assert!(secret.nobody() == secret.nobody());
        assert!(["", "nobody"].iter().all(|a| secret.credential(a.as_bytes()) != secret.nobody()));
    }

    #[test]
    fn things_have_tags_by_their_resource_but_tickets_are_one_kind() {
        let secret = secret(1);
        let opaque = |resource, id| secret.thing(Kind::Opaque, resource, id);
        assert_eq!(secret.thing(Kind::Ticket, "a", "1"), secret.thing(Kind::Ticket, "b", "1"));
        assert_eq!(opaque("a", "1"), opaque("a", "1"));
        assert_ne!(opaque("a", "1"), opaque("b", "1"));
        assert_ne!(opaque("a", "11"), opaque("a1", "1"));
        assert_ne!(opaque("a", "1"), secret.ticket("1"));
    }

    #[test]
    fn selecting_values_are_told_apart_and_absence_from_emptiness() {
        let secret = secret(1);
        let names = [HeaderName::from_static("x-a"), HeaderName::from_static("x-b")];
        let of = |lines: &[(&'static str, &'static str)]| {
            let mut fields = HeaderMap::new();
            for (name, value) in lines {
                fields.append(*name, HeaderValue::from_static(value));
            }
            secret.selecting(&names, &fields)
        };
        let rows = [
            of(&[]),
            of(&[("x-a", "")]),
            of(&[("x-b", "")]),
            of(&[("x-a", "1")]),
            of(&[("x-b", "1")]),
            of(&[("x-a", "1"), ("x-b", "1")]),
            of(&[("x-a", "1, 1")]),
        ];
        for (row, one) in rows.iter().enumerate() {
            assert!(rows.iter().skip(row + 1).all(|other| one != other), "row {row}");
        }
        assert!(of(&[("x-a", "1"), ("x-c", "2")]) == of(&[("x-a", "1"), ("x-c", "3")]));
        assert!(of(&[("x-a", "1"), ("x-a", "1")]) == of(&[("x-a", "1, 1")]));
    }

    #[test]
    fn the_fields_that_are_sent_on_are_part_of_the_key() {
        let secret = secret(1);
        let credential = secret.credential(b"t");
        let with = |lines: &[(&'static str, &'static str)]| {
            let mut fields = HeaderMap::new();
            for (name, value) in lines {
                fields.append(*name, HeaderValue::from_static(value));
            }
            secret.key(&credential, 1, "ticket", "/t/1", None, &fields)
        };
        let plain = with(&[]);
        assert!(plain == with(&[("user-agent", "curl"), ("cookie", "a=b")]));
        let spellings = [
            with(&[("origin", "a")]),
            with(&[("accept-language", "a")]),
            with(&[("accept-language", "a, b")]),
            with(&[("accept-language", "a"), ("accept-language", "b")]),
            with(&[("accept-language", "")]),
        ];
        for (row, one) in spellings.iter().enumerate() {
            assert!(plain != *one, "row {row}");
            for other in spellings.iter().skip(row + 1) {
                assert!(one != other, "row {row}");
            }
        }
    }

    proptest! {
        #[test]
        fn two_requests_share_a_key_only_if_they_are_the_same(
            one in ("[ab/:]{0,4}", "[ab/:]{0,4}", "[ab/:]{0,4}", proptest::option::of("[ab/:]{0,4}")),
            other in ("[ab/:]{0,4}", "[ab/:]{0,4}", "[ab/:]{0,4}", proptest::option::of("[ab/:]{0,4}")),
        ) {
            let made = |(token, resource, path, query): &(String, String, String, Option<String>)| {
                key(token, resource, path, query.as_deref())
            };
            prop_assert_eq!(made(&one) == made(&other), one == other);
        }
    }
}
