//! What lies in the repository, which whoever can push writes.

use std::fs;

use clws::crypto::sshsig::{Namespace, PublicKey, SignedBy};
use clws::hook::HOOK_SCHEMA;
use clws::lines::{Schema, apply, scan, tidy};
use clws::merge::{Take, merge};
use clws::name::{DocumentPath, FilePath};
use clws::recipients::{Access, Party};
use clws::trust::{Settings, Version};
use clws::vault::{DOCUMENT_SCHEMA, Document, Sidecar};

use crate::drive::{fuzz, said};
use crate::lab::Lab;

/// Words of all files of the vault.
const WORDS: &[&str] = &[
    "[document]\n",
    "[reader.\"ada/main\"]\n",
    "[secret.A]\n",
    "[secret.B]\n",
    "[pending.A]\n",
    "[submission.A]\n",
    "[retired.\"00\"]\n",
    "[end]\n",
    "[party]\n",
    "[recipient.main]\n",
    "[signing.main]\n",
    "[hostkey.a]\n",
    "[group.all]\n",
    "[rule.dev]\n",
    "[rule.\"dev/web\"]\n",
    "[vault]\n",
    "[scope.dev]\n",
    "[trust]\n",
    "[admin.ada]\n",
    "[file.\"clws.toml\"]\n",
    "[sig.ada]\n",
    "[hook]\n",
    "rev = 1\n",
    "format = 1\n",
    "seq = 2\n",
    "key = \"",
    "value = \"",
    "sig = \"ada/",
    "state = \"removed\"\n",
    "type = \"",
    "mode = \"0644\"\n",
    "\\u0000",
    "# a note\n",
    "members = [\"ada\"]\n",
    "readers = []\n",
    "age = \"age1",
    "threshold = 1\n",
];

/// Files as the program writes them.
struct Files {
    lab: Lab,
}

impl Files {
    fn new() -> Self {
        let lab = Lab::founded()
            .secret("dev/web/TOKEN", "hunter2")
            .secret("dev/web/OTHER", "swordfish")
            .people(&["ben"]);
        lab.clws("secret set dev/keys/a --type file")
            .stdin(b"key")
            .succeeds();
        lab.clws("secret policy dev/web/TOKEN --rotate-every 90d --owner ada")
            .succeeds();
        lab.clws("access grant ben dev --read --yes").succeeds();
        lab.clws("host add vm-clws-dev-web-0 --address 10.0.0.4 --yes")
            .succeeds();
        fs::create_dir_all(lab.vault().join("hooks/web")).unwrap();
        fs::write(lab.vault().join("hooks/web.toml"), "").unwrap();
        lab.clws("hook sign web --yes").succeeds();
        Self { lab }
    }

    fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.lab.vault().join(path)).unwrap()
    }
}

/// What holds of every text whose lines are accepted.
fn lines(text: &[u8], schema: &'static Schema) -> String {
    let parsed = match scan(text, schema) {
        Ok(parsed) => parsed,
        Err(error) => return error.to_string(),
    };
    assert_eq!(
        apply(&parsed, &Default::default()).as_bytes(),
        text,
        "changed by nothing"
    );
    let sorted = tidy(&parsed);
    let again = scan(sorted.as_bytes(), schema).expect("what was sorted reads");
    assert_eq!(tidy(&again), sorted, "sorted twice");
    said(&parsed.all())
}

#[test]
fn documents() {
    let files = Files::new();
    let path: DocumentPath = "dev/web".parse().unwrap();
    fuzz(
        "documents",
        &[&files.read("secrets/dev/web.toml")],
        WORDS,
        |text| {
            let read = lines(text, &DOCUMENT_SCHEMA);
            match Document::parse(text, &path, &[7; 32]) {
                Ok(document) => {
                    document.names().for_each(drop);
                    format!("{read}; {}", said(&document.records()))
                }
                Err(error) => error.to_string(),
            }
        },
    );
}

