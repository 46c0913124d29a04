//! Three nodes of a real OpenBao with raft and TLS on loopback; ended when dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::bao::free_port;
use super::tool::{run, run_by, said, tool};

/// The nodes, the first of which begins as the leader.
pub(crate) struct BaoCluster {
    folder: TempDir,
    nodes: Vec<Node>,
    /// The token of its administrator.
    pub(crate) token: String,
}

struct Node {
    port: u16,
    server: Option<Child>,
}

impl BaoCluster {
    pub(crate) fn start() -> Self {
        let folder = TempDir::with_prefix("clws-bao-").unwrap();
        certificates(folder.path());
        let mut cluster = Self {
            folder,
            nodes: Vec::new(),
            token: String::new(),
        };
        let key = run("openssl", ["rand", "-base64", "32"], b"").stdout;
        let key = String::from_utf8(key).unwrap().trim().to_owned();
        for number in 0..3 {
            for name in [format!("data{number}"), format!("home{number}")] {
                fs::create_dir(cluster.folder.path().join(name)).unwrap();
            }
            cluster.nodes.push(Node {
                port: 0,
                server: None,
            });
            // Somebody else may take a port between our look and its start; then another one is tried.
            let has_begun = (0..5).any(|_| {
                cluster.nodes[number].port = free_port();
                cluster.configure(number, &key);
                cluster.run(number);
                cluster.listens(number)
            });
            assert!(has_begun, "{}", cluster.log(number));
            if number == 0 {
                cluster.wait(0, "an answer", |said| said.contains("\"initialized\""));
                let init = ["operator", "init", "-format=json"];
                let shares = ["-recovery-shares=1", "-recovery-threshold=1"];
                let made = cluster.bao(0, &[&init[..], &shares].concat());
                let made: serde_json::Value = serde_json::from_str(&made).unwrap();
                cluster.token = made["root_token"].as_str().unwrap().to_owned();
            }
        }
        for number in 0..3 {
            cluster.wait(number, "a leader", |said| said.contains("\"sealed\":false"));
        }
        // Only voters can be elected; it takes them some seconds to become that.
        let until = Instant::now() + Duration::from_secs(90);
        let peers = ["operator", "raft", "list-peers", "-format=json"];
        while cluster.bao(0, &peers).matches("\"voter\": true").count() < 3 {
            assert!(Instant::now() < until, "no voters: {}", cluster.log(0));
            std::thread::sleep(Duration::from_millis(200));
        }
        cluster.bao(
            0,
            &["secrets", "enable", "-version=2", "-path=secret", "kv"],
        );
        cluster
    }

    fn configure(&self, number: usize, key: &str) {
        let (here, port) = (self.folder.path(), self.nodes[number].port);
        let join = match self.nodes.first().filter(|_| number > 0) {
            Some(first) => format!(
                "retry_join {{\n leader_api_addr = \"https://127.0.0.1:{}\"\n \
                 leader_ca_cert_file = \"{}\"\n}}",
                first.port,
                self.ca().display()
            ),
            None => String::new(),
        };
        let here = here.display();
        // With a multiplier of 1 a node that a busy machine leaves waiting for a second loses its office.
        let text = format!(
            "storage \"raft\" {{\n path = \"{here}/data{number}\"\n node_id = \"n{number}\"\n \
             performance_multiplier = 2\n {join}\n}}\n\
             listener \"tcp\" {{\n address = \"127.0.0.1:{port}\"\n cluster_address = \
             \"127.0.0.1:{}\"\n tls_cert_file = \"{here}/node.pem\"\n tls_key_file = \
             \"{here}/node.key\"\n}}\n\
             seal \"static\" {{\n current_key_id = \"one\"\n current_key = \"{key}\"\n}}\n\
             api_addr = \"https://127.0.0.1:{port}\"\ncluster_addr = \"https://127.0.0.1:{}\"\n",
            port + 1,
            port + 1
        );
        fs::write(self.folder.path().join(format!("node{number}.hcl")), text).unwrap();
    }

