//! What a component's probes need to be asked, whoever asks: a deploy, which has the target's lock, or
//! somebody who only looks.

use std::collections::BTreeMap;
use std::time::Duration;

use super::place::{self, Given, Opened, fill_all};
use crate::channel::{Channel, ChannelError, Command, Ended, Local};
use crate::deploy::plan::ComponentPlan;
use crate::deploy::target::process::PROC;
use crate::deploy::target::{empty, leftover};
use crate::docker::{self, Engine};
use crate::error::Error;
use crate::hook::{HookError, Where};
use crate::secret::{End, Plain, Redactor};
use crate::text::clean;
use crate::world::World;

/// Takes variables from standard input and becomes the command: they are in no file and no argument.
const WITH_VARIABLES: &str = r#"set -a; eval "$(cat)"; set +a; [ -z "$1" ] || cd "$1" || exit 126; shift; exec "$@" </dev/null"#;

/// What a probe says; its last line is shown.
const MAX_ANSWER: usize = 64 * 1024;

/// How much is shown of what answered, and of a probe's own words, in characters.
const SHOWN: usize = 300;

/// The command has no variables, nor anything to read.
const ALONE: &str = r#"[ -z "$1" ] || cd "$1" || exit 126; shift; exec "$@" </dev/null"#;

/// The command reads standard input itself.
const WITH_INPUT: &str = r#"[ -z "$1" ] || cd "$1" || exit 126; shift; exec "$@""#;

/// A step says who it is first, so that it can be ended if this run is killed.
const KNOWN: &str = r#"known "$1" || exit 126"#;

/// It then waits for [`GO`]. Where nobody says that any more, nothing begins: who left it did not see it, and
/// ended what was known.
const WAITS: &str = "read -r go || exit 126\n";

const GO: &[u8] = b"go\n";

/// What probes of one component need.
#[derive(Clone, Copy)]
pub(in crate::deploy) struct Asking<'a> {
    pub(in crate::deploy) channel: &'a Channel,
    /// Where a command says who it is, so that it can be ended if this run is killed; nowhere, where
    /// nothing is to be written.
    pub(in crate::deploy) state: Option<&'a str>,
    pub(in crate::deploy) plan: &'a ComponentPlan,
    pub(in crate::deploy) opened: &'a Opened,
    /// The component's folder on the target.
    pub(in crate::deploy) folder: &'a str,
    /// Plain names as the target sees them.
    pub(in crate::deploy) names: &'a BTreeMap<String, String>,
    pub(in crate::deploy) engine: Option<&'a Engine>,
    /// The container that runs, where it does not have its name yet.
    pub(in crate::deploy) running: Option<&'a str>,
    pub(in crate::deploy) world: &'a World,
}

impl Asking<'_> {
    /// Runs a probe's command once.
    pub(in crate::deploy) async fn asks(
        &self,
        place: Where,
        run: &[String],
        needs: &[String],
        within: Duration,
    ) -> Result<Result<(), String>, Error> {
        if place == Where::Container {
            let engine = self
                .engine
                .ok_or_else(|| self.wrong("a probe in a container needs [container]".into()))?;
            let words = fill_all(self.plan, &self.names_inside(), run)?;
            // Its files are there anyway; without a variable there may be no file of them to read.
            let variables = &self.plan.hook.hook.env;
            let hidden = |name| variables.get(name).is_some_and(|value| !value.is_visible());
            let words = if needs.iter().any(hidden) {
                docker::inject::with_environment(&format!("{}/env", place::IN_CONTAINER), &words)
            } else {
                words
            };
            let ran = engine
                .exec_probe(&self.container(), &words, None, within)
                .await?;
            return Ok(match ran.ended {
                docker::Ended::Code(0) => Ok(()),
                docker::Ended::Code(code) => Err(said(
                    &format!("exit {code}"),
                    &self.redacted(&ran.output, End::Whole),
                )),
                docker::Ended::Overdue => Err("no answer in time".into()),
            });
        }
        let words = fill_all(self.plan, self.names, run)?;
        let command = self.command(place, &words, needs, None)?;
        let command = command.within(within).output_cap(MAX_ANSWER);
        let asked = match self.elsewhere(place) {
            Some(local) => local.run(&command).await,
            None => self.channel.run(&command).await,
        };
        let outcome = match asked {
            Ok(outcome) => outcome,
            Err(ChannelError::Slow { .. }) => return Ok(Err("no answer in time".into())),
            Err(error) => return Err(error.into()),
        };
        Ok(match outcome.ended {
            Ended::Exit(0) => Ok(()),
            Ended::Exit(code) => {
                let end = End::of(outcome.truncated);
                let both = [&outcome.out, &outcome.err].map(|output| self.redacted(output, end));
                Err(said(&format!("exit {code}"), &both.concat()))
            }
            Ended::Signal(name) => Err(format!("ended by {name}")),
        })
    }

    /// Output as it may be shown: without the values that this component was given.
    pub(in crate::deploy) fn redacted(&self, output: &[u8], end: End) -> String {
        let shown = Redactor::of(self.opened.values()).text(output, end);
        clean(&String::from_utf8_lossy(&shown))
    }

    pub(in crate::deploy) fn wrong(&self, why: String) -> HookError {
        HookError::in_hook(self.plan.component(), why)
    }

    /// The machine that deploys, where something is to run there and the target is another one.
    pub(in crate::deploy) fn elsewhere(&self, place: Where) -> Option<Channel> {
        let far = matches!(self.channel, Channel::Ssh(_));
        (place == Where::Local && far).then(|| Channel::Local(Local::bound(self.world)))
    }

    /// The command for a shell on the target.
    pub(in crate::deploy) fn command(
        &self,
        place: Where,
        words: &[String],
        needs: &[String],
        input: Option<Plain>,
    ) -> Result<Command, Error> {
        let (script, input) = match input {
            Some(input) => (WITH_INPUT, input),
            None => {
                let given = Given::Only(needs);
                match place::environment(self.plan, self.names, self.opened, given)? {
                    Some(variables) => (WITH_VARIABLES, variables),
                    None => (ALONE, empty()),
                }
            }
        };
        // The component's folder is on the target alone.
        let (state, folder) = match self.elsewhere(place) {
            Some(_) => (None, ""),
            None => (self.state, self.folder),
        };
        let known = state.map(|state| leftover::step_file(state, self.plan.component()));
        let mut command = match known {
            Some(known) => Command::new(format!("{WAITS}shift\n{script}"))
                .before(format!("{PROC}{KNOWN}"))
                .argument(known)
                .input(after_go(&input)),
            None => Command::new(format!("shift\n{script}"))
                .argument("")
                .input(input),
        };
        command = command.argument(folder);
        command.arguments.extend(words.iter().cloned());
        Ok(command)
    }
}

/// How a probe's command ended, and the last that it said.
fn said(how: &str, text: &str) -> String {
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    match last {
        Some(line) => format!("{how}: {}", short(line.trim())),
        None => how.to_owned(),
    }
}

/// What is shown of a text that may be of any length.
pub(super) fn short(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// What a step that waits is sent.
fn after_go(input: &Plain) -> Plain {
    input.with(|input| {
        let mut bytes = Vec::with_capacity(GO.len() + input.len());
        bytes.extend_from_slice(GO);
        bytes.extend_from_slice(input);
        Plain::new(bytes)
    })
}
