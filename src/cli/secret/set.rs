//! `clws secret set`: seals one value or file.

use std::io::Read;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::context::{Context, as_signers};
use crate::cli::ui::Source;
use crate::error::Error;
use crate::fs::FsError;
use crate::identity::Bundle;
use crate::name::{DocumentPath, FilePath, SecretName, SecretPath};
use crate::plaintext::certificate::{end_of, end_of_stream, set_end};
use crate::secret::Plain;
use crate::text::count;
use crate::vault::{Found, MAX_VALUE, NewFile, NewValue, ValueType, Vault, VaultError};

/// Set one secret
///
/// The value comes from stdin, a prompt without echo, or a file; never from an argument, which others
/// on this machine could see. It is kept byte for byte (of a number and other literals without the newline at its
/// end), and so is the type of the value that it takes
/// the place of: one that came in as a number stays a number. A new value is a string. A new document
/// gets the readers that the rules give.
#[derive(Args, Debug)]
pub(crate) struct SetArgs {
    /// The secret, as `scope/document/name` or `scope/folder/file`
    path: SecretPath,
    /// Read the value from this file
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// The type of the value, `file` for a sealed file; without it the type it has, `string` if it is new
    #[arg(long = "type", value_name = "TYPE", value_parser = types())]
    kind: Option<SetType>,
}

/// The type of a value, or the whole file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum SetType {
    Value(ValueType),
    File,
}

fn types() -> impl TypedValueParser<Value = SetType> {
    const FILE: &str = "file";
    let names = ValueType::ALL.map(ValueType::as_str).into_iter();
    PossibleValuesParser::new(names.chain([FILE])).try_map(|text| match text.as_str() {
        FILE => Ok(SetType::File),
        text => text.parse().map(SetType::Value),
    })
}

pub(crate) fn run(args: &SetArgs, cx: &Context) -> Result<(), Error> {
    let from = match args.from_file {
        Some(_) => Source::File,
        None => Source::Input,
    };
    cx.ui.demand_typed(args.path.as_str(), from)?;
    let vault = cx.trusted_vault()?;
    let wanted = match (vault.find(&args.path)?, args.kind) {
        (Found::File(file), None | Some(SetType::File)) => SecretName::File(file),
        (Found::Value(..) | Found::Folder(_) | Found::Document(_), Some(SetType::File)) => {
            SecretName::File(args.path.as_str().parse::<FilePath>()?)
        }
        (Found::Value(document, name), _) => SecretName::Value(document, name),
        (Found::File(file), Some(_)) => {
            return Err(
                crate::cli::usage(format!("`{file}` is a sealed file, without a type"))
                    .hint(format!("clws secret set {file} --type file"))
                    .into(),
            );
        }
        (Found::Document(document), _) => {
            return Err(super::no_value_yet(&vault, &document, "clws secret set"));
        }
        (Found::Folder(folder), _) => {
            return Err(super::more_is_wanted(&folder, "clws secret set"));
        }
    };
    // What is typed or piped is taken before the vault's lock, so that nobody waits for a person.
    match &wanted {
        SecretName::Value(document, name) => {
            let bundles = cx.bundles_for(&vault)?;
            demand_right(cx, &vault, &bundles, document)?;
            let mut plain = read_value(args, cx, &wanted.to_string())?;
            let asked = match args.kind {
                Some(SetType::Value(kind)) => Some(kind),
                _ => None,
            };
            let kind = match asked {
                Some(kind) => kind,
                None => vault.type_of(document, name)?.unwrap_or(ValueType::String),
            };
            // A literal's end of line is that of the program which printed it.
            if !matches!(kind, ValueType::String | ValueType::Bytes) {
                plain.with_mut(|bytes| bytes.pop_if(|last| *last == b'\n'));
            }
            if asked.is_none() {
                demand_type(&wanted, kind, &plain)?;
            }
            // What should have given it may have failed: the shell does not tell.
            if plain.with(|bytes| bytes.is_empty()) {
                cx.ui.say("note: the value is empty");
            }
            if args.from_file.is_none() && plain.with(|bytes| bytes.ends_with(b"\n")) {
                cx.ui.say(
                    "note: the value ends in a newline, which is kept; `printf %s` sends none",
                );
            }
            let new = NewValue { kind, plain };
            let mut is_rotating = false;
            let rev = cx.change_with(&bundles, &vault, "secret set", |change| {
                if change.only_submits(document).unwrap_or(false) {
                    return change.submit(document, name, &new).map(|()| None);
                }
                is_rotating = change.is_rotating(document, name)?;
                let end = end_of(&new.plain);
                let rev = change.set(document, name, new, |policy| set_end(policy, end));
                rev.map(Some)
            })?;
            cx.ui.say(&match rev {
                Some(rev) => format!("sealed {wanted}, rev {rev}"),
                None => format!(
                    "handed {wanted} in; a writer takes it over with `clws secret adopt {wanted}`"
                ),
            });
            if is_rotating {
                cx.ui.say(&format!(
                    "note: a rotation of {wanted} is open and does not know this value: `clws rotate --resume` \
                     says what is left to do"
                ));
            }
        }
        SecretName::File(path) => {
            let (input, mode): (Box<dyn Read>, u32) = match &args.from_file {
                Some(from) => {
                    let open = || FsError::io("read", from);
                    let file = std::fs::File::open(from).map_err(open())?;
                    let mode = file.metadata().map_err(open())?.permissions().mode();
                    (Box::new(file), mode)
                }
                None => {
                    cx.ui.demand_input(path.as_str())?;
                    (Box::new(std::io::stdin().lock()), 0o600)
                }
            };
            let read = end_of_stream(input);
            let (end, input) =
                read.map_err(FsError::io("read", std::path::Path::new(path.as_str())))?;
            let new = NewFile { mode, input };
            let is_new = !vault.tree().exists(&path.to_sidecar())?;
            let passed = cx.change(&vault, "secret set", |change| {
                change.set_file(path, new, |policy| set_end(policy, end))
            })?;
            cx.ui
                .say(&format!("sealed {wanted}, {}", count(passed.size, "byte")));
            if is_new && args.kind.is_none() && is_like_a_value(path) {
                cx.ui.say(&format!(
                    "note: that is a file; a value lies in a document: `{}/DOCUMENT/{}`",
                    path.scope(),
                    path.name()
                ));
            }
        }
    }
    Ok(())
}

