//! Whatever the libraries log at their most talkative, no token and no value is in it.

use std::sync::Mutex;

use clws::server::Limits;
use log::{Level, LevelFilter, Log, Metadata, Record};
use serde_json::{Value, json};
use vaultrs::api::kv2::requests::{ReadSecretRequest, SetSecretRequest};

use crate::support::bao::{Bao, TOKEN};
use crate::support::lab::{contains, forms};
use crate::with::{client, run};

const VALUE: &str = "value-of-the-test-0123456789";

struct Kept(Mutex<Vec<(Level, String)>>);

impl Log for Kept {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {}", record.target(), record.args());
        self.0.lock().unwrap().push((record.level(), line));
    }

    fn flush(&self) {}
}

static KEPT: Kept = Kept(Mutex::new(Vec::new()));

#[test]
fn at_any_level() {
    log::set_logger(&KEPT).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let bao = Bao::start();
    let addresses = std::slice::from_ref(&bao.address);
    let ours = client(addresses, None, Some(TOKEN), Limits::default()).unwrap();
    run(async {
        let write = SetSecretRequest {
            mount: "secret".to_owned(),
            path: "web".to_owned(),
            data: json!({ "A": VALUE }),
            options: None,
        };
        ours.call(&write).await.unwrap();
        let read = ReadSecretRequest {
            mount: "secret".to_owned(),
            path: "web".to_owned(),
            version: None,
        };
        let data = ours.call(&read).await.unwrap().into_data().unwrap().data;
        assert_eq!(data["A"], VALUE);
        ours.get::<Value>("secret/data/none").await.unwrap_err();
        let wrong = json!({ "data": VALUE, "token": TOKEN });
        ours.post::<Value>("secret/data/web", &wrong)
            .await
            .unwrap_err();
    });
    let kept = KEPT.0.lock().unwrap();
    assert!(kept.iter().any(|(level, _)| *level == Level::Trace));
    for (level, line) in kept.iter() {
        for form in forms(VALUE).iter().chain(&forms(TOKEN)) {
            assert!(!contains(line.as_bytes(), form), "{level}: {line}");
        }
    }
}
