//! A rotation: a new value in use everywhere, and led back where it is not wanted.

use crate::site::{SERVE, Site, rows, server_hook};

const OLD: &str = "token-of-the-first-day";

/// `web` and `api` are both given the token of `web`; `other` has its own.
fn site() -> Site {
    let site = Site::new();
    for component in ["web", "api", "other"] {
        site.server(component);
    }
    for component in ["web", "api"] {
        let hook = server_hook(component, "")
            .replace(&format!("{component}/TOKEN"), "web/TOKEN")
            .replace(&format!("{component}/CHECK"), "web/TOKEN");
        site.hook(component, &hook, &[("serve.sh", SERVE)]);
    }
    site.clws("secret policy prod/web/TOKEN --rotator random")
        .succeeds();
    site.deploy().succeeds();
    site
}

fn token(site: &Site) -> String {
    site.clws("secret get prod/web/TOKEN").succeeds().text()
}

fn document(site: &Site) -> String {
    std::fs::read_to_string(site.lab.vault().join("secrets/prod/web.toml")).unwrap()
}

#[test]
fn every_component_that_uses_it_runs_with_the_new_one() {
    let site = site();
    let other = site.pid("other");
    let planned = site
        .clws("rotate prod/web/TOKEN --apart --dry-run")
        .succeeds();
    assert!(
        planned.err.contains("prod/web/TOKEN, by random"),
        "{}",
        planned.err
    );
    assert_eq!(token(&site), OLD);
    site.clws("rotate prod/web/TOKEN --apart --yes").succeeds();
    let new = token(&site);
    assert_ne!(new, OLD);
    assert_eq!(
        new.len(),
        OLD.len(),
        "it is long enough, and keeps its length"
    );
    assert!(site.runs_with("web", &new) && site.runs_with("api", &new));
    assert_eq!(site.pid("other"), other);
    assert!(!document(&site).contains("[pending."));
    assert_eq!(
        rows(&site.deploy().succeeds()),
        ["api unchanged", "other unchanged", "web unchanged"]
    );
    site.clws("check --full").succeeds();
    let refused = site.clws("rotate --resume").exits(18);
    assert!(
        refused.err.contains("begun on this machine"),
        "{}",
        refused.err
    );
    let refused = site.clws("rotate prod/other/TOKEN --yes").exits(2);
    assert!(
        refused
            .err
            .contains("clws secret policy prod/other/TOKEN --rotator random"),
        "{}",
        refused.err
    );
}

#[test]
fn what_was_never_deployed_or_was_stopped_stays_so() {
    let site = site();
    let hook = server_hook("late", "")
        .replace("late/TOKEN", "web/TOKEN")
        .replace("late/CHECK", "web/TOKEN");
    let hook = format!("after = [\"api\"]\n{hook}");
    site.hook("late", &hook, &[("serve.sh", SERVE)]);
    site.clws("deploy api --on prod --stop --yes").succeeds();
    let rotated = site
        .clws("rotate prod/web/TOKEN --apart --yes --json")
        .succeeds();
    assert!(
        rotated.err.contains("was stopped, stays so"),
        "{}",
        rotated.err
    );
    let results = |ran| {
        let mut rows = rows(ran);
        rows.sort();
        rows
    };
    assert_eq!(
        results(&rotated),
        ["api absent", "late absent", "web changed"]
    );
    assert!(site.runs_with("web", &token(&site)));
    let receipts = site.machine.sh("cd /var/lib/clws/*/ && ls *.json");
    assert_eq!(receipts, "other.json\nweb.json");
    assert_eq!(
        results(&site.deploy().succeeds()),
        [
            "api started",
            "late started",
            "other unchanged",
            "web unchanged"
        ]
    );
}

