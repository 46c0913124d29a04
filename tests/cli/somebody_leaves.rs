//! Somebody leaves, or loses a laptop: one step, after which their keys open and sign nothing new, and
//! nobody else notices.

use crate::lab::{Lab, Ran};

/// Ada decides, ben and cleo read and write dev; ben gave one of the values.
fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben", "cleo"])
        .secret("dev/web/TOKEN", "hunter2")
        .secret("prod/web/TOKEN", "for-ada-alone");
    lab.clws("secret set dev/keys/web.key --type file")
        .stdin(b"the-key")
        .succeeds();
    for name in ["ben", "cleo"] {
        lab.clws(&format!("access grant {name} dev --read --write --yes"))
            .succeeds();
    }
    lab.accepted_by(&["ben", "cleo"]);
    lab.clws("secret set dev/web/BENS")
        .by("ben")
        .stdin(b"given by ben")
        .succeeds();
    lab.commit("before");
    lab
}

fn read(lab: &Lab, file: &str) -> String {
    std::fs::read_to_string(lab.vault().join(file)).unwrap()
}

fn field(text: &str, key: &str) -> String {
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{key} = ")));
    line.unwrap().to_owned()
}

fn get(lab: &Lab, path: &str, by: &str) -> Ran {
    lab.clws(&format!("secret get {path}")).by(by).run()
}

#[test]
fn who_leaves_opens_and_signs_nothing_new_and_nobody_else_notices() {
    let lab = lab();
    let before = read(&lab, "secrets/dev/web.toml");
    let planned = lab.clws("recipient remove ben --dry-run").succeeds();
    assert!(planned.err.contains("ben is taken out"), "{}", planned.err);
    for path in ["dev/web", "dev/keys/web.key"] {
        let line = format!("{path}: seal it anew, so that ben cannot open it");
        assert!(planned.err.contains(&line), "{}", planned.err);
    }
    assert!(!planned.err.contains("prod/web"), "{}", planned.err);
    assert_eq!(read(&lab, "secrets/dev/web.toml"), before);

    lab.clws("recipient remove ben --yes").succeeds();
    let after = read(&lab, "secrets/dev/web.toml");
    assert!(!after.contains("reader.\"ben"), "{after}");
    assert!(!lab.vault().join("recipients/ben.toml").exists());
    assert!(!read(&lab, "recipients/access.toml").contains("ben"));
    assert_ne!(field(&before, "key_id"), field(&after, "key_id"));
    lab.clws("check --full").succeeds();
    // Ben has everything that is in the repository, and his keys.
    for path in ["dev/web/TOKEN", "dev/web/BENS", "dev/keys/web.key"] {
        let refused = get(&lab, path, "ben");
        assert_eq!(refused.code, 11, "{path}: {}", refused.err);
        assert!(refused.out.is_empty());
    }
    let refused = lab
        .clws("secret set dev/web/TOKEN")
        .by("ben")
        .stdin(b"x")
        .run();
    assert_eq!(refused.code, 13, "{}", refused.err);
    // Cleo is told nothing, and finds the same under the same numbers.
    for (path, value) in [
        ("dev/web/TOKEN", "hunter2"),
        ("dev/web/BENS", "given by ben"),
        ("dev/keys/web.key", "the-key"),
    ] {
        let found = get(&lab, path, "cleo");
        assert_eq!(
            (found.code, found.text().as_str()),
            (0, value),
            "{}",
            found.err
        );
        assert_eq!(found.err, "");
    }
    let listed = lab
        .clws("secret list dev --json")
        .by("cleo")
        .succeeds()
        .json();
    for row in listed["secrets"].as_array().unwrap() {
        assert_eq!(row["rev"], 1, "{row}");
    }
    assert_eq!(
        field(&after, "author"),
        "author = \"ben\"",
        "BENS comes first"
    );
    // What he could read waits for a new value.
    for path in ["dev/web/TOKEN", "dev/keys/web.key"] {
        let policy = lab.clws(&format!("secret policy {path}")).succeeds().text();
        assert!(policy.contains("ben left"), "{policy}");
    }
    let lab = lab.secret("dev/web/TOKEN", "hunter3");
    let policy = lab.clws("secret policy dev/web/TOKEN").succeeds().text();
    assert!(!policy.contains("ben left"), "{policy}");
    let untouched = lab.clws("secret policy prod/web/TOKEN").succeeds().text();
    assert!(!untouched.contains("left"), "{untouched}");
    // He can come back, and reads what is there then.
    let party = lab.clws("identity show").by("ben").succeeds().out;
    lab.clws("recipient add ben - --yes")
        .stdin(&party)
        .succeeds();
    lab.clws("access grant ben dev --read --yes").succeeds();
    assert_eq!(get(&lab, "dev/web/TOKEN", "ben").text(), "hunter3");
}

