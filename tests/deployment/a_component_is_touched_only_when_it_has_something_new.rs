//! A deploy brings what is new to the components that use it, and leaves the others alone.

use crate::one_deploy_at_a_time::waits;
use crate::site::{SERVE, Site, rows, server_hook, set};

#[test]
fn the_second_deploy_of_the_same_touches_nothing() {
    let site = Site::new();
    site.server("web");
    assert_eq!(rows(&site.deploy().succeeds()), ["web started"]);
    assert!(site.runs_with("web", "token-of-the-first-day"));
    let seen = || {
        site.machine
            .sh("find /run/clws /var/lib/clws/*/*.json -printf '%p %i %T@\\n' | sort")
    };
    let (pid, before) = (site.pid("web"), seen());
    assert_eq!(rows(&site.deploy().succeeds()), ["web unchanged"]);
    assert_eq!((site.pid("web"), seen()), (pid, before));
}

#[test]
fn a_new_data_key_touches_nothing() {
    let site = Site::new();
    site.server("web");
    site.deploy().succeeds();
    let seen = || {
        site.machine
            .sh("find /run/clws /var/lib/clws/*/*.json -printf '%p %i %T@\n' | sort")
    };
    let (pid, before) = (site.pid("web"), seen());
    let sealed = || std::fs::read(site.lab.vault().join("secrets/prod/web.toml")).unwrap();
    let under_the_old = sealed();
    site.lab.clws("rekey prod/web --yes").succeeds();
    assert_ne!(sealed(), under_the_old);
    assert_eq!(rows(&site.deploy().succeeds()), ["web unchanged"]);
    assert_eq!((site.pid("web"), seen()), (pid, before));
}

#[test]
fn an_edited_value_changes_the_components_that_use_it_and_no_other() {
    let site = Site::new();
    site.server("web");
    site.server("api");
    site.set("shared/common/ZONE", "west");
    for component in ["web", "api"] {
        let hook = server_hook(component, "[file.zone]\nsecret = \"shared/common/ZONE\"\n");
        site.hook(component, &hook, &[("serve.sh", SERVE)]);
    }
    assert_eq!(
        rows(&site.deploy().succeeds()),
        ["api started", "web started"]
    );
    site.set("prod/web/TOKEN", "another");
    site.set("prod/web/CHECK", "another");
    let api = site.pid("api");
    assert_eq!(
        rows(&site.deploy().succeeds()),
        ["api unchanged", "web changed"]
    );
    assert_eq!(site.pid("api"), api);
    assert!(site.runs_with("web", "another"));
    site.set("shared/common/ZONE", "east");
    assert_eq!(
        rows(&site.deploy().succeeds()),
        ["api changed", "web changed"]
    );
    assert_eq!(
        (site.file("api", "zone"), site.file("web", "zone")),
        ("east".into(), "east".into())
    );
    // Nothing of the earlier deploys is left.
    assert_eq!(site.machine.sh("ls -d /run/clws/*/*/* | wc -l"), "2");
    assert_eq!(
        site.processes()
            .iter()
            .filter(|args| args.contains("sleep 1000"))
            .count(),
        2
    );
}

#[test]
fn the_same_number_of_another_clone_is_another_value() {
    let site = Site::new();
    site.server("web");
    site.deploy().succeeds();
    let clone = site.lab.copy();
    site.set("prod/web/TOKEN", "of-this-clone");
    site.set("prod/web/CHECK", "of-this-clone");
    site.deploy().succeeds();
    // The one of a later second counts.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    set(&clone, "prod/web/TOKEN", "of-the-other-clone");
    set(&clone, "prod/web/CHECK", "of-the-other-clone");
    // The merge took the other's, which is newer by its moment.
    let file = "secrets/prod/web.toml";
    std::fs::copy(clone.vault().join(file), site.lab.vault().join(file)).unwrap();
    let status = site.clws("status prod --json").exits(1).json();
    let found = &status["findings"][0];
    assert_eq!(found["kind"], "old-rev", "{status}");
    let why = found["why"].as_str().unwrap();
    let said = "`prod/web/TOKEN` is another value of the same rev";
    assert!(why.contains(said), "{why}");
    let text = site.clws("status prod").exits(1).text();
    assert!(text.contains("2 of 2 differ"), "{text}");
    assert_eq!(rows(&site.deploy().succeeds()), ["web changed"]);
    assert!(site.runs_with("web", "of-the-other-clone"));
    // Signed anew with the same value.
    let noted = "secret policy prod/web/TOKEN --owner ada";
    site.lab.clws(noted).succeeds();
    assert_eq!(rows(&site.deploy().succeeds()), ["web unchanged"]);
    // Of a build that wrote no moment beside the number.
    site.machine
        .sh("sed -i 's/,\"made\":\"[^\"]*\"//g' /var/lib/clws/*/web.json");
    assert_eq!(rows(&site.deploy().succeeds()), ["web unchanged"]);
    site.clws("status prod").succeeds();
}

