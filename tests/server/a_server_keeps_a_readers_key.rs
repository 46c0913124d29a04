//! Readers whose key the server keeps: sealed to by its transit engine, opened by a login and no private key.

use crate::keeping::{DECRYPT, Keeping, VALUE};
use crate::support::bao::VERSIONS;
use crate::support::tool::run as run_tool;

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
