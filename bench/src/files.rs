//! Synthetic migrations that look like real ones, the same on every machine: tables with foreign keys, indexes, new
//! columns, a few rows, now and then a view or a trigger.
//!
//! A set of 120 is the beginning of the set of 1,200.

use std::fmt::Write as _;

use fastrand::Rng;

/// What every set is drawn from. Another seed is another set, and results are no longer comparable.
const SEED: u64 = 0x6772_6176_656e;

/// What tables are called, with a number after it.
const NOUNS: [&str; 16] = [
    "accounts",
    "addresses",
    "bookings",
    "comments",
    "customers",
    "devices",
    "events",
    "invoices",
    "messages",
    "orders",
    "payments",
    "products",
    "projects",
    "sessions",
    "shipments",
    "teams",
];

/// One migration.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) version: usize,
    pub(crate) name: String,
    pub(crate) sql: String,
}

/// Migrations in order, and what a database holds once they are applied.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) files: Vec<File>,
    pub(crate) tables: usize,
}

impl Files {
    /// The first so many migrations.
    pub(crate) fn generate(count: usize) -> Self {
        let mut schema = Schema { random: Rng::with_seed(SEED), tables: Vec::new() };
        let files = (1..=count).map(|version| schema.migration(version)).collect();
        Self { files, tables: schema.tables.len() }
    }
}

/// What the migrations drawn so far have made.
struct Schema {
    random: Rng,
    tables: Vec<String>,
}

impl Schema {
    fn migration(&mut self, version: usize) -> File {
        let kind = if self.tables.is_empty() { 0 } else { self.random.u32(0..100) };
        let (name, sql) = match kind {
            0..35 => self.create_table(),
            35..60 => self.add_column(version),
            60..78 => self.create_index(version),
            78..93 => self.insert_rows(version),
            93..97 => self.create_view(version),
            _ => self.create_trigger(version),
        };
        let sql = format!("-- {}.\n\n{sql}", name.replace('_', " "));
        File { version, name, sql }
    }

    fn create_table(&mut self) -> (String, String) {
        let table = format!("{}_{}", self.noun(), self.tables.len() + 1);
        let parent = match self.tables.as_slice() {
            [] => String::new(),
            tables => {
                let parent = &tables[self.random.usize(0..tables.len())];
                format!("    {parent}_id bigint REFERENCES {parent} (id) ON DELETE CASCADE,\n")
            }
        };
        let sql = format!(
            "CREATE TABLE {table} (\n    \
                 id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n\
             {parent}    \
                 name text NOT NULL,\n    \
                 status text NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'active', 'closed; archived')),\n    \
                 amount numeric(12, 2) NOT NULL DEFAULT 0,\n    \
                 created_at timestamptz NOT NULL DEFAULT now()\n\
             );\n\n\
             CREATE INDEX {table}_created_at_idx ON {table} (created_at);\n\n\
             COMMENT ON TABLE {table} IS 'Made by the benchmark; it''s as plain as most tables are.';\n"
        );
        self.tables.push(table.clone());
        (format!("create_{table}"), sql)
    }

    fn add_column(&mut self, version: usize) -> (String, String) {
        let table = self.table();
        let definition = self.choose(&["text", "jsonb NOT NULL DEFAULT '{}'", "integer NOT NULL DEFAULT 0", "uuid"]);
        let mut sql = format!("ALTER TABLE {table} ADD COLUMN extra_{version} {definition};\n");
        if self.random.bool() {
            let _ = writeln!(sql, "ALTER TABLE {table} ADD CONSTRAINT {table}_{version}_check CHECK (amount >= 0);");
        }
        (format!("extend_{table}"), sql)
    }

    fn create_index(&mut self, version: usize) -> (String, String) {
        let table = self.table();
        let columns = self.choose(&["status, created_at", "name", "lower(name)", "amount DESC"]);
        (format!("index_{table}"), format!("CREATE INDEX {table}_{version}_idx ON {table} ({columns});\n"))
    }

    fn insert_rows(&mut self, version: usize) -> (String, String) {
        let table = self.table();
        let rows: Vec<String> = (1..=self.random.u32(2..8))
            .map(|row| format!("    ('row {row} of {version}', {}.{row:02})", self.random.u32(1..1_000)))
            .collect();
        let mut sql = format!("INSERT INTO {table} (name, amount) VALUES\n{};\n", rows.join(",\n"));
        if self.random.bool() {
            let _ = writeln!(sql, "\nUPDATE {table} SET status = 'active' WHERE amount > 500;");
        }
        (format!("fill_{table}"), sql)
    }

    fn create_view(&mut self, version: usize) -> (String, String) {
        let table = self.table();
        let sql = format!(
            "CREATE VIEW {table}_{version}_view AS\n    \
                 SELECT status, count(*) AS number, sum(amount) AS total FROM {table} GROUP BY status;\n"
        );
        (format!("summarise_{table}"), sql)
    }

    fn create_trigger(&mut self, version: usize) -> (String, String) {
        let table = self.table();
        let sql = format!(
            "CREATE FUNCTION {table}_{version}_trim() RETURNS trigger LANGUAGE plpgsql AS $body$\n\
             BEGIN\n    \
                 NEW.name := btrim(NEW.name);\n    \
                 RETURN NEW;\n\
             END;\n\
             $body$;\n\n\
             CREATE TRIGGER {table}_{version}_trim BEFORE INSERT ON {table}\n    \
                 FOR EACH ROW EXECUTE FUNCTION {table}_{version}_trim();\n"
        );
        (format!("trim_{table}"), sql)
    }

    fn noun(&mut self) -> &'static str {
        self.choose(&NOUNS)
    }

    fn table(&mut self) -> String {
        let at = self.random.usize(0..self.tables.len());
        self.tables[at].clone()
    }

    fn choose(&mut self, among: &[&'static str]) -> &'static str {
        among[self.random.usize(0..among.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_set_is_the_beginning_of_a_larger_one() {
        let (small, large) = (Files::generate(12), Files::generate(120));
        assert_eq!((small.files.len(), large.files.len()), (12, 120));
        assert!(
            small.files.iter().zip(&large.files).all(|(one, other)| one.sql == other.sql && one.name == other.name)
        );
    }

    #[test]
    fn a_set_holds_every_kind_of_migration() {
        let sql: String = Files::generate(120).files.into_iter().map(|file| file.sql).collect();
        for kind in ["CREATE TABLE", "CREATE INDEX", "ADD COLUMN", "INSERT INTO", "UPDATE", "CREATE VIEW", "$body$"] {
            assert!(sql.contains(kind), "{kind}");
        }
    }
}
