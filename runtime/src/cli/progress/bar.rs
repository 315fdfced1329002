//! The live lines on a terminal: a spinner, how long the run takes, a bar over the migrations, and what is going on; below it
//! whom it waits for, where that was seen, in a line of its own, so that a narrow terminal shows it too.

use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::progress::course::Course;

/// While it is not known how many migrations are to be applied.
const BEFORE: &str = "{spinner} {prefix}  {wide_msg}";
/// Afterwards. The message is cut at the terminal's edge, so that it stays one line.
const COUNTING: &str = "{spinner} {prefix}  {bar:12} {pos}/{len}  {wide_msg}";
/// The second line.
const SEEN: &str = "  {wide_msg}";

pub(crate) struct Bar {
    lines: MultiProgress,
    bar: ProgressBar,
    seen: Option<ProgressBar>,
}

impl Bar {
    /// Draws nothing yet.
    pub(crate) fn new(course: &Course, now: Instant) -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        let bar = lines.add(ProgressBar::new(0).with_style(style(BEFORE)));
        let mut bar = Self { lines, bar, seen: None };
        bar.set(course, now);
        bar.lines.set_draw_target(ProgressDrawTarget::stderr());
        bar
    }

    pub(crate) fn draw(&mut self, course: &Course, now: Instant) {
        self.set(course, now);
        self.bar.tick();
    }

    /// Each of the setters draws the lines, so that only those that have something new are called.
    fn set(&mut self, course: &Course, now: Instant) {
        let (done, of) = course.count();
        if self.bar.length() != Some(of) {
            self.bar.set_style(style(if of == 0 { BEFORE } else { COUNTING }));
            self.bar.set_length(of);
        }
        if self.bar.position() != done {
            self.bar.set_position(done);
        }
        let (elapsed, doing) = (course.elapsed(now), course.doing(now));
        if self.bar.prefix() != elapsed {
            self.bar.set_prefix(elapsed);
        }
        if self.bar.message() != doing {
            self.bar.set_message(doing);
        }
        self.set_seen(course.seen(now));
    }

    fn set_seen(&mut self, seen: Option<String>) {
        let Some(seen) = seen else {
            if let Some(line) = self.seen.take() {
                line.finish_and_clear();
                self.lines.remove(&line);
            }
            return;
        };
        let line = self.seen.get_or_insert_with(|| self.lines.add(ProgressBar::new(0).with_style(style(SEEN))));
        if line.message() != seen {
            line.set_message(seen);
        }
    }

    pub(crate) fn clear(self) {
        if let Some(line) = &self.seen {
            line.finish_and_clear();
        }
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    // Our templates are good, as a test shows; and were one not, a plain bar would do.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::{BEFORE, COUNTING, SEEN};
    use indicatif::ProgressStyle;

    #[test]
    fn the_templates_are_good() {
        for template in [BEFORE, COUNTING, SEEN] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
