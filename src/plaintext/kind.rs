//! What a file is, by its content and its name.
//!
//! Content decides where it can: a PEM label, a magic number, a header line. The name decides between
//! formats of text that have none. What both leave open is text, a script, or just a file.

use super::ansible_vault;
use super::der;
use super::dotenvx;
use super::open_age::is_age;
use super::pem;
use super::sops::Form;

/// What a file is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "as_str says what each is")]
pub enum Kind {
    Dotenv,
    Json,
    Toml,
    Ini,
    MyCnf,
    Yaml,
    AnsibleVault,
    Sops(Form),
    Age,
    Gpg,
    Dotenvx,
    DotenvxKeys,
    ServiceAccount,
    Kubeconfig,
    PrivateKey,
    SshKey,
    Certificate,
    PublicKey,
    KnownHosts,
    PemBundle,
    Pkcs12,
    Netrc,
    Pgpass,
    Htpasswd,
    Script,
    Text,
    Backup,
    Junk,
    Empty,
    File,
}

impl Kind {
    /// The word that plans use; for files of values the name of their format.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dotenv => "dotenv",
            Self::Json => "json",
            Self::Toml => "toml",
            Self::Ini => "ini",
            Self::MyCnf => "my.cnf",
            Self::Yaml => "yaml",
            Self::AnsibleVault => "ansible-vault",
            Self::Sops(Form::Yaml) => "sops-yaml",
            Self::Sops(Form::Json) => "sops-json",
            Self::Sops(Form::Dotenv) => "sops-dotenv",
            Self::Sops(Form::Ini) => "sops-ini",
            Self::Sops(Form::Binary) => "sops",
            Self::Age => "age",
            Self::Gpg => "gpg",
            Self::Dotenvx => "dotenvx",
            Self::DotenvxKeys => "dotenvx-keys",
            Self::ServiceAccount => "service-account",
            Self::Kubeconfig => "kubeconfig",
            Self::PrivateKey => "private-key",
            Self::SshKey => "ssh-key",
            Self::Certificate => "certificate",
            Self::PublicKey => "public-key",
            Self::KnownHosts => "known-hosts",
            Self::PemBundle => "pem-bundle",
            Self::Pkcs12 => "pkcs12",
            Self::Netrc => "netrc",
            Self::Pgpass => "pgpass",
            Self::Htpasswd => "htpasswd",
            Self::Script => "script",
            Self::Text => "text",
            Self::Backup => "backup",
            Self::Junk => "junk",
            Self::Empty => "empty",
            Self::File => "file",
        }
    }

    /// The format that reads it, where its values have names.
    #[must_use]
    pub fn format(self) -> Option<&'static str> {
        match self {
            Self::Dotenv | Self::Json | Self::Toml | Self::Ini | Self::MyCnf | Self::Yaml => {
                Some(self.as_str())
            }
            // Programs want these as a file, but they can be read.
            Self::ServiceAccount => Some("json"),
            Self::Dotenvx => Some("dotenv"),
            Self::Kubeconfig | Self::AnsibleVault => Some("yaml"),
            Self::Sops(form) => form.format(),
            _ => None,
        }
    }

    /// Whether the programs that use it want it as a file of its own.
    #[must_use]
    pub fn is_wanted_whole(self) -> bool {
        matches!(self, Self::ServiceAccount | Self::Kubeconfig)
    }

    /// Whether it is read as dotenv once it is open: the name says an environment in any of its parts.
    #[must_use]
    pub fn is_dotenv(self) -> bool {
        matches!(
            self,
            Self::Dotenv | Self::Dotenvx | Self::Sops(Form::Dotenv)
        )
    }

    /// Whether another program sealed it, so that all of it is needed to see what is inside.
    #[must_use]
    pub fn is_sealed(self) -> bool {
        matches!(
            self,
            Self::AnsibleVault | Self::Sops(_) | Self::Age | Self::Dotenvx
        )
    }

    /// Whether everybody may read it.
    #[must_use]
    pub fn is_public(self) -> bool {
        matches!(self, Self::Certificate | Self::PublicKey | Self::KnownHosts)
    }

    /// The parts of a name that give the document its name, without ending or marker.
    #[must_use]
    pub fn stem(self, name: &str) -> Vec<&str> {
        let mut parts: Vec<&str> = name.split('.').filter(|part| !part.is_empty()).collect();
        if self.is_dotenv() {
            let is_marker = |part: &&str| part.eq_ignore_ascii_case("env");
            // `.env.local` has its marker in front, `local.env` behind.
            let marker = if name.starts_with('.') {
                parts.iter().position(is_marker)
            } else {
                parts.iter().rposition(is_marker)
            };
            if let Some(at) = marker {
                parts.remove(at);
            }
        } else if parts.len() > 1 {
            parts.pop();
        }
        // `secrets.enc.yaml` says that it is sealed, which it is no more.
        if matches!(self, Self::Sops(_)) && parts.len() > 1 {
            parts.retain(|part| !matches!(*part, "enc" | "encrypted" | "sops"));
        }
        parts
    }
}

