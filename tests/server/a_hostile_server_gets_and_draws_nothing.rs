//! A server that lies: it gets no token where it must not, ends in time, fills no memory, draws nothing.

use std::io::Write as _;
use std::time::{Duration, Instant};

use clws::error::{Code, Error, Explain as _};
use clws::server::{Answer, Client, ServerError};
use serde_json::{Value, json};

use crate::hostile::{Hostile, whole};
use crate::with::{client, run, short};

const TOKEN: &str = "s.tokenOfTheTest0123456789";
const VALUE: &str = "value-of-the-test-0123456789";

fn of(hostile: &Hostile) -> Client {
    client(
        std::slice::from_ref(&hostile.address),
        None,
        Some(TOKEN),
        short(),
    )
    .unwrap()
}

fn get(hostile: &Hostile) -> Result<Answer<Value>, ServerError> {
    run(of(hostile).get("secret/data/a"))
}

fn post(hostile: &Hostile) -> Result<Answer<Value>, ServerError> {
    let body = json!({ "data": { "A": VALUE } });
    run(async { of(hostile).post("secret/data/a", &body).await })
}

/// All that could be shown of an error, by anything.
fn shown(error: ServerError) -> String {
    let debug = format!("{error:?}");
    let error = Error::from(error);
    format!("{debug}\n{error:?}\n{}", error.to_json())
}

#[test]
fn nobody_else_gets_the_token() {
    let other = Hostile::says("200 OK", "", r#"{"data":{}}"#);
    for status in [
        "301 Moved",
        "302 Found",
        "303 See",
        "307 Temporary",
        "308 Permanent",
    ] {
        let port = other.address.rsplit(':').next().unwrap().to_owned();
        for to in [
            format!("{}/v1/secret/data/a", other.address),
            format!("http://localhost:{port}/v1/secret/data/a"),
            format!("//127.0.0.1:{port}/v1/secret/data/a"),
            "http://127.0.0.1/v1/a".to_owned(),
            "file:///etc/passwd".to_owned(),
            "\u{fc}".to_owned(),
            String::new(),
        ] {
            let hostile = Hostile::says(status, &format!("location: {to}\r\n"), "");
            for error in [get(&hostile).unwrap_err(), post(&hostile).unwrap_err()] {
                assert_eq!(error.code(), Code::Trust, "{to}: {error:?}");
            }
        }
    }
    assert_eq!(other.asked().len(), 0);
}

#[test]
fn a_node_that_was_named_is_followed_and_a_circle_ends() {
    let leader = Hostile::says("200 OK", "", r#"{"data":{"a":1}}"#);
    let to = format!("location: {}/v1/secret/data/a\r\n", leader.address);
    let standby = Hostile::says("307 Temporary Redirect", &to, "");
    let nodes = [standby.address.clone(), leader.address.clone()];
    let both = client(&nodes, None, Some(TOKEN), short()).unwrap();
    let answer = run(both.get::<Value>("secret/data/a")).unwrap();
    assert_eq!(answer.data, Some(json!({ "a": 1 })));
    // Only the origin of the redirect counts; what is asked for stays the same.
    let elsewhere = format!("location: {}/v1/sys/seal\r\n", leader.address);
    let standby = Hostile::says("307 Temporary Redirect", &elsewhere, "");
    let nodes = [standby.address.clone(), leader.address.clone()];
    let both = client(&nodes, None, Some(TOKEN), short()).unwrap();
    run(both.get::<Value>("secret/data/a")).unwrap();
    assert!(
        leader
            .asked()
            .iter()
            .all(|asked| asked.line == "GET /v1/secret/data/a HTTP/1.1")
    );

    let circle = Hostile::start(|asked, _, stream| {
        let host = asked
            .all
            .lines()
            .find_map(|line| line.strip_prefix("host: "));
        let to = format!("location: http://{}/v1/secret/data/a\r\n", host.unwrap());
        stream.write_all(whole("307 Temporary Redirect", &to, "").as_bytes())
    });
    assert_eq!(get(&circle).unwrap_err().code(), Code::TempFail);
    assert!(circle.asked().len() < 10);
}

#[test]
fn an_answer_without_end_is_not_read_to_the_end() {
    let claims = Hostile::start(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n{\"data\":\"")?;
        loop {
            stream.write_all(&[b'a'; 65536])?;
        }
    });
    let chunks = Hostile::start(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n")?;
        loop {
            stream.write_all(b"10\r\n0123456789abcdef\r\n")?;
        }
    });
    for hostile in [&claims, &chunks] {
        let error = get(hostile).unwrap_err();
        assert!(matches!(error, ServerError::TooLarge { .. }), "{error:?}");
        assert_eq!(hostile.asked().len(), 1);
    }
    let headers = Hostile::start(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"x-header: 0123456789abcdef\r\n")?;
        }
    });
    get(&headers).unwrap_err();
}

