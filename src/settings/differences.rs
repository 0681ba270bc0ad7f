//! Which keys differ between two settings. Every section is taken apart by name, so that a key that
//! is added cannot be left out: this file does not compile without it.

use crate::settings::keys::RESOURCES;
use crate::settings::model::Admin;
use crate::settings::model::Batch;
use crate::settings::model::Breaker;
use crate::settings::model::Cache;
use crate::settings::model::CertificateFiles;
use crate::settings::model::Lifecycle;
use crate::settings::model::Lifetimes;
use crate::settings::model::Limit;
use crate::settings::model::Listen;
use crate::settings::model::Log;
use crate::settings::model::Settings;
use crate::settings::model::Upstream;
use std::path::Path;

/// The keys that differ, as `section.key` and in the order of `config/default.toml`. A value that is
/// only written in another way, such as `60s` and `1m`, is the same.
pub(crate) fn differences(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let Settings {
        listen: new_listen,
        upstream: new_upstream,
        cache: new_cache,
        lifetimes: new_lifetimes,
        limit: new_limit,
        batch: new_batch,
        breaker: new_breaker,
        admin: new_admin,
        log: new_log,
        lifecycle: new_lifecycle,
        resources: new_resources,
    } = new;
    let sections: [&[(&str, bool)]; 11] = [
        &listen(&old.listen, new_listen),
        &upstream(&old.upstream, new_upstream),
        &cache(&old.cache, new_cache),
        &lifetimes(&old.lifetimes, new_lifetimes),
        &limit(&old.limit, new_limit),
        &batch(&old.batch, new_batch),
        &breaker(&old.breaker, new_breaker),
        &admin(&old.admin, new_admin),
        &log(&old.log, new_log),
        &lifecycle(&old.lifecycle, new_lifecycle),
        &[(RESOURCES, old.resources != *new_resources)],
    ];
    let differing = sections.concat().into_iter().filter(|(_, differs)| *differs);
    differing.map(|(key, _)| key).collect()
}

