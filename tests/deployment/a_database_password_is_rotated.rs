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

/// What the script is for.
const FOR: &str = "scripts_for = [\"prod/web/TOKEN\"]\n";

/// With a script of the vault.
fn scene() -> Scene {
    let scene = running();
    let defaults = scene.server.administrators_file().display().to_string();
    let script = ROTATE.replace("DEFAULTS", &defaults);
    scene.site.hook("app-db", FOR, &[("rotate.sh", &script)]);
    scene.rotator("app-db");
    scene
}

/// With the rotator of clws. `admin` is a line of its hook.
fn built_in(admin: &str) -> Scene {
    let scene = running();
    scene.site.set("prod/db/ADMIN", KEEPER_PASSWORD);
    let port = scene.server.port();
    let hook = format!(
        "runs_on = {{ machine_type = \"server\" }}\n\
         [settings]\nuser = \"{USER}\"\n\
         [rotate.\"web/TOKEN\".mysql]\nhost = \"127.0.0.1\"\nport = {port}\n\
         user = \"{{{{ settings.user }}}}\"\n{admin}\n"
    );
    scene.site.hook("db", &hook, &[]);
    scene.rotator("mysql");
    scene
}

/// Who may change accounts, and no more than that takes.
const KEEPER: &str = "admin = { user = \"keeper\", password = { secret = \"db/ADMIN\" } }";
const KEEPER_PASSWORD: &str = "keeper-of-all-the-accounts";

fn running() -> Scene {
    let server = MariaDb::start_with("it's \\ old");
    let made = server.administer(&format!(
        "CREATE USER keeper@'%' IDENTIFIED BY '{KEEPER_PASSWORD}';\n\
         GRANT CREATE USER ON *.* TO keeper@'%';\nGRANT SELECT ON mysql.* TO keeper@'%';\n\
         SET GLOBAL general_log = 1;\n"
    ));
    assert!(made.status.success(), "{made:?}");
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
    site.deploy().succeeds();
    let scene = Scene { server, site, log };
    scene.logs_in();
    scene
}

impl Scene {
    fn rotator(&self, name: &str) {
        let policy = format!("secret policy prod/web/TOKEN --rotator {name}");
        self.site.clws(&policy).succeeds();
    }

