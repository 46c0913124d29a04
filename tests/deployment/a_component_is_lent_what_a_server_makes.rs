//! Accounts of a real MariaDB that a real OpenBao makes for a component: how long they live, and who ends them.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::a_container_gets_its_secrets_and_nobody_else_sees_them::Harbour;
use crate::hostile::{Hostile, whole};
use crate::site::{Site, hook, rows};
use crate::support::bao::{Bao, TOKEN};
use crate::support::docker_image::{busybox, told};
use crate::support::lab::Run;
use crate::support::mariadb::MariaDb;

/// Logs in as who it was given, and says with whom.
pub(crate) const LOGS_IN: &str =
    "MYSQL_PWD=$PASSWORD mariadb --no-defaults --socket=$SOCKET -u \\\"$USERNAME\\\" -e 'SELECT 1'";

pub(crate) struct Scene {
    pub(crate) database: MariaDb,
    pub(crate) bao: Bao,
    pub(crate) site: Site,
}

impl Scene {
    /// What OpenBao makes lasts for `lasts` seconds, and when it is renewed for `most` in all.
    pub(crate) fn new(lasts: u64, most: u64) -> Self {
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
            r#"{{"db_name":"app","default_ttl":"{lasts}s","max_ttl":"{most}s",
                "creation_statements":"CREATE USER '{{{{name}}}}'@'%' IDENTIFIED BY '{{{{password}}}}'",
                "revocation_statements":"DROP USER '{{{{name}}}}'@'%'"}}"#
        );
        bao.bao(&["write", "database/roles/app", "-"], role.as_bytes());
        let site = Site::new();
        let grant = "access grant ada database/creds/app --read --deploy --yes";
        site.clws(grant).succeeds();
        Self {
            database,
            bao,
            site,
        }
    }

    /// A process that is given an account, with more in its hook.
    pub(crate) fn hook(&self, settings: &str, more: &str) {
        let hook = format!(
            "runs_on = {{ machine_type = \"server\" }}\n\
             process = {{ command = [\"sleep\", \"1000\"] }}\n\
             settings = {{ {settings} }}\n{}\
             [[probe]]\nrun = [\"sh\", \"-c\", \"{LOGS_IN}\"]\n\
             needs = [\"USERNAME\", \"PASSWORD\", \"SOCKET\"]\nwithin = \"5s\"\n{more}",
            self.variables()
        );
        self.site.hook("web", &hook, &[]);
    }

    pub(crate) fn variables(&self) -> String {
        format!(
            "[env]\nUSERNAME = {{ lease = \"database/creds/app#username\" }}\n\
             PASSWORD = {{ lease = \"database/creds/app#password\" }}\nSOCKET = \"{}\"\n",
            self.database.socket().display()
        )
    }

    pub(crate) fn clws(&self, words: &str) -> Run<'_> {
        let run = self.site.clws(words).env("VAULT_ADDR", &self.bao.address);
        run.env("VAULT_TOKEN", TOKEN)
    }

    fn deploy(&self) -> Run<'_> {
        self.clws("deploy --on prod --yes --json")
    }

    /// The accounts that the server made and that are there.
    pub(crate) fn accounts(&self) -> Vec<String> {
        let asked = self
            .database
            .administer("SELECT User FROM mysql.user WHERE User LIKE 'v-%';");
        assert!(asked.status.success(), "{asked:?}");
        let text = String::from_utf8(asked.stdout).unwrap();
        let names = text.split(|c: char| c.is_whitespace() || c == '|');
        names
            .filter(|name| name.starts_with("v-"))
            .map(str::to_owned)
            .collect()
    }

    /// The account that the component has.
    pub(crate) fn given(&self) -> (String, String) {
        let pid = self.site.pid("web");
        let shown = format!("tr '\\0' '\\n' </proc/{pid}/environ");
        let shown = self.site.machine.sh(&shown);
        let of = |name: &str| {
            let line = shown.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().to_owned()
        };
        (of("USERNAME="), of("PASSWORD="))
    }

    fn receipt(&self) -> serde_json::Value {
        let receipt = self.site.machine.sh("cat /var/lib/clws/*/web.json");
        serde_json::from_str(&receipt).unwrap()
    }

    pub(crate) fn lent(&self, field: &str) -> i64 {
        let lent = &self.receipt()["leases"]["database/creds/app"];
        lent[field].as_i64().unwrap()
    }

    /// An AppRole for runs, whose tokens last for an hour; gives how it logs in.
    pub(crate) fn approle(&self, policy: &str) -> (String, String) {
        let bao = &self.bao;
        bao.bao(&["auth", "enable", "approle"], b"");
        bao.bao(&["policy", "write", "run", "-"], policy.as_bytes());
        let role = ["auth/approle/role/ci", "token_policies=run", "token_ttl=1h"];
        bao.bao(&[&["write"][..], &role].concat(), b"");
        let read = ["read", "-field=role_id", "auth/approle/role/ci/role-id"];
        let id = bao.bao(&read, b"").trim().to_owned();
        // Good for one login, as CI has them.
        let secret = ["-f", "-field=secret_id", "auth/approle/role/ci/secret-id"];
        let secret = || bao.bao(&[&["write"][..], &secret].concat(), b"");
        bao.bao(
            &["write", "auth/approle/role/ci", "secret_id_num_uses=1"],
            b"",
        );
        (id, secret().trim().to_owned())
    }

    pub(crate) fn tokens(&self) -> usize {
        let list = ["list", "-format=json", "auth/token/accessors"];
        let list: serde_json::Value = serde_json::from_str(&self.bao.bao(&list, b"")).unwrap();
        list.as_array().unwrap().len()
    }
}

