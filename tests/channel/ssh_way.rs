//! Hosts behind other hosts, keys that were taken back, and looking without believing.

use std::sync::Arc;

use clws::channel::ssh::{Hop, KnownHost, Limits, Login, Session, SshError, connect_through, scan};
use clws::channel::{Channel, Command, Ended};
use clws::error::{Code, Error, Explain as _};

use crate::channel::soon;
use crate::ssh_trust::fingerprint;
use crate::sshd::Sshd;
use crate::{known_by, login};

fn hop<'a>(name: &str, server: &'a Sshd, keys: &[String]) -> Hop<'a> {
    let host = KnownHost::new(name, "127.0.0.1", server.port, &server.user, keys).unwrap();
    Hop {
        host,
        logins: Box::new(|| Box::pin(async { Ok(vec![Arc::new(login(server))]) })),
    }
}

async fn through(servers: &[&Sshd]) -> Result<Session, Error> {
    let hops = servers.iter().enumerate().map(|(nth, server)| {
        let name = format!("vm-clws-test-web-{nth}");
        hop(&name, server, &server.host_key_lines)
    });
    let way: Vec<Hop<'_>> = hops.collect();
    connect_through(&way, &Limits::default()).await
}

#[tokio::test]
async fn a_host_is_reached_through_four_others() {
    let servers: Vec<Sshd> = (0..5).map(|_| Sshd::start()).collect();
    let way: Vec<&Sshd> = servers.iter().collect();
    let session = through(&way).await.unwrap();
    let channel = Channel::Ssh(Arc::new(session));
    let big = "x".repeat(300_000);
    let command = Command::new("wc -c").input(clws::secret::Plain::from(big.as_str()));
    let outcome = channel.run(&command).await.unwrap();
    assert_eq!(outcome.ended, Ended::Exit(0));
    assert_eq!(String::from_utf8_lossy(&outcome.out).trim(), "300000");
    for pair in servers.windows(2) {
        let log = pair[0].log();
        let target = format!("127.0.0.1 port {}", pair[1].port);
        let opened = log
            .lines()
            .any(|line| line.contains("direct_tcpip") && line.contains(&target));
        assert!(opened, "{log}");
    }
    drop(channel);
    for server in &servers {
        soon("every server saw the end", || {
            let log = server.log();
            log.contains("Connection closed by")
                || log.contains("Disconnected from")
                || log.contains("Connection reset by")
        })
        .await;
    }
}

#[tokio::test]
async fn nobody_is_gone_through_who_did_not_prove_themselves() {
    let (jump, target) = (Sshd::start(), Sshd::start());
    let (_, other) = jump.new_key("other", "ed25519");
    let way = [
        hop("bastion", &jump, &[other]),
        hop("web", &target, &target.host_key_lines),
    ];
    let error = connect_through(&way, &Limits::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::HostKey);
    assert!(error.message().contains("`bastion`"), "{}", error.message());
    assert!(!jump.log().contains("userauth-request"), "{}", jump.log());
    assert!(
        !target.log().contains("Connection from"),
        "{}",
        target.log()
    );

    // The host behind must prove itself too: the jump host's own key is none of its.
    let way = [
        hop("bastion", &jump, &jump.host_key_lines),
        hop("web", &target, &jump.host_key_lines),
    ];
    let error = connect_through(&way, &Limits::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::HostKey);
    assert!(error.message().contains("`web`"), "{}", error.message());
    assert!(
        !target.log().contains("userauth-request"),
        "{}",
        target.log()
    );
}

#[tokio::test]
async fn a_jump_host_that_does_not_get_there_is_named() {
    let closed = Sshd::start_with(&["ed25519"], "AllowTcpForwarding no");
    let target = Sshd::start();
    let error = through(&[&closed, &target]).await.unwrap_err();
    assert_eq!(error.code(), Code::Host);
    let text = format!("{} {:?}", error.message(), error.hints());
    assert!(text.contains("through `vm-clws-test-web-0`"), "{text}");
    assert!(text.contains("AllowTcpForwarding"), "{text}");

    let (jump, gone) = (Sshd::start(), Sshd::start());
    let way = [
        hop("bastion", &jump, &jump.host_key_lines),
        hop("web", &gone, &gone.host_key_lines),
    ];
    gone.kill_listener();
    let error = connect_through(&way, &Limits::default()).await.unwrap_err();
    assert!(
        error.message().contains("it gets no answer there"),
        "{}",
        error.message()
    );
}

