//! One component on one target: from its receipt to the new one, or back to the old.

use std::collections::BTreeMap;

use super::docker::{Engine, Replacement};
use super::engine;
use super::place::{self, Given, Opened, fill_all};
use super::plan::ComponentPlan;
use super::probe::Patience;
use super::process;
use super::receipt::{Given as GivenSecret, Process, Receipt};
use super::step::Surroundings;
use super::target::{Target, TargetError, empty};
use crate::crypto::hex;
use crate::error::{Code, Error, Problem};
use crate::secret::Plain;
use crate::trust::Rollback;
use crate::vault::Vault;
use crate::world::World;

/// What became of a component.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Done {
    /// It was not there, and runs now.
    Started,
    /// Another one ran before.
    Changed,
    /// Nothing new, and it answers: not touched.
    Unchanged,
}

impl Done {
    /// The word in the result table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
        }
    }
}

/// Everything that one component's run needs.
pub(super) struct Bringing<'a> {
    pub(super) vault: &'a Vault,
    pub(super) world: &'a World,
    pub(super) target: &'a Target,
    pub(super) plan: &'a ComponentPlan,
    /// The deploy's id.
    pub(super) deploy: &'a str,
    /// Who deploys.
    pub(super) by: &'a str,
    /// Opens the secrets of a component; logged before.
    pub(super) open: &'a dyn Fn(&ComponentPlan) -> Result<Opened, Error>,
}

/// What runs now, so that it can be stopped or put back.
enum Running {
    Nothing,
    Process(Process),
    Container(Box<Replacement>),
}

