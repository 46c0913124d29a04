//! A key that is a party's: the rules list the new one before it is given out, and drop the old one in the end.

use crate::cli::context::Context;
use crate::cli::recipient;
use crate::error::Error;
use crate::name::{PartyName, SecretPath};
use crate::rotate::RotateError;

use super::RotateArgs;

/// What the rules have to say before a rotation can go on.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Todo {
    path: String,
    party: String,
    option: &'static str,
    line: String,
}

impl Todo {
    /// Out of what a rotation stopped with.
    pub(super) fn of(error: &Error) -> Option<Self> {
        let RotateError::OfParty {
            path,
            party,
            option,
            line,
        } = error.downcast_ref()?
        else {
            return None;
        };
        Some(Self {
            path: path.clone(),
            party: party.clone(),
            option,
            line: line.clone(),
        })
    }

    /// Shows the change of the rules, asks, and signs it. It counts at once where nobody else has to sign.
    pub(super) fn follow(&self, cx: &Context) -> Result<(), Error> {
        let party = self.party.parse::<PartyName>()?;
        let line = vec![self.line.clone()];
        let mut keys = recipient::Keys::default();
        match self.option {
            "--sign-key" => keys.sign_key = line,
            "--ssh" => keys.ssh = line,
            _ => keys.drop = line,
        }
        recipient::update_keys(cx, &party, &keys)
    }
}

impl RotateArgs {
    /// The rotation that stopped, from where it is.
    pub(super) fn going_on(&self, todo: &Todo) -> Self {
        Self {
            paths: todo.path.parse::<SecretPath>().into_iter().collect(),
            due: false,
            length: None,
            alphabet: None,
            apart: false,
            dry_run: false,
            resume: !self.undo,
            undo: self.undo,
            beside: self.beside.clone(),
        }
    }
}
