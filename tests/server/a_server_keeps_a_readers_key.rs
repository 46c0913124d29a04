//! Readers whose key the server keeps: sealed to by its transit engine, opened by a login and no private key.

use std::io::Write as _;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::hostile::{Asked, Hostile, whole};
use crate::support::bao::VERSIONS;
use crate::support::lab::Run;
use crate::support::tool::run as run_tool;
use crate::team::Team;

pub(crate) const VALUE: &str = "value-of-the-test-0123456789";

pub(crate) const DECRYPT: &str = r#"path "transit/decrypt/clws" { capabilities = ["update"] }"#;

/// A team whose server keeps the key of `vault-prod`, and a CI system that may open by it.
pub(crate) struct Keeping {
    pub(crate) team: Team,
    pub(crate) role: String,
    secret: String,
    pub(crate) head: String,
}

impl Keeping {
    pub(crate) fn new() -> Self {
        Self::of("bao", "aes256-gcm96")
    }

    pub(crate) fn of(program: &'static str, kind: &str) -> Self {
        let team = Team::of(program);
        team.set("prod/web/TOKEN", VALUE);
        team.set("prod/db/TOKEN", "another");
        let bao = |words: &str| {
            let words: Vec<&str> = words.split(' ').collect();
            team.bao.bao(&words, b"").trim().to_owned()
        };
        bao("secrets enable transit");
        bao(&format!("write -f transit/keys/clws type={kind}"));
        bao("auth enable approle");
        team.bao
            .bao(&["policy", "write", "ci", "-"], DECRYPT.as_bytes());
        bao("write auth/approle/role/ci token_policies=ci token_ttl=60s");
        let role = bao("read -field=role_id auth/approle/role/ci/role-id");
        let secret = bao("write -f -field=secret_id auth/approle/role/ci/secret-id");
        let add = "recipient add vault-prod --transit transit/clws --kind service --yes";
        team.lab.clws(add).succeeds();
        let mut keeping = Self {
            team,
            role,
            secret,
            head: String::new(),
        };
        keeping.grant("prod/web");
        keeping.grant("prod/db");
        keeping
    }

    /// Lets the server's key read; the server seals by it.
    pub(crate) fn grant(&mut self, path: &str) {
        let grant = format!("access grant vault-prod {path} --read --yes");
        self.team.clws(&grant).succeeds();
        self.head = self.team.lab.head();
    }

    /// A run on a machine without any identity, which logs in to the server.
    pub(crate) fn ci(&self, words: &str) -> Run<'_> {
        let run = self.team.lab.clws(words).by("ci");
        run.env("VAULT_ADDR", &self.team.bao.address)
            .env("VAULT_ROLE_ID", &self.role)
            .env("VAULT_SECRET_ID", &self.secret)
            .env("CLWS_TRUST", &self.head)
    }

    pub(crate) fn bao(&self, words: &str) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        self.team.bao.bao(&words, b"")
    }

    fn document(&self, path: &str) -> String {
        let file = self.team.lab.vault().join(format!("secrets/{path}.toml"));
        std::fs::read_to_string(file).unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.team.lab.vault().join(format!("secrets/{path}.toml"));
        std::fs::write(file, text).unwrap();
    }

    /// The server's wrap in a document: `kid:transit:vault:v1:…`.
    fn wrap(&self, path: &str) -> String {
        let text = self.document(path);
        let table = text.split("[reader.vault-prod/main]").nth(1);
        let table = table.or_else(|| text.split("[reader.\"vault-prod/main\"]").nth(1));
        let key = table.unwrap().split("key = \"").nth(1).unwrap();
        key.split('"').next().unwrap().to_owned()
    }
}

