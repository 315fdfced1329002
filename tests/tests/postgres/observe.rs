//! What tracing and metrics are told, against the tables that document it.

mod metrics;
mod spans;

/// The documentation of the runtime's module.
const DOCUMENTED: &str = include_str!("../../../runtime/src/observe.rs");

/// Whether a table names this.
fn is_documented(name: &str) -> bool {
    DOCUMENTED.lines().any(|line| line.starts_with("//! |") && line.contains(&format!("`{name}`")))
}
