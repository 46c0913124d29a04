//! Templates, variables, steps, order and places of components, as their hooks declare them.

use crate::site::{SERVE, Site, rows, server_hook, sha256};

#[test]
fn templates_are_filled_in_and_escaped_for_where_they_land() {
    let site = Site::new();
    let odd = "a'b\"c\\d $e\u{fc};";
    site.set("prod/web/ODD", odd);
    let hook = r#"runs_on = { machine_type = "server" }
process = { command = ["sh", "{{ place }}/serve.sh", "{{ settings.greeting }}"] }
settings = { greeting = "hello", prod = { greeting = "good day" } }
[env]
WHERE = "{{ scope }}/{{ component }} on {{ host.name }} ({{ host.machine_type }})"
ODD = { secret = "web/ODD" }
[file."conf/all"]
template = "all"
mode = "0640"
"#;
    let template = "json {{ secrets.web/ODD | json }}\nurl {{ secrets.web/ODD | url }}\n\
                    shell {{ secrets.web/ODD | shell }}\nini {{ secrets.web/ODD | ini }}\n\
                    sql {{ secrets.web/ODD | sql }}\nplain {{ secrets.web/ODD }}\n";
    let serve = "printf '%s|' \"$1\" \"$WHERE\" \"$ODD\" >seen\nexec sleep 1000\n";
    site.hook("web", hook, &[("all", template), ("serve.sh", serve)]);
    site.deploy().succeeds();
    assert_eq!(
        site.file("web", "seen"),
        format!("good day|prod/web on box (server)|{odd}|")
    );
    let all = site.file("web", "conf/all");
    let line = |name: &str| {
        let line = all.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim_start().to_owned()
    };
    let json: String = serde_json::from_str(&format!("\"{}\"", line("json"))).unwrap();
    assert_eq!(json, odd);
    assert_eq!(line("url"), "a%27b%22c%5Cd%20%24e%C3%BC%3B");
    assert_eq!(
        site.machine.sh(&format!("printf %s {}", line("shell"))),
        odd
    );
    assert_eq!(line("plain"), odd);
    assert!(line("sql").starts_with("a''b") && line("ini").starts_with('"'));
    let modes =
        "stat -c %a /run/clws/*/web/*/conf/all /run/clws/*/web/*/env /run/clws/*/web/* /run/clws/*";
    assert_eq!(site.machine.sh(modes), "640\n600\n700\n700");
    // The templates themselves are not placed; the scripts are.
    assert_eq!(
        site.machine.sh("cd /run/clws/*/web/* && ls -A"),
        "conf\nenv\noutput\npid\nseen\nserve.sh\nstart.sh"
    );
}

#[test]
fn steps_are_given_what_they_need_and_are_shown_as_they_run() {
    let site = Site::new();
    site.server("web");
    let steps = r#"
[[before]]
run = ["sh", "-c", 'echo "first: ${TOKEN-none} ${CHECK-none}"; test ! -e answer']
[[before]]
run = ["sh", "-c", 'echo "second: ${TOKEN-none} ${CHECK-none}"; printf "\033[31mred"']
needs = ["TOKEN"]
[[before]]
run = ["sh", "-c", 'sum=$(sha256sum | cut -c1-64); echo "third: ${TOKEN-none} $sum"']
stdin = { secret = "web/TOKEN" }
[[afterwards]]
in = "local"
run = ["sh", "-c", 'echo "last: $(cat answer)"']
"#;
    site.hook("web", &server_hook("web", steps), &[("serve.sh", SERVE)]);
    let ran = site.deploy().succeeds();
    let lines: Vec<&str> = ran
        .err
        .lines()
        .filter(|line| line.starts_with("box web | "))
        .collect();
    let sum = site.file("web", "answer");
    let expected = [
        "box web | first: none none".to_owned(),
        "box web | second: [redacted] none".to_owned(),
        lines[2].to_owned(),
        format!("box web | third: none {sum}"),
        format!("box web | last: {sum}"),
    ];
    assert_eq!(lines, expected);
    assert!(
        lines[2].contains("red") && !ran.err.contains('\x1b'),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("token-of-the-first-day"));
    // One that fails behind the start: the new one stays.
    let failing = "[[afterwards]]\nrun = [\"sh\", \"-c\", \"head -c 3000000 /dev/zero | tr '\\\\0' x; exit 9\"]\n";
    site.hook("web", &server_hook("web", failing), &[("serve.sh", SERVE)]);
    let ran = site.deploy().exits(22);
    assert!(
        ran.err.contains("sh exited with 9"),
        "{}",
        &ran.err[ran.err.len() - 300..]
    );
    assert!(
        ran.err.len() < 1_500_000,
        "output is capped: {}",
        ran.err.len()
    );
    assert!(ran.err.contains("there was more, which is not shown"));
}

