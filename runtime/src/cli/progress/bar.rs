//! The live line on a terminal: a spinner, how long the run takes, a bar over the migrations, and what is going on.

use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::progress::course::Course;

/// While it is not known how many migrations are to be applied.
const BEFORE: &str = "{spinner} {prefix}  {wide_msg}";
/// Afterwards. The message is cut at the terminal's edge, so that it stays one line.
const COUNTING: &str = "{spinner} {prefix}  {bar:12} {pos}/{len}  {wide_msg}";

pub(crate) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// Draws nothing yet.
    pub(crate) fn new(course: &Course, now: Instant) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden()).with_style(style(BEFORE));
        let bar = Self { bar };
        bar.set(course, now);
        bar.bar.set_draw_target(ProgressDrawTarget::stderr());
        bar
    }

    pub(crate) fn draw(&self, course: &Course, now: Instant) {
        self.set(course, now);
        self.bar.tick();
    }

    /// Each of the setters draws the line, so that only those that have something new are called.
    fn set(&self, course: &Course, now: Instant) {
        let (done, of) = course.count();
        if self.bar.length() != Some(of) {
            self.bar.set_style(style(if of == 0 { BEFORE } else { COUNTING }));
            self.bar.set_length(of);
        }
        if self.bar.position() != done {
            self.bar.set_position(done);
        }
        let (elapsed, doing) = (course.elapsed(now), course.describe(now));
        if self.bar.prefix() != elapsed {
            self.bar.set_prefix(elapsed);
        }
        if self.bar.message() != doing {
            self.bar.set_message(doing);
        }
    }

    pub(crate) fn clear(self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    // Our templates are good, as a test shows; and were one not, a plain bar would do.
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
