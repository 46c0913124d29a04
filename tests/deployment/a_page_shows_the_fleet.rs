//! `clws status --html`: one page that needs nothing else, can be read by everybody, and leads nowhere.

use std::fs;
use std::path::Path;

use crate::site::{Site, hook, write};
use crate::support::lab::Lab;
use crate::support::sshd::Sshd;
use crate::support::tool::{run, said, tool};

/// Time of Chromium's own, which passes as fast as it likes, for what waits for clocks.
const VIRTUAL: &str = "--virtual-time-budget=20000";

/// A page opened by Chromium: the document as it is after its scripts, at a width and in a colour scheme.
fn opened(page: &Path, width: u32, is_dark: bool) -> String {
    opened_with(page, width, is_dark, &[VIRTUAL])
}

fn opened_with(page: &Path, width: u32, is_dark: bool, more: &[&str]) -> String {
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
        "--dump-dom".to_owned(),
        format!("file://{}", page.display()),
    ];
    let more = more.iter().map(|word| (*word).to_owned());
    let output = run("chromium", more.chain(words), b"");
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

/// `--no-capture` shows how long it took.
#[test]
fn a_fleet_of_1000_hosts_is_a_page_of_less_than_2_mib_that_opens() {
    let lab = Lab::new();
    let down = Sshd::start();
    let key = down.host_key_line().to_owned();
    drop(down);
    for number in 0..1000 {
        let name = format!("vm-clws-prod-worker-{number}");
        let party = format!(
            "[party]\nkind = \"host\"\nname = \"{name}\"\naddress = \"127.0.0.1\"\nport = 1\n\
             user = \"ada\"\n\n[hostkey.main]\nkey = \"{key}\"\n\n[end]\n"
        );
        write(&lab, &format!("recipients/{name}.toml"), &party);
    }
    lab.clws("trust sign --yes").succeeds();
    let text =
        "runs_on = { machine_type = \"worker\" }\nprocess = { command = [\"sleep\", \"9\"] }\n";
    for number in 0..8 {
        hook(&lab, &format!("component-{number}"), text, &[]);
    }
    let ran = lab
        .clws("status --html page.html --parallel 1000 --json")
        .exits(1);
    let report = ran.json();
    assert_eq!(report["hosts"].as_array().unwrap().len(), 1000);
    assert_eq!(report["findings"].as_array().unwrap().len(), 1000);
    let page = fs::read_to_string(lab.vault().join("page.html")).unwrap();
    assert!(page.len() < 2 * 1024 * 1024, "{}", page.len());

    // The page lets no script run; a copy that does says when it was laid out.
    let (before, policy) = page.split_once("<meta http-equiv").unwrap();
    let script = "<script>const root = document.documentElement; root.offsetHeight; \
        root.setAttribute('data-opened', performance.now()); \
        root.setAttribute('data-hosts', document.querySelectorAll('li.host').length)</script></body>";
    let copy = format!("{before}{}", policy.split_once('>').unwrap().1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    fs::write(&path, copy.replace("</body>", script)).unwrap();
    let dom = opened_with(&path, 1400, false, &[]);
    let said = |name: &str| {
        let text = dom.split_once(&format!("data-{name}=\"")).expect(name).1;
        text.split_once('"').unwrap().0.parse::<f64>().unwrap()
    };
    assert!((said("hosts") - 1000.0).abs() < 0.5);
    let (time, length) = (said("opened"), page.len());
    println!("1000 hosts, {length} bytes: laid out {time} ms after it was asked for");
    assert!(time > 0.0);
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
