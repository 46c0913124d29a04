//! A component whose new process does not answer is put back with its old secrets.

use crate::one_deploy_at_a_time::waits;
use crate::site::{SERVE, Site, rows, server_hook};

#[test]
fn the_old_process_runs_again_with_its_old_secrets() {
    let site = Site::new();
    site.server("web");
    site.deploy().succeeds();
    let place = site.machine.sh("ls -d /run/clws/*/web/*");
    site.set("prod/web/TOKEN", "token-that-is-wrong");
    let ran = site.deploy().exits(22);
    assert_eq!(rows(&ran), ["web failed (REMOTE)"]);
    assert!(ran.err.contains("| here with [redacted]"), "{}", ran.err);
    assert!(
        ran.err
            .contains("the old one runs again, with its old secrets"),
        "{}",
        ran.err
    );
    assert!(
        !ran.err.contains("token-that-is-wrong") && !ran.text().contains("token-that-is-wrong")
    );
    assert!(site.runs_with("web", "token-of-the-first-day"));
    assert_eq!(site.machine.sh("ls -d /run/clws/*/web/*"), place);
    assert_eq!(
        site.processes()
            .iter()
            .filter(|args| args.contains("sleep"))
            .count(),
        1
    );
    // What was put back is known, and the next one takes its place.
    site.set("prod/web/TOKEN", "token-of-the-first-day");
    assert_eq!(rows(&site.deploy().succeeds()), ["web changed"]);
}

#[test]
fn a_first_deploy_that_fails_leaves_nothing() {
    let site = Site::new();
    site.server("web");
    site.set("prod/web/CHECK", "something else");
    let ran = site.deploy().exits(22);
    assert!(ran.err.contains("nothing of it runs"), "{}", ran.err);
    assert_eq!((site.remains(), site.processes()), (Vec::new(), Vec::new()));
}

#[test]
fn what_a_process_that_ends_at_once_said_is_shown() {
    let site = Site::new();
    site.server("web");
    // It ends within a value: nothing says that this is one.
    let ends = "echo \"cannot: $TOKEN\"; printf 'half: %.14s' \"$TOKEN\"; exit 3\n";
    site.hook("web", &server_hook("web", ""), &[("serve.sh", ends)]);
    let ran = site.deploy().exits(22);
    assert!(ran.err.contains("| cannot: [redacted]"), "{}", ran.err);
    assert!(ran.err.contains("| half:"), "{}", ran.err);
    assert!(!ran.err.contains("token-of-the"), "{}", ran.err);
    assert_eq!((site.remains(), site.processes()), (Vec::new(), Vec::new()));
}

#[test]
fn children_that_a_process_left_are_ended_with_it() {
    let site = Site::new();
    let leaving = |seconds: &str| {
        // One holds the output, one does not.
        let line = format!("sleep 7771 & sleep 7772 >/dev/null 2>&1 & sleep {seconds}; exit 1");
        let hook = format!(
            "runs_on = {{ machine_type = \"server\" }}\n\
             process = {{ command = [\"sh\", \"-c\", \"{line}\"] }}\n"
        );
        site.hook("web", &hook, &[]);
    };
    let left = || {
        let all = site.processes().into_iter();
        all.filter(|args| args.starts_with("sleep 777")).count()
    };
    let ends = || waits(&site, &format!("[ ! -e /proc/{} ]", site.pid("web")));
    leaving("0.1");
    let ran = site.deploy().exits(22);
    assert!(ran.err.contains("nothing of it runs"), "{}", ran.err);
    assert_eq!((site.remains(), site.processes()), (Vec::new(), Vec::new()));

    // It ends later: who replaces or stops it finds them all the same.
    leaving("2");
    for _ in 0..2 {
        site.deploy().succeeds();
        ends();
        assert_eq!(left(), 2);
    }
    site.clws("deploy --on prod --stop --yes").succeeds();
    assert_eq!((site.remains(), site.processes()), (Vec::new(), Vec::new()));
}

