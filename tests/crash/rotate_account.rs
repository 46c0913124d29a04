//! `rotate` of the password of a real MariaDB's account, killed anywhere, in the midst of what it says to the
//! server too: what is given out is let in at every moment, and either way leads to one password.

use crate::lab::Lab;
use crate::rotate::{OLD, VALUE, is_settled, look};
use crate::strace::{CALLS, How, NETWORK, Strace};
use crate::support::mariadb::{MariaDb, USER};
use crate::tree::Tree;
use crate::trial::Side;

struct Scene {
    lab: Lab,
    server: MariaDb,
}

fn scene() -> Scene {
    let lab = Lab::founded().secret("dev/web/TOKEN", OLD);
    let lab = lab.secret("dev/db/ADMIN", "keeper-of-all-the-accounts");
    let server = MariaDb::start_with(OLD);
    let keeper = "CREATE USER keeper@'%' IDENTIFIED BY 'keeper-of-all-the-accounts';\n\
                  GRANT CREATE USER ON *.* TO keeper@'%';\n\
                  GRANT SELECT ON mysql.* TO keeper@'%';\n";
    assert!(server.administer(keeper).status.success());
    let write = |path: &str, text: &str| {
        let path = lab.vault().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "recipients/box.toml",
        "[party]\nkind = \"host\"\nname = \"box\"\naddress = \"local\"\nscope = \"dev\"\n\
         machine_type = \"server\"\n\n[end]\n",
    );
    let port = server.port();
    write(
        "hooks/db.toml",
        &format!(
            "runs_on = {{ machine_type = \"server\" }}\n[rotate.\"web/TOKEN\".mysql]\n\
             host = \"127.0.0.1\"\nport = {port}\nuser = \"{USER}\"\n\
             admin = {{ user = \"keeper\", password = {{ secret = \"db/ADMIN\" }} }}\n"
        ),
    );
    for command in [
        "trust sign --yes",
        "hook sign db --yes",
        "secret policy dev/web/TOKEN --rotator mysql",
    ] {
        lab.clws(command).succeeds();
    }
    Scene { lab, server }
}

fn token(lab: &Lab) -> String {
    lab.clws("secret get dev/web/TOKEN").succeeds().text()
}

impl Scene {
    fn takes(&self, password: &str) -> bool {
        self.server.client(password, "SELECT 1;").status.success()
    }

    /// As it was before anything was rotated.
    fn resets(&self) {
        let old = format!("ALTER USER {USER}@'%' IDENTIFIED BY '{OLD}';");
        assert!(self.server.administer(&old).status.success());
    }

    /// Whether one password is let in, which is the one that is given out.
    fn has_one(&self, what: &str) {
        let asked = format!("SELECT Priv FROM mysql.global_priv WHERE User = '{USER}';");
        let kept = String::from_utf8(self.server.administer(&asked).stdout).unwrap();
        assert_eq!(
            kept.matches("authentication_string").count(),
            1,
            "{what}: {kept}"
        );
        let now = token(&self.lab);
        assert!(self.takes(&now), "{what}: what is given out is not let in");
        assert!(
            now == OLD || !self.takes(OLD),
            "{what}: the old one is let in"
        );
    }

    /// Kills a rotation at one in `one_in` of these calls, and leads on from each.
    fn killed(
        &self,
        name: &str,
        (calls, one_in): (&'static [&'static str], usize),
        lead_on: &dyn Fn(Side, &str),
    ) {
        let (lab, strace) = (&self.lab, Strace::new());
        let command = || lab.clws("rotate dev/web/TOKEN --yes");
        let old = Tree::read(lab.root());
        let made = strace.record_all(&command(), calls);
        old.restore(lab.root());
        self.resets();
        let (mut hit, mut new) = (0, 0);
        for (call, lines) in calls.iter().filter_map(|call| made.get_key_value(call)) {
            let all: Vec<usize> = match calls == NETWORK {
                // Each of them is said to the server or by it.
                true => (1..=lines.len()).step_by(one_in).collect(),
                false => How::Kill.chosen(call, lines, one_in).into_iter().collect(),
            };
            for when in all {
                let ended = strace.inject(&command(), call, How::Kill, when);
                let what = format!("{name}, killed at {call} {when}");
                if ended.hit {
                    hit += 1;
                    let side = look(lab, &VALUE, &what);
                    assert!(
                        self.takes(&token(lab)),
                        "{what}: what is given out is not let in"
                    );
                    new += usize::from(side == Side::New);
                    lead_on(side, &what);
                    self.has_one(&what);
                    is_settled(lab, &VALUE, &what);
                }
                old.restore(lab.root());
                self.resets();
            }
        }
        println!("{name}: killed at {hit} calls, the new value was given out after {new}");
        assert!(new > 0 && new < hit, "{name}: {hit} calls, {new} new");
    }
}

/// One in so many calls; with `CLWS_CRASH=all` each.
fn short(one_in: usize) -> usize {
    if crate::strace::is_all() { 1 } else { one_in }
}

fn resumed(scene: &Scene, side: Side, what: &str) {
    let lab = &scene.lab;
    let ran = lab.clws("rotate --resume --yes").run();
    match (ran.code, side) {
        (0, _) | (18, Side::New) => {}
        // Nothing was written down yet.
        (18, Side::Old) => drop(lab.clws("rotate dev/web/TOKEN --yes").succeeds()),
        (code, _) => panic!("{what}: {code}: {}", ran.err),
    }
    assert_eq!(look(lab, &VALUE, what), Side::New, "{what}");
}

fn led_back(scene: &Scene, side: Side, what: &str) {
    let lab = &scene.lab;
    let ran = lab.clws("rotate --undo --yes").run();
    assert!(
        ran.code == 0 || ran.code == 18,
        "{what}: {}: {}",
        ran.code,
        ran.err
    );
    let now = look(lab, &VALUE, what);
    // Nothing was written down yet, or all of it was done.
    assert!(ran.code == 0 || now == side, "{what}");
    assert!(side == Side::New || now == Side::Old, "{what}");
}

#[test]
fn an_account_is_gone_on_with_from_every_word_to_its_server() {
    let scene = scene();
    let calls = (NETWORK, short(4));
    scene.killed("rotate mysql, then --resume", calls, &|side, what| {
        resumed(&scene, side, what);
    });
}

#[test]
fn an_account_is_led_back_from_every_word_to_its_server() {
    let scene = scene();
    let calls = (NETWORK, short(4));
    scene.killed("rotate mysql, then --undo", calls, &|side, what| {
        led_back(&scene, side, what);
    });
}

#[test]
fn an_account_is_gone_on_with_or_led_back_from_every_write() {
    let scene = scene();
    let turn = std::cell::Cell::new(false);
    let calls = (CALLS, short(5));
    scene.killed(
        "rotate mysql, then either",
        calls,
        &|side, what| match turn.replace(!turn.get()) {
            true => resumed(&scene, side, what),
            false => led_back(&scene, side, what),
        },
    );
}
