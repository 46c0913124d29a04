//! The person's own `config.toml`: what no repository may decide.
//!
//! It lies in the configuration folder beside the identities. A key that is not known is an error
//! and never ignored, since a mistyped `plugins` or `identity` would silently mean something else.

use std::path::PathBuf;

use toml::{Table, Value};

use super::file::{self, FileError, Links, Rights};
use super::mail::{self, MailConfig};
use super::plugin::PluginName;
use crate::error::{Code, Explain, Hint};
use crate::name::IdentityName;
use crate::text::{clean_line, nearest};
use crate::world::{World, WorldError};

const TOP: [&str; 5] = ["age", "editor", "identity", "mail", "server"];
const AGE: [&str; 1] = ["plugins"];
const SERVER: [&str; 5] = ["address", "ca", "kv", "namespace", "nodes"];

/// What is wrong with the person's configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read, or others may write to it.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not TOML.
    #[error("`{}` line {line}: {what}", file::shown(path))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        what: String,
    },
    /// A key that means nothing.
    #[error(
        "`{}` has a key `{}` that is not known",
        file::shown(path),
        clean_line(key)
    )]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key, with its table.
        key: String,
        /// The known key that was perhaps meant.
        near: Option<String>,
    },
    /// A value that does not fit its key.
    #[error("`{}`: `{key}` must be {wanted}", file::shown(path))]
    WrongValue {
        /// The file.
        path: PathBuf,
        /// The key, with its table.
        key: &'static str,
        /// What would fit.
        wanted: &'static str,
    },
}

impl Explain for ConfigError {
    fn code(&self) -> Code {
        match self {
            Self::File(inner) => inner.code(),
            _ => Code::Config,
        }
    }

    fn hints(&self) -> Vec<Hint> {
        match self {
            Self::File(inner) => inner.hints(),
            Self::UnknownKey { near, .. } => vec![near.as_ref().map_or_else(
                || "known are identity, editor, age.plugins, [mail] and [server]".to_owned(),
                |near| format!("is `{near}` meant?"),
            )],
            _ => Vec::new(),
        }
    }
}

/// The person's configuration. Without a file everything is at its default.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `identity = "ada"`: the identity that is used when none is named.
    pub identity: Option<IdentityName>,
    /// `editor = ["vim", "-n"]`: the editor and its arguments, before `VISUAL` and `EDITOR`.
    pub editor: Option<Vec<String>>,
    /// `[age] plugins = ["yubikey"]`: the age plugins that may be started.
    pub plugins: Vec<PluginName>,
    /// `[mail]`: by whom alarms and reports go out.
    pub mail: Option<MailConfig>,
    /// `[server]`: the Vault or OpenBao server.
    pub server: ServerConfig,
}

/// Which Vault or OpenBao server is meant where nothing else says it.
#[derive(Clone, Debug, Default)]
pub struct ServerConfig {
    /// `address = "https://bao.example.org:8200"`.
    pub address: Option<String>,
    /// `nodes = ["https://…"]`: other addresses of the same server, which may get its token too.
    pub nodes: Vec<String>,
    /// `namespace = "team"`.
    pub namespace: Option<String>,
    /// `ca = "/etc/ssl/ours.pem"`: who alone may have signed its certificate.
    pub ca: Option<PathBuf>,
    /// `kv = "secret/clws"`: where documents lie there, a mount and what stands before their paths.
    pub kv: Option<String>,
}

impl Config {
    /// Reads `config.toml` of the world's configuration folder.
    ///
    /// Others may read the file but not write it: it names programs that are started.
    ///
    /// # Errors
    /// [`ConfigError`]. A missing file or home folder is no error.
    pub fn read(world: &World) -> Result<Self, ConfigError> {
        let path = match world.config_dir() {
            Ok(folder) => folder.join("config.toml"),
            Err(WorldError::NoHome { .. } | WorldError::NoRandomness) => return Ok(Self::default()),
        };
        match file::read_if_there(&path, Links::Follow, Rights::Settings)? {
            None => Ok(Self::default()),
            Some(text) => text.with(|bytes| Self::parse(&path, bytes)),
        }
    }

