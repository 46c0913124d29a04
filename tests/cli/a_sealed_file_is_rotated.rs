//! A sealed file gets a new content as a value gets a new one: both lie sealed and signed from the first
//! step to the last, whatever comes between.

use std::path::PathBuf;

use crate::lab::Lab;

const PATH: &str = "dev/keys/api.token";
const OLD: &str = "an-old-token-that-long-served-its-purpose\n";
const NEW: &str = "a new one\nof two lines\n";

fn lab() -> Lab {
    let lab = Lab::new();
    lab.clws(&format!("secret set {PATH} --type file"))
        .stdin(OLD.as_bytes())
        .succeeds();
    lab
}

fn get(lab: &Lab) -> String {
    lab.clws(&format!("secret get {PATH}")).succeeds().text()
}

fn file(lab: &Lab) -> PathBuf {
    lab.vault().join(format!("secrets/{PATH}.age.toml"))
}

fn sidecar(lab: &Lab) -> String {
    std::fs::read_to_string(file(lab)).unwrap()
}

fn row(lab: &Lab) -> serde_json::Value {
    let listed = lab.clws(&format!("secret list {PATH} --json")).succeeds();
    listed.json()["secrets"][0].clone()
}

/// A rotator that does all that is not refused; at first it does not withdraw the old value.
fn halts(lab: &Lab) {
    let hooks = lab.vault().join("hooks/halting");
    std::fs::create_dir_all(&hooks).unwrap();
    let text = format!("scripts_for = [\"{PATH}\", \"dev/web/TOKEN\"]\n");
    std::fs::write(lab.vault().join("hooks/halting.toml"), text).unwrap();
    let script = "! grep -qxF \"$1\" $HOME/refused\n";
    std::fs::write(hooks.join("rotate.sh"), script).unwrap();
    lab.clws("hook sign halting --yes").succeeds();
    lab.clws(&format!("secret policy {PATH} --rotator halting"))
        .succeeds();
    refuse(lab, "new");
}

fn refuse(lab: &Lab, word: &str) {
    std::fs::write(lab.home("ada").join("refused"), word).unwrap();
}

#[test]
fn it_is_made_at_random_where_it_is_one_line_or_given_by_hand() {
    let lab = lab();
    lab.clws(&format!("rotate {PATH} --yes")).exits(2);
    lab.clws(&format!("secret policy {PATH} --rotator random"))
        .succeeds();
    lab.clws(&format!("rotate {PATH} --yes")).succeeds();
    let made = get(&lab);
    assert!(made != OLD && made.len() == OLD.len() && made.ends_with('\n'));
    assert!(sidecar(&lab).contains("mode = \"0600\""));
    assert!(!sidecar(&lab).contains("[pending]"));
    assert_eq!(row(&lab)["rev"], 2);

    lab.clws(&format!("secret policy {PATH} --rotator by-hand"))
        .succeeds();
    // What prints nothing takes no value away.
    let nothing = lab.clws(&format!("rotate {PATH} --yes")).exits(2);
    assert!(nothing.err.contains("nothing was given"), "{}", nothing.err);
    assert!(get(&lab) == made && !sidecar(&lab).contains("[pending]"));
    lab.clws(&format!("rotate {PATH} --yes"))
        .stdin(NEW.as_bytes())
        .succeeds();
    assert_eq!(get(&lab), NEW);
    // What is no one line is not made at random, and nothing changes.
    lab.clws(&format!("secret policy {PATH} --rotator random"))
        .succeeds();
    let before = sidecar(&lab);
    lab.clws(&format!("rotate {PATH} --yes")).exits(2);
    assert_eq!(sidecar(&lab), before);
    lab.clws("check --full").succeeds();
    lab.clws("rotate --resume").exits(18);

    // What does not fit beside it is said before anything else is.
    lab.clws(&format!("secret set {PATH} --type file"))
        .stdin(&[b'x'; 65 * 1024])
        .succeeds();
    let refused = lab.clws(&format!("rotate {PATH} --yes")).exits(10);
    assert!(refused.err.contains("64 KiB"), "{}", refused.err);
    assert!(!sidecar(&lab).contains("[pending]"));
}