#[test]
fn a_link_that_steps_made_leads_back_to_the_old_files() {
    let site = Site::new();
    site.set("prod/web/TOKEN", "first");
    let hook = r#"runs_on = { machine_type = "server" }
file."token" = { secret = "web/TOKEN" }
[[before]]
run = ["sh", "-c", "ln -sfn {{ place }} /run/front; [ ! -e /run/no-step ]"]
[[probe]]
run = ["sh", "-c", "[ ! -e /run/no-probe ]"]
within = "1s"
"#;
    site.hook("web", hook, &[]);
    site.deploy().succeeds();
    site.set("prod/web/TOKEN", "second");
    for no in ["step", "probe"] {
        site.machine.sh(&format!("touch /run/no-{no}"));
        site.deploy().exits(22);
        assert_eq!(site.machine.sh("cat /run/front/token"), "first");
        site.machine.sh(&format!("rm /run/no-{no}"));
    }
    site.deploy().succeeds();
    assert_eq!(site.machine.sh("cat /run/front/token"), "second");
}

#[test]
fn a_failing_step_before_leaves_the_old_one_untouched() {
    let site = Site::new();
    site.server("web");
    site.deploy().succeeds();
    let pid = site.pid("web");
    let step =
        "[[before]]\nrun = [\"sh\", \"-c\", 'echo \"no: $TOKEN\"; exit 7']\nneeds = [\"TOKEN\"]\n";
    site.hook("web", &server_hook("web", step), &[("serve.sh", SERVE)]);
    let ran = site.deploy().exits(22);
    assert!(ran.err.contains("sh exited with 7"), "{}", ran.err);
    assert!(ran.err.contains("| no: [redacted]"), "{}", ran.err);
    assert_eq!(site.pid("web"), pid);
    assert!(site.runs_with("web", "token-of-the-first-day"));
    assert_eq!(site.machine.sh("ls -d /run/clws/*/web/* | wc -l"), "1");
}

#[test]
fn what_does_not_wait_for_a_failed_component_goes_on() {
    let site = Site::new();
    site.server("web");
    site.server("zoo");
    site.host("cage", "prod", "server", "address = \"local\"");
    // One machine plays both hosts, so each has components of its own.
    site.hook("web", &server_hook("web", ""), &[("serve.sh", SERVE)]);
    for (component, kind) in [("zoo", "server"), ("api", "worker")] {
        if component == "api" {
            site.server("api");
        }
        let hook = server_hook(component, "").replace("\"server\" }", &format!("\"{kind}\" }}"));
        site.hook(component, &hook, &[("serve.sh", SERVE)]);
    }
    site.host("cage", "prod", "worker", "address = \"local\"");
    site.set("prod/web/CHECK", "something else");
    let ran = site.deploy().exits(23);
    assert_eq!(
        rows(&ran),
        ["web failed (REMOTE)", "zoo started", "api started"]
    );
    assert!(site.runs_with("api", "token-of-the-first-day"));
}

#[test]
fn a_disk_without_room_for_a_receipt_stops_nothing() {
    let site = Site::new();
    site.server("web");
    site.deploy().succeeds();
    let pid = site.pid("web");
    for name in ["TOKEN", "CHECK"] {
        site.set(&format!("prod/web/{name}"), "token-of-the-second-day");
    }
    // What is left is enough for the lock, which says who has it, and for nothing else.
    let state = site.machine.sh("ls -d /var/lib/clws/*/");
    site.machine.sh(&format!(
        "mkdir /run/aside && cp -a {state}. /run/aside && mount -t tmpfs -o size=64k,mode=0700 small {state} && \
         cp -a /run/aside/. {state} && dd if=/dev/zero of={state}full bs=4096 2>/dev/null; test -s {state}full"
    ));
    let ran = site.deploy().exits(22);
    assert!(ran.err.contains("make room for its receipt"), "{}", ran.err);
    assert_eq!(site.pid("web"), pid);
    assert!(site.runs_with("web", "token-of-the-first-day"));
    site.machine.sh(&format!("rm {state}full"));
    assert_eq!(rows(&site.deploy().succeeds()), ["web changed"]);
    assert!(site.runs_with("web", "token-of-the-second-day"));
    assert_eq!(
        site.machine.sh(&format!("ls {state}")).replace('\n', " "),
        "lock lock.by web.json"
    );
}