impl Bringing<'_> {
    /// Brings the component to what the plan says.
    ///
    /// # Errors
    /// What failed; the old one then runs again with its old secrets, if there was one.
    pub(super) async fn bring(&self) -> Result<Done, Error> {
        let old = self.target.receipt(self.plan.component()).await?;
        if let Some(old) = &old {
            self.refuse_older(old)?;
        }
        if !self.target.memory && !self.plan.hook.hook.allow_disk {
            return Err(TargetError::NoMemory {
                host: self.target.host.name.to_string(),
            }
            .into());
        }
        let engine = match self.plan.hook.hook.container {
            Some(_) => Some(engine::connect(self.target).await?),
            None => None,
        };
        let new = self.receipt(engine.as_ref()).await?;
        if let Some(old) = &old
            && old.same_content(&new)
            && self.still_answers(old, engine.as_ref()).await?
        {
            return Ok(Done::Unchanged);
        }
        let opened = (self.open)(self.plan)?;
        let (folder, names) = (new.place.clone(), self.names(&new.place));
        let surroundings = self.surroundings(&opened, &folder, &names, engine.as_ref());
        let brought = self.replace(&surroundings, old.as_ref(), new).await;
        match brought {
            Ok(()) if old.is_some() => Ok(Done::Changed),
            Ok(()) => Ok(Done::Started),
            Err(error) => Err(error),
        }
    }

    fn surroundings<'s>(
        &'s self,
        opened: &'s Opened,
        folder: &'s str,
        names: &'s BTreeMap<String, String>,
        engine: Option<&'s Engine>,
    ) -> Surroundings<'s> {
        let Self {
            target,
            plan,
            world,
            ..
        } = self;
        Surroundings {
            target,
            plan,
            opened,
            folder,
            names,
            engine,
            world,
        }
    }

    fn names(&self, folder: &str) -> BTreeMap<String, String> {
        let mut names = self.plan.names.clone();
        names.insert("place".into(), folder.to_owned());
        names.insert("run".into(), self.target.run.clone());
        names
    }

    /// Refuses to bring something older than the target has.
    fn refuse_older(&self, old: &Receipt) -> Result<(), Error> {
        for (secret, here) in self.plan.revs() {
            let there = old.secrets.get(&secret).map_or(0, |given| given.rev);
            let scope = secret.split('/').next().unwrap_or_default().parse();
            let warns = scope
                .is_ok_and(|scope| self.vault.trust().accepted.rollback(&scope) == Rollback::Warn);
            if there > here && !warns {
                let host = self.target.host.name.to_string();
                return Err(TargetError::Newer {
                    host,
                    secret,
                    there,
                    here,
                }
                .into());
            }
        }
        Ok(())
    }

    /// The receipt as it will be, without the run itself.
    async fn receipt(&self, engine: Option<&Engine>) -> Result<Receipt, Error> {
        let hook = &self.plan.hook.hook;
        let image = match (&hook.container, engine) {
            (Some(container), Some(engine)) => {
                let name = place::fill(self.plan, &self.names(""), &container.image)?;
                Some(engine.image(&name).await?.id)
            }
            _ => None,
        };
        let modes = hook.file.iter().map(|(path, file)| {
            (
                path.clone(),
                file.mode.clone().unwrap_or_else(|| "0600".to_owned()),
            )
        });
        let secrets = self.plan.revs().into_iter();
        Ok(Receipt {
            format: 1,
            vault: hex(self.vault.id()),
            scope: self.target.host.scope.to_string(),
            host: self.target.host.name.to_string(),
            component: self.plan.component().to_string(),
            deploy: self.deploy.to_owned(),
            hook_seq: self.plan.hook.seq,
            settings: self.plan.settings.clone(),
            image,
            container: hook
                .container
                .as_ref()
                .map(|c| engine::name_of(self.plan, c)),
            process: None,
            place: format!(
                "{}/{}/{}",
                self.target.run,
                self.plan.component(),
                self.deploy
            ),
            secrets: secrets
                .map(|(name, rev)| (name, GivenSecret { rev }))
                .collect(),
            files: modes.collect(),
            clws: env!("CARGO_PKG_VERSION").to_owned(),
            by: self.by.to_owned(),
        })
    }

    /// Whether what an earlier deploy started still runs and answers.
    async fn still_answers(&self, old: &Receipt, engine: Option<&Engine>) -> Result<bool, Error> {
        let hook = &self.plan.hook.hook;
        if hook.process.is_some() {
            match &old.process {
                Some(process) if process::is_alive(self.target, process).await? => {}
                _ => return Ok(false),
            }
        }
        if let (Some(container), Some(engine)) = (&hook.container, engine) {
            let found = engine.find(&engine::name_of(self.plan, container)).await?;
            if !found.is_some_and(|found| found.is_up()) {
                return Ok(false);
            }
        }
        // A folder that a reboot emptied is not what the receipt says.
        let there = r#"[ ! -d "$1" ] || echo there"#;
        let found = self
            .target
            .sh("look at its folder", there, &[&old.place], empty())
            .await?;
        if found.trim() != "there" {
            return Ok(false);
        }
        // Values are opened for a question only if it needs one.
        let needs = hook.probe.iter().any(|probe| !probe.needs.is_empty());
        let opened = if needs {
            (self.open)(self.plan)?
        } else {
            Opened::new()
        };
        let names = self.names(&old.place);
        let surroundings = self.surroundings(&opened, &old.place, &names, engine);
        Ok(surroundings.probes(Patience::Once).await?.is_ok())
    }

    /// Places, starts, asks; puts the old one back if the new one does not answer.
    async fn replace(
        &self,
        around: &Surroundings<'_>,
        old: Option<&Receipt>,
        mut new: Receipt,
    ) -> Result<(), Error> {
        let prepared = self.place_all(around).await;
        let begun = match prepared {
            Ok(()) => around.steps(&self.plan.hook.hook.before).await,
            Err(error) => Err(error),
        };
        if let Err(error) = begun {
            place::remove_folder(self.target, &new.place).await?;
            return Err(error);
        }
        let (running, started) = self.start(around, old).await;
        if let Running::Process(process) = &running {
            new.process = Some(process.clone());
        }
        let answered = match started {
            Ok(()) => self.watch(around, &running).await,
            Err(error) => Err(error),
        };
        if let Err(error) = answered {
            return Err(self.put_back(around, running, old, &new, error).await);
        }
        if let (Running::Container(replacement), Some(engine)) = (running, around.engine) {
            engine.confirm(*replacement).await?;
        }
        self.target
            .write_receipt(self.plan.component(), &new)
            .await?;
        if let Some(old) = old
            && old.place != new.place
        {
            place::remove_folder(self.target, &old.place).await?;
        }
        around.steps(&self.plan.hook.hook.afterwards).await
    }

    /// Places the files of a process, or of a component of files and steps alone. A container's are
    /// placed when it is made.
    async fn place_all(&self, around: &Surroundings<'_>) -> Result<(), Error> {
        let folder = around.folder;
        place::make_folder(self.target, folder, "0700").await?;
        let hook = &self.plan.hook.hook;
        if hook.container.is_some() {
            return Ok(());
        }
        let prefix = format!("{}/", self.plan.component());
        let templates: Vec<&str> = hook
            .file
            .values()
            .filter_map(|file| file.template.as_deref())
            .collect();
        for (path, file) in &self.plan.hook.files {
            let Some(name) = path.strip_prefix(&prefix) else {
                continue;
            };
            if templates.contains(&name) {
                continue;
            }
            let mode = if file.mode == "0755" { 0o700 } else { 0o600 };
            let content = Plain::new(file.bytes.clone());
            place::put(
                self.target,
                &format!("{folder}/{name}"),
                mode,
                None,
                content,
            )
            .await?;
        }
        for file in place::files(self.plan, around.names, around.opened, Given::All)? {
            let path = format!("{folder}/{}", file.path);
            place::put(
                self.target,
                &path,
                file.mode,
                file.owner.as_deref(),
                file.content,
            )
            .await?;
        }
        if let Some(process) = &hook.process {
            let environment =
                place::environment(self.plan, around.names, around.opened, Given::All)?;
            if let Some(environment) = environment {
                place::put(
                    self.target,
                    &format!("{folder}/env"),
                    0o600,
                    None,
                    environment,
                )
                .await?;
            }
            let command = fill_all(self.plan, around.names, &process.command)?;
            let script = Plain::new(process::start_script(folder, &command).into_bytes());
            place::put(
                self.target,
                &format!("{folder}/start.sh"),
                0o600,
                None,
                script,
            )
            .await?;
        }
        Ok(())
    }

    async fn start(
        &self,
        around: &Surroundings<'_>,
        old: Option<&Receipt>,
    ) -> (Running, Result<(), Error>) {
        let hook = &self.plan.hook.hook;
        if let (Some(container), Some(engine)) = (&hook.container, around.engine) {
            let made = self.start_container(around, engine, container).await;
            return match made {
                Ok(replacement) => (Running::Container(Box::new(replacement)), Ok(())),
                Err(error) => (Running::Nothing, Err(error)),
            };
        }
        if hook.process.is_some() {
            if let Some(process) = old.and_then(|old| old.process.as_ref())
                && let Err(error) = process::stop(self.target, process).await
            {
                return (Running::Nothing, Err(error));
            }
            return match process::start(self.target, around.folder).await {
                Ok(process) => (Running::Process(process), Ok(())),
                Err(error) => (Running::Nothing, Err(error)),
            };
        }
        (Running::Nothing, Ok(()))
    }

    async fn start_container(
        &self,
        around: &Surroundings<'_>,
        engine: &Engine,
        hook: &super::hook::ContainerHook,
    ) -> Result<Replacement, Error> {
        // A killed run may have stopped between two of its steps.
        engine.recover(&engine::name_of(self.plan, hook)).await?;
        let container = engine::prepare(
            self.target,
            engine,
            self.plan,
            around.folder,
            around.opened,
            Given::All,
        )
        .await?;
        for network in &container.networks {
            engine.ensure_network(network).await?;
        }
        Ok(engine.replace(&container).await?)
    }

    /// Asks the probes, and whether it is still there afterwards.
    async fn watch(&self, around: &Surroundings<'_>, running: &Running) -> Result<(), Error> {
        let answer = around.probes(Patience::Within).await?;
        let stays = match running {
            Running::Process(process) => process::is_alive(self.target, process).await?,
            Running::Container(_) => {
                let hook = self.plan.hook.hook.container.as_ref();
                let name = hook
                    .map(|hook| engine::name_of(self.plan, hook))
                    .unwrap_or_default();
                match around.engine {
                    Some(engine) => engine.find(&name).await?.is_some_and(|found| found.is_up()),
                    None => false,
                }
            }
            Running::Nothing => true,
        };
        let why = match (answer, stays) {
            (Ok(()), true) => return Ok(()),
            (Err(said), true) => format!("does not answer: {said}"),
            (_, false) => "did not stay".to_owned(),
        };
        let mut problem = Problem::new(
            Code::Remote,
            format!(
                "{} on {} {why}",
                self.plan.component(),
                self.target.host.name
            ),
        );
        let output = self.output(around, running).await;
        for line in around
            .redacted(&output)
            .lines()
            .filter(|line| !line.trim().is_empty())
        {
            problem = problem.note(format!("| {line}"));
        }
        Err(problem.into())
    }

    /// The last lines that it printed.
    async fn output(&self, around: &Surroundings<'_>, running: &Running) -> Vec<u8> {
        match running {
            Running::Process(_) => {
                let script = r#"tail -n 10 "$1/output" 2>/dev/null; exit 0"#;
                let text = self
                    .target
                    .sh("read its output", script, &[around.folder], empty())
                    .await;
                // It is a courtesy beside the error that is already there.
                text.unwrap_or_default().into_bytes()
            }
            Running::Container(_) => {
                let hook = self.plan.hook.hook.container.as_ref();
                let name = hook
                    .map(|hook| engine::name_of(self.plan, hook))
                    .unwrap_or_default();
                match around.engine {
                    Some(engine) => engine
                        .logs_tail(&name, 10, 16 * 1024)
                        .await
                        .unwrap_or_default(),
                    None => Vec::new(),
                }
            }
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
        let mut problem = Problem::new(error.code(), error.message());
        for note in error.notes() {
            problem = problem.note(note);
        }
        for hint in error.hints() {
            problem = problem.hint(hint);
        }
        problem = match back {
            Ok(true) => problem.note("the old one runs again, with its old secrets"),
            Ok(false) => problem.note("nothing of it runs"),
            Err(other) => problem.note(format!(
                "the old one could not be put back: {}",
                other.message()
            )),
        };
        problem.into()
    }

    async fn undo(
        &self,
        around: &Surroundings<'_>,
        running: Running,
        old: Option<&Receipt>,
        new: &Receipt,
    ) -> Result<bool, Error> {
        let mut back = false;
        match running {
            Running::Container(replacement) => {
                if let Some(engine) = around.engine {
                    back = replacement.old_id().is_some();
                    engine.put_back(*replacement).await?;
                }
            }
            Running::Process(process) => process::stop(self.target, &process).await?,
            Running::Nothing => {}
        }
        if let Some(old) = old
            && old.process.is_some()
        {
            let process = process::start(self.target, &old.place).await?;
            let receipt = Receipt {
                process: Some(process),
                ..old.clone()
            };
            self.target
                .write_receipt(self.plan.component(), &receipt)
                .await?;
            back = true;
        }
        place::remove_folder(self.target, &new.place).await?;
        Ok(back)
    }
}

/// Stops what a receipt speaks of, and forgets it.
pub(super) async fn stop(
    target: &Target,
    component: &crate::name::Component,
) -> Result<bool, Error> {
    let Some(receipt) = target.receipt(component).await? else {
        return Ok(false);
    };
    if let Some(process) = &receipt.process {
        process::stop(target, process).await?;
    }
    if let Some(name) = &receipt.container {
        engine::connect(target).await?.stop_and_remove(name).await?;
    }
    place::remove_folder(target, &receipt.place).await?;
    target.remove_receipt(component).await?;
    Ok(true)
}