#[test]
fn an_account_lives_as_long_as_what_uses_it() {
    let scene = Scene::new(600, 3600);
    scene.hook("other = 1", "");
    let dry = scene.clws("deploy --on prod --dry-run").succeeds();
    let line =
        "USERNAME = database/creds/app#username made by the server, environment through a file";
    assert!(dry.err.contains(line), "{}", dry.err);
    assert_eq!(scene.accounts(), Vec::<String>::new());

    let ran = scene.deploy().succeeds();
    assert_eq!(rows(&ran), ["web started"]);
    let (name, password) = scene.given();
    assert_eq!(scene.accounts(), [name.as_str()]);
    assert!(
        ran.err.contains("nobody renews it: deploy again before"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains(&password) && !ran.text().contains(&password));
    // It lasts as long as the role lets it, since nobody renews it.
    let lasts = scene.lent("ends") - scene.lent("since");
    assert!((3500..=3700).contains(&lasts), "{lasts}");
    // With the lease's name it could be ended: that is in memory alone.
    let id = scene.site.file("web", "leases");
    assert!(id.starts_with("database/creds/app/"), "{id}");
    assert!(!scene.receipt().to_string().contains(id.trim()));
    let mode = scene.site.machine.sh("stat -c %a /run/clws/*/web/*/leases");
    assert_eq!(mode.trim(), "600");
    scene.site.lab.nowhere(&[password, id.trim().to_owned()]);

    assert_eq!(rows(&scene.deploy().succeeds()), ["web unchanged"]);
    assert_eq!(scene.accounts(), [name.as_str()]);
    scene.clws("status prod").succeeds();

    // The next one has another account, and the one before is gone.
    scene.hook("other = 2", "");
    assert_eq!(rows(&scene.deploy().succeeds()), ["web changed"]);
    let (other, _) = scene.given();
    assert_ne!(other, name);
    assert_eq!(scene.accounts(), [other.as_str()]);

    // One that does not answer: its account is ended, and the old one keeps its own.
    scene.hook(
        "other = 3",
        "[[probe]]\nrun = [\"false\"]\nwithin = \"500ms\"\n",
    );
    let ran = scene.deploy().exits(22);
    assert!(ran.err.contains("the old one runs again"), "{}", ran.err);
    assert_eq!(scene.accounts(), [other.as_str()]);
    assert_eq!(scene.given().0, other);
    // And one whose step fails.
    scene.hook("other = 4", "[[before]]\nrun = [\"false\"]\n");
    scene.deploy().exits(22);
    assert_eq!(scene.accounts(), [other]);

    scene.clws("deploy --on prod --stop --yes").succeeds();
    assert_eq!(scene.accounts(), Vec::<String>::new());
}

#[test]
fn a_container_is_lent_an_account_and_does_not_see_its_lease() {
    let scene = Scene::new(600, 3600);
    let harbour = Harbour::new("lent");
    let (lab, name) = (&harbour.lab, harbour.container.name.as_str());
    let grant = "access grant ada database/creds/app --read --deploy --yes";
    lab.clws(grant).succeeds();
    let text = |number: u32| {
        format!(
            "runs_on = {{ machine_type = \"server\" }}\nsettings = {{ number = {number} }}\n\
             [container]\nname = \"{name}\"\nimage = \"{}\"\nuser = \"1000\"\n\
             command = [\"sleep\", \"1000\"]\n{}",
            busybox(),
            scene.variables()
        )
    };
    let clws = |words: &str| {
        let run = lab.clws(words).env("VAULT_ADDR", &scene.bao.address);
        run.env("VAULT_TOKEN", TOKEN)
    };
    hook(lab, "web", &text(1), &[]);
    let deploy = || clws("deploy --on prod --yes --json").succeeds();
    assert_eq!(rows(&deploy()), ["web started"]);
    let first = scene.accounts();
    let given = told(&["exec", name, "cat", "/run/clws/env"]);
    assert!(given.contains(&format!("export USERNAME='{}'", first[0])));
    assert_eq!(
        told(&["exec", "--user", "0", name, "ls", "/run/clws"]).trim(),
        "env"
    );
    assert_eq!(rows(&deploy()), ["web unchanged"]);
    hook(lab, "web", &text(2), &[]);
    assert_eq!(rows(&deploy()), ["web changed"]);
    let second = scene.accounts();
    assert!(second.len() == 1 && second != first, "{first:?} {second:?}");
    clws("deploy --on prod --stop --yes").succeeds();
    assert_eq!(scene.accounts(), Vec::<String>::new());
}

#[test]
fn what_steps_are_lent_is_kept_alive_and_ends_with_the_run() {
    // Longer than it lasts by itself.
    let scene = Scene::new(3, 600);
    let hook = format!(
        "runs_on = {{ machine_type = \"server\" }}\n{}\
         [[before]]\nrun = [\"sh\", \"-c\", \"sleep 8; {LOGS_IN} && echo is in\"]\n\
         needs = [\"USERNAME\", \"PASSWORD\", \"SOCKET\"]\n",
        scene.variables()
    );
    scene.site.hook("migrate", &hook, &[]);
    let ran = scene.deploy().succeeds();
    assert_eq!(rows(&ran), ["migrate started"]);
    assert!(ran.err.contains("is in"), "{}", ran.err);
    assert!(!ran.err.contains("nobody renews"), "{}", ran.err);
    assert_eq!(scene.accounts(), Vec::<String>::new());
    assert_eq!(rows(&scene.deploy().succeeds()), ["migrate unchanged"]);
    assert_eq!(scene.accounts(), Vec::<String>::new());
}

#[test]
fn a_deploy_that_is_interrupted_ends_what_it_was_lent() {
    let scene = Scene::new(600, 600);
    scene.hook("other = 1", "");
    scene.deploy().succeeds();
    let (name, _) = scene.given();
    let waits = "[[before]]\nrun = [\"sleep\", \"50\"]\n";
    scene.hook("other = 2", waits);
    let mut deploy = scene.deploy().command();
    let child = deploy
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while scene.accounts().len() < 2 {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(50));
    }
    scene.site.machine.sh("kill -s INT $(pidof clws)");
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    assert_eq!(scene.accounts(), [name.as_str()]);
    assert_eq!(scene.given().0, name);
}

