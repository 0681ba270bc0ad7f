//! An upstream with a limit that it tells nobody: what is within it gets a ticket, the rest a plain
//! 429.

use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::crowd::path;
use crate::support::house::House;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use crate::support::wire::Message;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep;

/// How long every answer takes.
pub const LATENCY: Duration = Duration::from_millis(50);

/// Whose requests a limit counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Counting {
    /// Each credential's by themselves.
    Each,
    /// All together.
    All,
}

/// A hidden token bucket, and what came of the requests that met it.
#[derive(Clone)]
pub struct Limited(Arc<Mutex<State>>);

struct State {
    rate: f64,
    burst: f64,
    counting: Counting,
    began: Instant,
    /// What is left in each bucket, and when that was so.
    buckets: HashMap<String, (f64, Instant)>,
    heard: Vec<Heard>,
}

/// A request that the upstream has heard.
struct Heard {
    after: Duration,
    who: String,
    accepted: bool,
}

/// How many requests were answered, and how.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    pub accepted: u32,
    pub refused: u32,
}

impl Limited {
    /// Puts a limit before each credential of a house's upstream: so many a second, and so many at
    /// once after a rest.
    pub fn before(house: &House, rate: f64, burst: u32) -> Self {
        Self::counting(Counting::Each, house, rate, burst)
    }

    /// Puts a limit before a house's upstream.
    pub fn counting(counting: Counting, house: &House, rate: f64, burst: u32) -> Self {
        let (burst, began) = (f64::from(burst), Instant::now());
        let (buckets, heard) = (HashMap::new(), Vec::new());
        let state = State { rate, burst, counting, began, buckets, heard };
        let limited = Self(Arc::new(Mutex::new(state)));
        let judge = Arc::clone(&limited.0);
        house.upstream.says(move |request| {
            let accepted = judge.lock().unwrap().hears(request);
            let limit = || Say::json(429, r#"{"message":"Too Many Requests"}"#, &[]);
            let ticket = || Say::ticket(id_of(request), "open", &[]);
            Say::After(LATENCY, Box::new(if accepted { ticket() } else { limit() }))
        });
        limited
    }

    /// So many a second from now on.
    pub fn allows(&self, rate: f64) {
        let mut state = self.0.lock().unwrap();
        let (before, burst) = (state.rate, state.burst);
        for (left, since) in state.buckets.values_mut() {
            *left = refilled(*left, *since, before, burst);
            *since = Instant::now();
        }
        state.rate = rate;
    }

    /// What came of the requests in these seconds since the limit was put there.
    pub fn counts(&self, secs: Range<u64>) -> Counts {
        self.counts_of("", secs)
    }

    /// The same, of those whose credential ends like this.
    pub fn counts_of(&self, who: &str, secs: Range<u64>) -> Counts {
        let state = self.0.lock().unwrap();
        let within = state.heard.iter().filter(|heard| secs.contains(&heard.after.as_secs()));
        let mut counts = Counts::default();
        for heard in within.filter(|heard| heard.who.ends_with(who)) {
            counts.accepted += u32::from(heard.accepted);
            counts.refused += u32::from(!heard.accepted);
        }
        counts
    }

    /// The most requests heard in any one second that begins with a request.
    pub fn busiest_second(&self) -> usize {
        let state = self.0.lock().unwrap();
        let times: Vec<_> = state.heard.iter().map(|heard| heard.after).collect();
        let until =
            |from: Duration| times.partition_point(|at| *at < from + Duration::from_secs(1));
        times.iter().enumerate().map(|(index, from)| until(*from) - index).max().unwrap_or(0)
    }
}

impl State {
    /// Takes note of a request; whether it is within the limit.
    fn hears(&mut self, request: &Message) -> bool {
        let now = Instant::now();
        let who = request.field("authorization").unwrap_or_default().to_owned();
        let of = if self.counting == Counting::Each { who.clone() } else { String::new() };
        let (left, since) = self.buckets.entry(of).or_insert((self.burst, now));
        *left = refilled(*left, *since, self.rate, self.burst);
        *since = now;
        // What sums lose to rounding is no reason to refuse.
        let accepted = *left >= 1.0 - 1e-6;
        *left -= f64::from(u8::from(accepted));
        self.heard.push(Heard { after: now - self.began, who, accepted });
        accepted
    }
}

fn refilled(left: f64, since: Instant, rate: f64, burst: f64) -> f64 {
    (left + since.elapsed().as_secs_f64() * rate).min(burst)
}

impl Counts {
    /// How many were answered.
    pub fn all(self) -> u32 {
        self.accepted + self.refused
    }
}

/// A batch call as `token` for so many tickets that nobody else asks for.
pub fn job(
    house: &House,
    token: &str,
    name: &str,
    size: usize,
) -> impl Future<Output = Reply> + Send + use<> {
    let ids: String = (0..size).map(|number| format!("{name}-{number}\n")).collect();
    let fields = [("authorization", token), ("content-length", &ids.len().to_string())];
    let text = request("POST", "/_gateway/tickets", &fields, &ids);
    let mut client = house.client();
    async move {
        client.write(text).await;
        client.reply_to("POST").await.expect("a reply")
    }
}

/// Someone who asks for one ticket after the other, none of them twice, and comes back when told to.
pub fn reader(
    house: &House,
    token: &'static str,
    name: &str,
) -> impl Future<Output = ()> + Send + use<> {
    let (mut client, name) = (house.client(), name.to_owned());
    async move {
        for number in 0.. {
            let target = path(&format!("{name}-{number}"));
            let reply = client.ask("GET", &target, &[("authorization", token)]).await;
            if let Some(secs) = reply.field("retry-after") {
                sleep(Duration::from_secs(secs.parse().unwrap())).await;
            }
        }
    }
}

/// Someone who does this, and leaves when dropped.
pub fn lasting(doings: impl IntoIterator<Item = impl Future + Send + 'static>) -> JoinSet<()> {
    let doings = doings.into_iter().map(|doing| async move { drop(doing.await) });
    doings.collect()
}

/// How long a reply says that its request stood in line.
pub fn queued(reply: &Reply) -> Duration {
    let Some(timing) = reply.field("server-timing") else { return Duration::ZERO };
    let millis = timing.strip_prefix("queue;dur=").and_then(|millis| millis.parse::<f64>().ok());
    Duration::from_secs_f64(millis.expect("the time in line") / 1_000.0)
}
