//! Steps around a component: one command each, given what it declares and nothing else.

use std::collections::BTreeMap;

use super::docker::{self, Engine};
use super::engine;
use super::hook::{STEP, Step, Where, parse_duration};
use super::hook_error::HookError;
use super::leftover;
use super::output::Shown;
use super::place::{self, Given, Opened, fill_all};
use super::plan::ComponentPlan;
use super::process::PROC;
use super::target::{Target, empty};
use super::{Channel, Command, Ended, Local, Source};
use crate::error::{Code, Error, Explain, Problem};
use crate::secret::{Plain, Redactor};
use crate::text::clean;
use crate::world::World;

/// Takes variables from standard input and becomes the command: they are in no file and no argument.
const WITH_VARIABLES: &str = r#"set -a; eval "$(cat)"; set +a; [ -z "$1" ] || cd "$1" || exit 126; shift; exec "$@" </dev/null"#;

/// What a probe says; its last line is shown.
const MAX_ANSWER: usize = 64 * 1024;

/// The command has no variables, nor anything to read.
const ALONE: &str = r#"[ -z "$1" ] || cd "$1" || exit 126; shift; exec "$@" </dev/null"#;

/// The command reads standard input itself.
const WITH_INPUT: &str = r#"[ -z "$1" ] || cd "$1" || exit 126; shift; exec "$@""#;

/// A step says who it is first, so that it can be ended if this run is killed.
const KNOWN: &str = r#"[ -z "$1" ] || known "$1" || exit 126
shift
"#;

/// What steps and probes of one component need.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) target: &'a Target,
    pub(super) plan: &'a ComponentPlan,
    pub(super) opened: &'a Opened,
    /// The component's folder on the target.
    pub(super) folder: &'a str,
    /// Plain names as the target sees them.
    pub(super) names: &'a BTreeMap<String, String>,
    pub(super) engine: Option<&'a Engine>,
    /// The container that runs, where it does not have its name yet.
    pub(super) running: Option<&'a str>,
    pub(super) world: &'a World,
    /// Shows a line of what a step prints.
    pub(super) say: &'a (dyn Fn(&str) + Sync),
}

