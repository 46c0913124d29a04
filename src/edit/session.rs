//! One session: the editor runs until what it left is saved, unchanged, or given up.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Instant;

use super::EditError;
use super::buffer::Buffer;
use super::editor::{Back, Editor};
use super::error::saved;
use super::guard::Guard;
use crate::error::{Error, Problem};
use crate::fs::FsError;
use crate::identity::Config;
use crate::name::PartyName;
use crate::vault::{Change, Reader, Vault};
use crate::world::World;

/// What a session needs of the command that runs it: the vault, and the person.
pub trait Desk {
    /// The world.
    fn world(&self) -> &World;

    /// Opens the vault. Called again before the save: rules may have changed while somebody typed.
    ///
    /// # Errors
    /// Whatever keeps it closed.
    fn vault(&self) -> Result<Vault, Error>;

    /// The party that this person signs for.
    ///
    /// # Errors
    /// [`VaultError::NobodyHere`].
    fn author(&self, vault: &Vault) -> Result<PartyName, Error>;

    /// Opens secrets as this person, and says what the reader noticed.
    ///
    /// # Errors
    /// Those of `open`, and whatever keeps the person's identities closed.
    fn read(
        &self,
        vault: &Vault,
        open: &mut dyn FnMut(&Reader<'_>) -> Result<(), Error>,
    ) -> Result<(), Error>;

    /// Carries a change out as this person, under the vault's lock.
    ///
    /// # Errors
    /// Those of `make` and of the commit; nothing has changed then.
    fn change(
        &self,
        vault: &Vault,
        make: &mut dyn FnMut(&mut Change<'_>) -> Result<(), Error>,
    ) -> Result<(), Error>;

    /// Whether somebody is there to be asked.
    fn is_attended(&self) -> bool;

    /// Whether an editor may draw on this terminal.
    fn is_drawn_on(&self) -> bool;

    /// Says what somebody should know before going on.
    fn warn(&self, text: &str);

    /// Shows an error that does not end the session.
    fn trouble(&self, error: &Error);

    /// Asks whether a plan is to be carried out.
    ///
    /// # Errors
    /// DENIED for a no, and where nobody can be asked.
    fn confirm(&self, question: &str) -> Result<(), Error>;

    /// Asks something that Enter answers with yes; `None` where nobody can be asked.
    fn ask(&self, question: &str) -> Option<bool>;
}

/// How a session ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Nothing was changed, so nothing was written.
    Unchanged,
    /// The editor took the file away, so nothing was written.
    Gone,
    /// What was sealed, in words.
    Saved(String),
}

/// What is edited.
pub(super) trait Subject {
    /// What an edited text means.
    type Edit;

    /// The name of the file that the editor gets.
    fn file_name(&self) -> &str;

    /// Writes the first text.
    fn fill(&mut self, buffer: &mut Buffer) -> Result<(), Error>;

    /// Reads the edited text; `None` if it changes nothing.
    fn understand(&mut self, text: File) -> Result<Option<Self::Edit>, Error>;

    /// What is to be confirmed before it is saved.
    fn questions(&self, edit: &Self::Edit) -> Vec<String>;

    /// Seals what differs; gives it in words.
    fn save(&mut self, edit: Self::Edit) -> Result<String, Error>;

    /// Prepares another round after `trouble`: the reason goes into the text where there is a place
    /// for it. Gives the line to open at.
    fn explain(&mut self, buffer: &mut Buffer, trouble: &Error) -> Result<Option<usize>, Error>;
}

/// An editor and a folder in memory, ready for plaintext.
pub(super) struct Session<'a> {
    desk: &'a dyn Desk,
    editor: Editor,
    guard: Guard,
}

impl<'a> Session<'a> {
    /// Chooses the editor and makes the folder.
    ///
    /// # Errors
    /// [`EditError`], [`FsError::NoMemoryFolder`].
    pub(super) fn start(desk: &'a dyn Desk) -> Result<Self, Error> {
        let world = desk.world();
        let editor = Editor::choose(world, Config::read(world)?.editor.as_deref())?;
        // It would draw the values into a log.
        if editor.is_fallback() && !desk.is_drawn_on() {
            let program = editor.name().to_owned();
            return Err(EditError::NoTerminal { program }.into());
        }
        if let Some(keeps) = editor.keeps() {
            desk.warn(&format!("`{}` keeps {keeps} on the disk", editor.name()));
        }
        let guard = Guard::new(world)?;
        Ok(Self {
            desk,
            editor,
            guard,
        })
    }