#[test]
fn a_login_is_all_that_it_takes_to_read() {
    for program in VERSIONS {
        for kind in ["aes256-gcm96", "chacha20-poly1305"] {
            let keeping = Keeping::of(program, kind);
            let wrap = keeping.wrap("prod/web");
            assert_eq!(wrap.split(':').nth(1), Some("transit"), "{wrap}");
            assert!(wrap[9..].starts_with("transit:vault:v1:"), "{wrap}");
            let got = keeping.ci("secret get prod/web/TOKEN").succeeds();
            assert_eq!(got.text(), VALUE);
            let ran = keeping
                .ci("exec prod/web -- sh -c")
                .word("printf %s \"$TOKEN\"");
            assert_eq!(ran.succeeds().text(), VALUE);
            assert!(!keeping.team.lab.home("ci").join(".config").exists());
            // What a run logged in with is given back.
            let tokens = keeping.bao("list -format=json auth/token/accessors");
            let tokens: Vec<String> = serde_json::from_str(&tokens).unwrap();
            assert_eq!(tokens.len(), 1, "{tokens:?}");
            keeping.team.lab.clws("check").succeeds();
            keeping.team.lab.nowhere(&[VALUE.to_owned()]);
        }
    }
}

#[test]
fn who_has_a_key_needs_no_server() {
    let keeping = Keeping::new();
    let lab = &keeping.team.lab;
    keeping.team.bao.stop();
    // Nothing is asked of a server that is down, and none is waited for.
    let ada = |words: &str| lab.clws(words).env("VAULT_ADDR", &keeping.team.bao.address);
    assert_eq!(ada("secret get prod/web/TOKEN").succeeds().text(), VALUE);
    ada("secret set prod/web/TOKEN").stdin(b"new").succeeds();
    ada("secret set prod/web/MORE").stdin(b"more").succeeds();
    assert_eq!(
        lab.clws("secret get prod/web/MORE").succeeds().text(),
        "more"
    );
    // And none is named.
    let checked = lab.clws("check").succeeds();
    assert!(
        checked.err.contains("2 wraps by a server's key"),
        "{}",
        checked.err
    );
    // What needs it says so, and changes nothing.
    let before = keeping.document("prod/web");
    let rekey = lab.clws("rekey prod/web --yes").exits(17);
    assert!(
        rekey
            .err
            .contains("`prod/web` cannot be sealed to vault-prod/main"),
        "{}",
        rekey.err
    );
    assert!(rekey.err.contains("VAULT_ADDR"), "{}", rekey.err);
    let rekey = ada("rekey prod/web --yes")
        .env("VAULT_TOKEN", "t")
        .exits(24);
    assert!(rekey.err.contains("is not reached"), "{}", rekey.err);
    assert!(rekey.err.contains("need no server"), "{}", rekey.err);
    assert_eq!(keeping.document("prod/web"), before);
}

#[test]
fn a_new_document_and_a_file_are_sealed_by_the_server() {
    let mut keeping = Keeping::new();
    keeping.grant("prod");
    let team = &keeping.team;
    // Without a login it cannot be.
    let set = team.lab.clws("secret set prod/new/A");
    let set = set.env("VAULT_ADDR", &team.bao.address).stdin(b"one");
    let set = set.exits(15);
    assert!(set.err.contains("clws server login"), "{}", set.err);
    assert!(!team.lab.vault().join("secrets/prod/new.toml").exists());
    team.clws("secret set prod/new/A").stdin(b"one").succeeds();
    assert_eq!(keeping.ci("secret get prod/new/A").succeeds().text(), "one");
    // A file is a plain age file: who has a key opens it without us, and without the server.
    team.clws("secret set prod/tls/key.pem --type file")
        .stdin(VALUE.as_bytes())
        .succeeds();
    let file = team.lab.vault().join("secrets/prod/tls/key.pem.age");
    let bytes = std::fs::read(&file).unwrap();
    let header = String::from_utf8_lossy(&bytes);
    assert!(
        header.contains("\n-> clws-transit transit/clws 1\n"),
        "{header}"
    );
    let identity = team
        .lab
        .home("ada")
        .join(".config/clws/identities/ada/age.txt");
    let words = [
        "-d",
        "-i",
        identity.to_str().unwrap(),
        file.to_str().unwrap(),
    ];
    let opened = run_tool("age", words, b"");
    assert_eq!(opened.stdout, VALUE.as_bytes());
    assert_eq!(
        keeping.ci("secret get prod/tls/key.pem").succeeds().text(),
        VALUE
    );
    assert_eq!(
        team.lab
            .clws("secret get prod/tls/key.pem")
            .succeeds()
            .text(),
        VALUE
    );
    let full = keeping.ci("check --full").succeeds();
    assert!(
        full.err.contains("0 findings") && !full.err.contains("server's key"),
        "{}",
        full.err
    );
    // A file in the past and an export are opened by the login too.
    let out = team.lab.root().join("out");
    let export = keeping
        .ci("export prod --format json --allow-disk --out")
        .word(out.to_str().unwrap());
    export.succeeds();
    assert_eq!(
        std::fs::read(out.join("prod/tls/key.pem")).unwrap(),
        VALUE.as_bytes()
    );
    // Sealed to the server's key is what stays in the vault, and nothing that leaves it.
    let age = team.lab.root().join("age");
    team.lab
        .clws("export prod/new --format age --out")
        .word(age.to_str().unwrap())
        .succeeds();
    let exported = crate::support::lab::find_below(&age, &["clws-transit".to_owned()]);
    assert!(exported.is_empty(), "{exported:?}");
    team.lab.nowhere(&["s.".to_owned() + &keeping.secret]);
}

