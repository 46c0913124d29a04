//! Flags, environment and files, settled to what a command works with.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::crypto::sshsig::{Namespace, PublicKey, SignedBy};
use crate::crypto::transit;
use crate::env;
use crate::error::{Code, Error, Problem};
use crate::exec::Inherited;
use crate::fs::FsError;
use crate::identity::{self, Ask, Bundle, IdentityError, PublicFolder, Signer};
use crate::recipients::{PublicRecipient, RecipientKey, Sealing};
use crate::trust::{Expectation, SETTINGS_FILE, Standing};
use crate::vault::{Change, KeyInMemory, Signs, Vault};
use crate::world::World;

use super::opener::Mine;
pub(crate) use super::opener::as_openers;
use super::session::{Beside, BesideArgs, Desk};
use super::ui::Ui;

/// What every command gets.
pub(crate) struct Context {
    pub(crate) world: World,
    pub(crate) ui: Ui,
    pub(crate) vault_dir: Option<PathBuf>,
    pub(crate) identity: Option<PathBuf>,
    pub(crate) expect: Option<String>,
    pub(crate) inherited: Inherited,
    /// The person's server, for what lies there, and for what its keys seal and open.
    pub(crate) beside: Beside,
}

/// One of the person's signing keys, as the vault uses it; opened when it signs.
pub(crate) struct MyKey<'a> {
    bundle: &'a Bundle,
    public: PublicKey,
    party: String,
    ask: &'a dyn Ask,
    opened: std::cell::OnceCell<Signer>,
}

impl Signs for MyKey<'_> {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn label(&self) -> String {
        self.bundle.signing_label()
    }

    fn sign(&self, namespace: Namespace, message: &[u8]) -> Result<SignedBy, Error> {
        Ok(SignedBy {
            party: self.party.clone(),
            fingerprint: self.public.fingerprint(),
            signature: self.signer()?.sign(namespace, message)?,
        })
    }

    fn for_threads(&self) -> Result<Option<KeyInMemory<'_>>, Error> {
        let party = self.party.as_str();
        Ok(match self.signer()? {
            Signer::Key(key) => Some(KeyInMemory { key, party }),
            Signer::Agent(_) => None,
        })
    }
}

impl MyKey<'_> {
    fn signer(&self) -> Result<&Signer, Error> {
        if let Some(signer) = self.opened.get() {
            return Ok(signer);
        }
        let signer = self.bundle.signer(self.ask)?;
        Ok(self.opened.get_or_init(|| signer))
    }
}

impl Context {
    /// Says which server is meant, before it is asked.
    pub(crate) fn meant_server(&self, args: &BesideArgs) {
        self.beside.choose(args.flags());
    }

    /// The server beside the vault; nothing is asked of it yet.
    pub(crate) fn server(&self) -> Result<&Desk, Error> {
        self.beside.desk()
    }

    /// Refuses to work in a folder that the system cannot name.
    pub(crate) fn demand_folder(&self) -> Result<(), Error> {
        if self.world.folder().is_absolute() {
            return Ok(());
        }
        Err(
            Problem::new(Code::IoErr, "the working folder is gone or cannot be read")
                .hint("`cd` into one that is there")
                .into(),
        )
    }

    /// The folder of the vault: the flag, the variable, or the nearest parent with a `clws.toml` that
    /// belongs to this person.
    pub(crate) fn vault_path(&self) -> Result<PathBuf, Error> {
        self.demand_folder()?;
        let named = self
            .vault_dir
            .as_deref()
            .or(self.world.variable(env::VAULT).map(Path::new));
        if let Some(dir) = named {
            return Ok(self.world.folder().join(dir));
        }
        for dir in self.world.folder().ancestors() {
            let settings = dir.join(SETTINGS_FILE);
            let about = match std::fs::symlink_metadata(&settings) {
                Ok(about) => about,
                Err(error) => match error.kind() {
                    ErrorKind::NotFound
                    | ErrorKind::NotADirectory
                    | ErrorKind::PermissionDenied => continue,
                    // A vault further up would be another one than is meant.
                    _ => return Err(FsError::io("look at", &settings)(error).into()),
                },
            };
            // Somebody else's clws.toml in a parent folder would choose the vault for us
            // (git CVE-2022-24765).
            if about.uid() == rustix::process::geteuid().as_raw() {
                return match about.file_type() {
                    kind if kind.is_file() => Ok(dir.to_owned()),
                    kind if kind.is_symlink() => Err(FsError::Link { path: settings }.into()),
                    _ => Err(FsError::NotAFile { path: settings }.into()),
                };
            }
            return Err(Problem::new(
                Code::Denied,
                format!("the vault in {} belongs to somebody else", dir.display()),
            )
            .hint(format!(
                "if it is the one you mean: `--vault {}`",
                dir.display()
            ))
            .into());
        }
        Err(Problem::new(
            Code::NotFound,
            format!(
                "there is no vault in {} or above",
                self.world.folder().display()
            ),
        )
        .hint("`clws init` makes one; `--vault DIR` names another")
        .into())
    }

