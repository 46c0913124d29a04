//! While a rotation is open, one of its two values lies beside the other. It will be the one that is given out, so it
//! counts as that does: a writer signed it, and who could read it and left is known.

use crate::lab::Lab;

const VALUE: &str = "dev/web/TOKEN";
const FILE: &str = "dev/keys/api.token";
const OLD: &str = "an-old-token-that-long-served";

/// A value and a sealed file with one old content, whose rotations halt where their rotator is told `word`: `both`
/// before the new one is given out, `new` after that.
fn lab(word: &str) -> Lab {
    let lab = Lab::new().people(&["ben"]);
    lab.clws("access grant ben dev --read --yes").succeeds();
    let lab = lab.secret(VALUE, OLD);
    lab.clws(&format!("secret set {FILE} --type file"))
        .stdin(OLD.as_bytes())
        .succeeds();
    let hooks = lab.vault().join("hooks/halting");
    std::fs::create_dir_all(&hooks).unwrap();
    let text = format!("scripts_for = [\"{FILE}\", \"{VALUE}\"]\n");
    std::fs::write(lab.vault().join("hooks/halting.toml"), text).unwrap();
    let script = "! grep -qxF \"$1\" $HOME/refused\n";
    std::fs::write(hooks.join("rotate.sh"), script).unwrap();
    lab.clws("hook sign halting --yes").succeeds();
    refuse(&lab, word);
    for path in [VALUE, FILE] {
        lab.clws(&format!("secret policy {path} --rotator halting"))
            .succeeds();
        lab.clws(&format!("rotate {path} --apart --yes")).exits(22);
    }
    refuse(&lab, "");
    lab
}

fn refuse(lab: &Lab, word: &str) {
    std::fs::write(lab.home("ada").join("refused"), word).unwrap();
}

fn get(lab: &Lab, path: &str) -> String {
    lab.clws(&format!("secret get {path}")).succeeds().text()
}

fn document(lab: &Lab) -> String {
    std::fs::read_to_string(lab.vault().join("secrets/dev/web.toml")).unwrap()
}

/// What is under no seal is changed: who gave it.
fn forged(text: &str) -> String {
    let at = text.find("[pending").unwrap();
    let (before, after) = text.split_at(at);
    let changed = after.replacen("author = \"ada\"", "author = \"ben\"", 1);
    assert_ne!(changed, after);
    format!("{before}{changed}")
}

#[test]
fn what_no_writer_signed_is_neither_given_out_nor_sealed_anew() {
    let lab = lab("new");
    for (path, file, rekeyed) in [
        (VALUE, "secrets/dev/web.toml", "dev/web"),
        (FILE, "secrets/dev/keys/api.token.age.toml", FILE),
    ] {
        let new = get(&lab, path);
        assert_ne!(new, OLD);
        let file = lab.vault().join(file);
        let text = std::fs::read_to_string(&file).unwrap();
        let bad = forged(&text);
        std::fs::write(&file, &bad).unwrap();
        for words in [
            format!("rotate --undo {path} --yes"),
            format!("rekey {rekeyed} --yes"),
        ] {
            let refused = lab.clws(&words).exits(12);
            assert!(
                refused.err.contains("does not verify"),
                "{words}: {}",
                refused.err
            );
            assert_eq!(std::fs::read_to_string(&file).unwrap(), bad, "{words}");
            assert_eq!(get(&lab, path), new, "{words}");
        }
        std::fs::write(&file, text).unwrap();
        lab.clws(&format!("rekey {rekeyed} --yes")).succeeds();
        lab.clws(&format!("rotate --undo {path} --yes")).succeeds();
        assert_eq!(get(&lab, path), OLD);
    }
}

#[test]
fn who_left_could_read_both_whichever_is_given_out() {
    let lab = lab("new");
    lab.clws("recipient remove ben --yes").succeeds();
    let known = || document(&lab).matches("exposed = \"ben left ").count();
    assert_eq!(known(), 2);
    lab.clws(&format!("rotate --undo {VALUE} --yes")).succeeds();
    assert_eq!(get(&lab, VALUE), OLD);
    assert!(!document(&lab).contains("[pending"));
    assert_eq!(known(), 1, "he knows the old one");
    lab.clws("check --full").succeeds();
}

#[test]
fn who_left_before_still_knows_the_old_one_when_it_comes_back() {
    let lab = lab("new");
    for path in [VALUE, FILE] {
        lab.clws(&format!("rotate --undo {path} --yes")).succeeds();
    }
    lab.clws("recipient remove ben --yes").succeeds();
    refuse(&lab, "new");
    for path in [VALUE, FILE] {
        lab.clws(&format!("rotate {path} --apart --yes")).exits(22);
    }
    refuse(&lab, "");
    // Beside the new one, which he never had, and then as the one that is given out.
    let known = |file: &str| {
        let text = std::fs::read_to_string(lab.vault().join(file)).unwrap();
        text.matches("exposed = \"ben left ").count()
    };
    for (path, file) in [
        (VALUE, "secrets/dev/web.toml"),
        (FILE, "secrets/dev/keys/api.token.age.toml"),
    ] {
        assert_eq!(known(file), 1, "{path}");
        lab.clws(&format!("rotate --undo {path} --yes")).succeeds();
        assert_eq!(get(&lab, path), OLD);
        assert_eq!(known(file), 1, "{path}");
    }
}

/// No pin knows what lies beside a value, and a writer did sign it. It was undone because it had leaked, say.
#[test]
fn what_lay_beside_in_a_rotation_that_was_led_back_is_not_given_out_by_the_next_one() {
    let lab = lab("both");
    let pending = |text: &str| {
        let from = text.find("[pending.TOKEN]").unwrap();
        let to = from + text[from..].find("\n\n").unwrap();
        text[from..to].to_owned()
    };
    let first = pending(&document(&lab));
    lab.clws(&format!("rotate --undo {VALUE} --yes")).succeeds();
    // The next one has the same number, and is told from the first by its second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    refuse(&lab, "both");
    lab.clws(&format!("rotate {VALUE} --apart --yes")).exits(22);
    refuse(&lab, "");
    let good = document(&lab);
    let file = lab.vault().join("secrets/dev/web.toml");
    std::fs::write(&file, good.replace(&pending(&good), &first)).unwrap();
    let resumed = lab.clws(&format!("rotate --resume {VALUE}")).exits(16);
    let said = format!(
        "error: `{VALUE}` was given another value while its rotation went on, or has lost its new one\n"
    );
    assert!(resumed.err.contains(&said), "{}", resumed.err);
    assert_eq!(get(&lab, VALUE), OLD);
    std::fs::write(&file, good).unwrap();
    lab.clws(&format!("rotate --resume {VALUE}")).succeeds();
    assert_ne!(get(&lab, VALUE), OLD);
}
