//! The figures as a picture: one panel for each, a bar for each contender, a line for its scatter.

use crate::figures::Figure;
use crate::figures::Figures;
use crate::figures::Row;
use crate::figures::number;
use std::iter::successors;

const COLUMNS: usize = 3;
const PANEL_WIDTH: usize = 400;
/// Where the bars begin, how long the longest is, and where the numbers stand.
const BARS_AT: usize = 170;
const LONGEST: f64 = 150.0;
const NUMBERS_AT: usize = 342;
/// Scatter further than this part of the longest bar is cut off: an outlier would leave no bars.
const FURTHEST: f64 = 1.1;
const TITLE_HEIGHT: usize = 44;
const BAR_HEIGHT: usize = 20;
const MARGIN: usize = 16;

const STYLE: &str = "text{font:12px sans-serif;fill:#222}.title{font-weight:bold}.better{fill:#777}\
    .bar{fill:#9db4c8}.own{fill:#2f6f9f}.scatter{stroke:#222}";

/// A picture in SVG.
pub(crate) fn svg(figures: &Figures) -> String {
    let all = figures.all();
    let most = all.iter().map(|figure| figures.of(figure).count()).max().unwrap_or_default();
    let panel_height = TITLE_HEIGHT + most * BAR_HEIGHT + MARGIN;
    let (width, height) = (COLUMNS * PANEL_WIDTH, all.len().div_ceil(COLUMNS) * panel_height);
    let mut parts = vec![format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\">\n<style>{STYLE}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>"
    )];
    for (number, figure) in all.into_iter().enumerate() {
        let (x, y) = (number % COLUMNS * PANEL_WIDTH, number / COLUMNS * panel_height);
        parts.push(format!("<g transform=\"translate({x} {y})\">"));
        parts.push(panel(figures, figure));
        parts.push("</g>".to_owned());
    }
    parts.push("</svg>\n".to_owned());
    parts.join("\n")
}

fn panel(figures: &Figures, figure: &'static Figure) -> String {
    let rows: Vec<&Row> = figures.of(figure).collect();
    let highest = rows.iter().map(|row| row.spread().median).fold(0.0, f64::max);
    let title = text(MARGIN, 20, "title", figure.title);
    let better = text(MARGIN, 36, "better", figure.better.as_str());
    let tops = successors(Some(TITLE_HEIGHT), |top| Some(top + BAR_HEIGHT));
    let bars = rows.iter().zip(tops).map(|(row, top)| bar(row, top, highest));
    [title, better].into_iter().chain(bars).collect::<Vec<_>>().join("\n")
}

fn bar(row: &Row, top: usize, highest: f64) -> String {
    let spread = row.spread();
    let part = |value: f64| if highest > 0.0 { value / highest } else { 0.0 };
    let length = |value: f64| part(value).min(FURTHEST) * LONGEST;
    let class = if row.contender.name.starts_with("gateway") { "bar own" } else { "bar" };
    let (middle, baseline) = (top + BAR_HEIGHT / 2, top + BAR_HEIGHT - 6);
    let name = text(MARGIN, baseline, "name", row.contender.title);
    let value = text(NUMBERS_AT, baseline, "value", &number(spread.median));
    let height = BAR_HEIGHT - 4;
    format!(
        "{name}\n<rect class=\"{class}\" x=\"{BARS_AT}\" y=\"{}\" width=\"{:.1}\" \
         height=\"{height}\"/>\n<line class=\"scatter\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle}\" \
         y2=\"{middle}\"/>\n{value}",
        top + 2,
        length(spread.median),
        start() + length(spread.lowest),
        start() + length(spread.highest),
    )
}

fn start() -> f64 {
    u32::try_from(BARS_AT).map_or(0.0, f64::from)
}

/// The texts here hold nothing that would have to be escaped.
fn text(x: usize, y: usize, class: &str, words: &str) -> String {
    format!("<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{words}</text>")
}
