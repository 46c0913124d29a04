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

/// Finds or makes the folders of `$1`.
const FOLDERS: &str = r#"
set -u
umask 077
uid=$(id -u)
goes=-
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
    # With an account's last session logind takes its runtime folder away, and what it owns in /dev/shm
    # (RemoveIPC, but for system accounts), unless the account lingers.
    case ${base:-/run/user/} in /run/user/*)
        account=$(id -un)
        if [ -d /run/systemd/sessions ] && [ ! -e "/var/lib/systemd/linger/$account" ]; then
            [ "$uid" -lt 1000 ] || goes=$account
            case $(busctl --timeout=3 get-property org.freedesktop.login1 /org/freedesktop/login1 \
                org.freedesktop.login1.Manager RemoveIPC 2>/dev/null) in 'b false') goes=-;; esac
            if [ "$goes" = - ] && memory /dev/shm; then base=/dev/shm/clws-$uid; else goes=$account; fi
        fi;;
    esac
    state=${XDG_STATE_HOME:-$HOME/.local/state}/clws/target
fi
kind=memory
if [ -z "$base" ] && memory /dev/shm; then base=/dev/shm/clws-$uid; fi
if [ -z "$base" ]; then kind=disk; goes=-; base=$state/place; fi
for folder in "$base" "$base/$1" "$state" "$state/$1"; do
    [ -d "$folder" ] || mkdir -p -m 0700 "$folder" || exit 1
    if [ -L "$folder" ] || [ ! -O "$folder" ]; then echo "$folder belongs to somebody else" >&2; exit 1; fi
done
chmod 0700 "$base" "$base/$1" "$state/$1"
swap=no
{ read -r _; read -r device; } </proc/swaps 2>/dev/null || device=
if [ "$kind" = memory ] && [ -n "$device" ]; then
    # The last mount on a point is the one that is seen.
    options=$(point=$(stat -c %m "$base"); while read -r _ at _ options _; do [ "$at" != "$point" ] || echo "$options"; done </proc/mounts | tail -n 1)
    case $options in *noswap*) ;; *) swap=yes;; esac
fi
"#;

/// Takes the lock for `$2`. Says who holds it otherwise.
const LOCK: &str = r#"
exec 9>>"$state/$1/lock" || exit 1
if ! flock -n 9; then cat "$state/$1/lock.by" >&2; exit 75; fi
printf '%s\n' "$2" >"$state/$1/lock.by"
"#;

/// Prints `key=value` in one line.
const FACTS: &str = r#"
read -r boot </proc/sys/kernel/random/boot_id
printf 'goes=%s\tswap=%s\tkind=%s\trun=%s\tstate=%s\tuid=%s\tboot=%s\n' "$goes" "$swap" "$kind" "$base/$1" "$state/$1" "$uid" "$boot"
"#;

/// Holds the lock until standard input ends.
///
/// `$3` is how many seconds of silence on standard input end it, too: a network that swallows
/// everything never ends it by itself. Where there is no `timeout`, it waits as long as sshd does.
const HOLD: &str = r#"
if [ "$3" != 0 ] && command -v timeout >/dev/null; then
    while [ "$(timeout "$3" head -c 1 9>&- | wc -c 9>&-)" -gt 0 ]; do :; done
    exit 0
fi
exec cat >/dev/null
"#;

/// How long a host hears nothing of whoever holds its lock before it frees it: more than the silence
/// after which the other end gives up, so that nobody works without the lock.
const SILENCE: Duration = Duration::from_secs(45);

/// What a script of ours prints is no longer; a receipt may be.
const MAX_ANSWER: usize = 64 * 1024;

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
    #[error(
        "what lies in the memory of the account {account} on {host} goes with its last session there"
    )]
    Goes { host: String, account: String },
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
            Self::NoMemory { .. } | Self::Goes { .. } => Code::Denied,
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
            Self::Goes { account, .. } => vec![
                format!("as root there: `loginctl enable-linger {account}`"),
                "or let it become root: `become = \"sudo\"` in the host's party".into(),
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
    /// The account whose memory is taken away when it is not logged in any more, if it is.
    goes: Option<String>,
    /// Whether the kernel may write that memory to a swap device.
    pub(super) swap: bool,
}

impl Target {
    /// Makes a target ready and takes its lock, which ends with this process or its connection.
    /// `vault` is the name of the vault's folders there, `by` says who holds the lock, why and since
    /// when.
    ///
    /// # Errors
    /// [`TargetError::Locked`] with who has it; [`TargetError::Script`], [`super::ChannelError`].
    pub(super) async fn take(
        host: &Host,
        channel: Channel,
        vault: &str,
        by: &str,
    ) -> Result<(Self, Held), Error> {
        // A pipe of this machine ends with whoever holds the other end.
        let silence = match &channel {
            Channel::Local(_) => 0,
            Channel::Ssh(_) => SILENCE.as_secs(),
        };
        let command = Command::new(format!("{FOLDERS}{LOCK}{FACTS}{HOLD}"))
            .argument(vault)
            .argument(by)
            .argument(silence.to_string())
            .output_cap(MAX_ANSWER)
            .within(Duration::from_secs(30));
        let script = |doing: &str, said: &str| TargetError::Script {
            host: host.name.to_string(),
            doing: doing.into(),
            said: clean(said.trim()),
        };
        let (line, held) = match channel.hold(&command).await? {
            Holding::Held(line, held) => (line, held),
            Holding::Ended(outcome) => {
                let text = String::from_utf8_lossy(&outcome.err).into_owned();
                return Err(match outcome.ended {
                    Ended::Exit(75) => TargetError::Locked {
                        host: host.name.to_string(),
                        said: clean(text.trim()),
                    },
                    _ => script("make its folders and take its lock", &last_lines(&text)),
                }
                .into());
            }
        };
        Ok((Self::of(host, channel, &line)?, held))
    }

    /// Makes the folders of `name` ready on a target, which many may do at the same time.
    ///
    /// # Errors
    /// [`TargetError::Script`], [`super::ChannelError`].
    pub(super) async fn prepare(host: &Host, channel: Channel, name: &str) -> Result<Self, Error> {
        let command = Command::new(format!("{FOLDERS}{FACTS}")).argument(name);
        let outcome = channel.run(&command.output_cap(MAX_ANSWER)).await?;
        let line = said(&host.name, "make its folders", outcome)?;
        Self::of(host, channel, line.trim_end())
    }

    /// What a target says of itself.
    fn of(host: &Host, channel: Channel, line: &str) -> Result<Self, Error> {
        let facts: BTreeMap<&str, &str> = line
            .split('\t')
            .filter_map(|fact| fact.split_once('='))
            .collect();
        let fact = |name: &str| {
            let value = facts.get(name).filter(|value| !value.is_empty());
            value
                .map(|value| (*value).to_owned())
                .ok_or_else(|| TargetError::Script {
                    host: host.name.to_string(),
                    doing: "say where its folders are".into(),
                    said: clean(line.trim()),
                })
        };
        Ok(Self {
            run: fact("run")?,
            state: fact("state")?,
            uid: fact("uid")?.parse().unwrap_or(u32::MAX),
            boot: fact("boot")?,
            memory: fact("kind")? == "memory",
            goes: Some(fact("goes")?).filter(|account| account != "-"),
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
        let mut command = Command::new(script).input(input).output_cap(MAX_ANSWER);
        command.arguments = arguments.iter().map(ToString::to_string).collect();
        self.ask(doing, &command).await
    }

    /// Runs a command; its standard output.
    ///
    /// # Errors
    /// [`TargetError::Script`] with what it said, if it does not exit with 0.
    pub(super) async fn ask(&self, doing: &str, command: &Command) -> Result<String, Error> {
        let outcome = self.channel.run(command).await?;
        said(&self.host.name, doing, outcome)
    }

    /// Refuses to leave something where it would not stay. Who deploys to this machine sits there.
    ///
    /// # Errors
    /// [`TargetError::Goes`].
    pub(super) fn demand_stays(&self) -> Result<(), TargetError> {
        match (&self.channel, &self.goes) {
            (Channel::Ssh(_), Some(account)) => Err(TargetError::Goes {
                host: self.host.name.to_string(),
                account: clean(account),
            }),
            _ => Ok(()),
        }
    }

    /// Whether the connection to it ended.
    pub(super) async fn is_lost(&self) -> bool {
        let asked = self.channel.run(&Command::new(":")).await;
        matches!(asked, Err(ChannelError::Lost { .. }))
    }

    /// Reads the receipt of a component, if its text is not empty.
    ///
    /// # Errors
    /// [`TargetError::BadReceipt`].
    pub(super) fn parse_receipt(
        &self,
        component: &Component,
        text: &str,
    ) -> Result<Option<Receipt>, TargetError> {
        if text.is_empty() {
            return Ok(None);
        }
        let bad = || TargetError::BadReceipt {
            host: self.host.name.to_string(),
            component: component.to_string(),
        };
        let receipt = text.as_bytes();
        let fits = receipt.len() <= MAX_RECEIPT;
        let receipt = fits.then(|| Receipt::parse(receipt)).flatten();
        receipt.map(Some).ok_or_else(bad)
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

    /// The name of the vault's folders there.
    pub(super) fn vault(&self) -> &str {
        self.run.rsplit('/').next().unwrap_or_default()
    }

    /// Where the receipt of a component lies.
    pub(super) fn receipt_file(&self, component: &Component) -> String {
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
    Err(TargetError::Script {
        host: host.to_string(),
        doing: doing.to_owned(),
        said: clean(&last_lines(&text)),
    }
    .into())
}

fn last_lines(text: &str) -> String {
    let last: Vec<&str> = text.trim().lines().rev().take(3).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    last.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::Local;
    use crate::world::{Clock, World};

    #[test]
    fn a_lock_says_who_holds_it_and_is_freed_when_its_holder_falls_silent() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        // Root has one place for all; this is told that it is somebody else.
        let id = folder.path().join("id");
        std::fs::write(&id, "#!/bin/sh\necho 1000\n").unwrap();
        std::fs::set_permissions(&id, PermissionsExt::from_mode(0o755)).unwrap();
        let text = |name: &str| folder.path().join(name).display().to_string();
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let variables = [
            ("PATH", path),
            ("XDG_RUNTIME_DIR", text("")),
            ("XDG_STATE_HOME", text("state")),
        ];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let world = World::new(Clock::System, variables, folder.path().into());
        let channel = Channel::Local(Local::new(&world));
        let take = |silence: &str| {
            Command::new(format!("{FOLDERS}{LOCK}{FACTS}{HOLD}"))
                .argument("vault")
                .argument("ada deploys web")
                .argument(silence)
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let Holding::Held(line, held) = channel.hold(&take("2")).await.unwrap() else {
                panic!("not held");
            };
            assert!(line.contains("\tkind=memory\t"), "{line}");
            let Holding::Ended(second) = channel.hold(&take("2")).await.unwrap() else {
                panic!("held twice");
            };
            assert_eq!(second.ended, Ended::Exit(75));
            assert_eq!(second.err, b"ada deploys web\n");
            // Nobody gives a sign of life here.
            while held.is_held() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let third = channel.hold(&take("0")).await.unwrap();
            assert!(matches!(third, Holding::Held(..)), "{third:?}");
        });
    }
}
