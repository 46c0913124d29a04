//! Without root, files lie in the person's runtime folder or in `/dev/shm`, if these are memory, and on
//! a disk only where the hook allows it.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::site::{SERVE, Site, ada_may_log_in, needs_root, rows, server_hook, way_to};
use crate::support::sshd::Sshd;

/// A person of the machine who is not root.
struct Person {
    site: Site,
    program: PathBuf,
}

impl Person {
    fn new() -> Self {
        needs_root();
        let site = Site::new();
        site.server("web");
        // Where the person can run it, whoever owns the folder that it was built in.
        let program = site.lab.root().join("clws");
        std::fs::copy(env!("CARGO_BIN_EXE_clws"), &program).unwrap();
        let person = Self { site, program };
        person.all_belongs_to("1000");
        person
    }

    fn all_belongs_to(&self, uid: &str) {
        let root = self.site.lab.root().display();
        self.site.machine.sh(&format!(
            "mkdir -p /run/user/1000 && chown -R {uid}:{uid} {root} /run/user/1000"
        ));
    }

    /// A deploy by the person, with these variables besides.
    fn deploys(&self, words: &str, variables: &[(&str, &str)]) -> Output {
        let run = self.site.lab.clws(words).command();
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=1000", "--regid=1000", "--clear-groups"])
            .arg(&self.program)
            .args(run.get_args())
            .current_dir(run.get_current_dir().unwrap())
            .envs(
                run.get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .envs(variables.iter().copied());
        self.site.machine.runs(&command).output().unwrap()
    }

    /// Where a process was started.
    fn places(&self) -> String {
        let home = self.site.lab.home("ada").display().to_string();
        self.site
            .machine
            .sh(&format!("find /run /dev/shm {home} -name start.sh"))
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_runtime_folder_comes_first_then_shared_memory_and_a_disk_only_if_it_is_allowed() {
    let person = Person::new();
    let deploy = "deploy --on prod --yes";
    let stop = "deploy --on prod --stop --yes";
    let runtime = [("XDG_RUNTIME_DIR", "/run/user/1000")];
    let ran = person.deploys(deploy, &runtime);
    assert!(ran.status.success(), "{}", said(&ran));
    assert!(
        person.places().starts_with("/run/user/1000/clws/"),
        "{}",
        person.places()
    );
    let owner = "stat -c '%u %a' /run/user/1000/clws /run/user/1000/clws/*/web/*";
    assert_eq!(person.site.machine.sh(owner), "1000 700\n1000 700");
    assert!(person.deploys(stop, &runtime).status.success());
    assert_eq!(person.places(), "");

    let ran = person.deploys(deploy, &[]);
    assert!(ran.status.success(), "{}", said(&ran));
    assert!(
        person.places().starts_with("/dev/shm/clws-1000/"),
        "{}",
        person.places()
    );
    // What somebody opened is closed, also where all is there.
    let modes = "cd /dev/shm/clws-1000; stat -c '%u %a' . *";
    let opened = "chmod 0755 /dev/shm/clws-1000; chmod 0770 /dev/shm/clws-1000/*";
    for change in [":", opened, "chmod 0711 /dev/shm/clws-1000/*"] {
        person.site.machine.sh(change);
        let ran = person.deploys(deploy, &[]);
        assert!(ran.status.success(), "{}", said(&ran));
        assert_eq!(person.site.machine.sh(modes), "1000 700\n1000 700");
    }
    assert!(person.deploys(stop, &[]).status.success());

    // Neither is memory, or somebody else has the name.
    person
        .site
        .machine
        .sh("rm -rf /dev/shm/clws-1000; mkdir /dev/shm/clws-1000");
    let ran = person.deploys(deploy, &[]);
    assert_eq!(ran.status.code(), Some(22), "{}", said(&ran));
    assert!(
        said(&ran).contains("/dev/shm/clws-1000 belongs to somebody else"),
        "{}",
        said(&ran)
    );
    person.site.machine.sh("umount /dev/shm");
    person
        .site
        .machine
        .sh("mkdir -p /var/lib/clws/shm; mount --bind /var/lib/clws/shm /dev/shm");
    let ran = person.deploys(deploy, &[]);
    assert_eq!(ran.status.code(), Some(15), "{}", said(&ran));
    assert!(
        said(&ran).contains("has no memory-backed folder"),
        "{}",
        said(&ran)
    );
    assert_eq!(person.places(), "");
    person.all_belongs_to("0");
    let hook = format!("allow_disk = true\n{}", server_hook("web", ""));
    person.site.hook("web", &hook, &[("serve.sh", SERVE)]);
    person.all_belongs_to("1000");
    let ran = person.deploys(deploy, &[]);
    assert!(ran.status.success(), "{}", said(&ran));
    let home = person.site.lab.home("ada").display().to_string();
    assert!(
        person
            .places()
            .starts_with(&format!("{home}/.local/state/clws/target/")),
        "{}",
        person.places()
    );
    assert!(person.deploys(stop, &[]).status.success());
    assert_eq!(person.places(), "");
}

/// An account of a host over SSH, and what logind would have made for it; there is no logind, only the
/// folders by which one is known.
const ACCOUNT: &str = r#"
uid=$0
mount -t tmpfs -o mode=0755 home /home && mkdir -p /home/deployer /run/host /run/user/$uid /run/systemd/sessions
(cat /etc/passwd; echo "deployer:*:$uid:$uid::/home/deployer:/bin/sh") >/run/host/passwd
mount --bind /run/host/passwd /etc/passwd
mount -t tmpfs -o mode=0700,uid=$uid runtime /run/user/$uid
chown $uid:$uid /home/deployer
"#;

#[test]
fn what_would_go_with_the_last_login_is_not_left_there() {
    needs_root();
    for uid in ["2345", "345"] {
        let site = Site::new();
        let account = ACCOUNT.replace("$0", uid);
        site.machine.sh(&account);
        let starts = |program: &str| site.machine.program(program);
        let runtime = format!(
            "SetEnv XDG_RUNTIME_DIR=/run/user/{uid}\nAuthorizedKeysFile /run/host/deployer.keys"
        );
        let server = Sshd::start_by(starts, &["ed25519"], &runtime);
        ada_may_log_in(&site.lab, &server);
        let keys = std::fs::read_to_string(server.folder().join("authorized_keys")).unwrap();
        let put = format!("cat >/run/host/deployer.keys <<'END'\n{keys}\nEND");
        site.machine.sh(&put);
        let way = way_to(&server, "deployer", server.host_key_line());
        site.host("box", "prod", "server", &way);
        site.trusts();
        site.server("web");
        let deploy = || site.lab.clws("deploy --on prod --yes --json");
        let places = || {
            let found = "find /run /dev/shm -name start.sh";
            site.machine.sh(found)
        };
        if uid == "345" {
            // Of a system account nothing is taken out of shared memory.
            assert_eq!(rows(&deploy().succeeds()), ["web started"]);
            assert!(places().starts_with("/dev/shm/clws-345/"), "{}", places());
            continue;
        }
        let ran = deploy().exits(15);
        let said = "the memory of the account deployer on box goes with its last session";
        assert!(ran.err.contains(said), "{}", ran.err);
        assert!(
            ran.err.contains("`loginctl enable-linger deployer`"),
            "{}",
            ran.err
        );
        assert_eq!(places(), "");
        // What a session is given goes with it anyway.
        let session = site
            .lab
            .clws("ssh box prod/web -- sh -c")
            .word("printf %s \"$TOKEN\"");
        assert_eq!(session.succeeds().text(), "token-of-the-first-day");

        let linger = "mkdir -p /var/lib/systemd/linger && touch /var/lib/systemd/linger/deployer";
        site.machine.sh(linger);
        assert_eq!(rows(&deploy().succeeds()), ["web started"]);
        assert!(places().starts_with("/run/user/2345/clws/"), "{}", places());
    }
}
