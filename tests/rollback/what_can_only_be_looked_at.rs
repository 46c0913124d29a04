//! Looking goes on where this machine's memory does not read, with a warning; where the history of the
//! rules does not hold, only that itself is shown.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::lab::Lab;
use crate::table::{cell, each, each_here, edit, lab, remembered};

/// What ada's machine remembers of the vault.
fn memory(lab: &Lab) -> PathBuf {
    let vaults = lab.home("ada").join(".local/state/clws/vaults");
    let mut found = std::fs::read_dir(vaults).unwrap();
    found.next().unwrap().unwrap().path()
}

/// Looking works and says `says`; nothing else works, and it says so too.
fn can_only_be_looked_at(lab: &Lab, says: &'static str) {
    each_here(
        lab,
        &[
            cell("secret list prod", 0, says),
            cell("secret list prod", 0, "TOKEN"),
            cell("secret list prod --at HEAD", 0, says),
            cell("secret history prod/web/TOKEN", 0, "ada"),
            cell("secret diff", 0, says),
            cell("secret policy prod/web/TOKEN", 0, says),
            cell("access show", 0, "[rule.prod]"),
            cell("access why ben prod", 0, "ben may read `prod`"),
            cell("recipient list", 0, "ben"),
            cell("recipient show ben", 0, "age1"),
            cell("hook list", 0, "web"),
            cell("hook diff", 0, says),
            cell("trust show", 0, "does not read"),
            cell("trust show", 0, says),
            cell("trust diff", 0, "no accepted one"),
            cell("trust diff", 0, says),
            cell("check", 1, "pin: recipients/trust: "),
            cell("check", 1, says),
            cell("check --full", 13, says),
            cell("trust accept", 13, says),
            cell("trust sign --yes", 13, says),
            cell("secret get prod/web/TOKEN", 13, says),
            cell("secret get prod/web/TOKEN --at HEAD", 13, says),
            cell("secret get prod/web/TOKEN --unvouched", 13, says),
            cell("secret diff --values", 13, says),
            cell("exec prod/web -- true", 125, says),
            cell("export prod/web --format json --out -", 13, says),
            cell("secret set prod/web/TOKEN", 13, says),
            cell("secret policy prod/web/TOKEN --owner ada", 13, says),
            cell("secret restore prod/web/TOKEN", 13, says),
            cell("fmt", 13, says),
            cell("rekey prod/web --yes", 13, says),
            cell("access grant ben test --read --yes", 13, says),
            cell("hook sign --yes", 13, says),
            cell("deploy --on prod --dry-run", 13, says),
        ],
    );
}

#[test]
fn a_memory_that_is_damaged_or_open_to_others() {
    let lab = lab();
    let trust = memory(&lab).join("trust");
    let text = std::fs::read_to_string(&trust).unwrap();
    std::fs::write(&trust, text.replace("2 ", "3 ")).unwrap();
    can_only_be_looked_at(&lab, "remembers of the vault is damaged");
    // Who can look can read how to go on, and does.
    let said = lab.clws("secret list").succeeds().err;
    assert!(said.contains("hint: remove "), "{said}");

    std::fs::write(&trust, text).unwrap();
    std::fs::set_permissions(&trust, std::fs::Permissions::from_mode(0o664)).unwrap();
    can_only_be_looked_at(&lab, "trust");
    std::fs::set_permissions(&trust, std::fs::Permissions::from_mode(0o600)).unwrap();
    lab.clws("secret get prod/web/TOKEN").succeeds();
}

#[test]
fn a_memory_without_its_rules_or_behind_a_link() {
    let lab = lab();
    let accepted = memory(&lab).join("accepted");
    for version in std::fs::read_dir(&accepted).unwrap() {
        std::fs::remove_file(version.unwrap().path().join("recipients/access.toml")).unwrap();
    }
    can_only_be_looked_at(&lab, "it is missing");

    let trust = memory(&lab).join("trust");
    std::fs::rename(&trust, trust.with_extension("old")).unwrap();
    std::os::unix::fs::symlink("trust.old", &trust).unwrap();
    can_only_be_looked_at(&lab, "link");
}

#[test]
fn a_memory_that_belongs_to_somebody_else() {
    let lab = lab();
    assert!(
        rustix::process::geteuid().is_root(),
        "only root can give a file away: run this test as root, as CI does"
    );
    std::os::unix::fs::chown(memory(&lab).join("trust"), Some(1234), None).unwrap();
    can_only_be_looked_at(&lab, "trust");
}

