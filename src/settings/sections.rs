//! Each section of the settings, from the merged tree to plain data: a line for a key, and the
//! bounds of each value beside it.

use crate::settings::mistakes::Mistakes;
use crate::settings::mistakes::Wrong;
use crate::settings::mistakes::shown;
use crate::settings::model::Access;
use crate::settings::model::Admin;
use crate::settings::model::Batch;
use crate::settings::model::Breaker;
use crate::settings::model::Cache;
use crate::settings::model::CertificateFiles;
use crate::settings::model::Format;
use crate::settings::model::Level;
use crate::settings::model::Lifecycle;
use crate::settings::model::Lifetimes;
use crate::settings::model::Limit;
use crate::settings::model::Listen;
use crate::settings::model::Log;
use crate::settings::model::Mode;
use crate::settings::model::Rate;
use crate::settings::model::Scheme;
use crate::settings::model::Settings;
use crate::settings::model::Upstream;
use crate::settings::model::UpstreamUrl;
use crate::settings::quantities;
use crate::settings::resources;
use crate::settings::section::Section;
use crate::settings::tree::Tree;
use crate::settings::url;
use crate::settings::url::URLS;
use crate::settings::values;
use config::Value;
use http::uri::Authority;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// The `http` crate's longest URI.
const LONGEST_TARGET: u64 = 65_534;

/// The gateway's own paths begin so (design §3.1).
const OWN_PATHS: &str = "/_gateway/";

/// Answers load balancers.
const LIVE_PATH: &str = "/_gateway/live";

const FORMATS: [(&str, Format); 2] = [("text", Format::Text), ("json", Format::Json)];

const LEVELS: [(&str, Level); 6] = [
    ("off", Level::Off),
    ("error", Level::Error),
    ("warn", Level::Warn),
    ("info", Level::Info),
    ("debug", Level::Debug),
    ("trace", Level::Trace),
];

const ACCESSES: [(&str, Access); 3] =
    [("all", Access::All), ("forwarded", Access::Forwarded), ("off", Access::Off)];

const MODES: [(&str, Mode); 2] = [("gateway", Mode::Gateway), ("sidecar", Mode::Sidecar)];

/// Reads every section; they are only good if no mistake was noted.
pub(crate) fn settings(tree: &Tree, mistakes: &mut Mistakes) -> Settings {
    Settings {
        listen: listen(&mut Section::of(tree, "listen", mistakes)),
        upstream: upstream(&mut Section::of(tree, "upstream", mistakes)),
        cache: cache(&mut Section::of(tree, "cache", mistakes)),
        lifetimes: lifetimes(&mut Section::of(tree, "lifetimes", mistakes)),
        limit: limit(&mut Section::of(tree, "limit", mistakes)),
        batch: batch(&mut Section::of(tree, "batch", mistakes)),
        breaker: breaker(&mut Section::of(tree, "breaker", mistakes)),
        admin: admin(&mut Section::of(tree, "admin", mistakes)),
        log: log(&mut Section::of(tree, "log", mistakes)),
        lifecycle: lifecycle(&mut Section::of(tree, "lifecycle", mistakes)),
        resources: resources::resources(tree, mistakes),
    }
}

fn listen(section: &mut Section<'_>) -> Listen {
    Listen {
        address: section.address("address"),
        tls: certificate(section),
        max_connections: section.count("max_connections", &(1..=1_000_000)),
        header_timeout: section.timeout("header_timeout"),
        idle_timeout: section.timeout("idle_timeout"),
        write_timeout: section.timeout("write_timeout"),
        max_header_bytes: section.length("max_header_bytes", &(8 * KIB..=MIB)),
        max_target_bytes: section.length("max_target_bytes", &(256..=LONGEST_TARGET)),
        max_request_body: Some(section.size("max_request_body", &(0..=TIB))).filter(|max| *max > 0),
    }
}

fn certificate(section: &mut Section<'_>) -> Option<CertificateFiles> {
    match (section.file("cert_file"), section.file("key_file")) {
        (Some(cert_file), Some(key_file)) => Some(CertificateFiles { cert_file, key_file }),
        (Some(_), None) => {
            section.refuse("cert_file", Wrong::new("is set without listen.key_file"));
            None
        }
        (None, Some(_)) => {
            section.refuse("key_file", Wrong::new("is set without listen.cert_file"));
            None
        }
        (None, None) => None,
    }
}

