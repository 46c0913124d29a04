//! One container from its creation to its removal, a call of the API at a time.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerState, ContainerStateStatusEnum,
    ContainerUpdateBody, HealthStatusEnum, NetworkConnectRequest, NetworkSettings,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder,
    StopContainerOptionsBuilder,
};
use tokio::sync::oneshot;

use super::client::Engine;
use super::container::{Container, Restart, checked_name};
use super::error::{DockerError, checked_id, one_line};
use super::names::{aside, beside, step};
use super::standing::is_own;
use crate::time::Moment;

/// How long a container may take to stop at most: somebody waits for it.
pub const LONGEST_STOP: Duration = Duration::from_secs(10 * 60);

/// A container as the daemon sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Snapshot {
    /// 64 hex digits.
    pub id: String,
    /// Its present name.
    pub name: String,
    /// The id of its image, `sha256:…`.
    pub image: String,
    /// What it is doing.
    pub state: State,
    /// What its health check says, where it has one.
    pub health: Option<Health>,
    /// What its health check printed last, as it came.
    pub health_output: String,
    /// Its addresses, by network.
    pub addresses: BTreeMap<String, IpAddr>,
    /// When it was last started.
    pub started: Option<Moment>,
    /// How often the daemon has started it again.
    pub restarts: u64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// How long it has to stop before it is killed, where it says so.
    pub stop_within: Option<Duration>,
    /// Whether the daemon starts it again, if that is one of the ways that we know.
    pub restart: Option<Restart>,
}

/// What a container is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Created, never started.
    Created,
    /// Running.
    Running,
    /// Ended and about to be started again by the daemon.
    Restarting,
    /// Running, with its processes frozen.
    Paused,
    /// Ended with this exit code.
    Exited(i64),
    /// On its way out, or broken.
    Dead,
}

/// What a health check says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Health {
    /// No verdict yet.
    Starting,
    /// The last run succeeded.
    Healthy,
    /// Too many runs in a row failed.
    Unhealthy,
}

impl Snapshot {
    /// Whether it was meant to run when it was looked at.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(
            self.state,
            State::Running | State::Restarting | State::Paused
        )
    }
}

/// How it is found out whether there is the shell that a container's variables need.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shell {
    /// It is looked for before anything else is touched.
    Asked,
    /// Starting tells, and nothing is lost if it is not there.
    Tried,
}

/// What becomes of the volumes that the daemon made for a container.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Volumes {
    /// They may hold a component's data.
    Keep,
    /// They belong to a step that is over.
    Remove,
}

impl Engine {
    /// Looks at the container of this name.
    ///
    /// # Errors
    /// If the daemon does not answer; that there is no such container is no error.
    pub async fn find(&self, name: &str) -> Result<Option<Snapshot>, DockerError> {
        self.look(checked_name("the container", name)?).await
    }

    /// Stops a container (TERM, the grace, KILL) and removes it, with what a replacement or a step
    /// may have left beside it. Its volumes stay. What is not `whose` (see [`Container::whose`]) is
    /// passed over; gives the names of these.
    ///
    /// # Errors
    /// If the daemon refuses or does not answer; that there is nothing to remove is no error.
    pub async fn stop_and_remove(
        &self,
        name: &str,
        whose: &str,
    ) -> Result<Vec<String>, DockerError> {
        let name = checked_name("the container", name)?;
        let mut others = Vec::new();
        for which in [name, &beside(name), &aside(name), &step(name)] {
            let Some(seen) = self.look(which).await? else {
                continue;
            };
            if !is_own(&seen.labels, whose) {
                others.push(which.to_owned());
                continue;
            }
            let volumes = if which == step(name) {
                Volumes::Remove
            } else {
                self.stop_within(&seen.id, seen.stop_within).await?;
                Volumes::Keep
            };
            self.remove(&seen.id, volumes).await?;
        }
        Ok(others)
    }

