//! The whole gateway, tried from outside. One binary, so that it links once.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that goes wrong may say so loudly, and may read the clock it has paused"
)]
#![expect(unreachable_pub, reason = "a test binary has no outside; `pub` says who else may use it")]
#![expect(clippy::format_collect, reason = "messages are built for reading, not for speed")]

mod support;
mod layers;
mod hit_and_miss;
mod freshness;
mod stepping_wall;
mod validation;
mod freshening;
mod preconditions;
mod ranges;
mod vary;
mod stale;
mod stale_if_error;
mod client_directives;
mod asked_anew;
mod authority;
mod lapse;
mod revocation;
mod herd;
mod apart;
mod meanings;
mod framing;
mod passage;
mod connections;
mod streaming;
mod refusals;
mod spellings;
mod explain;
mod failures;
mod second_try;
mod retries;
mod breaker;
mod half_open;
mod amplification;
mod idle_race;
mod deadlines;
mod token_churn;
mod limit_learned;
mod limit_known;
mod fairness;
mod waiting;
mod quota_fields;
mod batch;
mod batch_lines;
mod batch_refused;
mod batch_under_way;
mod queue_play;
mod queue_laws;
mod queue_crowds;
mod hidden_limit;
mod pace;
mod outage;
mod outage_histories;
mod fetch_run;
mod fetch_scripted;
mod fetch;
mod fetch_kept;
mod fetch_whole;
mod patience;
mod shedding;
mod invalidation;
mod accounting;
mod admin;
mod admin_wire;
mod metrics;
mod dashboards;
mod aftermath;
mod in_flight;
mod withdrawal;
mod collapse;
mod isolation;
mod verdict;
mod model;
mod world;
mod simulation;
mod privacy;
mod traceparent;
mod opaque;
mod opaque_sharing;
mod opaque_invalidation;
mod malformed;
mod malformed_values;
mod bad_wire;
mod bad_words;
mod bad_answers;
mod torture;
mod torture_elsewhere;
mod torture_clock;
mod torture_chance;
mod room;
mod second_reading;
mod third_reading;
mod papers;
mod locked;
mod followed;
mod settings;
mod cli;
mod operators;
mod sockets;
mod killed;
mod lifecycle;
mod unix_socket;
mod activation;
mod reload;
mod reloading;
mod sidecar_job;
mod client_tls;
mod tls;
mod tls_faults;
mod egress;
mod process;
mod secrets;
