//! Opens the values that components are given, in the revs that their plans say.

use std::cell::OnceCell;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::place::Opened;
use super::syncing::Syncing;
use crate::audit::OpenLog;
use crate::deploy::plan::ComponentPlan;
use crate::error::{Code, Error, Problem};
use crate::name::SecretName;
use crate::secret::Plain;
use crate::vault::{Reader, Vault};

/// Opens values for many hosts at a time. Those who come at the same moment wait for the disk together.
pub(in crate::deploy) struct Opening<'a> {
    vault: &'a Vault,
    reader: &'a Reader<'a>,
    /// Opened at the first use.
    log: OnceCell<Waited>,
}

/// The log, and the wait for its disk.
struct Waited {
    log: Arc<OpenLog>,
    syncing: Syncing,
}

impl<'a> Opening<'a> {
    pub(in crate::deploy) fn new(vault: &'a Vault, reader: &'a Reader<'a>) -> Self {
        Self {
            vault,
            reader,
            log: OnceCell::new(),
        }
    }

    /// Opens the secrets of one component: all judged first, then logged in one line, then opened when that
    /// is on the disk.
    ///
    /// # Errors
    /// [`crate::vault::OpenError`] and its like; [`crate::audit::AuditError`]; CONFLICT where one is not the
    /// rev that was planned.
    pub(in crate::deploy) async fn open(&self, plan: &ComponentPlan) -> Result<Opened, Error> {
        if plan.secrets.is_empty() {
            return Ok(Opened::new());
        }
        let mut names = Vec::new();
        for (secret, issue) in plan.secrets.values() {
            let (now, _) = self.vault.peek(secret)?;
            demand_same(secret, now == *issue)?;
            names.push(secret.to_string());
        }
        let Waited { log, syncing } = self.log()?;
        self.reader.add_use(log, &names)?;
        syncing.wait().await?;
        // Nobody else opens anything between this and the last of them.
        self.reader.take_as_logged(names);
        let mut opened = Opened::new();
        for (name, (secret, issue)) in plan.secrets.iter() {
            let (value, now) = self.value(secret)?;
            demand_same(secret, now == issue.rev)?;
            opened.insert(name.clone(), value);
        }
        Ok(opened)
    }

    fn log(&self) -> Result<&Waited, Error> {
        if let Some(waited) = self.log.get() {
            return Ok(waited);
        }
        let log = Arc::new(OpenLog::of(self.vault.log())?);
        let disk = Arc::clone(&log);
        let syncing = Syncing::new(move || Ok(disk.sync()?));
        Ok(self.log.get_or_init(|| Waited { log, syncing }))
    }

    fn value(&self, secret: &SecretName) -> Result<(Plain, u64), Error> {
        match secret {
            SecretName::Value(document, value) => {
                let value = self.reader.value(document, value)?;
                Ok((value.value, value.rev))
            }
            SecretName::File(path) => {
                let mut bytes = Zeroizing::new(Vec::new());
                let (_, rev) = self.reader.file(path, &mut *bytes)?;
                Ok((Plain::new(std::mem::take(&mut *bytes)), rev))
            }
        }
    }
}

fn demand_same(secret: &SecretName, is_same: bool) -> Result<(), Problem> {
    if is_same {
        return Ok(());
    }
    Err(Problem::new(Code::Conflict, format!("`{secret}` changed meanwhile")).hint("run it again"))
}
