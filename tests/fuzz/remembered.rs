//! What a machine or a host remembers, damaged.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clws::audit::Log;
use clws::deploy::Receipt;
use clws::fleet::inventory;
use clws::fleet::{HostKeyText, Revoked, SshConfig};
use clws::fs::{Journal, Tree};
use clws::scan::Baseline;
use clws::trust::{PinKey, Pins};
use clws::world::{Clock, World};

use crate::drive::{fuzz, said};
use crate::lab::Lab;

/// In memory: a text lies there a few milliseconds.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap()
}

fn write(file: &Path, text: &[u8]) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A world whose state lies in a folder.
fn world(state: &Path) -> World {
    World::new(
        Clock::System,
        [("CLWS_STATE_DIR".into(), state.into())],
        "/".into(),
    )
}

/// The one file below a folder whose path ends so.
fn find(folder: &Path, end: &str) -> Vec<u8> {
    let found = std::process::Command::new("find")
        .arg(folder)
        .args(["-path", end])
        .output();
    let found = String::from_utf8(found.unwrap().stdout).unwrap();
    let file = found.lines().next().unwrap_or_else(|| panic!("no {end}"));
    fs::read(file).unwrap()
}

#[test]
fn pins() {
    let lab = Lab::founded()
        .secret("dev/web/TOKEN", "hunter2")
        .secret("dev/web/OTHER", "swordfish");
    let document = find(&lab.home("ada"), "*/documents/*");
    let trust = find(&lab.home("ada"), "*/vaults/*/trust");
    let state = folder();
    let pins = Pins::of(&world(state.path()), &[7; 32]).unwrap();
    let words = [
        "TOKEN 1 2 ",
        "dev/web",
        " 18446744073709551615 ",
        "00000000",
        "\n\n",
    ];
    let key = PinKey::of(&[7; 16], "dev/web");
    fuzz("pins", &[&document, &trust], &words, |text| {
        write(&pins.dir().join("documents").join(key.to_string()), text);
        write(&pins.dir().join("trust"), text);
        let one = said(&pins.value((&[7; 16], "dev/web"), "TOKEN"));
        let drafted = pins
            .draft(&[7; 16], "dev/web")
            .and_then(|draft| draft.mark("TOKEN"));
        format!(
            "{}; {one}; {}; {}",
            said(&pins.document(&[7; 16], "dev/web")),
            said(&drafted),
            said(&pins.chain())
        )
        .replace(state.path().to_str().unwrap(), "")
    });
}

#[test]
fn journals() {
    let folder = folder();
    let root = folder.path().join("vault");
    let outside = folder.path().join("outside");
    let path = folder.path().join("state/journal");
    let lay_out = || {
        fs::create_dir_all(root.join("secrets/dev")).unwrap();
        fs::write(root.join("secrets/dev/web"), "old").unwrap();
        fs::write(root.join("secrets/dev/.clws-0011223344556677.tmp"), "new").unwrap();
        fs::write(&outside, "outside").unwrap();
        let link = root.join("secrets/link");
        if !link.is_symlink() {
            std::os::unix::fs::symlink("../..", link).unwrap();
        }
    };
    let text = |path: &str, staged: &str, was: &str, new: &str| {
        format!(
            "{{\"root\":{:?},\"steps\":[{{\"path\":{path:?},\"staged\":{staged},\"was\":{was},\"new\":{new}}}]}}",
            root.to_str().unwrap()
        )
    };
    // SHA-256 of `old` and of `new`.
    let old = "\"cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4\"";
    let new = "\"11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437\"";
    let seeds = [
        text(
            "secrets/dev/web",
            "\"secrets/dev/.clws-0011223344556677.tmp\"",
            old,
            new,
        ),
        text("secrets/dev/web", "null", old, "null"),
        text("../outside", "null", "null", "null"),
        text(
            "secrets/link/outside",
            "\"secrets/link/outside\"",
            "null",
            "null",
        ),
    ];
    let seeds: Vec<&[u8]> = seeds.iter().map(|seed| seed.as_bytes()).collect();
    let words = [
        "../",
        "outside",
        "null",
        "/",
        "\"path\":",
        "\"steps\":[",
        "{},",
        "secrets/link/",
    ];
    lay_out();
    let tree = Tree::open(&root).unwrap();
    fuzz("journal", &seeds, &words, |text| {
        lay_out();
        write(&path, text);
        let answer = said(&Journal::at(path.clone()).recover(&tree));
        // Whatever a journal says, nothing outside of its vault is touched.
        assert_eq!(fs::read(&outside).unwrap(), b"outside");
        answer.replace(folder.path().to_str().unwrap(), "")
    });
}

