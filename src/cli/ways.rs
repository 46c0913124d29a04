//! How a person reaches hosts over SSH, and with what they log in.
//!
//! Keys are tried in this order: one of the run's own, certified by the SSH CA of the scope; the one that
//! the vault keeps for the scope, those that `ssh_config` names for the host, the person's identities, the
//! ssh-agent's. Each is made or opened once a run, when the first host has proved itself and wants it.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::authority::{Authority, without};
use super::context::Context;
use crate::channel::ssh::{Hop, KnownHost, Login};
use crate::error::{Code, Error};
use crate::fleet::{self, Endpoint, SshFolder, expand};
use crate::fs::{FsError, read_whole};
use crate::identity::{Bundle, Kept, LoginKey};
use crate::name::{Scope, SecretName, SecretPath};
use crate::secret::Plain;
use crate::trust::{Principal, SshCertificate};
use crate::vault::{Reader, Vault};

/// The largest file of a key or certificate that is read; RSA with 16384 bits has 13 KiB.
const MAX_KEY: usize = 64 << 10;

/// The ways of one person to the hosts of a vault.
pub(crate) struct Ways<'a> {
    cx: &'a Context,
    vault: &'a Vault,
    reader: &'a Reader<'a>,
    bundles: &'a [Bundle],
    user: &'a str,
    folder: OnceCell<SshFolder>,
    own: OnceCell<Vec<Arc<Login>>>,
    authority: Authority<'a>,
    of_scopes: RefCell<BTreeMap<Scope, Vec<Arc<Login>>>>,
    /// By the file of the key and those of its certificates.
    of_files: RefCell<BTreeMap<Vec<PathBuf>, Arc<Login>>>,
}

impl<'a> Ways<'a> {
    /// `user` is the person's name on a host for which nothing else is said.
    pub(crate) fn new(
        cx: &'a Context,
        vault: &'a Vault,
        reader: &'a Reader<'a>,
        bundles: &'a [Bundle],
        user: &'a str,
    ) -> Self {
        Self {
            cx,
            vault,
            reader,
            bundles,
            user,
            folder: OnceCell::new(),
            own: OnceCell::new(),
            authority: Authority::new(cx),
            of_scopes: RefCell::default(),
            of_files: RefCell::default(),
        }
    }

