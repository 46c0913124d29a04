//! Mallory puts back what was good once: a value, a document, the rules, the whole repository.

use std::path::Path;
use std::process::Command;

use clws::crypto::sshsig::Namespace;
use clws::trust::LAST;
use clws::vault::Sidecar;

use crate::forge::{Known, signing_key, table, with_table};
use crate::lab::Lab;
use crate::scene::{accept, newest, plant, read, refused};

const WEB: &str = "secrets/prod/web.toml";

/// Prod as it was at first, with ben as a writer, and as it is now, without him.
struct Past {
    lab: Lab,
    known: Known,
}

impl Past {
    fn begins() -> Self {
        let lab = Lab::new()
            .people(&["ben", "cleo"])
            .secret("prod/web/TOKEN", "first")
            .secret("prod/web/OTHER", "other");
        lab.clws("secret set prod/keys/web.key --type file")
            .stdin(b"first")
            .succeeds();
        lab.clws("access grant ben prod --read --write --yes")
            .succeeds();
        lab.clws("access grant cleo prod --read --yes").succeeds();
        accept(&lab, &["ben", "cleo"]);
        copy(&lab.vault(), &lab.root().join("then"));
        let known = Known::of(&lab, "prod/web", "ben");
        let lab = lab.secret("prod/web/TOKEN", "second");
        lab.clws("secret set prod/keys/web.key")
            .stdin(b"second")
            .succeeds();
        Self { lab, known }.seen()
    }

    fn ben_leaves(self) -> Self {
        self.lab.clws("recipient remove ben --yes").succeeds();
        self.seen()
    }

    fn seen(self) -> Self {
        for by in ["ada", "cleo"] {
            self.lab.clws("exec prod/web -- true").by(by).succeeds();
            self.lab
                .clws("secret get prod/keys/web.key")
                .by(by)
                .succeeds();
        }
        self
    }

    fn then(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.lab.root().join("then").join(path)).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}

fn older(lab: &Lab, path: &str) {
    for by in ["ada", "cleo"] {
        let said = refused(lab, by, &format!("secret get {path}"), 14);
        assert!(said.contains("clws secret restore"), "{said}");
    }
    refused(lab, "ada", "rekey prod --yes", 14);
    refused(lab, "ada", &format!("secret policy {path} --owner ada"), 14);
}

#[test]
fn one_value_of_a_document() {
    let past = Past::begins();
    let lab = &past.lab;
    let now = read(lab, WEB);
    let old = table(&past.known.text, "[secret.TOKEN]").to_owned();
    plant(lab, WEB, with_table(&now, "[secret.TOKEN]", &old));
    older(lab, "prod/web/TOKEN");
    refused(lab, "cleo", "exec prod/web -- true", 125);
    // Its neighbours go on.
    refused(lab, "cleo", "secret get prod/web/OTHER", 0);
    // Cut out, it is missed by whoever names it.
    plant(
        lab,
        WEB,
        now.replace(&format!("{}\n\n", table(&now, "[secret.TOKEN]")), ""),
    );
    refused(lab, "cleo", "secret get prod/web/TOKEN", 18);
    refused(lab, "ada", "check", 1);
}

#[test]
fn a_document_and_a_file_with_its_sidecar() {
    let past = Past::begins();
    let lab = &past.lab;
    plant(lab, WEB, &past.known.text);
    older(lab, "prod/web/TOKEN");
    let sidecar = "secrets/prod/keys/web.key.age.toml";
    let now = read(lab, sidecar);
    // The sealed bytes alone are not those that were signed.
    plant(
        lab,
        "secrets/prod/keys/web.key.age",
        past.then("secrets/prod/keys/web.key.age"),
    );
    refused(lab, "cleo", "secret get prod/keys/web.key", 12);
    plant(lab, sidecar, past.then(sidecar));
    older(lab, "prod/keys/web.key");
    plant(lab, sidecar, now);
    std::fs::remove_file(lab.vault().join("secrets/prod/keys/web.key.age")).unwrap();
    refused(lab, "cleo", "secret get prod/keys/web.key", 12);
    std::fs::remove_file(lab.vault().join(sidecar)).unwrap();
    refused(lab, "cleo", "secret get prod/keys/web.key", 18);
    std::fs::remove_file(lab.vault().join(WEB)).unwrap();
    refused(lab, "cleo", "secret get prod/web/TOKEN", 18);
    refused(lab, "cleo", "exec prod/web -- true", 125);
}

