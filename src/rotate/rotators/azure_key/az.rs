//! `az`, Azure's own program, logged in for one step and forgotten with its folder.
//!
//! A key or a password is in none of its arguments: it names the account and which of its two keys is meant, and
//! reads the principal's password from a file. What it keeps of a login lies in memory, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::keys::{Keys, Slot};
use crate::error::Error;
use crate::fleet::{AzureAccount, AzureService};
use crate::fs::RamDir;
use crate::rotate::rotators::child::{bound, end};
use crate::secret::{Plain, Redactor};
use crate::text::clean;
use crate::world::World;

/// A service principal, as `az login` takes it.
#[derive(Debug)]
pub struct AzureLogin {
    /// Its id.
    pub client: String,
    /// The tenant that it is of.
    pub tenant: String,
    /// Its password.
    pub secret: Plain,
}

/// What it sees of our environment: where things lie, and the way out of a network.
const VARIABLES: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "TZ",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
];

/// Where it keeps a login.
const FOLDER: &str = "AZURE_CONFIG_DIR";

/// A key is made within seconds; what takes longer hangs.
const WITHIN: Duration = Duration::from_secs(120);

/// The program, for one account.
pub(super) struct Az<'a> {
    program: PathBuf,
    folder: RamDir,
    world: &'a World,
    account: &'a AzureAccount,
    login: Option<&'a AzureLogin>,
    /// What must not be in its messages.
    hidden: Vec<&'a Plain>,
}

impl<'a> Az<'a> {
    /// Logs in, if there is something to log in with; else the person's own login serves.
    ///
    /// # Errors
    /// Without a folder in memory; what it said.
    pub(super) fn begin(
        program: PathBuf,
        world: &'a World,
        account: &'a AzureAccount,
        login: Option<&'a AzureLogin>,
        hidden: &[&'a Plain],
    ) -> Result<Result<Self, String>, Error> {
        let folder = RamDir::new(world)?;
        let hidden = hidden.iter().copied().chain(login.map(|l| &l.secret));
        let az = Self {
            hidden: hidden.collect(),
            program,
            folder,
            world,
            account,
            login,
        };
        let Some(login) = login else {
            return Ok(Ok(az));
        };
        let password = az.folder.put("password", &login.secret, 0o600)?;
        let at = format!("@{}", password.display());
        let mut words = vec!["login", "--service-principal", "-u", &login.client, "-p"];
        words.extend([at.as_str(), "--tenant", &login.tenant, "-o", "none"]);
        let ran = az.run(&words);
        let taken = std::fs::remove_file(&password);
        taken.map_err(crate::fs::FsError::io("remove", &password))?;
        Ok(ran.map(|_| az))
    }

    /// Both keys.
    pub(super) fn keys(&self) -> Result<Keys, String> {
        let words = match self.account.service() {
            AzureService::Storage => ["storage", "account", "keys", "list", "--account-name"],
            AzureService::Batch => ["batch", "account", "keys", "list", "--name"],
        };
        let printed = self.ask(&words, &["-o", "json"])?;
        Keys::read(self.account.service(), &printed)
            .ok_or_else(|| "what az prints is no pair of keys".to_owned())
    }

    /// Has one of the keys made anew; both, then.
    pub(super) fn renew(&self, slot: Slot) -> Result<Keys, String> {
        let before = self.keys()?;
        let (words, flag) = match self.account.service() {
            AzureService::Storage => (
                ["storage", "account", "keys", "renew", "--account-name"],
                "--key",
            ),
            AzureService::Batch => (
                ["batch", "account", "keys", "renew", "--name"],
                "--key-name",
            ),
        };
        self.ask(&words, &[flag, slot.word(), "-o", "none"])?;
        let after = self.keys()?;
        if after.of(slot).same_as(before.of(slot)) {
            return Err("the key is the same after az made it anew".to_owned());
        }
        if !after.of(slot.other()).same_as(before.of(slot.other())) {
            return Err("the other key has changed as well".to_owned());
        }
        Ok(after)
    }

    /// Asks about the account.
    fn ask(&self, words: &[&str], more: &[&str]) -> Result<Vec<u8>, String> {
        let account = self.account;
        let mut all = words.to_vec();
        all.extend([account.name(), "--resource-group", account.resource_group()]);
        if let Some(subscription) = account.subscription() {
            all.extend(["--subscription", subscription]);
        }
        all.extend(more);
        self.run(&all)
    }

    fn run(&self, words: &[&str]) -> Result<Vec<u8>, String> {
        let own = self.folder.path().join("az");
        let folder = match self.login {
            Some(_) => Some(own.as_path()),
            None => self.world.variable(FOLDER).map(Path::new),
        };
        let shown = VARIABLES
            .iter()
            .filter_map(|name| Some((name, self.world.variable(name)?)));
        let child = bound(&self.program)
            .args(words)
            .arg("--only-show-errors")
            .env_clear()
            .envs(shown)
            .envs(folder.map(|folder| (FOLDER, folder)))
            .env("AZURE_CORE_COLLECT_TELEMETRY", "false")
            .env("AZURE_LOGGING_ENABLE_LOG_FILE", "false")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let ran = child.and_then(|child| end(child, WITHIN));
        let ran = ran.map_err(|error| format!("az does not run: {error}"))?;
        let ended = match ran.status {
            Some(status) if status.success() => return Ok(ran.out),
            Some(status) => status.to_string(),
            None => format!("no end within {} minutes", WITHIN.as_secs() / 60),
        };
        let said = Redactor::of(self.hidden.iter().copied()).text(&ran.err, ran.err_ends());
        let said = String::from_utf8_lossy(&said);
        let said = said.trim().chars().take(600).collect::<String>();
        let what = words.iter().take(4).filter(|word| !word.starts_with('-'));
        let what = what.copied().collect::<Vec<_>>().join(" ");
        Err(match clean(&said).as_str() {
            "" => format!("`az {what}`: {ended}"),
            said => format!("`az {what}`: {ended}: {said}"),
        })
    }
}
