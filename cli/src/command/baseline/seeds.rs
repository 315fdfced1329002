//! Which rows a baseline is to have, and with which of their columns.

use std::collections::BTreeSet;

use super::rows::{Column, Seeds, Table, by_default, by_default_in_run, connected_at, differs, named};
use crate::command::check::ground::{Ground, cannot_read};
use crate::command::plural;
use crate::failure::Failure;
use crate::schema::{Contents, Table as Held};

/// What the migrations leave behind, once, and if it can be had another time.
#[derive(Debug)]
pub(super) struct Runs<'a> {
    pub(super) first: &'a mut Ground,
    pub(super) of_first: &'a Contents,
    pub(super) again: Option<(&'a mut Ground, &'a Contents)>,
}

/// Rows to write.
#[derive(Debug, Default)]
pub(super) struct Chosen<'t> {
    pub(super) seeds: Vec<Seeds<'t>>,
    /// Columns that get their defaults.
    pub(super) left: Vec<String>,
    /// Columns that are written although they vary.
    pub(super) frozen: Vec<String>,
}

/// What to do with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Write,
    LeaveToDefault,
    /// Nothing that is written could be what the next run makes.
    Varies,
    /// Some rows have what the default gives here and now, and others have not.
    InPart,
}

/// What to do with values that vary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Varying {
    Refuse,
    Freeze,
}

/// That no table has rows but those that may: none without `seeds`, all for an empty list.
pub(super) async fn allowed(
    ground: &Ground,
    tables: &[Table],
    contents: &Contents,
    seeds: Option<&[&str]>,
) -> Result<(), Failure> {
    let mut allowed = BTreeSet::new();
    for name in seeds.into_iter().flatten() {
        match named(&ground.client, name).await.map_err(|error| cannot_read("tables", &error, "try again"))? {
            Some(names) => allowed.extend(names),
            None => {
                return Err(Failure::Usage(
                    format!("the migrations make no table {name}"),
                    "name it as SQL does, `table` or `schema.table`".to_owned(),
                ));
            }
        }
    }
    if seeds.is_some_and(<[_]>::is_empty) {
        return Ok(());
    }
    let filled = tables.iter().filter_map(|table| Some((table, contents.tables.get(&table.name)?.rows)));
    let filled: Vec<String> = filled
        .filter(|(table, rows)| *rows > 0 && !allowed.contains(&table.name))
        .map(|(table, rows)| format!("{} ({rows})", table.name))
        .collect();
    if filled.is_empty() {
        return Ok(());
    }
    let hint = match seeds {
        None => {
            "write them into the baseline with `--seeds`: a fresh database is to have what the migrations leave behind"
        }
        Some(_) => "name these tables, too, or none: `--seeds` alone takes all",
    };
    Err(Failure::Usage(
        format!("the migrations leave rows in {}: {}", plural(filled.len(), "table"), filled.join(", ")),
        hint.to_owned(),
    ))
}

/// Chooses columns, and refuses values that would be others the next time.
pub(super) async fn choose<'t>(
    tables: &'t [Table],
    runs: &mut Runs<'_>,
    varying: Varying,
) -> Result<Chosen<'t>, Failure> {
    let mut chosen = Chosen::default();
    let (mut varies, mut in_part, mut sequences) = (Vec::new(), Vec::new(), runs.varying_sequences());
    if varying == Varying::Freeze {
        chosen.frozen.append(&mut sequences);
    }
    for table in tables {
        let Some(held) = runs.of_first.tables.get(&table.name) else { continue };
        let (mut columns, mut same) = (Vec::new(), Vec::new());
        for column in table.columns.iter().filter(|_| held.rows > 0) {
            let shown = || format!("{}.{}", table.name, column.name);
            match (runs.fate(table, column, held).await?, varying) {
                (Fate::Write, _) => {
                    columns.push(column);
                    same.push(&column.name);
                }
                (Fate::LeaveToDefault, Varying::Refuse) => chosen.left.push(shown()),
                (Fate::Varies, Varying::Refuse) => varies.push(shown()),
                (Fate::InPart, Varying::Refuse) => in_part.push(shown()),
                (_, Varying::Freeze) => {
                    chosen.frozen.push(shown());
                    columns.push(column);
                }
            }
        }
        // Each column may be the same, and the rows are not: numbers that were given in another order.
        if runs.rows_differ(table, held, &same).await? {
            match varying {
                Varying::Refuse => varies.push(table.name.clone()),
                Varying::Freeze => chosen.frozen.push(table.name.clone()),
            }
        }
        if held.rows > 0 {
            chosen.seeds.push(Seeds { table, columns });
        }
    }
    refuse(&varies, &in_part, &sequences)?;
    Ok(chosen)
}

