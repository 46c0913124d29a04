//! Why a target cannot be worked with, and what leads on.

use crate::error::{Code, Explain};

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
    #[error(
        "the receipt of {component} on {host} was written by clws {clws}, which is newer than this one"
    )]
    NewerReceipt {
        host: String,
        component: String,
        clws: String,
    },
    #[error(
        "what {host} has of {component} is of the host {other}: both names lead to one account of one machine"
    )]
    OfOther {
        host: String,
        component: String,
        other: String,
    },
    #[error(
        "{host} says that what it has of {component} is of the host {other}, and the two have no host key in common"
    )]
    ClaimsOther {
        host: String,
        component: String,
        other: String,
    },
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
            Self::NewerReceipt { .. } => Code::DataErr,
            Self::Locked { .. } => Code::TempFail,
            Self::OfOther { .. } | Self::ClaimsOther { .. } => Code::Conflict,
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
            Self::OfOther {
                host,
                component,
                other,
            } => vec![
                format!("`--on {other}`, if that is the one that is meant"),
                format!(
                    "where {host} is: `clws deploy {component} --on {other} --stop` before, or `clws recipient remove` \
                     the name that is not meant"
                ),
            ],
            // Nothing that it says has anything done on the other one.
            Self::ClaimsOther {
                host, component, ..
            } => vec![
                format!(
                    "if it is a copy of that machine, look at {component}.json on {host}; removing it makes the next \
                     deploy a first one"
                ),
                "if both names are of one machine, give them the same host keys: `clws host scan`"
                    .into(),
            ],
            Self::Newer { .. } | Self::NewerHook { .. } => {
                vec!["git pull, so that this vault has what was deployed".into()]
            }
            Self::BadReceipt { component, .. } => {
                vec![format!(
                    "look at {component}.json there; removing it makes the next deploy a first one"
                )]
            }
            Self::NewerReceipt { clws, .. } => {
                vec![format!("deploy with clws {clws}, or install that here")]
            }
            Self::Script { .. } => Vec::new(),
        }
    }
}
