//! OpenSSH itself says what a file means: `ssh -G`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::*;

/// What OpenSSH makes of `config` in a folder, for a host.
fn judged(folder: &Path, host: &str) -> Said {
    let mut command = Command::new("ssh");
    let output = command
        .arg("-G")
        .arg("-F")
        .arg(folder.join("config"))
        .arg(host)
        .output()
        .expect("ssh, which .ci/install installs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let values = |key: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        lines
            .filter(|(name, _)| *name == key)
            .map(|(_, value)| value.to_owned())
            .collect()
    };
    let jump = values("proxyjump").first().map(|jumps| {
        let jumps = jumps.split(',').map(Jump::parse);
        jumps.collect::<Option<Vec<_>>>().unwrap()
    });
    Said {
        host_name: values("hostname").pop(),
        user: values("user").pop(),
        port: values("port").pop().map(|port| port.parse().unwrap()),
        jump,
        identity_files: values("identityfile"),
        certificate_files: values("certificatefile"),
        identities_only: values("identitiesonly").pop().map(|only| only == "yes"),
        host_key_alias: values("hostkeyalias").pop(),
        has_command: false,
    }
}

/// What we make of it, with OpenSSH's own defaults for what is not said.
fn ours(folder: &Path, host: &str, defaults: &Said) -> Said {
    let said = SshConfig::read(folder).unwrap().of(host);
    let is_default = said.identity_files.is_empty();
    Said {
        host_name: said.host_name.or_else(|| Some(host.to_owned())),
        user: said.user.or_else(|| defaults.user.clone()),
        port: said.port.or(defaults.port),
        jump: said.jump.filter(|jumps| !jumps.is_empty()),
        identity_files: if is_default {
            defaults.identity_files.clone()
        } else {
            said.identity_files
        },
        certificate_files: said.certificate_files,
        identities_only: said.identities_only.or(Some(false)),
        host_key_alias: said.host_key_alias,
        has_command: false,
    }
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).unwrap()
    }

    fn of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }
}

const HOSTS: [&str; 5] = [
    "vm-clws-prod-web-0",
    "vm-clws-test-web-1",
    "bastion",
    "web",
    "10.0.0.4",
];

fn line(numbers: &mut Numbers, folder: &Path, nested: bool) -> String {
    let patterns = [
        "*",
        "web",
        "vm-clws-prod-*",
        "vm-clws-*-web-?",
        "!web",
        "!vm-clws-test-*",
        "bastion",
        "10.0.0.*",
        "\"web\"",
        "\"vm-clws-test-*\"",
        "w?b",
    ];
    let values = [
        (
            "User",
            vec![
                "deploy",
                "\"ada\"",
                "a\\ b",
                "'grace'",
                "x # a comment",
                "x#y",
            ],
        ),
        ("Port", vec!["22", "2222", "\"2200\"", "65535"]),
        (
            "HostName",
            vec!["10.0.0.9", "%h.example.org", "\"db.example.org\"", "a%%b"],
        ),
        (
            "ProxyJump",
            vec![
                "gate",
                "ada@gate:2222",
                "none",
                "one,two@three:33",
                "[fd00::1]:22",
                "ssh://x@y:1",
                "NONE",
            ],
        ),
        (
            "IdentityFile",
            vec![
                "~/.ssh/one",
                "\"~/.ssh/my key\"",
                "/etc/two",
                "~/.ssh/\"t\"w'o'",
            ],
        ),
        ("CertificateFile", vec!["~/.ssh/one.cert", "/etc/two"]),
        ("IdentitiesOnly", vec!["yes", "no", "true", "\"false\""]),
        ("HostKeyAlias", vec!["db", "other.example.org"]),
    ];
    match numbers.below(if nested { 9 } else { 11 }) {
        0..3 => {
            let count = 1 + numbers.below(3);
            let patterns: Vec<&str> = (0..count).map(|_| numbers.of(&patterns)).collect();
            format!("Host {}", patterns.join(" "))
        }
        3 => numbers
            .of(&["", "# a comment", "   ", "\t# another"])
            .to_owned(),
        4..9 => {
            let (key, values) = &values[numbers.below(values.len())];
            let key = match numbers.below(3) {
                0 => key.to_lowercase(),
                1 => key.to_uppercase(),
                _ => (*key).to_owned(),
            };
            let between = numbers.of(&[" ", "=", " = ", "\t", "   ", "= "]);
            let indent = numbers.of(&["", "  ", "\t"]);
            let tail = numbers.of(&["", " ", "\t", "\r"]);
            format!("{indent}{key}{between}{}{tail}", numbers.of(values))
        }
        _ => {
            let files = [
                "part-0",
                "part-1",
                "part-*",
                "parts/*",
                "nothing-*",
                "absent",
            ];
            let file = folder.join(numbers.of(&files));
            format!("Include {}", file.display())
        }
    }
}

