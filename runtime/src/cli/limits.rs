//! How long a statement of a migration waits and runs, and how often a migration is tried, unless its file says so itself.

use std::time::Duration;

use clap::Args;

use crate::cli::database::parse_duration;
use crate::migrator::Migrator;

/// The heading under which `--help` lists them.
const LIMITS: &str = "Limits, where a file has none of its own";

/// What is said of every migration of the run.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct Limits {
    /// How long a statement of a transactional file may wait for a table that somebody else has locked: 5s, 200ms; 0 waits
    /// for ever, as a file with `transaction = off` does [default: 5s]
    #[arg(id = "graven.table_lock_timeout", long = "table-lock-timeout", value_name = "DURATION")]
    #[arg(value_parser = parse_duration, help_heading = LIMITS)]
    table_lock: Option<Duration>,

    /// How long a statement may take: 30s, 5min; 0 is no limit [default: 0]
    #[arg(id = "graven.statement_timeout", long = "statement-timeout", value_name = "DURATION")]
    #[arg(value_parser = parse_duration, help_heading = LIMITS)]
    statement: Option<Duration>,

    /// How often to try again after a lock timeout, a deadlock or a serialization failure [default: 5]
    #[arg(id = "graven.retries", long = "retries", value_name = "NUMBER", help_heading = LIMITS)]
    retries: Option<u32>,
}

impl Limits {
    /// With what was said. Otherwise the application's word stays, or the default.
    pub(crate) fn said_to(&self, mut migrator: Migrator) -> Migrator {
        if let Some(timeout) = self.table_lock {
            migrator = migrator.table_lock_timeout(timeout);
        }
        if let Some(timeout) = self.statement {
            migrator = migrator.statement_timeout(timeout);
        }
        if let Some(retries) = self.retries {
            migrator = migrator.retries(retries);
        }
        migrator
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::Limits;
    use crate::migrations::Migrations;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        limits: Limits,
    }

    #[test]
    fn the_limits_of_an_application_hold_unless_something_else_is_typed() {
        let set: Migrations = crate::private::migrations(&[], "migrations", None, None, "");
        let options = |arguments: &[&str]| {
            let arguments = Arguments::parse_from([&["myapp"][..], arguments].concat());
            let seven = Duration::from_secs(7);
            let of_application = set.migrator().table_lock_timeout(seven).statement_timeout(seven).retries(7);
            let options = arguments.limits.said_to(of_application).options().expect("they are good");
            let seconds = |timeout: Option<Duration>| timeout.expect("it was said").as_secs();
            (seconds(options.table_lock_timeout), seconds(options.statement_timeout), options.retries)
        };
        assert_eq!(options(&[]), (7, 7, 7));
        assert_eq!(options(&["--table-lock-timeout", "1s"]), (1, 7, 7));
        assert_eq!(options(&["--statement-timeout", "10min", "--retries", "0"]), (7, 600, 0));
        assert_eq!(options(&["--statement-timeout", "0"]), (7, 0, 7));
    }

    #[test]
    fn an_empty_or_odd_limit_is_refused_with_how_to_write_it() {
        for odd in ["", "-1s", "5 parsecs", "soon"] {
            let arguments = ["myapp", &format!("--statement-timeout={odd}")].map(str::to_owned);
            let error = Arguments::try_parse_from(arguments).map(|_| ()).expect_err(odd).to_string();
            assert!(error.contains("--statement-timeout") && error.contains("30s"), "{error}");
        }
    }
}
