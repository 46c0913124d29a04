//! The password of a real MariaDB is a static role of a real OpenBao: the server makes the new one, and clws takes
//! it over and deploys it.

use std::path::PathBuf;

use crate::site::{Site, rows};
use crate::support::bao::{Bao, TOKEN};
use crate::support::lab::Run;
use crate::support::mariadb::{MariaDb, USER};

const PATH: &str = "prod/web/TOKEN";

struct Scene {
    database: MariaDb,
    bao: Bao,
    site: Site,
    /// A deploy fails while it is there.
    broken: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let database = MariaDb::start();
        let made = database.administer(
            "CREATE USER keeper@'%' IDENTIFIED BY 'keeper-of-all-the-accounts';\n\
             GRANT CREATE USER ON *.* TO keeper@'%';\n",
        );
        assert!(made.status.success(), "{made:?}");
        let bao = Bao::start();
        bao.bao(&["secrets", "enable", "database"], b"");
        let config = format!(
            r#"{{"plugin_name":"mysql-database-plugin","allowed_roles":"*","username":"keeper",
                "password":"keeper-of-all-the-accounts",
                "connection_url":"{{{{username}}}}:{{{{password}}}}@tcp(127.0.0.1:{})/"}}"#,
            database.port()
        );
        bao.bao(&["write", "database/config/app", "-"], config.as_bytes());
        let role = format!(
            r#"{{"db_name":"app","username":"{USER}","rotation_period":"24h",
                "rotation_statements":"ALTER USER '{{{{username}}}}'@'%' IDENTIFIED BY '{{{{password}}}}'"}}"#
        );
        bao.bao(
            &["write", "database/static-roles/app", "-"],
            role.as_bytes(),
        );
        let site = Site::new();
        let broken = site.lab.root().join("broken");
        let scene = Self {
            database,
            bao,
            site,
            broken,
        };
        // What the operator knew when the role was made.
        scene.site.set(PATH, &scene.issued());
        let hook = format!(
            "runs_on = {{ machine_type = \"server\" }}\n\
             process = {{ command = [\"sleep\", \"1000\"] }}\n\
             [env]\nTOKEN = {{ secret = \"web/TOKEN\" }}\nSOCKET = \"{}\"\n\
             [[probe]]\nrun = [\"sh\", \"-c\", \"test ! -e {} && MYSQL_PWD=$TOKEN mariadb --no-defaults \
             --socket=$SOCKET -u {USER} -e 'SELECT 1'\"]\n\
             needs = [\"TOKEN\", \"SOCKET\"]\nwithin = \"5s\"\n\
             [rotate.\"web/TOKEN\".vault-static]\nrole = \"database/app\"\n",
            scene.database.socket().display(),
            scene.broken.display()
        );
        scene.site.hook("web", &hook, &[]);
        let rule = "access grant ada database/static-creds/app --read --deploy --yes";
        scene.site.clws(rule).succeeds();
        let policy = format!("secret policy {PATH} --rotator vault-static");
        scene.site.clws(&policy).succeeds();
        assert_eq!(rows(&scene.site.deploy().succeeds()), ["web started"]);
        scene
    }

    fn clws(&self, words: &str) -> Run<'_> {
        let run = self.site.clws(words).env("VAULT_ADDR", &self.bao.address);
        run.env("VAULT_TOKEN", TOKEN)
    }

    /// The password that the server says the account has.
    fn issued(&self) -> String {
        let read = ["read", "-field=password", "database/static-creds/app"];
        self.bao.bao(&read, b"").trim().to_owned()
    }

    /// The password that the vault gives out.
    fn given(&self) -> String {
        self.site
            .clws(&format!("secret get {PATH}"))
            .succeeds()
            .text()
    }

    fn lets_in(&self, password: &str) -> bool {
        self.database.client(password, "SELECT 1;").status.success()
    }

    /// The component has what the vault and the server have, and that logs in.
    fn is_settled(&self) {
        let issued = self.issued();
        assert_eq!(self.given(), issued);
        assert!(self.lets_in(&issued));
        let pid = self.site.pid("web");
        let environment = format!("tr '\\0' '\\n' </proc/{pid}/environ");
        let environment = self.site.machine.sh(&environment);
        assert!(
            environment
                .lines()
                .any(|line| line == format!("TOKEN={issued}"))
        );
        self.clws("rotate --resume").exits(18);
        self.site.clws("check").succeeds();
    }
}

#[test]
fn the_servers_new_password_is_taken_over_and_deployed() {
    let scene = Scene::new();
    let first = scene.issued();
    let ran = scene.clws(&format!("rotate {PATH} --yes")).succeeds();
    assert!(ran.err.contains("cannot log in anew"), "{}", ran.err);
    assert!(!ran.err.contains(&scene.issued()), "{}", ran.err);
    assert_ne!(scene.issued(), first);
    assert!(!scene.lets_in(&first));
    scene.is_settled();

    // The server's own clock: what it made is taken over, and not made anew.
    scene
        .bao
        .bao(&["write", "-f", "database/rotate-role/app"], b"");
    let second = scene.issued();
    assert_ne!(scene.given(), second);
    scene.clws(&format!("rotate {PATH} --yes")).succeeds();
    assert_eq!(scene.given(), second);
    scene.is_settled();
}

#[test]
fn there_is_no_way_back() {
    let scene = Scene::new();
    let first = scene.issued();
    std::fs::write(&scene.broken, "").unwrap();
    let ran = scene.clws(&format!("rotate {PATH} --yes")).exits(22);
    assert!(!scene.lets_in(&first), "{}", ran.err);
    let ran = scene.clws(&format!("rotate --undo {PATH} --yes")).exits(16);
    assert!(
        ran.err.contains("does not take the old one back"),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains(&format!("clws rotate --resume {PATH}")),
        "{}",
        ran.err
    );
    std::fs::remove_file(&scene.broken).unwrap();
    scene
        .clws(&format!("rotate --resume {PATH} --yes"))
        .succeeds();
    scene.is_settled();
}

/// Whoever signs a hook could otherwise name any account of the server, and have its password sealed where they read it.
#[test]
fn who_signs_must_be_a_deployer_of_the_role() {
    let scene = Scene::new();
    let first = scene.issued();
    let rule = "access revoke ada database/static-creds/app --deploy --yes";
    scene.site.clws(rule).succeeds();
    let told = scene.clws(&format!("rotate {PATH} --yes")).exits(13);
    assert!(
        told.err.contains("no signature on the hook"),
        "{}",
        told.err
    );
    assert_eq!((scene.issued(), scene.given()), (first.clone(), first));
}

#[test]
fn a_server_that_is_down_changes_nothing() {
    let scene = Scene::new();
    let first = scene.issued();
    let token = scene
        .bao
        .bao(&["token", "create", "-policy=default", "-field=token"], b"");
    let denied = scene.clws(&format!("rotate {PATH} --yes"));
    denied.env("VAULT_TOKEN", token.trim()).exits(15);
    scene.is_settled();
    scene.bao.stop();
    scene.clws(&format!("rotate {PATH} --yes")).exits(24);
    assert_eq!(scene.given(), first);
    assert!(scene.lets_in(&first));
    scene.clws("rotate --resume").exits(18);
}
