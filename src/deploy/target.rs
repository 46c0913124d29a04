//! A target made ready: its folders, its lock, its receipts.
//!
//! Everything here is a small POSIX script; nothing of ours is installed on the target. The shell that
//! holds the lock runs them, see [`super::conversation`].

use std::time::Duration;

use super::conversation::{MAX_INPUT, SERVE};
use super::engine::Connected;
use super::facts::{FACTS, FOLDERS, Facts, WHO};
use super::leftover::{CLEAR, LOOK};
use super::place::PUT;
use super::process::PROC;
use super::receipt::{MAX_RECEIPT, Receipt};
use super::{Channel, Command, Ended, Held, Holding, Outcome};
use crate::crypto::hex;
use crate::error::{Code, Error, Explain};
use crate::fleet::Host;
use crate::name::{Component, PartyName};
use crate::secret::Plain;
use crate::text::clean;
use crate::world::World;

/// Takes the lock for `$2`; says who holds it otherwise.
///
/// A network that swallows everything ends no input, so a holder that is far away leaves signs of life in the
/// lock's file: its number, its claim (`$4`) and how many seconds of silence end it (`$3`, 0 for none) in the
/// first line, and in each line after that how long the host had been up. Whoever comes and finds the last of
/// them too old, or the claim one's own, ends the holder, if that process has this very lock open.
const LOCK: &str = r#"
lock=$state/$1/lock
sign() { read -r up _ </proc/uptime; echo "${up%%.*}" >&9; }
overdue() {
    pid= claim= silence= last=
    { read -r pid claim silence; while read -r up; do last=$up; done; } 2>/dev/null <"$lock"
    case $pid/$silence/$last in *[!0-9/]*|/*|*//*|*/0/*|*/) return 1;; esac
    read -r up _ </proc/uptime
    [ "$claim" = "$2" ] || [ $((${up%%.*} - last)) -gt "$silence" ] || return 1
    [ "/proc/$pid/fd/9" -ef "$lock" ] || return 1
    kill -KILL "-$pid" 2>/dev/null || kill -KILL "$pid"
}
held() { cat "$state/$1/lock.by" >&2; exit 75; }
exec 9>>"$lock" || exit 1
if ! flock -n 9; then
    overdue "$1" "$4" || held "$1"
    tries=0
    until flock -n 9; do
        tries=$((tries + 1)); [ "$tries" -lt 100 ] || held "$1"
        sleep 0.05
    done
fi
echo "$$ $4 $3" >"$lock"
sign
printf '%s\n' "$2" >"$state/$1/lock.by"
"#;

/// Writes the receipt `$2` to `$1`, whole or not at all. It is an argument, which other accounts see
/// no more than input: all of it is there, or nothing is called.
const KEEP: &str = r#"
keep() { umask 077; printf %s "$2" >"$1.new" && sync "$1.new" && mv "$1.new" "$1"; }
"#;

/// The functions that each script of ours finds on the target, so that they go there once. `look`, `put`,
/// `clear`, `replaced` and `keep` neither exit nor leave the folder.
const FUNCTIONS: [&str; 5] = [PROC, LOOK, PUT, CLEAR, KEEP];

/// The script that makes the folders, takes the lock, says where it is, and serves. `who` is [`WHO`].
fn taking(who: &str, taker: &Taker<'_>, silence: Duration) -> Command {
    let functions = FUNCTIONS.concat();
    Command::new(format!("{functions}{who}{FOLDERS}{LOCK}{FACTS}{SERVE}"))
        .argument(taker.vault)
        .argument(taker.by)
        .argument(silence.as_secs().to_string())
        .argument(taker.claim)
        .output_cap(MAX_ANSWER)
}

/// How long a host hears nothing of whoever holds its lock before somebody else may have it: more than the
/// silence after which the other end gives up, so that nobody works without the lock, and more than a script of
/// ours may take, during which nothing is heard.
const SILENCE: Duration = Duration::from_secs(75);

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

/// Who takes the lock of a target.
#[derive(Debug)]
pub(super) struct Taker<'a> {
    /// The name of the vault's folders there.
    pub(super) vault: &'a str,
    /// Who it is, what for, and since when: what somebody else is told.
    pub(super) by: &'a str,
    /// A random word. A lock that is held by it is this taker's own, of a connection that broke.
    pub(super) claim: &'a str,
}

/// A new word for [`Taker::claim`].
///
/// # Errors
/// There is no randomness.
pub(super) fn new_claim(world: &World) -> Result<String, Error> {
    Ok(hex(&world.random::<8>()?))
}

