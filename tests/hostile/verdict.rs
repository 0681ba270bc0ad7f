//! Whether each case got what it is owed, and whether the accounts are right.

use crate::case::CREDENTIAL;
use crate::case::Case;
use crate::case::GOOD;
use crate::figures::Figures;
use crate::gateway::Gateway;
use crate::model::BARE_LF_IN_TRAILERS;
use crate::model::Owed;
use crate::replies;
use crate::replies::Origin;
use crate::replies::Replies;
use crate::replies::Reply;
use crate::upstream::Heard;
use std::collections::BTreeMap;
use std::fmt;

/// What a good request is answered with.
const GOOD_BODY: &str = r#"{"data":{"_id":"good","status":"open"}}"#;

/// Statuses of refusals.
const REFUSALS: [u16; 9] = [400, 404, 405, 413, 414, 417, 431, 501, 505];

/// Has the good ticket stored.
pub fn warm(gateway: &Gateway, tally: &mut Tally) {
    let head = format!("GET {GOOD} HTTP/1.1\r\nhost: gateway\r\nauthorization: {CREDENTIAL}\r\n");
    let good = format!("{head}connection: close\r\n\r\n");
    let (octets, _) = gateway.exchange(good.as_bytes(), good.len());
    let (list, _) = replies::read(&octets, std::iter::empty());
    assert_eq!((list.len(), &*list[0].body), (1, GOOD_BODY));
    tally.count(&list[0]);
}

/// Whether a case got what it is owed; if not, what is wrong.
pub fn of(case: &Case, replies: &Replies) -> Result<(), String> {
    check(case, replies).map_err(|wrong| {
        let told: Vec<_> = replies.list.iter().map(|reply| (reply.status, &reply.fields)).collect();
        let rest = replies.rest.escape_ascii();
        format!(
            "{wrong}: owed {:?}: {}\n  told {told:?}, rest [{rest}]",
            case.judged.owed,
            case.shown()
        )
    })
}

fn check(case: &Case, replies: &Replies) -> Result<(), &'static str> {
    let wrong = |wrong| Err(wrong);
    if !replies.rest.is_empty() {
        return wrong("what came is no reply");
    }
    if !replies.ended && case.judged.owed != Owed::Either(BARE_LF_IN_TRAILERS) {
        return wrong("the connection stays open");
    }
    let Some((before, replies)) = replies.list.split_at_checked(case.before) else {
        return wrong("a good request before it is not answered");
    };
    if !before.iter().all(is_good) {
        return wrong("a good request before it is answered wrongly");
    }
    match &case.judged.owed {
        Owed::Refused(_) => refused(case, replies),
        Owed::Answered => answered(case, replies),
        Owed::Either(_) => either(replies),
    }
}

fn is_good(reply: &Reply) -> bool {
    (reply.status, reply.origin(), &*reply.body) == (200, Origin::Stored, GOOD_BODY)
}

fn is_refusal(reply: &Reply) -> bool {
    REFUSALS.contains(&reply.status)
}

fn refused(case: &Case, replies: &[Reply]) -> Result<(), &'static str> {
    match replies {
        // Its reply may be under way when the body turns out to be none; and hyper ends a connection
        // that begins like HTTP/2 without a word.
        [] if case.judged.breaks_off || case.raw.starts_with(b"PRI * HTTP/2.0") => Ok(()),
        [] => Err("no reply"),
        [reply] if !is_refusal(reply) => Err("it is not refused"),
        [reply] if !reply.closes() => Err("the end is not announced"),
        [reply] if case.judged.breaks_off => {
            let told = matches!(reply.origin(), Origin::Forwarded | Origin::Refused);
            if told { Ok(()) } else { Err("another refusal") }
        }
        [reply] if !matches!(reply.origin(), Origin::Refused | Origin::Parser) => {
            Err("it was asked for")
        }
        [_] => Ok(()),
        [_, _, ..] => Err("what is behind it is answered"),
    }
}

fn answered(case: &Case, replies: &[Reply]) -> Result<(), &'static str> {
    let Some((own, behind)) = replies.split_first() else { return Err("no reply") };
    if own.status != 200 {
        return Err("it is not answered");
    }
    match (behind, case.judged.persists) {
        ([good], true) if is_good(good) => Ok(()),
        ([], false) if own.closes() || case.raw.windows(8).any(|w| w == b"HTTP/1.0") => Ok(()),
        ([], false) => Err("the end is not announced"),
        (_, true) => Err("the good request behind it is not answered once"),
        (_, false) => Err("what is behind it is answered"),
    }
}

/// Whatever the parser makes of it: answers in a row, and a refusal only at the end.
fn either(replies: &[Reply]) -> Result<(), &'static str> {
    match replies.split_last() {
        None => Err("no reply"),
        Some((last, others)) if others.iter().all(|reply| reply.status == 200) => {
            let ends = last.status == 200 || (is_refusal(last) && last.closes());
            if ends && others.len() <= 2 { Ok(()) } else { Err("neither refused nor answered") }
        }
        Some(_) => Err("something follows a refusal"),
    }
}

