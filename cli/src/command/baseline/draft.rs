//! From migrations to the text of a baseline that is proved.

use graven::{Error, Migrations};
use graven_source::problem::Problem;
use graven_source::set::{Migration, Set};

use super::arguments::Baseline;
use super::around::{Around, Before};
use super::clean::clean;
use super::seeds::{self, Chosen, Runs, Varying};
use super::writer::Writer;
use super::{range, rows};
use crate::command::check::baseline::Baseline as Comparison;
use crate::command::check::ground::{Ground, cannot_read};
use crate::command::check::live::Live;
use crate::command::check::scratch;
use crate::embed::embed;
use crate::failure::Failure;
use crate::output::Output;
use crate::schema::Contents;

const CATALOGS: &str = "connect as a role that may read the catalogs and every table";

/// A baseline that is yet to be written.
#[derive(Clone, Copy)]
pub(super) struct Draft<'a> {
    pub(super) set: &'a Set,
    /// What the baseline stands for.
    pub(super) covered: &'a Set,
    pub(super) last: &'a Migration,
    pub(super) name: &'a str,
    pub(super) arguments: &'a Baseline,
    pub(super) output: Output,
}

/// A baseline that makes what its migrations make.
#[derive(Debug)]
pub(super) struct Proved {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) text: String,
    pub(super) tables: usize,
    pub(super) rows: i64,
    pub(super) sequences: usize,
    pub(super) roles: Vec<String>,
    pub(super) logins: Vec<String>,
    pub(super) left: Vec<String>,
    pub(super) frozen: Vec<String>,
    pub(super) server: String,
    pub(super) writer: Writer,
}

