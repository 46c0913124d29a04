//! `[[probe]]` of a hook: a question that the component must answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::times::{PROBE, parse_duration};
use super::value::{SecretRef, Text, name_of};

/// A question that the component must answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Where a command runs.
    #[serde(default, rename = "in")]
    pub place: Where,
    /// A command that exits with 0.
    pub run: Option<Vec<String>>,
    /// A URL, asked from the target.
    pub http: Option<String>,
    /// `host:port`, connected to from the target.
    pub tcp: Option<String>,
    /// A login to a MySQL or MariaDB server.
    pub mysql: Option<MysqlProbe>,
    /// A file on the target that is made anew again and again.
    pub file: Option<FileProbe>,
    /// Whether a deploy leaves it out, and whoever is on call asks it.
    #[serde(default)]
    pub on_call: bool,
    /// What to do where the answer is wrong, for whoever is on call.
    pub next: Option<String>,
    /// What the answer to `http` must be.
    #[serde(default)]
    pub expect: Expect,
    /// `host:port`, connected to for `http` in place of what the URL says.
    pub at: Option<String>,
    /// Who may have signed the certificate: a file beside the hook, or a secret.
    pub ca: Option<Text>,
    /// What the server's certificate must be.
    pub certificate: Option<CertificateProbe>,
    /// Whether any certificate will do.
    #[serde(default)]
    pub insecure: bool,
    /// Variables of this hook that the command is given.
    #[serde(default)]
    pub needs: Vec<String>,
    /// How long it may take until the answer is right; 30 s without.
    pub within: Option<String>,
}

/// Where a command runs: that of a probe, or a step.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// On the machine that deploys.
    Local,
    /// On the target.
    #[default]
    Host,
    /// In a container of the component's image that is gone afterwards.
    Container,
}

/// What an HTTP answer must be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The status; any of 200 to 299 without.
    pub status: Option<u16>,
    /// Headers with their whole values.
    #[serde(default)]
    pub header: BTreeMap<String, String>,
    /// What the body, read as JSON, has at these places (RFC 6901).
    #[serde(default)]
    pub json: BTreeMap<String, toml::Value>,
    /// What stands somewhere in the body.
    pub body_contains: Option<String>,
}

/// What a certificate must be.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "WrittenCertificate")]
pub struct CertificateProbe {
    /// How many days it must hold from now on.
    pub days: u32,
    /// The certificate that was given: the one that is served must be this.
    pub secret: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCertificate {
    #[serde(default)]
    days: u32,
    secret: Option<String>,
    server: Option<String>,
}

impl TryFrom<WrittenCertificate> for CertificateProbe {
    type Error = String;

    fn try_from(written: WrittenCertificate) -> Result<Self, String> {
        Ok(Self {
            days: written.days,
            secret: name_of(written.secret, written.server, None)?,
        })
    }
}

/// A login to a MySQL or MariaDB server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MysqlProbe {
    /// The server, as the target sees it.
    pub host: String,
    /// Its port, a number or a text; 3306 without.
    #[serde(default, deserialize_with = "port")]
    pub port: Option<String>,
    /// Who logs in.
    pub user: String,
    /// The password.
    pub password: SecretRef,
    /// The database that is used.
    pub database: Option<String>,
}

/// A file that is made anew again and again: a backup, a report.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileProbe {
    /// An absolute path on the target, or a pattern of paths of which the newest counts.
    pub path: String,
    /// How long ago it was written at most.
    pub younger: String,
    /// How many bytes it has at least.
    #[serde(default)]
    pub larger: u64,
}