#[test]
fn what_was_killed_or_emptied_is_brought_again() {
    let site = Site::new();
    site.server("web");
    site.deploy().succeeds();
    site.machine.sh(&format!("kill -9 {}", site.pid("web")));
    assert_eq!(rows(&site.deploy().succeeds()), ["web changed"]);
    assert!(site.runs_with("web", "token-of-the-first-day"));
    // As after a reboot: nothing runs, and what was in memory is gone.
    site.machine
        .sh(&format!("kill -9 {}; rm -rf /run/clws", site.pid("web")));
    assert_eq!(rows(&site.deploy().succeeds()), ["web changed"]);
    assert!(site.runs_with("web", "token-of-the-first-day"));
    // A file is missing while the process runs.
    site.machine.sh("rm /run/clws/*/web/*/env");
    assert_eq!(rows(&site.deploy().succeeds()), ["web changed"]);
    assert!(site.runs_with("web", "token-of-the-first-day"));
}

#[test]
fn a_dry_run_opens_nothing_and_touches_nothing() {
    let site = Site::new();
    site.server("web");
    let ran = site.clws("deploy --on prod --dry-run").succeeds();
    assert!(
        ran.err.contains("TOKEN = prod/web/TOKEN rev 1"),
        "{}",
        ran.err
    );
    assert_eq!((site.remains(), site.opened()), (Vec::new(), 0));
    site.deploy().succeeds();
    assert!(site.opened() > 0);
}

#[test]
fn stop_leaves_no_process_no_file_and_no_receipt() {
    let site = Site::new();
    site.server("web");
    site.server("api");
    site.deploy().succeeds();
    assert!(!site.remains().is_empty() && site.processes().len() > 1);
    let before = site.opened();
    let (plan, there) = (
        site.clws("deploy --on prod --stop --dry-run"),
        site.remains(),
    );
    let said = plan.succeeds().err;
    assert_eq!(
        (said.as_str(), site.remains()),
        ("stops all that was deployed on box\n", there)
    );
    let ran = site.clws("deploy web --on prod --stop --yes").succeeds();
    assert!(ran.err.contains("stopped web on box"), "{}", ran.err);
    assert!(site.runs_with("api", "token-of-the-first-day"));
    site.clws("deploy --on prod --stop --yes").succeeds();
    assert_eq!((site.remains(), site.processes()), (Vec::new(), Vec::new()));
    assert_eq!(site.opened(), before, "stopping opens nothing");
    let ran = site.clws("deploy --on prod --stop --yes").succeeds();
    assert!(ran.err.contains("nothing of it runs on box"), "{}", ran.err);
}

#[test]
fn a_process_that_is_stopped_says_what_it_does_meanwhile() {
    let site = Site::new();
    site.server("web");
    // What is printed on the way out must not end it: the output is still taken.
    let ends = "sleep 0.2; echo closing; sleep 0.2; echo closed; touch /run/closed; exit";
    let serve = format!("trap '{ends}' TERM; touch /run/listens; while :; do sleep 0.1; done");
    let hook = "runs_on = { machine_type = \"server\" }\n\
                process = { command = [\"sh\", \"{{ place }}/serve.sh\"] }\n";
    site.hook("web", hook, &[("serve.sh", &serve)]);
    site.deploy().succeeds();
    waits(&site, "[ -e /run/listens ]");
    site.clws("deploy --on prod --stop --yes").succeeds();
    assert!(site.machine.run("[ -e /run/closed ]").status.success());
    assert_eq!((site.remains(), site.processes()), (Vec::new(), Vec::new()));
}
