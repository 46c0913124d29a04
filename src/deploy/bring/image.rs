//! A component's image: the one on the target, or fetched there with a login that is opened for it.

use std::collections::BTreeMap;

use super::component::Bringing;
use super::place::{Opened, fill, wrong};
use crate::deploy::plan::{ComponentPlan, Purpose};
use crate::docker::{DockerError, Engine, Image, Login};
use crate::error::Error;
use crate::hook::times::PULL;
use crate::hook::{ContainerHook, Registry, Text};
use crate::secret::Plain;

impl Bringing<'_> {
    /// The image; one that is not there is fetched, if the hook says so.
    pub(in crate::deploy) async fn image(
        &self,
        engine: &Engine,
        hook: &ContainerHook,
        name: &str,
    ) -> Result<Image, Error> {
        match engine.image(name).await {
            Err(DockerError::NoImage { .. }) if hook.pulls() => {}
            other => return Ok(other?),
        }
        let login = match &hook.registry {
            Some(registry) => {
                let opened = self.opened(Purpose::Pull).await?;
                Some(login(self.plan, &self.names(""), &opened, registry)?)
            }
            None => None,
        };
        (self.say)(&format!(
            "{} {} | pulling {name}",
            self.target.host.name,
            self.plan.component()
        ));
        let pulling = async { Ok(engine.pull(name, login.as_ref(), PULL).await?) };
        self.limit.run(pulling).await?;
        Ok(engine.image(name).await?)
    }
}

/// What the hook's registry is logged in to with.
fn login(
    plan: &ComponentPlan,
    names: &BTreeMap<String, String>,
    opened: &Opened,
    registry: &Registry,
) -> Result<Login, Error> {
    let secret = |name: &String| {
        let missing = || wrong(plan, format!("`{name}` was not opened"));
        Ok::<_, Error>(opened.get(name).ok_or_else(missing)?.duplicate())
    };
    Ok(Login {
        server: registry.server.clone(),
        username: match &registry.username {
            Text::Plain(text) => Plain::from(fill(plan, names, text)?.as_str()),
            Text::Secret(name) => secret(&name.secret)?,
        },
        password: secret(&registry.password.secret)?,
    })
}
