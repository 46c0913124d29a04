//! `clws ssh HOST PATH… -- CMD`: one command on a real server, with what it is to have.

use crate::site::{Site, ada_may_log_in, needs_root, random, way_to};
use crate::support::lab::Run;
use crate::support::sshd::Sshd;

/// A vault of ada's with the document `prod/web`, and a host `box` on a machine of its own.
pub(crate) struct Remote {
    pub(crate) site: Site,
    pub(crate) server: Sshd,
    /// What `prod/web/TOKEN` is, a value of this run.
    pub(crate) token: String,
}

impl Remote {
    /// A server with these lines of configuration.
    pub(crate) fn new(configuration: &str) -> Self {
        needs_root();
        let site = Site::new();
        let starts = |program: &str| site.machine.program(program);
        // What a login shell does by itself is no part of the test.
        let configuration = format!("SetEnv HOME=/nonexistent\n{configuration}");
        let server = Sshd::start_by(starts, &["ed25519"], &configuration);
        let remote = Self {
            site,
            server,
            token: random(),
        };
        remote.reached_by(remote.server.host_key_line());
        ada_may_log_in(&remote.site.lab, &remote.server);
        remote.site.set("prod/web/TOKEN", &remote.token);
        remote
            .site
            .set("prod/web/OTHER", "it's $HOME `x` \\ \"q\"\n! ü");
        remote
    }

    /// Says which key the host proves itself with.
    fn reached_by(&self, key: &str) {
        let way = way_to(&self.server, &self.server.user, key);
        self.site.host("box", "prod", "server", &way);
        self.site.trusts();
    }

    /// A run of `clws ssh` with these words, split at blanks, and the words of a command.
    pub(crate) fn ssh(&self, words: &str, command: &[&str]) -> Run<'_> {
        let mut run = self.site.lab.clws(&format!("ssh {words}"));
        if !command.is_empty() {
            run = run.word("--");
        }
        for word in command {
            run = run.word(*word);
        }
        run
    }

    /// What lies on the host in the folder of sessions, and in `/dev/shm`.
    pub(crate) fn lies_there(&self) -> String {
        self.site
            .machine
            .sh("find /run/clws/sessions /dev/shm -mindepth 1 2>/dev/null; true")
    }

    fn uses(&self) -> Vec<String> {
        let shown = self.site.lab.clws("audit show --json").succeeds().json();
        let uses = shown["uses"].as_array().unwrap();
        uses.iter()
            .filter(|entry| entry["what"] == "ssh")
            .map(|entry| entry["secrets"].to_string())
            .collect()
    }
}

#[test]
fn a_line_of_shell_in_one_word_is_told_how_it_is_run() {
    let remote = Remote::new("");
    let ran = remote.ssh("box prod/web", &["echo ${#TOKEN}"]).exits(127);
    let hint = "hint: a line of shell is `-- sh -c 'echo ${#TOKEN}'`\n";
    assert!(ran.err.ends_with(hint), "{}", ran.err);
    let line = ["sh", "-c", "echo ${#TOKEN}"];
    let ran = remote.ssh("box prod/web", &line).succeeds();
    assert_eq!(ran.text(), format!("{}\n", remote.token.len()));
    let ran = remote.ssh("box", &["no-such-program"]).exits(127);
    assert!(!ran.err.contains("hint: "), "{}", ran.err);
}

