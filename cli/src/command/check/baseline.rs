//! That a fresh database, which begins with the baseline, becomes what all migrations one by one make.
//!
//! It compares the schemas but for the history table, the rows of all tables, and the next numbers of sequences. Where rows
//! differ it runs the migrations once more: what is not even the same then (the time of the run, a random number) is left
//! out, and said to be.

use std::collections::BTreeSet;

use graven::cli::__private as shared;
use graven::{Error, Migrations};
use graven_source::Version;
use graven_source::set::{Migration, Set};

use super::contrast;
use super::finding::Finding;
use super::ground::Ground;
use super::scratch::{Place, is_lost};
use crate::failure::Failure;
use crate::output::Output;
use crate::schema::{Contents, Rows};

/// What is to be compared, and where.
#[derive(Clone, Copy)]
pub(crate) struct Baseline<'a> {
    pub(crate) set: &'a Set,
    pub(crate) embedded: Migrations,
    pub(crate) baseline: &'a Migration,
    pub(crate) place: Place<'a>,
    pub(crate) output: Output,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) findings: Vec<Finding>,
    /// What the run says where a migration was refused.
    pub(super) error: Option<shared::Failure>,
    pub(super) compared: Option<Compared>,
}

/// What was compared.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) version: Version,
    pub(crate) name: String,
    pub(crate) sameness: Sameness,
    /// What one by one leads to.
    pub(crate) tables: usize,
    pub(crate) rows: i64,
    pub(crate) sequences: usize,
    /// Columns and sequences that are not the same from one run to the next.
    pub(crate) left_out: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sameness {
    Same,
    Different,
}

/// A table whose rows differ.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) table: String,
    /// Those that were compared.
    pub(super) columns: Vec<String>,
    pub(super) counts: (i64, i64),
    pub(super) rows: (Rows, Rows),
}

impl Baseline<'_> {
    /// Compares what it leads to with a database on which all migrations were run one by one, if there is one already.
    pub(crate) async fn compare(self, one_by_one: Option<Ground>) -> Result<Outcome, Failure> {
        let mut first = match one_by_one {
            Some(ground) => ground,
            None => self.one_by_one().await?,
        };
        let mut second = Ground::make(self.embedded, self.place, self.output).await?;
        if let Err(error) = self.embedded.migrator().ignore_environment().run(&mut second.client).await {
            return self.refused(error);
        }
        let schema = first.schema().await?.difference(&second.schema().await?);
        let (of_first, of_second) = (first.contents().await?, second.contents().await?);
        let mut left_out = BTreeSet::new();
        let mut sides = Sides { first: &mut first, second: &mut second, of_first: &of_first, of_second: &of_second };
        let mut tables = sides.tables(None, &mut left_out).await?;
        let mut sequences = contrast::sequences(&of_first, &of_second);
        let differs = !tables.is_empty() || !sequences.is_empty();
        if let Some(again) = if differs { self.again().await? } else { None } {
            tables = sides.tables(Some(&again), &mut left_out).await?;
            let varies = |name: &str| again.sequences.get(name) != of_first.sequences.get(name);
            left_out.extend(sequences.iter().map(|(name, ..)| name).filter(|name| varies(name)).cloned());
            sequences.retain(|(name, ..)| !varies(name));
        }
        let findings = contrast::findings(self.set, self.baseline, &schema, &tables, &sequences);
        let compared = Compared {
            version: self.baseline.version,
            name: self.baseline.name.clone(),
            sameness: if findings.is_empty() { Sameness::Same } else { Sameness::Different },
            tables: of_first.tables.len(),
            rows: of_first.rows(),
            sequences: of_first.sequences.len(),
            left_out,
        };
        Ok(Outcome { findings, error: None, compared: Some(compared) })
    }

    async fn one_by_one(self) -> Result<Ground, Failure> {
        let mut ground = Ground::make(self.embedded, self.place, self.output).await?;
        self.embedded.migrator().ignore_environment().no_baseline().run(&mut ground.client).await?;
        Ok(ground)
    }

    /// What all migrations one by one lead to another time. `None` where they cannot be run twice on one server.
    async fn again(self) -> Result<Option<Contents>, Failure> {
        let mut ground = Ground::make(self.embedded, self.place, self.output).await?;
        match self.embedded.migrator().ignore_environment().no_baseline().run(&mut ground.client).await {
            Ok(_) => Ok(Some(ground.contents().await?)),
            Err(error) if is_lost(&error) => Err(error.into()),
            // What a migration makes for the whole server is there already.
            Err(_) => Ok(None),
        }
    }

    /// The baseline was refused, or one of the migrations after it.
    fn refused(self, error: Error) -> Result<Outcome, Failure> {
        match Finding::failed(self.set, &error) {
            Some(mut finding) if !is_lost(&error) => {
                let (version, name) = (self.baseline.version, &self.baseline.name);
                let note = format!(
                    "this was on a fresh database, which begins with baseline {version} {name}; one by one, all migrations are applied"
                );
                finding.problem = finding.problem.note(note);
                Ok(Outcome { findings: vec![finding], error: Some(error.into()), compared: None })
            }
            _ => Err(error.into()),
        }
    }
}

/// Two databases, and what they hold.
struct Sides<'g> {
    first: &'g mut Ground,
    second: &'g mut Ground,
    of_first: &'g Contents,
    of_second: &'g Contents,
}

impl Sides<'_> {
    /// The tables of both that differ in more than what varies, which is added to what is left out. `again` is what the first
    /// one would hold if it were made anew.
    async fn tables(
        &mut self,
        again: Option<&Contents>,
        left_out: &mut BTreeSet<String>,
    ) -> Result<Vec<Rest>, Failure> {
        let mut differ = Vec::new();
        for (name, first) in &self.of_first.tables {
            // A table that only one of them has is a difference of the schemas.
            let Some(second) = self.of_second.tables.get(name).filter(|second| *second != first) else { continue };
            let again = again.and_then(|again| again.tables.get(name));
            let (columns, varying) = contrast::columns(first, second, again);
            left_out.extend(varying.iter().map(|column| format!("{name}.{column}")));
            let columns: Vec<&String> = columns.into_iter().collect();
            let rows = (self.first.rows(name, &columns).await?, self.second.rows(name, &columns).await?);
            if !rows.0.are_as(&rows.1) {
                differ.push(Rest {
                    table: name.clone(),
                    columns: columns.into_iter().cloned().collect(),
                    counts: (first.rows, second.rows),
                    rows,
                });
            }
        }
        Ok(differ)
    }
}
