//! Many sealed files are opened and written on all cores, by the same rules as one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::lab::{Lab, Run};
use crate::what_was_imported_can_be_exported::{Memory, tree};

/// More than are opened by one thread.
const MANY: usize = 60;

/// A vault with many files, and the tree that they came from.
fn imported() -> (Lab, tempfile::TempDir) {
    let (lab, source) = (Lab::new(), tempfile::tempdir().unwrap());
    for number in 0..MANY {
        let folder = source.path().join(format!("d{}", number % 3));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("f{number:02}"));
        let byte = u8::try_from(number).unwrap();
        fs::write(&file, [&[0xfe, 0x00, byte], &[byte; 600][..]].concat()).unwrap();
        let mode = if number % 2 == 0 { 0o600 } else { 0o640 };
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    }
    let run = lab.clws("import --scope prod --yes");
    run.word(source.path().to_str().unwrap()).succeeds();
    (lab, source)
}

fn export<'a>(lab: &'a Lab, out: &Path) -> Run<'a> {
    let run = lab.clws("export prod --format dir --out");
    run.word(out.to_str().unwrap())
}

/// How often the log has the export of each secret.
fn exports(lab: &Lab) -> BTreeMap<String, usize> {
    let log = lab.home("ada").join(".local/state/clws/audit/log.jsonl");
    let mut times = BTreeMap::new();
    for line in fs::read_to_string(log).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        for secret in line["secrets"].as_array().unwrap() {
            if line["what"] == "export" {
                *times
                    .entry(secret.as_str().unwrap().to_owned())
                    .or_default() += 1;
            }
        }
    }
    times
}

#[test]
fn they_have_their_modes_and_each_use_is_logged_once() {
    let (lab, source) = imported();
    lab.clws("secret remove prod/d0/f03 --yes").succeeds();
    let memory = Memory::new();
    let out = memory.join("tree");
    export(&lab, &out).succeeds();

    let mut expected = tree(source.path());
    expected.remove("d0/f03").unwrap();
    assert_eq!(tree(&out), expected);
    let names = expected.keys().map(|path| format!("prod/{path}"));
    let names = names.chain(["prod/import.json".to_owned()]);
    assert_eq!(exports(&lab), names.map(|name| (name, 1)).collect());
}

#[test]
fn one_that_is_damaged_or_not_to_be_shown_leaves_nothing() {
    let (lab, _source) = imported();
    let memory = Memory::new();
    let out = memory.join("tree");
    lab.clws("secret policy prod/d1/f04 --no-print").succeeds();
    let ran = export(&lab, &out).run();
    assert!(ran.code != 0 && ran.err.contains("prod/d1/f04"), "{ran:?}");
    assert!(!out.exists());
    lab.clws("secret policy prod/d1/f04 --clear no-print")
        .succeeds();

    let age = lab.vault().join("secrets/prod/d2/f59.age");
    let mut bytes = fs::read(&age).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&age, bytes).unwrap();
    let ran = export(&lab, &out).run();
    assert!(ran.code != 0 && ran.err.contains("prod/d2/f59"), "{ran:?}");
    assert!(!out.exists());
}
