//! `clws secret generate`: a new value that nobody has seen.

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::chance::{AlphabetWord, shape};
use crate::cli::context::Context;
use crate::error::Error;
use crate::identity::KeyPair;
use crate::name::{FilePath, SecretName, SecretPath};
use crate::secret::{HtpasswdLine, HtpasswdUser, MAX_HASHED, Plain, generate};
use crate::text::count;
use crate::vault::{Change, Found, NewFile, NewValue, ValueType, Vault};

/// A private file of ours is for nobody else.
const FILE_MODE: u32 = 0o600;

/// Make a new value from the system's random generator, and seal it
///
/// Nothing secret is printed. Of a key pair the private half is sealed, in the form that `ssh -i` or
/// `age -d -i` takes, and the public half printed. With `--htpasswd` the same change puts the
/// password's hash, for nginx, Apache or a registry, into a second secret.
#[derive(Args, Debug)]
pub(crate) struct GenerateArgs {
    /// The secret, as `scope/document/name` or `scope/folder/file`
    path: SecretPath,
    /// How many characters, or words
    #[arg(long, value_name = "N")]
    length: Option<usize>,
    /// What the value is made of
    #[arg(long, value_enum)]
    alphabet: Option<AlphabetWord>,
    /// What to make
    #[arg(long, value_enum, default_value = "password")]
    kind: GenerateKind,
    /// Seal it as a string or as a file; else as what the path is
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    form: Option<GenerateForm>,
    /// Put `USER:HASH` (bcrypt) into this secret too, for USER's line; others stay
    #[arg(long, value_name = "PATH", requires = "user")]
    htpasswd: Option<SecretPath>,
    /// Whose line of htpasswd it is
    #[arg(long, requires = "htpasswd")]
    user: Option<HtpasswdUser>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum GenerateKind {
    /// Characters or words
    Password,
    /// An SSH key pair
    Ed25519,
    /// An age key pair
    X25519,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum GenerateForm {
    String,
    File,
}

/// What was made: the secret part, what to say of it, and a public half.
struct Made {
    plain: Plain,
    what: String,
    public: Option<String>,
}

pub(crate) fn run(args: &GenerateArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    let secret = wanted(&vault, &args.path, args.form)?;
    if args.form.is_none() {
        demand_text(&vault, &secret)?;
    }
    let line_for = line_for(args, &vault, &secret)?;
    let made = make(args, cx, &secret)?;
    if vault.is_live(&secret)? {
        cx.ui
            .confirm(&format!("replace `{secret}` with a new value?"))?;
    }
    let Made {
        plain,
        what,
        public,
    } = made;
    let line = match &line_for {
        Some((_, user)) => Some(HtpasswdLine::new(&cx.world, user.clone(), &plain)?),
        None => None,
    };
    let notices = cx.change(&vault, "secret generate", |change| {
        let notices = match (&line_for, &line) {
            (Some((users, _)), Some(line)) => change.rewrite(users, |text| line.put_into(text))?,
            _ => Vec::new(),
        };
        seal(change, &secret, plain)?;
        Ok(notices)
    })?;
    for notice in notices {
        cx.ui.warn(&notice);
    }
    cx.ui.say(&format!("generated {secret}: {what}"));
    if let Some((users, user)) = &line_for {
        cx.ui
            .say(&format!("{users} has its hash for `{}`", user.as_str()));
    }
    match public {
        _ if cx.ui.is_json() => {
            let report = json!({
                "path": secret.to_string(),
                "kind": what,
                "public": public,
                "htpasswd": line_for.map(|(users, _)| users.to_string()),
            });
            cx.ui.json(&report)
        }
        Some(public) => cx.ui.line(&public),
        None => Ok(()),
    }
}

fn seal(change: &mut Change<'_>, secret: &SecretName, plain: Plain) -> Result<(), Error> {
    match secret {
        SecretName::Value(document, name) => {
            let kind = ValueType::String;
            change.set(document, name, NewValue { kind, plain }, |_| {})?;
        }
        SecretName::File(path) => {
            plain.with(|bytes| {
                let new = NewFile {
                    mode: FILE_MODE,
                    input: bytes.as_slice(),
                };
                change.set_file(path, new, |_| {})
            })?;
        }
    }
    Ok(())
}

/// The other secret that gets a line of htpasswd, and whose line.
fn line_for(
    args: &GenerateArgs,
    vault: &Vault,
    secret: &SecretName,
) -> Result<Option<(SecretName, HtpasswdUser)>, Error> {
    let (Some(path), Some(user)) = (&args.htpasswd, &args.user) else {
        return Ok(None);
    };
    if args.kind != GenerateKind::Password {
        return Err(crate::cli::usage("a key pair has no line in htpasswd").into());
    }
    let users = wanted(vault, path, None)?;
    if users == *secret {
        let wrong = "the password and its hash need a secret each";
        return Err(crate::cli::usage(wrong).into());
    }
    Ok(Some((users, user.clone())))
}

fn wanted(
    vault: &Vault,
    path: &SecretPath,
    form: Option<GenerateForm>,
) -> Result<SecretName, Error> {
    match (vault.find(path)?, form) {
        (Found::File(file), Some(GenerateForm::String)) => {
            Err(crate::cli::usage(format!("`{file}` is a sealed file, without a type")).into())
        }
        (Found::File(file), _) => Ok(SecretName::File(file)),
        (Found::Value(document, name), None | Some(GenerateForm::String)) => {
            Ok(SecretName::Value(document, name))
        }
        (Found::Value(..) | Found::Document(_), Some(GenerateForm::File)) => {
            Ok(SecretName::File(path.as_str().parse::<FilePath>()?))
        }
        (Found::Document(document), _) => Err(super::no_value_yet(
            vault,
            &document,
            "clws secret generate",
        )),
        (Found::Folder(folder), _) => Err(super::more_is_wanted(&folder, "clws secret generate")),
    }
}

/// What is made is text. A number or a list in whose place it came would be read as another type from then on.
fn demand_text(vault: &Vault, secret: &SecretName) -> Result<(), Error> {
    let SecretName::Value(document, name) = secret else {
        return Ok(());
    };
    match vault.type_of(document, name)? {
        None | Some(ValueType::String) => Ok(()),
        Some(kind) => {
            let wrong = format!(
                "`{secret}` is of type {}, and what is made is a string",
                kind.as_str()
            );
            Err(crate::cli::usage(wrong)
                .hint("`--type string` makes it one")
                .into())
        }
    }
}

fn make(args: &GenerateArgs, cx: &Context, secret: &SecretName) -> Result<Made, Error> {
    let pair = match args.kind {
        GenerateKind::Password => return password(args, cx),
        _ if args.length.is_some() || args.alphabet.is_some() => {
            let wrong = "a key pair has no length and no alphabet";
            return Err(crate::cli::usage(wrong).into());
        }
        GenerateKind::Ed25519 => KeyPair::ed25519(&cx.world, &secret.to_string())?,
        GenerateKind::X25519 => KeyPair::x25519(&cx.world),
    };
    let what = match args.kind {
        GenerateKind::X25519 => "an age identity",
        _ => "an OpenSSH private key",
    };
    Ok(Made {
        plain: pair.private,
        what: what.to_owned(),
        public: Some(pair.public),
    })
}

fn password(args: &GenerateArgs, cx: &Context) -> Result<Made, Error> {
    let (alphabet, length) = shape(args.length, args.alphabet, cx)?;
    let most = alphabet.longest_within(MAX_HASHED);
    if args.htpasswd.is_some() && length > most {
        let wrong = format!("a hash of htpasswd counts {MAX_HASHED} bytes of a password, no more");
        return Err(crate::cli::usage(wrong)
            .hint(format!("--length {most}, or shorter"))
            .into());
    }
    Ok(Made {
        plain: generate(&cx.world, alphabet, length)?,
        what: count(length, alphabet.unit()),
        public: None,
    })
}
