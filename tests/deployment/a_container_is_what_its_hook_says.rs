//! Keys of `[container]`: each is what the daemon then shows, a change of one makes it anew, and a
//! health check counts as a probe.

use crate::a_container_gets_its_secrets_and_nobody_else_sees_them::Harbour;
use crate::site::{hook, rows};
use crate::support::docker_image::{busybox, client, told};

/// A container with one of each.
fn declares(harbour: &Harbour, check: &str, more: &str) {
    let (name, image) = (&harbour.container.name, busybox());
    let text = format!(
        r#"runs_on = {{ machine_type = "server" }}
[container]
name = "{name}"
image = "{image}"
command = ["sleep", "1000"]
user = "1000"
working_dir = "/tmp"
networks = ["{name}-a", "{name}-b"]
aliases = {{ "{name}-a" = ["front", "{{{{ settings.alias }}}}"] }}
extra_hosts = ["vm-clws-prod-mysql-0:10.0.0.5"]
init = true
restarts = 2
stop_within = "1500ms"
labels = {{ "org.example.team" = "{{{{ scope }}}}" }}
{more}
[container.healthcheck]
command = ["sh", "-c", '{check}']
interval = "500ms"
retries = 2
within = "20s"
[settings]
alias = "api"
[env]
TOKEN = {{ secret = "web/TOKEN" }}
SEEN = {{ secret = "web/SEEN", visible = true }}
"#
    );
    hook(&harbour.lab, "web", &text, &[]);
}

fn shown(harbour: &Harbour, format: &str) -> String {
    let shown = told(&["inspect", "--format", format, &harbour.container.name]);
    shown.trim().to_owned()
}

