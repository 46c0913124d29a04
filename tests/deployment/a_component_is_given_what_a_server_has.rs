//! Values of a real OpenBao in hooks: looked at for the plan, read once, and injected like those of the vault.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;

use crate::hostile::{Hostile, whole};
use crate::site::{Site, random, rows};
use crate::support::bao::{Bao, TOKEN};
use crate::support::lab::Run;

const HOOK: &str = r#"
runs_on = { machine_type = "server" }
process = { command = ["sleep", "1000"] }
settings = { store = "web" }
[env]
TOKEN = { server = "{{ scope }}/{{ settings.store }}#TOKEN" }
PORT = { server = "prod/web#PORT" }
OTHER = { server = "ref+vault://team/other#/KEY" }
[file."config.json"]
template = "config.json"
[file.whole]
server = "prod/web#TOKEN"
[[before]]
run = ["sh", "-c", "echo before $TOKEN"]
needs = ["TOKEN"]
[[afterwards]]
run = ["sh", "-c", "cat >stdin"]
stdin = { server = "prod/web#TOKEN" }
[[probe]]
run = ["sh", "-c", "test -n \"$TOKEN\""]
needs = ["TOKEN"]
"#;

const TEMPLATE: &str = r#"{"token":"{{ server.prod/web#TOKEN | json }}","host":"{{ host.name }}"}"#;

struct Scene {
    site: Site,
    bao: Bao,
    token: String,
}

impl Scene {
    fn new() -> Self {
        let bao = Bao::start();
        let site = Site::new();
        let token = format!("of-the-server-{}", random());
        let scene = Self { site, bao, token };
        let mount = ["secrets", "enable", "-path=team", "-version=2", "kv"];
        scene.bao.bao(&mount, b"");
        scene.put(&scene.token);
        let put = ["kv", "put", "-mount=team", "other", "KEY=other-of-the-team"];
        scene.bao.bao(&put, b"");
        let grant = scene
            .site
            .clws("access grant ada team/other --read --deploy --yes");
        grant.succeeds();
        scene.site.hook("web", HOOK, &[("config.json", TEMPLATE)]);
        scene
    }

    fn put(&self, token: &str) {
        let value = format!(r#"{{"TOKEN":"{token}","PORT":3306}}"#);
        let put = ["kv", "put", "-mount=secret", "prod/web", "-"];
        self.bao.bao(&put, value.as_bytes());
    }

    fn clws(&self, words: &str) -> Run<'_> {
        let run = self.site.clws(words).env("VAULT_ADDR", &self.bao.address);
        run.env("VAULT_TOKEN", TOKEN)
    }

    fn deploy(&self) -> Run<'_> {
        self.clws("deploy --on prod --yes --json")
    }

    /// A token that may do this and nothing else.
    fn token(&self, policy: &str) -> String {
        self.bao
            .bao(&["policy", "write", "some", "-"], policy.as_bytes());
        let create = ["token", "create", "-policy=some", "-field=token"];
        self.bao.bao(&create, b"").trim().to_owned()
    }

    /// Hands each request on, and writes it down.
    fn proxy(&self) -> Hostile {
        let to = self.bao.address.replace("http://", "");
        Hostile::start(move |asked, _, stream| {
            let request = asked.all.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            let mut server = TcpStream::connect(&to)?;
            server.write_all(request.as_bytes())?;
            std::io::copy(&mut server, stream).map(drop)
        })
    }

    fn variables(&self) -> Vec<String> {
        let pid = self.site.pid("web");
        let shown = format!("tr '\\0' '\\n' </proc/{pid}/environ");
        let shown = self.site.machine.sh(&shown);
        shown.lines().map(str::to_owned).collect()
    }

    fn untouched(&self) {
        assert_eq!(self.site.remains(), Vec::<String>::new());
        assert_eq!(self.site.processes(), Vec::<String>::new());
    }
}

