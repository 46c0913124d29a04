//! A real mail server on loopback, aiosmtpd of Debian, with TLS and a login; ended when dropped.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::lab::Lab;
use super::tool::{run_by, said};
use super::web::Pair;

/// Who may log in.
pub(crate) const USER: &str = "clws@example.org";
/// The password of a login.
pub(crate) const PASSWORD: &str = "Mail-Xk2-ahn9 Qu4e";

/// A server that takes mail.
pub(crate) struct Smtp {
    process: Child,
    folder: TempDir,
    port: u16,
}

impl Smtp {
    /// Starts one with a certificate; `how` is `starttls` or `implicit`.
    pub(crate) fn start(pair: &Pair, how: &str) -> Self {
        let python = "/usr/bin/python3";
        let known = run_by(Command::new(python), ["-c", "import aiosmtpd"], b"");
        assert!(
            known.status.success(),
            "aiosmtpd is not installed: run `bash .ci/install` ({})",
            said(&known)
        );
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let mut process = Command::new(python)
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/support/smtp_server.py"
            ))
            .arg(folder.path())
            .args([file("chain.pem", &pair.chain), file("key.pem", &pair.key)])
            .args([USER, how])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = process.stdin.take().unwrap();
        stdin.write_all(PASSWORD.as_bytes()).unwrap();
        drop(stdin);
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Self {
            process,
            folder,
            port,
        }
    }

    /// What it took, in order.
    pub(crate) fn taken(&self) -> Vec<serde_json::Value> {
        let numbers = 1..;
        let files = numbers.map(|number| self.folder.path().join(format!("{number}.json")));
        let texts = files.map_while(|file| std::fs::read(file).ok());
        texts
            .map(|text| serde_json::from_slice(&text).unwrap())
            .collect()
    }

    /// Writes ada's configuration for it, under a name and with a CA; `more` comes below.
    pub(crate) fn configure(&self, lab: &Lab, (name, ca): (&str, &str), more: &str) {
        let folder = lab.home("ada").join(".config/clws");
        std::fs::write(folder.join("mail-ca.pem"), ca).unwrap();
        let config = format!(
            "[mail]\nserver = \"{name}\"\nport = {}\nuser = \"{USER}\"\n\
             password = \"shared/mail/PASSWORD\"\nfrom = \"{USER}\"\nca = \"{}\"\n{more}",
            self.port,
            folder.join("mail-ca.pem").display(),
        );
        std::fs::write(folder.join("config.toml"), config).unwrap();
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
