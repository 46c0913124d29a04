//! A trust version that a machine has accepted and its tree has lost goes back into the tree, after a question.

use crate::lab::Lab;
use crate::terminal::Terminal;
use crate::two_branches_change_the_rules::{git, lab};

/// Throws away what nobody committed.
fn lose(lab: &Lab) {
    for words in [&["checkout", "-q", "."] as &[&str], &["clean", "-fdq"]] {
        assert!(git(&lab.vault(), words));
    }
}

#[test]
fn an_accepted_version_that_git_threw_away_is_put_back() {
    let (lab, _) = lab(1);
    lab.clws("access grant cleo test --read --yes").succeeds();
    lab.clws("access grant cleo shared --read --yes").succeeds();
    let access = lab.vault().join("recipients/access.toml");
    let rules = std::fs::read(&access).unwrap();
    let lose = || lose(&lab);
    lose();
    let refused = lab.clws("access grant cleo dev --read --yes").exits(14);
    assert!(
        refused.err.contains("`clws trust accept` puts it back"),
        "{}",
        refused.err
    );
    // What nobody signed is not overwritten, and nobody is passed over.
    let old = std::fs::read_to_string(&access).unwrap();
    std::fs::write(
        &access,
        format!("[group.new]\nmembers = [\"cleo\"]\n\n{old}"),
    )
    .unwrap();
    let refused = lab.clws("trust accept --yes").exits(13);
    assert!(
        refused
            .err
            .contains("`recipients/access.toml` is not what trust version 5 signed"),
        "{}",
        refused.err
    );
    lose();
    let asked = lab.clws("trust accept").exits(15);
    assert!(
        asked.err.contains("cleo may read `shared`"),
        "{}",
        asked.err
    );
    assert_eq!(std::fs::read_to_string(&access).unwrap(), old);
    let back = lab.clws("trust accept --yes").succeeds();
    assert!(
        back.err.contains("this machine accepts trust version 7"),
        "{}",
        back.err
    );
    assert_eq!(std::fs::read(&access).unwrap(), rules);
    lab.clws("check").succeeds();
    lab.clws("access grant cleo dev --read --yes").succeeds();
    // An earlier build kept no text of it.
    lose();
    let vaults = lab.home("ada").join(".local/state/clws/vaults");
    for vault in std::fs::read_dir(vaults).unwrap() {
        std::fs::remove_dir_all(vault.unwrap().path().join("versions")).unwrap();
    }
    let refused = lab.clws("trust accept --yes").exits(14);
    assert!(
        refused
            .err
            .contains("`git checkout REV -- recipients clws.toml`"),
        "{}",
        refused.err
    );
}

#[test]
fn nothing_is_put_back_where_another_run_accepted_more_meanwhile() {
    let (lab, other) = lab(1);
    lab.clws("access grant cleo test --read --yes").succeeds();
    // Ben goes on from it in another clone.
    lab.commit("five");
    assert!(git(&other, &["merge", "-q", "main"]));
    lab.clws("access grant ben shared --read --yes")
        .by("ben")
        .folder(&other)
        .succeeds();
    lab.git(&["reset", "-q", "--hard", "HEAD~1"]);
    let access = lab.vault().join("recipients/access.toml");
    let before = std::fs::read(&access).unwrap();
    let asks = || {
        let mut asked = Terminal::start(lab.clws("trust accept").command());
        asked.shows("back into the tree, with its rules?");
        asked
    };
    let mut asked = asks();
    lab.clws("secret list").folder(&other).succeeds();
    asked.types("y\n");
    let (code, shown) = asked.ends();
    assert_ne!(code, 0, "{shown}");
    assert!(!shown.contains("this machine accepts"), "{shown}");
    assert_eq!(std::fs::read(&access).unwrap(), before);
    assert!(!lab.vault().join("recipients/trust/6.toml").exists());
    // Asked anew, it goes by what is accepted now.
    let mut asked = asks();
    asked.types("y\n");
    let (code, shown) = asked.ends();
    assert_eq!(code, 0, "{shown}");
    assert!(
        shown.contains("this machine accepts trust version 7"),
        "{shown}"
    );
}
