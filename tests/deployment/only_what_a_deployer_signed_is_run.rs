//! A hook that is not what a deployer signed, or older than seen, is refused before any host is
//! touched and anything is opened.

use std::os::unix::fs::PermissionsExt as _;

use crate::site::{SERVE, Site, rows, server_hook, write};
use crate::support::lab::Ran;
use crate::support::terminal::Terminal;

/// Refused with this code, with nothing touched and nothing opened.
fn refused(site: &Site, code: i32) -> Ran {
    let before = (site.opened(), site.remains());
    let ran = site.deploy().exits(code);
    assert_eq!((site.opened(), site.remains()), before);
    ran
}

fn read(site: &Site, path: &str) -> String {
    std::fs::read_to_string(site.lab.vault().join(path)).unwrap()
}

#[test]
fn what_changes_behind_the_question_is_not_signed() {
    let site = Site::new();
    site.server("web");
    let changed = |more: &str| {
        let text = server_hook("web", more);
        write(&site.lab, "hooks/web.toml", &text);
    };
    changed("# looked at\n");
    let mut person = Terminal::start(site.lab.clws("hook sign web").command());
    person.shows("[y/N]");
    changed("# came with a pull\n");
    person.types("y\n");
    let (code, shown) = person.ends();
    assert_eq!(code, 16, "{shown}");
    assert!(
        shown.contains("the hook of `web` changed meanwhile"),
        "{shown}"
    );
    refused(&site, 13);
}

#[test]
fn an_unsigned_or_changed_hook_is_refused() {
    let site = Site::new();
    site.server("web");
    site.hook(
        "web",
        &server_hook("web", "[file.conf]\ntemplate = \"conf\"\n"),
        &[
            ("serve.sh", SERVE),
            ("conf", "token={{ secrets.web/TOKEN }}\n"),
        ],
    );
    let files = ["hooks/web.toml", "hooks/web/serve.sh", "hooks/web/conf"];
    for path in files {
        let text = read(&site, path);
        write(&site.lab, path, &format!("{text}\n# more\n"));
        let ran = refused(&site, 13);
        assert!(
            ran.err.contains("is not what was signed") && ran.err.contains(path),
            "{}",
            ran.err
        );
        write(&site.lab, path, &text);
    }
    let script = site.lab.vault().join("hooks/web/serve.sh");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(refused(&site, 13).err.contains("hooks/web/serve.sh"));
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o644)).unwrap();
    write(&site.lab, "hooks/web/more.sh", "echo more\n");
    assert!(refused(&site, 13).err.contains("hooks/web/more.sh"));
    std::fs::remove_file(site.lab.vault().join("hooks/web/more.sh")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", site.lab.vault().join("hooks/web/link")).unwrap();
    assert!(refused(&site, 13).err.contains("hooks/web/link"));
    std::fs::remove_file(site.lab.vault().join("hooks/web/link")).unwrap();
    let signature = read(&site, "hooks/web.sig.toml");
    std::fs::remove_file(site.lab.vault().join("hooks/web.sig.toml")).unwrap();
    assert!(refused(&site, 13).err.contains("is not signed"));
    // A signature that was made for another number.
    write(
        &site.lab,
        "hooks/web.sig.toml",
        &signature.replace("seq = 2", "seq = 3"),
    );
    assert!(refused(&site, 12).err.contains("does not verify"));
    write(&site.lab, "hooks/web.sig.toml", &signature);
    assert_eq!(rows(&site.deploy().succeeds()), ["web started"]);
}