#[test]
fn an_old_process_that_ends_at_once_when_it_is_started_again_is_not_said_to_run() {
    let site = Site::new();
    site.server("web");
    let once = format!("[ ! -e /run/no-more ] || exit 3\n{SERVE}");
    site.hook("web", &server_hook("web", ""), &[("serve.sh", &once)]);
    site.deploy().succeeds();
    site.machine.sh("touch /run/no-more");
    site.set("prod/web/TOKEN", "another");
    let ran = site.deploy().exits(22);
    assert!(ran.err.contains("did not stay"), "{}", ran.err);
    assert!(!ran.err.contains("the old one runs again"), "{}", ran.err);
}

/// A host that is not the other one says so all the same: nothing that it writes is a reason to stop anything there.
#[test]
fn what_a_host_says_is_another_ones_has_nothing_stopped_there() {
    let site = Site::new();
    site.server("web");
    let elsewhere = "address = \"198.51.100.7\"\n\n[hostkey.ed25519]\nkey = \"ssh-ed25519 \
        AAAAC3NzaC1lZDI1NTE5AAAAIHm9nOdOOpUgGnCAXC2xlHWcCkUaZ1mHMWYCEjx6EHGW\"\n\n";
    site.host("far", "dev", "mysql", elsewhere);
    site.deploy().succeeds();
    let written = r#"s/"host":"box"/"host":"far"/; s/"component":"web"/"component":"web; id"/"#;
    site.machine
        .sh(&format!("sed -i '{written}' /var/lib/clws/*/web.json"));
    for words in ["", "--stop "] {
        let ran = site.clws(&format!("deploy --on prod {words}--yes")).run();
        assert_eq!(ran.code, 16, "{}", ran.err);
        let told = "what it has of web is of the host far, and the two have no host key in common";
        assert!(ran.err.contains(told), "{}", ran.err);
        for lure in ["; id", "--on far", "recipient remove"] {
            assert!(!ran.err.contains(lure), "{lure}: {}", ran.err);
        }
    }
}

#[test]
fn what_another_host_has_under_the_same_account_is_neither_replaced_nor_stopped() {
    let site = Site::new();
    site.server("web");
    site.set("dev/web/TOKEN", "token-of-dev");
    site.set("dev/web/CHECK", "token-of-dev");
    site.deploy().succeeds();
    let pid = site.pid("web");
    site.host("cage", "dev", "server", "address = \"local\"");
    for words in ["", "--stop "] {
        let ran = site.clws(&format!("deploy --on dev {words}--yes")).run();
        assert_eq!(ran.code, 16, "{}", ran.err);
        assert!(ran.err.contains("is of the host box"), "{}", ran.err);
        assert_eq!(site.pid("web"), pid);
        assert!(site.runs_with("web", "token-of-the-first-day"));
    }
    // Where no hook says that it runs there, a page leads to whose it is.
    let file = site.lab.vault().join("hooks/web.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let elsewhere = text.replace("\"server\"", "\"mysql\"");
    site.hook("web", &elsewhere, &[]);
    let status = site.clws("status dev --json").exits(1).json();
    let of_web = |finding: &&serde_json::Value| finding["path"] == "cage/web";
    let all = status["findings"].as_array().unwrap();
    let finding = all.iter().find(of_web).unwrap();
    let told = ["kind", "why", "next"].map(|key| finding[key].as_str().unwrap());
    assert_eq!(
        told,
        [
            "left-over",
            "it was deployed to this account as the host box",
            "clws status box; if there is no such host any more, clws deploy web --on cage --stop",
        ]
    );
    site.hook("web", &text, &[]);
    site.clws("deploy --on box --stop --yes").succeeds();
    site.clws("deploy --on dev --yes").succeeds();
    assert!(site.runs_with("web", "token-of-dev"));
}

#[test]
fn a_damaged_receipt_keeps_no_other_component_from_being_stopped() {
    let site = Site::new();
    site.server("web");
    site.server("zoo");
    site.deploy().succeeds();
    site.machine
        .sh("echo '{' >$(echo /var/lib/clws/*/zoo.json)");
    let ran = site.clws("deploy --on prod --stop --yes").exits(22);
    assert!(ran.err.contains("stopped web on box"), "{}", ran.err);
    assert!(ran.err.contains("the receipt of zoo"), "{}", ran.err);
}
