//! The results as Markdown that reads well in a terminal, too.

use crate::results::{Cell, Results};

/// A heading and a table for each workload of these cells.
pub(crate) fn render(results: &Results, cells: &[Cell]) -> String {
    let mut text = String::new();
    for (at, first) in cells.iter().enumerate() {
        if !cells[..at].iter().any(|before| before.is_beside(first)) {
            let rows = rows(results, first);
            text.push_str(&format!("\n## {}\n\n{}", heading(first), align(&rows)));
        }
    }
    text
}

/// The whole file.
pub(crate) fn file(results: &Results) -> String {
    let versions: Vec<String> = results.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    format!(
        "# Results\n\n\
         Written by `cargo run --release --manifest-path bench/Cargo.toml`; README.md says what is measured and how.\n\n\
         - {}\n\
         - {} processors, client and server on one machine\n\
         - {}\n\n\
         Milliseconds from the open connection to the end of the run: the median, and in brackets the fastest. `×` is the\n\
         median divided by the first row's. `+1 ms` means that each round trip was made 1 ms longer.\n{}",
        results.server,
        results.processors,
        versions.join(", "),
        render(results, &results.cells)
    )
}

fn heading(cell: &Cell) -> String {
    let (migrations, runs) = (thousands(cell.migrations), cell.times.len());
    let what = if cell.pending == 0 { "nothing pending" } else { "all pending, on a fresh database" };
    format!("{migrations} migrations, {what} ({runs} runs)")
}

fn rows(results: &Results, first: &Cell) -> Vec<Vec<String>> {
    let cells: Vec<&Cell> = results.cells.iter().filter(|cell| cell.is_beside(first)).collect();
    let here: Vec<&&Cell> = cells.iter().filter(|cell| cell.latency == first.latency).collect();
    let mut head = vec!["tool".to_owned(), "round trips".to_owned()];
    for cell in cells.iter().filter(|cell| cell.tool == first.tool) {
        head.extend([format!("+{} ms", cell.latency), "×".to_owned()]);
    }
    let mut rows = vec![head];
    for one in here {
        let mut row = vec![one.tool.to_owned(), thousands(usize::try_from(one.round_trips).unwrap_or(usize::MAX))];
        for cell in cells.iter().filter(|cell| cell.tool == one.tool) {
            let ratio = results.ratio(cell).map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            row.extend([format!("{} ({})", time(cell.median), time(cell.min)), ratio]);
        }
        rows.push(row);
    }
    rows
}

/// Three digits are all that the noise leaves.
pub(crate) fn time(milliseconds: f64) -> String {
    match milliseconds {
        0.0..10.0 => format!("{milliseconds:.2}"),
        10.0..100.0 => format!("{milliseconds:.1}"),
        _ => {
            let whole = format!("{milliseconds:.0}");
            whole.parse().map_or(whole, thousands)
        }
    }
}

pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A Markdown table with columns of one width, numbers to the right.
pub(crate) fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let cell = if column == 0 { format!("| {cell:width$} ") } else { format!("| {cell:>width$} ") };
            text.push_str(&cell);
        }
        text.push_str("|\n");
        if at == 0 {
            for (column, width) in widths.iter().enumerate() {
                let rule = "-".repeat(width + 1);
                text.push_str(&if column == 0 { format!("|{rule}-") } else { format!("|{rule}:") });
            }
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_groups() {
        let shown: Vec<String> = [0.456, 9.1, 45.67, 456.7, 4_567.8].into_iter().map(time).collect();
        assert_eq!(shown, ["0.46", "9.10", "45.7", "457", "4,568"]);
    }

    #[test]
    fn columns_are_of_one_width() {
        let rows = [vec!["tool".to_owned(), "×".to_owned()], vec!["a".to_owned(), "1.00".to_owned()]];
        assert_eq!(align(&rows), "| tool |    × |\n|------|-----:|\n| a    | 1.00 |\n");
    }
}
