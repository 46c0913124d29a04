//! What a scan found may stay: for a reason that stands beside it, or because a baseline has it.

use crate::a_scan_knows_credentials_by_their_form::hex;
use crate::lab::Lab;

#[test]
fn a_reason_beside_it_or_a_baseline_lets_it_stay() {
    let lab = Lab::new();
    let tree = lab.root().join("tree");
    std::fs::create_dir_all(&tree).unwrap();
    let (one, two) = (
        format!("do{}_{}", "p_v1", hex(64, 80)),
        format!("do{}_{}", "p_v1", hex(64, 81)),
    );
    let file = tree.join("a.txt");
    std::fs::write(&file, format!("{one} # clws:allow made up for a test\n")).unwrap();
    let scan = |words: &str| {
        lab.clws(&format!("scan {words}"))
            .word(tree.to_str().unwrap())
    };
    let allowed = scan("").succeeds();
    assert!(
        allowed.err.contains("1 finding allowed by `clws:allow`"),
        "{}",
        allowed.err
    );
    std::fs::write(&file, format!("{one} # clws:allow\n")).unwrap();
    assert!(
        scan("")
            .exits(1)
            .text()
            .contains("`clws:allow` needs a reason")
    );

    let baseline = lab.root().join("baseline.json");
    let with = format!("--baseline {}", baseline.display());
    scan(&format!("{with} --baseline-write")).succeeds();
    let kept = std::fs::read_to_string(&baseline).unwrap();
    assert!(!kept.contains(&one) && !kept.contains(&one[8..]), "{kept}");
    // It may move, and another one in its place is found.
    std::fs::write(&file, format!("\n\n{one}\n")).unwrap();
    let known = scan(&with).succeeds();
    assert!(
        known.err.contains("1 finding known by the baseline"),
        "{}",
        known.err
    );
    std::fs::write(&file, format!("{two}\n")).unwrap();
    scan(&with).exits(1);
    std::fs::write(&baseline, "{}").unwrap();
    assert!(scan(&with).exits(10).err.contains("is no baseline of clws"));
}

#[test]
fn a_baseline_that_is_committed_is_not_reported_itself() {
    let lab = Lab::new();
    let old = format!("do{}_{}", "p_v1", hex(64, 82));
    std::fs::write(lab.vault().join("old.txt"), format!("{old}\n")).unwrap();
    let scan = |words: &str| lab.clws(&format!("scan --baseline .clws-scan.json {words}"));
    scan("--baseline-write").succeeds();
    scan("").succeeds();
    scan("--baseline-write").succeeds();
    assert!(scan("").succeeds().err.contains("1 finding known"));

    lab.git(&["add", ".clws-scan.json"]);
    lab.clws("scan --staged").succeeds();
    lab.git(&["commit", "-qm", "what is known"]);
    lab.clws("scan --history").succeeds();

    // Nothing else is let through in such a file.
    let baseline = std::fs::read_to_string(lab.vault().join(".clws-scan.json")).unwrap();
    let new = format!("do{}_{}", "p_v1", hex(64, 83));
    let added = baseline.replace("old.txt", &new);
    std::fs::write(lab.vault().join(".clws-scan.json"), added).unwrap();
    lab.git(&["add", ".clws-scan.json"]);
    lab.clws("scan --staged").exits(1);
}
