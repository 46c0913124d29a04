//! A vault beside a real server, and somebody with a token there.

use crate::support::bao::{Bao, TOKEN};
use crate::support::lab::{Lab, Run};

/// A vault, a server, and ada.
pub(crate) struct Team {
    pub(crate) lab: Lab,
    pub(crate) bao: Bao,
}

impl Team {
    pub(crate) fn new() -> Self {
        Self::of("bao")
    }

    pub(crate) fn of(program: &'static str) -> Self {
        Self {
            lab: Lab::new(),
            bao: Bao::of(program),
        }
    }

    pub(crate) fn clws(&self, words: &str) -> Run<'_> {
        let run = self.lab.clws(words).env("VAULT_ADDR", &self.bao.address);
        run.env("VAULT_TOKEN", TOKEN)
    }

    pub(crate) fn set(&self, path: &str, value: &str) {
        let set = self.lab.clws(&format!("secret set {path}"));
        set.stdin(value.as_bytes()).succeeds();
    }

    pub(crate) fn get(&self, path: &str) -> String {
        self.lab
            .clws(&format!("secret get {path}"))
            .succeeds()
            .text()
    }

    /// What a secret there holds, as JSON.
    pub(crate) fn there(&self, path: &str) -> serde_json::Value {
        let words = ["kv", "get", "-format=json", "-mount=secret", path];
        serde_json::from_str(&self.bao.bao(&words, b"")).unwrap()
    }

    pub(crate) fn put(&self, path: &str, fields: &str) {
        let words = ["kv", "put", "-mount=secret", path, "-"];
        self.bao.bao(&words, fields.as_bytes());
    }

    /// How one document stands.
    pub(crate) fn standing(&self, path: &str) -> String {
        let diff = self.clws(&format!("server diff {path} --json")).run();
        let items = diff.json();
        let standing = items.pointer("/items/0/standing").unwrap();
        standing.as_str().unwrap().to_owned()
    }
}