    /// The servers on the way to one, itself the last.
    ///
    /// # Errors
    /// [`fleet::FleetError`], [`fleet::SshConfigError`], and what is wrong with its host keys.
    pub(crate) fn to(
        &self,
        scope: Option<&Scope>,
        endpoint: &Endpoint,
    ) -> Result<Vec<Hop<'_>>, Error> {
        let way = fleet::route(self.vault, endpoint, self.folder()?)?;
        way.into_iter().map(|hop| self.hop(scope, hop)).collect()
    }

    /// The servers before one, and itself as it is known.
    ///
    /// # Errors
    /// As [`Self::to`].
    pub(crate) fn before(
        &self,
        scope: Option<&Scope>,
        endpoint: &Endpoint,
    ) -> Result<(Vec<Hop<'_>>, fleet::Hop), Error> {
        let mut way = fleet::route(self.vault, endpoint, self.folder()?)?;
        let last = way
            .pop()
            .ok_or_else(|| fleet::FleetError::NoAddress(endpoint.name.to_string()))?;
        let before: Result<_, Error> = way.into_iter().map(|hop| self.hop(scope, hop)).collect();
        Ok((before?, last))
    }

    fn hop(&self, scope: Option<&Scope>, hop: fleet::Hop) -> Result<Hop<'_>, Error> {
        let user = hop.user.as_deref().unwrap_or(self.user);
        let known = KnownHost::new(&hop.name, &hop.address, hop.port, user, &hop.host_keys)?;
        let host = known.without(&hop.revoked)?;
        let meant = Rc::new((scope.cloned(), user.to_owned(), hop));
        Ok(Hop {
            host,
            logins: Box::new(move || {
                let meant = Rc::clone(&meant);
                Box::pin(async move {
                    let (scope, user, hop) = &*meant;
                    self.logins(scope.as_ref(), hop, user).await
                })
            }),
        })
    }

    async fn logins(
        &self,
        scope: Option<&Scope>,
        hop: &fleet::Hop,
        user: &str,
    ) -> Result<Vec<Arc<Login>>, Error> {
        let mut logins = Vec::new();
        if let Some(scope) = scope {
            logins.extend(self.certified(scope, hop, user).await?);
            logins.extend(self.of_scope(scope)?);
        }
        for file in &hop.identity_files {
            if !file.eq_ignore_ascii_case("none") {
                logins.push(self.of_file(file, hop, user));
            }
        }
        let own = self.own()?.iter();
        // The agent's other keys are what `IdentitiesOnly` is there to leave out.
        let wanted =
            own.filter(|login| !hop.identities_only || !matches!(***login, Login::Agent(_)));
        logins.extend(wanted.cloned());
        Ok(logins)
    }

    /// What `~/.ssh` says; nothing where there is no home.
    fn folder(&self) -> Result<&SshFolder, Error> {
        if let Some(folder) = self.folder.get() {
            return Ok(folder);
        }
        let home = self.cx.world.variable("HOME").map(PathBuf::from);
        let read = match home.filter(|home| home.is_absolute()) {
            Some(home) => SshFolder::read(&home.join(".ssh"))?,
            None => SshFolder::default(),
        };
        if self.cx.ui.is_verbose() {
            read.config
                .notes()
                .iter()
                .for_each(|note| self.cx.ui.say(note));
        }
        Ok(self.folder.get_or_init(|| read))
    }

    /// A key with a certificate, where the scope's hosts take those of a server.
    async fn certified(
        &self,
        scope: &Scope,
        hop: &fleet::Hop,
        user: &str,
    ) -> Result<Option<Arc<Login>>, Error> {
        let settings = self.vault.trust().accepted.settings();
        let Some(SshCertificate { path, principal }) = settings.ssh_certificates.get(scope) else {
            return Ok(None);
        };
        let principal = match principal {
            Principal::User => user,
            Principal::Host => &hop.name,
        };
        // Not left out when it cannot be had: the host would then say that it refuses, and that is not why.
        let login = self.authority.login(path, principal).await;
        login
            .map(Some)
            .map_err(|error| without(&error, scope.as_str()))
    }

    /// The key that the vault keeps for a scope, opened in memory and logged before; while it is rotated
    /// the other one as well, since a host may have been down.
    fn of_scope(&self, scope: &Scope) -> Result<Vec<Arc<Login>>, Error> {
        if let Some(logins) = self.of_scopes.borrow().get(scope) {
            return Ok(logins.clone());
        }
        let settings = self.vault.trust().accepted.settings();
        let Some(path) = settings.ssh_keys.get(scope) else {
            return Ok(Vec::new());
        };
        let unusable =
            |error: Error| Login::Unusable(format!("{}: {}", path.as_str(), error.message()));
        let mut logins = Vec::new();
        match open_secret(self.vault, self.reader, path) {
            Ok(plain) => {
                logins.push(Login::Key(plain));
                let other = self.reader.pending(&self.vault.find_secret(path)?);
                logins.extend(
                    other.map_or_else(|error| Some(unusable(error)), |other| other.map(Login::Key)),
                );
            }
            // Who does not read it may still have a key of their own.
            Err(error) if error.code() == Code::NoKey => logins.push(unusable(error)),
            Err(error) => return Err(error),
        }
        let logins: Vec<_> = logins.into_iter().map(Arc::new).collect();
        let mut known = self.of_scopes.borrow_mut();
        known.insert(scope.clone(), logins.clone());
        Ok(logins)
    }

    /// The signing keys of this person, and the ssh-agent's.
    fn own(&self) -> Result<&[Arc<Login>], Error> {
        if let Some(own) = self.own.get() {
            return Ok(own);
        }
        let mut own = Vec::new();
        for bundle in self.bundles {
            if bundle
                .signing_kept()
                .is_some_and(|kept| kept != Kept::Agent)
            {
                let key = bundle.signing_key_openssh(&self.cx.ui)?;
                own.push(Arc::new(Login::Key(key)));
            }
        }
        own.extend(self.agent().map(|socket| Arc::new(Login::Agent(socket))));
        Ok(self.own.get_or_init(|| own))
    }

    fn agent(&self) -> Option<PathBuf> {
        let socket = self.cx.world.variable("SSH_AUTH_SOCK")?;
        Some(self.cx.world.folder().join(socket))
    }

    /// The file that `ssh_config` means, for a host.
    fn meant(&self, file: &str, hop: &fleet::Hop, user: &str) -> Option<PathBuf> {
        let home = self.cx.world.variable("HOME");
        let home = home.map(|home| home.to_string_lossy().into_owned());
        let home = home.unwrap_or_default();
        let tokens = [
            ('d', home.as_str()),
            ('h', &hop.address),
            ('n', &hop.name),
            ('r', user),
            ('u', self.user),
        ];
        let path = expand(file, &tokens)?;
        Some(match path.strip_prefix("~/") {
            Some(below) => Path::new(&home).join(below),
            None => self.cx.world.folder().join(path),
        })
    }

    /// The key of an `IdentityFile`, with the certificates that are named for the host.
    fn of_file(&self, file: &str, hop: &fleet::Hop, user: &str) -> Arc<Login> {
        let strange = |file: &str| format!("{file}: a name that is not understood");
        let mut paths = Vec::new();
        for named in std::iter::once(file).chain(hop.certificate_files.iter().map(String::as_str)) {
            match self.meant(named, hop, user) {
                Some(path) => paths.push(path),
                None => return Arc::new(Login::Unusable(strange(named))),
            }
        }
        if let Some(login) = self.of_files.borrow().get(&paths) {
            return Arc::clone(login);
        }
        let login = match paths.split_first() {
            Some((path, certificates)) => self
                .open_file(path, certificates)
                .unwrap_or_else(|why| Login::Unusable(format!("{}: {why}", path.display()))),
            None => Login::Unusable(strange(file)),
        };
        let login = Arc::new(login);
        let mut known = self.of_files.borrow_mut();
        known.insert(paths, Arc::clone(&login));
        login
    }

    fn open_file(&self, path: &Path, certificates: &[PathBuf]) -> Result<Login, String> {
        let text = |path: &Path| {
            let text = read(path).ok()?;
            text.with(|text| String::from_utf8(text.clone()).ok())
        };
        let beside = |ending: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            text(Path::new(&name))
        };
        let mut certificates: Vec<String> =
            certificates.iter().filter_map(|path| text(path)).collect();
        certificates.extend(beside("-cert.pub"));
        let key = match read(path) {
            Ok(key) => key,
            // The private half may lie in the agent alone.
            Err(why) => match (beside(".pub"), self.agent()) {
                (Some(line), Some(agent)) => return Ok(Login::AgentKey(agent, line)),
                _ => return Err(why),
            },
        };
        let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
        if about.mode() & 0o077 != 0 {
            return Err("others can read it; `chmod 600` it".to_owned());
        }
        let label = path.display().to_string();
        let key = key.with(|text| LoginKey::parse(text, &label));
        let key = key.map_err(|error| error.to_string())?;
        if key.is_sealed()
            && let (Some(agent), Some(line)) = (self.agent(), key.public_line())
        {
            return Ok(Login::AgentKey(agent, line));
        }
        let plain = key.open(&self.cx.ui).map_err(|error| error.to_string())?;
        Ok(match certificates.is_empty() {
            false => Login::Certified(plain, certificates),
            true => Login::Key(plain),
        })
    }
}

/// A secret that settings name: a value, or all of a sealed file. It is logged before it is opened.
pub(crate) fn open_secret(
    vault: &Vault,
    reader: &Reader<'_>,
    path: &SecretPath,
) -> Result<Plain, Error> {
    match vault.find_secret(path)? {
        SecretName::Value(document, name) => Ok(reader.value(&document, &name)?.value),
        SecretName::File(file) => {
            let mut bytes = zeroize::Zeroizing::new(Vec::new());
            reader.file(&file, &mut *bytes)?;
            Ok(Plain::new(std::mem::take(&mut *bytes)))
        }
    }
}

fn read(path: &Path) -> Result<Plain, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = read_whole(file, path, MAX_KEY).map_err(|error| match error {
        FsError::Io { source, .. } => source.to_string(),
        FsError::TooLarge { most, .. } => format!("it is larger than {most} bytes"),
        other => other.to_string(),
    })?;
    Ok(Plain::new(std::mem::take(&mut *bytes)))
}
