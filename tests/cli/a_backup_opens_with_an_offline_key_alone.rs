//! A backup opens with a key that is kept offline and the real age, and a doctor practises it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::lab::{Lab, find_below};
use crate::tool::{run, said, tool};

const VALUES: [&str; 3] = ["hunter2-of-web", "for-grace-alone-9", "the-key-of-web"];

/// Ada's and grace's vault, and a key made by `age-keygen`, which lies in no home.
fn lab() -> (Lab, PathBuf) {
    let lab = Lab::new()
        .people(&["grace"])
        .secret("dev/web/TOKEN", VALUES[0])
        .secret("prod/db/PASSWORD", VALUES[1]);
    lab.clws("secret set prod/keys/web.key --type file")
        .stdin(VALUES[2].as_bytes())
        .succeeds();
    let key = lab.root().join("offline.txt");
    let made = run("age-keygen", ["-o", key.to_str().unwrap()], b"");
    assert!(made.status.success(), "{}", said(&made));
    (lab, key)
}

fn public(key: &Path) -> String {
    let shown = run("age-keygen", ["-y", key.to_str().unwrap()], b"");
    String::from_utf8(shown.stdout).unwrap().trim().to_owned()
}

/// What the real age says of a file.
fn opened(key: &Path, file: &Path) -> Option<String> {
    let words = ["-d", "-i", key.to_str().unwrap(), file.to_str().unwrap()];
    let opened = run("age", words, b"");
    let text = String::from_utf8(opened.stdout).unwrap();
    opened.status.success().then_some(text)
}

#[test]
fn without_an_offline_key_nothing_is_written() {
    tool("age");
    let (lab, key) = lab();
    let out = lab.root().join("backup");
    let export = || {
        let run = lab.clws("export --format age --recovery --out");
        run.word(out.to_str().unwrap())
    };
    let none = export().exits(18);
    assert!(
        none.err.contains("has a key that is kept offline"),
        "{}",
        none.err
    );
    assert!(none.err.contains("--offline"), "{}", none.err);
    assert!(!out.exists());
    lab.clws("export --format json --recovery --out x").exits(2);

    // What another reader alone reads has none, where ada has one: a backup has no hole.
    lab.clws("access grant grace prod/db --read --write --yes")
        .succeeds();
    lab.clws("access revoke ada prod/db --read --write --yes")
        .succeeds();
    lab.clws(&format!(
        "recipient update ada --offline --yes --age {}",
        public(&key)
    ))
    .succeeds();
    let shown = lab.clws("recipient show ada").succeeds().text();
    assert!(shown.contains("[recipient.offline]"), "{shown}");
    let hole = export().exits(18);
    assert!(
        hole.err
            .contains("nobody who reads prod/db has a key that is kept offline"),
        "{}",
        hole.err
    );
    assert!(!out.exists());
}

