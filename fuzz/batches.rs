//! The bodies of batch calls: the ids that were read are those that stand there, however a list of
//! them is written.

use crate::json::Node;
use crate::resources::is_id;
use crate::runner::Target;
use verifik_gateway::api::listing::Unlisted;
use verifik_gateway::api::listing::ids;

pub const TARGET: Target = Target { name: "batches", words: WORDS, check };

const WORDS: &[&str] = &[
    "{\"ids\":[",
    "]}",
    "\"x\"",
    ",",
    "\n",
    "\r\n",
    "{\"id\":\"y\"}",
    "z",
    "\"",
    "{",
    "}",
    "[",
    "]",
    "\\u0078",
    "\\",
    "{\"ids\":[]}",
    "null",
    "true",
    "7",
    " ",
    "\t",
    "\u{feff}",
    "\u{2028}",
    "\"ids\":",
    "\"id\":",
    "bulk",
];

/// Ids that one call may ask for here.
const MOST: usize = 8;

fn check(input: &[u8]) -> String {
    let read = ids(input, MOST);
    let listed = match &read {
        Err(Unlisted::NotAnId(place)) => return format!("{} is no id", place.min(&4)),
        Err(refused) => return format!("{refused:?}"),
        Ok(listed) => listed,
    };
    assert!((1..=MOST).contains(&listed.len()) && listed.iter().all(|id| is_id(id, true)));
    assert_eq!(*listed, plainly(input), "as a plain reader has it");
    let quoted: Vec<String> = listed.iter().map(|id| format!("\"{id}\"")).collect();
    let objects: Vec<String> = quoted.iter().map(|id| format!("{{\"id\": {id}}}")).collect();
    let ways = [
        format!("{{\"ids\": [{}]}}", quoted.join(" , ")),
        quoted.join("\n"),
        objects.join("\r\n\r\n"),
        format!("\n{}\n", listed.join("\n")),
    ];
    for way in ways {
        assert_eq!(ids(way.as_bytes(), MOST).as_ref(), Ok(listed), "{way}");
        assert_eq!(ids(way.as_bytes(), listed.len() - 1), Err(Unlisted::TooMany), "{way}");
    }
    format!("{} {}", listed.len(), listed.iter().map(String::len).max().unwrap_or(0).min(4))
}

/// An object with `ids` and nothing else, or one value a line.
fn plainly(input: &[u8]) -> Vec<String> {
    if let Some(tree @ Node::Object(_)) = Node::read(input)
        && let [Node::List(values)] = tree.all("ids")[..]
    {
        assert!(matches!(&tree, Node::Object(members) if members.len() == 1));
        return values.iter().map(|value| value.text().expect("a text").to_owned()).collect();
    }
    let text = str::from_utf8(input).expect("text");
    let space = [' ', '\t', '\r'];
    let lines = text.split('\n').map(|line| line.trim_matches(space));
    let value = |line: &str| match Node::read(line.as_bytes()) {
        Some(Node::Text(id)) => id,
        Some(Node::Object(members)) => match &members[..] {
            [(name, Node::Text(id))] if name == "id" => id.clone(),
            _ => panic!("{line}"),
        },
        _ => line.to_owned(),
    };
    lines.filter(|line| !line.is_empty()).map(value).collect()
}
