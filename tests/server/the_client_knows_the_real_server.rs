//! The client against the real OpenBao, both lines of it: what is asked for comes with its lease, and what
//! is refused says why.

use std::time::Duration;

use clws::error::{Code, Explain as _};
use clws::server::{Client, Limits};
use serde_json::{Value, json};
use vaultrs::api::kv2::requests::{ReadSecretRequest, SetSecretRequest, SetSecretRequestOptions};

use crate::support::bao::{Bao, TOKEN, VERSIONS};
use crate::with::{client, run};

fn of(bao: &Bao, token: Option<&str>) -> Client {
    client(
        std::slice::from_ref(&bao.address),
        None,
        token,
        Limits::default(),
    )
    .unwrap()
}

#[test]
fn its_health_is_read_in_each_version() {
    for (program, version) in VERSIONS.into_iter().zip(["2.7.", "2.6."]) {
        let bao = Bao::of(program);
        let client = of(&bao, None);
        let node = client.cluster().nodes()[0].clone();
        let health = run(client.health(&node)).unwrap();
        assert!(health.initialized && !health.sealed && !health.standby);
        assert!(health.version.starts_with(version), "{}", health.version);
        bao.bao(&["operator", "seal"], b"");
        let health = run(client.health(&node)).unwrap();
        assert!(health.sealed, "{health:?}");
    }
}

#[test]
fn requests_of_vaultrs_and_paths_are_answered_with_data() {
    for program in VERSIONS {
        let bao = Bao::of(program);
        let client = of(&bao, Some(TOKEN));
        run(async {
            let write = |value: &str, cas| SetSecretRequest {
                mount: "secret".to_owned(),
                path: "prod/web".to_owned(),
                data: json!({ "TOKEN": value }),
                options: Some(SetSecretRequestOptions { cas }),
            };
            let written = client.call(&write("one", 0)).await.unwrap();
            assert_eq!(written.into_data().unwrap().version, 1);
            let error = client.call(&write("two", 0)).await.unwrap_err();
            assert_eq!(error.status(), Some(400));
            assert!(error.says("check-and-set"), "{error:?}");
            assert!(!format!("{error:?} {:?}", error.notes()).contains("two"));
            let read = ReadSecretRequest {
                mount: "secret".to_owned(),
                path: "prod/web".to_owned(),
                version: Some(1),
            };
            let read = client.call(&read).await.unwrap().into_data().unwrap();
            assert_eq!(read.data, json!({ "TOKEN": "one" }));
            let list = client.list("secret/metadata/prod").await.unwrap();
            assert_eq!(list, ["web"]);
            let none = client.list("secret/metadata/nothing").await.unwrap();
            assert_eq!(none, [""; 0]);
            let missing = client.get::<Value>("secret/data/nothing").await;
            assert_eq!(missing.unwrap_err().code(), Code::NotFound);
        });
    }
}

#[test]
fn a_lease_comes_with_what_was_given_and_is_renewed_and_revoked() {
    let bao = Bao::start();
    bao.bao(&["secrets", "enable", "pki"], b"");
    bao.bao(
        &["write", "pki/root/generate/internal", "common_name=test"],
        b"",
    );
    let role = [
        "write",
        "pki/roles/web",
        "allow_any_name=true",
        "generate_lease=true",
    ];
    bao.bao(&role, b"");
    let client = of(&bao, Some(TOKEN));
    run(async {
        let names = json!({ "common_name": "web.example.org", "ttl": "1h" });
        let answer = client.post::<Value>("pki/issue/web", &names).await.unwrap();
        let lease = answer.lease.clone().unwrap();
        assert!(lease.id.starts_with("pki/issue/web/"), "{lease:?}");
        let hour = Duration::from_secs(3600);
        assert!(lease.lasts <= hour && lease.lasts > hour / 2, "{lease:?}");
        assert!(!format!("{answer:?}").contains("PRIVATE"));
        client.revoke(&lease).await.unwrap();
        let gone = client.renew(&lease, hour).await.unwrap_err();
        assert!(gone.status().is_some(), "{gone:?}");
        // One that can be renewed: a token's own.
        let token = client
            .post::<Value>(
                "auth/token/create",
                &json!({ "ttl": "10m", "policies": [] }),
            )
            .await
            .unwrap();
        let login = token.login.unwrap();
        assert_eq!(login.lasts, Some(Duration::from_secs(600)));
        assert!(login.renewable);
        assert_eq!(format!("{:?}", login.token), "Token(..)");
    });
}

#[test]
fn a_namespace_is_the_root_of_all_paths() {
    let bao = Bao::start();
    bao.bao(&["namespace", "create", "team"], b"");
    bao.bao(
        &[
            "secrets",
            "enable",
            "-namespace=team",
            "-version=2",
            "-path=kv",
            "kv",
        ],
        b"",
    );
    bao.bao(
        &["kv", "put", "-namespace=team", "-mount=kv", "web", "A=b"],
        b"",
    );
    let config = clws::identity::ServerConfig {
        address: Some(bao.address.clone()),
        namespace: Some("team".to_owned()),
        ..Default::default()
    };
    let flags = clws::server::Flags::default();
    let settings = clws::server::Settings::of(&crate::with::world(), &config, &flags).unwrap();
    let token = clws::server::Token::new(&clws::secret::Plain::from(TOKEN)).unwrap();
    let client = Client::new(&settings, Limits::default(), Some(token)).unwrap();
    let read = run(client.get::<Value>("kv/data/web")).unwrap();
    assert_eq!(read.data.unwrap()["data"], json!({ "A": "b" }));
}

#[test]
fn who_may_not_is_told_so() {
    let bao = Bao::start();
    let nobody = of(&bao, Some("s.wrongwrongwrongwrongwrong"));
    let error = run(nobody.get::<Value>("secret/data/a")).unwrap_err();
    assert_eq!(error.code(), Code::Denied);
    let none = of(&bao, None);
    let error = run(none.get::<Value>("secret/data/a")).unwrap_err();
    assert_eq!(error.code(), Code::Denied);
}
