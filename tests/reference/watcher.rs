//! Looks for values while something is done, and afterwards, in every place where it could leave them.
//!
//! While it is done: the arguments and the environments of all processes of this machine, its hosts' too;
//! what the daemons tell of each event, and of each container and each command in one at the moment of that
//! event. Afterwards: what the daemons tell of what is there, logs of containers, daemons and sshd, and the
//! disks of both ends, with GNU grep as the judge. A deploy's own folder, which is memory, is meant to hold
//! values and is the only folder left out.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::engine::Engine;
use crate::processes;
use crate::support::lab::{contains, forms};
use crate::town::Town;

/// A place that showed a secret: the secret's name, and where.
pub(crate) type Found = BTreeSet<(String, String)>;

/// What is looked for: by the name of each secret, texts that nothing else holds, in each form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted(BTreeMap<String, Vec<Vec<u8>>>);

impl Wanted {
    /// One value; of several lines, those that are long and no frame.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let lines = value.lines().map(str::trim);
        let telling = |line: &&str| {
            let frame = line.starts_with("-----")
                || line.contains("\"type\"")
                || line.contains("\"client_email\"");
            line.len() >= 16 && !frame
        };
        let found: Vec<Vec<u8>> = lines.filter(telling).flat_map(forms).collect();
        assert!(!found.is_empty(), "{name} has nothing to look for");
        self.0.entry(name.to_owned()).or_default().extend(found);
    }

    /// The names of those that some bytes hold, in any form.
    pub(crate) fn within(&self, bytes: &[u8]) -> Vec<String> {
        let holds = |forms: &Vec<Vec<u8>>| forms.iter().any(|form| contains(bytes, form));
        let found = self.0.iter().filter(|(_, forms)| holds(forms));
        found.map(|(name, _)| name.clone()).collect()
    }

    /// Every form of every text, as `grep -f` reads them.
    fn patterns(&self) -> Vec<u8> {
        let mut patterns = Vec::new();
        for form in self.0.values().flatten() {
            patterns.extend_from_slice(form);
            patterns.push(b'\n');
        }
        patterns
    }
}

/// One that looks.
pub(crate) struct Watcher<'t> {
    town: &'t Town,
    wanted: Wanted,
    over: Arc<AtomicBool>,
    processes: JoinHandle<Found>,
    /// What listens to each daemon, and what it has heard.
    daemons: Vec<(Child, JoinHandle<Heard>)>,
}

#[derive(Default)]
struct Heard {
    events: Vec<u8>,
    told: Vec<u8>,
    /// The component of each container, by its id.
    components: BTreeMap<String, String>,
}

impl<'t> Watcher<'t> {
    /// Begins to look.
    pub(crate) fn start(town: &'t Town, wanted: &Wanted) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let processes = {
            let (over, wanted) = (Arc::clone(&over), wanted.clone());
            std::thread::spawn(move || processes::watch(&wanted, &over))
        };
        let daemons = town
            .hosts
            .iter()
            .map(|host| listen(host.engine()))
            .collect();
        Self {
            town,
            wanted: wanted.clone(),
            over,
            processes,
            daemons,
        }
    }

    /// Looks everywhere else, and says what was found. Environments stand with the component of their
    /// container, or the name of their program.
    pub(crate) fn ends(self) -> Found {
        // Events come a moment after what they tell of.
        std::thread::sleep(Duration::from_millis(500));
        self.over.store(true, Ordering::Relaxed);
        let processes = self.processes.join().unwrap();
        let (mut found, mut components) = (Found::new(), BTreeMap::new());
        for (mut client, heard) in self.daemons {
            client.kill().unwrap();
            client.wait().unwrap();
            let heard = heard.join().unwrap();
            assert!(!heard.events.is_empty(), "a daemon told of nothing");
            note(&mut found, &self.wanted, &heard.events, "docker events");
            note(&mut found, &self.wanted, &heard.told, "docker inspect");
            components.extend(heard.components);
        }
        found.extend(processes.into_iter().map(|(name, place)| {
            let id = place.strip_prefix("environment of container ");
            match id.and_then(|id| components.get(id)) {
                Some(component) => (name, format!("environment of {component}")),
                None => (name, place),
            }
        }));
        for host in &self.town.hosts {
            let told = everything(&host.engine());
            for (place, bytes) in told {
                note(&mut found, &self.wanted, &bytes, place);
            }
        }
        found.extend(self.wanted.on_disks(self.town));
        found
    }
}

