//! Who answers us over a network or a socket: a Docker daemon, a Vault or OpenBao server, a host's SSH server.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use clws::channel::ssh::{KnownHost, Limits as SshLimits, Login, connect};
use clws::crypto::from_hex;
use clws::docker::{Clocks, Engine};
use clws::error::Error;
use clws::identity::ServerConfig;
use clws::secret::Plain;
use clws::server::{Client, Flags, Kv, Limits, Settings, Token};
use clws::world::{Clock, World};

use crate::drive::fuzz;

/// What is answered next.
type Answer = Arc<Mutex<Vec<u8>>>;

fn answer() -> Answer {
    Arc::new(Mutex::new(Vec::new()))
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(work)
}

/// What a person is shown of an error is safe, whatever was answered.
pub(crate) fn shown<T>(result: Result<T, impl Into<Error>>) -> String {
    match result {
        Ok(_) => "accepted".into(),
        Err(error) => {
            let json = Into::<Error>::into(error).to_json();
            is_safe(&json);
            json["error"]["message"].to_string()
        }
    }
}

/// No text in it draws anything.
fn is_safe(json: &serde_json::Value) {
    match json {
        serde_json::Value::String(text) => {
            let bad = text
                .chars()
                .find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
            assert_eq!(bad, None, "{text:?}");
        }
        serde_json::Value::Array(all) => all.iter().for_each(is_safe),
        serde_json::Value::Object(all) => all.values().for_each(is_safe),
        _ => {}
    }
}

/// Reads a request's head and body from a stream.
fn request(stream: &mut impl std::io::Read) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length: u64 = length
        .and_then(|length| length.trim().parse().ok())
        .unwrap_or(0);
    stream.take(length).read_to_end(&mut Vec::new()).ok()?;
    Some(head)
}

/// An answer with this body, whose first byte chooses the status.
fn response(body: &[u8]) -> Vec<u8> {
    let status = match body.first() {
        Some(b'4') => "404 Not Found",
        Some(b'5') => "500 Internal Server Error",
        Some(b'9') => "409 Conflict",
        _ => "200 OK",
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn docker_daemons() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let answer = answer();
    let body = Arc::clone(&answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, body) = (stream.unwrap(), Arc::clone(&body));
            thread::spawn(move || {
                while let Some(head) = request(&mut stream) {
                    let answer = if head.starts_with("get /_ping ") {
                        b"HTTP/1.1 200 OK\r\napi-version: 1.41\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec()
                    } else {
                        response(&body.lock().unwrap())
                    };
                    if stream.write_all(&answer).is_err() {
                        break;
                    }
                }
            });
        }
    });
    let second = Duration::from_secs(1);
    let clocks = Clocks {
        first: second,
        answer: second,
        grace: Duration::ZERO,
    };
    let container = br#"{"Id":"4711","Name":"/web","Created":"2026-01-01T00:00:00Z","Image":"sha256:00","State":{"Status":"running","Running":true,"ExitCode":0,"Health":{"Status":"healthy","Log":[{"ExitCode":0,"Output":"ok"}]}},"Config":{"Env":["A=b"],"Cmd":["x"],"Labels":{"clws.component":"web"},"Healthcheck":{"Test":["CMD","x"]}},"HostConfig":{"Binds":[]},"Mounts":[],"NetworkSettings":{"Networks":{"n":{"IPAddress":"10.0.0.1","Aliases":["web"]}}}}"#;
    let info = br#"{"ServerVersion":"20.10","Driver":"overlay2","SecurityOptions":["name=seccomp"],"OSType":"linux"}"#;
    let listed = br#"[{"Id":"4711","Names":["/web"],"Labels":{},"State":"running"}]"#;
    let pulled = b"{\"status\":\"Pulling\",\"progressDetail\":{\"current\":1}}\r\n{\"error\":\"no\",\"errorDetail\":{\"message\":\"no\"}}\r\n";
    let logs = b"\x01\0\0\0\0\0\0\x05hello\x02\0\0\0\0\0\0\x03err";
    let words = [
        "\"Running\":true",
        "\"Id\":",
        "null",
        "[]",
        "{}",
        "\"\\u001b[2J\"",
        "\"Health\":{",
        "4",
        "5",
        "9",
    ];
    fuzz(
        "docker",
        &[container, info, listed, pulled, logs],
        &words,
        |text| {
            *answer.lock().unwrap() = text.to_vec();
            let socket = socket.clone();
            block_on(async {
                let engine = Engine::over("a stranger", clocks, move || {
                    tokio::net::UnixStream::connect(socket.clone())
                });
                let engine = match engine.await {
                    Ok(engine) => engine,
                    Err(error) => return shown(Err::<(), _>(error)),
                };
                [
                    shown(engine.find("web").await),
                    shown(engine.image("web").await),
                    shown(engine.traits().await),
                    shown(engine.recover("web", "").await),
                    shown(engine.pull("web", None, second).await),
                    shown(engine.logs_tail("web", 9, 999).await),
                ]
                .join("; ")
            })
        },
    );
}

