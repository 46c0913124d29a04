//! The desktop's keyring: the Secret Service over D-Bus.
//!
//! Its libraries wait for ever: for a bus that accepts and never answers, for a person who never
//! types the keyring's password. So each call runs on a thread of its own with a deadline, and only
//! where a bus is to be expected. A thread that missed its deadline is left behind and ends with the
//! process. An entry holds the text of `age.txt`, then that of `signing_key`.

use std::sync::mpsc;
use std::time::Duration;

use crate::error::{Code, Explain, Hint};
use crate::secret::Plain;
use crate::world::World;

/// To decide between a keyring and a file. One that has to be started first takes 0.1 to 0.5 s.
const DECIDE_WITHIN: Duration = Duration::from_secs(1);

/// To reach a keyring for which nothing else will do; after a login it may still be starting.
const REACH_WITHIN: Duration = Duration::from_secs(5);

/// For a call that may ask the person to unlock the keyring.
const UNLOCK_WITHIN: Duration = Duration::from_secs(60);

/// Why the keyring did not help.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// This program was built without it.
    #[error("this clws was built without support for the keyring")]
    NotBuiltIn,
    /// There is no session bus, as on a server or in a container.
    #[error("there is no session bus, so there is no keyring")]
    NoBus,
    /// The bus or the keyring did not answer in time.
    #[error("the keyring did not answer within {} s", within.as_secs())]
    Silent {
        /// How long it was given.
        within: Duration,
    },
    /// No keyring runs on the bus.
    #[error("no keyring answers on the session bus")]
    NoService {
        /// What the bus said.
        why: String,
    },
    /// It is locked and was not unlocked.
    #[error("the keyring is locked")]
    Locked,
    /// The entry is not there.
    #[error("the keyring has no entry for `{account}`")]
    NoEntry {
        /// The age recipient that names the entry.
        account: String,
    },
    /// It failed otherwise.
    #[error("the keyring failed")]
    Failed {
        /// What it said.
        why: String,
    },
    /// It gave back something else than it was given.
    #[error("the keyring gave back something else than it was given")]
    Forgetful,
}

impl Explain for KeyringError {
    fn code(&self) -> Code {
        Code::Backend
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::NoService { why } | Self::Failed { why } => vec![why.clone()],
            _ => Vec::new(),
        }
    }

    fn hints(&self) -> Vec<Hint> {
        match self {
            Self::Locked | Self::Silent { .. } => {
                vec![
                    "unlock the keyring on the desktop, then try again; a new identity can lie in a \
                     file instead: --keep file"
                        .to_owned(),
                ]
            }
            Self::NotBuiltIn | Self::NoBus | Self::NoService { .. } => vec![
                "run it in the desktop session, or make an identity in a file: `clws identity new \
                 NAME --keep file`"
                    .to_owned(),
            ],
            Self::NoEntry { .. } => {
                vec!["`clws identity remove NAME` takes the rest of it away".to_owned()]
            }
            _ => Vec::new(),
        }
    }
}

/// The keyring of this person: for identities, and for a server's token.
#[derive(Clone, Copy, Debug)]
pub struct Keyring {
    /// Whether there is a session bus to expect it on.
    has_bus: bool,
}

impl Keyring {
    /// The one of this session, as the environment says: by an address, or the bus of the systemd session.
    /// Nothing is asked of it yet.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let at_home = |folder| world.folder().join(folder).join("bus").exists();
        let has_bus = world.variable("DBUS_SESSION_BUS_ADDRESS").is_some()
            || world.variable("XDG_RUNTIME_DIR").is_some_and(at_home);
        Self { has_bus }
    }

    /// Whether it answers within a second, where a file will do as well.
    ///
    /// # Errors
    /// [`KeyringError`] says why it does not.
    pub fn decide(self) -> Result<(), KeyringError> {
        self.call(DECIDE_WITHIN, |_| Ok(()))
    }

    /// Whether it answers, where nothing else will do: as long is waited as to read of it.
    ///
    /// # Errors
    /// [`KeyringError`] says why it does not.
    pub fn demand(self) -> Result<(), KeyringError> {
        self.call(REACH_WITHIN, |_| Ok(()))
    }

    /// Reads an entry; the person may be asked to unlock the keyring.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn read(self, account: &str) -> Result<Plain, KeyringError> {
        let account = account.to_owned();
        self.call(REACH_WITHIN, move |keyring| keyring.read(&account))
    }

    /// The same, with nothing where there is no bus, and where it has no such entry.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn read_if_there(self, account: &str) -> Result<Option<Plain>, KeyringError> {
        match self.read(account) {
            Err(KeyringError::NoBus | KeyringError::NotBuiltIn | KeyringError::NoEntry { .. }) => {
                Ok(None)
            }
            read => read.map(Some),
        }
    }

    /// Writes an entry, reads it back and compares.
    ///
    /// # Errors
    /// [`KeyringError`]; the entry may be there all the same.
    pub fn write(self, account: &str, label: &str, content: &Plain) -> Result<(), KeyringError> {
        let (account, label) = (account.to_owned(), label.to_owned());
        let written = content.duplicate();
        let reading = account.clone();
        self.call(REACH_WITHIN, move |keyring| {
            written.with(|bytes| keyring.write(&account, &label, bytes))
        })?;
        // Over a connection of its own: what is read comes from the keyring and from nothing nearer.
        if self.read(&reading)?.same_as(content) {
            Ok(())
        } else {
            Err(KeyringError::Forgetful)
        }
    }

    /// Removes an entry; one that is not there is no error.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn remove(self, account: &str) -> Result<(), KeyringError> {
        let account = account.to_owned();
        match self.call(REACH_WITHIN, move |keyring| keyring.remove(&account)) {
            Err(KeyringError::NoEntry { .. }) => Ok(()),
            other => other,
        }
    }

    /// Runs `work` on a thread of its own: first the keyring must be reached in time, then done.
    fn call<T: Send + 'static>(
        self,
        reach: Duration,
        work: impl FnOnce(&service::Keyring) -> Result<T, KeyringError> + Send + 'static,
    ) -> Result<T, KeyringError> {
        if !self.has_bus {
            return Err(KeyringError::NoBus);
        }
        let (tell_reached, reached) = mpsc::channel();
        let (tell_done, done) = mpsc::channel();
        std::thread::Builder::new()
            .name("keyring".to_owned())
            .spawn(move || {
                let connected = service::Keyring::connect();
                let (keyring, outcome) = match connected {
                    Ok(keyring) => (Some(keyring), Ok(())),
                    Err(error) => (None, Err(error)),
                };
                // Nobody listens any more once the deadline has passed; then nothing is done.
                if tell_reached.send(outcome).is_ok()
                    && let Some(keyring) = keyring
                {
                    drop(tell_done.send(work(&keyring)));
                }
            })
            .map_err(|error| KeyringError::Failed {
                why: error.to_string(),
            })?;
        within(&reached, reach)??;
        within(&done, UNLOCK_WITHIN)?
    }
}

