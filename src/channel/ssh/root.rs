//! Becoming root on a host, for deploys: by sudo, which asks for no password.
//!
//! Every command is then started by sudo itself. Nothing secret is in its line, which sudo logs; what is
//! secret goes in through standard input as ever. sudo can be told to record that too (`log_input`), on
//! the host's disk, so it is asked first.

use super::Session;
use crate::channel::quoting::As;
use crate::channel::way::Kept;
use crate::channel::{Command, Ended};
use crate::error::{Code, Error, Explain};
use crate::recipients::Become;
use crate::text::clean;

/// Exits with 3 if sudo records what goes in, with 4 if it does not let this account become root.
const ASK: &str = r#"
export LC_ALL=C
command -v sudo >/dev/null || { echo 'there is no sudo' >&2; exit 4; }
said=$(sudo -n -l 2>&1) || { printf '%s\n' "$said" >&2; exit 4; }
printf '%s\n' "$said" | grep -qE '(^|[ ,])log_(input|stdin)([ ,]|$)|(^|[ ):])LOG_INPUT:' && exit 3
sudo -n setsid true || exit 4
"#;

/// Why an account does not become root.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// It may not.
    #[error("{host} does not let its account {user} become root by sudo: {said}")]
    Refused {
        /// The host.
        host: String,
        /// Who logged in.
        user: String,
        /// What sudo said.
        said: String,
    },
    /// Values would lie on the host's disk.
    #[error("sudo on {host} records what goes in (`log_input`), so nothing is sent through it")]
    Recorded {
        /// The host.
        host: String,
    },
}

impl Explain for RootError {
    fn code(&self) -> Code {
        match self {
            Self::Refused { .. } => Code::Host,
            Self::Recorded { .. } => Code::Denied,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Refused { host, user, .. } => vec![
                format!(
                    "`{user} ALL=(root) NOPASSWD: ALL` in a file of /etc/sudoers.d there lets it"
                ),
                format!("or take `become` out of recipients/{host}.toml, then `clws trust sign`"),
            ],
            Self::Recorded { .. } => {
                vec!["`Defaults!ALL !log_input` in a file of /etc/sudoers.d there".to_owned()]
            }
        }
    }
}

impl Session {
    /// Has every command from now on run as root, but for those that somebody sits in front of.
    ///
    /// # Errors
    /// [`RootError`], [`crate::channel::ChannelError`].
    pub(in crate::channel) async fn become_root(&mut self, how: Become) -> Result<(), Error> {
        let Become::Sudo = how;
        let mut kept = Kept::default();
        let mut sink = |source, bytes: &[u8]| {
            kept.push(source, bytes, MOST);
            std::ops::ControlFlow::Continue(())
        };
        let ended = self.run(&Command::new(ASK), &mut sink).await?;
        match ended {
            Ended::Exit(0) => {
                self.who = As::Root;
                Ok(())
            }
            Ended::Exit(3) => Err(RootError::Recorded {
                host: self.name().to_owned(),
            }
            .into()),
            _ => {
                let said = String::from_utf8_lossy(&kept.err).into_owned();
                let said: Vec<&str> = said.lines().map(str::trim).collect();
                Err(RootError::Refused {
                    host: self.name().to_owned(),
                    user: self.user().to_owned(),
                    said: clean(said.join("; ").trim()),
                }
                .into())
            }
        }
    }
}

/// What sudo says in a sentence is no longer.
const MOST: usize = 2 << 10;
