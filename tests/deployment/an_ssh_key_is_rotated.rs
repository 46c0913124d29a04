//! A key that logs in to three hosts gets a new pair while one of them is down. At no moment is there a
//! host that nothing in the vault opens.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::site::{host, way_to, write};
use crate::support::lab::Lab;
use crate::support::sshd::Sshd;

const PATH: &str = "prod/ssh/deploys";

/// A server whose account has a home of the test's own.
struct Machine {
    name: &'static str,
    server: Sshd,
    home: tempfile::TempDir,
}

impl Machine {
    fn start(name: &'static str) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".ssh")).unwrap();
        let at = home.path().display();
        let configuration = format!(
            "SetEnv HOME={at}\nAuthorizedKeysFile {at}/.ssh/authorized_keys {at}/elsewhere"
        );
        let server = Sshd::start_with(&["ed25519"], &configuration);
        Self { name, server, home }
    }

    fn file(&self) -> PathBuf {
        self.home.path().join(".ssh/authorized_keys")
    }

    fn lists(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    /// Whether OpenSSH's own client gets in with this key alone.
    fn lets_in(&self, key: &Path) -> bool {
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
        ])
        .args(["-o", "IdentityAgent=none", "-o", "StrictHostKeyChecking=no"])
        .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"])
        .args(["-p", &self.server.port.to_string(), "-l", &self.server.user])
        .arg("-i")
        .arg(key)
        .args(["127.0.0.1", "true"]);
        ssh.output().unwrap().status.success()
    }
}

/// The key of `prod` in a vault, and the hosts that list it.
struct Fleet {
    lab: Lab,
    keys: tempfile::TempDir,
    hosts: [Machine; 3],
}

/// A key that is not rotated.
const OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ grace";

impl Fleet {
    fn new(kind: &str) -> Self {
        Self::of(Lab::new(), kind)
    }

    fn of(lab: Lab, kind: &str) -> Self {
        let keys = tempfile::tempdir().unwrap();
        let file = keys.path().join("first");
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-N", "", "-C", "deploys of prod", "-t", kind, "-f"]);
        assert!(keygen.arg(&file).status().unwrap().success());
        let public = fs::read_to_string(file.with_extension("pub")).unwrap();
        let hosts = ["one", "two", "three"].map(Machine::start);
        for machine in &hosts {
            fs::write(
                machine.file(),
                format!("# of the fleet\n{OTHER}\nfrom=\"127.0.0.1\",no-pty {public}"),
            )
            .unwrap();
            let server = &machine.server;
            let way = way_to(server, &server.user, server.host_key_line());
            host(&lab, machine.name, "prod", "server", &way);
        }
        let settings = fs::read_to_string(lab.vault().join("clws.toml")).unwrap();
        let scope = format!("[scope.prod]\nssh_key = \"{PATH}\"\n\n[end]");
        write(&lab, "clws.toml", &settings.replace("[end]", &scope));
        lab.clws("trust sign --yes").succeeds();
        lab.clws(&format!("secret set {PATH} --type file"))
            .stdin(&fs::read(&file).unwrap())
            .succeeds();
        lab.clws(&format!("secret policy {PATH} --rotator ssh-key"))
            .succeeds();
        Self { lab, keys, hosts }
    }

    /// The key that is given out, as a file.
    fn given_out(&self, name: &str) -> PathBuf {
        let file = self.keys.path().join(name);
        let key = self.lab.clws(&format!("secret get {PATH}")).succeeds().out;
        fs::write(&file, key).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&file, mode).unwrap();
        file
    }

    fn first(&self) -> PathBuf {
        self.keys.path().join("first")
    }

    /// Which of the hosts a key opens.
    fn opened_by(&self, key: &Path) -> [bool; 3] {
        self.hosts.each_ref().map(|machine| machine.lets_in(key))
    }

    /// Whether clws itself gets in everywhere.
    fn is_reached(&self) -> [bool; 3] {
        self.hosts.each_ref().map(|machine| {
            let ran = self
                .lab
                .clws(&format!("ssh {} -- true", machine.name))
                .run();
            ran.code == 0
        })
    }

    fn is_settled(&self) {
        let sidecar = self.lab.vault().join(format!("secrets/{PATH}.age.toml"));
        assert!(!fs::read_to_string(sidecar).unwrap().contains("[pending]"));
        self.lab.clws("rotate --resume").exits(18);
        self.lab.clws("check --full").succeeds();
    }
}

