//! A request's entry in the accounts, made whichever way it ends: its future is dropped when its
//! client leaves.

use crate::cache::answer::Ending;
use crate::cache::state::Cache;
use crate::observe::accounts::Account;
use crate::observe::accounts::Entry;
use crate::observe::accounts::Page;
use std::sync::Arc;

/// A request under way; entered as left if it is dropped before its ending.
pub struct Entered {
    cache: Arc<Cache>,
    page: Arc<Page>,
}

impl Entered {
    /// A request that came, and whose end will be some time after.
    pub fn open(cache: &Arc<Cache>) -> Self {
        Self { cache: Arc::clone(cache), page: Arc::new(Page::open()) }
    }

    /// The page, for what is sent on the request's account.
    pub(crate) const fn page(&self) -> &Arc<Page> {
        &self.page
    }

    /// On whose account something is sent.
    pub(crate) fn account(&self) -> Account<'_> {
        Account { page: &self.page, accounts: &self.cache.accounts }
    }

    /// It has ended.
    pub(crate) fn ended(self, ending: &Ending) {
        self.ended_as(entry(ending));
    }

    /// It has ended like this, if nothing was sent on its account.
    pub fn ended_as(self, entry: Entry) {
        self.page.close(&self.cache.accounts, entry);
    }

    /// Its end is entered by whoever takes it on.
    pub fn handed_on(self) {
        self.page.hand_on();
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.page.close(&self.cache.accounts, Entry::Left);
    }
}

/// What a request comes to if nothing was sent on its account.
const fn entry(ending: &Ending) -> Entry {
    match ending {
        Ending::Answered(answer) if answer.how.collapsed => Entry::Collapsed,
        Ending::Failed { how, .. } if how.collapsed => Entry::Collapsed,
        Ending::Answered(_) => Entry::Stored,
        Ending::Failed { .. } => Entry::Refused,
    }
}
