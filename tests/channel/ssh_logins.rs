//! Keys and certificates that people have log in, and weak ones do not.

use std::fs;
use std::process::Command;

use clws::channel::ssh::Login;
use clws::error::Explain as _;
use clws::secret::Plain;

use crate::ssh_trust::{Agent, fingerprint, key};
use crate::sshd::Sshd;
use crate::{login, session};

#[tokio::test]
async fn rsa_keys_log_in_with_sha_2() {
    let server = Sshd::start();
    for kind in ["rsa-2048", "rsa-3072", "rsa-4096"] {
        let (pem, line) = server.new_key(kind, kind);
        server.authorize(&line);
        drop(session(&server, &[key(&pem)]).await.unwrap());
        let log = server.log();
        assert!(
            log.contains(&format!("RSA {}", fingerprint(&line))),
            "{log}"
        );
    }
    // Nothing is ever signed with SHA-1.
    let server = Sshd::start_with(&["ed25519"], "PubkeyAcceptedAlgorithms ssh-rsa");
    let (pem, line) = server.new_key("rsa", "rsa");
    server.authorize(&line);
    session(&server, &[key(&pem)]).await.unwrap_err();
}

#[tokio::test]
async fn dsa_and_short_rsa_keys_are_named_and_not_used() {
    let server = Sshd::start_with(&["ed25519"], "PubkeyAcceptedAlgorithms +ssh-dss");
    let mut weak = Vec::new();
    for (kind, why) in [("dsa", "DSA is broken"), ("rsa-1024", "2048 to 4096 bits")] {
        let (pem, line) = server.new_key(kind, kind);
        server.authorize(&line);
        let error = session(&server, &[key(&pem)]).await.unwrap_err();
        let notes = error.notes().join("\n");
        assert!(notes.contains(why), "{notes}");
        assert!(notes.contains(&fingerprint(&line)), "{notes}");
        weak.push(fingerprint(&line));
    }
    let agent = Agent::start(&server, &["dsa"]);
    session(&server, &[Login::Agent(agent.1.clone())])
        .await
        .unwrap_err();
    // What is shown to a server stands in its log, as above.
    let log = server.log();
    assert!(!weak.iter().any(|key| log.contains(key)), "{log}");
}

/// A server that believes a certificate authority alone, and how to certify a key for its user.
fn certified(kind: &str) -> (Sshd, Plain, String) {
    let ca = tempfile::tempdir().unwrap();
    let keygen = |words: &[&str]| {
        let mut command = Command::new("ssh-keygen");
        let done = command.arg("-q").args(words).output().unwrap();
        assert!(done.status.success(), "{words:?}: {done:?}");
    };
    let path = ca.path().join("ca");
    let ca_key = path.to_str().unwrap();
    keygen(&["-N", "", "-t", "ed25519", "-f", ca_key]);
    let configuration = format!("TrustedUserCAKeys {ca_key}.pub\nAuthorizedKeysFile none");
    let server = Sshd::start_with(&["ed25519"], &configuration);
    let (pem, _) = server.new_key("user", kind);
    let public = server.folder().join("user.pub");
    let (user, public) = (server.user.clone(), public.to_str().unwrap().to_owned());
    keygen(&[
        "-s",
        ca_key,
        "-I",
        "of the test",
        "-n",
        &user,
        "-V",
        "+1h",
        &public,
    ]);
    let certificate = fs::read_to_string(server.folder().join("user-cert.pub")).unwrap();
    // The server reads the file when somebody logs in.
    std::mem::forget(ca);
    (server, Plain::new(pem), certificate)
}

#[tokio::test]
async fn a_certificate_beside_a_key_logs_in() {
    for kind in ["ed25519", "ecdsa-256", "rsa-2048"] {
        let (server, pem, certificate) = certified(kind);
        let plain = pem.with(|pem| key(pem));
        session(&server, &[plain]).await.unwrap_err();
        let login = Login::Certified(pem, vec![certificate]);
        drop(session(&server, &[login]).await.unwrap());
        let log = server.log();
        assert!(
            log.contains("Accepted publickey") && log.contains("of the test"),
            "{log}"
        );
    }
}

#[tokio::test]
async fn a_certificate_of_another_key_is_named() {
    let (server, _, certificate) = certified("ed25519");
    let (other, _) = server.new_key("other", "ed25519");
    let login = Login::Certified(Plain::new(other), vec![certificate]);
    let error = session(&server, &[login]).await.unwrap_err();
    let notes = error.notes().join("\n");
    assert!(notes.contains("is another key's"), "{notes}");
}

#[tokio::test]
async fn a_key_that_was_made_for_its_certificate_is_not_shown_alone() {
    let (issuing, pem, certificate) = certified("ed25519");
    let line = fs::read_to_string(issuing.folder().join("user.pub")).unwrap();
    // A server that knows the key, and not who certified it.
    let server = Sshd::start();
    server.authorize(line.trim());
    drop(session(&server, &[pem.with(|pem| key(pem))]).await.unwrap());
    let alone = Login::Signed(pem, certificate);
    let error = session(&server, &[alone]).await.unwrap_err();
    let notes = error.notes();
    assert!(notes[0].starts_with("tried certificate of "), "{notes:?}");
    assert!(!notes.iter().skip(1).any(|note| note.starts_with("tried ")));
}

#[tokio::test]
async fn a_host_that_asks_for_a_second_proof_is_told_as_one() {
    let more = "PasswordAuthentication yes\nAuthenticationMethods publickey,password";
    let server = Sshd::start_with(&["ed25519"], more);
    let error = session(&server, &[login(&server)]).await.unwrap_err();
    let notes = error.notes().join("\n");
    assert!(
        notes.contains(": taken, but a second proof is asked for\nit takes password"),
        "{notes}"
    );
}

#[tokio::test]
async fn an_agents_certificates_log_in() {
    let (server, _, _) = certified("ed25519");
    // ssh-add takes the certificate that lies beside the key along.
    let agent = Agent::start(&server, &["user"]);
    drop(
        session(&server, &[Login::Agent(agent.1.clone())])
            .await
            .unwrap(),
    );
}

#[tokio::test]
async fn one_key_of_an_agent_is_found_behind_many_others() {
    let server = Sshd::start();
    let names: Vec<String> = (0..7).map(|n| format!("stranger{n}")).collect();
    for name in &names {
        server.new_key(name, "ed25519");
    }
    let mut keys: Vec<&str> = names.iter().map(String::as_str).collect();
    keys.push("login");
    let agent = Agent::start(&server, &keys);
    let all = Login::Agent(agent.1.clone());
    let error = session(&server, &[all]).await.unwrap_err();
    assert!(error.notes().join("\n").contains("left out after 5 others"));
    let line = fs::read_to_string(server.folder().join("login.pub")).unwrap();
    let one = Login::AgentKey(agent.1.clone(), line);
    drop(session(&server, &[one]).await.unwrap());
}
