//! `clws recipient add`: a new party.

use std::path::{Path, PathBuf};

use clap::Args;
use memchr::memmem;

use crate::cli::context::Context;
use crate::cli::rules::{self, Run};
use crate::error::{Code, Error, Problem};
use crate::fs::{FsError, read_whole};
use crate::membership::RulesError;
use crate::name::PartyName;
use crate::recipients::{
    Kind, MailAddress, OFFLINE, Party, PublicRecipient, RecipientKey, Use, VerifyingKey,
};
use crate::text::clean_line;

/// Add a party: the file that `clws identity show` prints, or keys given here
///
/// The party may do nothing yet: `clws access grant` says what.
#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// Its name
    name: PartyName,
    /// The party file; `-` for stdin
    file: Option<PathBuf>,
    /// A public key to seal to, `age1…`
    #[arg(long, value_name = "RECIPIENT", conflicts_with = "file")]
    age: Vec<String>,
    /// An OpenSSH Ed25519 public key to seal to
    #[arg(long, value_name = "PUBLIC-KEY", conflicts_with = "file")]
    ssh: Vec<String>,
    /// A key of your Vault or OpenBao server to seal by: its transit engine's mount, and the key's name
    #[arg(long, value_name = "MOUNT/KEY", conflicts_with = "file")]
    transit: Vec<String>,
    /// An OpenSSH Ed25519 public key that it signs with
    #[arg(long, value_name = "PUBLIC-KEY", conflicts_with = "file")]
    sign_key: Vec<String>,
    /// What it is: person, host or service; whatever the file says
    #[arg(long)]
    kind: Option<String>,
    /// Where a person gets mail, signed with the rules: what is due to them (`clws status --report`)
    #[arg(long, value_name = "ADDRESS")]
    mail: Option<MailAddress>,
    /// What is sealed to it opens with keys that are kept offline: backups are sealed to them alone
    #[arg(long)]
    offline: bool,
    /// Show the plan alone
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &AddArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    rules::demand_signed(&vault)?;
    let mut party = match &args.file {
        Some(file) => from_file(cx, &args.name, file)?,
        None => from_flags(args)?,
    };
    if args.offline {
        let keys = std::mem::take(&mut party.recipients).into_iter();
        let keys = keys.map(|recipient| recipient.key).collect();
        add_keys(&mut party, keys, &[], Label::Offline)?;
    }
    party.kind = kind_of(args)?.unwrap_or(party.kind);
    party.mail = args.mail.clone().or(party.mail);
    let mut new = rules::accepted(&vault)?;
    if let Some(there) = new.parties()?.get(&args.name) {
        return Err(RulesError::exists(there).into());
    }
    for recipient in &party.recipients {
        if let RecipientKey::Transit(key) = &recipient.key {
            cx.beside.refuse_unfit(key)?;
        }
    }
    for other in new
        .parties()?
        .values()
        .filter(|other| has_a_key_of(&party, other))
    {
        cx.ui.warn(&format!(
            "{0} has a key of these already: of who is meant twice, `clws recipient remove {0}` takes one out",
            other.name
        ));
    }
    new.set_party(&party);
    rules::change(cx, &vault, &new, &[], Run::from(args.dry_run))
}

/// Whether two parties open or sign with the same key.
fn has_a_key_of(one: &Party, other: &Party) -> bool {
    let opens = |key: &PublicRecipient| other.recipients.iter().any(|known| known.key == key.key);
    let signs = |key: &VerifyingKey| other.signing.iter().any(|known| known.key == key.key);
    one.recipients.iter().any(opens) || one.signing.iter().any(signs)
}

/// Reads a party file under the name that this vault gives the party, and says if the file has another one.
pub(crate) fn from_file(cx: &Context, name: &PartyName, file: &Path) -> Result<Party, Error> {
    const MOST: usize = 1024 * 1024;
    let bytes = if file == Path::new("-") {
        read_whole(std::io::stdin().lock(), file, MOST)
    } else {
        let opened = std::fs::File::open(file).map_err(FsError::io("read", file))?;
        read_whole(opened, file, MOST)
    }?;
    if !bytes
        .split(|byte| *byte == b'\n')
        .any(|line| line == b"[party]")
    {
        let shown = match file.to_str() {
            Some("-") => "standard input".to_owned(),
            _ => clean_line(&file.to_string_lossy()),
        };
        let holds = |private: &[u8]| memmem::find(&bytes, private).is_some();
        if holds(b"AGE-SECRET-KEY-") || holds(b"PRIVATE KEY-----") {
            let why =
                format!("{shown} holds a private key, and a party file holds public ones alone");
            return Err(Problem::new(Code::DataErr, why)
                .hint("`clws identity show` prints what is sent")
                .hint("if it was sent: its owner makes another one with `clws identity new NAME`, since others may have this one")
                .into());
        }
        let problem = Problem::new(Code::DataErr, format!("{shown} is no party file"));
        return Err(problem
            .hint("their `clws identity show` prints one; a key alone goes behind `--age`, `--ssh` or `--sign-key`")
            .into());
    }
    let mut party = Party::parse(&bytes)?;
    let theirs = std::mem::replace(&mut party.name, name.clone());
    if theirs != *name {
        cx.ui.warn(&format!(
            "these are the keys of {theirs} by the file, and {name}'s from now on"
        ));
    }
    // Only this vault's administrators say so, and not the file that somebody sent.
    party.public = false;
    Ok(party)
}