#[test]
fn a_memory_of_one_document_that_is_damaged() {
    let lab = lab();
    for file in remembered(&memory(&lab)) {
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace(" 1 ", " 2 ")).unwrap();
    }
    each(
        &lab,
        &[
            cell("check", 1, "pin: prod/web: "),
            cell("check", 1, "pin: prod/keys/web.key: "),
            cell("secret history prod/web/TOKEN", 0, "ada"),
            cell("secret diff", 0, ""),
            cell("trust diff", 0, "those that this machine accepted"),
        ],
    );
    // One whose document is gone, too.
    std::fs::remove_file(lab.vault().join("secrets/prod/web.toml")).unwrap();
    each(&lab, &[cell("check", 1, "pin: secrets: ")]);
}

#[test]
fn a_memory_of_one_party_that_does_not_read() {
    let lab = lab();
    let stray = lab.vault().join("secrets/prod/plain.env");
    std::fs::write(stray, "A=1\n").unwrap();
    let accepted = std::fs::read_dir(memory(&lab).join("accepted")).unwrap();
    let newest = accepted.map(|entry| entry.unwrap().path());
    let newest = newest.max_by_key(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.parse::<u64>().unwrap()
    });
    // Who decides, and somebody who does not.
    for name in ["ada", "ben"] {
        let party = newest
            .as_ref()
            .unwrap()
            .join(format!("recipients/{name}.toml"));
        let good = std::fs::read(&party).unwrap();
        std::fs::write(&party, "nonsense\n").unwrap();
        let says = format!("rules: recipients/{name}.toml: the rules of trust version");
        let ran = lab.clws("check").exits(1).text();
        for said in [says.as_str(), "stray: secrets/prod/plain.env: "] {
            assert!(ran.contains(said), "{said}: {ran}");
        }
        std::fs::write(&party, good).unwrap();
    }
}

#[test]
fn a_history_of_the_rules_that_does_not_hold() {
    let lab = lab();
    let head = lab.clws("trust show --json").succeeds().json();
    let number = head["version"].as_u64().unwrap();
    // Somebody with push rights adds a version that nobody signed, with himself in the rules.
    let file = format!("recipients/trust/{number}.toml");
    let next = format!("recipients/trust/{}.toml", number + 1);
    let text = std::fs::read_to_string(lab.vault().join(&file)).unwrap();
    let forged = text.replace(
        &format!("version = {number}"),
        &format!("version = {}", number + 1),
    );
    std::fs::write(lab.vault().join(&next), forged).unwrap();
    edit(&lab, "recipients/access.toml", |text| {
        text.replace("\"ben\"", "\"mallory\"")
    });
    let says = "does not follow from version";
    each_here(
        &lab,
        &[
            cell(
                "trust show",
                0,
                "it does not follow on what this machine accepted",
            ),
            cell("trust show", 0, says),
            cell("trust show --json", 0, "\"fault\":"),
            cell("trust diff", 1, "mallory may read `prod`"),
            cell("trust diff", 1, says),
            cell("secret list prod", 13, says),
            cell("secret history prod/web/TOKEN", 13, says),
            cell("secret diff", 13, says),
            cell("access show", 13, says),
            cell("access why ben prod", 13, says),
            cell("recipient list", 13, says),
            cell("check", 13, says),
            cell("trust accept", 13, says),
            cell("trust sign --yes", 13, says),
            cell("secret get prod/web/TOKEN", 13, says),
            cell("secret set prod/web/TOKEN", 13, says),
            cell("deploy --on prod --dry-run", 13, says),
        ],
    );
    // A version that does not even read is shown as far as it goes.
    std::fs::write(lab.vault().join(&next), "nonsense\n").unwrap();
    each_here(
        &lab,
        &[
            cell("trust show", 0, "it does not follow"),
            cell("trust diff", 1, "mallory"),
            cell("secret list prod", 10, "line 1"),
        ],
    );
    // Nobody's machine that has accepted nothing has anything to go by.
    lab.clws("trust show").by("carol").exits(10);
}

#[test]
fn rules_that_are_not_there_are_a_difference() {
    let lab = lab();
    for file in ["recipients/access.toml", "clws.toml", "recipients/ben.toml"] {
        let copy = lab.copy();
        std::fs::remove_file(copy.vault().join(file)).unwrap();
        // `clws.toml` marks a vault: without it the folder has to be named.
        let ran = copy.clws("trust diff --vault .").exits(1);
        assert!(
            ran.text().contains("ben") || ran.text().contains(file),
            "{}",
            ran.text()
        );
        copy.clws("secret get prod/web/TOKEN --vault .").succeeds();
    }
    edit(&lab, "recipients/access.toml", |text| {
        format!("{text}nonsense\n")
    });
    let ran = lab.clws("trust diff").exits(1);
    assert!(
        ran.text()
            .contains("recipients/access.toml is written differently"),
        "{}",
        ran.text()
    );
}
