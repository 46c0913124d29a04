//! `deploy --allow-rollback REASON`: a person on a terminal brings values that are older than seen, once.
//! They are named, the log and the receipt keep the reason, and nothing that was seen is forgotten.

use std::collections::BTreeMap;

use crate::site::{Site, rows, sha256};
use crate::support::lab::Run;
use crate::support::terminal::Terminal;

const OLD: &str = "token-of-the-first-day";
const NEW: &str = "token-that-breaks-it";
const REASON: &str = "the new token is refused by the bank";

/// A component that runs with a new token, and a working tree that has the old one again.
fn site() -> Site {
    let site = Site::new();
    site.server("web");
    site.server("api");
    site.lab.commit("the first day");
    site.deploy().succeeds();
    site.set("prod/web/TOKEN", NEW);
    site.set("prod/web/CHECK", NEW);
    site.lab.commit("a new token");
    site.deploy().succeeds();
    assert!(site.runs_with("web", NEW));
    site.lab
        .git(&["checkout", "-q", "HEAD~1", "--", "secrets/prod/web.toml"]);
    site
}

fn allowing(site: &Site) -> Run<'_> {
    site.clws("deploy --on prod --allow-rollback").word(REASON)
}

/// Answers the question on a terminal; the code and all that was shown.
fn answer(run: &Run<'_>, text: &str) -> (i32, String) {
    let mut terminal = Terminal::start(run.command());
    terminal.shows("[y/N]").types(text).types("\n");
    terminal.ends()
}

/// Everything that ada's machine remembers of the vault but locks.
fn pins(site: &Site) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![site.lab.home("ada").join(".local/state/clws/vaults")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.to_str().unwrap().contains("lock") {
                found.insert(path.display().to_string(), std::fs::read(path).unwrap());
            }
        }
    }
    found
}

