//! A house that caches pages besides tickets: opaque resources, for which RFC 9111 alone holds. What
//! it is told of both comes in two editions.

use crate::support::client::Reply;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::recall::T1;
use crate::support::things::thing;
use crate::support::upstream::Say;
use crate::support::wire::Message;
use std::time::Duration;
use verifik_gateway::settings::model::Settings;

/// A page with the id of [`T1`], so that one script serves for both.
pub const PAGE: &str = "/pages/t1";

/// A ticket and a page.
pub const BOTH: [&str; 2] = [T1, PAGE];

/// What the upstream has, and what it has later.
pub const FIRST: &str = r#"{"data":{"_id":"t1","edition":1}}"#;
pub const SECOND: &str = r#"{"data":{"_id":"t1","edition":2}}"#;

/// How long that stays fresh; its tag; some time at which it was changed.
pub const FRESH: (&str, &str) = ("cache-control", "max-age=10");
pub const TAG: (&str, &str) = ("etag", "\"a\"");
pub const NOON: &str = "Sun, 06 Nov 1994 12:00:00 GMT";

/// A house that answers for pages too, with a credential or without one.
pub fn house_with_pages(change: impl FnOnce(&mut Settings)) -> House {
    House::with(|settings| {
        settings.resources.push(thing("/pages/{id}"));
        // Whoever finds something stale waits for the upstream.
        settings.lifetimes.stale_while_revalidate = Duration::ZERO;
        change(settings);
    })
}

/// A house that has stored the first edition, which came with `fields` and is stale now. Its
/// upstream answers conditions with `told`, and everything else with the second edition.
pub async fn stale_house(target: &str, fields: &[(&'static str, &str)], told: Say) -> House {
    let house = house_with_pages(|_| {});
    let fields: Vec<_> = fields.iter().copied().chain([FRESH]).collect();
    house.upstream.always(Say::json(200, FIRST, &fields));
    house.get(target, ANN).await;
    house.upstream.says(move |request| {
        if is_conditional(request) { told.clone() } else { Say::json(200, SECOND, &[FRESH]) }
    });
    pass(11).await;
    house
}

/// Whether a request asks for what has changed.
pub fn is_conditional(request: &Message) -> bool {
    ["if-none-match", "if-modified-since"].iter().any(|name| request.field(name).is_some())
}

/// That nothing has.
pub fn not_modified(fields: &[(&'static str, &str)]) -> Say {
    let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned()));
    Say::Answer(304, fields.collect(), Vec::new())
}

/// Asks as Ann, with fields of her own.
pub async fn ask(house: &House, method: &str, target: &str, wish: &[(&str, &str)]) -> Reply {
    let fields: Vec<_> = [("authorization", ANN)].iter().chain(wish).copied().collect();
    house.client().ask(method, target, &fields).await
}

/// A house that has stored the first edition, which came with `fields`.
pub async fn house_that_stored(target: &str, fields: &[(&'static str, &str)]) -> House {
    let house = house_with_pages(|_| {});
    let fields: Vec<_> = fields.iter().copied().chain([FRESH]).collect();
    house.upstream.always(Say::json(200, FIRST, &fields));
    house.get(target, ANN).await;
    house
}
