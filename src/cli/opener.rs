//! What a person opens secrets with: identities, and behind them a login at a server that keeps keys.

use std::cell::{OnceCell, RefCell};

use super::session::Beside;
use crate::crypto::transit::{self, TransitKey};
use crate::error::Error;
use crate::identity::{Ask, Bundle, Lent, Native, Opening};
use crate::vault::{Login, Opener, Vault};

/// One of the person's identities, or a login, as the vault uses it.
pub(crate) enum Mine<'a> {
    Held(Held<'a>),
    Login(AtServer<'a>),
}

/// An identity, opened when it is needed.
pub(crate) struct Held<'a> {
    bundle: &'a Bundle,
    ask: &'a dyn Ask,
    opened: OnceCell<Opening<'a>>,
}

/// A login at the person's server.
pub(crate) struct AtServer<'a> {
    vault: &'a Vault,
    server: &'a Beside,
    /// The keys that parties of the vault have there.
    keys: OnceCell<Vec<TransitKey>>,
    fault: RefCell<Option<Error>>,
}

impl<'a> Mine<'a> {
    pub(crate) fn of(bundle: &'a Bundle, ask: &'a dyn Ask) -> Self {
        let opened = OnceCell::new();
        Self::Held(Held {
            bundle,
            ask,
            opened,
        })
    }

    pub(crate) fn at(vault: &'a Vault, server: &'a Beside) -> Self {
        Self::Login(AtServer {
            vault,
            server,
            keys: OnceCell::new(),
            fault: RefCell::default(),
        })
    }
}

impl Opener for Mine<'_> {
    fn recipient(&self) -> Option<&str> {
        match self {
            Self::Held(held) => held.bundle.recipient(),
            Self::Login(_) => None,
        }
    }

    fn label(&self) -> String {
        match self {
            Self::Held(held) => held.bundle.label().to_owned(),
            Self::Login(_) => "your login at the server".to_owned(),
        }
    }

    fn age(&self) -> Result<Lent<'_>, Error> {
        match self {
            Self::Held(held) => Ok(held.opening()?.lend()),
            Self::Login(login) => {
                // What kept it from another file is no reason here.
                login.fault.take();
                let (keys, vault) = (login.keys()?, *login.vault.id());
                let identity = transit::Identity::new(keys, login.server, vault, &login.fault);
                Ok(Box::new(identity))
            }
        }
    }

    fn native(&self) -> Result<Option<Native>, Error> {
        match self {
            Self::Held(held) => Ok(held.opening()?.native()),
            Self::Login(_) => Ok(None),
        }
    }

    fn asks(&self) -> bool {
        match self {
            // What cannot be read is said when it is used.
            Self::Held(held) => {
                held.opened.get().is_none() && held.bundle.is_under_passphrase().unwrap_or(false)
            }
            Self::Login(_) => false,
        }
    }

    fn login(&self) -> Option<&dyn Login> {
        match self {
            Self::Held(_) => None,
            Self::Login(login) => Some(login),
        }
    }
}

impl<'a> Held<'a> {
    fn opening(&self) -> Result<&Opening<'a>, Error> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = self.bundle.open_age(self.ask)?;
        Ok(self.opened.get_or_init(|| opened))
    }
}

impl AtServer<'_> {
    fn keys(&self) -> Result<&[TransitKey], Error> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys);
        }
        let keys = self.vault.transit_keys()?;
        Ok(self.keys.get_or_init(|| keys))
    }
}

impl Login for AtServer<'_> {
    fn key(&self, recipient: &str) -> Result<Option<TransitKey>, Error> {
        let mut keys = self.keys()?.iter();
        Ok(keys.find(|key| key.as_str() == recipient).cloned())
    }

    fn server(&self) -> &dyn transit::KeyServer {
        self.server
    }

    fn fault(&self) -> Option<Error> {
        self.fault.take()
    }
}

/// Borrows openers as the vault wants them.
pub(crate) fn as_openers<'a>(mine: &'a [Mine<'_>]) -> Vec<&'a dyn Opener> {
    mine.iter().map(|mine| mine as &dyn Opener).collect()
}