#[test]
fn reading_is_taken_away_from_one_who_stays() {
    let lab = lab();
    lab.clws("access revoke ben dev --read --write --yes")
        .succeeds();
    assert_eq!(get(&lab, "dev/web/TOKEN", "ben").code, 11);
    assert_eq!(get(&lab, "dev/web/TOKEN", "cleo").text(), "hunter2");
    lab.clws("check --full").succeeds();
    lab.clws("access grant ben dev --read --yes").succeeds();
    assert_eq!(get(&lab, "dev/web/TOKEN", "ben").text(), "hunter2");
}

#[test]
fn a_lost_laptop_is_dropped_and_its_owner_goes_on() {
    let lab = lab();
    // Ben's new laptop: another identity, sent as a party file.
    lab.clws("identity new ben --keep file")
        .by("ben-new")
        .succeeds();
    let party = lab.clws("identity show").by("ben-new").succeeds().out;
    let old = lab.clws("recipient show ben").succeeds().text();
    let keys: Vec<&str> = old
        .lines()
        .filter_map(|line| line.split('"').nth(1))
        .filter(|key| key.starts_with("age1") || key.starts_with("ssh-ed25519"))
        .collect();
    assert_eq!(keys.len(), 2, "{old}");
    lab.clws("recipient update ben - --yes --drop")
        .word(keys[0])
        .word("--drop")
        .word(keys[1])
        .stdin(&party)
        .succeeds();
    lab.clws("check --full").succeeds();
    assert_eq!(get(&lab, "dev/web/TOKEN", "ben").code, 11);
    let stolen = lab
        .clws("secret set dev/web/TOKEN")
        .by("ben")
        .stdin(b"x")
        .run();
    assert_eq!(stolen.code, 13, "{}", stolen.err);
    lab.accepted_by(&["ben-new"]);
    assert_eq!(get(&lab, "dev/web/TOKEN", "ben-new").text(), "hunter2");
    assert_eq!(get(&lab, "dev/web/BENS", "ben-new").text(), "given by ben");
    lab.clws("secret set dev/web/BENS")
        .by("ben-new")
        .stdin(b"new")
        .succeeds();
    assert_eq!(get(&lab, "dev/web/BENS", "cleo").text(), "new");
    let unknown = lab
        .clws("recipient update ben --drop nonsense --yes")
        .exits(18);
    assert!(
        unknown.err.contains("clws recipient show ben"),
        "{}",
        unknown.err
    );
}

#[test]
fn a_value_added_on_a_branch_meanwhile_is_found_and_adopted() {
    let lab = lab();
    lab.git(&["checkout", "-q", "-b", "feature"]);
    lab.clws("secret set dev/web/ZEBRA")
        .by("cleo")
        .stdin(b"from the branch")
        .succeeds();
    lab.commit("a value");
    lab.git(&["checkout", "-q", "main"]);
    lab.clws("recipient remove ben --yes").succeeds();
    lab.commit("ben left");
    lab.git(&["merge", "-q", "feature"]);
    let found = get(&lab, "dev/web/ZEBRA", "cleo");
    assert_eq!(
        (found.code, found.text().as_str()),
        (0, "from the branch"),
        "{}",
        found.err
    );
    assert!(
        found
            .err
            .contains("before ben left: `clws secret adopt dev/web/ZEBRA`"),
        "{}",
        found.err
    );
    let checked = lab.clws("check").exits(1);
    assert!(
        checked.text().contains("other-key: dev/web/ZEBRA"),
        "{}",
        checked.text()
    );
    lab.clws("secret adopt dev/web/ZEBRA --yes")
        .by("cleo")
        .succeeds();
    lab.clws("check --full").succeeds();
    let found = get(&lab, "dev/web/ZEBRA", "cleo");
    assert_eq!(
        (found.text().as_str(), found.err.as_str()),
        ("from the branch", "")
    );
    let policy = lab.clws("secret policy dev/web/ZEBRA").succeeds().text();
    assert!(policy.contains("ben left"), "{policy}");
    let again = lab.clws("secret adopt dev/web/ZEBRA --yes").succeeds();
    assert!(again.err.contains("counts as it is"), "{}", again.err);
}