    /// Stops the container of this name, if it is `whose`.
    ///
    /// # Errors
    /// If the daemon refuses or does not answer; that there is none is no error.
    pub(crate) async fn stop_own(&self, name: &str, whose: &str) -> Result<(), DockerError> {
        match self.look(checked_name("the container", name)?).await? {
            Some(seen) if is_own(&seen.labels, whose) => {
                self.stop_within(&seen.id, seen.stop_within).await
            }
            _ => Ok(()),
        }
    }

    /// Starts the container of this name again, if it is `whose`; whether it is.
    ///
    /// # Errors
    /// If the daemon refuses or does not answer; that there is none is no error.
    pub(crate) async fn start_own(&self, name: &str, whose: &str) -> Result<bool, DockerError> {
        match self.look(checked_name("the container", name)?).await? {
            Some(seen) if is_own(&seen.labels, whose) => self.start(&seen.id).await.map(|()| true),
            _ => Ok(false),
        }
    }

    /// Looks at a container by its id or by a name of ours.
    pub(crate) async fn look(&self, which: &str) -> Result<Option<Snapshot>, DockerError> {
        let doing = format!("look at the container `{which}`");
        match self
            .ask(&doing, self.docker.inspect_container(which, None))
            .await
        {
            Err(error) if error.is_absence() => Ok(None),
            other => snapshot(&doing, other?).map(Some),
        }
    }

    /// Creates a container under `name` and joins it to its networks; gives its id. If that cannot be,
    /// it is removed again; so is one that cannot have its variables, where that is asked for.
    pub(super) async fn create(
        &self,
        name: &str,
        container: &Container,
        body: ContainerCreateBody,
        shell: Shell,
    ) -> Result<String, DockerError> {
        let id = self.make(name, body).await?;
        let made = self.furnish(&id, container, shell).await;
        if made.is_err() {
            // The first error is the one that tells something.
            let _unused = self.remove(&id, Volumes::Remove).await;
        }
        made.map(|()| id)
    }

    /// Has the daemon make a container. It makes one also for who went away meanwhile, as a deploy does that is
    /// interrupted: then it is removed as soon as it is there, and [`Self::all_made`] waits for that.
    async fn make(&self, name: &str, body: ContainerCreateBody) -> Result<String, DockerError> {
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        let doing = format!("create the container `{name}`");
        let silent = DockerError::Silent {
            place: self.place.clone(),
            doing: doing.clone(),
            after: self.clocks.answer,
        };
        let making = Arc::clone(&self.making).lock_owned().await;
        let (engine, (tell, told)) = (self.clone(), oneshot::channel());
        drop(tokio::spawn(async move {
            let call = engine.docker.create_container(Some(options), body);
            let made = engine.ask(&doing, call).await;
            let made = made.and_then(|made| checked_id(&doing, Some(made.id)));
            if let Err(Ok(id)) = tell.send(made) {
                // Nobody is there to be told of a failure; the next deploy finds it.
                drop(engine.remove(&id, Volumes::Remove).await);
            }
            drop(making);
        }));
        told.await.unwrap_or(Err(silent))
    }

    /// Waits until the daemon makes no container any more, before one is looked for.
    pub(super) async fn all_made(&self) {
        drop(self.making.lock().await);
    }

    async fn furnish(
        &self,
        id: &str,
        container: &Container,
        shell: Shell,
    ) -> Result<(), DockerError> {
        if shell == Shell::Asked {
            self.demand_shell(id, container).await?;
        }
        // Up to API 1.43 a container is created with one network only.
        for network in container.networks.iter().skip(1) {
            let doing = format!("join the container to the network `{network}`");
            let request = NetworkConnectRequest {
                container: id.to_owned(),
                endpoint_config: container.endpoint(network),
            };
            self.ask(&doing, self.docker.connect_network(network, request))
                .await?;
        }
        Ok(())
    }