#[test]
fn what_a_server_has_is_planned_read_once_and_injected() {
    let scene = Scene::new();
    let (site, token) = (&scene.site, &scene.token);
    // The bare plan, with a token that may read no value.
    let looks = r#"path "secret/metadata/*" { capabilities = ["read"] }
                   path "team/metadata/*" { capabilities = ["read"] }"#;
    let dry = scene.clws("deploy --on prod --dry-run");
    let dry = dry.env("VAULT_TOKEN", scene.token(looks)).succeeds();
    for line in [
        "TOKEN = prod/web#TOKEN of the server, version 1, environment through a file",
        "OTHER = team/other#KEY of the server, version 1",
        "whole (0600) = prod/web#TOKEN of the server, version 1",
        "config.json (0600) from config.json with prod/web#TOKEN of the server, version 1",
    ] {
        assert!(dry.err.contains(line), "{line}\n{}", dry.err);
    }
    scene.untouched();
    let plan = scene
        .clws("deploy --on prod --dry-run --json")
        .succeeds()
        .json();
    let seen = &plan["plan"][0]["server"]["prod/web#PORT"];
    assert_eq!(*seen, serde_json::json!({ "version": 1, "lease": false }));

    // Each place is read once for all components of the deploy.
    let hook =
        "runs_on = { machine_type = \"server\" }\n[file.token]\nserver = \"prod/web#TOKEN\"\n";
    site.hook("twin", hook, &[]);
    let proxy = scene.proxy();
    let deploy = || scene.deploy().env("VAULT_ADDR", &proxy.address);
    let ran = deploy().succeeds();
    assert_eq!(rows(&ran), ["twin started", "web started"]);
    assert_eq!(site.file("twin", "token"), *token);
    let asked = proxy.asked();
    for path in ["/v1/secret/data/prod/web", "/v1/team/data/other"] {
        let reads = asked.iter().filter(|asked| asked.line.contains(path));
        assert_eq!(reads.count(), 1, "{path}");
    }

    let variables = scene.variables();
    for variable in [
        &format!("TOKEN={token}"),
        "PORT=3306",
        "OTHER=other-of-the-team",
    ] {
        assert!(
            variables.iter().any(|line| line == variable),
            "{variables:?}"
        );
    }
    let config = format!(r#"{{"token":"{token}","host":"box"}}"#);
    assert_eq!(site.file("web", "config.json"), config);
    assert_eq!(site.file("web", "whole"), *token);
    assert_eq!(site.file("web", "stdin"), *token);
    assert!(
        ran.err.contains("before") && !ran.err.contains(token.as_str()),
        "{}",
        ran.err
    );

    // The receipt names the version and no value, and a second deploy has nothing new.
    let receipt = site.machine.sh("cat /var/lib/clws/*/web.json");
    let receipt: serde_json::Value = serde_json::from_str(&receipt).unwrap();
    let given = &receipt["secrets"]["server.prod/web#TOKEN"];
    assert_eq!(given["rev"], 1);
    assert!(given["made"].as_str().unwrap().starts_with("20"), "{given}");
    assert!(!receipt.to_string().contains(token.as_str()));
    let unchanged = ["twin unchanged", "web unchanged"];
    assert_eq!(rows(&scene.deploy().succeeds()), unchanged);
    scene
        .site
        .lab
        .nowhere(&[token.clone(), "other-of-the-team".to_owned()]);
}

#[test]
fn a_newer_version_is_seen_and_brought() {
    let scene = Scene::new();
    scene.deploy().succeeds();
    scene.clws("status prod").succeeds();
    let newer = format!("newer-{}", random());
    scene.put(&newer);
    let status = scene.clws("status prod --json").exits(1).json();
    let finding = &status["findings"][0];
    assert_eq!(finding["kind"], "old-rev", "{status}");
    let why = finding["why"].as_str().unwrap();
    assert!(
        why.contains("`server.prod/web#PORT` is version 1, the server has 2"),
        "{why}"
    );
    let dry = scene.clws("deploy --on prod --dry-run").succeeds();
    assert!(
        dry.err.contains("prod/web#TOKEN of the server, version 2"),
        "{}",
        dry.err
    );
    assert_eq!(rows(&scene.deploy().succeeds()), ["web changed"]);
    assert!(scene.variables().contains(&format!("TOKEN={newer}")));
    scene.clws("status prod").succeeds();

    // Removed with all its versions, numbers begin anew: it is another one all the same.
    for _ in 0..2 {
        let delete = ["kv", "metadata", "delete", "-mount=secret", "prod/web"];
        scene.bao.bao(&delete, b"");
        scene.put("first");
        scene.put(&format!("again-{}", random()));
        let status = scene.clws("status prod --json").exits(1).json();
        let why = status["findings"][0]["why"].as_str().unwrap();
        assert!(why.contains("anew under the same number"), "{why}");
        assert_eq!(rows(&scene.deploy().succeeds()), ["web changed"]);
    }

    // Who is not logged in still sees the hosts, and is told what was not looked at.
    let status = scene
        .site
        .clws("status prod")
        .env("VAULT_ADDR", &scene.bao.address);
    let status = status.exits(1);
    assert!(
        status.err.contains("what the server has is not known"),
        "{}",
        status.err
    );
    assert!(status.text().contains("3 of 3 ?"), "{}", status.text());
    let status = scene.site.clws("status prod --json");
    let status = status.env("VAULT_ADDR", &scene.bao.address).exits(1).json();
    let found = &status["findings"][0];
    assert_eq!(found["kind"], "unseen", "{status}");
    assert!(found["next"].as_str().unwrap().contains("server login"));
    let web = &status["hosts"][0]["components"][0];
    let token = &web["secrets"]["server.prod/web#TOKEN"];
    assert!(token["there"].is_u64() && token["here"].is_null(), "{web}");
    assert!(web["drifts"].is_null(), "{web}");

    // Gone there, it is not the newest.
    let delete = ["kv", "delete", "-mount=secret", "prod/web"];
    scene.bao.bao(&delete, b"");
    let status = scene.clws("status prod --json").exits(1).json();
    let why = status["findings"][0]["why"].as_str().unwrap();
    assert!(why.contains("the server has no value of"), "{why}");
    assert_eq!(status["hosts"][0]["components"][0]["drifts"], true);
}

#[test]
fn whatever_is_missing_is_said_before_a_host_is_touched() {
    let scene = Scene::new();
    let no_metadata = r#"path "secret/data/*" { capabilities = ["read"] }
                         path "team/data/*" { capabilities = ["read"] }"#;
    let only_metadata = r#"path "secret/metadata/*" { capabilities = ["read"] }
                           path "team/metadata/*" { capabilities = ["read"] }"#;
    // Nobody says which server; nobody is logged in; the token may not read.
    let ran = scene.site.deploy().exits(17);
    assert!(ran.err.contains("--server-address"), "{}", ran.err);
    let run = scene.site.clws("deploy --on prod --yes --server-address");
    let ran = run.word(&scene.bao.address).exits(15);
    assert!(ran.err.contains("clws server login"), "{}", ran.err);
    let denied = scene
        .deploy()
        .env("VAULT_TOKEN", scene.token(only_metadata));
    let ran = denied.exits(15);
    assert!(ran.err.contains("secret/data/prod/web"), "{}", ran.err);
    scene.untouched();
    // A bare plan says why it does not know the versions, and shows the rest.
    let dry = scene
        .site
        .clws("deploy --on prod --dry-run --server-address");
    let ran = dry.word(&scene.bao.address).succeeds();
    assert!(
        ran.err.contains("what the server has is not known"),
        "{}",
        ran.err
    );
    assert!(
        ran.err
            .contains("TOKEN = prod/web#TOKEN of the server, env"),
        "{}",
        ran.err
    );

    // A field, a value and a path that are not there.
    scene
        .bao
        .bao(&["kv", "put", "-mount=secret", "prod/web", "PORT=1"], b"");
    let ran = scene.deploy().exits(18);
    assert!(
        ran.err.contains("`prod/web` has no field `TOKEN`"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("it has PORT"), "{}", ran.err);
    scene
        .bao
        .bao(&["kv", "delete", "-mount=secret", "prod/web"], b"");
    let ran = scene.deploy().exits(18);
    assert!(ran.err.contains("clws server push prod/web"), "{}", ran.err);
    scene.clws("deploy --on prod --dry-run").exits(18);
    scene.untouched();

    // Where it lies is the person's to say; a token without metadata is enough to deploy.
    let put = [
        "kv",
        "put",
        "-mount=secret",
        "below/prod/web",
        "TOKEN=x",
        "PORT=2",
    ];
    scene.bao.bao(&put, b"");
    let config = scene.site.lab.home("ada").join(".config/clws/config.toml");
    fs::write(&config, "[server]\nkv = \"secret/below\"\n").unwrap();
    let ran = scene
        .deploy()
        .env("VAULT_TOKEN", scene.token(no_metadata))
        .succeeds();
    assert_eq!(rows(&ran), ["web started"]);
    assert!(scene.variables().contains(&"TOKEN=x".to_owned()));
    scene.clws("deploy --on prod --stop --yes").succeeds();
}

#[test]
fn a_server_that_is_sealed_or_gone_touches_no_host() {
    let scene = Scene::new();
    scene.bao.bao(&["operator", "seal"], b"");
    let begun = std::time::Instant::now();
    let ran = scene.deploy().exits(31);
    assert!(ran.err.contains("status 503"), "{}", ran.err);
    // A person is not waited for.
    assert!(ran.err.contains("unseal keys"), "{}", ran.err);
    assert!(begun.elapsed().as_secs() < 40, "{:?}", begun.elapsed());
    scene.bao.stop();
    scene.deploy().exits(24);
    scene.untouched();
}

#[test]
fn who_signs_must_be_a_deployer_of_what_is_read() {
    let scene = Scene::new();
    scene.deploy().succeeds();
    // What the path is at the server, a rule says who may have it deployed.
    let hook = HOOK.replace("team/other", "team/nobodys");
    scene.site.hook("web", &hook, &[("config.json", TEMPLATE)]);
    let ran = scene.deploy().exits(13);
    let hint = "clws access grant NAME team/nobodys --read --deploy";
    assert!(ran.err.contains(hint), "{}", ran.err);
    // The signature covers the references.
    scene.site.hook("web", HOOK, &[("config.json", TEMPLATE)]);
    let file = scene.site.lab.vault().join("hooks/web.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("prod/web#PORT", "prod/admin#ROOT")).unwrap();
    scene.deploy().exits(13);
    // What could not be meant.
    for (what, why) in [
        ("{ server = \"prod/../sys/raw#x\" }", "PATH#FIELD is wanted"),
        ("{ server = \"prod/web\" }", "PATH#FIELD is wanted"),
        (
            "{ lease = \"sys/raw#x\" }",
            "MOUNT/creds/ROLE#FIELD is wanted",
        ),
    ] {
        let hook = HOOK.replace("{ server = \"prod/web#PORT\" }", what);
        scene.site.hook("web", &hook, &[("config.json", TEMPLATE)]);
        let ran = scene.deploy().exits(17);
        assert!(ran.err.contains(why), "{}", ran.err);
    }
    let hook = HOOK.replace(
        "{ server = \"prod/web#PORT\" }",
        "{ server = \"a#b\", secret = \"c\" }",
    );
    fs::write(&file, hook).unwrap();
    scene.clws("hook sign web --yes").exits(17);
}

#[test]
fn a_hostile_server_draws_and_brings_nothing() {
    let scene = Scene::new();
    let mount = r#"{"data":{"path":"secret/","type":"kv","options":{"version":"2"}}}"#;
    let metadata = r#"{"data":{"current_version":7,"versions":{"7":{"created_time":"\u001b[31mred","deletion_time":"","destroyed":false}},
        "cas_required":false,"created_time":"","delete_version_after":"0s","max_versions":0,"oldest_version":0,"updated_time":"","custom_metadata":null}}"#;
    for (data, code) in [
        (
            r#"{"data":{"data":{"TOKEN\u001b]0;title":"x"},"metadata":{"created_time":"\u001b[31mred","custom_metadata":null,"deletion_time":"","destroyed":false,"version":7}}}"#,
            18,
        ),
        (
            r#"{"data":{"data":{"TOKEN":"x"},"metadata":{"created_time":"other","custom_metadata":null,"deletion_time":"","destroyed":false,"version":6}}}"#,
            16,
        ),
        (
            r#"{"data":{"data":"TOKEN","metadata":{"created_time":"","custom_metadata":null,"deletion_time":"","destroyed":false,"version":7}}}"#,
            10,
        ),
        (
            r#"{"data":{"data":{"TOKEN":null,"PORT":1},"metadata":{"created_time":"\u001b[31mred","custom_metadata":null,"deletion_time":"","destroyed":false,"version":7}}}"#,
            18,
        ),
    ] {
        let (mount, metadata, data) = (mount.to_owned(), metadata.to_owned(), data.to_owned());
        let hostile = Hostile::start(move |asked, _, stream| {
            let body = match asked.line.as_str() {
                line if line.contains("ui/mounts/team") => mount.replace("secret/", "team/"),
                line if line.contains("ui/mounts") => mount.clone(),
                line if line.contains("/metadata/") => metadata.clone(),
                line if line.contains("/data/") => data.clone(),
                _ => r#"{"data":{"ttl":0}}"#.to_owned(),
            };
            stream.write_all(whole("200 OK", "", &body).as_bytes())
        });
        let ran = scene
            .deploy()
            .env("VAULT_ADDR", &hostile.address)
            .exits(code);
        assert!(!ran.err.contains('\u{1b}'), "{}", ran.err);
    }
    scene.untouched();
}
