//! Containers on the real daemon of this machine: they use what they were given, no place shows it,
//! and one that does not answer is put back.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::site::{hook, host, opened, random, rows, set, sha256};
use crate::support::docker_image::{Component, busybox, client, needs_daemon, told};
use crate::support::lab::{Lab, Ran, Run, contains, forms};
use crate::watcher::showing;

/// A vault whose host `box` is this machine; containers need the daemon's own `/run`.
pub(crate) struct Harbour {
    pub(crate) lab: Lab,
    pub(crate) container: Component,
    pub(crate) port: u16,
}

/// Answers each line on port 8080 with the sum of all that it was given and that line.
const SERVE: &str = r#"read -r nonce; { cat /run/clws/config.json /etc/token; printf %s "$TOKEN$nonce"; } | sha256sum | cut -c1-64"#;

impl Harbour {
    pub(crate) fn new(word: &str) -> Self {
        needs_daemon();
        let harbour = Self {
            lab: Lab::new(),
            container: Component::new(word),
            port: TcpListener::bind("127.0.0.1:0")
                .and_then(|listener| listener.local_addr())
                .unwrap()
                .port(),
        };
        host(&harbour.lab, "box", "prod", "server", "address = \"local\"");
        harbour
    }

    /// A hook of a container that answers, and proves to the probe that both values are the same.
    pub(crate) fn serves(&self, more: &str) {
        let (name, port, image) = (&self.container.name, self.port, busybox());
        let text = format!(
            r#"runs_on = {{ machine_type = "server" }}
[container]
name = "{name}"
image = "{image}"
user = "1000"
command = ["sh", "-c", 'trap "exit 0" TERM; nc -ll -p 8080 -e sh -c "$0" & wait', '{SERVE}']
ports = ["127.0.0.1:{port}:8080"]
[env]
TOKEN = {{ secret = "web/TOKEN" }}
CHECK = {{ secret = "web/CHECK" }}
[file."config.json"]
template = "config.json"
owner = "1000"
[file."/etc/token"]
secret = "web/SEALED"
owner = "1000"
mode = "0400"
[[probe]]
in = "container"
run = ["sh", "-c", 'test "$TOKEN" = "$CHECK"']
needs = ["TOKEN", "CHECK"]
within = "3s"
[[probe]]
tcp = "127.0.0.1:{port}"
within = "20s"
{more}"#
        );
        let template = "{\"password\": \"{{ secrets.web/PASSWORD | json }}\"}\n";
        hook(&self.lab, "web", &text, &[("config.json", template)]);
    }

    pub(crate) fn set(&self, name: &str, value: &str) {
        set(&self.lab, &format!("prod/web/{name}"), value);
    }

    pub(crate) fn deploy(&self) -> Run<'_> {
        self.lab.clws("deploy --on prod --yes --json")
    }

    pub(crate) fn id(&self) -> String {
        told(&["inspect", "--format", "{{.Id}}", &self.container.name])
    }

    /// What the container answers to a line.
    pub(crate) fn answer(&self, nonce: &str) -> String {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let mut answer = String::new();
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
                stream
                    .set_read_timeout(Some(Duration::from_secs(5)))
                    .unwrap();
                let asked = stream.write_all(format!("{nonce}\n").as_bytes());
                if asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && !answer.is_empty()
                {
                    return answer.trim().to_owned();
                }
            }
            assert!(Instant::now() < until, "no answer");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The folders of this vault on the machine.
    pub(crate) fn folders(&self) -> Vec<String> {
        let id = std::fs::read_dir(self.lab.home("ada").join(".local/state/clws/vaults"));
        let id = id.unwrap().flatten().next().unwrap().file_name();
        let id = id.to_string_lossy()[..12].to_owned();
        ["/run/clws", "/dev/shm/clws-0", "/var/lib/clws"]
            .iter()
            .map(|base| format!("{base}/{id}"))
            .filter(|folder| Path::new(folder).exists())
            .collect()
    }
}

impl Drop for Harbour {
    fn drop(&mut self) {
        self.lab.clws("deploy --on prod --stop --yes").run();
        for folder in self.folders() {
            drop(std::fs::remove_dir_all(folder));
        }
    }
}

