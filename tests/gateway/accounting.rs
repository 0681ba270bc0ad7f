//! The accounts: what has come, what became of it, and what was sent, against the upstream's count
//! and the clients' own.

use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::once_and_at_once;
use crate::support::house::pass;
use crate::support::upstream::Say;
use verifik_gateway::observe::accounts::Totals;

fn totals(house: &House) -> Totals {
    let totals = house.door.gateway.cache.accounts.totals();
    let heard = u64::try_from(house.upstream.count()).unwrap();
    assert_eq!((totals.astray(), heard), (0, totals.upstream), "{totals:?}");
    totals
}

#[tokio::test(start_paused = true)]
async fn each_request_is_entered_once_under_what_it_came_to() {
    let house = House::with(once_and_at_once);
    house.upstream.always(Say::ticket("1", "open", &[]).after(1));
    let nothing = Totals::default();
    assert_eq!(totals(&house), nothing);

    let asked = (house.ticket("1", ANN), house.ticket("1", ANN), house.ticket("1", ANN));
    tokio::join!(asked.0, asked.1, asked.2);
    let misses = Totals { requests: 3, forwarded: 1, collapsed: 2, upstream: 1, ..nothing };
    assert_eq!(totals(&house), misses);

    house.ticket("1", ANN).await;
    house.get("/elsewhere", ANN).await;
    house.get("/_gateway/live", ANN).await;
    house.get("/_gateway/none", ANN).await;
    house.client().ask("TRACE", "/", &[]).await;
    let told = Totals { requests: 8, stored: 1, own: 1, refused: 2, ..misses };
    let passed = Totals { forwarded: 2, upstream: 2, ..told };
    assert_eq!(totals(&house), passed);

    pass(16).await;
    house.ticket("1", ANN).await;
    pass(2).await;
    let refreshed = Totals { requests: 9, stored: 2, background: 1, upstream: 3, ..passed };
    assert_eq!(totals(&house), refreshed);

    house.write("POST", "/_gateway/tickets", ANN, "1\n2\n").await;
    let of_a_batch =
        Totals { requests: 12, own: 2, stored: 3, forwarded: 3, upstream: 4, ..refreshed };
    assert_eq!(totals(&house), of_a_batch);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_is_entered_and_what_is_sent_for_those_who_stay_is_nobodys() {
    let house = House::with(|settings| settings.upstream.max_in_flight = 1);
    house.upstream.always(Say::ticket("1", "open", &[]).after(5));
    let ask = |id: &str| {
        let mut client = house.client();
        let target = format!("/v2/support-tickets/{id}");
        async move { client.ask("GET", &target, &[("authorization", ANN)]).await }
    };
    let busy = tokio::spawn(ask("0"));
    pass(1).await;
    let (first, stays) = (tokio::spawn(ask("1")), tokio::spawn(ask("1")));
    let alone = tokio::spawn(ask("2"));
    pass(1).await;
    first.abort();
    alone.abort();
    assert!(busy.await.is_ok() && stays.await.is_ok());
    pass(1).await;
    let expected = Totals {
        requests: 4,
        forwarded: 1,
        collapsed: 1,
        left: 2,
        upstream: 2,
        background: 1,
        ..Totals::default()
    };
    assert_eq!(totals(&house), expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_again_is_entered_as_such_and_a_refusal_in_line_as_one() {
    let house = House::with(|settings| settings.upstream.max_in_flight = 1);
    let mut failing = true;
    house.upstream.says(move |_| {
        let fails = std::mem::take(&mut failing);
        if fails { Say::json(503, "{}", &[]) } else { Say::ticket("1", "open", &[]).after(20) }
    });
    let (slow, hurried) = (house.ticket("1", ANN), async {
        pass(5).await;
        house.ticket("2", ANN).await
    });
    let (answered, refused) = tokio::join!(slow, hurried);
    assert_eq!((answered.status, refused.status), (200, 503));
    let expected = Totals {
        requests: 2,
        forwarded: 1,
        refused: 1,
        upstream: 2,
        retries: 1,
        ..Totals::default()
    };
    assert_eq!(totals(&house), expected);
}