impl Surroundings<'_> {
    /// Runs the steps in their order; the first that fails ends them.
    ///
    /// # Errors
    /// REMOTE with what it printed, redacted.
    pub(super) async fn steps(&self, steps: &[Step]) -> Result<(), Error> {
        for (number, step) in steps.iter().enumerate() {
            self.step(number, step).await?;
        }
        Ok(())
    }

    async fn step(&self, number: usize, step: &Step) -> Result<(), Error> {
        let within = parse_duration(step.within.as_deref(), STEP).map_err(|why| self.wrong(why))?;
        let words = fill_all(self.plan, self.names, &step.run)?;
        let input = match &step.stdin {
            None => None,
            Some(secret) => {
                let missing = || self.wrong(format!("`{}` was not opened", secret.secret));
                Some(
                    self.opened
                        .get(&secret.secret)
                        .ok_or_else(missing)?
                        .duplicate(),
                )
            }
        };
        if let Some(container) = &step.inside {
            return self.inside(container, &words, input, within).await;
        }
        if step.place == Where::Container {
            return self.in_container(number, step, input, within).await;
        }
        let command = self
            .command(step.place, &words, &step.needs, input)?
            .within(within);
        let mut shown = self.shown();
        let mut sink = |source, bytes: &[u8]| shown.push(source, bytes);
        let streamed = match self.elsewhere(step.place) {
            Some(local) => local.run_streaming(&command, &mut sink).await,
            None => self.target.channel.run_streaming(&command, &mut sink).await,
        };
        shown.finish(streamed.as_ref().is_ok_and(|streamed| streamed.truncated));
        let how = match streamed {
            Ok(streamed) => match streamed.ended {
                Ended::Exit(0) => return Ok(()),
                Ended::Exit(code) => format!("exited with {code}"),
                Ended::Signal(name) => format!("was ended by {name}"),
            },
            Err(super::ChannelError::Slow { .. }) => "did not end in time".to_owned(),
            Err(error) => return Err(error.into()),
        };
        Err(self.failed(&words, &how, &shown))
    }

    /// The machine that deploys, where something is to run there and the target is another one.
    fn elsewhere(&self, place: Where) -> Option<Channel> {
        let far = matches!(self.target.channel, Channel::Ssh(_));
        (place == Where::Local && far).then(|| Channel::Local(Local::new(self.world)))
    }

    pub(super) fn shown(&self) -> Shown<'_> {
        let prefix = format!("{} {}", self.target.host.name, self.plan.component());
        Shown::new(self.say, prefix, self.opened.values())
    }

    /// The command for a shell on the target.
    fn command(
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
        let (known, folder) = match self.elsewhere(place) {
            Some(_) => (String::new(), ""),
            None => {
                let known = leftover::step_file(self.target, self.plan.component());
                (known, self.folder)
            }
        };
        let mut command = Command::new(format!("{PROC}{KNOWN}{script}"))
            .argument(known)
            .argument(folder)
            .input(input);
        command.arguments.extend(words.iter().cloned());
        Ok(command)
    }

    async fn in_container(
        &self,
        number: usize,
        step: &Step,
        input: Option<Plain>,
        within: std::time::Duration,
    ) -> Result<(), Error> {
        let engine = self
            .engine
            .ok_or_else(|| self.wrong("a step in a container needs [container]".into()))?;
        // A folder of its own: the step sees the files and variables that it names, no others.
        let folder = format!("{}/step-{number}", self.folder);
        let given = Given::Only(&step.needs);
        let mut container = engine::prepare(
            self.target,
            engine,
            self.plan,
            &folder,
            self.opened,
            given,
            Vec::new(),
        )
        .await?;
        let words = fill_all(self.plan, &self.names_inside(), &step.run)?;
        let (first, rest) = words
            .split_first()
            .map(|(f, r)| (f.clone(), r.to_vec()))
            .unwrap_or_default();
        container.entrypoint = Some(vec![first.clone()]);
        container.command = Some(rest);
        container.ports = Vec::new();
        let ran = engine.one_off(&container, input.as_ref(), within).await;
        place::remove_folder(self.target, &folder).await?;
        self.ended(&[first], &ran?, self.shown())
    }

    /// What became of a step that the daemon ran.
    pub(super) fn ended(
        &self,
        words: &[String],
        ran: &docker::Ran,
        mut shown: Shown<'_>,
    ) -> Result<(), Error> {
        shown.push(Source::Out, &ran.output);
        // What was dropped there stood before the rest.
        shown.finish(false);
        let how = match ran.ended {
            docker::Ended::Code(0) => return Ok(()),
            docker::Ended::Code(code) => format!("exited with {code}"),
            docker::Ended::Overdue => "did not end in time".to_owned(),
        };
        Err(self.failed(words, &how, &shown))
    }

    /// An error without the values that this component was given: a daemon that mounts its files can
    /// read them, and say them.
    pub(super) fn redacted_error(&self, error: Error) -> Error {
        let hidden = |text: &str| {
            let shown = self.redacted(text.as_bytes());
            (shown != text).then_some(shown)
        };
        let (notes, hints) = (error.notes(), error.hints());
        let texts = std::iter::once(error.message()).chain(notes.clone());
        if texts
            .chain(hints.clone())
            .all(|text| hidden(&text).is_none())
        {
            return error;
        }
        let redacted = |text: &String| self.redacted(text.as_bytes());
        let mut problem = Problem::new(error.code(), redacted(&error.message()));
        for note in &notes {
            problem = problem.note(redacted(note));
        }
        for hint in &hints {
            problem = problem.hint(redacted(hint));
        }
        problem.into()
    }

    /// Runs a probe's command once.
    pub(super) async fn asks(
        &self,
        place: Where,
        run: &[String],
        needs: &[String],
        within: std::time::Duration,
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
                docker::Ended::Code(code) => Err(self.said(&format!("exit {code}"), &ran.output)),
                docker::Ended::Overdue => Err("no answer in time".into()),
            });
        }
        let words = fill_all(self.plan, self.names, run)?;
        let command = self.command(place, &words, needs, None)?;
        let command = command.within(within).output_cap(MAX_ANSWER);
        let asked = match self.elsewhere(place) {
            Some(local) => local.run(&command).await,
            None => self.target.channel.run(&command).await,
        };
        let outcome = match asked {
            Ok(outcome) => outcome,
            Err(super::ChannelError::Slow { .. }) => return Ok(Err("no answer in time".into())),
            Err(error) => return Err(error.into()),
        };
        Ok(match outcome.ended {
            Ended::Exit(0) => Ok(()),
            Ended::Exit(code) => Err(self.said(
                &format!("exit {code}"),
                &[outcome.out, outcome.err].concat(),
            )),
            Ended::Signal(name) => Err(format!("ended by {name}")),
        })
    }

    fn said(&self, how: &str, output: &[u8]) -> String {
        let text = self.redacted(output);
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        match last {
            Some(line) => format!("{how}: {}", line.trim()),
            None => how.to_owned(),
        }
    }

    /// Output as it may be shown: without the values that this component was given.
    pub(super) fn redacted(&self, output: &[u8]) -> String {
        let mut redactor = Redactor::new();
        for value in self.opened.values() {
            redactor.learn(value);
        }
        let mut shown = redactor.push(output);
        shown.extend(redactor.finish());
        clean(&String::from_utf8_lossy(&shown))
    }

    pub(super) fn wrong(&self, why: String) -> HookError {
        HookError::Wrong {
            file: format!("hooks/{}.toml", self.plan.component()),
            why,
        }
    }

    fn failed(&self, words: &[String], how: &str, shown: &Shown<'_>) -> Error {
        let (component, host) = (self.plan.component(), &self.target.host.name);
        let what = words.first().map_or("a step", String::as_str);
        StepFailed {
            message: format!("{component} on {host}: {what} {how}"),
            last: shown.last().to_vec(),
        }
        .into()
    }
}

/// A step that did not end well.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StepFailed {
    message: String,
    /// What it printed last, safe and redacted. It was shown as it came.
    last: Vec<String>,
}

impl Explain for StepFailed {
    fn code(&self) -> Code {
        Code::Remote
    }

    fn notes(&self) -> Vec<String> {
        self.last.iter().map(|line| format!("| {line}")).collect()
    }
}
