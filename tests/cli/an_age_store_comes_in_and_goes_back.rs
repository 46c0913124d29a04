//! A store of age files, as passage and gopass keep them, comes in opened, and goes back as age files; what
//! clws does not open is named, with the way out.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::lab::Lab;
use crate::sops::Sops;
use crate::tool::{run, said};
use crate::what_was_imported_can_be_exported::{Memory, tree};

const CANARY: &str = "xo8Gh-age-store-canary";

/// Seals with the real age.
fn age(to: &[&str], more: &[&str], content: &[u8]) -> Vec<u8> {
    let to = to.iter().flat_map(|recipient| ["-r", *recipient]);
    let output = run("age", to.chain(more.iter().copied()), content);
    assert!(output.status.success(), "{}", said(&output));
    output.stdout
}

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn findings(report: &Value, source: &str) -> String {
    let all = report["sources"].as_array().unwrap();
    let found = all.iter().find(|item| item["source"] == source).unwrap();
    format!(
        "{} {} {}",
        found["kind"], found["action"], found["findings"]
    )
}

#[test]
fn a_store_comes_in_opened_and_goes_back() {
    let lab = Lab::new().people(&["ben"]);
    let (ada, ben) = (
        Sops::of(&lab, "ada").recipient(),
        Sops::of(&lab, "ben").recipient(),
    );
    let store = lab.root().join("store");
    let entry = format!("{CANARY}\nuser: ada\n");
    let blob = [b"\0\xff".as_slice(), &[7; 200_000]].concat();
    write(
        &store.join(".age-recipients"),
        format!("# us\n{ada}\n{ben}\n"),
    );
    write(
        &store.join("web/db.age"),
        age(&[&ada], &[], entry.as_bytes()),
    );
    write(
        &store.join("web/Some Name.age"),
        age(&[&ben, &ada], &["-a"], b"{\"a\": 1}"),
    );
    write(&store.join("prod/blob.bin.age"), age(&[&ada], &[], &blob));
    write(&store.join("empty.age"), age(&[&ada], &[], b""));
    let mode = fs::Permissions::from_mode(0o640);
    fs::set_permissions(store.join("web/db.age"), mode).unwrap();
    let run = lab
        .clws("import --yes --json")
        .word(store.to_str().unwrap());
    let ran = run.succeeds();
    let report = ran.json();
    assert_eq!(findings(&report, "web/db.age"), "\"age\" \"file\" []");
    assert!(
        findings(&report, ".age-recipients").contains("\"clear\""),
        "{report}"
    );
    for (secret, content) in [
        ("shared/web/db", entry.as_bytes()),
        ("shared/web/Some_Name", b"{\"a\": 1}"),
        ("prod/blob.bin", &blob),
        ("shared/empty", b""),
    ] {
        assert!(
            lab.clws(&format!("secret get {secret}")).succeeds().out == content,
            "{secret}"
        );
    }
    let again = lab
        .clws("import --yes")
        .word(store.to_str().unwrap())
        .succeeds();
    assert!(again.err.contains("nothing to seal"), "{}", again.err);
    lab.nowhere(&[CANARY.to_owned()]);
    // Back: what passage shows with the same key.
    let out = lab.root().join("back");
    let run = lab.clws("export shared/web prod/blob.bin --format age --out");
    run.word(out.to_str().unwrap()).succeeds();
    let names: Vec<String> = tree(&out).into_keys().collect();
    assert_eq!(
        names,
        [
            "prod/blob.bin.age",
            "shared/web/Some_Name.age",
            "shared/web/db.age"
        ]
    );
    let key = Sops::of(&lab, "ada").key_file();
    let words = [
        "-d",
        "-i",
        key.to_str().unwrap(),
        out.join("shared/web/db.age").to_str().unwrap(),
    ]
    .map(str::to_owned);
    assert_eq!(crate::tool::run("age", words, b"").stdout, entry.as_bytes());
    // As the tree that it was, it is plaintext, and has the names of plaintext.
    let memory = Memory::new();
    let out = memory.join("out");
    let said = lab
        .clws("export --format dir --out")
        .word(out.to_str().unwrap())
        .succeeds();
    assert!(
        said.err
            .contains("web/db.age is written open: `clws export shared/web/db --format age`"),
        "{}",
        said.err
    );
    let back = tree(&out);
    assert_eq!(back["web/db"], (0o640, entry.into_bytes()));
    assert!(
        back.contains_key("web/Some Name") && !back.contains_key("web/db.age"),
        "{:?}",
        back.keys()
    );
    // Verified against what is inside, and removed.
    let run = lab
        .clws("import --yes --shred-source")
        .word(store.to_str().unwrap());
    run.succeeds();
    let left: Vec<String> = tree(&store).into_keys().collect();
    assert_eq!(left, [".age-recipients"]);
}