#[test]
fn lines_of_the_log() {
    let lab = Lab::founded().secret("dev/web/TOKEN", "hunter2");
    lab.clws("secret get dev/web/TOKEN").succeeds();
    let log = find(&lab.home("ada"), "*/audit/log.jsonl");
    let key = find(&lab.home("ada"), "*/audit/key");
    let state = folder();
    let world = world(state.path());
    write(&state.path().join("audit/key"), &key);
    let file = state.path().join("audit/log.jsonl");
    let event_secrets = ["dev/web/TOKEN".to_owned()];
    fuzz(
        "log",
        &[&log],
        &[
            "\"n\":1",
            "\"prev\":\"",
            "\"torn\":true",
            ",\"sig\":\"",
            "{",
            "}\n",
        ],
        |text| {
            write(&file, text);
            let log = Log::of(&world).unwrap();
            let entries = log
                .entries()
                .and_then(|all| all.collect::<Result<Vec<_>, _>>());
            let entries = said(&entries);
            let verified = log.verify();
            let event = clws::audit::Event {
                what: "secret get",
                vault: &[1; 32],
                secrets: &event_secrets,
                more: Default::default(),
            };
            let recorded = log.record(&world, &event, clws::fs::Sync::Lazy);
            // What held before holds with one more line.
            if verified.is_ok() {
                assert!(recorded.is_ok(), "{recorded:?}");
                let now = log.verify();
                assert!(now.is_ok(), "{now:?}");
            }
            let path = state.path().to_str().unwrap();
            format!("{entries}; {}; {}", said(&verified), said(&recorded)).replace(path, "")
        },
    );
}

#[test]
fn receipts_and_baselines() {
    let receipt = br#"{"format":1,"vault":"00","scope":"demo","host":"demo","component":"greeter","deploy":"20261124T100000Z-ada","hook_seq":1,"settings":{"name":"demo"},"image":null,"process":{"pid":4711,"start":99213,"boot":"uuid"},"secrets":{"demo/greeter/TOKEN":{"rev":1}},"files":{"greeting.ini":"0600"},"clws":"0.1.0","by":"newcomer"}"#;
    let lab = Lab::founded();
    let baseline = lab.root().join("baseline");
    let words = format!("scan --baseline {} --baseline-write .", baseline.display());
    fs::write(lab.vault().join("found"), "k = \"AKIAIOSFODNN7REALKEY\"\n").unwrap();
    lab.clws(&words).succeeds();
    let baseline = fs::read(baseline).unwrap();
    let words = [
        "\"leases\":{",
        "\"rollback\":",
        "null",
        "[[[[",
        "{\"a\":",
        "\"rev\":-1",
    ];
    fuzz("receipts", &[receipt, &baseline], &words, |text| {
        let receipt = Receipt::parse(text);
        if let Ok(receipt) = &receipt {
            let printed = receipt.print();
            let again = Receipt::parse(printed.as_bytes()).expect("what was printed reads");
            assert_eq!(again.print(), printed);
        }
        let baseline = Baseline::read(text);
        if let Some(baseline) = &baseline {
            let text = baseline.to_text();
            assert_eq!(Baseline::read(text.as_bytes()).unwrap().to_text(), text);
        }
        format!("{} {}", receipt.is_ok(), baseline.is_some())
    });
}

#[test]
fn known_hosts_and_settings_of_ssh() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    let hosts = format!(
        "@revoked *.example.org,[10.0.0.4]:2222 {key}\n|1|AAAA=|BBBB= {key}\nweb {key} a\n"
    );
    let hashed =
        format!("@revoked |1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= {key}\n");
    let config = "Host web !db *.example.org\n  HostName %h.example.org\n  User deploy\n  Port 2222\n  \
                  ProxyJump a@b:22,c\n  IdentityFile ~/.ssh/%r_%h\nMatch host x\n  Port 1\n";
    let folder = folder();
    let words = [
        "@revoked ",
        "|1|",
        "Host ",
        "Match ",
        "ProxyJump ",
        "%%",
        "%h",
        "*?",
        "[::1]:",
        "\"",
        "~/",
    ];
    fuzz(
        "ssh",
        &[
            hosts.as_bytes(),
            hashed.as_bytes(),
            config.as_bytes(),
            key.as_bytes(),
        ],
        &words,
        |text| {
            let all = String::from_utf8_lossy(text).to_ascii_lowercase();
            // Which files of this machine are read is not for chance to say.
            if all.contains("include") {
                return "left out".into();
            }
            write(&folder.path().join("config"), text);
            write(&folder.path().join("known_hosts"), text);
            let revoked = Revoked::read(&folder.path().join("known_hosts"));
            let config = SshConfig::read(folder.path());
            if let Ok(revoked) = &revoked {
                drop(revoked.of(&["web", "10.0.0.4"], 2222));
            }
            if let Ok(config) = &config {
                drop(config.of("web.example.org"));
            }
            let key = all.parse::<HostKeyText>();
            format!("{}; {}; {}", said(&revoked), said(&config), said(&key))
                .replace(folder.path().to_str().unwrap(), "")
        },
    );
}

#[test]
fn inventories() {
    let ini = "[web]\na.example.org ansible_user=\"post master\" # x\nweb[01:20:2] ansible_port=22\n\
               [all:vars]\nk=v\n[x:children]\nweb\n";
    let yaml = "all:\n  hosts:\n    a:\n      ansible_host: 10.0.0.4\n  children:\n    web:\n      hosts: {b: {}}\n";
    let azure = r#"[{"name":"vm-clws-dev-web-0","osProfile":{"adminUsername":"u"},"privateIps":"10.1.0.6","publicIps":"","storageProfile":{"osDisk":{"osType":"Linux"}}}]"#;
    let words = [
        "[a:z]",
        "[0:99999999]",
        ":children]",
        ":vars]",
        "hosts:",
        "&a",
        "*a",
        "ansible_host",
        "{{ x }}",
    ];
    fuzz(
        "inventories",
        &[ini.as_bytes(), yaml.as_bytes(), azure.as_bytes()],
        &words,
        |text| said(&inventory::read(&String::from_utf8_lossy(text))),
    );
}
