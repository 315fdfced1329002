//! What an application puts into its own parser.
//!
//! It shares a command line with arguments that it does not know: ids of its own are spelt `graven.…`, and an option whose name
//! the application has given to one of its global options stands aside.

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::cli::blocking::block_on;
use crate::cli::database::{self, OwnUrl};
use crate::cli::exit::{self, Exit};
use crate::cli::failure::Failure;
use crate::cli::output::{Form, Output};
use crate::cli::verb::{Scene, Verb};
use crate::cli::words::{self, Words};
use crate::migrations::Migrations;
use crate::migrator::Migrator;

/// The heading under which `--help` lists what every verb understands.
const EVERYWHERE: &str = "Global options";
/// How all ids begin.
const OURS: &str = "graven.";
const JSON: &str = "graven.json";
/// Carries what is typed before a verb from clap, which knows it once the application's parser is built, to us.
const PROGRAM: &str = "graven.mounted-as";
/// Carries which of our options stand aside, likewise.
const ASIDE: &str = "graven.aside";
/// Carries the id of the application's own option for the database, where it has one that we know.
const OWN_URL: &str = "graven.own-url";

const ABOUT: &str = "Apply migrations to the database, and see what it has";
const EXAMPLES: &str = "\
Examples:
  graven status      see what the database has
  graven apply       apply what is pending, in order, under a lock, exactly once
  graven verify      succeed only if everything is applied

The migrations are those that this program was built with.";

/// The verbs as arguments of an application, for its embedded set: `myapp migrate apply`.
///
/// It is a [`clap::Args`] that brings its subcommands along: a variant of the application's own subcommands holds it. See
/// the [module](crate::cli) for a whole program.
///
/// # With options of the application
///
/// ```no_run
/// # use std::process::ExitCode;
/// # static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
/// # struct Settings { database_url: String }
/// # fn migrate(migrate: graven::cli::Migrate, settings: &Settings) -> ExitCode {
/// // `--database-url` goes before it, and options that are typed go before those of the code.
/// migrate.database_url(&settings.database_url).with(|migrator| migrator.strict().role("owner")).run(&MIGRATIONS)
/// # }
/// ```
///
/// # Beside options of the application
///
/// Where the application has a global option of the same name, say `--json`, that one stays what it is, and graven's is
/// called `--graven-json`. Hand over what was said: [`json`](Self::json), [`database_url`](Self::database_url),
/// [`with`](Self::with).
///
/// Of a global `--database-url` of the application the value is heeded also where it is not handed over, as it was typed or as
/// its environment variable has it: before `DATABASE_URL`, so that no other database is touched than the one that was
/// named. Its default comes after `DATABASE_URL`. An option of another name, and one that is not global, are not seen here: hand
/// over what they say.
#[derive(Clone)]
pub struct Migrate {
    // In a box, so that it does not make an enum of the application's subcommands large.
    parsed: Box<Parsed>,
    program: String,
    aside: Vec<String>,
    url: Option<String>,
    own_url: OwnUrl,
    configures: Vec<Configure>,
}

// What can be said on the command line. Not documented in words: clap would say them of the subcommand.
#[derive(Args, Clone, Debug)]
#[group(skip)]
struct Parsed {
    /// Print JSON on stdout, for machines: the result, or `{"error": …}`
    #[arg(id = JSON, long = "json", global = true, help_heading = EVERYWHERE)]
    json: bool,

    #[command(subcommand)]
    verb: Verb,
}

/// An application's own options.
#[derive(Clone)]
pub(crate) struct Configure(Arc<dyn Fn(Migrator) -> Migrator + Send + Sync>);

impl Configure {
    pub(crate) fn apply(&self, migrator: Migrator) -> Migrator {
        (self.0)(migrator)
    }
}

impl fmt::Debug for Configure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Configure(..)")
    }
}

impl Migrate {
    /// The database, where the command line names none. It goes before `DATABASE_URL`; an empty one says nothing.
    #[must_use]
    pub fn database_url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Options for every verb, as the application's service has them. What is typed goes before them. An observer
    /// is told beside the verb's own display, and a mode has no say here.
    #[must_use]
    pub fn with(mut self, configure: impl Fn(Migrator) -> Migrator + Send + Sync + 'static) -> Self {
        self.configures.push(Configure(Arc::new(configure)));
        self
    }

    /// Prints JSON, as if `--json` had been typed.
    #[must_use]
    pub fn json(mut self) -> Self {
        self.parsed.json = true;
        self
    }

    /// What people type before a verb, for hints and remedies: `cargo xtask db`. By default it is what clap calls the
    /// subcommand: `myapp migrate`.
    #[must_use]
    pub fn program(mut self, words: impl Into<String>) -> Self {
        self.program = words.into();
        self
    }

