//! A login to a MySQL or MariaDB server, and no more: an open port proves little.

use crate::deploy::bring::asking::Asking;
use crate::deploy::bring::place::fill;
use crate::deploy::mysql::Session;
use crate::error::Error;
use crate::hook::MysqlProbe;
use crate::secret::End;

/// Logs in once and takes leave.
pub(super) async fn ask(
    around: &Asking<'_>,
    login: &MysqlProbe,
) -> Result<Result<(), String>, Error> {
    let filled = |text: &str| fill(around.plan, around.names, text);
    let host = filled(&login.host)?;
    let port = filled(login.port.as_deref().unwrap_or("3306"))?;
    let user = filled(&login.user)?;
    let database = login.database.as_deref().map(filled).transpose()?;
    let secret = &login.password.secret;
    let missing = || around.wrong(format!("`{secret}` was not opened"));
    let password = around.opened.get(secret).ok_or_else(missing)?;
    let stream = match around.open(&format!("{host}:{port}")).await {
        Ok(stream) => stream,
        Err(said) => return Ok(Err(said)),
    };
    Ok(
        match Session::login(stream, &user, password, database.as_deref()).await {
            Ok(session) => {
                session.quit().await;
                Ok(())
            }
            Err(said) => Err(around.told(said.to_string().as_bytes(), End::Whole)),
        },
    )
}
