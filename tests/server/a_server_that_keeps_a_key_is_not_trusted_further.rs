//! The server that keeps a reader's key opens what was sealed to it and nothing else: a wrap that was moved, a key
//! that does not serve, a refusal and a lie are told apart, and none of them draws on a terminal.

use std::io::Write as _;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::hostile::{Asked, Hostile, whole};
use crate::keeping::Keeping;

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
