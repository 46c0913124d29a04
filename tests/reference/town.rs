//! Two hosts, the desk from which one deploys, and the vault of this repository with their keys in it.
//!
//! Each host has the address and the user that the repository has on record for it. The desk is a network
//! namespace that connects them; the built program runs there. All of it ends with the test.

use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::host::{Host, hears, path};
use crate::support::lab::{Lab, Ran, Run};
use crate::support::tool::tool;

/// Where everything but the vault of a test comes from.
pub(crate) const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference");

pub(crate) const SERVER: &str = "vm-clws-test-server-0";
pub(crate) const WORKER: &str = "vm-clws-test-worker-0";

/// The hosts with the addresses that the repository has on record.
const HOSTS: [(&str, &str); 2] = [(SERVER, "10.0.1.4"), (WORKER, "10.0.1.5")];

/// The desk's address, where names are asked for too.
const DESK: &str = "10.0.1.1";

/// All of it.
pub(crate) struct Town {
    pub(crate) lab: Lab,
    pub(crate) hosts: Vec<Host>,
    desk: Child,
    names: Child,
}

impl Town {
    /// The hosts run, the vault knows them, nothing is deployed, and the hosts have no image.
    pub(crate) fn start() -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "a daemon of the test's own needs root: run it as root"
        );
        let lab = Lab::empty();
        copy_vault(&lab.vault());
        let mut desk = Command::new(tool("unshare"))
            .args(["--net", "sh", "-c", "echo made && exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        hears(&mut BufReader::new(desk.stdout.take().unwrap()), "made");
        let hosts: Vec<Host> = HOSTS
            .iter()
            .map(|(name, _)| Host::start(name, &new_keys(&lab, name)))
            .collect();
        connect(&desk, &hosts);
        let names = on(&desk, Command::new("/usr/bin/python3"))
            .arg(format!("{HERE}/stand_in/names.py"))
            .args([DESK, HOSTS[0].1])
            .spawn()
            .unwrap();
        let mut town = Self {
            lab,
            hosts,
            desk,
            names,
        };
        town.is_trusted();
        for host in &mut town.hosts {
            host.is_ready();
        }
        town
    }

    /// A host by its name.
    pub(crate) fn host(&self, name: &str) -> &Host {
        self.hosts.iter().find(|host| host.name == name).unwrap()
    }

    /// ada takes the hosts of nobody out and the test's in.
    fn is_trusted(&self) {
        let config = std::fs::read_to_string(format!("{HERE}/../../.cargo/config.toml")).unwrap();
        let head = config.split("--expect ").nth(1).unwrap();
        let head = head.split('"').next().unwrap();
        self.succeeds(&format!("secret list --expect {head}"));
        for (name, address) in HOSTS {
            let key = std::fs::read_to_string(self.kept(name).join("host_key.pub")).unwrap();
            self.succeeds(&format!("recipient remove {name}"));
            let add = format!("host add {name} --address {address} --user azureuser --host-key");
            let run = self.lab.clws(&add).word(key.trim());
            let ran = self.runs(self.as_ada(run).command(), b"");
            assert_eq!(ran.code, 0, "{}", ran.err);
        }
    }

    fn kept(&self, name: &str) -> PathBuf {
        self.lab.root().join("kept").join(name)
    }

    fn as_ada<'a>(&self, run: Run<'a>) -> Run<'a> {
        let identity = self.lab.vault().join("recipients/demo/ada");
        // What a log of any part would take as a wish to hear everything.
        run.word("--yes")
            .word("--identity")
            .word(identity.to_str().unwrap())
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
    }

    /// The program, run at the desk by ada.
    pub(crate) fn command(&self, words: &str) -> Command {
        on(&self.desk, self.as_ada(self.lab.clws(words)).command())
    }

    /// Any command, run at the desk.
    pub(crate) fn at_the_desk(&self, command: Command) -> Command {
        on(&self.desk, command)
    }

    /// Runs the program at the desk as ada.
    pub(crate) fn clws(&self, words: &str) -> Ran {
        self.clws_with(words, b"")
    }

    /// As [`Self::clws`], with something on standard input.
    pub(crate) fn clws_with(&self, words: &str, input: &[u8]) -> Ran {
        self.runs(self.as_ada(self.lab.clws(words)).command(), input)
    }

    /// As [`Self::clws`]; it must end with 0.
    pub(crate) fn succeeds(&self, words: &str) -> Ran {
        let ran = self.clws(words);
        assert_eq!(ran.code, 0, "{words}: {}\n{}", ran.text(), ran.err);
        ran
    }

    fn runs(&self, command: Command, input: &[u8]) -> Ran {
        let mut child = on(&self.desk, command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A value or nothing: less than a pipe holds.
        let _closed = child.stdin.take().unwrap().write_all(input);
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().unwrap();
        Ran {
            code: status.code().unwrap_or(-1),
            out: stdout,
            err: String::from_utf8_lossy(&stderr).into_owned(),
            words: String::new(),
        }
    }

    /// A value of `test`.
    pub(crate) fn value(&self, name: &str) -> String {
        self.succeeds(&format!("secret get test/{name}")).text()
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        for child in [&mut self.names, &mut self.desk] {
            let _killed = child.kill();
            let _waited = child.wait();
        }
    }
}

/// The same command in the desk's network.
fn on(desk: &Child, command: Command) -> Command {
    let mut inside = Command::new(tool("nsenter"));
    inside
        .arg(format!("--net=/proc/{}/ns/net", desk.id()))
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    if let Some(folder) = command.get_current_dir() {
        inside.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        inside.env(name, value.unwrap_or_default());
    }
    inside
}

/// A cable from each host to the desk.
fn connect(desk: &Child, hosts: &[Host]) {
    let mut script = format!(
        "set -e; ip link set lo up; ip link add lan type bridge; ip addr add {DESK}/24 dev lan; ip link set lan up\n"
    );
    for (host, (_, address)) in hosts.iter().zip(HOSTS) {
        let (id, of) = (host.holder.id(), format!("to-{}", host.first));
        script += &format!(
            "ip link add {of} type veth peer name eth0 netns {id}; ip link set {of} master lan up\n\
             nsenter --net=/proc/{id}/ns/net sh -c 'ip addr add {address}/24 dev eth0; ip link set eth0 up'\n"
        );
    }
    let mut command = Command::new("sh");
    command.args(["-c", &script]).env("PATH", path());
    let output = on(desk, command).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// A host key, and the key with which ada logs in.
fn new_keys(lab: &Lab, name: &str) -> PathBuf {
    let folder = lab.root().join("kept").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let status = Command::new(tool("ssh-keygen"))
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
        .arg(folder.join("host_key"))
        .status()
        .unwrap();
    assert!(status.success());
    let ada = std::fs::read_to_string(lab.vault().join("recipients/ada.toml")).unwrap();
    let key = ada
        .lines()
        .find(|line| line.contains("ssh-ed25519"))
        .unwrap();
    let key = key.split('"').nth(1).unwrap();
    std::fs::write(folder.join("authorized_keys"), format!("{key}\n")).unwrap();
    folder
}

fn copy_vault(to: &Path) {
    for name in ["secrets", "recipients", "hooks", "clws.toml"] {
        let copied = Command::new("cp")
            .args(["-r", &format!("{HERE}/../../{name}")])
            .arg(to)
            .status()
            .unwrap();
        assert!(copied.success());
    }
}
