//! A host is logged in to by somebody who is not root, and deploys become root there by the real sudo: in
//! root's memory, prepared for reboots, with nothing secret in what sudo logs.

use std::process::Command;

use crate::computer::Computer;
use crate::site::{ada_may_log_in, hook, host, random, rows, set};
use crate::support::docker_image::busybox;
use crate::support::lab::{Lab, Run, contains, forms};
use crate::support::sshd::Sshd;

/// Somebody who may speak to Docker and, by sudo, become root.
const ACCOUNT: &str = r#"
mount -t tmpfs -o mode=0755 home /home && mkdir -p /home/deployer && chown 2345:2345 /home/deployer
echo 'deployer:*:2345:2345::/home/deployer:/bin/sh' >>/run/host/passwd
sed 's/^docker:.*/&deployer/' /run/host/group >/run/host/group.new && cat /run/host/group.new >/run/host/group
grep -q '^docker:.*deployer' /run/host/group
mkdir -p /run/sshd /run/host/sudoers && mount --bind /run/host/sudoers /etc/sudoers.d
umask 077
cat >/etc/sudoers.d/deployer <<'END'
Defaults logfile=/run/host/sudo.log
deployer ALL=(root) NOPASSWD: ALL
END
"#;

/// A vault with the host `box`, whose account `deployer` ada logs in to.
struct Town {
    lab: Lab,
    computer: Computer,
    server: Sshd,
}

impl Town {
    fn new() -> Self {
        let lab = Lab::new();
        let computer = Computer::start(&[]);
        computer.machine.sh(ACCOUNT);
        let starts = |program: &str| computer.machine.program(program);
        let keys = "AuthorizedKeysFile /run/host/deployer.keys";
        let server = Sshd::start_by(starts, &["ed25519"], keys);
        ada_may_log_in(&lab, &server);
        let keys = std::fs::read_to_string(server.folder().join("authorized_keys")).unwrap();
        let put = format!("cat >/run/host/deployer.keys <<'END'\n{keys}\nEND");
        computer.machine.sh(&put);
        let way = format!(
            "address = \"127.0.0.1\"\nport = {}\nuser = \"deployer\"\nbecome = \"sudo\"\n\n\
             [hostkey.main]\nkey = \"{}\"\n\n",
            server.port,
            server.host_key_line()
        );
        host(&lab, "box", "prod", "server", &way);
        Self {
            lab,
            computer,
            server,
        }
    }

    fn clws(&self, words: &str) -> Run<'_> {
        self.computer.clws(&self.lab, words)
    }

    fn sh(&self, script: &str) -> String {
        self.computer.machine.sh(script)
    }

    fn log(&self) -> String {
        self.sh("cat /run/host/sudo.log")
    }
}

/// Every argument list that is seen from now on, until it is asked.
struct Arguments(std::process::Child);

impl Arguments {
    fn watched(town: &Town) -> Self {
        let script = "until [ -e /run/host/enough ]; do cat /proc/[0-9]*/cmdline 2>/dev/null; done";
        let mut watch: Command = town.computer.machine.program("sh");
        let file = std::fs::File::create(town.lab.root().join("arguments")).unwrap();
        Self(watch.args(["-c", script]).stdout(file).spawn().unwrap())
    }

    fn seen(mut self, town: &Town) -> Vec<u8> {
        town.sh("touch /run/host/enough");
        self.0.wait().unwrap();
        let file = town.lab.root().join("arguments");
        let bytes = std::fs::read(&file).unwrap();
        std::fs::remove_file(file).unwrap();
        bytes
    }
}

/// A container that has a variable and a file of its own user.
fn serves(lab: &Lab, more: &str) {
    let image = busybox();
    let text = format!(
        r#"runs_on = {{ machine_type = "server" }}
[container]
image = "{image}"
user = "1234"
command = ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
[env]
TOKEN = {{ secret = "web/TOKEN" }}
[file."/etc/token"]
secret = "web/TOKEN"
owner = "1234"
mode = "0400"
[[probe]]
in = "container"
run = ["sh", "-c", 'test "$TOKEN" = "$(cat /etc/token)"']
needs = ["TOKEN"]
within = "5s"
{more}"#
    );
    hook(lab, "web", &text, &[]);
}

