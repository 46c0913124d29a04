//! Preparing a host: a key of its own, made there, and what opens bundles at a boot.

use super::{Places, unit};
use crate::channel::Channel;
use crate::deploy::target::lock::{Taker, new_claim};
use crate::deploy::target::{Target, TargetError};
use crate::error::{Code, Error, Explain};
use crate::fleet::Host;
use crate::recipients::RecipientKey;
use crate::text::{clean, clean_line};
use crate::world::World;

/// Says in one line what there is: `missing=…`, `install=…`, `key=…` and so on, between tabs.
const LOOK: &str = r#"
boot=$1 unit=$2
missing=
for program in age age-keygen tar sync; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
for install in apt-get dnf apk zypper pacman; do command -v "$install" >/dev/null && break; install=; done
case $install in apk) install='apk add age';; pacman) install='pacman -S age';; '') ;; *) install="$install install age";; esac
key=
[ -n "$missing" ] || [ ! -s "$boot/key" ] || key=$(age-keygen -y "$boot/key" 2>/dev/null)
[ "$(cat "$boot/open" 2>/dev/null; echo .)" = "$3." ] && opener=yes || opener=no
systemd=no enabled=no
if [ -d /run/systemd/system ]; then
    systemd=yes
    [ "$(cat "/etc/systemd/system/$unit" 2>/dev/null; echo .)" = "$4." ] && systemctl is-enabled -q "$unit" && enabled=yes
fi
printf 'missing=%s\tinstall=%s\tkey=%s\topener=%s\tsystemd=%s\tenabled=%s\n' "${missing# }" "$install" "$key" "$opener" "$systemd" "$enabled"
"#;

/// Makes what is not there yet, tries it, and prints the public half of the key.
const MAKE: &str = r#"
umask 077
boot=$1 unit=$2
mkdir -p "$boot/bundles" && chmod 0700 "${boot%/*}" "$boot" "$boot/bundles" || exit 1
if [ ! -s "$boot/key" ]; then
    rm -f "$boot/key.new"
    age-keygen -o "$boot/key.new" 2>/dev/null && sync "$boot/key.new" && mv "$boot/key.new" "$boot/key" || exit 1
fi
printf %s "$3" >"$boot/open.new" && mv "$boot/open.new" "$boot/open" || exit 1
sh "$boot/open" || exit 1
if [ -d /run/systemd/system ]; then
    file=/etc/systemd/system/$unit
    printf %s "$4" >"$file.new" && chmod 0644 "$file.new" && mv "$file.new" "$file" &&
    systemctl daemon-reload && systemctl enable -q "$unit" && systemctl start "$unit" || exit 1
fi
age-keygen -y "$boot/key"
"#;

/// Takes all of it back. The unit is not stopped: what requires it, Docker, would be stopped with it.
const UNDO: &str = r#"
boot=$1 unit=$2
if [ -d /run/systemd/system ] && [ -e "/etc/systemd/system/$unit" ]; then
    systemctl disable -q "$unit" && rm -f "/etc/systemd/system/$unit" && systemctl daemon-reload || exit 1
fi
rm -rf -- "$boot"
"#;

/// Why a host cannot be prepared.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant is")]
pub enum PreparingError {
    #[error("{host} is prepared by its root alone, and the login there is another account's")]
    NotRoot { host: String, is_here: bool },
    #[error("{host} lacks {missing}")]
    Missing {
        host: String,
        missing: String,
        install: String,
    },
    #[error("{host} says that its public key is `{said}`, which is none")]
    NoKey { host: String, said: String },
}

impl Explain for PreparingError {
    fn code(&self) -> Code {
        match self {
            Self::NotRoot { .. } => Code::Denied,
            Self::Missing { .. } | Self::NoKey { .. } => Code::Remote,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NotRoot { is_here: true, .. } => vec!["run clws itself as root".into()],
            Self::NotRoot { host, .. } => vec![format!(
                "write `become = \"sudo\"` below `user` into recipients/{host}.toml, or \
                 `user = \"root\"`, then `clws trust sign`"
            )],
            Self::Missing { host, install, .. } => {
                let install = match install.as_str() {
                    "" => "install it there".to_owned(),
                    install => format!("there: `{install}`"),
                };
                vec![install, format!("then `clws host prepare {host}` again")]
            }
            Self::NoKey { .. } => Vec::new(),
        }
    }
}

