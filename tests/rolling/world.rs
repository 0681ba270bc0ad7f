//! Who asks, for what, and what is answered.

/// Credentials that ask.
pub const CREDENTIALS: u64 = 9;
/// Tickets there are. Few, so that credentials meet.
pub const TICKETS: u64 = 60;

/// What stands in every answer: for whom it is, of which ticket, and as of when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp {
    pub credential: u64,
    pub ticket: u64,
    pub version: u64,
}

/// What every stamp begins with.
const MARK: &str = "stamp_";

impl Stamp {
    pub fn text(self) -> String {
        let Self { credential, ticket, version } = self;
        format!("{MARK}{credential:03}_{ticket:03}_{version:07}")
    }

    /// Every stamp in a text, in order.
    pub fn all(text: &str) -> Vec<Self> {
        let stamp = |(place, _): (usize, &str)| {
            let mut numbers = text[place + MARK.len()..].get(..15)?.split('_');
            let mut number = || numbers.next()?.parse().ok();
            Some(Self { credential: number()?, ticket: number()?, version: number()? })
        };
        text.match_indices(MARK).map(|found| stamp(found).expect("a whole stamp")).collect()
    }

    /// The ticket's body: of the same bytes whenever it is the same.
    pub fn body(self) -> String {
        let text = self.text();
        let times = if self.ticket == TICKETS - 1 { 2_000 } else { 1 + self.ticket * 7 % 40 };
        let filler = format!("{text} ").repeat(usize::try_from(times).unwrap());
        let id = id(self.ticket);
        format!(r#"{{"success":true,"data":{{"_id":"{id}","status":"open","filler":"{filler}"}}}}"#)
    }
}

/// A ticket's id.
pub fn id(ticket: u64) -> String {
    format!("t{ticket:03}")
}

/// The id of a ticket that is not there.
pub fn absent(ticket: u64) -> String {
    format!("n{ticket:03}")
}
