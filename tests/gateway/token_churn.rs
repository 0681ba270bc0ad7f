//! A new token on every call: nothing ever hits, and the log says why.

use crate::support::house::House;
use crate::support::log::Captured;
use std::time::Duration;

/// A line of the log, by the end of its advice.
const ADVICE: &str = "keep its token instead of making a new one for each call";

/// Has one call after another made, each for a ticket and with a token that `call` tells; how often
/// the log gave its advice, and after which call for the first time.
async fn advice_after(calls: usize, call: fn(usize) -> (usize, usize)) -> (usize, Option<usize>) {
    // Every call is forwarded.
    let house = House::with(|settings| settings.lifetimes.open = Duration::ZERO);
    let mut client = house.client();
    let (captured, _guard, _idle) = Captured::begin();
    let mut first = None;
    for number in 0..calls {
        let (ticket, token) = call(number);
        let (target, token) = (format!("/v2/support-tickets/t{ticket}"), format!("Bearer {token}"));
        assert_eq!(client.ask("GET", &target, &[("authorization", &token)]).await.status, 200);
        if first.is_none() && captured.text().contains(ADVICE) {
            first = Some(number + 1);
        }
    }
    (captured.text().matches(ADVICE).count(), first)
}

#[tokio::test(start_paused = true)]
async fn a_new_token_on_every_call_is_said_once() {
    // All for one ticket; for one of ten.
    assert_eq!(advice_after(250, |n| (0, n)).await, (1, Some(90)));
    assert_eq!(advice_after(250, |n| (n % 10, n)).await, (1, Some(90)));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_users_with_tickets_of_their_own_are_not_scolded() {
    assert_eq!(advice_after(1_000, |n| (n, n)).await, (0, None));
}

#[tokio::test(start_paused = true)]
async fn neither_are_tokens_that_come_back_nor_one_that_reads_much() {
    assert_eq!(advice_after(250, |n| (0, n / 2)).await, (0, None));
    assert_eq!(advice_after(250, |n| (0, n % 50)).await, (0, None));
    assert_eq!(advice_after(250, |n| (n, 0)).await, (0, None));
}
