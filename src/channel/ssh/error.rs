//! Why there is no SSH session.

use std::io;
use std::time::Duration;

use super::host_key::KnownHost;
use crate::error::{Code, Explain, Hint};
use crate::text;

/// The phase in which the address is looked up.
pub(super) const LOOK_UP: &str = "the look-up of its name";

/// Why there is no session with a host. Text from the host is safe to print here.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// The party's record cannot be used.
    #[error("host `{host}` has a host key on record that cannot be read")]
    BadHostKey {
        /// The host.
        host: String,
    },
    /// Nothing is on record that the host could prove itself with.
    #[error("host `{host}` has no host key on record that can be checked")]
    NoHostKey {
        /// The host.
        host: String,
        /// The algorithms that are on record, all of them RSA.
        recorded: Vec<String>,
    },
    /// The host shows another key than is on record.
    #[error("host `{}` shows a host key that is not on record", host.name())]
    HostKeyChanged {
        /// The host.
        host: KnownHost,
        /// Algorithm and SHA-256 fingerprint of what it shows.
        shown: String,
    },
    /// The key that the host has was taken back.
    #[error("host `{host}` has a host key that your known_hosts revokes")]
    HostKeyRevoked {
        /// The host.
        host: String,
        /// Algorithm and SHA-256 fingerprint of each.
        keys: Vec<String>,
    },
    /// The host has no key of an algorithm that is on record.
    #[error("host `{}` offers no host key of a type that is on record", host.name())]
    HostKeyType {
        /// The host.
        host: KnownHost,
        /// What it offers.
        offered: Vec<String>,
    },
    /// The host shows the key and did not prove that it has its private half.
    #[error("host `{}` did not prove that it holds its host key", host.name())]
    HostKeyUnproven {
        /// The host.
        host: KnownHost,
    },
    /// The name has no address.
    #[error("host `{}` has no address: `{}` cannot be looked up", host.name(), host.address())]
    NoAddress {
        /// The host.
        host: KnownHost,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody answers.
    #[error("host `{}` does not answer at {}", host.name(), host.place())]
    Unreachable {
        /// The host.
        host: KnownHost,
        /// What the system said.
        source: io::Error,
    },
    /// The host before it on the way does not get there.
    #[error("host `{}` cannot be reached through `{via}`: {reason}", host.name())]
    NotThrough {
        /// The host.
        host: KnownHost,
        /// The host before it.
        via: String,
        /// What that one said.
        reason: String,
        /// Whether it does not let anybody through.
        forbidden: bool,
    },
    /// A clock ran out.
    #[error("host `{}` took longer than {} s for {phase}", host.name(), limit.as_secs_f32())]
    Slow {
        /// The host.
        host: KnownHost,
        /// What took long.
        phase: &'static str,
        /// The clock.
        limit: Duration,
    },
    /// The host speaks SSH, but nothing that is safe enough.
    #[error("host `{}` has no {what} in common with clws", host.name())]
    NoCommon {
        /// The host.
        host: KnownHost,
        /// What is missing.
        what: &'static str,
        /// What it offers.
        offered: Vec<String>,
    },
    /// The host does something that is not SSH, or hangs up.
    #[error("the connection to host `{}` broke: {reason}", host.name())]
    Protocol {
        /// The host.
        host: KnownHost,
        /// What happened.
        reason: String,
    },
    /// The host wants none of the keys.
    #[error("host `{}` refused the login as `{}`", host.name(), host.user())]
    LoginRefused {
        /// The host.
        host: KnownHost,
        /// Each key, by fingerprint, and what became of it.
        tried: Vec<String>,
        /// The ways to log in that it names.
        methods: Vec<&'static str>,
        /// What it said.
        said: Option<String>,
    },
}

impl Explain for SshError {
    fn code(&self) -> Code {
        match self {
            Self::BadHostKey { .. } => Code::DataErr,
            Self::NoHostKey { .. }
            | Self::HostKeyChanged { .. }
            | Self::HostKeyRevoked { .. }
            | Self::HostKeyType { .. }
            | Self::HostKeyUnproven { .. } => Code::HostKey,
            Self::NoAddress { .. }
            | Self::Unreachable { .. }
            | Self::NotThrough { .. }
            | Self::Slow { .. }
            | Self::NoCommon { .. }
            | Self::Protocol { .. }
            | Self::LoginRefused { .. } => Code::Host,
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::NoHostKey { recorded, .. } if recorded.is_empty() => Vec::new(),
            Self::NoHostKey { recorded, .. } => vec![format!(
                "on record is {}; clws checks ed25519 and ecdsa host keys",
                text::list(recorded)
            )],
            Self::HostKeyChanged { host, shown } => {
                vec![format!("it shows {shown}"), on_record(host)]
            }
            Self::HostKeyType { host, offered } => vec![
                format!("it offers {}", text::list(offered)),
                on_record(host),
            ],
            Self::HostKeyRevoked { keys, .. } => keys.clone(),
            Self::NoCommon { offered, .. } => vec![format!("it offers {}", text::list(offered))],
            Self::LoginRefused {
                tried,
                methods,
                said,
                ..
            } => {
                let mut notes: Vec<_> = tried.iter().map(|key| format!("tried {key}")).collect();
                if !methods.is_empty() {
                    notes.push(format!("it takes {}", text::any_of(methods)));
                }
                notes.extend(said.iter().map(|said| format!("it said: {said}")));
                notes
            }
            _ => Vec::new(),
        }
    }