#[test]
fn a_wrap_that_was_moved_is_refused() {
    let keeping = Keeping::new();
    let (web, db) = (keeping.document("prod/web"), keeping.document("prod/db"));
    // Another document's, under the kid of this one: the server refuses it before anything is compared.
    let (mine, other) = (keeping.wrap("prod/web"), keeping.wrap("prod/db"));
    let moved = format!("{}{}", &mine[..8], &other[8..]);
    keeping.write("prod/web", &web.replace(&mine, &moved));
    let refused = keeping.ci("secret get prod/web/TOKEN").exits(12);
    assert!(
        refused
            .err
            .contains("did not seal it, or not for this place"),
        "{}",
        refused.err
    );
    let found = keeping.ci("check --full").exits(1);
    assert!(found.text().contains("wrap"), "{}", found.text());
    // The whole of it shows without a server.
    keeping.write("prod/web", &web.replace(&mine, &other));
    keeping.ci("secret get prod/web/TOKEN").exits(12);
    keeping.team.lab.clws("check").exits(1);
    // A key that no party has is never asked for, whatever a document says.
    keeping.bao("write -f transit/keys/other type=aes256-gcm96");
    keeping.write(
        "prod/web",
        &web.replace("\"transit/clws\"", "\"transit/other\""),
    );
    let refused = keeping.ci("secret get prod/web/TOKEN").exits(11);
    assert!(
        refused.err.contains("you have no identity here"),
        "{}",
        refused.err
    );
    keeping.write("prod/web", &web);
    keeping.write("prod/db", &db);
    keeping.ci("secret get prod/web/TOKEN").succeeds();
}

#[test]
fn a_key_that_does_not_serve_is_not_sealed_by() {
    let keeping = Keeping::new();
    keeping.bao("write -f transit/keys/rsa type=rsa-2048");
    keeping.bao("write -f transit/keys/derived derived=true");
    keeping.bao("write -f transit/keys/convergent derived=true convergent_encryption=true");
    for (key, why) in [
        ("rsa", "it is of the type rsa-2048"),
        ("derived", "from which others are derived"),
        ("convergent", "convergent"),
        ("none", "it is not there"),
    ] {
        let add = format!("recipient add {key} --transit transit/{key} --kind service --yes");
        // Who is logged in is told at once; rules do not wait for a login.
        let refused = keeping.team.clws(&add).exits(17);
        assert!(refused.err.contains(why), "{key}: {}", refused.err);
        keeping.team.lab.clws(&add).succeeds();
        let before = keeping.document("prod/web");
        let grant = format!("access grant {key} prod/web --read --yes");
        let granted = keeping.team.clws(&grant).succeeds();
        assert!(granted.err.contains(why), "{key}: {}", granted.err);
        assert!(
            granted.err.contains("does not follow the rules yet"),
            "{}",
            granted.err
        );
        assert_eq!(keeping.document("prod/web"), before);
        let revoke = format!("access revoke {key} prod/web --read --yes");
        keeping.team.clws(&revoke).succeeds();
    }
    // It was not made by asking for it.
    let keys = keeping.bao("list -format=json transit/keys");
    assert!(!keys.contains("none"), "{keys}");
}