/// Says what a file is by its name, without folders, and its first few thousand bytes.
#[must_use]
pub fn recognise(name: &str, head: &[u8]) -> Kind {
    let lower = name.to_ascii_lowercase();
    if head.is_empty() {
        return Kind::Empty;
    }
    if is_junk(&lower) {
        return Kind::Junk;
    }
    if is_backup(&lower) {
        return Kind::Backup;
    }
    let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    if is_age(head) {
        return Kind::Age;
    }
    if let Some(form) = Form::of(&lower, head) {
        return Kind::Sops(form);
    }
    let text = text_of(head);
    if let Some(text) = text {
        if text.starts_with(ansible_vault::MARK) {
            return Kind::AnsibleVault;
        }
        if text.starts_with("-----BEGIN PGP MESSAGE-----") {
            return Kind::Gpg;
        }
        if let Some(kind) = of_pem(text) {
            return kind;
        }
    }
    let dotenv = lower == ".env"
        || lower.starts_with(".env.")
        || lower.ends_with(".env")
        || lower.ends_with(".env.keys");
    if dotenv && !head.contains(&0) {
        return match text {
            Some(text) if dotenvx::is_sealed(text) => Kind::Dotenvx,
            Some(text) if dotenvx::is_keys(text) => Kind::DotenvxKeys,
            _ => Kind::Dotenv,
        };
    }
    let Some(text) = text else {
        return of_binary(&lower, head);
    };
    if text.starts_with("#!") {
        return Kind::Script;
    }
    let body = text.trim_start_matches('\u{feff}').trim_start();
    if ends(&[".json"]) || (body.starts_with('{') && !ends(&[".yml", ".yaml", ".toml", ".conf"])) {
        let account = text.contains("\"service_account\"") && text.contains("\"private_key");
        return if account {
            Kind::ServiceAccount
        } else {
            Kind::Json
        };
    }
    let by_name = of_ending(&lower);
    if let Some(kind) = by_name.filter(|kind| *kind != Kind::Yaml) {
        return kind;
    }
    let has_line = |wanted: &str| text.lines().any(|line| line.trim_end() == wanted);
    if has_line("kind: Config") && text.lines().any(|line| line.starts_with("apiVersion:")) {
        return Kind::Kubeconfig;
    }
    by_name.unwrap_or_else(|| of_lines(&lower, text))
}

/// Text, as far as the head goes; the last character may be cut.
fn text_of(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some(text)
}

fn of_ending(name: &str) -> Option<Kind> {
    const ENDINGS: [(&str, Kind); 8] = [
        (".json", Kind::Json),
        (".toml", Kind::Toml),
        (".cnf", Kind::MyCnf),
        (".ini", Kind::Ini),
        (".cfg", Kind::Ini),
        (".conf", Kind::Ini),
        (".yml", Kind::Yaml),
        (".yaml", Kind::Yaml),
    ];
    let found = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending));
    found.map(|(_, kind)| *kind)
}

fn is_junk(name: &str) -> bool {
    matches!(
        name,
        ".ds_store" | "thumbs.db" | "desktop.ini" | ".directory" | ".gitkeep"
    ) || name.starts_with("._")
        || name.ends_with(".pyc")
}

/// What editors leave: `x~`, `#x#`, `.x.swp`.
fn is_backup(name: &str) -> bool {
    let swap = [".swp", ".swo", ".swn"]
        .iter()
        .any(|ending| name.ends_with(ending));
    name.ends_with('~')
        || (name.starts_with('#') && name.ends_with('#') && name.len() > 2)
        || (name.starts_with('.') && swap)
        || name.starts_with(".#")
}