#[test]
fn what_comes_slowly_or_never_ends_in_time() {
    let silent = Hostile::start(|_, _, _| {
        std::thread::sleep(Duration::from_secs(60));
        Ok(())
    });
    let slow = Hostile::start(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")?;
        loop {
            stream.write_all(b" ")?;
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    for hostile in [&silent, &slow] {
        let begun = Instant::now();
        let error = get(hostile).unwrap_err();
        assert_eq!(error.code(), Code::Backend, "{error:?}");
        // The limits of this client are 4 s for a request and 6 s for all of them.
        assert!(begun.elapsed() < Duration::from_secs(30));
        // A write is not sent twice.
        let before = hostile.asked().len();
        assert!(matches!(post(hostile), Err(ServerError::Uncertain { .. })));
        assert_eq!(hostile.asked().len(), before + 1);
    }
}

#[test]
fn a_storm_of_not_now_ends_and_retry_after_is_heeded_within_reason() {
    for status in [
        "429 Too Many",
        "472 DR",
        "473 Perf",
        "412 Index",
        "503 Sealed",
    ] {
        let storm = Hostile::says(
            status,
            "retry-after: 999999999999\r\n",
            r#"{"errors":["no"]}"#,
        );
        let begun = Instant::now();
        let error = post(&storm).unwrap_err();
        assert_eq!(error.code(), Code::TempFail, "{status}");
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert!((2..20).contains(&storm.asked().len()), "{status}");
    }
    let at_last = Hostile::start(|_, before, stream| {
        let text = match before {
            0 => whole("429 Too Many", "retry-after: 1\r\n", ""),
            1 => whole(
                "500 No",
                "",
                r#"{"errors":["local node not active but active cluster node not found"]}"#,
            ),
            _ => whole("200 OK", "", r#"{"data":{"version":3}}"#),
        };
        stream.write_all(text.as_bytes())
    });
    let begun = Instant::now();
    assert_eq!(post(&at_last).unwrap().data, Some(json!({ "version": 3 })));
    assert!(begun.elapsed() >= Duration::from_secs(1));
    // A 500 that may have written is not repeated.
    let unsure = Hostile::says(
        "500 No",
        "",
        r#"{"errors":["leadership lost while committing log"]}"#,
    );
    assert!(matches!(post(&unsure), Err(ServerError::Uncertain { .. })));
    assert_eq!(unsure.asked().len(), 1);
}

#[test]
fn an_error_draws_nothing_and_repeats_no_secret() {
    let hexed: String = TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect();
    let text = format!(
        "\u{1b}[31m\u{202e}no {TOKEN} {hexed} {VALUE}\r\n\u{7}{}",
        "long ".repeat(10_000)
    );
    let body = json!({ "errors": [text, text, text, text, text, text] }).to_string();
    for status in ["400 Bad", "403 Forbidden", "404 None", "500 No", "429 Many"] {
        let hostile = Hostile::says(status, "", &body);
        for error in [post(&hostile).unwrap_err(), get(&hostile).unwrap_err()] {
            let all = shown(error);
            for secret in [TOKEN, hexed.as_str()] {
                assert!(!all.contains(secret), "{status}: {all}");
            }
            let dangerous = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
            assert!(!all.contains(dangerous), "{status}: {all}");
            assert!(all.len() < 20_000, "{status}: {}", all.len());
        }
        let all = shown(post(&hostile).unwrap_err());
        assert!(!all.contains(VALUE), "{status}: {all}");
    }
}

#[test]
fn what_is_no_answer_is_not_quoted() {
    let deep = format!("{{\"data\":{}", "[".repeat(500_000));
    for body in [
        &deep,
        r#"{"data":{},"lease_id":"a","lease_duration":-1}"#,
        r#"{"data":{},"lease_id":"a","lease_duration":1e999}"#,
        r#"{"data":{},"lease_id":7}"#,
        r#"{"auth":{"client_token":"a b"}}"#,
        "<html>value-of-the-server</html>",
        "{\"data\":\"value-of-the-server",
    ] {
        let error = get(&Hostile::says("200 OK", "", body)).unwrap_err();
        assert_eq!(error.code(), Code::DataErr, "{error:?}");
        assert!(!shown(error).contains("value-of-the-server"));
    }
}
