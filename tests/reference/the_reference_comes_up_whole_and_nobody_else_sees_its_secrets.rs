//! `clws deploy --on test` of this repository's own vault, from nothing to probes that pass, watched
//! from its first moment; then with a wrong database password; then taken away.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::given::{GIVEN, given, has, proves, values};
use crate::images;
use crate::support::lab::Ran;
use crate::town::{SERVER, Town, WORKER};
use crate::watcher::{Found, Wanted, Watcher};

/// The stand-ins, which prove what their process holds.
const STAND_INS: [&str; 6] = [
    "ws-server",
    "rest-server",
    "bundle-manager",
    "frontend",
    "monitor",
    "worker",
];

const WRONG: &str = "pWrong-Xq5bJ0w4nq2mYb7cTzL8e1";

const DEPLOY: &str = "deploy --on test --json --verbose";

/// The components of a host with what became of each, in the order of the report.
fn rows(ran: &Ran, host: &str) -> Vec<(String, String)> {
    let report = ran.json();
    let rows = report["rows"].as_array().unwrap().iter();
    let word = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
    rows.filter(|row| row["host"] == host)
        .map(|row| (word(row, "component"), word(row, "result")))
        .collect()
}

/// What a whole deploy is to report of a host.
fn all(host: &str, result: &str) -> Vec<(String, String)> {
    let there = GIVEN.iter().filter(|(_, on, _)| *on == host);
    there
        .map(|(name, _, _)| ((*name).to_owned(), result.to_owned()))
        .collect()
}

/// Each component's container.
fn ids(town: &Town) -> Vec<String> {
    let id = |(name, host, _): &(&str, &str, &[&str])| town.host(host).engine().of(name, "{{.Id}}");
    GIVEN.iter().map(id).collect()
}

/// What was found but may be where it was: in the environment of a component that is given it.
fn unexpected(found: Found) -> Found {
    let own = |(secret, place): &(String, String)| {
        let component = place.strip_prefix("environment of ");
        component.is_some_and(|component| given(component).contains(secret.as_str()))
    };
    found.into_iter().filter(|found| !own(found)).collect()
}

#[test]
fn one_command_brings_it_up_and_a_wrong_database_password_puts_the_old_one_back() {
    let town = Town::start();
    images::bring(&town);
    let values = values(&town);
    let mut wanted = Wanted::default();
    // A certificate is shown to everybody.
    for (name, value) in values
        .iter()
        .filter(|(name, _)| **name != "tls/codalab.crt")
    {
        wanted.add(name, value);
    }
    wanted.add("mysql/CODALAB_MYSQL_PASSWORD", WRONG);
    let watcher = Watcher::start(&town, &wanted);
    let mut said = Vec::new();

    let ran = town.succeeds(DEPLOY);
    for host in [SERVER, WORKER] {
        assert_eq!(rows(&ran, host), all(host, "started"), "{}", ran.err);
    }
    said.push(ran);
    they_came_in_order(&town);
    each_has_its_own(&town, &values);
    its_init_steps_were_done(&town);

    let before = ids(&town);
    let ran = town.succeeds(DEPLOY);
    for host in [SERVER, WORKER] {
        assert_eq!(rows(&ran, host), all(host, "unchanged"), "{}", ran.err);
    }
    assert_eq!(ids(&town), before);
    said.push(ran);
    said.push(everything_answers_whoever_is_on_call(&town));
    what_nginx_shows_is_looked_at_without_a_probe(&town);

    said.push(town.clws_with(
        "secret set test/mysql/CODALAB_MYSQL_PASSWORD",
        WRONG.as_bytes(),
    ));
    a_migration_with_the_wrong_password_ends_before_anything_is_touched(&town, &mut said);
    // As after a migration that was done before; and nobody waits for a minute here.
    hook(&town, "rest-server", |text| {
        let (head, rest) = text.split_once("[[before]]").unwrap();
        let (_, rest) = rest.split_once("# It uses the database").unwrap();
        format!("{head}# It uses the database{rest}").replace("within = \"60s\"", "within = \"4s\"")
    });
    hook(&town, "mysql", |text| {
        text.replace("within = \"90s\"", "within = \"4s\"")
    });
    nothing_of_it_is_in_a_core_file(&town);

    let ran = town.clws("deploy rest-server --on test --verbose");
    assert_eq!(ran.code, 22, "{}", ran.err);
    for part in [
        "rest-server on vm-clws-test-server-0 does not answer: probe `http://",
        "/rest/users/codalab`: ",
        "status 500 Internal Server Error: {\"error\": \"the database says: ",
        "| rest-server: the database says: ",
        "Access denied for user 'codalab'",
        "the old one runs again, with its old secrets",
    ] {
        assert!(ran.err.contains(part), "no {part}: {}", ran.err);
    }
    said.push(ran);
    // No host came to its end: the worker waits for nginx, and that for what needs the database.
    let ran = town.clws(DEPLOY);
    assert_eq!(ran.code, 22, "{}", ran.err);
    for part in [
        "mysql on vm-clws-test-server-0 does not answer: probe `",
        "Access denied",
        "the old one runs again, with its old secrets",
    ] {
        assert!(ran.err.contains(part), "no {part}: {}", ran.err);
    }
    assert_eq!(rows(&ran, WORKER), all(WORKER, "left"));
    said.push(ran);
    assert_eq!(ids(&town), before, "the old ones run");
    each_has_its_own(&town, &values);

    let found = watcher.ends();
    // It looked: this is where the value is meant to be.
    let own = ("codalab/PASSWORD", "environment of rest-server");
    assert!(
        found.contains(&(own.0.to_owned(), own.1.to_owned())),
        "{found:#?}"
    );
    assert_eq!(unexpected(found), Found::new());
    said.push(town.succeeds("deploy --on test --stop"));
    for host in &town.hosts {
        assert_eq!(host.engine().names(), Vec::<String>::new());
        let left =
            "find /dev/shm/clws-1000 /home/azureuser/.local/state/clws -type f ! -name 'lock*'";
        assert_eq!(host.sh(left), "");
    }
    assert_eq!(wanted.on_disks(&town), Found::new());
    for ran in said {
        let shown = [ran.out.as_slice(), ran.err.as_bytes()].concat();
        assert_eq!(wanted.within(&shown), Vec::<String>::new(), "{}", ran.err);
    }
}