#[test]
fn a_command_has_values_files_input_output_and_its_exit_code() {
    let remote = Remote::new("");
    let script = r#"printf '%s|%s|%s|' "$TOKEN" "$OTHER" "$1"; cat; echo oops >&2; exit 7"#;
    let ran = remote
        .ssh("box prod/web", &["sh", "-c", script, "sh", "a  b'\"$x\n"])
        .stdin(b"from\0here\xff")
        .exits(7);
    let mut wanted =
        format!("{}|it's $HOME `x` \\ \"q\"\n! ü|a  b'\"$x\n|", remote.token).into_bytes();
    wanted.extend_from_slice(b"from\0here\xff");
    assert_eq!(ran.out, wanted, "{}", ran.text());
    assert_eq!(ran.err, "oops\n");
    assert_eq!(remote.lies_there(), "");
    assert_eq!(remote.uses().len(), 1);

    // The names are those of `exec`.
    let words = "box prod/web --only TOKEN --map PWD2=OTHER --file KEY=prod/web/TOKEN";
    let script = r#"echo "${TOKEN-none}|$PWD2|$KEY|$(cat "$KEY")|$(stat -c %a "$KEY" "${KEY%/*}" "${KEY%/*/*}" | tr '\n' ' ')""#;
    let ran = remote.ssh(words, &["sh", "-c", script]).succeeds();
    let text = ran.text();
    assert!(text.starts_with("none|it's"), "{text}");
    assert!(text.contains("/KEY/TOKEN|"), "{text}");
    assert!(
        text.contains(&format!("|{}|600 700 700", remote.token)),
        "{text}"
    );
    assert_eq!(remote.lies_there(), "");

    // The variables' own file is gone before the command runs.
    let look = "ls -A /run/clws/sessions/* | grep -c . ; echo \"${#TOKEN}\"";
    let ran = remote
        .ssh("box prod/web/TOKEN", &["sh", "-c", look])
        .succeeds();
    assert_eq!(ran.text(), "0\n32\n");

    // Nothing at all is fine, too.
    let ran = remote.ssh("box", &["echo", "hello"]).succeeds();
    assert_eq!((ran.text(), ran.err), ("hello\n".into(), String::new()));
    // Without a terminal the shell reads its input.
    let ran = remote
        .ssh("box prod/web/TOKEN", &[])
        .stdin(b"echo ${#TOKEN}; exit 3\n")
        .exits(3);
    assert_eq!(ran.text(), "32\n");
    assert_eq!(remote.ssh("box", &["no-such-program"]).run().code, 127);
    assert_eq!(
        remote.ssh("box", &["sh", "-c", "kill -SEGV $$"]).run().code,
        139
    );
}

#[test]
fn much_goes_in_and_comes_out_and_a_reader_who_leaves_ends_it() {
    let remote = Remote::new("");
    let much = vec![b'x'; 3 << 20];
    let ran = remote.ssh("box prod/web", &["cat"]).stdin(&much).succeeds();
    assert!(ran.out == much, "{} bytes came back", ran.out.len());
    // A whole file, larger than one block of `dd`, by way of the holder.
    remote
        .site
        .lab
        .clws("secret set prod/big --type file")
        .stdin(&much)
        .succeeds();
    let ran = remote
        .ssh(
            "box --file BIG=prod/big",
            &["sh", "-c", "sha256sum <\"$BIG\"; stat -f -c %T \"$BIG\""],
        )
        .succeeds();
    let sum = crate::site::sha256(&much);
    assert_eq!(ran.text(), format!("{sum}  -\ntmpfs\n"));
    let mut command = remote.ssh("box", &["yes"]).command();
    let mut child = command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(141));
    assert!(!remote.site.processes().iter().any(|args| args == "yes"));
}

#[test]
fn values_are_taken_out_of_the_output_on_request() {
    let remote = Remote::new("");
    let script = "echo \"a $TOKEN b\"; echo \"c $TOKEN d\" >&2";
    let ran = remote
        .ssh("box prod/web --redact", &["sh", "-c", script])
        .succeeds();
    assert_eq!(ran.text(), "a [redacted] b\n");
    assert_eq!(ran.err, "c [redacted] d\n");
}

#[test]
fn an_agent_and_a_policy_have_them_taken_out_unasked() {
    let remote = Remote::new("");
    let print = ["sh", "-c", "echo \"a $TOKEN b\""];
    let agent = |words: &str| remote.ssh(words, &print).env("CLWS_AGENT", "1");
    assert_eq!(agent("box prod/web").succeeds().text(), "a [redacted] b\n");
    let refused = agent("box prod/web --no-redact").exits(15);
    assert!(!refused.text().contains(&remote.token));
    let lab = &remote.site.lab;
    lab.clws("secret policy prod/web/TOKEN --no-print")
        .succeeds();
    let ran = remote.ssh("box prod/web", &print).succeeds();
    assert_eq!(ran.text(), "a [redacted] b\n");
    assert!(ran.err.contains("a policy says no_print"), "{}", ran.err);
    let ran = remote.ssh("box prod/web --no-redact", &print).succeeds();
    assert_eq!(ran.text(), format!("a {} b\n", remote.token));
}