/// Reads a number as its text.
pub(crate) fn port<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "a port is a number, or a text like \"{{ settings.port }}\""
    )]
    enum Port {
        Number(u16),
        Text(String),
    }
    Ok(Some(match Port::deserialize(from)? {
        Port::Number(number) => number.to_string(),
        Port::Text(text) => text,
    }))
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub enum Question<'a> {
    /// A command.
    Run(&'a [String]),
    /// A connection to `host:port`.
    Tcp(&'a str),
    /// A URL.
    Http(&'a str),
    /// A login.
    Mysql(&'a MysqlProbe),
    /// How old a file is.
    File(&'a FileProbe),
}

impl Probe {
    /// What is asked; `None` where that is not exactly one thing.
    #[must_use]
    pub fn question(&self) -> Option<Question<'_>> {
        let all = [
            self.run.as_deref().map(Question::Run),
            self.tcp.as_deref().map(Question::Tcp),
            self.http.as_deref().map(Question::Http),
            self.mysql.as_ref().map(Question::Mysql),
            self.file.as_ref().map(Question::File),
        ];
        let mut questions = all.into_iter().flatten();
        let first = questions.next();
        first.filter(|_| questions.next().is_none())
    }

    /// Refuses what could not be meant.
    pub(crate) fn check(&self) -> Result<(), String> {
        let question = self.question();
        let secure = self.ca.is_some() || self.certificate.is_some() || self.insecure;
        match question {
            None => return Err("a probe is one of run, http, tcp, mysql and file".into()),
            Some(Question::Run([])) => return Err("a probe runs nothing".into()),
            Some(Question::Http(url)) if url.starts_with("https://") => {}
            Some(Question::Http(url)) if url.starts_with("http://") && !secure => {}
            Some(Question::Http(url)) => {
                return Err(format!(
                    "`{url}` is no http:// or https:// URL for such a probe"
                ));
            }
            Some(_) if secure || self.at.is_some() => {
                return Err("`at`, `ca`, `certificate` and `insecure` are for `http`".into());
            }
            Some(Question::File(file)) => {
                if !file.path.starts_with(['/', '{']) {
                    return Err(format!("`{}` is no absolute path", file.path));
                }
                parse_duration(Some(&file.younger), PROBE)?;
            }
            Some(_) => {}
        }
        if self.insecure && (self.ca.is_some() || self.certificate.is_some()) {
            return Err("`insecure` asks no certificate anything".into());
        }
        if let Some(pointer) = self
            .expect
            .json
            .keys()
            .find(|p| !p.is_empty() && !p.starts_with('/'))
        {
            return Err(format!("`{pointer}` is no place in JSON like `/user/name`"));
        }
        Ok(())
    }

    /// Every text that names are filled into.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &String> {
        let run = self.run.as_deref().unwrap_or_default();
        let login = self.mysql.iter().flat_map(|login| {
            [&login.host, &login.user]
                .into_iter()
                .chain(&login.port)
                .chain(&login.database)
        });
        run.iter()
            .chain(&self.http)
            .chain(&self.tcp)
            .chain(&self.at)
            .chain(login)
            .chain(self.file.iter().map(|file| &file.path))
            .chain(&self.next)
            .chain(self.expect.header.values())
            .chain(&self.expect.body_contains)
    }

    /// The secrets that it compares with or logs in with.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let ca = self.ca.iter().filter_map(|ca| match ca {
            Text::Secret(secret) => Some(secret.secret.as_str()),
            Text::Plain(_) => None,
        });
        let certificate = self.certificate.iter();
        let login = self.mysql.iter();
        ca.chain(certificate.filter_map(|certificate| certificate.secret.as_deref()))
            .chain(login.map(|login| login.password.secret.as_str()))
    }

    /// What it is called in plans and messages; names are not filled in.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        match self.question() {
            Some(Question::Run(run)) => run.to_vec(),
            Some(Question::Tcp(text) | Question::Http(text)) => vec![text.to_owned()],
            Some(Question::Mysql(login)) => vec![format!(
                "mysql login of {} at {}:{}",
                login.user,
                login.host,
                login.port.as_deref().unwrap_or("3306")
            )],
            Some(Question::File(file)) => vec![format!("the age of {}", file.path)],
            None => Vec::new(),
        }
    }
}