#[test]
fn who_is_taken_out_keeps_a_wrap_until_the_server_makes_those_of_the_others() {
    let keeping = Keeping::new();
    let lab = &keeping.team.lab;
    keeping.bao("write -f transit/keys/other");
    lab.clws("recipient add other --transit transit/other --kind service --yes")
        .succeeds();
    let grant = "access grant other prod/web --read --yes";
    keeping.team.clws(grant).succeeds();
    let removed = lab.clws("recipient remove vault-prod --yes").succeeds();
    let told = "prod/web does not follow the rules yet";
    assert!(removed.err.contains(told), "{}", removed.err);
    let found = lab.clws("check").exits(1).text();
    assert!(found.contains("extra-reader"), "{found}");
    keeping.team.clws("rekey prod/web --yes").succeeds();
    lab.clws("check").succeeds();
}

#[test]
fn the_key_is_rotated_and_old_wraps_are_made_anew() {
    for program in VERSIONS {
        is_rotated(&Keeping::of(program, "aes256-gcm96"));
    }
}

fn is_rotated(keeping: &Keeping) {
    keeping.bao("write -f transit/keys/clws/rotate");
    keeping.ci("secret get prod/web/TOKEN").succeeds();
    // The server's own way to the newest version does not know what a wrap is bound to.
    let wrap = keeping.wrap("prod/web");
    let (_, sealed) = wrap.split_once(":transit:").unwrap();
    let rewrap = [
        "write",
        "transit/rewrap/clws",
        &format!("ciphertext={sealed}"),
    ];
    let refused = keeping.team.bao.refuses(&rewrap);
    assert!(
        refused.contains("message authentication failed"),
        "{refused}"
    );
    keeping.team.clws("rekey prod/web --yes").succeeds();
    assert!(keeping.wrap("prod/web").contains(":vault:v2:"));
    keeping.bao("write transit/keys/clws/config min_decryption_version=2");
    let got = keeping.ci("secret get prod/web/TOKEN").succeeds();
    assert_eq!(got.text(), VALUE);
    let closed = keeping.ci("secret get prod/db/TOKEN").exits(11);
    assert!(
        closed
            .err
            .contains("does not open what its version 1 sealed"),
        "{}",
        closed.err
    );
    assert!(
        closed.err.contains("too old") && closed.err.contains("clws rekey"),
        "{}",
        closed.err
    );
    // Who has a key makes it good.
    keeping.team.clws("rekey prod/db --yes").succeeds();
    keeping.ci("secret get prod/db/TOKEN").succeeds();
    // The key is gone.
    keeping.bao("write transit/keys/clws/config deletion_allowed=true");
    keeping.bao("delete transit/keys/clws");
    let gone = keeping.ci("secret get prod/db/TOKEN").exits(11);
    assert!(
        gone.err.contains("encryption key not found"),
        "{}",
        gone.err
    );
    // Another one of its name opens nothing.
    keeping.bao("write -f transit/keys/clws type=aes256-gcm96");
    let other = keeping.ci("secret get prod/web/TOKEN").run();
    assert!(
        [11, 12].contains(&other.code),
        "{}: {}",
        other.code,
        other.err
    );
    assert_eq!(keeping.team.get("prod/web/TOKEN"), VALUE);
}