#[test]
fn a_host_is_prepared_and_deployed_to_as_root_and_comes_back_after_a_reboot() {
    let mut town = Town::new();
    let token = random();
    set(&town.lab, "prod/web/TOKEN", &token);
    serves(
        &town.lab,
        "[[before]]\nrun = [\"sh\", \"-c\", 'id -u; test -n \"$TOKEN\"']\nneeds = [\"TOKEN\"]\n",
    );
    let shown = town.clws("host show box").succeeds().text();
    assert!(shown.contains("root          by sudo"), "{shown}");
    let said = town.clws("host prepare box --yes").succeeds().err;
    assert!(said.contains("box is now prepared"), "{said}");
    let watched = Arguments::watched(&town);
    let ran = town.clws("deploy --on prod --yes --json").succeeds();
    let arguments = watched.seen(&town);
    assert_eq!(rows(&ran), ["web started"]);
    // The step ran as root, and its line was seen, so that a value in one would have been.
    assert!(ran.err.contains("box web | 0\n"), "{}", ran.err);
    assert!(contains(&arguments, b"sudo\0-n\0setsid\0sh\0-c\0"));
    let log = town.log();
    assert!(log.contains("COMMAND="), "{log}");
    for form in forms(&token) {
        assert!(!contains(&arguments, &form) && !contains(log.as_bytes(), &form));
    }
    // All of it is root's, as with root's own login, and nothing is the account's.
    assert_eq!(
        town.sh("stat -c '%U %a' /run/clws /run/clws/*/web /var/lib/clws/*/web.json"),
        "root 700\nroot 700\nroot 600"
    );
    let own = "find /run /dev/shm /home /var/lib/clws -user deployer 2>/dev/null; true";
    assert_eq!(town.sh(own), "/home/deployer");
    assert_eq!(town.computer.bundles().len(), 1);
    let policy = "{{.HostConfig.RestartPolicy.Name}}";
    assert_eq!(town.computer.shown("web", policy), "unless-stopped");
    let ran = town.clws("deploy --on prod --yes --json").succeeds();
    assert_eq!(rows(&ran), ["web unchanged"]);
    // A session is the account's own.
    let whoami = town
        .clws("ssh box prod/web --")
        .word("sh")
        .word("-c")
        .word("id -un; printf %s \"$TOKEN\"");
    assert_eq!(whoami.succeeds().text(), format!("deployer\n{token}"));

    let secrets = town.computer.secrets();
    town.computer.loses_power();
    assert_eq!(town.computer.opens_bundles(), "clws: opened web");
    assert_eq!(town.computer.secrets(), secrets);
    town.computer.starts_docker();
    town.computer.comes_up("web");
    let given = format!("TOKEN={token}");
    assert!(town.computer.variables("web").contains(&given));
}

#[test]
fn what_sudo_does_not_allow_is_said_and_what_is_slow_is_ended_with_all_of_it() {
    let town = Town::new();
    set(&town.lab, "prod/web/TOKEN", "a-token-of-the-day");
    serves(&town.lab, "");
    let deploy = || town.clws("deploy --on prod --yes");
    let nothing = || {
        assert_eq!(
            town.sh("find /run/clws /var/lib/clws -mindepth 1 2>/dev/null; true"),
            ""
        );
    };

    // sudo would ask for a password.
    let rule = |text: &str| town.sh(&format!("echo '{text}' >/etc/sudoers.d/deployer"));
    rule("deployer ALL=(root) ALL");
    let ran = deploy().exits(20);
    let said =
        "box does not let its account deployer become root by sudo: sudo: a password is required";
    assert!(ran.err.contains(said), "{}", ran.err);
    assert!(ran.err.contains("NOPASSWD: ALL"), "{}", ran.err);
    nothing();
    // It would write down what goes in.
    for text in [
        "Defaults log_input\ndeployer ALL=(root) NOPASSWD: ALL",
        "deployer ALL=(root) NOPASSWD: LOG_INPUT: ALL",
    ] {
        rule(text);
        let ran = deploy().exits(15);
        assert!(ran.err.contains("records what goes in"), "{}", ran.err);
        nothing();
    }
    rule("Defaults !log_input\ndeployer ALL=(root) NOPASSWD: NOLOG_INPUT: ALL");

    // The daemon's socket is the account's to open.
    let others = "sed 's/deployer$//' /run/host/group >/run/host/group.new && cat /run/host/group.new >/run/host/group";
    town.sh(&format!(
        "cp /run/host/group /run/host/group.kept && {others}"
    ));
    let ran = deploy().exits(24);
    assert!(
        ran.err.contains("a member of the group `docker`"),
        "{}",
        ran.err
    );
    town.sh("cat /run/host/group.kept >/run/host/group");

    // What a step started as root is ended with it.
    serves(
        &town.lab,
        "[[before]]\nrun = [\"sh\", \"-c\", \"sleep 4711 & sleep 4711\"]\nwithin = \"1s\"\n",
    );
    let ran = deploy().exits(22);
    assert!(ran.err.contains("sh did not end in time"), "{}", ran.err);
    assert_eq!(town.sh("pgrep -f 'sleep 471[1]'; true"), "");
    serves(&town.lab, "");
    deploy().succeeds();
    let ran = town.clws("deploy --on prod --stop --yes").succeeds();
    assert!(ran.err.contains("stopped web"), "{}", ran.err);
    assert!(
        town.server
            .log()
            .contains("Accepted publickey for deployer")
    );
}
