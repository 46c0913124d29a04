//! A repository has a link where people write a file: the baseline of a scan, a page. What it leads to would be replaced,
//! and a baseline has the names of files in it, which a shell runs when it is in the place of what the shell reads.

use std::os::unix::fs::symlink;

use crate::lab::Lab;

#[test]
fn what_it_leads_to_stays_as_it_is() {
    let lab = Lab::new();
    let profile = lab.home("ada").join(".profile");
    std::fs::write(&profile, "umask 077\n").unwrap();
    let folder = lab.vault().join("pages");
    std::fs::create_dir(&folder).unwrap();
    let links = [".clws-scan.json", "pages/status.html", "pages/clws.1"];
    for link in links {
        symlink(&profile, lab.vault().join(link)).unwrap();
    }
    std::fs::write(lab.vault().join("$(id)"), "AKIAIOSFODNN7EXAMPLQ\n").unwrap();
    for (words, code) in [
        ("scan --baseline .clws-scan.json --baseline-write", 13),
        ("scan --baseline .clws-scan.json", 13),
        ("status --html pages/status.html", 13),
        ("man --out pages", 30),
    ] {
        let told = lab.clws(words).exits(code).err;
        assert!(told.contains("link"), "{words}: {told}");
        let is = std::fs::read_to_string(&profile).unwrap();
        assert_eq!(is, "umask 077\n", "{words}");
    }
    // What a person names by such a link is no file of the repository.
    let page = lab.clws("status --html /dev/stdout").run();
    assert!(page.text().contains("<!doctype html>"), "{}", page.err);
    for link in links {
        std::fs::remove_file(lab.vault().join(link)).unwrap();
    }
    lab.clws("scan --baseline .clws-scan.json --baseline-write")
        .succeeds();
    lab.clws("scan --baseline .clws-scan.json").succeeds();
}