fn within<T>(channel: &mpsc::Receiver<T>, limit: Duration) -> Result<T, KeyringError> {
    channel.recv_timeout(limit).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => KeyringError::Silent { within: limit },
        mpsc::RecvTimeoutError::Disconnected => KeyringError::Failed {
            why: "its library stopped".to_owned(),
        },
    })
}

#[cfg(all(feature = "secret-service", target_os = "linux"))]
mod service {
    use std::collections::HashMap;
    use std::sync::Arc;

    use keyring_core::api::CredentialStoreApi as _;
    use keyring_core::{Entry, Error};
    use zbus_secret_service_keyring_store::Store;

    use super::KeyringError;
    use crate::secret::Plain;
    use crate::text::clean_line;

    /// The attribute that all entries of this program carry.
    const SERVICE: &str = "clws";

    pub(super) struct Keyring(Arc<Store>);

    impl Keyring {
        pub(super) fn connect() -> Result<Self, KeyringError> {
            Store::new()
                .map(Self)
                .map_err(|error| KeyringError::NoService {
                    why: clean_line(&error.to_string()),
                })
        }

        fn entry(&self, account: &str, label: Option<&str>) -> Result<Entry, KeyringError> {
            let label: HashMap<&str, &str> =
                label.map(|label| ("label", label)).into_iter().collect();
            self.0
                .build(SERVICE, account, Some(&label))
                .map_err(|error| explain(error, account))
        }

        pub(super) fn read(&self, account: &str) -> Result<Plain, KeyringError> {
            self.entry(account, None)?
                .get_secret()
                .map(Plain::new)
                .map_err(|error| explain(error, account))
        }

        pub(super) fn write(
            &self,
            account: &str,
            label: &str,
            content: &[u8],
        ) -> Result<(), KeyringError> {
            self.entry(account, Some(label))?
                .set_secret(content)
                .map_err(|error| explain(error, account))
        }

        pub(super) fn remove(&self, account: &str) -> Result<(), KeyringError> {
            self.entry(account, None)?
                .delete_credential()
                .map_err(|error| explain(error, account))
        }
    }

    /// Some of the library's errors carry the secret, so only those known not to are shown.
    fn explain(error: Error, account: &str) -> KeyringError {
        match error {
            Error::NoEntry => KeyringError::NoEntry {
                account: account.to_owned(),
            },
            Error::NoStorageAccess(_) => KeyringError::Locked,
            Error::PlatformFailure(inner) => KeyringError::Failed {
                why: clean_line(&inner.to_string()),
            },
            Error::Ambiguous(entries) => KeyringError::Failed {
                why: format!("it has {} entries for `{account}`", entries.len()),
            },
            _ => KeyringError::Failed {
                why: "it gave no reason that is safe to show".to_owned(),
            },
        }
    }
}

#[cfg(not(all(feature = "secret-service", target_os = "linux")))]
mod service {
    use super::KeyringError;
    use crate::secret::Plain;

    /// Stands where the keyring would: there is none to connect to.
    pub(super) enum Keyring {}

    impl Keyring {
        pub(super) fn connect() -> Result<Self, KeyringError> {
            Err(KeyringError::NotBuiltIn)
        }

        pub(super) fn read(&self, _: &str) -> Result<Plain, KeyringError> {
            match *self {}
        }

        pub(super) fn write(&self, _: &str, _: &str, _: &[u8]) -> Result<(), KeyringError> {
            match *self {}
        }

        pub(super) fn remove(&self, _: &str) -> Result<(), KeyringError> {
            match *self {}
        }
    }
}
