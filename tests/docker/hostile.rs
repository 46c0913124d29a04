//! A hostile daemon in every call: endless answers, slow bytes, broken chunks, words that draw on a
//! terminal or echo a password. Each ends in its time with its code, and memory stays small.

use std::time::Duration;

use clws::docker::{DockerError, Engine, Login};
use clws::error::{Code, Error, Explain as _};
use clws::secret::Plain;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::daemon::{SHORT, Stranger, reply};

/// The most memory that this process had so far, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.unwrap().split_whitespace().nth(1).unwrap();
    number.parse().unwrap()
}

const MOST: u64 = 128 << 10;

/// Every call that reads an answer, by name with what became of it.
async fn every_call(engine: &Engine) -> Vec<(&'static str, DockerError)> {
    let words = ["true".to_owned()];
    let within = Duration::from_secs(5);
    let calls = [
        ("find", engine.find("some").await.map(drop)),
        ("image", engine.image("some").await.map(drop)),
        ("pull", engine.pull("some", None, within).await),
        ("traits", engine.traits().await.map(drop)),
        ("recover", engine.recover("some", "").await),
        ("network", engine.ensure_network("some", "0f").await),
        ("logs", engine.logs_tail("some", 9, 999).await.map(drop)),
        (
            "exec",
            engine
                .exec_probe("some", &words, None, within)
                .await
                .map(drop),
        ),
    ];
    let failed = calls.into_iter();
    failed
        .map(|(name, done)| (name, done.expect_err(name)))
        .collect()
}

#[tokio::test]
async fn endless_json_is_cut_and_takes_no_memory() {
    let stranger = Stranger::new(|head, mut stream| async move {
        let _sent = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        if head.contains("/logs") {
            // One frame of 4 GiB on standard output.
            let _sent = stream.write_all(&[1, 0, 0, 0, 255, 255, 255, 255]).await;
        }
        // A report has lines; anything else is one text that never ends.
        let piece: &[u8] = if head.contains("/images/create") {
            b"{\"status\":\"Pulling\"}\r\n"
        } else {
            b"{\"a\":[1,2,3]},"
        };
        let chunk = piece.repeat(10_000);
        while stream.write_all(&chunk).await.is_ok() {}
    });
    let clocks = clws::docker::Clocks {
        // Either it or the limit of a connection ends a call, whichever is first on this machine.
        answer: Duration::from_secs(10),
        ..SHORT
    };
    let engine = stranger.engine_with(clocks).await.unwrap();
    for (name, error) in every_call(&engine).await {
        assert_eq!(error.code(), Code::Backend, "{name}: {error}");
    }
    assert!(peak() < MOST, "{} KiB", peak());
}

#[tokio::test]
async fn one_line_that_never_ends_is_no_report() {
    let stranger = Stranger::new(|_, mut stream| async move {
        let _sent = stream
            .write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"status\":\"")
            .await;
        let chunk = vec![b'x'; 1 << 20];
        while stream.write_all(&chunk).await.is_ok() {}
    });
    let engine = stranger.engine().await.unwrap();
    let error = engine.pull("some", None, Duration::from_secs(60)).await;
    let error = error.unwrap_err();
    assert!(matches!(error, DockerError::Broken { .. }), "{error:?}");
    assert!(error.to_string().contains("more than 64 KiB"), "{error}");
}

