//! All cases together.

use crate::case::CANARY_FIELD;
use crate::case::Case;
use crate::chunks;
use crate::framings;
use crate::hosts;
use crate::octets;
use crate::pipelines;
use crate::targets;
use std::collections::BTreeSet;

/// A request that passes through.
pub const OTHER: &str = "POST /v2/x?c=@canary@";

/// A read of a ticket that is not stored.
pub const READ: &str = "GET /v2/support-tickets/t1?c=@canary@";

/// A head with a good `Host`, the canary and these fields. `start`: its first line, with its end.
pub fn head(start: &str, fields: &str) -> String {
    format!("{start}host: gateway\r\n{CANARY_FIELD}{fields}\r\n")
}

/// Every case, in the order of its making. What two generators make alike is taken once.
pub fn all() -> Vec<Case> {
    let mut drafts = framings::drafts();
    drafts.extend(octets::drafts());
    drafts.extend(targets::drafts());
    drafts.extend(hosts::drafts());
    drafts.extend(chunks::drafts());
    drafts.extend(pipelines::hidden());
    let mut seen = BTreeSet::new();
    drafts.retain(|draft| seen.insert(draft.template.clone()));
    let again = pipelines::again(&drafts);
    drafts.extend(again);
    drafts.into_iter().enumerate().map(|(number, draft)| draft.numbered(number)).collect()
}
