//! One component on one target: what is there, and whether there is anything new for it.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::asking::Asking;
use super::engine;
use super::leases::Leases;
use super::opening::Opening;
use super::place::{self, Opened};
use super::probe::Patience;
use super::step::Surroundings;
use crate::crypto::hex;
use crate::deploy::limit::Limit;
use crate::deploy::plan::{ComponentPlan, Purpose};
use crate::deploy::receipt::Receipt;
use crate::deploy::target::{Target, TargetError, leftover, process};
use crate::docker::{Engine, PLACE, State};
use crate::error::Error;
use crate::hook::Where;
use crate::name::Scope;
use crate::trust::Rollback;
use crate::vault::Vault;

/// What became of a component.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Done {
    /// It was not there, and runs now.
    Started,
    /// Another one ran before.
    Changed,
    /// Nothing new, and it answers: not touched.
    Unchanged,
    /// It is not there, and only what is there was to be brought.
    Absent,
}

impl Done {
    /// The word in the result table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Absent => "absent",
        }
    }
}

/// What of a plan is brought.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Brings {
    /// All of it.
    All,
    /// What is there already: not what was never deployed, or stopped.
    There,
}

/// What there is when what was left half done is undone.
pub(in crate::deploy) struct Settled {
    /// The folders that are in use.
    pub(in crate::deploy) stays: Vec<String>,
    /// Whether there were others.
    pub(in crate::deploy) undone: bool,
    /// What could not be put back, a line each.
    pub(in crate::deploy) missed: Vec<String>,
}

/// Everything that one component's run needs.
#[derive(Clone, Copy)]
pub(in crate::deploy) struct Bringing<'a> {
    pub(in crate::deploy) vault: &'a Vault,
    pub(in crate::deploy) target: &'a Target,
    pub(in crate::deploy) plan: &'a ComponentPlan,
    pub(in crate::deploy) brings: Brings,
    /// The deploy's id. Another one may have begun in the same second.
    pub(in crate::deploy) deploy: &'a str,
    /// The folder of what was there when it was looked at; empty if nothing was.
    pub(in crate::deploy) was: &'a OnceCell<String>,
    /// Who deploys.
    pub(in crate::deploy) by: &'a str,
    /// Opens the secrets of a component; logged before.
    pub(in crate::deploy) opening: &'a Opening<'a>,
    /// What a server beside the vault makes for it.
    pub(in crate::deploy) leases: &'a Leases<'a>,
    /// Shows a line of what a step prints.
    pub(in crate::deploy) say: &'a (dyn Fn(&str) + Sync),
    /// What ends it early.
    pub(in crate::deploy) limit: &'a Limit,
}

