//! Settings that are each in order but cannot all be meant.
//!
//! Where the tighter of two bounds simply wins, nothing is contradictory: a `total_timeout` below
//! the `answer_timeout`, say, or a `max_target_bytes` above the `max_header_bytes`.

use crate::settings::address;
use crate::settings::literal::literal;
use crate::settings::mistakes::Mistakes;
use crate::settings::mistakes::Wrong;
use crate::settings::model::Settings;
use crate::settings::tree::DEFAULT;
use crate::settings::tree::Tree;
use crate::settings::tree::place;
use crate::settings::url;

/// Notes every contradiction between keys that were read without a mistake.
pub(crate) fn judge(settings: &Settings, tree: &Tree, mistakes: &mut Mistakes) {
    let mut judge = Judge { tree, mistakes };
    judge.cache(settings);
    judge.lifetimes(settings);
    judge.penalties(settings);
    judge.addresses(settings);
}

struct Judge<'a> {
    tree: &'a Tree,
    mistakes: &'a mut Mistakes,
}

impl Judge<'_> {
    /// A response that can never be kept would be called stored. (No memory at all is a plain
    /// wish: store nothing.)
    fn cache(&mut self, settings: &Settings) {
        let cache = &settings.cache;
        let longest = u64::try_from(cache.max_stored_body).unwrap_or(u64::MAX);
        if cache.memory > 0 && longest > cache.memory {
            self.refuse(("cache", "memory"), "is less than", ("cache", "max_stored_body"));
        }
    }

    /// What was stored must not outlive the marks over it, and they are kept by `max`.
    fn lifetimes(&mut self, settings: &Settings) {
        let lifetimes = &settings.lifetimes;
        for (key, lifetime) in [
            ("open", lifetimes.open),
            ("settled", lifetimes.settled),
            ("not_found", lifetimes.not_found),
        ] {
            if lifetime > lifetimes.max {
                self.refuse(("lifetimes", key), "is longer than", ("lifetimes", "max"));
            }
        }
    }

    fn penalties(&mut self, settings: &Settings) {
        if settings.breaker.penalty > settings.breaker.max_penalty {
            self.refuse(("breaker", "penalty"), "is longer than", ("breaker", "max_penalty"));
        }
    }

    fn addresses(&mut self, settings: &Settings) {
        let (listen, admin) = (&settings.listen.address, &settings.admin);
        if address::meet(listen, &admin.address) {
            self.refuse(("listen", "address"), "is on the port of", ("admin", "address"));
        }
        if !address::is_local(&admin.address) && admin.token_file.is_none() {
            let what = "can be reached from other machines without";
            self.refuse(("admin", "address"), what, ("admin", "token_file"));
        }
        if url::leads_to(&settings.upstream.url, listen) {
            let what = "leads back to the gateway itself at";
            self.refuse(("upstream", "url"), what, ("listen", "address"));
        }
    }

    /// Two keys that cannot both be meant. The mistake stands where somebody set one of them.
    fn refuse(&mut self, one: (&str, &str), what: &str, other: (&str, &str)) {
        let [name, other_name] = [one, other].map(|(section, key)| format!("{section}.{key}"));
        if !self.mistakes.spare(&[&name, &other_name]) {
            return;
        }
        let (at, value) = self.placed(one);
        let (other_at, other_value) = self.placed(other);
        let wrong = format!("{value} ({at}) {what} {other_name}, {other_value} ({other_at})");
        let place = if at == DEFAULT { other_at } else { at };
        self.mistakes.note(&place, Some(&name), Wrong::new(wrong));
    }

    fn placed(&self, (section, key): (&str, &str)) -> (String, String) {
        let value = self.tree.leaf(section, key);
        value.map(|value| (place(value).to_owned(), literal(value))).unwrap_or_default()
    }
}
