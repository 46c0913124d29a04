//! What a container prints, and commands beside it: probes inside, one-off steps of its image.
//!
//! Output comes back as bytes, the last of them where there are many: what went wrong stands at the
//! end. It is neither redacted nor made safe for a terminal; the caller knows the values and does
//! both. Standard input goes over the attached stream, so it is in no argument and in no log.

use std::fmt;
use std::time::{Duration, Instant};

use bollard::errors::Error as BollardError;
use bollard::exec::StartExecResults;
use bollard::models::{ExecConfig, RestartPolicy, RestartPolicyNameEnum};
use bollard::query_parameters::{AttachContainerOptionsBuilder, LogsOptionsBuilder};

use super::body::no_health;
use super::client::Engine;
use super::container::{Container, checked_name};
use super::error::{DockerError, checked_id};
use super::lifecycle::{Shell, State, Volumes};
use super::names::step;
use super::output::{Tail, converse};
use super::standing::{PLACE, is_own};
use crate::secret::Plain;

/// What is kept of one command's output: 1 MiB, more than anybody reads.
pub const OUTPUT_CAP: usize = 1 << 20;

/// A command that was run.
#[derive(Eq, PartialEq)]
pub struct Ran {
    /// How it ended.
    pub ended: Ended,
    /// Standard output and error as they came, the last lines of at most [`OUTPUT_CAP`] bytes.
    pub output: Vec<u8>,
    /// Whether output before that was dropped.
    pub cut: bool,
}

/// Without the output, which may hold what the command was given.
impl fmt::Debug for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ran({:?})", self.ended)
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// With this exit code.
    Code(i64),
    /// Not at all within its time.
    Overdue,
}

impl Engine {
    /// The last lines that a container printed, of both streams, at most `cap` bytes.
    ///
    /// # Errors
    /// [`DockerError::NoContainer`]; if the daemon refuses or does not answer.
    pub async fn logs_tail(
        &self,
        name: &str,
        lines: usize,
        cap: usize,
    ) -> Result<Vec<u8>, DockerError> {
        let name = checked_name("the container", name)?;
        let options = LogsOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .tail(&lines.to_string())
            .build();
        let mut tail = Tail::new(cap);
        let reading = tail.read(Box::pin(self.docker.logs(name, Some(options))));
        let doing = format!("show what the container `{name}` printed");
        match self.ask(&doing, reading).await {
            Ok(()) => Ok(tail.finish().0),
            Err(error) if error.is_absence() => {
                let name = name.to_owned();
                Err(DockerError::NoContainer { name })
            }
            Err(error) => Err(error),
        }
    }

