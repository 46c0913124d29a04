//! Whether what a receipt speaks of runs.

use std::collections::{BTreeMap, BTreeSet};

use super::script::Clock;
use crate::channel::{Channel, Command};
use crate::deploy::receipt::{Receipt, Unread};
use crate::deploy::target::process::PROC;
use crate::deploy::target::said;
use crate::docker::{DockerError, Engine, Health, PLACE, Snapshot, State};
use crate::error::Error;
use crate::fleet::Host;
use crate::name::Component;
use crate::time::Moment;

/// Whether the folders and processes are there that the arguments name: four for each, the folder, and
/// the process as a receipt has it.
const THERE: &str = r#"
read -r boot </proc/sys/kernel/random/boot_id
while [ $# -gt 0 ]; do
    folder=gone process=gone
    [ ! -d "$1" ] || folder=there
    if [ -n "$2" ] && [ "$4" = "$boot" ] && fields "$2" && [ "$start" = "$3" ]; then process=there; fi
    echo "$folder $process"
    shift 4
done
"#;

/// How it is with what runs.
#[derive(Debug)]
pub enum Runs {
    /// It runs.
    Up {
        /// Since when, where that is known.
        since: Option<Moment>,
        /// How often the daemon has started it again; none for a process.
        restarts: Option<u64>,
        /// What its health check says, where it has one.
        health: Option<Health>,
    },
    /// The daemon starts it again and again.
    Restarting {
        /// How often it did.
        restarts: u64,
    },
    /// It does not run, and this is how.
    Down(Down),
    /// It is no container and no process: files alone, or steps that were run once.
    Nothing,
    /// The container engine did not say.
    Unseen(String),
}

/// How something does not run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Down {
    /// Its process is gone.
    Process,
    /// There is no container of its name.
    NoContainer,
    /// The container of its name is none that the receipt speaks of.
    Other,
    /// It ended with this exit code.
    Exited(i64),
    /// It is frozen, was never started, or is broken.
    Stuck,
}

/// What a host said about the processes and folders of its receipts.
pub(super) struct Runner<'a> {
    clock: &'a Clock,
    folders: BTreeSet<Component>,
    processes: BTreeSet<Component>,
}

impl<'a> Runner<'a> {
    /// Asks a host for all of them at once.
    ///
    /// # Errors
    /// [`crate::deploy::TargetError`], [`crate::channel::ChannelError`].
    pub(super) async fn ask(
        host: &Host,
        channel: &Channel,
        clock: &'a Clock,
        receipts: &BTreeMap<Component, Result<Receipt, Unread>>,
    ) -> Result<Self, Error> {
        let read: Vec<(&Component, &Receipt)> = receipts
            .iter()
            .filter_map(|(component, receipt)| Some((component, receipt.as_ref().ok()?)))
            .collect();
        let mut runner = Self {
            clock,
            folders: BTreeSet::new(),
            processes: BTreeSet::new(),
        };
        if read.is_empty() {
            return Ok(runner);
        }
        let mut command = Command::new(format!("{PROC}{THERE}"));
        for (_, receipt) in &read {
            let process = match &receipt.process {
                Some(process) => [
                    process.pid.to_string(),
                    process.start.to_string(),
                    process.boot.clone(),
                ],
                None => Default::default(),
            };
            command.arguments.push(receipt.place.clone());
            command.arguments.extend(process);
        }
        let outcome = channel.run(&command).await?;
        let text = said(&host.name, "say what runs", outcome)?;
        for ((component, _), line) in read.into_iter().zip(text.lines()) {
            let (folder, process) = line.split_once(' ').unwrap_or_default();
            if folder == "there" {
                runner.folders.insert(component.clone());
            }
            if process == "there" {
                runner.processes.insert(component.clone());
            }
        }
        Ok(runner)
    }

    /// Whether the folder of a component's files is there.
    pub(super) fn has_folder(&self, component: &Component) -> bool {
        self.folders.contains(component)
    }

    /// Whether a component runs. `engine` is none where no receipt speaks of a container.
    pub(super) async fn runs(
        &self,
        component: &Component,
        receipt: &Receipt,
        engine: Option<Result<&Engine, &Error>>,
    ) -> Runs {
        if let Some(process) = &receipt.process {
            return match self.processes.contains(component) {
                true => Runs::Up {
                    since: self.clock.at(process.start),
                    restarts: None,
                    health: None,
                },
                false => Runs::Down(Down::Process),
            };
        }
        let (Some(name), Some(engine)) = (&receipt.container, engine) else {
            return Runs::Nothing;
        };
        match engine {
            Err(error) => Runs::Unseen(error.message()),
            Ok(engine) => match engine.find(name).await {
                Ok(found) => of_container(found, &receipt.place),
                Err(error) => Runs::Unseen(message(error)),
            },
        }
    }
}

fn message(error: DockerError) -> String {
    Error::from(error).message()
}

fn of_container(found: Option<Snapshot>, place: &str) -> Runs {
    let Some(found) = found else {
        return Runs::Down(Down::NoContainer);
    };
    if found.labels.get(PLACE).map(String::as_str) != Some(place) {
        return Runs::Down(Down::Other);
    }
    match found.state {
        State::Running => Runs::Up {
            since: found.started,
            restarts: Some(found.restarts),
            health: found.health,
        },
        State::Restarting => Runs::Restarting {
            restarts: found.restarts,
        },
        State::Exited(code) => Runs::Down(Down::Exited(code)),
        State::Created | State::Paused | State::Dead => Runs::Down(Down::Stuck),
    }
}
