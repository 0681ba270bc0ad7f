//! A house with things about which it knows nothing (design §4, `kind = "opaque"`), beside tickets.

use crate::support::client::Reply;
use crate::support::house::House;
use crate::support::upstream::Say;
use verifik_gateway::api::route::CredentialRule;
use verifik_gateway::api::route::Kind;
use verifik_gateway::api::route::Resource;
use verifik_gateway::api::route::Template;

/// One of the things.
pub const THING: &str = "/things/a";

/// The resource: no credential is needed, no cookie stored, and a read may be sent twice.
pub fn thing(path: &str) -> Resource {
    Resource {
        name: "thing".into(),
        templates: vec![Template::parse(path).unwrap()],
        kind: Kind::Opaque,
        credential: CredentialRule::Optional,
        store_set_cookie: false,
        retry: true,
    }
}

/// A house with things, as they are changed here.
pub fn house_of_things(change: impl FnOnce(&mut Resource)) -> House {
    let mut thing = thing("/things/{id}");
    change(&mut thing);
    House::with(|settings| settings.resources.push(thing))
}

/// An answer with these fields.
pub fn say(status: u16, fields: &[(&'static str, &str)], body: impl Into<Vec<u8>>) -> Say {
    let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned()));
    Say::Answer(status, fields.collect(), body.into())
}

/// GETs a target as `token`, as nobody if that is empty, on a connection of its own.
pub async fn read(house: &House, target: &str, token: &str) -> Reply {
    let credential = [("authorization", token)];
    let fields = if token.is_empty() { &credential[..0] } else { &credential };
    house.client().ask("GET", target, fields).await
}