#[tokio::test]
async fn slow_bytes_run_into_the_clock_in_every_call() {
    let stranger = Stranger::new(|_, mut stream| async move {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let _sent = stream.write_all(head).await;
        while stream.write_all(b"1\r\n{\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let engine = stranger.engine().await.unwrap();
    for (name, error) in every_call(&engine).await {
        assert!(
            matches!(error, DockerError::Silent { .. }),
            "{name}: {error:?}"
        );
    }
}

#[tokio::test]
async fn broken_chunks_and_heads_are_errors() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n0\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
        b"HTTP/9.9 200\r\n\r\n",
        b"\x1b[2J\x00\xff",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ] {
        let stranger = Stranger::new(move |_, mut stream| async move {
            let _sent = stream.write_all(answer).await;
        });
        let engine = stranger.engine().await.unwrap();
        for (name, error) in every_call(&engine).await {
            let shown = format!("{:?}", Error::from(error));
            assert!(!shown.contains('\u{1b}'), "{name}: {shown}");
        }
    }
    let endless_head = Stranger::new(|_, mut stream| async move {
        let _sent = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream
            .write_all(&b"X-More: xxxxxxxx\r\n".repeat(1000))
            .await
            .is_ok()
        {}
    });
    let engine = endless_head.engine().await.unwrap();
    for (name, error) in every_call(&engine).await {
        assert_eq!(error.code(), Code::Backend, "{name}: {error}");
    }
    assert!(peak() < MOST, "{} KiB", peak());
}

#[tokio::test]
async fn a_pull_says_what_the_registry_said_and_not_what_it_was_given() {
    let stranger = Stranger::new(|head, mut stream| async move {
        use base64::Engine as _;
        let lower = head.to_ascii_lowercase();
        let at = lower.find("x-registry-auth: ").unwrap() + "x-registry-auth: ".len();
        let header = head[at..].lines().next().unwrap();
        let json = base64::engine::general_purpose::URL_SAFE
            .decode(header)
            .unwrap();
        let told = String::from_utf8(json).unwrap();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let words = format!(
            "\u{1b}[2Jno, {} with {}",
            told["username"], told["password"]
        );
        let line = serde_json::json!({"errorDetail": {"message": words}, "error": words});
        reply(
            &mut stream,
            "200 OK",
            &format!("{{\"status\":\"x\"}}\r\n{line}\r\n"),
        )
        .await;
    });
    let engine = stranger.engine().await.unwrap();
    let login = Login {
        server: "r.example".to_owned(),
        username: Plain::from("somebody-here"),
        password: Plain::from("hunter2-hunter2"),
    };
    let pulled = engine
        .pull("r.example/x:1", Some(&login), Duration::from_secs(5))
        .await;
    let error = pulled.unwrap_err();
    assert_eq!(error.code(), Code::Remote);
    let shown = format!("{:?}", Error::from(error));
    assert!(
        shown.contains("r.example/x:1") && shown.contains("no, "),
        "{shown}"
    );
    for hidden in ["hunter2", "somebody-here", "\u{1b}"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    // The same without a word.
    let mute = Stranger::new(|_, mut stream| async move {
        reply(&mut stream, "500 No", "").await;
    });
    let engine = mute.engine().await.unwrap();
    let error = engine.pull("x:1", None, Duration::from_secs(5)).await;
    assert!(matches!(
        error,
        Err(DockerError::Refused { status: 500, .. })
    ));
    // A pull that fails later has begun with 200, and its last line may have no end.
    let late = Stranger::new(|_, mut stream| async move {
        reply(&mut stream, "200 OK", "{\"error\":\"no such tag\"}").await;
    });
    let engine = late.engine().await.unwrap();
    let within = Duration::from_secs(5);
    let error = engine.pull("x:1", None, within).await.unwrap_err();
    let DockerError::Refused { status, text, .. } = error else {
        panic!("{error}");
    };
    assert_eq!((status, text.as_str()), (500, "no such tag"));
    // What is more than a name is not asked for.
    for name in ["", "x y", "x&repo=y", "x?y", "../x", "-x", "x\r\ny"] {
        let error = engine.pull(name, None, within).await.unwrap_err();
        assert!(
            matches!(error, DockerError::Declaration { .. }),
            "{name}: {error}"
        );
    }
}

#[tokio::test]
async fn a_pull_has_a_clock_for_each_word_and_one_for_all_of_it() {
    let after = |pulled| match pulled {
        Err(DockerError::Silent { after, .. }) => after,
        other => panic!("{other:?}"),
    };
    let mute = Stranger::new(|_, mut stream| async move {
        // For as long as the other side holds it.
        let _rest = stream.read_to_end(&mut Vec::new()).await;
    });
    let engine = mute.engine().await.unwrap();
    let pulled = engine.pull("x:1", None, Duration::from_secs(600)).await;
    assert_eq!(after(pulled), 2 * SHORT.answer);
    let talks = Stranger::new(|_, mut stream| async move {
        let _sent = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(b"{\"status\":\"x\"}\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let engine = talks.engine().await.unwrap();
    let within = Duration::from_secs(2);
    assert_eq!(after(engine.pull("x:1", None, within).await), within);
}
