//! One identity: its public halves at hand, its private ones closed until they are needed.

mod unlock;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use super::IdentityError;
use super::age_file;
use super::config::Config;
use super::file::{self, Links, Rights};
use super::keyring::Keyring;
use super::place::{Kept, Where};
use super::plugin::Plugins;
use super::ssh_agent;
use super::ssh_key::KeyFile;
use crate::crypto::sshsig::PublicKey;
use crate::name::IdentityName;
use crate::secret::Plain;
use crate::world::World;

/// What begins the signing half within an entry of the keyring.
const SIGNING_HALF: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----";

/// What bundles need of the world once they are opened.
#[derive(Debug)]
pub(super) struct Reach {
    plugins: Plugins,
    agent: Option<PathBuf>,
    pub(super) keyring: Keyring,
}

impl Reach {
    pub(super) fn of(world: &World, config: &Config) -> Self {
        Self {
            plugins: Plugins::of(world, &config.plugins),
            agent: ssh_agent::socket(world),
            keyring: Keyring::of(world),
        }
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

impl<P> Half<P> {
    fn known((kept, public): (Kept, P)) -> Self {
        let public = Some(public);
        Self { kept, public }
    }
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
        bundle.sign = stub.sign.map(Half::known);
        bundle.age = match stub.age {
            Some(age) => Some(Half::known(age)),
            None => bundle.age_of_file(path, rights)?,
        };
        if bundle.sign.is_none() && path.join("signing_key").symlink_metadata().is_ok() {
            bundle.sign = Some(Half {
                kept: Kept::File,
                public: None,
            });
        }
        if let (Some(Kept::Keyring), Some(name)) = (bundle.age_kept(), &bundle.name) {
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
        match (&self.source, self.age_kept()) {
            (Source::Text(_), _) | (_, Some(Kept::Keyring)) => self.label.clone(),
            _ => format!("{}/age.txt", self.label),
        }
    }

    fn key_label(&self) -> String {
        match self.signing_kept() {
            Some(Kept::Keyring) => self.label.clone(),
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
        match self.age_kept() {
            Some(Kept::File) => self.age_text()?.with(|bytes| {
                if age_file::is_openssh(bytes) {
                    return Ok(KeyFile::parse(bytes, &self.age_label())?.is_sealed());
                }
                Ok(age_file::is_sealed(bytes))
            }),
            _ => Ok(false),
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
        let read = self.reach.keyring.read(account)?;
        Ok(self.entry.get_or_init(|| read))
    }
}
