//! The settings that a repository has of its own.

use super::{Git, first_line};
use crate::error::{Code, Error, Problem};

impl Git {
    /// Whether the repository has settings of its own in a section.
    #[must_use]
    pub fn has_settings(&self, section: &str) -> bool {
        let pattern = format!("^{}\\.", section.replace('.', "\\."));
        self.ask(&["config", "--local", "--get-regexp", &pattern])
            .is_ok()
    }

    /// Has git change the repository's own settings, by the words behind `git config --local`.
    ///
    /// # Errors
    /// TEMPFAIL if they are locked, by a git that is at work or was killed; IOERR with what git says.
    pub fn configure(&self, words: &[&str]) -> Result<(), Error> {
        let output = self
            .begin(&[&["config", "--local"], words].concat())?
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = first_line(&output.stderr);
        let is_locked = said.contains("could not lock");
        let code = if is_locked {
            Code::TempFail
        } else {
            Code::IoErr
        };
        let problem = Problem::new(code, "git did not change its settings").note(said);
        Err(match is_locked {
            true => problem.hint(
                "if no git is at work here, one that was killed left `config.lock` beside git's `config`: remove it",
            ),
            false => problem.hint("run it again"),
        }
        .into())
    }
}