/// What is wrong with what the upstream heard.
pub fn of_upstream(corpus: &[Case], heard: &[Heard]) -> Vec<String> {
    let cases: BTreeMap<&str, &Case> =
        corpus.iter().map(|case| (case.canary.as_str(), case)).collect();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    let mut all_wrong = Vec::new();
    for heard in heard {
        let case = canary(&heard.head).and_then(|canary| cases.get(canary));
        let wrong = match case {
            _ if !heard.wrong.is_empty() => Some(heard.wrong[0]),
            None if heard.target == GOOD => None,
            None => Some("heard from nobody"),
            Some(case) => {
                let times = times.entry(&case.canary).or_default();
                *times += 1;
                if *times > 1 { Some("heard twice") } else { of_heard(case, heard) }
            }
        };
        if let Some(wrong) = wrong {
            let shown = case.map(|case| case.shown()).unwrap_or_default();
            all_wrong.push(format!(
                "{wrong}: {:?} {}\n  {shown}",
                heard.head,
                heard.body.escape_ascii()
            ));
        }
    }
    all_wrong
}

fn canary(head: &str) -> Option<&str> {
    let from = head.find("canary-")?;
    let end = head[from..].find('.')?;
    head.get(from..=from + end)
}

fn of_heard(case: &Case, heard: &Heard) -> Option<&'static str> {
    let judged = &case.judged;
    match &judged.owed {
        Owed::Refused(_) if judged.breaks_off && !heard.whole => None,
        Owed::Refused(_) => Some("heard of what is refused"),
        Owed::Answered if !heard.whole => Some("heard half"),
        Owed::Answered if heard.target != judged.target => Some("another target"),
        Owed::Answered if heard.body != judged.body => Some("another body"),
        Owed::Either(_) | Owed::Answered => None,
    }
}

/// What came of all of it.
#[derive(Debug, Default)]
pub struct Tally {
    by_origin: BTreeMap<&'static str, usize>,
    by_rule: BTreeMap<&'static str, usize>,
    /// How the parser's leniencies were taken: answered, and refused.
    by_leniency: BTreeMap<&'static str, (usize, usize)>,
    /// Requests that broke off on their way upstream: whether they were heard there is chance.
    broken: usize,
}

impl Tally {
    /// Adds a case.
    pub fn add(&mut self, case: &Case, replies: &Replies) {
        for reply in &replies.list {
            self.count(reply);
        }
        let own = replies.list.get(case.before);
        match case.judged.owed {
            Owed::Refused(rule) => *self.by_rule.entry(rule).or_default() += 1,
            Owed::Answered => *self.by_rule.entry("(answered)").or_default() += 1,
            Owed::Either(leniency) => {
                let (answered, refused) = self.by_leniency.entry(leniency).or_default();
                let is_answered = own.is_some_and(|own| own.status == 200);
                *(if is_answered { answered } else { refused }) += 1;
            }
        }
    }

    /// Adds a reply.
    pub fn count(&mut self, reply: &Reply) {
        let origin = reply.origin();
        self.broken += usize::from(origin == Origin::Forwarded && reply.status != 200);
        let name = match origin {
            Origin::Stored => "stored",
            Origin::Collapsed => "collapsed",
            Origin::Forwarded => "forwarded",
            Origin::Refused => "refused",
            Origin::Own => "own",
            Origin::Parser => "(by the parser)",
        };
        *self.by_origin.entry(name).or_default() += 1;
    }

    /// How many cases were left to the parser.
    pub fn lenient(&self) -> usize {
        self.by_leniency.values().map(|(answered, refused)| answered + refused).sum()
    }

    /// The gateway's accounts are exactly what its clients were told, and what the upstream heard.
    pub fn compare(&self, accounts: &BTreeMap<String, u64>, heard: &[Heard]) {
        let heard = heard.iter().filter(|heard| heard.whole).count();
        let account =
            |name: &str| accounts.get(name).map_or(0, |&number| usize::try_from(number).unwrap());
        let told = |name: &str| self.by_origin.get(name).copied().unwrap_or(0);
        println!("{accounts:?}, {heard} heard upstream");
        for name in ["stored", "collapsed", "forwarded", "refused", "own"] {
            assert_eq!(account(name), told(name), "{name}: {accounts:?}");
        }
        let sum = |names: &[&str]| names.iter().map(|name| account(name)).sum::<usize>();
        let ended = sum(&["stored", "collapsed", "forwarded", "refused", "own", "left"]);
        assert_eq!(account("requests"), ended, "{accounts:?}");
        let sent = sum(&["forwarded", "retries", "background"]);
        assert_eq!(account("upstream"), sent, "{accounts:?}");
        assert_eq!(account("upstream"), heard + self.broken, "{accounts:?}");
    }

    /// What operators are told is what clients were told. `opened`: connections.
    pub fn compare_figures(&self, figures: &Figures, opened: u64) {
        let told = |name: &str| {
            u64::try_from(self.by_origin.get(name).copied().unwrap_or_default()).unwrap()
        };
        let replies = |labels: fn(&str) -> bool| figures.sum_of("replies_total", labels);
        let is_hit = |labels: &str| labels.contains("cache=\"hit\"");
        assert_eq!(replies(is_hit), told("stored"), "{figures:?}");
        let collapsed = replies(|labels| {
            labels.contains("collapsed=\"true\"") && !labels.contains("cache=\"hit\"")
        });
        assert_eq!(collapsed, told("collapsed"), "{figures:?}");
        assert_eq!(figures.sum("refusals_total"), told("refused"), "{figures:?}");
        let all = ["stored", "collapsed", "forwarded", "refused", "own"].map(told);
        assert_eq!(replies(|_| true), all.iter().sum::<u64>(), "{figures:?}");
        assert_eq!(figures.count("connections_total"), opened, "{figures:?}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "replies: {:?}, broken off upstream: {}", self.by_origin, self.broken)?;
        writeln!(f, "owed: {:?}", self.by_rule)?;
        write!(f, "left to the parser (answered, refused): {:?}", self.by_leniency)
    }
}
