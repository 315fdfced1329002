//! The whole page about an error.

use std::fmt;

use graven_source::picture::pictured;

use super::Error;
use crate::error::failed::reverted;

impl Error {
    /// The whole page about it: what, where, why, what had been applied before, and what to do. Control characters of what
    /// files and servers say are shown as pictures (`␛`), so that it can be printed anywhere.
    #[must_use]
    pub fn explain(&self) -> String {
        pictured(&self.page()).into_owned()
    }

    fn page(&self) -> String {
        let mut page = self.to_string();
        match self {
            Self::Stopped { applied, reverted: before, source } => {
                page = source.explain();
                let applied: Vec<String> = applied.iter().map(ToString::to_string).collect();
                if !before.is_empty() {
                    page.push_str(&format!("\n  reverted before it: {}", reverted(before)));
                }
                if !applied.is_empty() {
                    page.push_str(&format!("\n  applied before it in this run: {}", applied.join(", ")));
                }
                return page;
            }
            Self::NotRevertible { obstacles, .. } => {
                let remedies = obstacles.iter().map(|it| format!("\n\n  {it}\n    remedy: {}", it.remedy()));
                page.extend(remedies);
            }
            #[cfg(feature = "tokio-postgres")]
            Self::ResetRefused { refusals, .. } if refusals.len() == 1 => {
                page.extend(refusals.iter().map(|it| format!("\n  remedy: {}", it.remedy)));
            }
            #[cfg(feature = "tokio-postgres")]
            Self::ResetRefused { refusals, .. } => {
                let remedies = refusals.iter().map(|it| format!("\n\n  {it}\n    remedy: {}", it.remedy));
                page.extend(remedies);
            }
            Self::Conflicts { conflicts, .. } if conflicts.len() == 1 => {
                page.extend(conflicts.iter().map(|conflict| format!("\n  remedy: {}", conflict.remedy())));
            }
            Self::Conflicts { conflicts, .. } => {
                page.push('\n');
                for conflict in conflicts {
                    page.push_str(&format!("\n  {conflict}\n    remedy: {}\n", conflict.remedy()));
                }
            }
            Self::MigrationFailed(failed) => page.push_str(&failed.page()),
            Self::LockTimeout { holder: Some(holder), .. } | Self::HistoryLocked { holder: Some(holder), .. } => {
                page.push_str(&format!("\n\n  {holder}\n"))
            }
            _ => {
                let mut source = std::error::Error::source(self);
                while let Some(cause) = source {
                    page.push_str(&format!("\n  cause: {cause}"));
                    source = cause.source();
                }
            }
        }
        if let Some(hint) = self.hint() {
            page.push_str(&format!("\n  hint: {hint}"));
        }
        page
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explain())
    }
}
