//! Why a container could not be had: no daemon, a silent one, or one that says no.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use bollard::errors::Error as BollardError;

use super::wire::CONNECTION_LIMIT;
use crate::error::{Code, Explain, Hint};
use crate::text;

/// A daemon's message is shown up to here; what a person needs stands at its beginning.
const TEXT_LIMIT: usize = 600;

/// What the Docker Engine could not do for us. No variant holds a value, and text of the daemon is
/// cleaned and cut.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// Nothing listens there, or we may not speak to it.
    #[error("no Docker daemon can be reached at {place}")]
    NoDaemon {
        /// The socket, or how it is reached.
        place: String,
        /// What the system said.
        why: String,
        /// Whether the socket is there and only access to it is missing.
        denied: bool,
    },
    /// The daemon took the request and did not answer in time.
    #[error("the Docker daemon at {place} did not answer within {} s: {doing}", after.as_secs())]
    Silent {
        /// The socket, or how it is reached.
        place: String,
        /// What was asked, in the imperative.
        doing: String,
        /// How long it was given.
        after: Duration,
    },
    /// No version of the API is spoken on both sides.
    #[error("the Docker daemon at {place} speaks API {theirs}, and clws speaks {ours}")]
    NoCommonVersion {
        /// The socket, or how it is reached.
        place: String,
        /// Its versions.
        theirs: String,
        /// Ours.
        ours: String,
    },
    /// The conversation broke: a cut connection, an answer that is no answer.
    #[error("the conversation with the Docker daemon broke: {doing}: {text}")]
    Broken {
        /// What was asked.
        doing: String,
        /// What went wrong.
        text: String,
    },
    /// An answer or an output went past the limit of one connection.
    #[error("the Docker daemon sent more than {} MiB: {doing}", CONNECTION_LIMIT >> 20)]
    TooMuch {
        /// What was asked.
        doing: String,
    },
    /// The daemon refused, or could not do it.
    #[error("the Docker daemon refused: {doing}: {text}")]
    Refused {
        /// What was asked.
        doing: String,
        /// The status of its HTTP answer.
        status: u16,
        /// Its words.
        text: String,
    },
    /// The image is not on the target.
    #[error("there is no image `{image}` on the target")]
    NoImage {
        /// The image's name, as the hook gives it.
        image: String,
    },
    /// There is no such container.
    #[error("there is no container `{name}`")]
    NoContainer {
        /// Its name.
        name: String,
    },
    /// A hook asks for something that no container can have.
    #[error("{what} `{text}` {why}")]
    Declaration {
        /// Which part of the declaration.
        what: &'static str,
        /// As it stands there.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Variables cannot come through a file where no shell reads it.
    #[error("the image `{image}` has no /bin/sh to read the environment's file with")]
    NoShell {
        /// The image's name.
        image: String,
    },
    /// Neither the hook nor the image says what to run.
    #[error("neither the hook nor the image `{image}` names a command")]
    NoCommand {
        /// The image's name.
        image: String,
    },
    /// The containers around a name are not what a replacement leaves behind.
    #[error("`{name}` and `{name}.clws-old` do not belong to one replacement")]
    Tangled {
        /// The component's container.
        name: String,
    },
    /// A container that has the component's name was not made for it.
    #[error("the container `{name}` {}", whose(place.as_deref()))]
    Foreign {
        /// Its name.
        name: String,
        /// The folder that it uses, if it is one of clws.
        place: Option<String>,
    },
    /// The new container failed, and the old one could not be put back either.
    #[error("{first}; and the old container was not put back: {second}")]
    NeitherRuns {
        /// Why the new one failed.
        first: Box<DockerError>,
        /// Why the old one did not come back.
        second: Box<DockerError>,
    },
}

impl DockerError {
    /// Reads what bollard reports about a request to the daemon at `place`.
    pub(super) fn of(place: &str, doing: &str, error: &BollardError) -> Self {
        let doing = doing.to_owned();
        if let BollardError::DockerResponseServerError {
            status_code,
            message,
        } = error
        {
            return Self::Refused {
                doing,
                status: *status_code,
                text: one_line(message),
            };
        }
        match io_kind(error) {
            Some(io::ErrorKind::FileTooLarge) => Self::TooMuch { doing },
            Some(
                kind @ (io::ErrorKind::NotFound
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::PermissionDenied),
            ) => Self::NoDaemon {
                place: place.to_owned(),
                why: one_line(&error.to_string()),
                denied: kind == io::ErrorKind::PermissionDenied,
            },
            _ => Self::Broken {
                doing,
                text: one_line(&with_causes(error)),
            },
        }
    }

    /// Whether the daemon said that there is no such thing.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

impl Explain for DockerError {
    fn code(&self) -> Code {
        match self {
            Self::NoDaemon { .. }
            | Self::Silent { .. }
            | Self::NoCommonVersion { .. }
            | Self::Broken { .. }
            | Self::TooMuch { .. } => Code::Backend,
            Self::Refused { .. } | Self::NeitherRuns { .. } => Code::Remote,
            Self::NoImage { .. } | Self::NoContainer { .. } => Code::NotFound,
            Self::Declaration { .. } | Self::NoShell { .. } | Self::NoCommand { .. } => {
                Code::Config
            }
            Self::Tangled { .. } | Self::Foreign { .. } => Code::Conflict,
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::NoDaemon { why, .. } => vec![why.clone()],
            _ => Vec::new(),
        }
    }