    /// Starts a node, for the first time or again.
    pub(crate) fn run(&mut self, number: usize) {
        let here = self.folder.path();
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(here.join(format!("log{number}")))
            .unwrap();
        let server = Command::new(tool("bao"))
            .arg("server")
            .arg(format!(
                "-config={}",
                here.join(format!("node{number}.hcl")).display()
            ))
            .env_clear()
            .env("HOME", here.join(format!("home{number}")))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.nodes[number].server = Some(server);
    }

    /// Waits until a node listens; whether it does, and did not end instead.
    fn listens(&mut self, number: usize) -> bool {
        let server = self.nodes[number].server.as_mut().unwrap();
        let log = self.folder.path().join(format!("log{number}"));
        while server.try_wait().unwrap().is_none() {
            if fs::read_to_string(&log)
                .unwrap()
                .contains("server started!")
            {
                return true;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    }

    /// Ends a node at once, as a power cut does.
    pub(crate) fn kill(&mut self, number: usize) {
        let mut server = self.nodes[number].server.take().unwrap();
        server.kill().unwrap();
        server.wait().unwrap();
    }

    /// The number of the node that leads now.
    pub(crate) fn leader(&self) -> usize {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let leads = |number: &usize| self.status(*number).contains("\"is_self\":true");
            if let Some(number) = (0..self.nodes.len()).find(leads) {
                return number;
            }
            assert!(Instant::now() < until, "no leader: {}", self.log(0));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// `https://127.0.0.1:PORT`.
    pub(crate) fn address(&self, number: usize) -> String {
        format!("https://127.0.0.1:{}", self.nodes[number].port)
    }

    /// Who signed the nodes' certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A folder for a test's own files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs its own client as the administrator against a node; gives what it printed.
    pub(crate) fn bao(&self, number: usize, words: &[&str]) -> String {
        let mut command = Command::new(tool("bao"));
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .env("BAO_ADDR", self.address(number))
            .env("BAO_CACERT", self.ca())
            .env("BAO_TOKEN", &self.token);
        let ran = run_by(command, words, b"");
        assert!(ran.status.success(), "{words:?}: {}", said(&ran));
        String::from_utf8(ran.stdout).unwrap()
    }

    /// What a node says of itself, as JSON on one line; nothing of one that does not answer.
    fn status(&self, number: usize) -> String {
        let mut command = Command::new(tool("bao"));
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .env("BAO_ADDR", self.address(number))
            .env("BAO_CACERT", self.ca())
            .env("BAO_CLIENT_TIMEOUT", "5s")
            .env("BAO_MAX_RETRIES", "0");
        let ran = run_by(command, ["status", "-format=json"], b"");
        let text = String::from_utf8_lossy(&ran.stdout).into_owned();
        text.split_whitespace().collect()
    }

    fn wait(&self, number: usize, what: &str, is_there: impl Fn(&str) -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let said = self.status(number);
            if is_there(&said) {
                return;
            }
            assert!(
                Instant::now() < until,
                "{what}: {said}\n{}",
                self.log(number)
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn log(&self, number: usize) -> String {
        let file = self.folder.path().join(format!("log{number}"));
        fs::read_to_string(file).unwrap_or_default()
    }
}

impl Drop for BaoCluster {
    fn drop(&mut self) {
        for server in self
            .nodes
            .iter_mut()
            .filter_map(|node| node.server.as_mut())
        {
            server.kill().unwrap_or_default();
            server.wait().map(drop).unwrap_or_default();
        }
    }
}

/// A CA, and a certificate for the nodes.
fn certificates(folder: &Path) {
    let openssl = |words: &str| {
        let mut command = Command::new(tool("openssl"));
        command.current_dir(folder);
        let ran = run_by(command, words.split_whitespace(), b"");
        assert!(ran.status.success(), "{words}: {}", said(&ran));
    };
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test";
    openssl(&format!(
        "req -x509 {new} -keyout ca.key -out ca.pem -days 2"
    ));
    openssl(&format!("req {new} -keyout node.key -out node.csr"));
    fs::write(
        folder.join("names"),
        "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n",
    )
    .unwrap();
    openssl(
        "x509 -req -in node.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out node.pem",
    );
}
