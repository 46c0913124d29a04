//! `clws secret edit`: a document, a value or a file in the person's own editor.

use clap::Args;

use crate::cli::context::{Context, as_openers, as_signers};
use crate::cli::ui::print_error;
use crate::edit::{Desk, Outcome, edit_document, edit_file, edit_value};
use crate::error::Error;
use crate::fs::Sync;
use crate::identity::Bundle;
use crate::name::{PartyName, SecretPath};
use crate::vault::{Change, Found, Reader, Vault};
use crate::world::World;

/// What the audit log calls it.
const WHAT: &str = "secret edit";

/// Edit a document, a value or a sealed file
///
/// A document opens as plain TOML, one value a line, with its notes as comments; a value or a file
/// opens as the bytes that it is. Values that stay as they were keep their sealed bytes. A path that a
/// rule covers and where nothing is yet becomes a new document, value or file. Where a value or a file
/// had no newline at its end, the one that editors add is taken off.
///
/// The editor is `editor` of config.toml, else VISUAL, else EDITOR, else vi or nano. It gets a file in
/// memory that is gone afterwards, whatever happens. vim, nano, emacs and micro are told to keep no
/// copies on a disk; of an editor that is not known here, its own manual says what it keeps.
#[derive(Args, Debug)]
pub(crate) struct EditArgs {
    /// A document, a value or a file: `scope/document`, `scope/document/name`, `scope/folder/file`
    path: SecretPath,
}

pub(crate) fn run(args: &EditArgs, cx: &Context) -> Result<(), Error> {
    let path = &args.path;
    cx.ui.demand_no_agent(&format!(
        "a person types a new one on a terminal: `clws secret set {path}`"
    ))?;
    let bundles = cx.bundles()?;
    let desk = AtTerminal {
        cx,
        bundles: &bundles,
    };
    let vault = cx.trusted_vault()?;
    let outcome = match vault.find(&args.path)? {
        Found::Document(path) => edit_document(&desk, &path)?,
        Found::Value(document, name) => edit_value(&desk, &document, &name)?,
        Found::File(path) => edit_file(&desk, &path)?,
        Found::Folder(folder) if !vault.has_folder(&folder)? => {
            if vault.rights(&folder).is_ok() {
                let empty = format!("`{folder}` has nothing in it yet");
                let hint = format!("`clws secret edit {folder}/NAME` makes a document");
                return Err(crate::cli::usage(empty).hint(hint).into());
            }
            return Err(vault.missing(&folder).into());
        }
        Found::Folder(folder) => {
            return Err(crate::cli::usage(format!("`{folder}` is a folder"))
                .hint(format!("clws secret list {folder}"))
                .into());
        }
    };
    cx.ui.say(match &outcome {
        Outcome::Unchanged => "nothing changed, and nothing was written",
        Outcome::Gone => "the editor took the file away: nothing changed, and nothing was written",
        Outcome::Saved(what) => what,
    });
    Ok(())
}

/// The person at the terminal. The identities are opened once for the whole session, so that a
/// passphrase is asked for once.
struct AtTerminal<'a> {
    cx: &'a Context,
    bundles: &'a [Bundle],
}

impl Desk for AtTerminal<'_> {
    fn world(&self) -> &World {
        &self.cx.world
    }

    fn vault(&self) -> Result<Vault, Error> {
        self.cx.trusted_vault()
    }

    fn author(&self, vault: &Vault) -> Result<PartyName, Error> {
        let keys = self.cx.signers(vault, self.bundles)?;
        Ok(vault.author(&as_signers(&keys))?.party)
    }

    fn read(
        &self,
        vault: &Vault,
        open: &mut dyn FnMut(&Reader<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mine = self.cx.openers(vault, self.bundles);
        let reader = Reader::new(vault, as_openers(&mine), WHAT, Sync::Lazy)?;
        let opened = open(&reader);
        for notice in reader.take_notices() {
            self.cx.ui.warn(&notice);
        }
        opened
    }

    fn change(
        &self,
        vault: &Vault,
        make: &mut dyn FnMut(&mut Change<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.cx.change_with(self.bundles, vault, WHAT, make)
    }

    fn is_attended(&self) -> bool {
        self.cx.ui.can_ask()
    }

    fn is_drawn_on(&self) -> bool {
        self.cx.ui.can_ask() && self.cx.ui.shows_to_terminal()
    }

    fn warn(&self, text: &str) {
        self.cx.ui.warn(text);
    }

    fn trouble(&self, error: &Error) {
        print_error(error);
    }

    fn confirm(&self, question: &str) -> Result<(), Error> {
        self.cx.ui.confirm(question)
    }

    fn ask(&self, question: &str) -> Option<bool> {
        if !self.cx.ui.can_ask() {
            return None;
        }
        let answer = self.cx.ui.question(&format!("{question} ")).ok()?;
        // The end of the input is not the Enter that says yes.
        Some(matches!(answer.as_str(), "\n" | "y\n" | "Y\n" | "yes\n"))
    }
}
