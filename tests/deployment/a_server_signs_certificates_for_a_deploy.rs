//! Hosts that take the certificates of a real OpenBao's SSH CA and nothing else.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clws::channel::ssh::{KnownHost, Limits, Login, connect};
use clws::error::Explain as _;
use clws::identity::{KeyPair, ServerConfig};
use clws::secret::Plain;
use clws::server::{CERTIFICATE_TIME, Client, Flags, ServerError, Settings, Token, sign};
use clws::world::{Clock, World};

use crate::site::{Site, needs_root, opened, rows, way_to, write};
use crate::support::bao::{Bao, TOKEN};
use crate::support::lab::Run;
use crate::support::sshd::Sshd;

const ROLE: &str = r#"{"key_type":"ca","allow_user_certificates":true,"allowed_users":"*",
    "default_extensions":{"permit-port-forwarding":"","permit-pty":""},"max_ttl":"10m"}"#;

/// A site whose `box` is logged in to with certificates alone.
struct Signed {
    site: Site,
    server: Sshd,
    bao: Bao,
    /// Whom the host takes, a name a line.
    principals: PathBuf,
    _folder: tempfile::TempDir,
}

impl Signed {
    fn new() -> Self {
        needs_root();
        let bao = Bao::start();
        bao.bao(&["secrets", "enable", "ssh"], b"");
        let ca = ["generate_signing_key=true", "key_type=ed25519"];
        bao.bao(&[&["write", "ssh/config/ca"][..], &ca].concat(), b"");
        bao.bao(&["write", "ssh/roles/deploy", "-"], ROLE.as_bytes());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pub");
        fs::write(
            &file,
            bao.bao(&["read", "-field=public_key", "ssh/config/ca"], b""),
        )
        .unwrap();
        let principals = folder.path().join("principals");
        let site = Site::new();
        let configuration = format!(
            "SetEnv HOME=/nonexistent\nAuthorizedKeysFile none\nTrustedUserCAKeys {}\n\
             AuthorizedPrincipalsFile {}",
            file.display(),
            principals.display()
        );
        let starts = |program: &str| site.machine.program(program);
        let server = Sshd::start_by(starts, &["ed25519"], &configuration);
        fs::write(&principals, format!("{}\n", server.user)).unwrap();
        let way = way_to(&server, &server.user, server.host_key_line());
        site.host("box", "prod", "server", &way);
        let signed = Self {
            site,
            server,
            bao,
            principals,
            _folder: folder,
        };
        signed.scope("ssh_certificate = \"ssh/sign/deploy\"");
        signed.site.server("web");
        signed
    }

    /// Says how hosts of prod are logged in to.
    fn scope(&self, lines: &str) {
        let lab = &self.site.lab;
        let text = fs::read_to_string(lab.vault().join("clws.toml")).unwrap();
        let before = text.split("[scope.prod]").next().unwrap();
        let before = before.split("[end]").next().unwrap();
        write(
            lab,
            "clws.toml",
            &format!("{before}[scope.prod]\n{lines}\n\n[end]\n"),
        );
        self.site.trusts();
    }

    fn deploy(&self) -> Run<'_> {
        let run = self.site.lab.clws("deploy --on prod --yes --json");
        run.env("VAULT_ADDR", &self.bao.address)
    }

    /// How many tokens the server knows.
    fn tokens(&self) -> usize {
        let list = self
            .bao
            .bao(&["list", "-format=json", "auth/token/accessors"], b"");
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        list.as_array().unwrap().len()
    }
}

