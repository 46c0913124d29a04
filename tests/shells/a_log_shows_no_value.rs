//! `clws exec --mask`: the log of a CI job shows no value, in this step or a later one.
//!
//! GitHub's runner cannot be had without GitHub: [`Runner`] reads lines as its source does
//! (actions/runner, `ActionCommand.cs` and `ActionCommandManager.cs`).

use std::io::Read as _;
use std::process::{Command, Stdio};

use crate::support::lab::Lab;

/// A stand-in for GitHub's runner: what it masks, and its log.
#[derive(Default)]
struct Runner {
    masks: Vec<String>,
    log: String,
    told: usize,
}

impl Runner {
    /// Takes in what a step printed on one of its streams.
    fn reads(&mut self, output: &str) {
        for line in output.lines() {
            let Some(data) = line.trim_start().strip_prefix("::add-mask::") else {
                let mut shown = line.to_owned();
                for mask in &self.masks {
                    shown = shown.replace(mask, "***");
                }
                self.log.push_str(&shown);
                self.log.push('\n');
                continue;
            };
            let data = data
                .replace("%0D", "\r")
                .replace("%0A", "\n")
                .replace("%25", "%");
            assert!(!data.trim().is_empty(), "the runner warns of an empty mask");
            self.masks.push(data);
            self.told += 1;
        }
    }
}

const KEY: &str = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n  indented-line\n\n-----END KEY-----\n";

fn lab() -> Lab {
    let lab = Lab::new()
        .secret("prod/web/TOKEN", "hunter2-100%0A%25")
        .secret("prod/web/PEM", KEY);
    lab.clws("secret set prod/tls/site.key --type file")
        .stdin(b"file-line-one\r\nfile-line-two\r\n")
        .succeeds();
    lab
}

#[test]
fn githubs_runner_masks_each_line_of_each_value() {
    let lab = lab();
    let script = "printf '%s\\n' \"$TOKEN\"; printf '%s' \"$PEM\" >&2; cat \"$FILE\"; exit 3";
    let ran = lab
        .clws("exec prod/web --file FILE=prod/tls/site.key --mask github -- sh -c")
        .word(script)
        .env("GITHUB_ACTIONS", "true")
        .exits(3);
    // Each stream is read on its own: whichever comes first is masked.
    let (out, err) = (ran.text(), ran.err);
    for streams in [[out.clone(), err.clone()], [err, out]] {
        for stream in &streams {
            let mut runner = Runner::default();
            runner.reads(stream);
            assert_eq!(runner.told, 7, "{:?}", runner.masks);
            let mut log = runner.log.clone();
            // A later step prints all of it again.
            let before = log.len();
            runner.reads(&format!(
                "hunter2-100%0A%25\n{KEY}file-line-one\r\nfile-line-two"
            ));
            log.push_str(&runner.log[before..]);
            for value in [
                "hunter2",
                "100%",
                "MIIEvQIBADANBgkq",
                "indented-line",
                "BEGIN",
                "file-line",
            ] {
                assert!(!log.contains(value), "{log}");
            }
            assert!(log.contains("***"), "{log}");
        }
    }
}

#[test]
fn one_pipe_for_both_streams_is_told_once() {
    let lab = lab();
    let mut shell = Command::new("sh");
    let run = lab
        .clws("exec prod/web --only TOKEN --mask github -- true")
        .env("GITHUB_ACTIONS", "true");
    shell.args(["-c", "exec \"$@\" 2>&1", "sh"]);
    let ran = run.under(shell).output().unwrap();
    assert!(ran.status.success());
    let text = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(text, "::add-mask::hunter2-100%250A%2525\n");
}

/// A file keeps what is written to it, and a terminal shows it: neither is the runner.
#[test]
fn masks_go_to_the_runner_alone() {
    let lab = lab();
    let refused = |run: crate::support::lab::Run<'_>, why: &str| {
        let ran = run.exits(125);
        assert!(
            ran.err.contains("no runner of GitHub reads the output"),
            "{}",
            ran.err
        );
        assert!(ran.err.contains(why), "{}", ran.err);
        assert!(!ran.text().contains("hunter2") && !ran.err.contains("hunter2"));
    };
    let words = "exec prod/web --mask github -- echo started";
    refused(lab.clws(words), "GITHUB_ACTIONS is not `true`");
    refused(
        lab.clws(words).env("GITHUB_ACTIONS", "false"),
        "GITHUB_ACTIONS is not `true`",
    );

    let kept = lab.root().join("kept");
    let mut command = lab.clws(words).env("GITHUB_ACTIONS", "true").command();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&kept).unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut told)
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert!(told.contains("::add-mask::hunter2"), "{told}");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "started\n");

    let mut command = lab.clws(words).env("GITHUB_ACTIONS", "true").command();
    let file = std::fs::File::create(&kept).unwrap();
    let status = command
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(125));
    let text = std::fs::read_to_string(&kept).unwrap();
    assert!(
        text.contains("neither stdout nor stderr is a pipe"),
        "{text}"
    );
    assert!(
        !text.contains("hunter2") && !text.contains("started"),
        "{text}"
    );
    lab.nowhere(&["hunter2-100%0A%25".to_owned()]);
}

/// A job of GitLab's has no word by which it could tell the runner, so clws does it.
#[test]
fn for_gitlab_the_values_are_taken_out_of_the_output() {
    let lab = lab();
    let ran = lab
        .clws("exec prod/web --mask gitlab -- sh -c")
        .word("echo \"[$TOKEN]\"; printf '%s' \"$PEM\" >&2")
        .succeeds();
    assert_eq!(ran.text(), "[[redacted]]\n");
    assert!(!ran.err.contains("MIIEvQIBADANBgkq") && !ran.err.contains("add-mask"));
}