/// Whether a file right in its scope has a name as values have, so that its document may have been forgotten.
fn is_like_a_value(path: &FilePath) -> bool {
    let is_of_variables = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    path.as_str().matches('/').count() == 1 && path.name().chars().all(is_of_variables)
}

/// Refuses before a person types a value what could not be sealed: below a path without a rule, or one where
/// somebody else writes.
fn demand_right(
    cx: &Context,
    vault: &Vault,
    bundles: &[Bundle],
    document: &DocumentPath,
) -> Result<(), Error> {
    vault.demand_pin_to_write()?;
    let keys = cx.signers(vault, bundles)?;
    let me = vault.author(&as_signers(&keys))?.party;
    let rights = vault.rights_for(&me, document.as_str())?;
    match rights.writers.contains(&me) || rights.submitters.contains(&me) {
        true => Ok(()),
        false => Err(VaultError::may_not_write(&me, document.as_str(), &rights).into()),
    }
}

/// Refuses what cannot be of the type that a value has already: a switch that became the text `false` would
/// be on where it is read.
fn demand_type(name: &SecretName, kind: ValueType, plain: &Plain) -> Result<(), Error> {
    let full = name.to_string();
    match plain.with(|bytes| kind.check(&full, bytes)) {
        Err(VaultError::WrongType { why, .. }) if kind != ValueType::String => {
            let wrong = format!(
                "`{full}` is of type {}, and what is given is not: {why}",
                kind.as_str()
            );
            Err(crate::cli::usage(wrong)
                .hint("`--type string` seals it as a string")
                .into())
        }
        // Of a string and of bytes more is said where they are sealed.
        _ => Ok(()),
    }
}

fn read_value(args: &SetArgs, cx: &Context, name: &str) -> Result<Plain, Error> {
    let Some(from) = &args.from_file else {
        return cx.ui.value(name, MAX_VALUE);
    };
    let file = std::fs::File::open(from).map_err(FsError::io("read", from))?;
    let about = file.metadata().map_err(FsError::io("read", from))?;
    let size = usize::try_from(about.len()).unwrap_or(usize::MAX);
    if about.is_file() && size > MAX_VALUE {
        let name = name.to_owned();
        return Err(VaultError::TooLarge { name, size }.into());
    }
    let limit = u64::try_from(MAX_VALUE).unwrap_or(u64::MAX) + 1;
    let mut plain = Plain::new(Vec::new());
    plain
        .with_mut(|bytes| file.take(limit).read_to_end(bytes))
        .map_err(FsError::io("read", from))?;
    Ok(plain)
}