#[test]
fn a_backup_opens_with_age_and_the_offline_key_alone() {
    tool("age");
    let (lab, key) = lab();
    lab.clws(&format!(
        "recipient update ada --offline --yes --age {}",
        public(&key)
    ))
    .succeeds();
    let out = lab.root().join("backup");
    let export = || {
        fs::remove_dir_all(&out).unwrap_or_default();
        let run = lab.clws("export --format age --recovery --out");
        run.word(out.to_str().unwrap()).succeeds()
    };
    export();
    for (file, value) in [
        ("dev/web/TOKEN.age", VALUES[0]),
        ("prod/db/PASSWORD.age", VALUES[1]),
        ("prod/keys/web.key.age", VALUES[2]),
    ] {
        let file = out.join(file);
        assert_eq!(
            opened(&key, &file).as_deref(),
            Some(value),
            "{}",
            file.display()
        );
        // Whoever has a laptop of a reader gets nothing from a backup.
        let daily = lab.home("ada").join(".config/clws/identities/ada/age.txt");
        assert_eq!(opened(&daily, &file), None, "{}", file.display());
    }
    let list: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("backup.json")).unwrap()).unwrap();
    let paths: Vec<&str> = list["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kept| kept["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        paths,
        ["dev/web/TOKEN", "prod/db/PASSWORD", "prod/keys/web.key"]
    );
    assert_eq!(list["secrets"][0]["type"], "string");
    assert!(find_below(&out, &VALUES.map(str::to_owned)).is_empty());

    // With the offline key and nothing else, on ada's machine.
    let doctor = || {
        let run = lab
            .clws("doctor --json --restore")
            .word(out.to_str().unwrap());
        run.word("--identity").word(key.to_str().unwrap()).run()
    };
    let about = |ran: &crate::lab::Ran, state: &str| -> Vec<String> {
        let found = ran.json()["found"].as_array().unwrap().clone();
        let found = found.iter().filter(|found| {
            found["about"].as_str().unwrap().starts_with("backup") && found["state"] == state
        });
        found
            .map(|found| {
                format!(
                    "{}: {}",
                    found["about"].as_str().unwrap(),
                    found["why"].as_str().unwrap()
                )
            })
            .collect()
    };
    let whole = doctor();
    let fine = about(&whole, "fine");
    assert!(
        fine[0].contains("opened all of it: 3 secrets"),
        "{fine:?} {}",
        whole.err
    );

    // The vault goes on: what the backup has is old, and what is new is not in it.
    let lab_ref = &lab;
    lab_ref
        .clws("secret set dev/web/TOKEN")
        .stdin(b"hunter3")
        .succeeds();
    lab_ref
        .clws("secret set dev/web/NEW")
        .stdin(b"hunter4")
        .succeeds();
    let notes = about(&doctor(), "note");
    assert!(
        notes[0].contains("other values by now of dev/web/TOKEN"),
        "{notes:?}"
    );
    assert!(notes[1].contains("it lacks dev/web/NEW"), "{notes:?}");
    export();

    // A bit that fell over, a file that is gone, one that was put in another's place.
    let file = |name: &str| out.join(name);
    let mut bytes = fs::read(file("prod/keys/web.key.age")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(file("prod/keys/web.key.age"), bytes).unwrap();
    fs::remove_file(file("dev/web/NEW.age")).unwrap();
    fs::copy(file("dev/web/TOKEN.age"), file("prod/db/PASSWORD.age")).unwrap();
    let ill = doctor();
    assert_eq!(ill.code, 1);
    let wrong = about(&ill, "wrong");
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert!(
        wrong[0].starts_with("backup dev/web/NEW: there is no"),
        "{wrong:?}"
    );
    assert!(
        wrong[1].starts_with("backup prod/db/PASSWORD: it is not what the vault has as rev 1"),
        "{wrong:?}"
    );
    assert!(
        wrong[2].starts_with("backup prod/keys/web.key"),
        "{wrong:?}"
    );
    lab.nowhere(&VALUES.map(str::to_owned));
}

/// Only a tombstone that counts takes a sealed file out of a backup, and out of any other export.
#[test]
fn what_somebody_took_away_is_no_hole_in_a_backup() {
    tool("age-keygen");
    let (lab, key) = lab();
    lab.clws(&format!(
        "recipient update ada --offline --yes --age {}",
        public(&key)
    ))
    .succeeds();
    let out = lab.root().join("backup");
    let export = |form: &str| {
        let run = lab.clws(&format!("export --format {form} --allow-disk --out"));
        run.word(out.to_str().unwrap())
    };
    let age = lab.vault().join("secrets/prod/keys/web.key.age");
    let whole = fs::read(&age).unwrap();
    fs::remove_file(&age).unwrap();
    for form in ["age --recovery", "age", "dir"] {
        let refused = export(form).exits(12);
        assert!(refused.err.contains("prod/keys/web.key"), "{}", refused.err);
        assert!(!out.exists(), "{form}");
    }
    fs::write(&age, whole).unwrap();
    lab.clws("secret remove prod/keys/web.key --yes").succeeds();
    export("age --recovery").succeeds();
    assert!(!out.join("prod/keys").exists());
}