    /// Does what was asked for, prints what came of it, and says how the program is to exit.
    ///
    /// It blocks, on a runtime of its own. Within an async runtime it blocks the thread that calls it:
    /// [`run_async`](Self::run_async) is the one for there.
    ///
    /// # Exit codes
    ///
    /// Those of the command `graven`; `myapp migrate --help` lists them. `0` means that it did what it was asked to.
    #[must_use = "the exit code says whether it succeeded"]
    pub fn run(self, set: &Migrations) -> ExitCode {
        if tokio::runtime::Handle::try_current().is_err() {
            return self.run_here(set);
        }
        // tokio refuses a runtime within another one on the same thread.
        let elsewhere = std::thread::scope(|threads| threads.spawn(|| self.run_here(set)).join());
        elsewhere.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn run_here(self, set: &Migrations) -> ExitCode {
        let (output, words) = (self.output(), self.words());
        block_on(self.run_async(set)).unwrap_or_else(|failure| told(&output, &words, &failure).into())
    }

    /// [`run`](Self::run) for an application that has a tokio runtime, with its timers and its input and output enabled.
    ///
    /// # Cancellation
    ///
    /// As for [`Migrations::run`]: what the server was sent runs on there to its end, and takes effect whole or not at all.
    #[must_use = "the exit code says whether it succeeded"]
    pub async fn run_async(self, set: &Migrations) -> ExitCode {
        let (output, words) = (self.output(), self.words());
        let url = self.url.as_deref();
        let own_url = Some(&self.own_url);
        let scene = Scene { url, own_url, configures: &self.configures, ..Scene::new(set, output, &words) };
        self.parsed.verb.run(&scene).await.unwrap_or_else(|failure| told(&output, &words, &failure)).into()
    }

    fn output(&self) -> Output {
        Output::new(if self.parsed.json { Form::Json } else { Form::Human })
    }

    fn words(&self) -> Words {
        Words::of_a_program(&self.program).with_aside(self.aside.iter().cloned())
    }
}

fn told(output: &Output, words: &Words, failure: &Failure) -> Exit {
    output.failure(|| failure.json(words), || failure.page(words));
    failure.exit()
}

impl fmt::Debug for Migrate {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migrate").field("parsed", &self.parsed).field("program", &self.program).finish_non_exhaustive()
    }
}

impl FromArgMatches for Migrate {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let parsed = Box::new(Parsed::from_arg_matches(matches)?);
        let program = matches.get_one::<String>(PROGRAM).cloned().unwrap_or_default();
        let aside = matches.get_one::<String>(ASIDE).map(|aside| aside.split_whitespace().map(str::to_owned).collect());
        let own_url = matches.get_one::<String>(OWN_URL).map(|id| OwnUrl::of(matches, id)).unwrap_or_default();
        let aside = aside.unwrap_or_default();
        Ok(Self { parsed, program, aside, url: None, own_url, configures: Vec::new() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.parsed.update_from_arg_matches(matches)
    }
}

impl Args for Migrate {
    fn augment_args(command: Command) -> Command {
        mounted(Parsed::augment_args(command))
    }

    fn augment_args_for_update(command: Command) -> Command {
        mounted(Parsed::augment_args_for_update(command))
    }
}

fn mounted(command: Command) -> Command {
    let command = if command.get_about().is_none() { command.about(ABOUT) } else { command };
    // clap builds a command when it meets it on the command line. Only then it is known how the application is called and
    // what its global options are.
    let carriers = [PROGRAM, ASIDE, OWN_URL].map(|id| Arg::new(id).long(id).hide(true));
    command.args(carriers).defer(settled)
}

/// The command, now that it has its place among the application's own.
fn settled(command: Command) -> Command {
    // Without a name that was typed, as in a page that is generated, the subcommand's own has to do.
    let taken: Vec<String> = own_options(&command).flat_map(longs).collect();
    let ours = command.get_subcommands().flat_map(Command::get_arguments);
    let ours = ours.chain(command.get_arguments().filter(|argument| is_ours(argument)));
    let mut aside: Vec<String> = ours.flat_map(longs).filter(|long| taken.contains(long)).collect();
    aside.sort_unstable();
    aside.dedup();
    let own_url = own_options(&command).find(|it| longs(it).any(|long| long == database::URL_OPTION));
    let own_url = own_url.filter(|it| it.get_action().takes_values()).map(|it| it.get_id().to_string());
    let carried = aside.join(" ");
    let words = Words::of_a_program(command.get_bin_name().unwrap_or(command.get_name())).with_aside(aside);
    let command = match command.get_after_help() {
        Some(_) => command,
        None => command.after_help(format!("{}\n\n{}", words.typed(EXAMPLES), exit::help_of_a_program())),
    };
    command
        .mut_args(|argument| if is_ours(&argument) { standing_aside(argument, &taken) } else { argument })
        .mut_arg(PROGRAM, |argument| argument.default_value(words.program().to_owned()))
        .mut_arg(ASIDE, |argument| argument.default_value(carried))
        .mut_arg(OWN_URL, |argument| match own_url {
            Some(id) => argument.default_value(id),
            None => argument,
        })
        .mut_subcommands(|verb| with_words(verb, &words).mut_args(|argument| standing_aside(argument, &taken)))
}

/// The application's options that are understood here, too.
fn own_options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|argument| argument.is_global_set() && !is_ours(argument))
}