    fn parse(path: &std::path::Path, bytes: &[u8]) -> Result<Self, ConfigError> {
        let syntax = |line, what: &str| ConfigError::Syntax {
            path: path.to_path_buf(),
            line,
            what: clean_line(what),
        };
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            syntax(line_of(before), "it is no UTF-8")
        })?;
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let at = error.span().map_or(0, |span| span.start);
            syntax(
                line_of(bytes.get(..at).unwrap_or_default()),
                error.message(),
            )
        })?;
        let wrong = |key, wanted| ConfigError::WrongValue {
            path: path.to_path_buf(),
            key,
            wanted,
        };
        let unknown = |table: &str, key: &str, known: &[&str]| ConfigError::UnknownKey {
            path: path.to_path_buf(),
            key: format!("{table}{key}"),
            near: nearest(key, known.iter().copied()).map(|near| format!("{table}{near}")),
        };
        let mut config = Self::default();
        for (key, value) in &table {
            match key.as_str() {
                "identity" => {
                    let name = value.as_str().and_then(|name| name.parse().ok());
                    let name = name.ok_or_else(|| wrong("identity", "the name of an identity"))?;
                    config.identity = Some(name);
                }
                "editor" => {
                    let words = strings(value)
                        .filter(|words| words.first().is_some_and(|program| !program.is_empty()));
                    let wanted = "a list of the program and its arguments";
                    config.editor = Some(words.ok_or_else(|| wrong("editor", wanted))?);
                }
                "age" => {
                    let wanted = "a list of plugin names like \"yubikey\"";
                    let age = value.as_table().ok_or_else(|| wrong("age", "a table"))?;
                    for (key, value) in age {
                        if key != "plugins" {
                            return Err(unknown("age.", key, &AGE));
                        }
                        let names = strings(value).ok_or_else(|| wrong("age.plugins", wanted))?;
                        for name in names {
                            let name = PluginName::new(&name);
                            let name = name.ok_or_else(|| wrong("age.plugins", wanted))?;
                            config.plugins.push(name);
                        }
                    }
                }
                "mail" => {
                    let read = mail::parse(value);
                    config.mail = Some(read.map_err(|fault| match fault {
                        mail::Fault::Unknown(key) => unknown("mail.", &key, &mail::KEYS),
                        mail::Fault::Wrong(key, wanted) => wrong(key, wanted),
                    })?);
                }
                "server" => {
                    let table = value.as_table().ok_or_else(|| wrong("server", "a table"))?;
                    for (key, value) in table {
                        let text = |key| {
                            let text = value.as_str().filter(|text| !text.is_empty());
                            text.map(str::to_owned).ok_or_else(|| wrong(key, "a text"))
                        };
                        let server = &mut config.server;
                        match key.as_str() {
                            "address" => server.address = Some(text("server.address")?),
                            "nodes" => {
                                let wanted = "a list of addresses";
                                let nodes = strings(value);
                                server.nodes =
                                    nodes.ok_or_else(|| wrong("server.nodes", wanted))?;
                            }
                            "namespace" => server.namespace = Some(text("server.namespace")?),
                            "ca" => server.ca = Some(text("server.ca")?.into()),
                            "kv" => server.kv = Some(text("server.kv")?),
                            other => return Err(unknown("server.", other, &SERVER)),
                        }
                    }
                }
                other => return Err(unknown("", other, &TOP)),
            }
        }
        Ok(config)
    }
}

fn strings(value: &Value) -> Option<Vec<String>> {
    let items = value.as_array()?.iter();
    items.map(|item| item.as_str().map(str::to_owned)).collect()
}

fn line_of(before: &[u8]) -> usize {
    1 + memchr::memchr_iter(b'\n', before).count()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("/c/config.toml"), text.as_bytes())
    }

    #[test]
    fn everything_that_can_be_configured_is_read() {
        let config = parse(
            "identity = \"ada\"\neditor = [\"vim\", \"-n\"]\n[age]\nplugins = [\"yubikey\"]\n",
        )
        .unwrap();
        assert_eq!(config.identity.unwrap().as_str(), "ada");
        assert_eq!(config.editor.unwrap(), ["vim", "-n"]);
        assert_eq!(config.plugins, [PluginName::new("yubikey").unwrap()]);
    }

    #[test]
    fn an_unknown_key_is_an_error_with_the_nearest_known_one() {
        for (text, near) in [
            ("identty = \"ada\"", "is `identity` meant?"),
            ("[age]\nplugin = []", "is `age.plugins` meant?"),
            ("[server]\nadress = \"a\"", "is `server.address` meant?"),
            ("[mail]\nsever = \"a\"", "is `mail.server` meant?"),
            (
                "zzz = 1",
                "known are identity, editor, age.plugins, [mail] and [server]",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().hints(), [near], "{text}");
        }
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        for text in [
            "identity = \"../ada\"",
            "identity = 3",
            "editor = \"vim\"",
            "editor = []",
            "editor = [\"\"]",
            "age = 1",
            "[age]\nplugins = [\"../../bin/sh\"]",
            "[age]\nplugins = [\".hidden\"]",
            "[age]\nplugins = \"yubikey\"",
            "server = 1",
            "[server]\naddress = 1",
            "[server]\nnodes = \"https://a\"",
            "mail = \"smtp.example.org\"",
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                matches!(error, ConfigError::WrongValue { .. }),
                "{text}: {error}"
            );
        }
        let error = parse("identity = \"ada\"\nx = [").unwrap_err();
        assert!(
            matches!(error, ConfigError::Syntax { line: 2, .. }),
            "{error}"
        );
    }
}