/// What there is on a host already.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// The public half of its key.
    pub key: Option<RecipientKey>,
    /// The script that opens bundles is the one that this version installs.
    pub has_opener: bool,
    /// systemd runs there.
    pub has_systemd: bool,
    /// The unit is there and enabled.
    pub has_unit: bool,
}

/// A host that is being prepared, or that it is taken back from; nobody deploys to it meanwhile.
#[derive(Debug)]
pub struct Preparing {
    target: Target,
    places: Places,
    opener: String,
    unit: String,
}

impl Preparing {
    /// Takes the lock of a host. `vault` is the name of the vault's folders there, `by` says who and
    /// since when.
    ///
    /// # Errors
    /// [`PreparingError::NotRoot`], [`TargetError`], [`crate::channel::ChannelError`].
    pub async fn begin(
        host: &Host,
        way: Channel,
        world: &World,
        vault: &str,
        by: &str,
    ) -> Result<Self, Error> {
        let claim = new_claim(world)?;
        let taker = Taker {
            vault,
            by,
            claim: &claim,
        };
        let target = Target::take(host, way, world, &taker, false).await?;
        let name = || host.name.to_string();
        if target.facts.uid != 0 {
            let is_here = matches!(target.channel, Channel::Local(_));
            let host = name();
            return Err(PreparingError::NotRoot { host, is_here }.into());
        }
        if !target.facts.memory {
            return Err(TargetError::NoMemory { host: name() }.into());
        }
        let places = Places::new(vault);
        Ok(Self {
            opener: unit::opener(&target.facts.run, &places.folder),
            unit: unit::unit(&places.folder),
            target,
            places,
        })
    }

    /// Looks at what there is.
    ///
    /// # Errors
    /// [`PreparingError::Missing`], [`TargetError`], [`crate::channel::ChannelError`].
    pub async fn look(&self) -> Result<Found, Error> {
        let line = self.run("look at what it has for boots", LOOK).await?;
        let fact = |name: &str| {
            let facts = line.trim_end().split('\t');
            let mut facts = facts.filter_map(|fact| fact.split_once('='));
            facts
                .find(|(key, _)| *key == name)
                .map_or("", |fact| fact.1)
        };
        let missing = clean_line(fact("missing"));
        if !missing.is_empty() {
            return Err(PreparingError::Missing {
                host: self.host(),
                missing: missing.replace(' ', ", "),
                install: clean_line(fact("install")),
            }
            .into());
        }
        let key = fact("key");
        Ok(Found {
            key: (!key.is_empty()).then(|| self.key(key)).transpose()?,
            has_opener: fact("opener") == "yes",
            has_systemd: fact("systemd") == "yes",
            has_unit: fact("enabled") == "yes",
        })
    }

    /// Makes what is not there, and tries it; the public half of the host's key.
    ///
    /// # Errors
    /// [`PreparingError::NoKey`], [`TargetError`], [`crate::channel::ChannelError`].
    pub async fn make(&self) -> Result<RecipientKey, Error> {
        let said = self.run("prepare itself", MAKE).await?;
        self.key(said.trim())
    }

    /// Takes everything back: unit, script, bundles, key.
    ///
    /// # Errors
    /// [`TargetError`], [`crate::channel::ChannelError`].
    pub async fn undo(&self) -> Result<(), Error> {
        self.run("take it back", UNDO).await.map(drop)
    }

    /// Lets the host go.
    pub async fn end(self) {
        self.target.close().await;
    }

    async fn run(&self, doing: &str, script: &str) -> Result<String, Error> {
        let Places { folder, unit } = &self.places;
        let arguments = [folder.as_str(), unit, &self.opener, &self.unit];
        self.target.sh(doing, script, &arguments).await
    }

    /// What a host says is its key may be anything.
    fn key(&self, said: &str) -> Result<RecipientKey, Error> {
        match RecipientKey::parse(said) {
            Ok(key @ RecipientKey::Age(_)) => Ok(key),
            _ => Err(PreparingError::NoKey {
                host: self.host(),
                said: clean(said),
            }
            .into()),
        }
    }

    fn host(&self) -> String {
        self.target.host.name.to_string()
    }
}
