//! What new settings come to for a gateway that runs: which keys they change, which of these wait
//! for the next start, and whether what is stored still means what it did.

use crate::api::route::CredentialRule;
use crate::api::route::Kind;
use crate::api::route::Resource;
use crate::api::route::Template;
use crate::settings::address::is_local;
use crate::settings::differences::differences;
use crate::settings::model::Settings;
use crate::settings::url::leads_to;

/// What differs between the settings in force and new ones.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Changes {
    /// The keys that differ, as `section.key` and in the order of `config/default.toml`.
    pub keys: Vec<&'static str>,
    /// Those of them that wait for the next start, in the same order.
    pub restart: Vec<Restart>,
    /// Whether what can be put in force now makes what is stored meaningless, and what is known of
    /// credentials with it: another upstream is asked, or other paths are read in another way.
    pub flush: bool,
}

/// A key that keeps its value until the next start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Restart {
    /// `section.key`.
    pub key: &'static str,
    /// The reason, to be read after the key and a colon.
    pub why: &'static str,
}

/// When a key waits for the next start, and how it keeps its value until then.
struct Row {
    restart: Restart,
    waits: fn(&Settings, &Settings) -> bool,
    keep: fn(&mut Settings, &Settings),
}

/// Addresses, TLS on or off and `cache.memory` (design §4); what is settled once for a process; and
/// what would contradict one of these while it waits. All else can be put in force while the gateway
/// runs.
const ROWS: [Row; 10] = [
    Row {
        restart: Restart { key: "listen.address", why: "clients are connected to the open port" },
        waits: |old, new| old.listen.address != new.listen.address,
        keep: |kept, old| kept.listen.address.clone_from(&old.listen.address),
    },
    Row {
        restart: Restart { key: "listen.cert_file", why: TLS },
        waits: is_tls_switched,
        keep: |kept, old| kept.listen.tls.clone_from(&old.listen.tls),
    },
    Row {
        restart: Restart { key: "listen.key_file", why: TLS },
        waits: is_tls_switched,
        keep: |kept, old| kept.listen.tls.clone_from(&old.listen.tls),
    },
    Row {
        restart: Restart {
            key: "upstream.url",
            why: "it leads to the port that is open until then, and so back to the gateway itself",
        },
        waits: |old, new| leads_to(&new.upstream.url, &old.listen.address),
        keep: |kept, old| {
            kept.upstream.url.clone_from(&old.upstream.url);
            kept.upstream.proxy.clone_from(&old.upstream.proxy);
        },
    },
    Row {
        restart: Restart { key: "cache.memory", why: "the store is laid out for it at start" },
        waits: |old, new| old.cache.memory != new.cache.memory,
        keep: |kept, old| kept.cache.memory = old.cache.memory,
    },
    Row {
        restart: Restart {
            key: "cache.max_stored_body",
            why: "it is more than the cache.memory that is in force until then",
        },
        waits: |old, new| {
            let longest = u64::try_from(new.cache.max_stored_body).unwrap_or(u64::MAX);
            old.cache.memory > 0 && longest > old.cache.memory
        },
        keep: |kept, old| kept.cache.max_stored_body = old.cache.max_stored_body,
    },
    Row {
        restart: Restart { key: "admin.address", why: "operators are connected to the open port" },
        waits: |old, new| old.admin.address != new.admin.address,
        keep: |kept, old| kept.admin.address.clone_from(&old.admin.address),
    },
    Row {
        restart: Restart {
            key: "admin.token_file",
            why: "the port that is open until then can be reached from other machines",
        },
        waits: |old, new| new.admin.token_file.is_none() && !is_local(&old.admin.address),
        keep: |kept, old| kept.admin.token_file.clone_from(&old.admin.token_file),
    },
    Row {
        restart: Restart { key: "log.format", why: "the log has its form from when it was opened" },
        waits: |old, new| old.log.format != new.log.format,
        keep: |kept, old| kept.log.format = old.log.format,
    },
    Row {
        restart: Restart {
            key: "lifecycle.core_dumps",
            why: "the limit on their size was set to zero, and cannot be raised again",
        },
        waits: |old, new| new.lifecycle.core_dumps && !old.lifecycle.core_dumps,
        keep: |kept, old| kept.lifecycle.core_dumps = old.lifecycle.core_dumps,
    },
];

