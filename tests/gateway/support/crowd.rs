//! Many clients at once, and a plain resource beside the tickets for them to ask for.

use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::house::House;
use crate::support::things::thing;
use tokio::task::JoinHandle;
use verifik_gateway::settings::model::Settings;

/// The plain resource's first thing.
pub const THING: &str = "/things/1";

/// Adds a plain resource, with or without a credential.
pub fn add_things(settings: &mut Settings) {
    settings.resources.push(thing("/things/{id}"));
}

/// The path of a ticket.
pub fn path(id: &str) -> String {
    format!("/v2/support-tickets/{id}")
}

/// Someone GETs on a connection of its own, and waits while the test goes on. Aborted, they leave.
pub fn asker(house: &House, target: &str, fields: &[(&str, &str)]) -> JoinHandle<Reply> {
    let text = request("GET", target, fields, "");
    let mut client = house.client();
    tokio::spawn(async move {
        client.write(text).await;
        client.reply_to("GET").await.expect("a reply")
    })
}

/// Everyone's reply, in the order in which they asked.
pub async fn replies(askers: impl IntoIterator<Item = JoinHandle<Reply>>) -> Vec<Reply> {
    let askers: Vec<_> = askers.into_iter().collect();
    let mut replies = Vec::new();
    for asker in askers {
        replies.push(asker.await.expect("an asker that does not panic"));
    }
    replies
}

/// Several GET the same at once.
pub async fn crowd(
    house: &House,
    size: usize,
    target: &str,
    fields: &[(&str, &str)],
) -> Vec<Reply> {
    replies((0..size).map(|_| asker(house, target, fields))).await
}
