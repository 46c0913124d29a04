//! What a server lends, on hosts over SSH: the real OpenBao, the real MariaDB, and a real sshd between them.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::a_component_is_lent_what_a_server_makes::{LOGS_IN, Scene};
use crate::site::{ada_may_log_in, needs_root, rows, way_to};
use crate::support::bao::TOKEN;
use crate::support::lab::Run;
use crate::support::sshd::Sshd;

/// A scene whose `box` is reached over SSH; clws runs on this machine.
struct Far {
    scene: Scene,
    server: Sshd,
}

impl Far {
    fn new(lasts: u64, most: u64) -> Self {
        needs_root();
        let scene = Scene::new(lasts, most);
        let starts = |program: &str| scene.site.machine.program(program);
        let server = Sshd::start_by(starts, &["ed25519"], "SetEnv HOME=/nonexistent");
        let way = way_to(&server, &server.user, server.host_key_line());
        scene.site.host("box", "prod", "server", &way);
        scene.site.trusts();
        ada_may_log_in(&scene.site.lab, &server);
        Self { scene, server }
    }

    fn clws(&self, words: &str) -> Run<'_> {
        let run = self.scene.site.lab.clws(words);
        run.env("VAULT_ADDR", &self.scene.bao.address)
            .env("VAULT_TOKEN", TOKEN)
    }

    fn deploy(&self) -> Run<'_> {
        self.clws("deploy --on prod --yes --json")
    }

    /// Somebody logged in to the host.
    fn was_touched(&self) -> bool {
        self.server.log().contains("Accepted publickey")
    }

    fn is_as_before(&self) {
        let none = Vec::<String>::new();
        assert_eq!(self.scene.accounts(), none);
        assert_eq!(self.scene.site.remains(), none);
        let processes = self.scene.site.processes();
        assert!(
            !processes.iter().any(|args| args.contains("sleep")),
            "{processes:?}"
        );
    }
}

#[test]
fn a_lease_is_renewed_over_ssh_and_ends_with_what_has_it() {
    // The deploy takes longer than the account lasts by itself.
    let far = Far::new(3, 600);
    let (scene, site) = (&far.scene, &far.scene.site);
    let waits = format!(
        "[[before]]\nrun = [\"sh\", \"-c\", \"sleep 8; {LOGS_IN} && echo is still in\"]\n\
         needs = [\"USERNAME\", \"PASSWORD\", \"SOCKET\"]\n"
    );
    scene.hook("other = 1", &waits);
    let ran = far.deploy().succeeds();
    assert_eq!(rows(&ran), ["web started"]);
    assert!(ran.err.contains("box web | is still in"), "{}", ran.err);
    let (name, password) = scene.given();
    assert_eq!(scene.accounts(), [name.as_str()]);
    // Left for as long as the role lets it, since nobody renews it any more.
    let lasts = scene.lent("ends") - scene.lent("since");
    assert!((500..=620).contains(&lasts), "{lasts}");
    let id = site.file("web", "leases");
    assert!(id.starts_with("database/creds/app/"), "{id}");
    let mode = site.machine.sh("stat -c %a /run/clws/*/web/*/leases");
    assert_eq!(mode.trim(), "600");
    assert_eq!(rows(&far.deploy().succeeds()), ["web unchanged"]);
    assert_eq!(scene.accounts(), [name.as_str()]);
    far.clws("status prod").succeeds();

    // What takes its place has another account, and the one before is ended at the server.
    scene.hook("other = 2", "");
    assert_eq!(rows(&far.deploy().succeeds()), ["web changed"]);
    let (other, newer) = scene.given();
    assert_ne!(other, name);
    assert_eq!(scene.accounts(), [other.as_str()]);
    // What does not answer leaves the old one with its own.
    let fails = "[[probe]]\nrun = [\"false\"]\nwithin = \"500ms\"\n";
    scene.hook("other = 3", fails);
    let ran = far.deploy().exits(22);
    assert!(ran.err.contains("the old one runs again"), "{}", ran.err);
    assert_eq!(scene.accounts(), [other.as_str()]);
    assert_eq!(scene.given().0, other);

    far.clws("deploy --on prod --stop --yes").succeeds();
    far.is_as_before();
    let log = far.server.log();
    for secret in [password, newer, id.trim().to_owned()] {
        assert!(!log.contains(&secret));
        site.lab.nowhere(&[secret]);
    }
}

#[test]
fn a_lease_ends_where_the_deploy_over_ssh_is_interrupted() {
    let far = Far::new(600, 600);
    let waits = "[[before]]\nrun = [\"sleep\", \"50\"]\n";
    far.scene.hook("other = 1", waits);
    let mut deploy = far.deploy().command();
    let child = deploy
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    let has_begun = |file: &String| file.ends_with("/web.step");
    while !far.scene.site.remains().iter().any(has_begun) {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(50));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    far.is_as_before();
}

#[test]
fn a_role_that_is_not_there_is_said_before_anybody_logs_in_to_a_host() {
    let far = Far::new(600, 600);
    let (scene, site) = (&far.scene, &far.scene.site);
    scene.hook("other = 1", "");
    let hook = std::fs::read_to_string(site.lab.vault().join("hooks/web.toml")).unwrap();
    // Its role is not there, and nothing of its mount.
    for path in ["database/creds/none", "nowhere/creds/app"] {
        let grant = format!("access grant ada {path} --read --deploy --yes");
        far.clws(&grant).succeeds();
        site.hook("web", &hook.replace("database/creds/app", path), &[]);
        for words in ["deploy --on prod --dry-run", "deploy --on prod --yes"] {
            let ran = far.clws(words).exits(18);
            let what = format!("the server has no role for {path}");
            assert!(ran.err.contains(&what), "{}", ran.err);
        }
    }
    assert!(!far.was_touched());
    far.is_as_before();
    // One that may look goes on when the role is there; one that may not learns of it at the host.
    let policy = "path \"database/creds/*\" { capabilities = [\"read\"] }\n";
    let looks = format!("{policy}path \"database/roles/*\" {{ capabilities = [\"read\"] }}");
    let token = |policy: &str| {
        scene
            .bao
            .bao(&["policy", "write", "some", "-"], policy.as_bytes());
        let create = ["token", "create", "-policy=some", "-field=token"];
        scene.bao.bao(&create, b"").trim().to_owned()
    };
    let none = hook.replace("database/creds/app", "database/creds/none");
    site.hook("web", &none, &[]);
    far.deploy().env("VAULT_TOKEN", token(&looks)).exits(18);
    assert!(!far.was_touched());
    let ran = far.deploy().env("VAULT_TOKEN", token(policy)).run();
    assert!(ran.err.contains("unknown role"), "{}", ran.err);
    assert!(ran.code != 0 && far.was_touched());
    far.is_as_before();
    site.hook("web", &hook, &[]);
    let ran = far.deploy().env("VAULT_TOKEN", token(&looks)).succeeds();
    assert_eq!(rows(&ran), ["web started"]);
}