impl Bringing<'_> {
    /// Brings the component to what the plan says.
    ///
    /// # Errors
    /// What failed; the old one then runs again with its old secrets, if there was one.
    pub(in crate::deploy) async fn bring(&self) -> Result<Done, Error> {
        // Nothing but what it is like is asked of the daemon before the rest is judged.
        let connecting = async {
            self.plan.hook.hook.container.as_ref()?;
            Some(self.target.engine().await.map(Engine::afresh))
        };
        let looking = leftover::look(self.target, self.plan.component());
        let (found, engine) = tokio::join!(looking, connecting);
        let found = found?;
        let old = found.receipt.clone();
        // What a killed run has left was to be there.
        if self.brings == Brings::There && old.is_none() && !found.is_more_than(&[]) {
            return Ok(Done::Absent);
        }
        let place = old.as_ref().map(|old| old.place.clone());
        self.was.get_or_init(|| place.unwrap_or_default());
        if let Some(old) = &old {
            self.target
                .demand_own(self.vault, self.plan.component(), old)?;
            self.refuse_older(old)?;
        }
        if !self.target.facts.memory && !self.plan.hook.hook.allow_disk {
            return Err(TargetError::NoMemory {
                host: self.target.host.name.to_string(),
            }
            .into());
        }
        self.target.demand_stays()?;
        let engine = engine.transpose()?;
        let engine = engine.as_ref();
        // As many folders as the host says that there are, and a daemon that may take its time with each.
        let settling = self.settle(&found, engine);
        let settled = self.limit.in_time(settling).await?;
        for line in &settled.missed {
            let host = &self.target.host.name;
            (self.say)(&format!("{host} {}: {line}", self.plan.component()));
        }
        let new = self.receipt(engine, &settled.stays).await?;
        if let Some(old) = &old
            && old.same_content(&new)
            && self.has_fresh_leases(old)
            // Steps that have to be done again have what it runs with: of leases only a new one does.
            && (!old.unfinished || old.leases.is_empty())
            && self.limit.run(self.still_answers(old, engine)).await?
        {
            let kept = self.still_kept_for_boots(old, engine);
            self.limit.run(kept).await?;
            if !old.unfinished {
                return Ok(Done::Unchanged);
            }
            let opened = self.opened(Purpose::Run).await?;
            let names = self.names(&old.place);
            let surroundings = self.surroundings(&opened, &old.place, &names, engine);
            let finished = self.finish(&surroundings, old.clone()).await;
            finished.map_err(|error| surroundings.redacted_error(error))?;
            return Ok(Done::Changed);
        }
        self.demand_own(old.as_ref(), &new, engine).await?;
        let opened = self.opened(Purpose::Run).await?;
        let (folder, names) = (new.place.clone(), self.names(&new.place));
        let surroundings = self.surroundings(&opened, &folder, &names, engine);
        let replaced = self.replace(&surroundings, old.as_ref(), new).await;
        replaced.map_err(|error| surroundings.redacted_error(error))?;
        Ok(match old {
            Some(_) => Done::Changed,
            None => Done::Started,
        })
    }

    /// The values for a purpose: those of the vault, logged before, and those of the server.
    pub(in crate::deploy) async fn opened(&self, purpose: Purpose) -> Result<Opened, Error> {
        let plan = self.plan.with_secrets(purpose);
        let opening = self.opening.open(&plan);
        let mut opened = self.limit.apart_from(opening).await?;
        self.leases.add(&plan, &mut opened).await?;
        Ok(opened)
    }

    /// Whether the credentials that it was lent have most of their time before them.
    fn has_fresh_leases(&self, old: &Receipt) -> bool {
        let now = self.vault.world().now();
        let kept = self.plan.kept_leases();
        old.leases.keys().eq(kept) && old.leases.values().all(|lent| lent.is_fresh(now))
    }

    /// Starts the process of a receipt, unless it still runs; the receipt as it is then.
    pub(in crate::deploy) async fn run_again(&self, old: &Receipt) -> Result<Receipt, Error> {
        if let Some(process) = &old.process
            && !process::is_alive(self.target, process).await?
        {
            let process = process::start(self.target, &old.place).await?;
            let receipt = Receipt {
                process: Some(process),
                ..old.clone()
            };
            let component = self.plan.component();
            self.target.write_receipt(component, &receipt).await?;
            return Ok(receipt);
        }
        Ok(old.clone())
    }

    /// Undoes what a run that was killed left half done.
    pub(in crate::deploy) async fn settle(
        &self,
        found: &leftover::Found,
        engine: Option<&Engine>,
    ) -> Result<Settled, Error> {
        let component = self.plan.component();
        let old = found.receipt.as_ref();
        let mut stays: Vec<String> = old.iter().map(|old| old.place.clone()).collect();
        let mut missed = Vec::new();
        for (place, name) in found.containers() {
            if stays.contains(place) {
                continue;
            }
            let engine = match engine {
                Some(engine) => engine,
                None => self.target.engine().await?,
            };
            // It may run as it is, and is no reason against a new one.
            let whose = self.target.whose(component);
            if let Err(error) = engine.recover(name, &whose).await {
                let why = Error::from(error).message();
                missed.push(format!("`{name}` could not be put back: {why}"));
            }
            let runs = engine.find(name).await?;
            if runs.is_none_or(|runs| runs.labels.get(PLACE) != Some(place)) {
                continue;
            }
            if old.is_some_and(|old| old.container.as_ref() == Some(name)) {
                // It was confirmed and has no receipt yet: there is no other one until it is replaced.
                stays.push(place.clone());
            } else {
                engine.stop_and_remove(name, &whose).await?;
            }
        }
        let undone = found.is_more_than(&stays);
        if undone {
            let paths: Vec<&str> = stays.iter().map(String::as_str).collect();
            leftover::clear(self.target, component, &paths, None).await?;
        }
        Ok(Settled {
            stays,
            undone,
            missed,
        })
    }

    pub(in crate::deploy) fn surroundings<'s>(
        &'s self,
        opened: &'s Opened,
        folder: &'s str,
        names: &'s BTreeMap<String, String>,
        engine: Option<&'s Engine>,
    ) -> Surroundings<'s> {
        let Self {
            target,
            plan,
            vault,
            say,
            ..
        } = self;
        Surroundings {
            asking: Asking {
                channel: &target.channel,
                state: Some(&target.facts.state),
                plan,
                opened,
                folder,
                names,
                engine,
                running: None,
                world: vault.world(),
            },
            target,
            say: *say,
        }
    }

    pub(in crate::deploy) fn names(&self, folder: &str) -> BTreeMap<String, String> {
        let mut names = self.plan.names.clone();
        names.insert("place".into(), folder.to_owned());
        names.insert("run".into(), self.target.facts.run.clone());
        names
    }

    /// Refuses to bring something older than the target has.
    fn refuse_older(&self, old: &Receipt) -> Result<(), Error> {
        let warns = |scope: &Scope| {
            let accepted = &self.vault.trust().accepted;
            accepted.rollback(scope) == Rollback::Warn
        };
        let host = || self.target.host.name.to_string();
        // What a server stores has the versions that it says.
        for (secret, here) in self.plan.revs() {
            let there = old.secrets.get(&secret).map_or(0, |given| given.rev);
            let scope = secret.split('/').next().unwrap_or_default().parse();
            if there > here
                && !self.plan.allows_older(&secret)
                && !scope.is_ok_and(|scope| warns(&scope))
            {
                return Err(TargetError::Newer {
                    host: host(),
                    secret,
                    there,
                    here,
                }
                .into());
            }
        }
        let (there, here) = (old.hook_seq, self.plan.hook.seq);
        if there > here && !warns(&self.target.host.scope) {
            return Err(TargetError::NewerHook {
                host: host(),
                component: old.component.clone(),
                there,
                here,
            }
            .into());
        }
        Ok(())
    }

    /// Refuses a container's name that somebody else's has before anything is stopped. The name of one
    /// that was deployed before is judged when it is replaced: it stops nothing but itself.
    async fn demand_own(
        &self,
        old: Option<&Receipt>,
        new: &Receipt,
        engine: Option<&Engine>,
    ) -> Result<(), Error> {
        let had = old.and_then(|old| old.container.as_ref());
        if let (Some(engine), Some(name)) = (engine, &new.container)
            && had != Some(name)
        {
            let whose = self.target.whose(self.plan.component());
            self.limit
                .run(async { Ok(engine.demand_own(name, &whose).await?) })
                .await?;
        }
        Ok(())
    }

    /// The receipt as it will be, without the run itself. Its folder is none of those in use: two
    /// deploys may begin in one second.
    async fn receipt(&self, engine: Option<&Engine>, stays: &[String]) -> Result<Receipt, Error> {
        let folder = format!("{}/{}", self.target.facts.run, self.plan.component());
        let numbers = std::iter::once(String::new()).chain((2..).map(|n| format!("-{n}")));
        let mut deploys = numbers.map(|number| format!("{}{number}", self.deploy));
        let taken = |deploy: &String| stays.contains(&format!("{folder}/{deploy}"));
        let deploy = deploys.find(|deploy| !taken(deploy)).unwrap_or_default();
        let hook = &self.plan.hook.hook;
        let image = match (&hook.container, engine) {
            (Some(container), Some(engine)) => {
                let name = place::fill(self.plan, &self.names(""), &container.image)?;
                let image = self.image(engine, container, &name).await?;
                engine::demand_reader(self.target, self.plan, container, &image)?;
                Some(image.id)
            }
            _ => None,
        };
        let modes = hook.file.iter().map(|(path, file)| {
            (
                path.clone(),
                file.mode.clone().unwrap_or_else(|| "0600".to_owned()),
            )
        });
        Ok(Receipt {
            format: 1,
            vault: hex(self.vault.id()),
            scope: self.target.host.scope.to_string(),
            host: self.target.host.name.to_string(),
            component: self.plan.component().to_string(),
            place: format!("{folder}/{deploy}"),
            deploy,
            hook_seq: self.plan.hook.seq,
            hook: hex(&self.plan.hook.hash),
            settings: self.plan.settings.clone(),
            image,
            container: hook.container.as_ref().map(|c| self.plan.container_name(c)),
            process: None,
            secrets: self.plan.given(),
            leases: BTreeMap::new(),
            files: modes.collect(),
            rollback: self.plan.rollback.clone(),
            unfinished: !hook.afterwards.is_empty(),
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
            let found = engine.find(&self.plan.container_name(container)).await?;
            // One that is frozen answers nobody.
            let same = |found: &crate::docker::Snapshot| {
                found.is_up()
                    && found.state != State::Paused
                    && found.labels.get(PLACE) == Some(&old.place)
            };
            if !found.is_some_and(|found| same(&found)) {
                return Ok(false);
            }
        }
        // A folder that a reboot emptied is not what the receipt says.
        let below = if hook.container.is_some() {
            "mount/"
        } else {
            ""
        };
        let mut files: Vec<String> = hook
            .file
            .keys()
            .filter(|path| !path.starts_with('/'))
            .map(|path| format!("{below}{path}"))
            .collect();
        let hidden = hook.env.values().any(|value| !value.is_visible());
        if hidden && (hook.container.is_some() || hook.process.is_some()) {
            files.push(format!("{below}env"));
        }
        let there = r#"cd "$1" 2>/dev/null || exit 0; shift; for f; do [ -e "$f" ] || exit 0; done; echo there"#;
        let arguments: Vec<&str> = std::iter::once(old.place.as_str())
            .chain(files.iter().map(String::as_str))
            .collect();
        let found = self
            .target
            .sh("look at its folder", there, &arguments)
            .await?;
        if found.trim() != "there" {
            return Ok(false);
        }
        // Values are opened for a question only if it needs one; in its container all of them are.
        let mut probes = hook.probes_of_deploys();
        let needs = probes.any(|p| {
            let brings = p.place != Where::Container && !p.needs.is_empty();
            brings || p.secrets().next().is_some()
        });
        let opened = if needs {
            self.opened(Purpose::Run).await?
        } else {
            Opened::new()
        };
        let names = self.names(&old.place);
        let surroundings = self.surroundings(&opened, &old.place, &names, engine);
        let names = surroundings.names_with_address(None).await?;
        let surroundings = surroundings.with(&names, None);
        Ok(surroundings.probes(Patience::Still).await?.is_ok())
    }
}
