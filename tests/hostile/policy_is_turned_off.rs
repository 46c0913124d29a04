//! What a vault demands is taken back in the working tree: refusing what is older, not printing, exposure,
//! dates. Rules count as they were signed, and so does what is known about a value.

use clws::crypto::sshsig::Namespace;
use clws::vault::{PolicyKey, ValueType};

use crate::forge::{Known, signing_key, table, with_table};
use crate::lab::Lab;
use crate::scene::{accept, deployable, plant, read, refused};

fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/web/TOKEN", "first");
    lab.clws("access grant ben prod --read --write --yes")
        .succeeds();
    deployable(&lab);
    accept(&lab, &["ben"]);
    lab
}

#[test]
fn older_values_are_refused_though_the_tree_says_warn() {
    let lab = lab();
    let (file, old) = ("secrets/prod/web.toml", read(&lab, "secrets/prod/web.toml"));
    let lab = lab.secret("prod/web/TOKEN", "second");
    lab.clws("secret get prod/web/TOKEN").by("ben").succeeds();
    plant(&lab, file, old);
    let good = read(&lab, "clws.toml");
    for bad in [
        good.replace("[end]", "[scope.prod]\nrollback = \"warn\"\n\n[end]"),
        good.replace("[scope.dev]", "[scope.prod]"),
        good.replace("refuse", "warn") + "\n",
    ] {
        assert_ne!(bad, good);
        plant(&lab, "clws.toml", bad);
        for by in ["ada", "ben"] {
            refused(&lab, by, "secret get prod/web/TOKEN", 14);
            refused(&lab, by, "exec prod/web -- true", 125);
            refused(&lab, by, "deploy --on prod --dry-run", 13);
        }
        refused(&lab, "ada", "rekey prod --yes", 13);
        refused(&lab, "ada", "trust diff", 1);
    }
    // Signed by mallory, or in a format of its own, it is no vault's settings at all.
    plant(&lab, "clws.toml", good.replace("format = 1", "format = 2"));
    refused(&lab, "ben", "secret get prod/web/TOKEN", 14);
    refused(&lab, "ada", "rekey prod --yes", 13);
}

#[test]
fn what_is_known_about_a_value_is_taken_out_or_changed() {
    let lab = lab();
    lab.clws(
        "secret policy prod/web/TOKEN --no-print --rotate-every 90d --expires 2020-01-01 --owner ada",
    )
    .succeeds();
    lab.clws("secret set prod/keys/web.key --type file")
        .stdin(b"the-key")
        .succeeds();
    lab.clws("secret policy prod/keys/web.key --no-print")
        .succeeds();
    for by in ["ada", "ben"] {
        lab.clws("exec prod/web -- true").by(by).succeeds();
        // Refused because of its policy it is seen all the same.
        lab.clws("secret get prod/keys/web.key").by(by).exits(15);
        refused(&lab, by, "secret get prod/web/TOKEN", 15);
        refused(&lab, by, "secret get prod/keys/web.key", 15);
    }
    let (file, header) = ("secrets/prod/web.toml", "[secret.TOKEN]");
    let good = read(&lab, file);
    let record = table(&good, header);
    let mut tried = 0;
    for key in ["no_print", "rotate_every", "expires", "owner"] {
        let line = record
            .lines()
            .find(|line| line.starts_with(&format!("{key} = ")))
            .unwrap();
        let without = record.replace(&format!("{line}\n"), "");
        let changed = record.replace(line, &format!("{key} = \"2999-01-01\""));
        for bad in [without, changed] {
            plant(&lab, file, with_table(&good, header, &bad));
            for by in ["ada", "ben"] {
                refused(&lab, by, "secret get prod/web/TOKEN", 12);
                refused(&lab, by, "exec prod/web -- true", 125);
                refused(&lab, by, "secret policy prod/web/TOKEN --owner ben", 12);
            }
            tried += 1;
        }
    }
    assert_eq!(tried, 8);
    plant(&lab, file, good);
    let file = "secrets/prod/keys/web.key.age.toml";
    let good = read(&lab, file);
    let line = good.lines().find(|line| line.starts_with("no_print"));
    plant(
        &lab,
        file,
        good.replace(&format!("{}\n", line.unwrap()), ""),
    );
    refused(&lab, "ben", "secret get prod/keys/web.key", 12);
}

#[test]
fn what_was_exposed_stays_exposed() {
    let lab = lab().people(&["cleo"]);
    lab.clws("access grant cleo prod --read --yes").succeeds();
    lab.clws("recipient remove cleo --yes").succeeds();
    lab.clws("secret get prod/web/TOKEN").by("ben").succeeds();
    let file = "secrets/prod/web.toml";
    let good = read(&lab, file);
    let line = good.lines().find(|line| line.starts_with("exposed = "));
    plant(
        &lab,
        file,
        good.replace(&format!("{}\n", line.unwrap()), ""),
    );
    refused(&lab, "ben", "secret get prod/web/TOKEN", 12);
    refused(&lab, "ada", "secret policy prod/web/TOKEN --owner ben", 12);
    refused(&lab, "ada", "check", 1);
}

#[test]
fn a_value_that_is_not_of_its_type_is_found_by_who_opens_it() {
    let lab = lab();
    let ben = signing_key(&lab, "ben");
    let known = Known::of(&lab, "prod/web", "ben");
    let kind = ValueType::Integer;
    let record = known.record_of(kind, "TOKEN", (2, 2), "five", ("ben", &ben));
    let text = with_table(&known.text, "[secret.TOKEN]", &record.print());
    plant(&lab, "secrets/prod/web.toml", text);
    lab.clws("check").succeeds();
    let found = lab.clws("check --full").exits(1).text();
    assert!(found.contains("form: prod/web/TOKEN: "), "{found}");
}

#[test]
fn a_policy_that_was_signed_and_says_nothing_is_found() {
    let lab = lab();
    let ben = signing_key(&lab, "ben");
    let known = Known::of(&lab, "prod/web", "ben");
    let signed = |days: &str| {
        let mut record = known.record("TOKEN", (2, 2), "second", ("ben", &ben));
        record
            .policy
            .set(PolicyKey::RotateEvery, Some(days.to_owned()));
        let message = record.message(&known.place, &known.key_id, ben.public());
        record.signed.signature = ben.sign(Namespace::Value, &message);
        let text = with_table(&known.text, "[secret.TOKEN]", &record.print());
        plant(&lab, "secrets/prod/web.toml", text);
    };
    // Three weeks are no days: what is meant to be due would never be.
    signed("3w");
    let found = lab.clws("check").exits(1).text();
    for said in [
        "policy: prod/web/TOKEN: its policy `rotate_every` does not read: a number of days",
        "next: clws secret policy prod/web/TOKEN --clear rotate-every",
    ] {
        assert!(found.contains(said), "{found}");
    }
    signed("36500d");
    let found = lab.clws("check").succeeds().text();
    assert!(!found.contains("policy"), "{found}");
    // What nobody vouches for has no policy either.
    signed("3w");
    let text = read(&lab, "secrets/prod/web.toml");
    plant(
        &lab,
        "secrets/prod/web.toml",
        text.replace("\"3w\"", "\"4w\""),
    );
    let found = lab.clws("check --json").exits(1).json();
    let kinds = found["findings"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|finding| finding["kind"].clone()).collect();
    assert!(kinds.contains(&"signature".into()), "{kinds:?}");
    assert!(!kinds.contains(&"policy".into()), "{kinds:?}");
}
