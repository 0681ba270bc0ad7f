//! Where the figures go.

use crate::figures::Figures;
use crate::plot;
use crate::table;
use std::fs;
use std::io;
use std::path::Path;

/// Prints the table, and writes it, its samples and a plot to files.
pub(crate) fn write(about: &str, figures: &Figures, directory: &Path) -> io::Result<()> {
    let findings = [table::text(figures), figures.remarks.join("\n")].join("\n");
    println!("{findings}");
    let table = [about, &findings, ""].join("\n");
    for (name, content) in
        [("table.txt", table), ("table.csv", table::csv(figures)), ("plot.svg", plot::svg(figures))]
    {
        let path = directory.join(name);
        fs::write(&path, content)?;
        println!("written: {}", path.display());
    }
    Ok(())
}
