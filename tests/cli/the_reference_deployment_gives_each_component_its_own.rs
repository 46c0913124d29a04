//! The vault of this repository: CodaLab's deployment, sealed for identities that are public on purpose.
//! Each component is given the secrets that it needs and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// What each component is given, by the table of CodaLab's facts; names below the scope.
const GIVEN: &[(&str, &[&str])] = &[
    (
        "mysql",
        &["mysql/CODALAB_MYSQL_PASSWORD", "mysql/ROOT_PASSWORD"],
    ),
    ("ws-server", &[]),
    (
        "rest-server",
        &[
            "azure/BLOB_CONNECTION_STRING",
            "codalab/PASSWORD",
            "email/PASSWORD",
            "gcp/bundles.json",
            "mysql/CODALAB_MYSQL_PASSWORD",
            "rest-server/RECAPTCHA_SECRET_KEY",
            "rest-server/SECRET_KEY",
            "rest-server/SENTRY_INGEST_URL",
        ],
    ),
    (
        "bundle-manager",
        &[
            "azure/BLOB_CONNECTION_STRING",
            "gcp/bundles.json",
            "mysql/CODALAB_MYSQL_PASSWORD",
        ],
    ),
    ("frontend", &[]),
    ("nginx", &["tls/codalab.crt", "tls/codalab.key"]),
    (
        "monitor",
        &[
            "codalab/PASSWORD",
            "email/PASSWORD",
            "mysql/CODALAB_MYSQL_PASSWORD",
        ],
    ),
    ("worker", &["codalab/PASSWORD"]),
    ("gpuworker", &["codalab/PASSWORD"]),
    (
        "worker-manager-azure",
        &[
            "codalab/PASSWORD",
            "worker-managers/AZURE_BATCH_ACCOUNT_KEY",
            "worker-managers/CPU_AZURE_LOG_CONTAINER_URL",
        ],
    ),
    (
        "worker-manager-kubernetes",
        &[
            "codalab/PASSWORD",
            "kubernetes/cluster-ca.crt",
            "worker-managers/GPU_KUBERNETES_AUTH_TOKEN",
        ],
    ),
];

/// Where each runs, in the order of its start.
const PROD: &[(&str, &[&str])] = &[
    ("vm-clws-prod-gpuworker-0", &["gpuworker"]),
    ("vm-clws-prod-mysql-0", &["mysql"]),
    (
        "vm-clws-prod-server-0",
        &[
            "ws-server",
            "rest-server",
            "bundle-manager",
            "frontend",
            "worker-manager-azure",
            "worker-manager-kubernetes",
            "nginx",
            "monitor",
        ],
    ),
    ("vm-clws-prod-worker-0", &["worker"]),
];

struct Repository {
    state: tempfile::TempDir,
    head: String,
}

impl Repository {
    /// With the head that the README's command expects.
    fn new() -> Self {
        let config = std::fs::read_to_string(root().join(".cargo/config.toml")).unwrap();
        let head = config.split("--expect ").nth(1).unwrap();
        Self {
            state: tempfile::tempdir().unwrap(),
            head: head.split('"').next().unwrap().to_owned(),
        }
    }

    fn clws(&self, words: &str) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_clws"))
            .args(["--vault".as_ref(), root().as_os_str()])
            .args(["--state-dir".as_ref(), self.state.path().as_os_str()])
            .args(["--config-dir".as_ref(), self.state.path().as_os_str()])
            .args([
                "--identity".as_ref(),
                root().join("recipients/demo/grace").as_os_str(),
            ])
            .args(["--expect", &self.head])
            .args(words.split(' '))
            .env_clear()
            .current_dir(self.state.path())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    /// By host and component, what a deploy would give: read from its plan.
    fn plan(&self, on: &str) -> Vec<(String, String, BTreeSet<String>)> {
        let (code, out, err) = self.clws(&format!("deploy --dry-run --json --on {on}"));
        assert_eq!(code, 0, "{err}");
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        let rows = report["plan"].as_array().unwrap().iter();
        rows.map(|row| {
            let word = |key: &str| row[key].as_str().unwrap().to_owned();
            let given = row["secrets"].as_object().unwrap().keys();
            let given = given.map(|name| name.strip_prefix(&format!("{on}/")).unwrap().to_owned());
            (word("host"), word("component"), given.collect())
        })
        .collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn each_is_given_what_it_needs_and_nothing_else() {
    let repository = Repository::new();
    let wanted: BTreeMap<&str, BTreeSet<String>> = GIVEN
        .iter()
        .map(|(name, given)| (*name, given.iter().map(|name| (*name).to_owned()).collect()))
        .collect();
    let mut seen = BTreeSet::new();
    for on in ["prod", "test", "dev"] {
        let plan = repository.plan(on);
        assert!(plan.len() >= 8, "{plan:?}");
        for (host, component, given) in plan {
            assert_eq!(given, wanted[component.as_str()], "{component} on {host}");
            seen.insert(component);
        }
    }
    assert_eq!(seen.len(), GIVEN.len(), "{seen:?}");
}

#[test]
fn each_runs_where_it_belongs_after_what_it_needs() {
    let repository = Repository::new();
    let mut hosts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (host, component, _) in repository.plan("prod") {
        hosts.entry(host).or_default().push(component);
    }
    let wanted = PROD.iter().map(|(host, components)| {
        let components = components.iter().map(|name| (*name).to_owned());
        ((*host).to_owned(), components.collect())
    });
    assert_eq!(hosts, wanted.collect());
    // The database is a container of the server elsewhere.
    for on in ["test", "dev"] {
        let plan = repository.plan(on);
        let host = plan.iter().find(|(_, component, _)| component == "mysql");
        assert_eq!(host.unwrap().0, format!("vm-clws-{on}-server-0"));
    }
}

#[test]
fn it_holds_by_its_own_check_and_opens() {
    let repository = Repository::new();
    let (code, out, err) = repository.clws("check --full --json");
    assert_eq!(code, 0, "{out}{err}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    for finding in report["findings"].as_array().unwrap() {
        assert_eq!(finding["kind"], "public-party", "{finding}");
    }
    // What is on call cannot read what belongs to the newcomer alone.
    let (code, out, _) = repository.clws("secret get demo/greeter/TOKEN");
    assert_eq!((code, out.as_str()), (11, ""));
    let (code, out, err) = repository.clws("secret get prod/mysql/CODALAB_MYSQL_PASSWORD");
    assert_eq!(code, 0, "{err}");
    assert_eq!(
        out.len(),
        45,
        "random, and of letters that survive everywhere"
    );
}