fn refuse(varies: &[String], in_part: &[String], sequences: &[String]) -> Result<(), Failure> {
    let said: Vec<String> = [
        ("rows are not the same from one run of the migrations to the next", varies),
        ("some rows have what the default gives here and now, and some have another value", in_part),
        ("sequences do not stand at the same number after each run of the migrations", sequences),
    ]
    .iter()
    .filter(|(_, names)| !names.is_empty())
    .map(|(what, names)| format!("{what}: {}", names.join(", ")))
    .collect();
    if said.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(
        said.join("; "),
        "a baseline would have what one run makes: take that with `--seeds --freeze`, or leave it to a migration after it"
            .to_owned(),
    ))
}

impl<'a> Runs<'a> {
    /// Sequences that stand elsewhere in another run.
    fn varying_sequences(&self) -> Vec<String> {
        let Some((_, again)) = &self.again else { return Vec::new() };
        let first = self.of_first.sequences.iter();
        first.filter(|(name, next)| again.sequences.get(*name) != Some(next)).map(|(name, _)| name.clone()).collect()
    }

    async fn fate(&mut self, table: &Table, column: &Column, held: &Held) -> Result<Fate, Failure> {
        let again = self.of_again(table);
        let differs = differs(&column.name, held, again);
        let Some(default) = &column.varying else { return Ok(if differs { Fate::Varies } else { Fate::Write }) };
        if column.is_moment()
            && let Some(fate) = self.fate_of_moments(table, column, default, held).await?
        {
            return Ok(fate);
        }
        if differs {
            // What is in both runs was not given by the default.
            let Some((second, _)) = self.again.as_mut() else { return Ok(Fate::Varies) };
            let (first, second) = (
                self.first.rows(&table.name, &[&column.name]).await?,
                second.rows(&table.name, &[&column.name]).await?,
            );
            return Ok(if first.may_share_a_row(&second) { Fate::Varies } else { Fate::LeaveToDefault });
        }
        // The same in both runs, as is the role that runs them, or the day on which they run.
        Ok(match by_default(&mut self.first.client, &table.name, &column.name, default).await {
            Some(rows) if rows == held.rows => Fate::LeaveToDefault,
            // A default that takes a number from a sequence cannot be had, and gives the same each time.
            None | Some(0) if again.is_some() => Fate::Write,
            None | Some(0) => Fate::Varies,
            Some(_) => Fate::InPart,
        })
    }

    /// What to do with times, by whether the default gave them in the run in which they came about. `None` where that cannot be
    /// told, or says nothing of those that are the same in both runs.
    async fn fate_of_moments(
        &mut self,
        table: &Table,
        column: &Column,
        default: &str,
        held: &Held,
    ) -> Result<Option<Fate>, Failure> {
        let again = self.of_again(table);
        let (table, column) = (&table.name, &column.name);
        let is_same = again.is_some() && !differs(column, held, again);
        let fate = |found: i64, rows: i64| match found {
            // Two runs within a second have the same times where a column has no parts of one.
            _ if found == rows => Some(Fate::LeaveToDefault),
            _ if !is_same => Some(Fate::Varies),
            0 => None,
            _ => Some(Fate::InPart),
        };
        let Some((second, _)) = self.again.as_mut() else {
            let found = by_default_in_run(&mut self.first.client, table, column, default, None).await;
            return Ok(found.and_then(|found| fate(found, held.rows)));
        };
        // The second one was begun when the first one was done.
        let end =
            connected_at(&second.client).await.map_err(|error| cannot_read("connections", &error, "try again"))?;
        let found = by_default_in_run(&mut self.first.client, table, column, default, end.as_deref()).await;
        let of_again = by_default_in_run(&mut second.client, table, column, default, None).await;
        let rows = held.rows + again.map_or(0, |again| again.rows);
        Ok(found.zip(of_again).and_then(|(found, of_again)| fate(found + of_again, rows)))
    }

    /// Whether rows are not the same in another run, in these columns alone.
    async fn rows_differ(&mut self, table: &Table, held: &Held, columns: &[&String]) -> Result<bool, Failure> {
        let of_again = self.of_again(table);
        let Some(((second, _), of_again)) = self.again.as_mut().zip(of_again) else { return Ok(false) };
        if of_again == held {
            return Ok(false);
        }
        if of_again.rows != held.rows || columns.len() == table.columns.len() {
            return Ok(true);
        }
        Ok(!self.first.rows(&table.name, columns).await?.are_as(&second.rows(&table.name, columns).await?))
    }

    /// What another run has left in a table.
    fn of_again(&self, table: &Table) -> Option<&'a Held> {
        let again: Option<&'a Contents> = self.again.as_ref().map(|(_, contents)| *contents);
        again?.tables.get(&table.name)
    }
}
