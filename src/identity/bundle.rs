//! One identity: its public halves at hand, its private ones closed until they are needed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use super::IdentityError;
use super::age_file::{self, Entry, Key};
use super::ask::{Ask, ask_for};
use super::config::Config;
use super::file::{self, Links, Rights};
use super::keyring::Bus;
use super::name::IdentityName;
use super::opening::{Opening, Several};
use super::place::{Kept, Where};
use super::plugin::Plugins;
use super::signer::Signer;
use super::ssh_agent::{self, AgentKey};
use super::ssh_key::KeyFile;
use crate::crypto::sshsig::{PublicKey, SigningKey};
use crate::secret::Plain;
use crate::world::World;

/// What begins the signing half within an entry of the keyring.
const SIGNING_HALF: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----";

/// What bundles need of the world once they are opened.
#[derive(Debug)]
pub(super) struct Reach {
    plugins: Plugins,
    agent: Option<PathBuf>,
    bus: Bus,
}

impl Reach {
    pub(super) fn of(world: &World, config: &Config) -> Self {
        Self {
            plugins: Plugins::of(world, config),
            agent: ssh_agent::socket(world),
            bus: Bus::of(world),
        }
    }

    pub(super) fn bus(&self) -> Bus {
        self.bus
    }
}

/// Where the bytes of a bundle are read from.
#[derive(Debug)]
enum Source {
    /// A folder with `age.txt` and `signing_key`.
    Folder { path: PathBuf, rights: Rights },
    /// The text of an age identity file that was named; a pipe can be read only once.
    Text(Plain),
}

/// One half: where its private part lies and, where it is known, its public part.
#[derive(Debug)]
struct Half<P> {
    kept: Kept,
    public: Option<P>,
}

/// An identity. Its public halves are known without opening its private ones.
#[derive(Debug)]
pub struct Bundle {
    name: Option<IdentityName>,
    label: String,
    source: Source,
    age: Option<Half<String>>,
    sign: Option<Half<PublicKey>>,
    reach: Arc<Reach>,
    /// The public half out of `signing_key`, once it was asked for.
    verifying: OnceLock<Option<PublicKey>>,
    /// The entry of the keyring, once it was read.
    entry: OnceLock<Plain>,
    /// The passphrase that opened one half usually opens the other.
    passphrase: Mutex<Option<Plain>>,
}

impl Bundle {
    fn new(label: &str, source: Source, reach: &Arc<Reach>) -> Self {
        Self {
            name: None,
            label: label.to_owned(),
            source,
            age: None,
            sign: None,
            reach: Arc::clone(reach),
            verifying: OnceLock::new(),
            entry: OnceLock::new(),
            passphrase: Mutex::new(None),
        }
    }

    /// The bundle in a folder; `None` if nothing of one is there.
    pub(super) fn in_folder(
        path: &Path,
        label: &str,
        rights: Rights,
        reach: &Arc<Reach>,
    ) -> Result<Option<Self>, IdentityError> {
        let source = Source::Folder {
            path: path.to_path_buf(),
            rights,
        };
        let mut bundle = Self::new(label, source, reach);
        let name = path.file_name().and_then(|name| name.to_str());
        bundle.name = name.and_then(|name| name.parse().ok());

        let where_rights = match rights {
            Rights::Private => Rights::Settings,
            other => other,
        };
        let stub = file::read_if_there(&path.join("where"), Links::Refuse, where_rights)?;
        let stub = match stub {
            Some(text) => text.with(|text| Where::parse(text, &format!("{label}/where")))?,
            None => Where::default(),
        };
        let half = |(kept, public)| Half {
            kept,
            public: Some(public),
        };
        bundle.sign = stub.sign.map(|(kept, public)| Half {
            kept,
            public: Some(public),
        });
        bundle.age = match stub.age.map(half) {
            Some(half) => Some(half),
            None => bundle.age_of_file(path, rights)?,
        };
        if bundle.sign.is_none() && path.join("signing_key").symlink_metadata().is_ok() {
            bundle.sign = Some(Half {
                kept: Kept::File,
                public: None,
            });
        }
        if let (
            Some(Half {
                kept: Kept::Keyring,
                ..
            }),
            Some(name),
        ) = (&bundle.age, &bundle.name)
        {
            bundle.label = format!("keyring: {name}");
        }
        Ok((bundle.age.is_some() || bundle.sign.is_some()).then_some(bundle))
    }

