//! A password and its hash in a file of htpasswd are made together: Apache's own htpasswd lets the
//! new one in, other users stay, and where one of both cannot be sealed neither is.

use std::os::unix::fs::PermissionsExt as _;

use crate::lab::Lab;
use crate::support::tool::{run, said};

const OTHERS: &str =
    "# who may in\nbob:$2y$05$abcdefghijklmnopqrstuu5gX0z1n2PGlnm3TyDZmM/QdXg9kqlG\nadminx:{SHA}x";

fn get(lab: &Lab, path: &str) -> String {
    lab.clws(&format!("secret get {path}")).succeeds().text()
}

/// Whether Apache's htpasswd finds that a user has this password.
fn is_let_in(users: &str, user: &str, password: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    std::fs::write(&file, users).unwrap();
    let words = ["-vi", file.to_str().unwrap(), user];
    let judged = run("htpasswd", words, password.as_bytes());
    match judged.status.code() {
        Some(0) => true,
        Some(3) => false,
        _ => panic!("{}", said(&judged)),
    }
}

/// Generates for `admin`; gives the password and the users.
fn generated(lab: &Lab, users: &str, words: &str) -> (String, String) {
    let ran = lab
        .clws(&format!(
            "secret generate dev/nginx/ADMIN --htpasswd {users} --user admin --yes {words}"
        ))
        .succeeds();
    let (password, text) = (get(lab, "dev/nginx/ADMIN"), get(lab, users));
    let mine = text.lines().find(|line| line.starts_with("admin:"));
    let hash = mine.unwrap().strip_prefix("admin:").unwrap().to_owned();
    assert!(hash.starts_with("$2y$10$") && hash.len() == 60, "{hash}");
    assert_eq!(ran.text(), "", "data is for what was asked for");
    for secret in [&password, &hash] {
        assert!(!ran.err.contains(secret.as_str()), "{}", ran.err);
    }
    lab.nowhere(&[password.clone(), hash]);
    assert!(is_let_in(&text, "admin", &password));
    assert!(!is_let_in(&text, "admin", "hunter2"));
    (password, text)
}

#[test]
fn the_password_is_let_in_and_other_users_stay() {
    let lab = Lab::new();
    // Made where there is nothing, beside the password …
    let (first, text) = generated(&lab, "dev/nginx/USERS", "");
    assert_eq!((first.len(), text.lines().count()), (32, 1));
    // … replaced where there is a line; the old password is out.
    let (second, text) = generated(&lab, "dev/nginx/USERS", "--length 72");
    assert_eq!((second.len(), text.lines().count()), (72, 1));
    assert!(!is_let_in(&text, "admin", &first));
    generated(&lab, "dev/nginx/USERS", "--alphabet words --length 8");
    // A sealed file keeps its mode and the lines of others.
    let plain = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(plain.path(), OTHERS).unwrap();
    std::fs::set_permissions(plain.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
    let path = plain.path().display();
    lab.clws(&format!(
        "secret set dev/files/users --type file --from-file {path}"
    ))
    .succeeds();
    drop(plain);
    for _ in 0..2 {
        let (_, text) = generated(&lab, "dev/files/users", "--type string");
        let (others, mine) = text.split_at(OTHERS.len());
        assert_eq!((others, mine.lines().count()), (OTHERS, 2), "{text}");
    }
    let sidecar = lab.vault().join("secrets/dev/files/users.age.toml");
    let sidecar = std::fs::read_to_string(sidecar).unwrap();
    assert!(sidecar.contains("mode = \"0640\""), "{sidecar}");
    lab.clws("check --full").succeeds();
}

#[test]
fn where_one_of_both_cannot_be_sealed_neither_is() {
    let lab = Lab::new().secret("dev/nginx/ADMIN", "hunter2");
    lab.clws("secret set dev/files/users --type file")
        .stdin(OTHERS.as_bytes())
        .succeeds();
    lab.clws("secret set dev/web/PORT --type integer")
        .stdin(b"80")
        .succeeds();
    lab.commit("as it was");
    let words = "--user admin --yes";
    // The users are no text: the password stays.
    lab.clws(&format!(
        "secret generate dev/nginx/ADMIN --htpasswd dev/web/PORT {words}"
    ))
    .exits(2);
    // The password's name clashes with another: the users stay.
    let clash = format!("secret generate dev/nginx/admin --htpasswd dev/files/users {words}");
    lab.clws(&clash).exits(2);
    // Their names differ in case alone, where neither was before.
    let clash = format!("secret generate dev/fresh/ADMIN --htpasswd dev/fresh/admin {words}");
    let refused = lab.clws(&clash).exits(2);
    let why = "`admin` is there, and differs in case alone";
    assert!(refused.err.contains(why), "{}", refused.err);
    assert_eq!(lab.git(&["status", "--porcelain", "--ignored"]), "");
    assert_eq!(get(&lab, "dev/nginx/ADMIN"), "hunter2");
    assert_eq!(get(&lab, "dev/files/users"), OTHERS);
}

#[test]
fn what_no_line_can_hold_is_refused() {
    let lab = Lab::new();
    let generate = |words: &str| lab.clws(&format!("secret generate dev/nginx/ADMIN {words}"));
    let users = "--htpasswd dev/nginx/USERS";
    for user in ["a:b", "a\nb", "#a", ""] {
        let refused = generate(users).word("--user").word(user).exits(2);
        assert!(refused.err.contains("no `:`"), "{}", refused.err);
    }
    for (words, hint) in [
        ("--length 73", "--length 72"),
        ("--alphabet words", "--length 8"),
    ] {
        let refused = generate(&format!("{users} --user admin {words}")).exits(2);
        assert!(refused.err.contains("72 bytes"), "{}", refused.err);
        assert!(refused.err.contains(hint), "{}", refused.err);
    }
    generate(users).exits(2);
    generate("--user admin").exits(2);
    generate("--htpasswd dev/nginx/ADMIN --user admin").exits(2);
    generate(&format!("{users} --user admin --kind ed25519")).exits(2);
    assert!(!lab.vault().join("secrets/dev").exists());
}

#[test]
fn lines_that_others_know_stay_exposed_until_none_of_them_is_left() {
    let lab = Lab::new();
    let tree = tempfile::tempdir().unwrap();
    std::fs::write(tree.path().join("users"), format!("{OTHERS}\n")).unwrap();
    let from = tree.path().display();
    lab.clws(&format!("import {from} --scope dev --as file --yes"))
        .succeeds();
    let due = || lab.clws("rotate --due --dry-run").succeeds().text();
    assert!(due().contains("dev/users"), "{}", due());
    generated(&lab, "dev/users", "");
    assert!(
        due().contains("dev/users"),
        "bob's line was imported in the clear"
    );
    lab.clws("secret set dev/users --yes").stdin(b"").succeeds();
    generated(&lab, "dev/users", "");
    assert!(!due().contains("dev/users"), "{}", due());
}
