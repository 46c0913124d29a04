//! Beginning rotations: of what was named, or one after the other of all that waits and needs nobody.

use std::process::ExitCode;

use super::accounts::Hooked;
use super::take::Deploys;
use super::{RotateArgs, due};
use crate::cli::chance::shape;
use crate::cli::context::{Context, as_openers, as_signers};
use crate::cli::ui::print_error;
use crate::deploy::is_interruption;
use crate::error::{Code, Error, Problem};
use crate::fs::Sync;
use crate::identity::Bundle;
use crate::name::SecretPath;
use crate::rotate::{
    Chosen, Due, Reason, RotateError, Run, Shape, Sharing, Turning, give_shape, is_ssh_key, is_tls,
    needs_person, planned, sharing, work_list,
};
use crate::text::{count, list};
use crate::vault::{Reader, Vault, VaultError};

/// What beginning works with.
pub(super) struct Begin<'a> {
    pub(super) args: &'a RotateArgs,
    pub(super) cx: &'a Context,
    pub(super) vault: &'a Vault,
    pub(super) bundles: &'a [Bundle],
    pub(super) take: &'a Deploys<'a>,
    pub(super) accounts: &'a Hooked<'a>,
    pub(super) run: &'a Run<'a>,
}

/// Values that are rotated to one new value, and why some are not rotated.
type Groups = (Vec<Vec<Turning>>, Vec<Error>);

/// An error about a path that has several secrets below it says how those are rotated together.
fn several(error: Error) -> Error {
    let (Some(VaultError::IsDocument(path)) | Some(VaultError::Above { name: path })) =
        error.downcast_ref::<VaultError>()
    else {
        return error;
    };
    let due = format!(
        "`clws rotate --due {path}` gives new values to those that wait for one and need nobody"
    );
    Problem::of(&error).hint(due).into()
}