    /// Opens the vault for what opens or changes something. If this machine has not accepted it, a
    /// person is asked; `--yes` does not answer that.
    pub(crate) fn trusted_vault(&self) -> Result<Vault, Error> {
        let vault = self.sound_vault()?;
        if vault.trust().standing == Standing::Unpinned && self.ui.can_ask() {
            return self.first_use(&vault);
        }
        Ok(vault)
    }

    /// Opens the vault as it shall be accepted.
    pub(crate) fn accepting(&self, head: &Expectation) -> Result<Vault, Error> {
        Vault::open(&self.world, &self.vault_path()?, Some(head))
    }

    /// Opens the vault for looking. That goes on, with a warning, where what this machine remembers does
    /// not read.
    pub(crate) fn vault(&self) -> Result<Vault, Error> {
        match self.looked_at()? {
            (vault, None) => Ok(vault),
            (vault, Some(fault)) if vault.trust().standing == Standing::Forgotten => {
                self.ui.warn_of(&fault);
                self.ui
                    .tell("until then nothing is compared with what was seen, opened or changed");
                Ok(vault)
            }
            (_, Some(fault)) => Err(fault),
        }
    }

    /// Opens the vault to show its rules, and what is wrong with them or with the memory of them.
    pub(crate) fn looked_at(&self) -> Result<(Vault, Option<Error>), Error> {
        Vault::look(
            &self.world,
            &self.vault_path()?,
            self.expectation()?.as_ref(),
        )
    }

    /// Opens the vault if its rules hold and what this machine remembers reads, whether it has accepted
    /// it or not.
    pub(crate) fn sound_vault(&self) -> Result<Vault, Error> {
        Vault::open(
            &self.world,
            &self.vault_path()?,
            self.expectation()?.as_ref(),
        )
    }

    /// What `--expect` or CLWS_TRUST says that a first use may trust.
    pub(crate) fn expectation(&self) -> Result<Option<Expectation>, Error> {
        let expect = match &self.expect {
            Some(text) => Some(text.clone()),
            None => match self.world.variable(env::TRUST).map(|text| text.to_str()) {
                Some(Some(text)) => Some(text.to_owned()),
                Some(None) => {
                    return Err(Problem::new(Code::Usage, "CLWS_TRUST is not UTF-8").into());
                }
                None => None,
            },
        };
        Ok(expect.map(|text| text.parse()).transpose()?)
    }

    /// The person's identities: the flag's, the variable's, the configured one, or all; those under a passphrase
    /// behind the others, so that nobody is asked for one where another will do.
    pub(crate) fn bundles(&self) -> Result<Vec<Bundle>, Error> {
        let variable = self.world.variable(env::IDENTITY).map(PathBuf::from);
        let chosen = self.identity.clone().or(variable);
        let public = match &chosen {
            Some(path) if self.is_public_demo(path) => {
                self.ui.warn(&format!(
                    "{} is a demonstration identity that everybody has; it protects nothing",
                    path.display()
                ));
                PublicFolder::Allow
            }
            _ => PublicFolder::Refuse,
        };
        let mut all = identity::all(&self.world, self.identity.as_deref(), public)?;
        if all.len() > 1 {
            // What cannot be read is said when it is used.
            all.sort_by_cached_key(|bundle| bundle.is_under_passphrase().unwrap_or(false));
        }
        Ok(all)
    }

    /// Whether an identity lies below `recipients/` of the vault, beside a party that says
    /// `public = true`: in a repository, where git gives every file to everybody.
    fn is_public_demo(&self, path: &Path) -> bool {
        let full = std::fs::canonicalize(self.world.folder().join(path));
        let vault = self.vault_path().and_then(|vault| {
            std::fs::canonicalize(vault)
                .map_err(|error| Problem::new(Code::IoErr, error.to_string()).into())
        });
        let (Ok(full), Ok(vault)) = (full, vault) else {
            return false;
        };
        let below = full.strip_prefix(vault.join("recipients"));
        let name = below.ok().and_then(|rest| rest.file_name()?.to_str());
        let party = name.and_then(|name| name.parse().ok());
        let opened = party.zip(self.sound_vault().ok());
        opened.is_some_and(|(party, vault)| vault.party(&party).is_ok_and(|party| party.public))
    }

