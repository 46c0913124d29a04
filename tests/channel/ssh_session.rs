//! What goes over an SSH session, and what happens when it breaks or falls silent.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clws::channel::ssh::{KnownHost, Limits, SshError, connect};
use clws::channel::{Channel, ChannelError, Command, Holding};
use clws::error::{Code, Explain as _};
use clws::secret::Plain;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};

use crate::channel::{is_free, lock, soon};
use crate::sshd::Sshd;
use crate::{known, login, open, session};

/// Clocks that a test can wait for.
const SHORT: Limits = Limits {
    dns: Duration::from_secs(3),
    tcp: Duration::from_secs(3),
    login: Duration::from_millis(1500),
    silence: Duration::from_secs(2),
};

#[tokio::test]
async fn a_connection_that_breaks_is_an_error_and_frees_the_lock() {
    let server = Sshd::start();
    let channel = open(&server).await.unwrap();
    let file = server.folder().join("lock");
    let Holding::Held(_, held) = channel.hold(&lock(&file)).await.unwrap() else {
        panic!("the lock was free");
    };
    let pid = server.folder().join("pid");
    let command =
        Command::new("echo $$ >\"$1\"; echo begun; exec sleep 600").argument(pid.to_str().unwrap());
    let mut begun = false;
    let mut sink = |_, _: &[u8]| {
        begun = true;
        server.kill_sessions();
    };
    let error = channel
        .run_streaming(&command, &mut sink)
        .await
        .unwrap_err();
    assert!(begun);
    assert!(matches!(error, ChannelError::Lost { .. }), "{error:?}");
    assert_eq!(error.code(), Code::Host);
    assert!(
        error.to_string().contains("`vm-clws-test-web-0`"),
        "{error}"
    );
    soon("the lock is free", || is_free(&file)).await;
    soon("the loss is known", || !held.is_held()).await;
    let error = channel.run(&Command::new("true")).await.unwrap_err();
    assert!(matches!(error, ChannelError::Lost { .. }), "{error:?}");
    // Nobody could tell it to end.
    let left_behind = fs::read_to_string(&pid).unwrap();
    std::process::Command::new("kill")
        .arg(left_behind.trim())
        .status()
        .unwrap();
}