#[test]
fn who_leaves_opens_nothing_new_and_a_server_that_is_down_keeps_nobody_in() {
    let keeping = Keeping::new();
    let lab = &keeping.team.lab;
    let old = keeping.document("prod/web");
    // Somebody else leaves while nobody is logged in: the rules do not wait for the server.
    lab.clws("identity new bob --keep file")
        .by("bob")
        .succeeds();
    let party = lab.clws("identity show").by("bob").succeeds().out;
    lab.clws("recipient add bob - --yes")
        .stdin(&party)
        .succeeds();
    keeping
        .team
        .clws("access grant bob prod/web --read --yes")
        .succeeds();
    let left = lab.clws("recipient remove bob --yes").succeeds();
    assert!(
        left.err.contains("does not follow the rules yet"),
        "{}",
        left.err
    );
    lab.clws("check").exits(1);
    keeping.team.clws("rekey prod/web --yes").succeeds();
    lab.clws("check").succeeds();
    assert_ne!(keeping.document("prod/web"), old);
    // The server's key itself leaves; that needs no server.
    lab.clws("recipient remove vault-prod --yes").succeeds();
    assert!(!keeping.document("prod/web").contains("vault-prod/main"));
    let refused = keeping.ci("secret get prod/web/TOKEN").run();
    assert_eq!(refused.code, 11, "{}", refused.err);
    // Exposed, as for anybody who leaves.
    let found = lab.clws("check").succeeds();
    let exposed = "others may know it (bob left";
    assert!(found.text().contains(exposed), "{}", found.text());
    assert!(found.text().contains("vault-prod left"), "{}", found.text());
}

#[test]
fn what_the_server_refuses_is_said() {
    let keeping = Keeping::new();
    keeping.bao("policy delete ci");
    let refused = keeping.ci("secret get prod/web/TOKEN").exits(15);
    assert!(
        refused
            .err
            .contains("the server that could open `prod/web`"),
        "{}",
        refused.err
    );
    assert!(refused.err.contains("status 403"), "{}", refused.err);
    let wrong = keeping
        .ci("secret get prod/web/TOKEN")
        .env("VAULT_SECRET_ID", "wrong")
        .run();
    assert!(
        [15, 24].contains(&wrong.code),
        "{}: {}",
        wrong.code,
        wrong.err
    );
    // Nobody logged in is one identity less, and told what to do.
    let nobody = keeping
        .team
        .lab
        .clws("secret get prod/web/TOKEN")
        .by("nobody");
    let nobody = nobody.env("VAULT_ADDR", &keeping.team.bao.address);
    let nobody = nobody.env("CLWS_TRUST", &keeping.head).exits(11);
    assert!(
        nobody.err.contains("VAULT_ROLE_ID") || nobody.err.contains("clws server login"),
        "{}",
        nobody.err
    );
    keeping.team.bao.stop();
    let began = Instant::now();
    let down = keeping.ci("secret get prod/web/TOKEN").exits(24);
    assert!(down.err.contains("is not reached"), "{}", down.err);
    assert!(began.elapsed() < Duration::from_secs(30));
}