    /// As [`Self::bundles`], to open secrets of a vault with. Where a server keeps keys for its readers, whoever is
    /// logged in there need not have any.
    pub(crate) fn bundles_for(&self, vault: &Vault) -> Result<Vec<Bundle>, Error> {
        match self.bundles() {
            Err(error)
                if matches!(error.downcast_ref(), Some(IdentityError::NoneYet { .. }))
                    && self.beside.is_named()
                    && !vault.transit_keys()?.is_empty() =>
            {
                Ok(Vec::new())
            }
            bundles => bundles,
        }
    }

    /// The bundles as openers, and nothing beside them.
    pub(crate) fn held<'a>(&'a self, bundles: &'a [Bundle]) -> Vec<Mine<'a>> {
        let each = bundles.iter().map(|bundle| Mine::of(bundle, &self.ui));
        each.collect()
    }

    /// The bundles as openers, and behind them the login at the person's server, if one is named.
    pub(crate) fn openers<'a>(&'a self, vault: &'a Vault, bundles: &'a [Bundle]) -> Vec<Mine<'a>> {
        let login = self.beside.is_named();
        // One that only signs says that it opens nothing, and would say so in place of the server.
        let held = bundles
            .iter()
            .filter(|bundle| !login || bundle.age_kept().is_some());
        held.map(|bundle| Mine::of(bundle, &self.ui))
            .chain(login.then(|| Mine::at(vault, &self.beside)))
            .collect()
    }

    /// The signing keys of the bundles, each for the party whose key it is.
    pub(crate) fn signers<'a>(
        &'a self,
        vault: &Vault,
        bundles: &'a [Bundle],
    ) -> Result<Vec<MyKey<'a>>, Error> {
        let mut keys = Vec::new();
        for bundle in bundles {
            let Some(public) = bundle.verifying_key()? else {
                continue;
            };
            let party = self.party_of(vault, public)?;
            keys.push(self.my_key(bundle, public, party.unwrap_or_default()));
        }
        Ok(keys)
    }

    /// A bundle's key, to sign in the name of a party.
    pub(crate) fn my_key<'a>(
        &'a self,
        bundle: &'a Bundle,
        public: &PublicKey,
        party: String,
    ) -> MyKey<'a> {
        let opened = std::cell::OnceCell::new();
        MyKey {
            bundle,
            public: public.clone(),
            party,
            ask: &self.ui,
            opened,
        }
    }

    /// Carries out a change of secrets as this person: identities, lock, `make`, then the commit.
    ///
    /// Everything that a person is asked must have been asked before: others wait for the lock.
    pub(crate) fn change<T>(
        &self,
        vault: &Vault,
        what: &str,
        make: impl FnOnce(&mut Change<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.change_with(&self.bundles_for(vault)?, vault, what, make)
    }

    /// As [`Self::change`], with identities that were found before.
    pub(crate) fn change_with<T>(
        &self,
        bundles: &[Bundle],
        vault: &Vault,
        what: &str,
        make: impl FnOnce(&mut Change<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (mine, keys) = (self.openers(vault, bundles), self.signers(vault, bundles)?);
        let (openers, signers) = (as_openers(&mine), as_signers(&keys));
        let author = vault.author(&signers)?;
        let to_recipient = |recipient: &PublicRecipient| self.to_recipient(vault, recipient);
        let mut change = Change::begin(vault, &author, &openers, &to_recipient, what)?;
        let made = make(&mut change)?;
        change.commit()?;
        Ok(made)
    }

    fn party_of(&self, vault: &Vault, public: &PublicKey) -> Result<Option<String>, Error> {
        for name in vault.trust().accepted.party_names()? {
            if vault
                .party(&name)?
                .signing
                .iter()
                .any(|signing| signing.key == *public)
            {
                return Ok(Some(name.to_string()));
            }
        }
        Ok(None)
    }

    /// What is sealed to for a public recipient; plugins only with the person's leave, keys of a server by a login.
    pub(crate) fn to_recipient<'a>(
        &'a self,
        vault: &Vault,
        recipient: &PublicRecipient,
    ) -> Result<Sealing<'a>, Error> {
        if let Some(native) = recipient.key.native()? {
            return Ok(native);
        }
        if let RecipientKey::Transit(key) = &recipient.key {
            let to = transit::Recipient::new(key.clone(), &self.beside, *vault.id());
            return Ok(Sealing::Transit(Box::new(to)));
        }
        let config = identity::Config::read(&self.world)?;
        let text = recipient.key.as_str();
        Ok(Sealing::Age(Box::new(identity::plugin_recipient(
            &self.world,
            &config.plugins,
            text,
            &self.ui,
        )?)))
    }
}

/// Borrows signing keys as the vault wants them.
pub(crate) fn as_signers<'a>(keys: &'a [MyKey<'a>]) -> Vec<&'a dyn Signs> {
    keys.iter().map(|key| key as &dyn Signs).collect()
}