#[test]
fn both_contents_go_through_what_happens_in_between() {
    let lab = lab().people(&["ben"]);
    halts(&lab);
    let stopped = lab.clws(&format!("rotate {PATH} --yes")).exits(22);
    assert!(stopped.err.contains("--undo"), "{}", stopped.err);
    let new = get(&lab);
    assert_ne!(new, OLD);
    assert_eq!(row(&lab)["mark"], "pending");
    let found = lab.clws("check --full").succeeds().text();
    assert!(
        found.contains(&format!("clws rotate --resume {PATH}")),
        "{found}"
    );
    lab.clws(&format!("rotate {PATH} --yes")).exits(16);

    // Policy, a reader more, a new seal for all: what lies beside it goes along.
    lab.clws(&format!("secret policy {PATH} --owner ada"))
        .succeeds();
    lab.clws("access grant ben dev --read --write --yes")
        .succeeds();
    assert_eq!(
        sidecar(&lab)
            .matches("readers = [\"ada\", \"ben\"]")
            .count(),
        2
    );
    lab.clws("fmt --check").succeeds();
    lab.clws("check --full").succeeds();
    let seen = lab
        .clws(&format!("secret get {PATH} --expect"))
        .word(lab.head())
        .by("ben")
        .succeeds();
    assert_eq!(seen.text(), new);
    // Who leaves could read both.
    lab.clws("recipient remove ben --yes").succeeds();
    assert_eq!(sidecar(&lab).matches("exposed = \"ben left ").count(), 2);
    assert_eq!(sidecar(&lab).matches("readers = [\"ada\"]").count(), 2);
    lab.clws("check --full").succeeds();
    refuse(&lab, "");
    lab.clws("rotate --undo --yes").succeeds();
    assert_eq!(get(&lab), OLD);
    assert!(!sidecar(&lab).contains("[pending]"));
    assert!(sidecar(&lab).contains("exposed"), "he knows the old one");
    lab.clws("check --full").succeeds();

    lab.clws(&format!("rotate {PATH} --yes")).succeeds();
    assert!(!sidecar(&lab).contains("exposed"));
    lab.clws(&format!("secret remove {PATH} --yes")).succeeds();
}

#[test]
fn what_was_led_back_is_said_to_be_undone_however_it_was_cut_off() {
    let lab = lab();
    halts(&lab);
    // Cut off with the new value in use, and before it was accepted anywhere.
    for refused in ["new", "both"] {
        refuse(&lab, refused);
        lab.clws(&format!("rotate {PATH} --yes")).exits(22);
        refuse(&lab, "old");
        lab.clws("rotate --undo --yes").exits(22);
        lab.clws("rotate --resume").exits(22);
        refuse(&lab, "");
        let ended = lab.clws("rotate --resume").succeeds();
        let undone = format!("undone: {PATH}");
        assert!(
            ended.err.lines().any(|line| line == undone),
            "{}",
            ended.err
        );
        assert_eq!(get(&lab), OLD);
    }
    refuse(&lab, "new");
    lab.clws(&format!("rotate {PATH} --yes")).exits(22);
    refuse(&lab, "");
    let ended = lab.clws("rotate --resume").succeeds();
    let done = format!("done: {PATH}");
    assert!(ended.err.lines().any(|line| line == done), "{}", ended.err);
}

#[test]
fn a_value_that_came_in_between_is_not_said_to_be_done() {
    let lab = lab();
    halts(&lab);
    for word in ["--resume", "--undo"] {
        refuse(&lab, "new");
        lab.clws(&format!("rotate {PATH} --yes")).exits(22);
        lab.clws(&format!("secret set {PATH} --type file"))
            .stdin(b"a third one\n")
            .succeeds();
        refuse(&lab, "");
        let ended = lab.clws(&format!("rotate {word} --yes")).exits(16);
        for said in [
            "outside, nothing more was done for it",
            "may both be accepted outside",
            &format!("`clws rotate {PATH}`"),
        ] {
            assert!(ended.err.contains(said), "{}", ended.err);
        }
        assert!(!ended.err.contains("done: ") && !ended.err.contains("undone"));
        assert_eq!(get(&lab), "a third one\n");
        assert!(!sidecar(&lab).contains("[pending]"));
        lab.clws("rotate --resume").exits(18);
    }
    // As it advises.
    lab.clws(&format!("rotate {PATH} --yes")).succeeds();
    lab.clws("check --full").succeeds();
}