#[test]
fn vault_servers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answer = answer();
    let body = Arc::clone(&answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, body) = (stream.unwrap(), Arc::clone(&body));
            thread::spawn(move || {
                if request(&mut stream).is_some() {
                    // Whoever has read enough goes away.
                    stream
                        .write_all(&response(&body.lock().unwrap()))
                        .unwrap_or_default();
                }
            });
        }
    });
    let second = Duration::from_secs(1);
    let limits = Limits {
        connect: second,
        silence: second,
        request: second,
        all: second,
        wait: Duration::ZERO,
        answer: 1024 * 1024,
    };
    let config = ServerConfig {
        address: Some(address.clone()),
        ..ServerConfig::default()
    };
    let world = World::new(Clock::System, [], "/".into());
    let settings = Settings::of(&world, &config, &Flags::default()).unwrap();
    let token = || Token::new(&Plain::from("s.tokenOfTheTest0123456789")).unwrap();
    let mount = br#"{"data":{"path":"secret/","type":"kv","options":{"version":"2"}}}"#;
    let secret = br#"{"request_id":"x","lease_id":"database/creds/a/b","renewable":true,"lease_duration":60,"data":{"data":{"A":"b","C":1},"metadata":{"version":3,"created_time":"2026-01-01T00:00:00Z","custom_metadata":{"clws":"x"},"deletion_time":"","destroyed":false}},"warnings":["w"]}"#;
    let login = br#"{"auth":{"client_token":"s.abc","lease_duration":60,"renewable":true,"policies":["p"]}}"#;
    let health = br#"{"initialized":true,"sealed":false,"standby":false,"version":"1.2.3","cluster_name":"c"}"#;
    let error = br#"{"errors":["permission denied","1 error occurred:\n\t* x"]}"#;
    let keys = br#"{"data":{"keys":["a","b/"],"type":"aes256-gcm96","ciphertext":"vault:v1:AAAA","plaintext":"AAAA"}}"#;
    let words = [
        "\"data\":{",
        "\"version\":",
        "null",
        "\"2026-01-01T00:00:00.123456789Z\"",
        "-1",
        "1e400",
        "4",
        "5",
        "\"\\u001b[2J\"",
    ];
    fuzz(
        "server",
        &[mount, secret, login, health, error, keys],
        &words,
        |text| {
            *answer.lock().unwrap() = text.to_vec();
            block_on(async {
                let client = Client::new(&settings, limits, Some(token())).unwrap();
                let kv = Kv::find(&client, "secret/clws").await;
                let node = client.cluster().first().unwrap().clone();
                let mut all = vec![
                    shown(client.get::<serde_json::Value>("x").await),
                    shown(client.list("x").await),
                    shown(client.health(&node).await),
                ];
                if let Ok(kv) = &kv {
                    all.push(shown(kv.look(&client, "a").await));
                    all.push(shown(kv.list(&client, "").await));
                }
                all.push(shown(kv));
                all.join("; ").replace(&address, "")
            })
        },
    );
}