/// Sealed by the real one, opened by one that lies.
#[test]
fn a_server_that_lies_opens_nothing_and_draws_nothing() {
    let keeping = Keeping::new();
    let answers: Vec<String> = [
        STANDARD.encode([7; 32]),
        STANDARD.encode([7; 31]),
        STANDARD.encode(vec![7; 100_000]),
        "not base64 \u{1b}[2J".to_owned(),
        String::new(),
    ]
    .map(|plaintext| json!({ "data": { "plaintext": plaintext } }).to_string())
    .into_iter()
    .chain([
        json!({ "errors": ["\u{1b}[2Jtoo old\u{202e}"] }).to_string(),
        json!({ "data": null }).to_string(),
        "[".repeat(100_000),
    ])
    .collect();
    for answer in answers {
        let status = if answer.contains("errors") {
            "400 Bad Request"
        } else {
            "200 OK"
        };
        let text = whole(status, "", &answer);
        let login =
            json!({ "auth": { "client_token": "s.ofTheRun0123456789", "lease_duration": 60 } });
        let login = whole("200 OK", "", &login.to_string());
        let hostile = Hostile::start(move |asked: &Asked, _, stream| {
            let is_login = asked.line.contains("/login");
            stream.write_all(if is_login {
                login.as_bytes()
            } else {
                text.as_bytes()
            })
        });
        let get = keeping.ci("secret get prod/web/TOKEN");
        let got = get.env("VAULT_ADDR", &hostile.address).run();
        assert!(
            [10, 11, 12].contains(&got.code),
            "{answer:.80}: {} {}",
            got.code,
            got.err
        );
        assert!(got.out.is_empty());
        assert!(
            !got.err.contains('\u{1b}') && !got.err.contains('\u{202e}'),
            "{:?}",
            got.err
        );
        let asked = hostile.asked();
        assert!(
            asked
                .iter()
                .any(|asked| asked.line.starts_with("POST /v1/transit/decrypt/clws "))
        );
    }
    // One that seals something else than it was asked to.
    for ciphertext in [
        format!("vault:v1:{}", STANDARD.encode([7; 59])),
        format!("vault:v0:{}", STANDARD.encode([7; 60])),
        "vault:v1:\"\n[end]\n".to_owned(),
        "\u{1b}[2J".to_owned(),
    ] {
        let key = json!({ "data": { "type": "aes256-gcm96" } }).to_string();
        let sealed = json!({ "data": { "ciphertext": ciphertext } }).to_string();
        let hostile = Hostile::start(move |asked: &Asked, _, stream| {
            let body = if asked.line.contains("/encrypt/") {
                &sealed
            } else {
                &key
            };
            stream.write_all(whole("200 OK", "", body).as_bytes())
        });
        let before = keeping.document("prod/web");
        let rekey = keeping.team.clws("rekey prod/web --yes");
        let rekey = rekey.env("VAULT_ADDR", &hostile.address).exits(10);
        assert!(!rekey.err.contains('\u{1b}'), "{:?}", rekey.err);
        assert_eq!(keeping.document("prod/web"), before);
    }
}

/// A machine with a signing key alone writes what it reads by its login; what it could not open is not written.
#[test]
fn who_reads_by_the_login_alone_can_write() {
    let keeping = Keeping::new();
    let lab = &keeping.team.lab;
    lab.clws("identity new robot --keep file")
        .by("robot")
        .succeeds();
    let identity = lab.home("robot").join(".config/clws/identities/robot");
    std::fs::remove_file(identity.join("age.txt")).unwrap();
    let public = run_tool(
        "ssh-keygen",
        ["-y", "-f", identity.join("signing_key").to_str().unwrap()],
        b"",
    );
    let public = String::from_utf8(public.stdout).unwrap();
    let add =
        lab.clws("recipient add robot --kind service --transit transit/clws --yes --sign-key");
    add.word(public.trim()).succeeds();
    keeping
        .team
        .clws("access grant robot prod/own --write --yes")
        .succeeds();
    let head = lab.head();
    let robot = |words: &str| {
        let run = keeping.ci(words).by("robot");
        run.env("CLWS_TRUST", &head)
    };
    // It may open and not seal.
    let set = robot("secret set prod/own/A").stdin(b"one").exits(15);
    assert!(set.err.contains("transit/keys/clws"), "{}", set.err);
    let both = format!(
        "{DECRYPT}\npath \"transit/keys/clws\" {{ capabilities = [\"read\"] }}\n\
         path \"transit/encrypt/clws\" {{ capabilities = [\"update\"] }}"
    );
    // Seal and not open: what it wrote could not be read back.
    let seals = both.replace(DECRYPT, "");
    keeping
        .team
        .bao
        .bao(&["policy", "write", "ci", "-"], seals.as_bytes());
    let set = robot("secret set prod/own/A").stdin(b"one").exits(15);
    assert!(set.err.contains("transit/decrypt/clws"), "{}", set.err);
    assert!(!lab.vault().join("secrets/prod/own.toml").exists());
    keeping
        .team
        .bao
        .bao(&["policy", "write", "ci", "-"], both.as_bytes());
    robot("secret set prod/own/A").stdin(b"one").succeeds();
    robot("secret set prod/own/A").stdin(b"two").succeeds();
    assert_eq!(robot("secret get prod/own/A").succeeds().text(), "two");
    robot("secret set prod/own2/f --type file")
        .stdin(b"x")
        .exits(13);
    lab.clws("check").succeeds();
}