#[test]
fn a_signer_must_be_a_deployer_of_the_scope_and_of_each_secret() {
    let mut site = Site::new();
    site.lab = site.lab.people(&["bob"]);
    site.server("web");
    site.set("prod/db/TOKEN", "of-the-database");
    let first_use = format!("trust show --expect {}", site.lab.head());
    site.lab.clws(&first_use).by("bob").succeeds();
    // Signed by bob alone, who may do nothing.
    std::fs::remove_file(site.lab.vault().join("hooks/web.sig.toml")).unwrap();
    let bob_signs = || {
        let signed = site.lab.clws("hook sign web --yes").by("bob");
        signed.succeeds().err
    };
    let said = bob_signs();
    let warns = "bob may deploy nowhere, so a signature by bob counts nowhere";
    assert!(said.contains(warns), "{said}");
    let ran = refused(&site, 13);
    assert!(
        ran.err
            .contains("no signature on the hook of `web` counts in `prod`"),
        "{}",
        ran.err
    );
    // A deployer of the scope, but not of a document that has a rule of its own.
    site.lab
        .clws("access grant bob prod --deploy --yes")
        .succeeds();
    site.lab
        .clws("access revoke bob prod/db --deploy --yes")
        .succeeds();
    assert_eq!(rows(&site.deploy().succeeds()), ["web started"]);
    let named = server_hook("web", "[file.db]\nsecret = \"db/TOKEN\"\n");
    let template = server_hook("web", "[file.db]\ntemplate = \"db.in\"\n");
    write(&site.lab, "hooks/web/db.in", "{{ secrets.db/TOKEN }}\n");
    for hook in [named, template] {
        write(&site.lab, "hooks/web.toml", &hook);
        bob_signs();
        let ran = refused(&site, 13);
        assert!(ran.err.contains("signed by bob"), "{}", ran.err);
    }
    // Whoever may adds a signature to the same number.
    site.lab.clws("hook sign web --yes").succeeds();
    let ran = site.deploy().succeeds();
    assert_eq!(rows(&ran), ["web changed"]);
    assert!(ran.err.contains("signed by ada)"), "{}", ran.err);
    assert_eq!(site.file("web", "db"), "of-the-database");
}

#[test]
fn a_changed_hook_that_no_longer_runs_here_does_not_drop_out_silently() {
    let site = Site::new();
    site.server("web");
    site.server("api");
    let text = read(&site, "hooks/web.toml");
    write(
        &site.lab,
        "hooks/web.toml",
        &text.replace("\"server\" }", "\"nowhere\" }"),
    );
    let ran = site.deploy().succeeds();
    assert_eq!(rows(&ran), ["api started"]);
    assert!(
        ran.err
            .contains("warning: `web` is left out: its hook, which nobody signed so"),
        "{}",
        ran.err
    );
    let ran = site.clws("deploy web --on prod --yes").exits(13);
    assert!(
        ran.err.contains("is not what was signed: hooks/web.toml"),
        "{}",
        ran.err
    );
    // Signed, it is nothing to speak of.
    site.lab.clws("hook sign web --yes").succeeds();
    let ran = site.deploy().succeeds();
    assert!(!ran.err.contains("left out"), "{}", ran.err);
}

#[test]
fn a_hook_older_than_seen_beside_it_or_far_ahead_is_refused() {
    let site = Site::new();
    site.server("web");
    let keep = || {
        let files = ["hooks/web.toml", "hooks/web/serve.sh", "hooks/web.sig.toml"];
        files.map(|path| (path, read(&site, path)))
    };
    let back = |kept: &[(&str, String); 3]| {
        for (path, text) in kept {
            write(&site.lab, path, text);
        }
    };
    let first = keep();
    let steps = |word: &str| {
        server_hook(
            "web",
            &format!("[[before]]\nrun = [\"echo\", \"{word}\"]\n"),
        )
    };
    site.hook("web", &steps("left"), &[]);
    let left = keep();
    assert_eq!(rows(&site.deploy().succeeds()), ["web started"]);
    // An older one.
    back(&first);
    assert!(
        refused(&site, 14)
            .err
            .contains("the hook of `web` is number 1, older than 2")
    );
    // One of the same number: somebody else's machine has not seen the other, and signs it so.
    let state = site.lab.home("ada").join(".local/state/clws/vaults");
    let pins = std::fs::read_dir(&state)
        .unwrap()
        .flatten()
        .next()
        .unwrap()
        .path();
    let pin = pins.join("hooks/web");
    let seen = std::fs::read_to_string(&pin).unwrap();
    std::fs::write(&pin, "1\n").unwrap();
    site.hook("web", &steps("right"), &[]);
    let right = keep();
    std::fs::write(&pin, &seen).unwrap();
    assert!(right[2].1.contains("seq = 2"), "{}", right[2].1);
    assert!(
        refused(&site, 13)
            .err
            .contains("is another number 2 than the one that this machine has seen")
    );
    // From the other machine it is no news of the same number, and is brought.
    std::fs::remove_file(&pin).unwrap();
    assert_eq!(rows(&site.deploy().succeeds()), ["web changed"]);
    std::fs::write(&pin, &seen).unwrap();
    // Signing it again goes on from there.
    site.lab.clws("hook sign web --yes").succeeds();
    assert!(read(&site, "hooks/web.sig.toml").contains("seq = 3"));
    assert_eq!(rows(&site.deploy().succeeds()), ["web changed"]);
    back(&left);
    refused(&site, 14);
    // Far ahead of what was seen.
    std::fs::write(&pin, "5000\n").unwrap();
    site.hook("web", &steps("far"), &[]);
    std::fs::write(&pin, "3\n").unwrap();
    let ran = refused(&site, 14);
    assert!(
        ran.err.contains("is number 5001, which does not follow 3"),
        "{}",
        ran.err
    );
    site.lab.clws("hook sign web --yes").exits(14);
    // A pin of an earlier version has no hash, and is one all the same.
    std::fs::write(&pin, "5001\n").unwrap();
    assert_eq!(rows(&site.deploy().succeeds()), ["web changed"]);
    assert_eq!(std::fs::read_to_string(&pin).unwrap().lines().count(), 2);
}