    /// What is kept of the passwords of the account.
    fn kept(&self) -> String {
        let asked = format!("SELECT Host, Priv FROM mysql.global_priv WHERE User = '{USER}';");
        let output = self.server.administer(&asked);
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the server wrote down of every statement.
    fn statements(&self) -> String {
        let asked = self
            .server
            .administer("SELECT CONCAT(@@datadir, @@general_log_file);");
        let path = String::from_utf8(asked.stdout).unwrap();
        std::fs::read_to_string(path.trim()).unwrap()
    }

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
    scene.site.hook("app-db", FOR, &[("rotate.sh", &script)]);
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

#[test]
fn one_account_has_two_passwords_for_a_while_and_no_log_has_one() {
    let scene = built_in(KEEPER);
    let old = scene.server.password().to_owned();
    // The same name from elsewhere with this password, and with another one.
    let more = "CREATE USER codalab@'10.0.0.9' IDENTIFIED BY 'it''s \\\\ old';\n\
                CREATE USER codalab@'10.0.0.10' IDENTIFIED BY 'another';\n";
    assert!(scene.server.administer(more).status.success());
    let planned = scene
        .site
        .clws("rotate prod/web/TOKEN --dry-run")
        .succeeds();
    assert!(
        planned
            .err
            .contains("prod/web/TOKEN, by mysql\n    at db on box"),
        "{}",
        planned.err
    );
    let rotated = scene.site.clws("rotate prod/web/TOKEN --yes").succeeds();
    assert!(
        rotated
            .err
            .contains("outside, the new value is accepted beside the old one"),
        "{}",
        rotated.err
    );
    scene.logs_in();
    let new = scene.token();
    assert_ne!(new, old);
    assert!(scene.takes(&new) && !scene.takes(&old));
    let kept = scene.kept();
    let mut hashes: Vec<&str> = kept
        .lines()
        .map(|row| row.split("\"authentication_string\":\"").nth(1).unwrap())
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 2, "two accounts have the new one: {kept}");
    assert_eq!(kept.matches("authentication_string").count(), 3, "{kept}");
    let log = scene.statements();
    assert!(
        log.contains("ALTER USER 'codalab'@'%' IDENTIFIED VIA"),
        "{log}"
    );
    assert!(log.contains("10.0.0.9") && !log.contains("ALTER USER 'codalab'@'10.0.0.10'"));
    assert!(!log.contains(&new) && !log.contains(KEEPER_PASSWORD));
    scene.site.clws("check --full").succeeds();
    scene.site.lab.nowhere(&[new]);
}

#[test]
fn an_account_that_changes_itself_says_the_moment() {
    let scene = built_in("");
    let old = scene.server.password().to_owned();
    let rotated = scene.site.clws("rotate prod/web/TOKEN --yes").succeeds();
    assert!(
        rotated
            .err
            .contains("in place of the old one: until the deploy is done"),
        "{}",
        rotated.err
    );
    let new = scene.token();
    assert!(scene.takes(&new) && !scene.takes(&old));
    assert!(!scene.statements().contains(&new));
    // What went wrong after that moment is led back through the same moment.
    let hook = scene.site.lab.vault().join("hooks/web.toml");
    let right = std::fs::read_to_string(&hook).unwrap();
    let wrong = right.replace("within = \"20s\"", "within = \"2s\"")
        + "[[probe]]\nrun = [\"sh\", \"-c\", \"test $TOKEN = $SOCKET\"]\nneeds = [\"TOKEN\", \"SOCKET\"]\nwithin = \"1s\"\n";
    scene.site.hook("web", &wrong, &[("client.sh", CLIENT)]);
    let failed = scene.site.clws("rotate prod/web/TOKEN --yes").run();
    assert_ne!(failed.code, 0, "{}", failed.err);
    let newer = scene.token();
    assert!(scene.takes(&newer) && !scene.takes(&new));
    scene.site.hook("web", &right, &[("client.sh", CLIENT)]);
    scene.site.clws("rotate --undo --yes").succeeds();
    assert_eq!(scene.token(), new);
    assert!(scene.takes(&new) && !scene.takes(&newer));
}

#[test]
fn an_account_that_is_another_one_is_not_touched() {
    let scene = built_in(KEEPER);
    let before = scene.kept();
    // A value that nobody uses there.
    scene.site.set("prod/web/TOKEN", "not-the-password-of-it");
    let failed = scene.site.clws("rotate prod/web/TOKEN --yes").exits(22);
    assert!(
        failed
            .err
            .contains("db on box: no account `codalab` there has this value"),
        "{}",
        failed.err
    );
    scene.site.clws("rotate --undo --yes").succeeds();
    assert_eq!(scene.token(), "not-the-password-of-it");
    assert_eq!(scene.kept(), before);
    // One that a socket lets in, too.
    scene.site.set("prod/web/TOKEN", scene.server.password());
    let more = "ALTER USER codalab@'%' IDENTIFIED VIA unix_socket OR mysql_native_password \
                USING PASSWORD('it''s \\\\ old');";
    assert!(scene.server.administer(more).status.success());
    let failed = scene.site.clws("rotate prod/web/TOKEN --yes").exits(22);
    assert!(failed.err.contains("which would be lost"), "{}", failed.err);
    scene.site.clws("rotate --undo --yes").succeeds();
    // Who signs nothing changes nothing.
    let hook = scene.site.lab.vault().join("hooks/db.toml");
    let signed = std::fs::read_to_string(&hook).unwrap();
    std::fs::write(&hook, signed.replace("127.0.0.1", "192.0.2.1")).unwrap();
    scene.site.clws("rotate prod/web/TOKEN --yes").exits(13);
    std::fs::remove_file(&hook).unwrap();
    let refused = scene.site.clws("rotate prod/web/TOKEN --yes").exits(17);
    assert!(
        refused.err.contains("[rotate.\"web/TOKEN\"]"),
        "{}",
        refused.err
    );
}

#[test]
fn a_server_that_is_away_is_gone_on_with_when_it_is_back() {
    let scene = built_in(KEEPER);
    let old = scene.server.password().to_owned();
    let hook = scene.site.lab.vault().join("hooks/db.toml");
    let right = std::fs::read_to_string(&hook).unwrap();
    let port = scene.server.port().to_string();
    scene.site.hook("db", &right.replace(&port, "1"), &[]);
    let failed = scene.site.clws("rotate prod/web/TOKEN --yes").exits(22);
    for part in ["db on box: ", "clws rotate --resume prod/web/TOKEN"] {
        assert!(failed.err.contains(part), "no {part}: {}", failed.err);
    }
    assert_eq!(scene.token(), old);
    scene.logs_in();
    // The host itself says no more.
    scene.site.hook(
        "db",
        &right.replace("\"127.0.0.1\"", "\"{{ container.address }}\""),
        &[],
    );
    scene.site.clws("rotate --resume").exits(17);
    scene.site.hook("db", &right, &[]);
    scene.site.clws("rotate --resume").succeeds();
    let new = scene.token();
    assert!(new != old && scene.takes(&new) && !scene.takes(&old));
    scene.logs_in();
}
