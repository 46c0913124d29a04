//! A new one in the place of an old one: placed, started, asked; or undone, and the old one back.

use std::time::Duration;

use tokio::time::sleep;

use super::asking::Asking;
use super::component::Bringing;
use super::engine;
use super::leases;
use super::place::{self, Given, fill_all};
use super::probe::Patience;
use super::standing::{Standing, UNASKED};
use super::step::Surroundings;
use crate::deploy::receipt::{Process, Receipt};
use crate::deploy::target::put::{File, Folders, put};
use crate::deploy::target::{leftover, process};
use crate::docker::{Engine, Replacement, State};
use crate::error::{Code, Error, Problem};
use crate::secret::{End, Plain};

/// Between two looks at whether it has ended.
const LOOK: Duration = Duration::from_secs(1);

/// What runs now, so that it can be stopped or put back.
pub(in crate::deploy) enum Running {
    Nothing,
    Process(Process),
    Container(Box<Replacement>),
}

impl Bringing<'_> {
    /// Places, starts, asks; puts the old one back if the new one does not answer.
    ///
    /// # Errors
    /// What failed; the old one then runs again with its old secrets, if there was one.
    pub(in crate::deploy) async fn replace(
        &self,
        around: &Surroundings<'_>,
        old: Option<&Receipt>,
        mut new: Receipt,
    ) -> Result<(), Error> {
        let hook = &self.plan.hook.hook;
        let lent = match old {
            Some(old) => leases::of_receipt(self.target, old).await?,
            None => Vec::new(),
        };
        let begun = async {
            // A disk that is full says so while the old one still runs.
            self.target.make_room(self.plan.component(), &new).await?;
            self.place_all(around).await?;
            self.make_networks(around).await?;
            around.steps(&hook.before).await
        };
        if let Err(error) = self.limit.run(begun).await {
            self.leave_step(around).await;
            // The error that led here is the one to be shown.
            drop(self.steps_for_old(around, old).await);
            // Why it failed is what somebody wants to know; that its files stayed comes with it.
            return Err(match self.clear(old).await {
                Ok(()) => error,
                Err(left) => {
                    let left = format!("its files are still there: {}", left.message());
                    Problem::of(&error).note(left).into()
                }
            });
        }
        let (running, started) = self.start(around, old, &new).await;
        if let Running::Process(process) = &running {
            new.process = Some(process.clone());
        }
        let answered = match started {
            Ok(()) => {
                let taking = async {
                    self.take_over(around, &running).await?;
                    new.leases = self.leases.let_go(self.plan).await?;
                    let container = match (&running, around.engine) {
                        (Running::Container(new), Some(engine)) => Some((engine, new.new_id())),
                        _ => None,
                    };
                    self.keep_for_boots(&new, container).await
                };
                self.limit.run(taking).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = answered {
            self.leases.take_back();
            let error = self.with_output(around, &running, error).await;
            return Err(self.put_back(around, running, old, &new, error).await);
        }
        if let (Running::Container(replacement), Some(engine)) = (running, around.engine) {
            engine.confirm(*replacement).await?;
        }
        if let Some(name) = self.other_container(old, &new) {
            self.target
                .write_receipt(self.plan.component(), &new)
                .await?;
            let engine = self.target.engine().await?;
            // One that has the old one's name by now is left.
            engine.stop_and_remove(name, &self.whose()).await?;
        }
        let stays = [new.place.as_str()];
        leftover::clear(self.target, self.plan.component(), &stays, Some(&new)).await?;
        self.leases.tell(&new.leases);
        self.leases.end_old(lent).await;
        self.forget_older(&new).await?;
        self.finish(around, new).await
    }

    /// Runs the steps for one that runs and answers, and says so in its receipt, which is kept already.
    ///
    /// # Errors
    /// The step that failed: the receipt then still says that it is to be done.
    pub(in crate::deploy) async fn finish(
        &self,
        around: &Surroundings<'_>,
        mut receipt: Receipt,
    ) -> Result<(), Error> {
        if !receipt.unfinished {
            return Ok(());
        }
        let names = around.names_with_address(None).await?;
        let around = around.with(&names, around.running);
        let steps = &self.plan.hook.hook.afterwards;
        if let Err(error) = self.limit.run(around.steps(steps)).await {
            self.leave_step(&around).await;
            return Err(error);
        }
        receipt.unfinished = false;
        let component = self.plan.component();
        self.target.write_receipt(component, &receipt).await
    }

    /// Ends a step in a container that was left in the middle: the daemon would go on with it.
    async fn leave_step(&self, around: &Surroundings<'_>) {
        if let Some(engine) = around.engine {
            // The error that led here is the one to be shown.
            drop(self.end_step(engine).await);
        }
    }

    fn whose(&self) -> String {
        self.target.whose(self.plan.component())
    }

    /// Removes the component's folders, but for the one of a receipt.
    async fn clear(&self, stays: Option<&Receipt>) -> Result<(), Error> {
        let stays: Vec<&str> = stays.iter().map(|old| old.place.as_str()).collect();
        leftover::clear(self.target, self.plan.component(), &stays, None).await
    }

    /// The old container, where it has another name than the new one or there is no new one.
    fn other_container<'o>(&self, old: Option<&'o Receipt>, new: &Receipt) -> Option<&'o str> {
        let name = old?.container.as_deref()?;
        (new.container.as_deref() != Some(name)).then_some(name)
    }

    /// Places the files of a process, or of a component of files and steps alone. A container's are
    /// placed when it is made.
    async fn place_all(&self, around: &Surroundings<'_>) -> Result<(), Error> {
        let folder = around.folder;
        let folders = Folders {
            own: folder,
            ..Folders::default()
        };
        let hook = &self.plan.hook.hook;
        let own = |name: &str, mode: u32, content: Plain| File {
            path: format!("{folder}/{name}"),
            mode,
            owner: None,
            content,
        };
        if let Some(container) = &hook.container {
            if hook.before.is_empty() {
                return Ok(());
            }
            let mark = engine::mark(self.plan, container, folder);
            return put(self.target, folders, vec![mark]).await;
        }
        let prefix = format!("{}/", self.plan.component());
        let templates: Vec<&str> = hook
            .file
            .values()
            .filter_map(|file| file.template.as_deref())
            .collect();
        let mut files = Vec::from_iter(self.leases.file(self.plan, folder));
        for (path, file) in &self.plan.hook.files {
            let Some(name) = path.strip_prefix(&prefix) else {
                continue;
            };
            if templates.contains(&name) {
                continue;
            }
            let mode = if file.mode == "0755" { 0o700 } else { 0o600 };
            files.push(own(name, mode, Plain::new(file.bytes.clone())));
        }
        for file in place::files(self.plan, around.names, around.opened, Given::All)? {
            files.push(File {
                path: format!("{folder}/{}", file.path),
                ..file
            });
        }
        if let Some(process) = &hook.process {
            let environment =
                place::environment(self.plan, around.names, around.opened, Given::All)?;
            files.extend(environment.map(|environment| own("env", 0o600, environment)));
            let command = fill_all(self.plan, around.names, &process.command)?;
            let script = Plain::new(process::start_script(folder, &command).into_bytes());
            files.push(own("start.sh", 0o600, script));
        }
        put(self.target, folders, files).await
    }

    /// Makes the networks that are missing: a step in a container joins them before the component does.
    async fn make_networks(&self, around: &Surroundings<'_>) -> Result<(), Error> {
        if let (Some(container), Some(engine)) = (&self.plan.hook.hook.container, around.engine) {
            for network in fill_all(self.plan, around.names, &container.networks)? {
                engine.ensure_network(&network, self.target.vault()).await?;
            }
        }
        Ok(())
    }

    async fn start(
        &self,
        around: &Surroundings<'_>,
        old: Option<&Receipt>,
        new: &Receipt,
    ) -> (Running, Result<(), Error>) {
        let hook = &self.plan.hook.hook;
        if let Err(error) = self.old_aside(old, new).await {
            return (Running::Nothing, Err(error));
        }
        let made = if let (Some(_), Some(engine)) = (&hook.container, around.engine) {
            let made = self.start_container(around, engine).await;
            made.map(|replacement| Running::Container(Box::new(replacement)))
        } else if hook.process.is_some() {
            let made = process::start(self.target, around.folder).await;
            made.map(Running::Process)
        } else {
            Ok(Running::Nothing)
        };
        match made {
            Ok(running) => (running, Ok(())),
            Err(error) => (Running::Nothing, Err(error)),
        }
    }

    /// Stops the old one, unless the new one is a container that takes its name.
    async fn old_aside(&self, old: Option<&Receipt>, new: &Receipt) -> Result<(), Error> {
        if let Some(old) = old
            && let Some(process) = &old.process
        {
            process::stop(self.target, process, &old.place).await?;
        }
        if let Some(name) = self.other_container(old, new) {
            let engine = self.target.engine().await?;
            engine.stop_own(name, &self.whose()).await?;
        }
        Ok(())
    }

    async fn start_container(
        &self,
        around: &Surroundings<'_>,
        engine: &Engine,
    ) -> Result<Replacement, Error> {
        let hook = self.plan.hook.hook.container.iter();
        let mark = hook.map(|hook| engine::mark(self.plan, hook, around.folder));
        let mark = mark.chain(self.leases.file(self.plan, around.folder));
        let container = engine::prepare(
            self.target,
            engine,
            self.plan,
            around.folder,
            around.opened,
            Given::All,
            mark.collect(),
        )
        .await?;
        Ok(if self.plan.hook.hook.switch.is_empty() {
            engine.replace(&container).await?
        } else {
            engine.start_beside(&container).await?
        })
    }

    /// Asks the probes, and whether it is still there afterwards.
    pub(in crate::deploy) async fn watch(
        &self,
        around: &Surroundings<'_>,
        running: &Running,
    ) -> Result<(), Error> {
        if self.plan.hook.hook.probes_of_deploys().next().is_none()
            && !matches!(running, Running::Nothing)
        {
            // Nothing else says that it did not end at once.
            sleep(UNASKED).await;
        }
        // One that has ended answers no more, however long it is asked.
        let ended = async {
            loop {
                sleep(LOOK).await;
                if !self.stays(around, running).await? {
                    return Ok::<_, Error>(());
                }
            }
        };
        let answer = tokio::select! {
            answer = around.probes(Patience::Within) => answer,
            ended = ended => ended.map(|()| Err(String::new())),
        };
        let stays = self.stays(around, running).await?;
        let why = match (answer, stays) {
            // That one cannot be asked, either.
            (_, false) => "did not stay".to_owned(),
            (Ok(Ok(())), true) => return Ok(()),
            (Ok(Err(said)), true) => format!("does not answer: {said}"),
            (Err(error), true) => return Err(error),
        };
        let (component, host) = (self.plan.component(), &self.target.host.name);
        Err(Problem::new(Code::Remote, format!("{component} on {host} {why}")).into())
    }

    /// Whether what was started still runs.
    async fn stays(&self, around: &Surroundings<'_>, running: &Running) -> Result<bool, Error> {
        Ok(match running {
            Running::Process(process) => process::is_alive(self.target, process).await?,
            Running::Container(replacement) => match around.engine {
                Some(engine) => {
                    let found = engine.look(replacement.new_id()).await?;
                    found.is_some_and(|found| found.is_up())
                }
                None => false,
            },
            Running::Nothing => true,
        })
    }

    /// The error, with the last lines that the new one printed.
    async fn with_output(
        &self,
        around: &Surroundings<'_>,
        running: &Running,
        error: Error,
    ) -> Error {
        let output = self.output(around, running).await;
        let mut problem = Problem::of(&error);
        // It may still be saying something, or was cut at what is kept of it.
        let shown = around.redacted(&output, End::Cut);
        let lines = shown.lines().filter(|line| !line.trim().is_empty());
        for line in lines {
            problem = problem.note(format!("| {line}"));
        }
        problem.into()
    }

    /// The last lines that it printed.
    async fn output(&self, around: &Surroundings<'_>, running: &Running) -> Vec<u8> {
        match running {
            Running::Process(_) => {
                let script = r#"tail -n 10 "$1/output" 2>/dev/null; exit 0"#;
                let text = self
                    .target
                    .sh("read its output", script, &[around.folder])
                    .await;
                // It is a courtesy beside the error that is already there.
                text.unwrap_or_default().into_bytes()
            }
            Running::Container(replacement) => match around.engine {
                Some(engine) => engine
                    .logs_tail(replacement.new_id(), 10, 16 * 1024)
                    .await
                    .unwrap_or_default(),
                None => Vec::new(),
            },
            Running::Nothing => Vec::new(),
        }
    }

    /// Stops the new one and puts the old one back with its old secrets; gives the error to end with.
    async fn put_back(
        &self,
        around: &Surroundings<'_>,
        running: Running,
        old: Option<&Receipt>,
        new: &Receipt,
        error: Error,
    ) -> Error {
        let back = self.undo(around, running, old, new).await;
        let problem = Problem::of(&error);
        let problem = match back {
            Ok(standing) => problem.note(standing.of_old()),
            // What becomes of it over another connection is said when that was tried.
            Err(_) if self.target.is_lost().await => problem,
            Err(other) => problem.note(format!(
                "the old one could not be put back: {}",
                other.message()
            )),
        };
        problem.into()
    }

    /// The work of `put_back`; what there is of the old one then.
    async fn undo(
        &self,
        around: &Surroundings<'_>,
        running: Running,
        old: Option<&Receipt>,
        new: &Receipt,
    ) -> Result<Standing, Error> {
        self.leave_step(around).await;
        let mut replaced = None;
        match running {
            Running::Container(replacement) => {
                if let Some(engine) = around.engine {
                    let ran = replacement.old_ran();
                    let id = replacement.old_id().map(str::to_owned);
                    if id.is_some() {
                        self.lead_back(around, engine, &replacement).await?;
                    }
                    engine.put_back(*replacement).await?;
                    replaced = id.map(|id| (engine, id, ran));
                }
            }
            Running::Process(process) => {
                process::stop(self.target, &process, &new.place).await?;
            }
            Running::Nothing => {
                // A container that did not start was put back by the engine.
                self.steps_for_old(around, old).await?;
            }
        }
        // Also ends what was started and never said so.
        self.clear(old).await?;
        let other = self.other_container(old, new);
        if let Some(name) = other {
            let engine = self.target.engine().await?;
            engine.start_own(name, &self.whose()).await?;
        }
        let again = match old {
            Some(old) => Some(self.run_again(old).await?),
            None => None,
        };
        if let Some((engine, id, ran)) = replaced {
            if ran {
                sleep(UNASKED).await;
            }
            return Ok(match engine.look(&id).await? {
                Some(seen) if seen.state == State::Running => Standing::Runs,
                Some(_) if ran => Standing::Ended,
                Some(_) => Standing::AsItWas,
                None => Standing::Nothing,
            });
        }
        let Some(again) = again else {
            return Ok(Standing::Nothing);
        };
        let was_started = again.process.is_some() || other.is_some();
        if was_started {
            sleep(UNASKED).await;
        }
        Ok(match self.look_at(&again).await? {
            Standing::Stopped if was_started => Standing::Ended,
            standing => standing,
        })
    }

    /// Runs the steps of files and steps alone once more, for the folder of the old one: they may have led
    /// others to the new one's, which goes.
    pub(in crate::deploy) async fn steps_for_old(
        &self,
        around: &Surroundings<'_>,
        old: Option<&Receipt>,
    ) -> Result<(), Error> {
        let hook = &self.plan.hook.hook;
        let placed = |old: &&Receipt| old.container.is_none() && old.process.is_none();
        let Some(old) = old.filter(placed) else {
            return Ok(());
        };
        if hook.container.is_some() || hook.process.is_some() || hook.before.is_empty() {
            return Ok(());
        }
        let names = self.names(&old.place);
        let around = Surroundings {
            asking: Asking {
                names: &names,
                folder: &old.place,
                ..around.asking
            },
            ..*around
        };
        around.steps(&hook.before).await
    }
}