#[test]
fn a_run_that_leaves_an_account_leaves_its_token_too() {
    let scene = Scene::new(600, 1800);
    scene.hook("other = 1", "");
    let policy = r#"path "database/creds/app" { capabilities = ["read"] }"#;
    let (role, secret) = scene.approle(policy);
    let tokens = scene.tokens();
    let run = scene.site.deploy().env("VAULT_ADDR", &scene.bao.address);
    let run = run
        .env("VAULT_ROLE_ID", &role)
        .env("VAULT_SECRET_ID", &secret);
    run.succeeds();
    // Revoked, it would take the account with it.
    assert_eq!(scene.tokens(), tokens + 1);
    assert_eq!(scene.accounts(), [scene.given().0]);

    // Who may not end leases is told until when the old one lasts.
    let create = ["token", "create", "-policy=run", "-field=token"];
    let token = scene.bao.bao(&create, b"");
    scene.hook("other = 2", "");
    let ran = scene.deploy().env("VAULT_TOKEN", token.trim()).succeeds();
    assert_eq!(rows(&ran), ["web changed"]);
    assert!(
        ran.err.contains("made before lasts until 20"),
        "{}",
        ran.err
    );
    assert_eq!(scene.accounts().len(), 2);
}

/// What is found as soon as it is so.
fn first(finding: &dyn Fn() -> Value, is_so: fn(&Value) -> bool) -> Value {
    loop {
        let found = finding();
        if is_so(&found) {
            return found;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn says_ended(finding: &Value) -> bool {
    let why = finding["why"].as_str();
    why.is_some_and(|why| why.contains("made for it ended 20"))
}

#[test]
fn after_two_thirds_of_its_time_it_is_made_anew() {
    // Long enough for a busy machine to look at it in the last third.
    let scene = Scene::new(15, 15);
    scene.hook("other = 1", "");
    scene.deploy().succeeds();
    let (name, _) = scene.given();
    let finding = || {
        let status = scene.clws("status prod --json").run().json();
        status["findings"][0].clone()
    };
    let ends = first(&finding, |finding| !finding.is_null());
    assert_eq!(ends["kind"], "lease-ends", "{ends}");
    assert!(!says_ended(&ends), "{ends}");
    first(&finding, says_ended);
    assert_eq!(rows(&scene.deploy().succeeds()), ["web changed"]);
    assert_ne!(scene.given().0, name);
}

#[test]
fn what_cannot_be_lent_is_said_before_a_host_is_touched() {
    let scene = Scene::new(600, 600);
    scene.hook("other = 1", "");
    let create = ["token", "create", "-policy=default", "-field=token"];
    let token = scene.bao.bao(&create, b"");
    let ran = scene.deploy().env("VAULT_TOKEN", token.trim()).exits(15);
    assert!(
        ran.err.contains("may not have database/creds/app made"),
        "{}",
        ran.err
    );
    scene
        .site
        .deploy()
        .env("VAULT_ADDR", &scene.bao.address)
        .exits(15);
    assert_eq!(scene.site.remains(), Vec::<String>::new());

    // A field that is none, and a role that is not there: nothing is left of either.
    let hook = fs::read_to_string(scene.site.lab.vault().join("hooks/web.toml")).unwrap();
    scene
        .site
        .hook("web", &hook.replace("#username", "#login"), &[]);
    let ran = scene.deploy().exits(18);
    assert!(ran.err.contains("gives no field `login`"), "{}", ran.err);
    assert!(ran.err.contains("password and username"), "{}", ran.err);
    let grant = "access grant ada database/creds/none --read --deploy --yes";
    scene.site.clws(grant).succeeds();
    scene
        .site
        .hook("web", &hook.replace("creds/app", "creds/none"), &[]);
    // Who may not look at roles learns of it when one is asked for.
    let policy = r#"path "database/creds/*" { capabilities = ["read"] }"#;
    scene
        .bao
        .bao(&["policy", "write", "some", "-"], policy.as_bytes());
    let create = ["token", "create", "-policy=some", "-field=token"];
    let token = scene.bao.bao(&create, b"");
    let ran = scene.deploy().env("VAULT_TOKEN", token.trim()).run();
    assert_ne!(ran.code, 0);
    assert!(ran.err.contains("unknown role"), "{}", ran.err);
    let ran = scene.deploy().exits(18);
    let what = "the server has no role for database/creds/none";
    assert!(ran.err.contains(what), "{}", ran.err);
    assert!(ran.err.contains("bao list database/roles"), "{}", ran.err);
    assert_eq!(scene.accounts(), Vec::<String>::new());
    assert_eq!(scene.site.processes(), Vec::<String>::new());
}

#[test]
fn bad_leases_of_a_hostile_server_are_handled() {
    let site = Site::new();
    let grant = "access grant ada database/creds/app --read --deploy --yes";
    site.clws(grant).succeeds();
    let hook = "runs_on = { machine_type = \"server\" }\n\
                process = { command = [\"sleep\", \"1000\"] }\n\
                [env]\nPASSWORD = { lease = \"database/creds/app#password\" }\n";
    site.hook("web", hook, &[]);
    let deploy = |id: &'static str, lasts: &'static str| {
        let hostile = Hostile::start(move |asked, _, stream| {
            let body = match asked.line.as_str() {
                line if line.contains("capabilities-self") => {
                    r#"{"data":{"database/creds/app":["read"]}}"#.to_owned()
                }
                line if line.contains("/creds/") || line.contains("leases/renew") => format!(
                    r#"{{"data":{{"password":"of-the-hostile-one"}},"lease_id":"{id}","lease_duration":{lasts},"renewable":true}}"#
                ),
                _ => r#"{"data":{"ttl":0}}"#.to_owned(),
            };
            stream.write_all(whole("200 OK", "", &body).as_bytes())
        });
        let run = site.deploy().env("VAULT_ADDR", &hostile.address);
        (run.env("VAULT_TOKEN", "a-token").run(), hostile)
    };
    let good = "database/creds/app/abc";
    for (id, lasts) in [
        (good, "0"),
        (good, "-1"),
        (good, "1e300"),
        (good, "\"1h\""),
        ("", "600"),
        ("auth/token/create/abc", "600"),
        ("database/creds/app/../../../sys/x", "600"),
        (r"database/creds/app/a\u001b[31m", "600"),
    ] {
        let (ran, _) = deploy(id, lasts);
        assert_eq!(ran.code, 10, "{id} {lasts}: {}", ran.err);
        assert!(
            !ran.err.contains('\u{1b}') && !ran.err.contains("of-the-hostile-one"),
            "{}",
            ran.err
        );
        assert_eq!(site.processes(), Vec::<String>::new());
    }
    // One without an end to speak of, and one that is over at once.
    let (ran, hostile) = deploy(good, "18446744073709551615");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("ends 2036-"), "{}", ran.err);
    let renewed = hostile.asked();
    assert_eq!(
        renewed
            .iter()
            .filter(|asked| asked.line.contains("leases/renew"))
            .count(),
        1
    );
    assert_eq!(site.file("web", "leases").trim(), good);

    // A host may write into that file what it likes, and ends nothing else with it.
    site.machine
        .sh("echo database/creds/other/abc | tee /run/clws/*/web/*/leases");
    let run = site
        .clws("deploy --on prod --stop --yes")
        .env("VAULT_ADDR", &hostile.address);
    let ran = run.env("VAULT_TOKEN", "a-token").succeeds();
    assert!(
        ran.err.contains("its name went with the folder"),
        "{}",
        ran.err
    );
    assert!(
        !hostile
            .asked()
            .iter()
            .any(|asked| asked.line.contains("leases/revoke"))
    );
}
