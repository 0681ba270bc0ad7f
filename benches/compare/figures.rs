//! What was measured of whom.

use crate::contender::Contender;

/// One thing that is measured.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Figure {
    /// For machines.
    pub(crate) key: &'static str,
    /// For people, unit included.
    pub(crate) title: &'static str,
    pub(crate) better: Better,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Better {
    Lower,
    Higher,
}

impl Better {
    /// As the tables say it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Lower => "lower is better",
            Self::Higher => "higher is better",
        }
    }
}

/// The samples of one contender for one figure.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) figure: &'static Figure,
    pub(crate) contender: &'static Contender,
    pub(crate) samples: Vec<f64>,
}

/// All that was measured, in the order it was.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) rows: Vec<Row>,
    /// What has to be known to read them.
    pub(crate) remarks: Vec<String>,
}

impl Figures {
    /// Another remark, told once however often it is made.
    pub(crate) fn remark(&mut self, remark: String) {
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// Another sample.
    pub(crate) fn add(
        &mut self,
        figure: &'static Figure,
        contender: &'static Contender,
        sample: f64,
    ) {
        let same = |row: &&mut Row| row.figure == figure && row.contender.name == contender.name;
        match self.rows.iter_mut().find(same) {
            Some(row) => row.samples.push(sample),
            None => self.rows.push(Row { figure, contender, samples: vec![sample] }),
        }
    }

    /// The figures there are samples of.
    pub(crate) fn all(&self) -> Vec<&'static Figure> {
        let mut once: Vec<&'static Figure> = Vec::new();
        for row in &self.rows {
            if !once.contains(&row.figure) {
                once.push(row.figure);
            }
        }
        once
    }

    /// The rows of one figure.
    pub(crate) fn of(&self, figure: &Figure) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.figure == figure)
    }

    /// The median of a contender, if there is one.
    pub(crate) fn median(&self, figure: &Figure, contender: &str) -> Option<f64> {
        let row = self.of(figure).find(|row| row.contender.name == contender)?;
        Some(row.spread().median)
    }
}

impl Row {
    /// Where its samples lie.
    pub(crate) fn spread(&self) -> Spread {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        let last = sorted.len().saturating_sub(1);
        Spread { median: at(last / 2), lowest: at(0), highest: at(last) }
    }
}

/// The middle of some samples, and how far they scatter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

/// With as many digits as mean something.
pub(crate) fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}
