//! The containers of one component, by their names, in one look.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as State};
use bollard::query_parameters::ListContainersOptionsBuilder;

use super::client::Engine;
use super::container::checked_name;
use super::error::{DockerError, checked_id, one_line};
use super::names::{aside, beside, step};

/// The label of a container that says which folder of the target it uses.
pub const PLACE: &str = "clws.place";

/// What stands under the names of one component.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// `NAME`
    pub(super) current: Option<Listed>,
    /// `NAME.clws-new`
    pub(super) new: Option<Listed>,
    /// `NAME.clws-old`
    pub(super) old: Option<Listed>,
    /// `NAME.clws-step`
    pub(super) step: Option<Listed>,
}

/// A container, as far as a list tells.
#[derive(Debug)]
pub(super) struct Listed {
    /// 64 hex digits.
    pub(super) id: String,
    /// Whether it is meant to run.
    pub(super) is_up: bool,
    /// Its labels.
    pub(super) labels: BTreeMap<String, String>,
}

impl Standing {
    /// Refuses to touch them if one is none of the component's.
    fn demand_own(&self, name: &str, whose: &str) -> Result<(), DockerError> {
        let all = [
            (name.to_owned(), &self.current),
            (beside(name), &self.new),
            (aside(name), &self.old),
            (step(name), &self.step),
        ];
        for (name, seen) in all {
            if let Some(seen) = seen
                && !is_own(&seen.labels, whose)
            {
                let place = seen.labels.get(PLACE).cloned();
                return Err(DockerError::Foreign { name, place });
            }
        }
        Ok(())
    }
}

/// Whether a container of these labels was made by deploys whose folders have `whose` in their paths.
pub(super) fn is_own(labels: &BTreeMap<String, String>, whose: &str) -> bool {
    labels.get(PLACE).map_or("", String::as_str).contains(whose)
}

impl Engine {
    /// Refuses a name under which somebody else's container stands, before anything is done for it.
    ///
    /// # Errors
    /// [`DockerError::Foreign`]; or the daemon does not answer.
    pub async fn demand_own(&self, name: &str, whose: &str) -> Result<(), DockerError> {
        let name = checked_name("the container", name)?;
        self.own(name, whose).await.map(drop)
    }

    /// Looks at all of them, of which none may be somebody else's.
    pub(super) async fn own(&self, name: &str, whose: &str) -> Result<Standing, DockerError> {
        let standing = self.standing(name).await?;
        standing.demand_own(name, whose)?;
        Ok(standing)
    }

    /// Looks at all of them. `name` is one that was checked.
    pub(super) async fn standing(&self, name: &str) -> Result<Standing, DockerError> {
        self.all_made().await;
        // The daemon takes an expression, and only `.` of a name means something else in one.
        let sound = name.replace('.', "[.]");
        let names = format!("^/?{sound}([.]clws-(new|old|step))?$");
        let filters = HashMap::from([("name", vec![names.as_str()])]);
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let doing = format!("look for the containers of `{name}`");
        let listed = self
            .ask(&doing, self.docker.list_containers(Some(options)))
            .await?;
        let mut standing = Standing::default();
        for container in listed {
            let names = container.names.clone().unwrap_or_default();
            let is = |name: &str| {
                let mut names = names.iter();
                names.any(|other| other.trim_start_matches('/') == name)
            };
            let place = if is(name) {
                &mut standing.current
            } else if is(&beside(name)) {
                &mut standing.new
            } else if is(&aside(name)) {
                &mut standing.old
            } else if is(&step(name)) {
                &mut standing.step
            } else {
                continue;
            };
            *place = Some(Listed::of(&doing, container)?);
        }
        Ok(standing)
    }
}

impl Listed {
    fn of(doing: &str, seen: ContainerSummary) -> Result<Self, DockerError> {
        let labels = seen.labels.unwrap_or_default();
        Ok(Self {
            id: checked_id(doing, seen.id)?,
            is_up: matches!(
                seen.state,
                Some(State::RUNNING | State::STOPPING | State::RESTARTING | State::PAUSED)
            ),
            labels: labels
                .iter()
                .map(|(name, value)| (one_line(name), one_line(value)))
                .collect(),
        })
    }
}