/// A target that is ready, and locked: the lock ends with it, with this process, or with the connection.
#[derive(Debug)]
pub(super) struct Target {
    /// The host.
    pub(super) host: Host,
    /// The way to it, for commands of hooks.
    pub(super) channel: Channel,
    /// What it says of itself.
    pub(super) facts: Facts,
    /// Its container engine.
    pub(super) connected: Connected,
    /// By what its lock is held, see [`Taker::claim`].
    pub(super) claim: String,
    /// The shell there that holds the lock and runs our scripts.
    talk: Held,
    /// What says that a script has ended.
    word: String,
}

impl Target {
    /// Makes a target ready and takes its lock; with `early` its engine is asked meanwhile.
    ///
    /// # Errors
    /// [`TargetError::Locked`] with who has it; [`TargetError::Script`], [`super::ChannelError`].
    pub(super) async fn take(
        host: &Host,
        channel: Channel,
        world: &World,
        taker: &Taker<'_>,
        early: bool,
    ) -> Result<Self, Error> {
        let connected = match early {
            true => Connected::early(&channel, host.name.as_str()),
            false => Connected::default(),
        };
        // A pipe of this machine ends with whoever holds the other end.
        let silence = match &channel {
            Channel::Local(_) => Duration::ZERO,
            Channel::Ssh(_) => SILENCE,
        };
        let command = taking(WHO, taker, silence).within(Duration::from_secs(30));
        let (line, talk) = match channel.hold(&command).await? {
            Holding::Held(line, talk) => (line, talk),
            Holding::Ended(outcome) => {
                let text = String::from_utf8_lossy(&outcome.err).into_owned();
                let host = host.name.to_string();
                return Err(match outcome.ended {
                    Ended::Exit(75) => TargetError::Locked {
                        host,
                        said: clean(text.trim()),
                    },
                    _ => TargetError::Script {
                        host,
                        doing: "make its folders and take its lock".into(),
                        said: clean(&last_lines(&text)),
                    },
                }
                .into());
            }
        };
        Ok(Self {
            facts: Facts::parse(host, &line)?,
            host: host.clone(),
            channel,
            connected,
            claim: taker.claim.to_owned(),
            talk,
            word: hex(&world.random::<8>()?),
        })
    }

    /// Runs a script of ours, as [`Target::ask`] does; its standard output.
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
        self.ask(doing, command).await
    }

    /// Runs a script of ours; its standard output. It finds the functions of [`FUNCTIONS`].
    ///
    /// # Errors
    /// [`TargetError::Script`] with what it said, if it does not exit with 0.
    pub(super) async fn ask(&self, doing: &str, mut command: Command) -> Result<String, Error> {
        let outcome = if command.input.with(|input| input.len() > MAX_INPUT) {
            command.script.insert_str(0, &FUNCTIONS.concat());
            self.channel.run(&command).await?
        } else {
            self.talk.ask(&self.word, &command).await?
        };
        said(&self.host.name, doing, outcome)
    }

    /// Calls one of [`FUNCTIONS`], with secret arguments behind the others, which it must hand to nothing but
    /// the shell itself; its standard output.
    ///
    /// # Errors
    /// [`TargetError::Script`] with what it said, if it does not return 0.
    pub(super) async fn call(
        &self,
        doing: &str,
        command: &Command,
        secret: &[Plain],
    ) -> Result<String, Error> {
        let outcome = self.talk.call(&self.word, command, secret).await?;
        said(&self.host.name, doing, outcome)
    }

    /// Refuses to leave something where it would not stay. Who deploys to this machine sits there.
    ///
    /// # Errors
    /// [`TargetError::Goes`].
    pub(super) fn demand_stays(&self) -> Result<(), TargetError> {
        match (&self.channel, &self.facts.goes) {
            (Channel::Ssh(_), Some(account)) => Err(TargetError::Goes {
                host: self.host.name.to_string(),
                account: clean(account),
            }),
            _ => Ok(()),
        }
    }

    /// Whether nothing can be done there any more without connecting again.
    pub(super) async fn is_lost(&self) -> bool {
        self.talk.ask(&self.word, &Command::new(":")).await.is_err()
    }

    /// Frees it and takes leave.
    pub(super) async fn close(self) {
        self.talk.close().await;
        self.channel.close().await;
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
            .sh("list its receipts", script, &[&self.facts.state], empty())
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
        let command = Command::new("keep")
            .argument(self.receipt_file(component))
            .argument(receipt.print());
        let kept = self.call("keep its receipt", &command, &[]).await;
        kept.map(drop)
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
        self.facts.run.rsplit('/').next().unwrap_or_default()
    }

    /// Where the receipt of a component lies.
    pub(super) fn receipt_file(&self, component: &Component) -> String {
        format!("{}/{component}.json", self.facts.state)
    }
}

