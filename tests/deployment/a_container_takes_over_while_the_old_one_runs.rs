//! A component behind a real nginx, which asks for a name once and keeps the address: with a switch
//! step no request fails while the component is made anew, and none when that does not work out.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::a_container_gets_its_secrets_and_nobody_else_sees_them::Harbour;
use crate::site::{hook, rows};
use crate::support::docker_image::{Component, busybox, nginx, told};

/// A component that says its version, and nginx before it.
struct Street {
    /// Before the harbour, whose end takes the vault's containers away.
    harbour: Harbour,
    proxy: Component,
}

/// What came while something was done.
#[derive(Debug, Default)]
struct Traffic {
    answers: Vec<String>,
    failures: usize,
}

impl Street {
    fn new(word: &str) -> Self {
        let street = Self {
            harbour: Harbour::new(word),
            proxy: Component::new("proxy"),
        };
        let (web, proxy, port) = (street.web(), &street.proxy.name, street.harbour.port);
        let image = nginx();
        let text = format!(
            r#"runs_on = {{ machine_type = "server" }}
after = ["web"]
[container]
name = "{proxy}"
image = "{image}"
command = ["nginx", "-g", "daemon off;"]
networks = ["{web}"]
ports = ["127.0.0.1:{port}:80"]
[file."/etc/nginx/nginx.conf"]
template = "nginx.conf"
mode = "0644"
[[probe]]
http = "http://127.0.0.1:{port}/"
within = "20s"
"#
        );
        let conf = format!(
            "user root; worker_processes 1; pid /run/nginx.pid; error_log /dev/stderr;\n\
             events {{}}\nhttp {{ access_log off; server {{ listen 80;\n\
             location / {{ proxy_pass http://{web}:8080; proxy_connect_timeout 1s; }} }} }}\n"
        );
        hook(
            &street.harbour.lab,
            "proxy",
            &text,
            &[("nginx.conf", &conf)],
        );
        street
    }

    fn web(&self) -> &str {
        &self.harbour.container.name
    }

    /// The component's hook: `{{ container.address }}` is asked before anybody is led there.
    fn serves(&self, more: &str) {
        let (web, image) = (self.web(), busybox());
        let text = format!(
            r#"runs_on = {{ machine_type = "server" }}
[container]
name = "{web}"
image = "{image}"
init = true
command = ["sh", "-c", 'mkdir /tmp/w; echo "$VERSION" >/tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w']
networks = ["{web}"]
[env]
VERSION = {{ secret = "web/VERSION" }}
[[probe]]
http = "http://{{{{ container.address }}}}:8080/"
expect = {{ body_contains = "v" }}
within = "5s"
{more}"#
        );
        hook(&self.harbour.lab, "web", &text, &[]);
    }

    /// Does something while requests come through nginx, one after the other.
    fn while_asked<T>(&self, work: impl FnOnce() -> T) -> (T, Traffic) {
        let port = self.harbour.port;
        let (over, traffic) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::default()));
        let asking = {
            let (over, traffic) = (Arc::clone(&over), Arc::clone(&traffic));
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let answer = get(port);
                    let mut traffic: std::sync::MutexGuard<'_, Traffic> = traffic.lock().unwrap();
                    match answer {
                        Some(answer) => traffic.answers.push(answer),
                        None => traffic.failures += 1,
                    }
                    drop(traffic);
                    std::thread::sleep(Duration::from_millis(2));
                }
            })
        };
        let done = work();
        // What is said after it belongs to it.
        std::thread::sleep(Duration::from_millis(300));
        over.store(true, Ordering::Relaxed);
        asking.join().unwrap();
        let traffic = std::mem::take(&mut *traffic.lock().unwrap());
        (done, traffic)
    }
}

/// The body of an answer with status 200.
fn get(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200")
        .then(|| body.trim().to_owned())
}

fn switch(proxy: &str) -> String {
    format!(
        "[[switch]]\ninside = \"{proxy}\"\nrun = [\"sh\", \"-c\", \"nginx -s reload && sleep 1\"]\n"
    )
}