#[test]
fn a_deploy_logs_in_with_a_certificate_that_lies_nowhere() {
    let signed = Signed::new();
    let lab = &signed.site.lab;
    let keys = || {
        lab.find(&[
            "BEGIN OPENSSH PRIVATE KEY".into(),
            "-cert-v01@openssh".into(),
        ])
    };
    let before = keys();
    // Nobody is logged in to the server; a key of ada's own would not be taken either.
    let ran = signed.deploy().exits(15);
    assert!(ran.err.contains("clws server login"), "{}", ran.err);
    assert_eq!(opened(lab), 0);

    let deploy = || signed.deploy().env("VAULT_TOKEN", TOKEN);
    assert_eq!(rows(&deploy().succeeds()), ["web started"]);
    assert!(signed.site.runs_with("web", "token-of-the-first-day"));
    let log = signed.server.log();
    assert!(
        log.contains("Accepted publickey") && log.contains("ED25519-CERT"),
        "{log}"
    );
    assert!(!log.contains("Failed publickey"), "{log}");
    assert_eq!(keys(), before);

    // What the run got from the server is given back.
    signed.bao.bao(&["auth", "enable", "approle"], b"");
    let policy = br#"path "ssh/sign/deploy" { capabilities = ["update"] }"#;
    signed.bao.bao(&["policy", "write", "deploy", "-"], policy);
    let role = ["write", "auth/approle/role/ci", "token_policies=deploy"];
    signed.bao.bao(&role, b"");
    let read = ["read", "-field=role_id", "auth/approle/role/ci/role-id"];
    let role = signed.bao.bao(&read, b"");
    let write = [
        "write",
        "-f",
        "-field=secret_id",
        "auth/approle/role/ci/secret-id",
    ];
    let secret = signed.bao.bao(&write, b"");
    let tokens = signed.tokens();
    let run = signed.deploy().env("VAULT_ROLE_ID", role.trim());
    let ran = run.env("VAULT_SECRET_ID", secret.trim()).succeeds();
    assert_eq!(rows(&ran), ["web unchanged"]);
    assert_eq!(signed.tokens(), tokens);
    // A session logs in in the same way.
    let ssh = lab.clws("ssh box -- echo here").env("VAULT_TOKEN", TOKEN);
    let ran = ssh.env("VAULT_ADDR", &signed.bao.address).succeeds();
    assert_eq!(ran.text(), "here\n");

    // The server is down.
    let before = opened(lab);
    let Signed { bao, site, .. } = &signed;
    bao.stop();
    let ran = deploy().exits(24);
    assert!(
        ran.err.contains("no certificate to log in with"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains(&bao.address), "{}", ran.err);
    assert!(
        ran.err
            .contains("`ssh_key` in place of `ssh_certificate` in [scope.prod]"),
        "{}",
        ran.err
    );
    assert_eq!(opened(&site.lab), before);
}

#[test]
fn a_certificate_is_for_one_principal() {
    let signed = Signed::new();
    let deploy = || signed.deploy().env("VAULT_TOKEN", TOKEN);
    // The host takes another one.
    fs::write(&signed.principals, "somebody\n").unwrap();
    let ran = deploy().exits(20);
    assert!(
        ran.err.contains("certificate of ssh-ed25519 SHA256:"),
        "{}",
        ran.err
    );
    let log = signed.server.log();
    assert!(
        log.contains("does not contain an authorized principal"),
        "{log}"
    );
    // By its own name it takes what was signed for it, and not what was for another.
    fs::write(&signed.principals, "box\n").unwrap();
    deploy().exits(20);
    signed.scope("ssh_certificate = \"ssh/sign/deploy\"\nssh_principal = \"host\"");
    assert_eq!(rows(&deploy().succeeds()), ["web started"]);
    fs::write(&signed.principals, "other\n").unwrap();
    deploy().exits(20);

    // The role says whom it signs for.
    let role = ROLE.replace('*', "grace");
    signed
        .bao
        .bao(&["write", "ssh/roles/deploy", "-"], role.as_bytes());
    let ran = deploy().exits(24);
    assert!(
        ran.err.contains("box") && ran.err.contains("ssh/sign/deploy"),
        "{}",
        ran.err
    );
    // And who may ask it.
    let token = signed
        .bao
        .bao(&["token", "create", "-policy=default", "-field=token"], b"");
    let ran = signed.deploy().env("VAULT_TOKEN", token.trim()).exits(15);
    assert!(ran.err.contains("ssh/sign/deploy"), "{}", ran.err);
}

#[test]
fn a_certificate_ends() {
    let signed = Signed::new();
    let world = World::new(Clock::System, [], PathBuf::from("/"));
    let config = ServerConfig {
        address: Some(signed.bao.address.clone()),
        ..ServerConfig::default()
    };
    let settings = Settings::of(&world, &config, &Flags::default()).unwrap();
    let server = &signed.server;
    let host = KnownHost::new(
        "box",
        "127.0.0.1",
        server.port,
        &server.user,
        &server.host_key_lines,
    );
    let host = host.unwrap();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(async {
        let token = Token::new(&Plain::from(TOKEN)).unwrap();
        let client = Client::new(&settings, clws::server::Limits::default(), Some(token)).unwrap();
        let login = async |lasts| {
            let pair = KeyPair::ed25519(&world, "test").unwrap();
            let whom = (pair.public.as_str(), server.user.as_str());
            let signed = sign(&client, "ssh/sign/deploy", whom, lasts, world.now()).await;
            Login::Signed(pair.private, signed.unwrap())
        };
        let fresh = login(CERTIFICATE_TIME).await;
        drop(connect(&host, &[fresh], &Limits::default()).await.unwrap());
        let short = login(Duration::from_secs(1)).await;
        tokio::time::sleep(Duration::from_millis(2500)).await;
        let error = connect(&host, &[short], &Limits::default())
            .await
            .unwrap_err();
        assert!(
            error
                .notes()
                .join("\n")
                .contains("certificate of ssh-ed25519 SHA256:"),
            "{error:?}"
        );
        // The key of a certificate is not shown by itself.
        assert!(
            !server.log().contains("pkalg ssh-ed25519 pkblob"),
            "{}",
            server.log()
        );
        assert!(
            server.log().contains("Certificate invalid: expired"),
            "{}",
            server.log()
        );
        // Two principals are one too many.
        let pair = KeyPair::ed25519(&world, "test").unwrap();
        let whom = (pair.public.as_str(), "two,principals");
        let error = sign(
            &client,
            "ssh/sign/deploy",
            whom,
            CERTIFICATE_TIME,
            world.now(),
        )
        .await;
        assert!(
            matches!(error, Err(ServerError::BadCertificate { .. })),
            "{error:?}"
        );
    });
}
