//! A person's `~/.ssh/config` (ssh_config(5)), as far as it says how a host is reached.
//!
//! Of each of `HostName`, `User`, `Port`, `ProxyJump`, `HostKeyAlias` and `IdentitiesOnly` the first value
//! that is set for a host counts, and every `IdentityFile` and `CertificateFile`. Sections begin with `Host` and patterns of names; those that begin with
//! `Match` are left out, since they may run programs. `Include` is followed below the same folder
//! alone. Everything else in the file is passed over. Names are those of hosts in the vault, which is
//! what one types.

use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::pattern::{fits, fits_list};
use crate::error::{Code, Explain};

/// What is read of a file at most; a `known_hosts` of 10,000 hosts has 5 MiB.
const LONGEST: u64 = 16 << 20;

/// How deep files include each other in OpenSSH at most.
const DEEPEST: usize = 16;

/// Why a file below `~/.ssh` is not gone by.
#[derive(Debug, thiserror::Error)]
pub enum SshConfigError {
    /// A line that cannot be understood.
    #[error("{} has {why} in line {line}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is there.
        why: String,
    },
    /// It is there and cannot be read.
    #[error("cannot read {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may change it.
    #[error("{} can be changed by others, so it is not gone by", file.display())]
    Open {
        /// The file.
        file: PathBuf,
    },
    /// It is longer than anybody writes one, and is not gone by in part.
    #[error("{} is longer than {} MiB", file.display(), LONGEST >> 20)]
    TooLong {
        /// The file.
        file: PathBuf,
    },
}

impl Explain for SshConfigError {
    fn code(&self) -> Code {
        Code::Config
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Open { file } => vec![format!("chmod go-w {}", file.display())],
            Self::Line { .. } | Self::Unreadable { .. } | Self::TooLong { .. } => Vec::new(),
        }
    }
}

/// The file, with those that it includes.
#[derive(Clone, Debug, Default)]
pub struct SshConfig {
    entries: Vec<Entry>,
    notes: Vec<String>,
}

#[derive(Clone, Debug)]
enum Entry {
    Host(Vec<String>),
    Match,
    Include(Vec<Vec<Entry>>),
    HostName(String),
    User(String),
    Port(u16),
    Jump(Vec<Jump>),
    Identity(String),
    Certificate(String),
    OnlyThese(bool),
    Alias(String),
    /// `ProxyCommand`, which is not run; a `ProxyJump` behind it counts no more.
    Command,
}

/// A host to go through, as `ProxyJump` names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Jump {
    /// The user to log in as.
    pub user: Option<String>,
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: Option<u16>,
}

/// What a file says of one host.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Said {
    /// Its address.
    pub host_name: Option<String>,
    /// The user to log in as.
    pub user: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// The hosts to go through, in order; an empty list for `none`.
    pub jump: Option<Vec<Jump>>,
    /// Files of private keys, as they are written there.
    pub identity_files: Vec<String>,
    /// Files of certificates of those keys, as they are written there.
    pub certificate_files: Vec<String>,
    /// Whether no other key of an agent is to be tried.
    pub identities_only: Option<bool>,
    /// The name under which `known_hosts` has it.
    pub host_key_alias: Option<String>,
    /// Whether a `ProxyCommand` stands in the place of a jump.
    pub has_command: bool,
}

impl SshConfig {
    /// Reads `config` in a folder; one that is not there says nothing.
    ///
    /// # Errors
    /// [`SshConfigError`].
    pub fn read(folder: &Path) -> Result<Self, SshConfigError> {
        let mut config = Self::default();
        let file = folder.join("config");
        config.entries = config.file(folder, &file, 0)?.unwrap_or_default();
        Ok(config)
    }

    /// What was left out, for whoever wants to know.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What is said of a host.
    #[must_use]
    pub fn of(&self, host: &str) -> Said {
        let mut said = Said::default();
        apply(&self.entries, host, &mut true, true, &mut said);
        let name = said.host_name.take();
        said.host_name = name.and_then(|name| expand(&name, &[('h', host)]));
        said
    }

