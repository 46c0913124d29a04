//! A container that takes over while the old one still runs.
//!
//! Whoever holds on to the old one's address, as nginx does until it reads its configuration again, is
//! told by the hook's switch steps once the new one has answered and has the name. Only then does the
//! old one end, so no request is lost.

use super::component::Bringing;
use super::replacing::Running;
use super::step::Surroundings;
use crate::docker::{Engine, Replacement};
use crate::error::Error;

impl Bringing<'_> {
    /// Asks the new one; then, where old and new run at once, leads others to it.
    pub(in crate::deploy) async fn take_over(
        &self,
        around: &Surroundings<'_>,
        running: &Running,
    ) -> Result<(), Error> {
        let Running::Container(replacement) = running else {
            return self.watch(around, running).await;
        };
        let id = Some(replacement.new_id());
        let names = around.names_with_address(id).await?;
        let around = around.with(&names, id);
        self.watch(&around, running).await?;
        let switch = &self.plan.hook.hook.switch;
        if let (false, Some(engine)) = (switch.is_empty(), around.engine) {
            engine.change_names(replacement).await?;
            around.steps(switch).await?;
        }
        Ok(())
    }

    /// Leads others back to the old one, before the new one ends.
    pub(in crate::deploy) async fn lead_back(
        &self,
        around: &Surroundings<'_>,
        engine: &Engine,
        replacement: &Replacement,
    ) -> Result<(), Error> {
        let switch = &self.plan.hook.hook.switch;
        if switch.is_empty() {
            return Ok(());
        }
        engine.change_names_back(replacement).await?;
        let names = around.names_with_address(None).await?;
        let around = around.with(&names, around.running);
        // The error that led here is the one to be shown.
        drop(around.steps(switch).await);
        Ok(())
    }
}
