//! The containers of one component, by their names, in one look.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as State};
use bollard::query_parameters::ListContainersOptionsBuilder;

use super::client::Engine;
use super::error::{DockerError, checked_id, one_line};
use super::replace::{aside, beside, step};

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

impl Engine {
    /// Looks at all of them. `name` is one that was checked.
    pub(super) async fn standing(&self, name: &str) -> Result<Standing, DockerError> {
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