#[test]
fn a_document_from_before_it_was_founded_anew() {
    let past = Past::begins();
    let (lab, sidecar) = (&past.lab, "secrets/prod/keys/web.key.age.toml");
    for file in [WEB, sidecar, "secrets/prod/keys/web.key.age"] {
        std::fs::remove_file(lab.vault().join(file)).unwrap();
    }
    let set = |path: &str, rev: &str| {
        let ran = lab.clws(&format!("secret set {path}")).stdin(b"third");
        let said = ran.succeeds().err;
        assert!(said.contains(rev), "{said}");
    };
    set("prod/web/TOKEN", "rev 3");
    set("prod/web/OTHER", "rev 2");
    set("prod/keys/web.key --type file", "sealed");
    assert!(read(lab, sidecar).contains("\nrev = 3\n"));
    let lab = &past.seen().lab;
    refused(lab, "ada", "check", 0);
    // Everybody agrees that what was there before is older.
    let then = |path: &str| std::fs::read(lab.root().join("then").join(path)).unwrap();
    for file in [WEB, sidecar, "secrets/prod/keys/web.key.age"] {
        plant(lab, file, then(file));
    }
    for by in ["ada", "cleo"] {
        refused(lab, by, "secret get prod/web/TOKEN", 14);
        refused(lab, by, "secret get prod/web/OTHER", 14);
        refused(lab, by, "exec prod/web -- true", 125);
        refused(lab, by, "secret get prod/keys/web.key", 14);
    }
    refused(lab, "ada", "secret set prod/web/TOKEN", 14);
}

#[test]
fn the_rules_of_a_time_when_ben_could_write() {
    let past = Past::begins().ben_leaves();
    let lab = &past.lab;
    let ben = signing_key(lab, "ben");
    let now = newest(lab).number;
    std::fs::remove_dir_all(lab.vault().join("recipients")).unwrap();
    copy(
        &lab.root().join("then/recipients"),
        &lab.vault().join("recipients"),
    );
    assert!(newest(lab).number < now);
    // What is signed by now goes on, by the rules that were accepted; the rules do not.
    for by in ["ada", "cleo"] {
        refused(lab, by, "secret get prod/web/TOKEN", 0);
    }
    for words in [
        "access grant ben dev --read --yes",
        "rekey prod --yes",
        "recipient remove cleo --yes",
        "trust sign --yes",
    ] {
        refused(lab, "ada", words, 14);
    }
    // Nothing is sealed for ben again.
    lab.clws("secret set prod/new/TOKEN").stdin(b"x").succeeds();
    assert!(!read(lab, "secrets/prod/new.toml").contains("ben/"));
    // Ben's own value beside his old rules, under the key of then and in a document of then.
    let web = read(lab, WEB);
    let record = past.known.record("TOKEN", (3, 9), "forged", ("ben", &ben));
    plant(
        lab,
        WEB,
        with_table(&web, "[secret.TOKEN]", &record.print()),
    );
    for by in ["ada", "cleo"] {
        refused(lab, by, "secret get prod/web/TOKEN", 13);
        refused(lab, by, "exec prod/web -- true", 125);
    }
    let old = with_table(&past.known.text, "[secret.TOKEN]", &record.print());
    let head = past.known.head(9, ("ben", &ben));
    plant(lab, WEB, with_table(&old, "[document]", &head));
    for by in ["ada", "cleo"] {
        refused(lab, by, "secret get prod/web/TOKEN", 13);
    }
    refused(lab, "ada", "secret set prod/web/TOKEN", 13);
}

#[test]
fn the_whole_repository() {
    let past = Past::begins().ben_leaves();
    let lab = &past.lab;
    for entry in ["recipients", "secrets"] {
        std::fs::remove_dir_all(lab.vault().join(entry)).unwrap();
        copy(
            &lab.root().join("then").join(entry),
            &lab.vault().join(entry),
        );
    }
    for by in ["ada", "cleo"] {
        for path in ["web/TOKEN", "web/OTHER", "keys/web.key"] {
            refused(lab, by, &format!("secret get prod/{path}"), 14);
        }
        refused(lab, by, "exec prod/web -- true", 125);
    }
    for words in [
        "secret set prod/web/TOKEN",
        "rekey prod --yes",
        "access grant ben dev --read --yes",
        "trust sign --yes",
    ] {
        refused(lab, "ada", words, 14);
    }
    refused(lab, "ada", "secret list prod", 0);
    refused(lab, "ada", "check", 1);
    // With nothing in it, and as no vault at all.
    std::fs::remove_dir_all(lab.vault().join("secrets")).unwrap();
    refused(lab, "cleo", "secret get prod/web/TOKEN", 18);
    std::fs::remove_dir_all(lab.vault().join("recipients")).unwrap();
    refused(lab, "cleo", "secret get prod/web/TOKEN", 18);
}