    fn hints(&self) -> Vec<Hint> {
        let hint = match self {
            Self::NoDaemon { denied: true, .. } => {
                "see that it runs, and let this user speak to it, e.g. as a member of the group `docker`"
                    .to_owned()
            }
            Self::NoDaemon { .. } => "start it, e.g. with `systemctl start docker`".to_owned(),
            Self::Silent { .. } => {
                "look at the daemon, e.g. with `journalctl -u docker`".to_owned()
            }
            Self::NoImage { image } => format!(
                "say `pull = true` or `registry` in the hook, or bring it there: `docker load` or \
                 `docker pull {image}` on the target"
            ),
            Self::NoShell { .. } => {
                "give the values as files, or use an image with a shell".to_owned()
            }
            Self::NoCommand { .. } => "name `command` in the hook".to_owned(),
            Self::Tangled { name } => {
                format!(
                    "look at `docker ps --all --filter name={name}` and remove what is not meant"
                )
            }
            Self::Foreign { name, place } => {
                return vec![
                    match place {
                        None => format!(
                            "to take over from it, `docker rename {name} {name}-before` or \
                             `docker rm --force {name}` there first"
                        ),
                        Some(_) => format!(
                            "stop that one with `clws deploy COMPONENT --stop` of its vault, or \
                             `docker rm --force {name}` there first"
                        ),
                    },
                    "or say another `name` below `[container]` in the hook".to_owned(),
                ];
            }
            Self::NeitherRuns { .. } => "look at `docker ps --all` on the target".to_owned(),
            Self::NoCommonVersion { .. } => {
                "use Docker Engine 20.10 or later on the target, and a clws of its time".to_owned()
            }
            Self::Broken { .. }
            | Self::TooMuch { .. }
            | Self::Refused { .. }
            | Self::NoContainer { .. }
            | Self::Declaration { .. } => return Vec::new(),
        };
        vec![hint]
    }
}

fn whose(place: Option<&str>) -> String {
    match place {
        None => "was not made by clws".to_owned(),
        Some(place) => {
            format!(
                "belongs to another component or vault: it uses {}",
                one_line(place)
            )
        }
    }
}

/// An id that a daemon gave, fit to go into a path of its API: hexadecimal, an image's with the name
/// of its hash before it.
pub(super) fn checked_id(doing: &str, id: Option<String>) -> Result<String, DockerError> {
    let id = id.unwrap_or_default();
    let digits = id.strip_prefix("sha256:").unwrap_or(&id);
    if (1..=64).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(id);
    }
    Err(DockerError::Broken {
        doing: doing.to_owned(),
        text: format!("`{}` is no id", one_line(&id)),
    })
}

/// Text from outside as one line that is safe to print, cut where it gets long.
pub(super) fn one_line(foreign: &str) -> String {
    let mut short: String = foreign.chars().take(TEXT_LIMIT).collect();
    if short.len() < foreign.len() {
        short.push('…');
    }
    text::clean(short.trim()).replace(['\n', '\t'], " ")
}

/// The message and those beneath it: hyper's own say no more than that something went wrong.
fn with_causes(error: &BollardError) -> String {
    let mut all = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !all.contains(&more) {
            all = format!("{all}: {more}");
        }
        cause = inner.source();
    }
    all
}

/// The system's error beneath, if there is one. Ours for a connection that brought too much may lie
/// under another that says only that reading failed.
fn io_kind(error: &BollardError) -> Option<io::ErrorKind> {
    let mut kinds = Vec::new();
    if let BollardError::IOError { err } = error {
        kinds.push(err.kind());
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        kinds.extend(inner.downcast_ref::<io::Error>().map(io::Error::kind));
        cause = inner.source();
    }
    let ours = io::ErrorKind::FileTooLarge;
    kinds
        .iter()
        .find(|kind| **kind == ours)
        .or(kinds.first())
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemons_words_are_one_clean_short_line() {
        let hostile = format!("no\u{1b}[2J\r\nway\u{202e}{}", "x".repeat(5000));
        let error = BollardError::DockerResponseServerError {
            status_code: 500,
            message: hostile,
        };
        let shown = DockerError::of("here", "start it", &error).to_string();
        assert!(
            shown.contains("no\\u{1b}[2J\\u{d} way\\u{202e}xxx"),
            "{shown}"
        );
        assert!(shown.len() < 1000 && !shown.contains('\n'));
    }

    #[test]
    fn a_missing_socket_is_no_daemon_and_a_cut_connection_is_a_broken_one() {
        let of = |kind: io::ErrorKind| {
            let error = BollardError::IOError {
                err: io::Error::from(kind),
            };
            DockerError::of("here", "ask for its version", &error)
        };
        assert!(matches!(
            of(io::ErrorKind::NotFound),
            DockerError::NoDaemon { denied: false, .. }
        ));
        assert!(matches!(
            of(io::ErrorKind::PermissionDenied),
            DockerError::NoDaemon { denied: true, .. }
        ));
        assert!(matches!(
            of(io::ErrorKind::ConnectionReset),
            DockerError::Broken { .. }
        ));
        assert_eq!(of(io::ErrorKind::NotFound).code(), Code::Backend);
    }
}
