//! Who signs a change of the rules sees all of it: each key that will count, and each line that differs.

use crate::lab::Lab;

/// Somebody's own party file, and what their own machine says about their keys.
fn file_of(lab: &Lab, name: &str) -> (String, String, String) {
    lab.clws(&format!("identity new {name} --keep file"))
        .by(name)
        .succeeds();
    let listed = lab.clws("identity list --json").by(name).succeeds().json();
    let own = &listed["identities"][0];
    let text = |key: &str| own[key].as_str().unwrap().to_owned();
    let file = lab.clws("identity show").by(name).succeeds().text();
    (file, text("recipient"), text("signing"))
}

/// What a command says before it signs.
fn shown(lab: &Lab, words: &str, file: &str) -> String {
    lab.clws(words).stdin(file.as_bytes()).succeeds().err
}

#[test]
fn a_file_with_somebody_elses_signing_key_is_told_apart() {
    let lab = Lab::founded();
    let (graces, seals, signs) = file_of(&lab, "grace");
    let (mallorys, _, other) = file_of(&lab, "mallory");
    let key = |file: &str| {
        let line = file.lines().find(|line| line.starts_with("key = "));
        line.unwrap().to_owned()
    };
    let swapped = graces.replace(&key(&graces), &key(&mallorys));
    let words = "recipient add grace - --dry-run";
    let said = shown(&lab, words, &graces);
    assert_eq!(
        said,
        format!("grace is new, a person, sealed to as {seals}, signs with {signs}\n")
    );
    assert_eq!(
        shown(&lab, words, &swapped),
        format!("grace is new, a person, sealed to as {seals}, signs with {other}\n")
    );
    // Each key beyond the first is named as well, on a host too.
    let two = graces.replace(
        "[end]",
        &format!("[signing.two]\n{}\nuse = \"sign\"\n\n[end]", key(&mallorys)),
    );
    let said = shown(&lab, words, &two);
    assert!(
        said.contains(&format!("signs with {signs} and {other}")),
        "{said}"
    );
    let host = two.replace("\"person\"", "\"host\"");
    let said = shown(&lab, words, &host);
    assert!(
        said.contains(&format!("signs with {signs} and {other}")),
        "{said}"
    );
    assert!(said.contains(&format!("sealed to as {seals}")), "{said}");
}

#[test]
fn what_a_party_file_says_beside_its_keys_is_shown() {
    let lab = Lab::founded().people(&["grace"]);
    let path = lab.vault().join("recipients/grace.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    for (from, to, said) in [
        (
            "name = \"grace\"\n",
            "name = \"grace\"\nmail = \"mallory@example.org\"\n",
            "grace gets mail at mallory@example.org",
        ),
        ("[signing.main]", "[signing.other]", "is called other"),
        (
            "kind = \"person\"",
            "kind = \"service\"",
            "grace is of another kind, scope or machine type: a service",
        ),
        (
            "[party]",
            "# a note\n\n[party]",
            "recipients/grace.toml is written differently",
        ),
    ] {
        let changed = good.replace(from, to);
        assert_ne!(changed, good);
        std::fs::write(&path, &changed).unwrap();
        // Also where something else is changed beside it.
        let beside = lab.vault().join("recipients/box.toml");
        std::fs::write(&beside, "[party]\nkind = \"host\"\nname = \"box\"\naddress = \"local\"\nscope = \"prod\"\n\n[end]\n").unwrap();
        let diff = lab.clws("trust diff").exits(1).text();
        assert!(diff.contains(said), "{to}: {diff}");
        assert!(
            diff.contains("box is new, a host at local, of the scope prod"),
            "{diff}"
        );
        std::fs::remove_file(&beside).unwrap();
    }
    std::fs::write(&path, &good).unwrap();
    lab.clws("recipient update grace --mail grace@example.org --yes")
        .succeeds();
    let ran = lab
        .clws("recipient update grace --mail none --yes")
        .succeeds();
    assert!(
        ran.err.contains("grace gets no mail any more"),
        "{}",
        ran.err
    );
    let new = good.replace(
        "name = \"grace\"\n",
        "name = \"cleo\"\nmail = \"cleo@example.org\"\n",
    );
    let said = shown(&lab, "recipient add cleo - --dry-run", &new);
    assert!(
        said.contains("cleo gets mail at cleo@example.org"),
        "{said}"
    );
}

#[test]
fn a_key_that_backups_are_sealed_to_is_said_to_be_one() {
    let lab = Lab::founded();
    let (file, seals, _) = file_of(&lab, "grace");
    let said = shown(&lab, "recipient add grace - --dry-run --offline", &file);
    let offline = format!("sealed to as {seals} (offline: backups are sealed to it)");
    assert!(said.contains(&offline), "{said}");
}

#[test]
fn a_service_is_added_by_the_file_that_its_identity_shows() {
    let lab = Lab::founded();
    let (file, _, _) = file_of(&lab, "ci");
    let words = "recipient add ci - --kind service";
    let said = shown(&lab, &format!("{words} --yes"), &file);
    assert!(said.contains("ci is new, a service, "), "{said}");
    let party = std::fs::read_to_string(lab.vault().join("recipients/ci.toml")).unwrap();
    assert!(party.contains("kind = \"service\"\n"), "{party}");
}

#[test]
fn a_right_that_takes_a_key_names_who_has_none() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    let (_, seals, _) = file_of(&lab, "cleo");
    lab.clws("recipient add cleo --yes --age")
        .word(&seals)
        .succeeds();
    let granted = |words: &str| lab.clws(words).succeeds().err;
    let said = granted("access grant cleo dev --read --dry-run");
    assert!(!said.contains("yet"), "{said}");
    let said = granted("access grant cleo dev --read --write --dry-run");
    assert!(
        said.contains(
            "cleo cannot write yet: recipients/cleo.toml has no key for it, a signing key"
        ),
        "{said}"
    );
    lab.clws("host add vm-clws-dev-server-0 --address 10.0.0.1 --yes")
        .succeeds();
    let said = granted("access grant vm-clws-dev-server-0 dev --read --dry-run");
    assert!(
        said.contains("vm-clws-dev-server-0 cannot read yet") && said.contains("a recipient"),
        "{said}"
    );
}