#[test]
fn steps_behind_that_failed_are_done_by_the_next_deploy() {
    let site = Site::new();
    site.server("web");
    let steps = r#"
[[afterwards]]
run = ["sh", "-c", 'echo "with $TOKEN" >>told; test -e ready']
needs = ["TOKEN"]
"#;
    site.hook("web", &server_hook("web", steps), &[("serve.sh", SERVE)]);
    site.deploy().exits(22);
    let (pid, status) = (site.pid("web"), site.clws("status prod").exits(1));
    assert!(status.text().contains("unfinished"), "{}", status.text());
    // Again, and nothing else: what runs is not touched.
    site.deploy().exits(22);
    site.machine.sh("touch $(echo /run/clws/*/web/*)/ready");
    assert_eq!(rows(&site.deploy().succeeds()), ["web changed"]);
    assert_eq!(rows(&site.deploy().succeeds()), ["web unchanged"]);
    assert_eq!(site.pid("web"), pid);
    let told = "with token-of-the-first-day\n".repeat(3);
    assert_eq!(site.file("web", "told"), told.trim_end());
    site.clws("status prod").succeeds();
}

#[test]
fn a_step_that_does_not_end_is_ended() {
    let site = Site::new();
    site.server("web");
    let step = "[[before]]\nrun = [\"sleep\", \"1000\"]\nwithin = \"500ms\"\n";
    site.hook("web", &server_hook("web", step), &[("serve.sh", SERVE)]);
    let ran = site.deploy().exits(22);
    assert!(ran.err.contains("sleep did not end in time"), "{}", ran.err);
    assert_eq!((site.remains(), site.processes()), (Vec::new(), Vec::new()));
}

#[test]
fn components_run_where_their_environment_says_and_in_their_order() {
    let site = Site::new();
    for (component, text) in [
        (
            "api",
            "after = [\"web\"]\nruns_on = { machine_type = \"server\" }",
        ),
        (
            "web",
            "runs_on = { machine_type = \"worker\", prod = { machine_type = \"server\" } }",
        ),
        (
            "zoo",
            "runs_on = { machine_type = \"server\", prod = { machine_type = \"worker\" } }",
        ),
    ] {
        let process = "process = { command = [\"sleep\", \"1000\"] }\n";
        site.hook(component, &format!("{text}\n{process}"), &[]);
    }
    assert_eq!(
        rows(&site.deploy().succeeds()),
        ["web started", "api started"]
    );
    let ran = site.clws("deploy zoo --on prod --yes").exits(17);
    assert!(
        ran.err.contains("runs on none of these hosts"),
        "{}",
        ran.err
    );
    let circle = "after = [\"api\"]\nruns_on = { machine_type = \"server\" }\n";
    site.hook("web", circle, &[]);
    let ran = site.deploy().exits(17);
    assert!(
        ran.err
            .contains("the components api and web wait for each other"),
        "{}",
        ran.err
    );
    site.hook("web", &circle.replace("api", "nothing"), &[]);
    let ran = site.deploy().exits(17);
    assert!(
        ran.err.contains("for which there is no hook"),
        "{}",
        ran.err
    );
}

#[test]
fn a_component_of_files_and_steps_alone_is_brought_once() {
    let site = Site::new();
    site.set("prod/web/TOKEN", "token-of-the-first-day");
    let hook = r#"runs_on = { machine_type = "server" }
[file.token]
secret = "web/TOKEN"
mode = "0400"
[[before]]
run = ["sh", "-c", 'test "$(cat token)" = token-of-the-first-day && date +%N >>/var/lib/clws/count']
"#;
    site.hook("web", hook, &[]);
    assert_eq!(rows(&site.deploy().succeeds()), ["web started"]);
    assert_eq!(rows(&site.deploy().succeeds()), ["web unchanged"]);
    assert_eq!(site.file("web", "token"), "token-of-the-first-day");
    assert_eq!(site.machine.sh("wc -l </var/lib/clws/count"), "1");
    // It becomes a process, and files again: nothing of the process stays.
    site.hook(
        "web",
        &format!("process = {{ command = [\"sleep\", \"1000\"] }}\n{hook}"),
        &[],
    );
    assert_eq!(rows(&site.deploy().succeeds()), ["web changed"]);
    assert_eq!(
        site.processes()
            .iter()
            .filter(|args| *args == "sleep 1000")
            .count(),
        1
    );
    site.hook("web", hook, &[]);
    assert_eq!(rows(&site.deploy().succeeds()), ["web changed"]);
    assert_eq!(site.processes(), Vec::<String>::new());
}