const TLS: &str = "an open port cannot change between TLS and none";

fn is_tls_switched(old: &Settings, new: &Settings) -> bool {
    old.listen.tls.is_some() != new.listen.tls.is_some()
}

/// Holds new settings against those in force. Both are consistent: they were loaded.
pub fn changes(old: &Settings, new: &Settings) -> Changes {
    let kept = Changes::without_restart(old, new);
    let waiting = ROWS.iter().filter(|row| (row.waits)(old, new));
    Changes {
        keys: differences(old, new),
        restart: waiting.map(|row| row.restart).collect(),
        flush: old.upstream.url != kept.upstream.url || are_read_differently(old, &kept),
    }
}

impl Changes {
    /// The new settings as they can be put in force now: what waits for the next start is as before.
    /// They are as consistent as those they are made of.
    pub fn without_restart(old: &Settings, new: &Settings) -> Settings {
        let mut kept = new.clone();
        for row in ROWS.iter().filter(|row| (row.waits)(old, new)) {
            (row.keep)(&mut kept, old);
        }
        kept
    }
}

/// Whether a path may name something else, or its answer be stored by another rule.
fn are_read_differently(old: &Settings, new: &Settings) -> bool {
    !old.resources.iter().map(reading).eq(new.resources.iter().map(reading))
}

