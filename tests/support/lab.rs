//! A vault in a temporary folder, people with homes of their own, and the built program.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::machine::Machine;
use super::tool::tool;

/// A folder with a vault and the homes of its people.
pub(crate) struct Lab {
    dir: tempfile::TempDir,
}

/// A run of `clws` to be.
pub(crate) struct Run<'a> {
    lab: &'a Lab,
    words: Vec<String>,
    by: String,
    stdin: Vec<u8>,
    folder: PathBuf,
    environment: BTreeMap<String, String>,
    machine: Option<&'a Machine>,
}

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
    pub(crate) words: String,
}

impl Lab {
    /// An empty folder; nobody has an identity.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(dir.path().join("vault")).expect("a folder for the vault");
        Self { dir }
    }

    /// A vault founded by ada, in no git repository.
    pub(crate) fn founded() -> Self {
        let lab = Self::empty();
        lab.clws("identity new ada --keep file").succeeds();
        lab.clws("init --name ada").succeeds();
        lab
    }

    /// A vault founded by ada, in a git repository, with nothing in it.
    pub(crate) fn new() -> Self {
        let lab = Self::empty();
        lab.git(&["init", "-q", "-b", "main"]);
        lab.clws("init --name ada").succeeds();
        lab
    }

    /// The same once more, in another folder: people, what their machines have seen, and the vault.
    pub(crate) fn copy(&self) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let copied = Command::new("cp")
            .arg("-a")
            .arg(self.dir.path().join("."))
            .arg(dir.path())
            .status()
            .expect("cp runs");
        assert!(copied.success());
        Self { dir }
    }

    /// Adds people with identities of their own, without rights.
    pub(crate) fn people(self, names: &[&str]) -> Self {
        for name in names {
            self.clws(&format!("identity new {name} --keep file"))
                .by(name)
                .succeeds();
            let party = self.clws("identity show").by(name).succeeds().out;
            self.clws(&format!("recipient add {name} - --yes"))
                .stdin(&party)
                .succeeds();
        }
        self
    }

    /// Sets a value as ada.
    pub(crate) fn secret(self, path: &str, value: &str) -> Self {
        self.clws(&format!("secret set {path}"))
            .stdin(value.as_bytes())
            .succeeds();
        self
    }

    /// The fingerprint of the newest trust version, as it is compared at a first use.
    pub(crate) fn head(&self) -> String {
        let shown = self.clws("trust show --json").succeeds().json();
        shown["head"].as_str().expect("a fingerprint").to_owned()
    }

    /// Has each of them accept the vault as it is.
    pub(crate) fn accepted_by(&self, names: &[&str]) {
        let head = self.head();
        for name in names {
            let accept = self.clws("trust accept --expect").word(&head);
            accept.by(name).succeeds();
        }
    }

    /// The vault's folder.
    pub(crate) fn vault(&self) -> PathBuf {
        self.dir.path().join("vault")
    }

    /// The folder around the vault and all homes.
    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    /// A person's home.
    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.dir.path().join("home").join(name)
    }

    /// A run of `clws` with these words (split at blanks), in the vault, as ada.
    pub(crate) fn clws(&self, words: &str) -> Run<'_> {
        Run {
            lab: self,
            words: words.split_whitespace().map(str::to_owned).collect(),
            by: "ada".into(),
            stdin: Vec::new(),
            folder: self.vault(),
            environment: BTreeMap::new(),
            machine: None,
        }
    }

    /// Runs git in the vault; its stdout.
    pub(crate) fn git(&self, words: &[&str]) -> String {
        let out = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
            .args(words)
            .current_dir(self.vault())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output()
            .expect("git runs");
        assert!(
            out.status.success(),
            "git {words:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// Commits everything in the vault.
    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-qm", message]);
    }

    /// Fails if any file below the lab's folder, git's objects included, holds one of the strings: as
    /// it is, or in base64, hexadecimal or URL form.
    pub(crate) fn nowhere(&self, needles: &[String]) {
        let found = self.find(needles);
        assert!(found.is_empty(), "found in clear: {found:#?}");
    }

    /// The files that hold one of the strings, in any of these forms.
    pub(crate) fn find(&self, needles: &[String]) -> Vec<String> {
        let mut found = find_below(self.dir.path(), needles);
        if self.vault().join(".git").is_dir() {
            // Objects are compressed; every blob, tree and commit in one stream.
            let all = Command::new("git")
                .args(["cat-file", "--batch-all-objects", "--batch"])
                .current_dir(self.vault())
                .output()
                .expect("git runs");
            let forms: Vec<Vec<u8>> = needles.iter().flat_map(|n| forms(n)).collect();
            if forms.iter().any(|form| contains(&all.stdout, form)) {
                found.push("git objects".into());
            }
        }
        found
    }
}

