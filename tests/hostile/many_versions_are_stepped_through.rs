//! A machine that knows version 1 steps to 9 in a clone without history; one bad step stops it.

use std::process::Command;

use crate::lab::Lab;
use crate::scene::{accept, pins, trust_file};

#[test]
fn from_1_to_9_in_a_clone_of_depth_1() {
    let lab = Lab::new();
    accept(&lab, &["ben"]);
    let lab = lab.secret("dev/web/TOKEN", "hunter2");
    for name in ["p2", "p3", "p4", "p5", "p6", "p7", "p8"] {
        lab.clws(&format!("recipient add {name} - --yes"))
            .stdin(
                crate::scene::party(
                    name,
                    clws::crypto::sshsig::SigningKey::from_seed(&zeroize::Zeroizing::new(
                        [name.as_bytes()[1]; 32],
                    ))
                    .unwrap()
                    .public(),
                )
                .as_bytes(),
            )
            .succeeds();
        lab.commit(name);
    }
    lab.clws("access grant p2 dev --deploy --yes").succeeds();
    lab.commit("p9");
    assert!(lab.head().ends_with("@9"));
    let clone = lab.root().join("clone");
    let out = Command::new("git")
        .args(["clone", "-q", "--depth", "1"])
        .arg(format!("file://{}", lab.vault().display()))
        .arg(&clone)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let before = pins(&lab, "ben");
    let look = || lab.clws("secret list").by("ben").folder(&clone);
    // Each version in between is looked at: missing, changed, and from elsewhere.
    for number in 2..=9 {
        let path = clone.join(trust_file(number));
        let real = std::fs::read_to_string(&path).unwrap();
        let other = std::fs::read_to_string(clone.join(trust_file(number - 1))).unwrap();
        std::fs::remove_file(&path).unwrap();
        if number < 9 {
            look().exits(13);
            assert_eq!(pins(&lab, "ben"), before);
        }
        let changed = real.replace(
            "[file.\"recipients/ada.toml\"]",
            "[file.\"recipients/eve.toml\"]",
        );
        assert_ne!(changed, real);
        for forged in [changed, other] {
            std::fs::write(&path, forged).unwrap();
            look().exits(13);
            assert_eq!(pins(&lab, "ben"), before, "version {number}");
        }
        std::fs::write(&path, real).unwrap();
    }
    look().succeeds();
    let accepted = lab.clws("trust accept").by("ben").folder(&clone).succeeds();
    assert!(accepted.err.contains("trust version 9"), "{}", accepted.err);
    assert_ne!(pins(&lab, "ben"), before);
}
