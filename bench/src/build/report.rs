//! What was measured, as Markdown.

use std::fs;
use std::path::Path;

use super::cargo::Took;
use super::scratch::Workload;
use super::{Cell, Results};
use crate::Result;
use crate::table::align;

/// A heading and a table.
pub(super) fn table(workload: Workload, cells: &[Cell]) -> String {
    let head = [
        "tool",
        "touch, check",
        "×",
        "touch, build",
        "×",
        "edit, check",
        "×",
        "edit, build",
        "×",
        "processor",
        "memory",
        "a migration",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for cell in cells {
        let mut row = vec![cell.tool.to_owned()];
        for step in STEPS {
            row.push(format!("{:.2}", step(cell).seconds));
            row.push(format!("{:.2}", step(cell).seconds / fastest_other(cells, step)));
        }
        row.push(format!("{:.2}", cell.edit_build.compiler.processor));
        row.push(format!("{:.0}", cell.edit_build.compiler.memory as f64 / 1e6));
        row.push(cell.overhead.map_or_else(String::new, |bytes| format!("{bytes:.0}")));
        rows.push(row);
    }
    format!("\n## {workload}\n\n{}", align(&rows))
}

const STEPS: [fn(&Cell) -> Took; 4] =
    [|cell| cell.touch_check, |cell| cell.touch_build, |cell| cell.edit_check, |cell| cell.edit_build];

/// What `×` refers to: the fastest tool but graven.
fn fastest_other(cells: &[Cell], step: fn(&Cell) -> Took) -> f64 {
    cells.iter().filter(|cell| cell.tool != "graven").map(|cell| step(cell).seconds).fold(f64::NAN, f64::min)
}

pub(super) fn save(results: &Results, output: &Path) -> Result<()> {
    let versions: Vec<String> = results.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let mut text = format!(
        "# What embedding costs at build time\n\n\
         Written by `cargo run --release --manifest-path bench/Cargo.toml -- build`; README.md says what is measured and how.\n\n\
         - {}\n- {} processors\n- {}\n\n\
         Seconds of a whole `cargo check` or `cargo build` of a library that embeds the set and is otherwise empty, in the\n\
         profile `dev`, after a touch of its source and after an edit of its last migration: the best of several. `×` is that\n\
         divided by the fastest tool but graven. Seconds of processor time and MB of memory at most are those of `rustc` in\n\
         the last of the four. The last column is what each migration adds to a stripped program beside its SQL, in bytes.\n",
        results.compiler,
        results.processors,
        versions.join(", ")
    );
    for (at, first) in results.cells.iter().enumerate() {
        if results.cells[..at].iter().all(|before| before.workload != first.workload) {
            let rest = &results.cells[at..];
            let end = rest.iter().take_while(|cell| cell.workload == first.workload).count();
            text.push_str(&table(first.workload, &rest[..end]));
        }
    }
    fs::create_dir_all(output)?;
    fs::write(output.join("BUILD.md"), text)?;
    fs::write(output.join("build.json"), serde_json::to_string_pretty(results)? + "\n")?;
    eprintln!("saved to {}", output.display());
    Ok(())
}
