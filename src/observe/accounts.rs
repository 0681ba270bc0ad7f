//! The accounts: every request that comes is entered once, and so is every request to the upstream,
//! with on whose account it was sent. Nothing is derived, so that the two sums can be checked:
//!
//! ```text
//! requests = stored + collapsed + forwarded + refused + own + left
//! upstream = forwarded + retries + background
//! ```
//!
//! A request that is answered though none came, or sent twice, shows here (threats.md section 4).

use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// The accounts of one gateway.
#[derive(Debug, Default)]
pub struct Accounts {
    requests: AtomicU64,
    stored: AtomicU64,
    collapsed: AtomicU64,
    forwarded: AtomicU64,
    refused: AtomicU64,
    own: AtomicU64,
    left: AtomicU64,
    upstream: AtomicU64,
    retries: AtomicU64,
    background: AtomicU64,
}

/// The accounts at a moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Requests that came; each id of a batch is one.
    pub requests: u64,
    /// Answered from the store, with nothing sent on their account.
    pub stored: u64,
    /// Answered by a forward that another had begun.
    pub collapsed: u64,
    /// For which the upstream was asked.
    pub forwarded: u64,
    /// Refused by the gateway itself.
    pub refused: u64,
    /// For a page of the gateway's own, or for a batch.
    pub own: u64,
    /// Ended without an answer, and before anything was sent on their account.
    pub left: u64,
    /// Requests sent upstream, whether or not they arrived.
    pub upstream: u64,
    /// Those sent for a request for which one had been sent before.
    pub retries: u64,
    /// Those sent for nobody who waited, or for others than who had begun the forward.
    pub background: u64,
}

/// How a request ended for which nothing was sent upstream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Entry {
    /// Answered from the store.
    Stored,
    /// Answered by another's forward.
    Collapsed,
    /// Refused.
    Refused,
    /// For something of the gateway's own.
    Own,
    /// Without an answer.
    Left,
}

/// One request's page in the accounts, for as long as it is not known what it comes to.
#[derive(Debug)]
pub struct Page(AtomicU8);

/// On whose account something is sent, and where that is entered.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// Whose.
    pub page: &'a Page,
    /// Where.
    pub accounts: &'a Accounts,
}

/// Nothing was entered yet.
const OPEN: u8 = 0;
/// Something was sent on its account.
const FORWARDED: u8 = 1;
/// It has ended; what is sent from here on is sent for others.
const CLOSED: u8 = 2;

impl Accounts {
    /// A request came.
    pub fn came(&self) {
        add(&self.requests);
    }

    /// A request has ended like this.
    pub fn enter(&self, entry: Entry) {
        add(match entry {
            Entry::Stored => &self.stored,
            Entry::Collapsed => &self.collapsed,
            Entry::Refused => &self.refused,
            Entry::Own => &self.own,
            Entry::Left => &self.left,
        });
    }

    /// What has been entered until now. While requests are under way the sums are short of those.
    pub fn totals(&self) -> Totals {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Totals {
            requests: read(&self.requests),
            stored: read(&self.stored),
            collapsed: read(&self.collapsed),
            forwarded: read(&self.forwarded),
            refused: read(&self.refused),
            own: read(&self.own),
            left: read(&self.left),
            upstream: read(&self.upstream),
            retries: read(&self.retries),
            background: read(&self.background),
        }
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

impl Page {
    /// The page of a request that came.
    pub const fn open() -> Self {
        Self(AtomicU8::new(OPEN))
    }

    /// The page of nobody: whatever is sent on it is sent in the background.
    pub const fn of_nobody() -> Self {
        Self(AtomicU8::new(CLOSED))
    }

    /// A request is sent upstream on its account.
    pub fn sent(&self, accounts: &Accounts) {
        add(&accounts.upstream);
        let first = self.0.compare_exchange(OPEN, FORWARDED, Ordering::AcqRel, Ordering::Acquire);
        add(match first {
            Ok(_) => &accounts.forwarded,
            Err(FORWARDED) => &accounts.retries,
            Err(_) => &accounts.background,
        });
    }

    /// The request has ended: like this, if nothing was sent on its account.
    pub fn close(&self, accounts: &Accounts, entry: Entry) {
        if self.hand_on() {
            accounts.enter(entry);
        }
    }

    /// The request's end is entered elsewhere. False if it was entered before.
    pub fn hand_on(&self) -> bool {
        self.0.compare_exchange(OPEN, CLOSED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Account<'_> {
    /// A request is sent upstream.
    pub fn sent(&self) {
        self.page.sent(self.accounts);
    }
}

impl Totals {
    /// What was entered since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let op = u64::saturating_sub;
        Self {
            requests: op(self.requests, earlier.requests),
            stored: op(self.stored, earlier.stored),
            collapsed: op(self.collapsed, earlier.collapsed),
            forwarded: op(self.forwarded, earlier.forwarded),
            refused: op(self.refused, earlier.refused),
            own: op(self.own, earlier.own),
            left: op(self.left, earlier.left),
            upstream: op(self.upstream, earlier.upstream),
            retries: op(self.retries, earlier.retries),
            background: op(self.background, earlier.background),
        }
    }

    /// How many requests the upstream was spared: those answered without one of their own.
    pub const fn saved(&self) -> u64 {
        self.stored.saturating_add(self.collapsed)
    }

    /// How many requests are not accounted for, in either sum: none, once all have ended.
    pub const fn astray(&self) -> u64 {
        let Self { requests, stored, collapsed, forwarded, refused, own, left, .. } = *self;
        let entered = stored + collapsed + forwarded + refused + own + left;
        let sent = self.forwarded + self.retries + self.background;
        requests.abs_diff(entered) + self.upstream.abs_diff(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_entered_once_on_the_first_account_that_is_open() {
        let accounts = Accounts::default();
        let (forwarded, left, nobody) = (Page::open(), Page::open(), Page::of_nobody());
        accounts.came();
        accounts.came();
        forwarded.sent(&accounts);
        forwarded.sent(&accounts);
        forwarded.close(&accounts, Entry::Refused);
        forwarded.sent(&accounts);
        left.close(&accounts, Entry::Left);
        left.close(&accounts, Entry::Stored);
        left.sent(&accounts);
        nobody.sent(&accounts);
        let expected = Totals {
            requests: 2,
            forwarded: 1,
            left: 1,
            upstream: 5,
            retries: 2,
            background: 2,
            ..Totals::default()
        };
        assert_eq!(accounts.totals(), expected);
        assert_eq!(expected.astray(), 0);
    }

    #[test]
    fn every_entry_has_a_place_of_its_own_and_what_is_missing_shows() {
        use Entry::*;
        let accounts = Accounts::default();
        for (so_far, entry) in (1..).zip([Stored, Collapsed, Refused, Own, Left]) {
            accounts.came();
            assert_eq!(accounts.totals().astray(), 1, "before {entry:?}");
            accounts.enter(entry);
            let totals = accounts.totals();
            assert_eq!((totals.astray(), totals.requests), (0, so_far), "{entry:?}");
        }
        let Totals { stored, collapsed, refused, own, left, .. } = accounts.totals();
        assert_eq!([stored, collapsed, refused, own, left], [1; 5]);
    }
}
