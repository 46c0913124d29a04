//! The old container runs again where what came in its place has another name or is of another kind, and
//! others are led to it again, also where the connection broke meanwhile.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::a_container_gets_its_secrets_and_nobody_else_sees_them::Harbour;
use crate::site::{ada_may_log_in, hook, host, random, rows, way_to};
use crate::support::docker_image::{Component, busybox, told};
use crate::support::sshd::Sshd;

/// A container that answers, deployed.
fn deployed(word: &str) -> Harbour {
    let harbour = Harbour::new(word);
    for name in ["TOKEN", "CHECK", "SEALED", "PASSWORD"] {
        harbour.set(name, "of-the-first-day");
    }
    harbour.serves("");
    harbour.deploy().succeeds();
    harbour
}

fn hook_of(harbour: &Harbour) -> String {
    std::fs::read_to_string(harbour.lab.vault().join("hooks/web.toml")).unwrap()
}

/// A process in the place of the container, with more lines.
fn process(command: &str, more: &str) -> String {
    format!(
        "runs_on = {{ machine_type = \"server\" }}\nprocess = {{ command = [{command}] }}\n{more}"
    )
}

#[test]
fn a_container_comes_back_in_the_place_of_another_name_and_of_another_kind() {
    let harbour = deployed("kinds");
    let (id, nonce, renamed) = (harbour.id(), random(), Component::new("renamed"));
    let answer = harbour.answer(&nonce);
    let other_name = hook_of(&harbour).replace(&harbour.container.name, &renamed.name);
    let wrong = other_name.replace("test \"$TOKEN\" = \"$CHECK\"", "false");
    for failing in [wrong, process("\"false\"", "")] {
        hook(&harbour.lab, "web", &failing, &[]);
        let failed = harbour.deploy().exits(22);
        let said = "the old one runs again, with its old secrets";
        assert!(failed.err.contains(said), "{}", failed.err);
        assert_eq!(
            (harbour.id(), harbour.answer(&nonce)),
            (id.clone(), answer.clone())
        );
        assert_eq!(harbour.container.containers(), ["NAME"]);
        assert_eq!(renamed.containers(), [""; 0]);
    }
}

/// A deployed container on a host over SSH; the daemon's folders are those of this machine.
fn over_ssh(word: &str) -> (Harbour, Sshd) {
    let harbour = Harbour::new(word);
    let server = Sshd::start_with(&["ed25519"], "SetEnv HOME=/nonexistent");
    let way = way_to(&server, &server.user, server.host_key_line());
    host(&harbour.lab, "box", "prod", "server", &way);
    ada_may_log_in(&harbour.lab, &server);
    (harbour, server)
}

/// What waits, once, until the connection is gone.
fn waits(harbour: &Harbour) -> String {
    let mark = harbour.lab.root().join("waits");
    format!(
        "run = [\"sh\", \"-c\", \"[ -e {mark} ] || {{ touch {mark}; sleep 1000; }}\"]\n",
        mark = mark.display()
    )
}

/// Deploys, and ends the sessions as soon as it waits; what it said.
fn cut(harbour: &Harbour, server: &Sshd) -> String {
    let mut command = harbour.deploy().command();
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while !harbour.lab.root().join("waits").exists() {
        assert!(Instant::now() < until, "it did not wait");
        std::thread::sleep(Duration::from_millis(20));
    }
    server.kill_sessions();
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_container_comes_back_by_its_name_and_kind_after_a_connection_over_ssh_broke() {
    let (harbour, server) = over_ssh("again");
    for name in ["TOKEN", "CHECK", "SEALED", "PASSWORD"] {
        harbour.set(name, "of-the-first-day");
    }
    harbour.serves("");
    harbour.deploy().succeeds();
    let (id, nonce, renamed) = (harbour.id(), random(), Component::new("renamed"));
    let answer = harbour.answer(&nonce);
    let probe = format!("[[probe]]\n{}within = \"60s\"\n", waits(&harbour));
    let other_name = hook_of(&harbour).replace(&harbour.container.name, &renamed.name);
    let other_kind = process("\"sleep\", \"1000\"", &probe);
    for other in [format!("{other_name}{probe}"), other_kind] {
        hook(&harbour.lab, "web", &other, &[]);
        let said = cut(&harbour, &server);
        let back = "connected again: the old one runs, with its old secrets";
        assert!(said.contains(back), "{said}");
        assert_eq!(
            (harbour.id(), harbour.answer(&nonce)),
            (id.clone(), answer.clone())
        );
        assert_eq!(harbour.container.containers(), ["NAME"]);
        assert_eq!(renamed.containers(), [""; 0]);
        std::fs::remove_file(harbour.lab.root().join("waits")).unwrap();
    }
}

#[test]
fn a_switch_leads_back_to_the_old_container_after_a_connection_over_ssh_broke() {
    let (harbour, server) = over_ssh("switch");
    let (name, image) = (&harbour.container.name, busybox());
    let front = harbour.lab.root().join("front");
    let serves = |more: &str| {
        let text = format!(
            "runs_on = {{ machine_type = \"server\" }}\n[container]\nname = \"{name}\"\nimage = \"{image}\"\n\
             init = true\nnetworks = [\"{name}\"]\n[env]\nTOKEN = {{ secret = \"web/TOKEN\" }}\n\
             [[switch]]\nrun = [\"sh\", \"-c\", \"echo {{{{ container.address }}}} >{front}\"]\n{more}",
            front = front.display()
        );
        hook(&harbour.lab, "web", &text, &[]);
    };
    let address = || {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        told(&["inspect", "--format", format, name])
    };
    let led_to = || std::fs::read_to_string(&front).unwrap();
    harbour.set("TOKEN", "of-the-first-day");
    serves("");
    harbour.deploy().succeeds();
    let (id, old) = (harbour.id(), address());
    assert_eq!(led_to(), old);
    harbour.set("TOKEN", "another");
    serves(&format!("[[switch]]\n{}", waits(&harbour)));
    let said = cut(&harbour, &server);
    assert!(said.contains("connected again: the old one runs"), "{said}");
    assert_eq!((harbour.id(), address(), led_to()), (id, old.clone(), old));
    assert_eq!(harbour.container.containers(), ["NAME"]);
}

#[test]
fn a_container_that_is_paused_is_brought_anew() {
    let harbour = Harbour::new("paused");
    let (name, image) = (&harbour.container.name, busybox());
    let text = format!(
        "runs_on = {{ machine_type = \"server\" }}\n[container]\nname = \"{name}\"\nimage = \"{image}\"\ninit = true\n"
    );
    hook(&harbour.lab, "web", &text, &[]);
    harbour.deploy().succeeds();
    let id = harbour.id();
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web unchanged"]);
    told(&["pause", name]);
    let status = harbour.lab.clws("status prod").exits(1).text();
    assert!(
        status.contains("its container is there and does not run"),
        "{status}"
    );
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web changed"]);
    let state = told(&["inspect", "--format", "{{.State.Status}}", name]);
    assert_eq!(state, "running\n");
    assert_ne!(harbour.id(), id);
}
