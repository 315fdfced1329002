//! What came of a launch, as a table and a sentence.

use std::net::SocketAddr;
use std::time::Duration;

use crate::told::Role;

/// An instance that became ready.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) instance: u16,
    pub(crate) address: SocketAddr,
    pub(crate) role: Role,
    /// From the launch until its readiness probe said yes.
    pub(crate) after: Duration,
    /// Its own verdict.
    pub(crate) health: String,
    /// How many rows it shows.
    pub(crate) departures: usize,
}

/// The table: one line an instance.
pub(crate) fn table(instances: &[Ready]) -> String {
    let heading = ["instance", "migrations", "ready after", "health", "departures", "address"].map(str::to_owned);
    let lines: Vec<_> = std::iter::once(heading).chain(instances.iter().map(cells)).collect();
    let widths: [usize; 6] =
        std::array::from_fn(|at| lines.iter().map(|cells| cells[at].chars().count()).max().unwrap_or_default());
    let mut table = String::new();
    for cells in &lines {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        table.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        table.push('\n');
    }
    table
}

/// The sentence: who applied the migrations, and whether all instances are well. `launched` is how many were started.
pub(crate) fn sentence(instances: &[Ready], launched: u16) -> String {
    let applied: Vec<String> = instances
        .iter()
        .filter_map(|ready| match ready.role {
            Role::Applied { migrations, .. } => Some(format!("{migrations} by instance {}", ready.instance)),
            _ => None,
        })
        .collect();
    let applied = match applied.as_slice() {
        [] => "No migration was pending".to_owned(),
        applied => format!("Migrations applied, each once: {}", applied.join(", ")),
    };
    let healthy = instances.iter().filter(|ready| ready.health == "healthy").count();
    let last = instances.iter().map(|ready| ready.after).max().unwrap_or_default();
    format!("{applied}. Healthy: {healthy} of {launched} instances, {:.2} s after the launch.", last.as_secs_f64())
}

fn cells(ready: &Ready) -> [String; 6] {
    let role = match &ready.role {
        Role::Applied { migrations, seconds } => format!("applied {migrations} in {seconds:.2} s"),
        Role::Waited { seconds, holder } => format!("waited {seconds:.2} s for {holder}"),
        Role::FoundItDone => "found it done".to_owned(),
        Role::Skipped => "skipped".to_owned(),
    };
    [
        ready.instance.to_string(),
        role,
        format!("{} ms", ready.after.as_millis()),
        ready.health.clone(),
        ready.departures.to_string(),
        format!("http://{}/", ready.address),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(instance: u16, role: Role, health: &str) -> Ready {
        Ready {
            instance,
            address: SocketAddr::from(([127, 0, 0, 1], 8079 + instance)),
            role,
            after: Duration::from_millis(300 + u64::from(instance)),
            health: health.to_owned(),
            departures: 14,
        }
    }

    #[test]
    fn the_table_lines_up() {
        let instances = [
            ready(1, Role::Waited { seconds: 0.194, holder: "demo-2".to_owned() }, "healthy"),
            ready(2, Role::Applied { migrations: 18, seconds: 0.211 }, "healthy"),
            ready(3, Role::FoundItDone, "degraded"),
        ];
        let wanted = "\
instance  migrations                ready after  health    departures  address
1         waited 0.19 s for demo-2  301 ms       healthy   14          http://127.0.0.1:8080/
2         applied 18 in 0.21 s      302 ms       healthy   14          http://127.0.0.1:8081/
3         found it done             303 ms       degraded  14          http://127.0.0.1:8082/
";
        assert_eq!(table(&instances), wanted);
        assert_eq!(
            sentence(&instances, 4),
            "Migrations applied, each once: 18 by instance 2. Healthy: 2 of 4 instances, 0.30 s after the launch."
        );
    }

    #[test]
    fn a_launch_on_a_migrated_database_says_so() {
        let sentence = sentence(&[ready(1, Role::FoundItDone, "healthy")], 1);
        assert_eq!(sentence, "No migration was pending. Healthy: 1 of 1 instances, 0.30 s after the launch.");
    }
}
