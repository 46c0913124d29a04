//! A target made ready: where its memory-backed folders lie, its lock, its receipts.
//!
//! Everything here is a small POSIX script; nothing of ours is installed on the target. Files of one
//! vault lie below `<base>/<vault>/`, `base` being `/run/clws` for root (a tmpfs of our own where
//! `/run` is an ordinary disk), else the user's runtime folder or `/dev/shm`. That it is memory is
//! asked of the kernel and not assumed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::receipt::{MAX_RECEIPT, Receipt};
use super::{Channel, ChannelError, Command, Ended, Held, Holding, Outcome};
use crate::error::{Code, Error, Explain};
use crate::fleet::Host;
use crate::name::Component;
use crate::secret::Plain;
use crate::text::clean;

/// Finds or makes the folders; prints `key=value` lines.
const PREPARE: &str = r#"
set -u
umask 077
uid=$(id -u)
memory() { case $(stat -f -c %T "$1" 2>/dev/null) in tmpfs|ramfs) return 0;; esac; return 1; }
base=
if [ "$uid" = 0 ]; then
    mkdir -p -m 0700 /run/clws 2>/dev/null
    if [ -d /run/clws ] && ! memory /run/clws; then
        mount -t tmpfs -o mode=0700,nosuid,nodev,noswap clws /run/clws 2>/dev/null ||
        mount -t tmpfs -o mode=0700,nosuid,nodev clws /run/clws 2>/dev/null
    fi
    memory /run/clws && base=/run/clws
    state=/var/lib/clws
else
    [ -n "${XDG_RUNTIME_DIR:-}" ] && memory "$XDG_RUNTIME_DIR" && base=$XDG_RUNTIME_DIR/clws
    state=${XDG_STATE_HOME:-$HOME/.local/state}/clws/target
fi
kind=memory
if [ -z "$base" ] && memory /dev/shm; then base=/dev/shm/clws-$uid; fi
if [ -z "$base" ]; then kind=disk; base=$state/place; fi
for folder in "$base" "$base/$1" "$state" "$state/$1"; do
    mkdir -p -m 0700 "$folder" || exit 1
    if [ -L "$folder" ] || [ ! -O "$folder" ]; then echo "$folder belongs to somebody else" >&2; exit 1; fi
done
chmod 0700 "$base" "$base/$1" "$state/$1"
swap=no
if [ "$kind" = memory ] && [ "$(wc -l </proc/swaps)" -gt 1 ]; then
    # The last mount on a point is the one that is seen.
    options=$(point=$(stat -c %m "$base"); while read -r _ at _ options _; do [ "$at" != "$point" ] || echo "$options"; done </proc/mounts | tail -n 1)
    case $options in *noswap*) ;; *) swap=yes;; esac
fi
printf 'swap=%s\nkind=%s\nrun=%s\nstate=%s\nuid=%s\nboot=%s\n' "$swap" "$kind" "$base/$1" "$state/$1" "$uid" "$(cat /proc/sys/kernel/random/boot_id)"
"#;

/// Holds the target's lock until standard input ends; says who holds it otherwise.
const LOCK: &str = r#"
umask 077
exec 9>>"$1/lock" || exit 1
if ! flock -n 9; then cat "$1/lock.by" >&2; exit 75; fi
printf '%s\n' "$2" >"$1/lock.by"
echo held
cat >/dev/null
"#;

/// Why a target cannot be worked with.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant is")]
pub enum TargetError {
    #[error("{host} could not {doing}: {said}")]
    Script {
        host: String,
        doing: String,
        said: String,
    },
    #[error("{host} has no memory-backed folder, and secrets are not put on its disk")]
    NoMemory { host: String },
    #[error("somebody else deploys to {host} right now{}", if said.is_empty() { String::new() } else { format!(": {said}") })]
    Locked { host: String, said: String },
    #[error("the receipt of {component} on {host} does not read")]
    BadReceipt { host: String, component: String },
    #[error("{host} has {secret} in rev {there}, newer than rev {here} of this vault")]
    Newer {
        host: String,
        secret: String,
        there: u64,
        here: u64,
    },
    #[error(
        "{host} has the hook of {component} in number {there}, newer than {here} of this vault"
    )]
    NewerHook {
        host: String,
        component: String,
        there: u64,
        here: u64,
    },
}