#[test]
fn a_container_has_every_key_of_its_hook_and_its_health_check_is_asked() {
    let harbour = Harbour::new("keys");
    harbour.set("TOKEN", "the-token-of-today");
    harbour.set("SEEN", "everybody-may-see-this");
    declares(&harbour, r#"test "$TOKEN" = the-token-of-today"#, "");
    let first = harbour.deploy().succeeds();
    assert_eq!(rows(&first), ["web started"]);
    assert!(first.err.contains("`SEEN` is visible"), "{}", first.err);
    let dry = harbour.lab.clws("deploy --on prod --dry-run").succeeds();
    assert!(dry.err.contains("`SEEN` is visible"), "{}", dry.err);

    // A check that `docker exec` runs sees no variable, unless it asks for them.
    let blind = "\n[[probe]]\nin = \"container\"\nrun = [\"printenv\", \"TOKEN\"]\n";
    for (needs, warned) in [("", true), ("needs = [\"TOKEN\"]\n", false)] {
        let hook = harbour.lab.vault().join("hooks/web.toml");
        let text = std::fs::read_to_string(&hook).unwrap();
        std::fs::write(&hook, format!("{text}{blind}{needs}")).unwrap();
        harbour.lab.clws("hook sign web --yes").succeeds();
        let dry = harbour.lab.clws("deploy --on prod --dry-run").succeeds();
        let warning = "the probe `printenv TOKEN` runs without the variables of [env]";
        assert_eq!(dry.err.contains(warning), warned, "{}", dry.err);
        std::fs::write(&hook, text).unwrap();
    }
    harbour.lab.clws("hook sign web --yes").succeeds();

    // It was waited for.
    assert_eq!(shown(&harbour, "{{.State.Health.Status}}"), "healthy");
    let name = &harbour.container.name;
    for (format, value) in [
        ("{{.Config.WorkingDir}}", "/tmp"),
        ("{{.HostConfig.Init}}", "true"),
        (
            "{{.HostConfig.ExtraHosts}}",
            "[vm-clws-prod-mysql-0:10.0.0.5]",
        ),
        ("{{.HostConfig.RestartPolicy.MaximumRetryCount}}", "2"),
        ("{{.Config.StopTimeout}}", "2"),
        (r#"{{index .Config.Labels "org.example.team"}}"#, "prod"),
        (r#"{{index .Config.Labels "clws.component"}}"#, "web"),
        (
            r#"{{index .Config.Labels "clws.secrets"}}"#,
            "prod/web/SEEN@1 prod/web/TOKEN@1",
        ),
        ("{{.Config.Env}}", "[SEEN=everybody-may-see-this]"),
    ] {
        assert_eq!(shown(&harbour, format), value, "{format}");
    }
    // Others find it by each name, in that network alone.
    let finds = |network: &str, other: &str| {
        let network = format!("{name}-{network}");
        let image = busybox();
        let all = [
            "run",
            "--rm",
            "--network",
            &network,
            image,
            "nslookup",
            other,
        ];
        client(&all).status.success()
    };
    assert!(finds("a", "front") && finds("a", "api") && finds("a", name));
    assert!(!finds("b", "front") && finds("b", name));

    // The hook has a higher number than before.
    harbour.deploy().succeeds();
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web unchanged"]);
    declares(
        &harbour,
        r#"test "$TOKEN" = the-token-of-today"#,
        "entrypoint = []",
    );
    let id = harbour.id();
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web changed"]);
    assert_ne!(harbour.id(), id);

    let id = harbour.id();
    declares(&harbour, r#"echo "no, $TOKEN"; exit 3"#, "");
    let ran = harbour.deploy().exits(22);
    let wanted = "web on box does not answer: health check: unhealthy: exit 3: no, ";
    assert!(ran.err.contains(wanted), "{}", ran.err);
    assert!(!ran.err.contains("the-token-of-today"), "{}", ran.err);
    assert_eq!(harbour.id(), id);
    assert_eq!(harbour.container.containers(), ["NAME"]);
    // One that got ill later is put anew.
    declares(&harbour, "test ! -e /tmp/ill", "");
    harbour.deploy().succeeds();
    told(&["exec", &harbour.container.name, "touch", "/tmp/ill"]);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while shown(&harbour, "{{.State.Health.Status}}") != "unhealthy" {
        assert!(std::time::Instant::now() < until, "it stays healthy");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web changed"]);
}

#[test]
fn a_container_is_stopped_in_the_time_that_its_own_hook_gave_it() {
    let harbour = Harbour::new("stubborn");
    harbour.set("TOKEN", "the-token-of-today");
    let (name, image) = (&harbour.container.name, busybox());
    // The first says on its standard output when it is asked, and takes four seconds; the others do not
    // go by themselves.
    let declares = |within: &str, script: &str| {
        let text = format!(
            "runs_on = {{ machine_type = \"server\" }}\n[container]\nname = \"{name}\"\n\
             image = \"{image}\"\nstop_within = \"{within}\"\n\
             command = [\"sh\", \"-c\", '{script}']\n[env]\nTOKEN = {{ secret = \"web/TOKEN\" }}\n"
        );
        hook(&harbour.lab, "web", &text, &[]);
    };
    let took = || {
        let began = std::time::Instant::now();
        harbour.deploy().succeeds();
        began.elapsed().as_secs_f64()
    };
    let stays = "trap \"\" TERM; while :; do sleep 1; done";
    declares("1s", stays);
    took();
    declares(
        "20s",
        "trap \"sleep 12; exit 0\" TERM; while :; do sleep 1; done",
    );
    let killed = took();
    assert!(killed < 9.0, "waited {killed} s for one that has 1 s");
    declares("1s", stays);
    let waited = took();
    assert!(
        waited > 11.0,
        "one that has 20 s was killed after {waited} s"
    );
}

#[test]
fn a_container_hook_that_could_not_be_meant_is_refused() {
    let harbour = Harbour::new("refused");
    let with = |container: &str, more: &str| {
        let text = format!(
            "runs_on = {{ machine_type = \"server\" }}\n[container]\nimage = \"r.example/x:1\"\n{container}\n{more}"
        );
        crate::site::write(&harbour.lab, "hooks/web.toml", &text);
        let ran = harbour.lab.clws("hook sign web --yes").run();
        assert_ne!(ran.code, 0, "{text}");
        ran.err
    };
    let switch = "[[switch]]\ninside = \"nginx\"\nrun = [\"nginx\", \"-s\", \"reload\"]";
    for (container, more, why) in [
        ("aliases = { a = [\"b\"] }", "", "not in `networks`"),
        (
            "labels = { \"clws.place\" = \"x\" }",
            "",
            "keeps for itself",
        ),
        (
            "registry = { server = \"other\", username = \"x\", password = { secret = \"a/B\" } }",
            "",
            "does not begin with its registry",
        ),
        ("healthcheck = { command = [] }", "", "runs nothing"),
        ("healthcheck = { within = \"soon\" }", "", "no time like"),
        ("memory = \"1g\"", "", "unknown field"),
        ("stop_within = \"11m\"", "", "is 10m at most"),
        ("", switch, "needs `networks`"),
        (
            "networks = [\"ab\"]\nports = [\"127.0.0.1:1:1\"]",
            switch,
            "no `ports`",
        ),
    ] {
        let err = with(container, more);
        assert!(err.contains(why), "{container} {more}: {err}");
    }
}