#[test]
fn a_number_that_nobody_signed_is_counted_on_from_by_nobody() {
    let past = Past::begins();
    let lab = &past.lab;
    let now = read(lab, WEB);
    let ben = signing_key(lab, "ben");
    for (rev, seq) in [(3, 3), (1002, 1002), (i64::MAX, i64::MAX)] {
        let token = table(&now, "[secret.TOKEN]");
        let forward = token
            .replace("rev = 2\n", &format!("rev = {rev}\n"))
            .replace("seq = 2\n", &format!("seq = {seq}\n"));
        assert_ne!(forward, token);
        plant(lab, WEB, with_table(&now, "[secret.TOKEN]", &forward));
        for by in ["ada", "cleo"] {
            refused(lab, by, "secret get prod/web/TOKEN", 12);
        }
        refused(lab, "ada", "secret accept prod/web/TOKEN --yes", 12);
    }
    // A writer can sign such a number: nobody follows without having seen it.
    for (rev, seq, code) in [(2, 2003, 14), (2003, 3, 14), (2, 1002, 0)] {
        let record = past
            .known
            .record("TOKEN", (rev, seq), "jumped", ("ben", &ben));
        plant(
            lab,
            WEB,
            with_table(&now, "[secret.TOKEN]", &record.print()),
        );
        let copy = lab.copy();
        if code == 14 {
            for by in ["ada", "cleo"] {
                refused(&copy, by, "secret get prod/web/TOKEN", 14);
            }
            refused(&copy, "ada", "secret set prod/web/TOKEN", 14);
            refused(&copy, "ada", "rekey prod --yes", 14);
        } else {
            copy.clws("secret get prod/web/TOKEN").by("cleo").succeeds();
        }
    }
    let head = past.known.head(5000, ("ben", &ben));
    plant(lab, WEB, with_table(&now, "[document]", &head));
    refused(lab, "cleo", "secret get prod/web/OTHER", 14);
    refused(lab, "ada", "secret set prod/web/OTHER", 14);
}

#[test]
fn a_number_of_a_branch_is_not_restored_from_either() {
    let past = Past::begins();
    let lab = &past.lab;
    lab.commit("now");
    let (ben, path) = (
        signing_key(lab, "ben"),
        "prod/keys/web.key".parse().unwrap(),
    );
    let file = "secrets/prod/keys/web.key.age.toml";
    let now = read(lab, file);
    let mut sidecar = Sidecar::parse(now.as_bytes(), &path).unwrap();
    let vault = crate::forge::vault(lab);
    (sidecar.rev, sidecar.seq) = (LAST, LAST);
    sidecar.signed.party = "ben".to_owned();
    sidecar.signed.fingerprint = ben.public().fingerprint();
    let message = sidecar.message(&vault, ben.public());
    sidecar.signed.signature = ben.sign(Namespace::File, &message);
    lab.git(&["checkout", "-qb", "far"]);
    plant(lab, file, sidecar.print());
    lab.commit("far");
    lab.git(&["checkout", "-q", "main"]);
    let said = refused(
        lab,
        "ada",
        "secret restore prod/keys/web.key --from far --yes",
        14,
    );
    assert!(said.contains("signed by a writer"), "{said}");
    assert_eq!(read(lab, file), now);
    lab.clws("secret set prod/keys/web.key")
        .stdin(b"third")
        .succeeds();
}

#[test]
fn a_jump_that_a_person_accepts_brings_no_older_value_back() {
    let past = Past::begins();
    let lab = &past.lab;
    let ben = signing_key(lab, "ben");
    // Ben writes, and signs the first value once more, far ahead of the second one.
    let known = Known::of(lab, "prod/web", "ben");
    let record = known.record("TOKEN", (1, 5000), "first", ("ben", &ben));
    let old = with_table(&known.text, "[secret.TOKEN]", &record.print());
    plant(lab, WEB, old);
    refused(lab, "ada", "secret get prod/web/TOKEN", 14);
    lab.clws("secret accept prod/web/TOKEN --yes").run();
    refused(lab, "ada", "secret get prod/web/TOKEN", 14);
    refused(lab, "ada", "exec prod/web -- true", 125);
}
