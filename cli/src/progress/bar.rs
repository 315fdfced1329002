//! The live line on a terminal: a spinner, how long the run takes, a bar over the migrations, and what is going on.

use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use crate::progress::course::Course;

/// While it is not known how many migrations are to be applied.
const BEFORE: &str = "{spinner} {elapsed}  {wide_msg}";
/// Afterwards. The message is cut at the terminal's edge, so that it stays one line.
const COUNTING: &str = "{spinner} {elapsed}  {bar:20} {pos}/{len}  {wide_msg}";

pub(crate) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    pub(crate) fn new() -> Self {
        Self::on(ProgressDrawTarget::stderr())
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), target).with_finish(ProgressFinish::AndClear);
        bar.set_style(style(BEFORE));
        Self { bar }
    }

    pub(crate) fn draw(&self, course: &Course, now: Instant) {
        let (done, of) = course.count();
        if self.bar.length() != Some(of) {
            self.bar.set_length(of);
            self.bar.set_style(style(if of == 0 { BEFORE } else { COUNTING }));
        }
        self.bar.set_position(done);
        self.bar.set_message(course.describe(now));
        self.bar.tick();
    }

    /// Clears the line, prints, and draws it again.
    pub(crate) fn aside(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    pub(crate) fn clear(self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    // Our templates are good, as the tests show; and were one not, a plain bar would do.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::{BEFORE, COUNTING};
    use indicatif::ProgressStyle;

    #[test]
    fn the_templates_are_good() {
        for template in [BEFORE, COUNTING] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