#[test]
fn a_host_that_is_down_is_reported_and_done_later() {
    let mut fleet = Fleet::new("ed25519");
    let first = fleet.first();
    assert_eq!(fleet.opened_by(&first), [true; 3]);
    let planned = fleet
        .lab
        .clws(&format!("rotate {PATH} --dry-run"))
        .succeeds();
    assert!(
        planned.err.contains("one, three and two"),
        "{}",
        planned.err
    );

    fleet.hosts[2].server.kill_listener();
    let before = fleet.hosts[2].lists();
    let ran = fleet.lab.clws(&format!("rotate {PATH} --yes")).exits(23);
    assert!(ran.err.contains("three ("), "{}", ran.err);
    assert!(
        ran.err.contains(&format!("clws rotate --resume {PATH}")),
        "{}",
        ran.err
    );
    let second = fleet.given_out("second");
    assert_eq!(fleet.opened_by(&first), [false; 3]);
    assert_eq!(fleet.opened_by(&second), [true, true, false]);
    for done in &fleet.hosts[..2] {
        let lines: Vec<String> = done.lists().lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!(lines[1], OTHER);
        assert!(lines[2].starts_with("from=\"127.0.0.1\",no-pty ssh-ed25519 "));
        assert!(lines[2].ends_with(" deploys of prod"));
    }

    // It comes back as it was: the old key opens it, and clws has both.
    fleet.hosts[2].server.comes_back();
    assert_eq!(fleet.hosts[2].lists(), before);
    assert_eq!(fleet.opened_by(&first), [false, false, true]);
    assert_eq!(fleet.is_reached(), [true; 3]);
    fleet.lab.clws("rotate --resume").succeeds();
    assert_eq!(fleet.opened_by(&first), [false; 3]);
    assert_eq!(fleet.opened_by(&second), [true; 3]);
    assert_eq!(fleet.given_out("now"), fleet.keys.path().join("now"));
    fleet.is_settled();
    assert_eq!(fleet.is_reached(), [true; 3]);
}

#[test]
fn it_is_led_back_also_where_a_host_was_down() {
    let mut fleet = Fleet::new("ed25519");
    let first = fleet.first();
    fleet.hosts[2].server.kill_listener();
    fleet.lab.clws(&format!("rotate {PATH} --yes")).exits(23);
    let second = fleet.given_out("second");
    let undone = fleet.lab.clws("rotate --undo --yes").exits(23);
    assert!(undone.err.contains("three ("), "{}", undone.err);
    assert_eq!(
        fs::read(fleet.given_out("again")).unwrap(),
        fs::read(&first).unwrap()
    );
    assert_eq!(fleet.opened_by(&first), [true, true, false]);
    assert_eq!(fleet.opened_by(&second), [false; 3]);
    fleet.hosts[2].server.comes_back();
    fleet.lab.clws("rotate --resume").succeeds();
    assert_eq!(fleet.opened_by(&first), [true; 3]);
    assert_eq!(fleet.opened_by(&second), [false; 3]);
    fleet.is_settled();
}

#[test]
fn what_lists_it_is_done_and_what_cannot_be_done_is_said() {
    let fleet = Fleet::new("rsa");
    let first = fleet.first();
    // One more host: it does not list the key, and is none of its business.
    let bystander = Machine::start("bystander");
    let ada = fleet.lab.clws("identity show").succeeds().text();
    let ada = ada.lines().find(|line| line.starts_with("key = ")).unwrap();
    let ada = ada.trim_start_matches("key = ").trim_matches('"');
    fs::write(bystander.file(), format!("{OTHER}\n{ada}\n")).unwrap();
    let server = &bystander.server;
    let way = way_to(server, &server.user, server.host_key_line());
    host(&fleet.lab, "bystander", "prod", "server", &way);
    fleet.lab.clws(&format!("rotate {PATH} --yes")).succeeds();
    let second = fleet.given_out("second");
    assert_eq!(fleet.opened_by(&second), [true; 3]);
    assert_eq!(fleet.opened_by(&first), [false; 3]);
    assert_eq!(bystander.lists(), format!("{OTHER}\n{ada}\n"));
    // RSA keys are not made any more.
    assert!(fleet.hosts[0].lists().contains("no-pty ssh-ed25519 "));
    fleet.is_settled();

    // A file that is not ours to write is no reason to withdraw anything there.
    let locked = &fleet.hosts[2];
    let folder = locked.home.path().join(".ssh/authorized_keys.clws-new");
    fs::create_dir(&folder).unwrap();
    let before = locked.lists();
    let ran = fleet.lab.clws(&format!("rotate {PATH} --yes")).exits(23);
    assert!(ran.err.contains("three ("), "{}", ran.err);
    assert_eq!(locked.lists(), before);
    fs::remove_dir_all(&folder).unwrap();
    fleet.lab.clws("rotate --resume").succeeds();
    let third = fleet.given_out("third");
    assert_eq!(fleet.opened_by(&second), [false; 3]);
    assert_eq!(fleet.opened_by(&third), [true; 3]);
    fleet.is_settled();

    // It is listed where clws does not look: said, and not taken for done.
    let public = Command::new("ssh-keygen").arg("-yf").arg(&third).output();
    let elsewhere = bystander.home.path().join("elsewhere");
    fs::write(&elsewhere, public.unwrap().stdout).unwrap();
    let ran = fleet.lab.clws(&format!("rotate {PATH} --yes")).exits(23);
    assert!(
        ran.err
            .contains("does not list it in ~/.ssh/authorized_keys"),
        "{}",
        ran.err
    );
    fs::remove_file(&elsewhere).unwrap();
    fleet.lab.clws("rotate --resume").succeeds();
    fleet.is_settled();
}

