//! What a house remembers, found out by asking it and watching the upstream's count.

use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use std::time::Duration;

/// The ticket `t1` under its plain path.
pub const T1: &str = "/v2/support-tickets/t1";

/// What [`well_read`] makes a house remember, as [`recalled`] puts it.
pub const ALL: &str = "ann/t1 ann/t2 ben/t1 ben/t2";

/// Each ticket is stored more than once: under both paths, and with a query.
const TARGETS: [&str; 3] =
    ["/v2/support-tickets/{id}", "/support-tickets/{id}", "/v2/support-tickets/{id}?populates=x"];

/// Every credential with every ticket.
const READS: [(&str, &str); 4] = [("ann", "t1"), ("ann", "t2"), ("ben", "t1"), ("ben", "t2")];

fn token(who: &str) -> &'static str {
    if who == "ann" { ANN } else { BEN }
}

/// A house that remembers two tickets for two credentials.
pub async fn well_read() -> House {
    let house = House::new();
    for (who, id) in READS {
        for target in TARGETS {
            house.get(&target.replace("{id}", id), token(who)).await;
        }
    }
    house
}

/// What the house still answers from memory, such as `ann/t2 ben/t2`. It is asked for again, so it
/// remembers more afterwards.
pub async fn recalled(house: &House) -> String {
    let mut found = Vec::new();
    for (who, id) in READS {
        let mut times = 0;
        for target in TARGETS {
            times += usize::from(recalls(house, &target.replace("{id}", id), token(who)).await);
        }
        match times {
            0 => {}
            3 => found.push(format!("{who}/{id}")),
            times => found.push(format!("{who}/{id}({times} of 3)")),
        }
    }
    found.join(" ")
}

/// Whether a GET costs the upstream nothing.
pub async fn recalls(house: &House, target: &str, token: &str) -> bool {
    let before = house.upstream.count();
    house.get(target, token).await;
    house.upstream.count() == before
}

/// Lets the upstream answer everything but a plain read of a ticket with `say`.
pub fn others_get(house: &House, say: Say) {
    house.upstream.says(move |request| match request.start.split_once(' ') {
        Some(("GET", _)) if matches!(id_of(request), "t1" | "t2") => {
            Say::ticket(id_of(request), "open", &[])
        }
        _ => say.clone(),
    });
}

/// Lets the upstream's tickets tell how many writes it has heard when they are asked for, and how
/// many seconds they take to be answered.
pub fn tells_writes(house: &House, read_takes: u64) {
    let mut writes = 0;
    house.upstream.says(move |request| {
        let id = id_of(request);
        let body = format!(r#"{{"data":{{"_id":"{id}","writes":{writes}}}}}"#);
        if request.start.starts_with("GET ") {
            return Say::After(
                Duration::from_secs(read_takes),
                Box::new(Say::json(200, &body, &[])),
            );
        }
        writes += 1;
        Say::json(200, "{}", &[])
    });
}
