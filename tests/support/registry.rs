//! A real Docker registry (Debian's docker-registry) on loopback, with one login, ended when dropped.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::docker_image::{busybox, client, told};
use super::tool::{run, said, tool};

/// Who may log in.
pub(crate) const USER: &str = "ci";

/// A running registry.
pub(crate) struct Registry {
    server: Child,
    folder: TempDir,
    /// `127.0.0.1:PORT`.
    pub(crate) name: String,
    password: String,
}

impl Registry {
    /// Starts one that lets `ci` in with this password, and nobody else.
    pub(crate) fn start(password: &str) -> Self {
        let folder = TempDir::with_prefix("clws-registry-").unwrap();
        // Standard input, so that the password is no argument; the registry reads bcrypt alone.
        let file = folder.path().join("htpasswd");
        let words = ["-ciB", file.to_str().unwrap(), USER];
        let made = run("htpasswd", words, password.as_bytes());
        assert!(made.status.success(), "{}", said(&made));
        let log = folder.path().join("log");
        // Somebody else may take the port between our look and its start; then another one is tried.
        for _ in 0..5 {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let name = listener.local_addr().unwrap().to_string();
            drop(listener);
            let text = format!(
                "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\n\
                 storage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: {name}}}\n\
                 auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
                folder.path().join("images").display(),
                file.display()
            );
            let config = folder.path().join("config.yml");
            std::fs::write(&config, text).unwrap();
            let says = std::fs::File::create(&log).unwrap();
            let mut server = Command::new(tool("docker-registry"))
                .arg("serve")
                .arg(&config)
                .stdin(Stdio::null())
                .stdout(says.try_clone().unwrap())
                .stderr(says)
                .spawn()
                .unwrap();
            while server.try_wait().unwrap().is_none() {
                // Who answers there may be somebody else.
                if std::fs::read_to_string(&log)
                    .unwrap()
                    .contains(&format!("listening on {name}"))
                {
                    return Self {
                        server,
                        folder,
                        name,
                        password: password.to_owned(),
                    };
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        panic!("no registry: {:?}", std::fs::read_to_string(log));
    }

    /// Puts an image of its own there, with the docker client, and takes it from this daemon; gives
    /// its name and its digest, `sha256:…`.
    pub(crate) fn has(&self, repository: &str) -> (String, String) {
        let image = format!("{}/{repository}", self.name);
        let made = format!("FROM {}\nLABEL made=\"{image}\"\n", busybox());
        let built = self.docker(&["build", "--tag", &image, "-"], &made);
        assert!(built.contains("Successfully tagged"), "{built}");
        let login = ["login", "--username", USER, "--password-stdin", &self.name];
        self.docker(&login, &self.password);
        let pushed = self.docker(&["push", &image], "");
        let digest = pushed.split("digest: ").nth(1).expect(&pushed);
        let digest = digest.split_whitespace().next().unwrap().to_owned();
        told(&["rmi", &image]);
        (image, digest)
    }

    /// The client with a configuration of its own, which holds its login.
    fn docker(&self, words: &[&str], input: &str) -> String {
        let config = self.folder.path().join("client");
        let config = config.to_str().unwrap();
        let all = [&["--config", config], words].concat();
        let mut child = Command::new("docker")
            .args(all)
            .env("DOCKER_BUILDKIT", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, input.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What it wrote down.
    pub(crate) fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _gone = self.server.kill();
        let _status = self.server.wait();
        let filter = format!("reference={}/*", self.name);
        let listed = client(&["images", "--quiet", "--filter", &filter]);
        for image in String::from_utf8_lossy(&listed.stdout).lines() {
            let _gone = client(&["rmi", "--force", image]);
        }
    }
}

/// Whether the docker client's own configuration knows a registry.
pub(crate) fn is_known_to_the_client(home: &Path, name: &str) -> bool {
    let config = std::fs::read_to_string(home.join(".docker/config.json"));
    config.is_ok_and(|text| text.contains(name))
}
