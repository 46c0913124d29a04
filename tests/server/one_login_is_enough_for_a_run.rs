//! What opens by a key of the server, and what goes there and back, is one run with one login: shown by a credential
//! that is good for no more than that.

use crate::keeping::{DECRYPT, Keeping, VALUE};
use crate::support::bao::VERSIONS;
use crate::support::lab::Run;
use crate::support::tool::run as run_tool;

/// Whatever one that pushes and pulls needs, and opens and seals by the key.
const EXCHANGE: &str = r#"
path "secret/data/*" { capabilities = ["create", "read", "update"] }
path "secret/delete/*" { capabilities = ["update"] }
path "secret/metadata/*" { capabilities = ["create", "read", "update", "list"] }
path "transit/keys/clws" { capabilities = ["read"] }
path "transit/encrypt/clws" { capabilities = ["update"] }
"#;

/// Logs in by a wrapped secret-id each time, and has no key but to sign.
struct Robot {
    keeping: Keeping,
    head: String,
}

impl Robot {
    fn of(program: &'static str) -> Self {
        let keeping = Keeping::of(program, "aes256-gcm96");
        let policy = format!("{DECRYPT}\n{EXCHANGE}");
        let write = ["policy", "write", "ci", "-"];
        keeping.team.bao.bao(&write, policy.as_bytes());
        let lab = &keeping.team.lab;
        lab.clws("identity new robot --keep file")
            .by("robot")
            .succeeds();
        let identity = lab.home("robot").join(".config/clws/identities/robot");
        std::fs::remove_file(identity.join("age.txt")).unwrap();
        let signing_key = identity.join("signing_key");
        let words = ["-y", "-f", signing_key.to_str().unwrap()];
        let public = String::from_utf8(run_tool("ssh-keygen", words, b"").stdout).unwrap();
        let add =
            lab.clws("recipient add robot --kind service --transit transit/clws --yes --sign-key");
        add.word(public.trim()).succeeds();
        for path in ["prod", "prod/web", "prod/db"] {
            let grant = format!("access grant robot {path} --read --write --yes");
            keeping.team.clws(&grant).succeeds();
        }
        let head = lab.head();
        Self { keeping, head }
    }

    /// A secret-id in its wrapping, which opens once.
    fn wrapped(&self) -> String {
        let wrapped =
            "write -wrap-ttl=600s -f -field=wrapping_token auth/approle/role/ci/secret-id";
        self.keeping.bao(wrapped).trim().to_owned()
    }

    fn clws(&self, words: &str, wrapped: &str) -> Run<'_> {
        let run = self.keeping.team.lab.clws(words).by("robot");
        run.env("CLWS_TRUST", &self.head)
            .env("VAULT_ROLE_ID", &self.keeping.role)
            .env("VAULT_WRAPPED_SECRET_ID", wrapped)
    }

    /// A run with a login of its own.
    fn once(&self, words: &str) -> Run<'_> {
        let run = self.clws(words, &self.wrapped());
        run.env("VAULT_ADDR", &self.keeping.team.bao.address)
    }

    /// Those of the runs are given back.
    fn has_given_back_its_tokens(&self) {
        let tokens = self.keeping.bao("list -format=json auth/token/accessors");
        let tokens: Vec<String> = serde_json::from_str(&tokens).unwrap();
        assert_eq!(tokens.len(), 1, "{tokens:?}");
    }
}

#[test]
fn a_wrapped_secret_id_pushes_and_pulls_what_the_servers_key_opens_and_seals() {
    for program in VERSIONS {
        let robot = Robot::of(program);
        let team = &robot.keeping.team;
        let wrapped = robot.wrapped();
        let pushed = robot
            .clws("server push prod --yes", &wrapped)
            .env("VAULT_ADDR", &team.bao.address)
            .succeeds();
        assert!(pushed.err.contains("wrote 2"), "{}", pushed.err);
        assert_eq!(team.there("prod/web")["data"]["data"]["TOKEN"], VALUE);
        robot.has_given_back_its_tokens();
        // It was opened, and opens no more.
        let again = robot
            .clws("server push prod --yes", &wrapped)
            .env("VAULT_ADDR", &team.bao.address)
            .exits(12);
        assert!(again.err.contains("was opened before"), "{}", again.err);

        robot.once("server diff prod").succeeds();
        // Both directions at a time, with a document that is new here and one that is changed.
        team.put("prod/new", r#"{"A":"of-the-server"}"#);
        team.put("prod/db", r#"{"TOKEN":"newer-on-the-server"}"#);
        robot
            .once("secret set prod/web/MORE")
            .stdin(b"of-the-vault")
            .succeeds();
        let synced = robot.once("server sync prod --yes").succeeds();
        assert!(synced.err.contains("took 2 over"), "{}", synced.err);
        assert!(synced.err.contains("wrote 1"), "{}", synced.err);
        assert_eq!(team.get("prod/new/A"), "of-the-server");
        assert_eq!(team.get("prod/db/TOKEN"), "newer-on-the-server");
        let there = team.there("prod/web");
        assert_eq!(there["data"]["data"]["MORE"], "of-the-vault");
        let got = robot.once("secret get prod/new/A").succeeds();
        assert_eq!(got.text(), "of-the-server");

        team.put("prod/new", r#"{"A":"of-the-server","B":"two"}"#);
        robot.once("server pull prod/new --yes").succeeds();
        assert_eq!(team.get("prod/new/B"), "two");
        robot.once("server diff prod").succeeds();
        robot.has_given_back_its_tokens();
        team.lab.clws("check").succeeds();
        team.lab
            .nowhere(&["of-the-server".to_owned(), VALUE.to_owned()]);
    }
}

/// The server that a flag names is also the one that keeps the keys; no other is asked, or known.
#[test]
fn the_flags_of_a_push_say_whose_key_opens() {
    let robot = Robot::of("bao");
    let address = &robot.keeping.team.bao.address;
    let push = format!("server push prod --yes --address {address}");
    let pushed = robot.clws(&push, &robot.wrapped()).succeeds();
    assert!(pushed.err.contains("wrote 2"), "{}", pushed.err);
    robot.has_given_back_its_tokens();
}