impl Explain for TargetError {
    fn code(&self) -> Code {
        match self {
            Self::Script { .. } | Self::BadReceipt { .. } => Code::Remote,
            Self::NoMemory { .. } => Code::Denied,
            Self::Locked { .. } => Code::TempFail,
            Self::Newer { .. } | Self::NewerHook { .. } => Code::Rollback,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoMemory { .. } => vec![
                "mount a tmpfs on /run/clws or /dev/shm there".into(),
                "or say `allow_disk = true` in the hook, if a disk is really meant".into(),
            ],
            Self::Locked { .. } => vec!["try again when it is done".into()],
            Self::Newer { .. } | Self::NewerHook { .. } => {
                vec!["git pull, so that this vault has what was deployed".into()]
            }
            Self::BadReceipt { component, .. } => {
                vec![format!(
                    "look at {component}.json there; removing it makes the next deploy a first one"
                )]
            }
            Self::Script { .. } => Vec::new(),
        }
    }
}

/// A target that is ready.
#[derive(Debug)]
pub(super) struct Target {
    /// The host.
    pub(super) host: Host,
    /// The way to it.
    pub(super) channel: Channel,
    /// The vault's memory-backed folder there.
    pub(super) run: String,
    /// The vault's state folder there.
    pub(super) state: String,
    /// The user's number there.
    pub(super) uid: u32,
    /// The boot's id.
    pub(super) boot: String,
    /// Whether `run` is memory.
    pub(super) memory: bool,
    /// Whether the kernel may write that memory to a swap device.
    pub(super) swap: bool,
}

impl Target {
    /// Makes a target ready. `vault` is the name of the vault's folders there.
    ///
    /// # Errors
    /// [`TargetError::Script`], [`super::ChannelError`].
    pub(super) async fn prepare(host: &Host, channel: Channel, vault: &str) -> Result<Self, Error> {
        let command = Command::new(PREPARE).argument(vault);
        let outcome = channel.run(&command).await?;
        let text = said(&host.name, "make its folders", outcome)?;
        let facts: BTreeMap<&str, &str> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .collect();
        let fact = |name: &str| {
            let value = facts.get(name).filter(|value| !value.is_empty());
            value
                .map(|value| (*value).to_owned())
                .ok_or_else(|| TargetError::Script {
                    host: host.name.to_string(),
                    doing: "say where its folders are".into(),
                    said: clean(text.trim()),
                })
        };
        Ok(Self {
            run: fact("run")?,
            state: fact("state")?,
            uid: fact("uid")?.parse().unwrap_or(u32::MAX),
            boot: fact("boot")?,
            memory: fact("kind")? == "memory",
            swap: fact("swap")? == "yes",
            host: host.clone(),
            channel,
        })
    }

    /// Runs a script; its standard output.
    ///
    /// # Errors
    /// [`TargetError::Script`] with what it said, if it does not exit with 0.
    pub(super) async fn sh(
        &self,
        doing: &str,
        script: &str,
        arguments: &[&str],
        input: Plain,
    ) -> Result<String, Error> {
        let mut command = Command::new(script).input(input);
        command.arguments = arguments.iter().map(ToString::to_string).collect();
        let outcome = self.channel.run(&command).await?;
        said(&self.host.name, doing, outcome)
    }

    /// Whether the connection to it ended.
    pub(super) async fn is_lost(&self) -> bool {
        let asked = self.channel.run(&Command::new(":")).await;
        matches!(asked, Err(ChannelError::Lost { .. }))
    }

