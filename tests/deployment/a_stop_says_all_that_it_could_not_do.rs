//! `clws deploy --stop` goes as far as it can, says each thing that it could not do, and goes on the next time.

use std::process::Stdio;

use crate::a_host_is_deployed_to_over_ssh::Far;
use crate::one_deploy_at_a_time::waits;
use crate::site::Site;

#[test]
fn what_failed_before_a_connection_over_ssh_broke_is_said_too() {
    let far = Far::new();
    let site = &far.site;
    // Stopped behind `zoo`, and not at once.
    let stays = "trap 'touch /run/stops' TERM; touch /run/listens; while :; do sleep 0.1; done";
    let text = "runs_on = { machine_type = \"server\" }\n\
                process = { command = [\"sh\", \"{{ place }}/stays.sh\"] }\n";
    site.hook("web", text, &[("stays.sh", stays)]);
    site.server("zoo");
    far.deploy().succeeds();
    waits(site, "[ -e /run/listens ]");
    site.machine
        .sh("echo '{' >$(echo /var/lib/clws/*/zoo.json)");
    let mut command = site.lab.clws("deploy --on prod --stop --yes").command();
    let stopping = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    waits(site, "[ -e /run/stops ]");
    far.server.kill_sessions();
    let stopped = stopping.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert_eq!(stopped.status.code(), Some(20), "{said}");
    for failure in ["the receipt of zoo", "the connection to host `box` ended"] {
        assert_eq!(said.matches(failure).count(), 1, "{failure}: {said}");
    }
}

#[test]
fn a_folder_that_does_not_go_is_said_and_goes_the_next_time() {
    let site = Site::new();
    site.server("web");
    site.server("zoo");
    site.deploy().succeeds();
    // What is mounted there cannot be removed.
    site.machine.sh(
        "cd /run/clws/*/zoo/* && mkdir held && mount -t tmpfs held held && touch held/still-there",
    );
    let stop = || site.clws("deploy --on prod --stop --yes");
    let refused = stop().run();
    assert_ne!(refused.code, 0, "{}", refused.err);
    assert!(refused.err.contains("held"), "{}", refused.err);
    assert!(
        refused.err.contains("stopped web on box"),
        "{}",
        refused.err
    );
    assert!(!refused.err.contains("stopped zoo"), "{}", refused.err);
    assert!(!site.processes().iter().any(|args| args.contains("sleep")));
    // It is not forgotten.
    site.machine.sh("umount /run/clws/*/zoo/*/held");
    let stopped = stop().succeeds();
    assert!(
        stopped.err.contains("stopped zoo on box"),
        "{}",
        stopped.err
    );
    assert_eq!(site.remains(), [""; 0]);
}

/// Twenty thousand leases that a host made up fit into a receipt.
#[test]
fn what_a_receipt_makes_up_fills_no_screen() {
    let site = Site::new();
    site.server("web");
    site.deploy().succeeds();
    site.machine.sh(r#"cd /var/lib/clws/*/ && python3 - <<'END'
import json
receipt = json.load(open('web.json'))
lent = {'fingerprint': '', 'since': 0, 'ends': 9999999999}
receipt['leases'] = {str(number): lent for number in range(14000)}
json.dump(receipt, open('web.json', 'w'))
END"#);
    let stopped = site.clws("deploy --on prod --stop --yes").run();
    assert!(
        stopped.err.contains("stopped web on box"),
        "{}",
        stopped.err.len()
    );
    assert!(stopped.err.contains("(there was more, which is not shown)"));
    assert!(
        stopped.err.len() < 1200 << 10,
        "{} bytes",
        stopped.err.len()
    );
    assert_eq!(site.remains(), [""; 0]);
}

/// A folder for each name that fits into an answer.
#[test]
fn more_components_than_any_host_has_are_not_gone_through() {
    let site = Site::new();
    site.server("web");
    site.deploy().succeeds();
    site.machine
        .sh("cd /run/clws/*/ && seq -f 'n%.0f/d' 1000 | xargs mkdir -p");
    let told = "box could not say what it has: it names more than 1000 components or disks";
    let stopped = site.clws("deploy --on prod --stop --yes").exits(22);
    assert!(stopped.err.contains(told), "{}", stopped.err);
    assert!(!stopped.err.contains("stopped"), "{}", stopped.err);
    let seen = site.clws("status prod --json").exits(1).json();
    let found = seen["findings"].as_array().unwrap();
    let unreachable = found.iter().find(|one| one["kind"] == "unreachable");
    let unreachable = unreachable.unwrap();
    assert_eq!(unreachable["why"], told);
    assert_eq!(unreachable["next"], "clws doctor");
    site.machine.sh("cd /run/clws/*/ && rm -r n*");
    site.clws("deploy --on prod --stop --yes").succeeds();
    assert_eq!(site.remains(), [""; 0]);
}
