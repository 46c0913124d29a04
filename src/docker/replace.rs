//! A new container in the place of an old one, so that the old can come back.
//!
//! Docker has no such operation; it is made of steps, and the names tell which were done:
//!
//! | step | `NAME` | `NAME.clws-new` | `NAME.clws-old` |
//! |---|---|---|---|
//! | before | old, running | | |
//! | [`create_beside`](Engine::create_beside) | old, running | new | |
//! | [`step_aside`](Engine::step_aside) | | new | old, stopped |
//! | [`step_in`](Engine::step_in) | new, running | | old, stopped |
//! | [`confirm`](Engine::confirm) | new, running | | |
//!
//! Where others hold on to the old one's address until they are told, as nginx does, both run for a
//! while:
//!
//! | step | `NAME` | `NAME.clws-new` | `NAME.clws-old` |
//! |---|---|---|---|
//! | [`start_beside`](Engine::start_beside) | old, running | new, running | |
//! | [`change_names`](Engine::change_names) | new, running | | old, running |
//! | `confirm` | new, running | | |
//!
//! A network resolves the name of a running container by its present name, so that moves at once.
//!
//! [`put_back`](Engine::put_back) goes the other way in an order that passes through the same
//! pictures, so that [`recover`](Engine::recover) after a crash has to know only these: until it was
//! confirmed, a replacement is undone. Two labels of the new container say what it replaces and
//! whether that ran; the names alone would not.

use super::client::Engine;
use super::container::{Container, checked_name};
use super::error::DockerError;
use super::lifecycle::{Shell, Volumes};
use super::names::{aside, beside};
use super::standing::{Listed, Standing};

/// The id of the container that this one replaced, or `none`.
const REPLACES: &str = "clws.replaces";

/// Whether the replaced container ran: `yes` or `no`.
const REPLACED_RAN: &str = "clws.replaced-ran";

/// A new container beside or in the place of an old one. It is to be confirmed or put back.
#[must_use = "an unconfirmed replacement is undone by the next `recover`"]
#[derive(Debug)]
pub struct Replacement {
    name: String,
    new: String,
    old: Option<Old>,
    /// Whether the old one was left running.
    both: bool,
}

#[derive(Debug)]
struct Old {
    id: String,
    ran: bool,
}

/// What there is after what was half done is undone.
struct Settled {
    /// How starting the old container went. One that does not start again is no reason against a new one.
    started: Result<(), DockerError>,
    /// What has the name.
    current: Option<Listed>,
}

impl Replacement {
    /// The id of the new container.
    #[must_use]
    pub fn new_id(&self) -> &str {
        &self.new
    }

    /// The id of the container it replaces, if there is one.
    #[must_use]
    pub fn old_id(&self) -> Option<&str> {
        self.old.as_ref().map(|old| old.id.as_str())
    }

    /// Whether the container that it replaces ran, if there is one.
    #[must_use]
    pub fn old_ran(&self) -> bool {
        self.old.as_ref().is_some_and(|old| old.ran)
    }
}

impl Engine {
    /// Starts a new container in the place of the old one, which stays beside it, stopped, until
    /// the replacement is confirmed. Whether the new one does its work is for probes to say.
    ///
    /// # Errors
    /// If the new one cannot be created or started; then the old one is back as it was, or the error
    /// is [`DockerError::NeitherRuns`].
    pub async fn replace(&self, container: &Container) -> Result<Replacement, DockerError> {
        let settled = self.settle(&container.name, &container.whose).await?;
        let replacement = self.create_next_to(settled.current, container).await?;
        let done = async {
            self.step_aside(&replacement).await?;
            self.step_in(&replacement).await
        };
        match done.await {
            Ok(()) => Ok(replacement),
            Err(said) => {
                let first = self.why_not_started(&replacement.new, container, said);
                let first = first.await;
                Err(match self.put_back(replacement).await {
                    Ok(()) => first,
                    Err(second) => DockerError::NeitherRuns {
                        first: Box::new(first),
                        second: Box::new(second),
                    },
                })
            }
        }
    }

