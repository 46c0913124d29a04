//! Sealed twins of the folders that deploys leave on a prepared host.

use super::Places;
use crate::deploy::bring::component::Bringing;
use crate::deploy::bring::engine;
use crate::deploy::receipt::Receipt;
use crate::deploy::target::Target;
use crate::docker::{Engine, Restart};
use crate::error::Error;
use crate::name::Component;

/// Seals a folder below `$1`, named `$3/$4`, to the key `$5` of this host, unless that is done; then
/// removes the component's other bundles if `$6` says so.
///
/// The key here must be the one on record, else nobody could open the bundle at the next boot.
const SEAL: &str = r#"
umask 077
run=$1 boot=$2 component=$3 deploy=$4 recipient=$5 others=$6 host=$7
again="\`clws host prepare $host\` puts that right"
[ "$(id -u)" = 0 ] || { echo "its folder for boots is root's: deploy as root, or take the preparation back" >&2; exit 1; }
grep -qxF "run='$run'" "$boot/open" 2>/dev/null || { echo "it is not prepared for $run: $again" >&2; exit 1; }
[ "$(age-keygen -y "$boot/key")" = "$recipient" ] || { echo "its key is not the one on record: $again" >&2; exit 1; }
mkdir -p "$boot/bundles/$component" && cd "$boot/bundles/$component" || exit 1
rm -f .failed .new
if [ ! -f "$deploy.age" ] || [ "$boot/key" -nt "$deploy.age" ]; then
    # The status of a pipe is that of its last command.
    { tar -C "$run" --numeric-owner -cf - "$component/$deploy" || echo failed >.failed; } |
        age -r "$recipient" -o .new || echo failed >.failed
    if [ -f .failed ]; then echo "tar or age failed" >&2; exit 1; fi
    sync .new && mv .new "$deploy.age" || exit 1
fi
[ "$others" = go ] || exit 0
for other in *.age; do [ "$other" = "$deploy.age" ] || rm -f -- "$other"; done
"#;

/// What becomes of the bundles of a component's other folders.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Others {
    /// The old one may have to run again.
    Stay,
    Go,
}

impl Bringing<'_> {
    /// Seals a new folder and lets the daemon start its container again after a boot; before the old one
    /// is gone.
    pub(in crate::deploy) async fn keep_for_boots(
        &self,
        new: &Receipt,
        container: Option<(&Engine, &str)>,
    ) -> Result<(), Error> {
        self.seal(new, Others::Stay).await?;
        if let (Some((engine, id)), true) = (container, self.target.host.boot.is_some()) {
            engine.set_restart(id, Restart::UnlessStopped).await?;
        }
        Ok(())
    }

    /// Removes what was kept of the folders before, when the new one has its receipt.
    pub(in crate::deploy) async fn forget_older(&self, new: &Receipt) -> Result<(), Error> {
        if self.target.host.boot.is_some() && self.plan.hook.hook.process.is_some() {
            // Nothing starts a process at a boot.
            return forget(self.target, self.plan.component()).await;
        }
        self.seal(new, Others::Go).await
    }

    /// The same for what is there already: a host may have been prepared since.
    pub(in crate::deploy) async fn still_kept_for_boots(
        &self,
        there: &Receipt,
        engine: Option<&Engine>,
    ) -> Result<(), Error> {
        self.seal(there, Others::Go).await?;
        let (Some(hook), Some(engine)) = (&self.plan.hook.hook.container, engine) else {
            return Ok(());
        };
        let wanted = match self.target.host.boot {
            Some(_) => Restart::UnlessStopped,
            None => engine::restart_of(hook),
        };
        let found = engine.find(&self.plan.container_name(hook)).await?;
        if let Some(found) = found.filter(|found| found.restart != Some(wanted)) {
            engine.set_restart(&found.id, wanted).await?;
        }
        Ok(())
    }

    async fn seal(&self, receipt: &Receipt, others: Others) -> Result<(), Error> {
        let target = self.target;
        let Some(recipient) = &target.host.boot else {
            return Ok(());
        };
        if self.plan.hook.hook.process.is_some() {
            return Ok(());
        }
        let others = match others {
            Others::Stay => "stay",
            Others::Go => "go",
        };
        let (component, host) = (self.plan.component().as_str(), target.host.name.as_str());
        let boot = Places::new(target.vault()).folder;
        let arguments = [
            &target.facts.run,
            &boot,
            component,
            &receipt.deploy,
            recipient,
            others,
            host,
        ];
        let doing = "seal what its container needs after a boot";
        target.sh(doing, SEAL, &arguments).await.map(drop)
    }
}

/// Removes all bundles of a component, if the host is prepared.
///
/// # Errors
/// [`crate::deploy::TargetError`], [`crate::channel::ChannelError`].
pub(in crate::deploy) async fn forget(target: &Target, component: &Component) -> Result<(), Error> {
    if target.host.boot.is_none() {
        return Ok(());
    }
    let folder = Places::new(target.vault()).folder;
    let bundles = format!("{folder}/bundles/{component}");
    let script = r#"rm -rf -- "$1""#;
    target
        .sh("remove its bundle", script, &[&bundles])
        .await
        .map(drop)
}