    fn hints(&self) -> Vec<Hint> {
        match self {
            Self::BadHostKey { host } => vec![format!(
                "mend recipients/{host}.toml, then `clws trust sign`"
            )],
            Self::NoHostKey { host, recorded } if recorded.is_empty() => vec![format!(
                "`clws host scan {host}` shows its host keys, and takes them with `--add`"
            )],
            Self::HostKeyRevoked { .. } => vec![ask()],
            Self::NotThrough {
                via,
                forbidden: true,
                ..
            } => {
                vec![format!(
                    "`AllowTcpForwarding` in the sshd_config of {via} decides"
                )]
            }
            Self::NotThrough { host, .. } => vec![format!(
                "look at `address` and `port` in recipients/{}.toml, as the host before it sees them",
                host.name()
            )],
            Self::NoHostKey { host, .. } => make_one(host),
            // It showed another key once, so this is no less suspicious than a changed one.
            Self::HostKeyType { host, offered } if offered.iter().all(|key| is_rsa(key)) => {
                [vec![ask()], make_one(host.name())].concat()
            }
            // The one on record may still be right, of a host that does not prove it.
            Self::HostKeyUnproven { host } => vec![ask(), scan(host, &[])],
            Self::HostKeyType { host, .. } => vec![ask(), scan(host, &host.fingerprints())],
            Self::HostKeyChanged { host, shown } => {
                let mut old = host.fingerprints();
                old.retain(|old| old.split(' ').next() == shown.split(' ').next());
                vec![ask(), scan(host, &old)]
            }
            Self::LoginRefused { host, tried, .. } if tried.is_empty() => {
                vec![
                    format!(
                        "add a key for {}: start an ssh-agent that has one",
                        host.login()
                    ),
                    own_key(host),
                ]
            }
            Self::LoginRefused { host, .. } => vec![
                format!(
                    "have the public half put into the host's authorized_keys: {}",
                    host.copy_id()
                ),
                own_key(host),
            ],
            Self::Protocol { host, .. } => vec![format!(
                "the log of the SSH server at {} says why: it may take fewer logins at a time (`MaxStartups`, \
                 `--parallel`), or keep this machine out",
                host.place()
            )],
            Self::Slow {
                host,
                phase: LOOK_UP,
                ..
            } => vec![format!(
                "look at `address` in recipients/{}.toml, and at the name server of this machine",
                host.name()
            )],
            Self::Slow { host, .. } => vec![format!(
                "try again, if the machine at {} has much to do; if nothing there speaks SSH, look at `address` and \
                 `port` in recipients/{}.toml",
                host.place(),
                host.name()
            )],
            Self::NoAddress { host, .. } | Self::Unreachable { host, .. } => vec![format!(
                "look at `address` and `port` in recipients/{}.toml",
                host.name()
            )],
            Self::NoCommon { host, .. } => {
                vec![format!("update the SSH server of host `{}`", host.name())]
            }
        }
    }
}

/// What whoever gets in with `ssh` alone has to say here: no key file is tried because of its name.
fn own_key(host: &KnownHost) -> Hint {
    format!(
        "if `ssh` gets in with a key file of yours, name it in ~/.ssh/config: `Host {}`, and below it \
         `IdentityFile ~/.ssh/id_ed25519`",
        host.name()
    )
}

fn on_record(host: &KnownHost) -> String {
    format!("on record is {}", text::list(&host.fingerprints()))
}

fn ask() -> Hint {
    "ask an administrator whether this host was set up anew; if nobody knows of it, somebody else \
     may be answering"
        .to_owned()
}

/// How the new key comes on record, and the old ones go.
fn scan(host: &KnownHost, old: &[String]) -> Hint {
    let prints = old.iter().filter_map(|key| key.rsplit(' ').next());
    let drop: String = prints.map(|print| format!(" --drop {print}")).collect();
    let host = host.name();
    let gone = match old {
        [] => String::new(),
        [_] => format!(", and `clws recipient update {host}{drop}` for the old one"),
        _ => format!(", and `clws recipient update {host}{drop}` for the old ones"),
    };
    format!("if it was: `clws host scan {host} --add`{gone}")
}

fn make_one(host: &str) -> Vec<Hint> {
    vec![
        "run `ssh-keygen -A` on the host, which makes it an ed25519 host key".to_owned(),
        format!("then `clws host scan {host} --add` takes the new one"),
    ]
}

fn is_rsa(algorithm: &str) -> bool {
    algorithm.contains("rsa")
}

/// Foreign text for one line of a message.
pub(super) fn short(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text::clean(&line.chars().take(200).collect::<String>())
}