#[test]
fn files_mean_what_openssh_says_they_mean() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("parts")).unwrap();
    fs::write(folder.join("config"), "").unwrap();
    let defaults = judged(folder, "web");
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut said = 0;
    for _ in 0..60 {
        for part in ["part-0", "part-1", "parts/a", "parts/b", "parts/.hidden"] {
            let lines: Vec<String> = (0..4).map(|_| line(&mut numbers, folder, true)).collect();
            fs::write(folder.join(part), lines.join("\n")).unwrap();
        }
        let lines: Vec<String> = (0..12).map(|_| line(&mut numbers, folder, false)).collect();
        fs::write(folder.join("config"), lines.join("\n") + "\n").unwrap();
        for host in HOSTS {
            let theirs = judged(folder, host);
            assert_eq!(
                ours(folder, host, &defaults),
                theirs,
                "{host}\n{}",
                lines.join("\n")
            );
            said += usize::from(theirs.jump.is_some()) + usize::from(theirs.user != defaults.user);
        }
    }
    // They are no empty files.
    assert!(said > 100, "{said}");
}

fn config(text: &str) -> (tempfile::TempDir, Result<SshConfig, SshConfigError>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config"), text).unwrap();
    let read = SshConfig::read(folder.path());
    (folder, read)
}

#[test]
fn match_sections_commands_and_files_elsewhere_are_left_out_and_named() {
    let text = "Host web\n  ProxyCommand nc %h %p\n  ProxyJump bastion\nMatch exec \"touch /tmp/x\"\n  User eve\n\
                Host web\n  Include /etc/ssh/ssh_config ~/other ../other ~/.ssh/../x\n  User ada\n";
    let (_folder, read) = config(text);
    let read = read.unwrap();
    let said = read.of("web");
    assert_eq!(said.user.as_deref(), Some("ada"));
    assert_eq!((said.jump, said.has_command), (None, true));
    let notes = read.notes().join("\n");
    for part in [
        "line 4: `Match`",
        "line 2: no `ProxyCommand`",
        "line 7: what lies outside",
    ] {
        assert!(notes.contains(part), "{notes}");
    }
    assert_eq!(notes.matches("what lies outside").count(), 4, "{notes}");
}

#[test]
fn what_cannot_be_understood_is_an_error_with_its_line() {
    for text in [
        "\nPort web\n",
        "\nPort 0\n",
        "\nUser \"ada\n",
        "\nProxyJump a,,b\n",
        "\nUser\n",
    ] {
        let (_folder, read) = config(text);
        let error = read.unwrap_err();
        assert!(
            matches!(error, SshConfigError::Line { line: 2, .. }),
            "{error}"
        );
    }
    let (folder, _) = config("Include config\n");
    assert!(SshConfig::read(folder.path()).is_err());
    let (folder, _) = config("User ada\n");
    let file = folder.path().join("config");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let error = SshConfig::read(folder.path()).unwrap_err();
    assert!(matches!(error, SshConfigError::Open { .. }), "{error}");
    // What would stand behind the limit is not overlooked.
    let (_folder, read) = config(&" ".repeat(usize::try_from(LONGEST).unwrap() + 1));
    let error = read.unwrap_err();
    assert!(matches!(error, SshConfigError::TooLong { .. }), "{error}");
    fs::remove_file(&file).unwrap();
    assert_eq!(
        SshConfig::read(folder.path()).unwrap().of("web"),
        Said::default()
    );
}