fn listen(old: &Listen, new: &Listen) -> [(&'static str, bool); 10] {
    let Listen {
        address,
        tls,
        max_connections,
        header_timeout,
        idle_timeout,
        write_timeout,
        max_header_bytes,
        max_target_bytes,
        max_request_body,
    } = new;
    let (old_cert, old_key) = names(old.tls.as_ref());
    let (cert, key) = names(tls.as_ref());
    [
        ("listen.address", old.address != *address),
        ("listen.cert_file", old_cert != cert),
        ("listen.key_file", old_key != key),
        ("listen.max_connections", old.max_connections != *max_connections),
        ("listen.header_timeout", old.header_timeout != *header_timeout),
        ("listen.idle_timeout", old.idle_timeout != *idle_timeout),
        ("listen.write_timeout", old.write_timeout != *write_timeout),
        ("listen.max_header_bytes", old.max_header_bytes != *max_header_bytes),
        ("listen.max_target_bytes", old.max_target_bytes != *max_target_bytes),
        ("listen.max_request_body", old.max_request_body != *max_request_body),
    ]
}

/// Certificate and key.
fn names(tls: Option<&CertificateFiles>) -> (Option<&Path>, Option<&Path>) {
    let Some(CertificateFiles { cert_file, key_file }) = tls else { return (None, None) };
    (Some(cert_file), Some(key_file))
}

fn upstream(old: &Upstream, new: &Upstream) -> [(&'static str, bool); 10] {
    let Upstream {
        url,
        ca_file,
        // Follows from the URL: the environment does not change.
        proxy: _,
        connect_timeout,
        answer_timeout,
        body_timeout,
        total_timeout,
        pass_through_answer_timeout: pass_through,
        idle_timeout,
        retries,
        max_in_flight,
    } = new;
    [
        ("upstream.url", old.url != *url),
        ("upstream.ca_file", old.ca_file != *ca_file),
        ("upstream.connect_timeout", old.connect_timeout != *connect_timeout),
        ("upstream.answer_timeout", old.answer_timeout != *answer_timeout),
        ("upstream.body_timeout", old.body_timeout != *body_timeout),
        ("upstream.total_timeout", old.total_timeout != *total_timeout),
        ("upstream.pass_through_answer_timeout", old.pass_through_answer_timeout != *pass_through),
        ("upstream.idle_timeout", old.idle_timeout != *idle_timeout),
        ("upstream.retries", old.retries != *retries),
        ("upstream.max_in_flight", old.max_in_flight != *max_in_flight),
    ]
}

fn cache(old: &Cache, new: &Cache) -> [(&'static str, bool); 3] {
    let Cache { memory, max_stored_body, client_directives } = new;
    [
        ("cache.memory", old.memory != *memory),
        ("cache.max_stored_body", old.max_stored_body != *max_stored_body),
        ("cache.client_directives", old.client_directives != *client_directives),
    ]
}

fn lifetimes(old: &Lifetimes, new: &Lifetimes) -> [(&'static str, bool); 8] {
    let Lifetimes {
        open,
        settled,
        not_found,
        stale_while_revalidate: while_revalidate,
        stale_if_error: if_error,
        lease,
        lease_grace,
        max,
    } = new;
    [
        ("lifetimes.open", old.open != *open),
        ("lifetimes.settled", old.settled != *settled),
        ("lifetimes.not_found", old.not_found != *not_found),
        ("lifetimes.stale_while_revalidate", old.stale_while_revalidate != *while_revalidate),
        ("lifetimes.stale_if_error", old.stale_if_error != *if_error),
        ("lifetimes.lease", old.lease != *lease),
        ("lifetimes.lease_grace", old.lease_grace != *lease_grace),
        ("lifetimes.max", old.max != *max),
    ]
}

fn limit(old: &Limit, new: &Limit) -> [(&'static str, bool); 5] {
    let Limit { rate, burst, max_wait, max_queue, total_rate } = new;
    [
        ("limit.rate", old.rate != *rate),
        ("limit.burst", old.burst != *burst),
        ("limit.max_wait", old.max_wait != *max_wait),
        ("limit.max_queue", old.max_queue != *max_queue),
        ("limit.total_rate", old.total_rate != *total_rate),
    ]
}

fn batch(old: &Batch, new: &Batch) -> [(&'static str, bool); 2] {
    let Batch { path, max_ids } = new;
    [("batch.path", old.path != *path), ("batch.max_ids", old.max_ids != *max_ids)]
}

fn breaker(old: &Breaker, new: &Breaker) -> [(&'static str, bool); 3] {
    let Breaker { failures, penalty, max_penalty } = new;
    [
        ("breaker.failures", old.failures != *failures),
        ("breaker.penalty", old.penalty != *penalty),
        ("breaker.max_penalty", old.max_penalty != *max_penalty),
    ]
}

fn admin(old: &Admin, new: &Admin) -> [(&'static str, bool); 2] {
    let Admin { address, token_file } = new;
    [
        ("admin.address", old.address != *address),
        ("admin.token_file", old.token_file != *token_file),
    ]
}

fn log(old: &Log, new: &Log) -> [(&'static str, bool); 3] {
    let Log { format, level, access } = new;
    [
        ("log.format", old.format != *format),
        ("log.level", old.level != *level),
        ("log.access", old.access != *access),
    ]
}

fn lifecycle(old: &Lifecycle, new: &Lifecycle) -> [(&'static str, bool); 4] {
    let Lifecycle { mode, drain_delay, drain_timeout, core_dumps } = new;
    [
        ("lifecycle.mode", old.mode != *mode),
        ("lifecycle.drain_delay", old.drain_delay != *drain_delay),
        ("lifecycle.drain_timeout", old.drain_timeout != *drain_timeout),
        ("lifecycle.core_dumps", old.core_dumps != *core_dumps),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::keys;
    use crate::settings::load::load;
    use crate::settings::model::Access;
    use crate::settings::model::Address;
    use crate::settings::model::Format;
    use crate::settings::model::Level;
    use crate::settings::model::Mode;
    use crate::settings::model::Rate;
    use crate::settings::model::Scheme;
    use crate::settings::sources::Sources;
    use std::time::Duration;

    const OTHER: Duration = Duration::from_millis(12_345);

    /// Each key, and how its value becomes another.
    const EDITS: [(&str, fn(&mut Settings)); 51] = [
        ("listen.address", |s| s.listen.address = Address::Unix("/run/other".into())),
        ("listen.cert_file", |s| s.listen.tls.as_mut().unwrap().cert_file = "other".into()),
        ("listen.key_file", |s| s.listen.tls.as_mut().unwrap().key_file = "other".into()),
        ("listen.max_connections", |s| s.listen.max_connections += 1),
        ("listen.header_timeout", |s| s.listen.header_timeout = OTHER),
        ("listen.idle_timeout", |s| s.listen.idle_timeout = OTHER),
        ("listen.write_timeout", |s| s.listen.write_timeout = OTHER),
        ("listen.max_header_bytes", |s| s.listen.max_header_bytes += 1),
        ("listen.max_target_bytes", |s| s.listen.max_target_bytes += 1),
        ("listen.max_request_body", |s| s.listen.max_request_body = Some(1)),
        ("upstream.url", |s| s.upstream.url.scheme = Scheme::Http),
        ("upstream.ca_file", |s| s.upstream.ca_file = Some("other".into())),
        ("upstream.connect_timeout", |s| s.upstream.connect_timeout = OTHER),
        ("upstream.answer_timeout", |s| s.upstream.answer_timeout = OTHER),
        ("upstream.body_timeout", |s| s.upstream.body_timeout = OTHER),
        ("upstream.total_timeout", |s| s.upstream.total_timeout = OTHER),
        ("upstream.pass_through_answer_timeout", |s| {
            s.upstream.pass_through_answer_timeout = OTHER;
        }),
        ("upstream.idle_timeout", |s| s.upstream.idle_timeout = OTHER),
        ("upstream.retries", |s| s.upstream.retries += 1),
        ("upstream.max_in_flight", |s| s.upstream.max_in_flight += 1),
        ("cache.memory", |s| s.cache.memory += 1),
        ("cache.max_stored_body", |s| s.cache.max_stored_body += 1),
        ("cache.client_directives", |s| s.cache.client_directives ^= true),
        ("lifetimes.open", |s| s.lifetimes.open = OTHER),
        ("lifetimes.settled", |s| s.lifetimes.settled = OTHER),
        ("lifetimes.not_found", |s| s.lifetimes.not_found = OTHER),
        ("lifetimes.stale_while_revalidate", |s| s.lifetimes.stale_while_revalidate = OTHER),
        ("lifetimes.stale_if_error", |s| s.lifetimes.stale_if_error = OTHER),
        ("lifetimes.lease", |s| s.lifetimes.lease = OTHER),
        ("lifetimes.lease_grace", |s| s.lifetimes.lease_grace = OTHER),
        ("lifetimes.max", |s| s.lifetimes.max = OTHER),
        ("limit.rate", |s| s.limit.rate = Rate::PerSecond(5.0)),
        ("limit.burst", |s| s.limit.burst += 1),
        ("limit.max_wait", |s| s.limit.max_wait = OTHER),
        ("limit.max_queue", |s| s.limit.max_queue += 1),
        ("limit.total_rate", |s| s.limit.total_rate = Some(5.0)),
        ("batch.path", |s| s.batch.path = None),
        ("batch.max_ids", |s| s.batch.max_ids += 1),
        ("breaker.failures", |s| s.breaker.failures += 1),
        ("breaker.penalty", |s| s.breaker.penalty = OTHER),
        ("breaker.max_penalty", |s| s.breaker.max_penalty = OTHER),
        ("admin.address", |s| s.admin.address = Address::Unix("/run/other".into())),
        ("admin.token_file", |s| s.admin.token_file = Some("other".into())),
        ("log.format", |s| s.log.format = Format::Json),
        ("log.level", |s| s.log.level = Level::Off),
        ("log.access", |s| s.log.access = Access::Off),
        ("lifecycle.mode", |s| s.lifecycle.mode = Mode::Sidecar),
        ("lifecycle.drain_delay", |s| s.lifecycle.drain_delay = OTHER),
        ("lifecycle.drain_timeout", |s| s.lifecycle.drain_timeout = OTHER),
        ("lifecycle.core_dumps", |s| s.lifecycle.core_dumps ^= true),
        (RESOURCES, |s| s.resources.clear()),
    ];

    fn settings() -> Settings {
        let mut settings = load(&Sources::default(), []).unwrap().settings;
        let (cert_file, key_file) = ("cert".into(), "key".into());
        settings.listen.tls = Some(CertificateFiles { cert_file, key_file });
        settings
    }

    #[test]
    fn every_key_that_changes_is_reported_under_its_own_name_and_no_other() {
        let all = keys::all().map(|(section, key)| format!("{section}.{key}"));
        let edited = EDITS.iter().map(|(key, _)| (*key).to_owned()).collect::<Vec<_>>();
        assert_eq!(edited, all.chain([RESOURCES.to_owned()]).collect::<Vec<_>>());
        for (key, edit) in EDITS {
            let mut new = settings();
            edit(&mut new);
            assert_eq!(differences(&settings(), &new), [key], "{key}");
            assert_eq!(differences(&new, &settings()), [key], "{key}, back");
        }
    }

    #[test]
    fn all_at_once_they_come_in_the_order_of_the_file() {
        let mut new = settings();
        for (_, edit) in EDITS {
            edit(&mut new);
        }
        assert_eq!(differences(&settings(), &new), EDITS.map(|(key, _)| key));
        assert_eq!(differences(&new, &new), [""; 0]);
    }
}
