//! The real ansible-core beside clws: hosts from the vault, vault files with a sealed password, values from
//! memory; over ssh to real hosts, one of them behind another.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::site::{Site, random, set};
use crate::support::lab::{contains, forms};
use crate::support::sshd::Sshd;
use crate::support::tool::{said, tool};

/// A project of Ansible's in the repository of a vault: two web servers of prod, one of test, and a database behind a
/// gate.
struct Project {
    site: Site,
    gate: Sshd,
    server: Sshd,
    folder: PathBuf,
}

/// Any of Ansible's own settings that would look elsewhere.
const SETTINGS: &str = "[defaults]
interpreter_python = /usr/bin/python3
remote_tmp = FOLDER/remote
local_tmp = FOLDER/local
host_key_checking = True
retry_files_enabled = False
[ssh_connection]
ssh_args = -F FOLDER/ssh_config
";

impl Project {
    fn new() -> Self {
        let site = Site::new();
        let gate = Sshd::start();
        let starts = |program: &str| site.machine.program(program);
        let server = Sshd::start_by(starts, &["ed25519"], "SetEnv HOME=/nonexistent");
        let folder = site.lab.vault().join("ansible");
        fs::create_dir(&folder).unwrap();
        let (pem, line) = server.new_key("deploys", "ed25519");
        server.authorize(&line);
        gate.authorize(&line);
        site.lab
            .clws("secret set prod/ssh/deploys --type file")
            .stdin(&pem)
            .succeeds();
        let project = Self {
            site,
            gate,
            server,
            folder,
        };
        project.host("gate", &project.gate, "");
        for name in [
            "vm-clws-prod-web-0",
            "vm-clws-prod-web-1",
            "vm-clws-test-web-0",
        ] {
            project.host(name, &project.server, "");
        }
        project.host("vm-clws-prod-data-base-0", &project.server, "--jump gate");
        project.file(
            "ansible.cfg",
            &SETTINGS.replace("FOLDER", &project.folder.display().to_string()),
        );
        project.file(
            "ssh_config",
            &format!(
                "UserKnownHostsFile {0}/known_hosts\nStrictHostKeyChecking yes\nBatchMode yes\n",
                project.folder.display()
            ),
        );
        project.program("hosts", "exec clws ansible inventory \"$@\"");
        project.program("vault-client", "exec clws ansible vault-password \"$@\"");
        let known = project
            .site
            .lab
            .clws("ansible inventory --known-hosts")
            .succeeds();
        project.file("known_hosts", &known.text());
        project
    }

    fn host(&self, name: &str, server: &Sshd, more: &str) {
        let way = format!(
            "host add {name} --yes --address 127.0.0.1 --port {} --user {} {more}",
            server.port, server.user
        );
        let add = self.site.lab.clws(&way).word("--host-key");
        add.word(server.host_key_line()).succeeds();
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn program(&self, name: &str, line: &str) {
        self.file(name, &format!("#!/bin/sh\n{line}\n"));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.folder.join(name), mode).unwrap();
    }

    /// A program in the project's folder, as ada.
    fn runs(&self, program: &str, words: &[&str]) -> Output {
        let clws = Path::new(env!("CARGO_BIN_EXE_clws"));
        let path = std::env::var("PATH").unwrap();
        Command::new(tool(program))
            .args(words)
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", self.site.lab.home("ada"))
            .env(
                "PATH",
                format!("{}:{path}", clws.parent().unwrap().display()),
            )
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap()
    }

    fn succeeds(&self, program: &str, words: &[&str]) -> String {
        let output = self.runs(program, words);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{words:?}: {text}{}",
            said(&output)
        );
        text
    }

    /// What the real ansible-inventory makes of ours.
    fn inventory(&self) -> Value {
        serde_json::from_str(&self.succeeds("ansible-inventory", &["-i", "hosts", "--list"]))
            .unwrap()
    }

    /// A password that Ansible's own files are sealed with, and the vault id that it belongs to.
    fn names_password(&self, id: &str, password: &str) {
        set(&self.site.lab, "shared/ansible/PASSWORD", password);
        let settings = self.site.lab.vault().join("clws.toml");
        let text = fs::read_to_string(&settings).unwrap();
        let table = format!("[ansible.{id}]\nsecret = \"shared/ansible/PASSWORD\"\n\n[end]");
        fs::write(&settings, text.replace("[end]", &table)).unwrap();
        self.site.trusts();
    }
}

