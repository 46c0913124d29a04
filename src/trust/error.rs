//! Why a vault's rules are not trusted here.

use std::path::{Path, PathBuf};

use super::pin::ACCEPTED_FOLDER;
use super::{RulesError, version_file};
use crate::error::{Code, Explain, MERGE};
use crate::fs::FsError;
use crate::lines::LineError;
use crate::world::WorldError;

use super::SETTINGS_FILE;

/// What stands between this machine and the rules of a vault.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant is")]
pub enum TrustError {
    #[error(transparent)]
    Fs(#[from] FsError),
    #[error(transparent)]
    Line(#[from] LineError),
    #[error(transparent)]
    World(#[from] WorldError),
    #[error("{} is no vault: it has no recipients/trust/1.toml", .0.display())]
    NoVault(PathBuf),
    #[error("trust version {0} is missing between versions that are there")]
    Gap(u64, Option<u64>),
    #[error("the vault in {} is another one", .0.display())]
    OtherVault(PathBuf),
    #[error("the trust version {0}, which was joined, is not in recipients/trust/also/")]
    NotJoined(String),
    #[error("trust version {number} has tables behind its signatures, which nobody signed")]
    BehindBody { number: u64 },
    #[error("trust version {number} does not follow from version {}: {why}", .number.saturating_sub(1))]
    DoesNotFollow { number: u64, why: String },
    #[error("this machine has not accepted this vault yet; its rules are {fingerprint}@{number}")]
    FirstUse {
        fingerprint: String,
        number: u64,
        admins: Vec<String>,
    },
    #[error("this vault's trust version {number} is {found}, and {expected} was expected")]
    NotExpected {
        number: u64,
        found: String,
        expected: String,
    },
    #[error("trust version {number} here is another one than this machine accepted")]
    Sibling { number: u64 },
    #[error("`{file}` is not what trust version {number} signed")]
    Unsigned {
        file: String,
        number: u64,
        all: usize,
    },
    #[error("the rules of trust version {number} do not hold: {error}")]
    Rules { number: u64, error: Box<RulesError> },
    #[error("what this machine remembers of the vault is damaged: {}: {why}", .path.display())]
    Damaged { path: PathBuf, why: String },
    #[error("`{0}` is no FINGERPRINT@N")]
    BadExpectation(String),
    #[error("there is no party `{name}` in the accepted rules")]
    NoParty {
        name: String,
        /// The party that may be meant.
        nearest: Option<String>,
    },
    #[error("`{file}` of the proposal in recipients/trust/proposal/ {why}")]
    Proposal { file: String, why: &'static str },
    #[error("a proposal of trust version {number} is open, and this is another change")]
    OtherProposal { number: u64, lacking: String },
    #[error("the rules of this vault were changed meanwhile")]
    Moved,
    #[error("trust version {here} here is older than {accepted}, which this machine accepted")]
    Older {
        here: u64,
        accepted: u64,
        /// Whether this machine can put the accepted one back.
        kept: bool,
    },
}

impl Explain for TrustError {
    fn code(&self) -> Code {
        match self {
            Self::Fs(error) => error.code(),
            Self::Line(error) => error.code(),
            Self::World(error) => error.code(),
            // Nobody signs such rules with this program: whoever made them, they are malformed.
            Self::Rules { error, .. } if error.code() == Code::Conflict => Code::Conflict,
            Self::Rules { .. } => Code::DataErr,
            Self::NoVault(_) | Self::NoParty { .. } => Code::NotFound,
            Self::BadExpectation(_) | Self::OtherVault(_) => Code::Usage,
            Self::Older { .. } => Code::Rollback,
            Self::Moved => Code::TempFail,
            Self::OtherProposal { .. } => Code::Conflict,
            _ => Code::Trust,
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::FirstUse { admins, .. } => {
                vec![format!("it is decided by {}", crate::text::list(admins))]
            }
            Self::OtherProposal { lacking, .. } => vec![format!("it waits for {lacking}")],
            Self::Unsigned { all, .. } if *all > 1 => vec![format!("{all} files differ in all")],
            _ => Vec::new(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Fs(error) => error.hints(),
            Self::Line(error) => error.hints(),
            Self::World(error) => error.hints(),
            Self::Rules { number, .. } => vec![
                format!("`git log -- {}` shows who brought it", version_file(*number)),
                "an administrator takes it back with git and signs another one, or signs one that follows".into(),
            ],
            // A sparse checkout, or a folder that was removed.
            Self::NoVault(dir) if dir.join(SETTINGS_FILE).is_file() => vec![
                "`git checkout -- recipients secrets` brings them back; in a sparse checkout: `git \
                 sparse-checkout add recipients secrets`"
                    .into(),
            ],
            Self::NoVault(_) => {
                vec!["`clws init` makes a vault here; `--vault DIR` names another".into()]
            }
            Self::FirstUse {
                fingerprint,
                number,
                ..
            } => vec![
                "compare this fingerprint with an administrator's `clws trust show`".into(),
                format!("then run this again with `--expect {fingerprint}@{number}`"),
            ],
            Self::Unsigned { .. } => vec![
                "`clws trust diff` shows what differs".into(),
                "an administrator takes it over with `clws trust sign`; else put it back with git"
                    .into(),
            ],
            Self::Sibling { .. } => vec![
                "`clws trust diff` shows how they differ".into(),
                "if both are meant, an administrator joins them with `clws trust merge REV`".into(),
                "if the accepted one was given up, that leads on too: what it changed is taken back afterwards".into(),
            ],
            Self::OtherVault(_) => vec!["name another branch of this vault".into()],
            Self::NotExpected { .. } => {
                vec!["ask an administrator for the fingerprint that `clws trust show` prints".into()]
            }
            Self::BehindBody { .. } | Self::DoesNotFollow { .. } => vec![
                "`git log -- recipients/trust` shows who brought it; put the folder back with git".into(),
            ],
            Self::Gap(_, Some(above)) => vec![
                "check out the whole of recipients/trust/".into(),
                format!(
                    "if nobody signed so many: `git log -- recipients/trust/{above}.toml` shows who brought \
                     that one; `rm recipients/trust/{above}.toml`"
                ),
            ],
            Self::Gap(_, None) | Self::NotJoined(_) => {
                vec!["check out the whole of recipients/trust/".into()]
            }
            Self::Damaged { path, .. } => vec![format!(
                "remove {} and accept the vault again with `--expect FINGERPRINT@N` from an administrator",
                forgets(path).display()
            )],
            Self::BadExpectation(_) => vec!["`clws trust show` prints it".into()],
            Self::Proposal { .. } => vec![
                "put the folder back with git, or remove it: `rm -r recipients/trust/proposal`".into(),
            ],
            Self::OtherProposal { .. } => vec![
                "`clws trust diff` shows it; `clws trust sign`, with the rules in the tree as git has \
                 them, signs it"
                    .into(),
                "or give it up: `rm -r recipients/trust/proposal`".into(),
            ],
            Self::NoParty {
                nearest: Some(near),
                ..
            } => vec![format!("is `{near}` meant?")],
            Self::NoParty { nearest: None, .. } => {
                vec!["`clws recipient list` shows who there is".into()]
            }
            Self::Older { kept, .. } => vec![
                MERGE.into(),
                match kept {
                    true => "if no branch has it any more: `clws trust accept` puts it back into the tree",
                    false => {
                        "if no branch has it any more, out of a commit that had it: `git checkout REV -- \
                         recipients clws.toml`"
                    }
                }
                .into(),
            ],
            Self::Moved => vec!["run the command again; it goes by the new rules then".into()],
        }
    }
}

/// What has to go so that the vault can be accepted again: for a copy of rules the chain that says which copy counts.
fn forgets(damaged: &Path) -> PathBuf {
    let mut all = damaged.ancestors();
    let copies = all.find(|folder| {
        folder
            .file_name()
            .is_some_and(|name| name == ACCEPTED_FOLDER)
    });
    copies.map_or_else(
        || damaged.to_owned(),
        |copies| copies.with_file_name("trust"),
    )
}
