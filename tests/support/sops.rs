//! The real SOPS, with a person's own key.

use std::path::PathBuf;
use std::process::{Command, Output};

use super::lab::Lab;
use super::tool::{run_by, said, tool};

/// SOPS as one person runs it.
pub(crate) struct Sops<'a> {
    lab: &'a Lab,
    who: &'a str,
}

impl<'a> Sops<'a> {
    pub(crate) fn of(lab: &'a Lab, who: &'a str) -> Self {
        Self { lab, who }
    }

    /// The age identity file of the person.
    pub(crate) fn key_file(&self) -> PathBuf {
        let home = self.lab.home(self.who);
        home.join(".config/clws/identities")
            .join(self.who)
            .join("age.txt")
    }

    /// `age1…`.
    pub(crate) fn recipient(&self) -> String {
        let text = std::fs::read_to_string(self.key_file()).expect("an identity file");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("# public key: "));
        line.expect("a public half").to_owned()
    }

    /// Runs it with these words.
    pub(crate) fn run(&self, words: &[&str], input: &str) -> Output {
        let mut command = Command::new(tool("sops"));
        command
            .env_clear()
            .env("HOME", self.lab.home(self.who))
            .env("SOPS_AGE_KEY_FILE", self.key_file())
            .env("SOPS_DISABLE_VERSION_CHECK", "1")
            .current_dir(self.lab.root());
        run_by(command, words, input.as_bytes())
    }

    fn succeeds(&self, words: &[&str], input: &str) -> String {
        let output = self.run(words, input);
        assert!(output.status.success(), "sops {words:?}: {}", said(&output));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Seals a text for the person. `more` are further words.
    pub(crate) fn seal(&self, form: &str, text: &str, more: &[&str]) -> String {
        let recipient = self.recipient();
        let mut words = vec!["-e", "--age", &recipient];
        words.extend(["--input-type", form, "--output-type", form]);
        words.extend(more);
        words.push("/dev/stdin");
        self.succeeds(&words, text)
    }

    /// What it prints of a text that it sealed.
    pub(crate) fn open(&self, form: &str, text: &str, into: &str) -> String {
        let words = [
            "decrypt",
            "--input-type",
            form,
            "--output-type",
            into,
            "/dev/stdin",
        ];
        self.succeeds(&words, text)
    }
}
