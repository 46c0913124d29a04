//! As whom a run at the server is begun.

use crate::error::Error;
use crate::identity::Keyring;
use crate::server::{Kept, Origin, ServerError, Session, Settings, token_of, way_of};
use crate::world::World;

/// Begins a run: as the environment's token, as whom the environment can log in, or as the keyring's token.
pub(super) async fn begin(world: &World, settings: &Settings) -> Result<Session, Error> {
    if let Some(token) = token_of(world)? {
        let begun = Session::with_token(settings, token, Origin::Environment).await;
        return Ok(begun?.0);
    }
    if let Some((way, credential)) = way_of(world)? {
        return Ok(Session::log_in(settings, &way, &credential).await?);
    }
    if let Some(token) = Kept::of(Keyring::of(world), settings).read()? {
        let begun = Session::with_token(settings, token, Origin::Keyring).await;
        return Ok(begun?.0);
    }
    let address = settings.cluster.first().cloned();
    Err(ServerError::NotLoggedIn {
        address: address.ok_or(ServerError::NoAddress)?,
    }
    .into())
}
