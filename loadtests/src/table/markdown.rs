//! A table for people, which a document can hold as it is.

use crate::size::Size;
use crate::table::{Row, Table, Unit, searches, travel};

const HEADINGS: [&str; 7] = ["what", "× peer", "store", "peer", "", "server, peak (growth)", "client, peak"];

pub(super) fn render(table: &Table) -> String {
    let headings = HEADINGS.map(str::to_owned).to_vec();
    let rows: Vec<_> = [headings].into_iter().chain(table.rows.iter().map(cells)).collect();
    let promises = table.promises.iter().map(|promise| {
        let verdict = if promise.is_kept { "kept" } else { "BROKEN" };
        format!("- {verdict}: {}\n", promise.text)
    });
    let rows = if table.rows.is_empty() { String::new() } else { grid(&rows) + "\n" };
    [rows, searches::render(&table.searches), promises.collect(), travel::render(&table.steps)].join("")
}

/// Lays out rows of as many cells each; the first are the headings.
pub(super) fn grid(rows: &[Vec<String>]) -> String {
    let n_columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    let mut lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    lines.insert(1, line(&rule, &widths));
    lines.join("\n") + "\n"
}

fn cells(row: &Row) -> Vec<String> {
    let (peak, growth) = (row.server_peak_bytes(), row.server_growth_bytes());
    vec![
        row.what.clone(),
        row.ratio().to_string(),
        row.unit.value(row.median()),
        row.unit.value(row.peer_median()),
        row.peer.clone(),
        format!("{} ({})", whole_mebibytes(peak), whole_mebibytes(growth)),
        row.client_peak_bytes().map_or_else(|| "–".to_owned(), |it| whole_mebibytes(it).to_string()),
    ]
}

/// More is noise.
pub(super) fn whole_mebibytes(n_bytes: u64) -> Size {
    Size(((n_bytes + (1 << 19)) >> 20) << 20)
}

impl Unit {
    fn value(self, value: f64) -> String {
        match self {
            Self::Seconds => format!("{value:.2} s"),
            Self::PerSecond => format!("{}/s", thousands(&format!("{value:.0}"))),
        }
    }
}

pub(super) fn thousands(digits: &str) -> String {
    let comma = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
    let digits = digits.chars().enumerate();
    digits.flat_map(|(at, digit)| comma(at).then_some(',').into_iter().chain([digit])).collect()
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| format!("| {cell:width$} "));
    padded.collect::<String>() + "|"
}