#[test]
fn a_target_that_has_a_newer_value_is_not_taken_back() {
    let site = Site::new();
    site.server("web");
    site.lab.commit("first");
    site.set("prod/web/TOKEN", "newer");
    site.set("prod/web/CHECK", "newer");
    site.deploy().succeeds();
    // A clone on a machine that has not seen the newer values.
    site.lab.git(&["checkout", "-q", "."]);
    let state = site.lab.home("ada").join(".local/state/clws/vaults");
    let pins = std::fs::read_dir(&state)
        .unwrap()
        .flatten()
        .next()
        .unwrap()
        .path();
    std::fs::remove_dir_all(pins.join("documents")).unwrap();
    let opened = site.opened();
    let ran = site.deploy().exits(14);
    assert!(
        ran.err
            .contains("box has prod/web/CHECK in rev 2, newer than rev 1 of this vault"),
        "{}",
        ran.err
    );
    assert_eq!(site.opened(), opened);
    assert!(site.runs_with("web", "newer"));
    // Nor is a newer hook, on a machine that has not seen it.
    site.lab.git(&["checkout", "-q", "-b", "side"]);
    site.set("prod/web/TOKEN", "newer");
    site.set("prod/web/CHECK", "newer");
    site.lab.commit("as it runs");
    site.hook(
        "web",
        &server_hook("web", "[settings]\nsize = 2\n"),
        &[("serve.sh", SERVE)],
    );
    site.deploy().succeeds();
    site.lab.git(&["checkout", "-q", "."]);
    std::fs::remove_dir_all(pins.join("hooks")).unwrap();
    let ran = site.deploy().exits(14);
    assert!(
        ran.err
            .contains("box has the hook of web in number 2, newer than 1 of this vault"),
        "{}",
        ran.err
    );
    assert!(site.runs_with("web", "newer"));
}

#[test]
fn a_check_notes_what_no_deploy_would_take() {
    let site = Site::new();
    site.server("web");
    // Its machine type is on no host, so it is to run nowhere.
    let idle = "runs_on = { machine_type = \"worker\" }\nprocess = { command = [\"sleep\", \"1\"] }\n\
                env = { TOKEN = { secret = \"idle/TOKEN\" } }\n";
    site.hook("idle", idle, &[]);
    let noted = |why: &str| {
        let check = site.lab.clws("check").succeeds().text();
        let told = check.matches("note: hooks/").count();
        let wanted = format!("note: hooks/web.toml: no deploy takes it in `prod`: {why}");
        assert!(why.is_empty() || check.contains(&wanted), "{check}");
        assert_eq!(told, usize::from(!why.is_empty()), "{check}");
    };
    noted("");
    site.lab
        .clws("secret remove prod/web/CHECK --yes")
        .succeeds();
    noted("`prod/web/CHECK` was removed");
    site.set("prod/web/CHECK", "token-of-the-second-day");
    noted("");
    write(&site.lab, "hooks/web/more.sh", "exit 0\n");
    noted("the hook of `web` is not what");
    assert_eq!(site.opened(), 0);
}
