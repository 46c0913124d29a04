//! `clws server login`, `status` and `logout` through the built program: the token lies in a real keyring and
//! nowhere else.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::support::bao::{Bao, TOKEN};
use crate::support::keyring::Keyring;
use crate::support::lab::{Lab, Run};

struct Person {
    lab: Lab,
    bao: Bao,
    keyring: Keyring,
}

impl Person {
    fn new() -> Self {
        let person = Self {
            lab: Lab::empty(),
            bao: Bao::start(),
            keyring: Keyring::start(),
        };
        let config = person.lab.home("ada").join(".config/clws");
        fs::create_dir_all(&config).unwrap();
        let text = format!("[server]\naddress = \"{}\"\n", person.bao.address);
        fs::write(config.join("config.toml"), text).unwrap();
        person
    }

    fn clws(&self, words: &str) -> Run<'_> {
        self.without_keyring(words)
            .env("DBUS_SESSION_BUS_ADDRESS", self.keyring.bus())
    }

    fn without_keyring(&self, words: &str) -> Run<'_> {
        self.lab.clws(words)
    }

    /// A token of its own, so that it can be revoked.
    fn token(&self) -> String {
        let words = [
            "token",
            "create",
            "-field=token",
            "-policy=default",
            "-ttl=1h",
        ];
        self.bao.bao(&words, b"").trim().to_owned()
    }
}

#[test]
fn the_token_lies_in_the_keyring_and_nowhere_else() {
    let person = Person::new();
    let token = person.token();
    let none = person.clws("server status").succeeds();
    assert!(none.err.contains("you are not logged in"), "{}", none.err);
    assert!(none.text().contains("active"), "{}", none.text());
    let login = person.clws("server login --method token");
    let login = login.stdin(format!("{token}\n").as_bytes()).succeeds();
    assert!(
        login
            .err
            .contains(&format!("logged in to {} as token", person.bao.address)),
        "{}",
        login.err
    );
    let status = person.clws("server status --json").succeeds().json();
    assert_eq!(status["nodes"][0]["state"], "active");
    assert_eq!(status["login"]["token"], "keyring");
    assert_eq!(status["login"]["policies"], json!(["default"]));
    // The environment's wins.
    let root = person
        .clws("server status --json")
        .env("VAULT_TOKEN", TOKEN);
    assert_eq!(root.succeeds().json()["login"]["token"], "environment");
    let wrong = person
        .clws("server status")
        .env("BAO_TOKEN", "wrong")
        .exits(15);
    assert!(wrong.err.contains("status 403"), "{}", wrong.err);
    assert!(wrong.err.contains("clws server login"), "{}", wrong.err);
    // A node's health is no namespace's.
    let within = person.clws("server status --namespace team").run();
    assert!(within.text().contains("active"), "{}", within.text());
    // Nothing is mounted there, and no certificate is none.
    let login = person.clws("server login --method jwt --role ci");
    let refused = login.stdin(b"a.b.c").exits(15);
    assert!(refused.err.contains("`--mount`"), "{}", refused.err);
    person
        .clws("server login --method cert")
        .stdin(b"")
        .exits(10);
    // Another server has another token.
    let other = person.clws("server status --address http://localhost:1");
    let other = other.exits(24);
    assert!(other.err.contains("not logged in"), "{}", other.err);
    person.clws("server logout").succeeds();
    let known = person
        .clws("server status")
        .env("BAO_TOKEN", &token)
        .exits(15);
    assert!(known.err.contains("status 403"), "{}", known.err);
    let again = person.clws("server logout").succeeds();
    assert!(again.err.contains("no token"), "{}", again.err);
    person.lab.nowhere(&[token]);
}

#[test]
fn without_a_keyring_no_credential_is_used_up_and_nothing_is_written() {
    let person = Person::new();
    person.bao.bao(&["auth", "enable", "approle"], b"");
    let role = "auth/approle/role/ci";
    person
        .bao
        .bao(&["write", role, "secret_id_num_uses=1"], b"");
    let id = ["read", "-field=role_id", &format!("{role}/role-id")];
    let id = person.bao.bao(&id, b"").trim().to_owned();
    let secret = [
        "write",
        "-f",
        "-field=secret_id",
        &format!("{role}/secret-id"),
    ];
    let secret = person.bao.bao(&secret, b"").trim().to_owned();
    let login = format!("server login --method approle --role {id}");
    let refused = person
        .without_keyring(&login)
        .stdin(secret.as_bytes())
        .exits(24);
    assert!(refused.err.contains("VAULT_ROLE_ID"), "{}", refused.err);
    person
        .clws("server login --method approle")
        .stdin(secret.as_bytes())
        .exits(2);
    person.clws(&login).stdin(secret.as_bytes()).succeeds();
    let used = person.clws(&login).stdin(secret.as_bytes()).exits(24);
    assert!(!used.err.contains(&secret), "{}", used.err);
    person.lab.nowhere(&[secret]);
}

#[test]
fn a_keyring_that_is_still_starting_is_waited_for() {
    let person = Person::new();
    let token = person.token();
    person.keyring.signal(Signal::STOP);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            // Longer than is waited where a file would do.
            std::thread::sleep(Duration::from_secs(2));
            person.keyring.signal(Signal::CONT);
        });
        let login = person.clws("server login --method token");
        login.stdin(token.as_bytes()).succeeds();
    });
}

#[test]
fn no_file_of_a_repository_says_which_server() {
    let person = Person::new();
    let lab = Lab::new();
    let refused = lab.clws("server status").exits(17);
    assert!(refused.err.contains("--address"), "{}", refused.err);
    let clear = lab
        .clws("server status --address http://bao.example.org")
        .exits(17);
    assert!(clear.err.contains("in the clear"), "{}", clear.err);
    let skip = person
        .clws("server login --method token")
        .env("VAULT_ADDR", "https://127.0.0.1:1");
    let skip = skip.env("VAULT_SKIP_VERIFY", "1").stdin(b"s.abc").exits(24);
    assert!(skip.err.contains("is not reached"), "{}", skip.err);
}
