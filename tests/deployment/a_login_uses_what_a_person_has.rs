//! What logs in to a host: what a person's `~/.ssh` has, an agent, or a key out of the vault.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::behind::{Behind, NO_HOME};
use crate::site::{Site, opened, rows};
use crate::support::sshd::Sshd;
use crate::support::terminal::Terminal;

#[test]
fn a_key_under_a_passphrase_is_asked_for_or_left_to_the_agent() {
    let behind = Behind::new();
    let lab = &behind.site.lab;
    let key = behind.cage.host_key_line().to_owned();
    let cage = "add cage --yes --address 127.0.0.1 --scope prod --machine-type server";
    behind
        .host(cage, &behind.cage)
        .word("--host-key")
        .word(&key)
        .succeeds();
    let (_, line) = behind.cage.new_key("person", "ecdsa-256");
    behind.cage.authorize(&line);
    let file = behind.cage.folder().join("person");
    let mut keygen = std::process::Command::new("ssh-keygen");
    keygen
        .args(["-q", "-p", "-P", "", "-N", "open sesame", "-f"])
        .arg(&file);
    assert!(keygen.status().unwrap().success());
    behind.ssh_file("person", &fs::read(&file).unwrap());
    behind.ssh_file("config", b"Host cage\n  IdentityFile ~/.ssh/person\n");

    let ran = behind.deploy().exits(20);
    assert!(ran.err.contains(".ssh/person: "), "{}", ran.err);
    let deploy = lab.clws("deploy --on cage --yes");
    let mut terminal = Terminal::start(deploy.command());
    terminal.shows("passphrase of").types("open sesame\n");
    let (code, shown) = terminal.ends();
    assert_eq!(code, 0, "{shown}");
    assert!(!shown.contains("open sesame"), "{shown}");
    // With an agent nobody is asked: it has the key, or it has not.
    let agent = behind.cage.folder().join("nobody");
    let ran = behind
        .deploy()
        .env("SSH_AUTH_SOCK", agent.display().to_string())
        .exits(20);
    assert!(
        ran.err.contains("an ssh-agent that does not answer"),
        "{}",
        ran.err
    );
}

#[test]
fn what_a_party_leaves_out_the_persons_ssh_config_says() {
    let behind = Behind::new();
    let lab = &behind.site.lab;
    let key = behind.cage.host_key_line().to_owned();
    lab.clws("host add cage --yes --address 127.0.0.1 --scope prod --machine-type server")
        .word("--host-key")
        .word(&key)
        .succeeds();
    for (name, server) in [("one", &behind.bastion), ("two", &behind.cage)] {
        let (pem, line) = server.new_key("person", if name == "one" { "ed25519" } else { "rsa" });
        server.authorize(&line);
        behind.ssh_file(name, &pem);
    }
    let config = format!(
        "Include more/*\nHost bastion\n  IdentityFile ~/.ssh/one\nHost c?ge !cave\n  HostName 192.0.2.1\n  Port {}\n  User {}\n\
         \x20 IdentityFile \"~/.ssh/two\"\nHost *\n  User wrong\n  Port 1\nMatch host cage\n  User eve\n",
        behind.cage.port, behind.cage.user
    );
    behind.ssh_file("config", config.as_bytes());
    fs::create_dir(lab.home("ada").join(".ssh/more")).unwrap();
    behind.ssh_file("more/jumps", b"Host cage\n  ProxyJump nobody@bastion:1\n");
    let ran = behind.deploy().word("--verbose").succeeds();
    assert_eq!(rows(&ran), ["web started"]);
    assert!(ran.err.contains("`Match` is left out"), "{}", ran.err);
    // The signed address, port and user of the bastion won over what the config says.
    assert!(behind.was_gone_through(), "{}", behind.bastion.log());
    assert!(behind.cage.log().contains("Accepted publickey"));

    behind.ssh_file("config", b"Host cage\n  ProxyJump jump.example.org\n");
    let ran = behind.deploy().exits(17);
    assert!(
        ran.err
            .contains("`jump.example.org`, which is no host of this vault"),
        "{}",
        ran.err
    );
    behind.ssh_file("config", b"Host cage\n  Port none\n");
    let ran = behind.deploy().exits(17);
    assert!(ran.err.contains("line 2"), "{}", ran.err);
}