#[test]
fn what_does_not_answer_with_the_new_one_is_led_back_or_gone_on_with() {
    let site = site();
    // `api` counts as running with the first token alone.
    let hook = server_hook("api", "").replace("api/TOKEN", "web/TOKEN");
    site.hook("api", &hook, &[("serve.sh", SERVE)]);
    site.deploy().succeeds();
    let failed = site.clws("rotate prod/web/TOKEN --apart --yes").run();
    assert_ne!(failed.code, 0);
    assert!(
        failed.err.contains("clws rotate --undo prod/web/TOKEN"),
        "{}",
        failed.err
    );
    // Each runs with a value that works, and both lie in the vault.
    let new = token(&site);
    assert_ne!(new, OLD);
    assert!(site.runs_with("api", OLD));
    let listed = site.clws("secret list prod/web --json").succeeds().json();
    let row = listed["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["path"] == "prod/web/TOKEN")
        .unwrap()
        .clone();
    assert_eq!(row["mark"], "pending");
    let checked = site.clws("check --full").succeeds().text();
    assert!(
        checked.contains("clws rotate --resume prod/web/TOKEN"),
        "{checked}"
    );
    let refused = site.clws("rotate prod/web/TOKEN --apart --yes").exits(16);
    assert!(refused.err.contains("is not done"), "{}", refused.err);
    // Nothing waits for a new value, and yet not all is well.
    let due = site.clws("rotate --due --yes").exits(16);
    assert!(
        due.err
            .contains("a rotation of `prod/web/TOKEN` is not done"),
        "{}",
        due.err
    );
    let ended = "secret policy prod/web/TOKEN --expires 2020-01-01";
    site.lab.clws(ended).succeeds();
    let listed = site.clws("rotate --due --dry-run").succeeds().text();
    assert!(
        listed.contains("next: clws rotate --resume prod/web/TOKEN"),
        "{listed}"
    );
    assert!(!listed.contains("clws rotate prod/web/TOKEN"), "{listed}");
    let status = site.clws("status prod").exits(1).text();
    assert!(!status.contains("clws rotate prod/web/TOKEN"), "{status}");
    let lasts = "secret policy prod/web/TOKEN --expires 2090-01-01";
    site.lab.clws(lasts).succeeds();
    // A new data key in between takes both along.
    site.clws("rekey --yes").succeeds();
    site.clws("check --full").succeeds();
    let half = document(&site);
    site.clws("rotate --undo --yes").succeeds();
    assert_eq!(token(&site), OLD);
    assert!(site.runs_with("api", OLD) && site.runs_with("web", OLD));
    assert!(!document(&site).contains("[pending."));
    site.clws("check --full").succeeds();
    // What lay beside it, put back into the text, leads nowhere.
    let at = half.find("[pending.TOKEN]").unwrap();
    let table = half[at..].split("\n\n").next().unwrap();
    let now = document(&site);
    let put_back = now.replace("[end]", &format!("{table}\n\n[end]"));
    assert_ne!(now, put_back);
    std::fs::write(site.lab.vault().join("secrets/prod/web.toml"), put_back).unwrap();
    let elsewhere = site.clws("rotate --resume prod/web/TOKEN").exits(18);
    let way = "clws rotate --undo prod/web/TOKEN";
    assert!(elsewhere.err.contains(way), "{}", elsewhere.err);
    assert_eq!(token(&site), OLD);
    site.clws("rotate --undo prod/web/TOKEN --yes").succeeds();
    assert_eq!((document(&site), token(&site)), (now, OLD.into()));
    // The check is put right, and the same goes through.
    site.clws("rotate prod/web/TOKEN --apart --yes").exits(22);
    let new = token(&site);
    site.set("prod/api/CHECK", &new);
    site.clws("rotate --resume").succeeds();
    assert_eq!(token(&site), new);
    assert!(site.runs_with("api", &new) && site.runs_with("web", &new));
    assert!(!document(&site).contains("[pending."));
}

#[test]
fn a_value_that_is_given_meanwhile_stays_the_newest() {
    let site = site();
    let hook = server_hook("api", "").replace("api/TOKEN", "web/TOKEN");
    site.hook("api", &hook, &[("serve.sh", SERVE)]);
    site.deploy().succeeds();
    let failed = site.clws("rotate prod/web/TOKEN --apart --yes").run();
    assert_ne!(failed.code, 0, "{}", failed.err);
    let set = |name: &str, value: &str| {
        let set = site.lab.clws(&format!("secret set {name}"));
        set.stdin(value.as_bytes()).succeeds().err
    };
    let told = set("prod/web/TOKEN", "given by hand");
    assert!(
        told.contains("a rotation of prod/web/TOKEN is open and does not know this value"),
        "{told}"
    );
    let other = set("prod/web/OTHER", "of no rotation");
    assert!(!other.contains("rotation"), "{other}");
    site.set("prod/api/CHECK", "given by hand");
    // Nothing outside knows a random value: there is nothing left to do.
    site.clws("rotate --resume --yes").succeeds();
    assert_eq!(token(&site), "given by hand");
    assert!(!document(&site).contains("[pending."));
    let told = set("prod/web/TOKEN", "and once more");
    assert!(!told.contains("rotation"), "{told}");
}
