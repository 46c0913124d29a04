//! `clws man` writes a page for each command, which `man` shows and `mandoc` finds no fault with.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::support::lab::Lab;
use crate::support::tool::{run_by, said, tool};

fn pages(lab: &Lab) -> Vec<std::path::PathBuf> {
    let ran = lab.clws("man --out ../share/man/man1").succeeds();
    let folder = lab.root().join("share/man/man1");
    let mut pages: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    pages.sort();
    assert_eq!(ran.err, format!("wrote {} pages\n", pages.len()));
    pages
}

/// Root writes them for everybody, and clws has a umask that is one for secrets.
#[test]
fn everybody_may_read_the_pages() {
    let lab = Lab::empty();
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let own = mode(&lab.vault());
    let old = lab.root().join("share/man/man1/clws.1");
    for page in pages(&lab) {
        assert_eq!(mode(&page), 0o644, "{}", page.display());
    }
    for folder in ["share", "share/man", "share/man/man1"] {
        assert_eq!(mode(&lab.root().join(folder)), 0o755, "{folder}");
    }
    // A page of before gets it too; a folder that was there keeps its mode.
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o600)).unwrap();
    lab.clws("man --out new/../../share/man/man1").succeeds();
    assert_eq!(mode(&old), 0o644);
    assert_eq!(mode(&lab.vault()), own);
}

#[test]
fn mandoc_finds_no_fault() {
    let lab = Lab::empty();
    let pages = pages(&lab);
    assert!(pages.len() > 60, "{}", pages.len());
    let lint = |page: &std::path::Path| {
        let ran = Command::new(tool("mandoc"))
            .arg("-Tlint")
            .arg(page)
            .output();
        String::from_utf8(ran.unwrap().stdout).unwrap()
    };
    for page in &pages {
        let text = lint(page);
        let faults: Vec<&str> = text
            .lines()
            // A date would make another page of the same source.
            .filter(|line| !line.contains("missing date, using \"\": TH"))
            // A paragraph is one line.
            .filter(|line| !line.contains("STYLE: input text line longer than 80 bytes"))
            .collect();
        assert!(faults.is_empty(), "{faults:#?}");
    }
    // It finds some where they are.
    let bad = lab.root().join("bad.1");
    std::fs::write(&bad, ".TH BAD 1 \"\"\n.SH NAME\n.XX\n").unwrap();
    assert!(lint(&bad).contains("unknown macro"), "{}", lint(&bad));
}

#[test]
fn man_shows_what_help_says() {
    let lab = Lab::empty();
    let pages = pages(&lab);
    let stems: Vec<&str> = pages
        .iter()
        .map(|page| page.file_stem().unwrap().to_str().unwrap())
        .collect();
    for name in ["clws", "clws-secret", "clws-secret-get", "clws-man"] {
        assert!(stems.contains(&name), "{name}");
    }
    for name in ["clws-help", "clws-secret-help", "clws-complete"] {
        assert!(!stems.contains(&name), "{name}");
    }
    let shown = |name: &str| {
        let mut man = Command::new(tool("man"));
        man.env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("MANPATH", lab.root().join("share/man"))
            .env("MANWIDTH", "200")
            .env("LC_ALL", "C.UTF-8")
            .env("MANPAGER", "cat");
        let ran = run_by(man, ["--warnings", name], b"");
        assert!(ran.status.success(), "{name}: {}", said(&ran));
        assert_eq!(String::from_utf8_lossy(&ran.stderr), "", "{name}");
        String::from_utf8(ran.stdout).unwrap()
    };
    let page = shown("clws-secret-get");
    assert!(page.contains("Print one secret to stdout"), "{page}");
    assert!(page.contains("--unvouched"), "{page}");
    let page = shown("clws");
    assert!(page.contains("clws-secret(1)"), "{page}");
    assert!(!page.contains("clws-help(1)"), "{page}");
    for stem in stems {
        shown(stem);
    }
}

#[test]
fn one_page_is_printed() {
    let lab = Lab::empty();
    let page = lab.clws("man exec").succeeds();
    assert!(page.text().starts_with(".ie"), "{}", page.text());
    let ran = run_by(Command::new(tool("mandoc")), ["-Tutf8"], &page.out);
    let text = String::from_utf8(ran.stdout).unwrap().replace("\u{8}", "");
    assert!(text.contains("CLWS-EXEC(1)"), "{text}");
    let ran = lab.clws("man sekret").exits(2);
    assert!(
        ran.err.contains("there is no command `sekret`"),
        "{}",
        ran.err
    );
    lab.clws("man complete").exits(2);
    lab.clws("man exec --out x").exits(2);
}