#[test]
fn a_key_of_the_vault_logs_in_and_is_no_file_anywhere() {
    let behind = Behind::new();
    let lab = &behind.site.lab;
    let key = behind.cage.host_key_line().to_owned();
    let cage = "add cage --yes --address 127.0.0.1 --scope prod --machine-type server";
    behind
        .host(cage, &behind.cage)
        .word("--host-key")
        .word(&key)
        .succeeds();
    let (pem, line) = behind.cage.new_key("deploys", "ed25519");
    behind.cage.authorize(&line);
    lab.clws("secret set prod/ssh/deploys --type file")
        .stdin(&pem)
        .succeeds();
    behind.deploy().exits(20);
    let settings = lab.vault().join("clws.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let scope = "[scope.prod]\nssh_key = \"prod/ssh/deploys\"\n\n[end]";
    fs::write(&settings, text.replace("[end]", scope)).unwrap();
    let ran = lab.clws("trust sign --yes").succeeds();
    assert!(
        ran.err
            .contains("hosts of `prod` are logged in to with `prod/ssh/deploys`"),
        "{}",
        ran.err
    );
    assert_eq!(opened(lab), 0);
    assert_eq!(rows(&behind.deploy().succeeds()), ["web started"]);
    assert!(behind.site.runs_with("web", "token-of-the-first-day"));
    let log = lab.clws("audit show prod/ssh/deploys").succeeds().text();
    assert!(log.contains("deploy"), "{log}");
    let pem = String::from_utf8(pem).unwrap();
    let middle = pem.lines().nth(2).unwrap().to_owned();
    lab.nowhere(&[middle]);

    // It is opened for a host that has proved itself alone.
    let before = opened(lab);
    behind.ssh_file("known_hosts", format!("@revoked * {key}\n").as_bytes());
    behind.deploy().exits(21);
    assert_eq!(opened(lab), before);
}

#[test]
fn certificates_elsewhere_count_an_agent_is_kept_out_and_an_alias_can_be_revoked() {
    let site = Site::new();
    let lab = &site.lab;
    let folder = lab.root().join("ca");
    fs::create_dir(&folder).unwrap();
    let keygen = |words: &[&str]| {
        let mut command = std::process::Command::new("ssh-keygen");
        let done = command.arg("-q").args(words).current_dir(&folder).output();
        assert!(done.unwrap().status.success(), "ssh-keygen {words:?}");
    };
    keygen(&["-N", "", "-t", "ed25519", "-f", "ca"]);
    keygen(&["-N", "", "-t", "ed25519", "-f", "person"]);
    keygen(&["-N", "", "-t", "ed25519", "-f", "stranger"]);
    let starts = |program: &str| site.machine.program(program);
    let trusts = format!(
        "TrustedUserCAKeys {}/ca.pub\nAuthorizedKeysFile none\n{NO_HOME}",
        folder.display()
    );
    let server = Sshd::start_by(starts, &["ed25519"], &trusts);
    keygen(&["-s", "ca", "-I", "ada", "-n", &server.user, "person.pub"]);
    keygen(&["-s", "ca", "-I", "eve", "-n", &server.user, "stranger.pub"]);
    site.server("web");
    let cage = "host add cage --yes --address 127.0.0.1 --scope prod --machine-type server";
    let cage = format!("{cage} --port {} --user {}", server.port, server.user);
    let key = server.host_key_line();
    lab.clws(&cage).word("--host-key").word(key).succeeds();
    let ssh_file = |name: &str, bytes: &[u8]| {
        let file = lab.home("ada").join(".ssh").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, bytes).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    };
    ssh_file("person", &fs::read(folder.join("person")).unwrap());
    let certificate = |name: &str| fs::read(folder.join(name)).unwrap();
    ssh_file("certs/ada.pub", &certificate("person-cert.pub"));
    ssh_file("certs/eve.pub", &certificate("stranger-cert.pub"));
    let deploy = || lab.clws("deploy --on cage --yes --json");

    // The key alone is nobody's, and neither is it with another key's certificate.
    let only = "Host cage\n  IdentityFile ~/.ssh/person\n";
    ssh_file("config", only.as_bytes());
    deploy().exits(20);
    let other = format!("{only}  CertificateFile ~/.ssh/certs/eve.pub\n");
    ssh_file("config", other.as_bytes());
    let ran = deploy().exits(20);
    assert!(
        ran.err.contains("a certificate for it is another key's"),
        "{}",
        ran.err
    );
    let both = format!("{other}  CertificateFile ~/.ssh/certs/%u.pub\n");
    ssh_file("config", both.as_bytes());
    let ran = deploy().env("USER", "ada").succeeds();
    assert_eq!(rows(&ran), ["web started"]);
    assert!(server.log().contains("ID ada"), "{}", server.log());

    // An agent that could log in is asked unless it is to be kept out.
    let socket = folder.join("agent");
    let mut agent = std::process::Command::new("ssh-agent");
    let mut agent = agent.args(["-D", "-a"]).arg(&socket).spawn().unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !socket.exists() && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let mut add = std::process::Command::new("ssh-add");
    let added = add
        .arg(folder.join("stranger"))
        .env("SSH_AUTH_SOCK", &socket);
    assert!(added.output().unwrap().status.success());
    let with_agent = || deploy().env("SSH_AUTH_SOCK", socket.display().to_string());
    ssh_file("config", only.as_bytes());
    assert_eq!(rows(&with_agent().succeeds()), ["web unchanged"]);
    ssh_file("config", format!("{only}  IdentitiesOnly yes\n").as_bytes());
    let ran = with_agent().exits(20);
    assert!(!ran.err.contains("agent"), "{}", ran.err);
    agent.kill().unwrap();
    agent.wait().unwrap();

    // Whom known_hosts revokes under the name that the person's config gives it.
    ssh_file(
        "known_hosts",
        format!("@revoked the-database {key}\n").as_bytes(),
    );
    ssh_file("config", both.as_bytes());
    deploy().env("USER", "ada").succeeds();
    ssh_file(
        "config",
        format!("{both}  HostKeyAlias the-database\n").as_bytes(),
    );
    let ran = deploy().env("USER", "ada").exits(21);
    assert!(ran.err.contains("your known_hosts revokes"), "{}", ran.err);
}