/// A whole document, a value or a sealed file that somebody deleted would be missed by nobody in a backup.
#[test]
fn what_somebody_deleted_keeps_a_backup_from_being_made() {
    tool("age-keygen");
    let (lab, key) = lab();
    lab.clws("secret set prod/db/USER")
        .stdin(b"reader")
        .succeeds();
    lab.clws(&format!(
        "recipient update ada --offline --yes --age {}",
        public(&key)
    ))
    .succeeds();
    let out = lab.root().join("backup");
    let export = |targets: &str| {
        let run = lab.clws(&format!("export {targets} --format age --recovery --out"));
        run.word(out.to_str().unwrap())
    };
    let at = |path: &str| lab.vault().join("secrets").join(path);
    let db = fs::read_to_string(at("prod/db.toml")).unwrap();
    let (before, rest) = db.split_once("[secret.PASSWORD]").unwrap();
    let (_, after) = rest.split_once("[secret.USER]").unwrap();
    let cut = format!("{before}[secret.USER]{after}");
    for (files, without, gone) in [
        (
            &["prod/db.toml"][..],
            None,
            "prod/db/PASSWORD and prod/db/USER are",
        ),
        (&["prod/db.toml"], Some(&cut), "prod/db/PASSWORD is"),
        (
            &["prod/keys/web.key.age", "prod/keys/web.key.age.toml"],
            None,
            "prod/keys/web.key is",
        ),
    ] {
        let whole: Vec<Vec<u8>> = files
            .iter()
            .map(|file| fs::read(at(file)).unwrap())
            .collect();
        for file in files {
            fs::remove_file(at(file)).unwrap();
            if let Some(text) = without {
                fs::write(at(file), text).unwrap();
            }
        }
        for targets in ["", "prod"] {
            let refused = export(targets).exits(18);
            assert!(refused.err.contains(gone), "{}", refused.err);
            assert!(!out.exists(), "{targets}");
        }
        export("dev").succeeds();
        fs::remove_dir_all(&out).unwrap();
        for (file, whole) in files.iter().zip(whole) {
            fs::write(at(file), whole).unwrap();
        }
    }
    // Nor does it help to found another one in its place, where nobody knows of it.
    lab.clws("access grant grace prod/db --read --write --yes")
        .succeeds();
    lab.accepted_by(&["grace"]);
    fs::remove_file(at("prod/db.toml")).unwrap();
    lab.clws("secret set prod/db/OTHER")
        .by("grace")
        .stdin(b"another")
        .succeeds();
    let refused = export("").exits(18);
    assert!(
        refused
            .err
            .contains("prod/db/PASSWORD and prod/db/USER are"),
        "{}",
        refused.err
    );
    let checked = lab.clws("check").exits(1);
    assert!(
        checked.text().contains("absent: prod/db/USER"),
        "{}",
        checked.text()
    );
    // What is meant to be gone is removed.
    fs::remove_file(at("prod/db.toml")).unwrap();
    for name in ["prod/db/PASSWORD", "prod/db/USER"] {
        lab.clws(&format!("secret remove {name} --yes")).succeeds();
    }
    export("").succeeds();
}

/// A list is somebody else's text: it leads to no other file, and to nothing that is waited for.
#[test]
fn a_list_of_a_backup_leads_nowhere() {
    tool("age");
    let (lab, key) = lab();
    lab.clws(&format!(
        "recipient update ada --offline --yes --age {}",
        public(&key)
    ))
    .succeeds();
    let out = lab.root().join("backup");
    lab.clws("export dev --format age --recovery --out")
        .word(out.to_str().unwrap())
        .succeeds();
    let list = out.join("backup.json");
    let text = fs::read_to_string(&list).unwrap();
    let doctor = || {
        let run = lab
            .clws("doctor --json --restore")
            .word(out.to_str().unwrap());
        run.word("--identity").word(key.to_str().unwrap()).run()
    };
    fs::write(
        &list,
        text.replace("dev/web/TOKEN", "../../../etc/passwd\\u001b[2J"),
    )
    .unwrap();
    let ran = doctor();
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(
        ran.text().contains("it is no path of a secret"),
        "{}",
        ran.text()
    );
    fs::write(&list, &text).unwrap();
    let token = out.join("dev/web/TOKEN.age");
    fs::remove_file(&token).unwrap();
    let made = run("mkfifo", [token.to_str().unwrap()], b"");
    assert!(made.status.success());
    assert!(doctor().text().contains("is not an ordinary file"));
    for bad in [
        "",
        "[]",
        "{\"format\": 2, \"vault\": \"\", \"at\": \"\", \"open\": \"\", \"secrets\": []}",
    ] {
        fs::write(&list, bad).unwrap();
        assert_eq!(doctor().code, 10, "{bad}");
    }
}