#[test]
fn killed_anywhere_it_is_gone_on_with_or_led_back() {
    let fleet = Fleet::new("ed25519");
    let mut begun = 0;
    // However long it takes here: it is killed at sixths of that.
    let whole = Instant::now();
    fleet.lab.clws(&format!("rotate {PATH} --yes")).succeeds();
    let sixth = whole.elapsed() / 6;
    let mut old = fleet.given_out("whole");
    for round in 0..6 {
        let after = sixth * round;
        let run = fleet.lab.clws(&format!("rotate {PATH} --yes"));
        let mut child = run
            .command()
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
        // Whatever was done, clws gets in everywhere.
        assert_eq!(fleet.is_reached(), [true; 3], "killed after {after:?}");
        let how = if round % 2 == 0 { "--resume" } else { "--undo" };
        let ran = fleet.lab.clws(&format!("rotate {how} --yes")).run();
        assert!([0, 18].contains(&ran.code), "{after:?}: {}", ran.err);
        begun += usize::from(ran.code == 0);
        let now = fleet.given_out(&format!("round-{round}"));
        let same = fs::read(&now).unwrap() == fs::read(&old).unwrap();
        assert_eq!(fleet.opened_by(&now), [true; 3], "killed after {after:?}");
        if !same {
            assert_eq!(fleet.opened_by(&old), [false; 3], "killed after {after:?}");
        }
        for machine in &fleet.hosts {
            assert_eq!(machine.lists().lines().count(), 3, "{}", machine.lists());
        }
        fleet.is_settled();
        old = now;
    }
    println!("6 runs killed, {begun} had begun");
    assert!(begun > 2);
}

/// A service that signs with the key, and reads with it. Gives its public line.
fn bot(fleet: &Fleet) -> String {
    let public = fs::read_to_string(fleet.first().with_extension("pub")).unwrap();
    let line = public.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let lab = &fleet.lab;
    lab.clws("recipient add bot --yes --kind service --ssh")
        .word(&line)
        .word("--sign-key")
        .word(&line)
        .succeeds();
    lab.clws("access grant bot prod --read --yes").succeeds();
    line
}

fn of_bot(lab: &Lab) -> String {
    fs::read_to_string(lab.vault().join("recipients/bot.toml")).unwrap()
}

fn reads(lab: &Lab, key: &Path) -> i32 {
    let get = lab.clws(&format!("secret get {PATH} --identity"));
    get.word(key.to_str().unwrap()).run().code
}

#[test]
fn the_rules_follow_where_it_is_a_key_of_a_party() {
    let mut fleet = Fleet::new("ed25519");
    let (lab, line) = (&fleet.lab, bot(&fleet));
    assert_eq!(reads(lab, &fleet.first()), 0);
    let ran = lab.clws(&format!("rotate {PATH} --yes")).succeeds();
    assert_eq!(
        ran.err.matches("signed trust version").count(),
        3,
        "{}",
        ran.err
    );
    let party = of_bot(lab);
    assert!(!party.contains(&line), "{party}");
    assert_eq!(party.matches("ssh-ed25519 AAAA").count(), 2, "{party}");
    let second = fleet.given_out("second");
    assert_eq!((reads(lab, &second), reads(lab, &fleet.first())), (0, 11));
    assert_eq!(fleet.opened_by(&second), [true; 3]);
    fleet.is_settled();
    // And back, while a host is down and the rules know both keys.
    fleet.hosts[2].server.kill_listener();
    let lab = &fleet.lab;
    lab.clws(&format!("rotate {PATH} --yes")).exits(23);
    fleet.hosts[2].server.comes_back();
    let lab = &fleet.lab;
    lab.clws(&format!("rotate {PATH} --undo --yes")).succeeds();
    assert_eq!(reads(lab, &second), 0);
    assert_eq!(of_bot(lab).matches("ssh-ed25519 AAAA").count(), 2);
    assert_eq!(fleet.opened_by(&second), [true; 3]);
    fleet.is_settled();
}

#[test]
fn it_waits_where_others_must_sign_the_rules_too() {
    let lab = Lab::new().people(&["ben"]);
    lab.accepted_by(&["ben"]);
    let fleet = Fleet::of(lab, "ed25519");
    let (lab, line) = (&fleet.lab, bot(&fleet));
    lab.clws("trust sign --admin ben --threshold 2 --yes")
        .succeeds();
    let both_signed = || {
        lab.clws("trust sign --yes").by("ben").succeeds();
        lab.clws("trust accept").succeeds();
    };
    both_signed();
    let mut ran = lab.clws(&format!("rotate {PATH} --yes")).exits(16);
    for option in ["--sign-key", "--ssh", "--drop"] {
        let todo = format!("`clws recipient update bot {option} \"ssh-ed25519 ");
        assert!(ran.err.contains(&todo), "{}", ran.err);
        assert!(
            ran.err.contains("counts for nothing until ben"),
            "{}",
            ran.err
        );
        assert!(of_bot(lab).contains(&line));
        both_signed();
        ran = lab.clws("rotate --resume --yes").run();
    }
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(!of_bot(lab).contains(&line));
    let second = fleet.given_out("second");
    assert_eq!(fleet.opened_by(&second), [true; 3]);
    fleet.is_settled();
}