#[test]
fn sidecars() {
    let files = Files::new();
    let path: FilePath = "dev/keys/a".parse().unwrap();
    fuzz(
        "sidecars",
        &[&files.read("secrets/dev/keys/a.age.toml")],
        WORDS,
        |text| {
            let sidecar = Sidecar::parse(text, &path);
            if let Ok(sidecar) = &sidecar {
                let printed = sidecar.print();
                let again =
                    Sidecar::parse(printed.as_bytes(), &path).expect("what was printed reads");
                assert_eq!(again.print(), printed);
            }
            said(&sidecar)
        },
    );
}

#[test]
fn joins_of_documents() {
    let files = Files::new();
    let base = files.read("secrets/dev/web.toml");
    let path: DocumentPath = "dev/web".parse().unwrap();
    fuzz("joins", &[&base], WORDS, |text| {
        let sides = (Some(base.as_slice()), base.as_slice(), text);
        match merge(None, &path, sides, Take::Neither, 7) {
            Ok(merged) if merged.conflicts.is_empty() => {
                let read = Document::parse(merged.text.as_bytes(), &path, &[7; 32]);
                read.expect("what was joined without a conflict reads");
                "joined".into()
            }
            Ok(_) => "conflicts".into(),
            Err(error) => error.to_json()["error"]["message"].to_string(),
        }
    });
}

#[test]
fn trust_versions() {
    let files = Files::new();
    let seeds = ["recipients/trust/1.toml", "recipients/trust/3.toml"].map(|path| files.read(path));
    let first = Version::parse(&seeds[0]).unwrap();
    fuzz("trust", &[&seeds[0], &seeds[1]], WORDS, |text| {
        let version = Version::parse(text);
        match &version {
            Ok(version) => {
                drop(version.fingerprint());
                format!(
                    "{} {}",
                    said(&version.check_founding()),
                    said(&version.check_after(&first))
                )
            }
            Err(error) => error.to_string(),
        }
    });
}

#[test]
fn rules_and_parties_and_settings_and_hooks() {
    let files = Files::new();
    let seeds = [
        "recipients/access.toml",
        "recipients/ada.toml",
        "recipients/vm-clws-dev-web-0.toml",
        "clws.toml",
        "hooks/web.sig.toml",
    ]
    .map(|path| files.read(path));
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    fuzz("rules", &seeds, WORDS, |text| {
        let (access, party) = (Access::parse(text), Party::parse(text));
        if let Ok(access) = &access {
            let printed = access.print();
            let again = Access::parse(printed.as_bytes()).expect("rules that were printed read");
            assert_eq!(again.print(), printed);
        }
        if let Ok(party) = &party {
            let printed = party.print();
            let again = Party::parse(printed.as_bytes()).expect("a party that was printed reads");
            assert_eq!(again.print(), printed);
        }
        let settings = said(&Settings::parse(text));
        let hook = lines(text, &HOOK_SCHEMA);
        format!("{}; {}; {settings}; {hook}", said(&access), said(&party))
    });
}

#[test]
fn signatures_and_keys() {
    let files = Files::new();
    let text = String::from_utf8(files.read("secrets/dev/web.toml")).unwrap();
    let signature = text
        .lines()
        .find_map(|line| line.strip_prefix("sig = \""))
        .unwrap();
    let signature = signature.trim_end_matches('"').as_bytes().to_vec();
    let party = String::from_utf8(files.read("recipients/ada.toml")).unwrap();
    let key = party
        .split('"')
        .find(|word| word.starts_with("ssh-"))
        .unwrap();
    fuzz(
        "signatures",
        &[&signature, key.as_bytes()],
        &["ada/", ":", "AAAA", "ssh-ed25519 "],
        |text| {
            let text = String::from_utf8_lossy(text);
            let key = text.parse::<PublicKey>();
            let signed = text.parse::<SignedBy>();
            if let (Ok(signed), Ok(trusted)) = (&signed, &PublicKey::from_blob(&[0; 51])) {
                assert!(
                    trusted
                        .verify(Namespace::Audit, b"no", &signed.signature)
                        .is_err()
                );
            }
            if let Ok(signed) = &signed {
                assert_eq!(signed.to_string(), text, "one spelling");
            }
            format!("{}; {}", said(&key), said(&signed))
        },
    );
}