/// The files below a folder that hold one of the strings.
pub(crate) fn find_below(folder: &Path, needles: &[String]) -> Vec<String> {
    let forms: Vec<Vec<u8>> = needles.iter().flat_map(|n| forms(n)).collect();
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let kind = entry.file_type().expect("a file type");
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let bytes = std::fs::read(entry.path()).unwrap_or_default();
                if forms.iter().any(|form| contains(&bytes, form)) {
                    found.push(entry.path().display().to_string());
                }
            }
        }
    }
    found
}

/// The forms that a value may leak in.
pub(crate) fn forms(needle: &str) -> Vec<Vec<u8>> {
    use base64::Engine as _;
    let bytes = needle.as_bytes();
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let url: String = bytes
        .iter()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(*b).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    let json = serde_json::to_string(needle).expect("text");
    vec![
        bytes.to_vec(),
        base64::engine::general_purpose::STANDARD_NO_PAD
            .encode(bytes)
            .into_bytes(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        url.into_bytes(),
        json.trim_matches('"').as_bytes().to_vec(),
    ]
}

pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

impl<'a> Run<'a> {
    /// Runs as somebody else than ada.
    pub(crate) fn by(mut self, name: &str) -> Self {
        self.by = name.into();
        self
    }

    /// What stdin gives; nothing without.
    pub(crate) fn stdin(mut self, bytes: &[u8]) -> Self {
        self.stdin = bytes.to_vec();
        self
    }

    /// One more word, whatever is in it.
    pub(crate) fn word(mut self, word: impl Into<String>) -> Self {
        self.words.push(word.into());
        self
    }

    /// Runs in another folder than the vault.
    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.folder = folder.to_owned();
        self
    }

    /// A variable for this run.
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// The words, for what is printed.
    pub(crate) fn words(&self) -> String {
        self.words.join(" ")
    }

    /// What stdin gives.
    pub(crate) fn input(&self) -> &[u8] {
        &self.stdin
    }

    /// Runs on a machine of the test's own.
    pub(crate) fn on(mut self, machine: &'a Machine) -> Self {
        self.machine = Some(machine);
        self
    }

    /// The command, ready to be started in a way of its own.
    pub(crate) fn command(&self) -> Command {
        let home = self.lab.home(&self.by);
        std::fs::create_dir_all(&home).expect("a home");
        let mut command = Command::new(env!("CARGO_BIN_EXE_clws"));
        command
            .args(&self.words)
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", home)
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(&self.environment);
        match self.machine {
            Some(machine) => machine.runs(&command),
            None => command,
        }
    }

    /// The same, started by another program that takes it as its last words: strace, a shell.
    pub(crate) fn under(&self, mut other: Command) -> Command {
        let program = self.command();
        let variables = program.get_envs();
        other
            .arg(program.get_program())
            .args(program.get_args())
            .current_dir(program.get_current_dir().unwrap_or(&self.folder))
            .env_clear()
            .envs(variables.filter_map(|(name, value)| Some((name, value?))));
        other
    }

    /// Runs it under strace. Gives how it ended, and a line for each of these calls.
    pub(crate) fn traced(&self, calls: &str) -> (Output, Vec<String>) {
        let traced = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut strace = Command::new(tool("strace"));
        strace
            .args(["-f", "-qq", "-s", "200", "-e"])
            .arg(format!("trace={calls}"))
            .arg("-o")
            .arg(traced.path());
        let ran = self.under(strace).output().expect("strace starts");
        let text = std::fs::read_to_string(traced.path()).expect("strace writes");
        (ran, text.lines().map(str::to_owned).collect())
    }

    /// Runs it.
    pub(crate) fn run(self) -> Ran {
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("clws starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let bytes = self.stdin.clone();
        // A program that does not read its input closes the pipe; that is its right.
        let feeder = std::thread::spawn(move || drop(stdin.write_all(&bytes)));
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().expect("clws ends");
        feeder.join().expect("the feeder ends");
        Ran {
            code: status.code().unwrap_or(-1),
            out: stdout,
            err: String::from_utf8_lossy(&stderr).into_owned(),
            words: self.words.join(" "),
        }
    }

    /// Runs it, and expects exit code 0.
    pub(crate) fn succeeds(self) -> Ran {
        self.exits(0)
    }

    /// Runs it, and expects this exit code.
    pub(crate) fn exits(self, code: i32) -> Ran {
        let ran = self.run();
        assert_eq!(
            ran.code,
            code,
            "clws {}: {}\n{}",
            ran.words,
            ran.text(),
            ran.err
        );
        ran
    }
}

impl Ran {
    /// stdout as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    /// stdout as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.out).expect("JSON")
    }
}