impl Begin<'_> {
    /// Gives what was named new values, together.
    pub(super) fn named(&self) -> Result<ExitCode, Error> {
        if !self.args.dry_run {
            self.demand_writer()?;
        }
        let values = planned(self.vault, &self.args.paths, self.run.means).map_err(several)?;
        let (groups, left_out) = self.groups(values, Chosen::ByName)?;
        if let Some(error) = left_out.into_iter().next() {
            return Err(error);
        }
        let mut values = groups.concat();
        if self.args.length.is_some() || self.args.alphabet.is_some() {
            let (alphabet, length) = shape(self.args.length, self.args.alphabet, self.cx)?;
            give_shape(&mut values, Shape { alphabet, length })?;
        }
        let paths = self.show(&values)?;
        if self.args.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        let ui = &self.cx.ui;
        ui.confirm(&format!("give {} a new value?", list(&paths)))?;
        let begun = self.run.begin(values);
        begun.map_err(|error| self.with_ways_on(error, &paths))?;
        ui.say(&format!("rotated {}", list(&paths)));
        Ok(ExitCode::SUCCESS)
    }

    /// Refuses who may not write what was named, before anything else is wrong with it.
    fn demand_writer(&self) -> Result<(), Error> {
        let keys = self.cx.signers(self.vault, self.bundles)?;
        let me = self.vault.author(&as_signers(&keys))?.party;
        for path in &self.args.paths {
            let secret = self.vault.find_secret(path).map_err(several)?;
            self.vault.peek(&secret)?;
            self.vault.demand_writer(&me, secret.ruled_path())?;
        }
        Ok(())
    }

    /// Gives everything a new value that waits for one and needs nobody, each with what shares it; then
    /// lists what is left.
    pub(super) fn due(&self) -> Result<ExitCode, Error> {
        let ui = &self.cx.ui;
        let list = work_list(self.vault, &self.args.paths)?;
        let (mut failed, mut sets) = (Vec::new(), Vec::new());
        for due in list.due.iter().filter(|due| due.rotator.is_some()) {
            let path = due.path.parse::<SecretPath>()?;
            match planned(self.vault, std::slice::from_ref(&path), self.run.means) {
                Ok(set) if !sets.contains(&set) && is_enough(due, &set) => sets.push(set),
                Ok(_) => {}
                Err(error) => failed.push(error),
            }
        }
        // Those of a pair, and all that share a value, are one rotation.
        let (mut groups, left_out) = self.groups(sets.concat(), Chosen::AsDue)?;
        failed.extend(left_out);
        let mut rotations: Vec<Vec<Turning>> = Vec::new();
        for set in sets {
            let is_of = |value: &Turning| set.iter().any(|other| other.path == value.path);
            let (own, others): (Vec<_>, Vec<_>) = groups
                .into_iter()
                .partition(|group| group.iter().any(is_of));
            groups = others;
            let own = own.concat();
            // One of them may be one value with what others read, and one may be made by a person.
            let is_there = |value: &Turning| own.iter().any(|other| other.path == value.path);
            let world = &self.cx.world;
            if set.iter().all(is_there)
                && !own.iter().any(|value| needs_person(world, &value.rotator))
            {
                rotations.push(own);
            }
        }
        if !rotations.is_empty() {
            let paths = self.show(&rotations.concat())?;
            let many = count(paths.len(), "secret");
            ui.confirm(&format!(
                "give {many} new values, one rotation after the other?"
            ))?;
        }
        let (mut done, mut begun) = (0, Vec::new());
        for group in rotations {
            let paths: Vec<String> = group.iter().map(|value| value.path.clone()).collect();
            match self.run.begin(group) {
                Ok(()) => {
                    done += 1;
                    ui.say(&format!("rotated {}", crate::text::list(&paths)));
                }
                Err(error) if is_interruption(&error) => return Err(error),
                Err(error) => {
                    failed.push(self.with_ways_on(error, &paths));
                    begun.push(paths);
                }
            }
        }
        for rotation in due::unfinished(self.args, self.vault)? {
            let paths = rotation.paths();
            if !begun.contains(&paths) {
                let path = paths.join(" ");
                failed.push(RotateError::UnderWay { path }.into());
            }
        }
        // Each value of a document that does not open says the same.
        failed.dedup_by_key(|error| error.to_json());
        for error in &failed {
            print_error(error);
        }
        due::print(self.args, &failed, self.cx)?;
        Ok(match failed.first() {
            None => ExitCode::SUCCESS,
            Some(_) if done > 0 => Code::Partial.into(),
            Some(error) => error.code().into(),
        })
    }

    /// An error, with how one goes on where a rotation is left half done.
    fn with_ways_on(&self, error: Error, paths: &[String]) -> Error {
        let left = self.run.records.all().unwrap_or_default();
        let is_left = left.iter().any(|rotation| rotation.paths() == paths);
        let is_said = error
            .hints()
            .iter()
            .any(|hint| hint.contains("rotate --resume"));
        if !is_left || is_said {
            return error;
        }
        let paths = paths.join(" ");
        Problem::of(&error)
            .hint(format!("`clws rotate --resume {paths}` goes on with it"))
            .hint(format!(
                "`clws rotate --undo {paths}` leads back to the old value"
            ))
            .into()
    }

    /// Puts values that are the same into groups, with all others that are; as they are with `--apart`. Beside them
    /// why some are in none.
    fn groups(&self, values: Vec<Turning>, chosen: Chosen) -> Result<Groups, Error> {
        if self.args.apart || values.is_empty() {
            let alone = values.into_iter().map(|value| vec![value]).collect();
            return Ok((alone, Vec::new()));
        }
        let mine = self.cx.openers(self.vault, self.bundles);
        let reader = Reader::new(self.vault, as_openers(&mine), "rotate", Sync::Disk)?;
        let Sharing {
            groups,
            short,
            closed,
            faults,
            left_out,
        } = sharing(self.vault, &reader, (values, chosen), self.run.means)?;
        let ui = &self.cx.ui;
        for path in short {
            ui.warn(&format!(
                "`{path}` has the same value, which is too short to tell anything: it keeps it"
            ));
        }
        for fault in faults {
            ui.warn(&fault.message());
        }
        if !closed.is_empty() {
            ui.say(&format!(
                "not looked for in what you cannot open, {}: others with the same value",
                list(&closed)
            ));
        }
        Ok((groups, left_out))
    }

    /// Shows what is to be rotated and deployed; the paths.
    fn show(&self, values: &[Turning]) -> Result<Vec<String>, Error> {
        let ui = &self.cx.ui;
        for value in values {
            let Turning { path, rotator, .. } = value;
            let places = self.accounts.places(rotator, path)?;
            let by = match rotator.strip_prefix("by-") {
                Some(_) => rotator.clone(),
                None => format!("by {rotator}"),
            };
            ui.say(&match &value.like {
                None => format!("{path}, {by}"),
                Some(like) => format!("{path}, which has the same value as {like}, {by}"),
            });
            for place in places {
                ui.say(&format!("    at {place}"));
            }
            if is_ssh_key(rotator) {
                let hosts = self.run.means.hosts.of(path)?;
                ui.say(&format!("  where it is listed of {}", list(&hosts)));
            }
        }
        let paths: Vec<String> = values.iter().map(|value| value.path.clone()).collect();
        // Whatever is missing for a deploy is said before anything is changed.
        let plans = self.take.plans(&paths)?;
        for plan in &plans {
            for notice in plan.notices.iter().chain(&plan.warnings) {
                ui.warn(notice);
            }
            for line in plan.lines() {
                ui.say(&line);
            }
        }
        ui.say(match plans.as_slice() {
            [] => "no component on any host uses it: nothing is deployed",
            _ => {
                "deployed is what of it is there; what was never deployed, or was stopped, stays so"
            }
        });
        Ok(paths)
    }
}

/// Whether a new value is all that something waits for: of what ends, somebody has to say when the new one does,
/// but for a certificate, which says it itself.
fn is_enough(due: &Due, set: &[Turning]) -> bool {
    let is_old = matches!(due.reason, Reason::Exposed | Reason::Overdue);
    is_old || set.iter().any(|value| is_tls(&value.rotator))
}