fn receipt(site: &Site, component: &str) -> serde_json::Value {
    let text = site
        .machine
        .sh(&format!("cat /var/lib/clws/*/{component}.json"));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_person_brings_it_once_and_no_pin_moves() {
    let site = site();
    site.deploy().exits(14);
    let seen = pins(&site);
    let (code, shown) = answer(&allowing(&site), "y");
    assert_eq!(code, 0, "{shown}");
    let named: Vec<&str> = shown
        .lines()
        .filter(|line| line.contains("older: "))
        .collect();
    assert_eq!(named.len(), 2, "{shown}");
    assert!(
        named[1].contains("`prod/web/TOKEN` is rev 1 of")
            && named[1].contains("older than rev 2 of"),
        "{shown}"
    );
    assert!(!shown.contains(OLD) && !shown.contains(NEW), "{shown}");
    assert!(site.runs_with("web", OLD));
    assert_eq!(pins(&site), seen);

    // The receipt of what was brought has it, and no other.
    let given = receipt(&site, "web");
    assert_eq!(given["rollback"]["reason"], REASON);
    assert_eq!(
        given["rollback"]["older"],
        serde_json::json!(["prod/web/CHECK", "prod/web/TOKEN"])
    );
    assert_eq!(given["secrets"]["prod/web/TOKEN"]["rev"], 1);
    assert!(receipt(&site, "api").get("rollback").is_none());
    // So has the log, before anything was opened.
    let log = site.lab.clws("audit show --json").succeeds().json();
    let uses = log["uses"].as_array().unwrap();
    let at = uses
        .iter()
        .position(|entry| entry["allow_rollback"] == REASON);
    let entry = &uses[at.unwrap()];
    assert_eq!(
        entry["secrets"],
        serde_json::json!(["prod/web/CHECK", "prod/web/TOKEN"])
    );
    assert!(uses.len() > at.unwrap() + 1, "{log}");
    assert!(
        site.lab
            .clws("audit show")
            .succeeds()
            .text()
            .contains(&format!("deploy, rollback allowed: {REASON}"))
    );
    site.lab.clws("audit verify").succeeds();

    // It was for one run: the next deploy, and every other use, refuses as before.
    site.machine.sh(&format!("kill -9 {}", site.pid("web")));
    let refused = site.deploy().exits(14);
    assert!(refused.err.contains("git merge REV"), "{}", refused.err);
    site.lab.clws("secret get prod/web/TOKEN").exits(14);
    // And with the newest in place again all goes on, with a receipt that speaks of nothing.
    site.lab
        .git(&["checkout", "-q", "HEAD", "--", "secrets/prod/web.toml"]);
    assert_eq!(
        rows(&site.deploy().succeeds()),
        ["api unchanged", "web changed"]
    );
    assert_eq!(site.file("web", "answer"), sha256(NEW.as_bytes()));
    assert!(receipt(&site, "web").get("rollback").is_none());
}

#[test]
fn nobody_but_a_person_on_a_terminal_allows_it() {
    let site = site();
    let (seen, opened) = (pins(&site), site.opened());
    // Without a terminal, whatever else is said; no variable stands for it.
    for more in ["", " --yes", " --no-input", " --yes --json"] {
        let run = site
            .clws(&format!("deploy --on prod{more} --allow-rollback"))
            .word(REASON);
        let refused = run.exits(15);
        assert!(
            refused.err.contains("a person on a terminal"),
            "{more}: {}",
            refused.err
        );
    }
    for name in ["CLWS_ALLOW_ROLLBACK", "CLWS_DEPLOY_ALLOW_ROLLBACK"] {
        site.deploy().env(name, REASON).exits(14);
    }
    // On a terminal `--yes` does not answer, and a no is a no.
    let (code, shown) = answer(&allowing(&site).word("--yes"), "n");
    assert_eq!(code, 15, "{shown}");
    assert!(shown.contains("nothing was done"), "{shown}");
    let (code, shown) = answer(&allowing(&site), "");
    assert_eq!(code, 15, "{shown}");
    // A reason is needed, on one line.
    for reason in ["", "  ", "two\nlines"] {
        let run = site.clws("deploy --on prod --allow-rollback").word(reason);
        let (code, shown) = Terminal::start(run.command()).ends();
        assert_eq!(code, 2, "{shown}");
        assert!(shown.contains("a reason is one line"), "{shown}");
    }
    assert!(site.runs_with("web", NEW));
    assert_eq!((pins(&site), site.opened()), (seen, opened));
}

#[test]
fn it_is_for_older_values_and_for_nothing_else() {
    let site = site();
    site.lab
        .git(&["checkout", "-q", "HEAD", "--", "secrets/prod/web.toml"]);
    let idle = Terminal::start(allowing(&site).command()).ends();
    assert_eq!(idle.0, 2, "{}", idle.1);
    assert!(
        idle.1.contains("leave out `--allow-rollback`"),
        "{}",
        idle.1
    );
    // A value that is gone is not older, and an older hook is no value.
    site.lab
        .clws("secret remove prod/web/CHECK --yes")
        .succeeds();
    let gone = Terminal::start(allowing(&site).command()).ends();
    assert_eq!(gone.0, 18, "{}", gone.1);
    site.set("prod/web/CHECK", NEW);
    let hook = site.lab.vault().join("hooks/web.toml");
    let text = std::fs::read_to_string(&hook).unwrap();
    site.hook("web", &format!("{text}# changed\n"), &[]);
    site.clws("deploy --on prod --dry-run").succeeds();
    site.lab.git(&["checkout", "-q", "HEAD", "--", "hooks"]);
    let older = Terminal::start(allowing(&site).command()).ends();
    assert_eq!(older.0, 14, "{}", older.1);
    assert!(older.1.contains("hook"), "{}", older.1);
    assert!(site.runs_with("web", NEW));
}

#[test]
fn what_was_not_named_does_not_pass() {
    let site = site();
    site.set("prod/api/TOKEN", NEW);
    site.set("prod/api/CHECK", NEW);
    let opened = site.opened();
    // Another one becomes older while the question stands there.
    let run = allowing(&site);
    let mut terminal = Terminal::start(run.command());
    terminal.shows("[y/N]");
    site.lab
        .git(&["checkout", "-q", "--", "secrets/prod/api.toml"]);
    let (code, shown) = {
        terminal.types("y\n");
        terminal.ends()
    };
    assert_eq!(code, 14, "{shown}");
    assert!(!shown.contains("older: `prod/api"), "{shown}");
    assert!(shown.contains("error: `prod/api/CHECK`"), "{shown}");
    // The line of the log that says it was allowed, and one of what was; nothing of the other one.
    assert_eq!(site.opened(), opened + 2);
    assert!(site.runs_with("web", OLD) && site.runs_with("api", OLD));
}

#[test]
fn what_only_the_target_has_newer_is_not_named_and_refused() {
    let site = site();
    site.set("prod/api/TOKEN", NEW);
    site.set("prod/api/CHECK", NEW);
    site.lab
        .git(&["checkout", "-q", "HEAD", "--", "secrets/prod/web.toml"]);
    site.deploy().succeeds();
    // A machine that has not seen the newer values of `api`.
    let folder = site.lab.home("ada").join(".local/state/clws/vaults");
    let pins = std::fs::read_dir(&folder).unwrap().flatten().next();
    let documents = pins.unwrap().path().join("documents");
    for entry in std::fs::read_dir(&documents).unwrap().flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        if text.starts_with("prod/api ") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    site.lab
        .git(&["checkout", "-q", "HEAD~1", "--", "secrets/prod"]);
    let (code, shown) = answer(&allowing(&site), "y");
    assert_eq!(code, 14, "{shown}");
    assert!(shown.contains("box has prod/api/CHECK in rev 2"), "{shown}");
    assert!(site.runs_with("api", NEW));
}

#[test]
fn a_document_from_before_a_rekey_is_named_too() {
    let site = site();
    site.lab
        .git(&["checkout", "-q", "HEAD", "--", "secrets/prod/web.toml"]);
    site.lab.clws("rekey prod/web --yes").succeeds();
    site.lab
        .git(&["checkout", "-q", "--", "secrets/prod/web.toml"]);
    let refused = site.deploy().exits(14);
    assert!(
        refused.err.contains("before its data key"),
        "{}",
        refused.err
    );
    let seen = pins(&site);
    let (code, shown) = answer(&allowing(&site), "y");
    assert_eq!(code, 0, "{shown}");
    assert!(
        shown.contains("older: `prod/web` is of key number 1, from before number 2"),
        "{shown}"
    );
    assert_eq!(pins(&site), seen);
    site.deploy().exits(14);
}

#[test]
fn where_a_scope_only_warns_a_value_of_several_components_is_named_once() {
    let site = Site::new();
    site.host("desk", "dev", "worker", "address = \"local\"");
    site.trusts();
    let hook = "runs_on = { machine_type = \"worker\" }\nprocess = { command = [\"sleep\", \"1\"] }\n\
                env = { TOKEN = { secret = \"web/TOKEN\" } }\n";
    site.set("dev/web/TOKEN", OLD);
    for component in ["api", "web"] {
        site.hook(component, hook, &[]);
    }
    site.lab.commit("the first day");
    site.set("dev/web/TOKEN", NEW);
    site.lab
        .git(&["checkout", "-q", "HEAD", "--", "secrets/dev/web.toml"]);
    let plan = site.clws("deploy --on dev --dry-run").succeeds();
    let told = plan.err.matches("`dev/web/TOKEN` here is rev 1").count();
    assert_eq!(told, 1, "{}", plan.err);
}