#[test]
fn what_is_due_while_it_goes_on_leads_to_its_end_alone() {
    let lab = lab();
    let due = || lab.clws("rotate --due --dry-run").succeeds().text();
    halts(&lab);
    lab.clws(&format!("secret policy {PATH} --expires 2001-01-01"))
        .succeeds();
    let waits = format!("{PATH}\n  expired since 2001-01-01: ");
    let begin = format!("\n  next: clws rotate {PATH}; then clws secret policy {PATH} ");
    let shown = due();
    assert!(
        shown.starts_with(&waits) && shown.contains(&begin),
        "{shown}"
    );
    lab.clws(&format!("rotate {PATH} --yes")).exits(22);
    lab.clws(&format!("secret policy {PATH} --expires 2001-01-01"))
        .succeeds();
    let shown = due();
    let unfinished = format!(
        "\n{PATH}\n  its rotation is not done\n  next: clws rotate --resume {PATH}, or --undo in its place\n"
    );
    assert!(
        shown.starts_with(&waits) && shown.ends_with(&unfinished),
        "{shown}"
    );
    assert_eq!(shown.matches("next: ").count(), 1, "{shown}");
}

#[test]
fn what_is_removed_leaves_nothing_beside_it() {
    let lab = lab().secret("dev/web/TOKEN", "an-old-token-of-long-ago");
    let document = || std::fs::read_to_string(lab.vault().join("secrets/dev/web.toml")).unwrap();
    halts(&lab);
    lab.clws("secret policy dev/web/TOKEN --rotator halting")
        .succeeds();
    for path in [PATH, "dev/web/TOKEN"] {
        lab.clws(&format!("rotate {path} --yes")).exits(22);
    }
    assert!(sidecar(&lab).contains("[pending]") && document().contains("[pending.TOKEN]"));
    for path in [PATH, "dev/web/TOKEN"] {
        lab.clws(&format!("secret remove {path} --yes")).succeeds();
    }
    assert!(!sidecar(&lab).contains("[pending]") && !document().contains("[pending."));
    lab.clws("check --full").succeeds();
}

#[test]
fn what_lay_beside_it_leads_nowhere_when_it_is_put_back() {
    let lab = lab();
    halts(&lab);
    lab.clws(&format!("rotate {PATH} --yes")).exits(22);
    let first = table(&sidecar(&lab));
    refuse(&lab, "");
    lab.clws("rotate --resume").succeeds();
    let (settled, new) = (sidecar(&lab), get(&lab));

    // It counts as signed, is said to be there, and is given to nobody.
    put_back(&lab, &first);
    assert_eq!(get(&lab), new);
    lab.clws(&format!("rotate {PATH} --yes")).exits(16);
    lab.clws("rotate --resume").exits(18);
    lab.clws(&format!("rotate --undo {PATH} --yes")).succeeds();
    assert_eq!((sidecar(&lab), get(&lab)), (settled, new.clone()));

    // In place of the other one of a rotation that goes on, it is not taken for that.
    refuse(&lab, "new");
    lab.clws(&format!("rotate {PATH} --yes")).exits(22);
    let newest = get(&lab);
    let other = table(&sidecar(&lab));
    std::fs::write(file(&lab), sidecar(&lab).replace(&other, &first)).unwrap();
    refuse(&lab, "");
    lab.clws("rotate --undo --yes").exits(16);
    assert_eq!(get(&lab), newest, "the first one did not come back");
    assert!(!sidecar(&lab).contains("[pending]"));
    lab.clws("check --full").succeeds();

    // What nobody may sign, or of another file, is refused.
    let forged = first.replace("rev = 1", "rev = 2");
    assert_ne!(forged, first);
    put_back(&lab, &forged);
    let found = lab.clws("check --full").exits(1).text();
    assert!(found.contains(PATH), "{found}");
}

