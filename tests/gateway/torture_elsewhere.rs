//! Every step of a forward goes wrong once where it is not a read that somebody waits for: a write, an
//! upload, one of a batch, a validation in the background, a probe, the trial of a breaker.

use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::torture::Framing;
use crate::support::torture::all_is_given_back;
use crate::support::torture::code;
use crate::support::torture::get;
use crate::support::torture::next_is_answered;
use crate::support::torture::number;
use crate::support::torture::sends;
use crate::support::torture::tells;
use crate::support::trap::Step;
use crate::support::trap::Trap;
use crate::support::trap::Wrong;
use crate::support::trap::trapped_house;
use crate::support::upstream::Say;
use crate::support::wire::End;
use crate::torture::POINTS;
use crate::torture::Point;
use serde_json::Value;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// Tries every point once, each as a task of its own.
async fn each_once<F: Future<Output = ()> + Send + 'static>(
    cell: impl Fn(&'static Point, String) -> F,
) {
    let mut wrong = Vec::new();
    for point in &POINTS {
        let case = format!("{:?} {:?}", point.step, point.wrong);
        if tokio::spawn(cell(point, case.clone())).await.is_err() {
            wrong.push(case);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// From now on, on new connections.
async fn goes_wrong(trap: &Trap, point: &Point) {
    pass(16).await;
    trap.set(point.step, point.wrong, 1);
}

async fn in_order(house: &House, trap: &Trap, case: &str) {
    assert_eq!(trap.struck(), 1, "{case}");
    trap.repair();
    next_is_answered(house, "t1", ANN, case).await;
    next_is_answered(house, "t9", BEN, case).await;
    all_is_given_back(house, case).await;
}

fn write(framing: Framing) -> String {
    let target = match framing {
        Framing::Length => "/v2/support-tickets/t1",
        Framing::Chunked => "/support-tickets/t1/thread",
    };
    request("PUT", target, &[("authorization", ANN), ("content-length", "2")], "{}")
}

#[tokio::test(start_paused = true)]
async fn a_write_fails_for_its_asker_alone_and_leaves_its_marks_for_all() {
    for framing in [Framing::Length, Framing::Chunked] {
        each_once(move |point, case| async move {
            let (house, trap) = trapped_house(|_| {});
            tells(&house, framing, "cache-control: max-age=900\r\n");
            let before = [ANN, BEN].map(|who| (who, get("t1", who, &[])));
            let mut last = 0;
            for (who, text) in &before {
                last = number(&sends(&house, text.clone()).await.unwrap().unwrap(), "t1", who);
            }
            goes_wrong(&trap, point).await;
            let asked = sends(&house, write(framing));
            let reply = timeout(Duration::from_secs(301), asked).await;
            let reply = reply.unwrap_or_else(|_| panic!("{case}: hangs")).unwrap();
            match (point.failure, point.step, &reply) {
                ("500 GATEWAY_INTERNAL", _, None) => {}
                (_, Step::Body, Some(cut)) => {
                    assert_eq!((cut.status, cut.message.whole), (200, false), "{case}: {cut:?}");
                }
                (failure, _, Some(told)) => assert_eq!(code(told), failure, "{case}"),
                _ => panic!("{case}: the connection is lost"),
            }
            for (who, text) in &before {
                let reply = sends(&house, text.clone()).await.unwrap().unwrap();
                assert!(number(&reply, "t1", who) > last, "{case}: {}", reply.cache());
            }
            in_order(&house, &trap, &case).await;
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_whose_handler_panics_never_looks_whole_upstream() {
    let (house, trap) = trapped_house(|_| {});
    let mut connections = house.upstream.by_hand();
    trap.set(Step::Heard, Wrong::Panics, 1);
    let fields = [("authorization", ANN), ("transfer-encoding", "chunked")];
    let mut client = house.client();
    client.write(request("POST", "/v2/attachments", &fields, "5\r\nbegun\r\n")).await;
    let mut upstream = connections.recv().await.unwrap();
    let heard = tokio::spawn(async move {
        let early = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        pass(1).await;
        upstream.io.write_all(early.as_bytes()).await.unwrap();
        upstream.message(|_| End::ByFields).await
    });
    let reply = client.reply_to("POST").await;
    assert!(reply.is_none_or(|reply| reply.status == 500));
    let heard = heard.await.unwrap().expect("a head");
    assert_eq!((heard.text().as_str(), heard.whole), ("begun", false));
    all_is_given_back(&house, "upload").await;
}

#[tokio::test(start_paused = true)]
async fn one_of_a_batch_fails_and_the_others_do_not() {
    each_once(|point, case| async move {
        let (house, trap) = trapped_house(|settings| settings.upstream.max_in_flight = 2);
        tells(&house, Framing::Length, "");
        trap.set(point.step, point.wrong, 1);
        let ids = r#"{"ids":["t0","t1","t2","t3","t4","t5"]}"#;
        let fields = [("authorization", ANN), ("content-length", "39")];
        let call = sends(&house, request("POST", "/_gateway/tickets", &fields, ids));
        let reply = timeout(Duration::from_secs(70), call).await;
        let reply = reply.unwrap_or_else(|_| panic!("{case}: hangs")).unwrap().unwrap();
        assert!(reply.message.whole && reply.status == 200, "{case}: {reply:?}");
        let text = reply.text();
        let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let failed: Vec<_> = lines[..6].iter().filter(|line| line["status"] != 200).collect();
        for line in lines[..6].iter().filter(|line| line["status"] == 200) {
            let (data, id) = (&line["body"]["data"], &line["id"]);
            assert_eq!((&data["_id"], &data["owner"]), (id, &"Bearer ann".into()), "{case}");
        }
        assert_eq!(
            (failed.len(), lines[6]["done"].as_bool()),
            (usize::from(!point.forgiven), Some(true)),
            "{case}: {text}"
        );
        for line in failed {
            let told = format!("{} {}", line["status"], line["body"]["code"].as_str().unwrap());
            assert_eq!(told, point.failure, "{case}");
        }
        in_order(&house, &trap, &case).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_validation_in_the_background_goes_wrong_and_nobody_hears_of_it() {
    each_once(|point, case| async move {
        let (house, trap) = trapped_house(|_| {});
        tells(&house, Framing::Length, "");
        let first = number(&house.ticket("t1", ANN).await, "t1", ANN);
        goes_wrong(&trap, point).await;
        for _ in 0..10 {
            let reply = sends(&house, get("t1", ANN, &[])).await.unwrap().unwrap();
            assert!(reply.is_hit() && number(&reply, "t1", ANN) == first, "{case}: {reply:?}");
        }
        pass(40).await;
        in_order(&house, &trap, &case).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_probe_goes_wrong_and_all_who_wait_for_it_are_answered() {
    each_once(|point, case| async move {
        let (house, trap) = trapped_house(|_| {});
        tells(&house, Framing::Length, "cache-control: max-age=900\r\n");
        for id in ["t1", "t2", "t3"] {
            number(&house.ticket(id, ANN).await, id, ANN);
        }
        pass(61).await;
        goes_wrong(&trap, point).await;
        let askers: Vec<_> = ["t1", "t2", "t3"]
            .repeat(10)
            .into_iter()
            .map(|id| (id, sends(&house, get(id, ANN, &[]))))
            .collect();
        for (id, asker) in askers {
            let reply = timeout(Duration::from_secs(point.secs), asker).await;
            let reply = reply.unwrap_or_else(|_| panic!("{case}: hangs")).unwrap().unwrap();
            assert!(number(&reply, id, ANN) > 0, "{case}");
        }
        assert!(house.upstream.count() <= 3 + 2, "{case}: {}", house.upstream.count());
        in_order(&house, &trap, &case).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_trial_of_a_breaker_goes_wrong_and_another_is_made() {
    each_once(|point, case| async move {
        let (house, trap) = trapped_house(|settings| settings.upstream.retries = 0);
        opens(&house).await;
        tells(&house, Framing::Length, "");
        goes_wrong(&trap, point).await;
        let trial = sends(&house, get("t1", ANN, &[]));
        let reply = timeout(Duration::from_secs(point.secs), trial).await;
        let reply = reply.unwrap_or_else(|_| panic!("{case}: hangs")).unwrap().unwrap();
        // Begun again after a panic, it succeeds; nothing else is tried again here.
        if point.failure == "500 GATEWAY_INTERNAL" {
            number(&reply, "t1", ANN);
        } else {
            assert_eq!(code(&reply), point.failure, "{case}");
        }
        pass(3).await; // Longer than two penalties.
        in_order(&house, &trap, &case).await;
    })
    .await;
}

/// The breaker opens.
async fn opens(house: &House) {
    house.upstream.always(Say::json(503, "{}", &[]));
    for id in 0..8 {
        house.ticket(&format!("t{id}"), ANN).await;
    }
    assert_eq!(house.upstream.count(), 7, "the eighth is refused");
}

#[tokio::test(start_paused = true)]
async fn the_scout_of_a_breaker_goes_wrong_and_another_is_sent() {
    each_once(|point, case| async move {
        let (house, trap) = trapped_house(|settings| {
            settings.upstream.retries = 0;
            settings.upstream.idle_timeout = Duration::from_millis(10);
        });
        opens(&house).await;
        for penalty in [2, 3, 5] {
            pass(penalty).await;
            assert_eq!(house.ticket("t1", ANN).await.status, 503, "{case}");
        }
        tells(&house, Framing::Length, "");
        pass(2).await;
        trap.set(point.step, point.wrong, 1);
        let refused = sends(&house, get("t1", ANN, &[])).await.unwrap().unwrap();
        assert_eq!(code(&refused), "503 GATEWAY_UPSTREAM_UNAVAILABLE", "{case}");
        pass(60).await;
        in_order(&house, &trap, &case).await;
    })
    .await;
}
