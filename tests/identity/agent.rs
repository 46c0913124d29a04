//! A signing key may stay in an ssh-agent, and what an agent answers is not trusted.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use clws::crypto::field;
use clws::crypto::sshsig::{Namespace, PublicKey};
use clws::error::{Code, Explain as _};
use clws::identity::{
    AgentError, Bundle, IdentityError, Import, Kept, Nobody, Place, PublicFolder, SigningSource,
    agent_keys, all, create, import,
};

use crate::bundle::ssh_keygen_verifies;
use crate::lab::{Home, Running, name, output, real, wait_until};

/// A real agent on a socket of its own, with one Ed25519 and one RSA key.
fn real_agent(home: &Home) -> (Running, PathBuf) {
    let socket = home.path("agent");
    let mut agent = real("ssh-agent");
    agent.args(["-D", "-a"]).arg(&socket).stdout(Stdio::null());
    let agent = Running(agent.spawn().unwrap());
    wait_until("the agent's socket", || socket.exists());
    for (kind, file) in [("rsa", "rsa"), ("ed25519", "id")] {
        let file = home.path(file);
        let mut make = real("ssh-keygen");
        make.args(["-q", "-t", kind, "-N", "", "-C", "ada@x", "-f"]);
        output(make.arg(&file), b"");
        let mut add = real("ssh-add");
        output(add.arg("-q").arg(&file).env("SSH_AUTH_SOCK", &socket), b"");
        std::fs::remove_file(file).unwrap();
    }
    (agent, socket)
}

#[test]
fn a_key_in_a_real_agent_signs_and_never_leaves_it() {
    let home = Home::new();
    let (agent, socket) = real_agent(&home);
    let home = home.with("SSH_AUTH_SOCK", &socket);
    let world = home.world();
    let keys = agent_keys(&world).unwrap();
    assert_eq!(keys.len(), 1, "RSA does not count: {keys:?}");
    let (key, comment) = &keys[0];
    assert_eq!(comment, "ada@x");
    let listed = output(real("ssh-add").arg("-l").env("SSH_AUTH_SOCK", &socket), b"");
    assert!(
        String::from_utf8(listed)
            .unwrap()
            .contains(&key.fingerprint())
    );

    let fingerprint = key.fingerprint();
    let from = Import {
        age: None,
        signing: Some(SigningSource::Agent(&fingerprint)),
    };
    let bundle = import(&world, &name("ada"), from, Place::File, None, &Nobody).unwrap();
    assert_eq!(bundle.signing_kept(), Some(Kept::Agent));
    assert_eq!(bundle.signing_label(), format!("ssh-agent {fingerprint}"));
    assert_eq!(bundle.verifying_key().unwrap(), Some(key.public()));
    assert!(!home.bundle("ada/signing_key").exists());
    ssh_keygen_verifies(&home, &bundle.signer(&Nobody).unwrap());
    bundle.open_age(&Nobody).unwrap();
    let error = bundle.signing_key_openssh(&Nobody).unwrap_err();
    assert!(
        matches!(error, IdentityError::StaysInAgent { .. }),
        "{error}"
    );

    let from = Import {
        age: None,
        signing: Some(SigningSource::Agent("SHA256:other")),
    };
    let error = import(&world, &name("ben"), from, Place::File, None, &Nobody).unwrap_err();
    assert_eq!(error.notes(), [format!("it holds {fingerprint}")]);

    // Taken out of the agent, the key does not sign; with the agent gone, nothing does.
    output(
        real("ssh-add").arg("-qD").env("SSH_AUTH_SOCK", &socket),
        b"",
    );
    let signer = bundle.signer(&Nobody).unwrap();
    let error = signer.sign(Namespace::Value, b"m").unwrap_err();
    assert!(
        matches!(error, IdentityError::Agent(AgentError::Declined { .. })),
        "{error}"
    );
    assert_eq!(error.code(), Code::NoKey);
    drop(agent);
    let error = signer.sign(Namespace::Value, b"m").unwrap_err();
    assert_eq!(error.code(), Code::Backend, "{error}");

    let error = agent_keys(&Home::new().world()).unwrap_err();
    assert!(matches!(error, AgentError::NoAgent));
}

/// An agent of ours that reads each request and does `answer` with the connection.
fn fake_agent(home: &Home, answer: impl Fn(UnixStream) + Send + 'static) -> PathBuf {
    let socket = home.path("fake");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 4];
            if stream.read_exact(&mut length).is_ok() {
                let mut request = vec![0; u32::from_be_bytes(length) as usize];
                stream.read_exact(&mut request).unwrap();
                answer(stream);
            }
        }
    });
    socket
}

fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    field(&mut message, &[&[kind], body].concat());
    message
}

#[test]
fn an_agent_that_answers_nonsense_is_refused() {
    let mut one_key = 1_u32.to_be_bytes().to_vec();
    field(&mut one_key, PublicKey::from_point([7; 32]).blob());
    let cases: [(&str, Vec<u8>); 9] = [
        ("a length of 4 GiB", vec![0xff; 4]),
        (
            "a length over the limit",
            (256 * 1024 + 1_u32).to_be_bytes().to_vec(),
        ),
        ("an empty message", vec![0; 4]),
        ("an answer to something else", framed(14, &[])),
        ("no count", framed(12, &[0, 0])),
        ("a count of 2^32 - 1 keys", framed(12, &[0xff; 4])),
        ("a key without a comment", framed(12, &one_key)),
        (
            "a comment that does not end",
            framed(12, &[&one_key[..], &[0xff; 4]].concat()),
        ),
        ("half an answer", framed(12, &one_key)[..20].to_vec()),
    ];
    for (what, bytes) in cases {
        let home = Home::new();
        let socket = fake_agent(&home, move |mut stream| drop(stream.write_all(&bytes)));
        let error = agent_keys(&home.with("SSH_AUTH_SOCK", socket).world()).unwrap_err();
        assert_eq!(error.code(), Code::Backend, "{what}: {error}");
    }
}

fn signing_in(home: &Home) -> Bundle {
    create(&home.world(), &name("ada"), Place::File, None).unwrap();
    std::fs::remove_file(home.bundle("ada/signing_key")).unwrap();
    let stub = format!("sign agent {}\n", PublicKey::from_point([7; 32]));
    home.write(".config/clws/identities/ada/where", &stub, 0o600);
    all(&home.world(), None, PublicFolder::Refuse)
        .unwrap()
        .remove(0)
}

#[test]
fn a_signature_that_does_not_verify_is_not_given_out() {
    let signature = |kind: &[u8], bytes: &[u8], tail: &[u8]| {
        let (mut inner, mut outer) = (Vec::new(), Vec::new());
        field(&mut inner, kind);
        field(&mut inner, bytes);
        inner.extend_from_slice(tail);
        field(&mut outer, &inner);
        framed(14, &outer)
    };
    let cases = [
        (signature(b"ssh-ed25519", &[1; 64], b""), Code::Auth),
        (signature(b"ssh-ed25519", &[1; 63], b""), Code::Backend),
        (signature(b"ssh-ed25519", &[1; 69], b""), Code::Backend),
        (signature(b"ssh-ed25519", &[1; 64], b"x"), Code::Backend),
        (signature(b"ssh-rsa", &[1; 64], b""), Code::Backend),
        (framed(14, &[0xff; 4]), Code::Backend),
        (framed(5, &[]), Code::NoKey),
        (framed(99, &[]), Code::Backend),
    ];
    for (answer, code) in cases {
        let home = Home::new();
        let shown = format!("{answer:?}");
        let socket = fake_agent(&home, move |mut stream| drop(stream.write_all(&answer)));
        let home = home.with("SSH_AUTH_SOCK", socket);
        let signer = signing_in(&home).signer(&Nobody).unwrap();
        let error = signer.sign(Namespace::Value, b"m").unwrap_err();
        assert_eq!(error.code(), code, "{shown}: {error}");
    }
}

#[test]
fn an_agent_that_says_nothing_or_dribbles_is_left_within_seconds() {
    // One that trickles a byte a second must win no more time than one that is silent.
    let home = Home::new();
    let dribble = fake_agent(&home, |mut stream| {
        for byte in framed(12, &[0; 1000]) {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    // One whose queue is full does not even accept.
    let full = home.path("full");
    let listener = UnixListener::bind(&full).unwrap();
    let queue: Vec<_> = std::iter::from_fn(|| connect_at_once(&full)).collect();
    for socket in [dribble, full] {
        let started = Instant::now();
        let world = Home::new().with("SSH_AUTH_SOCK", &socket).world();
        let error = agent_keys(&world).unwrap_err();
        assert!(matches!(error, AgentError::Silent { .. }), "{error}");
        assert!(
            started.elapsed() < Duration::from_secs(8),
            "{:?}",
            started.elapsed()
        );
    }
    drop((queue, listener));
}

/// Connects, or gives up at once when the queue is full.
fn connect_at_once(socket: &Path) -> Option<std::os::fd::OwnedFd> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    let flags = SocketFlags::NONBLOCK;
    let new = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    let new = new.unwrap();
    let address = SocketAddrUnix::new(socket).unwrap();
    rustix::net::connect(&new, &address).ok().map(|()| new)
}
