//! A daemon is a peer like any other: it may be absent, hang, flood, or send what draws on a
//! terminal.
//!
//! The hostile ones here are a listener on a unix socket that says what the test tells it to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clws::docker::{Clocks, DockerError, Ended, Engine};
use clws::error::{Code, Error, Explain as _};
use clws::secret::Plain;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use crate::docker_image::Component;
use crate::lab::{answer, shell};

pub(crate) const SHORT: Clocks = Clocks {
    first: Duration::from_millis(500),
    answer: Duration::from_millis(500),
    grace: Duration::ZERO,
};

/// A listener that answers the version's question well, and everything else as `rest` says: it is
/// given the request's head and the stream.
pub(crate) struct Stranger {
    folder: tempfile::TempDir,
}

impl Stranger {
    pub(crate) fn new<A>(rest: impl Fn(String, UnixStream) -> A + Send + Sync + 'static) -> Self
    where
        A: Future<Output = ()> + Send + 'static,
    {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        let rest = Arc::new(rest);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let rest = Arc::clone(&rest);
                tokio::spawn(async move {
                    let head = head(&mut stream).await;
                    if head.starts_with("GET /_ping ") {
                        pong(&mut stream, "1.41").await;
                    } else {
                        rest(head, stream).await;
                    }
                });
            }
        });
        Self { folder }
    }

    pub(crate) async fn engine(&self) -> Result<Engine, DockerError> {
        self.engine_with(SHORT).await
    }

    pub(crate) async fn engine_with(&self, clocks: Clocks) -> Result<Engine, DockerError> {
        let socket = self.folder.path().join("socket");
        Engine::over("a stranger", clocks, move || {
            UnixStream::connect(socket.clone())
        })
        .await
    }
}

pub(crate) async fn head(stream: &mut UnixStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

pub(crate) async fn reply(stream: &mut UnixStream, status: &str, body: &str) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\n");
    let answer = format!("{head}Content-Length: {length}\r\n\r\n{body}");
    let _sent = stream.write_all(answer.as_bytes()).await;
}

/// The answer to a ping by a daemon that speaks this version.
async fn pong(stream: &mut UnixStream, version: &str) {
    let answer =
        format!("HTTP/1.1 200 OK\r\nApi-Version: {version}\r\nContent-Length: 2\r\n\r\nOK");
    let _sent = stream.write_all(answer.as_bytes()).await;
}

#[tokio::test]
async fn no_socket_is_told_with_the_way_to_start_a_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let error = Engine::connect(Some(&socket)).await.unwrap_err();
    assert!(
        matches!(error, DockerError::NoDaemon { denied: false, .. }),
        "{error:?}"
    );
    assert_eq!(error.code(), Code::Backend);
    assert!(error.hints()[0].contains("systemctl start docker"));
    // A socket that nobody listens on any more.
    drop(UnixListener::bind(&socket).unwrap());
    let error = Engine::connect(Some(&socket)).await.unwrap_err();
    assert!(matches!(error, DockerError::NoDaemon { .. }), "{error:?}");
}

#[tokio::test]
async fn a_daemon_that_never_answers_is_given_up_and_its_connection_closed() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let closed = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_to_end(&mut Vec::new()).await
    });
    let begun = Instant::now();
    let open = move || UnixStream::connect(socket.clone());
    let error = Engine::over("a mute one", SHORT, open).await.unwrap_err();
    assert!(matches!(error, DockerError::Silent { .. }), "{error:?}");
    assert_eq!(error.code(), Code::Backend);
    assert!(begun.elapsed() < Duration::from_secs(5));
    let ended = tokio::time::timeout(Duration::from_secs(5), closed).await;
    assert!(ended.is_ok(), "the connection stayed open");
}