pub(super) fn empty() -> Plain {
    Plain::new(Vec::new())
}

/// What a script printed, if it ended well; else an error with what it complained of.
pub(super) fn said(host: &PartyName, doing: &str, outcome: Outcome) -> Result<String, Error> {
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::deploy::Local;
    use crate::world::{Clock, World};

    #[test]
    fn a_lock_says_who_holds_it_and_is_taken_from_who_fell_silent_or_is_oneself() {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let text = |name: &str| folder.path().join(name).display().to_string();
        let path = "/usr/bin:/bin".to_owned();
        let variables = [
            ("PATH", path),
            ("XDG_RUNTIME_DIR", text("")),
            ("XDG_STATE_HOME", text("state")),
        ];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let world = World::new(Clock::System, variables, folder.path().into());
        let channel = Channel::Local(Local::new(&world));
        // Root has one place for all; this is told that it is somebody else.
        let who = "uid=1000 mask=022";
        let take_by = |claim: &str, silence| {
            let taker = Taker {
                vault: "vault",
                by: "ada deploys web",
                claim,
            };
            taking(who, &taker, Duration::from_secs(silence))
        };
        let claims = AtomicUsize::new(0);
        let take = |silence| {
            let claim = claims.fetch_add(1, Ordering::Relaxed).to_string();
            take_by(&claim, silence)
        };
        let lock = text("state/clws/target/vault/lock");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let refused = async |take: &Command| {
            let Holding::Ended(second) = channel.hold(take).await.unwrap() else {
                panic!("held twice");
            };
            assert_eq!(second.ended, Ended::Exit(75));
            assert_eq!(second.err, b"ada deploys web\n");
        };
        runtime.block_on(async {
            let Holding::Held(line, held) = channel.hold(&take(1)).await.unwrap() else {
                panic!("not held");
            };
            assert!(line.contains("\tkind=memory\t"), "{line}");
            let script = Command::new("cat; echo \"$1\" >&2; exit 3")
                .argument("it's")
                .input("in".into());
            let answer = held.ask("0f", &script).await.unwrap();
            assert_eq!(answer.ended, Ended::Exit(3));
            assert_eq!(
                (answer.out, answer.err),
                (b"in".to_vec(), b"it's\n".to_vec())
            );
            refused(&take(1)).await;
            // What is said keeps it, for longer than the silence would.
            for _ in 0..40 {
                assert!(held.ask("0f", &Command::new(":")).await.is_ok());
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            refused(&take(1)).await;
            assert!(held.is_held());
            // Nobody gives a sign of life from here on.
            tokio::time::sleep(Duration::from_secs(3)).await;
            let Holding::Held(_, third) = channel.hold(&take(0)).await.unwrap() else {
                panic!("not taken over");
            };
            assert!(held.ask("0f", &Command::new(":")).await.is_err());
            // Whose connection ends with it is never silent for too long, nor is another process ended.
            let written = std::fs::read_to_string(&lock).unwrap();
            let (holder, _) = written.split_once(" 0\n").unwrap();
            let (_, claim) = holder.split_once(' ').unwrap();
            let mut other = std::process::Command::new("sleep");
            let mut other = other.arg("100").spawn().unwrap();
            let number = other.id().to_string();
            let of_other = format!("{number} {claim} 1");
            for first in [format!("{holder} 0"), of_other, String::new()] {
                for last in ["1\n", "1", "", "x\n", "1\n\n"] {
                    std::fs::write(&lock, format!("{first}\n{last}")).unwrap();
                    refused(&take(1)).await;
                    refused(&take_by(claim, 1)).await;
                }
            }
            assert!(third.is_held() && other.try_wait().unwrap().is_none());
            other.kill().unwrap();
            other.wait().unwrap();
            // Who lost the connection to its own holder need not wait.
            std::fs::write(&lock, format!("{holder} 60\n999999999\n")).unwrap();
            refused(&take(1)).await;
            let again = channel.hold(&take_by(claim, 1)).await.unwrap();
            assert!(matches!(again, Holding::Held(..)), "{again:?}");
            assert!(third.ask("0f", &Command::new(":")).await.is_err());
        });
    }
}