/// What a server says that is asked for one key exchange, up to its share of it and its new keys.
fn ssh_server(exchange: &str, share: &[u8]) -> Vec<u8> {
    let exchanges = format!("{exchange},ext-info-s");
    let lists = [
        exchanges.as_str(),
        "ssh-ed25519",
        "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com",
        "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com",
        "hmac-sha2-256",
        "hmac-sha2-256",
        "none",
        "none",
        "",
        "",
    ];
    // SSH_MSG_KEXINIT (RFC 4253, 7.1), then an answer to ECDH (RFC 5656, RFC 8731), both as packets (6).
    let mut init = vec![20];
    init.extend([7; 16]);
    for list in lists {
        init.extend(u32::try_from(list.len()).unwrap().to_be_bytes());
        init.extend(list.as_bytes());
    }
    init.extend([0; 5]);
    let field = |bytes: &[u8]| {
        [
            &u32::try_from(bytes.len()).unwrap().to_be_bytes()[..],
            bytes,
        ]
        .concat()
    };
    let host_key = [field(b"ssh-ed25519"), field(&[9; 32])].concat();
    let signature = [field(b"ssh-ed25519"), field(&[1; 64])].concat();
    let reply = [vec![31], field(&host_key), field(share), field(&signature)].concat();
    let packet = |payload: &[u8]| {
        let padding = 8 - (payload.len() + 5) % 8 + 8;
        let length = u32::try_from(payload.len() + padding + 1)
            .unwrap()
            .to_be_bytes();
        let padding_length = [u8::try_from(padding).unwrap()];
        [&length[..], &padding_length, payload, &vec![0; padding]].concat()
    };
    [
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        packet(&init),
        packet(&reply),
        packet(&[21]),
    ]
    .concat()
}

#[test]
fn ssh_servers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = answer();
    let bytes = Arc::clone(&answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, bytes) = (stream.unwrap(), Arc::clone(&bytes));
            thread::spawn(move || {
                stream.write_all(&bytes.lock().unwrap()).unwrap_or_default();
                stream
                    .shutdown(std::net::Shutdown::Write)
                    .unwrap_or_default();
                // Whatever we were sent, so that the other side is not reset.
                stream
                    .set_read_timeout(Some(Duration::from_millis(500)))
                    .unwrap();
                stream.read_to_end(&mut Vec::new()).unwrap_or_default();
            });
        }
    });
    // The base point of P-256 (SEC 2, 2.4.2), uncompressed.
    let point = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
        4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    let seeds = [
        ssh_server("curve25519-sha256", &[9; 32]),
        ssh_server("ecdh-sha2-nistp256", &from_hex::<65>(point).unwrap()),
    ];
    let banner = b"a word before\r\nSSH-2.0-x\r\n".to_vec();
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    let host = KnownHost::new("web", "127.0.0.1", port, "ada", [key.to_owned()]).unwrap();
    let limits = SshLimits {
        login: Duration::from_secs(2),
        ..SshLimits::default()
    };
    let words = [
        "SSH-2.0-",
        "\r\n",
        "curve25519-sha256",
        "ecdh-sha2-nistp256",
        "ssh-ed25519",
        "none",
        "\x00\x00\x00\x0c",
        "\x14",
        "\x1f",
        "\x15",
    ];
    let [curve25519, p256] = &seeds;
    fuzz("ssh-server", &[curve25519, p256, &banner], &words, |text| {
        *answer.lock().unwrap() = text.to_vec();
        let login = [Login::Unusable("none".into())];
        block_on(async { shown(connect(&host, &login, &limits).await.map(drop)) })
            .replace(&port.to_string(), "")
    });
}
