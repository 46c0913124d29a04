//! A target made ready: its folders, its lock, its receipts.
//!
//! Everything here is a small POSIX script; nothing of ours is installed on the target. The shell that
//! holds the lock runs them, see [`crate::channel::conversation`].

pub(super) mod connected;
mod error;
pub(super) mod facts;
pub(super) mod leftover;
pub(super) mod lock;
pub(super) mod process;
pub(super) mod put;

use std::time::Duration;

use self::connected::Connected;
pub use self::error::TargetError;
use self::facts::{FACTS, FOLDERS, Facts, WHO};
use self::leftover::{CLEAR, LOOK};
use self::lock::{LOCK, SILENCE, Taker};
use self::process::{FINISH, PROC};
use self::put::PUT;
use super::receipt::{Receipt, Unread};
use crate::channel::{Channel, Command, Ended, Held, Holding, MAX_INPUT, Outcome, SERVE};
use crate::crypto::hex;
use crate::error::Error;
use crate::fleet::Host;
use crate::name::{Component, PartyName};
use crate::recipients::Kind;
use crate::secret::Plain;
use crate::text::{clean, clean_line};
use crate::vault::Vault;
use crate::world::World;

/// Writes the receipt `$2` to `$1`, whole or not at all. It is an argument, which other accounts see
/// no more than input: all of it is there, or nothing is called. What `room` writes is the same, and says
/// whether there is room for it.
const KEEP: &str = r#"
room() { umask 077; printf %s "$2" >"$1.new"; }
keep() { room "$@" && sync "$1.new" && mv "$1.new" "$1"; }
"#;

/// The functions that each script of ours finds on the target, so that they go there once. `look`, `put`,
/// `clear`, `replaced`, `room` and `keep` neither exit nor leave the folder.
const FUNCTIONS: [&str; 6] = [PROC, FINISH, LOOK, PUT, CLEAR, KEEP];

/// The script that makes the folders, takes the lock, says where it is, and serves. `who` is [`WHO`].
pub(super) fn taking(who: &str, taker: &Taker<'_>, silence: Duration) -> Command {
    let functions = FUNCTIONS.concat();
    Command::new(format!("{functions}{who}{FOLDERS}{LOCK}{FACTS}{SERVE}"))
        .argument(taker.vault)
        .argument(taker.by)
        .argument(silence.as_secs().to_string())
        .argument(taker.claim)
        .output_cap(MAX_ANSWER)
}

/// What a script of ours prints is no longer; a receipt may be.
pub(super) const MAX_ANSWER: usize = 64 * 1024;

/// No host has so many components, or disks: each is a line or two of what is shown.
pub(super) const MOST: usize = 1000;