    /// Takes the target's lock, which ends with this process or its connection.
    ///
    /// # Errors
    /// [`TargetError::Locked`] with who has it.
    pub(super) async fn lock(&self, by: &str) -> Result<Held, Error> {
        let command = Command::new(LOCK)
            .argument(&self.state)
            .argument(by)
            .within(Duration::from_secs(30));
        match self.channel.hold(&command).await? {
            Holding::Held(_, held) => Ok(held),
            Holding::Ended(outcome) => {
                let text = clean(String::from_utf8_lossy(&outcome.err).trim());
                let host = self.host.name.to_string();
                Err(match outcome.ended {
                    Ended::Exit(75) => TargetError::Locked { host, said: text },
                    _ => TargetError::Script {
                        host,
                        doing: "take its lock".into(),
                        said: text,
                    },
                }
                .into())
            }
        }
    }

    /// The receipt of a component.
    ///
    /// # Errors
    /// [`TargetError::BadReceipt`].
    pub(super) async fn receipt(&self, component: &Component) -> Result<Option<Receipt>, Error> {
        let script = r#"[ ! -e "$1" ] || cat "$1""#;
        let path = self.receipt_file(component);
        let command = Command::new(script).argument(path).output_cap(MAX_RECEIPT);
        let outcome = self.channel.run(&command).await?;
        let bytes = said(&self.host.name, "read its receipt", outcome)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let bad = || TargetError::BadReceipt {
            host: self.host.name.to_string(),
            component: component.to_string(),
        };
        Ok(Some(Receipt::parse(bytes.as_bytes()).ok_or_else(bad)?))
    }

    /// The components that have a receipt here.
    ///
    /// # Errors
    /// [`super::ChannelError`], [`TargetError`].
    pub(super) async fn receipts(&self) -> Result<Vec<Component>, Error> {
        let script = r#"cd "$1" && for f in *.json; do [ ! -f "$f" ] || echo "${f%.json}"; done"#;
        let text = self
            .sh("list its receipts", script, &[&self.state], empty())
            .await?;
        Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// Writes a receipt, whole or not at all.
    ///
    /// # Errors
    /// [`super::ChannelError`], [`TargetError`].
    pub(super) async fn write_receipt(
        &self,
        component: &Component,
        receipt: &Receipt,
    ) -> Result<(), Error> {
        let script = r#"umask 077; cat >"$1.new" && sync "$1.new" && mv "$1.new" "$1""#;
        let path = self.receipt_file(component);
        let input = Plain::new(receipt.print().into_bytes());
        self.sh("keep its receipt", script, &[&path], input)
            .await
            .map(drop)
    }

    /// Removes a receipt.
    ///
    /// # Errors
    /// [`super::ChannelError`], [`TargetError`].
    pub(super) async fn remove_receipt(&self, component: &Component) -> Result<(), Error> {
        let path = self.receipt_file(component);
        self.sh("remove its receipt", r#"rm -f "$1""#, &[&path], empty())
            .await
            .map(drop)
    }

    fn receipt_file(&self, component: &Component) -> String {
        format!("{}/{component}.json", self.state)
    }
}

pub(super) fn empty() -> Plain {
    Plain::new(Vec::new())
}

/// What a script printed, if it ended well; else an error with what it complained of.
fn said(host: &crate::name::PartyName, doing: &str, outcome: Outcome) -> Result<String, Error> {
    if outcome.ended.is_success() {
        return Ok(String::from_utf8_lossy(&outcome.out).into_owned());
    }
    let text = String::from_utf8_lossy(&outcome.err).into_owned();
    let last: Vec<&str> = text.trim().lines().rev().take(3).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    Err(TargetError::Script {
        host: host.to_string(),
        doing: doing.to_owned(),
        said: clean(&last.join("; ")),
    }
    .into())
}
