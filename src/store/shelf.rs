//! The stored responses under one key: one, or the variants that its `Vary` makes (RFC 9111
//! section 4.1).
//!
//! Departures: the newest is what was asked for last, which we know, and not what has the latest
//! `Date`; and a response without `Vary` replaces all variants, since its server says that there is
//! nothing to tell apart any more.

use crate::policy::key::Variant;
use crate::policy::order::Turn;
use crate::store::response::StoredResponse;
use std::sync::Arc;

/// What stands under one key.
#[derive(Clone)]
pub(crate) enum Shelf {
    /// The usual case, without a list around it.
    One(Arc<StoredResponse>),
    /// Several variants, the one asked for last first.
    Several(Arc<[Arc<StoredResponse>]>),
}

/// How many variants are kept under one key. A response that varies on something that is new in every
/// request would otherwise fill the store.
const MOST_VARIANTS: usize = 8;

impl Shelf {
    /// All of them, the one asked for last first.
    pub(crate) fn all(&self) -> &[Arc<StoredResponse>] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }

    /// The newest that `matches` the request (RFC 9111 section 4.1).
    pub(crate) fn select(
        &self,
        matches: impl Fn(&Variant) -> bool,
    ) -> Option<&Arc<StoredResponse>> {
        self.all().iter().find(|stored| stored.variant.as_deref().is_none_or(&matches))
    }

    /// The shelf with `newer` on it, in the place of those it replaces; `None` if it was asked for
    /// before one of them.
    ///
    /// It replaces the same variant, and every response with a variant those without one: what was
    /// said to vary since is no answer to just any request.
    pub(crate) fn with(&self, newer: Arc<StoredResponse>) -> Option<Self> {
        let replaces = |there: &StoredResponse| match (&newer.variant, &there.variant) {
            (None, _) | (_, None) => true,
            (Some(one), Some(other)) => one == other,
        };
        if self.all().iter().any(|there| replaces(there) && there.asked > newer.asked) {
            return None;
        }
        let left = self.all().iter().filter(|there| !replaces(there)).cloned();
        let mut all: Vec<_> = left.collect();
        all.push(newer);
        all.sort_by_key(|stored| std::cmp::Reverse(stored.asked));
        all.truncate(MOST_VARIANTS);
        Self::of(all)
    }

    /// What is left without those asked for before the forward of `turn`; `None` if nothing is.
    pub(crate) fn since(&self, turn: Turn) -> Option<Self> {
        Self::of(self.all().iter().filter(|there| there.asked >= turn).cloned().collect())
    }

    fn of(mut all: Vec<Arc<StoredResponse>>) -> Option<Self> {
        match all.len() {
            0 | 1 => all.pop().map(Self::One),
            _ => Some(Self::Several(all.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::room::Room;
    use crate::base::secret::Secret;
    use crate::base::time::Timestamp;
    use crate::policy::freshness::Facts;
    use crate::policy::freshness::Source;
    use crate::policy::freshness::Staleness;
    use crate::policy::key::KeySecret;
    use crate::store::response::Label;
    use http::HeaderMap;
    use http::HeaderName;
    use http::HeaderValue;
    use http::StatusCode;
    use std::time::Duration;

    fn secret() -> KeySecret {
        KeySecret::new(Secret::new([1; 32]))
    }

    fn asking(value: &str) -> HeaderMap {
        let value = HeaderValue::from_str(value).unwrap();
        HeaderMap::from_iter([(HeaderName::from_static("x-a"), value)])
    }

    /// A response asked for at `turn` with `x-a` of a value, if it varies on that.
    fn response(turn: u64, value: Option<&str>) -> Arc<StoredResponse> {
        let secret = secret();
        let names = vec![HeaderName::from_static("x-a")];
        let variant = value.and_then(|value| secret.variant(names, &asking(value)));
        let facts = Facts {
            asked_at: Timestamp::from_secs(1),
            received_at: Timestamp::from_secs(1),
            initial_age: Duration::ZERO,
            lifetime: Duration::from_secs(9),
            authority_ends: None,
            stale: Staleness::Forbidden,
            always_validate: false,
            negative: false,
            source: Source::Open,
        };
        let label = Label {
            key: secret.key(&secret.nobody(), 1, "a", "/a/1", None, &HeaderMap::new()),
            asked: Turn::new(turn),
            facts,
            status: StatusCode::OK,
            own_tag: false,
            variant: variant.map(Box::new),
        };
        Arc::new(StoredResponse::new(label, &HeaderMap::new(), b"", &Room::new(1_000)).unwrap())
    }

    fn shelf(responses: &[(u64, Option<&str>)]) -> Shelf {
        let mut all = responses.iter().map(|(turn, value)| response(*turn, *value));
        let first = Shelf::One(all.next().unwrap());
        all.fold(first, |shelf, next| shelf.with(next).unwrap_or(shelf))
    }

    /// The turn of what answers a request with this value.
    fn selected(shelf: &Shelf, value: &str) -> Option<Turn> {
        let (secret, asking) = (secret(), asking(value));
        let found = shelf.select(|v| secret.selecting(&v.names, &asking) == v.values);
        found.map(|stored| stored.asked)
    }

    #[test]
    fn each_request_gets_the_newest_that_matches_it() {
        const A: Option<&str> = Some("a");
        const B: Option<&str> = Some("b");
        // stored in this order, then what answers `a` and `b`, and how many are left
        let rows: &[(&[(u64, Option<&str>)], u64, u64, usize)] = &[
            (&[(1, None)], 1, 1, 1),
            (&[(1, A)], 1, 0, 1),
            (&[(1, A), (2, B)], 1, 2, 2),
            (&[(1, A), (2, B), (3, A)], 3, 2, 2),
            (&[(3, A), (2, A)], 3, 0, 1),
            (&[(3, A), (2, B)], 3, 2, 2),
            (&[(1, None), (2, A)], 2, 0, 1),
            (&[(2, None), (1, A)], 2, 2, 1),
            (&[(1, A), (2, B), (3, None)], 3, 3, 1),
            (&[(1, A), (4, B), (3, None)], 1, 4, 2),
        ];
        for (stored, a, b, left) in rows {
            let shelf = shelf(stored);
            let turn = |turn: u64| (turn > 0).then(|| Turn::new(turn));
            let found = (selected(&shelf, "a"), selected(&shelf, "b"), shelf.all().len());
            assert_eq!(found, (turn(*a), turn(*b), *left), "{stored:?}");
        }
    }

    #[test]
    fn what_was_asked_for_earlier_is_taken_out() {
        let shelf = shelf(&[(1, Some("a")), (2, Some("b")), (3, Some("c"))]);
        let left = |turn| {
            let left = shelf.since(Turn::new(turn));
            left.map_or(Vec::new(), |left| left.all().iter().map(|stored| stored.asked).collect())
        };
        let turns = |turns: &[u64]| turns.iter().copied().map(Turn::new).collect::<Vec<_>>();
        assert_eq!(left(1), turns(&[3, 2, 1]));
        assert_eq!(left(3), turns(&[3]));
        assert_eq!(left(4), turns(&[]));
    }

    #[test]
    fn only_so_many_variants_are_kept_and_the_oldest_goes_first() {
        let names: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        let stored: Vec<_> = (1..).zip(names.iter().map(|name| Some(name.as_str()))).collect();
        let shelf = shelf(&stored);
        assert_eq!(shelf.all().len(), MOST_VARIANTS);
        assert_eq!((selected(&shelf, "0"), selected(&shelf, "19")), (None, Some(Turn::new(20))));
    }
}