/// That a host has more.
pub(super) fn too_many(host: &PartyName) -> TargetError {
    TargetError::Script {
        host: host.to_string(),
        doing: "say what it has".into(),
        said: format!("it names more than {MOST} components or disks"),
    }
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
    /// [`TargetError::Locked`] with who has it; [`TargetError::Script`], [`crate::channel::ChannelError`].
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

    /// Refuses what another host of the rules has here: both names lead to one account of one machine. A name
    /// that is none of a host any more was this one's.
    ///
    /// # Errors
    /// [`TargetError::OfOther`], [`TargetError::ClaimsOther`]; [`crate::trust::TrustError`].
    pub(super) fn demand_own(
        &self,
        vault: &Vault,
        component: &Component,
        receipt: &Receipt,
    ) -> Result<(), Error> {
        if receipt.host == self.host.name.as_str() {
            return Ok(());
        }
        // What a target says may be anything.
        let Ok(other) = receipt.host.parse::<PartyName>() else {
            return Ok(());
        };
        let party = vault.party_if_known(&other)?;
        let Some(party) = party.filter(|party| party.kind == Kind::Host) else {
            return Ok(());
        };
        let host = self.host.name.to_string();
        let (component, other) = (component.to_string(), other.to_string());
        Err(match self.host.may_be(&party) {
            true => TargetError::OfOther {
                host,
                component,
                other,
            },
            false => TargetError::ClaimsOther {
                host,
                component,
                other,
            },
        }
        .into())
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
    ) -> Result<String, Error> {
        let mut command = Command::new(script).output_cap(MAX_ANSWER);
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

    /// Refuses a host that names more components than any has: each is a question to it, and a line that is shown.
    ///
    /// # Errors
    /// [`TargetError::Script`].
    pub(super) fn demand_few(&self, components: usize) -> Result<(), TargetError> {
        match components <= MOST {
            true => Ok(()),
            false => Err(too_many(&self.host.name)),
        }
    }

    /// Refuses to leave something where it would not stay. Who deploys to this machine sits there.
    ///
    /// # Errors
    /// [`TargetError::Goes`].
    pub(super) fn demand_stays(&self) -> Result<(), TargetError> {
        match (&self.channel, &self.facts.goes) {
            (Channel::Ssh(_), Some(account)) => Err(TargetError::Goes {
                host: self.host.name.to_string(),
                account: clean_line(account),
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
    /// [`TargetError::BadReceipt`], [`TargetError::NewerReceipt`].
    pub(super) fn parse_receipt(
        &self,
        component: &Component,
        text: &str,
    ) -> Result<Option<Receipt>, TargetError> {
        if text.is_empty() {
            return Ok(None);
        }
        let (host, component) = (self.host.name.to_string(), component.to_string());
        match Receipt::parse(text.as_bytes()) {
            Ok(receipt) => Ok(Some(receipt)),
            Err(Unread::Broken) => Err(TargetError::BadReceipt { host, component }),
            Err(Unread::Newer(clws)) => Err(TargetError::NewerReceipt {
                host,
                component,
                clws,
            }),
        }
    }

    /// The components that have a receipt here.
    ///
    /// # Errors
    /// [`crate::channel::ChannelError`], [`TargetError`].
    pub(super) async fn receipts(&self) -> Result<Vec<Component>, Error> {
        let script = r#"cd "$1" && for f in *.json; do [ ! -f "$f" ] || echo "${f%.json}"; done"#;
        let text = self
            .sh("list its receipts", script, &[&self.facts.state])
            .await?;
        Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// Writes what will be a receipt beside it, so that a full disk is met early; [`self::leftover::clear`]
    /// removes it.
    ///
    /// # Errors
    /// [`crate::channel::ChannelError`], [`TargetError`].
    pub(super) async fn make_room(
        &self,
        component: &Component,
        receipt: &Receipt,
    ) -> Result<(), Error> {
        self.with_receipt("make room for its receipt", "room", (component, receipt))
            .await
    }

    /// Writes a receipt, whole or not at all.
    ///
    /// # Errors
    /// [`crate::channel::ChannelError`], [`TargetError`].
    pub(super) async fn write_receipt(
        &self,
        component: &Component,
        receipt: &Receipt,
    ) -> Result<(), Error> {
        self.with_receipt("keep its receipt", "keep", (component, receipt))
            .await
    }

    /// Calls one of [`FUNCTIONS`] with the file of a receipt and its text.
    async fn with_receipt(
        &self,
        doing: &str,
        function: &str,
        (component, receipt): (&Component, &Receipt),
    ) -> Result<(), Error> {
        let command = Command::new(function)
            .argument(self.receipt_file(component))
            .argument(receipt.print());
        self.call(doing, &command, &[]).await.map(drop)
    }

    /// Removes a receipt.
    ///
    /// # Errors
    /// [`crate::channel::ChannelError`], [`TargetError`].
    pub(super) async fn remove_receipt(&self, component: &Component) -> Result<(), Error> {
        let path = self.receipt_file(component);
        self.sh("remove its receipt", r#"rm -f "$1""#, &[&path])
            .await
            .map(drop)
    }

    /// The name of the vault's folders there.
    pub(super) fn vault(&self) -> &str {
        self.facts.run.rsplit('/').next().unwrap_or_default()
    }

    /// What the folders of a component's deploys have in their paths, wherever the vault's folder is.
    pub(super) fn whose(&self, component: &Component) -> String {
        format!("/{}/{component}/", self.vault())
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