fn said(ran: &Ran) -> Vec<u8> {
    [ran.out.as_slice(), ran.err.as_bytes()].concat()
}

#[test]
fn a_container_answers_with_what_it_was_given_and_no_place_shows_it() {
    let harbour = Harbour::new("given");
    let (token, sealed) = (random(), random());
    // A value that looks otherwise in JSON and in a URL.
    let password = format!("{}\"\\ ü/{}", random(), random());
    for (name, value) in [
        ("TOKEN", &token),
        ("CHECK", &token),
        ("SEALED", &sealed),
        ("PASSWORD", &password),
    ] {
        harbour.set(name, value);
    }
    harbour.serves("");
    let first = harbour.deploy().succeeds();
    assert_eq!(rows(&first), ["web started"]);
    let nonce = random();
    let json = serde_json::to_string(&password).unwrap();
    let given = format!("{{\"password\": {json}}}\n{sealed}{token}{nonce}");
    assert_eq!(harbour.answer(&nonce), sha256(given.as_bytes()));
    let second = harbour.deploy().succeeds();
    assert_eq!(rows(&second), ["web unchanged"]);

    harbour.lab.commit("all of it");
    let name = &harbour.container.name;
    for value in [&token, &sealed, &password] {
        let root = harbour.lab.root();
        assert_eq!(
            showing(value, name, busybox(), &[root]),
            Vec::<String>::new()
        );
        assert!(harbour.lab.find(std::slice::from_ref(value)).is_empty());
        for ran in [&first, &second] {
            assert!(!forms(value).iter().any(|form| contains(&said(ran), form)));
        }
    }
    harbour.lab.clws("deploy --on prod --stop --yes").succeeds();
    assert_eq!(harbour.container.containers(), Vec::<String>::new());
    let left = harbour.folders().into_iter().flat_map(|folder| {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        entries.map(|entry| entry.file_name().into_string().unwrap())
    });
    let left: Vec<String> = left.filter(|name| !name.starts_with("lock")).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn the_watcher_finds_what_a_careless_container_shows() {
    let container = Component::new("careless");
    let (value, tag) = (random(), format!("{}:1", Component::new("image").name));
    let line = format!("echo {value}; echo {value} >/tmp/kept; sleep 1000; : {value}");
    told(&[
        "run",
        "--detach",
        "--name",
        &container.name,
        busybox(),
        "sh",
        "-c",
        &line,
    ]);
    let label = format!("LABEL token={value}");
    told(&["commit", "--change", &label, &container.name, &tag]);
    let disk = tempfile::tempdir().unwrap();
    std::fs::write(disk.path().join("planted"), &value).unwrap();
    let run = format!("/run/{}", container.name);
    std::fs::write(&run, format!("x{value}x")).unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while !told(&["logs", &container.name]).contains(&value) {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(50));
    }
    let found = showing(&value, &container.name, &tag, &[disk.path()]);
    std::fs::remove_file(&run).unwrap();
    told(&["rmi", "--force", &tag]);
    let expected = [
        "docker inspect",
        "docker logs",
        "docker top",
        "docker image",
    ];
    let more = [
        "docker history",
        "ps",
        "/containers/",
        "/tmp/kept",
        "planted",
        &run,
    ];
    for place in expected.iter().chain(&more) {
        assert!(
            found.iter().any(|found| found.contains(place)),
            "{place}: {found:#?}"
        );
    }
}

#[test]
fn a_container_that_does_not_answer_is_put_back_with_its_old_secrets() {
    let harbour = Harbour::new("back");
    for name in ["TOKEN", "CHECK", "SEALED", "PASSWORD"] {
        harbour.set(name, "of-the-first-day");
    }
    harbour.serves("");
    harbour.deploy().succeeds();
    let (first, nonce) = (harbour.id(), random());
    let answer = harbour.answer(&nonce);
    harbour.set("TOKEN", "not-what-it-checks");
    let failed = harbour.deploy().exits(22);
    assert!(
        failed
            .err
            .contains("the old one runs again, with its old secrets"),
        "{}",
        failed.err
    );
    assert!(!contains(&said(&failed), b"not-what-it-checks"));
    assert_eq!(
        (harbour.id(), harbour.answer(&nonce)),
        (first.clone(), answer.clone())
    );
    assert_eq!(harbour.container.containers(), ["NAME"]);

    harbour.set("CHECK", "not-what-it-checks");
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web changed"]);
    assert!(harbour.id() != first && harbour.answer(&nonce) != answer);
    assert_eq!(harbour.container.containers(), ["NAME"]);

    // One that somebody removed is made again.
    told(&["rm", "--force", &harbour.container.name]);
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web changed"]);
    harbour.answer(&nonce);
}