#[test]
fn who_would_leave_nobody_behind_does_not_leave() {
    let lab = Lab::new().people(&["ben"]).secret("dev/web/TOKEN", "x");
    let before = lab.git(&["status", "--porcelain"]);
    let refused = lab.clws("recipient remove ada --yes").exits(13);
    let said = "error: the rule for `dev` leaves nobody to read\n";
    assert!(refused.err.starts_with(said), "{}", refused.err);
    lab.clws("recipient remove eve --yes").exits(18);
    assert_eq!(lab.git(&["status", "--porcelain"]), before);
    // Somebody reads and writes it all, and nobody decides.
    for scope in ["dev", "prod", "shared", "test"] {
        lab.clws(&format!("access grant ben {scope} --read --write --yes"))
            .succeeds();
    }
    let before = lab.git(&["status", "--porcelain"]);
    let refused = lab.clws("recipient remove ada --yes").exits(13);
    let said = "error: no administrator would be left";
    assert!(refused.err.starts_with(said), "{}", refused.err);
    assert_eq!(lab.git(&["status", "--porcelain"]), before);
    lab.clws("secret get dev/web/TOKEN").succeeds();
}

#[test]
fn keys_are_changed_without_anybody_leaving() {
    let lab = lab();
    let before = read(&lab, "secrets/dev/web.toml");
    let planned = lab.clws("rekey dev --dry-run").succeeds();
    assert!(
        planned.err.contains("dev/web") && !planned.err.contains("prod"),
        "{}",
        planned.err
    );
    assert_eq!(read(&lab, "secrets/dev/web.toml"), before);
    lab.clws("rekey dev/web --yes").succeeds();
    lab.clws("rekey --yes").succeeds();
    let after = read(&lab, "secrets/dev/web.toml");
    assert_ne!(field(&before, "key_id"), field(&after, "key_id"));
    assert_eq!(after.matches("[retired.").count(), 2);
    for name in ["ada", "ben", "cleo"] {
        assert_eq!(get(&lab, "dev/web/TOKEN", name).text(), "hunter2");
    }
    let policy = lab.clws("secret policy dev/web/TOKEN").succeeds().text();
    assert!(!policy.contains("left"), "{policy}");
    lab.clws("check --full").succeeds();
    lab.clws("rekey dev/nothing --yes").exits(18);
}

#[test]
fn a_reader_who_slipped_in_is_shut_out() {
    let lab = lab();
    // Ada's rules never listed eve; somebody who could open it gave her a wrap.
    let text = read(&lab, "secrets/dev/web.toml");
    let (from, to) = (
        text.find("[reader.\"ben/").unwrap(),
        text.find("[reader.\"cleo/").unwrap(),
    );
    let wrap = text[from..to].replace("reader.\"ben/", "reader.\"eve/");
    let with_eve = text.replace("[secret.BENS]", &format!("{wrap}[secret.BENS]"));
    std::fs::write(lab.vault().join("secrets/dev/web.toml"), with_eve).unwrap();
    let refused = lab.clws("secret set dev/web/TOKEN").stdin(b"x").exits(13);
    assert!(
        refused.err.contains("clws rekey dev/web"),
        "{}",
        refused.err
    );
    let planned = lab.clws("rekey dev/web --dry-run").succeeds();
    assert!(
        planned.err.contains("which eve can open"),
        "{}",
        planned.err
    );
    lab.clws("rekey dev/web --yes").succeeds();
    assert!(!read(&lab, "secrets/dev/web.toml").contains("reader.\"eve"));
    lab.clws("check --full").succeeds();
    assert!(
        lab.clws("secret policy dev/web/TOKEN")
            .succeeds()
            .text()
            .contains("eve left")
    );
}

