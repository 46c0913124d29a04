//! The password of a real MariaDB gets a new value while a component logs in ten times a second.

use std::time::Duration;

use crate::site::Site;
use crate::support::mariadb::{MariaDb, USER};

/// Logs in for ever, and writes down each time it could and could not.
const CLIENT: &str = r#"trap 'exit 0' TERM
while :; do
    MYSQL_PWD=$TOKEN mariadb --no-defaults --socket="$SOCKET" -u "$USER_THERE" -e 'SELECT 1' >/dev/null 2>>"$LOG.err" &&
        echo yes >>"$LOG" || echo no >>"$LOG"
    sleep 0.1
done
"#;

/// As docs/rotation.md has it.
const ROTATE: &str = r#"text() { sed "s/['\\\\]/\\\\&/g"; }
old=$(text <&3) new=$(text <&4)
by() { printf "mysql_native_password USING PASSWORD('%s')" "$1"; }
case $1 in
    both) how="$(by "$old") OR $(by "$new")" ;;
    new) how="$(by "$new")" ;;
    old) how="$(by "$old")" ;;
esac
printf "ALTER USER 'codalab'@'%%' IDENTIFIED VIA %s;\n" "$how" | mariadb --defaults-file=DEFAULTS
"#;

struct Scene {
    server: MariaDb,
    site: Site,
    log: std::path::PathBuf,
}

fn scene() -> Scene {
    let server = MariaDb::start_with("it's \\ old");
    let site = Site::new();
    let log = site.lab.root().join("logins");
    site.set("prod/web/TOKEN", server.password());
    let hook = format!(
        "runs_on = {{ machine_type = \"server\" }}\n\
         process = {{ command = [\"sh\", \"{{{{ place }}}}/client.sh\"] }}\n\
         [env]\nTOKEN = {{ secret = \"web/TOKEN\" }}\nSOCKET = \"{}\"\nUSER_THERE = \"{USER}\"\nLOG = \"{}\"\n\
         [[probe]]\nrun = [\"sh\", \"-c\", \"MYSQL_PWD=$TOKEN mariadb --no-defaults --socket=$SOCKET -u $USER_THERE -e 'SELECT 1'\"]\n\
         needs = [\"TOKEN\", \"SOCKET\", \"USER_THERE\"]\nwithin = \"20s\"\n",
        server.socket().display(),
        log.display()
    );
    site.hook("web", &hook, &[("client.sh", CLIENT)]);
    let defaults = server.administrators_file().display().to_string();
    let script = ROTATE.replace("DEFAULTS", &defaults);
    site.hook("app-db", "", &[("rotate.sh", &script)]);
    site.clws("secret policy prod/web/TOKEN --rotator app-db")
        .succeeds();
    site.deploy().succeeds();
    let scene = Scene { server, site, log };
    scene.logs_in();
    scene
}

impl Scene {
    fn logins(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until the component has logged in some times more, and never failed.
    fn logs_in(&self) {
        let before = self.logins().len();
        while self.logins().len() < before + 5 {
            std::thread::sleep(Duration::from_millis(50));
        }
        let failed = self.logins().iter().filter(|line| *line != "yes").count();
        let why = std::fs::read_to_string(self.log.with_extension("err"));
        assert_eq!(failed, 0, "{}", why.unwrap_or_default());
    }

    fn token(&self) -> String {
        let got = self.site.clws("secret get prod/web/TOKEN");
        got.succeeds().text()
    }

    fn takes(&self, password: &str) -> bool {
        let asked = self.server.client(password, "SELECT 1;");
        asked.status.success()
    }
}

#[test]
fn no_login_fails_and_the_old_password_is_withdrawn() {
    let scene = scene();
    let old = scene.server.password().to_owned();
    let rotated = scene.site.clws("rotate prod/web/TOKEN --yes").succeeds();
    assert!(!rotated.err.contains(&old), "{}", rotated.err);
    scene.logs_in();
    let new = scene.token();
    assert_ne!(new, old);
    assert!(scene.takes(&new) && !scene.takes(&old));
    scene.site.clws("check --full").succeeds();
    scene.site.lab.nowhere(&[new]);
}

#[test]
fn what_fails_outside_is_led_back_and_says_no_value() {
    let scene = scene();
    let old = scene.server.password().to_owned();
    // Withdrawing fails, when the new one is in use already.
    let broken = ROTATE.replace(
        "new) how",
        "new) cat <&4 >&2; printf %s \"$new\" >&2; exit 3; how",
    );
    let administrator = scene.site.lab.vault().join("hooks/app-db/rotate.sh");
    let right = std::fs::read_to_string(&administrator).unwrap();
    let path = right
        .rsplit_once("--defaults-file=")
        .unwrap()
        .1
        .trim()
        .to_owned();
    let script = broken.replace("DEFAULTS", &path);
    scene.site.hook("app-db", "", &[("rotate.sh", &script)]);
    let failed = scene.site.clws("rotate prod/web/TOKEN --yes").exits(22);
    let new = scene.token();
    assert_ne!(new, old);
    assert!(!failed.err.contains(&new), "{}", failed.err);
    assert!(failed.err.contains("asked for `new`"), "{}", failed.err);
    scene.logs_in();
    assert!(scene.takes(&new) && scene.takes(&old));
    scene.site.clws("rotate --undo --yes").succeeds();
    scene.logs_in();
    assert_eq!(scene.token(), old);
    assert!(scene.takes(&old) && !scene.takes(&new));
    // A script that nobody signed so is not run.
    let hook = scene.site.lab.vault().join("hooks/app-db/rotate.sh");
    std::fs::write(hook, "touch /tmp/never\n").unwrap();
    scene.site.clws("rotate prod/web/TOKEN --yes").exits(13);
    assert_eq!(scene.token(), old);
}
