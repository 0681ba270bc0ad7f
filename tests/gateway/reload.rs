//! What new settings do to a gateway that runs: they hold for what begins from then on.

use crate::support::client::Reply;
use crate::support::crowd::asker;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::upstream::Say;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use verifik_gateway::app::controls::Controls;
use verifik_gateway::settings::changes::Changes;
use verifik_gateway::settings::changes::changes;
use verifik_gateway::settings::load::load;
use verifik_gateway::settings::model::Rate;
use verifik_gateway::settings::model::Settings;
use verifik_gateway::settings::sources::Sources;

const SECOND: Duration = Duration::from_secs(1);

/// A house, and its settings as they are now.
struct Renewed {
    house: House,
    controls: Controls,
    settings: Settings,
    edition: u64,
}

impl Renewed {
    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = load(&Sources::default(), []).unwrap().settings;
        change(&mut settings);
        let own = settings.clone();
        let house = House::with(|settings| *settings = own);
        let gateway = &house.door.gateway;
        let controls = Controls {
            cache: Arc::clone(&gateway.cache),
            regime: Arc::clone(&gateway.regime),
            terms: Arc::clone(&house.door.terms),
            places: house.door.places.clone(),
            certificate: None,
            settings: Arc::new(arc_swap::ArcSwap::from_pointee(settings.clone())),
        };
        Self { house, controls, settings, edition: 1 }
    }

    /// Puts others in force, as a reload does.
    fn renew(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut new = self.settings.clone();
        change(&mut new);
        let flush = changes(&self.settings, &new).flush;
        let new = Changes::without_restart(&self.settings, &new);
        self.edition += u64::from(flush);
        self.controls.take_over(&new, None, self.edition, flush);
        self.settings = new;
    }

    async fn ticket(&self, id: &str) -> Reply {
        self.house.ticket(id, ANN).await
    }

    fn count(&self) -> usize {
        self.house.upstream.count()
    }
}

/// Somebody who asks for a ticket.
fn asks(house: &House, id: &str) -> JoinHandle<Reply> {
    let (path, own) = (format!("/v2/support-tickets/{id}"), [("authorization", ANN)]);
    asker(house, &path, &own)
}

fn elsewhere(settings: &mut Settings) {
    settings.upstream.url.authority = "other.test".parse().unwrap();
}

fn renamed(settings: &mut Settings) {
    settings.resources[0].name = "other".into();
}