    /// Edits until it is saved, unchanged, or given up.
    ///
    /// # Errors
    /// [`EditError`], and whatever kept the last text from being saved.
    pub(super) fn run<S: Subject>(self, mut subject: S) -> Result<Outcome, Error> {
        let mut buffer = Buffer::new(self.guard.folder(), subject.file_name());
        subject.fill(&mut buffer)?;
        let mut line = None;
        loop {
            let Some(text) = self.open_editor(&buffer, line)? else {
                return Ok(Outcome::Gone);
            };
            let trouble = match self.finish(&mut subject, text) {
                Ok(outcome) => return Ok(outcome),
                Err(trouble) => trouble,
            };
            match self.again(&trouble) {
                None => return Err(lost(&trouble)),
                Some(false) => {
                    let because = trouble.code();
                    return Err(EditError::GivenUp { because }.into());
                }
                Some(true) => line = subject.explain(&mut buffer, &trouble)?,
            }
        }
    }

    /// Runs the editor; gives what it left, or nothing.
    fn open_editor(&self, buffer: &Buffer, line: Option<usize>) -> Result<Option<File>, Error> {
        let scratch = self.guard.folder().join(".tmp");
        if !scratch.is_dir() {
            // Helix looks for its folder further up, too, where others may write: /dev/shm.
            let mut folders = DirBuilder::new();
            let made = folders
                .mode(0o700)
                .recursive(true)
                .create(scratch.join(".helix"));
            made.map_err(FsError::io("make", &scratch))?;
        }
        let world = self.desk.world();
        let command = self.editor.command(world, buffer.path(), line, &scratch);
        let name = self.editor.name();
        let started = Instant::now();
        let status = self.guard.run(command, name)?;
        if !status.success() {
            return Err(EditError::Failed {
                program: name.to_owned(),
                code: status.code(),
                signal: status.signal(),
            }
            .into());
        }
        let back = self.editor.came_back(started.elapsed());
        let Some(mut text) = buffer.open()? else {
            return Ok(None);
        };
        if back == Back::Done || !buffer.is_untouched(&mut text)? {
            return Ok(Some(text));
        }
        let question = format!("`{name}` came back at once. Done with it? [Y/n]");
        match (self.desk.ask(&question), back) {
            // It may have been open in a window all the while.
            (Some(true), _) => Ok(buffer.open()?),
            (Some(false), _) => {
                let because = crate::error::Code::Denied;
                Err(EditError::GivenUp { because }.into())
            }
            (None, Back::TooSoon) => Err(EditError::CameBack {
                program: name.to_owned(),
            }
            .into()),
            (None, _) => Ok(Some(text)),
        }
    }

    /// Reads what the editor left, asks, and saves.
    fn finish<S: Subject>(&self, subject: &mut S, text: File) -> Result<Outcome, Error> {
        let Some(edit) = subject.understand(text)? else {
            return Ok(Outcome::Unchanged);
        };
        for question in subject.questions(&edit) {
            self.desk.confirm(&question)?;
        }
        Ok(Outcome::Saved(subject.save(edit)?))
    }

    /// Whether the person wants to go on with the text; `None` where nobody can be asked.
    fn again(&self, trouble: &Error) -> Option<bool> {
        if !self.desk.is_attended() {
            return None;
        }
        self.desk.trouble(trouble);
        self.desk.ask("edit again? [Y/n]")
    }
}

/// Refuses before anything is opened what could not be saved: a path without a rule, or one that
/// somebody else writes.
pub(super) fn demand_writer(desk: &dyn Desk, vault: &Vault, path: &str) -> Result<(), Error> {
    vault.demand_pin_to_write()?;
    Ok(vault.demand_writer(&desk.author(vault)?, path)?)
}

/// Says of a name that nothing is under which one may be meant, before a new one is made by a slip.
pub(super) fn say_what_may_be_meant(desk: &dyn Desk, vault: &Vault, path: &str) {
    if let Some(near) = vault.near(path) {
        desk.warn(&format!("`{path}` is not there yet; is `{near}` meant?"));
    }
}

/// The error of an edit that nobody is there to mend.
fn lost(trouble: &Error) -> Error {
    let saved = saved(trouble.code());
    let gone = format!("{saved}; the edited text lay in memory alone, and is gone");
    Problem::of(trouble).note(gone).into()
}
