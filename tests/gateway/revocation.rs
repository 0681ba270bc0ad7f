//! A credential that is revoked while a great deal is stored for it, and what it costs to notice
//! (design §3.4, "Lease").

use crate::support::client::Client;
use crate::support::client::Reply;
use crate::support::crowd::asker;
use crate::support::crowd::path;
use crate::support::crowd::replies;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use tokio::time::Instant;

/// How many tickets are stored.
const STORED: usize = 1_000;

/// How many reads there are in a second.
const READS: usize = 10;

/// Seconds of a lease.
const LEASE: u64 = 60;

/// A house that stores settled tickets of one credential, fresh for an hour.
async fn stocked() -> House {
    let house = House::new();
    house.upstream.says(|request| {
        Say::ticket(id_of(request), "closed", &[("cache-control", "max-age=3600")])
    });
    replies((0..STORED).map(|n| asker(&house, &path(&format!("t{n}")), &[("authorization", ANN)])))
        .await;
    assert_eq!(house.upstream.count(), STORED);
    house
}

/// Someone who goes on reading one stored ticket after another, on one connection.
struct Reader {
    client: Client,
    next: usize,
}

impl Reader {
    fn of(house: &House) -> Self {
        Self { client: house.client(), next: 0 }
    }

    async fn read(&mut self) -> Reply {
        self.next += 1;
        let id = format!("t{}", self.next * 7 % STORED);
        self.client.ask("GET", &path(&id), &[("authorization", ANN)]).await
    }
}

/// Reads on while the upstream refuses the credential from `when` on, and takes so many seconds to
/// do so: when the last ticket was given out and when the first refusal was told, in seconds.
async fn revoked(when: u64, takes: u64) -> (u64, u64) {
    let house = stocked().await;
    let (mut reader, began) = (Reader::of(&house), Instant::now());
    let (mut given, mut refused) = (0, None);
    loop {
        if began.elapsed().as_secs() >= when {
            house.upstream.always(Say::json(401, "{}", &[]).after(takes));
        }
        for _ in 0..READS {
            let (status, now) = (reader.read().await.status, began.elapsed().as_secs());
            match (status, refused) {
                (200, None) => given = now,
                (401, None) => refused = Some(now),
                (401, Some(told)) if now > told + LEASE / 2 => return (given, told),
                (401, Some(_)) => {}
                other => panic!("{other:?} at {now} s"),
            }
        }
        pass(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_credential_is_served_for_one_lease_at_most_and_never_after_it_was_refused() {
    for (when, takes) in [(1, 0), (39, 0), (41, 0), (75, 0), (119, 0), (1, 5), (41, 5), (41, 25)] {
        let (given, refused) = revoked(when, takes).await;
        assert!(given < when + LEASE, "{when} {takes}: {given}");
        // Who waited for a probe in vain has still to be refused on account of its own request.
        assert!(
            given <= refused && refused < when + LEASE + 2 * takes,
            "{when} {takes}: {refused}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_is_not_revoked_costs_a_probe_or_two_in_a_lease() {
    let house = stocked().await;
    let mut reader = Reader::of(&house);
    for second in 0..10 * LEASE {
        for _ in 0..READS {
            assert!(reader.read().await.is_hit(), "at {second} s");
        }
        pass(1).await;
    }
    let probes = house.upstream.count() - STORED;
    assert!((10..=20).contains(&probes), "{probes} probes in ten leases");
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_rests_costs_nothing_until_it_is_used_again() {
    let house = stocked().await;
    pass(10 * LEASE).await;
    let mut reader = Reader::of(&house);
    assert_eq!(house.upstream.count(), STORED);
    for read in 0..READS {
        assert_eq!(reader.read().await.is_hit(), read > 0);
    }
    assert_eq!(house.upstream.count(), STORED + 1);
}