/// All of a resource but whether it is asked for again.
fn reading(resource: &Resource) -> (&str, &[Template], Kind, CredentialRule, bool) {
    let Resource { name, templates, kind, credential, store_set_cookie, retry: _ } = resource;
    (name, templates, *kind, *credential, *store_set_cookie)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::contradictions::judge;
    use crate::settings::load::load;
    use crate::settings::mistakes::Mistakes;
    use crate::settings::model::Address;
    use crate::settings::model::CertificateFiles;
    use crate::settings::sources::Sources;
    use crate::settings::tree::Tree;
    use std::ffi::OsString;

    fn defaults() -> Settings {
        load(&Sources::default(), []).unwrap().settings
    }

    fn set(keys: &[(&str, &str)]) -> Settings {
        let variables = keys.iter().map(|(key, value)| {
            let key = key.replace('.', "__").to_uppercase();
            (OsString::from(format!("VERIFIK_GATEWAY__{key}")), OsString::from(value))
        });
        load(&Sources::default(), variables).unwrap().settings
    }

    fn with_tls(cert_file: &str) -> Settings {
        let mut settings = defaults();
        let (cert_file, key_file) = (cert_file.into(), "key".into());
        settings.listen.tls = Some(CertificateFiles { cert_file, key_file });
        settings
    }

    /// What waits, and that the rest does not.
    fn waiting(old: &Settings, new: &Settings) -> Vec<&'static str> {
        let found = changes(old, new);
        let waiting = found.restart.iter().map(|restart| restart.key).collect::<Vec<_>>();
        let kept = Changes::without_restart(old, new);
        let now = found.keys.iter().copied().filter(|key| !waiting.contains(key));
        assert_eq!(differences(old, &kept), now.collect::<Vec<_>>());
        assert_eq!(differences(&kept, new), waiting);
        let mut mistakes = Mistakes::default();
        judge(&kept, &Tree::default(), &mut mistakes);
        assert_eq!(mistakes, Mistakes::default());
        waiting
    }

    #[test]
    #[expect(clippy::large_stack_arrays, reason = "a table of whole settings, read once")]
    fn addresses_tls_memory_and_what_cannot_be_undone_wait_for_the_next_start() {
        let dumps = set(&[("lifecycle.core_dumps", "true")]);
        for (case, old, new, expected) in [
            ("nothing", defaults(), defaults(), &[][..]),
            ("a port", defaults(), set(&[("listen.address", "[::1]:1")]), &["listen.address"]),
            ("a port", defaults(), set(&[("admin.address", "[::1]:1")]), &["admin.address"]),
            ("TLS on", defaults(), with_tls("a"), &["listen.cert_file", "listen.key_file"]),
            ("TLS off", with_tls("a"), defaults(), &["listen.cert_file", "listen.key_file"]),
            ("a certificate", with_tls("a"), with_tls("b"), &[]),
            ("memory", defaults(), set(&[("cache.memory", "1GiB")]), &["cache.memory"]),
            ("the log's form", defaults(), set(&[("log.format", "json")]), &["log.format"]),
            ("the log's level", defaults(), set(&[("log.level", "warn")]), &[]),
            ("dumps on", defaults(), dumps.clone(), &["lifecycle.core_dumps"]),
            ("dumps off", dumps, defaults(), &[]),
        ] {
            assert_eq!(waiting(&old, &new), expected, "{case}");
        }
    }

    #[test]
    fn what_would_contradict_a_key_that_waits_waits_with_it() {
        let small = set(&[("cache.memory", "2MiB")]);
        let guarded = |address: &str, file: &str| {
            let mut settings = defaults();
            settings.admin.address = Address::Tcp(address.parse().unwrap());
            settings.admin.token_file = Some(file.into());
            settings
        };
        let open = guarded("0.0.0.0:8081", "one");
        let loop_back = [("listen.address", "[::1]:1"), ("upstream.url", "http://localhost:8080")];
        let large = [("cache.memory", "1GiB"), ("cache.max_stored_body", "1GiB")];
        let nothing = [("cache.memory", "0"), ("cache.max_stored_body", "3MiB")];
        let memory = &["cache.memory", "cache.max_stored_body"][..];
        for (old, new, expected) in [
            (&small, set(&large), memory),
            (&small, set(&nothing), memory),
            (&open, defaults(), &["admin.address", "admin.token_file"]),
            (&open, guarded("127.0.0.1:8081", "other"), &["admin.address"]),
            (&open, guarded("0.0.0.0:8081", "other"), &[]),
            (&defaults(), set(&loop_back), &["listen.address", "upstream.url"]),
        ] {
            assert_eq!(waiting(old, &new), expected, "{expected:?}");
        }
    }

    /// The one in force asks in the clear and so without a proxy, or the new one does.
    #[test]
    fn an_upstream_that_waits_is_asked_through_its_own_proxy_until_then() {
        let with_proxy = |keys: &[(&str, &str)]| {
            let keys = keys.iter().map(|(key, value)| {
                let key = key.replace('.', "__").to_uppercase();
                (format!("VERIFIK_GATEWAY__{key}").into(), (*value).into())
            });
            let proxy = ("HTTPS_PROXY".into(), "http://proxy:3128".into());
            load(&Sources::default(), keys.chain([proxy])).unwrap().settings
        };
        let (clear, loop_back) = ("http://10.0.0.1", "https://127.0.0.1:8080");
        for (before, after) in
            [("https://api.verifik.co", "http://127.0.0.1:8080"), (clear, loop_back)]
        {
            let old = with_proxy(&[("upstream.url", before)]);
            let new = with_proxy(&[("listen.address", "[::1]:1"), ("upstream.url", after)]);
            assert_eq!(waiting(&old, &new), ["listen.address", "upstream.url"], "{after}");
            let kept = Changes::without_restart(&old, &new).upstream;
            assert_ne!(old.upstream.proxy, new.upstream.proxy, "{after}");
            assert_eq!(kept.proxy, old.upstream.proxy, "{after}");
        }
    }

    #[test]
    fn another_upstream_and_other_resources_make_what_is_stored_meaningless() {
        let with = |edit: fn(&mut Resource)| {
            let mut settings = defaults();
            settings.resources.iter_mut().for_each(edit);
            settings
        };
        let loop_back = [("listen.address", "[::1]:1"), ("upstream.url", "http://localhost:8080")];
        for (case, new, expected) in [
            ("nothing", defaults(), false),
            ("upstream", set(&[("upstream.url", "https://api.verifik.co/v9")]), true),
            ("an upstream that waits", set(&loop_back), false),
            ("lifetimes", set(&[("lifetimes.open", "1s")]), false),
            ("no resources", Settings { resources: Vec::new(), ..defaults() }, true),
            ("name", with(|r| r.name = "other".into()), true),
            ("paths", with(|r| r.templates.truncate(1)), true),
            ("kind", with(|r| r.kind = Kind::Opaque), true),
            ("credential", with(|r| r.credential = CredentialRule::Optional), true),
            ("cookies", with(|r| r.store_set_cookie = true), true),
            ("retry", with(|r| r.retry = false), false),
        ] {
            assert_eq!(changes(&defaults(), &new).flush, expected, "{case}");
        }
    }
}
