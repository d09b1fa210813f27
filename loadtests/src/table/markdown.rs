//! A table for people, which a document can hold as it is.

use crate::size::Size;
use crate::table::{Row, Table, Unit};

const N_COLUMNS: usize = 7;

type Cells = [String; N_COLUMNS];

const HEADINGS: [&str; N_COLUMNS] =
    ["what", "× peer", "store", "peer", "", "server, peak (growth)", "client, peak"];

pub(crate) fn render(table: &Table) -> String {
    let rows: Vec<Cells> =
        [HEADINGS.map(str::to_owned)].into_iter().chain(table.rows.iter().map(cells)).collect();
    let widths: [usize; N_COLUMNS] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let mut lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
    lines.insert(1, line(&widths.map(|width| "-".repeat(width)), &widths));
    lines.push(String::new());
    lines.extend(table.promises.iter().map(|promise| {
        let verdict = if promise.is_kept { "kept" } else { "BROKEN" };
        format!("- {verdict}: {}", promise.text)
    }));
    lines.join("\n") + "\n"
}

fn cells(row: &Row) -> Cells {
    let (peak, growth) = (row.server_peak_bytes(), row.server_growth_bytes());
    [
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
fn whole_mebibytes(n_bytes: u64) -> Size {
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

fn thousands(digits: &str) -> String {
    let comma = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
    let digits = digits.chars().enumerate();
    digits.flat_map(|(at, digit)| comma(at).then_some(',').into_iter().chain([digit])).collect()
}

fn line(cells: &Cells, widths: &[usize; N_COLUMNS]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| format!("| {cell:width$} "));
    padded.collect::<String>() + "|"
}