    /// Starts a container; one that runs already stays as it is.
    pub(crate) async fn start(&self, which: &str) -> Result<(), DockerError> {
        let doing = format!("start the container `{}`", short(which));
        self.ask(&doing, self.docker.start_container(which, None))
            .await
    }

    /// Says whether the daemon starts a container again, which goes on as it is.
    pub(crate) async fn set_restart(
        &self,
        which: &str,
        restart: Restart,
    ) -> Result<(), DockerError> {
        let doing = format!("set the restart policy of `{}`", short(which));
        let body = ContainerUpdateBody {
            restart_policy: Some(restart.policy()),
            ..ContainerUpdateBody::default()
        };
        let call = self.docker.update_container(which, body);
        self.ask(&doing, call).await.map(drop)
    }

    /// Stops a container, if there is one: its stop signal, the time that it has, then KILL.
    pub(crate) async fn stop(&self, which: &str) -> Result<(), DockerError> {
        match self.look(which).await? {
            Some(seen) => self.stop_within(&seen.id, seen.stop_within).await,
            None => Ok(()),
        }
    }

    /// The same for one whose time is known.
    pub(super) async fn stop_within(
        &self,
        which: &str,
        grace: Option<Duration>,
    ) -> Result<(), DockerError> {
        let grace = grace.map_or(self.clocks.grace, |grace| grace.min(LONGEST_STOP));
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptionsBuilder::default().t(seconds).build();
        let doing = format!("stop the container `{}`", short(which));
        let call = self.docker.stop_container(which, Some(options));
        absent_is_fine(
            self.within(self.clocks.answer.saturating_add(grace), &doing, call)
                .await,
        )
    }

    /// Removes a container, running or not, if there is one.
    pub(super) async fn remove(&self, which: &str, volumes: Volumes) -> Result<(), DockerError> {
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(volumes == Volumes::Remove)
            .build();
        let doing = format!("remove the container `{}`", short(which));
        let call = self.docker.remove_container(which, Some(options));
        absent_is_fine(self.ask(&doing, call).await)
    }

    /// Gives a container another name, unless it has it already.
    pub(super) async fn rename(&self, id: &str, name: &str) -> Result<(), DockerError> {
        match self.look(id).await? {
            Some(seen) if seen.name == name => Ok(()),
            Some(_) => self.rename_other(id, name).await,
            None => Err(DockerError::NoContainer {
                name: id.to_owned(),
            }),
        }
    }

    /// Gives a container that has another name this one.
    pub(super) async fn rename_other(&self, id: &str, name: &str) -> Result<(), DockerError> {
        let options = RenameContainerOptionsBuilder::default().name(name).build();
        let doing = format!("rename the container `{}` to `{name}`", short(id));
        self.ask(&doing, self.docker.rename_container(id, options))
            .await
    }
}

/// An id as Docker shows it, 12 digits; a name as it is.
fn short(which: &str) -> &str {
    match which.get(..12) {
        Some(short) if which.len() == 64 => short,
        _ => which,
    }
}

fn absent_is_fine(answer: Result<(), DockerError>) -> Result<(), DockerError> {
    match answer {
        Err(error) if error.is_absence() => Ok(()),
        other => other,
    }
}

/// What a daemon says may be anything: without an id it is no answer, other missing parts are read
/// as the most harmless.
fn snapshot(doing: &str, seen: ContainerInspectResponse) -> Result<Snapshot, DockerError> {
    let state = seen.state.unwrap_or_default();
    let config = seen.config.unwrap_or_default();
    let labels = config.labels.unwrap_or_default();
    let stop_within = config
        .stop_timeout
        .and_then(|time| u64::try_from(time).ok());
    let name = seen.name.unwrap_or_default();
    let policy = seen.host_config.and_then(|host| host.restart_policy);
    Ok(Snapshot {
        id: checked_id(doing, seen.id)?,
        name: one_line(name.trim_start_matches('/')),
        image: one_line(&seen.image.unwrap_or_default()),
        health: health(&state),
        health_output: health_output(&state),
        addresses: addresses(seen.network_settings),
        started: state.started_at.as_deref().and_then(moment),
        restarts: seen
            .restart_count
            .and_then(|n| u64::try_from(n).ok())
            .unwrap_or(0),
        labels: labels
            .iter()
            .map(|(name, value)| (one_line(name), one_line(value)))
            .collect(),
        stop_within: stop_within.map(Duration::from_secs),
        restart: policy.as_ref().and_then(Restart::of),
        state: activity(&state),
    })
}

