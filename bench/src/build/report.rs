//! What was measured, as Markdown.

use std::fs;
use std::path::Path;

use super::cargo::Took;
use super::scratch::Workload;
use super::{Cell, Results};
use crate::Result;
use crate::table::align;

/// A heading and a table.
pub(super) fn table(workload: Workload, cells: &[Cell], limit: u64) -> String {
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
            let took = step(cell).map(|took| took.seconds);
            let ratio = took.zip(fastest_other(cells, step)).map(|(took, fastest)| took / fastest);
            row.push(took.map_or_else(|| format!("> {limit}"), |took| format!("{took:.2}")));
            row.push(ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")));
        }
        let compiler = cell.edit_build.map(|took| took.compiler);
        row.push(compiler.map_or_else(String::new, |compiler| format!("{:.2}", compiler.processor)));
        row.push(compiler.map_or_else(String::new, |compiler| format!("{:.0}", compiler.memory as f64 / 1e6)));
        row.push(cell.overhead.map_or_else(String::new, |bytes| format!("{bytes:.0}")));
        rows.push(row);
    }
    format!("\n## {workload}\n\n{}", align(&rows))
}

const STEPS: [fn(&Cell) -> Option<Took>; 4] =
    [|cell| cell.touch_check, |cell| cell.touch_build, |cell| cell.edit_check, |cell| cell.edit_build];

/// What `×` refers to: the fastest tool but graven.
fn fastest_other(cells: &[Cell], step: fn(&Cell) -> Option<Took>) -> Option<f64> {
    let others = cells.iter().filter(|cell| cell.tool != "graven");
    others.filter_map(|cell| step(cell).map(|took| took.seconds)).reduce(f64::min)
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
         the last of the four. The last column is what each migration adds to a stripped program beside its SQL, in bytes.\n\
         A compiler that was at it for {} s was stopped, and the tool was not tried again.\n",
        results.compiler,
        results.processors,
        versions.join(", "),
        results.limit
    );
    for (at, first) in results.cells.iter().enumerate() {
        if results.cells[..at].iter().all(|before| before.workload != first.workload) {
            let rest = &results.cells[at..];
            let end = rest.iter().take_while(|cell| cell.workload == first.workload).count();
            text.push_str(&table(first.workload, &rest[..end], results.limit));
        }
    }
    fs::create_dir_all(output)?;
    fs::write(output.join("BUILD.md"), text)?;
    fs::write(output.join("build.json"), serde_json::to_string_pretty(results)? + "\n")?;
    eprintln!("saved to {}", output.display());
    Ok(())
}
