//! The figures as text for people, and as lines for machines.

use crate::contenders;
use crate::figures::Figure;
use crate::figures::Figures;
use crate::figures::number;

/// One block for each figure: medians, how far they scatter, and ratios.
pub(crate) fn text(figures: &Figures) -> String {
    let mut lines = Vec::new();
    for figure in figures.all() {
        let title = format!("{} ({})", figure.title, figure.better.as_str());
        lines.push(format!(
            "\n{title:62} {:>10}  {:>17} {:>9} {:>10}",
            "median", "lowest-highest", "/ bare", "/ gateway"
        ));
        for row in figures.of(figure) {
            let spread = row.spread();
            let range = [number(spread.lowest), number(spread.highest)].join("-");
            lines.push(format!(
                "  {:60} {:>10}  {range:>17} {:>9} {:>10}",
                row.contender.title,
                number(spread.median),
                ratio(figures, figure, spread.median, contenders::BARE),
                ratio(figures, figure, spread.median, contenders::GATEWAY),
            ));
        }
    }
    lines.join("\n") + "\n"
}

/// One line for each figure and contender; its samples stand in the last field.
pub(crate) fn csv(figures: &Figures) -> String {
    let mut lines =
        vec!["figure,better,contender,median,lowest,highest,to_bare,to_gateway,samples".to_owned()];
    for row in &figures.rows {
        let (figure, spread) = (row.figure, row.spread());
        let samples: Vec<String> =
            row.samples.iter().map(|sample| format!("{sample:.4}")).collect();
        lines.push(format!(
            "{},{},{},{:.4},{:.4},{:.4},{},{},{}",
            figure.key,
            figure.better.as_str(),
            row.contender.name,
            spread.median,
            spread.lowest,
            spread.highest,
            ratio(figures, figure, spread.median, contenders::BARE),
            ratio(figures, figure, spread.median, contenders::GATEWAY),
            samples.join(" "),
        ));
    }
    lines.join("\n") + "\n"
}

/// Empty where that one has no such figure.
fn ratio(figures: &Figures, figure: &Figure, median: f64, base: &str) -> String {
    let base = figures.median(figure, base).filter(|base| *base > 0.0);
    base.map_or_else(String::new, |base| format!("{:.2}", median / base))
}