    fn file(
        &mut self,
        folder: &Path,
        file: &Path,
        depth: usize,
    ) -> Result<Option<Vec<Entry>>, SshConfigError> {
        let Some(text) = read_text(file)? else {
            return Ok(None);
        };
        let mut entries = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let wrong = |why: String| SshConfigError::Line {
                file: file.to_owned(),
                line: number,
                why,
            };
            let Some((keyword, rest)) = split_keyword(line) else {
                continue;
            };
            let words = || split_words(rest).ok_or_else(|| wrong("unbalanced quotes".to_owned()));
            let word = || -> Result<String, SshConfigError> {
                let first = words()?.into_iter().next().filter(|word| !word.is_empty());
                first.ok_or_else(|| wrong(format!("no value for {keyword}")))
            };
            entries.push(match keyword.as_str() {
                "host" => Entry::Host(words()?),
                "match" => {
                    let note = format!("{} line {number}: `Match` is left out", file.display());
                    self.notes.push(note);
                    Entry::Match
                }
                "include" => {
                    let mut files = Vec::new();
                    for pattern in words()? {
                        files.extend(self.included(folder, file, number, &pattern, depth)?);
                    }
                    Entry::Include(files)
                }
                "hostname" => Entry::HostName(word()?),
                "user" => Entry::User(word()?),
                "identityfile" => Entry::Identity(word()?),
                "certificatefile" => Entry::Certificate(word()?),
                "hostkeyalias" => Entry::Alias(word()?),
                "identitiesonly" => Entry::OnlyThese(match word()?.as_str() {
                    "yes" | "true" => true,
                    "no" | "false" => false,
                    _ => {
                        return Err(wrong(
                            "an `IdentitiesOnly` that is neither yes nor no".into(),
                        ));
                    }
                }),
                "port" => {
                    let port = word()?.parse().ok().filter(|port| *port != 0);
                    Entry::Port(port.ok_or_else(|| wrong("a port that is none".to_owned()))?)
                }
                "proxyjump" => {
                    let jumps = jumps(rest);
                    Entry::Jump(
                        jumps.ok_or_else(|| wrong("a `ProxyJump` that is none".to_owned()))?,
                    )
                }
                "proxycommand" => {
                    let note =
                        format!("{} line {number}: no `ProxyCommand` is run", file.display());
                    self.notes.push(note);
                    Entry::Command
                }
                _ => continue,
            });
        }
        Ok(Some(entries))
    }

    /// The files that a pattern of `Include` means, in their order.
    fn included(
        &mut self,
        folder: &Path,
        file: &Path,
        line: usize,
        pattern: &str,
        depth: usize,
    ) -> Result<Vec<Vec<Entry>>, SshConfigError> {
        let below = match pattern.strip_prefix("~/.ssh/") {
            Some(below) => Some(Path::new(below)),
            None if Path::new(pattern).is_absolute() => {
                Path::new(pattern).strip_prefix(folder).ok()
            }
            None if pattern.starts_with('~') => None,
            None => Some(Path::new(pattern)),
        };
        let parts: Option<Vec<&str>> = below.and_then(|below| {
            let name = |part| match part {
                std::path::Component::Normal(name) => name.to_str(),
                _ => None,
            };
            below.components().map(name).collect()
        });
        let Some(parts) = parts else {
            let note = format!(
                "{} line {line}: what lies outside of {} is not included",
                file.display(),
                folder.display()
            );
            self.notes.push(note);
            return Ok(Vec::new());
        };
        if depth >= DEEPEST {
            return Err(SshConfigError::Line {
                file: file.to_owned(),
                line,
                why: "files that include each other too deeply".to_owned(),
            });
        }
        let mut files = vec![folder.to_owned()];
        for part in parts {
            files = files.iter().flat_map(|file| matching(file, part)).collect();
        }
        let mut read = Vec::new();
        for file in files {
            read.extend(self.file(folder, &file, depth + 1)?);
        }
        Ok(read)
    }
}

