//! Hosts behind a jump host: added, scanned, meant and deployed to.

use std::fs;

use crate::behind::Behind;
use crate::site::{ada_may_log_in, opened, rows};
use crate::support::terminal::Terminal;

/// The fingerprint of a host key, out of a scan.
fn fingerprint(scan: &serde_json::Value, kind: &str) -> String {
    let keys = scan["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["type"] == kind).unwrap();
    key["fingerprint"].as_str().unwrap().to_owned()
}

#[test]
fn a_host_is_added_looked_at_and_deployed_to_behind_another() {
    let behind = Behind::new();
    let lab = &behind.site.lab;
    ada_may_log_in(lab, &behind.bastion);
    let cage =
        "add cage --yes --address 127.0.0.1 --jump bastion --scope prod --machine-type server";
    let ran = behind.host(cage, &behind.cage).succeeds();
    assert!(ran.err.contains("clws host scan cage --add"), "{}", ran.err);

    // On record, and nothing is deployed to it.
    let ran = behind.deploy().exits(21);
    assert!(ran.err.contains("`clws host scan cage`"), "{}", ran.err);
    assert!(
        !behind.cage.log().contains("Connection from"),
        "{}",
        behind.cage.log()
    );

    // A scan believes nothing and logs in to the jump host alone.
    let scan = lab.clws("host scan cage --json").succeeds().json();
    let (ed25519, rsa) = (
        fingerprint(&scan, "ssh-ed25519"),
        fingerprint(&scan, "ssh-rsa"),
    );
    assert_eq!(scan["keys"][0]["state"], "not on record");
    assert_eq!(scan["keys"][1]["state"], "not used");
    assert!(behind.was_gone_through(), "{}", behind.bastion.log());
    assert!(
        !behind.cage.log().contains("userauth-request"),
        "{}",
        behind.cage.log()
    );
    behind.deploy().exits(21);
    let asked = lab.clws("host scan cage --add --yes").exits(15).err;
    assert!(
        asked.contains("hint: each key that somebody compared")
            && asked.contains("`--fingerprint SHA256:"),
        "{asked}"
    );
    lab.clws("host scan cage --add --fingerprint SHA256:AAAA --yes")
        .exits(21);
    lab.clws(&format!("host scan cage --add --fingerprint {rsa} --yes"))
        .succeeds();
    behind.deploy().exits(21);
    let added = lab
        .clws(&format!(
            "host scan cage --add --fingerprint {ed25519} --yes"
        ))
        .succeeds();
    assert!(added.err.contains(&ed25519), "{}", added.err);
    let list = lab.clws("host list --json").succeeds().json();
    let cage = list["hosts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|host| host["name"] == "cage")
        .unwrap();
    assert_eq!(cage["host_keys"][0]["fingerprint"], ed25519.as_str());
    assert_eq!(
        (&cage["scope"], &cage["jump"]),
        (&"prod".into(), &"bastion".into())
    );
    assert_eq!(cage["prepared"], false);
    let shown = lab.clws("host show cage").succeeds().text();
    assert!(
        shown.contains("bastion (") && shown.contains(&ed25519),
        "{shown}"
    );

    // The jump host lets ada in, and the host behind it does not yet.
    let ran = behind.deploy().exits(20);
    assert!(ran.err.contains("`cage`"), "{}", ran.err);
    assert_eq!(opened(lab), 0);
    ada_may_log_in(lab, &behind.cage);
    assert_eq!(rows(&behind.deploy().succeeds()), ["web started"]);
    assert!(behind.site.runs_with("web", "token-of-the-first-day"));
    assert!(!behind.bastion.log().contains("token-of-the-first-day"));

    // A key that the person takes back counts no more, hashed and with its port as OpenSSH keeps it.
    let line = behind.cage.host_key_line();
    behind.ssh_file(
        "known_hosts",
        format!("[127.0.0.1]:{} {line}\n", behind.cage.port).as_bytes(),
    );
    let file = lab.home("ada").join(".ssh/known_hosts");
    let mut keygen = std::process::Command::new("ssh-keygen");
    assert!(
        keygen
            .args(["-H", "-f"])
            .arg(&file)
            .output()
            .unwrap()
            .status
            .success()
    );
    let hashed = fs::read_to_string(&file).unwrap();
    assert!(hashed.starts_with("|1|"), "{hashed}");
    behind.ssh_file("known_hosts", format!("@revoked {hashed}").as_bytes());
    let ran = behind.deploy().exits(21);
    assert!(ran.err.contains("your known_hosts revokes"), "{}", ran.err);
    let scan = lab.clws("host scan cage --json").exits(1).json();
    assert_eq!(scan["keys"][0]["state"], "revoked");
    fs::remove_file(&file).unwrap();
    assert_eq!(rows(&behind.deploy().succeeds()), ["web unchanged"]);
}

#[test]
fn a_way_that_leads_nowhere_is_refused() {
    let behind = Behind::new();
    let lab = &behind.site.lab;
    let key = behind.cage.host_key_line().to_owned();
    let add = |words: &str| {
        behind
            .host(words, &behind.cage)
            .word("--host-key")
            .word(&key)
    };
    let ran =
        add("add cage --yes --address 127.0.0.1 --jump nobody --scope prod --machine-type server")
            .exits(18);
    assert!(ran.err.contains("clws host add nobody"), "{}", ran.err);
    let rsa = behind.cage.host_key_lines[1].clone();
    let ran = behind
        .host("add cage --yes --address 127.0.0.1", &behind.cage)
        .word("--host-key")
        .word(&rsa)
        .exits(21);
    assert!(ran.err.contains("ssh-keygen -A"), "{}", ran.err);
    add("add cage --yes --address 127.0.0.1 --jump bastion --scope prod --machine-type server")
        .succeeds();
    add("add cage --yes --address 127.0.0.1").exits(16);
    let party = lab.vault().join("recipients/bastion.toml");
    let text = fs::read_to_string(&party).unwrap();
    fs::write(
        &party,
        text.replacen("user = ", "jump = \"cage\"\nuser = ", 1),
    )
    .unwrap();
    // Keys stand in the order of the format.
    let text = fs::read_to_string(&party).unwrap();
    let (jump, user) = (
        text.lines()
            .find(|line| line.starts_with("jump"))
            .unwrap()
            .to_owned(),
        text.lines()
            .find(|line| line.starts_with("user"))
            .unwrap()
            .to_owned(),
    );
    fs::write(
        &party,
        text.replace(&format!("{jump}\n{user}"), &format!("{user}\n{jump}")),
    )
    .unwrap();
    behind.site.trusts();
    let ran = behind.deploy().exits(17);
    assert!(ran.err.contains("cage → bastion → cage"), "{}", ran.err);
    assert!(!behind.bastion.log().contains("Connection from"));
}

#[test]
fn a_scan_adds_on_a_terminal_what_somebody_says_to_have_compared() {
    let behind = Behind::new();
    let lab = &behind.site.lab;
    let cage = "add cage --yes --address 127.0.0.1 --scope prod --machine-type server";
    behind.host(cage, &behind.cage).succeeds();
    // `--yes` answers for the signature, and not for the comparison.
    for (answer, code) in [("n\n", 15), ("y\n", 0)] {
        let scan = lab.clws("host scan cage --add --yes");
        let mut terminal = Terminal::start(scan.command());
        terminal
            .shows("did you compare 1 key with what the hosts themselves print?")
            .types(answer);
        let (ended, shown) = terminal.ends();
        assert_eq!(ended, code, "{shown}");
    }
    let text = fs::read_to_string(lab.vault().join("recipients/cage.toml")).unwrap();
    assert!(text.contains(behind.cage.host_key_line()), "{text}");
    assert!(!text.contains("ssh-rsa"), "{text}");

    // Another key than the one on record is shouted about, and the old one can be dropped.
    let (_, other) = behind.cage.new_key("other", "ed25519");
    let party = lab.vault().join("recipients/cage.toml");
    fs::write(&party, text.replace(behind.cage.host_key_line(), &other)).unwrap();
    behind.site.trusts();
    let ran = lab.clws("host scan cage").exits(1);
    assert!(
        ran.text().contains("NOT ON RECORD, another is"),
        "{}",
        ran.text()
    );
    assert!(
        ran.text().contains("on record, not shown"),
        "{}",
        ran.text()
    );
    lab.clws("recipient update cage --drop ed25519 --yes")
        .succeeds();
    lab.clws("host scan cage").succeeds();
}

#[test]
fn hosts_are_meant_by_name_environment_group_and_pattern() {
    let behind = Behind::new();
    let lab = &behind.site.lab;
    let key = behind.cage.host_key_line().to_owned();
    for name in ["cage", "cave"] {
        let words =
            format!("add {name} --yes --address 127.0.0.1 --scope prod --machine-type server");
        behind
            .host(&words, &behind.cage)
            .word("--host-key")
            .word(&key)
            .succeeds();
    }
    let planned = |on: &str| -> Vec<String> {
        let ran = lab.clws(&format!("deploy --dry-run --on {on}")).succeeds();
        let names = ["box", "cage", "cave"].into_iter();
        names
            .filter(|name| ran.err.contains(name))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(planned("prod"), ["box", "cage", "cave"]);
    assert_eq!(planned("prod_server"), ["box", "cage", "cave"]);
    assert_eq!(planned("ca?e"), ["cage", "cave"]);
    assert_eq!(planned("box,*ve"), ["box", "cave"]);
    for on in ["prod,nowhere", "prod_worker", "server", "x*", "bastion,"] {
        let ran = lab.clws(&format!("deploy --dry-run --on {on}")).run();
        assert_ne!(ran.code, 0, "{on}");
    }
    let ran = lab.clws("deploy --dry-run --on prod,nowhere").exits(18);
    assert!(
        ran.err.contains("`nowhere`") && ran.err.contains("clws host list"),
        "{}",
        ran.err
    );
}