fn hosts_of(inventory: &Value, group: &str) -> Vec<String> {
    let hosts = inventory[group]["hosts"].as_array();
    let hosts = hosts.into_iter().flatten();
    hosts
        .map(|host| host.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_fleet_is_an_inventory_and_each_host_is_reached() {
    let project = Project::new();
    let inventory = project.inventory();
    let web = ["vm-clws-prod-web-0", "vm-clws-prod-web-1"];
    assert_eq!(hosts_of(&inventory, "prod_web"), web);
    let all = [
        "vm-clws-prod-web-0",
        "vm-clws-prod-web-1",
        "vm-clws-test-web-0",
    ];
    assert_eq!(hosts_of(&inventory, "web"), all);
    assert_eq!(
        hosts_of(&inventory, "prod_data_base"),
        ["vm-clws-prod-data-base-0"]
    );
    assert_eq!(hosts_of(&inventory, "test"), ["vm-clws-test-web-0"]);
    assert_eq!(
        inventory["_meta"]["hostvars"]["box"],
        json!({ "ansible_connection": "local" })
    );
    let database = &inventory["_meta"]["hostvars"]["vm-clws-prod-data-base-0"];
    let (gate, user) = (&project.gate, &project.server.user);
    assert_eq!(
        *database,
        json!({
            "ansible_host": "127.0.0.1",
            "ansible_port": project.server.port,
            "ansible_user": user,
            "ansible_ssh_common_args": format!("-o ProxyJump={user}@127.0.0.1:{}", gate.port),
        })
    );
    let one = project
        .site
        .lab
        .clws("ansible inventory --host vm-clws-prod-data-base-0");
    assert_eq!(one.succeeds().json(), *database);
    project
        .site
        .lab
        .clws("ansible inventory --host nobody")
        .exits(18);
    project.site.lab.clws("ansible inventory").exits(2);

    // With the scope's key, out of the vault, in a file of memory.
    let key = "ssh-add -q \"$KEY\" && ansible 'all,!box' -i hosts -m command -a 'id -un'";
    let file = ["exec", "--file", "KEY=prod/ssh/deploys", "--"];
    let exec = [&file[..], &["ssh-agent", "sh", "-c", key]].concat();
    let clws = env!("CARGO_BIN_EXE_clws");
    let told = project.succeeds(clws, &exec);
    assert_eq!(
        told.matches("| CHANGED | rc=0 >>\nroot").count(),
        5,
        "{told}"
    );
    let through = format!("target 127.0.0.1 port {}", project.server.port);
    assert!(gate.log().contains(&through), "{}", gate.log());
    // Whoever has another key is not connected to.
    let keys = fs::read_to_string(project.folder.join("known_hosts")).unwrap();
    let (_, other) = project.server.new_key("other", "ed25519");
    let wrong = keys.replace(project.server.host_key_line(), &other);
    project.file("known_hosts", &wrong);
    let refused = project.runs(clws, &exec);
    let told = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert_eq!(told.matches("| UNREACHABLE!").count(), 4, "{told}");
}

#[test]
fn vault_files_are_opened_with_a_password_that_is_sealed() {
    let project = Project::new();
    let password = random();
    project.names_password("prod", &password);
    // As the team had it: a file with the password, and files that it sealed.
    project.file("password", &password);
    project.file("group_vars/prod.yml", "vaulted: of-the-old-days\n");
    let seal = [
        "encrypt",
        "--vault-id",
        "prod@password",
        "group_vars/prod.yml",
    ];
    project.succeeds("ansible-vault", &seal);
    fs::remove_file(project.folder.join("password")).unwrap();
    let sealed = fs::read_to_string(project.folder.join("group_vars/prod.yml")).unwrap();
    assert!(
        sealed.starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"),
        "{sealed}"
    );
    let view = [
        "view",
        "--vault-id",
        "prod@vault-client",
        "group_vars/prod.yml",
    ];
    assert_eq!(
        project.succeeds("ansible-vault", &view),
        "vaulted: of-the-old-days\n"
    );
    let log = project
        .site
        .lab
        .clws("audit show shared/ansible/PASSWORD")
        .succeeds();
    assert!(
        log.text().contains("ansible vault-password"),
        "{}",
        log.text()
    );
    // As one more sealed by it from now on.
    project.file("more.yml", "a: 1\n");
    project.succeeds(
        "ansible-vault",
        &["encrypt", "--vault-id", "prod@vault-client", "more.yml"],
    );
    // Ansible understands that there is none for another id.
    let view = ["view", "--vault-id", "dev@vault-client", "more.yml"];
    let refused = project.runs("ansible-vault", &view);
    let told = said(&refused);
    assert!(
        told.contains("did not find a secret for vault-id=dev"),
        "{told}"
    );
    let none = project
        .site
        .lab
        .clws("ansible vault-password --vault-id dev")
        .exits(2);
    assert!(
        none.err.contains("[ansible.dev]") && none.err.contains("there are prod"),
        "{}",
        none.err
    );
    assert!(!contains(&refused.stderr, password.as_bytes()));
    // A value that is for programs alone is given to this one.
    project
        .site
        .lab
        .clws("secret policy shared/ansible/PASSWORD --no-print --yes")
        .succeeds();
    let get = project
        .site
        .lab
        .clws("ansible vault-password --vault-id prod")
        .succeeds();
    assert_eq!(get.text(), password);
}

const PLAY: &str = r#"
- hosts: prod_web
  gather_facts: false
  tasks:
    - assert:
        that:
          - TOKEN == expected.token
          - PORT == 8080
          - ON is true
          - WORDS == ["{{ '{{' }} 7 * 7 }}", "b"]
          - looked_up == expected.token
      vars:
        looked_up: "{{ lookup('pipe', 'clws secret get prod/web/TOKEN') }}"
    - command: cat /dev/stdin
      args: { stdin: "{{ TOKEN }}", stdin_add_newline: false }
      register: there
    - assert: { that: [ there.stdout == expected.token ] }
    - shell: cat /proc/[0-9]*/cmdline | tr '\0' ' '
      delegate_to: localhost
      connection: local
      run_once: true
      register: seen
    - assert: { that: [ "'ansible-playbook' in seen.stdout", "expected.token not in seen.stdout" ] }
"#;

#[test]
fn values_come_from_a_private_file_or_with_the_inventory_and_are_no_templates() {
    let project = Project::new();
    let lab = &project.site.lab;
    let token = format!("{{{{ 7 * 7 }}}}-{}", random());
    set(lab, "prod/web/TOKEN", &token);
    for (name, kind, value) in [
        ("PORT", "integer", "8080"),
        ("ON", "boolean", "true"),
        ("WORDS", "array", r#"["{{ 7 * 7 }}", "b"]"#),
    ] {
        lab.clws(&format!("secret set prod/web/{name} --type {kind}"))
            .stdin(value.as_bytes())
            .succeeds();
    }
    project.file("site.yml", PLAY);
    // What is right lies where the play alone looks, and where no argument says it.
    let expected = json!({ "expected": { "token": { "__ansible_unsafe": token } } });
    project.file("expected.json", &expected.to_string());
    let clws = env!("CARGO_BIN_EXE_clws");
    let play = |more: &str| {
        format!(
            "ansible-playbook -i hosts --private-key \"$KEY\" -e @expected.json {more} site.yml"
        )
    };
    let by_file = play("-e \"@$VARS\"");
    let files = [
        "exec",
        "--file",
        "VARS=prod/web",
        "--file",
        "KEY=prod/ssh/deploys",
        "--",
        "sh",
        "-c",
        &by_file,
    ];
    let told = project.succeeds(clws, &files);
    assert!(
        told.contains("failed=0") && told.contains("vm-clws-prod-web-1"),
        "{told}"
    );
    // The file was memory, and is gone; what the play said is in no other file.
    let left = fs::read_dir("/dev/shm").unwrap().flatten();
    let left = left.filter(|entry| entry.path().join("VARS").exists());
    assert_eq!(left.count(), 0);

    // Named with the inventory, for the hosts of its scope alone.
    let plain = project.site.lab.clws("ansible inventory --list").succeeds();
    for form in forms(&token) {
        assert!(!contains(&plain.out, &form));
    }
    project.program(
        "hosts",
        "exec clws ansible inventory --with prod/web \"$@\"",
    );
    let inventory = project.inventory();
    let of = |host: &str| &inventory["_meta"]["hostvars"][host]["TOKEN"];
    assert_eq!(of("vm-clws-prod-web-0")["__ansible_unsafe"], token.as_str());
    assert_eq!(*of("vm-clws-test-web-0"), Value::Null);
    let by_inventory = play("");
    let files = [
        "exec",
        "--file",
        "KEY=prod/ssh/deploys",
        "--",
        "sh",
        "-c",
        &by_inventory,
    ];
    let told = project.succeeds(clws, &files);
    assert!(told.contains("failed=0"), "{told}");
    let log = lab.clws("audit show prod/web/TOKEN").succeeds().text();
    assert!(log.contains("ansible inventory"), "{log}");
    lab.clws("ansible inventory --list --with prod/ssh/deploys")
        .exits(2);
    for path in ["vault/ansible/local", "vault/ansible/remote", "home"] {
        let folder = lab.root().join(path);
        let found = crate::support::lab::find_below(&folder, std::slice::from_ref(&token));
        assert_eq!(found, Vec::<String>::new(), "{path}");
    }
}
