//! What is wrong is told once in four hours, its end is told, and what was not taken was not told.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use crate::lab::{Lab, Ran, Run};
use crate::tool::{said, tool};

const VALUE: &str = "hunter2-of-web";

/// A vault in which one value has expired, and a program that keeps what it is told.
fn lab() -> Lab {
    let lab = Lab::new().secret("prod/web/TOKEN", VALUE);
    expire(&lab, "prod/web/TOKEN", "2020-01-01");
    lab
}

fn expire(lab: &Lab, path: &str, day: &str) {
    lab.clws(&format!("secret policy {path} --expires {day}"))
        .succeeds();
}

/// A status that tells a program, which appends it to `told`, a line each.
fn status<'a>(lab: &'a Lab, words: &str) -> Run<'a> {
    let told = lab.root().join("told");
    let run = lab.clws(&format!("status {words} --notify"));
    run.word(format!("sh -c 'cat >>{}'", told.display()))
}

fn told(lab: &Lab) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(lab.root().join("told")).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn ends(ran: Ran, code: i32) -> Ran {
    assert_eq!(ran.code, code, "{}\n{}", ran.text(), ran.err);
    ran
}

#[test]
fn a_page_or_an_output_that_fails_keeps_nobody_from_being_told() {
    let lab = lab();
    ends(status(&lab, "--html /nowhere/page.html").run(), 30);
    assert_eq!(told(&lab).len(), 1);
    expire(&lab, "prod/web/TOKEN", "2020-01-02");
    fs::remove_file(lab.root().join("told")).unwrap();
    let full = fs::File::create("/dev/full").unwrap();
    let lab = lab.secret("prod/web/OTHER", "another");
    expire(&lab, "prod/web/OTHER", "2020-01-01");
    let mut command = status(&lab, "").command();
    let ended = command.stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(30), "{ended:?}");
    assert_eq!(told(&lab)[0]["wrong"][0]["path"], "prod/web/OTHER");
}

#[test]
fn a_cause_is_told_once_and_its_end_too() {
    let lab = lab();
    ends(status(&lab, "").run(), 1);
    let all = told(&lab);
    assert_eq!(all[0]["wrong"][0]["kind"], "expired");
    assert_eq!(all[0]["wrong"][0]["path"], "prod/web/TOKEN");
    let text = all[0]["text"].as_str().unwrap();
    assert!(
        text.contains("next: clws secret set prod/web/TOKEN"),
        "{text}"
    );
    let again = ends(status(&lab, "").run(), 1);
    assert!(
        again.err.contains("told within four hours"),
        "{}",
        again.err
    );
    assert_eq!(told(&lab).len(), 1);

    // A second cause is told at once, and names the first beside it.
    let lab = lab.secret("prod/web/OTHER", VALUE);
    expire(&lab, "prod/web/OTHER", "2021-01-01");
    ends(status(&lab, "").run(), 1);
    let all = told(&lab);
    assert_eq!(all.len(), 2);
    assert_eq!(all[1]["wrong"][0]["path"], "prod/web/OTHER");
    assert_eq!(all[1]["still"][0]["path"], "prod/web/TOKEN");

    expire(&lab, "prod/web/TOKEN", "2999-01-01");
    expire(&lab, "prod/web/OTHER", "2999-01-01");
    ends(status(&lab, "").run(), 0);
    ends(status(&lab, "").run(), 0);
    let all = told(&lab);
    assert_eq!(all.len(), 3);
    assert_eq!(all[2]["over"].as_array().unwrap().len(), 2);
    assert!(all[2]["text"].as_str().unwrap().contains("Over:"));
    lab.nowhere(&[VALUE.to_owned()]);
}

/// Whoever looks at one environment alone knows nothing of the end of what is wrong in another.
#[test]
fn each_environment_has_its_own_memory() {
    let lab = lab();
    let report = |on: &str| {
        lab.clws(&format!("status --report {on} --json"))
            .succeeds()
            .json()
    };
    assert_eq!(
        report("prod")["owners"][0]["due"][0]["path"],
        "prod/web/TOKEN"
    );
    assert_eq!(report("dev")["owners"].as_array().unwrap().len(), 0);
    let host = "host add box --address local --scope dev --machine-type web --yes";
    lab.clws(host).succeeds();
    ends(status(&lab, "").run(), 1);
    ends(status(&lab, "dev").run(), 0);
    assert_eq!(told(&lab).len(), 1);
}

#[test]
fn what_was_not_taken_is_told_again() {
    let lab = lab();
    for (words, why) in [
        (
            "sh -c 'echo no pager here >&2; exit 3'",
            "ended with exit code 3",
        ),
        ("sh -c 'kill -9 $$'", "was ended by signal 9"),
        ("/nonexistent/page", "cannot be started"),
    ] {
        let ran = ends(lab.clws("status --notify").word(words).run(), 24);
        assert!(ran.err.contains(why), "{}", ran.err);
        // The status itself is shown all the same.
        assert!(
            ran.text().contains("expired: prod/web/TOKEN"),
            "{}",
            ran.text()
        );
    }
    let ran = ends(lab.clws("status --notify").word("page 'x").run(), 2);
    assert!(ran.err.contains("a quote is not closed"), "{}", ran.err);
    ends(status(&lab, "").run(), 1);
    assert_eq!(told(&lab).len(), 1);
}

