//! The person's server beside the vault: what lies there, and what its keys seal and open.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::desk::Desk;
use crate::crypto::transit::{self, Ciphertext, TransitKey};
use crate::error::{Code, Error, Problem};
use crate::identity::Config;
use crate::server::{Flags, ServerError, Settings, transit as engine};
use crate::world::World;

/// The server.
pub(crate) struct Beside {
    world: World,
    /// Which one, by flags.
    flags: RefCell<Flags>,
    desk: OnceCell<Desk>,
    /// Keys that were looked at.
    fit: RefCell<BTreeSet<TransitKey>>,
}

impl Beside {
    pub(crate) fn new(world: World) -> Self {
        Self {
            world,
            flags: RefCell::default(),
            desk: OnceCell::new(),
            fit: RefCell::default(),
        }
    }

    /// Takes what flags say of it, before anything is asked.
    pub(crate) fn choose(&self, flags: Flags) {
        *self.flags.borrow_mut() = flags;
    }

    fn settings(&self) -> Result<Settings, Error> {
        let config = Config::read(&self.world)?;
        Ok(Settings::of(
            &self.world,
            &config.server,
            &self.flags.borrow(),
        )?)
    }

    /// Whether the person has said which server is theirs.
    pub(crate) fn is_named(&self) -> bool {
        // What is wrong with the settings is said when they are used.
        let settings = self.settings();
        settings.map_or_else(
            |error| !matches!(error.downcast_ref(), Some(ServerError::NoAddress)),
            |_| true,
        )
    }

    /// The one run at it; nothing is asked yet.
    pub(crate) fn desk(&self) -> Result<&Desk, Error> {
        if let Some(desk) = self.desk.get() {
            return Ok(desk);
        }
        let desk = Desk::start(self.world.clone(), self.settings()?)?;
        Ok(self.desk.get_or_init(|| desk))
    }

    /// Refuses a key that data keys are not sealed by, where it can be looked at: rules do not wait for a server.
    pub(crate) fn refuse_unfit(&self, key: &TransitKey) -> Result<(), Error> {
        if !self.is_named() {
            return Ok(());
        }
        let at = key.clone();
        let looked = self.desk().and_then(|desk| {
            desk.ask_now(async move |session| Ok(engine::demand_fit(session.client(), &at).await?))
        });
        let is_unfit =
            |error: &Error| matches!(error.downcast_ref(), Some(ServerError::UnfitKey { .. }));
        match looked {
            Err(error) if is_unfit(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Ends the run at the server, if one was begun: another program takes the place of this one.
    pub(crate) fn end(&self) {
        self.desk.get().into_iter().for_each(Desk::end);
    }
}

impl transit::KeyServer for Beside {
    fn wrap(&self, key: &TransitKey, plain: &[u8], associated: &[u8]) -> Result<Ciphertext, Error> {
        let is_known = self.fit.borrow().contains(key);
        let (plain, associated) = (Zeroizing::new(plain.to_vec()), associated.to_vec());
        let at = key.clone();
        let wrapped = self.desk()?.ask_now(async move |session| {
            if !is_known {
                engine::demand_fit(session.client(), &at).await?;
            }
            engine::wrap(session.client(), &at, &plain, &associated).await
        })?;
        self.fit.borrow_mut().insert(key.clone());
        Ok(wrapped)
    }

    fn unwrap(
        &self,
        key: &TransitKey,
        sealed: &Ciphertext,
        associated: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (key, sealed, associated) = (key.clone(), sealed.clone(), associated.to_vec());
        let opened = self.desk()?.ask_now(async move |session| {
            engine::unwrap(session.client(), &key, &sealed, &associated).await
        });
        opened.map_err(as_no_key)
    }
}

/// Nobody logged in is, for whoever opens something, one more identity that is not there.
fn as_no_key(error: Error) -> Error {
    let is_nobody = matches!(
        error.downcast_ref(),
        Some(ServerError::NotLoggedIn { .. } | ServerError::NoKeyring(_))
    );
    if !is_nobody {
        return error;
    }
    Problem::of(&error).under(Code::NoKey).into()
}
