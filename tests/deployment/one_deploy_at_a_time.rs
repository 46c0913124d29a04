//! One deploy works on a target at a time, and a holder that died holds nothing.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::site::{SERVE, Site, rows, server_hook};

#[test]
fn the_second_of_two_deploys_is_told_who_holds_the_lock() {
    let site = Site::new();
    site.server("web");
    let step =
        "[[before]]\nrun = [\"sh\", \"-c\", \"until [ -e /run/go ]; do sleep 0.05; done\"]\n";
    site.hook("web", &server_hook("web", step), &[("serve.sh", SERVE)]);
    let mut first = site.deploy().command();
    let mut first = first
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    waits(&site, "[ -e /var/lib/clws/*/web.step ]");
    let ran = site.deploy().exits(31);
    assert!(
        ran.err
            .contains("somebody else deploys to box right now: ada deploys web since "),
        "{}",
        ran.err
    );
    let ran = site.clws("deploy --on prod --stop --yes").exits(31);
    assert!(
        ran.err.contains("somebody else deploys to box"),
        "{}",
        ran.err
    );
    site.machine.sh("touch /run/go");
    assert!(first.wait().unwrap().success());
    assert!(site.runs_with("web", "token-of-the-first-day"));
    assert_eq!(rows(&site.deploy().succeeds()), ["web unchanged"]);
}

/// Waits until a script on the machine succeeds.
pub(crate) fn waits(site: &Site, script: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    while !site.machine.run(script).status.success() {
        assert!(Instant::now() < until, "{script}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