#[test]
fn a_container_of_somebody_else_is_neither_replaced_nor_stopped() {
    let harbour = Harbour::new("taken");
    for name in ["TOKEN", "CHECK", "SEALED", "PASSWORD"] {
        harbour.set(name, "of-the-first-day");
    }
    harbour.serves("");
    let name = harbour.container.name.as_str();
    let by_hand = || told(&["run", "--detach", "--name", name, busybox()]);
    let runs = || told(&["inspect", "--format", "{{.State.Running}}", name]).trim() == "true";

    // On a first deploy, and in the place of the one that was deployed.
    for deployed in [false, true] {
        if deployed {
            harbour.deploy().succeeds();
            told(&["rm", "--force", name]);
        }
        by_hand();
        let id = harbour.id();
        let refused = harbour.deploy().exits(16);
        let said = format!("the container `{name}` was not made by clws");
        let hint = format!("`docker rename {name} {name}-before`");
        assert!(refused.err.contains(&said), "{}", refused.err);
        assert!(refused.err.contains(&hint), "{}", refused.err);
        assert!(
            !refused.err.contains("the old one runs again"),
            "{}",
            refused.err
        );
        assert!(runs() && harbour.id() == id);
        assert_eq!(harbour.container.containers(), ["NAME"]);
        if !deployed {
            told(&["rm", "--force", name]);
        }
    }
    let id = harbour.id();
    let stopped = harbour.lab.clws("deploy --on prod --stop --yes").succeeds();
    let said = format!("the container `{name}` on box is not one that was deployed as web");
    assert!(stopped.err.contains(&said), "{}", stopped.err);
    assert!(runs() && harbour.id() == id);

    // Another component of this vault, and another vault, are somebody else, too.
    told(&["rm", "--force", name]);
    harbour.deploy().succeeds();
    let id = harbour.id();
    let other = format!(
        "runs_on = {{ machine_type = \"server\" }}\n[container]\nname = \"{name}\"\nimage = \"{}\"\n",
        busybox()
    );
    hook(&harbour.lab, "other", &other, &[]);
    let both = harbour.deploy().exits(17);
    let said = format!("the container of `other`, which runs on box too, has the name `{name}`");
    assert!(both.err.contains(&said), "{}", both.err);
    let alone = harbour.lab.clws("deploy other --on prod --yes").exits(16);
    let said = "belongs to another component or vault";
    assert!(alone.err.contains(said), "{}", alone.err);
    let second = Harbour::new("second");
    hook(&second.lab, "web", &other, &[]);
    let theirs = second.deploy().exits(16);
    assert!(theirs.err.contains(said), "{}", theirs.err);
    assert!(runs() && harbour.id() == id);
    assert_eq!(harbour.container.containers(), ["NAME"]);
}

