//! `clws secret accept`: a person says that what this machine would not believe is as it should be.

use clap::Args;

use crate::cli::context::Context;
use crate::error::Error;
use crate::name::{SecretName, SecretPath};
use crate::vault::{Found, Leap, Leaping};

/// Believe what this machine does not let pass by itself: a number that jumped, another branch's data key
///
/// Numbers only ever grow, and a writer could count one up so far that no next one is left. A jump by
/// more than 1,000 is therefore refused until a person has seen it. So is a document whose data key was changed on a
/// branch that did not know of the key that this machine has seen. Only this machine's memory changes.
#[derive(Args, Debug)]
pub(crate) struct AcceptArgs {
    /// The value, file or document
    path: SecretPath,
}

pub(crate) fn run(args: &AcceptArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    let what = match vault.find(&args.path)? {
        Found::Document(path) => Leaping::Document(path),
        Found::Value(path, name) => Leaping::Secret(SecretName::Value(path, name)),
        Found::File(path) => Leaping::Secret(SecretName::File(path)),
        Found::Folder(name) => return Err(vault.missing(&name).into()),
    };
    let path = &args.path;
    let Some(jump) = vault.jump_of(&what)? else {
        cx.ui.say(&format!("{path} did not jump"));
        return Ok(());
    };
    let signer = &jump.signer;
    cx.ui.confirm(&match jump.leap {
        Leap::Number { seen, here } => {
            format!("{path} went from number {seen} to {here}, signed by {signer}: believe it?")
        }
        Leap::Branch => format!(
            "the data key of {path}, signed by {signer}, does not follow from the one that was seen; who had left \
             by then may read what is sealed there: believe it?"
        ),
    })?;
    let is_branch = jump.leap == Leap::Branch;
    vault.accept_jump(jump)?;
    cx.ui.say(&format!("{path} is taken as it is"));
    if let (Leaping::Document(document), true) = (&what, is_branch) {
        cx.ui.tell(&format!(
            "values of it that are refused as older still are: `clws secret restore {document}` if all are meant as \
             they lie here; they get a new data key"
        ));
    }
    Ok(())
}
