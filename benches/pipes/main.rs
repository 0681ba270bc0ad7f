//! The whole gateway over in-memory pipes: what a hit costs without a network, and what a thousand
//! askers of one ticket do.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a bench that goes wrong may say so, and reads the clock it measures with"
)]
#![expect(unreachable_pub, reason = "a bench has no outside; `pub` says who else may use it")]
#![expect(clippy::format_collect, reason = "messages are built for reading, not for speed")]
#![expect(dead_code, reason = "the tests use more of the house than the benches do")]

#[path = "../../tests/gateway/support/mod.rs"]
mod support;

use crate::support::house::House;
use criterion::Criterion;
use criterion::criterion_group;
use criterion::criterion_main;
use std::time::Duration;
use std::time::Instant;
use tokio::runtime::Builder;

const ANN: &str = "Bearer ann";

fn a_hit(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (house, mut client) = runtime.block_on(async {
        let house = House::with(|settings| settings.lifetimes.open = Duration::from_hours(1));
        let client = house.client();
        (house, client)
    });
    let mut hits = || {
        runtime.block_on(async {
            let fields = [("authorization", ANN)];
            client.ask("GET", "/v2/support-tickets/t1", &fields).await
        })
    };
    hits();
    criterion.bench_function("a hit over a pipe, client included", |b| b.iter(&mut hits));
    assert_eq!(house.upstream.count(), 1, "hits do not reach the upstream");
}

fn a_thousand_askers(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    criterion.bench_function("a thousand askers of one cold ticket", |b| {
        b.iter_custom(|rounds| (0..rounds).map(|_| runtime.block_on(stampede())).sum());
    });
}

async fn stampede() -> Duration {
    let house = House::new();
    let clients: Vec<_> = (0..1_000).map(|_| house.client()).collect();
    let began = Instant::now();
    let askers: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            tokio::spawn(async move {
                let fields = [("authorization", ANN)];
                client.ask("GET", "/v2/support-tickets/t1", &fields).await.status
            })
        })
        .collect();
    for asker in askers {
        assert_eq!(asker.await.unwrap(), 200);
    }
    let took = began.elapsed();
    assert_eq!(house.upstream.count(), 1, "one request upstream");
    took
}

criterion_group! {
    name = pipes;
    config = Criterion::default().sample_size(20);
    targets = a_hit, a_thousand_askers
}
criterion_main!(pipes);