/// The entries of a folder whose names fit, sorted; a name without `*` and `?` is taken as it is.
fn matching(folder: &Path, part: &str) -> Vec<PathBuf> {
    if !part.contains(['*', '?']) {
        return vec![folder.join(part)];
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let hidden = part.starts_with('.');
    let mut names: Vec<String> = names
        .filter(|name| fits(part, name) && (hidden || !name.starts_with('.')))
        .collect();
    names.sort();
    names.iter().map(|name| folder.join(name)).collect()
}

/// Reads a file that only its owner, this person or root, can change; `None` if it is not there.
///
/// # Errors
/// [`SshConfigError`].
pub(super) fn read_text(file: &Path) -> Result<Option<String>, SshConfigError> {
    let unreadable = |source| SshConfigError::Unreadable {
        file: file.to_owned(),
        source,
    };
    let opened = match std::fs::File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(unreadable)?,
    };
    let about = opened.metadata().map_err(unreadable)?;
    let owner = about.uid();
    if about.mode() & 0o022 != 0 || (owner != 0 && owner != rustix::process::geteuid().as_raw()) {
        return Err(SshConfigError::Open {
            file: file.to_owned(),
        });
    }
    let mut bytes = Vec::new();
    opened
        .take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LONGEST {
        return Err(SshConfigError::TooLong {
            file: file.to_owned(),
        });
    }
    // Comments may be in any encoding.
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Goes through the entries; `active` says whether the section is about this host.
fn apply(entries: &[Entry], host: &str, active: &mut bool, outer: bool, said: &mut Said) {
    for entry in entries {
        match entry {
            Entry::Host(patterns) => {
                *active = outer && fits_list(patterns.iter().map(String::as_str), host);
            }
            Entry::Match => *active = false,
            Entry::Include(files) => {
                // A file within a section that is not about this host is not, whatever it says.
                let (before, outer) = (*active, outer && *active);
                for entries in files {
                    apply(entries, host, active, outer, said);
                    *active = before;
                }
            }
            _ if !*active => {}
            Entry::HostName(name) => first(&mut said.host_name, name),
            Entry::User(user) => first(&mut said.user, user),
            Entry::Port(port) => first(&mut said.port, port),
            Entry::Identity(file) => add(&mut said.identity_files, file),
            Entry::Certificate(file) => add(&mut said.certificate_files, file),
            Entry::OnlyThese(only) => first(&mut said.identities_only, only),
            Entry::Alias(name) => first(&mut said.host_key_alias, name),
            Entry::Jump(jumps) if !said.has_command => first(&mut said.jump, jumps),
            Entry::Jump(_) => {}
            Entry::Command => said.has_command |= said.jump.is_none(),
        }
    }
}

/// Fills in `%h` and the like; `None` for one that is not known.
#[must_use]
pub fn expand(text: &str, tokens: &[(char, &str)]) -> Option<String> {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '%' => match rest.next()? {
                '%' => out.push('%'),
                token => out.push_str(tokens.iter().find(|(name, _)| *name == token)?.1),
            },
            c => out.push(c),
        }
    }
    Some(out)
}

fn first<T: Clone>(place: &mut Option<T>, value: &T) {
    place.get_or_insert_with(|| value.clone());
}

fn add(files: &mut Vec<String>, file: &String) {
    if !files.contains(file) {
        files.push(file.clone());
    }
}

/// The keyword in lower case, and what follows it; `None` for a line that says nothing.
fn split_keyword(line: &str) -> Option<(String, &str)> {
    const BLANKS: [char; 4] = [' ', '\t', '\r', '\x0c'];
    let line = line.trim_matches(BLANKS);
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (keyword, rest) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => line.split_at(line.find([' ', '\t', '=']).unwrap_or(line.len())),
    };
    // One `=` may stand between, with blanks around it.
    let rest = rest.trim_start_matches(BLANKS);
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    Some((
        keyword.to_ascii_lowercase(),
        rest.trim_start_matches(BLANKS),
    ))
}

/// The words of a line, without a comment behind them; `None` if a quote is not closed.
fn split_words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        while rest.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        match rest.peek() {
            None | Some('#') => return Some(words),
            Some(_) => {}
        }
        let (mut word, mut quote) = (String::new(), None);
        while let Some(c) = rest.next_if(|c| quote.is_some() || !matches!(c, ' ' | '\t')) {
            match (c, quote) {
                ('\\', _) => {
                    let escaped = rest.next_if(|c| {
                        matches!(c, '\'' | '"' | '\\') || (*c == ' ' && quote.is_none())
                    });
                    word.push(escaped.unwrap_or('\\'));
                }
                ('"' | '\'', None) => quote = Some(c),
                (c, Some(open)) if c == open => quote = None,
                (c, _) => word.push(c),
            }
        }
        if quote.is_some() {
            return None;
        }
        words.push(word);
    }
}

/// The hosts of a `ProxyJump`; `None` if it is none.
fn jumps(text: &str) -> Option<Vec<Jump>> {
    let text = text.split('#').next().unwrap_or_default().trim_end();
    if text.eq_ignore_ascii_case("none") {
        return Some(Vec::new());
    }
    text.split(',').map(Jump::parse).collect()
}

impl Jump {
    /// Reads `user@host:port`, also as `ssh://user@host:port`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("ssh://").unwrap_or(text);
        let text = text.strip_suffix('/').unwrap_or(text);
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) => (Some(user).filter(|user| !user.is_empty()), place),
            None => (None, text),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(bracketed) => {
                let (host, rest) = bracketed.split_once(']')?;
                (host, rest.strip_prefix(':'))
            }
            None => match place.split_once(':') {
                // More than one colon is an address of IPv6.
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (place, None),
            },
        };
        let port = port.filter(|port| !port.is_empty());
        let is_host =
            !host.is_empty() && !host.starts_with('-') && !host.contains(char::is_whitespace);
        Some(Self {
            user: user.map(str::to_owned),
            host: Some(host).filter(|_| is_host)?.to_owned(),
            port: port.map(str::parse).transpose().ok()?,
        })
    }
}

#[cfg(test)]
mod tests;