#[test]
fn a_server_sets_what_it_accepts_and_the_rest_comes_all_the_same() {
    let remote = Remote::new("AcceptEnv TOKEN\n");
    let script = "printf '%s|%s\\n' \"$TOKEN\" \"$OTHER\"; cat /proc/$PPID/environ | tr '\\0' '\\n' | grep -c ^TOKEN=; true";
    let ran = remote
        .ssh("box prod/web --send-env", &["sh", "-c", script])
        .succeeds();
    let text = ran.text();
    let both = format!("{}|it's $HOME `x` \\ \"q\"\n! ü\n", remote.token);
    assert!(text.starts_with(&both), "{text}");
    assert!(remote.server.log().contains("req env"));
    // All of it accepted: nothing is put into a folder.
    remote.site.machine.sh("rm -rf /run/clws/sessions");
    let ran = remote
        .ssh(
            "box prod/web/TOKEN --send-env",
            &["sh", "-c", "echo $TOKEN"],
        )
        .succeeds();
    assert_eq!(ran.text().trim(), remote.token);
    let there = remote.site.machine.run("[ -e /run/clws/sessions ]");
    assert!(!there.status.success());
    // Unasked no server is told a value as a variable.
    let before = remote.server.log().matches("req env").count();
    remote.ssh("box prod/web", &["true"]).succeeds();
    assert_eq!(remote.server.log().matches("req env").count(), before);
}

#[test]
fn why_no_server_is_told_unasked() {
    // OpenSSH logs the values of variables that it accepts, at this level.
    let remote = Remote::new("LogLevel DEBUG3\nAcceptEnv *\n");
    remote.ssh("box prod/web", &["true"]).succeeds();
    assert!(!remote.server.log().contains(&remote.token));
    remote.ssh("box prod/web --send-env", &["true"]).succeeds();
    assert!(remote.server.log().contains(&remote.token));
}

#[test]
fn a_wrong_host_key_or_use_opens_nothing() {
    let remote = Remote::new("");
    let (_, other) = remote.server.new_key("other", "ed25519");
    remote.reached_by(&other);
    remote.ssh("box prod/web", &["true"]).exits(21);
    remote.reached_by(remote.server.host_key_line());
    remote.ssh("box prod/nothing", &["true"]).exits(18);
    remote.ssh("nobody prod/web", &["true"]).exits(18);
    remote.ssh("prod prod/web", &["true"]).exits(2);
    remote.ssh("box prod/web --tty", &["true"]).exits(2);
    remote.ssh("box --only TOKEN", &["true"]).exits(18);
    remote
        .site
        .host("here", "prod", "server", "address = \"local\"");
    remote.site.trusts();
    let ran = remote.ssh("here prod/web", &["true"]).exits(2);
    assert!(ran.err.contains("clws exec"), "{}", ran.err);
    assert_eq!(remote.uses(), Vec::<String>::new());
    remote.site.set("prod/web/LD_PRELOAD", "/x");
    let ran = remote.ssh("box prod/web", &["true"]).exits(2);
    assert!(ran.err.contains("--allow LD_PRELOAD"), "{}", ran.err);
    assert_eq!(remote.uses(), Vec::<String>::new());
}

#[test]
fn a_host_without_memory_is_given_nothing() {
    let remote = Remote::new("");
    // Neither /run/clws nor /dev/shm is memory, and no tmpfs can be mounted for it.
    remote.site.machine.sh(
        "mkdir /var/lib/clws/run && mkdir -p /run/clws && mount --bind /var/lib/clws/run /run/clws \
         && mkdir /var/lib/clws/shm && mount --bind /var/lib/clws/shm /dev/shm \
         && mkdir /run/bin && printf '#!/bin/sh\\nexit 1\\n' >/run/bin/mount && chmod +x /run/bin/mount \
         && mount --bind /run/bin/mount \"$(command -v mount)\"",
    );
    let ran = remote.ssh("box prod/web", &["true"]).exits(15);
    assert!(ran.err.contains("no memory-backed folder"), "{}", ran.err);
    assert!(remote.ssh("box", &["true"]).run().code == 0);
}
