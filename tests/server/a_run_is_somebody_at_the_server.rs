//! Logging in by each method of the real OpenBao, being kept alive, and leaving nothing behind.

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use clws::error::{Code, Explain as _};
use clws::identity::ServerConfig;
use clws::secret::Plain;
use clws::server::{
    Client, Flags, Limits, Method, Origin, ServerError, Session, Settings, Token, Way, login,
};
use clws::time::Moment;
use serde_json::{Value, json};

use crate::hostile::{Hostile, whole};
use crate::support::bao::{Bao, TOKEN};
use crate::support::bao_cluster::BaoCluster;
use crate::support::lab::Lab;
use crate::support::tool::run as run_tool;
use crate::with::{client, run, world};

fn settings(address: &str) -> Settings {
    let config = ServerConfig {
        address: Some(address.to_owned()),
        ..ServerConfig::default()
    };
    Settings::of(&world(), &config, &Flags::default()).unwrap()
}

fn way(method: Method, role: &str) -> Way {
    Way {
        method,
        mount: None,
        role: Some(role.to_owned()),
        is_wrapped: false,
    }
}

/// A role that may read, whose tokens last for `ttl`.
fn approle(bao: &Bao, ttl: &str) -> (String, String) {
    bao.bao(&["auth", "enable", "approle"], b"");
    let policy = br#"path "secret/*" { capabilities = ["read", "create", "update"] }"#;
    bao.bao(&["policy", "write", "ci", "-"], policy);
    let ttl = format!("token_ttl={ttl}");
    let role = ["write", "auth/approle/role/ci", "token_policies=ci", &ttl];
    bao.bao(&role, b"");
    let field = |path: &str| {
        let read: &[&str] = match path.ends_with("role-id") {
            true => &["read", "-field=role_id", path],
            false => &["write", "-f", "-field=secret_id", path],
        };
        bao.bao(read, b"").trim().to_owned()
    };
    (
        field("auth/approle/role/ci/role-id"),
        field("auth/approle/role/ci/secret-id"),
    )
}

