//! The walk of the demonstration: its steps through the gateway, timed and checked, and what to
//! try after it.

use crate::app::demo_steps::Answer;
use crate::app::demo_steps::STEPS;
use crate::app::demo_steps::Step;
use crate::app::demo_steps::TICKETS;
use crate::app::stand_in::StandIn;
use crate::base::time::Clock;
use crate::upstream::failure::causes_in_words;
use bytes::Bytes;
use http::HeaderValue;
use http::Request;
use http::header;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::io;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long one step may take: a step takes a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who walks, and where.
pub struct Walk {
    /// Where the gateway can be reached.
    gateway: SocketAddr,
    /// The upstream behind it, whose count of calls is the measure.
    upstream: Arc<StandIn>,
    client: legacy::Client<HttpConnector, Full<Bytes>>,
    clock: Clock,
}

impl Walk {
    /// A walk through `gateway`, which has `upstream` behind it.
    pub fn new(gateway: SocketAddr, upstream: Arc<StandIn>) -> Self {
        let client = legacy::Client::builder(TokioExecutor::new()).build_http();
        Self { gateway, upstream, client, clock: Clock::system() }
    }

    /// Goes through all steps and tells each. That nobody reads what is told is no reason to stop.
    ///
    /// # Errors
    /// What was not as told.
    pub async fn go(&self, told: &mut impl Write) -> Result<(), String> {
        for (number, step) in (1..).zip(&STEPS) {
            let _ = writeln!(told, "{number:>2}. {}", step.told);
            let taken = self.take(step, told).await;
            taken.map_err(|wrong| format!("step {number} did not go as told: {wrong}"))?;
        }
        let _ = self.sum_up(told);
        Ok(())
    }

    async fn take(&self, step: &Step, told: &mut impl Write) -> Result<(), String> {
        let (began, before) = (self.clock.now(), self.upstream.calls());
        let answers = timeout(PATIENCE, self.ask(step)).await;
        let answers = answers.map_err(|_| format!("no answer in {PATIENCE:?}"))??;
        let (took, calls) = (self.clock.now().since(began), self.upstream.calls());
        let _ = step.tell(&answers, took, calls, told);
        step.check(&answers, calls.saturating_sub(before))
    }

    /// All of a step's clients at the same time.
    async fn ask(&self, step: &Step) -> Result<Vec<Answer>, String> {
        let mut asking = JoinSet::new();
        for _ in 0..step.clients {
            let request = self.request(step).map_err(|error| error.to_string())?;
            asking.spawn(heard(self.client.request(request)));
        }
        let mut answers = Vec::with_capacity(step.clients);
        while let Some(answered) = asking.join_next().await {
            answers.push(answered.map_err(|error| error.to_string())??);
        }
        Ok(answers)
    }

    fn request(&self, step: &Step) -> http::Result<Request<Full<Bytes>>> {
        let request = Request::builder()
            .method(step.method)
            .uri(format!("http://{}{}", self.gateway, step.path()))
            .header(header::AUTHORIZATION, format!("Bearer {}", step.token))
            .header(header::CONTENT_TYPE, "application/json");
        let request = match step.field {
            Some((name, value)) => request.header(name, value),
            None => request,
        };
        request.body(Full::from(step.body))
    }

    fn sum_up(&self, told: &mut impl Write) -> io::Result<()> {
        let asked: usize = STEPS.iter().map(|step| step.clients).sum();
        let calls = self.upstream.calls();
        let saved = u64::try_from(asked).unwrap_or(u64::MAX).saturating_sub(calls);
        writeln!(told, "\n{asked} requests, {calls} upstream calls: {saved} calls saved.")
    }
}

/// The whole of an answer.
async fn heard(answer: legacy::ResponseFuture) -> Result<Answer, String> {
    let answer = answer.await.map_err(|error| causes_in_words(&error))?;
    let status = answer.status();
    let cache = answer.headers().get_all("cache-status").iter().next_back();
    let cache = cache.and_then(|value| HeaderValue::to_str(value).ok()).map(str::to_owned);
    let body = answer.into_body().collect().await.map_err(|error| causes_in_words(&error))?;
    let body = body.to_bytes();
    // A batch says it of each ticket, and sums up on its last line.
    let summed_up = || {
        let lines = String::from_utf8_lossy(&body);
        let last = lines.lines().last()?;
        Some(last.trim_start_matches(r#"{"done":true,"#).trim_end_matches('}').to_owned())
    };
    let cache = cache.or_else(summed_up).unwrap_or_default();
    Ok(Answer { status, cache, body })
}

/// The curl lines to try, once the walk is over.
pub fn invite(gateway: SocketAddr, told: &mut impl Write) -> io::Result<()> {
    writeln!(told, "\nTry it yourself, each of them twice. Ctrl-C ends the demonstration.")?;
    let token = "-H 'Authorization: Bearer ana'";
    let write = "-X PUT -H 'Content-Type: application/json' -d '{\"status\":\"closed\"}'";
    for (what, id, options) in [
        ("A ticket", "support_ticket_123456789", ""),
        ("One that takes the API two seconds", "slow_1", ""),
        ("One that is not there", "missing_2", ""),
        ("A write, after which a read is a miss", "support_ticket_123456789", write),
    ] {
        writeln!(told, "\n# {what}")?;
        let options = if options.is_empty() { String::new() } else { format!(" \\\n  {options}") };
        writeln!(told, "curl -i {token}{options} \\\n  http://{gateway}{TICKETS}/{id}")?;
    }
    writeln!(told, "\n# Many tickets with one call")?;
    writeln!(told, "curl {token} -d '{{\"ids\":[\"ticket_1\",\"ticket_4\"]}}' \\")?;
    writeln!(told, "  http://{gateway}/_gateway/tickets")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_to_try_fit_the_screen() {
        let mut told = Vec::new();
        invite("255.255.255.255:65535".parse().unwrap(), &mut told).unwrap();
        let told = String::from_utf8(told).unwrap();
        assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
        assert_eq!(told.matches("curl ").count(), 5);
    }
}