fn table(sidecar: &str) -> String {
    let at = sidecar.find("[pending]").unwrap();
    sidecar[at..].split("\n\n").next().unwrap().to_owned()
}

fn put_back(lab: &Lab, table: &str) {
    let text = sidecar(lab).replace("[end]", &format!("{table}\n\n[end]"));
    std::fs::write(file(lab), text).unwrap();
}

#[test]
fn two_branches_become_one_while_it_goes_on() {
    let lab = lab().people(&["ben"]);
    halts(&lab);
    lab.clws("access grant ben dev --read --write --yes")
        .succeeds();
    lab.commit("a file");
    lab.clws(&format!("secret get {PATH} --expect"))
        .word(lab.head())
        .by("ben")
        .succeeds();
    lab.git(&["checkout", "-q", "-b", "policy"]);
    lab.clws(&format!("secret policy {PATH} --owner ben"))
        .by("ben")
        .succeeds();
    lab.commit("ben looks after it");
    lab.git(&["checkout", "-q", "main"]);
    refuse(&lab, "both");
    lab.clws(&format!("rotate {PATH} --yes")).exits(22);
    let begun = table(&sidecar(&lab));
    lab.commit("a new value beside the old one");
    lab.git(&["merge", "-q", "--no-edit", "policy"]);
    assert!(sidecar(&lab).contains("owner = \"ben\""));
    assert_eq!((table(&sidecar(&lab)), get(&lab)), (begun, OLD.to_owned()));
    lab.clws("check --full").succeeds();

    // Each side gives out another one: the newer counts, and what lies beside it is of the side that
    // changed it.
    lab.git(&["checkout", "-q", "-b", "given"]);
    lab.git(&["checkout", "-q", "main"]);
    refuse(&lab, "new");
    lab.clws(&format!("rotate --resume {PATH}")).exits(22);
    let swapped = table(&sidecar(&lab));
    lab.commit("given out");
    lab.git(&["checkout", "-q", "given"]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    lab.clws(&format!("secret set {PATH} --type file"))
        .by("ben")
        .stdin(b"given\n")
        .succeeds();
    lab.commit("given by ben");
    lab.git(&["checkout", "-q", "main"]);
    let merged = std::process::Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
        .args(["merge", "-q", "--no-edit", "given"])
        .current_dir(lab.vault())
        .output()
        .unwrap();
    assert!(!merged.status.success());
    lab.clws("merge").succeeds();
    assert_eq!(
        (table(&sidecar(&lab)), get(&lab)),
        (swapped, "given\n".to_owned())
    );
    lab.clws("check --full").succeeds();
    lab.commit("joined");
    refuse(&lab, "");
    lab.clws(&format!("rotate --resume {PATH}")).exits(16);
    assert_eq!(get(&lab), "given\n");
    assert!(!sidecar(&lab).contains("[pending]"));
    lab.clws("check --full").succeeds();
}

#[test]
fn a_script_does_not_outlive_the_rotation_that_asked_it() {
    let lab = lab();
    halts(&lab);
    let script = "echo $$ >$HOME/pid.new; mv $HOME/pid.new $HOME/pid\n\
                  until [ -e $HOME/go ]; do sleep 0.05; done; touch $HOME/late\n";
    std::fs::write(lab.vault().join("hooks/halting/rotate.sh"), script).unwrap();
    lab.clws("hook sign halting --yes").succeeds();
    let mut rotating = lab.clws(&format!("rotate {PATH} --yes")).command();
    let mut clws = rotating.spawn().unwrap();
    let here = lab.home("ada");
    let soon = |what: &str, is_so: &dyn Fn() -> bool| {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !is_so() {
            assert!(std::time::Instant::now() < until, "{what}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    soon("it did not begin", &|| here.join("pid").exists());
    let pid = std::fs::read_to_string(here.join("pid")).unwrap();
    clws.kill().unwrap();
    clws.wait().unwrap();
    // Of a zombie, which nobody may have waited for yet, there is no command any more.
    let command = format!("/proc/{}/cmdline", pid.trim());
    soon("it goes on", &|| {
        std::fs::read(&command).unwrap_or_default().is_empty()
    });
    assert!(!here.join("late").exists());
}
