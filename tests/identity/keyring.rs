//! The keyring is used where one answers, never waited for where none does.
//!
//! The D-Bus library reads the environment of its process, so each case runs in a child: this test
//! program again, with the one variable that matters set.

use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clws::crypto::{DataKey, unwrap, wrap};
use clws::error::Error;
use clws::identity::{Kept, Nobody, Place, PublicFolder, all, create, list, remove};
use clws::world::World;

use crate::bundle::ssh_keygen_verifies;
use crate::lab::{Home, Running, name, real, run, wait_until};

/// The role that the child plays.
pub(crate) const ROLE: &str = "TEST_ROLE";

/// Plays a role, and prints what came of it.
fn play(role: &str) -> Result<String, Error> {
    let world = World::of_process();
    let created = |place| {
        let bundle = create(&world, &name("ada"), place, None)?;
        let kept = bundle.age_kept().map(Kept::as_str).unwrap_or_default();
        Ok(format!(
            "{kept} {} {}",
            bundle.label(),
            bundle.recipient().unwrap_or_default()
        ))
    };
    match role {
        "new" => created(Place::Auto),
        "new in the keyring" => created(Place::Keyring),
        "list" => {
            let listed = list(&world)?;
            let found = listed.iter().filter_map(|one| one.bundle.as_ref().ok());
            let keys = found.map(|bundle| bundle.verifying_key().unwrap().unwrap().to_string());
            Ok(keys.collect())
        }
        "use" => {
            let bundles = all(&world, None, PublicFolder::Refuse)?;
            let recipient: age::x25519::Recipient =
                bundles[0].recipient().unwrap().parse().unwrap();
            let wrapped = wrap(&DataKey::new([7; 32]), &recipient).unwrap();
            let identity = bundles[0].open_age(&Nobody)?;
            assert!(
                unwrap(&wrapped, &identity)
                    .unwrap()
                    .with(|key| *key == [7; 32])
            );
            ssh_keygen_verifies(&Home::new(), &bundles[0].signer(&Nobody)?);
            Ok("used".to_owned())
        }
        "remove" => remove(&world, &name("ada"))
            .map(|()| "removed".to_owned())
            .map_err(Error::from),
        other => Ok(format!("no role {other}")),
    }
}

#[test]
fn as_a_child() {
    let world = World::of_process();
    let role = world
        .variable(ROLE)
        .and_then(|role| role.to_str())
        .unwrap_or("as a test");
    match play(role) {
        Ok(text) => println!("\nplayed: {text}"),
        Err(error) => println!("\nplayed: error {} {error:?}", error.code().number()),
    }
    assert_eq!(play("nobody").unwrap(), "no role nobody");
}

/// Has a child play a role with a session bus, or without.
fn child(home: &Home, bus: Option<&Path>, role: &str) -> String {
    let world = home.world();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "keyring::as_a_child", "--nocapture"])
        .env_clear();
    command.envs(world.environment()).env(ROLE, role);
    if let Some(bus) = bus {
        command.env("DBUS_SESSION_BUS_ADDRESS", address(bus));
    }
    let (success, out, error) = run(&mut command, b"");
    let out = String::from_utf8(out).unwrap();
    assert!(success, "{role}: {out}{error}");
    let played = out.split_once("\nplayed: ").unwrap().1;
    played
        .split_once("\ntest ")
        .map_or(played, |(played, _)| played)
        .trim()
        .to_owned()
}

fn address(bus: &Path) -> String {
    format!("unix:path={}", bus.display())
}

/// A bus of our own, on which nothing is started by itself.
fn bus(home: &Home) -> (Running, PathBuf) {
    let socket = home.path("bus");
    let config = format!(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\
         <busconfig><type>session</type><listen>{}</listen><policy context=\"default\">\
         <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>\
         <allow own=\"*\"/></policy></busconfig>",
        address(&socket)
    );
    let config = home.write("bus.conf", &config, 0o600);
    let mut daemon = real("dbus-daemon");
    daemon
        .arg("--nofork")
        .arg("--config-file")
        .arg(config)
        .stderr(Stdio::null());
    let daemon = Running(daemon.spawn().unwrap());
    wait_until("the bus", || socket.exists());
    (daemon, socket)
}