/// All that an option is called.
fn longs(argument: &Arg) -> impl Iterator<Item = String> + use<> {
    let aliases = argument.get_all_aliases().unwrap_or_default();
    argument.get_long().into_iter().chain(aliases).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

fn is_ours(argument: &Arg) -> bool {
    argument.get_id().as_str().starts_with(OURS)
}

/// An option under another name, where the application has taken its own.
fn standing_aside(argument: Arg, taken: &[String]) -> Arg {
    match argument.get_long().filter(|long| taken.iter().any(|taken| taken == long)) {
        Some(long) => {
            let long = words::aside(long);
            argument.long(long)
        }
        None => argument,
    }
}

/// A verb whose help says what is typed here.
fn with_words(verb: Command, words: &Words) -> Command {
    let verb = match verb.get_about().map(|about| words.help(&about.to_string())) {
        Some(about) => verb.about(about),
        None => verb,
    };
    let verb = match verb.get_after_help().map(|help| words.help(&help.to_string())) {
        Some(help) => verb.after_help(help),
        None => verb,
    };
    verb.mut_args(|argument| match argument.get_help().map(|help| words.help(&help.to_string())) {
        Some(help) => argument.help(help),
        None => argument,
    })
}

#[cfg(test)]
mod tests {
    use super::Migrate;
    use clap::{CommandFactory, Parser};

    /// An application that has taken names and ids which graven has, too.
    #[derive(Debug, Parser)]
    #[command(name = "myapp")]
    struct Taken {
        #[arg(long, global = true, value_name = "FILE")]
        json: Option<String>,
        #[arg(long, global = true)]
        database_url: Option<u16>,
        #[arg(long = "verbose", alias = "strict", global = true)]
        strict: bool,
        #[command(subcommand)]
        command: Own,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Own {
        #[command(name = "db")]
        Migrate(Migrate),
    }

    fn parsed(arguments: &[&str]) -> (Taken, Migrate) {
        let mut taken = Taken::try_parse_from([&["./myapp"][..], arguments].concat()).expect("it is understood");
        let Own::Migrate(migrate) = &mut taken.command;
        let migrate = migrate.clone();
        (taken, migrate)
    }

    #[test]
    fn an_application_that_has_taken_the_same_names_keeps_them() {
        Taken::command().debug_assert();
        let (taken, migrate) = parsed(&["db", "verify", "--json", "file", "--database-url", "5", "--strict"]);
        assert_eq!((taken.json.as_deref(), taken.database_url, taken.strict), (Some("file"), Some(5), true));
        assert!(!migrate.parsed.json && migrate.url.is_none());
        let (taken, migrate) = parsed(&["db", "verify", "--graven-json", "--graven-strict"]);
        assert!(migrate.parsed.json && !taken.strict);
        assert_eq!(migrate.program, "myapp db");
    }

    #[test]
    fn a_hint_names_an_option_as_it_is_called_here() {
        let (_, migrate) = parsed(&["db", "status"]);
        let typed = migrate.words().typed("give --database-url URL, or `graven apply --strict --to 3`");
        assert_eq!(typed, "give --graven-database-url URL, or `myapp db apply --graven-strict --to 3`");
    }

    #[test]
    fn what_is_typed_before_a_verb_is_what_clap_says_or_the_application() {
        let (_, migrate) = parsed(&["--verbose", "db", "status"]);
        assert_eq!(migrate.program, "myapp db");
        assert_eq!(migrate.program("cargo xtask db").words().program(), "cargo xtask db");
    }

    #[test]
    fn what_is_debugged_holds_no_url() {
        let url = "postgres://me:hunter2@localhost/app";
        let (_, migrate) = parsed(&["db", "apply", "--graven-database-url", url]);
        assert!(!format!("{:?}", migrate.database_url(url)).contains("hunter2"));
    }
}