#[tokio::test]
async fn dropping_a_session_ends_its_connection() {
    let server = Sshd::start();
    let channel = open(&server).await.unwrap();
    channel.run(&Command::new("true")).await.unwrap();
    drop(channel);
    soon("the server saw the end", || {
        server.log().contains("Connection reset by")
            || server.log().contains("Connection closed by")
    })
    .await;

    let channel = open(&server).await.unwrap();
    channel.close().await;
    soon("the server heard goodbye", || {
        server.log().contains("Received disconnect from")
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_given_up() {
    let server = Sshd::start();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let keys = &server.host_key_lines;
    let host = KnownHost::new("web", "127.0.0.1", port, "ada", keys).unwrap();
    let begun = Instant::now();
    let error = connect(&host, &[login(&server)], &SHORT).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert_eq!(
        error.to_string(),
        "host `web` took longer than 1.5 s for the key exchange"
    );
    assert_eq!(error.code(), Code::Host);
    // The socket is closed as well: what it gets is our greeting and the end.
    let (mut stream, _) = silent.accept().await.unwrap();
    let mut greeting = Vec::new();
    stream.read_to_end(&mut greeting).await.unwrap();
    assert_eq!(greeting, b"SSH-2.0-clws\r\n");

    // So it is for one that says its name, and then takes what comes and says nothing.
    let far = async {
        let (mut stream, _) = silent.accept().await.unwrap();
        stream.write_all(b"SSH-2.0-silent\r\n").await.unwrap();
        let mut received = Vec::new();
        // The end may come as a reset.
        let _read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut received))
            .await
            .expect("the connection was ended");
        received
    };
    let logins = [login(&server)];
    let (result, received) = tokio::join!(connect(&host, &logins, &SHORT), far);
    let slow = result.unwrap_err();
    assert!(matches!(slow, SshError::Slow { .. }), "{slow:?}");
    let hints = slow.hints().concat();
    assert!(
        hints.contains("try again, if the machine at 127.0.0.1:"),
        "{hints}"
    );
    assert!(hints.contains("`port` in recipients/web.toml"), "{hints}");
    assert!(received.len() > greeting.len());

    drop(silent);
    let error = connect(&host, &[login(&server)], &SHORT).await.unwrap_err();
    assert!(matches!(error, SshError::Unreachable { .. }), "{error:?}");
    assert!(
        error.to_string().contains(&format!("127.0.0.1:{port}")),
        "{error}"
    );

    let host = KnownHost::new("web", "no-such-name.invalid", 22, "ada", keys).unwrap();
    let error = connect(&host, &[login(&server)], &SHORT).await.unwrap_err();
    // Which of the two depends on the machine's resolver.
    assert!(
        matches!(error, SshError::NoAddress { .. } | SshError::Slow { .. }),
        "{error:?}"
    );
    assert_eq!(error.code(), Code::Host);
}

#[tokio::test]
async fn a_session_that_falls_silent_is_given_up() {
    let server = Sshd::start();
    let limits = Limits {
        silence: SHORT.silence,
        ..Limits::default()
    };
    let session = connect(&known(&server), &[login(&server)], &limits)
        .await
        .unwrap();
    let channel = Channel::Ssh(Arc::new(session));
    // Longer than the limit, but with answers to our keepalives: no silence.
    let outcome = channel
        .run(&Command::new("sleep 3; echo ok"))
        .await
        .unwrap();
    assert_eq!(outcome.out, b"ok\n");

    let begun = Instant::now();
    let command = Command::new("echo begun; cat >/dev/null; exec sleep 20");
    let mut sink = |_, _: &[u8]| server.stop_sessions();
    let error = channel
        .run_streaming(&command, &mut sink)
        .await
        .unwrap_err();
    assert!(matches!(error, ChannelError::Lost { .. }), "{error:?}");
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn any_login_shell_will_do() {
    for shell in ["sh", "bash", "fish", "tcsh", "zsh", "busybox sh"] {
        let mut words = shell.split(' ');
        let known = std::process::Command::new(words.next().unwrap())
            .args(words)
            .arg("-c")
            .arg("true")
            .status();
        assert!(
            known.is_ok_and(|status| status.success()),
            "no {shell}: run .ci/install"
        );
        let forced = format!("ForceCommand exec {shell} -c \"$SSH_ORIGINAL_COMMAND\"");
        let server = Sshd::start_with(&["ed25519"], &forced);
        let channel = open(&server).await.unwrap();
        let script = "# it's a \"comment\"!\nprintf '<%s>' \"$0\" \"$@\" \\\\ '\\'\ncat\nexit 5";
        // Another line is made where there is more than ASCII.
        for odd in ["\n\n  -", "\tö\u{1b}\r"] {
            let command = Command::new(script)
                .argument("a'b!c\\d\\'e\nf$g`h")
                .argument("~ * %s {a,b} \\n !!")
                .argument(odd)
                .input(Plain::from("input\n"));
            let outcome = channel.run(&command).await.unwrap();
            assert_eq!(
                String::from_utf8(outcome.out).unwrap(),
                format!("<clws><a'b!c\\d\\'e\nf$g`h><~ * %s {{a,b}} \\n !!><{odd}><\\><\\>input\n"),
                "{shell}"
            );
            assert_eq!(outcome.ended, clws::channel::Ended::Exit(5), "{shell}");
        }
        channel.close().await;
    }
}

#[tokio::test]
async fn what_a_login_shell_says_by_itself_is_no_output() {
    let forced = "ForceCommand echo welcome; printf 'to web'; eval \"$SSH_ORIGINAL_COMMAND\"";
    let server = Sshd::start_with(&["ed25519"], forced);
    let channel = open(&server).await.unwrap();
    let outcome = channel.run(&Command::new("echo mine")).await.unwrap();
    assert_eq!(outcome.out, b"mine\n");
    let file = server.folder().join("lock");
    let Holding::Held(line, _held) = channel.hold(&lock(&file)).await.unwrap() else {
        panic!("the lock was free");
    };
    assert!(line.starts_with("held by "), "{line}");
}

#[tokio::test]
async fn an_account_that_runs_no_command_gets_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let got = folder.path().join("got");
    let forced = format!(
        "ForceCommand echo 'not available'; cat >{}; exit 1",
        got.display()
    );
    let server = Sshd::start_with(&["ed25519"], &forced);
    let channel = open(&server).await.unwrap();
    let command = Command::new("cat")
        .input(Plain::from("canary"))
        .within(Duration::from_secs(2));
    let error = channel.run(&command).await.unwrap_err();
    // It waits for input that never comes.
    assert!(matches!(error, ChannelError::Slow { .. }), "{error:?}");
    channel.close().await;
    soon("it ended", || {
        server.log().contains("Received disconnect from")
    })
    .await;
    assert_eq!(fs::read(&got).unwrap(), b"");

    let server = Sshd::start_with(&["ed25519"], "ForceCommand echo 'not available'; exit 1");
    let channel = open(&server).await.unwrap();
    let error = channel.run(&command).await.unwrap_err();
    assert!(matches!(error, ChannelError::NotRun { .. }), "{error:?}");
    assert_eq!(error.code(), Code::Host);
    assert_eq!(error.notes(), ["it said: not available"]);
}

#[tokio::test]
async fn sockets_and_ports_of_the_host_can_be_reached() {
    let server = Sshd::start();
    let session = session(&server, &[login(&server)]).await.unwrap();

    let path = server.folder().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let mut stream = session.open_unix(path.to_str().unwrap()).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    let bytes = vec![7; 300_000];
    let there = async {
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        answer
    };
    let here = async {
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        far.write_all(b"answer").await.unwrap();
        drop(far);
        received
    };
    let (answer, received) = tokio::join!(there, here);
    assert_eq!(
        (answer.as_slice(), received.len()),
        (&b"answer"[..], bytes.len())
    );

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut stream = session.open_tcp("127.0.0.1", port).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    far.write_all(b"hello").await.unwrap();
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
    drop(stream);
    assert_eq!(
        far.read(&mut hello).await.unwrap(),
        0,
        "dropping it closes it"
    );

    let error = session.open_unix("/nowhere/docker.sock").await.unwrap_err();
    assert!(
        error.to_string().contains("`/nowhere/docker.sock`"),
        "{error}"
    );
}

#[tokio::test]
async fn what_the_server_does_not_allow_is_refused_with_the_setting() {
    let settings = "AllowTcpForwarding no\nAllowStreamLocalForwarding no\nMaxSessions 1";
    let server = Sshd::start_with(&["ed25519"], settings);
    let session = session(&server, &[login(&server)]).await.unwrap();
    let unix = session.open_unix("/run/docker.sock").await.unwrap_err();
    assert!(
        unix.hints()[0].contains("AllowStreamLocalForwarding"),
        "{:?}",
        unix.hints()
    );
    let tcp = session.open_tcp("127.0.0.1", 1).await.unwrap_err();
    assert!(
        tcp.hints()[0].contains("AllowTcpForwarding"),
        "{:?}",
        tcp.hints()
    );

    let channel = Channel::Ssh(Arc::new(session));
    let file = server.folder().join("lock");
    let Holding::Held(_, held) = channel.hold(&lock(&file)).await.unwrap() else {
        panic!("the lock was free");
    };
    let error = channel.run(&Command::new("true")).await.unwrap_err();
    assert_eq!(error.code(), Code::Host);
    assert!(
        error.hints()[0].contains("MaxSessions"),
        "{:?}",
        error.hints()
    );
    held.close().await;
    // The server counts a session until it has cleaned up after it.
    let until = Instant::now() + Duration::from_secs(10);
    while channel.run(&Command::new("true")).await.is_err() {
        assert!(Instant::now() < until, "the session is never given back");
    }
}

#[tokio::test]
async fn several_commands_share_a_session() {
    let server = Sshd::start();
    let channel = open(&server).await.unwrap();
    let bytes = |n: u8| vec![n; 400_000];
    let run = async |n: u8| {
        let command = Command::new("cat").input(Plain::new(bytes(n)));
        channel.run(&command).await.unwrap().out == bytes(n)
    };
    let (a, b, c, d) = tokio::join!(run(1), run(2), run(3), run(4));
    assert!(a && b && c && d);
}

#[tokio::test]
async fn a_banner_is_made_safe() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("banner");
    fs::write(&file, "\u{1b}[2Jwelcome\u{202e}\n").unwrap();
    let server = Sshd::start_with(&["ed25519"], &format!("Banner {}", file.display()));
    let session = session(&server, &[login(&server)]).await.unwrap();
    assert_eq!(session.banner().unwrap(), "\\u{1b}[2Jwelcome\\u{202e}");
}