#[tokio::test(start_paused = true)]
async fn new_lifetimes_hold_for_answers_that_come_then() {
    let mut renewed = Renewed::with(|_| {});
    renewed.ticket("t1").await;
    renewed.renew(|settings| settings.lifetimes.open = 100 * SECOND);
    renewed.ticket("t2").await;
    // Longer than an open ticket is fresh by default, and shorter than a lease.
    pass(40).await;
    assert!(renewed.ticket("t2").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn who_has_asked_before_is_served_by_the_rules_of_that_time() {
    let mut renewed = Renewed::with(|settings| {
        settings.upstream.retries = 0;
        settings.breaker.failures = 0;
    });
    renewed.house.upstream.always(Say::ticket("t1", "open", &[]).after(5));
    let before = asks(&renewed.house, "t1");
    pass(1).await;
    renewed.renew(|settings| settings.upstream.answer_timeout = SECOND);
    let (took, after) = timed(renewed.ticket("t2")).await;
    assert_eq!((took, after.status), (SECOND, 504));
    let (took, before) = timed(before).await;
    assert_eq!((took, before.unwrap().status), (3 * SECOND, 200));
}

#[tokio::test(start_paused = true)]
async fn another_upstream_or_other_resources_begin_with_nothing_stored_and_share_nothing() {
    for change in [elsewhere, renamed] {
        let mut renewed = Renewed::with(|_| {});
        renewed.ticket("t1").await;
        assert!(renewed.ticket("t1").await.is_hit());
        renewed.house.upstream.says(|asked| {
            let id = asked.start.split(['/', ' ']).nth(4).unwrap().to_owned();
            Say::ticket(&id, "open", &[]).after(5)
        });
        let (shared, alone) = (asks(&renewed.house, "t2"), asks(&renewed.house, "t3"));
        pass(1).await;
        assert_ne!(renewed.controls.cache.leases.len(), 0);
        renewed.renew(change);
        assert_eq!(renewed.controls.cache.leases.len(), 0, "leases end");
        let count = renewed.count();
        assert!(!renewed.ticket("t1").await.is_hit(), "nothing is stored");
        assert_eq!((shared.await.unwrap().status, alone.await.unwrap().status), (200, 200));
        let after = renewed.ticket("t3").await;
        assert!(!after.is_hit(), "what was under way is not stored: {}", after.cache());
        assert_eq!(renewed.count(), count + 2);
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_after_does_not_join_who_asked_another_upstream() {
    let mut renewed = Renewed::with(|_| {});
    renewed.house.upstream.always(Say::ticket("t1", "open", &[]).after(5));
    let before = asks(&renewed.house, "t1");
    pass(1).await;
    renewed.renew(elsewhere);
    let (took, after) = timed(renewed.ticket("t1")).await;
    assert_eq!((took, after.cache().contains("collapsed")), (5 * SECOND, false));
    assert_eq!(before.await.unwrap().status, 200);
    let hosts: Vec<_> = renewed.house.upstream.heard();
    let hosts: Vec<_> = hosts.iter().map(|asked| asked.field("host").unwrap()).collect();
    assert_eq!(hosts, ["api.verifik.co", "other.test"]);
    assert!(renewed.ticket("t1").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn another_upstream_is_not_left_alone_for_what_the_one_before_did() {
    let mut renewed = Renewed::with(|settings| settings.upstream.retries = 0);
    renewed.house.upstream.always(Say::json(503, "{}", &[]));
    for n in 0..9 {
        renewed.ticket(&format!("t{n}")).await;
    }
    let count = renewed.count();
    assert_eq!((renewed.ticket("t1").await.status, renewed.count()), (503, count), "left alone");
    renewed.house.upstream.always(Say::ticket("t1", "open", &[]));
    renewed.renew(elsewhere);
    assert_eq!(renewed.ticket("t1").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_raised_rate_lets_those_go_who_wait_already() {
    let mut renewed = Renewed::with(|settings| {
        settings.limit.rate = Rate::PerSecond(0.1);
        settings.limit.burst = 1;
    });
    renewed.ticket("t0").await;
    let waiting = asks(&renewed.house, "t1");
    pass(1).await;
    renewed.renew(|settings| settings.limit.rate = Rate::PerSecond(1_000.0));
    let (took, reply) = timed(waiting).await;
    assert!(took < SECOND / 10 && reply.unwrap().status == 200, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_total_rate_that_is_lifted_lets_those_go_who_wait_already() {
    let mut renewed = Renewed::with(|settings| {
        settings.limit.total_rate = Some(0.1);
        settings.limit.burst = 1;
    });
    renewed.ticket("t0").await;
    let waiting = asks(&renewed.house, "t1");
    pass(1).await;
    renewed.renew(|settings| settings.limit.total_rate = None);
    let (took, reply) = timed(waiting).await;
    assert_eq!((took, reply.unwrap().status), (Duration::ZERO, 200));
}

#[tokio::test(start_paused = true)]
async fn fewer_places_than_are_under_way_hold_up_who_comes_and_cut_nobody_off() {
    let mut renewed = Renewed::with(|settings| settings.upstream.max_in_flight = 4);
    renewed.house.upstream.always(Say::json(200, "{}", &[]).after(5));
    let first: Vec<_> = (0..4).map(|n| asks(&renewed.house, &format!("a{n}"))).collect();
    pass(1).await;
    renewed.renew(|settings| settings.upstream.max_in_flight = 2);
    let next: Vec<_> = (0..4).map(|n| asks(&renewed.house, &format!("b{n}"))).collect();
    pass(1).await;
    assert_eq!(renewed.controls.cache.queue.load(), (4, 4));
    for first in first {
        assert_eq!(first.await.unwrap().status, 200);
    }
    pass(1).await;
    assert_eq!(renewed.controls.cache.queue.load(), (2, 2));
    renewed.renew(|settings| settings.upstream.max_in_flight = 9);
    assert_eq!(renewed.controls.cache.queue.load(), (0, 4), "who waited goes at once");
    for next in next {
        assert_eq!(next.await.unwrap().status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn more_connections_may_be_open_and_fewer_when_some_have_gone() {
    let mut renewed = Renewed::with(|settings| settings.listen.max_connections = 1);
    renewed.house.upstream.always(Say::json(200, "{}", &[]).after(9));
    let first = asks(&renewed.house, "t1");
    // Who has not asked yet would make room.
    pass(1).await;
    let second = asks(&renewed.house, "t2");
    pass(1).await;
    assert_eq!(renewed.count(), 1, "one connection");
    renewed.renew(|settings| settings.listen.max_connections = 2);
    pass(1).await;
    assert_eq!(renewed.count(), 2, "two connections");
    renewed.renew(|settings| settings.listen.max_connections = 1);
    let third = asks(&renewed.house, "t3");
    assert_eq!(first.await.unwrap().status, 200);
    pass(1).await;
    assert_eq!(renewed.count(), 2, "the second is still there");
    assert_eq!(second.await.unwrap().status, 200);
    assert_eq!(third.await.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn what_clients_may_ask_for_and_how_much_is_stored_change() {
    let mut renewed = Renewed::with(|_| {});
    renewed.ticket("t1").await;
    let fresh = [("authorization", ANN), ("cache-control", "no-cache")];
    let path = "/v2/support-tickets/t1";
    for obeyed in [false, true] {
        renewed.renew(|settings| settings.cache.client_directives = obeyed);
        let reply = renewed.house.client().ask("GET", path, &fresh).await;
        assert_eq!(reply.is_hit(), !obeyed);
    }
    renewed.renew(|settings| settings.cache.max_stored_body = 1);
    for _ in 0..2 {
        assert!(!renewed.house.ticket("t2", BEN).await.is_hit(), "too long");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_restart_keeps_its_value_and_the_rest_is_in_force() {
    let mut renewed = Renewed::with(|_| {});
    let memory = renewed.settings.cache.memory;
    renewed.renew(|settings| {
        settings.cache.memory += 1;
        settings.lifetimes.open = 100 * SECOND;
    });
    assert_eq!(renewed.controls.settings.load().cache.memory, memory);
    renewed.ticket("t1").await;
    pass(40).await;
    assert!(renewed.ticket("t1").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn patience_with_a_connection_is_that_of_its_beginning() {
    let mut renewed = Renewed::with(|settings| settings.listen.header_timeout = 10 * SECOND);
    let mut before = renewed.house.client();
    pass(1).await;
    renewed.renew(|settings| settings.listen.header_timeout = 2 * SECOND);
    let mut after = renewed.house.client();
    assert_eq!(timed(after.is_closed()).await, (2 * SECOND, true));
    let (took, closed) = timed(timeout(60 * SECOND, before.is_closed())).await;
    assert_eq!((took, closed), (7 * SECOND, Ok(true)));
}