#[test]
fn a_container_behind_nginx_is_replaced_without_a_lost_request() {
    let street = Street::new("street");
    let harbour = &street.harbour;
    let switch = switch(&street.proxy.name);
    harbour.set("VERSION", "v-first");
    street.serves(&switch);
    let ran = harbour.deploy().succeeds();
    assert_eq!(rows(&ran), ["web started", "proxy started"]);
    // On the first day there is nobody to tell.
    assert!(
        ran.err.contains("does not run and is not told"),
        "{}",
        ran.err
    );
    assert_eq!(get(harbour.port).as_deref(), Some("v-first"));

    harbour.set("VERSION", "v-second");
    let (ran, traffic) = street.while_asked(|| harbour.deploy().succeeds());
    assert_eq!(rows(&ran), ["web changed", "proxy unchanged"]);
    assert_eq!(traffic.failures, 0, "{traffic:?}");
    assert!(traffic.answers.len() > 50);
    let seen = |version: &str| traffic.answers.iter().any(|answer| answer == version);
    assert!(seen("v-first") && seen("v-second"));
    assert_eq!(get(harbour.port).as_deref(), Some("v-second"));
    assert_eq!(harbour.container.containers(), ["NAME"]);

    // One that does not answer is never led to.
    harbour.set("VERSION", "broken");
    let (ran, traffic) = street.while_asked(|| harbour.deploy().exits(22));
    assert!(ran.err.contains("does not contain `v`"), "{}", ran.err);
    assert_eq!(traffic.failures, 0, "{traffic:?}");
    assert!(traffic.answers.iter().all(|answer| answer == "v-second"));
    assert_eq!(harbour.container.containers(), ["NAME"]);

    // A switch that fails leads back.
    harbour.set("VERSION", "v-third");
    let failing = format!("{switch}[[switch]]\nrun = [\"sh\", \"-c\", \"echo no; exit 1\"]\n");
    street.serves(&failing);
    let (ran, traffic) = street.while_asked(|| harbour.deploy().exits(22));
    assert!(ran.err.contains("sh exited with 1"), "{}", ran.err);
    assert!(ran.err.contains("the old one runs again"), "{}", ran.err);
    assert_eq!(traffic.failures, 0, "{traffic:?}");
    assert_eq!(get(harbour.port).as_deref(), Some("v-second"));
    assert_eq!(harbour.container.containers(), ["NAME"]);
    harbour.lab.clws("deploy --on prod --stop --yes").succeeds();
}

#[test]
fn a_container_without_a_switch_step_loses_requests() {
    let street = Street::new("gap");
    let harbour = &street.harbour;
    harbour.set("VERSION", "v-first");
    street.serves("");
    harbour.deploy().succeeds();
    harbour.set("VERSION", "v-second");
    let (_, traffic) = street.while_asked(|| harbour.lab.clws("deploy web --on prod --yes").run());
    assert!(
        traffic.failures > 0,
        "the test above could not fail: {traffic:?}"
    );
    harbour.lab.clws("deploy --on prod --stop --yes").succeeds();
}

/// Whatever a killed run leaves, the old one or the new one runs under the name after the next.
#[test]
fn a_container_switch_that_is_cut_off_is_settled_by_the_next_deploy() {
    let street = Street::new("cut");
    let harbour = &street.harbour;
    harbour.set("VERSION", "v-first");
    let slow = "[[switch]]\nrun = [\"sleep\", \"30\"]\n";
    street.serves("");
    harbour.deploy().succeeds();
    let old = harbour.id();
    harbour.set("VERSION", "v-second");
    street.serves(slow);
    let mut child = harbour
        .deploy()
        .command()
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while harbour.container.containers() != ["NAME", "NAME.clws-old"] {
        assert!(
            Instant::now() < until,
            "{:?}",
            harbour.container.containers()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // Both run.
    let aside = format!("{}.clws-old", street.web());
    assert_eq!(
        told(&["inspect", "--format", "{{.State.Running}}", &aside]),
        "true\n"
    );
    street.serves(&switch(&street.proxy.name));
    harbour.deploy().succeeds();
    assert_ne!(harbour.id(), old);
    assert_eq!(harbour.container.containers(), ["NAME"]);
    assert_eq!(get(harbour.port).as_deref(), Some("v-second"));
    harbour.lab.clws("deploy --on prod --stop --yes").succeeds();
}

/// What a signal ends leads back: the steps run once more, for the old one.
#[test]
fn a_container_switch_that_is_interrupted_leads_back_to_the_old_one() {
    let street = Street::new("halt");
    let harbour = &street.harbour;
    harbour.set("VERSION", "v-first");
    street.serves(&switch(&street.proxy.name));
    harbour.deploy().succeeds();
    let old = harbour.id();
    harbour.set("VERSION", "v-second");
    let waits = harbour.lab.root().join("waits");
    // The first time it waits until it is ended.
    let held = format!(
        "{}[[switch]]\nrun = [\"sh\", \"-c\", \"[ -e $0 ] || {{ touch $0; exec sleep 1000; }}\", \"{}\"]\n",
        switch(&street.proxy.name),
        waits.display()
    );
    street.serves(&held);
    let (said, traffic) = street.while_asked(|| {
        let mut command = harbour.deploy().command();
        let child = command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while !waits.exists() {
            assert!(Instant::now() < until, "no step");
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut kill = std::process::Command::new("kill");
        let sent = kill.args(["-s", "INT", &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130));
        String::from_utf8_lossy(&output.stderr).into_owned()
    });
    assert!(said.contains("the old one runs again"), "{said}");
    assert_eq!(traffic.failures, 0, "{traffic:?}");
    assert!(traffic.answers.iter().any(|answer| answer == "v-second"));
    assert_eq!(get(harbour.port).as_deref(), Some("v-first"));
    assert_eq!(harbour.id(), old);
    assert_eq!(harbour.container.containers(), ["NAME"]);
    assert_eq!(
        rows(&harbour.deploy().succeeds()),
        ["web changed", "proxy unchanged"]
    );
    assert_eq!(get(harbour.port).as_deref(), Some("v-second"));
    harbour.lab.clws("deploy --on prod --stop --yes").succeeds();
}