#[test]
fn a_machine_that_swaps_is_warned_of() {
    let site = Site::new();
    site.server("web");
    let swaps = "Filename Type Size Used Priority\n/dev/x partition 1 0 -2\n";
    std::fs::write(site.machine.disk().join("swaps"), swaps).unwrap();
    site.machine
        .sh("mount --bind /var/lib/clws/swaps /proc/swaps");
    let ran = site.deploy().succeeds();
    let warned = ran
        .err
        .matches("warning: box swaps, and its kernel may write")
        .count();
    assert_eq!(warned, 1, "{}", ran.err);
    site.machine.sh("umount /proc/swaps");
    assert!(!site.deploy().succeeds().err.contains("swaps"));
}

#[test]
fn many_files_large_and_empty_ones_come_whole() {
    let site = Site::new();
    site.set("prod/web/TOKEN", "token-of-the-first-day");
    let large = "0123456789abcdef".repeat(140_000);
    let names: Vec<String> = (0..150)
        .map(|number| format!("some/file-{number}"))
        .collect();
    let mut files = vec![("large", large.as_str()), ("empty", "")];
    files.extend(names.iter().map(|name| (name.as_str(), name.as_str())));
    let hook = "runs_on = { machine_type = \"server\" }\n[file.token]\nsecret = \"web/TOKEN\"\n";
    site.hook("web", hook, &files);
    site.deploy().succeeds();
    for (name, text) in files {
        let path = format!("/run/clws/*/web/*/{name}");
        let sum = site
            .machine
            .sh(&format!("cat {path} | sha256sum | cut -c1-64"));
        assert_eq!(sum, sha256(text.as_bytes()), "{name}");
    }
    assert_eq!(site.machine.sh("find /run/clws -name '*.new'"), "");
}

#[test]
fn a_name_that_leads_nowhere_is_found_before_any_host_is_touched() {
    let site = Site::new();
    site.server("web");
    let settings = "[settings]\nversion = \"1.7\"\n";
    let refuses = |more: &str, conf: &str, why: &str| {
        site.hook(
            "web",
            &server_hook("web", &format!("{settings}{more}")),
            &[("serve.sh", SERVE), ("conf", conf)],
        );
        for words in ["deploy --on prod --dry-run", "deploy --on prod --yes"] {
            let before = (site.opened(), site.remains());
            let ran = site.clws(words).exits(17);
            assert!(ran.err.contains(why), "{}", ran.err);
            assert_eq!((site.opened(), site.remains()), before);
        }
    };
    let file = "[file.conf]\ntemplate = \"conf\"\n";
    refuses(
        file,
        "v={{ settings.versoin }}\n",
        "is `settings.version` meant?",
    );
    let step = "[[before]]\nrun = [\"echo\", \"{{ settings.none }}\"]\n";
    refuses(step, "", "hooks/web.toml");
    // What is known by then is filled into the plan.
    let step = "[[before]]\nrun = [\"echo\", \"{{ settings.version }}\", \"{{ place }}\"]\n";
    site.hook(
        "web",
        &server_hook("web", &format!("{settings}{step}")),
        &[("serve.sh", SERVE)],
    );
    let plan = site.clws("deploy --on prod --dry-run").succeeds();
    let shown = plan.text() + &plan.err;
    assert!(shown.contains("before: echo 1.7 {{ place }}"), "{shown}");
}

#[test]
fn a_value_that_becomes_an_argument_is_named_by_plan_and_check() {
    let site = Site::new();
    site.set("prod/web/KEY", "the-key-of-the-day");
    let hook = |line: &str| {
        let text = format!(
            "runs_on = {{ machine_type = \"server\" }}\nprocess = {{ command = [\"sh\", \"-c\", '{line}'] }}\n\
             [env]\nKEY = {{ secret = \"web/KEY\" }}\n"
        );
        site.hook("web", &text, &[]);
        let plan = site.clws("deploy --on prod --dry-run").succeeds();
        let check = site.clws("check").succeeds();
        (plan.err, check.text())
    };
    let (plan, check) = hook("exec prog --account-key \"$KEY\"");
    assert!(
        plan.contains("web: `--account-key` gets `KEY` as an argument"),
        "{plan}"
    );
    assert!(
        check.contains("note: hooks/web.toml: `--account-key` gets `KEY`"),
        "{check}"
    );
    let (plan, check) = hook("exec prog --key-file x");
    assert!(!plan.contains("argument") && !check.contains("argument"));
}
