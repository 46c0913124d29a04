//! `rotate`, killed anywhere: the old value or the new one is given out, and either way leads on.

use crate::lab::Lab;
use crate::strace::{CALLS, How, Strace};
use crate::tree::Tree;
use crate::trial::Side;

pub(crate) const OLD: &str = "old-hunter2-token";

/// What is rotated, and the file in which the other value lies meanwhile.
pub(crate) struct Secret {
    path: &'static str,
    file: &'static str,
}

pub(crate) const VALUE: Secret = Secret {
    path: "dev/web/TOKEN",
    file: "secrets/dev/web.toml",
};

const FILE: Secret = Secret {
    path: "dev/web-keys/token",
    file: "secrets/dev/web-keys/token.age.toml",
};

/// The value, and whether all that was written counts.
pub(crate) fn look(lab: &Lab, secret: &Secret, what: &str) -> Side {
    for command in ["check --full", "audit verify"] {
        let ran = lab.clws(command).run();
        assert_eq!(
            ran.code,
            0,
            "{what}; `{command}` then: {}{}",
            ran.text(),
            ran.err
        );
    }
    let get = lab.clws(&format!("secret get {}", secret.path));
    match get.succeeds().text() {
        old if old == OLD => Side::Old,
        new => {
            assert_eq!(new.len(), 32, "{what}: neither old nor new");
            Side::New
        }
    }
}

pub(crate) fn is_settled(lab: &Lab, secret: &Secret, what: &str) {
    let text = std::fs::read_to_string(lab.vault().join(secret.file)).unwrap();
    assert!(!text.contains("[pending"), "{what}: two values are left");
    let listed = lab.clws("rotate --resume").run();
    assert_eq!(listed.code, 18, "{what}: {}", listed.err);
}

/// Fails one in nine of the calls that change something, in each way, and leads on from each.
fn rotate(name: &str, lab: &Lab, secret: &Secret, lead_on: &dyn Fn(Side, &str)) {
    let command = || lab.clws(&format!("rotate {} --yes", secret.path));
    let (root, strace) = (lab.root(), Strace::new());
    let old = Tree::read(root);
    let calls = strace.record(&command());
    old.restore(root);
    let (mut hit, mut new) = (0, 0);
    for how in How::usual().iter().copied() {
        for (call, lines) in CALLS.iter().filter_map(|call| calls.get_key_value(call)) {
            for when in how.chosen(call, lines, 9) {
                let ended = strace.inject(&command(), call, how, when);
                let what = format!(
                    "{name} with {how:?} at {call} {when} (code {:?}: {})",
                    ended.code,
                    ended.err.trim()
                );
                assert!(!ended.err.contains("panicked"), "{what}");
                if ended.hit {
                    hit += 1;
                    let side = look(lab, secret, &what);
                    new += usize::from(side == Side::New);
                    lead_on(side, &what);
                }
                old.restore(root);
            }
        }
    }
    println!("{name}: {hit} calls failed, the new value was given out after {new}");
    assert!(
        new > 0 && new < hit,
        "{name}: {hit} calls failed, {new} new"
    );
}

fn lab(secret: &Secret) -> Lab {
    let lab = Lab::founded();
    let kind = if secret.file.ends_with(".age.toml") {
        "--type file"
    } else {
        ""
    };
    lab.clws(&format!("secret set {} {kind}", secret.path))
        .stdin(OLD.as_bytes())
        .succeeds();
    lab.clws(&format!("secret policy {} --rotator random", secret.path))
        .succeeds();
    lab
}

fn gone_on_with(secret: &Secret) {
    let lab = lab(secret);
    let name = format!("rotate {}, then --resume", secret.path);
    rotate(&name, &lab, secret, &|side, what| {
        let ran = lab.clws("rotate --resume --yes").run();
        match (ran.code, side) {
            (0, _) | (18, Side::New) => {}
            // Nothing was written down yet.
            (18, Side::Old) => {
                let again = lab.clws(&format!("rotate {} --yes", secret.path));
                drop(again.succeeds());
            }
            (code, _) => panic!("{what}: {code}: {}", ran.err),
        }
        assert_eq!(look(&lab, secret, what), Side::New, "{what}");
        is_settled(&lab, secret, what);
    });
}

