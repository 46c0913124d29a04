//! Why a secret is not rotated.

use crate::error::{Code, Explain};
use crate::text::{clean_line, count, list};

/// What stands between a secret and its new value.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// Nothing is known that makes a new value.
    #[error("`{path}` has no rotator")]
    NoRotator {
        /// The secret.
        path: String,
    },
    /// A rotator's script did not do what was asked.
    #[error("`{path}`: the rotator `{rotator}`, asked for `{word}`, ended with {why}")]
    Script {
        /// The secret.
        path: String,
        /// The rotator.
        rotator: String,
        /// What was asked of it.
        word: &'static str,
        /// How it ended, and what it said, without the values.
        why: String,
    },
    /// Somewhere outside a value is not accepted as it should be.
    #[error("`{path}`: {place}: {why}")]
    Outside {
        /// The secret.
        path: String,
        /// Where.
        place: String,
        /// Why, without the values.
        why: String,
    },
    /// Some hosts do not have what is given out.
    #[error("`{path}`: {} not done: {}", count(left.len(), "host"), left.iter().map(|(host, why)| format!("{host} ({why})")).collect::<Vec<_>>().join(", "))]
    Hosts {
        /// The secret.
        path: String,
        /// How many are done.
        done: usize,
        /// The others, and why.
        left: Vec<(String, String)>,
    },
    /// A host does not do what its files say.
    #[error("`{path}`: {host} {why}")]
    OnHost {
        /// The secret.
        path: String,
        /// The host.
        host: String,
        /// What it does.
        why: String,
    },
    /// The key is a party's, which the rules say.
    #[error("`{path}` is a key of the party {party}, and the rules have to say which one counts")]
    OfParty {
        /// The secret.
        path: String,
        /// The party.
        party: String,
        /// What is to be done with a key there: `--sign-key`, `--ssh` or `--drop`.
        option: &'static str,
        /// That key's public line.
        line: String,
    },
    /// A certificate, or a pair, that is not right.
    #[error("what was handed in for `{path}` is refused: {why}")]
    DoesNotFit {
        /// The certificate.
        path: String,
        /// Why.
        why: String,
    },
    /// Nobody has the answer yet.
    #[error("`{path}` waits for its certificate; its new key is kept")]
    Awaited {
        /// The certificate.
        path: String,
    },
    /// The rotator cannot make a value like this one.
    #[error("no new value is made for `{path}`: {why}")]
    NotMade {
        /// The secret.
        path: String,
        /// Why.
        why: &'static str,
    },
    /// Something lies beside the value.
    #[error("a rotation of `{path}` is not done")]
    UnderWay {
        /// The secret.
        path: String,
    },
    /// Somebody gave another value, or what lay beside it is gone.
    #[error("`{path}` was given another value while its rotation went on, or has lost its new one")]
    Moved {
        /// The secret.
        path: String,
    },
    /// One new value for two names would be read by somebody who reads one of them alone.
    #[error(
        "`{other}` has the same value as `{path}`, and {who} reads one of both alone: one new value would be told to {who}"
    )]
    WouldTell {
        /// A secret.
        path: String,
        /// Another one.
        other: String,
        /// Who.
        who: String,
    },
    /// The rotation is ended, and what it did outside stays.
    #[error(
        "{} was given another value while its rotation went on: outside, nothing more was done for it",
        list(paths)
    )]
    LeftOutside {
        /// The secrets.
        paths: Vec<String>,
    },
    /// The old value is gone for good.
    #[error("the server that made the new value of `{path}` does not take the old one back")]
    OneWay {
        /// The secret.
        path: String,
    },
    /// Another run of this machine.
    #[error("another rotation runs here")]
    Busy,
    /// Nothing to go on with.
    #[error("no rotation of this was begun on this machine")]
    NotBegun,
    /// It was begun elsewhere.
    #[error("the rotation of {path} was not begun on this machine")]
    BegunElsewhere {
        /// The secret.
        path: String,
    },
    /// The record does not read.
    #[error("the record {file} of a rotation does not read")]
    Record {
        /// The file.
        file: String,
    },
}

impl Explain for RotateError {
    fn code(&self) -> Code {
        match self {
            Self::NoRotator { .. } | Self::NotMade { .. } => Code::Usage,
            Self::Hosts { done: 1.., .. } => Code::Partial,
            Self::Script { .. }
            | Self::Outside { .. }
            | Self::Hosts { .. }
            | Self::OnHost { .. } => Code::Remote,
            Self::UnderWay { .. }
            | Self::Moved { .. }
            | Self::LeftOutside { .. }
            | Self::OfParty { .. }
            | Self::OneWay { .. } => Code::Conflict,
            Self::WouldTell { .. } => Code::Denied,
            Self::DoesNotFit { .. } => Code::DataErr,
            Self::Busy | Self::Awaited { .. } => Code::TempFail,
            Self::NotBegun | Self::BegunElsewhere { .. } => Code::NotFound,
            Self::Record { .. } => Code::DataErr,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoRotator { path, .. } => vec![
                format!(
                    "`clws secret policy {path} --rotator random`, if only the components compare it"
                ),
                format!("`clws secret policy {path} --rotator by-hand`, if you make it elsewhere"),
            ],
            Self::DoesNotFit { .. } => vec!["nothing has changed".to_owned()],
            Self::WouldTell { path, other, .. } => vec![
                format!(
                    "`clws rotate --apart PATH` gives `{path}` or `{other}` a value of its own, and the other one keeps the old one"
                ),
                format!("`clws rotate {path} {other}` if both are to have one value all the same"),
            ],
            Self::Awaited { path } => vec![
                format!("`clws rotate --resume {path} < CHAIN.PEM` when it is there"),
                format!("`clws rotate --undo {path}` gives it up"),
            ],
            Self::NotMade { path, .. } => {
                vec![format!("`clws secret set {path}` takes a new one")]
            }
            Self::OfParty {
                path,
                party,
                option,
                line,
            } => vec![
                format!(
                    "`clws recipient update {party} {option} \"{}\"`",
                    clean_line(line)
                ),
                format!("then `clws rotate --resume {path}`"),
            ],
            Self::UnderWay { path }
            | Self::Script { path, .. }
            | Self::Outside { path, .. }
            | Self::Hosts { path, .. }
            | Self::OnHost { path, .. } => vec![
                format!("`clws rotate --resume {path}` goes on with it"),
                format!("`clws rotate --undo {path}` leads back to the old value"),
            ],
            Self::Moved { path } => {
                vec![format!(
                    "`clws rotate --undo {path}` ends the rotation; the value of now stays"
                )]
            }
            Self::LeftOutside { paths } => {
                let mut hints = vec![
                    "the old and the new value of that rotation may both be accepted outside: withdraw them there"
                        .to_owned(),
                ];
                let again =
                    |path: &String| format!("then `clws rotate {path}`, if there is a value");
                hints.extend(paths.iter().map(again));
                hints
            }
            Self::OneWay { path } => {
                vec![format!("`clws rotate --resume {path}` goes on with it")]
            }
            Self::Busy => vec!["wait until it is done".to_owned()],
            Self::NotBegun => vec!["`clws check` names what is under way".to_owned()],
            Self::BegunElsewhere { path } => vec![
                format!("`clws rotate --resume {path}` on the machine that began it"),
                format!(
                    "`clws rotate --undo {path}` drops the value that lies beside it, also here"
                ),
            ],
            Self::Record { .. } => {
                vec!["remove it; `clws rotate --undo PATH` then ends the rotation".to_owned()]
            }
        }
    }
}