fn kind_of(args: &AddArgs) -> Result<Option<Kind>, Error> {
    let kind = args.kind.as_deref().map(str::parse::<Kind>);
    let kind = kind.transpose();
    Ok(kind.map_err(|why| Problem::new(Code::Usage, format!("--kind: {why}")))?)
}

fn from_flags(args: &AddArgs) -> Result<Party, Error> {
    let kind = kind_of(args)?.unwrap_or(Kind::Person);
    let seal_to = keys_of(&args.age, &args.ssh, &args.transit)?;
    if seal_to.is_empty() && args.sign_key.is_empty() {
        return Err(crate::cli::usage("a party file or a key is wanted")
            .hint(format!(
                "clws recipient add {} FILE, where FILE is what their `clws identity show` printed",
                args.name
            ))
            .into());
    }
    let mut party = Party::new(args.name.clone(), kind);
    add_keys(&mut party, seal_to, &args.sign_key, Label::Main)?;
    Ok(party)
}

/// What flags say to seal to: public keys, and keys of a server.
pub(crate) fn keys_of(
    age: &[String],
    ssh: &[String],
    transit: &[String],
) -> Result<Vec<RecipientKey>, Error> {
    // Elsewhere such a flag takes a file.
    if ssh.iter().any(|text| !text.trim().starts_with("ssh-")) {
        return Err(crate::cli::usage(
            "`--ssh` takes an OpenSSH public key as text, `ssh-ed25519 AAAA…`",
        )
        .hint("of a file: `--ssh \"$(cat FILE.pub)\"`")
        .into());
    }
    let public = age
        .iter()
        .chain(ssh)
        .map(|text| RecipientKey::parse(text.trim()));
    let transit = transit
        .iter()
        .map(|text| RecipientKey::parse_as("transit", text.trim()));
    Ok(public.chain(transit).collect::<Result<_, _>>()?)
}

/// Adds keys to a party, under the first free labels.
pub(crate) fn add_keys(
    party: &mut Party,
    seal_to: Vec<RecipientKey>,
    sign: &[String],
    label: Label,
) -> Result<(), Error> {
    for key in seal_to {
        if party
            .recipients
            .iter()
            .all(|recipient| recipient.key != key)
        {
            let taken = |label: &str| party.recipients.iter().any(|r| r.name == label);
            party.recipients.push(PublicRecipient {
                name: free_label(label, taken),
                key,
            });
        }
    }
    for text in sign {
        // `ssh-ed25519 AAAA… comment`, as it lies in a .pub file.
        let words: Vec<&str> = text.split_whitespace().take(2).collect();
        let key = words.join(" ").parse().map_err(|_| {
            Problem::new(
                Code::Usage,
                "a signing key is `ssh-ed25519 AAAA…`, a public one",
            )
        })?;
        if party.signing.iter().all(|signing| signing.key != key) {
            let taken = |label: &str| party.signing.iter().any(|s| s.name == label);
            party.signing.push(VerifyingKey {
                name: free_label(Label::Main, taken),
                key,
                usable: Use::Sign,
            });
        }
    }
    Ok(())
}

/// What a key is called in its party's file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Label {
    /// One that is used every day.
    Main,
    /// One that is kept offline, which [`PublicRecipient::is_offline`] goes by.
    Offline,
}

fn free_label(label: Label, taken: impl Fn(&str) -> bool) -> String {
    let (first, other) = match label {
        Label::Main => ("main", "key"),
        Label::Offline => (OFFLINE, OFFLINE),
    };
    let numbered = (2..).map(|number| format!("{other}-{number}"));
    std::iter::once(first.to_owned())
        .chain(numbered)
        .find(|label| !taken(label))
        .unwrap_or_default()
}