    fn age_of_file(
        &self,
        path: &Path,
        rights: Rights,
    ) -> Result<Option<Half<String>>, IdentityError> {
        let text = file::read_if_there(&path.join("age.txt"), Links::Refuse, rights)?;
        let Some(text) = text else {
            return Ok(None);
        };
        let label = self.age_label();
        let public = text.with(|bytes| {
            if age_file::is_sealed(bytes) {
                Ok(None)
            } else {
                age_file::one_entry(bytes, &label)?.recipient(&label)
            }
        })?;
        Ok(Some(Half {
            kept: Kept::File,
            public,
        }))
    }

    /// The identities in a file that was named, a bundle for each; they read and do not sign.
    pub(super) fn in_file(
        text: Plain,
        label: &str,
        reach: &Arc<Reach>,
    ) -> Result<Vec<Self>, IdentityError> {
        let bundle = |text, public| {
            let mut bundle = Self::new(label, Source::Text(text), reach);
            bundle.age = Some(Half {
                kept: Kept::File,
                public,
            });
            bundle
        };
        if text.with(|bytes| age_file::is_sealed(bytes)) {
            return Ok(vec![bundle(text, None)]);
        }
        let bundles = text.with(|bytes| {
            let entries = age_file::entries(bytes, label)?.into_iter();
            entries
                .map(|entry| Ok(bundle(Plain::from(entry.text), entry.recipient(label)?)))
                .collect::<Result<Vec<_>, IdentityError>>()
        })?;
        if bundles.is_empty() {
            return Err(IdentityError::Empty {
                label: label.to_owned(),
            });
        }
        Ok(bundles)
    }

    /// The name of the identity: that of its folder.
    #[must_use]
    pub fn name(&self) -> Option<&IdentityName> {
        self.name.as_ref()
    }

    /// What messages call it: `~/.config/clws/identities/ada` or `keyring: ada`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What messages call its signing key: the label, or `ssh-agent SHA256:…`.
    #[must_use]
    pub fn signing_label(&self) -> String {
        match &self.sign {
            Some(Half {
                kept: Kept::Agent,
                public: Some(public),
            }) => format!("ssh-agent {}", ssh_agent::fingerprint(public)),
            _ => self.label.clone(),
        }
    }

    fn age_label(&self) -> String {
        match (&self.source, &self.age) {
            (Source::Text(_), _)
            | (
                _,
                Some(Half {
                    kept: Kept::Keyring,
                    ..
                }),
            ) => self.label.clone(),
            _ => format!("{}/age.txt", self.label),
        }
    }

    fn key_label(&self) -> String {
        match &self.sign {
            Some(Half {
                kept: Kept::Keyring,
                ..
            }) => self.label.clone(),
            _ => format!("{}/signing_key", self.label),
        }
    }

    /// The age recipient, `age1…`. `None` where there is no age half, and where only opening would
    /// show it: such a bundle is worth a try.
    #[must_use]
    pub fn recipient(&self) -> Option<&str> {
        self.age.as_ref()?.public.as_deref()
    }

    /// Where the age half lies.
    #[must_use]
    pub fn age_kept(&self) -> Option<Kept> {
        self.age.as_ref().map(|half| half.kept)
    }

    /// Where the signing half lies.
    #[must_use]
    pub fn signing_kept(&self) -> Option<Kept> {
        self.sign.as_ref().map(|half| half.kept)
    }

