//! An SSH host proves who it is, and then we prove who we are.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use clws::channel::ssh::{KnownHost, Limits, Login, SshError, connect};
use clws::error::{Code, Explain as _};
use clws::secret::Plain;

use crate::channel::soon;
use crate::sshd::Sshd;
use crate::{known_by, login, open, session};

pub(crate) fn key(pem: &[u8]) -> Login {
    Login::Key(Plain::new(pem.to_vec()))
}

/// SHA-256 fingerprint, from OpenSSH.
pub(crate) fn fingerprint(line: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pub");
    fs::write(&file, line).unwrap();
    let mut command = std::process::Command::new("ssh-keygen");
    let output = command.arg("-lf").arg(&file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn an_unknown_host_key_is_refused_before_anything_is_said() {
    let server = Sshd::start();
    let (_, other) = server.new_key("other", "ed25519");
    let host = known_by(&server, &[&other]);
    let error = connect(&host, &[login(&server)], &Limits::default())
        .await
        .unwrap_err();

    assert!(
        matches!(error, SshError::HostKeyChanged { .. }),
        "{error:?}"
    );
    assert_eq!(error.code(), Code::HostKey);
    assert!(
        error.to_string().contains("`vm-clws-test-web-0`"),
        "{error}"
    );
    let notes = error.notes().join("\n");
    assert!(
        notes.contains(&fingerprint(server.host_key_line())),
        "{notes}"
    );
    assert!(notes.contains(&fingerprint(&other)), "{notes}");
    let hints = error.hints().join("\n");
    assert!(
        hints.contains("clws host scan vm-clws-test-web-0"),
        "{hints}"
    );
    assert!(hints.contains("ask an administrator"), "{hints}");

    soon("the server saw the end", || {
        server.log().contains("Connection closed by")
    })
    .await;
    let log = server.log();
    assert!(log.contains("kex: algorithm: ecdh-sha2-nistp256"), "{log}");
    for word in ["userauth-request", "publickey", "Accepted", "Failed"] {
        assert!(!log.contains(word), "`{word}` in {log}");
    }
}

#[tokio::test]
async fn a_key_that_was_revoked_is_told_from_an_unknown_one() {
    let server = Sshd::start();
    let (_, other) = server.new_key("other", "ed25519");
    let host = known_by(&server, &[other.as_str(), server.host_key_line()]);
    let host = host.without([server.host_key_line()]).unwrap();
    let error = connect(&host, &[login(&server)], &Limits::default())
        .await
        .unwrap_err();
    assert!(
        matches!(error, SshError::HostKeyRevoked { .. }),
        "{error:?}"
    );
    assert_eq!(error.code(), Code::HostKey);
}

#[tokio::test]
async fn each_algorithm_on_record_is_the_one_that_is_asked_for() {
    let kinds = ["rsa", "ecdsa-256", "ecdsa-384", "ecdsa-521", "ed25519"];
    let server = Sshd::start_with(&kinds, "");
    for line in &server.host_key_lines[1..] {
        let host = known_by(&server, &[line]);
        let session = connect(&host, &[login(&server)], &Limits::default())
            .await
            .unwrap();
        drop(session);
        let kind = line.split(' ').next().unwrap();
        let log = server.log();
        let agreed = log.rfind("kex: host key algorithm: ").unwrap();
        let agreed = log[agreed..].lines().next().unwrap();
        assert!(agreed.contains(kind), "{agreed}");
    }
    // With all of them on record, RSA included, one of the others is shown.
    let session = session(&server, &[login(&server)]).await.unwrap();
    drop(session);
}

#[tokio::test]
async fn a_host_that_has_rsa_alone_is_told_how_to_get_another() {
    let server = Sshd::start_with(&["rsa"], "");
    let (_, other) = server.new_key("other", "ed25519");
    let host = known_by(&server, &[&other]);
    let error = connect(&host, &[login(&server)], &Limits::default())
        .await
        .unwrap_err();
    assert!(matches!(error, SshError::HostKeyType { .. }), "{error:?}");
    assert_eq!(error.code(), Code::HostKey);
    assert!(
        error.notes()[0].contains("rsa-sha2-512"),
        "{:?}",
        error.notes()
    );
    let hints = error.hints().join("\n");
    assert!(hints.contains("ask an administrator"), "{hints}");
    assert!(hints.contains("ssh-keygen -A"), "{hints}");

    let port = server.port;
    let keys = &server.host_key_lines;
    let error = KnownHost::new("web", "127.0.0.1", port, "ada", keys).unwrap_err();
    assert!(matches!(error, SshError::NoHostKey { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_agreed_on_is_strong_and_not_compressed() {
    let server = Sshd::start_with(&["ed25519"], "Compression yes");
    let session = session(&server, &[login(&server)]).await.unwrap();
    drop(session);
    let log = server.log();
    let both_ways = "cipher: aes256-gcm@openssh.com MAC: <implicit> compression: none";
    assert_eq!(log.matches(both_ways).count(), 2, "{log}");

    for (setting, what) in [
        (
            "KexAlgorithms diffie-hellman-group14-sha256,diffie-hellman-group14-sha1",
            "key exchange",
        ),
        ("Ciphers aes256-cbc,aes128-ctr", "cipher"),
    ] {
        let server = Sshd::start_with(&["ed25519"], setting);
        let error = open(&server).await.unwrap_err();
        assert_eq!(error.code(), Code::Host);
        assert!(error.to_string().contains(what), "{error}");
        let offered = setting.split([' ', ',']).nth(1).unwrap();
        assert!(error.notes()[0].contains(offered), "{:?}", error.notes());
    }
}

#[tokio::test]
async fn a_host_that_has_one_key_exchange_alone_is_reached_by_that() {
    for name in [
        "ecdh-sha2-nistp256",
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
    ] {
        let server = Sshd::start_with(&["ed25519"], &format!("KexAlgorithms {name}"));
        drop(session(&server, &[login(&server)]).await.unwrap());
        let log = server.log();
        assert!(log.contains(&format!("kex: algorithm: {name}")), "{log}");
    }
}

/// What the policy `FIPS` of RHEL 9 leaves a server, in the order that it writes.
#[tokio::test]
async fn a_host_in_fips_mode_is_reached_with_a_key_that_it_takes() {
    let policy = "Ciphers aes256-gcm@openssh.com,aes256-ctr,aes128-gcm@openssh.com,aes128-ctr\n\
        MACs hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512\n\
        KexAlgorithms ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,\
        diffie-hellman-group16-sha512,diffie-hellman-group14-sha256\n\
        HostKeyAlgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-256,rsa-sha2-512\n\
        PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-256,rsa-sha2-512";
    let server = Sshd::start_with(&["ecdsa-256", "rsa"], policy);
    for kind in ["ecdsa-256", "ecdsa-384", "rsa-3072"] {
        let (pem, line) = server.new_key(kind, kind);
        server.authorize(&line);
        drop(session(&server, &[key(&pem)]).await.unwrap());
    }
    let (pem, line) = server.new_key("ed25519", "ed25519");
    server.authorize(&line);
    let error = session(&server, &[key(&pem)]).await.unwrap_err();
    assert!(error.notes()[0].contains("ssh-ed25519"), "{error:?}");
}

#[tokio::test]
async fn a_refused_key_is_named_with_what_to_do() {
    let server = Sshd::start();
    let (pem, line) = server.new_key("stranger", "ed25519");
    let error = session(&server, &[key(&pem)]).await.unwrap_err();
    assert_eq!(error.code(), Code::Host);
    let message = error.to_string();
    assert!(message.contains("`vm-clws-test-web-0`"), "{message}");
    assert!(message.contains(&format!("`{}`", server.user)), "{message}");
    assert_eq!(
        error.notes(),
        [
            format!("tried ssh-ed25519 {}", fingerprint(&line)),
            "it takes publickey".to_owned()
        ]
    );
    let hint = format!(
        "ssh-copy-id -p {} -i KEY.pub {}@127.0.0.1",
        server.port, server.user
    );
    assert!(error.hints()[0].contains(&hint), "{:?}", error.hints());
    // `ssh` itself tries ~/.ssh/id_ed25519 unasked.
    let own = "name it in ~/.ssh/config: `Host vm-clws-test-web-0`";
    assert!(error.hints()[1].contains(own), "{:?}", error.hints());

    let error = session(&server, &[]).await.unwrap_err();
    assert!(error.hints()[1].contains(own), "{:?}", error.hints());
    assert!(
        error.hints()[0].contains("ssh-agent"),
        "{:?}",
        error.hints()
    );
}

#[tokio::test]
async fn keys_are_tried_in_turn_and_five_at_most() {
    let server = Sshd::start();
    let mut logins: Vec<_> = (0..4)
        .map(|n| key(&server.new_key(&format!("stranger{n}"), "ed25519").0))
        .collect();
    // What cannot be used costs no attempt.
    logins.push(key(b"no key at all"));
    logins.push(Login::Agent(PathBuf::from("/nowhere/agent")));
    logins.push(key(&server.new_key("old", "rsa-1024").0));
    logins.push(Login::Unusable("a file that others can read".to_owned()));
    logins.push(login(&server));
    // Nor does a key that was shown before.
    let again = server.new_key("again", "ed25519").0;
    logins.splice(0..1, (0..3).map(|_| key(&again)));
    drop(session(&server, &logins).await.unwrap());

    let (ecdsa, line) = server.new_key("stranger", "ecdsa-256");
    logins.insert(0, key(&ecdsa));
    let error = session(&server, &logins).await.unwrap_err();
    let notes = error.notes().join("\n");
    for part in [
        &fingerprint(&line),
        "no OpenSSH private key",
        "ssh-agent that does not answer",
        "an RSA key of 2048 to 4096 bits is wanted",
        "a file that others can read",
        "left out after 5 others",
    ] {
        assert!(notes.contains(part), "`{part}` is not in {notes}");
    }
}

#[tokio::test]
async fn a_key_with_a_passphrase_is_named_and_not_asked_for() {
    let server = Sshd::start();
    let file = server.login_key_file.with_file_name("locked");
    fs::copy(&server.login_key_file, &file).unwrap();
    let mut command = std::process::Command::new("ssh-keygen");
    command
        .args(["-q", "-p", "-P", "", "-N", "passphrase", "-f"])
        .arg(&file);
    assert!(command.status().unwrap().success());
    let error = session(&server, &[key(&fs::read(&file).unwrap())])
        .await
        .unwrap_err();
    assert!(
        error.notes()[0].contains("has a passphrase"),
        "{:?}",
        error.notes()
    );
}

/// An agent of the test's own; it ends when dropped.
pub(crate) struct Agent(Child, pub(crate) PathBuf);

impl Agent {
    pub(crate) fn start(server: &Sshd, keys: &[&str]) -> Self {
        let socket = server.folder().join("agent");
        let child = std::process::Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let agent = Self(child, socket);
        let until = Instant::now() + Duration::from_secs(10);
        while std::os::unix::net::UnixStream::connect(&agent.1).is_err() {
            assert!(Instant::now() < until, "ssh-agent does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        for key in keys {
            let mut command = std::process::Command::new("ssh-add");
            command
                .arg("-q")
                .arg(server.folder().join(key))
                .env("SSH_AUTH_SOCK", &agent.1);
            assert!(command.status().unwrap().success(), "{key}");
        }
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _killed = self.0.kill();
        let _waited = self.0.wait();
    }
}

#[tokio::test]
async fn an_agents_keys_log_in_rsa_included() {
    let server = Sshd::start();
    let (_, stranger) = server.new_key("stranger", "ed25519");
    let (_, rsa) = server.new_key("rsa", "rsa");
    let agent = Agent::start(&server, &["stranger"]);
    let logins = [Login::Agent(agent.1.clone())];
    let error = session(&server, &logins).await.unwrap_err();
    assert!(
        error.notes()[0].contains(&fingerprint(&stranger)),
        "{:?}",
        error.notes()
    );
    drop(agent);

    fs::remove_file(server.folder().join("agent")).unwrap_or_default();
    let agent = Agent::start(&server, &["stranger", "rsa"]);
    let allowed = server.folder().join("authorized_keys");
    let before = fs::read_to_string(&allowed).unwrap();
    fs::write(&allowed, format!("{before}{rsa}\n")).unwrap();
    drop(
        session(&server, &[Login::Agent(agent.1.clone())])
            .await
            .unwrap(),
    );
    assert!(server.log().contains(&format!("RSA {}", fingerprint(&rsa))));
}
