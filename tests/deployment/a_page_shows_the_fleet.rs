//! `clws status --html`: one page that needs nothing else, can be read by everybody, and leads nowhere.

use std::fs;
use std::path::Path;

use crate::site::Site;
use crate::support::tool::{run, said, tool};

/// A page opened by Chromium: the document as it is after its scripts, at a width and in a colour scheme.
fn opened(page: &Path, width: u32, is_dark: bool) -> String {
    let profile = tempfile::tempdir().unwrap();
    let words = [
        "--headless".to_owned(),
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        format!("--user-data-dir={}", profile.path().display()),
        format!("--window-size={width},2000"),
        format!(
            "--blink-settings=preferredColorScheme={}",
            u8::from(!is_dark)
        ),
        "--virtual-time-budget=20000".to_owned(),
        "--dump-dom".to_owned(),
        format!("file://{}", page.display()),
    ];
    let output = run("chromium", words, b"");
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// What axe has against a page, and how many of its rules it held it to.
fn axe(page: &str, width: u32, is_dark: bool) -> (String, usize) {
    let folder = tempfile::tempdir().unwrap();
    let axe = fs::read_to_string(tool("axe.min.js")).unwrap();
    // The page lets no script run, so axe gets a copy that does.
    let (before, policy) = page
        .split_once("<meta http-equiv=\"Content-Security-Policy\"")
        .expect("a policy");
    let after = policy.split_once('>').unwrap().1;
    let judge = "axe.run().then(r => document.documentElement.setAttribute('data-axe', \
        r.passes.length + ' ' + r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target)).join('; ')))";
    let copy = format!("{before}{after}<script>{axe}</script><script>{judge}</script>");
    let path = folder.path().join("page.html");
    fs::write(&path, copy).unwrap();
    let dom = opened(&path, width, is_dark);
    let told = dom.split_once("data-axe=\"").expect("axe ran").1;
    let (rules, against) = told.split_once('"').unwrap().0.split_once(' ').unwrap();
    (against.to_owned(), rules.parse().unwrap())
}

#[test]
fn a_page_says_what_the_table_says_and_axe_has_nothing_against_it() {
    let site = Site::new();
    site.server("web");
    site.deploy().succeeds();
    site.set("prod/web/TOKEN", "a-canary-nobody-shall-see");
    site.clws("secret policy prod/web/TOKEN --expires 2026-12-24")
        .succeeds();
    let ran = site.clws("status --html page.html").exits(1);
    assert!(ran.text().contains("old-rev"), "{}", ran.text());
    let file = site.lab.vault().join("page.html");
    let page = fs::read_to_string(&file).unwrap();
    for part in [
        "old-rev",
        "clws deploy web --on box",
        "prod: 1 host",
        "prod/web/TOKEN",
        "2026-12-24",
        "Who can read what",
        "default-src 'none'",
    ] {
        let escaped = part.replace('\'', "&#39;");
        assert!(page.contains(&escaped), "no {part} in {page}");
    }
    for never in ["a-canary", "http:", "https:", "<script", "src=", "url("] {
        assert!(!page.contains(never), "{never} in {page}");
    }
    for (width, is_dark) in [(400, false), (400, true), (1400, false), (1400, true)] {
        let (against, rules) = axe(&page, width, is_dark);
        assert_eq!(against, "", "at {width}, dark: {is_dark}");
        assert!(rules > 20, "axe held it to {rules} rules");
    }
    // Axe finds what is planted.
    let (against, _) = axe(&page.replace("lang=\"en\"", ""), 400, false);
    assert!(against.contains("html-has-lang"), "{against}");
}

#[test]
fn a_page_for_others_has_no_place_and_a_script_in_it_does_not_run() {
    let site = Site::new();
    site.server("web");
    site.clws("status --html team.html").exits(1);
    site.clws("status --html others.html --public").exits(1);
    let read = |name: &str| fs::read_to_string(site.lab.vault().join(name)).unwrap();
    let (team, others) = (read("team.html"), read("others.html"));
    assert!(team.contains("memory /") && !others.contains("memory /"));
    assert!(team.contains("it is not there") && !others.contains("it is not there"));
    assert!(others.contains("not-deployed"));

    // Were something not escaped, the policy would not let it run.
    let folder = tempfile::tempdir().unwrap();
    let script = "<script>document.documentElement.setAttribute('data-ran', '')</script>";
    let path = folder.path().join("page.html");
    fs::write(&path, team.replace("</body>", &format!("{script}</body>"))).unwrap();
    assert!(!opened(&path, 400, false).contains("data-ran=\"\""));
    let (before, policy) = team.split_once("<meta http-equiv").unwrap();
    let open = format!("{before}{}{script}", policy.split_once('>').unwrap().1);
    fs::write(&path, open).unwrap();
    assert!(
        opened(&path, 400, false).contains("data-ran=\"\""),
        "without it, it runs"
    );
    site.clws("status --public").exits(2);
}