#[test]
fn a_program_of_the_repository_is_not_told() {
    let lab = lab();
    let ran = lab.root().join("ran");
    for place in ["tell", "bin/tell"] {
        let program = lab.vault().join(place);
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(&program, format!("#!/bin/sh\n>{}\n", ran.display())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for folders in ["", ".:", "bin:"] {
        let path = format!("{folders}/usr/bin:/bin:");
        let run = lab.clws("status --notify tell").env("PATH", &path);
        let said = ends(run.run(), 24).err;
        assert!(said.contains("it is in no folder of PATH"), "{said}");
        assert!(!ran.exists(), "{path}");
    }
    // Who names it by its path means it.
    ends(lab.clws("status --notify ./tell").run(), 1);
    assert!(ran.exists());
}

#[test]
fn no_shell_is_started_and_no_token_handed_on() {
    let lab = lab();
    let seen = lab.root().join("seen");
    let run = |words: String| {
        let run = lab.clws("status --notify").word(words);
        run.env("VAULT_TOKEN", "hvs.token-of-ada")
            .env("CLWS_VAULT", lab.vault().to_str().unwrap())
            .run()
    };
    // Words and nothing else: what a shell would do with them is not done.
    ends(run(format!("tee {} $(id) ; >x", seen.display())), 1);
    assert!(lab.vault().join("$(id)").is_file() && lab.vault().join(";").is_file());
    ends(run(format!("sh -c 'env >{}'", seen.display())), 1);
    let variables = fs::read_to_string(&seen).unwrap();
    assert!(variables.contains("HOME=") && variables.contains("PATH="));
    assert!(
        !variables.contains("token-of-ada") && !variables.contains("CLWS_"),
        "{variables}"
    );
}

#[test]
fn of_two_runs_at_once_one_tells() {
    let lab = lab();
    let slow = format!(
        "sh -c 'sleep 1; cat >>{}'",
        lab.root().join("told").display()
    );
    let start = || {
        let mut command = lab.clws("status --notify").word(slow.clone()).command();
        let quiet = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        quiet.spawn().unwrap()
    };
    let mut runs = [start(), start(), start()];
    for run in &mut runs {
        assert_eq!(run.wait().unwrap().code(), Some(1));
    }
    assert_eq!(told(&lab).len(), 1);
}

#[test]
fn a_damaged_memory_tells_all_once_more() {
    let lab = lab();
    ends(status(&lab, "").run(), 1);
    let folder = lab.home("ada").join(".local/state/clws/alarms");
    let mut files = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.extension().is_some_and(|end| end == "json"));
    fs::write(file.unwrap(), "{\"causes\": {\"x\"").unwrap();
    let ran = ends(status(&lab, "").run(), 1);
    assert!(ran.err.contains("does not read any more"), "{}", ran.err);
    ends(status(&lab, "").run(), 1);
    assert_eq!(told(&lab).len(), 2);
}

/// systemd and cron read what is printed as it is meant, and nothing is installed.
#[test]
fn what_a_timer_needs_is_printed_and_read_by_systemd() {
    let lab = lab();
    let print = |form: &str| {
        let run = lab.clws("status --install").word(form).word("--notify");
        run.word("sh -c 'echo \"100% $HOME\"'").succeeds().text()
    };
    let folder = lab.root().join("units");
    fs::create_dir(&folder).unwrap();
    let files = ["service", "timer"].map(|form| {
        let path = folder.join(format!("clws-status-vault.{form}"));
        fs::write(&path, print(form)).unwrap();
        path
    });
    let output = Command::new(tool("systemd-analyze"))
        .arg("verify")
        .args(&files)
        .env("SYSTEMD_UNIT_PATH", format!("{}:", folder.display()))
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let ours: Vec<&str> = words
        .lines()
        .filter(|line| line.contains("clws-"))
        .collect();
    assert!(
        output.status.success() && ours.is_empty(),
        "{}",
        said(&output)
    );
    // The server is said to the job as it was to this command, and whose token it was is not.
    let run = lab.clws("status --install service --notify sh");
    let run = run.env("VAULT_ADDR", "https://bao.example:8200");
    let text = run.env("VAULT_TOKEN", "hvs.x").succeeds().text();
    let named = "Environment=VAULT_ADDR=https://bao.example:8200";
    assert!(text.contains(named) && !text.contains("hvs.x"), "{text}");
    let both = print("systemd");
    let places = [
        "clws-status-vault.service",
        "clws-status-vault.timer",
        "daemon-reload",
    ];
    assert!(places.iter().all(|place| both.contains(place)), "{both}");

    // What cron gives to sh, with its own `%` put back, is the command, and it runs.
    let told = lab.root().join("told");
    let line = lab
        .clws("status --install cron --notify")
        .word(format!("sh -c 'date +%s >{}'", told.display()))
        .succeeds()
        .text();
    let (when, command) = line.split_at("*/5 * * * * ".len());
    assert_eq!(when, "*/5 * * * * ");
    let command = command.trim_end().replace("\\%", "%");
    let mut sh = Command::new("/bin/sh");
    sh.env_clear()
        .env("HOME", lab.home("ada"))
        .env("PATH", "/usr/bin:/bin");
    let output = sh.args(["-c", &command]).current_dir("/").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{}",
        said(&output)
    );
    assert!(
        fs::read_to_string(told)
            .unwrap()
            .trim()
            .parse::<u64>()
            .is_ok()
    );
}
