//! What grows, one thing at a time, from a base that is the same everywhere.

use crate::options::Part;

/// One server of an axis, and the work it gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// How many responses are stored. All of them are asked for.
    pub(crate) stored: u64,
    /// How many credentials they are of, in turns.
    pub(crate) credentials: u64,
    pub(crate) connections: usize,
    /// The length of their bodies; no shorter than the sample.
    pub(crate) body: usize,
    pub(crate) marks: Marks,
}

/// Writes of other tickets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Marks {
    /// None.
    Absent,
    /// So many before anything is stored: no mark is newer than what is asked for.
    Before(u64),
    /// So many after everything is stored: each hit looks whether one of them covers it.
    After(u64),
}

/// The first row of each axis.
const BASE: Row = Row {
    name: "base",
    stored: 1_000,
    credentials: 10,
    connections: 64,
    body: 0,
    marks: Marks::Absent,
};

/// As the base, but for one of its values.
const STORED: [Row; 3] = [
    BASE,
    Row { name: "1 stored", stored: 1, ..BASE },
    Row { name: "1 000 000 stored", stored: 1_000_000, ..BASE },
];
/// More credentials than responses there cannot be, so the last two are compared with each other.
const CREDENTIALS: [Row; 5] = [
    BASE,
    Row { name: "1 credential", credentials: 1, ..BASE },
    Row { name: "100 credentials", credentials: 100, ..BASE },
    Row { name: "10 of 100 000 stored", stored: 100_000, ..BASE },
    Row { name: "100 000 of 100 000", stored: 100_000, credentials: 100_000, ..BASE },
];
const CONNECTIONS: [Row; 3] = [
    BASE,
    Row { name: "1 connection", connections: 1, ..BASE },
    Row { name: "5 000 connections", connections: 5_000, ..BASE },
];
const BODIES: [Row; 3] = [
    BASE,
    Row { name: "16 KiB", body: 16 << 10, ..BASE },
    Row { name: "256 KiB", body: 256 << 10, ..BASE },
];
const MARKS: [Row; 3] = [
    BASE,
    Row { name: "100 000 marks, older", marks: Marks::Before(100_000), ..BASE },
    Row { name: "100 000 marks, newer", marks: Marks::After(100_000), ..BASE },
];

/// What of a row is left where it is only to be shown that it works.
const QUICK_STORED: u64 = 1_000;
const QUICK_CONNECTIONS: usize = 100;

/// The rows of a part; of a part that is no axis there are none.
pub(crate) fn rows(part: Part, quick: bool) -> Vec<Row> {
    let rows: &[Row] = match part {
        Part::Stored => &STORED,
        Part::Credentials => &CREDENTIALS,
        Part::Connections => &CONNECTIONS,
        Part::Bodies => &BODIES,
        Part::Marks => &MARKS,
        Part::Tail => &[],
    };
    rows.iter().map(|row| if quick { row.shrunk() } else { *row }).collect()
}

impl Row {
    fn shrunk(self) -> Self {
        Self {
            stored: self.stored.min(QUICK_STORED),
            credentials: self.credentials.min(QUICK_STORED),
            connections: self.connections.min(QUICK_CONNECTIONS),
            marks: match self.marks {
                Marks::Absent => Marks::Absent,
                Marks::Before(number) => Marks::Before(number.min(QUICK_STORED)),
                Marks::After(number) => Marks::After(number.min(QUICK_STORED)),
            },
            ..self
        }
    }
}