fn upstream(section: &mut Section<'_>) -> Upstream {
    Upstream {
        url: upstream_url(section),
        ca_file: section.read("ca_file", values::readable_file).flatten(),
        proxy: None, // `proxy::towards` finds it
        connect_timeout: section.timeout("connect_timeout"),
        answer_timeout: section.timeout("answer_timeout"),
        body_timeout: section.timeout("body_timeout"),
        total_timeout: section.timeout("total_timeout"),
        pass_through_answer_timeout: section.timeout("pass_through_answer_timeout"),
        idle_timeout: section.timeout("idle_timeout"),
        retries: section.whole("retries", &(0..=10)),
        max_in_flight: section.count("max_in_flight", &(1..=100_000)),
    }
}

fn upstream_url(section: &mut Section<'_>) -> UpstreamUrl {
    let parse = |value: &Value| {
        let text = values::text(value, URLS)?;
        url::upstream_url(text).map_err(|fault| Wrong::value(fault.as_str(), URLS))
    };
    let (authority, prefix) = (Authority::from_static("localhost"), String::new());
    let stand_in = UpstreamUrl { scheme: Scheme::Https, authority, prefix };
    section.read("url", parse).unwrap_or(stand_in)
}

fn cache(section: &mut Section<'_>) -> Cache {
    Cache {
        memory: section.size("memory", &(0..=TIB)),
        max_stored_body: section.length("max_stored_body", &(1..=GIB)),
        client_directives: section.truth("client_directives"),
    }
}

fn lifetimes(section: &mut Section<'_>) -> Lifetimes {
    Lifetimes {
        open: section.duration("open"),
        settled: section.duration("settled"),
        not_found: section.duration("not_found"),
        stale_while_revalidate: section.duration("stale_while_revalidate"),
        stale_if_error: section.duration("stale_if_error"),
        lease: section.duration("lease"),
        lease_grace: section.duration("lease_grace"),
        max: section.duration("max"),
    }
}

fn limit(section: &mut Section<'_>) -> Limit {
    Limit {
        rate: section.read("rate", quantities::rate).unwrap_or(Rate::Off),
        burst: section.whole("burst", &(1..=1_000_000)),
        max_wait: section.duration("max_wait"),
        max_queue: section.count("max_queue", &(0..=1_000_000)),
        total_rate: section.read("total_rate", quantities::total_rate).flatten(),
    }
}

fn batch(section: &mut Section<'_>) -> Batch {
    Batch {
        path: section.read("path", batch_path).flatten(),
        max_ids: section.count("max_ids", &(1..=1_000_000)),
    }
}

/// Below the gateway's own paths it can take no path of the upstream away.
fn batch_path(value: &Value) -> Result<Option<String>, Wrong> {
    const ACCEPTED: &str = "\"\" for none, or a path of plain segments below \"/_gateway/\", such \
         as \"/_gateway/tickets\"";
    let text = values::text(value, ACCEPTED)?;
    let wrong = |problem: &str| Wrong::value(&format!("{} {problem}", shown(text)), ACCEPTED);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    match text.strip_prefix(OWN_PATHS) {
        _ if text.is_empty() => Ok(None),
        _ if text == LIVE_PATH => Err(wrong("answers load balancers already")),
        _ if text.len() > 256 => Err(wrong("is longer than 256 bytes")),
        None => Err(wrong("is not one of the gateway's own paths")),
        Some(rest) if rest.split('/').all(|s| !s.is_empty() && s.bytes().all(plain)) => {
            Ok(Some(text.to_owned()))
        }
        Some(_) => Err(wrong("has an empty or an unusual segment")),
    }
}

fn breaker(section: &mut Section<'_>) -> Breaker {
    Breaker {
        failures: section.whole("failures", &(0..=1_000_000)),
        penalty: section.timeout("penalty"),
        max_penalty: section.timeout("max_penalty"),
    }
}

fn admin(section: &mut Section<'_>) -> Admin {
    Admin {
        address: section.address("address"),
        token_file: section.read("token_file", values::token_file).flatten(),
    }
}

fn log(section: &mut Section<'_>) -> Log {
    Log {
        format: section.word("format", &FORMATS, Format::Text),
        level: section.word("level", &LEVELS, Level::Info),
        access: section.word("access", &ACCESSES, Access::Off),
    }
}

fn lifecycle(section: &mut Section<'_>) -> Lifecycle {
    Lifecycle {
        mode: section.word("mode", &MODES, Mode::Gateway),
        drain_delay: section.duration("drain_delay"),
        drain_timeout: section.duration("drain_timeout"),
        core_dumps: section.truth("core_dumps"),
    }
}
