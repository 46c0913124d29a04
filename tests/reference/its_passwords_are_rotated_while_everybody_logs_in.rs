//! `clws rotate` of the reference's database password and of CodaLab's root user, while a client logs in ten
//! times a second: it never fails, also where the run is killed at any step and led on or back.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::given::has;
use crate::images;
use crate::support::lab::Ran;
use crate::support::tool::tool;
use crate::town::{HERE, SERVER, Town, WORKER};

const PASSWORD: &str = "mysql/CODALAB_MYSQL_PASSWORD";
const ROTATE: &str = "rotate test/mysql/CODALAB_MYSQL_PASSWORD --verbose";

/// Those that log in to the database.
const USERS: [&str; 3] = ["rest-server", "bundle-manager", "monitor"];

/// Where a rotation is killed.
#[derive(Clone, Copy, Debug)]
enum At {
    /// When this is written down.
    Step(&'static str),
    /// While this container is made.
    Container(&'static str),
}

/// Where, and how it goes on.
const KILLS: [(At, &str); 14] = [
    (At::Container("rest-server.clws-new"), "--undo"),
    (At::Step("used"), "--resume"),
    (At::Step("begun"), "--resume"),
    (At::Step("begun"), "--undo"),
    (At::Step("made"), "--resume"),
    (At::Step("made"), "--undo"),
    (At::Step("accepted"), "--resume"),
    (At::Step("accepted"), "--undo"),
    (At::Step("swapped"), "--resume"),
    (At::Step("swapped"), "--undo"),
    (At::Container("rest-server.clws-new"), "--resume"),
    (At::Container("monitor.clws-new"), "--resume"),
    (At::Container("monitor.clws-new"), "--undo"),
    (At::Step("used"), "--undo"),
];

/// So many of them without `CLWS_CRASH=all`.
const SHORT: usize = 2;

struct Scene {
    town: Town,
    client: Child,
    log: std::path::PathBuf,
}

impl Scene {
    fn start() -> Self {
        let town = Town::start();
        images::bring(&town);
        town.succeeds("deploy --on test --json --verbose");
        let log = town.lab.root().join("logins");
        let server = town.host(SERVER);
        let root = server.path("/").display().to_string();
        let address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address = server.engine().of("mysql", address);
        let client = Command::new(tool("nsenter"))
            .arg(format!("--net=/proc/{}/ns/net", server.first))
            .args(["/usr/bin/python3", &format!("{HERE}/stand_in/client.py")])
            .args([root.trim_end_matches('/'), &address])
            .arg(&log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let scene = Self { town, client, log };
        scene.logs_in();
        scene
    }

    fn logins(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until the client has logged in some times more; it never failed.
    fn logs_in(&self) {
        let before = self.logins().len();
        while self.logins().len() < before + 5 {
            std::thread::sleep(Duration::from_millis(50));
        }
        let logins = self.logins();
        let failed: Vec<&String> = logins.iter().filter(|line| *line != "yes").collect();
        assert!(failed.is_empty(), "of {}: {failed:#?}", logins.len());
    }

    fn password(&self) -> String {
        self.town.value(PASSWORD)
    }

    /// Whether the database lets CodaLab's account in, asked in the monitor's container.
    fn takes(&self, password: &str) -> bool {
        let ask = "import codalab, sys; codalab.Database(sys.stdin.read())";
        let engine = self.town.host(SERVER).engine();
        let mut asking = engine
            .client()
            .args(["exec", "-i", "monitor", "python3", "-c", ask])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("mysql://codalab:{password}@mysql:3306/codalab_bundles");
        let mut input = asking.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, url.as_bytes()).unwrap();
        drop(input);
        asking.wait().unwrap().success()
    }

    /// All who use it have `now`, nobody has `gone`, and the database lets in the one alone.
    fn all_have(&self, now: &str, gone: &str, what: &str) {
        let values = [("now", now.to_owned()), ("gone", gone.to_owned())];
        let values = values.into_iter().collect();
        for component in USERS {
            let has: Vec<&str> = has(self.town.host(SERVER), component, &values)
                .into_iter()
                .collect();
            assert_eq!(has, ["now"], "{what}: {component}");
        }
        assert!(self.takes(now), "{what}: it does not let in what is used");
        assert!(!self.takes(gone), "{what}: it lets in the other one");
        self.logs_in();
    }

    fn mysql(&self) -> String {
        let engine = self.town.host(SERVER).engine();
        engine.of("mysql", "{{.Id}} {{.State.StartedAt}}")
    }

    /// The step that is written down of a rotation, if one is under way.
    fn step(&self) -> Option<String> {
        let find = Command::new("find")
            .arg(self.town.lab.root())
            .args(["-path", "*/rotations/*.json"])
            .output()
            .unwrap();
        let found = String::from_utf8(find.stdout).unwrap();
        let text = std::fs::read_to_string(found.lines().next()?).ok()?;
        let record: serde_json::Value = serde_json::from_str(&text).ok()?;
        record["step"].as_str().map(str::to_owned)
    }

    /// Begins a rotation, and kills it there.
    fn killed(&self, at: At) {
        let mut child = self
            .town
            .command(&format!(
                "--vault {} {ROTATE}",
                self.town.lab.vault().display()
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(120);
        let engine = self.town.host(SERVER).engine();
        loop {
            let is_there = match at {
                At::Step(step) => self.step().as_deref() == Some(step),
                At::Container(name) => engine.names().iter().any(|other| other == name),
            };
            if is_there {
                break;
            }
            assert!(Instant::now() < until, "{at:?} never came");
            assert!(
                child.try_wait().unwrap().is_none(),
                "it ended before {at:?}"
            );
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _killed = self.client.kill();
        let _waited = self.client.wait();
    }
}

fn says(ran: &Ran, part: &str) {
    assert!(ran.err.contains(part), "no {part}: {}", ran.err);
}

#[test]
fn nobody_who_logs_in_notices_a_rotation_wherever_it_is_killed() {
    let scene = Scene::start();
    let (old, mysql) = (scene.password(), scene.mysql());
    let began = Instant::now();
    let ran = scene.town.succeeds(ROTATE);
    println!("rotated in {:.1} s", began.elapsed().as_secs_f64());
    says(
        &ran,
        "outside, the new value is accepted beside the old one",
    );
    says(&ran, "outside, the new value alone is accepted");
    let new = scene.password();
    assert!(!ran.err.contains(&old) && !ran.err.contains(&new));
    scene.all_have(&new, &old, "rotated");
    assert_eq!(scene.mysql(), mysql, "the database goes on");

    let kills = if is_all() { KILLS.len() } else { SHORT };
    for (at, way) in KILLS.into_iter().take(kills) {
        let what = format!("killed at {at:?}, then {way}");
        let before = scene.password();
        scene.killed(at);
        scene.logs_in();
        let meanwhile = scene.password();
        scene.town.succeeds(&format!("rotate {way} --verbose"));
        let now = scene.password();
        assert_eq!(now == before, way == "--undo", "{what}");
        let gone = if way == "--resume" {
            &before
        } else {
            &meanwhile
        };
        let gone = if *gone == now { &old } else { gone };
        scene.all_have(&now, gone, &what);
        assert_eq!(scene.step(), None, "{what}: something is under way");
        scene.town.succeeds("check --full");
        println!("{what}: {} logins so far", scene.logins().len());
    }
    assert_eq!(scene.mysql(), mysql, "the database goes on");
    println!("{} logins, none failed", scene.logins().len());

    codalab_gets_another_root_user(&scene);
}

/// The server's own update, then whoever logs in with it.
fn codalab_gets_another_root_user(scene: &Scene) {
    let old = scene.town.value("codalab/PASSWORD");
    let ran = scene
        .town
        .succeeds("rotate test/codalab/PASSWORD --verbose");
    says(&ran, "in place of the old one: until the deploy is done");
    let new = scene.town.value("codalab/PASSWORD");
    let values = [("new", new.clone()), ("old", old.clone())];
    let values = values.into_iter().collect();
    for (host, component) in [
        (SERVER, "rest-server"),
        (SERVER, "monitor"),
        (WORKER, "worker"),
    ] {
        let has: Vec<&str> = has(scene.town.host(host), component, &values)
            .into_iter()
            .collect();
        assert_eq!(has, ["new"], "{component}");
    }
    let ask = "import codalab, sys; codalab.login('http://rest-server:2900', 'codalab', sys.stdin.read())";
    for (password, is_let_in) in [(&new, true), (&old, false)] {
        let engine = scene.town.host(SERVER).engine();
        let mut asking = engine
            .client()
            .args(["exec", "-i", "monitor", "python3", "-c", ask])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = asking.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, password.as_bytes()).unwrap();
        drop(input);
        assert_eq!(asking.wait().unwrap().success(), is_let_in);
    }
    scene.logs_in();
}

/// Whether each kill is tried, which takes minutes: `CLWS_CRASH=all`.
fn is_all() -> bool {
    std::env::var_os("CLWS_CRASH").is_some_and(|wanted| wanted == "all")
}