    /// Step 1: creates the new container as `NAME.clws-new`. Nothing is stopped yet, so whatever is
    /// wrong with its image, mounts or networks is found while the old one still runs.
    ///
    /// # Errors
    /// [`DockerError::NoImage`], [`DockerError::NoShell`], or what the daemon refuses.
    pub async fn create_beside(&self, container: &Container) -> Result<Replacement, DockerError> {
        let name = checked_name("the container", &container.name)?;
        let current = self.own(name, &container.whose).await?.current;
        self.create_next_to(current, container).await
    }

    /// The same where one knows what there is.
    async fn create_next_to(
        &self,
        current: Option<Listed>,
        container: &Container,
    ) -> Result<Replacement, DockerError> {
        let name = checked_name("the container", &container.name)?;
        let image = self.image(&container.image).await?;
        let mut body = container.body(&image)?;
        let old = current.map(|seen| Old {
            ran: seen.is_up,
            id: seen.id,
        });
        // Without an old one nothing is lost by starting it to see; but an init starts without one.
        let shell = match old {
            None if !container.init => Shell::Tried,
            _ => Shell::Asked,
        };
        let ran = old
            .as_ref()
            .map_or("no", |old| if old.ran { "yes" } else { "no" });
        let replaces = old.as_ref().map_or("none", |old| &old.id);
        body.labels.get_or_insert_default().extend([
            (REPLACES.to_owned(), replaces.to_owned()),
            (REPLACED_RAN.to_owned(), ran.to_owned()),
        ]);
        let new = self.create(&beside(name), container, body, shell).await?;
        let name = name.to_owned();
        Ok(Replacement {
            name,
            new,
            old,
            both: false,
        })
    }

    /// Starts a new container beside the old one, which goes on under its name.
    ///
    /// # Errors
    /// If the new one cannot be created or started; then it is gone again.
    pub async fn start_beside(&self, container: &Container) -> Result<Replacement, DockerError> {
        let settled = self.settle(&container.name, &container.whose).await?;
        let mut replacement = self.create_next_to(settled.current, container).await?;
        replacement.both = true;
        match self.start(&replacement.new).await {
            Ok(()) => Ok(replacement),
            Err(said) => {
                let error = self.why_not_started(&replacement.new, container, said);
                let error = error.await;
                // The first error is the one that tells something.
                let _unused = self.remove(&replacement.new, Volumes::Remove).await;
                Err(error)
            }
        }
    }

    /// Gives the new container the name, and the old one that of an old one; both go on.
    ///
    /// # Errors
    /// If the daemon refuses or does not answer.
    pub async fn change_names(&self, replacement: &Replacement) -> Result<(), DockerError> {
        if let Some(old) = &replacement.old {
            self.rename(&old.id, &aside(&replacement.name)).await?;
        }
        self.rename(&replacement.new, &replacement.name).await
    }

    /// Undoes [`Engine::change_names`].
    ///
    /// # Errors
    /// If the daemon refuses or does not answer.
    pub async fn change_names_back(&self, replacement: &Replacement) -> Result<(), DockerError> {
        self.rename(&replacement.new, &beside(&replacement.name))
            .await?;
        match &replacement.old {
            Some(old) => self.rename(&old.id, &replacement.name).await,
            None => Ok(()),
        }
    }

    /// Step 2: stops the old container and renames it to `NAME.clws-old`.
    ///
    /// # Errors
    /// If the daemon refuses or does not answer.
    pub async fn step_aside(&self, replacement: &Replacement) -> Result<(), DockerError> {
        let Some(old) = &replacement.old else {
            return Ok(());
        };
        self.stop(&old.id).await?;
        self.rename_other(&old.id, &aside(&replacement.name)).await
    }

    /// Step 3: gives the new container its name and starts it. The name comes first: from its first
    /// moment on, others resolve it.
    ///
    /// # Errors
    /// If the daemon refuses, for instance because a mounted folder is missing.
    pub async fn step_in(&self, replacement: &Replacement) -> Result<(), DockerError> {
        self.rename_other(&replacement.new, &replacement.name)
            .await?;
        self.start(&replacement.name).await
    }

    /// The new container stays; the old one is removed. Its volumes are kept, data may lie there.
    ///
    /// # Errors
    /// If the daemon refuses or does not answer; calling `recover` instead would put the old back.
    pub async fn confirm(&self, replacement: Replacement) -> Result<(), DockerError> {
        let Some(old) = replacement.old else {
            return Ok(());
        };
        if replacement.both {
            self.stop(&old.id).await?;
        }
        self.remove(&old.id, Volumes::Keep).await
    }