#[tokio::test]
async fn a_key_that_was_taken_back_is_refused() {
    let server = Sshd::start_with(&["ed25519", "ecdsa-256"], "");
    let keys = &server.host_key_lines;
    let both = known_by(&server, keys);
    let error = both.clone().without(keys).unwrap_err();
    assert!(
        matches!(error, SshError::HostKeyRevoked { .. }),
        "{error:?}"
    );
    assert_eq!(error.code(), Code::HostKey);
    assert!(error.notes().join(" ").contains(&fingerprint(&keys[0])));
    // The other one is what is asked for then.
    let host = both.without([&keys[0]]).unwrap();
    let logins = [login(&server)];
    let session = clws::channel::ssh::connect(&host, &logins, &Limits::default()).await;
    drop(session.unwrap());
    let log = server.log();
    assert!(
        log.contains("kex: host key algorithm: ecdsa-sha2-nistp256"),
        "{log}"
    );
}

#[tokio::test]
async fn a_scan_shows_every_key_and_logs_in_nowhere() {
    let kinds = ["rsa", "ecdsa-256", "ecdsa-521", "ed25519"];
    let server = Sshd::start_with(&kinds, "");
    let shown = scan("web", ("127.0.0.1", server.port), &[], &Limits::default())
        .await
        .unwrap();
    let mut found: Vec<(&str, bool)> = shown
        .iter()
        .map(|key| (key.line.as_str(), key.proved))
        .collect();
    let mut expected: Vec<(&str, bool)> = server
        .host_key_lines
        .iter()
        .map(|line| (line.as_str(), !line.starts_with("ssh-rsa")))
        .collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(
        !server.log().contains("userauth-request"),
        "{}",
        server.log()
    );

    let jump = Sshd::start();
    let before = [hop("bastion", &jump, &jump.host_key_lines)];
    let at = ("127.0.0.1", server.port);
    let through = scan("web", at, &before, &Limits::default()).await.unwrap();
    assert_eq!(through, shown);
    assert!(jump.log().contains("direct-tcpip"), "{}", jump.log());

    // One that signs with the older of the two hashes alone.
    let server = Sshd::start_with(&["rsa"], "HostKeyAlgorithms rsa-sha2-256");
    let shown = scan("web", ("127.0.0.1", server.port), &[], &Limits::default())
        .await
        .unwrap();
    let found: Vec<&str> = shown.iter().map(|key| key.line.as_str()).collect();
    assert_eq!(found, [server.host_key_line()]);

    let error = scan("web", ("127.0.0.1", 1), &[], &Limits::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Host);
}

#[tokio::test]
async fn logins_are_asked_for_when_the_host_has_proved_itself() {
    let server = Sshd::start();
    let (_, other) = server.new_key("other", "ed25519");
    let asked = std::cell::Cell::new(0);
    for (keys, times, code) in [
        (vec![other], 0, Some(Code::HostKey)),
        (server.host_key_lines.clone(), 1, None),
    ] {
        let way = [Hop {
            host: known_by(&server, &keys),
            logins: Box::new(|| {
                asked.set(asked.get() + 1);
                let logins = [Login::Unusable("one".into()), login(&server)];
                Box::pin(async { Ok(logins.map(Arc::new).to_vec()) })
            }),
        }];
        let session = connect_through(&way, &Limits::default()).await;
        assert_eq!(session.err().map(|error| error.code()), code);
        assert_eq!(asked.get(), times);
    }
}

#[tokio::test]
async fn a_host_that_has_keys_of_another_type_alone_is_refused() {
    let server = Sshd::start_with(&["ecdsa-256"], "");
    let (_, other) = server.new_key("other", "ed25519");
    let host = known_by(&server, &[&other]);
    let logins = [login(&server)];
    let error = clws::channel::ssh::connect(&host, &logins, &Limits::default())
        .await
        .unwrap_err();
    assert!(matches!(error, SshError::HostKeyType { .. }), "{error:?}");
    assert_eq!(error.code(), Code::HostKey);
    assert!(
        error.notes()[0].contains("ecdsa-sha2-nistp256"),
        "{:?}",
        error.notes()
    );
    assert!(
        error.hints()[1].contains("clws host scan"),
        "{:?}",
        error.hints()
    );
    assert!(!server.log().contains("userauth-request"));
}
