//! Which server, and how it is told from others: the person's flags, environment and configuration.
//!
//! No file of a repository has a say in it. What OpenBao's and Vault's own clients read is read here too,
//! with two exceptions: `VAULT_SKIP_VERIFY`, which turns TLS into theatre, and `~/.vault-token`, a token in
//! a file.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::address::{Address, Cluster};
use super::{ServerError, Token};
use crate::identity::ServerConfig;
use crate::secret::Plain;
use crate::text::clean_line;
use crate::world::World;

/// What flags say; everything else comes from the environment and the configuration.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--address`.
    pub address: Option<String>,
    /// `--namespace`.
    pub namespace: Option<String>,
    /// `--ca`.
    pub ca: Option<PathBuf>,
}

/// Which server, and how it is spoken to.
#[derive(Debug)]
pub struct Settings {
    /// Its nodes.
    pub cluster: Cluster,
    /// The namespace, for all paths.
    pub namespace: Option<String>,
    /// Who must have signed its certificate, instead of whom this machine trusts.
    pub ca: Option<PathBuf>,
    /// Our own certificate and its key, in PEM, where it wants one.
    pub client_certificate: Option<(Plain, Plain)>,
    /// Whether `VAULT_SKIP_VERIFY` is set; it is not heeded, and named when a certificate is bad.
    pub asks_to_skip: bool,
}

impl Settings {
    /// Puts them together: a flag wins over the environment, that over the configuration.
    ///
    /// The configuration's nodes belong to its address, and are not those of another one.
    ///
    /// # Errors
    /// [`ServerError::NoAddress`], [`ServerError::BadAddress`], [`ServerError::Clear`],
    /// [`ServerError::BadFile`].
    pub fn of(world: &World, config: &ServerConfig, flags: &Flags) -> Result<Self, ServerError> {
        let variable = |name: &str| variable(world, name);
        let named = match &flags.address {
            Some(address) => Some(address.clone()),
            None => variable("ADDR")?.or_else(|| config.address.clone()),
        };
        let first = Address::parse(&named.ok_or(ServerError::NoAddress)?)?;
        let mut others = Vec::new();
        for node in config.address.iter().chain(&config.nodes) {
            others.push(Address::parse(node)?);
        }
        let cluster = match others.contains(&first) {
            true => Cluster::new(first, others),
            false => Cluster::new(first, []),
        };
        let namespace = match &flags.namespace {
            Some(namespace) => Some(namespace.clone()),
            None => variable("NAMESPACE")?.or_else(|| config.namespace.clone()),
        };
        let ca = match &flags.ca {
            Some(file) => Some(file.clone()),
            None => variable("CACERT")?
                .map(PathBuf::from)
                .or_else(|| config.ca.clone()),
        };
        let file = |name: Option<String>| {
            let path = name.map(|name| world.folder().join(name));
            path.map(|path| read_file(&path)).transpose()
        };
        let certificate = file(variable("CLIENT_CERT")?)?;
        let client_certificate = match (certificate, file(variable("CLIENT_KEY")?)?) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                return Err(ServerError::BadFile {
                    path: "VAULT_CLIENT_CERT".to_owned(),
                    why: "and VAULT_CLIENT_KEY belong together".to_owned(),
                });
            }
        };
        Ok(Self {
            cluster,
            namespace: namespace
                .map(|namespace| namespace.trim_matches('/').to_owned())
                .filter(|namespace| !namespace.is_empty()),
            ca: ca.map(|file| world.folder().join(file)),
            client_certificate,
            asks_to_skip: variable("SKIP_VERIFY")?.is_some(),
        })
    }
}

/// The token of the environment, `BAO_TOKEN` or `VAULT_TOKEN`.
///
/// # Errors
/// [`ServerError::BadToken`].
pub fn token_of(world: &World) -> Result<Option<Token>, ServerError> {
    let text = variable(world, "TOKEN")?.map(|text| Plain::from(text.as_str()));
    text.map(|text| Token::new(&text)).transpose()
}

/// A variable by either name; OpenBao's own wins, as it does for its client.
pub(super) fn variable(world: &World, name: &str) -> Result<Option<String>, ServerError> {
    for name in [format!("BAO_{name}"), format!("VAULT_{name}")] {
        if let Some(value) = world.variable(&name) {
            let text = value.to_str().ok_or_else(|| ServerError::BadFile {
                path: clean_line(&name),
                why: "is not UTF-8".to_owned(),
            })?;
            return Ok(Some(text.to_owned()));
        }
    }
    Ok(None)
}

/// Reads a file of certificates or of a key.
pub(super) fn read_file(file: &Path) -> Result<Plain, ServerError> {
    use std::io::Read as _;
    /// A bundle of all public CAs has about 250 KB.
    const MOST: u64 = 1024 * 1024;
    let mut bytes = Zeroizing::new(Vec::new());
    std::fs::File::open(file)
        .and_then(|open| open.take(MOST + 1).read_to_end(&mut bytes))
        .map_err(|error| ServerError::bad_file(file, &format!("cannot be read: {error}")))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST {
        return Err(ServerError::bad_file(file, "is longer than 1 MiB"));
    }
    Ok(Plain::new(std::mem::take(&mut *bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::world::Clock;

    fn of(variables: &[(&str, &str)], config: &ServerConfig, flags: &Flags) -> Settings {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        let world = World::new(Clock::System, variables, Path::new("/w").to_path_buf());
        Settings::of(&world, config, flags).unwrap()
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_configuration() {
        let config = ServerConfig {
            address: Some("https://c".to_owned()),
            nodes: vec!["https://d".to_owned()],
            namespace: Some("team/".to_owned()),
            ca: Some("/c.pem".into()),
            ..ServerConfig::default()
        };
        let first = |settings: &Settings| settings.cluster.first().unwrap().to_string();
        let plain = of(&[], &config, &Flags::default());
        assert_eq!(first(&plain), "https://c");
        assert_eq!(plain.cluster.nodes().len(), 2);
        assert_eq!(plain.namespace.as_deref(), Some("team"));
        let variables = [("VAULT_ADDR", "https://v"), ("VAULT_CACERT", "v.pem")];
        let by_variable = of(&variables, &config, &Flags::default());
        assert_eq!(first(&by_variable), "https://v");
        assert_eq!(by_variable.ca.unwrap(), Path::new("/w/v.pem"));
        // Nodes of another server would get its token.
        assert_eq!(by_variable.cluster.nodes().len(), 1);
        let both = [("VAULT_ADDR", "https://v"), ("BAO_ADDR", "https://d")];
        let by_both = of(&both, &config, &Flags::default());
        assert_eq!(first(&by_both), "https://d");
        assert_eq!(by_both.cluster.nodes().len(), 2);
        let flags = Flags {
            address: Some("https://f".to_owned()),
            ..Flags::default()
        };
        assert_eq!(first(&of(&both, &config, &flags)), "https://f");
    }

    #[test]
    fn nobody_can_turn_verification_off() {
        let config = ServerConfig {
            address: Some("https://c".to_owned()),
            ..ServerConfig::default()
        };
        for value in ["1", "true", "no"] {
            let settings = of(&[("VAULT_SKIP_VERIFY", value)], &config, &Flags::default());
            assert!(settings.asks_to_skip);
        }
    }

    #[test]
    fn a_file_is_read_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, vec![b'x'; 1 << 20]).unwrap();
        assert!(read_file(&file).is_ok());
        std::fs::write(&file, vec![b'x'; (1 << 20) + 1]).unwrap();
        let error = read_file(&file).unwrap_err();
        assert!(error.to_string().contains("longer than 1 MiB"), "{error}");
    }
}
