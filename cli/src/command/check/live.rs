//! That a check is alive: one line on a terminal, and nothing anywhere else.

use std::io::IsTerminal;
use std::time::Duration;

use graven::Event;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Output;

const TEMPLATE: &str = "{spinner} {bar:12} {pos}/{len}  {wide_msg}";

/// The line.
#[derive(Debug)]
pub(crate) struct Live {
    bar: ProgressBar,
}

impl Live {
    pub(crate) fn new(of: usize, output: Output) -> Self {
        let shown = !output.is_json() && std::io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(of as u64), target).with_style(style.progress_chars("=> "));
        if shown {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Self { bar }
    }

    pub(crate) fn doing(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
    }

    pub(crate) fn done(&self, so_many: usize) {
        self.bar.set_position(so_many as u64);
    }

    /// What follows a run.
    pub(crate) fn observer(&self) -> impl FnMut(&Event<'_>) + Send + 'static {
        let bar = self.bar.clone();
        move |event| match event {
            Event::Applying { version, name, .. } => bar.set_message(format!("applying {version} {name}")),
            Event::Applied { .. } => bar.inc(1),
            _ => {}
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::TEMPLATE;
    use indicatif::ProgressStyle;

    #[test]
    fn the_template_is_good() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