/// Each component has what it is given and no other value of `test`, as its process shows and proves.
fn each_has_its_own(town: &Town, values: &std::collections::BTreeMap<&'static str, String>) {
    for (component, host, _) in GIVEN {
        let host = town.host(host);
        assert_eq!(
            has(host, component, values),
            given(component),
            "{component} has"
        );
        if STAND_INS.contains(&component) {
            assert_eq!(
                proves(host, component, values),
                given(component),
                "{component} proves"
            );
        }
    }
}

/// The order of CodaLab's facts, across both hosts.
fn they_came_in_order(town: &Town) {
    let began = |component: &str| {
        let (_, host, _) = GIVEN
            .iter()
            .find(|(name, _, _)| *name == component)
            .unwrap();
        let engine = town.host(host).engine();
        // Of one length up to the second, and digits behind.
        engine.of(component, "{{.State.StartedAt}}")
    };
    for (first, then) in [
        ("mysql", "rest-server"),
        ("ws-server", "rest-server"),
        ("rest-server", "bundle-manager"),
        ("rest-server", "frontend"),
        ("frontend", "nginx"),
        ("nginx", "worker"),
        ("nginx", "monitor"),
        ("bundle-manager", "monitor"),
    ] {
        assert!(began(first) < began(then), "{first} before {then}");
    }
}

fn its_init_steps_were_done(town: &Town) {
    let server = town.host(SERVER);
    let ask =
        "import codalab; print(codalab.database().ask('select name from worksheet order by name'))";
    let config = "CODALAB_CONFIG=/run/clws/config.json";
    let engine = server.engine();
    let said = engine.told(&["exec", "--env", config, "rest-server", "python3", "-c", ask]);
    assert_eq!(said.trim(), "[['dashboard'], ['home']]");
    // The monitor's first dump, with a login of its own.
    server.sh("test -s /home/azureuser/codalab/monitor/codalab_bundles-*.mysqldump.gz");
}