impl Draft<'_> {
    /// Writes it, and proves it. Everything that is made for that on a server is gone in the end.
    pub(super) async fn proved(self) -> Result<Proved, Failure> {
        let live = Live::new(self.covered.migrations.len(), self.output);
        live.doing("making an empty database");
        let one_by_one = embed(self.covered.clone());
        let mut first = self.ground(one_by_one).await?;
        let server = Server::of(&first).await?;
        let writer = Writer::choose(self.arguments, &first, server.major)?;
        let before = Before::read(&first.client, self.arguments.place()).await;
        let before = before.map_err(|error| cannot_read("roles", &error, CATALOGS))?;
        let mut migrator = one_by_one.migrator().ignore_environment().observe(live.observer());
        migrator.run(&mut first.client).await?;
        live.doing("running all of them once more");
        let mut again = self.again(one_by_one).await?;
        let contents = first.contents().await?;
        let of_again = match &mut again {
            Some(again) => Some(self.same_schema(&mut first, again).await?),
            None => None,
        };
        let history = first.history.clone();
        let tables = rows::tables(&mut first.client, &history).await;
        let tables = tables.map_err(|error| cannot_read("tables", &error, CATALOGS))?;
        seeds::allowed(&first, &tables, &contents, self.arguments.seeds().as_deref()).await?;
        no_large_objects(&first).await?;
        live.doing("writing down what they have made");
        let varying = if self.arguments.freeze { Varying::Freeze } else { Varying::Refuse };
        let mut runs = Runs { first: &mut first, of_first: &contents, again: again.as_mut().zip(of_again.as_ref()) };
        let chosen = seeds::choose(&tables, &mut runs, varying).await?;
        let around = Around::read(&mut first.client, &before, &history).await;
        let around = around.map_err(|error| cannot_read("roles", &error, CATALOGS))?;
        let made = self.text(&mut first, &writer, &server, &chosen, &around).await?;
        drop(again);
        live.doing("proving it on a fresh database");
        let with = self.checked(&made, &writer)?;
        self.prove(&with, first, &writer).await?;
        let Chosen { left, frozen, .. } = chosen;
        Ok(Proved {
            name: self.name.to_owned(),
            file: with.baselines.last().map(|baseline| baseline.file.clone()).unwrap_or_default(),
            text: made,
            tables: contents.tables.len(),
            rows: contents.rows(),
            sequences: contents.sequences.len(),
            roles: around.roles,
            logins: around.logins,
            left,
            frozen,
            server: server.release,
            writer,
        })
    }

    async fn ground(self, embedded: Migrations) -> Result<Ground, Failure> {
        Ground::make(embedded, self.arguments.place(), self.output).await
    }

    /// Another database with all migrations. `None` where they cannot be run twice on one server.
    async fn again(self, one_by_one: Migrations) -> Result<Option<Ground>, Failure> {
        let mut ground = self.ground(one_by_one).await?;
        match one_by_one.migrator().ignore_environment().run(&mut ground.client).await {
            Ok(_) => Ok(Some(ground)),
            Err(error) if scratch::is_lost(&error) => Err(error.into()),
            // What a migration makes for the whole server is there already.
            Err(error) => {
                self.cannot_run_twice(&error);
                Ok(None)
            }
        }
    }

    fn cannot_run_twice(self, error: &Error) {
        self.output.warning(format!(
            "the migrations cannot be run twice on this server ({error}): whether they make the same each time is not known"
        ));
    }

    /// What the second run leaves behind, if its schema is that of the first one.
    async fn same_schema(self, first: &mut Ground, again: &mut Ground) -> Result<Contents, Failure> {
        let difference = first.schema().await?.difference(&again.schema().await?);
        if difference.is_empty() {
            return again.contents().await;
        }
        Err(Failure::Failed(
            format!("the migrations make another schema each time they run:\n{}", difference.shortened(60)),
            "let them give names that are the same each time".to_owned(),
        ))
    }

    async fn text(
        self,
        first: &mut Ground,
        writer: &Writer,
        server: &Server,
        chosen: &Chosen<'_>,
        around: &Around,
    ) -> Result<String, Failure> {
        let dump = writer.dump(first).await?;
        let cleaned = clean([&dump.before_rows, &dump.after_rows], &server.me);
        let [before_rows, after_rows] = cleaned.map_err(|error| {
            Failure::Failed(
                format!("what is written by {} cannot be read: {error}", writer.called()),
                "name another pg_dump with `--pg-dump PATH`".to_owned(),
            )
        })?;
        let inserts = rows::inserts(&mut first.client, &chosen.seeds).await;
        let inserts = inserts.map_err(|error| cannot_read("rows", &error, CATALOGS))?;
        let sequences = rows::sequences(&mut first.client).await;
        let sequences = sequences.map_err(|error| cannot_read("sequences", &error, CATALOGS))?;
        let head = self.head(writer, server, chosen);
        // A body may name what is made after it.
        let makes = |what| before_rows.contains(what) || after_rows.contains(what);
        let bodies = if makes("\nCREATE FUNCTION ") || makes("\nCREATE PROCEDURE ") {
            "\nSET LOCAL check_function_bodies = off;\n"
        } else {
            ""
        };
        let parts = [&head, bodies, &around.before, &before_rows, &inserts, &sequences, &after_rows, &around.after];
        Ok(parts.concat())
    }

    /// The comment at its head. Nothing in it is another one the next time.
    fn head(self, writer: &Writer, server: &Server, chosen: &Chosen<'_>) -> String {
        let (version, name) = (self.last.version, self.name);
        let mut head = format!(
            "-- Baseline {version}: what a fresh database gets in place of {}.\n\
             -- Written by `graven baseline {name}` with {} on PostgreSQL {}, and proved there: schema, rows\n\
             -- and the next numbers of sequences are those of all migrations one by one.\n",
            range(self.covered),
            writer.called(),
            server.release,
        );
        for (what, columns) in
            [("Left to their defaults", &chosen.left), ("As they came out in one run", &chosen.frozen)]
        {
            if !columns.is_empty() {
                let columns = columns.join(", ").replace('\n', " ");
                head.push_str(&format!("-- {what}, since they vary from run to run: {columns}.\n"));
            }
        }
        head
    }

    /// What it stands for with the baseline itself, which has to pass every rule.
    fn checked(self, text: &str, writer: &Writer) -> Result<Set, Failure> {
        let (with, problems) = self.covered.with_baseline(self.last.version, self.name, text);
        if problems.is_empty() { Ok(with) } else { Err(self.not_written(problems, text, writer)) }
    }

    /// That it makes what they make, and that what comes after it goes the same way from there.
    async fn prove(self, with: &Set, first: Ground, writer: &Writer) -> Result<(), Failure> {
        self.compare(with, Some(first), writer).await?;
        let goes_on = self.set.migrations.len() > self.covered.migrations.len() || !self.set.repeatables.is_empty();
        if goes_on {
            let mut whole = self.set.clone();
            whole.baselines.clone_from(&with.baselines);
            self.compare(&whole, None, writer).await?;
        }
        Ok(())
    }

    async fn compare(self, set: &Set, one_by_one: Option<Ground>, writer: &Writer) -> Result<(), Failure> {
        let Some(baseline) = set.baselines.last() else { return Ok(()) };
        let embedded = embed(set.clone());
        let place = self.arguments.place();
        let comparison = Comparison { set, embedded, baseline, place, output: self.output };
        let findings = comparison.compare(one_by_one).await?.findings;
        if findings.is_empty() {
            return Ok(());
        }
        Err(self.not_written(findings.into_iter().map(|finding| finding.problem).collect(), &baseline.text, writer))
    }

    /// Why it is not written. Who asked to see it sees it all the same.
    fn not_written(self, problems: Vec<Problem>, text: &str, writer: &Writer) -> Failure {
        let note = if self.arguments.dry_run {
            if !self.output.is_json() {
                // What cannot be printed is not what is wrong here.
                let _ = self.output.file(&(), text.as_bytes());
            }
            "this is the baseline as it would be, and it is not proved"
        } else {
            "the file was not written; `--dry-run` prints it, to be finished by hand"
        };
        let noted = problems.into_iter().map(|problem| {
            let problem = problem.note(note);
            match writer.other() {
                Some(other) => problem.note(other),
                None => problem,
            }
        });
        Failure::Problems(noted.collect())
    }
}

/// The server, as far as it matters.
struct Server {
    major: u32,
    /// `15.14`.
    release: String,
    /// Who the migrations are run as, as SQL has it.
    me: String,
}

impl Server {
    async fn of(ground: &Ground) -> Result<Self, Failure> {
        let sql = "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4, \
             pg_catalog.current_setting('server_version'), pg_catalog.quote_ident(current_user)";
        let read = async {
            let row = ground.client.query_one(sql, &[]).await?;
            Ok((row.try_get::<_, i32>(0)?, row.try_get::<_, String>(1)?, row.try_get(2)?))
        };
        let (number, release, me) = read.await.map_err(|error| cannot_read("version", &error, CATALOGS))?;
        let release = release.split(' ').next().unwrap_or_default().to_owned();
        Ok(Self { major: u32::try_from(number / 10_000).unwrap_or_default(), release, me })
    }
}

/// Neither pg_dump's sections nor the proof have them.
async fn no_large_objects(ground: &Ground) -> Result<(), Failure> {
    let found = scratch::rows(&ground.client, "SELECT count(*) FROM pg_catalog.pg_largeobject_metadata").await;
    match found.map_err(|error| cannot_read("large objects", &error, CATALOGS))?.first().map(String::as_str) {
        None | Some("0") => Ok(()),
        Some(found) => Err(Failure::Failed(
            format!("the migrations make large objects ({found}), which a baseline cannot hold"),
            "make them in a migration after it".to_owned(),
        )),
    }
}