#[tokio::test]
async fn one_that_hangs_later_or_half_way_is_given_up_in_every_call() {
    let half = Arc::new(AtomicBool::new(false));
    let cut = Arc::clone(&half);
    let stranger = Stranger::new(move |head, mut stream| {
        let half = cut.load(Ordering::Relaxed);
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        async move {
            if !path.starts_with("/v1.41/") || path.starts_with("/v1.41/v") {
                return;
            }
            if half {
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"Id\":";
                let _sent = stream.write_all(head).await;
            }
            // Holds the connection for as long as the other side does.
            let _rest = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    let engine = stranger.engine().await.unwrap();
    let words = ["true".to_owned()];
    let short = Duration::from_millis(500);
    for halfway in [false, true] {
        half.store(halfway, Ordering::Relaxed);
        let errors = [
            engine.find("some").await.map(drop).unwrap_err(),
            engine.image("some").await.map(drop).unwrap_err(),
            engine.traits().await.map(drop).unwrap_err(),
            engine.recover("some", "").await.unwrap_err(),
            engine.logs_tail("some", 1, 1).await.map(drop).unwrap_err(),
            engine
                .exec_probe("some", &words, None, short)
                .await
                .map(drop)
                .unwrap_err(),
            engine.ensure_network("some", "0f").await.unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, DockerError::Silent { .. }), "{error:?}");
        }
    }
}

#[tokio::test]
async fn its_words_cannot_draw_on_a_terminal_or_fill_it() {
    let stranger = Stranger::new(|_, mut stream| async move {
        let words = format!("\\u001b[2J\\u202egone\\r\\n{}", "x".repeat(100_000));
        let body = format!("{{\"message\":\"{words}\"}}");
        reply(&mut stream, "500 No", &body).await;
    });
    let engine = stranger.engine().await.unwrap();
    let error = engine.find("some").await.unwrap_err();
    assert_eq!(error.code(), Code::Remote);
    let shown = format!("{:?}", Error::from(error));
    assert!(shown.contains("\\u{1b}[2J\\u{202e}gone"), "{shown}");
    assert!(shown.len() < 1500 && !shown.contains(['\u{1b}', '\u{202e}', '\r']));
}

#[tokio::test]
async fn it_cannot_fill_memory_with_an_answer_or_an_announced_frame() {
    let stranger = Stranger::new(|head, mut stream| async move {
        let _sent = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        if head.contains("/logs") {
            // One frame of 4 GiB on standard output.
            let _sent = stream.write_all(&[1, 0, 0, 0, 255, 255, 255, 255]).await;
        }
        let chunk = vec![b' '; 1 << 20];
        while stream.write_all(&chunk).await.is_ok() {}
    });
    let socket = stranger.folder.path().join("socket");
    let patient = Clocks {
        answer: Duration::from_secs(60),
        ..SHORT
    };
    let open = move || UnixStream::connect(socket.clone());
    let engine = Engine::over("a flood", patient, open).await.unwrap();
    let error = engine.find("some").await.unwrap_err();
    assert!(matches!(error, DockerError::TooMuch { .. }), "{error:?}");
    // bollard keeps only the words of a failed read here, so that the limit is not named.
    let error = engine.logs_tail("some", 1, 1000).await.unwrap_err();
    assert!(matches!(error, DockerError::Broken { .. }), "{error:?}");
}

#[tokio::test]
async fn nonsense_is_an_error_and_never_a_panic() {
    for nonsense in ["", "null", "[]", "{\"State\":7}", "{\"Id\":", "\u{1b}[2J"] {
        let stranger = Stranger::new(move |_, mut stream| async move {
            reply(&mut stream, "200 OK", nonsense).await;
        });
        let engine = stranger.engine().await.unwrap();
        let error = engine.find("some").await.unwrap_err();
        assert_eq!(error.code(), Code::Backend, "{nonsense} {error}");
        assert!(!error.to_string().contains('\u{1b}'));
        assert!(engine.image("some").await.is_err());
        // A list of none is what it says.
        let recovered = engine.recover("some", "").await;
        assert_eq!(recovered.is_ok(), nonsense == "[]", "{nonsense}");
    }
}

/// Speaks to a daemon whose ping says `ping`, if anything, and whose answer about its version is `version`; that it
/// spoke, or what is said of it, and how often the version was asked for.
async fn spoken(ping: Option<&'static str>, version: &'static str) -> (Result<(), String>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = head(&mut stream).await;
            match ping.filter(|_| head.starts_with("GET /_ping ")) {
                Some(ping) => pong(&mut stream, ping).await,
                None if head.starts_with("GET /version ") => {
                    counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    reply(&mut stream, "200 OK", version).await;
                }
                None => reply(&mut stream, "200 OK", "OK").await,
            }
        }
    });
    let socket = folder.path().join("socket");
    let open = move || UnixStream::connect(socket.clone());
    let engine = Engine::over("a stranger", SHORT, open).await;
    let error = engine.map(drop).map_err(|error| {
        assert!(
            matches!(error, DockerError::NoCommonVersion { .. }),
            "{error:?}"
        );
        assert_eq!(error.code(), clws::error::Code::Backend);
        error.to_string()
    });
    (error, asked.load(std::sync::atomic::Ordering::Relaxed))
}

#[tokio::test]
async fn a_daemon_too_old_or_too_new_is_refused_and_no_other_is_asked_what_its_ping_says() {
    let of = |versions: &str| {
        Err(format!(
            "the Docker daemon at a stranger speaks API {versions}"
        ))
    };
    let said = |ping, version| async move {
        let (spoken, asked) = spoken(ping, version).await;
        let short = spoken.map_err(|said| {
            said.split(", and clws speaks 1.41 to 1.5")
                .next()
                .unwrap_or_default()
                .to_owned()
        });
        (short, asked)
    };
    let new = r#"{"ApiVersion":"1.99","MinAPIVersion":"1.44"}"#;
    let beyond = r#"{"ApiVersion":"1.99","MinAPIVersion":"1.90"}"#;
    let old = r#"{"ApiVersion":"1.24"}"#;
    assert_eq!(said(Some("1.41"), "").await, (Ok(()), 0));
    assert_eq!(said(Some("1.24"), "").await, (of("1.24"), 0));
    assert_eq!(said(Some("1.99"), new).await, (Ok(()), 1));
    assert_eq!(said(Some("1.99"), beyond).await, (of("1.90 to 1.99"), 1));
    assert_eq!(said(None, new).await, (Ok(()), 1));
    assert_eq!(said(None, old).await, (of("1.24"), 1));
}

/// As through an SSH connection: the stream is no socket of this process.
#[tokio::test]
async fn any_stream_that_leads_to_the_daemon_will_do() {
    crate::docker_image::needs_daemon();
    let open = || async {
        let (near, mut far) = tokio::io::duplex(4096);
        let mut socket = UnixStream::connect("/var/run/docker.sock").await?;
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut far, &mut socket).await });
        Ok(near)
    };
    let engine = Engine::over("a tunnel", Clocks::default(), open)
        .await
        .unwrap();
    let component = Component::new("tunnel");
    let container = shell(&component, "sha256sum; exit 2");
    let stdin = Plain::from("through it");
    let within = Duration::from_secs(20);
    let ran = engine
        .one_off(&container, Some(&stdin), within)
        .await
        .unwrap();
    assert_eq!(ran.ended, Ended::Code(2));
    let output = String::from_utf8(ran.output).unwrap();
    assert!(output.starts_with(&answer("through it", "")), "{output}");
}