    /// Runs a command inside a running container, as its user.
    ///
    /// It sees the configured environment only; [`inject::with_environment`] gives it the rest. One
    /// that is overdue goes on inside until the container ends: the API cannot stop it.
    ///
    /// [`inject::with_environment`]: super::inject::with_environment
    ///
    /// # Errors
    /// [`DockerError::NoContainer`]; if it does not run, or the daemon does not answer.
    pub async fn exec_probe(
        &self,
        name: &str,
        command: &[String],
        stdin: Option<&Plain>,
        within: Duration,
    ) -> Result<Ran, DockerError> {
        let name = checked_name("the container", name)?;
        let until = deadline(within);
        let config = ExecConfig {
            attach_stdin: Some(stdin.is_some()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..ExecConfig::default()
        };
        let doing = format!("run a command in the container `{name}`");
        let id = match self
            .ask(&doing, self.docker.create_exec(name, config))
            .await
        {
            Err(error) if error.is_absence() => {
                let name = name.to_owned();
                return Err(DockerError::NoContainer { name });
            }
            other => checked_id(&doing, Some(other?.id))?,
        };
        let started = self.ask(&doing, self.docker.start_exec(&id, None)).await?;
        let mut tail = Tail::new(OUTPUT_CAP);
        if let StartExecResults::Attached { output, input } = started {
            let talk = converse(input, output, stdin, &mut tail);
            if !self.in_time(until, &doing, talk).await? {
                return Ok(ended(tail, Ended::Overdue));
            }
        }
        // The stream may end a moment before the daemon has noted the exit code, and a program may
        // close its output and go on.
        let mut pause = Duration::from_millis(5);
        loop {
            let seen = self.ask(&doing, self.docker.inspect_exec(&id)).await?;
            if seen.running != Some(true)
                && let Some(code) = seen.exit_code
            {
                return Ok(ended(tail, Ended::Code(code)));
            }
            if Instant::now() >= until {
                return Ok(ended(tail, Ended::Overdue));
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(Duration::from_millis(50));
        }
    }

    /// Runs a container of its own to its end, `NAME.clws-step`, and removes it: a step before a
    /// component starts, with the same image, user, networks, mounts and variables, and no ports.
    ///
    /// One that is overdue is killed.
    ///
    /// # Errors
    /// As [`Engine::create_beside`](Engine::create_beside); if it cannot be started.
    pub async fn one_off(
        &self,
        container: &Container,
        stdin: Option<&Plain>,
        within: Duration,
    ) -> Result<Ran, DockerError> {
        let name = step(checked_name("the container", &container.name)?);
        let image = self.image(&container.image).await?;
        let mut container = container.clone();
        // Others would find the step under the component's names.
        container.aliases.clear();
        let mut body = container.body(&image)?;
        body.open_stdin = Some(stdin.is_some());
        body.stdin_once = Some(stdin.is_some());
        body.attach_stdin = Some(stdin.is_some());
        body.exposed_ports = None;
        body.healthcheck = Some(no_health());
        if let Some(host) = &mut body.host_config {
            host.port_bindings = None;
            host.restart_policy = Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::NO),
                maximum_retry_count: None,
            });
        }
        self.remove_step(&name, &container.whose).await?;
        let id = self.create(&name, &container, body, Shell::Asked).await?;
        let ran = self.run_to_end(&id, stdin, within).await;
        // Also ends what is overdue. A step that is done counts even if its remains stay.
        let removed = self.remove(&id, Volumes::Remove).await;
        let ran = ran?;
        removed.map(|()| ran)
    }

    /// Ends the step of the component `name` that somebody left in the middle.
    ///
    /// # Errors
    /// If the daemon refuses or does not answer; that there is none is no error.
    pub async fn end_step(&self, name: &str, whose: &str) -> Result<(), DockerError> {
        let name = step(checked_name("the container", name)?);
        self.remove_step(&name, whose).await
    }

    /// Removes a step that was left over.
    async fn remove_step(&self, name: &str, whose: &str) -> Result<(), DockerError> {
        self.all_made().await;
        match self.look(name).await? {
            None => Ok(()),
            Some(seen) if is_own(&seen.labels, whose) => {
                self.remove(&seen.id, Volumes::Remove).await
            }
            Some(seen) => Err(DockerError::Foreign {
                name: name.to_owned(),
                place: seen.labels.get(PLACE).cloned(),
            }),
        }
    }

    async fn run_to_end(
        &self,
        id: &str,
        stdin: Option<&Plain>,
        within: Duration,
    ) -> Result<Ran, DockerError> {
        let until = deadline(within);
        let options = AttachContainerOptionsBuilder::default()
            .stream(true)
            .stdin(stdin.is_some())
            .stdout(true)
            .stderr(true)
            .build();
        // Before it starts, so that nothing it prints is lost.
        let call = self.docker.attach_container(id, Some(options));
        let attached = self.ask("attach to the step", call).await?;
        self.start(id).await?;
        let mut tail = Tail::new(OUTPUT_CAP);
        let talk = converse(attached.input, attached.output, stdin, &mut tail);
        if !self.in_time(until, "run the step", talk).await? {
            return Ok(ended(tail, Ended::Overdue));
        }
        loop {
            match self.look(id).await?.map(|seen| seen.state) {
                Some(State::Exited(code)) => return Ok(ended(tail, Ended::Code(code))),
                Some(State::Running | State::Created) if Instant::now() < until => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Some(State::Running | State::Created | State::Restarting | State::Paused) => {
                    return Ok(ended(tail, Ended::Overdue));
                }
                Some(State::Dead) | None => {
                    let name = id.to_owned();
                    return Err(DockerError::NoContainer { name });
                }
            }
        }
    }

    /// Whether `talk` came to its end before `until`.
    async fn in_time(
        &self,
        until: Instant,
        doing: &str,
        talk: impl Future<Output = Result<(), BollardError>>,
    ) -> Result<bool, DockerError> {
        match tokio::time::timeout_at(until.into(), talk).await {
            Ok(Ok(())) => Ok(true),
            Ok(Err(error)) => Err(DockerError::of(&self.place, doing, &error)),
            Err(_) => Ok(false),
        }
    }
}

/// When a command is overdue. A day is longer than any step; the sum of more could overflow.
fn deadline(within: Duration) -> Instant {
    Instant::now() + within.min(Duration::from_secs(24 * 60 * 60))
}

fn ended(tail: Tail, ended: Ended) -> Ran {
    let (output, cut) = tail.finish();
    Ran { ended, output, cut }
}