    /// The public half of the signing key. It is read from its file when first asked for.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn verifying_key(&self) -> Result<Option<&PublicKey>, IdentityError> {
        let Some(half) = &self.sign else {
            return Ok(None);
        };
        if let Some(public) = &half.public {
            return Ok(Some(public));
        }
        if self.verifying.get().is_none() {
            let public = self.key_file()?.public()?;
            // Another thread may have been faster, with the same key.
            drop(self.verifying.set(Some(public)));
        }
        Ok(self.verifying.get().and_then(Option::as_ref))
    }

    /// Whether the age half lies under a passphrase.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn is_under_passphrase(&self) -> Result<bool, IdentityError> {
        match &self.age {
            Some(Half {
                kept: Kept::File, ..
            }) => self.age_text()?.with(|bytes| {
                if age_file::is_openssh(bytes) {
                    return Ok(KeyFile::parse(bytes, &self.age_label())?.is_sealed());
                }
                Ok(age_file::is_sealed(bytes))
            }),
            _ => Ok(false),
        }
    }

    /// Opens the age half, and checks that it belongs to the public half that was shown.
    ///
    /// # Errors
    /// [`IdentityError::NoAge`] if there is none; a passphrase that nobody gives; a private half of
    /// something else; what is wrong with the file, the keyring or the plugin.
    pub fn open_age<'a>(&self, ask: &'a dyn Ask) -> Result<Opening<'a>, IdentityError> {
        let text = self.age_text()?;
        if text.with(|bytes| age_file::is_sealed(bytes)) {
            let label = self.age_label();
            let open = self.with_passphrase(&label, ask, |passphrase| {
                Ok(text.with(|bytes| age_file::unseal(bytes, passphrase, &label))?)
            })?;
            open.with(|bytes| self.open_entries(bytes, ask))
        } else {
            text.with(|bytes| self.open_entries(bytes, ask))
        }
    }

    fn open_entries<'a>(
        &self,
        bytes: &[u8],
        ask: &'a dyn Ask,
    ) -> Result<Opening<'a>, IdentityError> {
        let label = self.age_label();
        // A bundle has one, for the public half is one; a file that was named may have several.
        let entries = match self.source {
            Source::Folder { .. } => vec![age_file::one_entry(bytes, &label)?],
            Source::Text(_) => age_file::entries(bytes, &label)?,
        };
        let mut identities = Vec::with_capacity(entries.len());
        for entry in &entries {
            identities.push(self.open_entry(entry, &label, ask)?);
        }
        match (identities.pop(), identities.is_empty()) {
            (Some(one), true) => Ok(one),
            (Some(last), false) => {
                identities.push(last);
                Ok(Opening::Other(Box::new(Several(identities))))
            }
            (None, _) => Err(IdentityError::Empty { label }),
        }
    }

    fn open_entry<'a>(
        &self,
        entry: &Entry<'_>,
        label: &str,
        ask: &'a dyn Ask,
    ) -> Result<Opening<'a>, IdentityError> {
        let key = match entry.key {
            Key::Plugin(text) => {
                let plugin = self.reach.plugins.identity(text, ask)?;
                return Ok(Opening::Other(Box::new(plugin)));
            }
            Key::Ssh(text) => return self.open_ssh(text, label, ask),
            Key::Native(text) => age_file::native(text, label)?,
        };
        for claimed in [entry.claimed, self.recipient()].into_iter().flatten() {
            demand_same(claimed, key.public(), label)?;
        }
        Ok(Opening::Native(key))
    }

    fn open_ssh<'a>(
        &self,
        text: &[u8],
        label: &str,
        ask: &dyn Ask,
    ) -> Result<Opening<'a>, IdentityError> {
        let mut key = KeyFile::parse(text, label)?;
        if key.is_sealed() {
            key = self.with_passphrase(label, ask, |passphrase| Ok(key.unseal(passphrase)?))?;
        }
        let (public, identity) = key.age_identity()?;
        let claimed = self.recipient().unwrap_or_default();
        demand_same(claimed, &public.to_string(), label)?;
        Ok(Opening::Other(Box::new(identity)))
    }

    /// What signs: the key itself, or the agent that holds it.
    ///
    /// # Errors
    /// As [`Self::open_age`], of the other half. An agent is not asked yet.
    pub fn signer(&self, ask: &dyn Ask) -> Result<Signer, IdentityError> {
        if let Some(Half {
            kept: Kept::Agent,
            public: Some(public),
        }) = &self.sign
        {
            let agent = self.reach.agent.clone();
            return Ok(Signer::Agent(AgentKey::new(agent, public.clone())));
        }
        Ok(Signer::Key(self.open_key(ask)?.1))
    }

    /// The signing key in OpenSSH's form, without a passphrase, for a login in memory.
    ///
    /// # Errors
    /// As [`Self::signer`], and [`IdentityError::StaysInAgent`].
    pub fn signing_key_openssh(&self, ask: &dyn Ask) -> Result<Plain, IdentityError> {
        if self.signing_kept() == Some(Kept::Agent) {
            return Err(IdentityError::StaysInAgent {
                label: self.label.clone(),
            });
        }
        Ok(self.open_key(ask)?.0.text()?)
    }

    fn open_key(&self, ask: &dyn Ask) -> Result<(KeyFile, SigningKey), IdentityError> {
        let mut key = self.key_file()?;
        if key.is_sealed() {
            key = self.with_passphrase(&self.key_label(), ask, |passphrase| {
                Ok(key.unseal(passphrase)?)
            })?;
        }
        // The public half beside the private one must be what the seed gives, not what is claimed.
        let signing = key.signing_key()?;
        match self.verifying_key()? {
            Some(claimed) if claimed != signing.public() => Err(IdentityError::Mismatch {
                label: self.key_label(),
                public: claimed.to_string(),
            }),
            _ => Ok((key, signing)),
        }
    }

    fn key_file(&self) -> Result<KeyFile, IdentityError> {
        let none = || IdentityError::NoSigningKey {
            label: self.label.clone(),
        };
        let label = self.key_label();
        match (self.signing_kept().ok_or_else(none)?, &self.source) {
            (Kept::File, Source::Folder { path, rights }) => {
                let path = path.join("signing_key");
                let text = file::read(&path, Links::Refuse, *rights)?;
                Ok(text.with(|text| KeyFile::parse(text, &label))?)
            }
            (Kept::Keyring, _) => self.entry()?.with(|bytes| {
                let at = memchr::memmem::find(bytes, SIGNING_HALF).ok_or_else(none)?;
                let text = bytes.get(at..).unwrap_or_default();
                Ok(KeyFile::parse(text, &label)?)
            }),
            _ => Err(none()),
        }
    }

    fn age_text(&self) -> Result<Plain, IdentityError> {
        let none = || IdentityError::NoAge {
            label: self.label.clone(),
        };
        match (self.age_kept().ok_or_else(none)?, &self.source) {
            (Kept::Keyring, _) => self.entry()?.with(|bytes| {
                let end = memchr::memmem::find(bytes, SIGNING_HALF).unwrap_or(bytes.len());
                Ok(Plain::new(bytes.get(..end).unwrap_or_default().to_vec()))
            }),
            (_, Source::Folder { path, rights }) => {
                Ok(file::read(&path.join("age.txt"), Links::Refuse, *rights)?)
            }
            (_, Source::Text(text)) => Ok(text.duplicate()),
        }
    }

    /// The entry of the keyring is named by the recipient: two folders may have an `ada` each.
    fn entry(&self) -> Result<&Plain, IdentityError> {
        if let Some(entry) = self.entry.get() {
            return Ok(entry);
        }
        let account = self.recipient().ok_or_else(|| IdentityError::NoAge {
            label: self.label.clone(),
        })?;
        let read = self.reach.bus().read(account)?;
        Ok(self.entry.get_or_init(|| read))
    }

    /// Tries the passphrase that opened the other half, then what the person gives, three times.
    fn with_passphrase<T>(
        &self,
        label: &str,
        ask: &dyn Ask,
        open: impl Fn(&Plain) -> Result<Option<T>, IdentityError>,
    ) -> Result<T, IdentityError> {
        let mut kept = self
            .passphrase
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(passphrase) = kept.as_ref()
            && let Some(opened) = open(passphrase)?
        {
            return Ok(opened);
        }
        let (opened, passphrase) = ask_for(label, ask, open)?;
        *kept = Some(passphrase);
        Ok(opened)
    }
}

/// What a file shows in the clear must be what its private half gives.
fn demand_same(claimed: &str, public: &str, label: &str) -> Result<(), IdentityError> {
    if claimed == public {
        return Ok(());
    }
    Err(IdentityError::Mismatch {
        label: label.to_owned(),
        public: claimed.to_owned(),
    })
}
