//! Who reads by an age plugin for X-Wing (X25519 and ML-KEM-768 together) shares documents and files with
//! those who read by X25519, and the real age opens for both.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::lab::{Lab, Run};
use crate::sops::Sops;
use crate::tool::{run, run_by, said, tool};

const CANARY: &str = "ooPh4-post-quantum-canary";

/// Lets a person's clws start the plugin, or not any more.
fn allow(lab: &Lab, who: &str, plugins: &str) {
    let folder = lab.home(who).join(".config/clws");
    fs::create_dir_all(&folder).unwrap();
    let text = format!("[age]\nplugins = [{plugins}]\n");
    fs::write(folder.join("config.toml"), text).unwrap();
}

#[test]
fn both_open_what_either_seals() {
    let lab = Lab::new().people(&["eve"]);
    let plugin = tool("age-plugin-xwing");
    let key = lab.root().join("xwing.txt");
    let made = run_by(std::process::Command::new(plugin), [""; 0], b"");
    assert!(made.stdout.starts_with(b"# created: "), "{}", said(&made));
    fs::write(&key, made.stdout).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    for who in ["ada", "ben"] {
        allow(&lab, who, "\"xwing\"");
    }
    let import = lab.clws("identity import ben --keep file --age").by("ben");
    import.word(key.to_str().unwrap()).succeeds();
    let party = lab.clws("identity show").by("ben").succeeds().out;
    lab.clws("recipient add ben - --yes")
        .stdin(&party)
        .succeeds();
    lab.clws("access grant ben dev --read --write --yes")
        .succeeds();
    let head = lab.head();
    let ben = |words: &str| lab.clws(words).by("ben");
    ben("trust accept --expect").word(&head).succeeds();

    lab.clws("secret set dev/web/A")
        .stdin(CANARY.as_bytes())
        .succeeds();
    ben("secret set dev/web/B")
        .stdin(CANARY.as_bytes())
        .succeeds();
    lab.clws("secret set dev/web.key --type file")
        .stdin(CANARY.as_bytes())
        .succeeds();
    let opens = |run: Run<'_>| assert_eq!(run.succeeds().text(), CANARY);
    let each = || {
        for path in ["dev/web/A", "dev/web/B", "dev/web.key"] {
            opens(lab.clws(&format!("secret get {path}")));
            opens(ben(&format!("secret get {path}")));
        }
    };
    each();
    lab.clws("rekey dev --yes").succeeds();
    each();
    lab.clws("check").succeeds();
    lab.nowhere(&[CANARY.to_owned()]);

    // The real age, with the same plugin and without it.
    let file = lab.vault().join("secrets/dev/web.key.age");
    for key in [&key, &Sops::of(&lab, "ada").key_file()] {
        let words = ["-d", "-i", key.to_str().unwrap(), file.to_str().unwrap()];
        let opened = run("age", words, b"");
        assert_eq!(opened.stdout, CANARY.as_bytes(), "{}", said(&opened));
    }
    let eve = Sops::of(&lab, "eve").key_file();
    let words = ["-d", "-i", eve.to_str().unwrap(), file.to_str().unwrap()];
    assert!(!run("age", words, b"").status.success());

    // A program that the person's own configuration does not name is not started.
    allow(&lab, "ada", "");
    lab.clws("secret get dev/web/A").succeeds();
    let denied = lab.clws("secret set dev/other/C").stdin(b"x").exits(15);
    assert!(
        denied.err.contains("[age] plugins = [\"xwing\"]"),
        "{}",
        denied.err
    );
}
