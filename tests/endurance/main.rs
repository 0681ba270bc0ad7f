//! What a gateway has to outlast: clients that are slow by the thousand, no more files to open, more
//! to remember than it may, a log that nobody reads. The built binary over real sockets.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that goes wrong may say so loudly, and one on real sockets needs real time"
)]
#![expect(unreachable_pub, reason = "a test binary has no outside; `pub` says who else may use it")]

#[path = "../common/process.rs"]
#[expect(dead_code, reason = "what operators are told is looked at elsewhere")]
mod process;
mod gateway;
mod upstream;
mod client;
mod slow;
mod slow_peers;
mod open_files;
mod ceiling;
mod unread_log;
