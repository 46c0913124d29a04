//! Somebody leaves a vault of many documents and values: one step, after which nothing of it opens for
//! the keys that the leaver has, and nobody else is told anything.

use std::collections::BTreeMap;

use clws::crypto::{DataKey, Label, List, decode_base64, open, unwrap};
use clws::name::DocumentPath;
use clws::vault::Document;

use crate::lab::{Lab, Run};

const DOCUMENTS: usize = 30;
const VALUES: usize = 12;
const FILES: usize = 6;

/// Ada decides; ben and cleo read and write dev, into which all of it is imported.
fn lab() -> Lab {
    let lab = Lab::new().people(&["ben", "cleo"]);
    for name in ["ben", "cleo"] {
        lab.clws(&format!("access grant {name} dev --read --write --yes"))
            .succeeds();
    }
    let tree = tempfile::tempdir().unwrap();
    let keys = tree.path().join("dev/keys");
    std::fs::create_dir_all(&keys).unwrap();
    for document in 0..DOCUMENTS {
        let lines: String = (0..VALUES)
            .map(|value| format!("NAME_{value}=value-{document}-{value}\n"))
            .collect();
        std::fs::write(tree.path().join(format!("dev/web{document}.env")), lines).unwrap();
    }
    for file in 0..FILES {
        std::fs::write(keys.join(format!("k{file}")), format!("file-{file}")).unwrap();
    }
    lab.clws("import --yes")
        .word(tree.path().to_str().unwrap())
        .succeeds();
    lab.accepted_by(&["ben", "cleo"]);
    lab.commit("imported");
    lab
}

/// The age identity that somebody keeps in a file.
fn identity(lab: &Lab, who: &str) -> age::x25519::Identity {
    let path = format!(".config/clws/identities/{who}/age.txt");
    let text = std::fs::read_to_string(lab.home(who).join(path)).unwrap();
    let line = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY"));
    line.unwrap().parse().unwrap()
}

/// What tells a vault: the hash of its first trust version, without signatures.
fn vault_id(lab: &Lab) -> [u8; 32] {
    let text = std::fs::read(lab.vault().join("recipients/trust/1.toml")).unwrap();
    let end = memchr::memmem::find(&text, b"\n[sig.").unwrap() + 1;
    clws::crypto::sha256(&text[..end])
}

/// All documents' texts, by path.
fn documents(lab: &Lab) -> BTreeMap<DocumentPath, Vec<u8>> {
    let paths = (0..DOCUMENTS).map(|number| format!("dev/web{number}"));
    paths
        .map(|path| {
            let file = lab.vault().join(format!("secrets/{path}.toml"));
            (path.parse().unwrap(), std::fs::read(file).unwrap())
        })
        .collect()
}

/// Every data key that an identity opens a wrap of, whoever the wrap says it is for.
fn data_keys(lab: &Lab, who: &str) -> Vec<DataKey> {
    let (identity, id) = (identity(lab, who), vault_id(lab));
    let mut keys = Vec::new();
    for (path, text) in documents(lab) {
        for wrap in Document::parse(&text, &path, &id).unwrap().wraps().unwrap() {
            let wrapped = wrap.text.rsplit(':').next().unwrap();
            keys.extend(unwrap(&decode_base64(wrapped).unwrap(), &identity));
        }
    }
    keys
}

/// How many values some of these keys open.
fn opened(lab: &Lab, keys: &[DataKey]) -> usize {
    let id = vault_id(lab);
    let mut count = 0;
    for (path, text) in documents(lab) {
        let document = Document::parse(&text, &path, &id).unwrap();
        for record in document.records().unwrap() {
            let opens = |key: &DataKey| {
                record
                    .open(&document.place, &document.head.key_id, key)
                    .is_ok()
            };
            count += usize::from(keys.iter().any(opens));
        }
    }
    count
}

/// How many of the keys from before, which documents keep, some of these keys open.
fn retired_opened(lab: &Lab, keys: &[DataKey]) -> usize {
    let id = vault_id(lab);
    let mut count = 0;
    for (path, text) in documents(lab) {
        let document = Document::parse(&text, &path, &id).unwrap();
        for header in document.lines().of_kind("retired") {
            let table = document.lines().table(header).unwrap();
            let about = List::new("clws.v1.retired")
                .bytes(&id)
                .bytes(&document.head.id)
                .bytes(&table.hex::<32>("key_id").unwrap())
                .bytes(&document.head.key_id)
                .encode();
            let sealed = decode_base64(table.text("key").unwrap()).unwrap();
            let opens = |key: &DataKey| open(key, Label::Retired, &about, sealed.clone()).is_ok();
            count += usize::from(keys.iter().any(opens));
        }
    }
    count
}

/// How many sealed files an identity opens.
fn files_opened(lab: &Lab, who: &str) -> usize {
    let identity = identity(lab, who);
    let opens = |file: &usize| {
        let path = lab.vault().join(format!("secrets/dev/keys/k{file}.age"));
        let sealed = std::fs::read(path).unwrap();
        let decryptor = age::Decryptor::new_buffered(&sealed[..]).unwrap();
        decryptor
            .decrypt(std::iter::once(&identity as &dyn age::Identity))
            .is_ok()
    };
    (0..FILES).filter(opens).count()
}