impl Wanted {
    /// The files that hold any of it, on the disks of both ends.
    pub(crate) fn on_disks(&self, town: &Town) -> Found {
        let mut folders = vec![town.lab.root().to_owned()];
        for host in &town.hosts {
            let disks = ["/home", "/mnt", "/run", "/tmp", "/dev/shm"];
            let lib = [
                "/var/lib/docker",
                "/var/lib/containerd",
                "/var/lib/clws",
                "/var/log",
            ];
            folders.extend(disks.iter().chain(&lib).map(|folder| host.path(folder)));
        }
        let patterns = self.patterns();
        let mut grep = Command::new("grep")
            .args([
                "-rlaF",
                "--devices=skip",
                "--file=-",
                "--exclude-dir=clws-1000",
            ])
            // A container's tree again, put together from the layers that are searched.
            .args(["--exclude-dir=merged", "--"])
            .args(&folders)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        grep.stdin.take().unwrap().write_all(&patterns).unwrap();
        let output = grep.wait_with_output().unwrap();
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut found = Found::new();
        for file in listed.lines() {
            let bytes = std::fs::read(file).unwrap_or_default();
            note(&mut found, self, &bytes, file);
        }
        found
    }
}

/// Notes what some bytes hold.
pub(crate) fn note(found: &mut Found, wanted: &Wanted, bytes: &[u8], place: &str) {
    let names = wanted.within(bytes).into_iter();
    found.extend(names.map(|name| (name, place.to_owned())));
}

/// Follows a daemon's events, and asks at once for what each is about.
fn listen(engine: Engine) -> (Child, JoinHandle<Heard>) {
    // So that there is one to hear of in any case.
    engine.told(&["network", "create", "watched"]);
    engine.told(&["network", "rm", "watched"]);
    let mut client = engine
        .client()
        .args(["events", "--format", "{{json .}}"])
        // From its start on: what comes before the daemon answers would be missed.
        .args(["--since", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(client.stdout.take().unwrap()).lines();
    let heard = std::thread::spawn(move || {
        let mut heard = Heard::default();
        for line in lines.map_while(Result::ok) {
            let event: serde_json::Value = serde_json::from_str(&line).unwrap();
            let id = event["Actor"]["ID"].as_str().unwrap_or_default();
            let command = event["Actor"]["Attributes"]["execID"].as_str();
            if let Some(command) = command {
                heard
                    .told
                    .extend(engine.get(&format!("/exec/{command}/json")));
            } else if event["Type"] == "container" {
                if let Some(component) = event["Actor"]["Attributes"]["clws.component"].as_str() {
                    heard.components.insert(id.to_owned(), component.to_owned());
                }
                heard
                    .told
                    .extend(engine.get(&format!("/containers/{id}/json")));
            }
            heard.events.extend_from_slice(line.as_bytes());
        }
        heard
    });
    (client, heard)
}

/// What a daemon tells of all that is there.
fn everything(engine: &Engine) -> Vec<(&'static str, Vec<u8>)> {
    let mut all = Vec::new();
    let mut ask = |place: &'static str, words: &[&str]| {
        let output = engine.asked(words);
        all.push((place, [output.stdout, output.stderr].concat()));
    };
    ask("docker ps", &["ps", "--all", "--no-trunc"]);
    ask("docker info", &["info"]);
    for name in engine.names() {
        ask("docker inspect", &["inspect", &name]);
        ask("docker logs", &["logs", &name]);
        ask("docker top", &["top", &name]);
        ask("docker diff", &["diff", &name]);
    }
    let networks = engine.told(&["network", "ls", "--quiet"]);
    for network in networks.lines() {
        ask("docker network", &["network", "inspect", network]);
    }
    let images = engine.told(&["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    for image in images.lines() {
        ask("docker image", &["image", "inspect", image]);
        ask("docker history", &["history", "--no-trunc", image]);
    }
    all
}
