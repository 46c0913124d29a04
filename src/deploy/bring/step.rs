//! Steps around a component: one command each, given what it declares and nothing else.

use std::collections::BTreeMap;
use std::ops::Deref;

use super::asking::Asking;
use super::engine;
use super::output::Shown;
use super::place::{Given, fill_all};
use crate::channel::{Ended, Source};
use crate::deploy::target::Target;
use crate::deploy::target::put::remove_folder;
use crate::docker;
use crate::error::{Code, Error, Explain, Problem};
use crate::hook::times::{STEP, parse_duration};
use crate::hook::{Step, Where};
use crate::secret::{End, Plain};

/// What the steps of one component need, besides what its probes do.
#[derive(Clone, Copy)]
pub(in crate::deploy) struct Surroundings<'a> {
    pub(in crate::deploy) asking: Asking<'a>,
    pub(in crate::deploy) target: &'a Target,
    /// Shows a line of what a step prints.
    pub(in crate::deploy) say: &'a (dyn Fn(&str) + Sync),
}

impl<'a> Deref for Surroundings<'a> {
    type Target = Asking<'a>;

    fn deref(&self) -> &Asking<'a> {
        &self.asking
    }
}

impl Surroundings<'_> {
    /// The same with names that are known by now.
    pub(in crate::deploy) fn with<'b>(
        &'b self,
        names: &'b BTreeMap<String, String>,
        running: Option<&'b str>,
    ) -> Surroundings<'b> {
        Surroundings {
            asking: Asking {
                names,
                running,
                ..self.asking
            },
            ..*self
        }
    }

    /// Runs the steps in their order; the first that fails ends them.
    ///
    /// # Errors
    /// REMOTE with what it printed, redacted.
    pub(in crate::deploy) async fn steps(&self, steps: &[Step]) -> Result<(), Error> {
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
            Err(crate::channel::ChannelError::Slow { .. }) => "did not end in time".to_owned(),
            Err(error) => return Err(error.into()),
        };
        Err(self.failed(&words, &how, &shown))
    }

    pub(in crate::deploy) fn shown(&self) -> Shown<'_> {
        let prefix = format!("{} {}", self.target.host.name, self.plan.component());
        Shown::new(self.say, prefix, self.opened.values())
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
        let removed = remove_folder(self.target, &folder).await;
        // What it said comes first; that something of it is left is said where nothing else is wrong.
        self.ended(&[first], &ran?, self.shown()).and(removed)
    }

    /// What became of a step that the daemon ran.
    pub(in crate::deploy) fn ended(
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
    pub(in crate::deploy) fn redacted_error(&self, error: Error) -> Error {
        let hidden = |text: &str| {
            let shown = self.redacted(text.as_bytes(), End::Whole);
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
        let redacted = |text: &String| self.redacted(text.as_bytes(), End::Whole);
        let mut problem = Problem::new(error.code(), redacted(&error.message()));
        for note in &notes {
            problem = problem.note(redacted(note));
        }
        for hint in &hints {
            problem = problem.hint(redacted(hint));
        }
        problem.into()
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
