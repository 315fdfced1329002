//! The log: one line an event on standard error, each with the instance that it comes from, since several processes
//! write to one terminal at once.

use std::fmt;
use std::time::Instant;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use tracing::field::Field;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer, debug_fn};
use tracing_subscriber::registry::LookupSpan;

/// Sends the events of this process to standard error. `RUST_LOG` chooses which: `RUST_LOG=graven=debug` tells more.
pub(crate) fn start(instance: u16) {
    let coloured = AutoStream::choice(&std::io::stderr()) != ColorChoice::Never;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(std::io::stderr)
        .with_ansi(coloured)
        .fmt_fields(debug_fn(write_field))
        .event_format(Line { instance, started: Instant::now() })
        .finish();
    // This fails only where events have somewhere to go already.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// `instance 2   0.017s  INFO applied version=1 name="create_ports"`
struct Line {
    instance: u16,
    started: Instant,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let level = event.metadata().level();
        let plain = Style::new();
        let (instance, urgency) = if writer.has_ansi_escapes() {
            (colour(self.instance).on_default(), if *level <= Level::WARN { plain.bold() } else { plain })
        } else {
            (plain, plain)
        };
        write!(
            writer,
            "{instance}instance {}{instance:#} {:7.3}s {urgency}{level:>5}{urgency:#} ",
            self.instance,
            self.started.elapsed().as_secs_f64(),
        )?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

fn colour(instance: u16) -> AnsiColor {
    match instance % 5 {
        1 => AnsiColor::Cyan,
        2 => AnsiColor::Magenta,
        3 => AnsiColor::Yellow,
        4 => AnsiColor::Green,
        _ => AnsiColor::Blue,
    }
}

fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    match field.name() {
        "message" => write!(writer, "{value:?}"),
        // graven tells who applies, for services whose logs flow together. Here each line begins with it.
        "instance" => Ok(()),
        name => write!(writer, " {name}={value:?}"),
    }
}