    /// The new container goes; the old one has its name again, with the files it had, and runs if
    /// it ran before.
    ///
    /// # Errors
    /// If the old one does not start; then the new one stays as `NAME.clws-new`, stopped, to be
    /// looked at.
    pub async fn put_back(&self, replacement: Replacement) -> Result<(), DockerError> {
        let Replacement { name, new, old, .. } = replacement;
        self.swap_back(&name, Some(&new), old.as_ref()).await?;
        if old.is_some_and(|old| old.ran) {
            self.start(&name).await?;
        }
        self.remove(&new, Volumes::Remove).await
    }

    /// Brings what an earlier run left half done to one container of this name, or none: the old
    /// one, as long as the new was not confirmed. Also removes a step that was left over. What is not
    /// `whose` (see [`Container::whose`]) is left alone.
    ///
    /// # Errors
    /// [`DockerError::Tangled`] if the containers are not those of one replacement;
    /// [`DockerError::Foreign`]; or if the old one does not start, or the daemon does not answer.
    pub async fn recover(&self, name: &str, whose: &str) -> Result<(), DockerError> {
        self.settle(name, whose).await?.started
    }

    /// Stops the new container and gives the names back.
    async fn swap_back(
        &self,
        name: &str,
        new: Option<&str>,
        old: Option<&Old>,
    ) -> Result<(), DockerError> {
        if let Some(new) = new {
            self.stop(new).await?;
        }
        if let Some(old) = old {
            if let Some(new) = new {
                match self.rename(new, &beside(name)).await {
                    // Somebody removed it; the old one is needed all the more.
                    Ok(()) | Err(DockerError::NoContainer { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            self.rename(&old.id, name).await?;
        }
        Ok(())
    }

    /// The work of `recover`.
    async fn settle(&self, name: &str, whose: &str) -> Result<Settled, DockerError> {
        let name = checked_name("the container", name)?;
        let Standing {
            current,
            new,
            old,
            step,
        } = self.own(name, whose).await?;
        if let Some(step) = step {
            self.remove(&step.id, Volumes::Remove).await?;
        }
        let (new, old) = match (current, new, old) {
            (current, None, None) => {
                return Ok(Settled {
                    started: Ok(()),
                    current,
                });
            }
            // In or before step 2, or at the end of putting back.
            (Some(current), Some(new), None) => {
                let stopped = replaces(&new, &current) && !current.is_up;
                let ran = stopped && replaced_ran(&new);
                (
                    Some(new.id),
                    ran.then_some(Old {
                        id: current.id,
                        ran,
                    }),
                )
            }
            (None, Some(new), None) => (Some(new.id), None),
            // Between steps 2 and 3. Without the new one's label: we stopped it, so it ran.
            (None, new, Some(old)) => {
                let ran = new.as_ref().is_none_or(replaced_ran);
                (new.map(|new| new.id), Some(Old { id: old.id, ran }))
            }
            // In or after step 3.
            (Some(current), None, Some(old)) if replaces(&current, &old) => {
                let ran = replaced_ran(&current);
                (Some(current.id), Some(Old { id: old.id, ran }))
            }
            (Some(_), _, Some(_)) => {
                let name = name.to_owned();
                return Err(DockerError::Tangled { name });
            }
        };
        self.swap_back(name, new.as_deref(), old.as_ref()).await?;
        // Before the new one is removed: its labels are what says that the old one is to run.
        let started = match &old {
            Some(old) if old.ran => self.start(name).await,
            _ => Ok(()),
        };
        if let Some(new) = new {
            self.remove(&new, Volumes::Remove).await?;
        }
        Ok(Settled {
            started,
            current: self.standing(name).await?.current,
        })
    }
}

fn replaces(new: &Listed, old: &Listed) -> bool {
    new.labels.get(REPLACES).is_some_and(|id| *id == old.id)
}

fn replaced_ran(new: &Listed) -> bool {
    new.labels.get(REPLACED_RAN).is_some_and(|ran| ran == "yes")
}