/// A real keyring on the bus, its login collection unlocked with a password, or left locked.
fn keyring(home: &Home, bus: &Path, password: Option<&str>) -> Running {
    let mut daemon = real("gnome-keyring-daemon");
    daemon.args(["--foreground", "--components=secrets"]);
    daemon.arg("--control-directory").arg(home.path("control"));
    daemon.args(password.map(|_| "--unlock"));
    daemon
        .env("HOME", home.path(""))
        .env("DBUS_SESSION_BUS_ADDRESS", address(bus));
    daemon
        .env_remove("XDG_DATA_HOME")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY");
    daemon
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut daemon = daemon.spawn().unwrap();
    let mut input = daemon.stdin.take().unwrap();
    input
        .write_all(password.unwrap_or_default().as_bytes())
        .unwrap();
    drop(input);
    let daemon = Running(daemon);
    wait_until("the keyring", || {
        let mut ask = real("dbus-send");
        ask.args([
            "--session",
            "--print-reply",
            "--dest=org.freedesktop.DBus",
            "/",
        ]);
        ask.args([
            "org.freedesktop.DBus.NameHasOwner",
            "string:org.freedesktop.secrets",
        ]);
        let answer = run(ask.env("DBUS_SESSION_BUS_ADDRESS", address(bus)), b"").1;
        String::from_utf8_lossy(&answer).contains("boolean true")
    });
    daemon
}

fn has_clear_key(home: &Home) -> bool {
    let text = std::fs::read_to_string(home.bundle("ada/age.txt"));
    text.is_ok_and(|text| text.contains("AGE-SECRET-KEY-1"))
}

#[test]
fn without_a_bus_the_file_is_used_at_once() {
    let home = Home::new();
    let started = Instant::now();
    let played = child(&home, None, "new");
    assert!(
        played.starts_with("file ~/.config/clws/identities/ada age1"),
        "{played}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(child(&home, None, "use"), "used");
    assert_eq!(child(&home, None, "remove"), "removed");
    let played = child(&home, None, "new in the keyring");
    assert!(
        played.starts_with("error 24 BACKEND there is no session bus"),
        "{played}"
    );
    assert!(!home.bundle("ada").exists());
}

#[test]
fn a_bus_that_accepts_and_never_answers_costs_a_second() {
    let home = Home::new();
    let socket = home.path("silent");
    let listener = UnixListener::bind(&socket).unwrap();
    // The kernel takes who connects; nobody ever reads.
    listener.set_nonblocking(true).unwrap();
    let started = Instant::now();
    let played = child(&home, Some(&socket), "new");
    assert!(played.starts_with("file "), "{played}");
    assert!(has_clear_key(&home));
    let took = started.elapsed();
    // D-Bus itself would wait for 25 seconds.
    assert!(
        took > Duration::from_millis(900) && took < Duration::from_secs(20),
        "{took:?}"
    );

    // With the file there nobody looks at the bus again.
    let looks = || listener.incoming().take_while(Result::is_ok).count();
    assert_ne!(looks(), 0);
    assert_eq!(child(&home, Some(&socket), "use"), "used");
    assert_eq!(looks(), 0);
}

#[test]
fn a_bus_without_a_keyring_is_no_keyring() {
    let home = Home::new();
    let (_daemon, bus) = bus(&home);
    let played = child(&home, Some(&bus), "new");
    assert!(played.starts_with("file "), "{played}");
    assert_eq!(child(&home, Some(&bus), "remove"), "removed");
    let played = child(&home, Some(&bus), "new in the keyring");
    assert!(
        played.starts_with("error 24 BACKEND no keyring answers on the session bus"),
        "{played}"
    );
}

#[test]
fn a_real_keyring_keeps_both_halves_and_gives_them_back() {
    let home = Home::new();
    let (_daemon, bus) = bus(&home);
    let daemon = keyring(&home, &bus, Some("login password"));
    let played = child(&home, Some(&bus), "new");
    assert!(played.starts_with("keyring keyring: ada age1"), "{played}");

    // Of the halves only the public ones lie in the folder, and listing needs no keyring.
    let folder = home.bundle("ada");
    let files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(files, ["where"]);
    let listed = child(&home, None, "list");
    assert!(listed.starts_with("ssh-ed25519 "), "{listed}");
    assert_eq!(child(&home, Some(&bus), "use"), "used");
    let played = child(&home, None, "use");
    assert!(
        played.starts_with("error 24 BACKEND there is no session bus"),
        "{played}"
    );

    // Locked, with nobody to unlock it: an error, not a wait without end.
    drop(daemon);
    let daemon = keyring(&home, &bus, None);
    let started = Instant::now();
    let played = child(&home, Some(&bus), "use");
    assert!(
        played.starts_with("error 24 BACKEND the keyring"),
        "{played}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(70),
        "{:?}",
        started.elapsed()
    );
    let other = Home::new();
    let played = child(&other, Some(&bus), "new");
    assert!(
        played.starts_with("file "),
        "a new one goes where it can: {played}"
    );
    drop(daemon);

    let _daemon = keyring(&home, &bus, Some("login password"));
    assert_eq!(child(&home, Some(&bus), "use"), "used");
    // A keyring that is not there keeps the stub, so that nothing is half removed.
    let played = child(&home, None, "remove");
    assert!(played.starts_with("error 24 "), "{played}");
    assert_eq!(child(&home, Some(&bus), "remove"), "removed");
    assert!(!folder.exists());
    assert_eq!(child(&home, Some(&bus), "list"), "");
}
