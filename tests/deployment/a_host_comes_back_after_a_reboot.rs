//! A prepared host loses its power, and every container runs again with the same secrets, with nobody
//! there. On one that is not prepared, or whose bundle is broken, none comes up without them.

use crate::computer::{Computer, MAPPED};
use crate::site::{
    Site, ada_may_log_in, hook, host, needs_root, opened, random, rows, set, way_to,
};
use crate::support::docker_image::busybox;
use crate::support::lab::{Lab, contains, forms};
use crate::support::sshd::Sshd;

/// A vault with the host `box`, which is a computer of its own.
struct Town {
    lab: Lab,
    computer: Computer,
}

impl Town {
    fn new(daemon: &[&'static str]) -> Self {
        let lab = Lab::new();
        host(&lab, "box", "prod", "server", "address = \"local\"");
        lab.clws("trust sign --yes").succeeds();
        let computer = Computer::start(daemon);
        Self { lab, computer }
    }

    /// A container that has a variable and two files, each of another owner.
    fn serves(&self, component: &str) {
        let image = busybox();
        let text = format!(
            r#"runs_on = {{ machine_type = "server" }}
[container]
image = "{image}"
user = "1000"
command = ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
restarts = 2
[env]
TOKEN = {{ secret = "{component}/TOKEN" }}
CHECK = {{ secret = "{component}/CHECK" }}
[file."own/config.json"]
template = "config.json"
owner = "1000"
mode = "0440"
[file."/etc/token"]
secret = "{component}/TOKEN"
owner = "1000"
mode = "0400"
[[probe]]
in = "container"
run = ["sh", "-c", 'test "$TOKEN" = "$CHECK" && test "$TOKEN" = "$(cat /etc/token)"']
needs = ["TOKEN", "CHECK"]
within = "5s"
"#
        );
        let template = format!("{{\"token\": \"{{{{ secrets.{component}/TOKEN }}}}\"}}\n");
        hook(&self.lab, component, &text, &[("config.json", &template)]);
    }

    fn set(&self, component: &str, token: &str) {
        for name in ["TOKEN", "CHECK"] {
            set(&self.lab, &format!("prod/{component}/{name}"), token);
        }
    }

    fn deploys(&self) -> Vec<String> {
        let deploy = "deploy --on prod --yes --json";
        rows(&self.computer.clws(&self.lab, deploy).succeeds())
    }

    fn prepares(&self) -> String {
        let prepare = "host prepare box --yes";
        self.computer.clws(&self.lab, prepare).succeeds().err
    }

    /// Whether a container runs with this token: in its environment and in both of its files.
    fn runs_with(&self, component: &str, token: &str) {
        let computer = &self.computer;
        computer.comes_up(component);
        let given = format!("TOKEN={token}");
        assert!(computer.variables(component).contains(&given));
        // As its own user, who may read them there.
        for file in ["/etc/token", "/run/clws/own/config.json"] {
            let read = computer.docker(&["exec", component, "cat", file]);
            let text = String::from_utf8_lossy(&read.stdout).into_owned();
            assert!(text.contains(token), "{file}: {text} {:?}", read.stderr);
        }
    }

    fn policy(&self, component: &str) -> String {
        let format = "{{.HostConfig.RestartPolicy.Name}}";
        self.computer.shown(component, format)
    }
}

#[test]
fn every_container_runs_with_the_same_secrets_and_nobody_was_needed() {
    let mut town = Town::new(&[]);
    let (web, api) = (random(), random());
    for (component, token) in [("web", &web), ("api", &api)] {
        town.set(component, token);
        town.serves(component);
    }
    assert_eq!(town.deploys(), ["api started", "web started"]);
    assert_eq!(town.policy("web"), "on-failure");
    let begun = town.computer.shown("web", "{{.Id}} {{.State.StartedAt}}");

    // What runs there is sealed without being opened or touched.
    let said = town.prepares();
    assert!(
        said.contains("box is now prepared: its key is age1"),
        "{said}"
    );
    assert!(
        said.contains("no systemd runs there: have `sh /var/lib/clws/boot/"),
        "{said}"
    );
    assert!(town.computer.bundles().is_empty());
    let before = opened(&town.lab);
    assert_eq!(town.deploys(), ["api unchanged", "web unchanged"]);
    assert_eq!(town.policy("web"), "unless-stopped");
    let now = town.computer.shown("web", "{{.Id}} {{.State.StartedAt}}");
    assert_eq!(now, begun);
    let bundles = town.computer.bundles();
    assert_eq!(bundles.len(), 2, "{bundles:?}");
    // Its probe needs values; the bundle asked for no other opening.
    let by_probes = opened(&town.lab) - before;
    assert_eq!(town.deploys(), ["api unchanged", "web unchanged"]);
    assert_eq!(opened(&town.lab) - before, 2 * by_probes);
    assert_eq!(town.computer.bundles(), bundles);
    let again = town.computer.clws(&town.lab, "host prepare box").succeeds();
    assert!(
        again.err.contains("box is prepared: its key is age1"),
        "{}",
        again.err
    );

    // A new value has a new bundle, which takes the old one's place; nobody else's changes.
    let newer = random();
    town.set("web", &newer);
    assert_eq!(town.deploys(), ["api unchanged", "web changed"]);
    let changed = town.computer.bundles();
    assert_eq!((changed.len(), &changed[0]), (2, &bundles[0]));
    assert_ne!(changed[1], bundles[1]);
    // One that does not answer leaves the bundle of the one that runs.
    set(&town.lab, "prod/web/CHECK", "another");
    town.computer
        .clws(&town.lab, "deploy --on prod --yes")
        .exits(22);
    assert_eq!(town.computer.bundles(), changed);
    set(&town.lab, "prod/web/CHECK", &newer);
    for bundle in &changed {
        let bytes = town.computer.machine.run(&format!("cat {bundle}")).stdout;
        assert!(bytes.starts_with(b"age-encryption.org/v1\n"));
        let secrets = [&web, &newer, &api];
        let mut shapes = secrets.iter().flat_map(|secret| forms(secret));
        assert!(!shapes.any(|form| contains(&bytes, &form)));
    }

    // A daemon that is started anew starts them again by itself.
    town.computer.stops_docker();
    town.computer.starts_docker();
    town.runs_with("web", &newer);
    town.runs_with("api", &api);

    let (secrets, ids) = (
        town.computer.secrets(),
        town.computer.docker(&["ps", "-q"]).stdout,
    );
    town.computer.loses_power();
    town.computer.machine.sh("test ! -e /run/clws");
    let said = town.computer.opens_bundles();
    assert_eq!(said, "clws: opened api\nclws: opened web");
    assert_eq!(town.computer.secrets(), secrets);
    let kind = town
        .computer
        .machine
        .sh("stat -f -c %T /run/clws; stat -c '%a %u' /run/clws");
    assert_eq!(kind, "tmpfs\n700 0");
    town.computer.starts_docker();
    town.runs_with("web", &newer);
    town.runs_with("api", &api);
    assert_eq!(town.computer.docker(&["ps", "-q"]).stdout, ids);
    // Done again, by hand say, it leaves what is there.
    assert_eq!(town.computer.opens_bundles(), "");
    assert_eq!(town.computer.secrets(), secrets);

    // A stop leaves nothing to come back, and taking it back leaves nothing at all.
    let stop = "deploy web --on prod --stop --yes";
    town.computer.clws(&town.lab, stop).succeeds();
    assert_eq!(town.computer.bundles(), [changed[0].clone()]);
    let undo = "host prepare box --undo --yes";
    town.computer.clws(&town.lab, undo).succeeds();
    assert_eq!(town.computer.machine.sh("ls /var/lib/clws/boot"), "");
    let party = std::fs::read_to_string(town.lab.vault().join("recipients/box.toml"));
    assert!(!party.unwrap().contains("age1"));
    town.computer
        .clws(&town.lab, "deploy api --on prod --yes")
        .succeeds();
    assert_eq!(town.policy("api"), "on-failure");
}

#[test]
fn without_its_bundle_no_container_comes_up_without_its_secrets() {
    let mut town = Town::new(&[]);
    let (web, api) = (random(), random());
    for (component, token) in [("web", &web), ("api", &api)] {
        town.set(component, token);
        town.serves(component);
    }
    town.prepares();
    assert_eq!(town.deploys(), ["api started", "web started"]);
    assert_eq!(town.policy("web"), "unless-stopped");

    // Nothing ran before Docker: the daemon tries to start them and finds no folder, and makes none.
    let stays_down = |town: &Town, component: &str| {
        let start = town.computer.docker(&["start", component]);
        let said = String::from_utf8_lossy(&start.stderr).into_owned();
        assert!(
            !start.status.success() && said.contains("does not exist"),
            "{said}"
        );
        assert_eq!(
            town.computer.shown(component, "{{.State.Running}}"),
            "false"
        );
    };
    town.computer.loses_power();
    town.computer.starts_docker();
    for component in ["web", "api"] {
        stays_down(&town, component);
    }
    town.computer.machine.sh("test ! -e /run/clws");

    // One of them is cut off, at a place where all that was said before it is sound.
    let bundle = town.computer.bundles().remove(1);
    let size = town.computer.machine.sh(&format!("stat -c %s {bundle}"));
    let size: u64 = size.parse().unwrap();
    town.computer.loses_power();
    let cut = format!("truncate -s {} {bundle}", size - 1);
    town.computer.machine.sh(&cut);
    let said = town.computer.opens_bundles();
    let broken = "clws: the bundle of web does not open, so it will not start: deploy it again";
    assert!(
        said.contains(broken) && said.contains("clws: opened api"),
        "{said}"
    );
    town.computer
        .machine
        .sh("test ! -e /run/clws/*/web/* && test ! -e /run/clws/*/.boot");
    town.computer.starts_docker();
    town.runs_with("api", &api);
    stays_down(&town, "web");

    // A deploy puts it right, and its bundle too.
    assert_eq!(town.deploys(), ["api unchanged", "web changed"]);
    town.computer.loses_power();
    town.computer.opens_bundles();
    town.computer.starts_docker();
    town.runs_with("web", &web);
}

#[test]
fn the_files_of_a_mapped_user_come_back_as_that_users() {
    let mut town = Town::new(&["--userns-remap=boxmap"]);
    let token = random();
    town.set("web", &token);
    town.serves("web");
    town.prepares();
    assert_eq!(town.deploys(), ["web started"]);
    town.runs_with("web", &token);
    let secrets = town.computer.secrets();
    let mapped = (MAPPED + 1000).to_string();
    assert!(
        secrets.contains(&format!("mount/own/config.json 440 {mapped}")),
        "{secrets}"
    );
    town.computer.loses_power();
    town.computer.opens_bundles();
    assert_eq!(town.computer.secrets(), secrets);
    town.computer.starts_docker();
    town.runs_with("web", &token);
}

#[test]
fn a_host_says_what_it_lacks_and_systemd_takes_the_unit() {
    let town = Town::new(&[]);
    let prepare = |words: &str| town.computer.clws(&town.lab, words);
    let dry = prepare("host prepare box --dry-run").succeeds();
    assert!(
        dry.err
            .contains("makes a key of the host's own in /var/lib/clws/boot/")
    );
    town.computer.machine.sh("test ! -e /var/lib/clws/boot");

    let age = town.computer.machine.sh("command -v age");
    let hidden = format!("mount --bind /dev/null {age}");
    town.computer.machine.sh(&hidden);
    let lacks = prepare("host prepare box --yes").exits(22);
    assert!(lacks.err.contains("box lacks age"), "{}", lacks.err);
    assert!(lacks.err.contains("apt-get install age"), "{}", lacks.err);
    town.computer.machine.sh(&format!("umount {age}"));

    // The real systemctl and systemd-analyze, told that no systemd is there to be spoken to.
    town.computer.machine.sh(
        "mkdir -p /run/systemd/system /run/host/bin && printf '#!/bin/sh\\nSYSTEMD_OFFLINE=1 exec /usr/bin/systemctl \"$@\"\\n' \
         >/run/host/bin/systemctl && chmod +x /run/host/bin/systemctl && mount --bind /run/host/bin /usr/local/sbin",
    );
    let said = prepare("host prepare box --yes").succeeds();
    assert!(
        said.err
            .contains("before docker.service and required by it"),
        "{}",
        said.err
    );
    assert!(!said.err.contains("no systemd runs there"), "{}", said.err);
    let machine = &town.computer.machine;
    machine.sh("systemd-analyze verify /etc/systemd/system/clws-*.service");
    machine.sh("test -L /etc/systemd/system/docker.service.requires/clws-*.service");
    assert_eq!(
        machine.sh("stat -c '%a %u' /var/lib/clws/boot/*/key"),
        "600 0"
    );
    let again = prepare("host prepare box").succeeds();
    assert!(again.err.contains("box is prepared"), "{}", again.err);

    // A key that somebody put there since is not the one on record, and nothing is sealed to either.
    machine.sh("cd /var/lib/clws/boot/* && rm key && age-keygen -o key 2>/dev/null");
    let token = random();
    town.set("web", &token);
    town.serves("web");
    let refused = prepare("deploy --on prod --yes").exits(22);
    let why = "its key is not the one on record: `clws host prepare box` puts that right";
    assert!(refused.err.contains(why), "{}", refused.err);
    prepare("host prepare box --yes").succeeds();
    assert_eq!(town.deploys(), ["web started"]);

    prepare("host prepare box --undo --yes").succeeds();
    let left = machine.sh("find /etc/systemd/system /var/lib/clws/boot -mindepth 1");
    assert_eq!(left, "");
}

#[test]
fn a_host_over_ssh_is_prepared_and_files_alone_come_back() {
    needs_root();
    let site = Site::new();
    let starts = |program: &str| site.machine.program(program);
    let server = Sshd::start_by(starts, &["ed25519"], "SetEnv HOME=/nonexistent");
    let way = way_to(&server, &server.user, server.host_key_line());
    site.host("box", "prod", "server", &way);
    site.trusts();
    ada_may_log_in(&site.lab, &server);
    site.set("prod/certs/KEY", "the-key-of-a-certificate");
    let text = "runs_on = { machine_type = \"server\" }\n[file.\"tls/key\"]\nsecret = \"certs/KEY\"\n\
                owner = \"33\"\nmode = \"0440\"\n";
    site.hook("certs", text, &[]);
    site.lab.clws("host prepare box --yes").succeeds();
    let shown = site.lab.clws("host show box").succeeds().text();
    assert!(shown.contains("prepared      yes"), "{shown}");
    site.server("web");
    site.lab.clws("deploy --on prod --yes").succeeds();

    let listed = "cd /run/clws/*/certs && find . -printf '%p %m %U\\n' | sort && cat */tls/key";
    let before = site.machine.sh(listed);
    assert!(before.contains("/tls/key 440 33\nthe-key"), "{before}");
    // A process has none: nothing starts it at a boot.
    let bundles = "cd /var/lib/clws/boot/*/bundles && find . -type f";
    let bundle = site.machine.sh(bundles);
    assert!(
        bundle.starts_with("./certs/") && bundle.lines().count() == 1,
        "{bundle}"
    );
    site.machine
        .sh("rm -r /run/clws/*/certs && sh /var/lib/clws/boot/*/open");
    assert_eq!(site.machine.sh(listed), before);
}
