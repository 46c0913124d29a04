//! Ten thousand variables are one document, and those of a second import join them.

use std::fs;

use crate::lab::Lab;

#[test]
fn a_large_document_is_made_and_grows() {
    let lab = Lab::new();
    let file = lab.root().join("big.env");
    let line = |number: usize| format!("NAME_{number}=canary-{}\n", number * 7919);
    fs::write(&file, (0..10_000).map(line).collect::<String>()).unwrap();
    let source = file.to_str().unwrap().to_owned();
    let done = lab.clws("import --yes").word(&source).succeeds();
    assert!(
        done.err.contains("10000 values in one document"),
        "{}",
        done.err
    );
    fs::write(&file, (5_000..10_500).map(line).collect::<String>()).unwrap();
    let done = lab.clws("import --yes").word(&source).succeeds();
    assert!(done.err.contains("5000 values unchanged"), "{}", done.err);
    for number in [0, 4_999, 10_499] {
        let got = lab
            .clws(&format!("secret get shared/big/NAME_{number}"))
            .succeeds();
        assert_eq!(format!("NAME_{number}={}\n", got.text()), line(number));
    }
    let listed = lab.clws("secret list shared/big --json").succeeds().json();
    assert_eq!(listed["secrets"].as_array().unwrap().len(), 10_500);
    fs::remove_file(&file).unwrap();
    lab.nowhere(&["canary-7919".to_owned(), "canary-79182081".to_owned()]);
    // One value changes its own lines alone; that it was exposed goes with the new one.
    lab.commit("imported");
    lab.clws("secret set shared/big/NAME_77")
        .stdin(b"x")
        .succeeds();
    let changed = lab.git(&["diff", "--numstat"]);
    assert!(
        changed.starts_with("5\t6\tsecrets/shared/big.toml") || changed.starts_with("4\t5\t"),
        "{changed}"
    );
}
