//! What the tests of keys that the server keeps share: a team with such a reader, and a CI system that logs in.

use crate::support::lab::Run;
use crate::team::Team;

pub(crate) const VALUE: &str = "value-of-the-test-0123456789";

pub(crate) const DECRYPT: &str = r#"path "transit/decrypt/clws" { capabilities = ["update"] }"#;

/// A team whose server keeps the key of `vault-prod`, and a CI system that may open by it.
pub(crate) struct Keeping {
    pub(crate) team: Team,
    pub(crate) role: String,
    pub(crate) secret: String,
    pub(crate) head: String,
}

impl Keeping {
    pub(crate) fn new() -> Self {
        Self::of("bao", "aes256-gcm96")
    }

    pub(crate) fn of(program: &'static str, kind: &str) -> Self {
        let team = Team::of(program);
        team.set("prod/web/TOKEN", VALUE);
        team.set("prod/db/TOKEN", "another");
        let bao = |words: &str| {
            let words: Vec<&str> = words.split(' ').collect();
            team.bao.bao(&words, b"").trim().to_owned()
        };
        bao("secrets enable transit");
        bao(&format!("write -f transit/keys/clws type={kind}"));
        bao("auth enable approle");
        team.bao
            .bao(&["policy", "write", "ci", "-"], DECRYPT.as_bytes());
        bao("write auth/approle/role/ci token_policies=ci token_ttl=60s");
        let role = bao("read -field=role_id auth/approle/role/ci/role-id");
        let secret = bao("write -f -field=secret_id auth/approle/role/ci/secret-id");
        let add = "recipient add vault-prod --transit transit/clws --kind service --yes";
        team.lab.clws(add).succeeds();
        let mut keeping = Self {
            team,
            role,
            secret,
            head: String::new(),
        };
        keeping.grant("prod/web");
        keeping.grant("prod/db");
        keeping
    }

    /// Lets the server's key read; the server seals by it.
    pub(crate) fn grant(&mut self, path: &str) {
        let grant = format!("access grant vault-prod {path} --read --yes");
        self.team.clws(&grant).succeeds();
        self.head = self.team.lab.head();
    }

    /// A run on a machine without any identity, which logs in to the server.
    pub(crate) fn ci(&self, words: &str) -> Run<'_> {
        let run = self.team.lab.clws(words).by("ci");
        run.env("VAULT_ADDR", &self.team.bao.address)
            .env("VAULT_ROLE_ID", &self.role)
            .env("VAULT_SECRET_ID", &self.secret)
            .env("CLWS_TRUST", &self.head)
    }

    pub(crate) fn bao(&self, words: &str) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        self.team.bao.bao(&words, b"")
    }

    pub(crate) fn document(&self, path: &str) -> String {
        let file = self.team.lab.vault().join(format!("secrets/{path}.toml"));
        std::fs::read_to_string(file).unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let file = self.team.lab.vault().join(format!("secrets/{path}.toml"));
        std::fs::write(file, text).unwrap();
    }

    /// The server's wrap in a document: `kid:transit:vault:v1:…`.
    pub(crate) fn wrap(&self, path: &str) -> String {
        let text = self.document(path);
        let table = text.split("[reader.vault-prod/main]").nth(1);
        let table = table.or_else(|| text.split("[reader.\"vault-prod/main\"]").nth(1));
        let key = table.unwrap().split("key = \"").nth(1).unwrap();
        key.split('"').next().unwrap().to_owned()
    }
}