/// Every probe, those that no deploy asks among them: the workers are online, the rest-server reaches the
/// database, the dump is fresh, and nginx shows what was placed for it.
fn everything_answers_whoever_is_on_call(town: &Town) -> Ran {
    let ran = town.clws("status test --probe --json");
    let report = ran.json();
    let (mut wrong, mut right, mut shown) = (Vec::new(), Vec::new(), Vec::new());
    for host in report["hosts"].as_array().unwrap() {
        for component in host["components"].as_array().unwrap() {
            for probe in component["probes"].as_array().unwrap() {
                match probe["answer"] == "right" {
                    true => right.push(probe["probe"].as_str().unwrap().to_owned()),
                    false => wrong.push(probe.clone()),
                }
            }
            let served = component["served"].as_array().unwrap().iter();
            shown.extend(
                served.map(|served| (served["secret"].clone(), served["is_placed"].clone())),
            );
        }
    }
    assert_eq!(wrong, Vec::<serde_json::Value>::new(), "{}", ran.err);
    for asked in ["/rest/users/", "online.py", "the age of ", "listed.py"] {
        let count = right.iter().filter(|probe| probe.contains(asked)).count();
        assert_eq!(count, 1, "{asked} in {right:?}");
    }
    assert_eq!(shown, [("test/tls/codalab.crt".into(), true.into())]);
    ran
}

/// A container that has a certificate and publishes 443 is looked at there.
fn what_nginx_shows_is_looked_at_without_a_probe(town: &Town) {
    let path = town.lab.vault().join("hooks/nginx.toml");
    let whole = std::fs::read_to_string(&path).unwrap();
    hook(town, "nginx", |text| {
        text.split_once("# Told to read a key")
            .unwrap()
            .0
            .to_owned()
    });
    let report = town
        .clws("status vm-clws-test-server-0 --probe --json")
        .json();
    let components = report["hosts"][0]["components"].as_array().unwrap();
    let nginx = components.iter().find(|one| one["component"] == "nginx");
    let served = &nginx.unwrap()["served"][0];
    assert_eq!(served["address"], "127.0.0.1:443", "{report}");
    assert_eq!(served["name"], "worksheets-test.codalab.example");
    assert_eq!(
        (&served["secret"], &served["is_placed"]),
        (&"test/tls/codalab.crt".into(), &true.into())
    );
    hook(town, "nginx", |_| whole.clone());
}

fn a_migration_with_the_wrong_password_ends_before_anything_is_touched(
    town: &Town,
    said: &mut Vec<Ran>,
) {
    let before = ids(town);
    let ran = town.clws("deploy rest-server --on test");
    assert_eq!(ran.code, 22, "{}", ran.err);
    for part in [
        "rest-server on vm-clws-test-server-0: alembic exited with 1",
        "Access denied for user 'codalab'",
    ] {
        assert!(ran.err.contains(part), "no {part}: {}", ran.err);
    }
    assert_eq!(ids(town), before);
    said.push(ran);
}

/// Changes a hook and signs it.
fn hook(town: &Town, component: &str, change: impl FnOnce(&str) -> String) {
    let path = town.lab.vault().join(format!("hooks/{component}.toml"));
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed);
    std::fs::write(path, changed).unwrap();
    town.succeeds(&format!("hook sign {component}"));
}

/// Aborted while it holds values and waits for a probe, it leaves no core file, where another
/// program does.
fn nothing_of_it_is_in_a_core_file(town: &Town) {
    let folder = town.lab.root().join("cores");
    std::fs::create_dir(&folder).unwrap();
    let faults = |command: Command, ready: &dyn Fn() -> bool| {
        let mut limited = Command::new("sh");
        limited
            .args(["-c", "ulimit -c unlimited && exec \"$@\"", "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(&folder)
            .env_clear();
        for (name, value) in command.get_envs() {
            limited.env(name, value.unwrap_or_default());
        }
        let mut child = limited
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while !ready() {
            assert!(Instant::now() < until && child.try_wait().unwrap().is_none());
            std::thread::sleep(Duration::from_millis(20));
        }
        let pid = child.id().to_string();
        let told = Command::new("kill").args(["-s", "ABRT", &pid]).status();
        assert!(told.unwrap().success());
        let signal = child.wait().unwrap().signal();
        assert_eq!(signal, Some(6));
        std::fs::read_dir(&folder).unwrap().count()
    };
    let vault = town.lab.vault();
    let deploy = format!("--vault {} deploy rest-server --on test", vault.display());
    let engine = town.host(SERVER).engine();
    let asked = || engine.names().contains(&"rest-server.clws-new".to_owned());
    assert_eq!(faults(town.command(&deploy), &asked), 0);
    let mut sleeps = Command::new("sleep");
    sleeps.arg("100").env("PATH", "/usr/bin:/bin");
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    // Where a pattern leads elsewhere, or to a program, a file here proves nothing.
    if !pattern.starts_with(['|', '/']) {
        let slept = || {
            std::thread::sleep(Duration::from_millis(200));
            true
        };
        assert_eq!(faults(sleeps, &slept), 1, "no core file of another program");
    }
}