fn of_pem(text: &str) -> Option<Kind> {
    let blocks = pem::blocks(text);
    let first = blocks.first()?;
    let private = blocks.iter().filter(|block| block.is_private()).count();
    if private == 0 {
        return blocks.iter().all(pem::Block::is_public).then(|| {
            if blocks
                .iter()
                .any(|block| block.label.contains("CERTIFICATE"))
            {
                Kind::Certificate
            } else {
                Kind::PublicKey
            }
        });
    }
    Some(match (blocks.len(), first.label.as_str()) {
        (1, "OPENSSH PRIVATE KEY") => Kind::SshKey,
        (1, _) => Kind::PrivateKey,
        _ if private == blocks.len() => Kind::PrivateKey,
        _ => Kind::PemBundle,
    })
}

fn of_binary(name: &str, head: &[u8]) -> Kind {
    if name.ends_with(".gpg") {
        return Kind::Gpg;
    }
    // PFX (RFC 7292): a sequence that begins with version 3 and a content info.
    let pfx = head.starts_with(&[der::SEQUENCE]) && {
        let skipped = match head.get(1) {
            Some(short @ 0..0x80) => usize::from(*short > 0),
            Some(long) => usize::from(long & 0x7f) + 1,
            None => 0,
        };
        let body = head.get(1 + skipped.max(1)..).unwrap_or_default();
        body.starts_with(&[der::INTEGER, 1, 3, der::SEQUENCE])
    };
    if pfx {
        return Kind::Pkcs12;
    }
    let named = [".crt", ".cer", ".der"]
        .iter()
        .any(|ending| name.ends_with(ending));
    if named && super::certificate::Certificate::parse(head).is_some() {
        return Kind::Certificate;
    }
    // Text in another encoding: its format will say at which line.
    if !head.contains(&0)
        && let Some(kind) = of_ending(name)
    {
        return kind;
    }
    Kind::File
}

/// By what each line looks like.
fn of_lines(name: &str, text: &str) -> Kind {
    let lines = || {
        let told = text.lines().map(str::trim);
        told.filter(|line| !line.is_empty() && !line.starts_with('#'))
    };
    let Some(first) = lines().next() else {
        return Kind::Text;
    };
    if lines().any(|line| line.starts_with("AGE-SECRET-KEY-")) {
        return Kind::PrivateKey;
    }
    if first.starts_with("PuTTY-User-Key-File-") {
        return Kind::SshKey;
    }
    // `~/.aws/credentials` and the like have no ending.
    let section = first.starts_with('[') && first.ends_with(']') && !first.contains([',', '"']);
    if section && lines().nth(1).is_some_and(|line| line.contains('=')) {
        return Kind::Ini;
    }
    let is_key = |line: &str| {
        const TYPES: [&str; 4] = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"];
        let mut words = line.split_whitespace();
        let typed = words
            .next()
            .is_some_and(|word| TYPES.iter().any(|t| word.starts_with(t)));
        typed && words.next().is_some_and(|word| word.starts_with("AAAA"))
    };
    // `.age-recipients` has one a line.
    let is_recipient = |line: &str| line.starts_with("age1") && !line.contains([' ', '=', ':']);
    if lines().all(|line| is_key(line) || is_recipient(line)) {
        return Kind::PublicKey;
    }
    let host = |line: &str| {
        let line = line
            .strip_prefix('@')
            .and_then(|l| l.split_once(' '))
            .map_or(line, |(_, l)| l);
        line.split_once(' ').is_some_and(|(_, key)| is_key(key))
    };
    if lines().all(host) && !name.contains("authorized") {
        return Kind::KnownHosts;
    }
    if matches!(name, ".netrc" | "_netrc" | "netrc") || first.starts_with("machine ") {
        return Kind::Netrc;
    }
    let pgpass = |line: &str| line.split(':').count() == 5;
    if matches!(name, ".pgpass" | "pgpass.conf" | "pgpass") && lines().all(pgpass) {
        return Kind::Pgpass;
    }
    let hash = |line: &str| {
        const HASHES: [&str; 7] = ["$2y$", "$2b$", "$2a$", "$apr1$", "{SHA}", "$5$", "$6$"];
        let hash = line.split_once(':').map(|(_, hash)| hash);
        hash.is_some_and(|hash| HASHES.iter().any(|start| hash.starts_with(start)))
    };
    if lines().all(hash) {
        return Kind::Htpasswd;
    }
    Kind::Text
}

#[cfg(test)]
mod tests;
