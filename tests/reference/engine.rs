//! A host's Docker daemon, asked from this machine by the real client, and by hand where that one has no
//! words for the question.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The daemon at a socket.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(crate) socket: PathBuf,
}

impl Engine {
    /// The docker client; arguments are still to come.
    pub(crate) fn client(&self) -> Command {
        let mut command = Command::new("docker");
        command.arg("--host");
        command.arg(format!("unix://{}", self.socket.display()));
        command
    }

    /// What the client does with these words.
    pub(crate) fn asked(&self, words: &[&str]) -> Output {
        self.client()
            .args(words)
            .output()
            .expect("docker: run `bash .ci/install`")
    }

    /// What the client prints; it must succeed.
    pub(crate) fn told(&self, words: &[&str]) -> String {
        let output = self.asked(words);
        assert!(output.status.success(), "docker {words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Makes an image of a packed tree.
    pub(crate) fn import(&self, tar: &Path, tag: &str, changes: &[&str]) {
        let mut command = self.client();
        command.arg("import");
        for change in changes {
            command.args(["--change", change]);
        }
        let output = command.arg(tar).arg(tag).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// The bytes that the API answers to a GET, head and all; nothing if it hangs up.
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        let mut answer = Vec::new();
        if let Ok(mut stream) = UnixStream::connect(&self.socket) {
            let _sent = write!(stream, "GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n");
            let _read = stream.read_to_end(&mut answer);
        }
        answer
    }

    /// The names of all containers, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let listed = self.told(&["ps", "--all", "--format", "{{.Names}}"]);
        let mut names: Vec<String> = listed.lines().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// What `docker inspect` says of a container, by a template.
    pub(crate) fn of(&self, container: &str, template: &str) -> String {
        let said = self.told(&["inspect", "--format", template, container]);
        said.trim().to_owned()
    }
}