#[test]
fn an_approle_logs_in_for_a_run_and_out_again() {
    let bao = Bao::start();
    let (role, secret) = approle(&bao, "4s");
    bao.bao(&["kv", "put", "-mount=secret", "web", "A=b"], b"");
    run(async {
        let settings = settings(&bao.address);
        let secret = Plain::from(secret.as_str());
        let session = Session::log_in(&settings, &way(Method::Approle, &role), &secret).await;
        let session = session.unwrap();
        assert_eq!(session.origin(), Origin::Run);
        // Longer than the token lasts: it is renewed at two thirds, more than once. A third is time enough
        // for a busy machine.
        let read = session
            .during(async {
                tokio::time::sleep(Duration::from_secs(9)).await;
                session.client().get::<Value>("secret/data/web").await
            })
            .await;
        assert_eq!(read.unwrap().data.unwrap()["data"], json!({ "A": "b" }));
        let token = session.client().token().unwrap();
        let token = token.with(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        session.end().await.unwrap();
        let gone = client(
            std::slice::from_ref(&bao.address),
            None,
            Some(&token),
            Limits::default(),
        );
        let error = gone
            .unwrap()
            .get::<Value>("secret/data/web")
            .await
            .unwrap_err();
        assert_eq!(error.code(), Code::Denied);
        // Somebody's own token is left alone.
        let own = Token::new(&Plain::from(TOKEN)).unwrap();
        let own = Session::with_token(&settings, own, Origin::Environment).await;
        let (own, about) = own.unwrap();
        assert_eq!((about.ttl, about.policies), (0, vec!["root".to_owned()]));
        own.end().await.unwrap();
        bao.bao(&["token", "lookup"], b"");
    });
}

#[test]
fn a_wrapped_secret_id_is_opened_once_and_by_nobody_else() {
    let bao = Bao::start();
    let (role, _) = approle(&bao, "1m");
    let wrap = || {
        let words = ["write", "-f", "-wrap-ttl=60s", "-field=wrapping_token"];
        let path = ["auth/approle/role/ci/secret-id"];
        Plain::from(bao.bao(&[&words[..], &path].concat(), b"").trim())
    };
    let wrapped = Way {
        is_wrapped: true,
        ..way(Method::Approle, &role)
    };
    let log_in = |credential: &Plain| {
        let settings = settings(&bao.address);
        let client = Client::new(&settings, Limits::default(), None).unwrap();
        run(login(&client, &wrapped, credential))
    };
    let good = wrap();
    assert!(log_in(&good).is_ok());
    // Opened before.
    let error = log_in(&good).unwrap_err();
    assert_eq!(error.code(), Code::Auth, "{error:?}");
    assert!(matches!(error, ServerError::Alarm { .. }));
    assert!(
        error.hints()[0].contains("somebody else"),
        "{:?}",
        error.hints()
    );
    // Opened by somebody, who put another secret in its place: a perfectly good token of another origin.
    let swapped = ["write", "-wrap-ttl=60s", "-field=wrapping_token"];
    let swapped = [&swapped[..], &["sys/wrapping/wrap", "secret_id=abc"]].concat();
    let swapped = Plain::from(bao.bao(&swapped, b"").trim());
    let error = log_in(&swapped).unwrap_err();
    assert_eq!(error.code(), Code::Auth, "{error:?}");
    assert_eq!(error.notes(), ["it was made at sys/wrapping/wrap"]);
    // It was looked at and not opened.
    let text = swapped.with(|bytes| String::from_utf8(bytes.clone()).unwrap());
    bao.bao(&["unwrap", &text], b"");
}

/// A server ends a token's leases with it, so a token outlives its run for as long as one is used, and no longer.
#[test]
fn a_token_goes_with_its_run_unless_a_lease_of_it_is_used_on() {
    let revoked = |ended: usize| {
        let hostile = Hostile::start(|asked, before, stream| {
            let text = if asked.line.contains("auth/approle/login") {
                json!({ "auth": { "client_token": "s.ofTheRun0123456789", "lease_duration": 60 } })
            } else if asked.line.contains("/creds/") {
                json!({ "lease_id": format!("database/creds/app/{before}"), "lease_duration": 60,
                        "data": { "username": "app" } })
            } else {
                json!({})
            };
            stream.write_all(whole("200 OK", "", &text.to_string()).as_bytes())
        });
        run(async {
            let settings = settings(&hostile.address);
            let secret = Plain::from("secret");
            let session = Session::log_in(&settings, &way(Method::Approle, "role"), &secret).await;
            let session = session.unwrap();
            let mut ids = Vec::new();
            for _ in 0..2 {
                let (id, _) = session.lease("database/creds/app").await.unwrap();
                session.let_go(&id, Moment::from_seconds(0)).await.unwrap();
                ids.push(id);
            }
            for id in ids.iter().take(ended) {
                session.end_lease(id).await.unwrap();
            }
            session.end().await.unwrap();
        });
        let asked = hostile.asked();
        asked.iter().any(|asked| asked.line.contains("revoke-self"))
    };
    assert!(!revoked(0));
    assert!(!revoked(1));
    // A deploy that was taken back ends what it had left to something.
    assert!(revoked(2));
}

/// Stopped while the server keeps it waiting.
#[test]
fn a_run_that_is_stopped_gives_its_token_back() {
    let hostile = Hostile::start(|asked, _, stream| {
        let text = if asked.line.contains("auth/approle/login") {
            json!({ "auth": { "client_token": "s.ofTheRun0123456789", "lease_duration": 60 } })
        } else if asked.line.contains("revoke-self") {
            json!({})
        } else {
            std::thread::sleep(Duration::from_secs(60));
            json!({})
        };
        stream.write_all(whole("200 OK", "", &text.to_string()).as_bytes())
    });
    let lab = Lab::new().secret("prod/web/A", "one");
    let run = lab.clws("server push prod --yes");
    let run = run.env("VAULT_ADDR", &hostile.address);
    let run = run
        .env("VAULT_ROLE_ID", "role")
        .env("VAULT_SECRET_ID", "secret");
    let mut command = run.command();
    let mut running = command.stdin(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while hostile.asked().len() < 2 {
        assert!(Instant::now() < until, "{:?}", hostile.asked());
        std::thread::sleep(Duration::from_millis(20));
    }
    let stop = ["-INT".to_owned(), running.id().to_string()];
    assert!(run_tool("kill", stop, b"").status.success());
    assert_eq!(running.wait().unwrap().code(), Some(130));
    let asked = hostile.asked();
    let last = asked.last().unwrap();
    assert!(last.line.contains("revoke-self"), "{}", last.line);
    assert!(last.all.contains("s.ofTheRun0123456789"));
}

#[test]
fn a_jwt_of_a_ci_system_logs_in() {
    let bao = Bao::start();
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let key = key.to_str().unwrap();
    let made = [
        "ecparam",
        "-name",
        "prime256v1",
        "-genkey",
        "-noout",
        "-out",
        key,
    ];
    assert!(run_tool("openssl", made, b"").status.success());
    let public = run_tool("openssl", ["ec", "-in", key, "-pubout"], b"").stdout;
    bao.bao(&["auth", "enable", "jwt"], b"");
    let config = ["write", "auth/jwt/config", "jwt_validation_pubkeys=-"];
    bao.bao(&config, &public);
    let role = r#"{"role_type":"jwt","user_claim":"sub","bound_audiences":["bao"],
        "token_policies":["default"]}"#;
    bao.bao(&["write", "auth/jwt/role/ci", "-"], role.as_bytes());
    // A signer that is not ours.
    let program = "import base64, json, sys, time
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
key = serialization.load_pem_private_key(open(sys.argv[1], 'rb').read(), None)
b = lambda x: base64.urlsafe_b64encode(x).rstrip(b'=')
claims = {'sub': 'repo:team/app', 'aud': 'bao', 'iss': 'ci', 'exp': int(time.time()) + 300, 'nbf': 1, 'iat': int(time.time())}
text = b(json.dumps({'alg': 'ES256', 'typ': 'JWT'}).encode()) + b'.' + b(json.dumps(claims).encode())
r, s = utils.decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
print((text + b'.' + b(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))).decode())";
    let python = std::process::Command::new("/usr/bin/python3")
        .args(["-c", program, key])
        .output()
        .unwrap();
    let jwt = Plain::new(python.stdout);
    let settings = settings(&bao.address);
    let client = Client::new(&settings, Limits::default(), None).unwrap();
    let login_ = run(login(&client, &way(Method::Jwt, "ci"), &jwt)).unwrap();
    assert!(login_.lasts.is_some());
    let wrong = jwt.with(|bytes| Plain::new([&bytes[..10], b"x", &bytes[11..]].concat()));
    let error = run(login(&client, &way(Method::Jwt, "ci"), &wrong)).unwrap_err();
    assert!(error.status().is_some(), "{error:?}");
    let shown = format!("{error:?}");
    wrong.with(|bytes| {
        let text = std::str::from_utf8(bytes).unwrap().trim();
        assert!(!shown.contains(text), "{shown}");
    });
}

#[test]
fn a_certificate_logs_in() {
    let cluster = BaoCluster::start();
    let leader = cluster.leader();
    cluster.bao(leader, &["auth", "enable", "cert"]);
    let ca = format!("certificate=@{}", cluster.ca().display());
    let web = [
        "write",
        "auth/cert/certs/web",
        &ca,
        "token_policies=default",
    ];
    cluster.bao(leader, &web);
    let config = ServerConfig {
        address: Some(cluster.address(leader)),
        ca: Some(cluster.ca()),
        ..ServerConfig::default()
    };
    let read = |name: &str| Plain::new(std::fs::read(cluster.folder().join(name)).unwrap());
    let mut settings = Settings::of(&world(), &config, &Flags::default()).unwrap();
    let without = Client::new(&settings, Limits::default(), None).unwrap();
    let error = run(login(&without, &way(Method::Cert, "web"), &Plain::from(""))).unwrap_err();
    assert!(error.status().is_some(), "{error:?}");
    settings.client_certificate = Some((read("node.pem"), read("node.key")));
    let with = Client::new(&settings, Limits::default(), None).unwrap();
    let given = run(login(&with, &way(Method::Cert, "web"), &Plain::from(""))).unwrap();
    assert!(given.renewable);
}