fn led_back(secret: &Secret) {
    let lab = lab(secret);
    let name = format!("rotate {}, then --undo", secret.path);
    rotate(&name, &lab, secret, &|side, what| {
        let ran = lab.clws("rotate --undo --yes").run();
        let now = look(&lab, secret, what);
        match (ran.code, side) {
            (0, _) => {}
            // Nothing was written down yet, or all of it was done.
            (18, _) => assert_eq!(now, side, "{what}"),
            (code, _) => panic!("{what}: {code}: {}", ran.err),
        }
        if side == Side::Old {
            assert_eq!(now, Side::Old, "{what}");
        }
        is_settled(&lab, secret, what);
    });
}

#[test]
fn a_rotation_that_was_killed_is_gone_on_with() {
    gone_on_with(&VALUE);
}

#[test]
fn a_rotation_that_was_killed_is_led_back() {
    led_back(&VALUE);
}

#[test]
fn a_rotation_of_a_file_that_was_killed_is_gone_on_with() {
    gone_on_with(&FILE);
}

#[test]
fn a_rotation_of_a_file_that_was_killed_is_led_back() {
    led_back(&FILE);
}

/// Killed between its last steps, too, when the other value is gone and the record is not.
#[test]
fn a_way_back_that_was_killed_is_gone_on_with() {
    let lab = lab(&VALUE);
    let hooks = lab.vault().join("hooks/outside");
    std::fs::create_dir_all(&hooks).unwrap();
    std::fs::write(
        hooks.with_extension("toml"),
        "scripts_for = [\"dev/web/TOKEN\"]\n",
    )
    .unwrap();
    // The new value is given out, and never the only one that is accepted.
    let script = "[ \"$1\" != new ]\n";
    std::fs::write(hooks.join("rotate.sh"), script).unwrap();
    lab.clws("hook sign outside --yes").succeeds();
    lab.clws("secret policy dev/web/TOKEN --rotator outside")
        .succeeds();
    assert_ne!(lab.clws("rotate dev/web/TOKEN --yes").run().code, 0);
    assert_eq!(look(&lab, &VALUE, "as it is open"), Side::New);
    let (root, strace) = (lab.root(), Strace::new());
    let command = || lab.clws("rotate --undo --yes");
    let open = Tree::read(root);
    let calls = strace.record(&command());
    open.restore(root);
    let mut hit = 0;
    for call in ["rename", "renameat", "renameat2", "unlink", "unlinkat"] {
        let lines = calls.get(call).map(Vec::as_slice).unwrap_or_default();
        for when in How::Kill.chosen(call, lines, 1) {
            let ended = strace.inject(&command(), call, How::Kill, when);
            let what = format!("--undo, killed at {call} {when}");
            hit += usize::from(ended.hit);
            let goes_on = if hit % 2 == 0 { "--resume" } else { "--undo" };
            let ran = lab.clws(&format!("rotate {goes_on} --yes")).run();
            // Before anything of the way back was written down, the way on fails as it did.
            let is_on = goes_on == "--resume" && ran.err.contains("the rotator `outside`");
            assert!(
                matches!(ran.code, 0 | 18) || is_on,
                "{what}, then {goes_on}: {}: {}",
                ran.code,
                ran.err
            );
            if is_on {
                lab.clws("rotate --undo --yes").succeeds();
            }
            assert_eq!(look(&lab, &VALUE, &what), Side::Old, "{what}");
            is_settled(&lab, &VALUE, &what);
            open.restore(root);
        }
    }
    assert!(hit > 4, "{hit}");
}
