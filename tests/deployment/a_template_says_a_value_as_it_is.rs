//! Filters of templates, judged by those who read such files: Python's json and urllib, a shell, and
//! MariaDB's client and server.

use crate::site::{Site, hook};
use crate::support::mariadb::{HOST, MariaDb, USER};
use crate::support::tool::{run, said};

/// Everything that one of the formats reads as something else.
const NASTY: &str =
    "it's \"quoted\" \\n \\\\ $HOME `id` $(id) #;=% &?/+ {{ x }} ä\u{1F511} \t end\\";

fn python(code: &str, input: &str) -> String {
    let output = run("python3", ["-c", code], input.as_bytes());
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_value_comes_through_every_filter_as_it_is() {
    let server = MariaDb::start_with(NASTY);
    let site = Site::new();
    let lines = format!("{NASTY}\nand a second line\r\n");
    site.set("prod/web/NASTY", NASTY);
    site.set("prod/web/LINES", &lines);
    let cnf = format!(
        "[client]\nprotocol=tcp\nhost={HOST}\nport={}\nuser={USER}\npassword={{{{ secrets.web/NASTY | ini }}}}\n",
        server.port()
    );
    let files = [
        (
            "t.json",
            "{\"a\": \"{{ secrets.web/LINES | json }}\", \"b\": 1}",
        ),
        (
            "t.url",
            "http://{{ secrets.web/LINES | url }}:{{ secrets.web/NASTY | url }}@host/",
        ),
        (
            "t.sh",
            "A={{ secrets.web/LINES | shell }}\nprintf %s \"$A\"\n",
        ),
        ("t.cnf", cnf.as_str()),
        ("t.sql", "SELECT HEX('{{ secrets.web/LINES | sql }}');\n"),
        (
            "t.both",
            "{\"a\": \"x://{{ secrets.web/LINES | url | json }}\"}",
        ),
        ("t.raw", "<{{ secrets.web/LINES }}>"),
    ];
    let declared: String = files
        .iter()
        .map(|(name, _)| format!("[file.\"{name}\"]\ntemplate = \"{name}\"\n"))
        .collect();
    let text = format!("runs_on = {{ machine_type = \"server\" }}\n{declared}");
    hook(&site.lab, "web", &text, &files);
    site.deploy().succeeds();
    let placed = |name: &str| {
        // `sh` of the machine cuts line ends off.
        let text = site
            .machine
            .sh(&format!("cat /run/clws/*/web/*/{name}; printf ."));
        text.strip_suffix('.').unwrap().to_owned()
    };

    let json = "import json,sys; sys.stdout.buffer.write(json.load(sys.stdin)['a'].encode())";
    assert_eq!(python(json, &placed("t.json")), lines);
    let url = "import sys; from urllib.parse import urlsplit, unquote; u = urlsplit(sys.stdin.read()); \
               assert u.hostname == 'host'; sys.stdout.buffer.write((unquote(u.username) + '|' + unquote(u.password)).encode())";
    assert_eq!(python(url, &placed("t.url")), format!("{lines}|{NASTY}"));
    let both = "import json,sys; from urllib.parse import unquote; \
                sys.stdout.buffer.write(unquote(json.load(sys.stdin)['a'][4:]).encode())";
    assert_eq!(python(both, &placed("t.both")), lines);
    let shell = run("sh", ["-s"], placed("t.sh").as_bytes());
    assert_eq!(String::from_utf8(shell.stdout).unwrap(), lines);
    assert_eq!(placed("t.raw"), format!("<{lines}>"));

    // The password in the file logs in, and the statement holds the value.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.cnf");
    std::fs::write(&file, placed("t.cnf")).unwrap();
    let defaults = format!("--defaults-file={}", file.display());
    let statement = format!("SET NAMES utf8mb4;\n{}", placed("t.sql"));
    let words = [defaults.as_str(), "--batch", "--skip-column-names"];
    let output = run("mariadb", words, statement.as_bytes());
    assert!(output.status.success(), "{}", said(&output));
    let told = String::from_utf8(output.stdout).unwrap();
    let hex: String = lines.bytes().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(told.trim(), hex);
}

#[test]
fn a_template_that_names_nothing_stops_before_any_host_is_touched() {
    let site = Site::new();
    site.set("prod/web/LINES", "one\ntwo");
    let stops = |template: &str, code: i32| {
        let text = "runs_on = { machine_type = \"server\" }\n[settings]\nport = 1\n[file.t]\ntemplate = \"t\"\n";
        hook(&site.lab, "web", text, &[("t", template)]);
        site.deploy().exits(code).err
    };
    for (template, why) in [
        ("{{ settings.prot }}", "settings.prot"),
        ("{{ secrets.web/OTHER }}", "web/OTHER"),
        ("{{ settings.port | upper }}", "there is no filter `upper`"),
        ("{{ settings.port", "without"),
        ("{{ container.address }}", "container.address"),
    ] {
        let text = "runs_on = { machine_type = \"server\" }\n[settings]\nport = 1\n[file.t]\ntemplate = \"t\"\n";
        crate::site::write(&site.lab, "hooks/web.toml", text);
        crate::site::write(&site.lab, "hooks/web/t", template);
        // Some of these are not even signed.
        site.lab.clws("hook sign web --yes").run();
        let ran = site.deploy().run();
        assert!(
            ran.code != 0 && ran.err.contains(why),
            "{template}: {}",
            ran.err
        );
        assert_eq!(site.remains(), Vec::<String>::new(), "{template}");
    }
    // Only its value says that a filter does not fit; nothing is left of it either.
    let err = stops("{{ secrets.web/LINES | ini }}", 17);
    assert!(
        err.contains("several lines") && !err.contains("two"),
        "{err}"
    );
}