#[test]
fn a_step_in_a_container_is_given_what_it_needs_and_no_more() {
    let harbour = Harbour::new("step");
    for name in ["TOKEN", "CHECK", "SEALED", "PASSWORD"] {
        harbour.set(name, "of-the-first-day");
    }
    let step = r#"[[before]]
in = "container"
run = ["sh", "-c", 'echo "step: $TOKEN ${CHECK-none} $(for f in env config.json /etc/token; do cd /run/clws; [ ! -e $f ] || echo $f; done)"; id -u']
needs = ["TOKEN"]
"#;
    harbour.serves(step);
    // Its network is made for it, too.
    let path = harbour.lab.vault().join("hooks/web.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let networks = format!("networks = [\"{}-net\"]\nports = ", harbour.container.name);
    hook(
        &harbour.lab,
        "web",
        &text.replacen("ports = ", &networks, 1),
        &[],
    );
    let ran = harbour.deploy().succeeds();
    let line = ran
        .err
        .lines()
        .find(|line| line.contains("| step: "))
        .unwrap();
    assert!(line == "box web | step: [redacted] none env", "{line}");
    assert!(ran.err.contains("box web | 1000\n"), "{}", ran.err);
    assert_eq!(harbour.container.containers(), ["NAME"]);
    let filter = format!("name={}-net", harbour.container.name);
    let networks = || told(&["network", "ls", "--quiet", "--filter", &filter]);
    assert_eq!(networks().lines().count(), 1);
    harbour.lab.clws("deploy --on prod --stop --yes").succeeds();
    assert_eq!(networks(), "");
}

#[test]
fn a_component_can_become_a_process_or_get_another_name() {
    let harbour = Harbour::new("kind");
    for name in ["TOKEN", "CHECK", "SEALED", "PASSWORD"] {
        harbour.set(name, "of-the-first-day");
    }
    harbour.serves("");
    harbour.deploy().succeeds();
    // The same port: the old one must be gone before.
    let renamed = Component::new("renamed");
    let path = harbour.lab.vault().join("hooks/web.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace(&harbour.container.name, &renamed.name);
    hook(&harbour.lab, "web", &text, &[]);
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web changed"]);
    assert_eq!(harbour.container.containers(), Vec::<String>::new());
    assert_eq!(renamed.containers(), ["NAME"]);

    let process =
        "runs_on = { machine_type = \"server\" }\nprocess = { command = [\"sleep\", \"1000\"] }\n";
    std::fs::remove_dir_all(harbour.lab.vault().join("hooks/web")).unwrap();
    hook(&harbour.lab, "web", process, &[]);
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web changed"]);
    assert_eq!(renamed.containers(), Vec::<String>::new());
    // A process that fails puts the process back, and a container that fails does too.
    harbour.serves("");
    harbour.set("TOKEN", "not-what-it-checks");
    let failed = harbour.deploy().exits(22);
    assert!(
        failed.err.contains("the old one runs again"),
        "{}",
        failed.err
    );
    assert_eq!(harbour.container.containers(), Vec::<String>::new());
    harbour.set("CHECK", "not-what-it-checks");
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web changed"]);
    assert_eq!(harbour.container.containers(), ["NAME"]);
    let held = client(&[
        "ps",
        "--quiet",
        "--filter",
        &format!("name={}", renamed.name),
    ]);
    assert!(held.stdout.is_empty());
    assert!(opened(&harbour.lab) > 0);
}

#[test]
fn an_image_whose_user_cannot_read_the_variables_is_refused_before_anything_is_stopped() {
    let harbour = Harbour::new("reader");
    for name in ["TOKEN", "CHECK", "SEALED", "PASSWORD"] {
        harbour.set(name, "the-token-of-today");
    }
    harbour.serves("");
    harbour.deploy().succeeds();
    let before = harbour.id();
    let name = &harbour.container.name;
    let image = format!("{name}-image");
    told(&["create", "--name", &format!("{name}.clws-step"), busybox()]);
    told(&[
        "commit",
        "--change",
        "USER ada",
        &format!("{name}.clws-step"),
        &image,
    ]);
    told(&["rm", &format!("{name}.clws-step")]);
    let file = harbour.lab.vault().join("hooks/web.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let named = text.replace(busybox(), &image);
    let unnamed = named.replace("\nuser = \"1000\"\n", "\n");
    assert_ne!(unnamed, named);
    let deploy = |text: &str| {
        std::fs::write(&file, text).unwrap();
        harbour.lab.clws("hook sign web --yes").succeeds();
        harbour.deploy().run()
    };
    let ran = deploy(&unnamed);
    assert_eq!(rows(&ran), ["web failed (CONFIG)"]);
    assert!(
        ran.err.contains("runs as `ada`, who cannot read [env]"),
        "{}",
        ran.err
    );
    assert_eq!(harbour.id(), before);
    let ran = deploy(&named);
    assert_eq!(rows(&ran), ["web changed"], "{}", ran.err);
    harbour.lab.clws("deploy --on prod --stop --yes").succeeds();
    told(&["rmi", &image]);
}
