//! What a command that speaks to hosts or servers works with.

use super::context::Context;
use crate::error::{Code, Error, Problem};

/// The person's name on this machine.
pub(crate) fn user_here(cx: &Context) -> String {
    let user = cx.world.variable("USER");
    user.map_or_else(
        || "root".to_owned(),
        |user| user.to_string_lossy().into_owned(),
    )
}

/// What drives hosts and servers: on this thread alone.
///
/// # Errors
/// IOERR.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(cannot_start)
}

/// The error where the system gives no timer, signal or poll.
pub(crate) fn cannot_start(error: std::io::Error) -> Error {
    Problem::new(Code::IoErr, format!("cannot start: {error}")).into()
}