fn activity(state: &ContainerState) -> State {
    use ContainerStateStatusEnum as Status;
    match state.status {
        Some(Status::RUNNING | Status::STOPPING) => State::Running,
        Some(Status::RESTARTING) => State::Restarting,
        Some(Status::PAUSED) => State::Paused,
        Some(Status::EXITED) => State::Exited(state.exit_code.unwrap_or(-1)),
        Some(Status::CREATED) => State::Created,
        Some(Status::REMOVING | Status::DEAD | Status::EMPTY) | None => State::Dead,
    }
}

fn health(state: &ContainerState) -> Option<Health> {
    match state.health.as_ref()?.status? {
        HealthStatusEnum::STARTING => Some(Health::Starting),
        HealthStatusEnum::HEALTHY => Some(Health::Healthy),
        HealthStatusEnum::UNHEALTHY => Some(Health::Unhealthy),
        HealthStatusEnum::NONE | HealthStatusEnum::EMPTY => None,
    }
}

/// What the last run of the health check said: its exit code, and the end of what it printed.
fn health_output(state: &ContainerState) -> String {
    let log = state.health.as_ref().and_then(|health| health.log.as_ref());
    let Some(last) = log.and_then(|log| log.last()) else {
        return String::new();
    };
    let code = last
        .exit_code
        .map_or_else(String::new, |code| format!("exit {code}: "));
    format!(
        "{code}{}",
        last.output.as_deref().unwrap_or_default().trim()
    )
}

/// Addresses as far as they are some; a container that does not run has none.
fn addresses(settings: Option<NetworkSettings>) -> BTreeMap<String, IpAddr> {
    let networks = settings.and_then(|settings| settings.networks);
    let networks = networks.unwrap_or_default().into_iter();
    networks
        .filter_map(|(name, endpoint)| {
            let v4 = endpoint.ip_address.and_then(|text| text.parse().ok());
            let v6 = || endpoint.global_ipv6_address.as_ref()?.parse().ok();
            Some((one_line(&name), v4.or_else(v6)?))
        })
        .collect()
}

/// `2026-11-24T10:00:00.123456789Z` to the second; a container that never ran says the year 1.
fn moment(text: &str) -> Option<Moment> {
    let seconds = text.get(..19)?;
    let moment: Moment = format!("{seconds}Z").parse().ok()?;
    (moment.seconds() > 0).then_some(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_to_the_second_and_never_started_is_none() {
        let read = moment("2026-11-24T10:00:00.123456789Z").unwrap();
        assert_eq!(read.to_string(), "2026-11-24T10:00:00Z");
        assert_eq!(moment("0001-01-01T00:00:00Z"), None);
        assert_eq!(moment("soon"), None);
    }

    #[test]
    fn an_answer_without_an_id_is_none_and_one_without_a_state_is_dead() {
        let empty = ContainerInspectResponse::default();
        assert!(snapshot("look", empty.clone()).is_err());
        let hostile = ContainerInspectResponse {
            id: Some("../images/x".to_owned()),
            ..empty.clone()
        };
        assert!(snapshot("look", hostile).is_err());
        let bare = ContainerInspectResponse {
            id: Some("0f".to_owned()),
            ..empty
        };
        let seen = snapshot("look", bare).unwrap();
        assert_eq!(seen.state, State::Dead);
        assert!(!seen.is_up());
    }
}