#[test]
fn a_file_that_was_removed_stays_so_and_stops_nobody_from_leaving() {
    let lab = lab();
    for (name, path) in [("ada", "dev/keys/adas.key"), ("ben", "dev/keys/bens.key")] {
        for words in ["secret set PATH --type file", "secret remove PATH --yes"] {
            lab.clws(&words.replace("PATH", path))
                .by(name)
                .stdin(b"gone")
                .succeeds();
        }
    }
    let file = "secrets/dev/keys/bens.key.age.toml";
    let good = read(&lab, file);
    // What ben signed must count before it is signed again by somebody else.
    let forged = good.replace(
        &field(&good, "changed"),
        "changed = \"2001-01-01T00:00:00Z\"",
    );
    std::fs::write(lab.vault().join(file), forged).unwrap();
    for words in ["rekey dev --yes", "rekey dev/keys --yes"] {
        lab.clws(words).exits(12);
    }
    std::fs::write(lab.vault().join(file), good).unwrap();
    lab.clws("rekey dev --yes").succeeds();

    let planned = lab.clws("recipient remove ben --dry-run").succeeds().err;
    let line = "dev/keys/bens.key: sign again that it was removed";
    assert!(planned.contains(line), "{planned}");
    lab.clws("recipient remove ben --yes").succeeds();
    assert!(read(&lab, file).contains("sig = \"ada/"));
    let other = read(&lab, &file.replace("bens", "adas"));
    assert!(other.contains("\nseq = 2\n"), "{other}");
    lab.clws("check --full").succeeds();
    for path in ["dev/keys/adas.key", "dev/keys/bens.key"] {
        let got = lab.clws(&format!("secret get {path}")).exits(18);
        assert!(got.err.contains("was removed"), "{}", got.err);
    }
    lab.clws("access revoke cleo dev --read --write --yes")
        .succeeds();
    lab.clws("check --full").succeeds();
}

#[test]
fn a_file_that_a_branch_sealed_to_who_left_is_exposed_when_it_is_sealed_anew() {
    const PATH: &str = "dev/keys/site.key";
    let lab = Lab::new().people(&["ben", "cleo"]);
    lab.clws("access grant ben dev --read --write --yes")
        .succeeds();
    lab.clws("access grant cleo dev --read --yes").succeeds();
    lab.accepted_by(&["ben"]);
    let set = |who: &str| {
        let set = lab.clws(&format!("secret set {PATH} --type file")).by(who);
        set.stdin(who.as_bytes()).succeeds();
    };
    set("ada");
    lab.commit("first");
    lab.git(&["checkout", "-q", "-b", "other"]);
    set("ben");
    lab.commit("second");
    lab.git(&["checkout", "-q", "main"]);
    lab.clws("access revoke cleo dev --read --yes").succeeds();
    lab.commit("cleo does not read");
    lab.git(&["checkout", "-q", "other", "--", "secrets"]);
    let plan = lab.clws(&format!("rekey {PATH} --dry-run")).succeeds();
    assert!(plan.err.contains("which cleo can open"), "{}", plan.err);
    lab.clws(&format!("rekey {PATH} --yes")).succeeds();
    let sidecar = lab.vault().join(format!("secrets/{PATH}.age.toml"));
    let text = std::fs::read_to_string(sidecar).unwrap();
    assert!(text.contains("exposed = \"cleo left "), "{text}");
    lab.clws("check --full").succeeds();
}

#[test]
fn what_is_older_than_seen_is_not_vouched_for() {
    let lab = Lab::new().people(&["ben"]);
    lab.clws("access grant ben prod --read --write --yes")
        .succeeds();
    lab.accepted_by(&["ben"]);
    let set = |who: &str, value: &'static [u8]| {
        for path in ["prod/web/TOKEN", "prod/keys/web.key --type file"] {
            let set = lab.clws(&format!("secret set {path}")).by(who);
            set.stdin(value).succeeds();
        }
    };
    let secrets = lab.vault().join("secrets/prod");
    set("ben", b"of ben");
    let files = ["web.toml", "keys/web.key.age", "keys/web.key.age.toml"];
    let old = files.map(|file| std::fs::read(secrets.join(file)).unwrap());
    set("ada", b"of ada");
    for (file, bytes) in files.iter().zip(old) {
        std::fs::write(secrets.join(file), bytes).unwrap();
    }
    // Signed again by ada, what ben gave would be the newest.
    lab.clws("access revoke ben prod --write --yes").succeeds();
    for path in ["prod/web/TOKEN", "prod/keys/web.key"] {
        let refused = lab.clws(&format!("secret get {path}")).exits(13);
        assert!(refused.out.is_empty(), "{path}");
    }
}
