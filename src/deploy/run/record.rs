//! What a run has done, for one that goes on where it was cut off: `deploys/….jsonl` in the vault's
//! state folder.
//!
//! A line for each component on each host, written when it ended: names, the result, and a sum over
//! the plan for it, so that what is to be brought otherwise by now counts as not done. Never a value.
//! A line that a crash cut off is one component that is looked at again.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::results::Fate;
use crate::crypto::{List, hex, sha256};
use crate::deploy::bring::component::Done;
use crate::deploy::plan::{ComponentPlan, Plan};
use crate::error::{Code, Error, Problem};
use crate::fleet::Host;
use crate::fs::{self, FsError, Lock};
use crate::name::Component;

/// 100,000 lines of 300 bytes are 30 MB.
const MAX_RECORD: usize = 64 * 1024 * 1024;

/// A line of the record.
#[derive(Debug, Deserialize, Serialize)]
struct Line {
    host: String,
    component: String,
    result: String,
    plan: String,
}

/// The record of one run; no other run writes it meanwhile.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    /// None when it could not be written to any more, which was said.
    file: RefCell<Option<File>>,
    /// What the run that is gone on with has done: the sum, by host and component.
    done: BTreeMap<(String, String), String>,
    _lock: Lock,
}

impl Record {
    /// Begins the record of a deploy of `components` to `on`, or goes on with the one that is there.
    /// `folder` is the vault's state folder. `None` if another deploy of the same is writing it.
    ///
    /// # Errors
    /// NOTFOUND if there is nothing to go on with; [`FsError`].
    pub fn open(
        folder: &Path,
        on: &str,
        components: &[Component],
        resume: bool,
    ) -> Result<Option<Self>, Error> {
        let names: BTreeSet<&str> = components.iter().map(Component::as_str).collect();
        let mut key = List::new("clws.v1.deploy-record").text(on);
        for name in &names {
            key = key.text(name);
        }
        let name: String = hex(&sha256(&key.encode())).chars().take(16).collect();
        let folder = folder.join("deploys");
        let path = folder.join(format!("{name}.jsonl"));
        let Some(lock) = Lock::try_take(&folder.join(format!("{name}.lock")), "deploy")? else {
            return Ok(None);
        };
        let known = fs::read_private(&path, MAX_RECORD)?;
        let done = match (known, resume) {
            (Some(known), true) => read(&known),
            (None, true) => {
                let what = names.into_iter().collect::<Vec<_>>().join(" ");
                let all = ["clws deploy", what.as_str(), "--on", on];
                let all: Vec<&str> = all.into_iter().filter(|word| !word.is_empty()).collect();
                return Err(Problem::new(
                    Code::NotFound,
                    format!("no deploy of this to `{on}` was cut off on this machine"),
                )
                .hint(format!("`{}` deploys all of it", all.join(" ")))
                .into());
            }
            (_, false) => BTreeMap::new(),
        };
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        let mut file = options.open(&path).map_err(FsError::io("write", &path))?;
        let begun = if resume {
            // The last line may be half a one.
            file.write_all(b"\n")
        } else {
            file.set_len(0)
        };
        begun.map_err(FsError::io("write", &path))?;
        Ok(Some(Self {
            path,
            file: RefCell::new(Some(file)),
            done,
            _lock: lock,
        }))
    }

    /// Takes out of a plan what the run that is gone on with has done; how many components that is.
    pub fn skip_done(&self, plan: &mut Plan) -> usize {
        let mut skipped = 0;
        for host in &mut plan.hosts {
            let before = host.components.len();
            let of = &host.host;
            host.components.retain(|component| {
                let key = (of.name.to_string(), component.component().to_string());
                self.done.get(&key) != Some(&hex(&component.sum(of)))
            });
            skipped += before - host.components.len();
        }
        plan.hosts.retain(|host| !host.components.is_empty());
        skipped
    }

    /// Writes down what became of a component.
    ///
    /// # Errors
    /// [`FsError::Io`], once; after that nothing is written any more.
    pub(super) fn note(&self, host: &Host, plan: &ComponentPlan, fate: &Fate) -> Result<(), Error> {
        let mut file = self.file.borrow_mut();
        let Some(open) = file.as_mut() else {
            return Ok(());
        };
        let result = match fate {
            Fate::Done(done) => done.as_str().to_owned(),
            Fate::Failed(error) => format!("failed ({})", error.code().name()),
            Fate::Left(_) => "left".to_owned(),
        };
        let line = Line {
            host: host.name.to_string(),
            component: plan.component().to_string(),
            result,
            plan: hex(&plan.sum(host)),
        };
        // A map of texts always prints. Whole lines, so that a crash cuts one off at most.
        let text = serde_json::to_string(&line).unwrap_or_default() + "\n";
        let written = open.write_all(text.as_bytes());
        if written.is_err() {
            *file = None;
        }
        Ok(written.map_err(FsError::io("write", &self.path))?)
    }

    /// Forgets it: there is nothing to go on with.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub fn forget(self) -> Result<(), Error> {
        Ok(fs::remove_private(&self.path)?)
    }
}

/// What a record says is done: what came last of a component counts.
fn read(bytes: &[u8]) -> BTreeMap<(String, String), String> {
    let is_done = |result: &str| {
        [Done::Started, Done::Changed, Done::Unchanged]
            .iter()
            .any(|done| done.as_str() == result)
    };
    let mut done = BTreeMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(line) = serde_json::from_slice::<Line>(line) else {
            continue;
        };
        let key = (line.host, line.component);
        if is_done(&line.result) {
            done.insert(key, line.plan);
        } else {
            done.remove(&key);
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_last_counts_and_half_a_line_does_not() {
        let line = |host: &str, result: &str| {
            format!(
                "{{\"host\":\"{host}\",\"component\":\"web\",\"result\":\"{result}\",\"plan\":\"ab\"}}\n"
            )
        };
        let mut text = line("a", "started") + &line("b", "failed (HOST)") + &line("c", "unchanged");
        text += &(line("b", "changed") + &line("c", "left") + "{\"host\":\"d\",\"compo");
        let done = read(text.as_bytes());
        let hosts: Vec<&str> = done.keys().map(|(host, _)| host.as_str()).collect();
        assert_eq!(hosts, ["a", "b"]);
    }
}