#[test]
fn an_entry_that_changed_since_is_a_conflict() {
    let lab = Lab::new();
    let ada = Sops::of(&lab, "ada").recipient();
    let store = lab.root().join("store");
    write(&store.join("db.age"), age(&[&ada], &[], b"one-value"));
    lab.clws("import --yes")
        .word(store.to_str().unwrap())
        .succeeds();
    // The same content in another age file is the same.
    write(&store.join("db.age"), age(&[&ada], &[], b"one-value"));
    lab.clws("import --yes")
        .word(store.to_str().unwrap())
        .succeeds();
    write(&store.join("db.age"), age(&[&ada], &[], b"other-value"));
    lab.clws("import --yes")
        .word(store.to_str().unwrap())
        .exits(16);
}

#[test]
fn what_stays_closed_is_named_with_the_way_out() {
    let lab = Lab::new().people(&["ben"]);
    let ben = Sops::of(&lab, "ben").recipient();
    let store = lab.root().join("store");
    let vector = fs::read("tests/vectors/cctv-age/scrypt").unwrap();
    let at = vector.windows(2).position(|pair| pair == b"\n\n").unwrap() + 2;
    write(&store.join("pass.age"), &vector[at..]);
    write(&store.join("ben.age"), age(&[&ben], &[], b"x"));
    write(&store.join("web/db.gpg"), b"\x85\x01\x0c\x03\0\xff");
    write(
        &store.join("web/mail.asc"),
        "-----BEGIN PGP MESSAGE-----\n\nhQ==\n-----END PGP MESSAGE-----\n",
    );
    let dotenvx = "DOTENV_PUBLIC_KEY=\"03ab\"\nTOKEN=\"encrypted:BD8wkl\"\n";
    write(&store.join(".env.prod"), dotenvx);
    let run = lab
        .clws("import --yes --json")
        .word(store.to_str().unwrap());
    let report = run.succeeds().json();
    for (source, wanted) in [
        (
            "pass.age",
            "it is under a passphrase; `age -d pass.age` asks for it",
        ),
        (
            "ben.age",
            "none of your identities opens it; `clws identity import old --age FILE`",
        ),
        (
            "web/db.gpg",
            "still by GnuPG: clws opens none of its files; `pass show web/db | clws secret set PATH --type file`",
        ),
        ("web/mail.asc", "still by GnuPG"),
        (
            ".env.prod",
            "still by dotenvx: there is no `DOTENV_PRIVATE_KEY`; put its `.env.keys` beside it",
        ),
    ] {
        let found = findings(&report, source);
        assert!(
            found.contains("still-sealed") && found.contains(wanted),
            "{source}: {found}"
        );
        assert!(found.contains("\"file\""), "{found}");
    }
    // Nothing is lost, and nothing is taken for what it is not.
    let kept = lab.clws("secret get prod/_env.prod").succeeds().text();
    assert_eq!(kept, dotenvx);
    assert_eq!(
        lab.clws("secret get shared/pass.age").succeeds().out,
        &vector[at..]
    );
}

#[test]
fn a_damaged_age_file_is_refused() {
    let lab = Lab::new();
    let ada = Sops::of(&lab, "ada").recipient();
    let store = lab.root().join("store");
    let whole = age(&[&ada], &[], &[7; 200_000]);
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [&whole[..whole.len() - 1], &whole[..40], &flipped] {
        write(&store.join("db.age"), damaged);
        write(&store.join("beside"), "hunter2");
        let before = tree(&lab.vault());
        let ran = lab
            .clws("import --yes")
            .word(store.to_str().unwrap())
            .exits(10);
        assert!(ran.err.contains("is no intact age file"), "{}", ran.err);
        assert_eq!(tree(&lab.vault()), before);
    }
    let run = lab
        .clws("import --yes --as file")
        .word(store.to_str().unwrap());
    run.succeeds();
}
