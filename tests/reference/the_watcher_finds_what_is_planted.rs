//! What watches the reference finds nothing there; here it finds one value in every place that it looks at.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::docker_image::STATIC_BUSYBOX;
use crate::town::{HERE, SERVER, Town};
use crate::watcher::{Wanted, Watcher};

#[test]
fn a_planted_value_is_found_wherever_it_may_lie() {
    let town = Town::start();
    let host = town.host(SERVER);
    let engine = host.engine();
    let folder = tempfile::tempdir().unwrap();
    let tar = folder.path().join("busybox.tar");
    let script = "mkdir -p \"$0/bin\" && cp \"$1\" \"$0/bin/sh\" && cp \"$1\" \"$0/bin/sleep\" && tar -cf \"$2\" -C \"$0\" bin";
    let tree = folder.path().join("tree");
    let packed = Command::new("sh")
        .args(["-c", script])
        .arg(&tree)
        .arg(STATIC_BUSYBOX)
        .arg(&tar)
        .status()
        .unwrap();
    assert!(packed.success());

    // A value of its own for each place, so that none is found for another's sake.
    let value = |place: &str| {
        clws::crypto::hex(&clws::crypto::sha256(
            format!("{HERE}{place}{}", std::process::id()).as_bytes(),
        ))
    };
    let places = [
        "argument",
        "environment",
        "contained",
        "variable",
        "label",
        "history",
        "exec",
        "printed",
        "layer",
        "removed",
        "daemon",
        "sshd",
        "disk",
        "base64",
        "receipt",
        "desk",
        "core",
    ];
    let mut wanted = Wanted::default();
    for place in places {
        wanted.add(place, &value(place));
    }
    engine.import(&tar, "plain:1", &[]);
    let watcher = Watcher::start(&town, &wanted);

    // Gone again after a moment.
    let short = |program: &mut Command| {
        assert!(program.stdout(Stdio::null()).status().unwrap().success());
    };
    short(Command::new("sh").args(["-c", "sleep 0.3", &value("argument")]));
    short(
        Command::new("sleep")
            .arg("0.3")
            .env("TOKEN", value("environment")),
    );
    let label = format!("LABEL token={}", value("history"));
    engine.import(&tar, "careless:1", &[&label]);
    let shown = format!(
        "echo {}; echo {} >/kept; TOKEN={} sleep 1000",
        value("printed"),
        value("layer"),
        value("contained")
    );
    let variable = format!("TOKEN={}", value("variable"));
    let token = format!("token={}", value("label"));
    let run = [
        "run", "--detach", "--name", "careless", "--env", &variable, "--label", &token,
    ];
    engine.told(&[&run[..], &["careless:1", "sleep", "1000"]].concat());
    // These lines stand in no argument.
    let mut told = engine
        .client()
        .args(["run", "--interactive", "--name", "talking", "plain:1", "sh"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(told.stdin.as_mut().unwrap(), "{shown}").unwrap();
    engine.told(&[
        "exec",
        "careless",
        "sh",
        "-c",
        &format!(": {}", value("exec")),
    ]);
    let gone = format!("TOKEN={}", value("removed"));
    engine.told(&["run", "--rm", "--env", &gone, "plain:1", "sleep", "0"]);
    let _refused = engine.asked(&["inspect", &value("daemon")]);
    let _refused = town_logs_in(&town, &value("sshd"));
    let write = |path: &str, text: &str| std::fs::write(host.path(path), text).unwrap();
    write("/home/azureuser/careless", &value("disk"));
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD.encode(value("base64"));
    write("/mnt/scratch/encoded", &base64);
    write("/var/lib/clws/receipt.json", &value("receipt"));
    let desk = |name: &str, text: &str| std::fs::write(town.lab.root().join(name), text).unwrap();
    desk("careless", &value("desk"));
    desk("core", &format!("\0\0{}\0", value("core")));
    while !engine
        .told(&["logs", "talking"])
        .contains(&value("printed"))
    {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }

    let found = watcher.ends();
    told.kill().unwrap();
    told.wait().unwrap();
    let found_in = |place: &str, part: &str| {
        let mut all = found.iter().filter(|(name, _)| name == place);
        all.any(|(_, found)| found.contains(part))
    };
    let expected = [
        ("argument", "ps"),
        ("environment", "environment of sleep"),
        ("contained", "environment of container"),
        ("variable", "docker inspect"),
        ("label", "docker events"),
        ("label", "docker inspect"),
        ("label", "/var/lib/docker/containers/"),
        ("history", "docker image"),
        ("history", "/var/lib/docker/image/"),
        ("exec", "docker events"),
        ("exec", "docker inspect"),
        ("printed", "docker logs"),
        ("printed", "-json.log"),
        ("layer", "/overlay2/"),
        ("removed", "docker inspect"),
        ("daemon", "/var/log/dockerd.log"),
        ("sshd", "/var/log/sshd.log"),
        ("disk", "/home/"),
        ("base64", "/mnt/"),
        ("receipt", "/var/lib/clws/"),
        ("desk", "careless"),
        ("core", "core"),
    ];
    for (place, part) in expected {
        assert!(found_in(place, part), "{place} in {part}: {found:#?}");
    }
    let planted: BTreeSet<&str> = expected.iter().map(|(place, _)| *place).collect();
    assert_eq!(planted.len(), places.len());
}

/// A login that fails, as a user of this name.
fn town_logs_in(town: &Town, user: &str) -> bool {
    let mut command = Command::new("ssh");
    command
        .args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
        ])
        .args([
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-l",
            user,
            "10.0.1.4",
            "true",
        ])
        .env("PATH", "/usr/bin:/bin");
    town.at_the_desk(command).output().unwrap().status.success()
}
