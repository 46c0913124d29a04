//! `clws recipient update`: other keys for a party.

use std::path::PathBuf;

use clap::Args;

use super::add::{Label, add_keys, from_file, keys_of};
use crate::cli::context::Context;
use crate::cli::rules::{self, Run};
use crate::cli::usage;
use crate::error::{Code, Error, Problem};
use crate::fleet::HostKeyText;
use crate::name::PartyName;
use crate::recipients::{HostKey, MailAddress, NotAnAddress, Party};

/// Change the keys of a party: a second machine, an offline recovery key, a laptop that was lost
///
/// Documents that the party reads are wrapped for a new key in the same step. A key that is dropped opens
/// and signs nothing any more: what it could open is sealed under a new data key, and what it signed is
/// signed again by you.
#[derive(Args, Debug)]
pub(crate) struct UpdateArgs {
    /// Its name
    name: PartyName,
    /// A party file with the keys to add; `-` for stdin
    file: Option<PathBuf>,
    #[command(flatten)]
    keys: Keys,
    /// Where a person gets mail, signed with the rules: what is due to them (`clws status --report`); `none` takes it out
    #[arg(long, value_name = "ADDRESS|none")]
    mail: Option<String>,
    /// What the new keys open is kept offline: backups are sealed to them alone (`clws export --recovery`)
    #[arg(long)]
    offline: bool,
    /// Show the plan alone
    #[arg(long)]
    dry_run: bool,
}

/// What changes about a party's keys.
#[derive(Args, Debug, Default)]
pub(crate) struct Keys {
    /// A public key to seal to, `age1…`
    #[arg(long, value_name = "RECIPIENT")]
    pub(crate) age: Vec<String>,
    /// An OpenSSH Ed25519 public key to seal to
    #[arg(long, value_name = "PUBLIC-KEY")]
    pub(crate) ssh: Vec<String>,
    /// A key of your Vault or OpenBao server to seal by: its transit engine's mount, and the key's name
    #[arg(long, value_name = "MOUNT/KEY")]
    pub(crate) transit: Vec<String>,
    /// An OpenSSH Ed25519 public key that it signs with
    #[arg(long, value_name = "PUBLIC-KEY")]
    pub(crate) sign_key: Vec<String>,
    /// Drop a key, by its name in the party's file or as it is, a host key by its fingerprint too; several times for several
    #[arg(long, value_name = "KEY")]
    pub(crate) drop: Vec<String>,
}

impl Keys {
    fn is_nothing(&self) -> bool {
        let Self {
            age,
            ssh,
            transit,
            sign_key,
            drop,
        } = self;
        [age, ssh, transit, sign_key, drop]
            .iter()
            .all(|keys| keys.is_empty())
    }
}

pub(crate) fn run(args: &UpdateArgs, cx: &Context) -> Result<(), Error> {
    if args.file.is_none() && args.mail.is_none() && args.keys.is_nothing() {
        return Err(usage("a party file or a key is wanted")
            .hint(format!(
                "clws recipient update {} FILE, where FILE is what their `clws identity show` printed; or `--drop KEY`",
                args.name
            ))
            .into());
    }
    let more = match &args.file {
        Some(file) => Some(from_file(cx, &args.name, file)?),
        None => None,
    };
    let mail = match args.mail.as_deref() {
        None => Mail::Stays,
        Some("none") => Mail::Is(None),
        Some(text) => {
            let parsed = text
                .parse()
                .map_err(|error: NotAnAddress| usage(error.to_string()));
            Mail::Is(Some(parsed?))
        }
    };
    let label = match args.offline {
        true => Label::Offline,
        false => Label::Main,
    };
    let run = Run::from(args.dry_run);
    update(cx, &args.name, (more, &args.keys, label), mail, run)
}

/// Changes keys of a party.
pub(crate) fn update_keys(cx: &Context, name: &PartyName, keys: &Keys) -> Result<(), Error> {
    update(cx, name, (None, keys, Label::Main), Mail::Stays, Run::Real)
}

/// Where the party gets mail afterwards.
enum Mail {
    Stays,
    Is(Option<MailAddress>),
}

fn update(
    cx: &Context,
    name: &PartyName,
    (more, keys, label): (Option<Party>, &Keys, Label),
    mail: Mail,
    run: Run,
) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    rules::demand_signed(&vault)?;
    let mut new = rules::accepted(&vault)?;
    let mut party = new.party(name)?;
    let mut seal_to = keys_of(&keys.age, &keys.ssh, &keys.transit)?;
    let mut sign = keys.sign_key.clone();
    if let Some(more) = more {
        seal_to.extend(more.recipients.into_iter().map(|recipient| recipient.key));
        sign.extend(more.signing.iter().map(|signing| signing.key.to_string()));
        for host_key in more.host_keys {
            party.add_host_key(&host_key.name, host_key.key);
        }
    }
    add_keys(&mut party, seal_to, &sign, label)?;
    if let Mail::Is(mail) = mail {
        party.mail = mail;
    }
    for key in &keys.drop {
        let count =
            |party: &Party| party.recipients.len() + party.signing.len() + party.host_keys.len();
        let before = count(&party);
        party
            .recipients
            .retain(|recipient| recipient.name != *key && recipient.key.as_str() != key);
        party
            .signing
            .retain(|signing| signing.name != *key && signing.key.to_string() != *key);
        let shows = |host_key: &HostKey| {
            let text = host_key.key.parse::<HostKeyText>();
            text.is_ok_and(|text| text.fingerprint() == *key)
        };
        party
            .host_keys
            .retain(|host_key| host_key.name != *key && host_key.key != *key && !shows(host_key));
        if before == count(&party) {
            return Err(
                Problem::new(Code::NotFound, format!("{name} has no key `{key}`"))
                    .hint(format!("`clws recipient show {name}` shows them"))
                    .into(),
            );
        }
    }
    new.set_party(&party);
    rules::change(cx, &vault, &new, &[], run)
}
