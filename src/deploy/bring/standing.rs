//! What there is of a component, by a look, whatever was done before.

use std::time::Duration;

use super::component::Bringing;
use crate::deploy::receipt::Receipt;
use crate::deploy::target::process;
use crate::docker::{PLACE, State};
use crate::error::Error;

/// How long a component that has no probe must stay.
pub(in crate::deploy) const UNASKED: Duration = Duration::from_millis(500);

/// What there is of a component.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::deploy) enum Standing {
    /// It runs.
    Runs,
    /// It was started again, and has ended since.
    Ended,
    /// It did not run before, either.
    AsItWas,
    /// It is there and does not run.
    Stopped,
    /// It is nothing that runs, and its files are there.
    Placed,
    /// There is nothing.
    Nothing,
}

impl Standing {
    /// What became of an old one that was put back.
    pub(in crate::deploy) fn of_old(self) -> &'static str {
        match self {
            Self::Runs => "the old one runs again, with its old secrets",
            Self::Ended => "the old one was started again, with its old secrets, and did not stay",
            Self::AsItWas => "the old one is there as it was: it did not run",
            Self::Stopped => "the old one is there, and does not run",
            Self::Placed => "the old files are in their place",
            Self::Nothing => "nothing of it runs",
        }
    }
}

impl Bringing<'_> {
    /// What there is of what a receipt speaks of.
    pub(in crate::deploy) async fn look_at(&self, receipt: &Receipt) -> Result<Standing, Error> {
        let is_there = |runs| match runs {
            true => Standing::Runs,
            false => Standing::Stopped,
        };
        if let Some(process) = &receipt.process {
            let runs = process::is_alive(self.target, process).await?;
            return Ok(is_there(runs));
        }
        if let Some(name) = &receipt.container {
            let found = self.target.engine().await?.find(name).await?;
            let own = found.filter(|found| found.labels.get(PLACE) == Some(&receipt.place));
            let own = own.map(|found| is_there(found.state == State::Running));
            return Ok(own.unwrap_or(Standing::Nothing));
        }
        let there = r#"[ ! -d "$1" ] || echo there"#;
        let place = [receipt.place.as_str()];
        let found = self.target.sh("look at its folder", there, &place).await?;
        Ok(match found.trim() {
            "there" => Standing::Placed,
            _ => Standing::Nothing,
        })
    }
}
