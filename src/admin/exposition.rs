//! `GET /metrics`: every count and timing, for Prometheus. Labels have the words of enums, never
//! anything that came from outside.

use crate::admin::desk::Desk;
use crate::admin::desk::InForce;
use crate::admin::desk::Told;
use crate::admin::sheet::Sheet;
use crate::observe::accounts::Totals;
use crate::observe::histogram::Counted;
use crate::observe::logging::DroppedLines;
use crate::observe::metrics::Exchange;
use crate::observe::metrics::Took;
use crate::observe::process::Figures;
use crate::policy::breaker::Position;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;

/// All metrics at a moment, as `OpenMetrics` text.
pub(crate) fn exposition(desk: &Desk) -> Result<String, fmt::Error> {
    let mut text = String::new();
    let mut ours = Registry::with_prefix("verifik_gateway");
    ours.register_collector(Box::new(Snapshot::of(desk)));
    text::encode_registry(&mut text, &ours)?;
    // By the names that every program's have.
    let mut system = Registry::with_prefix("process");
    system.register_collector(Box::new(Process(Figures::read())));
    text::encode_registry(&mut text, &system)?;
    text::encode_eof(&mut text)?;
    Ok(text)
}

/// What is written.
#[derive(Debug)]
struct Snapshot {
    totals: Totals,
    exchanges: Vec<(Exchange, u64)>,
    took: Took,
    lookup: Counted,
    queued: Counted,
    forward: Counted,
    passage: Counted,
    failures: Vec<(&'static str, u64)>,
    answers: Vec<(&'static str, u64)>,
    probes: Vec<(&'static str, u64)>,
    breaker: Vec<(&'static str, u64)>,
    position: Position,
    stored: (u64, u64),
    evicted: u64,
    marks: (usize, Vec<(&'static str, u64)>),
    credentials: usize,
    load: (usize, usize),
    paced: (usize, Option<f64>),
    connections: (u64, u64),
    reloads: Told,
    ready: bool,
    uptime: f64,
    dropped: u64,
    in_force: Arc<InForce>,
}

impl Snapshot {
    fn of(desk: &Desk) -> Self {
        let (cache, now) = (&desk.cache, desk.cache.clock.now());
        let metrics = &cache.metrics;
        Self {
            totals: cache.accounts.totals(),
            exchanges: metrics.exchanges(),
            took: metrics.took(),
            lookup: metrics.lookup.counted(),
            queued: metrics.queued.counted(),
            forward: metrics.forward.counted(),
            passage: metrics.passage.counted(),
            failures: metrics.failures.all(),
            answers: metrics.answers(),
            probes: metrics.probes.all(),
            breaker: metrics.breaker.all(),
            position: cache.fuse.position(now),
            stored: cache.store.size(),
            evicted: cache.store.evicted(),
            marks: cache.store.marks(),
            credentials: cache.leases.len(),
            load: cache.queue.load(),
            paced: cache.queue.paced(),
            connections: (metrics.connections.opened(), metrics.connections.are_open()),
            reloads: desk.reloads.told(),
            ready: desk.is_ready(),
            uptime: now.since(desk.began).as_secs_f64(),
            dropped: desk.losses.as_ref().map_or(0, DroppedLines::lines),
            in_force: desk.in_force.load_full(),
        }
    }

    fn requests(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let Totals { requests, stored, collapsed, forwarded, refused, own, left, .. } = self.totals;
        sheet.counter("requests", "Requests that came; each id of a batch is one", requests)?;
        let outcomes = [
            ("stored", stored),
            ("collapsed", collapsed),
            ("forwarded", forwarded),
            ("refused", refused),
            ("own", own),
            ("left", left),
        ];
        let outcomes = outcomes.map(|(word, count)| ([("outcome", word)], count));
        sheet.counters(
            "request_outcomes",
            "What has come of requests, each counted once",
            outcomes,
        )?;
        let saved = self.totals.saved();
        let help = "Requests the upstream was spared: answered without one of their own";
        sheet.counter("upstream_calls_saved", help, saved)?;
        let replies = self.exchanges.iter().map(|(exchange, count)| (labels(exchange), *count));
        sheet.counters("replies", "Replies, by their Cache-Status; no batch's lines", replies)?;
        let refusals = self.exchanges.iter().filter(|(exchange, _)| exchange.is_refusal());
        let refusals = refusals.map(|(exchange, count)| ([("reason", exchange.error)], *count));
        sheet.counters("refusals", "Requests refused by the gateway itself, by why", refusals)
    }

    fn timings(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let Took { from_store, from_upstream, of_our_own } = self.took;
        let replies = [("store", from_store), ("upstream", from_upstream), ("own", of_our_own)];
        let replies = replies.map(|(word, counted)| ([("from", word)], counted));
        sheet.durations("reply", "From a request's head to that of its reply", replies)?;
        let lookup = "From a read's head to what is to be done about it";
        sheet.duration("lookup", lookup, &self.lookup)?;
        let queued = "How long forwards stood in line for a turn upstream";
        sheet.duration("queue_wait", queued, &self.queued)?;
        let forwards = [("read", self.forward), ("passage", self.passage)];
        let forwards = forwards.map(|(word, counted)| ([("kind", word)], counted));
        let help =
            "From a turn to a read's whole answer, and from sending to the head of other answers";
        sheet.durations("forward", help, forwards)
    }

    fn upstream(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let Totals { upstream, forwarded, retries, background, .. } = self.totals;
        sheet.counter("upstream_requests", "Requests sent to the upstream", upstream)?;
        let accounts = [("first", forwarded), ("retry", retries), ("background", background)];
        let accounts = accounts.map(|(word, count)| ([("reason", word)], count));
        sheet.counters("upstream_sendings", "The same, by what they were sent for", accounts)?;
        let answers = self.answers.iter().map(|(word, count)| ([("status", *word)], *count));
        sheet.counters("upstream_answers", "Answers of the upstream, by their status", answers)?;
        let failures = self.failures.iter().map(|(word, count)| ([("reason", *word)], *count));
        sheet.counters(
            "upstream_failures",
            "Requests to the upstream without an answer",
            failures,
        )?;
        let probes = self.probes.iter().map(|(word, count)| ([("outcome", *word)], *count));
        sheet.counters("lease_probes", "Probes of whether a credential is still good", probes)?;
        let changes = self.breaker.iter().map(|(word, count)| ([("to", *word)], *count));
        sheet.counters(
            "breaker_changes",
            "How often the breaker has opened and closed",
            changes,
        )?;
        let states = Position::WORDS
            .map(|word| ([("state", word)], u32::from(word == self.position.as_str())));
        sheet.gauges("breaker_state", "1 for what the breaker does now", states)?;
        let (waiting, under_way) = self.load;
        sheet.gauge("queue_waiting", "Forwards that stand in line", &number(waiting))?;
        sheet.gauge("queue_under_way", "Forwards under way", &number(under_way))?;
        sheet.gauge("queue_places", "Forwards that may be", &number(self.in_force.places))?;
        let (paced, slowest) = self.paced;
        sheet.gauge("paced_credentials", "Credentials that are paced", &number(paced))?;
        let help = "The slowest pace of a credential, in requests a second; 0 if none is paced";
        sheet.gauge("slowest_pace", help, &slowest.unwrap_or_default())
    }

    fn store(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let (responses, bytes) = self.stored;
        sheet.gauge("stored_responses", "Keys under which something is stored", &responses)?;
        sheet.gauge("stored_bytes", "Memory that is accounted for them", &bytes)?;
        let memory = self.in_force.memory;
        sheet.gauge("memory_bytes", "Memory for all bodies, stored or on their way", &memory)?;
        sheet.counter("evictions", "Keys given up for want of room", self.evicted)?;
        let (kept, set) = &self.marks;
        sheet.gauge("marks", "Marks that are kept", &number(*kept))?;
        let set = set.iter().map(|(word, count)| ([("scope", *word)], *count));
        sheet.counters("invalidations", "Marks that were set, by what they cover", set)?;
        let help = "Credentials something is remembered of";
        sheet.gauge("leases", help, &number(self.credentials))
    }

    fn gateway(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let (opened, open) = self.connections;
        sheet.counter("connections", "Connections that clients have opened", opened)?;
        sheet.gauge("connections_open", "Connections that are open", &open)?;
        let most = number(self.in_force.connections);
        sheet.gauge("connections_most", "Connections that may be open", &most)?;
        let Told { applied, refused, last } = &self.reloads;
        let reloads = [("applied", *applied), ("refused", *refused)];
        let reloads = reloads.map(|(word, count)| ([("outcome", word)], count));
        sheet.counters("reloads", "Settings that were read again", reloads)?;
        let good = last.as_ref().is_none_or(|(_, applied, _)| *applied);
        let help = "Whether the settings, when last read, were put in force";
        sheet.gauge("last_reload_successful", help, &u32::from(good))?;
        sheet.counter(
            "log_lines_dropped",
            "Log lines that nobody has read in time",
            self.dropped,
        )?;
        sheet.gauge("ready", "Whether it is to be sent requests", &u32::from(self.ready))?;
        sheet.gauge("uptime_seconds", "For how long it has run", &self.uptime)?;
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        sheet.gauges("build_info", "1, for this version", [(build, 1_u32)])
    }
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut sheet = Sheet::new(encoder);
        self.requests(&mut sheet)?;
        self.timings(&mut sheet)?;
        self.upstream(&mut sheet)?;
        self.store(&mut sheet)?;
        self.gateway(&mut sheet)
    }
}

/// The process's figures.
#[derive(Debug)]
struct Process(Figures);

impl Collector for Process {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut sheet = Sheet::new(encoder);
        let Figures { cpu_seconds, resident_bytes, virtual_bytes, .. } = self.0;
        let Figures { open_files, most_open_files, threads, began, .. } = self.0;
        if let Some(seconds) = cpu_seconds {
            sheet.seconds("cpu", "The processor's time, in user and system mode", seconds)?;
        }
        let gauges = [
            ("resident_memory_bytes", "Memory that is really there", resident_bytes),
            ("virtual_memory_bytes", "Address space", virtual_bytes),
            ("open_fds", "Open files and connections", open_files),
            ("max_fds", "How many of those may be open", most_open_files),
            ("threads", "Threads", threads),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                sheet.gauge(name, help, &value)?;
            }
        }
        began.map_or(Ok(()), |began| {
            sheet.gauge("start_time_seconds", "When it began, in seconds since 1970", &began)
        })
    }
}

fn labels(exchange: &Exchange) -> [(&'static str, &'static str); 5] {
    let truth = |truth| if truth { "true" } else { "false" };
    let Exchange { cache, stored, collapsed, detail, error } = *exchange;
    [
        ("cache", cache),
        ("stored", truth(stored)),
        ("collapsed", truth(collapsed)),
        ("detail", detail),
        ("error", error),
    ]
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