/// Reads everything with as many commands as there are documents and files; what was said besides.
fn reads_all(lab: &Lab, who: &str) -> String {
    let get = |path: String| -> Run<'_> { lab.clws("secret get").word(path).by(who) };
    let mut said = String::new();
    for document in 0..DOCUMENTS {
        let value = document % VALUES;
        let ran = get(format!("dev/web{document}/NAME_{value}")).succeeds();
        assert_eq!(ran.text(), format!("value-{document}-{value}"));
        said.push_str(&ran.err);
    }
    for file in 0..FILES {
        let ran = get(format!("dev/keys/k{file}")).succeeds();
        assert_eq!(ran.text(), format!("file-{file}"));
        said.push_str(&ran.err);
    }
    said
}

/// The names that the lines of ada's log have, and how many lines there are.
fn uses(lab: &Lab) -> (usize, usize) {
    let shown = lab.clws("audit show --json").succeeds().json();
    let uses = shown["uses"].as_array().unwrap();
    let names = uses
        .iter()
        .map(|entry| entry["secrets"].as_array().unwrap().len());
    (uses.len(), names.sum())
}

#[test]
fn the_keys_of_who_left_open_nothing_that_was_written_since() {
    let lab = lab();
    let all = DOCUMENTS * VALUES;
    let old_keys = data_keys(&lab, "ben");
    assert_eq!((old_keys.len(), opened(&lab, &old_keys)), (DOCUMENTS, all));
    assert_eq!(files_opened(&lab, "ben"), FILES);
    assert_eq!(reads_all(&lab, "cleo"), "");
    let (lines, names) = uses(&lab);

    let ran = lab.clws("recipient remove ben --yes").succeeds();
    // One line for all that is alike: who leaves is not scrolled away.
    let counted = format!(
        "{} documents and files, which `--dry-run` lists: seal it anew, so that ben cannot open it",
        DOCUMENTS + FILES + 1
    );
    assert!(ran.err.contains(&counted), "{}", ran.err);
    assert!(!ran.err.contains("dev/web7"), "{}", ran.err);
    // What was opened and what was changed, with every name, and not a line for each file.
    let (lines_now, names_now) = uses(&lab);
    assert_eq!(lines_now - lines, 2);
    assert_eq!(names_now - names, all + 2 * (FILES + 1));

    assert_eq!(data_keys(&lab, "ben").len(), 0);
    assert_eq!(opened(&lab, &old_keys), 0);
    assert_eq!(files_opened(&lab, "ben"), 0);
    // Whoever stays has the new ones.
    let new_keys = data_keys(&lab, "cleo");
    assert_eq!((new_keys.len(), opened(&lab, &new_keys)), (DOCUMENTS, all));
    assert_eq!(files_opened(&lab, "cleo"), FILES);
    // The keys from before are kept for whoever has the new ones, and lead to nothing for who left.
    assert_eq!(retired_opened(&lab, &new_keys), DOCUMENTS);
    assert_eq!(retired_opened(&lab, &old_keys), 0);
    // What was known to others already is not forgotten over him.
    let known = lab.clws("secret policy dev/web3/NAME_1").succeeds().text();
    assert!(
        known.contains("import ") && known.contains("; ben left "),
        "{known}"
    );
    for who in ["ada", "cleo"] {
        assert_eq!(reads_all(&lab, who), "", "{who} is told something");
    }
    lab.clws("check --full").succeeds();
    lab.clws("audit verify").succeeds();

    // What is written later is sealed under the new keys too.
    lab.clws("secret set dev/web3/NAME_1")
        .by("cleo")
        .stdin(b"given later")
        .succeeds();
    assert_eq!(opened(&lab, &old_keys), 0);
    // And after the next change of keys, when two from before are kept.
    lab.clws("rekey --yes").succeeds();
    let newest = data_keys(&lab, "cleo");
    assert_eq!(retired_opened(&lab, &newest), 2 * DOCUMENTS);
    assert_eq!(retired_opened(&lab, &old_keys), 0);
    assert_eq!(retired_opened(&lab, &new_keys), 0);
    assert_eq!(opened(&lab, &old_keys) + opened(&lab, &new_keys), 0);
}

#[test]
fn a_dry_run_lists_every_document_and_file() {
    let lab = lab();
    let ran = lab.clws("recipient remove ben --dry-run").succeeds();
    let listed = ran.err.lines().filter(|line| line.contains("seal it anew"));
    assert_eq!(listed.count(), DOCUMENTS + FILES + 1, "{}", ran.err);
    assert_eq!(lab.git(&["status", "--porcelain"]), "");
}

#[test]
fn of_an_empty_vault_nothing_is_sealed_anew() {
    let lab = Lab::new();
    let ran = lab.clws("rekey").succeeds();
    assert_eq!(ran.err, "there is nothing to seal anew\n");
}
