//! A hook names secrets within a scope, and an account of Azure's by its own name: the same name in another scope is
//! another secret. Whoever writes it would be given a fresh key of the account, and the one in use would be made anew.

use crate::azure::Azure;
use crate::lab::Lab;

const HOOK: &str = "[rotate.\"files/KEY\".azure-key]\nstorage = \"codalabfiles\"\n\
                    resource_group = \"codalab-prod\"\n";

#[test]
fn that_of_another_scope_is_no_key_of_it() {
    let lab = Lab::new();
    let azure = Azure::new(lab.root(), "codalabfiles");
    let lab = lab.secret("prod/files/KEY", &azure.keys()[0]);
    std::fs::create_dir_all(lab.vault().join("hooks")).unwrap();
    std::fs::write(lab.vault().join("hooks/azure.toml"), HOOK).unwrap();
    lab.clws("hook sign azure --yes").succeeds();
    let policy = |path: &str| {
        let words = format!("secret policy {path} --rotator azure-key");
        lab.clws(&words).succeeds();
    };
    let rotate = |path: &str| {
        let run = lab.clws(&format!("rotate {path} --dry-run"));
        run.env("PATH", azure.path())
    };
    policy("prod/files/KEY");
    rotate("prod/files/KEY").succeeds();
    lab.clws("secret set dev/files/KEY")
        .stdin(b"a-key-of-their-own")
        .succeeds();
    policy("dev/files/KEY");
    for path in ["prod/files/KEY", "dev/files/KEY"] {
        let refused = rotate(path).exits(17);
        assert!(
            refused.err.contains("an account has one secret"),
            "{path}: {}",
            refused.err
        );
    }
    // What is taken away there keeps nobody from it.
    lab.clws("secret remove dev/files/KEY --yes").succeeds();
    rotate("prod/files/KEY").succeeds();
    assert_eq!(azure.calls(), 0);
}
